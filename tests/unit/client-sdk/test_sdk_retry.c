/* The schedule of tries, without a clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "client-sdk/retry.h"

static void the_ceiling_doubles_from_100_ms_to_10_s(void **state) {
  static const uint32_t expected[] = {100, 200, 400, 800, 1600, 3200, 6400, 10000, 10000};
  (void)state;
  for (unsigned i = 0; i < sizeof expected / sizeof *expected; i++)
    assert_int_equal(retry_ceiling_ms(i), expected[i]);
  assert_int_equal(retry_ceiling_ms(4000000000u), 10000);
}

static void the_wait_is_anywhere_below_the_ceiling(void **state) {
  uint32_t delay;
  (void)state;
  for (unsigned attempt = 0; attempt < 12; attempt++) {
    struct retry low = {UINT64_MAX, attempt}, high = {UINT64_MAX, attempt};
    assert_true(retry_next(&low, TAMIS_UNAVAILABLE, 0, 0, &delay));
    assert_int_equal(delay, 0);
    assert_int_equal(low.attempt, attempt + 1);
    assert_true(retry_next(&high, TAMIS_UNAVAILABLE, 0, UINT32_MAX, &delay));
    assert_int_equal(delay, retry_ceiling_ms(attempt) - 1);
  }
}

static void only_what_may_help_is_tried_again(void **state) {
  (void)state;
  for (int status = 0; status < TAMIS_STATUS_COUNT; status++) {
    struct retry retry = {.give_up_at_ms = 1000000};
    uint32_t delay;
    assert_int_equal(retry_next(&retry, (enum tamis_status)status, 0, 7, &delay),
                     tamis_status_is_retryable((enum tamis_status)status) != 0);
  }
}

static void a_wait_past_the_end_is_not_begun(void **state) {
  struct retry retry = {.give_up_at_ms = 1000};
  uint32_t delay;
  (void)state;
  assert_false(retry_next(&retry, TAMIS_UNAVAILABLE, 950, UINT32_MAX, &delay));
  assert_true(retry_next(&retry, TAMIS_UNAVAILABLE, 900, UINT32_MAX, &delay));
  assert_false(retry_next(&retry, TAMIS_UNAVAILABLE, 1000, 0, &delay));
}

int main(void) {
  const struct CMUnitTest claims[] = {
      cmocka_unit_test(the_ceiling_doubles_from_100_ms_to_10_s),
      cmocka_unit_test(the_wait_is_anywhere_below_the_ceiling),
      cmocka_unit_test(only_what_may_help_is_tried_again),
      cmocka_unit_test(a_wait_past_the_end_is_not_begun),
  };
  return cmocka_run_group_tests(claims, NULL, NULL);
}
