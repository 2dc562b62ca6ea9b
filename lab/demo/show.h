/* How the demo looks: one line a round that stays, one line that moves while a round is under way,
 * colour only on a terminal. */
#ifndef TAMIS_LAB_DEMO_SHOW_H
#define TAMIS_LAB_DEMO_SHOW_H

#include <jansson.h>
#include <stdbool.h>
#include "lab/demo/board.h"

struct show {
  bool terminal, colour;
  size_t width;   /* columns of the terminal; 0: not a terminal, lines may be long */
  int step;       /* of the story, for headings */
  uint64_t shown; /* rounds printed so far */
  size_t moves_shown;
};

void show_open(struct show *show);
/* "3. What happened" and an empty line before it. */
void show_heading(struct show *show, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "   $ tamis rollback ..." : what the demo runs in the reader's place. */
void show_command(const struct show *show, const char *const *arguments);

/* Redraws the moving line on a terminal; nothing elsewhere. */
void show_progress(struct show *show, struct board *board);
/* Prints every round that both federations have closed and measured and that was not printed yet,
 * with the moves of clients in it. */
void show_rounds(struct show *show, struct board *board);

/* The table of verdicts: `clients` are the rows of the query of that name; liars[i] says whether
 * names[i] was told to lie. */
void show_verdicts(const struct show *show, const json_t *clients, size_t count,
                   const char *const *names, const bool *liars);

#endif
