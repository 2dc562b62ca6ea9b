/* Answers the golden attacks: one case on standard input, its pipeline spelled by adapter_tamis.py
 * where it has one, one answer on standard output (tests/conformance/vectors/README.md). */
#include "lab/collude.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdint.h>
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

static double number(const json_t *object, const char *name, double otherwise) {
  const json_t *value = json_object_get(object, name);
  return json_is_number(value) ? json_number_value(value) : otherwise;
}

/* JSON has no infinities; the vectors spell them. */
static json_t *spelled(double value) {
  if (isfinite(value)) return json_real(value);
  return json_string(isnan(value) ? "nan" : value > 0.0 ? "inf" : "-inf");
}

static json_t *list(const double *values, size_t count) {
  json_t *array = json_array();
  for (size_t i = 0; i < count; i++) json_array_append_new(array, spelled(values[i]));
  return array;
}

static struct collude_honest load(const json_t *input) {
  struct collude_honest honest = {.k = json_array_size(input),
                                  .d = json_array_size(json_array_get(input, 0))};
  double *row = allocate(honest.k * honest.d, sizeof *row);
  for (size_t i = 0; i < honest.k; i++)
    for (size_t c = 0; c < honest.d; c++)
      row[i * honest.d + c] = json_number_value(json_array_get(json_array_get(input, i), c));
  honest.row = row;
  honest.mean = allocate(honest.d, sizeof *honest.mean);
  honest.deviation = allocate(honest.d, sizeof *honest.deviation);
  collude_measure(&honest);
  return honest;
}

static const struct {
  const char *rule;
  enum collude_attack attack;
  const char *parameter; /* what the case calls the strength */
  bool is_optimal;
} names[] = {
    {"SignFlipping", COLLUDE_SIGN_FLIP, "", false},
    {"InnerProductManipulation", COLLUDE_IPM, "tau", false},
    {"ALittleIsEnough", COLLUDE_ALIE, "tau", false},
    {"Mimic", COLLUDE_MIMIC, "epsilon", false},
    {"Inf", COLLUDE_INFINITY, "", false},
    {"LabelFlipping", COLLUDE_MEAN, "", false},
    {"MinMax", COLLUDE_MIN_MAX, "", false},
    {"MinSum", COLLUDE_MIN_SUM, "", false},
    {"Optimal_InnerProductManipulation", COLLUDE_IPM, "", true},
    {"Optimal_ALittleIsEnough", COLLUDE_ALIE, "", true},
};

static enum collude_direction direction_of(const json_t *params) {
  const char *name = json_string_value(json_object_get(params, "deviation"));
  if (name != NULL && strcmp(name, "std") == 0) return COLLUDE_ALONG_DEVIATION;
  if (name != NULL && strcmp(name, "sign") == 0) return COLLUDE_ALONG_SIGN;
  return COLLUDE_ALONG_MEAN;
}

static json_t *answer_optimal(const json_t *root, const struct collude_honest *honest,
                              enum collude_attack attack, double *out) {
  struct robust_pipeline *pipeline = NULL;
  struct robust_error error = {""};
  const char *text = json_string_value(json_object_get(root, "pipeline"));
  size_t liars = (size_t)number(json_object_get(root, "params"), "f", 0);
  double damage = NAN;
  if (text == NULL || robust_pipeline_parse(text, &pipeline, &error) != ROBUST_OK)
    return json_pack("{s:s}", "error", text == NULL ? "no pipeline was spelled" : error.text);
  double strength = collude_optimal(honest, attack, pipeline, liars, out, &damage, &error);
  robust_pipeline_free(pipeline);
  if (isnan(damage)) return json_pack("{s:s}", "error", error.text);
  return json_pack("{s:o, s:f, s:f}", "output", list(out, honest->d), "objective", damage, "tau",
                   strength);
}

static json_t *answer(const json_t *root) {
  const char *rule = json_string_value(json_object_get(root, "rule"));
  const json_t *params = json_object_get(root, "params");
  size_t i = 0;
  while (i < sizeof names / sizeof names[0] && (rule == NULL || strcmp(names[i].rule, rule) != 0))
    i++;
  if (i == sizeof names / sizeof names[0]) return json_pack("{s:s}", "skip", "no such attack here");
  struct collude_honest honest = load(json_object_get(root, "input"));
  double *out = allocate(honest.d, sizeof *out);
  json_t *found = NULL;
  if (names[i].is_optimal) {
    found = answer_optimal(root, &honest, names[i].attack, out);
  } else {
    double gamma = collude_vector(&honest, names[i].attack, number(params, names[i].parameter, 0),
                                  direction_of(params), out);
    found = json_pack("{s:o, s:f}", "output", list(out, honest.d), "gamma", gamma);
  }
  free(out);
  free(honest.deviation);
  free(honest.mean);
  free((void *)(uintptr_t)honest.row);
  return found;
}

int main(void) {
  json_error_t error;
  json_t *root = json_loadf(stdin, JSON_DISABLE_EOF_CHECK, &error);
  if (root == NULL) {
    fprintf(stderr, "not a case: %s\n", error.text);
    return EXIT_FAILURE;
  }
  json_t *found = answer(root);
  json_dumpf(found, stdout, JSON_COMPACT);
  printf("\n");
  json_decref(found);
  json_decref(root);
  return EXIT_SUCCESS;
}
