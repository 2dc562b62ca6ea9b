/* Claims about the exact Gram matrix: right to the last bit of the quantised rows, alike
 * everywhere, whatever the floats. */
#include "fixture.h"

#include "robust/convert.h"

/* What gram.h promises, computed the slow way: integers of 22 bits, 64-bit sums, the tree over
 * tiles by recursion. */
static double tile_product(const float *x, const float *y, size_t count) {
  double largest_x = 0.0, largest_y = 0.0;
  int ex = 0, ey = 0;
  for (size_t k = 0; k < count; k++) {
    largest_x = fmax(largest_x, fabs((double)x[k]));
    largest_y = fmax(largest_y, fabs((double)y[k]));
  }
  if (largest_x > 0.0) frexp(largest_x, &ex);
  if (largest_y > 0.0) frexp(largest_y, &ey);
  int64_t sum = 0;
  for (size_t k = 0; k < count; k++)
    sum +=
        (int64_t)rint(ldexp((double)x[k], 22 - ex)) * (int64_t)rint(ldexp((double)y[k], 22 - ey));
  assert_true(sum <= INT64_C(1) << 53 && sum >= -(INT64_C(1) << 53));
  return ldexp(ldexp((double)sum, ex - 22), ey - 22);
}

static double tree(const float *x, const float *y, size_t d, size_t first, size_t tiles) {
  if (tiles == 1) {
    size_t count = d - first * 512 < 512 ? d - first * 512 : 512;
    return tile_product(x + first * 512, y + first * 512, count);
  }
  size_t half = 1;
  while (half * 2 < tiles) half *= 2;
  return tree(x, y, d, first, half) + tree(x, y, d, first + half, tiles - half);
}

static void check_against_definition(const struct robust_rows *rows) {
  size_t n = rows->n;
  double *gram = calloc(n * n, sizeof *gram);
  assert_non_null(gram);
  for (enum robust_isa isa = ROBUST_ISA_BEST; isa <= ROBUST_ISA_AMX; isa++) {
    for (size_t k = 0; k < n * n; k++) gram[k] = NAN;
    test_gram(rows, 2, isa, gram);
    for (size_t i = 0; i < n; i++)
      for (size_t j = 0; j < n; j++) {
        size_t low = i > j ? i : j, high = i > j ? j : i;
        double expected = tree(rows->row[low], rows->row[high], rows->d, 0, (rows->d + 511) / 512);
        if (gram[i * n + j] < expected || gram[i * n + j] > expected || isnan(gram[i * n + j]))
          fail_msg("n %zu d %zu entry %zu,%zu: %a, not %a", n, rows->d, i, j, gram[i * n + j],
                   expected);
      }
  }
  free(gram);
}

static void entries_are_the_definition_around_every_tile_edge(void **state) {
  (void)state;
  static const size_t sizes[] = {1,    2,    3,    7,    8,    15,   16,   17,
                                 511,  512,  513,  527,  1023, 1024, 1025, 1535,
                                 1537, 2047, 2048, 2049, 3600, 4097, 5000};
  for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
    struct test_rows t;
    test_rows_new(&t, 1 + s % 8, sizes[s], s);
    check_against_definition(&t.rows);
    test_rows_free(&t);
  }
}

static void entries_are_the_definition_for_every_small_n(void **state) {
  (void)state;
  for (size_t n = 1; n <= 18; n++) {
    struct test_rows t;
    test_rows_new(&t, n, 600, n);
    check_against_definition(&t.rows);
    test_rows_free(&t);
  }
}

static void many_tiles_climb_the_tree_alike(void **state) {
  (void)state;
  struct test_rows t;
  test_rows_new(&t, 2, 512 * 201 + 5, 4); /* more than three batches of 64 tiles */
  check_against_definition(&t.rows);
  test_rows_free(&t);
}

