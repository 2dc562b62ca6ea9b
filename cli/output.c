/* Tables, cards, envelopes. Everything that came from a server passes human_printable on its way to
 * a terminal; JSON goes out in ASCII with escapes. */
#include "cli/output.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/context.h"
#include "cli/exit_code.h"
#include "cli/human.h"

bool output_form_read(const char *text, enum output_form *form) {
  static const char *const name[] = {"table", "wide", "json", "jsonl", "name"};
  for (size_t i = 0; i < sizeof name / sizeof *name; i++) {
    if (strcmp(text, name[i]) == 0) {
      *form = (enum output_form)i;
      return true;
    }
  }
  return false;
}

bool output_is_for_people(const struct context *context) {
  return context->form == OUTPUT_TABLE || context->form == OUTPUT_WIDE;
}

const char *output_text(const json_t *row, const char *key, char *out, size_t size) {
  const json_t *value = json_object_get(row, key);
  const char *text = json_string_value(value);
  if (text == NULL || *text == '\0')
    snprintf(out, size, "-");
  else
    human_printable(text, json_string_length(value), out, size);
  return out;
}

json_int_t output_integer(const json_t *row, const char *key) {
  return json_integer_value(json_object_get(row, key));
}

double output_real(const json_t *row, const char *key) {
  const json_t *value = json_object_get(row, key);
  return json_is_number(value) ? json_number_value(value) : NAN;
}

bool output_flag(const json_t *row, const char *key) {
  const json_t *value = json_object_get(row, key);
  return json_is_true(value) || json_integer_value(value) != 0;
}

static void write_real(double value, const char *format, char out[OUTPUT_CELL_SIZE]) {
  if (isfinite(value))
    snprintf(out, OUTPUT_CELL_SIZE, format, value);
  else
    snprintf(out, OUTPUT_CELL_SIZE, "-");
}

void output_cell(const struct context *context, const struct column *column, const json_t *row,
                 char out[OUTPUT_CELL_SIZE]) {
  const json_t *value = json_object_get(row, column->key);
  char short_text[HUMAN_TEXT_SIZE];
  switch (column->cell) {
  case CELL_DIGEST:
    output_text(row, column->key, out, context->form == OUTPUT_WIDE ? OUTPUT_CELL_SIZE : 13);
    break;
  case CELL_COUNT:
    if (json_is_integer(value))
      snprintf(out, OUTPUT_CELL_SIZE, "%lld", (long long)json_integer_value(value));
    else
      snprintf(out, OUTPUT_CELL_SIZE, "-");
    break;
  case CELL_REAL: write_real(output_real(row, column->key), "%.3f", out); break;
  case CELL_SECONDS: write_real(output_real(row, column->key), "%.1fs", out); break;
  case CELL_AGE:
    human_age(context->now_ms - json_integer_value(value), short_text);
    snprintf(out, OUTPUT_CELL_SIZE, "%s", json_integer_value(value) > 0 ? short_text : "-");
    break;
  case CELL_FLAG:
    snprintf(out, OUTPUT_CELL_SIZE, "%s", output_flag(row, column->key) ? "yes" : "-");
    break;
  case CELL_TEXT:
  case CELL_STATE:
  case CELL_SENTENCE: output_text(row, column->key, out, OUTPUT_CELL_SIZE); break;
  }
  if (column->cell == CELL_SENTENCE) return;
  for (char *c = out; *c != '\0'; c++) {
    if (*c == ' ') *c = '_';
  }
}

const char *output_colour(const struct context *context, const char *state) {
  static const struct {
    const char *state, *colour;
  } row[] = {
      {"trusted", "\033[32m"},   {"accept", "\033[32m"},  {"promoted", "\033[32m"},
      {"probation", "\033[36m"}, {"open", "\033[36m"},    {"collecting", "\033[36m"},
      {"judging", "\033[36m"},   {"watched", "\033[33m"}, {"clip", "\033[33m"},
      {"hold", "\033[33m"},      {"held", "\033[33m"},    {"quarantined", "\033[31m"},
      {"reject", "\033[31m"},    {"refused", "\033[31m"}, {"excluded", "\033[1;31m"},
      {"abandoned", "\033[31m"},
  };
  for (size_t i = 0; context->colour && i < sizeof row / sizeof *row; i++) {
    if (strcmp(row[i].state, state) == 0) return row[i].colour;
  }
  return "";
}

const char *output_colour_end(const struct context *context) {
  return context->colour ? "\033[0m" : "";
}

static bool is_shown(const struct context *context, const struct column *column) {
  return !column->wide || context->form == OUTPUT_WIDE;
}

static bool is_right(enum cell cell) {
  return cell == CELL_COUNT || cell == CELL_REAL || cell == CELL_AGE || cell == CELL_SECONDS;
}

