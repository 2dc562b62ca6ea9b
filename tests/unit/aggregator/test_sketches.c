/* What 256 numbers keep of many: inner products, a past, what is foretold on a surface that is
 * known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "aggregator/sketches.h"

enum { SIZE = ROBUST_SKETCH_SIZE, D = 50000, TILE = ROBUST_SKETCH_TILE };

static float unit(uint64_t *state) {
  *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return (float)(int32_t)(*state >> 32) * 0x1p-31F;
}

static void sketch(uint64_t seed, const float *x, float *out) {
  static struct robust_sketch_tile tile;
  double sum[2 * SIZE] = {0};
  for (size_t at = 0; at < D; at += TILE) {
    robust_sketch_tile(seed, at, &tile);
    robust_sketch_add(&tile, x + at, D - at < TILE ? D - at : TILE, sum);
  }
  robust_sketch_finish(sum, out);
}

static double dot(const float *x, const float *y, size_t count) {
  double sum = 0;
  for (size_t k = 0; k < count; k++) sum += (double)x[k] * (double)y[k];
  return sum;
}

static double cosine(const float *x, const float *y, size_t count) {
  return dot(x, y, count) / sqrt(dot(x, x, count) * dot(y, y, count));
}

static void sketches_keep_inner_products_on_the_average(void **unused) {
  static float x[D], y[D];
  float a[SIZE], b[SIZE];
  double error = 0, square = 0;
  uint64_t state = 1;
  enum { SEEDS = 100 };
  (void)unused;
  for (size_t k = 0; k < D; k++) x[k] = unit(&state);
  for (size_t k = 0; k < D; k++) y[k] = 0.5F * x[k] + unit(&state);
  double lengths = sqrt(dot(x, x, D) * dot(y, y, D)), inner = dot(x, y, D) / lengths;
  for (uint64_t seed = 0; seed < SEEDS; seed++) {
    sketch(seed, x, a);
    sketch(seed, y, b);
    double off = dot(a, b, SIZE) / lengths - inner;
    error += off / SEEDS;
    square += off * off / SEEDS;
  }
  assert_true(fabs(error) < 0.025); /* 1/16 over the root of a hundred seeds, four times */
  assert_true(sqrt(square) < 1.0 / 12 && sqrt(square) > 1.0 / 40);
}

/* PROTOCOL.md's words, one coordinate after the other. */
static uint64_t mix(uint64_t z) {
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return z ^ (z >> 31);
}

static uint64_t draw(uint64_t *state) {
  *state += UINT64_C(0x9e3779b97f4a7c15);
  return mix(*state);
}

static void a_sketch_is_what_the_page_says(void **unused) {
  static float x[D];
  float mine[SIZE], its[SIZE];
  double bucket[SIZE] = {0};
  uint64_t state = 2, seed = UINT64_C(0x1234567890abcdef);
  (void)unused;
  for (size_t k = 0; k < D; k++) x[k] = unit(&state);
  for (size_t run = 0; run * SIZE < D; run++) {
    uint64_t stream = mix(seed ^ mix(run)), bits = 0;
    size_t turn = draw(&stream) % SIZE;
    for (size_t k = 0; k < SIZE && run * SIZE + k < D; k++) {
      if (k % 64 == 0) bits = draw(&stream);
      double value = (double)x[run * SIZE + k];
      bucket[(k + turn) % SIZE] += bits >> k % 64 & 1 ? -value : value;
    }
  }
  sketch(seed, x, mine);
  for (size_t k = 0; k < SIZE; k++) its[k] = (float)bucket[k];
  for (size_t k = 0; k < SIZE; k++) assert_true(fabs((double)(mine[k] - its[k])) < 1e-4);
}

static void a_file_is_read_as_it_was_written(void **unused) {
  struct sketches out, in;
  uint8_t *bytes;
  size_t length;
  (void)unused;
  assert_true(sketches_new(3, 2, &out));
  for (size_t k = 0; k < 10 * SIZE; k++) out.memory[k] = (float)k;
  assert_int_equal(sketches_write(&out, &bytes, &length, NULL), TAMIS_OK);
  assert_int_equal(sketches_read(bytes, length, &in, NULL), TAMIS_OK);
  assert_true(in.count == 3 && in.trail == 2 && in.centre[SIZE] == (float)(9 * SIZE));
  sketches_close(&in);
  for (size_t cut = 0; cut < length; cut += 97)
    assert_int_equal(sketches_read(bytes, cut, &in, NULL), TAMIS_CORRUPT);
  bytes[20] ^= 1;
  assert_int_equal(sketches_read(bytes, length, &in, NULL), TAMIS_CORRUPT);
  free(bytes);
  sketches_close(&out);
}

/* ---- rounds ---- */

enum { N = 6, ROUNDS = 9 };

/* On |H (w - w_i)|^2 / 2 a client's update is -H (w - w_i): what FLDetector foretells. */
struct play {
  double w[SIZE], curvature[SIZE], want[N][SIZE];
  struct sketches file;
  struct evidence evidence[N];
};

static void play_start(struct play *play, uint64_t seed) {
  memset(play, 0, sizeof *play);
  for (size_t k = 0; k < SIZE; k++) play->curvature[k] = k % 2 ? 0.1 : 0.3;
  for (size_t i = 0; i < N; i++)
    for (size_t k = 0; k < SIZE; k++) play->want[i][k] = 1 + (double)unit(&seed);
}

