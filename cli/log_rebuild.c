/* `tamis log rebuild-index`: what is only a fold of the journal, the rows of tamis.db and the
 * tiles, made again and held against what is there. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "aggregator/durable.h"
#include "aggregator/projection.h"
#include "aggregator/tiles.h"
#include "audit/archive.h"
#include "cli/command_run.h"
#include "cli/human.h"
#include "cli/progress.h"
#include "cli/site.h"

enum { PATH_SIZE = 4096, BATCH_ENTRIES = 1024, COPY_BYTES = 1 << 18 };

struct index_rebuild {
  struct context *context;
  char *folder;
  bool is_dry; /* --check */
  int lock;
  struct archive *archive;
  struct tiles *tiles;
  struct projection *rows; /* as they should be */
  uint64_t tile[3];        /* files by difference */
  uint64_t rows_right, rows_wrong, rows_missing, behind;
  json_t *differences; /* owned; a sentence each */
  struct progress progress;
};

static enum tamis_status path_in(const struct index_rebuild *rebuild, const char *name,
                                 char path[PATH_SIZE]) {
  int length = snprintf(path, PATH_SIZE, "%s/%s", rebuild->folder, name);
  if (length > 0 && length < PATH_SIZE) return TAMIS_OK;
  return fault_set(&rebuild->context->fault, TAMIS_BAD_REQUEST, "the path %.80s... is too long",
                   rebuild->folder);
}

enum { DIFFERENCES_SHOWN = 20 };

static void add_difference(struct index_rebuild *rebuild, const char *what, const char *where) {
  char text[300];
  if (json_array_size(rebuild->differences) >= DIFFERENCES_SHOWN) return;
  snprintf(text, sizeof text, "%s: %.240s", what, where);
  human_printable(text, strlen(text), text, sizeof text);
  json_array_append_new(rebuild->differences, json_string(text));
}

/* ---- the state folder ---- */

/* The lock that tamisd holds on its journal. Kept until the end. */
static enum tamis_status take_lock(struct index_rebuild *rebuild) {
  char path[PATH_SIZE];
  enum tamis_status status = path_in(rebuild, "journal", path);
  if (status != TAMIS_OK) return status;
  rebuild->lock = open(path, O_RDONLY | O_CLOEXEC);
  if (rebuild->lock < 0) return durable_fault(&rebuild->context->fault, errno, "open", path);
  if (flock(rebuild->lock, LOCK_EX | LOCK_NB) == 0) return TAMIS_OK;
  fault_set(&rebuild->context->fault, TAMIS_CONFLICT, "%s is open in another process", path);
  return context_hint(rebuild->context, TAMIS_CONFLICT,
                      "stop tamisd first; it makes both again by itself when they are deleted");
}

static void remove_rows(const struct index_rebuild *rebuild, const char *name) {
  static const char *const suffix[] = {"", "-wal", "-shm", "-journal"};
  char path[PATH_SIZE];
  for (size_t i = 0; i < sizeof suffix / sizeof *suffix; i++) {
    int length = snprintf(path, sizeof path, "%s/%s%s", rebuild->folder, name, suffix[i]);
    if (length > 0 && length < PATH_SIZE) unlink(path);
  }
}

/* OK too when there is nothing to copy. */
static enum tamis_status copy_file(const struct index_rebuild *rebuild, const char *from,
                                   const char *to) {
  char source[PATH_SIZE], target[PATH_SIZE];
  struct fault *fault = &rebuild->context->fault;
  enum tamis_status status = path_in(rebuild, from, source);
  if (status == TAMIS_OK) status = path_in(rebuild, to, target);
  if (status != TAMIS_OK) return status;
  FILE *in = fopen(source, "re"), *out = in ? fopen(target, "we") : NULL;
  char *piece = malloc(COPY_BYTES);
  size_t got;
  while (out && piece && (got = fread(piece, 1, COPY_BYTES, in)) > 0)
    if (fwrite(piece, 1, got, out) != got) break;
  bool failed = in && (!out || !piece || ferror(in) || ferror(out));
  if (in) fclose(in);
  if (out && fclose(out) != 0) failed = true;
  free(piece);
  return failed ? durable_fault(fault, errno, "copy", source) : TAMIS_OK;
}

