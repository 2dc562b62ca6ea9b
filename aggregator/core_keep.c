/* What is kept and for how long: when rounds are over or an operator has spoken, updates that the
 * policy lets go get a tombstone, and after it is durable their files go. */
#include <dirent.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "aggregator/core_private.h"
#include "aggregator/manifest.h"
#include "aggregator/retention.h"

enum { PAGE_ROWS = 500, FINISHED_AGAIN = 100 };

/* ---- rows ---- */

struct body {
  int64_t round;
  uint64_t bytes;
  struct manifest_update update;
};

static bool body_read(const json_t *row, struct body *body) {
  const char *hex = json_string_value(json_object_get(row, "update"));
  const char *verdict = json_string_value(json_object_get(row, "verdict"));
  *body = (struct body){.round = json_integer_value(json_object_get(row, "round")),
                        .bytes = (uint64_t)json_integer_value(json_object_get(row, "bytes"))};
  body->update.client = json_string_value(json_object_get(row, "client"));
  body->update.index = (uint64_t)json_integer_value(json_object_get(row, "index"));
  if (verdict) judge_verdict_read(verdict, &body->update.verdict);
  return body->update.client && hex && digest_from_hex(hex, strlen(hex), &body->update.update);
}

/* The rows of one page; `*next` 0 after the last. NULL on a fault. */
static json_t *page(struct core *core, const char *query, size_t count,
                    const char *const *arguments, uint64_t after, uint64_t *next,
                    struct fault *fault) {
  struct projection *projection;
  char *rows = NULL;
  if (ledger_projection(&core->ledger, &projection, fault) != TAMIS_OK ||
      projection_query(projection, query, count, arguments, after, PAGE_ROWS, &rows, next, fault) !=
          TAMIS_OK)
    return NULL;
  json_t *list = json_loads(rows, 0, NULL);
  free(rows);
  if (!list) fault_plain(fault, TAMIS_NO_MEMORY);
  return list;
}

static json_t *bodies_page(struct core *core, const char *federation, int64_t round, uint64_t after,
                           uint64_t *next, struct fault *fault) {
  char number[24];
  snprintf(number, sizeof number, "%" PRId64, round);
  return page(core, "bodies", 2, (const char *[]){federation, number}, after, next, fault);
}

enum tamis_status core_keep_look(struct core *core, const struct digest *blob, int64_t *kept,
                                 uint64_t *dropped_in, struct fault *fault) {
  char hex[DIGEST_HEX_SIZE];
  uint64_t next;
  digest_to_hex(blob, hex);
  json_t *rows = page(core, "blob", 1, (const char *[]){hex}, 0, &next, fault);
  if (!rows) return TAMIS_IO;
  const json_t *row = json_array_get(rows, 0);
  *kept = json_integer_value(json_object_get(row, "kept"));
  *dropped_in = (uint64_t)json_integer_value(json_object_get(row, "dropped"));
  json_decref(rows);
  return TAMIS_OK;
}

/* ---- files ---- */

/* Two entries may name the same bytes: the file goes with the last of them. */
static enum tamis_status remove_one(struct core *core, const struct digest *blob,
                                    struct fault *fault) {
  int64_t kept = 0;
  uint64_t dropped_in = 0;
  if (!blob_exists(core->ledger.blobs, blob) || state_readable_has(core->ledger.state, blob))
    return TAMIS_OK;
  enum tamis_status status = core_keep_look(core, blob, &kept, &dropped_in, fault);
  if (status != TAMIS_OK || kept > 0 || dropped_in == 0) return status;
  return blob_remove(core->ledger.blobs, blob, fault);
}

static enum tamis_status remove_all(struct core *core, const json_t *manifest,
                                    struct fault *fault) {
  enum tamis_status status = TAMIS_OK;
  const json_t *element;
  size_t i;
  json_array_foreach(json_object_get(manifest, "updates"), i, element) {
    struct manifest_update update;
    if (status == TAMIS_OK) status = manifest_dropped_read(element, &update, fault);
    if (status == TAMIS_OK) status = remove_one(core, &update.update, fault);
  }
  return status;
}