static void scales_from_denormal_to_giant_are_exact(void **state) {
  (void)state;
  enum { N = 7, D = 1300 };
  static const float scale[N] = {1.0F, 1e18F, 1e-40F, 0.0F, 3e38F, 1e-20F, -1.0F};
  struct test_rows t;
  test_rows_new(&t, N, D, 6);
  for (size_t i = 0; i < N; i++)
    for (size_t k = 0; k < D; k++) t.values[i * D + k] *= scale[i];
  for (size_t k = 512; k < 1024; k++) t.values[k] = -0.0F; /* a tile of zeros in a row of ones */
  check_against_definition(&t.rows);
  test_rows_free(&t);
}

/* Integers of 22 bits with the top one always set: the largest sums there can be. */
static void the_largest_sums_still_fit(void **state) {
  (void)state;
  struct test_rows t;
  test_rows_new(&t, 3, 1024, 1);
  for (size_t k = 0; k < 3 * 1024; k++) t.values[k] = k < 2048 ? 0x1.fffffep0F : -0x1.fffffep0F;
  check_against_definition(&t.rows);
  test_rows_free(&t);
}

static void small_whole_numbers_have_whole_products(void **state) {
  (void)state;
  const void *row[] = {(float[]){1, 2, 3}, (float[]){-4, 5, 6}};
  struct robust_rows rows = {.n = 2, .d = 3, .row = row};
  double gram[4];
  test_gram(&rows, 1, ROBUST_ISA_BEST, gram);
  assert_true(gram[0] == 14.0 && gram[1] == 24.0 && gram[2] == 24.0 && gram[3] == 77.0);
}

static void no_coordinates_give_zeros(void **state) {
  (void)state;
  const void *row[] = {NULL, NULL};
  struct robust_rows rows = {.n = 2, .d = 0, .row = row};
  double gram[4] = {1, 1, 1, 1};
  test_gram(&rows, 2, ROBUST_ISA_BEST, gram);
  for (size_t k = 0; k < 4; k++) assert_true(gram[k] == 0.0);
}

/* Excluding a client and computing again is deleting its row and column. */
static void the_matrix_of_some_rows_is_part_of_the_matrix_of_all(void **state) {
  (void)state;
  enum { N = 23, D = 3000 };
  struct test_rows t;
  double all[N * N], some[11 * 11];
  const void *row[11];
  test_rows_new(&t, N, D, 2);
  for (size_t i = 0; i < 11; i++) row[i] = t.row[2 * i + 1];
  struct robust_rows rows = {.n = 11, .d = D, .row = row};
  test_gram(&t.rows, 2, ROBUST_ISA_BEST, all);
  test_gram(&rows, 1, ROBUST_ISA_PLAIN, some);
  for (size_t i = 0; i < 11; i++)
    for (size_t j = 0; j < 11; j++)
      assert_true(some[i * 11 + j] == all[(2 * i + 1) * N + 2 * j + 1]);
  test_rows_free(&t);
}

static void rows_need_no_alignment(void **state) {
  (void)state;
  enum { N = 6, D = 1030 };
  struct test_rows t, shifted;
  double gram[N * N], again[N * N];
  test_rows_new(&t, N, D, 2);
  test_rows_new(&shifted, N, D + 3, 2);
  for (size_t i = 0; i < N; i++) {
    float *to = shifted.values + i * (D + 3) + 1 + i % 3;
    memcpy(to, t.row[i], D * sizeof(float));
    shifted.row[i] = to;
  }
  shifted.rows.d = D;
  test_gram(&t.rows, 2, ROBUST_ISA_BEST, gram);
  test_gram(&shifted.rows, 2, ROBUST_ISA_BEST, again);
  assert_memory_equal(gram, again, sizeof gram);
  test_rows_free(&shifted);
  test_rows_free(&t);
}

