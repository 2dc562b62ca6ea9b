/* `tamis model diff`: fetches two models and shows where they part. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command_run.h"
#include "cli/mapped_file.h"
#include "cli/model_difference.h"
#include "cli/model_find.h"
#include "cli/offline.h"

static const struct column columns[] = {
    {"TENSOR", "tensor", CELL_TEXT, false},          {"NUMBERS", "numbers", CELL_COUNT, false},
    {"CHANGED", "changed_text", CELL_TEXT, false},   {"NORM", "norm_text", CELL_TEXT, false},
    {"RELATIVE", "relative_text", CELL_TEXT, false}, {"LARGEST", "largest_text", CELL_TEXT, false},
    {"AT", "largest_at", CELL_COUNT, false},
};
static const struct sheet sheet = {"tensor", "No tensor.", sizeof columns / sizeof *columns,
                                   columns};

/* One model as a file that lasts as long as it is open. */
struct fetched {
  uint64_t round;
  struct digest digest;
  char hex[DIGEST_HEX_SIZE];
  struct mapped_file file;
};

static enum tamis_status append(void *file, const uint8_t *bytes, size_t length,
                                struct fault *fault) {
  if (fwrite(bytes, 1, length, file) == length) return TAMIS_OK;
  return fault_set(fault, TAMIS_IO, "cannot keep a model in TMPDIR: %s", strerror(errno));
}

static enum tamis_status fetch_to(struct context *context, const struct digest *digest,
                                  const char *path) {
  if (context->offline == NULL)
    return operator_fetch_file(context->operator, digest, path, &context->fault);
  FILE *file = fopen(path, "wxe");
  if (file == NULL)
    return fault_set(&context->fault, TAMIS_IO, "cannot make %s: %s", path, strerror(errno));
  enum tamis_status status = offline_blob(context->offline, digest, append, file, &context->fault);
  if (fclose(file) != 0 && status == TAMIS_OK)
    status = fault_set(&context->fault, TAMIS_IO, "cannot write %s: %s", path, strerror(errno));
  return status;
}

/* Under a name of ours in TMPDIR, which goes as soon as it is mapped. */
static enum tamis_status fetch(struct context *context, struct fetched *model) {
  const char *folder = getenv("TMPDIR");
  char *place = NULL, *path = NULL;
  enum tamis_status status = TAMIS_OK;
  if (asprintf(&place, "%s/tamis-diff-XXXXXX", folder == NULL ? "/var/tmp" : folder) < 0 ||
      mkdtemp(place) == NULL)
    status = fault_set(&context->fault, TAMIS_IO, "cannot make a folder in %s for the models",
                       folder == NULL ? "/var/tmp" : folder);
  if (status == TAMIS_OK && asprintf(&path, "%s/model", place) < 0)
    status = fault_plain(&context->fault, TAMIS_NO_MEMORY);
  if (status == TAMIS_OK) status = fetch_to(context, &model->digest, path);
  if (status == TAMIS_OK) status = mapped_file_open(path, &model->file, &context->fault);
  if (path != NULL) unlink(path);
  if (place != NULL) rmdir(place);
  free(path);
  free(place);
  return status;
}

static enum tamis_status find_and_fetch(struct context *context, const struct arguments *arguments,
                                        size_t word, struct fetched *model) {
  enum tamis_status status = arguments_word_count(arguments, word, &model->round, &context->fault);
  if (status == TAMIS_OK)
    status = model_find(context, arguments->word[0], &model->round, &model->digest);
  if (status != TAMIS_OK) return status;
  digest_to_hex(&model->digest, model->hex);
  context_detail(context, "fetching the model of round %" PRIu64, model->round);
  return fetch(context, model);
}

/* JSON has no infinity: null for a tensor that was all zero before. */
static json_t *relative_of(const struct difference *one) {
  return one->norm_before > 0 ? json_real(one->norm / one->norm_before)
         : one->norm == 0     ? json_real(0)
                              : json_null();
}

/* A model that was promoted is finite, but a sum of squares may not be. */
static json_t *real_or_null(double value) {
  return isfinite(value) ? json_real(value) : json_null();
}

