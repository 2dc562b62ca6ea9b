/* Claims about samples of coordinates: distinct, in range, rising, keyed, even, and the same
 * everywhere. */
#include "fixture.h"

#include "robust/draws.h"

static void choices_are_distinct_rising_and_in_range(void **state) {
  (void)state;
  static const size_t shapes[][2] = {{1, 2},       {3, 4},       {4, 5},
                                     {16, 17},     {100, 257},   {999, 1000},
                                     {500, 65536}, {500, 65537}, {64, (size_t)1 << 40}};
  for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++)
    for (size_t draw = 0; draw < 3; draw++) {
      size_t coordinates[1000];
      assert_int_equal(draws_choose(7, draw, shapes[s][0], shapes[s][1], coordinates),
                       shapes[s][0]);
      for (size_t i = 0; i < shapes[s][0]; i++) {
        assert_true(coordinates[i] < shapes[s][1]);
        if (i > 0) assert_true(coordinates[i] > coordinates[i - 1]);
      }
    }
}

static void asking_for_all_gives_all(void **state) {
  (void)state;
  size_t coordinates[5];
  assert_int_equal(draws_choose(1, 0, 9, 5, coordinates), 5);
  for (size_t k = 0; k < 5; k++) assert_int_equal(coordinates[k], k);
}

static void seed_and_draw_both_matter(void **state) {
  (void)state;
  size_t a[20], b[20], c[20], again[20];
  draws_choose(1, 0, 20, 1000, a);
  draws_choose(2, 0, 20, 1000, b);
  draws_choose(1, 1, 20, 1000, c);
  draws_choose(1, 0, 20, 1000, again);
  assert_memory_equal(a, again, sizeof a);
  assert_memory_not_equal(a, b, sizeof a);
  assert_memory_not_equal(a, c, sizeof a);
}

/* 2000 draws of 10 out of 50: each coordinate is expected 400 times, with a standard deviation of
 * about 18. */
static void every_coordinate_is_drawn_about_as_often(void **state) {
  (void)state;
  size_t times[50] = {0}, coordinates[10];
  for (size_t draw = 0; draw < 2000; draw++) {
    draws_choose(3, draw, 10, 50, coordinates);
    for (size_t i = 0; i < 10; i++) times[coordinates[i]]++;
  }
  for (size_t k = 0; k < 50; k++) assert_in_range(times[k], 400 - 90, 400 + 90);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(choices_are_distinct_rising_and_in_range),
      cmocka_unit_test(asking_for_all_gives_all),
      cmocka_unit_test(seed_and_draw_both_matter),
      cmocka_unit_test(every_coordinate_is_drawn_about_as_often),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
