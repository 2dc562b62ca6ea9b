/* Nearest-neighbour mixing, NNM (Allouah et al., AISTATS 2023): every row becomes the mean of the n
 * - f rows nearest to it, its own among them.
 *
 * With it, any rule that withstands f liars (2f < n) reaches the best order of error, O(f / n),
 * also when clients' data differ. Cost: the Gram matrix, n^2 steps for the neighbours; before a
 * coordinate-wise rule one product of n x n with each tile, 2 n^2 operations a coordinate. Poor
 * when rows are many and few lie: that product then costs more than the rule. Of equally near rows
 * the first count; a row is always among its own, even where a crowd of copies comes first. */
#include "robust/gram.h"
#include "robust/lowest.h"
#include "robust/rule.h"

enum { F };

static const char *unmet(const struct rule_value *value, size_t n) {
  return value[F].count < n ? NULL : "f < n";
}

static size_t work_doubles(const struct rule_value *value, size_t n) {
  (void)value;
  return 2 * n;
}

static void mix(const struct rule_input *input, double *matrix, struct rule_finding *finding) {
  (void)finding;
  size_t n = input->n;
  double *distance = input->work;
  for (size_t i = 0; i < n; i++) {
    for (size_t j = 0; j < n; j++) distance[j] = robust_distance(n, input->gram, i, j);
    distance[i] = -1.0; /* nearer to itself than any copy */
    lowest_share(n, n - input->value[F].count, distance, distance + n, matrix + i * n);
  }
}

extern const struct rule mixer_nnm;
const struct rule mixer_nnm = {.name = "nnm",
                               .kind = RULE_MIXER,
                               .reads = RULE_READS_GRAM,
                               .parameter = {{.name = "f", .is_required = true}},
                               .unmet = unmet,
                               .work_doubles = work_doubles,
                               .mix = mix};
