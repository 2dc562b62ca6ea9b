/* Claims about the difference of two models. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cli/model_difference.h"

enum { FLOATS = 8 };

/* A model of two tensors, of 2 x 3 and of 2 numbers. malloc'd. */
static uint8_t *write_model(const float values[FLOATS], const char *second, size_t *length) {
  struct tensor tensors[2] = {{.name = "fc.weight", .rank = 2, .shape = {2, 3}},
                              {.rank = 1, .shape = {2}}};
  struct layout layout;
  snprintf(tensors[1].name, sizeof tensors[1].name, "%s", second);
  assert_int_equal(layout_make(tensors, 2, &layout, NULL), TAMIS_OK);
  *length = layout_file_size(&layout);
  uint8_t *bytes = malloc(*length);
  memcpy(bytes, layout.header, layout.header_size);
  memcpy(bytes + layout.header_size, values, FLOATS * sizeof *values);
  layout_close(&layout);
  return bytes;
}

static const float old[FLOATS] = {3, 4, 0, 0, 0, 0, 0, 0};

static void each_tensor_has_its_own_numbers(void **state) {
  static const float changed[FLOATS] = {3, 4, 0, -6, 0, 8, 1, -1};
  struct layout layout;
  struct difference *each, total;
  size_t lengths[2];
  (void)state;
  uint8_t *before = write_model(old, "b", &lengths[0]),
          *after = write_model(changed, "b", &lengths[1]);
  assert_int_equal(
      model_difference(before, lengths[0], after, lengths[1], &layout, &each, &total, NULL),
      TAMIS_OK);
  assert_int_equal(layout.tensor_count, 2);
  assert_true(each[0].norm == 10 && each[0].norm_before == 5);
  assert_true(each[0].largest == 8 && each[0].largest_at == 5);
  assert_int_equal(each[0].changed, 2);
  assert_int_equal(each[0].count, 6);
  assert_true(each[1].norm == sqrt(2) && each[1].norm_before == 0);
  assert_true(each[1].largest == 1 && each[1].largest_at == 0); /* the first of the two */
  assert_true(total.norm == sqrt(102) && total.norm_before == 5);
  assert_true(total.largest == 8 && total.largest_at == 5);
  assert_int_equal(total.changed, 4);
  assert_int_equal(total.count, FLOATS);
  free(each);
  layout_close(&layout);
  free(before);
  free(after);
}

static void a_model_is_no_other_than_itself(void **state) {
  struct layout layout;
  struct difference *each, total;
  size_t length;
  (void)state;
  uint8_t *model = write_model(old, "b", &length);
  assert_int_equal(model_difference(model, length, model, length, &layout, &each, &total, NULL),
                   TAMIS_OK);
  assert_true(total.norm == 0 && total.largest == 0 && total.changed == 0);
  free(each);
  layout_close(&layout);
  free(model);
}

static void other_tensors_or_no_model_have_no_difference(void **state) {
  struct layout layout;
  struct difference *each, total;
  struct fault fault;
  size_t lengths[2];
  (void)state;
  uint8_t *before = write_model(old, "b", &lengths[0]), *after = write_model(old, "c", &lengths[1]);
  assert_int_equal(
      model_difference(before, lengths[0], after, lengths[1], &layout, &each, &total, &fault),
      TAMIS_WRONG_LAYOUT);
  assert_non_null(strstr(fault.text, "other tensors"));
  for (size_t cut = 0; cut < lengths[0]; cut += 13)
    assert_int_equal(
        model_difference(before, lengths[0], before, cut, &layout, &each, &total, &fault),
        TAMIS_WRONG_LAYOUT);
  free(before);
  free(after);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_tensor_has_its_own_numbers),
      cmocka_unit_test(a_model_is_no_other_than_itself),
      cmocka_unit_test(other_tensors_or_no_model_have_no_difference),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