static void print_cell(struct context *context, const struct column *column, const char *text,
                       size_t width, bool is_last) {
  const char *colour = column->cell == CELL_STATE ? output_colour(context, text) : "";
  const char *end = *colour == '\0' ? "" : output_colour_end(context);
  size_t length = strlen(text);
  int pad = length < width ? (int)(width - length) : 0;
  if (is_right(column->cell))
    fprintf(context->out, "%*s%s%s", pad, "", text, is_last ? "\n" : "  ");
  else if (is_last)
    fprintf(context->out, "%s%s%s\n", colour, text, end);
  else
    fprintf(context->out, "%s%s%s%*s", colour, text, end, pad + 2, "");
}

/* Widths of all columns but the sentence, which gets what is left of the line. */
static size_t measure(struct context *context, const struct sheet *sheet, const json_t *rows,
                      size_t width[OUTPUT_COLUMNS_MAX]) {
  char text[OUTPUT_CELL_SIZE];
  const json_t *row;
  size_t i, used = 0;
  assert(sheet->column_count <= OUTPUT_COLUMNS_MAX);
  for (size_t c = 0; c < sheet->column_count; c++) {
    const struct column *column = &sheet->column[c];
    width[c] = strlen(column->title);
    if (!is_shown(context, column) || column->cell == CELL_SENTENCE) continue;
    json_array_foreach(rows, i, row) {
      output_cell(context, column, row, text);
      if (strlen(text) > width[c]) width[c] = strlen(text);
    }
    used += width[c] + 2;
  }
  return used;
}

static void print_table(struct context *context, const struct sheet *sheet, const json_t *rows) {
  char text[OUTPUT_CELL_SIZE];
  size_t width[OUTPUT_COLUMNS_MAX], last = 0, i;
  const json_t *row;
  size_t used = measure(context, sheet, rows, width);
  size_t left = used + 20 < context->width ? context->width - used : 20;
  for (size_t c = 0; c < sheet->column_count; c++) {
    if (is_shown(context, &sheet->column[c])) last = c;
  }
  for (size_t c = 0; c <= last; c++) {
    const struct column heading = {.cell =
                                       is_right(sheet->column[c].cell) ? CELL_COUNT : CELL_TEXT};
    if (!is_shown(context, &sheet->column[c])) continue;
    print_cell(context, &heading, sheet->column[c].title, width[c], c == last);
  }
  json_array_foreach(rows, i, row) {
    for (size_t c = 0; c <= last; c++) {
      if (!is_shown(context, &sheet->column[c])) continue;
      output_cell(context, &sheet->column[c], row, text);
      if (sheet->column[c].cell == CELL_SENTENCE && context->form == OUTPUT_TABLE)
        human_cut(text, sizeof text, left, context->utf8);
      print_cell(context, &sheet->column[c], text, width[c], c == last);
    }
  }
}

static void print_json(struct context *context, const json_t *value, size_t flags) {
  json_dumpf(value, context->out, flags | JSON_ENSURE_ASCII | JSON_ENCODE_ANY);
  fputc('\n', context->out);
}

/* Steals `data`. */
static void print_envelope(struct context *context, enum tamis_status status, json_t *data,
                           const char *hint) {
  json_t *envelope = json_pack("{s:s, s:s, s:i, s:o, s:s, s:s}", "schema_version", "1", "status",
                               status == TAMIS_OK ? "ok" : "error", "exit_code",
                               (int)exit_code_of(status), "data", data, "error_code",
                               status == TAMIS_OK ? "" : tamis_status_name(status), "hint", hint);
  bool is_line = context->form == OUTPUT_JSONL;
  if (is_line) json_object_set_new(envelope, "terminal", json_true());
  print_json(context, envelope, is_line ? JSON_COMPACT : JSON_INDENT(2));
  json_decref(envelope);
}

static json_t *borrow(const json_t *value) {
  return json_incref(
      (json_t *)(uintptr_t)value); /* jansson counts references, so it cannot be const */
}

void output_rows(struct context *context, const struct sheet *sheet, const json_t *rows) {
  char text[OUTPUT_CELL_SIZE];
  const json_t *row;
  size_t i;
  switch (context->form) {
  case OUTPUT_TABLE:
  case OUTPUT_WIDE:
    if (json_array_size(rows) == 0)
      context_say(context, "%s", sheet->empty);
    else
      print_table(context, sheet, rows);
    break;
  case OUTPUT_JSON: print_envelope(context, TAMIS_OK, borrow(rows), ""); break;
  case OUTPUT_JSONL:
    json_array_foreach(rows, i, row) print_json(context, row, JSON_COMPACT);
    print_envelope(context, TAMIS_OK, json_object(), "");
    break;
  case OUTPUT_NAME:
    json_array_foreach(rows, i, row) {
      output_cell(context, &sheet->column[0], row, text);
      fprintf(context->out, "%s/%s\n", sheet->noun, text);
    }
    break;
  }
}

