/* Medians are made here from the rows of the round: they are for reading, and the judge's own, over
 * the voting updates alone, stand in its sentence. */
#include "cli/card.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/human.h"

enum { ROWS_MAX = 4096, ROUNDS_SHOWN = 40 };

static const struct {
  const char *key, *words;
} numbers[] = {
    {"norm", "length of the update"},
    {"distance", "distance from the cohort's centre"},
    {"cosine", "cosine with that centre"},
    {"krum", "distance to its nearest others"},
    {"degree", "how many others are near it"},
    {"neighbour_cosine", "cosine with its nearest other"},
    {"residual_cosine", "the same, the centre taken away"},
    {"cluster", "copies of it, itself included"},
    {"own_cosine", "cosine with its update before"},
    {"history_cosine", "cosine with all of its past"},
    {"history_similarity", "likeness of its past to another's"},
    {"aggregate_cosine", "cosine with the last aggregate"},
    {"prediction_error", "how badly its past predicts it"},
    {"layer_share", "how else its layers share the change"},
    {"output_cosine", "cosine of the last layer"},
    {"output_neighbour_cosine", "the same with its nearest other"},
    {"loss", "training loss that it reported"},
    {"examples", "examples that it claimed"},
};

const json_t *card_row(const json_t *rows, const char *client) {
  const json_t *row;
  size_t i;
  json_array_foreach(rows, i, row) {
    const char *name = json_string_value(json_object_get(row, "client"));
    if (name != NULL && strcmp(name, client) == 0 &&
        !json_is_string(json_object_get(row, "status")))
      return row;
  }
  return NULL;
}

static int by_value(const void *left, const void *right) {
  double a = *(const double *)left, b = *(const double *)right;
  return (a > b) - (a < b);
}

static double median_of(double *values, size_t count) {
  qsort(values, count, sizeof *values, by_value);
  return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

/* False when no row has the number. */
static bool cohort_of(const json_t *rows, const char *key, double *median, double *spread) {
  double *values = calloc(ROWS_MAX, sizeof *values);
  const json_t *row;
  size_t i, count = 0;
  if (values == NULL) return false;
  json_array_foreach(rows, i, row) {
    const json_t *value = json_object_get(row, key);
    if (json_is_number(value) && count < ROWS_MAX) values[count++] = json_number_value(value);
  }
  if (count > 0) {
    *median = median_of(values, count);
    for (i = 0; i < count; i++) values[i] = fabs(values[i] - *median);
    *spread = 1.4826 * median_of(values, count);
  }
  free(values);
  return count > 0;
}

static void print_number(struct context *context, const char *words, double value, double median,
                         double spread) {
  char off[HUMAN_TEXT_SIZE] = "-";
  if (value == median)
    snprintf(off, sizeof off, "0");
  else if (spread > 0 && fabs((value - median) / spread) <= 1000)
    snprintf(off, sizeof off, "%+.1f", (value - median) / spread);
  else if (spread > 0)
    snprintf(off, sizeof off, "over 1000");
  fprintf(context->out, "  %-38s %11.4g %11.4g %12s\n", words, value, median, off);
}

void card_numbers(struct context *context, const json_t *rows, const json_t *row) {
  fprintf(context->out, "\n%-40s %11s %11s %12s\n", "numbers", "this one", "the median",
          "spreads off");
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    const json_t *value = json_object_get(row, numbers[i].key);
    double median, spread;
    if (!json_is_number(value) || !cohort_of(rows, numbers[i].key, &median, &spread)) continue;
    print_number(context, numbers[i].words, json_number_value(value), median, spread);
  }
}

