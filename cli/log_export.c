/* `tamis log export`: the log as the files of PROTOCOL.md 9, from a server or from a state folder.
 * The checkpoint comes last: until its name is there, what was written stands for nothing. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "aggregator/blob.h"
#include "aggregator/checkpoint_file.h"
#include "aggregator/durable.h"
#include "aggregator/journal.h"
#include "aggregator/leaves.h"
#include "aggregator/tiles.h"
#include "cli/mapped_file.h"
#include "cli/command_run.h"
#include "cli/human.h"
#include "cli/progress.h"
#include "cli/site.h"
#include "proto/canonical.h"
#include "proto/checkpoint.h"
#include "proto/envelope.h"

enum {
  PATH_SIZE = 4096,
  MANIFEST_MAX = 64 << 20,
  MANIFESTS_DEEP = 4, /* one names another; ours stop at the second */
  FILE_MODE = 0666,
  FOLDER_MODE = 0777
};

struct export {
  struct context *context;
  const char *folder; /* where to */
  char *state;        /* where from; NULL: the server */
  const char *vkey;
  struct public_key log_key;
  char *note; /* the checkpoint that will stand there, and the one that does */
  size_t note_length;
  struct checkpoint checkpoint, before;
  struct merkle_tree *tree;
  struct tiles *tiles;
  uint64_t written; /* files of tiles */
  bool is_other;    /* the entries do not give the root that the export had */
  bool with_blobs;
  struct blob_store *from, *to; /* `from` NULL: the server */
  struct leaves named;          /* where in `name` a digest is */
  struct digest *name;          /* owned; digests seen */
  size_t name_count, name_capacity;
  int deep; /* manifests that name the one in hand */
  uint64_t blobs, blobs_new, blob_bytes;
  struct progress progress;
};

static bool path_in(const struct export *export, const char *name, char path[PATH_SIZE]) {
  int length = snprintf(path, PATH_SIZE, "%s/%s", export->folder, name);
  return length > 0 && length < PATH_SIZE;
}

/* ---- the folder ---- */

/* Never into a state folder, whose tiles and checkpoint are the server's to write. */
static enum tamis_status check_folder(struct export *export) {
  char path[PATH_SIZE];
  struct fault *fault = &export->context->fault;
  if (!path_in(export, "journal", path))
    return fault_set(fault, TAMIS_BAD_REQUEST, "the path %.80s... is too long", export->folder);
  if (access(path, F_OK) == 0)
    return fault_set(fault, TAMIS_CONFLICT, "%s is a state folder; export into a folder of its own",
                     export->folder);
  if (mkdir(export->folder, FOLDER_MODE) != 0 && errno != EEXIST)
    return durable_fault(fault, errno, "make", export->folder);
  return TAMIS_OK;
}

/* An export is of one log for ever. */
static enum tamis_status check_key(struct export *export) {
  char path[PATH_SIZE], text[KEY_VKEY_SIZE + 2] = "";
  struct fault *fault = &export->context->fault;
  path_in(export, "log.vkey", path);
  FILE *file = fopen(path, "re");
  if (file == NULL && errno != ENOENT) return durable_fault(fault, errno, "open", path);
  if (file == NULL) {
    size_t length = (size_t)snprintf(text, sizeof text, "%s\n", export->vkey);
    return durable_publish(path, FILE_MODE, true, text, length, fault);
  }
  size_t length = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  text[length] = '\0';
  text[strcspn(text, "\n")] = '\0';
  if (strcmp(text, export->vkey) == 0) return TAMIS_OK;
  return fault_set(fault, TAMIS_CONFLICT, "%s holds another log: its log.vkey is %.120s",
                   export->folder, text);
}

/* The checkpoint that the export has is a promise that the log already gave. */
static enum tamis_status read_before(struct export *export) {
  char path[PATH_SIZE], *note = NULL;
  size_t length;
  struct fault *fault = &export->context->fault;
  path_in(export, "checkpoint", path);
  enum tamis_status status = checkpoint_file_read(path, &note, &length, fault);
  if (status == TAMIS_NOT_FOUND) return TAMIS_OK;
  if (status == TAMIS_OK)
    status = checkpoint_open(note, length, &export->log_key, &export->before, fault);
  free(note);
  if (status != TAMIS_OK || export->before.size <= export->checkpoint.size) return status;
  return fault_set(fault, TAMIS_FORK,
                   "%s has a signed checkpoint over %" PRIu64
                   " entries, the log now shows one over %" PRIu64
                   ": it was set back, or shows two histories. Nothing was changed",
                   export->folder, export->before.size, export->checkpoint.size);
}