static void equal_rows_are_at_distance_zero(void **state) {
  (void)state;
  enum { N = 4, D = 5000 };
  struct test_rows t;
  double gram[N * N], d2[N * N];
  test_rows_new(&t, N, D, 3);
  for (size_t k = 0; k < N * D; k++) t.values[k] += 1000.0F;
  memcpy(t.values + 3 * D, t.values + D, D * sizeof(float));
  test_gram(&t.rows, 2, ROBUST_ISA_BEST, gram);
  robust_distances(N, gram, d2);
  for (size_t i = 0; i < N; i++) assert_true(d2[i * N + i] == 0.0);
  assert_true(d2[1 * N + 3] == 0.0 && d2[3 * N + 1] == 0.0);
  assert_true(d2[0 * N + 1] > 0.0 && d2[0 * N + 1] == d2[1 * N + 0]);
  test_rows_free(&t);
}

/* science.md 9.1: a common mean 1000 times the spread ruins a float32 Gram matrix (error 0.77). */
static void distances_survive_a_large_common_mean(void **state) {
  (void)state;
  enum { N = 5, D = 20000 };
  struct test_rows t;
  double gram[N * N], d2[N * N];
  test_rows_new(&t, N, D, 3);
  for (size_t k = 0; k < N * D; k++) t.values[k] += 1000.0F;
  test_gram(&t.rows, 2, ROBUST_ISA_BEST, gram);
  robust_distances(N, gram, d2);
  for (size_t i = 0; i < N; i++)
    for (size_t j = 0; j < i; j++) {
      double exact = 0.0;
      for (size_t k = 0; k < D; k++) {
        double difference = (double)test_at(&t.rows, i, k) - (double)test_at(&t.rows, j, k);
        exact += difference * difference;
      }
      assert_true(fabs(d2[i * N + j] - exact) < 1e-5 * exact);
    }
  test_rows_free(&t);
}

/* ---- above 256 rows threads share tiles instead of taking their own ---- */

static void many_rows_give_what_few_give(void **state) {
  (void)state;
  enum { N = 333, D = 512 * 19 + 77, SOME = 40 };
  struct test_rows t;
  test_rows_new(&t, N, D, 9);
  double *all = calloc(N * N, sizeof *all);
  double *again = calloc(N * N, sizeof *again);
  assert_true(all != NULL && again != NULL);
  test_gram(&t.rows, 2, ROBUST_ISA_BEST, all);
  for (enum robust_isa isa = ROBUST_ISA_PLAIN; isa <= ROBUST_ISA_AMX; isa++)
    for (int threads = 1; threads <= 3; threads += 2) {
      test_gram(&t.rows, threads, isa, again);
      assert_memory_equal(all, again, N * N * sizeof *all);
    }
  const void *row[SOME];
  double some[SOME * SOME];
  for (size_t i = 0; i < SOME; i++) row[i] = t.row[i * 8];
  struct robust_rows rows = {.n = SOME, .d = D, .row = row};
  test_gram(&rows, 2, ROBUST_ISA_BEST, some);
  for (size_t i = 0; i < SOME; i++)
    for (size_t j = 0; j < SOME; j++) assert_true(some[i * SOME + j] == all[i * 8 * N + j * 8]);
  free(again);
  free(all);
  test_rows_free(&t);
}

static void any_number_of_threads_gives_the_same_bits(void **state) {
  (void)state;
  enum { N = 20, D = 512 * 137 + 1 };
  struct test_rows t;
  double one[N * N], many[N * N];
  test_rows_new(&t, N, D, 12);
  test_gram(&t.rows, 1, ROBUST_ISA_BEST, one);
  for (int threads = 2; threads <= 4; threads++) {
    test_gram(&t.rows, threads, ROBUST_ISA_BEST, many);
    assert_memory_equal(one, many, sizeof one);
  }
  test_rows_free(&t);
}

/* ---- other spellings ---- */

