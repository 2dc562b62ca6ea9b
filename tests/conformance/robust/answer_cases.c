/* Answers the golden cases that no pipeline spells: FLDetector's step and its gap statistic, and
 * CAF from ByzFL's recorded random starts. One case on standard input, one answer on standard
 * output (tests/conformance/vectors/README.md). */
#include "robust/caf.h"
#include "robust/fldetector.h"
#include "robust/gram.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *allocate(size_t count, size_t size) {
  void *memory = calloc(count > 0 ? count : 1, size);
  if (memory == NULL) {
    fprintf(stderr, "out of memory\n");
    exit(EXIT_FAILURE);
  }
  return memory;
}

struct matrix {
  size_t n, d;
  double *value;
  float *narrow;
  const float **row;
};

/* A list of numbers is one row. */
static struct matrix load(const json_t *json) {
  bool is_flat = !json_is_array(json_array_get(json, 0));
  struct matrix m = {.n = is_flat ? 1 : json_array_size(json)};
  m.d = json_array_size(is_flat ? json : json_array_get(json, 0));
  m.value = allocate(m.n * m.d, sizeof *m.value);
  m.narrow = allocate(m.n * m.d, sizeof *m.narrow);
  m.row = allocate(m.n, sizeof *m.row);
  for (size_t i = 0; i < m.n; i++) {
    const json_t *row = is_flat ? json : json_array_get(json, i);
    m.row[i] = m.narrow + i * m.d;
    for (size_t k = 0; k < m.d; k++) {
      m.value[i * m.d + k] = json_number_value(json_array_get(row, k));
      m.narrow[i * m.d + k] = (float)m.value[i * m.d + k];
    }
  }
  return m;
}

static void drop(struct matrix *m) {
  free(m->row);
  free(m->narrow);
  free(m->value);
}

static json_t *list(const double *values, size_t count) {
  json_t *array = json_array();
  for (size_t i = 0; i < count; i++) json_array_append_new(array, json_real(values[i]));
  return array;
}

static struct robust_rows as_rows(const struct matrix *m, const void **pointers) {
  for (size_t i = 0; i < m->n; i++) pointers[i] = m->row[i];
  return (struct robust_rows){.n = m->n, .d = m->d, .row = pointers};
}

static json_t *answer_step(const json_t *params, const struct matrix *now) {
  struct matrix s = load(json_object_get(params, "S")), y = load(json_object_get(params, "Y"));
  struct matrix v = load(json_object_get(params, "v")), old = load(json_object_get(params, "old"));
  struct fldetector_window window = {
      .pairs = s.n, .d = now->d, .step = s.row, .change = y.row, .move = v.narrow};
  struct fldetector_products products;
  struct fldetector_forecast forecast;
  double *change = allocate(now->d, sizeof *change);
  double *distance = allocate(now->n, sizeof *distance);
  const void **now_row = allocate(now->n, sizeof *now_row);
  const void **old_row = allocate(now->n, sizeof *old_row);
  struct robust_rows now_rows = as_rows(now, now_row), old_rows = as_rows(&old, old_row);
  fldetector_measure(&window, &products);
  fldetector_solve(window.pairs, &products, &forecast);
  fldetector_foretell(&window, &forecast, 0, now->d, change);
  fldetector_add_errors(&window, &forecast, &now_rows, &old_rows, distance);
  fldetector_distances(now->n, distance, distance);
  json_t *answer = json_pack("{s:{s:o, s:o}}", "output", "hvp", list(change, now->d), "distance",
                             list(distance, now->n));
  free(old_row);
  free(now_row);
  free(distance);
  free(change);
  drop(&old);
  drop(&v);
  drop(&y);
  drop(&s);
  return answer;
}