static enum tamis_status read_checkpoint(struct export *export) {
  struct context *context = export->context;
  char path[PATH_SIZE];
  enum tamis_status status;
  if (export->state == NULL) {
    status = operator_checkpoint(context->operator, & export->note, &export->note_length,
                                 &context->fault);
  } else {
    snprintf(path, sizeof path, "%s/checkpoint", export->state);
    status = checkpoint_file_read(path, &export->note, &export->note_length, &context->fault);
  }
  if (status != TAMIS_OK) return status;
  return checkpoint_open(export->note, export->note_length, &export->log_key, &export->checkpoint,
                         &context->fault);
}

/* ---- files that entries name ---- */

static enum tamis_status name_digest(struct export *export, const struct digest *digest);

/* A manifest names files too, wherever in it. */
static enum tamis_status name_strings(struct export *export, const json_t *value) {
  enum tamis_status status = TAMIS_OK;
  struct digest digest;
  const char *key;
  json_t *each;
  size_t i;
  if (json_is_string(value) &&
      digest_from_hex(json_string_value(value), json_string_length(value), &digest))
    return name_digest(export, &digest);
  json_array_foreach(value, i, each) {
    if (status == TAMIS_OK) status = name_strings(export, each);
  }
  if (!json_is_object(value)) return status;
  json_object_foreach((json_t *)(uintptr_t)value, key, each) {
    if (status == TAMIS_OK) status = name_strings(export, each);
  }
  return status;
}

static enum tamis_status name_inside(struct export *export, const struct digest *digest) {
  struct blob_view view;
  json_t *manifest = NULL;
  enum tamis_status status = blob_map(export->to, digest, false, &view, &export->context->fault);
  if (status != TAMIS_OK) return status;
  export->deep++;
  if (export->deep <= MANIFESTS_DEEP && view.length > 0 && view.length <= MANIFEST_MAX &&
      view.bytes[0] == '{' &&
      canonical_decode((const char *)view.bytes, view.length, &manifest, NULL) == TAMIS_OK)
    status = name_strings(export, manifest);
  export->deep--;
  export->blobs++;
  export->blob_bytes += view.length;
  json_decref(manifest);
  blob_unmap(&view);
  return status;
}

static enum tamis_status make_shard(struct export *export, char path[PATH_SIZE]) {
  char *last = strrchr(path, '/');
  *last = '\0';
  int error = mkdir(path, FOLDER_MODE) == 0 || errno == EEXIST ? 0 : errno;
  enum tamis_status status = TAMIS_OK;
  if (error != 0) status = durable_fault(&export->context->fault, error, "make", path);
  *last = '/';
  return status;
}

/* The mode that the umask left to what we made ourselves. */
static void let_others_read(const struct export *export, const char *path) {
  char ours[PATH_SIZE];
  struct stat about;
  if (path_in(export, "log.vkey", ours) && stat(ours, &about) == 0)
    chmod(path, about.st_mode & 0777);
}

/* NOT_FOUND when there is no such file: a digest may be of a key, a token or a dropped body. */
static enum tamis_status bring(struct export *export, const struct digest *digest, char *path) {
  struct fault *fault = &export->context->fault;
  struct blob_view view;
  if (export->from == NULL) {
    enum tamis_status status = operator_fetch_file(export->context->operator, digest, path, fault);
    if (status == TAMIS_OK) let_others_read(export, path);
    return status;
  }
  enum tamis_status status = blob_map(export->from, digest, true, &view, fault);
  if (status != TAMIS_OK) return status;
  status = durable_publish(path, FILE_MODE, true, view.bytes, view.length, fault);
  blob_unmap(&view);
  return status;
}

static struct digest name_at(const void *context, uint64_t index) {
  const struct export *export = context;
  return export->name[index];
}

