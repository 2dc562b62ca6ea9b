/* One document for --weights, --output json and the card, so that they cannot disagree. */
#include "cli/aggregate_report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/human.h"

static json_t *real(double value) {
  return isfinite(value) ? json_real(value) : json_null();
}

static json_t *real_list(const double *value, size_t count) {
  json_t *list = json_array();
  for (size_t i = 0; i < count; i++) json_array_append_new(list, real(value[i]));
  return list;
}

static json_t *hex_list(const double *value, size_t count) {
  char text[64];
  json_t *list = json_array();
  for (size_t i = 0; i < count; i++) {
    snprintf(text, sizeof text, "%a", value[i]);
    json_array_append_new(list, json_string(text));
  }
  return list;
}

static json_t *dropped_list(const double *weight, size_t count) {
  json_t *list = json_array();
  for (size_t i = 0; i < count; i++)
    if (weight[i] == 0) json_array_append_new(list, json_integer((json_int_t)i));
  return list;
}

/* A file's name is any bytes; JSON has only some. */
static json_t *path_text(const char *path) {
  char printable[OUTPUT_CELL_SIZE];
  json_t *text = json_string(path);
  if (text != NULL) return text;
  human_printable(path, strlen(path), printable, sizeof printable);
  return json_string(printable);
}

/* Which row is which: the files when each is one. */
static json_t *file_list(const struct rows_file *in) {
  json_t *list = json_array();
  for (size_t i = 0; i < in->file_count; i++) json_array_append_new(list, path_text(in->path[i]));
  return list;
}

json_t *aggregate_report_make(const struct aggregate_facts *facts) {
  const struct robust_evidence *found = facts->evidence;
  const struct robust_rows *rows = &facts->in->rows;
  json_t *report = json_pack(
      "{s:s, s:I, s:I, s:s, s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:o, s:I, s:o, s:o, s:b, s:b, s:b}",
      "rule", facts->rule, "n", (json_int_t)rows->n, "d", (json_int_t)rows->d, "dtype",
      rows_file_dtype_name(rows->dtype), "files", file_list(facts->in), "out",
      path_text(facts->out), "weights", real_list(found->weights, rows->n), "weights_hex",
      hex_list(found->weights, rows->n), "dropped", dropped_list(found->weights, rows->n),
      "selected", (json_int_t)found->selected, "margin", real(found->margin), "scores",
      real_list(found->scores, rows->n), "iterations", (json_int_t)found->iterations,
      "reference_weight", real(found->reference_weight), "noise", real(found->noise), "exact",
      found->weights_are_exact, "capped", found->is_capped, "approximate", found->is_approximate);
  if (facts->round > 0)
    json_object_set_new(report, "round", json_integer((json_int_t)facts->round));
  return report;
}

/* "3, 12, 13", as many as fit; "none". */
static const char *print_dropped(const json_t *list, char *out, size_t size) {
  enum { ROOM = 32 }; /* for the number after and the sentence at the end */
  const json_t *row;
  size_t i, at = 0;
  snprintf(out, size, "none");
  json_array_foreach(list, i, row) {
    if (at + ROOM > size) {
      snprintf(out + at, size - at, " and %zu more", json_array_size(list) - i);
      break;
    }
    at += (size_t)snprintf(out + at, size - at, "%s%lld", i == 0 ? "" : ", ",
                           (long long)json_integer_value(row));
  }
  return out;
}

void aggregate_report_print(struct context *context, const json_t *report) {
  char rule[OUTPUT_CELL_SIZE], dtype[32], out[OUTPUT_CELL_SIZE], dropped[256];
  double margin = output_real(report, "margin");
  output_field(context, "rule", "%s", output_text(report, "rule", rule, sizeof rule));
  output_field(context, "rows", "%lld of %lld numbers, %s", (long long)output_integer(report, "n"),
               (long long)output_integer(report, "d"),
               output_text(report, "dtype", dtype, sizeof dtype));
  if (json_object_get(report, "round") != NULL)
    output_field(context, "round", "%lld", (long long)output_integer(report, "round"));
  output_field(context, "weighed", "%lld", (long long)output_integer(report, "selected"));
  output_field(context, "dropped", "%s",
               print_dropped(json_object_get(report, "dropped"), dropped, sizeof dropped));
  if (margin < 1e-6)
    output_field(context, "margin", "%.3g: the choice is numerically arbitrary", margin);
  else
    output_field(context, "margin", "%.3g", margin);
  if (output_flag(report, "capped"))
    output_field(context, "capped", "a search hit its limit; see the rule's file");
  if (output_flag(report, "approximate"))
    output_field(context, "approximate", "a sketch stood for the Gram matrix");
  output_field(context, "out", "%s", output_text(report, "out", out, sizeof out));
}
