/* What a verdict and a standing mean to a person who was not there: numbers in words beside those
 * of the cohort, who decided, what happens next, and what to type. */
#ifndef TAMIS_CLI_CARD_H
#define TAMIS_CLI_CARD_H

#include <jansson.h>
#include "cli/context.h"

/* The row of an array of rows whose `client` it is; borrowed, NULL when there is none. */
const json_t *card_row(const json_t *rows, const char *client);

/* The row's numbers, each in words, beside the median of `rows` (the `round` query) and how many
 * spreads (1.4826 times the median deviation) it lies off. Those that the server does not send are
 * left out. */
void card_numbers(struct context *context, const json_t *rows, const json_t *row);

/* A letter a round, and above it, where the terminal can, its risk as a bar; the last 40 of
 * `rounds` (the `client-rounds` query, or rows of `round`, `verdict`, `risk`). */
void card_rounds(struct context *context, const json_t *rounds);

/* What people said about the client's updates: rows of the `decisions` query. */
void card_decisions(struct context *context, const json_t *decisions);

/* "the judge", or the person whose word it was, of a row of the `moves` query. */
const char *card_decider(const json_t *move);

/* What a standing means and what happens next by itself, and commands for it. `client` is a row of
 * the `clients` query. */
void card_next(struct context *context, const json_t *client);

#endif
