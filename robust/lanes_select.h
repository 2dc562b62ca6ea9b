/* Ranks of more rows than a sorting network is good for, by their bits: 32 rows at a time are
 * turned into 32 planes, plane b holding bit b of every row, and a rank is followed down from the
 * sign by counting. The cost per row does not depend on how many rows there are, nor on what they
 * hold. (Rank by bit planes is known from median filters of images.) Included by lanes_body.h. */
#include "robust/lanes.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { PLANES = 32, SIGN = PLANES - 1 };

VEC_INLINE void fetch_ahead(const struct lanes_ahead *ahead, size_t line) {
  uintptr_t piece = (uintptr_t)ahead->piece[line >> ahead->shift];
  uintptr_t offset = (line & (((size_t)1 << ahead->shift) - 1)) * 64;
  __builtin_prefetch((const void *)(piece + offset), 0, 2);
}

VEC_INLINE vec_bits bits_fill(uint32_t value) {
  return (vec_bits){0} + value;
}

VEC_INLINE vec_bits bits_load(const void *from) {
  return (vec_bits)vec_load(from);
}

VEC_INLINE void bits_store(void *to, vec_bits v) {
  vec_store(to, (vec)v);
}

/* Part of the transposition of 32 words of 32 bits in each lane: between words that are `count` / 2
 * places apart, the halves that belong to the other one change places; `half` bits each; then
 * between those half as far apart, and so on. */
VEC_INLINE void exchange(vec_bits *word, size_t count, size_t half) {
  for (size_t apart = count / 2; apart >= 1; apart /= 2, half /= 2) {
    vec_bits low = bits_fill(UINT32_MAX / (((uint32_t)1 << half) + 1));
    for (size_t i = 0; i < count; i++) {
      if ((i & apart) != 0) continue;
      vec_bits a = word[i];
      vec_bits b = word[i + apart];
      word[i] = bits_choose(low, a, b << (int)half);
      word[i + apart] = bits_choose(low, a >> (int)half, b);
    }
  }
}

/* The columns of a strip as planes of `words` words, 32 rows each, planes `stride` words apart. */
struct planes {
  float *plane;
  size_t words, stride;
};

VEC_INLINE float *planes_at(const struct planes *planes, size_t bit) {
  return planes->plane + bit * planes->stride * VEC_WIDTH;
}

/* Adding +0 leaves one zero, so that equal values have equal bits. */
VEC_INLINE vec_bits row_bits(const float *const *row, size_t n, size_t i, size_t at,
                             const struct lanes_ahead *ahead) {
  if (i < ahead->lines) fetch_ahead(ahead, i);
  return i < n ? (vec_bits)(vec_load(row[i] + at) + vec_fill(0.0F)) : bits_fill(0);
}

/* Word w of every plane. First words 16 and 8 places apart, then those of each eighth, so that all
 * that is in hand fits into registers. */
VEC_INLINE void write_word(const struct planes *planes, const float *const *row, size_t n,
                           size_t at, const struct lanes_ahead *ahead, size_t w) {
  vec_bits word[PLANES];
  for (size_t i = 0; i < 8; i++) {
    vec_bits four[4];
    for (size_t j = 0; j < 4; j++) four[j] = row_bits(row, n, w * PLANES + j * 8 + i, at, ahead);
    exchange(four, 4, 16);
    for (size_t j = 0; j < 4; j++) word[j * 8 + i] = four[j];
  }
  for (size_t j = 0; j < PLANES; j += 8) {
    vec_bits eight[8];
    memcpy(eight, word + j, sizeof eight);
    exchange(eight, 8, 4);
    for (size_t i = 0; i < 8; i++) bits_store(planes_at(planes, j + i) + w * VEC_WIDTH, eight[i]);
  }
}

static void planes_write(const struct planes *planes, const float *const *row, size_t n, size_t at,
                         const struct lanes_ahead *ahead) {
  for (size_t w = 0; w < planes->words; w++) write_word(planes, row, n, at, ahead, w);
}

/* How many ones there are in each lane, added eight words at a time as binary digits: three words
 * become their sum and their carry, until only carries of eight have to be counted. */