/* A stop may have come between the entry and the files, or have brought files back. */
static void finish(struct core *core, const json_t *row) {
  const char *hex = json_string_value(json_object_get(row, "manifest"));
  struct digest digest;
  struct fault fault;
  json_t *manifest = NULL;
  if (!hex || !digest_from_hex(hex, strlen(hex), &digest)) return;
  enum tamis_status status = manifest_load(core->ledger.blobs, &digest, &manifest, &fault);
  if (status == TAMIS_OK) status = remove_all(core, manifest, &fault);
  if (status != TAMIS_OK)
    notice_say(&core->ledger.notice, NOTICE_WARN, "files not removed", "%s", fault.text);
  json_decref(manifest);
}

void core_keep_finish(struct core *core) {
  uint64_t next = 0;
  struct fault fault;
  json_t *last[FINISHED_AGAIN] = {NULL};
  size_t count = 0, i;
  const json_t *row;
  do {
    json_t *rows = page(core, "tombstones", 0, NULL, next, &next, &fault);
    if (!rows) break;
    json_array_foreach(rows, i, row) {
      json_decref(last[count % FINISHED_AGAIN]);
      last[count++ % FINISHED_AGAIN] = json_incref((json_t *)(uintptr_t)row);
    }
    json_decref(rows);
  } while (next);
  for (i = 0; i < FINISHED_AGAIN; i++) {
    if (last[i]) finish(core, last[i]);
    json_decref(last[i]);
  }
}

/* ---- tombstones ---- */

void core_keep_note(struct core *core, const struct statement *statement) {
  switch (statement->kind) {
  case STATEMENT_PROMOTE:
  case STATEMENT_HOLD:
  case STATEMENT_ABANDON:
  case STATEMENT_VERDICTS:
  case STATEMENT_ROUND_OPEN:
  case STATEMENT_EXCLUSION:
  case STATEMENT_REINSTATEMENT:
  case STATEMENT_ROLLBACK:
  case STATEMENT_AUTO_ROLLBACK:
  case STATEMENT_RETENTION:
  case STATEMENT_DISPUTE:
  case STATEMENT_REVIEW:
  case STATEMENT_REBUILT: core->keep_is_due = true; break;
  case STATEMENT_TOMBSTONE:
    core->counters.dropped += (uint64_t)statement_integer(statement, "updates");
    core->counters.dropped_bytes += (uint64_t)statement_integer(statement, "bytes");
    break;
  default: break;
  }
}

/* Says and does one tombstone for the first round of the page that has something to drop. */
static enum tamis_status drop_some(struct core *core, const struct federation *federation,
                                   const json_t *rows, bool *has_dropped, struct fault *fault) {
  struct manifest_update update[PAGE_ROWS];
  uint64_t bytes[PAGE_ROWS];
  size_t count = json_array_size(rows);
  *has_dropped = false;
  for (size_t first = 0, n; first < count && !*has_dropped; first += n) {
    struct decision decision = {0};
    struct body body = {.round = 0};
    int64_t round = json_integer_value(json_object_get(json_array_get(rows, first), "round"));
    for (n = 0; first + n < count; n++) {
      if (!body_read(json_array_get(rows, first + n), &body) || body.round != round) break;
      update[n] = body.update;
      bytes[n] = body.bytes;
    }
    if (n == 0) return fault_set(fault, TAMIS_INTERNAL, "a row of bodies cannot be read");
    if (!federation_tombstone(core->ledger.state, federation, round, update, bytes, n, &decision))
      continue;
    *has_dropped = true;
    json_t *manifest = json_incref(decision.proposal[0].manifest_json);
    enum tamis_status status = ledger_propose(&core->ledger, &decision, fault);
    decision_close(&decision);
    if (status == TAMIS_OK) status = ledger_commit(&core->ledger, fault);
    if (status == TAMIS_OK) status = remove_all(core, manifest, fault);
    json_decref(manifest);
    return status;
  }
  return TAMIS_OK;
}

