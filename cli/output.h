/* One way to print each kind of answer in each form: rows, one thing, a change made, a failure. */
#ifndef TAMIS_CLI_OUTPUT_H
#define TAMIS_CLI_OUTPUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include "proto/fault.h"

struct context;

enum output_form { OUTPUT_TABLE, OUTPUT_WIDE, OUTPUT_JSON, OUTPUT_JSONL, OUTPUT_NAME };

bool output_form_read(const char *text, enum output_form *form);
/* Tables and cards, as against JSON and names. */
bool output_is_for_people(const struct context *context);

enum cell {
  CELL_TEXT,     /* one word; spaces from outside become '_' */
  CELL_STATE,    /* a word with a colour: of a client, a verdict, a round's outcome */
  CELL_COUNT,    /* integer */
  CELL_REAL,     /* three decimals */
  CELL_DIGEST,   /* 12 digits in a table, all in wide */
  CELL_AGE,      /* unix milliseconds -> how long ago */
  CELL_SECONDS,  /* a span */
  CELL_FLAG,     /* yes or - */
  CELL_SENTENCE, /* the last column; cut to the width of the line in a table */
};

struct column {
  const char *title, *key; /* of the JSON row */
  enum cell cell;
  bool wide; /* only in wide */
};

struct sheet {
  const char *noun;  /* -o name prints NOUN/VALUE of the first column */
  const char *empty; /* said on stderr when there are no rows */
  size_t column_count;
  const struct column *column;
};

enum {
  OUTPUT_WIDTH = 80, /* at least; a wider terminal gets more of a sentence */
  OUTPUT_WIDTH_MAX = 240,

  OUTPUT_CELL_SIZE = 512,
  OUTPUT_COLUMNS_MAX = 48,
  OUTPUT_LABEL_WIDTH = 14
};

/* `rows`: an array of objects from outside; what is missing or of another type prints as "-". */
void output_rows(struct context *context, const struct sheet *sheet, const json_t *rows);

/* One thing. For people `print` does it; otherwise `data` in the envelope, or NOUN/NAME. */
void output_thing(struct context *context, const char *noun, const char *name, const json_t *data,
                  void (*print)(struct context *context, const json_t *data));

/* "NOUN/NAME VERBED" for people, with "(dry run)" when nothing was changed; `data` otherwise. */
void output_change(struct context *context, const char *noun, const char *name, const char *verbed,
                   bool dry_run, const json_t *data);

/* A stream: one row at a time as it comes (jsonl, or `line` for people), then the end. With -o json
 * the rows are collected into `*kept` (NULL at first) and printed by output_stream_end. */
void output_stream_row(struct context *context, const json_t *row, const char *line, json_t **kept);
void output_stream_end(struct context *context, json_t **kept);

/* The failure in context->fault: on stderr for people, and as envelope on stdout in JSON forms. */
void output_failure(struct context *context, enum tamis_status status);

/* One cell as text, as it stands in a table; never more than OUTPUT_CELL_SIZE bytes. */
void output_cell(const struct context *context, const struct column *column, const json_t *row,
                 char out[OUTPUT_CELL_SIZE]);
/* ANSI colour of a state, verdict or outcome, "" for none or without colour. */
const char *output_colour(const struct context *context, const char *state);
const char *output_colour_end(const struct context *context);

/* A line of a card: label, value. */
void output_field(struct context *context, const char *label, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The lines of a card about a log that was checked: `entries`, `covered`, `root` and `signatures` of
 * `data`; `keys` says what each signature was held to. */
void output_log(struct context *context, const json_t *data, const char *keys);

/* Text under the values of a card. */
void output_paragraph(struct context *context, const char *text);

/* One line of a list. */
void output_item(struct context *context, const char *text);

/* Text of a row as a person may see it: printable; "-" when missing. `out` is returned. */
const char *output_text(const json_t *row, const char *key, char *out, size_t size);
/* Of outside rows: 0 and NaN when missing or of another type. */
json_int_t output_integer(const json_t *row, const char *key);
double output_real(const json_t *row, const char *key);
bool output_flag(const json_t *row, const char *key);

#endif
