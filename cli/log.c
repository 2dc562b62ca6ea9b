/* `tamis log show` and `tamis watch`: the log as lines. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/command_run.h"
#include "cli/human.h"
#include "cli/sentence.h"

enum { LAST_SHOWN = 20, LINE_SIZE = SENTENCE_SIZE + 128, RETRY_MS = 1000 };

struct reading {
  struct context *context;
  const char *federation, *kind; /* NULL: any */
  bool raw, watching;
  uint64_t left, next; /* entries still wanted; index after the last one seen */
  int64_t last_ms;     /* when the last one came */
  json_t *kept;
};

/* A kind that does not exist would silently match nothing. */
static enum tamis_status check_kind(struct context *context, const char *kind) {
  const char *names[STATEMENT_KIND_COUNT];
  for (int i = 0; i < STATEMENT_KIND_COUNT; i++) {
    names[i] = statement_kind_name((enum statement_kind)i);
    if (kind == NULL || strcmp(kind, names[i]) == 0) return TAMIS_OK;
  }
  const char *closest = human_closest(kind, names, STATEMENT_KIND_COUNT);
  return fault_set(&context->fault, TAMIS_BAD_REQUEST, "no entry is of kind \"%.60s\"%s%s%s", kind,
                   closest == NULL ? "" : "; did you mean ", closest == NULL ? "" : closest,
                   closest == NULL ? "" : "?");
}

static bool matches(const json_t *row, const char *key, const char *wanted) {
  const char *value = json_string_value(json_object_get(row, key));
  return wanted == NULL || (value != NULL && strcmp(value, wanted) == 0);
}

static const char *kind_colour(const struct context *context, const char *kind) {
  static const char *const bad[] = {"refusal", "exclusion",   "key-revoke",    "abandon",
                                    "hold",    "rollback",    "tombstone",     "rebuild",
                                    "freeze",  "auto-freeze", "auto-rollback", "unreadable"};
  if (strcmp(kind, "promote") == 0) return output_colour(context, "trusted");
  if (strcmp(kind, "client-state") == 0) return output_colour(context, "watched");
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    if (strcmp(kind, bad[i]) == 0) return output_colour(context, "rejected");
  }
  return "";
}

/* "#412   promote            digits round 7 promoted: ...". A watch leaves the kind to the colour:
 * what is cut off must not be the news. */
static void write_line(const struct reading *reading, const json_t *row, char line[LINE_SIZE]) {
  const struct context *context = reading->context;
  char kind[24], head[64], sentence[SENTENCE_SIZE];
  output_text(row, "kind", kind, sizeof kind);
  output_text(row, "sentence", sentence, sizeof sentence);
  const char *colour = kind_colour(context, kind);
  const char *end = *colour == '\0' ? "" : output_colour_end(context);
  int used = snprintf(head, sizeof head, "#%-5lld ", (long long)output_integer(row, "index"));
  if (!reading->watching)
    used += snprintf(head + used, sizeof head - (size_t)used, "%-17s  ", kind);
  if (context->form == OUTPUT_TABLE)
    human_cut(sentence, sizeof sentence, context->width - (size_t)used, context->utf8);
  if (reading->watching)
    snprintf(line, LINE_SIZE, "%s%s%s%s", head, colour, sentence, end);
  else
    snprintf(line, LINE_SIZE, "%s%s%s%s", colour, head, end, sentence);
}

static void print_entry(struct reading *reading, uint64_t index, const json_t *row) {
  char line[LINE_SIZE];
  if (reading->context->form == OUTPUT_NAME)
    snprintf(line, sizeof line, "entry/%llu", (unsigned long long)index);
  else
    write_line(reading, row, line);
  output_stream_row(reading->context, row, line, &reading->kept);
}

static enum tamis_status visit(void *opaque, uint64_t index, const char *envelope, size_t length) {
  struct reading *reading = opaque;
  struct context *context = reading->context;
  json_t *row = sentence_entry(operator_origin(context->operator), index, envelope, length);
  reading->next = index + 1;
  reading->last_ms = context_monotonic_ms();
  if (matches(row, "kind", reading->kind) && matches(row, "federation", reading->federation)) {
    if (reading->raw) {
      fwrite(envelope, 1, length, context->out);
      fputc('\n', context->out);
    } else {
      print_entry(reading, index, row);
    }
    reading->left--;
  }
  json_decref(row);
  if (ferror(context->out)) return fault_set(&context->fault, TAMIS_IO, "the output is closed");
  return reading->left == 0 ? TAMIS_CANCELLED : TAMIS_OK;
}