/* Of one federation, from its first update that is still there. */
static enum tamis_status keep_federation(struct core *core, const struct federation *federation,
                                         bool *has_dropped, struct fault *fault) {
  int64_t round = retention_round(federation);
  uint64_t after = 0, next = 0;
  *has_dropped = false;
  while (round > 0 && !*has_dropped) {
    json_t *rows = bodies_page(core, federation->name, round, after, &next, fault);
    if (!rows) return TAMIS_IO;
    enum tamis_status status = drop_some(core, federation, rows, has_dropped, fault);
    json_decref(rows);
    if (status != TAMIS_OK) return status;
    if (next == 0) break;
    after = next;
  }
  return TAMIS_OK;
}

enum tamis_status core_keep_run(struct core *core, struct fault *fault) {
  const struct state *state = core->ledger.state;
  core->keep_is_due = false;
  for (size_t i = 0; i < state->federation_count; i++) {
    bool has_dropped;
    enum tamis_status status = keep_federation(core, state->federation[i], &has_dropped, fault);
    core->keep_is_due |= status != TAMIS_OK || has_dropped;
    if (status != TAMIS_OK || has_dropped) return status;
  }
  return TAMIS_OK;
}

/* ---- what would happen ---- */

struct preview {
  uint64_t drop, drop_bytes, stay[RETENTION_COUNT];
};

static enum tamis_status preview_of(struct core *core, const struct federation *would,
                                    struct preview *preview, struct fault *fault) {
  uint64_t after = 0, next = 0;
  int64_t round = retention_round(would);
  const json_t *row;
  size_t i;
  *preview = (struct preview){.drop = 0};
  if (round == 0) return TAMIS_OK;
  do {
    json_t *rows = bodies_page(core, would->name, round, after, &next, fault);
    if (!rows) return TAMIS_IO;
    json_array_foreach(rows, i, row) {
      struct body body;
      if (!body_read(row, &body)) continue;
      enum retention retention = retention_of(core->ledger.state, would, body.round, &body.update);
      preview->drop += retention == RETENTION_DROP;
      preview->drop_bytes += retention == RETENTION_DROP ? body.bytes : 0;
      preview->stay[retention] += retention != RETENTION_DROP;
    }
    json_decref(rows);
    after = next;
  } while (next);
  return TAMIS_OK;
}

void core_keep_describe(struct core *core, const struct statement *statement, char *sentence,
                        size_t size) {
  const struct federation *federation =
      state_federation_find(core->ledger.state, statement_text(statement, "federation"));
  struct federation would = *federation;
  struct preview preview;
  struct fault fault;
  would.keep_rounds = statement_integer(statement, "keep_rounds");
  if (would.keep_rounds == 0) {
    snprintf(sentence, size, "%s keeps all updates from now on", federation->name);
    return;
  }
  if (preview_of(core, &would, &preview, &fault) != TAMIS_OK) {
    snprintf(sentence, size, "%s", fault.text);
    return;
  }
  int used = snprintf(sentence, size,
                      "%s keeps the updates of %" PRId64 " rounds: %" PRIu64 " updates of %" PRIu64
                      " bytes go for ever, their digests stay",
                      federation->name, would.keep_rounds, preview.drop, preview.drop_bytes);
  for (int i = 0; i < RETENTION_COUNT; i++)
    if (preview.stay[i] > 0 && used > 0 && (size_t)used < size)
      used += snprintf(sentence + used, size - (size_t)used, "; %" PRIu64 " older stay: %s",
                       preview.stay[i], retention_words((enum retention)i));
}

/* ---- space ---- */

static uint64_t column(const json_t *row, const char *name) {
  json_int_t value = json_integer_value(json_object_get(row, name));
  return value > 0 ? (uint64_t)value : 0;
}

static enum tamis_status space_of_rows(struct core *core, struct core_space *space,
                                       struct fault *fault) {
  uint64_t next;
  const json_t *row;
  size_t i;
  json_t *rows = page(core, "retention", 0, NULL, 0, &next, fault); /* few federations: one page */
  if (!rows) return TAMIS_IO;
  json_array_foreach(rows, i, row) {
    space->bodies += column(row, "bodies");
    space->body_bytes += column(row, "bodies_bytes");
    space->dropped += column(row, "dropped");
    space->dropped_bytes += column(row, "dropped_bytes");
    space->round_bytes += column(row, "round_bytes");
  }
  json_decref(rows);
  return TAMIS_OK;
}