void output_thing(struct context *context, const char *noun, const char *name, const json_t *data,
                  void (*print)(struct context *context, const json_t *data)) {
  if (output_is_for_people(context))
    print(context, data);
  else if (context->form == OUTPUT_NAME)
    fprintf(context->out, "%s/%s\n", noun, name);
  else
    print_envelope(context, TAMIS_OK, borrow(data), "");
}

void output_change(struct context *context, const char *noun, const char *name, const char *verbed,
                   bool dry_run, const json_t *data) {
  if (output_is_for_people(context))
    fprintf(context->out, "%s/%s %s%s\n", noun, name, verbed, dry_run ? " (dry run)" : "");
  else if (context->form == OUTPUT_NAME)
    fprintf(context->out, "%s/%s\n", noun, name);
  else
    print_envelope(context, TAMIS_OK, borrow(data), "");
}

void output_stream_row(struct context *context, const json_t *row, const char *line,
                       json_t **kept) {
  if (context->form == OUTPUT_JSON) {
    if (*kept == NULL) *kept = json_array();
    json_array_append_new(*kept, borrow(row));
  } else if (context->form == OUTPUT_JSONL) {
    print_json(context, row, JSON_COMPACT);
  } else {
    fprintf(context->out, "%s\n", line);
  }
  fflush(context->out);
}

void output_stream_end(struct context *context, json_t **kept) {
  if (context->form == OUTPUT_JSON)
    print_envelope(context, TAMIS_OK, *kept == NULL ? json_array() : json_incref(*kept), "");
  else if (context->form == OUTPUT_JSONL)
    print_envelope(context, TAMIS_OK, json_object(), "");
  json_decref(*kept);
  *kept = NULL;
}

/* Breaks at blanks, so that a terminal does not break words. The text begins at column `begun`;
 * later lines are indented by `indent`. */
static void print_wrapped(FILE *out, bool is_terminal, size_t begun, size_t indent,
                          const char *text) {
  size_t width = OUTPUT_WIDTH - begun;
  while (is_terminal && strlen(text) > width) {
    size_t cut = width;
    while (cut > 0 && text[cut] != ' ') cut--;
    if (cut == 0) break;
    fprintf(out, "%.*s\n%*s", (int)cut, text, (int)indent, "");
    text += cut + 1;
    width = OUTPUT_WIDTH - indent;
  }
  fprintf(out, "%s\n", text);
}

void output_failure(struct context *context, enum tamis_status status) {
  char line[OUTPUT_CELL_SIZE];
  const char *hint = context->hint[0] != '\0' ? context->hint : exit_code_hint(status);
  const char *text =
      context->fault.text[0] != '\0' ? context->fault.text : tamis_status_words(status);
  snprintf(line, sizeof line, "tamis: %s (%s)", text, tamis_status_name(status));
  print_wrapped(context->err, context->err_terminal, 0, 2, line);
  if (*hint != '\0') fprintf(context->err, "  %s\n", hint);
  if (context->form != OUTPUT_JSON && context->form != OUTPUT_JSONL) return;
  json_t *data = context->failure == NULL ? json_object() : json_incref(context->failure);
  json_object_set_new(data, "message", json_string(text));
  print_envelope(context, status, data, hint);
}

void output_paragraph(struct context *context, const char *text) {
  fprintf(context->out, "%*s", OUTPUT_LABEL_WIDTH, "");
  print_wrapped(context->out, context->out_terminal, OUTPUT_LABEL_WIDTH, OUTPUT_LABEL_WIDTH, text);
}

void output_item(struct context *context, const char *text) {
  fputs("  - ", context->out);
  print_wrapped(context->out, context->out_terminal, 4, 4, text);
}

void output_field(struct context *context, const char *label, const char *format, ...) {
  char text[2 * OUTPUT_CELL_SIZE];
  va_list list;
  va_start(list, format);
  vsnprintf(text, sizeof text, format, list);
  va_end(list);
  fprintf(context->out, "%-*s", OUTPUT_LABEL_WIDTH, label);
  print_wrapped(context->out, context->out_terminal, OUTPUT_LABEL_WIDTH, OUTPUT_LABEL_WIDTH, text);
}

void output_log(struct context *context, const json_t *data, const char *keys) {
  char root[OUTPUT_CELL_SIZE];
  output_field(context, "entries", "%lld, %lld of them under the signed checkpoint",
               (long long)output_integer(data, "entries"),
               (long long)output_integer(data, "covered"));
  output_field(context, "root", "%s", output_text(data, "root", root, sizeof root));
  output_field(context, "signatures", "%lld, %s", (long long)output_integer(data, "signatures"),
               keys);
}
