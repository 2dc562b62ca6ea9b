/* Integers only, so that a seed in a plan means the same on every machine. */
#include "robust/splitmix.h"

uint64_t splitmix_mix(uint64_t z) {
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return z ^ (z >> 31);
}

uint64_t splitmix_next(uint64_t *state) {
  return splitmix_mix(*state += UINT64_C(0x9e3779b97f4a7c15));
}

/* 2^64 is no multiple of most bounds: the first 2^64 mod bound values would come up once too often,
 * and are drawn again. */
uint64_t splitmix_below(uint64_t *state, uint64_t bound) {
  uint64_t surplus = (0 - bound) % bound;
  uint64_t drawn = splitmix_next(state);
  while (drawn < surplus) drawn = splitmix_next(state);
  return drawn % bound;
}

double splitmix_unit(uint64_t *state) {
  return (double)(splitmix_next(state) >> 11) * 0x1p-53;
}
