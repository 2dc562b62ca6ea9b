/* Static clipping: rows longer than c are shortened to c.
 *
 * Bounds what a single liar can add to a mean, and withstands nobody by itself: f liars still move
 * a mean by f c / n. Cost: the rows' lengths, a read or two. Poor when honest lengths change from
 * round to round, as they do over a training: c that fits today cuts everybody or nobody tomorrow
 * (arc follows the lengths). c = 0 turns every row into zeros. */
#include "robust/rule.h"

#include <math.h>
#include <string.h>

enum { C };

static const char *unmet(const struct rule_value *value, size_t n) {
  (void)n;
  return rule_number_or(&value[C], 0.0) < 0.0 ? "c >= 0" : NULL;
}

static void mix(const struct rule_input *input, double *matrix, struct rule_finding *finding) {
  (void)finding;
  size_t n = input->n;
  double c = rule_number_or(&input->value[C], 2.0);
  memset(matrix, 0, n * n * sizeof *matrix);
  for (size_t i = 0; i < n; i++) {
    double norm = sqrt(input->square[i]);
    matrix[i * n + i] = norm > c ? c / norm : 1.0;
  }
}

extern const struct rule mixer_clip;
const struct rule mixer_clip = {.name = "clip",
                                .kind = RULE_MIXER,
                                .reads = RULE_READS_SQUARES,
                                .parameter = {{.name = "c", .kind = PARAMETER_NUMBER}},
                                .unmet = unmet,
                                .mix = mix};
