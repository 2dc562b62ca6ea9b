/* Adaptive robust clipping, ARC (Allouah et al., ICLR 2025): the k = floor(2 f (n - f) / n) longest
 * rows are shortened to the length of the next one.
 *
 * What comes out is never longer than the longest honest row, whatever f <= n liars send; a robust
 * rule must follow. Cost: the rows' lengths, a read or two. Poor when honest lengths differ for
 * good reasons: with f = n / 4 the longest three rows in eight are cut in every round, liars or
 * not. */
#include "robust/rule.h"
#include "robust/sort.h"

#include <math.h>
#include <string.h>

enum { F };

static const char *unmet(const struct rule_value *value, size_t n) {
  return value[F].count <= n ? NULL : "f <= n";
}

static size_t work_doubles(const struct rule_value *value, size_t n) {
  (void)value;
  return n;
}

/* In whole numbers: in floating point the quotient falls just below its integer at (n, f) = (242,
 * 33), among others (science.md 4). n is far below 2^31, the number of rows that memory can name.
 */
static size_t clipped_count(size_t n, size_t f) {
  return 2 * f * (n - f) / n;
}

static void mix(const struct rule_input *input, double *matrix, struct rule_finding *finding) {
  (void)finding;
  size_t n = input->n;
  size_t rank = n - 1 - clipped_count(n, input->value[F].count);
  double *square = input->work;
  for (size_t i = 0; i < n; i++) square[i] = input->square[i];
  sort_ranks(square, n, rank, rank + 1);
  double longest = square[rank];
  memset(matrix, 0, n * n * sizeof *matrix);
  for (size_t i = 0; i < n; i++) {
    double own = input->square[i];
    matrix[i * n + i] = own > longest ? sqrt(longest) / sqrt(own) : 1.0;
  }
}

extern const struct rule mixer_arc;
const struct rule mixer_arc = {.name = "arc",
                               .kind = RULE_MIXER,
                               .reads = RULE_READS_SQUARES,
                               .parameter = {{.name = "f", .is_required = true}},
                               .unmet = unmet,
                               .work_doubles = work_doubles,
                               .mix = mix};
