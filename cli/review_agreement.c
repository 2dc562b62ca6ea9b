/* `tamis review agreement`: do those who review say the same of the same updates, and does the
 * judge?
 */
#include <math.h>
#include <string.h>

#include "aggregator/agreement.h"
#include "cli/command_run.h"

enum { PEOPLE_MAX = 64 };

static const struct column columns[] = {
    {"FIRST", "first", CELL_TEXT, false},  {"SECOND", "second", CELL_TEXT, false},
    {"ITEMS", "items", CELL_COUNT, false}, {"AGREE", "agree", CELL_REAL, false},
    {"KAPPA", "kappa", CELL_REAL, false},
};

static const char *word_of(const json_t *row, const char *key) {
  const char *word = json_string_value(json_object_get(row, key));
  return word ? word : "";
}

static size_t answer_of(const json_t *row) {
  return strcmp(word_of(row, "decision"), "release") == 0 ? 0 : 1;
}

/* In the order in which they spoke first; those beyond PEOPLE_MAX are not compared. */
static size_t people_of(const json_t *decisions, const char *people[PEOPLE_MAX]) {
  const json_t *row;
  size_t i, k, count = 0;
  json_array_foreach(decisions, i, row) {
    const char *person = word_of(row, "reviewer");
    for (k = 0; k < count && strcmp(people[k], person) != 0; k++) continue;
    if (k == count && count < PEOPLE_MAX && *person) people[count++] = person;
  }
  return count;
}

/* Items that both spoke about; nobody speaks twice about one. */
static void seen_by(const json_t *decisions, const char *first, const char *second,
                    size_t seen[2][2]) {
  const json_t *one, *other;
  size_t i, k;
  json_array_foreach(decisions, i, one) {
    if (strcmp(word_of(one, "reviewer"), first) != 0) continue;
    json_array_foreach(decisions, k, other) {
      if (strcmp(word_of(other, "reviewer"), second) == 0 &&
          output_integer(other, "item") == output_integer(one, "item"))
        seen[answer_of(one)][answer_of(other)]++;
    }
  }
}

/* The judge held all of them: it agrees where the person says so too, and beside one who always
 * says the same there is no kappa. */
static void seen_by_judge(const json_t *decisions, const char *person, size_t seen[2][2]) {
  const json_t *row;
  size_t i;
  json_array_foreach(decisions, i, row) {
    if (strcmp(word_of(row, "reviewer"), person) == 0) seen[answer_of(row)][1]++;
  }
}

static void add_row(json_t *rows, const char *first, const char *second, size_t seen[2][2],
                    double kappa) {
  size_t items = seen[0][0] + seen[0][1] + seen[1][0] + seen[1][1];
  if (items == 0) return;
  json_array_append_new(rows, json_pack("{s:s, s:s, s:I, s:f, s:o}", "first", first, "second",
                                        second, "items", (json_int_t)items, "agree",
                                        (double)(seen[0][0] + seen[1][1]) / (double)items, "kappa",
                                        isnan(kappa) ? json_null() : json_real(kappa)));
}

enum tamis_status review_agreement(struct context *context, const struct arguments *arguments) {
  static const struct sheet sheet = {"agreement", "Nobody has reviewed anything yet.",
                                     sizeof columns / sizeof *columns, columns};
  const char *federation = arguments->word[0] ? arguments->word[0] : "";
  const char *people[PEOPLE_MAX];
  json_t *decisions = NULL, *rows;
  enum tamis_status status = context_query(context, "decisions", 1, &federation, &decisions);
  if (status != TAMIS_OK) return status;
  size_t count = people_of(decisions, people);
  rows = json_array();
  for (size_t i = 0; i < count; i++) {
    size_t seen[2][2] = {{0}};
    seen_by_judge(decisions, people[i], seen);
    add_row(rows, people[i], "the-judge", seen, NAN);
  }
  for (size_t i = 0; i < count; i++)
    for (size_t k = i + 1; k < count; k++) {
      size_t seen[2][2] = {{0}};
      seen_by(decisions, people[i], people[k], seen);
      add_row(rows, people[i], people[k], seen, agreement_kappa(seen));
    }
  output_rows(context, &sheet, rows);
  json_decref(rows);
  json_decref(decisions);
  return TAMIS_OK;
}