struct tally {
  vec_bits ones, twos, fours;
  vec_bits total; /* of the eights, and in the end of all */
};

VEC_INLINE struct tally tally_open(void) {
  vec_bits zero = bits_fill(0);
  return (struct tally){zero, zero, zero, zero};
}

VEC_INLINE vec_bits count_ones(vec_bits v) {
  v -= (v >> 1) & 0x55555555U;
  v = (v & 0x33333333U) + ((v >> 2) & 0x33333333U);
  v = (v + (v >> 4)) & 0x0f0f0f0fU;
  v += v >> 8;
  return (v + (v >> 16)) & 0x3fU;
}

VEC_INLINE vec_bits carry_save(vec_bits *sum, vec_bits a, vec_bits b) {
  vec_bits carry = bits_majority(*sum, a, b);
  *sum = *sum ^ a ^ b;
  return carry;
}

VEC_INLINE void tally_eight(struct tally *tally, const vec_bits w[8]) {
  vec_bits twos = carry_save(&tally->ones, w[0], w[1]);
  vec_bits fours = carry_save(&tally->twos, twos, carry_save(&tally->ones, w[2], w[3]));
  twos = carry_save(&tally->ones, w[4], w[5]);
  vec_bits more = carry_save(&tally->twos, twos, carry_save(&tally->ones, w[6], w[7]));
  tally->total += count_ones(carry_save(&tally->fours, fours, more));
}

VEC_INLINE vec_bits tally_total(const struct tally *tally) {
  return 8 * tally->total + 4 * count_ones(tally->fours) + 2 * count_ones(tally->twos) +
         count_ones(tally->ones);
}

/* A rank that is being followed. */
struct pursuit {
  float *candidate; /* one word for each 32 rows: those that agree in all bits so far */
  vec_bits rank;    /* among the candidates */
  vec_bits value;
  vec_bits flip; /* the last plane, flipped by this, has ones where the value's bit is */
};

/* Drops candidates that differ in the plane before; counts those with a 0 in this one, or, when it
 * is the last, all. */
VEC_INLINE vec_bits pursuit_count(struct pursuit *p, const float *before, const float *plane,
                                  size_t words) {
  struct tally tally = tally_open();
  for (size_t w = 0; w < words; w += 8) {
    vec_bits counted[8];
    for (size_t i = 0; i < 8; i++) {
      size_t place = (w + i) * VEC_WIDTH;
      vec_bits left = bits_load(p->candidate + place) & (bits_load(before + place) ^ p->flip);
      bits_store(p->candidate + place, left);
      counted[i] = plane != NULL ? left & ~bits_load(plane + place) : left;
    }
    tally_eight(&tally, counted);
  }
  return tally_total(&tally);
}

/* Among values of one sign the smaller magnitude is nearer to zero: of negative ones, ranks are
 * counted from the other end. */
VEC_INLINE vec_bits pursuit_open(struct pursuit *p, const struct planes *planes, size_t n,
                                 size_t rank) {
  for (size_t w = 0; w < planes->words; w++) {
    size_t left = n > w * PLANES ? n - w * PLANES : 0;
    uint32_t rows = left >= PLANES ? UINT32_MAX : ((uint32_t)1 << left) - 1;
    bits_store(p->candidate + w * VEC_WIDTH, bits_fill(rows));
  }
  /* Padding rows are +0, and no candidates: all ones take part in the first count. */
  const float *sign = planes_at(planes, SIGN);
  struct tally tally = tally_open();
  for (size_t w = 0; w < planes->words; w += 8) {
    vec_bits word[8];
    for (size_t i = 0; i < 8; i++) word[i] = bits_load(sign + (w + i) * VEC_WIDTH);
    tally_eight(&tally, word);
  }
  vec_bits negative = tally_total(&tally);
  vec_bits wanted = bits_fill((uint32_t)rank);
  vec_bits is_negative = (vec_bits)(wanted < negative);
  p->rank = bits_choose(is_negative, negative - 1 - wanted, wanted - negative);
  p->value = is_negative << SIGN;
  p->flip = ~is_negative;
  return is_negative;
}

