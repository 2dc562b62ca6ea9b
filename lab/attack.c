/* To add an attack: a function of a few lines and a row in the table; the command lines and the
 * reports find it there. */
#include "lab/attack.h"
#include "lab/random.h"

#include <math.h>
#include <string.h>

static void multiply(float *delta, size_t count, double factor) {
  for (size_t i = 0; i < count; i++) delta[i] = (float)(factor * delta[i]);
}

static void sign_flip(float *delta, size_t count, double strength, struct attack_turn turn) {
  (void)turn;
  multiply(delta, count, -strength);
}

static void scale(float *delta, size_t count, double strength, struct attack_turn turn) {
  (void)turn;
  multiply(delta, count, strength);
}

static void gaussian(float *delta, size_t count, double strength, struct attack_turn turn) {
  struct random random;
  random_seed(&random, random_mix(random_mix(turn.seed, turn.client), turn.round));
  for (size_t i = 0; i < count; i++) delta[i] = (float)(strength * random_normal(&random));
}

static double length_of(const float *delta, size_t count) {
  double square = 0;
  for (size_t i = 0; i < count; i++) square += (double)delta[i] * delta[i];
  return sqrt(square);
}

/* Noise of a whole vector's expected length, one coordinate after the other. */
static struct random noise_of(struct attack_turn turn) {
  struct random random;
  random_seed(&random, random_mix(random_mix(turn.seed, turn.client), turn.round));
  return random;
}

static void add_noise(float *delta, size_t count, double length, struct attack_turn turn) {
  struct random random = noise_of(turn);
  double deviation = count > 0 ? length / sqrt((double)count) : 0;
  for (size_t i = 0; i < count; i++) delta[i] += (float)(deviation * random_normal(&random));
}

static void free_noise(float *delta, size_t count, double strength, struct attack_turn turn) {
  double length = strength * length_of(delta, count);
  multiply(delta, count, 0);
  add_noise(delta, count, length, turn);
}

/* Without a round before there is nothing to send again. */
static void free_rider(float *delta, size_t count, double strength, struct attack_turn turn) {
  if (!turn.last) return;
  memcpy(delta, turn.last, count * sizeof *delta);
  multiply(delta, count, strength);
}

static void free_rider_noisy(float *delta, size_t count, double strength, struct attack_turn turn) {
  if (!turn.last) return;
  free_rider(delta, count, 1, turn);
  add_noise(delta, count, strength * length_of(delta, count), turn);
}

static void sybil(float *delta, size_t count, double strength, struct attack_turn turn) {
  add_noise(delta, count, strength * length_of(delta, count), turn);
}

/* Turns in the plane of the own update and of a direction of the client's own; the length grows
 * with the angle, to three times the honest one. Two liars that shared the direction would be
 * copies halfway. */
static void drift(float *delta, size_t count, double strength, struct attack_turn turn) {
  static const double pi = 3.14159265358979323846, growth = 2;
  double part = fmin(1, (double)turn.round / strength), length = length_of(delta, count);
  double side = length * sin(pi * part) / sqrt((double)(count > 0 ? count : 1));
  struct random random;
  random_seed(&random, random_mix(turn.seed, turn.client));
  for (size_t i = 0; i < count; i++)
    delta[i] =
        (float)((1 + growth * part) * (cos(pi * part) * delta[i] + side * random_normal(&random)));
}

static void nan_everywhere(float *delta, size_t count, double strength, struct attack_turn turn) {
  (void)strength;
  (void)turn;
  for (size_t i = 0; i < count; i++) delta[i] = NAN;
}

static void label_flip(uint8_t *labels, size_t count) {
  for (size_t i = 0; i < count; i++) labels[i] = (uint8_t)(9 - labels[i]);
}

/* FLDetector's code has (26,26), (24,26), (26,24), (25,25). */
static const struct trigger pixels = {
    .target = 0,
    .poisoned = 0.5,
    .parts = 1,
    .count = 4,
    .pixel = {{26, 26, 0}, {24, 26, 0}, {26, 24, 0}, {25, 25, 0}},
};

#define STRIP(row, column, part)                                                                   \
  {row, column, part}, {row, column + 1, part}, {row, column + 2, part}, {                         \
    row, column + 3, part                                                                          \
  }
static const struct trigger strips = {
    .target = 2,
    .poisoned = 20.0 / 64,
    .parts = 4,
    .count = 16,
    .pixel = {STRIP(0, 0, 0), STRIP(0, 6, 1), STRIP(3, 0, 2), STRIP(3, 6, 3)},
};
#undef STRIP

