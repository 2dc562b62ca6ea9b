/* The numbers get a new name each round, so that replacing state.json is the one step that counts.
 */
#include "cli/state_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "cli/durable_file.h"
#include "cli/finite.h"

enum { STATE_BYTES_MAX = 1 << 16, PLACE_MAX = 4096 };

#define ROUND_MAX INT64_C(9007199254740991)

static const char *const kept_as[] = {[STATE_LAST] = "last", [STATE_HISTORY] = "history"};

/* The name of the rule at the pipeline's end; foolsgold is the only one with a history. */
static bool is_rule(const char *rule, const char *name) {
  const char *bar = strrchr(rule, '|'), *last = bar == NULL ? rule : bar + 1;
  last += strspn(last, " ");
  return strcspn(last, "( ") == strlen(name) && strncmp(last, name, strlen(name)) == 0;
}

enum state_kind state_kind_of(const struct robust_pipeline *pipeline, const char *rule) {
  if (robust_pipeline_remembers_output(pipeline)) return STATE_LAST;
  return is_rule(rule, "foolsgold") ? STATE_HISTORY : STATE_NONE;
}

static bool is_double(const struct robust_rows *rows) {
  return rows->dtype == ROBUST_F64;
}

static const char *dtype_name(const struct robust_rows *rows) {
  return is_double(rows) ? "float64" : "float32";
}

/* ---- names ---- */

static enum tamis_status name_place(const struct state_folder *state, const char *name,
                                    char place[PLACE_MAX], struct fault *fault) {
  int length = snprintf(place, PLACE_MAX, "%s/%s", state->path, name);
  if (length > 0 && length < PLACE_MAX) return TAMIS_OK;
  return fault_set(fault, TAMIS_BAD_REQUEST, "the folder's name is too long");
}

static enum tamis_status name_numbers(const struct state_folder *state, uint64_t round,
                                      char place[PLACE_MAX], struct fault *fault) {
  char name[64];
  snprintf(name, sizeof name, "%s-%" PRIu64 ".npy", kept_as[state->kind], round);
  return name_place(state, name, place, fault);
}

/* ---- reading ---- */