static json_t *answer_gap(const json_t *params, const struct matrix *suspicion) {
  size_t n = suspicion->n * suspicion->d;
  struct fldetector_options options = {
      .clusters_max = (size_t)json_integer_value(json_object_get(params, "kmax")),
      .references = (size_t)json_integer_value(json_object_get(params, "nrefs")),
      .seed = 1};
  double *work = allocate(fldetector_work_doubles(n), sizeof *work);
  bool *is_flagged = allocate(n, sizeof *is_flagged);
  json_t *flagged = json_array();
  bool is_attack = fldetector_flag(n, suspicion->value, &options, work, is_flagged);
  for (size_t i = 0; i < n; i++)
    if (is_flagged[i]) json_array_append_new(flagged, json_integer((json_int_t)i));
  free(is_flagged);
  free(work);
  return json_pack("{s:b, s:o}", "attack_detected", is_attack, "flagged", flagged);
}

/* <x_i, s_t> for starts of length 1. */
static double *project(const struct matrix *rows, const struct matrix *starts) {
  double *product = allocate(starts->n * rows->n, sizeof *product);
  for (size_t t = 0; t < starts->n; t++) {
    const double *s = starts->value + t * starts->d;
    double square = 0.0;
    for (size_t k = 0; k < rows->d; k++) square += s[k] * s[k];
    for (size_t i = 0; i < rows->n; i++)
      for (size_t k = 0; k < rows->d; k++)
        product[t * rows->n + i] += rows->value[i * rows->d + k] * s[k] / sqrt(square);
  }
  return product;
}

static double *distances_of(const struct matrix *rows) {
  double *distance = allocate(rows->n * rows->n, sizeof *distance);
  for (size_t i = 0; i < rows->n; i++)
    for (size_t j = 0; j < rows->n; j++)
      for (size_t k = 0; k < rows->d; k++) {
        double step = rows->value[i * rows->d + k] - rows->value[j * rows->d + k];
        distance[i * rows->n + j] += step * step;
      }
  return distance;
}

static json_t *answer_caf(const json_t *params, const struct matrix *rows) {
  struct matrix starts = load(json_object_get(params, "starts"));
  double *product = project(rows, &starts);
  double *distance = distances_of(rows);
  double *work = allocate(caf_work_doubles(rows->n), sizeof *work);
  double *out = allocate(rows->d, sizeof *out);
  struct caf caf = {.n = rows->n,
                    .f = (size_t)json_integer_value(json_object_get(params, "f")),
                    .starts = product,
                    .start_count = starts.n};
  struct rule_finding finding = {.weight = allocate(rows->n, sizeof(double)),
                                 .score = allocate(rows->n, sizeof(double)),
                                 .margin = 1.0};
  caf_filter(&caf, distance, work, &finding);
  for (size_t i = 0; i < rows->n; i++)
    for (size_t k = 0; k < rows->d; k++) out[k] += finding.weight[i] * rows->value[i * rows->d + k];
  json_t *answer = json_pack("{s:o}", "output", list(out, rows->d));
  free(finding.score);
  free(finding.weight);
  free(out);
  free(work);
  free(distance);
  free(product);
  drop(&starts);
  return answer;
}

int main(void) {
  json_error_t error;
  json_t *root = json_loadf(stdin, JSON_DISABLE_EOF_CHECK, &error);
  const char *rule = json_string_value(json_object_get(root, "rule"));
  const json_t *params = json_object_get(root, "params");
  json_t *answer = NULL;
  if (rule == NULL || params == NULL) {
    fprintf(stderr, "not a case: %s\n", root == NULL ? error.text : "no rule or params");
    json_decref(root);
    return EXIT_FAILURE;
  }
  struct matrix rows = load(json_object_get(root, "input"));
  if (strcmp(rule, "FLDetector_step") == 0) answer = answer_step(params, &rows);
  if (strcmp(rule, "GapStatistic_2means") == 0) answer = answer_gap(params, &rows);
  if (strcmp(rule, "CAF") == 0) answer = answer_caf(params, &rows);
  if (answer == NULL) answer = json_pack("{s:s}", "skip", "this program does not know it");
  json_dumpf(answer, stdout, JSON_COMPACT);
  printf("\n");
  json_decref(answer);
  drop(&rows);
  json_decref(root);
  return EXIT_SUCCESS;
}