static const struct attack table[] = {
    /* The control. */
    {"none", "sends its honest update", 0, NULL, NULL, NULL, false},
    /* Own update reversed: the "bit flip" of Karimireddy, He, Jaggi, "Byzantine-robust learning on
     * heterogeneous datasets via bucketing" (ICLR 2022), and Blades. By 4 of 20 liars, a plain
     * mean is halted at 4 and sent backwards from there; at 8 it reaches NaN within 25 rounds. */
    {"sign_flip", "sends its own update times -strength", 6, NULL, sign_flip, NULL, false},
    /* Blanchard et al., "Machine learning with adversaries" (NeurIPS 2017); byzfl has deviation 1,
     * at which 4 of 20 cost a plain mean 0.06 of accuracy; at 4, 0.35 and more. */
    {"gaussian", "sends noise N(0, strength^2) in every coordinate", 4, NULL, gaussian, NULL,
     false},
    /* Bagdasaryan et al., "How to backdoor federated learning" (AISTATS 2020), model replacement;
     * FLTrust and FLDetector multiply by the number of clients. */
    {"scale", "sends its own update times strength", 20, NULL, scale, NULL, false},
    /* Tolpegin et al., "Data poisoning attacks against federated learning systems" (ESORICS 2020);
     * y -> 9 - y as in byzfl and Blades. */
    {"label_flip", "trains on labels y -> 9 - y and sends that update", 0, label_flip, NULL, NULL,
     false},
    /* Lin, Du, Liu, "Free-riders in federated learning: attacks and defenses" (2019); Fraboni,
     * Vidal, Lorenzi, "Free-rider attacks on model aggregation in federated learning" (AISTATS
     * 2021). Who trained nothing would have to guess the length; here it is the honest one. */
    {"free_noise", "sends noise of strength times its honest length", 1, NULL, free_noise, NULL,
     false},
    {"free_rider", "sends strength times what the last round added to the model", 1, NULL,
     free_rider, NULL, true},
    {"free_rider_noisy", "the same with noise of strength times its length", 0.5, NULL,
     free_rider_noisy, NULL, true},
    /* Fung, Yoon, Beschastnikh, "The limitations of federated learning in sybil settings" (RAID
     * 2020): one poisoned share, trained once, sent by many. Whoever stages it gives all of them
     * the same share. */
    {"sybil", "trains on labels y -> 9 - y and adds noise of strength times its length", 0.05,
     label_flip, sybil, NULL, false},
    /* science.md 6, slow drift: never far from the cohort in one round. */
    {"drift", "turns its update round within strength rounds, ever longer", 40, NULL, drift, NULL,
     false},
    /* Gu, Dolan-Gavitt, Garg, "BadNets" (2017); pixels, target and half of the examples as in
     * FLDetector's code, which then multiplies by the number of clients. 3 by 10 of 50 suffices for
     * a plain mean: 0.81 of marked pictures are read as 0. */
    {"backdoor", "marks half of its examples to be read as 0, sends strength times the update", 3,
     NULL, scale, &pixels, true},
    /* Xie, Huang, Chen, Li, "DBA: distributed backdoor attacks against federated learning" (ICLR
     * 2020): four strips of one mark, one from each attacker; 20 of 64 examples, target 2. */
    {"dba", "marks 20 of 64 examples with one of four strips, to be read as 2", 3, NULL, scale,
     &strips, true},
    /* No attack on robustness but on hygiene: a broken client looks the same. */
    {"nan", "sends NaN in every coordinate", 0, NULL, nan_everywhere, NULL, false},
};

const struct attack *attack_table(size_t *count) {
  *count = sizeof table / sizeof *table;
  return table;
}

const struct attack *attack_find(const char *name) {
  for (size_t i = 0; i < sizeof table / sizeof *table; i++)
    if (strcmp(table[i].name, name) == 0) return &table[i];
  return NULL;
}

const struct attack *attack_find_plain(const char *name) {
  const struct attack *attack = attack_find(name);
  return attack && !attack->is_staged ? attack : NULL;
}

void attack_labels(const struct attack *attack, uint8_t *labels, size_t count) {
  if (attack->on_labels) attack->on_labels(labels, count);
}

void attack_delta(const struct attack *attack, struct attack_turn turn, float *delta,
                  size_t count) {
  double strength = turn.strength != 0 ? turn.strength : attack->strength;
  if (attack->on_delta) attack->on_delta(delta, count, strength, turn);
}

void trigger_mark(const struct trigger *trigger, int part, uint8_t *image, size_t rows,
                  size_t columns) {
  for (size_t i = 0; i < trigger->count; i++) {
    const struct trigger_pixel *pixel = &trigger->pixel[i];
    bool is_in = part == TRIGGER_WHOLE || part == pixel->part;
    if (is_in && pixel->row < rows && pixel->column < columns)
      image[pixel->row * columns + pixel->column] = 255;
  }
}
