/* Runs the golden vectors (science.md 12), made by other people's implementations, against robust/.
 *
 * Compared before the rounding to float32, through robust_aggregate_f64, so that the vectors' own
 * tolerance holds unloosened: |out - reference| <= 1e-7 spread, spread being the largest |x - mean
 * of its coordinate|. The inputs are exact in float32. Each case is also run with rows and order
 * permuted together, which must not change a bit. Usage: conformance_vectors [FILE.jsonl ...];
 * without arguments all of the shared ones, of which at least CASES_EXPECTED must have run. */
#include "robust/robust.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CASES_EXPECTED = 21, PIPELINE_SIZE = 128 };

struct vector_case {
  const char *id;
  const char *rule;
  json_t *params;
  size_t n, d;
  float *values;
  const void **row;
  double *reference;
  double *out;
};

struct tally {
  size_t run, failed, skipped;
};

static void *allocate(size_t count, size_t size) {
  void *memory = calloc(count > 0 ? count : 1, size);
  if (memory == NULL) {
    fprintf(stderr, "out of memory\n");
    exit(EXIT_FAILURE);
  }
  return memory;
}

static long whole(const struct vector_case *c, const char *name) {
  json_t *value = json_object_get(c->params, name);
  return json_is_number(value) ? (long)json_number_value(value) : -1;
}

static int append_parameter(char *text, const struct vector_case *c, const char *name) {
  size_t used = strlen(text);
  if (whole(c, name) < 0) return 0;
  return snprintf(text + used, PIPELINE_SIZE - used, "%s%s=%ld", text[used - 1] == '(' ? "" : ", ",
                  name, whole(c, name));
}

/* The pipeline that spells the case, or NULL and why there is none. */
static const char *spell(const struct vector_case *c, char text[PIPELINE_SIZE], const char **why) {
  static const char *const names[][2] = {
      {"Average", "mean"},          {"Median", "median"},
      {"TrMean", "trimmed_mean("},  {"Krum", "krum("},
      {"MultiKrum", "multi_krum("}, {"Krum_nf2", "krum("},
      {"FedAvg_weighted", "mean"},  {"MultiKrum_nf2_weighted", "multi_krum("},
  };
  if (strcmp(c->rule, "TrMean_fraction") == 0) {
    snprintf(text, PIPELINE_SIZE, "trimmed_mean(f=%ld)", whole(c, "cut"));
    return text;
  }
  *why = "no such rule yet";
  if (strcmp(c->rule, "Krum_d4_nf2") == 0) *why = "no fourth power of distances yet";
  if (strcmp(c->rule, "MultiKrum_iterative") == 0) *why = "no repeated selection yet";
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    if (strcmp(c->rule, names[i][0]) != 0) continue;
    snprintf(text, PIPELINE_SIZE, "%s", names[i][1]);
    if (text[strlen(text) - 1] != '(') return text;
    append_parameter(text, c, "f");
    append_parameter(text, c, "m");
    append_parameter(text, c, "neighbours");
    strcat(text, ")");
    return text;
  }
  return NULL;
}

static int load_matrix(struct vector_case *c, json_t *input) {
  c->n = json_array_size(input);
  c->d = json_array_size(json_array_get(input, 0));
  c->values = allocate(c->n * c->d, sizeof *c->values);
  c->row = allocate(c->n, sizeof *c->row);
  for (size_t i = 0; i < c->n; i++) {
    json_t *row = json_array_get(input, i);
    c->row[i] = c->values + i * c->d;
    if (json_array_size(row) != c->d) return -1;
    for (size_t k = 0; k < c->d; k++) {
      json_t *value = json_array_get(row, k);
      double number = json_number_value(value);
      c->values[i * c->d + k] = (float)number;
      if (!json_is_number(value) || (double)(float)number < number ||
          (double)(float)number > number)
        return -1;
    }
  }
  return 0;
}

static int load_reference(struct vector_case *c, json_t *output) {
  if (json_array_size(output) != c->d) return -1;
  c->reference = allocate(c->d, sizeof *c->reference);
  c->out = allocate(c->d, sizeof *c->out);
  for (size_t k = 0; k < c->d; k++) c->reference[k] = json_number_value(json_array_get(output, k));
  return 0;
}

static double spread_of(const struct vector_case *c) {
  double spread = 0.0;
  for (size_t k = 0; k < c->d; k++) {
    double mean = 0.0;
    for (size_t i = 0; i < c->n; i++) mean += (double)c->values[i * c->d + k] / (double)c->n;
    for (size_t i = 0; i < c->n; i++)
      spread = fmax(spread, fabs((double)c->values[i * c->d + k] - mean));
  }
  return spread;
}

/* Flower multiplies the chosen rows by the clients' example counts; so do we, from the weights that
 * the rule gave. */
static void apply_counts(const struct vector_case *c, double *weights) {
  json_t *counts = json_object_get(c->params, "weights");
  double total = 0.0;
  for (size_t i = 0; i < c->n; i++) {
    weights[i] *= json_number_value(json_array_get(counts, i));
    total += weights[i];
  }
  for (size_t i = 0; i < c->n; i++) weights[i] /= total;
}