/* Rows of other dtypes beside the floats that they stand for. */
static void short_rows_count_as_the_floats_they_stand_for(void **state) {
  (void)state;
  enum { N = 9, D = 1300 };
  static const enum robust_dtype dtypes[] = {ROBUST_F16, ROBUST_BF16, ROBUST_I8};
  struct test_rows t;
  uint16_t *raw = malloc(N * D * sizeof *raw);
  const void *row[N];
  float scale[N];
  double expected[N * N], got[N * N];
  uint64_t seed = 3;
  assert_non_null(raw);
  test_rows_new(&t, N, D, 1);
  const struct lanes *lanes = lanes_choose(ROBUST_ISA_PLAIN);
  for (size_t s = 0; s < 3; s++) {
    struct robust_rows rows = {.n = N, .d = D, .row = row, .dtype = dtypes[s], .scale = scale};
    for (size_t k = 0; k < N * D; k++) raw[k] = (uint16_t)(test_next(&seed) & 0xbbffU); /* finite */
    for (size_t i = 0; i < N; i++) {
      scale[i] = test_unit(&seed);
      row[i] = (unsigned char *)raw + i * D * robust_dtype_size(dtypes[s]);
      rows_floats(lanes, &rows, i, 0, D, t.values + i * D);
    }
    test_gram(&t.rows, 1, ROBUST_ISA_PLAIN, expected);
    for (enum robust_isa isa = ROBUST_ISA_BEST; isa <= ROBUST_ISA_AMX; isa++) {
      test_gram(&rows, 2, isa, got);
      assert_memory_equal(expected, got, sizeof got);
    }
  }
  free(raw);
  test_rows_free(&t);
}

/* gram.h's order for doubles, in words of its own. */
static double tile_of_doubles(const double *x, const double *y, size_t count) {
  double lane[16] = {0};
  for (size_t k = 0; k < count; k++) lane[k % 16] = fma(x[k], y[k], lane[k % 16]);
  for (size_t half = 8; half >= 1; half /= 2)
    for (size_t i = 0; i < half; i++) lane[i] += lane[i + half];
  return lane[0];
}

static double tree_of_doubles(const double *x, const double *y, size_t d, size_t first,
                              size_t tiles) {
  if (tiles == 1)
    return tile_of_doubles(x + first * 512, y + first * 512,
                           d - first * 512 < 512 ? d - first * 512 : 512);
  size_t half = 1;
  while (half * 2 < tiles) half *= 2;
  return tree_of_doubles(x, y, d, first, half) +
         tree_of_doubles(x, y, d, first + half, tiles - half);
}

static void doubles_are_added_in_the_order_promised(void **state) {
  (void)state;
  enum { N = 11, D_MAX = 512 * 41 + 5 };
  static const size_t sizes[] = {1, 15, 16, 17, 500, 512, 513, 1024, 3000, D_MAX};
  double *values = malloc(N * D_MAX * sizeof *values);
  const void *row[N];
  double gram[N * N];
  uint64_t seed = 8;
  assert_non_null(values);
  for (size_t k = 0; k < N * D_MAX; k++)
    values[k] = (double)test_unit(&seed) / 3.0 * (k % 7 == 0 ? 1e-9 : 1.0);
  for (size_t i = 0; i < N; i++) row[i] = values + i * D_MAX;
  for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
    size_t d = sizes[s];
    struct robust_rows rows = {.n = N, .d = d, .row = row, .dtype = ROBUST_F64};
    for (enum robust_isa isa = ROBUST_ISA_BEST; isa <= ROBUST_ISA_AMX; isa++) {
      test_gram(&rows, 1 + (int)s % 3, isa, gram);
      for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < N; j++)
          assert_true(gram[i * N + j] == tree_of_doubles(row[i], row[j], d, 0, (d + 511) / 512));
    }
  }
  free(values);
}

/* ---- growing, sampled, with a reference ---- */

