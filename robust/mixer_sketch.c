/* A sketch of the Gram matrix: that of `size` coordinates, drawn by a seed, scaled up as if the
 * others were like them.
 *
 * For thousands of rows, whose n^2 d products take too long: `sketch(size=65536, seed=7) |
 * krum(f=9)` decides from the sample; the answer is still made of whole rows. Withstands nobody
 * alone, and approximates what follows: distances are off by about sqrt(2 / size) of themselves
 * when coordinates are alike, by more when few of them carry the length. A liar who knows the seed
 * while there is time can hide in the coordinates that are not drawn: take it from the round's
 * randomness. Always asked for by name, and labelled in the evidence. */
#include "robust/rule.h"

enum { SIZE, SEED };

static const char *unmet(const struct rule_value *value, size_t n) {
  (void)n;
  return rule_count_or(&value[SIZE], 1) > 0 ? NULL : "size > 0";
}

static struct rule_draws draws(const struct rule_value *value, size_t d) {
  (void)d;
  return (struct rule_draws){1, rule_count_or(&value[SIZE], 65536), value[SEED].count};
}

extern const struct rule mixer_sketch;
const struct rule mixer_sketch = {.name = "sketch",
                                  .kind = RULE_MIXER,
                                  .reads = RULE_SKETCHES,
                                  .parameter = {{.name = "size"}, {.name = "seed"}},
                                  .unmet = unmet,
                                  .draws = draws};