/* True the first time. */
static bool is_new_name(struct export *export, const struct digest *digest) {
  uint64_t index;
  if (leaves_find(&export->named, digest, name_at, export, &index)) return false;
  if (export->name_count == export->name_capacity) {
    export->name_capacity = 2 * export->name_capacity + 64;
    export->name = reallocarray(export->name, export->name_capacity, sizeof *export->name);
    if (export->name == NULL) abort(); /* as leaves_add does */
  }
  leaves_add(&export->named, digest, export->name_count);
  export->name[export->name_count++] = *digest;
  return true;
}

static enum tamis_status name_digest(struct export *export, const struct digest *digest) {
  char path[PATH_SIZE];
  if (digest_is_zero(digest) || !is_new_name(export, digest)) return TAMIS_OK;
  if (!blob_exists(export->to, digest)) {
    blob_path(export->to, digest, path, sizeof path);
    enum tamis_status status = make_shard(export, path);
    if (status == TAMIS_OK) status = bring(export, digest, path);
    if (status == TAMIS_NOT_FOUND) return TAMIS_OK;
    if (status != TAMIS_OK) return status;
    export->blobs_new++;
  }
  return name_inside(export, digest);
}

static enum tamis_status name_entry(struct export *export, const char *bytes, size_t length) {
  struct envelope envelope;
  struct statement statement;
  enum tamis_status status = envelope_open(bytes, length, &envelope, &export->context->fault);
  if (status != TAMIS_OK) return status;
  status = statement_read(envelope.payload, envelope.payload_length, export->log_key.name,
                          &statement, &export->context->fault);
  if (status == TAMIS_OK) {
    status = name_strings(export, statement.root);
    statement_close(&statement);
  }
  envelope_close(&envelope);
  return status;
}

/* ---- entries ---- */

static enum tamis_status take(struct export *export, const char *bytes, size_t length) {
  struct digest leaf = merkle_leaf(bytes, length), root;
  if (length > TILE_ENTRY_MAX)
    return fault_set(&export->context->fault, TAMIS_CORRUPT, "an entry of %zu bytes", length);
  merkle_tree_append(export->tree, &leaf);
  uint64_t size = merkle_tree_size(export->tree);
  enum tamis_status status = tiles_add(export->tiles, bytes, length, &export->context->fault);
  if (status == TAMIS_OK && size == export->before.size) {
    root = merkle_tree_root(export->tree, size);
    export->is_other = !digest_equal(&root, &export->before.root);
    if (export->is_other) return TAMIS_FORK;
  }
  progress_step(&export->progress, size);
  return status;
}

static enum tamis_status visit(void *opaque, uint64_t index, const char *bytes, size_t length) {
  struct export *export = opaque;
  if (index >= export->checkpoint.size) return TAMIS_CANCELLED; /* nobody has signed for it yet */
  return take(export, bytes, length);
}

static enum tamis_status take_bundle(struct export *export, const uint8_t *bytes, size_t length) {
  enum tamis_status status = TAMIS_OK;
  const uint8_t *entry;
  size_t offset = 0, entry_length;
  while (status == TAMIS_OK && tile_bundle_next(bytes, length, &offset, &entry, &entry_length))
    status = take(export, (const char *)entry, entry_length);
  return status;
}

/* Full bundles of an earlier run need not be fetched again. */
static enum tamis_status take_ours(struct export *export) {
  enum tamis_status status = TAMIS_OK;
  uint64_t full = tile_full_count(TILE_ENTRIES, export->before.size);
  for (uint64_t index = 0; status == TAMIS_OK && index < full; index++) {
    struct tile tile = {TILE_ENTRIES, index, TILE_WIDTH};
    uint8_t *bytes = NULL;
    size_t length = 0;
    bool is_whole = tiles_read(export->folder, &tile, &bytes, &length, NULL) == TAMIS_OK &&
                    tile_bundle_prefix(bytes, length, TILE_WIDTH) == length;
    if (is_whole) status = take_bundle(export, bytes, length);
    free(bytes);
    if (!is_whole) break;
  }
  return status;
}

static enum tamis_status take_state(struct export *export) {
  struct context *context = export->context;
  char path[PATH_SIZE];
  snprintf(path, sizeof path, "%s/journal", export->state);
  if (access(path, F_OK) != 0)
    return tiles_walk(export->state, export->checkpoint.size, visit, export, &context->fault);
  enum tamis_status status = journal_walk(path, visit, export, &context->fault);
  return status == TAMIS_CANCELLED ? TAMIS_OK : status;
}

