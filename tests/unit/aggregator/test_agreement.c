/* Kappa as the textbooks have it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "aggregator/agreement.h"

static void assert_kappa(size_t a, size_t b, size_t c, size_t d, double expected) {
  size_t seen[2][2] = {{a, b}, {c, d}};
  assert_true(fabs(agreement_kappa(seen) - expected) < 1e-12);
}

static void known_tables_have_their_known_kappa(void **unused) {
  (void)unused;
  assert_kappa(20, 5, 10, 15, 0.4);
  assert_kappa(45, 15, 25, 15, 0.06 / 0.46); /* the same share of agreement as the next */
  assert_kappa(25, 35, 5, 35, 0.14 / 0.54);
  assert_kappa(7, 0, 0, 3, 1);
  assert_kappa(0, 5, 5, 0, -1);
  assert_kappa(25, 25, 25, 25, 0);
}

static void who_is_first_does_not_matter(void **unused) {
  size_t one[2][2] = {{3, 9}, {2, 6}}, other[2][2] = {{3, 2}, {9, 6}};
  (void)unused;
  assert_true(agreement_kappa(one) == agreement_kappa(other));
}

static void nothing_to_go_by_is_no_number(void **unused) {
  size_t none[2][2] = {{0, 0}, {0, 0}}, always[2][2] = {{9, 0}, {0, 0}};
  (void)unused;
  assert_true(isnan(agreement_kappa(none)));
  assert_true(isnan(agreement_kappa(always)));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(known_tables_have_their_known_kappa),
      cmocka_unit_test(who_is_first_does_not_matter),
      cmocka_unit_test(nothing_to_go_by_is_no_number),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