static enum robust_status run(const struct vector_case *c, const struct robust_pipeline *pipeline,
                              const void *const *row, const size_t *order, double *out,
                              struct robust_error *error) {
  struct robust_rows rows = {.n = c->n, .d = c->d, .row = row};
  struct robust_evidence evidence = {.weights = allocate(c->n, sizeof(double))};
  struct robust_input input = {.rows = rows, .order = order};
  struct robust_scratch scratch = {.bytes = robust_scratch_bytes(pipeline, &input, 2),
                                   .threads = 2};
  scratch.memory = aligned_alloc(64, scratch.bytes);
  enum robust_status status =
      robust_aggregate_f64(pipeline, &input, &scratch, out, &evidence, error);
  if (status == ROBUST_OK && json_object_get(c->params, "weights") != NULL) {
    apply_counts(c, evidence.weights);
    status = robust_weighted_sum_f64(&rows, evidence.weights, order, &scratch, out, error);
  }
  free(scratch.memory);
  free(evidence.weights);
  return status;
}

/* Rows reversed, and the order that undoes it. */
static int is_same_reversed(const struct vector_case *c, const struct robust_pipeline *pipeline) {
  const void **row = allocate(c->n, sizeof *row);
  size_t *order = allocate(c->n, sizeof *order);
  double *out = allocate(c->d, sizeof *out);
  struct robust_error error;
  for (size_t i = 0; i < c->n; i++) {
    row[i] = c->row[c->n - 1 - i];
    order[i] = c->n - 1 - i;
  }
  int is_same =
      json_object_get(c->params, "weights") != NULL || /* the counts would have to follow */
      (run(c, pipeline, row, order, out, &error) == ROBUST_OK &&
       memcmp(out, c->out, c->d * sizeof *out) == 0);
  free(out);
  free(order);
  free(row);
  return is_same;
}

static int check(const struct vector_case *c, const char *text) {
  struct robust_pipeline *pipeline;
  struct robust_error error = {""};
  enum robust_status status = robust_pipeline_parse(text, &pipeline, &error);
  if (status == ROBUST_OK) status = run(c, pipeline, c->row, NULL, c->out, &error);
  double worst = 0.0;
  for (size_t k = 0; k < c->d && status == ROBUST_OK; k++) {
    double off = fabs(c->out[k] - c->reference[k]);
    worst = off <= worst ? worst : off; /* a NaN becomes the worst, and fails below */
  }
  double allowed = 1e-7 * spread_of(c);
  int is_good = status == ROBUST_OK && worst <= allowed && is_same_reversed(c, pipeline);
  printf("%s %-4s %-22s %-32s off %.1e of %.1e %s\n", is_good ? "pass" : "FAIL", c->id, c->rule,
         text, worst, allowed, error.text);
  robust_pipeline_free(pipeline);
  return is_good ? 0 : -1;
}

static void run_line(const char *line, struct tally *tally) {
  json_error_t where;
  json_t *root = json_loads(line, 0, &where);
  struct vector_case c = {.id = json_string_value(json_object_get(root, "id")),
                          .rule = json_string_value(json_object_get(root, "rule")),
                          .params = json_object_get(root, "params")};
  const char *kind = json_string_value(json_object_get(root, "kind"));
  const char *why = "not an aggregator";
  char text[PIPELINE_SIZE];
  const char *spelling = NULL;
  if (c.id == NULL || c.rule == NULL || kind == NULL) {
    printf("FAIL unreadable line: %s\n", where.text);
    tally->failed++;
  } else {
    if (strcmp(kind, "aggregator") == 0) spelling = spell(&c, text, &why);
    if (spelling == NULL) {
      printf("skip %-4s %-22s %s\n", c.id, c.rule, why);
      tally->skipped++;
    } else {
      tally->run++;
      if (load_matrix(&c, json_object_get(root, "input")) != 0 ||
          load_reference(&c, json_object_get(root, "output")) != 0) {
        printf("FAIL %s: ragged, or not exact in float32\n", c.id);
        tally->failed++;
      } else if (check(&c, spelling) != 0) {
        tally->failed++;
      }
    }
  }
  free(c.out);
  free(c.reference);
  free(c.row);
  free(c.values);
  json_decref(root);
}

static void run_file(const char *path, struct tally *tally) {
  char *line = NULL;
  size_t size = 0;
  FILE *file = fopen(path, "r");
  if (file == NULL) {
    printf("FAIL cannot open %s\n", path);
    tally->failed++;
    return;
  }
  while (getline(&line, &size, file) > 0) run_line(line, tally);
  free(line);
  fclose(file);
}

int main(int argc, char **argv) {
  static const char *const shared[] = {"aggregator", "attack", "detector",
                                       "pipeline",   "preagg", "sequence"};
  struct tally tally = {0, 0, 0};
  if (argc == 1 && access(TAMIS_SHARED_DIR "/vectors", F_OK) != 0) {
    printf("skipped: the golden vectors are not at " TAMIS_SHARED_DIR "/vectors\n");
    return 77; /* what ctest takes for a skipped test */
  }
  for (int i = 1; i < argc; i++) run_file(argv[i], &tally);
  for (size_t i = 0; argc == 1 && i < sizeof shared / sizeof shared[0]; i++) {
    char path[4096];
    snprintf(path, sizeof path, "%s/vectors/%s.jsonl", TAMIS_SHARED_DIR, shared[i]);
    run_file(path, &tally);
  }
  printf("%zu cases run, %zu failed, %zu skipped\n", tally.run, tally.failed, tally.skipped);
  if (argc == 1 && tally.run < CASES_EXPECTED) {
    printf("FAIL at least %d cases must run\n", CASES_EXPECTED);
    return EXIT_FAILURE;
  }
  return tally.failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
