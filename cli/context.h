/* What every command is handed: where to write, in which form, and the way to the server. */
#ifndef TAMIS_CLI_CONTEXT_H
#define TAMIS_CLI_CONTEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include "cli/arguments.h"
#include "cli/output.h"
#include "client-sdk/operator.h"
#include "proto/fault.h"

struct offline;

struct context {
  FILE *out, *err; /* data; messages */
  enum output_form form;
  bool colour;                     /* of `out` */
  bool utf8;                       /* the locale can show it, and `out` is a terminal */
  bool out_terminal, err_terminal; /* a person looks: lines are wrapped, progress is redrawn */
  size_t width;                    /* of a line of `out`: 80, or the terminal's when it is wider */
  bool quiet, verbose;
  int64_t now_ms;
  uint32_t deadline_ms; /* 0: the library's */
  char *home;           /* owned */
  char *address;        /* owned; where the server is: --address, or server.json once read */
  char *log_vkey;       /* owned; NULL until server.json is read */
  char *ca, *certificate, *key; /* owned; PEM files of server.json, NULL without TLS */
  struct operator* operator;    /* NULL until context_operator */
  struct offline *offline;      /* owned; NULL: the server is asked (offline.h) */
  struct fault fault;           /* what a command that failed had to say */
  json_t *failure; /* owned; `data` of the envelope of a failure, NULL for its sentence alone */
  char hint[256];  /* more useful than the status's general one; may be empty */
};

/* Reads the environment and the global options. */
enum tamis_status context_open(struct context *context, const struct arguments *arguments,
                               FILE *out, FILE *err);
void context_close(struct context *context);

/* Reads HOME/operator/server.json: address, pinned key, TLS files (relative to
 * it). Repeating it is free. */
enum tamis_status context_server(struct context *context);
/* Opens the connection with the operator's key, talks to nobody; repeating it is free. */
enum tamis_status context_connect(struct context *context);
/* The same for a command that goes on to call: tells a person when the server does not answer. */
enum tamis_status context_operator(struct context *context);

/* A query of PROTOCOL.md 7; `*rows` is a new reference to an array. Opens the connection, or asks
 * the folder that offline_choose opened. */
enum tamis_status context_query(struct context *context, const char *name, size_t argument_count,
                                const char *const *arguments, json_t **rows);
/* A query about the federation `arguments[0]`: no rows for one that does not exist is
 * UNKNOWN_FEDERATION. */
enum tamis_status context_query_federation(struct context *context, const char *name,
                                           size_t argument_count, const char *const *arguments,
                                           json_t **rows);
/* Such a query's rows, shown on `sheet`. */
enum tamis_status context_list(struct context *context, const char *name,
                               const char *const *arguments, const struct sheet *sheet);
/* The one row of `name` whose `column` is `value`; `*row` is a new reference. `missing` and the
 * words of `what` when there is none. */
enum tamis_status context_find(struct context *context, const char *name, const char *argument,
                               const char *column, const char *value, enum tamis_status missing,
                               json_t **row);

/* --rounds as "7", "3..9", "3.." or "..9"; 0 is no bound, also where it is not given. */
enum tamis_status context_rounds(struct context *context, const struct arguments *arguments,
                                 int64_t *first, int64_t *last);

/* Asks a person at a terminal; without one, or with another answer than yes, a fault. `what` wants
 * to be confirmed: "a rollback". */
enum tamis_status context_confirm(struct context *context, const char *what, const char *question);

/* For measuring waits; context->now_ms is for ages. */
int64_t context_monotonic_ms(void);

/* A message for a person, on `err`; silent under -q. `context_detail` only speaks under -v. */
void context_say(struct context *context, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void context_detail(struct context *context, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Sets context->hint; returns `status`. */
enum tamis_status context_hint(struct context *context, enum tamis_status status,
                               const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