uint64_t core_keep_body_bytes(struct core *core) {
  struct core_space space = {.bodies = 0};
  struct fault fault;
  return space_of_rows(core, &space, &fault) == TAMIS_OK ? space.body_bytes : 0;
}

struct space_call {
  struct call call;
  struct core_space *space;
};

static enum tamis_status run_space(struct core *core, struct call *call) {
  struct core_space *space = ((struct space_call *)(void *)call)->space;
  struct fault fault;
  space->journal_bytes = journal_bytes(core->ledger.journal);
  space->is_full = core->is_full;
  enum tamis_status status = space_of_rows(core, space, &fault);
  if (status != TAMIS_OK && call->fault) *call->fault = fault;
  return status;
}

/* Manifests are JSON; all other blobs begin with the length of a header. */
static bool is_manifest(const char *path) {
  char first = 0;
  FILE *file = fopen(path, "rbe");
  if (!file) return false;
  size_t got = fread(&first, 1, 1, file);
  fclose(file);
  return got == 1 && first == '{';
}

/* What a manifest never reaches is not worth opening a file for. */
enum { MANIFEST_LOOK_BYTES = 64 << 20 };

static void add_folder(const char *path, struct core_space *space, bool are_blobs) {
  DIR *folder = opendir(path);
  if (!folder) return;
  for (struct dirent *entry; (entry = readdir(folder));) {
    char name[PATH_MAX];
    struct stat about;
    int length = snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
    if (entry->d_name[0] == '.' || length < 0 || (size_t)length >= sizeof name ||
        lstat(name, &about) != 0)
      continue;
    uint64_t size = (uint64_t)about.st_size;
    if (S_ISDIR(about.st_mode) && strcmp(entry->d_name, "unfinished") != 0)
      add_folder(name, space, are_blobs);
    else if (S_ISREG(about.st_mode) && !are_blobs)
      space->index_bytes += size;
    else if (S_ISREG(about.st_mode) && size <= MANIFEST_LOOK_BYTES && is_manifest(name))
      space->manifest_bytes += size;
    else if (S_ISREG(about.st_mode))
      space->model_bytes += size;
  }
  closedir(folder);
}

static void add_file(const char *folder, const char *name, struct core_space *space) {
  char path[PATH_MAX];
  struct stat about;
  int length = snprintf(path, sizeof path, "%s/%s", folder, name);
  if (length > 0 && (size_t)length < sizeof path && lstat(path, &about) == 0)
    space->index_bytes += (uint64_t)about.st_size;
}

enum tamis_status core_space(struct core *core, struct core_space *space, struct fault *fault) {
  static const char *const remade[] = {"tamis.db", "tamis.db-wal", "snapshot", "index"};
  struct space_call ask = {.space = space};
  struct blob_usage usage;
  char path[PATH_MAX];
  *space = (struct core_space){.bodies = 0};
  enum tamis_status status = core_ask(core, &ask.call, run_space, fault);
  if (status != TAMIS_OK) return status;
  const char *folder = core->ledger.state_dir;
  for (size_t i = 0; i < sizeof remade / sizeof *remade; i++) add_file(folder, remade[i], space);
  if (snprintf(path, sizeof path, "%s/tile", folder) < PATH_MAX) add_folder(path, space, false);
  if (snprintf(path, sizeof path, "%s/blobs", folder) < PATH_MAX) add_folder(path, space, true);
  space->model_bytes -=
      space->body_bytes < space->model_bytes ? space->body_bytes : space->model_bytes;
  blob_usage(core->ledger.blobs, &usage);
  space->unfinished_bytes = usage.unfinished_bytes;
  space->free_bytes = usage.free_bytes;
  space->reserve_bytes = usage.reserve_bytes;
  return TAMIS_OK;
}