/* ---- the walk ---- */

static enum tamis_status project(struct index_rebuild *rebuild, const struct archive_entry *entry) {
  struct fault *fault = &rebuild->context->fault;
  enum tamis_status status = TAMIS_OK;
  if (entry->index % BATCH_ENTRIES == 0) {
    if (entry->index > 0) status = projection_commit(rebuild->rows, fault);
    if (status == TAMIS_OK) status = projection_begin(rebuild->rows, fault);
  }
  if (status != TAMIS_OK) return status;
  return projection_apply(rebuild->rows, entry->index, &entry->entry->statement,
                          entry->entry->signers, entry->length, entry->manifest, fault);
}

static enum tamis_status visit(void *opaque, const struct archive_entry *entry) {
  struct index_rebuild *rebuild = opaque;
  struct fault *fault = &rebuild->context->fault;
  enum tamis_status status = project(rebuild, entry);
  /* The checkpoint's own partial tiles, where the journal has entries beyond it. */
  if (status == TAMIS_OK && entry->index == archive_checkpoint(rebuild->archive)->size)
    status = tiles_write(rebuild->tiles, fault);
  if (status == TAMIS_OK) status = tiles_add(rebuild->tiles, entry->bytes, entry->length, fault);
  progress_step(&rebuild->progress, entry->index);
  return status;
}

static void on_difference(void *opaque, const char *path, enum tiles_difference difference) {
  static const char *const word[] = {"missing", "different", "not of this log"};
  struct index_rebuild *rebuild = opaque;
  rebuild->tile[difference]++;
  add_difference(rebuild, word[difference], path);
}

static enum tamis_status open_targets(struct index_rebuild *rebuild, const char *vkey) {
  struct context *context = rebuild->context;
  char path[PATH_SIZE];
  enum tamis_status status =
      archive_open(rebuild->folder, vkey, NULL, &rebuild->archive, &context->fault);
  if (status != TAMIS_OK) return status;
  struct tiles_options options = {.folder = rebuild->folder,
                                  .tree = archive_tree(rebuild->archive),
                                  .is_checked = true,
                                  .is_dry = rebuild->is_dry,
                                  .differs = on_difference,
                                  .context = rebuild};
  remove_rows(rebuild, "tamis.db.new");
  status = tiles_open(&options, &rebuild->tiles, &context->fault);
  if (status == TAMIS_OK) status = path_in(rebuild, "tamis.db.new", path);
  if (status == TAMIS_OK) status = projection_open(path, &rebuild->rows, &context->fault);
  return status;
}

static enum tamis_status walk(struct index_rebuild *rebuild) {
  struct fault *fault = &rebuild->context->fault;
  progress_begin(&rebuild->progress, rebuild->context, "rebuilding", "entries",
                 archive_checkpoint(rebuild->archive)->size);
  enum tamis_status status = archive_walk(rebuild->archive, visit, rebuild, fault);
  progress_end(&rebuild->progress);
  if (status == TAMIS_OK && archive_walked(rebuild->archive) > 0)
    status = projection_commit(rebuild->rows, fault);
  if (status == TAMIS_OK) status = tiles_write(rebuild->tiles, fault);
  return status == TAMIS_OK ? tiles_sweep(rebuild->tiles, fault) : status;
}

/* ---- comparing rows ---- */

struct lines {
  char *text, **line;
  size_t count;
};

