/* Labelled grey images in memory, whether they were read from idx files or drawn by digits.c. */
#ifndef TAMIS_LAB_DATASET_H
#define TAMIS_LAB_DATASET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DATASET_CLASSES = 10 };

/* Image i is `rows * columns` bytes from pixels[i * rows * columns], 0 the background; its label is
 * below DATASET_CLASSES. */
struct dataset {
  size_t count;
  size_t rows;
  size_t columns;
  uint8_t *pixels;
  uint8_t *labels;
};

/* Allocates zeroed images and labels; false when memory is short, and then *out is empty. */
bool dataset_new(struct dataset *out, size_t count, size_t rows, size_t columns);

/* Frees the arrays; an empty dataset is fine. */
void dataset_free(struct dataset *dataset);

static inline size_t dataset_image_size(const struct dataset *dataset) {
  return dataset->rows * dataset->columns;
}

static inline const uint8_t *dataset_image(const struct dataset *dataset, size_t index) {
  return dataset->pixels + index * dataset_image_size(dataset);
}

#endif
