/* Numbers from inner products alone, against the vectors themselves; and the page's table of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "aggregator/evidence.h"

enum { N = 12, D = 40 };

static void the_page_shows_every_number_as_it_is(void **unused) {
  static char page[1 << 18];
  FILE *file = fopen(TAMIS_SOURCE_DIR "/PROTOCOL.md", "r");
  size_t count, rows = 0;
  const struct evidence_row *row = evidence_table(&count);
  (void)unused;
  assert_non_null(file);
  page[fread(page, 1, sizeof page - 1, file)] = '\0';
  fclose(file);
  char *table = strstr(page, "| number | of | meaning |");
  assert_non_null(table);
  for (size_t i = 0; i < count; i++) {
    char line[256];
    snprintf(line, sizeof line, "\n| `%s` | %s | %s |\n", row[i].name,
             row[i].source == EVIDENCE_OF_GRAM ? "Gram" : "bodies", row[i].meaning);
    if (!strstr(table, line)) print_message("missing:%s", line);
    assert_non_null(strstr(table, line));
  }
  char *end = strstr(table, "\n\n");
  assert_non_null(end);
  for (char *at = table; (at = strstr(at, "\n| `")) && at < end; at++) rows++;
  assert_int_equal(rows, count);
}

/* ---- the vectors themselves ---- */

static double unit(uint64_t *state) {
  *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return (double)(int64_t)(*state >> 11) * 0x1p-52 - 1;
}

static void draw(uint64_t seed, double x[N][D]) {
  for (size_t i = 0; i < N; i++)
    for (size_t k = 0; k < D; k++) x[i][k] = 0.5 * unit(&seed) + (k < 10 ? 0.8 : 0.0);
}

static double dot(const double *x, const double *y) {
  double sum = 0;
  for (size_t k = 0; k < D; k++) sum += x[k] * y[k];
  return sum;
}

static double cosine(const double *x, const double *y) {
  return dot(x, y) / sqrt(dot(x, x) * dot(y, y));
}

static double apart(const double *x, const double *y) {
  double difference[D];
  for (size_t k = 0; k < D; k++) difference[k] = x[k] - y[k];
  return dot(difference, difference);
}

static void measure(double x[N][D], const bool *votes, double *centre, struct evidence *evidence) {
  double gram[N * N];
  for (size_t i = 0; i < N; i++)
    for (size_t j = 0; j < N; j++) gram[i * N + j] = dot(x[i], x[j]);
  assert_true(evidence_measure(N, gram, votes, 0.99, centre, evidence));
}

static int by_size(const void *x, const void *y) {
  double a = *(const double *)x, b = *(const double *)y;
  return (a > b) - (a < b);
}

/* Ascending squared distances of row i to the others that vote; how many. */
static size_t distances_of(double x[N][D], const bool *votes, size_t i, double *near) {
  size_t count = 0;
  for (size_t j = 0; j < N; j++)
    if (j != i && votes[j]) near[count++] = apart(x[i], x[j]);
  qsort(near, count, sizeof *near, by_size);
  return count;
}

static bool is_near(double a, double b) {
  return fabs(a - b) <= 1e-9 * (1 + fabs(b));
}

static void distances_to_the_centre_are_those_of_the_vector(void **unused) {
  double x[N][D], centre[N], z[D] = {0}, total = 0;
  bool votes[N];
  struct evidence evidence[N];
  (void)unused;
  draw(1, x);
  for (size_t i = 0; i < N; i++) votes[i] = i != 3 && i != 7;
  for (size_t k = 0; k < D; k++) x[7][k] *= -20;
  measure(x, votes, centre, evidence);
  for (size_t i = 0; i < N; i++) {
    total += centre[i];
    for (size_t k = 0; k < D; k++) z[k] += centre[i] * x[i][k];
  }
  assert_true(is_near(total, 1) && centre[3] == 0 && centre[7] == 0);
  for (size_t i = 0; i < N; i++) {
    assert_true(is_near(evidence[i].norm, sqrt(dot(x[i], x[i]))));
    assert_true(is_near(evidence[i].distance, sqrt(apart(x[i], z))));
    assert_true(is_near(evidence[i].cosine, cosine(x[i], z)));
    double best = -2;
    size_t whom = N;
    for (size_t j = 0; j < N; j++) {
      double r[D], s[D];
      for (size_t k = 0; k < D; k++) r[k] = x[i][k] - z[k];
      for (size_t k = 0; k < D; k++) s[k] = x[j][k] - z[k];
      if (j == i || cosine(r, s) <= best) continue;
      best = cosine(r, s);
      whom = j;
    }
    assert_true(is_near(evidence[i].residual_cosine, best));
    assert_int_equal(evidence[i].residual_neighbour, whom);
  }
}