static void on_difference(void *opaque, const char *path, enum tiles_difference difference) {
  struct export *export = opaque;
  if (difference == TILES_DIFFERENT)
    context_say(export->context, "%s/%s was not what the log says: written anew", export->folder,
                path);
  export->written++;
}

static enum tamis_status begin(struct export *export) {
  struct tiles_options options = {.folder = export->folder,
                                  .is_public = true,
                                  .is_checked = true,
                                  .differs = on_difference,
                                  .context = export};
  tiles_close(export->tiles);
  merkle_tree_free(export->tree);
  export->tiles = NULL;
  options.tree = export->tree = merkle_tree_new();
  export->is_other = false;
  return tiles_open(&options, &export->tiles, &export->context->fault);
}

static enum tamis_status check_root(struct export *export) {
  struct digest root;
  struct fault *fault = &export->context->fault;
  uint64_t size = merkle_tree_size(export->tree);
  if (size < export->checkpoint.size)
    return fault_set(fault, TAMIS_CORRUPT,
                     "the checkpoint is over %" PRIu64 " entries, but there are %" PRIu64,
                     export->checkpoint.size, size);
  root = merkle_tree_root(export->tree, size);
  if (digest_equal(&root, &export->checkpoint.root)) return TAMIS_OK;
  return fault_set(fault, TAMIS_BAD_PROOF,
                   "the %" PRIu64 " entries do not give the root of the signed checkpoint", size);
}

static enum tamis_status attempt(struct export *export, bool keeps_ours) {
  struct context *context = export->context;
  enum tamis_status status = begin(export);
  if (status == TAMIS_OK && keeps_ours) status = take_ours(export);
  uint64_t have = export->tree ? merkle_tree_size(export->tree) : 0;
  if (status == TAMIS_OK && export->state != NULL)
    status = take_state(export);
  else if (status == TAMIS_OK && have < export->checkpoint.size)
    status = operator_entries(context->operator, have, export->checkpoint.size - have, visit,
                              export, &context->fault);
  if (status == TAMIS_OK) status = check_root(export);
  return status;
}

/* When the entries do not lead through the old checkpoint, it may be the copy that was damaged:
 * only a log that does so by itself shows two histories. */
static enum tamis_status take_all(struct export *export) {
  struct fault *fault = &export->context->fault;
  bool keeps_ours = export->state == NULL;
  enum tamis_status status = attempt(export, keeps_ours);
  if (status != TAMIS_OK && keeps_ours &&
      (export->is_other || status == TAMIS_BAD_PROOF || status == TAMIS_CORRUPT))
    status = attempt(export, false);
  if (!export->is_other) return status;
  return fault_set(fault, TAMIS_FORK,
                   "the log's first %" PRIu64
                   " entries are not those of the checkpoint in %s, which the same key signed: it "
                   "shows two histories. Keep both",
                   export->before.size, export->folder);
}

/* ---- all of it ---- */

static enum tamis_status visit_named(void *opaque, uint64_t index, const char *bytes,
                                     size_t length) {
  struct export *export = opaque;
  progress_step(&export->progress, index);
  return name_entry(export, bytes, length);
}

/* After the entries were held against the checkpoint: only what the log names is asked for. */
static enum tamis_status take_blobs(struct export *export) {
  struct context *context = export->context;
  char path[PATH_SIZE];
  enum tamis_status status = TAMIS_OK;
  path_in(export, "blobs", path);
  if (mkdir(path, FOLDER_MODE) != 0 && errno != EEXIST)
    return durable_fault(&context->fault, errno, "make", path);
  status = blob_store_open_readonly(path, &export->to, &context->fault);
  if (status == TAMIS_OK && export->state != NULL) {
    snprintf(path, sizeof path, "%s/blobs", export->state);
    status = blob_store_open_readonly(path, &export->from, &context->fault);
  }
  progress_begin(&export->progress, context, "files of", "entries", export->checkpoint.size);
  if (status == TAMIS_OK)
    status =
        tiles_walk(export->folder, export->checkpoint.size, visit_named, export, &context->fault);
  progress_end(&export->progress);
  return status;
}