void card_rounds(struct context *context, const json_t *rounds) {
  char letters[ROUNDS_SHOWN + 1] = "", line[3 * ROUNDS_SHOWN + 1], verdict[OUTPUT_CELL_SIZE];
  double risk[ROUNDS_SHOWN];
  size_t all = json_array_size(rounds), count = 0;
  size_t first = all > ROUNDS_SHOWN ? all - ROUNDS_SHOWN : 0;
  for (size_t i = first; i < all; i++) {
    const json_t *row = json_array_get(rounds, i);
    output_text(row, "verdict", verdict, sizeof verdict);
    letters[count] = strcmp(verdict, "refused") == 0 ? 'x' : verdict[0] == 'a' ? '.' : verdict[0];
    risk[count++] = output_real(row, "risk");
  }
  letters[count] = '\0';
  if (count == 0) return;
  human_sparkline(risk, count, line);
  fprintf(context->out, "\nlast rounds   %lld to %lld\n",
          (long long)output_integer(json_array_get(rounds, first), "round"),
          (long long)output_integer(json_array_get(rounds, all - 1), "round"));
  if (context->utf8) fprintf(context->out, "  risk        %s\n", line);
  fprintf(context->out, "  verdict     %s\n", letters);
  fprintf(context->out, "              . accept  c clip  h hold  r reject  x refused\n");
}

void card_decisions(struct context *context, const json_t *decisions) {
  char decision[24], person[OUTPUT_CELL_SIZE], reason[OUTPUT_CELL_SIZE];
  const json_t *row;
  size_t i;
  if (json_array_size(decisions) == 0) return;
  fprintf(context->out, "\nwhat people said\n");
  json_array_foreach(decisions, i, row) {
    fprintf(context->out, "  round %-4lld  %s by %s%s, entry %lld\n",
            (long long)output_integer(row, "round"),
            output_text(row, "decision", decision, sizeof decision),
            output_text(row, "reviewer", person, sizeof person),
            output_integer(row, "opinion") ? " (an opinion)" : "",
            (long long)output_integer(row, "index"));
    output_text(row, "reason", reason, sizeof reason);
    if (strcmp(reason, "-") != 0) output_paragraph(context, reason);
  }
}

const char *card_decider(const json_t *move) {
  const char *sentence = json_string_value(json_object_get(move, "sentence"));
  if (sentence == NULL) return "the judge";
  if (strstr(sentence, "was found wrong in entry") != NULL) return "a reviewer";
  if (strncmp(sentence, "excluded by ", 12) == 0) return "a person";
  return strncmp(sentence, "reinstated by ", 14) == 0 ? "a person" : "the judge";
}

static const struct {
  const char *state, *words, *next;
} standings[] = {
    {"probation", "new or back again; its updates count like others'",
     "it is trusted after some rounds without a strike; with strikes it is quarantined"},
    {"trusted", "nothing is held against it; its updates count", "nothing needs to be done"},
    {"watched", "odd lately, by a strike or by its numbers; its updates still count",
     "clean rounds make it trusted, more strikes put it in quarantine"},
    {"quarantined", "its updates are judged but held: they weigh nothing",
     "clean rounds let it out; strikes in quarantine exclude it"},
    {"excluded", "refused at the door", "nothing by itself: only a person takes it back"},
};

void card_next(struct context *context, const json_t *client) {
  char state[24], name[OUTPUT_CELL_SIZE], federation[OUTPUT_CELL_SIZE];
  output_text(client, "state", state, sizeof state);
  output_text(client, "client", name, sizeof name);
  output_text(client, "federation", federation, sizeof federation);
  for (size_t i = 0; i < sizeof standings / sizeof *standings; i++) {
    if (strcmp(standings[i].state, state) != 0) continue;
    fprintf(context->out, "\n");
    output_field(context, "what it means", "%s", standings[i].words);
    output_field(context, "what is next", "%s", standings[i].next);
  }
  bool is_out = strcmp(state, "excluded") == 0;
  fprintf(context->out, "\nwhat you can do\n  tamis client %s %s --federation %s --reason '...'\n",
          is_out ? "reinstate" : "exclude", name, federation);
  fprintf(context->out, "  tamis client rounds %s %s\n", name, federation);
}