static int by_text(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorted, so that one row more is one difference. Text and lines are freed together. */
static enum tamis_status read_lines(struct projection *rows, struct lines *lines,
                                    struct fault *fault) {
  *lines = (struct lines){.text = NULL};
  enum tamis_status status = projection_dump(rows, &lines->text, fault);
  if (status != TAMIS_OK) return status;
  size_t capacity = 1;
  for (const char *at = lines->text; *at != '\0'; at++) capacity += *at == '\n';
  lines->line = calloc(capacity, sizeof *lines->line);
  if (lines->line == NULL) return fault_plain(fault, TAMIS_NO_MEMORY);
  char *rest = NULL;
  for (char *line = strtok_r(lines->text, "\n", &rest); line != NULL && lines->count < capacity;
       line = strtok_r(NULL, "\n", &rest))
    lines->line[lines->count++] = line;
  qsort(lines->line, lines->count, sizeof *lines->line, by_text);
  return TAMIS_OK;
}

static void free_lines(struct lines *lines) {
  free(lines->line);
  free(lines->text);
}

static void compare_lines(struct index_rebuild *rebuild, const struct lines *found,
                          const struct lines *expected) {
  size_t i = 0, j = 0;
  while (i < found->count || j < expected->count) {
    int order = i == found->count      ? 1
                : j == expected->count ? -1
                                       : strcmp(found->line[i], expected->line[j]);
    if (order < 0) {
      rebuild->rows_wrong++;
      add_difference(rebuild, "row that should not be", found->line[i++]);
    } else if (order > 0) {
      rebuild->rows_missing++;
      add_difference(rebuild, "row that should be", expected->line[j++]);
    } else {
      rebuild->rows_right++;
      i++, j++;
    }
  }
}

/* A copy is opened, as opening may change a file; rows of another release count as none. */
static enum tamis_status compare_rows(struct index_rebuild *rebuild) {
  struct fault *fault = &rebuild->context->fault;
  struct lines found = {.text = NULL}, expected = {.text = NULL};
  struct projection *old = NULL;
  char path[PATH_SIZE];
  remove_rows(rebuild, "tamis.db.old");
  enum tamis_status status = copy_file(rebuild, "tamis.db", "tamis.db.old");
  if (status == TAMIS_OK) status = copy_file(rebuild, "tamis.db-wal", "tamis.db.old-wal");
  if (status == TAMIS_OK) status = path_in(rebuild, "tamis.db.old", path);
  if (status == TAMIS_OK) status = projection_open(path, &old, fault);
  if (status == TAMIS_OK) status = read_lines(old, &found, fault);
  if (status == TAMIS_OK) status = read_lines(rebuild->rows, &expected, fault);
  if (status == TAMIS_OK) {
    uint64_t size = archive_walked(rebuild->archive), applied = projection_applied(old);
    rebuild->behind = size > applied ? size - applied : 0;
    compare_lines(rebuild, &found, &expected);
  }
  free_lines(&found);
  free_lines(&expected);
  projection_close(old);
  remove_rows(rebuild, "tamis.db.old");
  return status;
}

/* Closed first, which folds its log into the one file. */
static enum tamis_status place_rows(struct index_rebuild *rebuild) {
  char from[PATH_SIZE], to[PATH_SIZE];
  struct fault *fault = &rebuild->context->fault;
  projection_close(rebuild->rows);
  rebuild->rows = NULL;
  enum tamis_status status = path_in(rebuild, "tamis.db.new", from);
  if (status == TAMIS_OK) status = path_in(rebuild, "tamis.db", to);
  if (status != TAMIS_OK || rebuild->is_dry) return status;
  remove_rows(rebuild, "tamis.db");
  if (rename(from, to) != 0) return durable_fault(fault, errno, "replace", to);
  return durable_sync_parent(to, fault);
}

/* ---- telling ---- */

static uint64_t wrong(const struct index_rebuild *rebuild) {
  return rebuild->tile[TILES_MISSING] + rebuild->tile[TILES_DIFFERENT] +
         rebuild->tile[TILES_STRAY] + rebuild->rows_wrong + rebuild->rows_missing;
}

static json_t *report_json(const struct index_rebuild *rebuild) {
  return json_pack("{s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:O}", "folder",
                   rebuild->folder, "check", rebuild->is_dry, "entries",
                   (json_int_t)archive_walked(rebuild->archive), "tiles_missing",
                   (json_int_t)rebuild->tile[TILES_MISSING], "tiles_different",
                   (json_int_t)rebuild->tile[TILES_DIFFERENT], "tiles_stray",
                   (json_int_t)rebuild->tile[TILES_STRAY], "rows_right",
                   (json_int_t)rebuild->rows_right, "rows_wrong", (json_int_t)rebuild->rows_wrong,
                   "rows_missing", (json_int_t)rebuild->rows_missing, "rows_behind",
                   (json_int_t)rebuild->behind, "differences", rebuild->differences);
}

static void print(struct context *context, const json_t *data) {
  const json_t *each;
  size_t i;
  long long tiles =
      (long long)(output_integer(data, "tiles_missing") + output_integer(data, "tiles_different") +
                  output_integer(data, "tiles_stray"));
  long long rows =
      (long long)(output_integer(data, "rows_wrong") + output_integer(data, "rows_missing"));
  fprintf(context->out, "%s: %s\n", json_string_value(json_object_get(data, "folder")),
          output_flag(data, "check") ? "compared with its journal" : "made again from its journal");
  output_field(context, "entries", "%lld", (long long)output_integer(data, "entries"));
  output_field(context, "tiles", tiles == 0 ? "as they should be" : "%lld were not right", tiles);
  output_field(context, "rows", rows == 0 ? "as they should be" : "%lld were not right", rows);
  if (output_integer(data, "rows_behind") > 0)
    output_field(context, "", "tamis.db was %lld entries behind, as after a power cut",
                 (long long)output_integer(data, "rows_behind"));
  json_array_foreach(json_object_get(data, "differences"), i, each)
      output_paragraph(context, json_string_value(each));
}

static enum tamis_status tell(struct index_rebuild *rebuild) {
  struct context *context = rebuild->context;
  json_t *data = report_json(rebuild);
  if (rebuild->is_dry && wrong(rebuild) > 0) {
    context->failure = data;
    if (output_is_for_people(context)) print(context, data);
    fault_set(&context->fault, TAMIS_CORRUPT,
              "%" PRIu64 " tiles and rows are not what the journal gives", wrong(rebuild));
    return context_hint(context, TAMIS_CORRUPT,
                        "the journal is good: the same command without --check makes them again");
  }
  output_thing(context, "index", rebuild->folder, data, print);
  json_decref(data);
  return TAMIS_OK;
}

enum tamis_status log_rebuild_index(struct context *context, const struct arguments *arguments) {
  struct index_rebuild rebuild = {.context = context,
                                  .is_dry = arguments_has(arguments, "check"),
                                  .lock = -1,
                                  .differences = json_array()};
  const char *vkey;
  enum tamis_status status = site_log_key(context, arguments, &vkey, NULL);
  if (status == TAMIS_OK) status = site_state(context, arguments, &rebuild.folder);
  if (status == TAMIS_OK) status = take_lock(&rebuild);
  if (status == TAMIS_OK) status = open_targets(&rebuild, vkey);
  if (status == TAMIS_OK) status = walk(&rebuild);
  if (status == TAMIS_OK) status = compare_rows(&rebuild);
  if (status == TAMIS_OK) status = place_rows(&rebuild);
  if (status == TAMIS_OK) status = tell(&rebuild);
  projection_close(rebuild.rows);
  if (rebuild.lock >= 0 && rebuild.archive) remove_rows(&rebuild, "tamis.db.new");
  tiles_close(rebuild.tiles);
  archive_close(rebuild.archive);
  if (rebuild.lock >= 0) close(rebuild.lock);
  json_decref(rebuild.differences);
  free(rebuild.folder);
  return status;
}
