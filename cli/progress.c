/* Messages go to stderr, so that data in a pipe stays data. */
#include "cli/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include "cli/context.h"

enum { REDRAW_MS = 100, LINE_MS = 5000, BAR_WIDTH = 24 };

void progress_begin(struct progress *progress, struct context *context, const char *doing,
                    const char *things, uint64_t total) {
  *progress = (struct progress){.context = context,
                                .doing = doing,
                                .things = things,
                                .total = total,
                                .told_ms = context_monotonic_ms()};
}

static void draw_bar(const struct progress *progress, uint64_t done) {
  char bar[BAR_WIDTH + 1];
  int filled = done >= progress->total ? BAR_WIDTH
                                       : (int)((double)done / (double)progress->total * BAR_WIDTH);
  for (int i = 0; i < BAR_WIDTH; i++) bar[i] = i < filled ? '=' : ' ';
  bar[BAR_WIDTH] = '\0';
  fprintf(progress->context->err, "\r\033[K%s [%s] %" PRIu64 " of %" PRIu64 " %s", progress->doing,
          bar, done, progress->total, progress->things);
}

static void tell(const struct progress *progress, uint64_t done) {
  FILE *err = progress->context->err;
  const char *start = progress->context->err_terminal ? "\r\033[K" : "";
  if (progress->context->err_terminal && progress->total > 0)
    draw_bar(progress, done);
  else if (progress->total > 0)
    fprintf(err, "%s%s: %" PRIu64 " of %" PRIu64 " %s", start, progress->doing, done,
            progress->total, progress->things);
  else
    fprintf(err, "%s%s: %" PRIu64 " %s", start, progress->doing, done, progress->things);
  if (!progress->context->err_terminal) fputc('\n', err);
  fflush(err);
}

void progress_step(struct progress *progress, uint64_t done) {
  struct context *context = progress->context;
  int64_t now_ms = context_monotonic_ms();
  if (context->quiet || now_ms - progress->told_ms < (context->err_terminal ? REDRAW_MS : LINE_MS))
    return;
  progress->told_ms = now_ms;
  progress->is_drawn = context->err_terminal;
  tell(progress, done);
}

void progress_end(struct progress *progress) {
  if (progress->is_drawn) fputs("\r\033[K", progress->context->err);
  progress->is_drawn = false;
}