/* The value of a rank, and how many equal values have that rank or a higher one, itself included
 * (`above`) and a lower one (`below`). */
struct found {
  float value[VEC_WIDTH];
  uint32_t above[VEC_WIDTH];
  uint32_t below[VEC_WIDTH];
};

static void planes_find(const struct planes *planes, float *candidate, size_t n, size_t rank,
                        struct found *found) {
  struct pursuit p = {.candidate = candidate};
  vec_bits is_negative = pursuit_open(&p, planes, n, rank);
  for (size_t bit = SIGN; bit-- > 0;) {
    vec_bits zeros =
        pursuit_count(&p, planes_at(planes, bit + 1), planes_at(planes, bit), planes->words);
    vec_bits is_one = (vec_bits)(p.rank >= zeros);
    p.rank -= zeros & is_one;
    p.value |= is_one & ((uint32_t)1 << bit);
    p.flip = ~is_one;
  }
  vec_bits equal = pursuit_count(&p, planes_at(planes, 0), NULL, planes->words);
  vec_bits below = bits_choose(is_negative, equal - 1 - p.rank, p.rank);
  bits_store(found->value, p.value);
  bits_store(found->below, below);
  bits_store(found->above, equal - below);
}

/* The next rank after low's is the same value or, where there is no more of it, the smallest that
 * is larger: the median of an even number of rows needs no second pursuit. */
static void find_next(const float *const *row, size_t n, size_t at, const struct found *low,
                      struct found *next) {
  vec least = vec_load(low->value);
  vec larger = vec_fill(INFINITY);
  for (size_t i = 0; i < n; i++) {
    vec x = vec_load(row[i] + at);
    larger = vec_min(
        larger, (vec)bits_choose((vec_bits)(least < x), (vec_bits)x, (vec_bits)vec_fill(INFINITY)));
  }
  vec_bits is_last = (vec_bits)(bits_load(low->above) == 1);
  bits_store(next->value, bits_choose(is_last, (vec_bits)larger, (vec_bits)least));
  bits_store(next->below, bits_fill(0));
}

/* Sum of the values strictly between low and high, row by row. */
static void add_between(const float *const *row, size_t n, size_t at, const float *low,
                        const float *high, double *sum) {
  vec least = vec_load(low);
  vec most = vec_load(high);
  wide first = wide_fill(0.0);
  wide second = wide_fill(0.0);
  for (size_t i = 0; i < n; i++) {
    vec x = vec_load(row[i] + at);
    vec kept = (vec)((vec_bits)(least < x) & (vec_bits)(x < most) & (vec_bits)x);
    first += wide_low(kept);
    second += wide_high(kept);
  }
  wide_store(sum, first);
  wide_store(sum + HALF_WIDTH, second);
}

/* Never as the total without the tails: one value of 1e30 would leave nothing of the rest. */
static void select_means(const float *const *row, size_t n, size_t at,
                         const struct lanes_ahead *ahead, size_t from, size_t to, void *work,
                         double *mean) {
  size_t words = lanes_select_words(n);
  struct planes planes = {work, words, words + 1}; /* odd, so that planes do not share cache sets */
  float *candidate = planes_at(&planes, PLANES);
  struct found low, high;
  planes_write(&planes, row, n, at, ahead);
  planes_find(&planes, candidate, n, from, &low);
  if (to - from == 1)
    high = low;
  else if (to - from == 2)
    find_next(row, n, at, &low, &high);
  else
    planes_find(&planes, candidate, n, to - 1, &high);
  memset(mean, 0, VEC_WIDTH * sizeof *mean);
  if (to - from > 2) add_between(row, n, at, low.value, high.value, mean);
  for (size_t lane = 0; lane < VEC_WIDTH; lane++) {
    double sum = mean[lane] + (double)low.above[lane] * (double)low.value[lane];
    sum += (double)(high.below[lane] + 1) * (double)high.value[lane];
    bool is_one_value = !(low.value[lane] < high.value[lane]);
    mean[lane] = is_one_value ? 0.0 + (double)low.value[lane] : sum / (double)(to - from);
  }
}