/* In batches of any size the matrix of all comes out, and nothing beside it is touched. */
static void a_matrix_that_grows_is_the_matrix_of_all(void **state) {
  (void)state;
  enum { N = 75, D = 2100, STRIDE = 80 };
  static const size_t ends[] = {1, 16, 17, 40, 40, 74, 75};
  struct test_rows t;
  double all[N * N], *grown = malloc(STRIDE * STRIDE * sizeof *grown);
  assert_non_null(grown);
  test_rows_new(&t, N, D, 5);
  test_gram(&t.rows, 2, ROBUST_ISA_BEST, all);
  struct robust_scratch scratch = test_scratch(robust_gram_scratch_bytes(N, D, 2), 2);
  for (enum robust_isa isa = ROBUST_ISA_BEST; isa <= ROBUST_ISA_AMX; isa++) {
    size_t known = 0;
    scratch.isa = isa;
    for (size_t k = 0; k < STRIDE * STRIDE; k++) grown[k] = -7.0;
    for (size_t e = 0; e < sizeof ends / sizeof ends[0]; e++) {
      struct robust_rows rows = {.n = ends[e], .d = D, .row = t.row};
      assert_int_equal(robust_gram_extend(&rows, known, STRIDE, &scratch, grown, NULL), ROBUST_OK);
      known = ends[e];
    }
    for (size_t i = 0; i < STRIDE; i++)
      for (size_t j = 0; j < STRIDE; j++)
        assert_true(grown[i * STRIDE + j] == (i < N && j < N ? all[i * N + j] : -7.0));
  }
  free(scratch.memory);
  free(grown);
  test_rows_free(&t);
}

static void many_rows_grow_too(void **state) {
  (void)state;
  enum { N = 300, D = 1100, KNOWN = 277 };
  struct test_rows t;
  test_rows_new(&t, N, D, 5);
  double *all = calloc(N * N, sizeof *all);
  double *grown = calloc(N * N, sizeof *grown);
  assert_true(all != NULL && grown != NULL);
  struct robust_scratch scratch = test_scratch(robust_gram_scratch_bytes(N, D, 2), 2);
  assert_int_equal(robust_gram(&t.rows, &scratch, all, NULL), ROBUST_OK);
  for (size_t i = 0; i < KNOWN; i++) memcpy(grown + i * N, all + i * N, KNOWN * sizeof *all);
  assert_int_equal(robust_gram_extend(&t.rows, KNOWN, N, &scratch, grown, NULL), ROBUST_OK);
  assert_memory_equal(all, grown, N * N * sizeof *all);
  free(scratch.memory);
  free(grown);
  free(all);
  test_rows_free(&t);
}

static void check_sample(const struct robust_rows *rows, const struct robust_rows *gathered,
                         const size_t *coordinates) {
  enum { N = 7 };
  double expected[N * N], got[N * N];
  size_t count = gathered->d;
  test_gram(gathered, 1, ROBUST_ISA_PLAIN, expected);
  struct robust_scratch scratch = test_scratch(robust_gram_scratch_bytes(N, count, 2), 2);
  assert_int_equal(robust_gram_sample(rows, coordinates, count, &scratch, got, NULL), ROBUST_OK);
  assert_memory_equal(expected, got, sizeof got);
  free(scratch.memory);
}

static void a_sample_is_the_matrix_of_rows_gathered_so(void **state) {
  (void)state;
  enum { N = 7, D = 3000, COUNT = 1234 };
  struct test_rows t, gathered;
  size_t coordinates[COUNT];
  uint16_t halves[N * 10], *half = malloc(N * D * sizeof *half);
  double *wide = malloc(N * D * sizeof *wide), *wide_gathered = malloc(N * COUNT * sizeof *wide);
  const void *row[N], *row_gathered[N];
  uint64_t seed = 4;
  assert_true(half != NULL && wide != NULL && wide_gathered != NULL);
  test_rows_new(&t, N, D, 5);
  test_rows_new(&gathered, N, COUNT, 5);
  for (size_t k = 0; k < COUNT; k++) coordinates[k] = test_next(&seed) % D; /* repeats, no order */
  for (size_t i = 0; i < N; i++)
    for (size_t k = 0; k < COUNT; k++)
      gathered.values[i * COUNT + k] = t.values[i * D + coordinates[k]];
  check_sample(&t.rows, &gathered.rows, coordinates);
  for (size_t k = 0; k < N * D; k++) wide[k] = (double)t.values[k] / 3.0;
  for (size_t i = 0; i < N; i++) {
    row[i] = wide + i * D;
    row_gathered[i] = wide_gathered + i * COUNT;
    for (size_t k = 0; k < COUNT; k++) wide_gathered[i * COUNT + k] = wide[i * D + coordinates[k]];
  }
  struct robust_rows rows = {.n = N, .d = D, .row = row, .dtype = ROBUST_F64};
  struct robust_rows few = {.n = N, .d = COUNT, .row = row_gathered, .dtype = ROBUST_F64};
  check_sample(&rows, &few, coordinates);
  for (size_t k = 0; k < N * D; k++) half[k] = (uint16_t)(test_next(&seed) & 0xbbffU);
  for (size_t i = 0; i < N; i++) {
    row[i] = half + i * D;
    row_gathered[i] = halves + i * 10;
    for (size_t k = 0; k < 10; k++) halves[i * 10 + k] = half[i * D + coordinates[k]];
  }
  rows.dtype = few.dtype = ROBUST_F16;
  few.d = 10;
  check_sample(&rows, &few, coordinates);
  test_rows_free(&gathered);
  test_rows_free(&t);
  free(wide_gathered);
  free(wide);
  free(half);
}