/* `liar` sends noise; N: nobody does. */
static void play_round(struct play *play, size_t liar, uint64_t *noise) {
  struct sketches now;
  struct sketches_past past[N] = {{.is_there = false}};
  double centre[N], step[SIZE];
  size_t rounds = play->file.trail;
  assert_true(sketches_new(N, rounds < SKETCHES_TRAIL_MAX ? rounds + 1 : rounds, &now));
  memset(play->evidence, 0, sizeof play->evidence);
  for (size_t k = 0; k < SIZE; k++) {
    double before = rounds > 0 ? (double)play->file.centre[(rounds - 1) * SIZE + k] : 0;
    step[k] = before;
    play->w[k] += step[k];
    now.step[(now.trail - 1) * SIZE + k] = (float)step[k];
  }
  for (size_t i = 0; i < N; i++) {
    centre[i] = i == liar ? 0 : 1.0 / (liar < N ? N - 1 : N); /* robust, as ours is */
    for (size_t k = 0; k < SIZE; k++)
      now.update[i * SIZE + k] =
          i == liar ? unit(noise) : (float)(play->curvature[k] * (play->want[i][k] - play->w[k]));
    if (rounds == 0) continue;
    past[i].is_there = true;
    past[i].seen = rounds - 1;
    memcpy(past[i].update, play->file.update + i * SIZE, sizeof past[i].update);
    memcpy(past[i].past, play->file.past + i * SIZE, sizeof past[i].past);
  }
  assert_true(sketches_compare(&play->file, past, centre, 2, &now, play->evidence));
  sketches_close(&play->file);
  play->file = now;
}

static void who_does_not_follow_the_surface_is_foretold_badly(void **unused) {
  static struct play play;
  uint64_t noise = 4;
  (void)unused;
  play_start(&play, 3);
  for (size_t round = 0; round < ROUNDS; round++) {
    play_round(&play, 2, &noise);
    double sum = 0;
    for (size_t i = 0; i < N; i++) sum += play.evidence[i].prediction_error;
    if (round < SKETCHES_TRAIL_LEAST) {
      assert_true(sum == 0);
    } else {
      assert_true(fabs(sum - N) < 1e-9);
      for (size_t i = 0; i < N; i++)
        assert_true(i == 2 ? play.evidence[i].prediction_error > 4
                           : play.evidence[i].prediction_error < 0.5);
    }
  }
  sketches_close(&play.file);
}

/* On a line with one curvature for all L-BFGS is exact, and nobody is off by more than rounding. */
static void one_curvature_is_foretold_to_rounding(void **unused) {
  static struct play play;
  uint64_t noise = 5;
  (void)unused;
  play_start(&play, 6);
  for (size_t k = 0; k < SIZE; k++) play.curvature[k] = 0.25;
  for (size_t round = 0; round < 7; round++) play_round(&play, N, &noise);
  for (size_t k = 0; k < SIZE; k++) play.want[4][k] += 1e-3; /* nobody else is off by so much */
  play_round(&play, N, &noise);
  assert_true(play.evidence[4].prediction_error > 5.9);
  sketches_close(&play.file);
}

static void the_past_is_what_was_sent_and_whose_is_alike_is_named(void **unused) {
  static struct play play;
  uint64_t noise = 7;
  float past[SIZE];
  (void)unused;
  play_start(&play, 8);
  memcpy(play.want[5], play.want[1], sizeof play.want[5]);
  for (size_t round = 0; round < 3; round++) {
    memcpy(past, play.file.past ? play.file.past + 3 * SIZE : (float[SIZE]){0}, sizeof past);
    play_round(&play, 0, &noise);
  }
  const float *update = play.file.update + 3 * SIZE, *after = play.file.past + 3 * SIZE;
  assert_true(fabs(play.evidence[3].history_cosine - cosine(update, past, SIZE)) < 1e-9);
  assert_true(fabs(play.evidence[0].history_cosine) < 0.5 && play.evidence[3].history_cosine > 0.9);
  for (size_t k = 0; k < SIZE; k++)
    assert_true(fabs((double)after[k] - (0.95 * (double)past[k] + (double)update[k])) < 1e-5);
  assert_int_equal(play.evidence[5].history_neighbour, 1);
  assert_true(play.evidence[5].history_similarity > 0.999);
  assert_int_equal(play.evidence[1].history_neighbour, 5);
  sketches_close(&play.file);
}

static void the_oldest_round_falls_off_the_trail(void **unused) {
  static struct play play;
  uint64_t noise = 9;
  float second[SIZE];
  (void)unused;
  play_start(&play, 10);
  for (size_t round = 0; round < SKETCHES_TRAIL_MAX; round++) play_round(&play, N, &noise);
  assert_int_equal(play.file.trail, SKETCHES_TRAIL_MAX);
  memcpy(second, play.file.centre + SIZE, sizeof second);
  play_round(&play, N, &noise);
  assert_int_equal(play.file.trail, SKETCHES_TRAIL_MAX);
  assert_memory_equal(second, play.file.centre, sizeof second);
  sketches_close(&play.file);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sketches_keep_inner_products_on_the_average),
      cmocka_unit_test(a_sketch_is_what_the_page_says),
      cmocka_unit_test(a_file_is_read_as_it_was_written),
      cmocka_unit_test(who_does_not_follow_the_surface_is_foretold_badly),
      cmocka_unit_test(one_curvature_is_foretold_to_rounding),
      cmocka_unit_test(the_past_is_what_was_sent_and_whose_is_alike_is_named),
      cmocka_unit_test(the_oldest_round_falls_off_the_trail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