static json_t *row_of(const char *name, const struct difference *one) {
  return json_pack("{s:s, s:I, s:I, s:o, s:o, s:o, s:o, s:I}", "tensor", name, "numbers",
                   (json_int_t)one->count, "changed", (json_int_t)one->changed, "norm",
                   real_or_null(one->norm), "norm_before", real_or_null(one->norm_before),
                   "relative", relative_of(one), "largest", real_or_null(one->largest),
                   "largest_at", (json_int_t)one->largest_at);
}

static void set_text(json_t *row, const char *key, const char *from, const char *format) {
  char text[32];
  double value = output_real(row, from);
  snprintf(text, sizeof text, format, value);
  json_object_set_new(row, key, json_string(isfinite(value) ? text : "-"));
}

static void add_texts(json_t *row) {
  char share[32];
  double numbers = (double)output_integer(row, "numbers");
  snprintf(share, sizeof share, "%.1f%%",
           numbers > 0 ? 100 * (double)output_integer(row, "changed") / numbers : 0.0);
  json_object_set_new(row, "changed_text", json_string(share));
  set_text(row, "norm_text", "norm", "%.4g");
  set_text(row, "relative_text", "relative", "%.3g");
  set_text(row, "largest_text", "largest", "%+.4g");
}

static void print_diff(struct context *context, const json_t *data) {
  char a[OUTPUT_CELL_SIZE];
  const json_t *from = json_object_get(data, "from"), *to = json_object_get(data, "to");
  json_t *rows = json_deep_copy(json_object_get(data, "tensors")), *row;
  size_t i;
  output_field(context, "from", "round %lld  %s", (long long)output_integer(from, "round"),
               output_text(from, "model", a, sizeof a));
  output_field(context, "to", "round %lld  %s", (long long)output_integer(to, "round"),
               output_text(to, "model", a, sizeof a));
  if (output_integer(json_object_get(data, "total"), "changed") == 0)
    output_field(context, "difference", "none: the same numbers");
  fputc('\n', context->out);
  json_array_append(rows, json_object_get(data, "total"));
  json_array_foreach(rows, i, row) add_texts(row);
  output_rows(context, &sheet, rows);
  json_decref(rows);
}

static enum tamis_status compare(struct context *context, const char *federation,
                                 const struct fetched *from, const struct fetched *to) {
  struct layout layout;
  struct difference *each, total;
  char name[2 * DIGEST_HEX_SIZE + 2];
  enum tamis_status status =
      model_difference(from->file.bytes, from->file.length, to->file.bytes, to->file.length,
                       &layout, &each, &total, &context->fault);
  if (status != TAMIS_OK) return status;
  json_t *rows = json_array();
  for (size_t i = 0; i < layout.tensor_count; i++)
    json_array_append_new(rows, row_of(layout.tensor[i].name, &each[i]));
  json_t *data = json_pack("{s:s, s:{s:I, s:s}, s:{s:I, s:s}, s:o, s:o}", "federation", federation,
                           "from", "round", (json_int_t)from->round, "model", from->hex, "to",
                           "round", (json_int_t)to->round, "model", to->hex, "tensors", rows,
                           "total", row_of("(all)", &total));
  snprintf(name, sizeof name, "%s..%s", from->hex, to->hex);
  output_thing(context, "diff", name, data, print_diff);
  json_decref(data);
  free(each);
  layout_close(&layout);
  return TAMIS_OK;
}

enum tamis_status model_diff(struct context *context, const struct arguments *arguments) {
  struct fetched from = {.round = 0}, to = {.round = 0};
  enum tamis_status status = offline_choose(context, arguments);
  if (status == TAMIS_OK) status = find_and_fetch(context, arguments, 1, &from);
  if (status == TAMIS_OK) status = find_and_fetch(context, arguments, 2, &to);
  if (status == TAMIS_OK) status = compare(context, arguments->word[0], &from, &to);
  mapped_file_close(&from.file);
  mapped_file_close(&to.file);
  return status;
}
