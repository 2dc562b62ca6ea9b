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

static void nan_everywhere(float *delta, size_t count, double strength, struct attack_turn turn) {
  (void)strength;
  (void)turn;
  for (size_t i = 0; i < count; i++) delta[i] = NAN;
}

static void label_flip(uint8_t *labels, size_t count) {
  for (size_t i = 0; i < count; i++) labels[i] = (uint8_t)(9 - labels[i]);
}

static const struct attack table[] = {
    /* The control. */
    {"none", "sends its honest update", 0, NULL, NULL},
    /* Own update reversed: the "bit flip" of Karimireddy, He, Jaggi, "Byzantine-robust learning on
     * heterogeneous datasets via bucketing" (ICLR 2022), and Blades. By 4 of 20 liars, a plain
     * mean is halted at 4 and sent backwards from there; at 8 it reaches NaN within 25 rounds. */
    {"sign_flip", "sends its own update times -strength", 6, NULL, sign_flip},
    /* Blanchard et al., "Machine learning with adversaries" (NeurIPS 2017); byzfl has deviation 1,
     * at which 4 of 20 cost a plain mean 0.06 of accuracy; at 4, 0.35 and more. */
    {"gaussian", "sends noise N(0, strength^2) in every coordinate", 4, NULL, gaussian},
    /* Bagdasaryan et al., "How to backdoor federated learning" (AISTATS 2020), model replacement;
     * FLTrust and FLDetector multiply by the number of clients. */
    {"scale", "sends its own update times strength", 20, NULL, scale},
    /* Tolpegin et al., "Data poisoning attacks against federated learning systems" (ESORICS 2020);
     * y -> 9 - y as in byzfl and Blades. */
    {"label_flip", "trains on labels y -> 9 - y and sends that update", 0, label_flip, NULL},
    /* No attack on robustness but on hygiene: a broken client looks the same. */
    {"nan", "sends NaN in every coordinate", 0, NULL, nan_everywhere},
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

void attack_labels(const struct attack *attack, uint8_t *labels, size_t count) {
  if (attack->on_labels) attack->on_labels(labels, count);
}

void attack_delta(const struct attack *attack, struct attack_turn turn, float *delta,
                  size_t count) {
  double strength = turn.strength != 0 ? turn.strength : attack->strength;
  if (attack->on_delta) attack->on_delta(delta, count, strength, turn);
}
