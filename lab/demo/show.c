/* Plain words and few of them; the log has the rest. */
#include "lab/demo/show.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { BAR_WIDTH = 16, VERDICT_COLUMN = 53 };

#define SHOW_DIM "\033[2m"
#define SHOW_BOLD "\033[1m"
#define SHOW_RED "\033[31m"
#define SHOW_GREEN "\033[32m"
#define SHOW_PLAIN "\033[0m"

void show_open(struct show *show) {
  const char *term = getenv("TERM");
  bool dumb = term && strcmp(term, "dumb") == 0;
  *show = (struct show){.terminal = isatty(STDOUT_FILENO) && !dumb};
  show->colour = show->terminal && !getenv("NO_COLOR");
  struct winsize size;
  if (show->terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) show->width = size.ws_col;
}

static const char *show_style(const struct show *show, const char *style) {
  return show->colour ? style : "";
}

void show_heading(struct show *show, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  printf("\n%s%d. ", show_style(show, SHOW_BOLD), ++show->step);
  vprintf(format, arguments);
  printf("%s\n", show_style(show, SHOW_PLAIN));
  va_end(arguments);
  fflush(stdout);
}

void show_command(const struct show *show, const char *const *arguments) {
  printf("%s   $ tamis", show_style(show, SHOW_DIM));
  for (; *arguments; arguments++) printf(strchr(*arguments, ' ') ? " '%s'" : " %s", *arguments);
  printf("%s\n", show_style(show, SHOW_PLAIN));
  fflush(stdout);
}

/* Prints `text` from column `at` on, going on below column `indent` where the terminal ends; ends
 * the line. */
static void show_wrapped(const struct show *show, size_t at, size_t indent, const char *text) {
  while (*text) {
    size_t word = strcspn(text, " ");
    if (show->width > indent + 20 && at + word >= show->width && at > indent) {
      printf("\n%*s", (int)indent, "");
      at = indent;
    }
    printf("%.*s", (int)word, text);
    text += word;
    at += word + 1;
    if (*text) {
      putchar(' ');
      text++;
    }
  }
  putchar('\n');
}

static const char *show_phase(const struct board_round *round) {
  if (round->closed) return "measuring";
  if (round->judged) return "aggregating";
  return round->answered >= round->selected ? "judging" : "collecting";
}

static void show_bar(const struct board_round *round) {
  int64_t filled = round->selected > 0 ? BAR_WIDTH * round->answered / round->selected : 0;
  if (filled > BAR_WIDTH) filled = BAR_WIDTH;
  putchar('[');
  for (int i = 0; i < BAR_WIDTH; i++) putchar(i < filled ? '#' : '.');
  putchar(']');
}

void show_progress(struct show *show, struct board *board) {
  if (!show->terminal) return;
  const struct board_round *round = board_round(board, BOARD_ROBUST, show->shown + 1);
  if (!round) return;
  printf("\r\033[K%3llu/%llu ", (unsigned long long)round->round,
         (unsigned long long)board->rounds_max);
  show_bar(round);
  printf(" %s, %lld of %lld answered", show_phase(round), (long long)round->answered,
         (long long)round->selected);
  fflush(stdout);
}

static void show_clear(const struct show *show) {
  if (show->terminal) printf("\r\033[K");
}

static void show_accuracy(const struct show *show, const char *name,
                          const struct board_round *round, const char *style) {
  printf("  %s%s %.4f%s", show_style(show, style), name, round->accuracy,
         show_style(show, SHOW_PLAIN));
  if (!round->promoted) printf(" (kept)");
}

static void show_moves(struct show *show, const struct board_federation *federation,
                       uint64_t round) {
  for (; show->moves_shown < federation->move_count; show->moves_shown++) {
    const struct board_move *move = &federation->moves[show->moves_shown];
    if (move->round > round) return;
    if (strcmp(move->to, "trusted") == 0 && strcmp(move->from, "probation") == 0) continue;
    const char *style = strcmp(move->to, "excluded") == 0 ? SHOW_RED : "";
    printf("        %s%s %s -> %s%s: ", show_style(show, style), move->client, move->from, move->to,
           show_style(show, SHOW_PLAIN));
    size_t at = 8 + strlen(move->client) + strlen(move->from) + strlen(move->to) + 7;
    show_wrapped(show, at, 10, move->sentence);
  }
}

static void show_round(struct show *show, struct board *board, const struct board_round *robust,
                       const struct board_round *plain) {
  show_clear(show);
  printf("%3llu/%llu ", (unsigned long long)robust->round, (unsigned long long)board->rounds_max);
  show_bar(robust);
  show_accuracy(show, "robust", robust, SHOW_GREEN);
  show_accuracy(show, "plain", plain, plain->accuracy + 0.2 < robust->accuracy ? SHOW_RED : "");
  printf("  %lld accepted %lld held %lld rejected", (long long)robust->accepted,
         (long long)robust->held, (long long)robust->rejected);
  if (robust->refused) printf(" %lld refused", (long long)robust->refused);
  printf("  %.1f s\n", (double)(robust->closed_at_ms - robust->opened_at_ms) / 1000);
  show_moves(show, &board->federation[BOARD_ROBUST], robust->round);
  fflush(stdout);
}

void show_rounds(struct show *show, struct board *board) {
  for (;; show->shown++) {
    const struct board_round *robust = board_round(board, BOARD_ROBUST, show->shown + 1);
    const struct board_round *plain = board_round(board, BOARD_PLAIN, show->shown + 1);
    if (!robust || !plain || !robust->closed || !plain->closed) return;
    if (robust->accuracy < 0 || plain->accuracy < 0) return;
    show_round(show, board, robust, plain);
  }
}

static double show_number(const json_t *row, const char *key) {
  return json_number_value(json_object_get(row, key));
}

static const char *show_text(const json_t *row, const char *key) {
  const char *text = json_string_value(json_object_get(row, key));
  return text ? text : "";
}

void show_verdicts(const struct show *show, const json_t *clients, size_t count,
                   const char *const *names, const bool *liars) {
  printf("   %-10s %-7s %-11s %10s %6s  %s\n", "client", "is", "state", "reputation", "risk",
         "why");
  for (size_t i = 0; i < count; i++) {
    size_t at;
    const json_t *row;
    json_array_foreach(clients, at, row) {
      if (strcmp(show_text(row, "client"), names[i]) != 0) continue;
      const char *state = show_text(row, "state");
      const char *style = strcmp(state, "excluded") == 0 ? SHOW_RED : "";
      printf("   %-10s %-7s %s%-11s%s %10.2f %6.2f  ", names[i], liars[i] ? "liar" : "honest",
             show_style(show, style), state, show_style(show, SHOW_PLAIN),
             show_number(row, "reputation"), show_number(row, "risk"));
      show_wrapped(show, VERDICT_COLUMN, VERDICT_COLUMN, show_text(row, "sentence"));
    }
  }
  fflush(stdout);
}