static enum tamis_status log_size(struct context *context, uint64_t *size) {
  json_t *rows = NULL;
  enum tamis_status status = context_query(context, "status", 0, NULL, &rows);
  json_int_t found = output_integer(json_array_get(rows, 0), "size");
  *size = found < 0 ? 0 : (uint64_t)found;
  json_decref(rows);
  return status;
}

enum tamis_status log_show(struct context *context, const struct arguments *arguments) {
  struct reading reading = {.context = context,
                            .kind = arguments_text(arguments, "kind", NULL),
                            .raw = arguments_has(arguments, "raw")};
  uint64_t size = 0;
  enum tamis_status status = check_kind(context, reading.kind);
  if (status == TAMIS_OK) status = log_size(context, &size);
  if (status != TAMIS_OK) return status;
  /* The tail is for looking; a kind is for searching, so it goes through everything. */
  bool tail = reading.kind == NULL && !arguments_has(arguments, "from");
  reading.left = arguments_count(arguments, "count", tail ? LAST_SHOWN : UINT64_MAX);
  uint64_t back = tail && size > reading.left ? size - reading.left : 0;
  uint64_t from = arguments_count(arguments, "from", back);
  if (reading.left > 0 && from < size)
    status =
        operator_entries(context->operator, from, size - from, visit, &reading, &context->fault);
  else if (from >= size)
    context_say(context, "The log has %llu entries.", (unsigned long long)size);
  if (status == TAMIS_CANCELLED && reading.left == 0) status = TAMIS_OK;
  if (status == TAMIS_OK && !reading.raw) output_stream_end(context, &reading.kept);
  json_decref(reading.kept);
  return status;
}

/* Rests before it asks a server that went away again. */
static void rest(void) {
  const struct timespec pause = {.tv_sec = RETRY_MS / 1000};
  nanosleep(&pause, NULL);
}

static enum tamis_status nothing_came(struct context *context, uint64_t wait_ms) {
  fault_set(&context->fault, TAMIS_TIMED_OUT, "nothing new came within %.3g s",
            (double)wait_ms / 1000);
  return context_hint(context, TAMIS_TIMED_OUT, "wait longer with --wait, or for ever without");
}

static enum tamis_status follow(struct reading *reading, uint64_t wait_ms) {
  struct context *context = reading->context;
  uint64_t told_at = UINT64_MAX; /* the entry after which the server went away, said once */
  for (;;) {
    uint64_t idle_ms = (uint64_t)(context_monotonic_ms() - reading->last_ms);
    if (wait_ms > 0 && idle_ms >= wait_ms) return nothing_came(context, wait_ms);
    uint64_t left_ms = wait_ms > 0 ? wait_ms - idle_ms : 0;
    enum tamis_status status = operator_watch(context->operator, reading->next,
                                              left_ms > UINT32_MAX ? UINT32_MAX : (uint32_t)left_ms,
                                              visit, reading, &context->fault);
    if (status != TAMIS_UNAVAILABLE && status != TAMIS_TIMED_OUT) return status;
    if (status == TAMIS_TIMED_OUT) continue;
    if (told_at != reading->next)
      context_say(context, "tamis: the server went away; trying again until it is back");
    told_at = reading->next;
    rest();
  }
}

enum tamis_status log_watch(struct context *context, const struct arguments *arguments) {
  struct reading reading = {
      .context = context, .federation = arguments->word[0], .watching = true, .left = UINT64_MAX};
  uint64_t size = 0;
  if (context->form == OUTPUT_JSON) context->form = OUTPUT_JSONL; /* it has no end to wait for */
  enum tamis_status status = log_size(context, &size);
  if (status != TAMIS_OK) return status;
  reading.next = arguments_count(arguments, "from", size);
  reading.last_ms = context_monotonic_ms();
  context_detail(context, "following from entry %llu", (unsigned long long)reading.next);
  return follow(&reading, arguments_duration_ms(arguments, "wait", 0));
}