static void products_are_one_more_row_of_the_matrix(void **state) {
  (void)state;
  static const size_t counts[] = {1, 2, 4, 5, 15, 16, 17, 31, 100, 256, 257};
  enum { D = 1700, N_MAX = 257 };
  struct test_rows t;
  double *all = malloc((N_MAX + 1) * (N_MAX + 1) * sizeof *all), products[N_MAX + 1];
  assert_non_null(all);
  test_rows_new(&t, N_MAX + 1, D, 5);
  for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
    size_t n = counts[c];
    struct robust_rows rows = {.n = n, .d = D, .row = t.row};
    struct robust_rows more = {.n = n + 1, .d = D, .row = t.row};
    test_gram(&more, 2, ROBUST_ISA_BEST, all);
    struct robust_scratch scratch = test_scratch(robust_products_scratch_bytes(n, D, 2), 2);
    for (enum robust_isa isa = ROBUST_ISA_BEST; isa <= ROBUST_ISA_AMX; isa++) {
      scratch.isa = isa;
      assert_int_equal(robust_products(&rows, t.row[n], &scratch, products, NULL), ROBUST_OK);
      assert_memory_equal(products, all + n * (n + 1), (n + 1) * sizeof *products);
    }
    free(scratch.memory);
  }
  free(all);
  test_rows_free(&t);
}

static void a_reference_may_be_of_floats_beside_short_rows(void **state) {
  (void)state;
  enum { N = 3, D = 600 };
  uint16_t raw[N][D];
  const void *row[N];
  double all[(N + 1) * (N + 1)], products[N + 1];
  uint64_t seed = 6;
  struct test_rows t;
  test_rows_new(&t, N + 1, D, 5);
  for (size_t i = 0; i < N; i++) row[i] = raw[i];
  struct robust_rows rows = {.n = N, .d = D, .row = row, .dtype = ROBUST_F16};
  for (size_t i = 0; i < N; i++) {
    for (size_t k = 0; k < D; k++) raw[i][k] = (uint16_t)(test_next(&seed) & 0xbbffU);
    rows_floats(lanes_choose(ROBUST_ISA_BEST), &rows, i, 0, D, t.values + i * D);
  }
  test_gram(&t.rows, 1, ROBUST_ISA_BEST, all);
  struct robust_scratch scratch = test_scratch(robust_products_scratch_bytes(N, D, 1), 1);
  assert_int_equal(robust_products(&rows, t.row[N], &scratch, products, NULL), ROBUST_OK);
  assert_memory_equal(products, all + N * (N + 1), sizeof products);
  free(scratch.memory);
  test_rows_free(&t);
}

/* ---- memory ---- */

struct released {
  size_t calls;
  size_t to;
};

static void note_release(void *context, size_t from, size_t to) {
  struct released *released = context;
  assert_true(from == released->to && to > from);
  released->calls++;
  released->to = to;
}

/* Only the calling thread releases: beside others it may come to it late, alone it does so again
 * and again. */