/* Ten vote: each has 10 - 4 - 2 = 4 neighbours. */
static void krum_and_degree_count_voting_neighbours_only(void **unused) {
  enum { NEIGHBOURS = 4 };
  double x[N][D], centre[N], near[N], radius[N];
  bool votes[N];
  struct evidence evidence[N];
  (void)unused;
  draw(2, x);
  for (size_t i = 0; i < N; i++) votes[i] = i != 0 && i != 5;
  measure(x, votes, centre, evidence);
  for (size_t i = 0; i < N; i++) {
    double sum = 0;
    assert_int_equal(distances_of(x, votes, i, near), votes[i] ? 9 : 10);
    for (size_t k = 0; k < NEIGHBOURS; k++) sum += near[k];
    radius[i] = near[NEIGHBOURS - 1];
    assert_true(is_near(evidence[i].krum, sum));
  }
  for (size_t i = 0; i < N; i++) {
    int degree = 0;
    for (size_t j = 0; j < N; j++)
      degree += j != i && votes[j] && apart(x[i], x[j]) <= radius[j] * (1 + 1e-12);
    assert_int_equal((int)evidence[i].degree, degree);
  }
}

/* 2 is like 1 and 1 is like 0, but 2 is not like 0. */
static void a_cluster_is_closed_under_likeness(void **unused) {
  double x[N][D], centre[N];
  bool votes[N];
  struct evidence evidence[N];
  (void)unused;
  draw(3, x);
  for (size_t i = 0; i < N; i++) votes[i] = true;
  for (size_t k = 0; k < D; k++) {
    x[1][k] = x[0][k] + 0.1 * x[8][k];
    x[2][k] = 3 * (x[1][k] + 0.1 * x[8][k]);
  }
  memset(x[9], 0, sizeof x[9]);
  memset(x[10], 0, sizeof x[10]);
  assert_true(cosine(x[0], x[1]) >= 0.99 && cosine(x[1], x[2]) >= 0.99);
  assert_true(cosine(x[0], x[2]) < 0.99);
  measure(x, votes, centre, evidence);
  for (size_t i = 0; i < N; i++) assert_int_equal((int)evidence[i].cluster, i < 3 ? 3 : 1);
}

/* Honest rows share a direction and no more; two of the liars share the rest too. */
static void sybils_that_hide_in_the_crowd_show_once_the_crowd_is_gone(void **unused) {
  double x[N][D], centre[N];
  bool votes[N];
  struct evidence evidence[N];
  (void)unused;
  draw(4, x);
  uint64_t seed = 5;
  for (size_t i = 0; i < N; i++) votes[i] = true;
  for (size_t k = 0; k < D; k++) x[1][k] = x[0][k] + 0.1 * unit(&seed);
  measure(x, votes, centre, evidence);
  assert_true(evidence[0].residual_cosine > 0.9 && evidence[0].residual_neighbour == 1);
  for (size_t i = 2; i < N; i++) assert_true(evidence[i].residual_cosine < 0.6);
  for (size_t i = 2; i < N; i++) assert_true(evidence[i].neighbour_cosine > 0.6);
}

static void one_alone_has_nobody(void **unused) {
  const double gram[1] = {4};
  const bool votes[1] = {false};
  double centre[1];
  struct evidence evidence[1];
  (void)unused;
  assert_true(evidence_measure(1, gram, votes, 0.99, centre, evidence));
  assert_true(evidence->norm == 2 && evidence->distance == 0 && evidence->cosine == 1);
  assert_true(evidence->krum == 0 && evidence->degree == 0 && evidence->cluster == 1);
  assert_int_equal(evidence->neighbour, EVIDENCE_NOBODY);
  assert_int_equal(evidence->residual_neighbour, EVIDENCE_NOBODY);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_page_shows_every_number_as_it_is),
      cmocka_unit_test(distances_to_the_centre_are_those_of_the_vector),
      cmocka_unit_test(krum_and_degree_count_voting_neighbours_only),
      cmocka_unit_test(a_cluster_is_closed_under_likeness),
      cmocka_unit_test(sybils_that_hide_in_the_crowd_show_once_the_crowd_is_gone),
      cmocka_unit_test(one_alone_has_nobody),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