static enum tamis_status lock(struct state_folder *state, struct fault *fault) {
  enum tamis_status status = durable_file_folder(state->path, fault);
  if (status != TAMIS_OK) return status;
  state->descriptor = open(state->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (state->descriptor < 0) return durable_file_fail(fault, "open", state->path);
  if (flock(state->descriptor, LOCK_EX | LOCK_NB) == 0) return TAMIS_OK;
  if (errno != EWOULDBLOCK) return durable_file_fail(fault, "lock", state->path);
  return fault_set(fault, TAMIS_CONFLICT, "another tamis is at work on %s", state->path);
}

static enum tamis_status other(const struct state_folder *state, struct fault *fault,
                               const char *what, const char *has, const char *wants) {
  return fault_set(fault, TAMIS_CONFLICT, "%s is the state of another %s: %s, not %s", state->path,
                   what, has, wants);
}

static enum tamis_status other_size(const struct state_folder *state, struct fault *fault,
                                    const char *what, json_int_t has, size_t wants) {
  char left[32], right[32];
  snprintf(left, sizeof left, "%lld", (long long)has);
  snprintf(right, sizeof right, "%zu", wants);
  return other(state, fault, what, left, right);
}

static enum tamis_status check_root(struct state_folder *state, json_t *root,
                                    const struct robust_rows *rows, struct fault *fault) {
  const char *rule = NULL, *dtype = NULL;
  json_int_t d = 0, n = 0, round = 0;
  json_error_t where;
  if (json_unpack_ex(root, &where, JSON_STRICT, "{s:s, s:I, s:I, s:s, s:I}", "rule", &rule, "d", &d,
                     "n", &n, "dtype", &dtype, "round", &round) != 0)
    return fault_set(fault, TAMIS_CORRUPT, "%s/state.json: %s", state->path, where.text);
  if (strcmp(rule, state->rule) != 0) return other(state, fault, "rule", rule, state->rule);
  if (strcmp(dtype, dtype_name(rows)) != 0)
    return other(state, fault, "dtype", dtype, dtype_name(rows));
  if (d < 0 || (uint64_t)d != rows->d) return other_size(state, fault, "d", d, rows->d);
  if (state->kind == STATE_HISTORY && (n < 0 || (uint64_t)n != rows->n))
    return other_size(state, fault, "n", n, rows->n);
  if (round < 1 || round >= ROUND_MAX)
    return fault_set(fault, TAMIS_CORRUPT, "%s/state.json: the round is absurd", state->path);
  state->round = (uint64_t)round;
  return TAMIS_OK;
}

/* Leaves round 0 when nothing is there yet. */
static enum tamis_status read_json(struct state_folder *state, const struct robust_rows *rows,
                                   struct fault *fault) {
  char place[PLACE_MAX];
  struct mapped_file file;
  json_error_t where;
  enum tamis_status status = name_place(state, "state.json", place, fault);
  if (status != TAMIS_OK) return status;
  status = mapped_file_open(place, &file, fault);
  if (status == TAMIS_NOT_FOUND) return TAMIS_OK;
  if (status != TAMIS_OK) return status;
  json_t *root = file.length > STATE_BYTES_MAX ? NULL
                                               : json_loadb((const char *)file.bytes, file.length,
                                                            JSON_REJECT_DUPLICATES, &where);
  mapped_file_close(&file);
  if (root == NULL) return fault_set(fault, TAMIS_CORRUPT, "%s is not JSON", place);
  status = check_root(state, root, rows, fault);
  json_decref(root);
  return status;
}

static enum tamis_status open_last(struct state_folder *state, const struct robust_rows *rows,
                                   int threads, struct fault *fault) {
  const char *const *path = (const char *const *)&state->kept;
  enum tamis_status status = vector_file_open(path, rows, threads, &state->last, fault);
  state->reference = state->last.values;
  return status;
}

/* ---- sums of the rows so far ---- */

static enum tamis_status open_sums(struct state_folder *state, const struct robust_rows *rows,
                                   struct fault *fault) {
  const char *const *path = (const char *const *)&state->kept;
  enum tamis_status status = rows_file_open(1, path, &state->sums, fault);
  const struct robust_rows *sums = &state->sums.rows;
  if (status != TAMIS_OK) return status;
  if (sums->n == rows->n && sums->d == rows->d &&
      sums->dtype == (is_double(rows) ? ROBUST_F64 : ROBUST_F32))
    return TAMIS_OK;
  return fault_set(fault, TAMIS_CORRUPT, "%s is not what state.json says", state->kept);
}

static void add(void *out, const void *more, size_t d, bool as_double) {
  float *out32 = out;
  double *out64 = out;
  const float *more32 = more;
  const double *more64 = more;
  for (size_t k = 0; as_double && k < d; k++) out64[k] += more64[k];
  for (size_t k = 0; !as_double && k < d; k++) out32[k] += more32[k];
}

static void drop(const struct robust_rows *rows, size_t i) {
  const char *row = rows->row[i];
  mapped_file_drop(row, row + rows->d * robust_dtype_size(rows->dtype));
}

/* Row i of the new sums: this round's row, and what there was before. */
static enum tamis_status add_row(struct state_folder *state, const struct robust_rows *rows,
                                 size_t i, int threads, struct fault *fault) {
  size_t size = is_double(rows) ? sizeof(double) : sizeof(float);
  char *out = (char *)state->next.values + i * rows->d * size;
  struct robust_rows one = *rows;
  one.n = 1;
  one.row = &rows->row[i];
  one.release = NULL;
  state->row[i] = out;
  enum tamis_status status = vector_copy(&one, false, threads, out, fault);
  if (status != TAMIS_OK) return status;
  drop(rows, i);
  if (state->kept == NULL) return TAMIS_OK;
  add(out, state->sums.rows.row[i], rows->d, is_double(rows));
  drop(&state->sums.rows, i);
  return TAMIS_OK;
}

static enum tamis_status make_sums(struct state_folder *state, const struct robust_rows *rows,
                                   int threads, struct fault *fault) {
  char place[PLACE_MAX];
  size_t row, coordinate;
  enum tamis_status status = name_numbers(state, state->round + 1, place, fault);
  if (status == TAMIS_OK)
    status = vector_draft_open_npy(place, rows->n, rows->d, is_double(rows), &state->next, fault);
  if (status != TAMIS_OK) return status;
  state->row = calloc(rows->n, sizeof *state->row);
  if (state->row == NULL) return fault_plain(fault, TAMIS_NO_MEMORY);
  state->history = (struct robust_rows){.n = rows->n,
                                        .d = rows->d,
                                        .row = state->row,
                                        .dtype = is_double(rows) ? ROBUST_F64 : ROBUST_F32};
  for (size_t i = 0; status == TAMIS_OK && i < rows->n; i++) {
    status = add_row(state, rows, i, threads, fault);
    if (status == TAMIS_OK) drop(&state->history, i);
  }
  if (status == TAMIS_OK && finite_find_odd(&state->history, threads, true, &row, &coordinate))
    status = fault_set(fault, TAMIS_NOT_FINITE,
                       "the sum of row %zu over the rounds is not finite at coordinate %zu", row,
                       coordinate);
  return status;
}

enum tamis_status state_folder_open(const char *path, enum state_kind kind, const char *rule,
                                    const struct robust_rows *rows, int threads,
                                    struct state_folder *state, struct fault *fault) {
  char place[PLACE_MAX];
  *state = (struct state_folder){.kind = kind, .descriptor = -1, .path = path, .rule = rule};
  enum tamis_status status = lock(state, fault);
  if (status == TAMIS_OK) status = read_json(state, rows, fault);
  if (status == TAMIS_OK && state->kind != STATE_NONE && state->round > 0) {
    status = name_numbers(state, state->round, place, fault);
    if (status == TAMIS_OK && (state->kept = strdup(place)) == NULL)
      status = fault_plain(fault, TAMIS_NO_MEMORY);
    if (status == TAMIS_OK)
      status = state->kind == STATE_LAST ? open_last(state, rows, threads, fault)
                                         : open_sums(state, rows, fault);
  }
  if (status == TAMIS_OK && state->kind == STATE_HISTORY)
    status = make_sums(state, rows, threads, fault);
  if (status != TAMIS_OK) state_folder_close(state);
  return status;
}

/* ---- writing ---- */

static enum tamis_status keep_last(struct state_folder *state, const struct robust_rows *rows,
                                   const void *out, struct fault *fault) {
  char place[PLACE_MAX];
  enum tamis_status status = name_numbers(state, state->round + 1, place, fault);
  if (status == TAMIS_OK)
    status = vector_draft_open_npy(place, 0, rows->d, is_double(rows), &state->next, fault);
  if (status == TAMIS_OK)
    memcpy(state->next.values, out, rows->d * (is_double(rows) ? sizeof(double) : sizeof(float)));
  return status;
}

static enum tamis_status write_json(const struct state_folder *state,
                                    const struct robust_rows *rows, struct fault *fault) {
  char place[PLACE_MAX];
  enum tamis_status status = name_place(state, "state.json", place, fault);
  if (status != TAMIS_OK) return status;
  json_t *root = json_pack("{s:s, s:I, s:I, s:s, s:I}", "rule", state->rule, "d",
                           (json_int_t)rows->d, "n", (json_int_t)rows->n, "dtype", dtype_name(rows),
                           "round", (json_int_t)state->round + 1);
  status = durable_file_replace_json(place, root, fault);
  json_decref(root);
  return status;
}

enum tamis_status state_folder_stage(struct state_folder *state, const struct robust_rows *rows,
                                     const void *out, struct fault *fault) {
  enum tamis_status status = TAMIS_OK;
  if (state->kind == STATE_LAST) status = keep_last(state, rows, out, fault);
  if (status == TAMIS_OK && state->kind != STATE_NONE)
    status = vector_draft_commit(&state->next, fault);
  return status;
}

enum tamis_status state_folder_commit(struct state_folder *state, const struct robust_rows *rows,
                                      struct fault *fault) {
  enum tamis_status status = write_json(state, rows, fault);
  if (status != TAMIS_OK) return status;
  state->round++;
  if (state->kept != NULL) unlink(state->kept);
  return TAMIS_OK;
}

void state_folder_close(struct state_folder *state) {
  vector_draft_close(&state->next);
  vector_file_close(&state->last);
  rows_file_close(&state->sums);
  free(state->kept);
  free(state->row);
  if (state->path != NULL && state->descriptor >= 0) close(state->descriptor);
  *state = (struct state_folder){.descriptor = -1};
}