static void every_coordinate_is_released_once_and_in_order(void **state) {
  (void)state;
  static const size_t counts[] = {6, 300};
  for (size_t c = 0; c < 4; c++) {
    size_t n = counts[c % 2];
    int threads = 1 + (int)c / 2;
    struct test_rows t;
    struct released released = {0, 0};
    test_rows_new(&t, n, 512 * 70 + 3, 5);
    double *gram = malloc(n * n * sizeof *gram);
    assert_non_null(gram);
    t.rows.release = note_release;
    t.rows.context = &released;
    test_gram(&t.rows, threads, ROBUST_ISA_BEST, gram);
    assert_int_equal(released.to, t.rows.d);
    assert_true(released.calls > 3 || threads > 1);
    free(gram);
    test_rows_free(&t);
  }
}

/* A thousand clients and a million coordinates: the rule, its matrix and the sum have to fit 256
 * MiB. */
static void scratch_stays_small(void **state) {
  (void)state;
  assert_true(robust_gram_scratch_bytes(1000, 1000000, 2) < (size_t)96 << 20);
  assert_true(robust_gram_scratch_bytes(400, 20000, 2) < (size_t)16 << 20);
  assert_true(robust_gram_scratch_bytes(100, 1000000, 2) < (size_t)4 << 20);
  assert_true(robust_gram_scratch_bytes(100, (size_t)1 << 40, 2) < (size_t)8 << 20);
  assert_true(robust_products_scratch_bytes(1000, 1000000, 2) < (size_t)16 << 20);
}

static void scratch_that_is_small_or_crooked_is_refused(void **state) {
  (void)state;
  struct test_rows t;
  double gram[9];
  struct robust_error error;
  test_rows_new(&t, 3, 10, 3);
  struct robust_scratch scratch = test_scratch(robust_gram_scratch_bytes(3, 10, 1), 1);
  struct robust_scratch small = scratch, crooked = scratch;
  small.bytes -= 1;
  crooked.memory = (char *)crooked.memory + 8;
  assert_int_equal(robust_gram(&t.rows, &small, gram, &error), ROBUST_BAD_SCRATCH);
  assert_int_equal(robust_gram(&t.rows, &crooked, gram, &error), ROBUST_BAD_SCRATCH);
  assert_int_equal(robust_gram(&t.rows, &scratch, gram, &error), ROBUST_OK);
  free(scratch.memory);
  test_rows_free(&t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(entries_are_the_definition_around_every_tile_edge),
      cmocka_unit_test(entries_are_the_definition_for_every_small_n),
      cmocka_unit_test(many_tiles_climb_the_tree_alike),
      cmocka_unit_test(scales_from_denormal_to_giant_are_exact),
      cmocka_unit_test(the_largest_sums_still_fit),
      cmocka_unit_test(small_whole_numbers_have_whole_products),
      cmocka_unit_test(no_coordinates_give_zeros),
      cmocka_unit_test(the_matrix_of_some_rows_is_part_of_the_matrix_of_all),
      cmocka_unit_test(rows_need_no_alignment),
      cmocka_unit_test(equal_rows_are_at_distance_zero),
      cmocka_unit_test(distances_survive_a_large_common_mean),
      cmocka_unit_test(many_rows_give_what_few_give),
      cmocka_unit_test(any_number_of_threads_gives_the_same_bits),
      cmocka_unit_test(short_rows_count_as_the_floats_they_stand_for),
      cmocka_unit_test(doubles_are_added_in_the_order_promised),
      cmocka_unit_test(a_matrix_that_grows_is_the_matrix_of_all),
      cmocka_unit_test(many_rows_grow_too),
      cmocka_unit_test(a_sample_is_the_matrix_of_rows_gathered_so),
      cmocka_unit_test(products_are_one_more_row_of_the_matrix),
      cmocka_unit_test(a_reference_may_be_of_floats_beside_short_rows),
      cmocka_unit_test(every_coordinate_is_released_once_and_in_order),
      cmocka_unit_test(scratch_stays_small),
      cmocka_unit_test(scratch_that_is_small_or_crooked_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
