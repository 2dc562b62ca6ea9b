/* Handwriting without a download: the digits 0-9 drawn from strokes, so that a fresh machine has
 * something to learn. A stand-in for MNIST in demos and tests; no figure measured on it is a figure
 * about MNIST. */
#ifndef TAMIS_LAB_DIGITS_H
#define TAMIS_LAB_DIGITS_H

#include "lab/dataset.h"

enum { DIGITS_SIDE = 28, DIGITS_TRAIN_COUNT = 20000, DIGITS_TEST_COUNT = 4000 };

/* Draws `count` images of 28 x 28, labels in random order and equally likely. Image i depends on
 * (seed, i) alone, and is the same bytes on every machine. The caller frees *out. False when memory
 * is short. */
bool digits_draw(struct dataset *out, size_t count, uint64_t seed);

#endif