/* Witnesses' lines for the very checkpoint, where the server keeps them. */
static enum tamis_status take_cosignatures(struct export *export) {
  char name[64], path[PATH_SIZE];
  struct mapped_file lines = {.bytes = NULL};
  struct fault *fault = &export->context->fault;
  if (export->state == NULL) return TAMIS_OK;
  snprintf(name, sizeof name, "cosignatures/%" PRIu64, export->checkpoint.size);
  snprintf(path, sizeof path, "%s/%s", export->state, name);
  if (mapped_file_open(path, &lines, NULL) != TAMIS_OK) return TAMIS_OK;
  path_in(export, name, path);
  enum tamis_status status = make_shard(export, path);
  if (status == TAMIS_OK)
    status = durable_publish(path, FILE_MODE, true, lines.bytes, lines.length, fault);
  mapped_file_close(&lines);
  return status;
}

static enum tamis_status run(struct export *export) {
  struct context *context = export->context;
  char path[PATH_SIZE];
  enum tamis_status status = read_checkpoint(export);
  if (status == TAMIS_OK) status = check_folder(export);
  if (status == TAMIS_OK) status = check_key(export);
  if (status == TAMIS_OK) status = read_before(export);
  if (status != TAMIS_OK) return status;
  progress_begin(&export->progress, context, "exporting", "entries", export->checkpoint.size);
  status = take_all(export);
  progress_end(&export->progress);
  if (status == TAMIS_OK) status = tiles_write(export->tiles, &context->fault);
  if (status == TAMIS_OK && export->with_blobs) status = take_blobs(export);
  if (status == TAMIS_OK) status = take_cosignatures(export);
  path_in(export, "checkpoint", path);
  if (status == TAMIS_OK)
    status =
        durable_publish(path, FILE_MODE, true, export->note, export->note_length, &context->fault);
  return status;
}

static void print(struct context *context, const json_t *data) {
  char text[OUTPUT_CELL_SIZE], bytes[HUMAN_TEXT_SIZE];
  fprintf(context->out, "exported the log %s to %s\n",
          output_text(data, "origin", text, sizeof text),
          json_string_value(json_object_get(data, "folder")));
  output_field(context, "entries", "%lld, %lld of them new; they give the signed root",
               (long long)output_integer(data, "entries"), (long long)output_integer(data, "new"));
  output_field(context, "root", "%s", output_text(data, "root", text, sizeof text));
  output_field(context, "tiles", "%lld written", (long long)output_integer(data, "tiles_written"));
  if (json_object_get(data, "blobs") == NULL) return;
  human_bytes((uint64_t)output_integer(data, "bytes"), bytes);
  output_field(context, "files", "%lld (%s), %lld of them new",
               (long long)output_integer(data, "blobs"), bytes,
               (long long)output_integer(data, "blobs_new"));
}

static void report(struct export *export) {
  char root[DIGEST_HEX_SIZE];
  digest_to_hex(&export->checkpoint.root, root);
  json_t *data = json_pack("{s:s, s:s, s:I, s:I, s:s, s:I}", "folder", export->folder, "origin",
                           export->log_key.name, "entries", (json_int_t) export->checkpoint.size,
                           "new", (json_int_t)(export->checkpoint.size - export->before.size),
                           "root", root, "tiles_written", (json_int_t) export->written);
  if (export->with_blobs) {
    json_object_set_new(data, "blobs", json_integer((json_int_t) export->blobs));
    json_object_set_new(data, "blobs_new", json_integer((json_int_t) export->blobs_new));
    json_object_set_new(data, "bytes", json_integer((json_int_t) export->blob_bytes));
  }
  output_thing(export->context, "log", export->log_key.name, data, print);
  json_decref(data);
}

enum tamis_status log_export(struct context *context, const struct arguments *arguments) {
  struct export export = {.context = context,
                          .folder = arguments->word[0],
                          .with_blobs = arguments_has(arguments, "blobs")};
  enum tamis_status status = site_log_key(context, arguments, &export.vkey, &export.log_key);
  if (status == TAMIS_OK)
    status = arguments_has(arguments, "state") ? site_state(context, arguments, &export.state)
                                               : context_operator(context);
  if (status == TAMIS_OK) status = run(&export);
  if (status == TAMIS_OK) report(&export);
  if (export.from) blob_store_close(export.from);
  if (export.to) blob_store_close(export.to);
  leaves_clear(&export.named);
  free(export.name);
  tiles_close(export.tiles);
  merkle_tree_free(export.tree);
  free(export.note);
  free(export.state);
  return status;
}
