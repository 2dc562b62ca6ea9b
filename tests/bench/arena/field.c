/* A share is a list of images of the whole set and a copy of their labels, so that whoever lies
 * about labels lies about its own. */
#include "field.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "lab/idx.h"
#include "lab/partition.h"

const struct mlp_shape field_shape = {FIELD_SIDE * FIELD_SIDE, FIELD_HIDDEN, DATASET_CLASSES};
const struct mlp_training field_training = {
    .learning_rate = 0.1, .momentum = 0.9, .batch = FIELD_BATCH};

static _Noreturn void give_up(const char *text) {
  fprintf(stderr, "arena: %s\n", text);
  exit(EXIT_FAILURE);
}

static void must(bool good) {
  if (!good) give_up("out of memory");
}

/* Means of 2 x 2. */
static void shrink(struct dataset *from, struct dataset *to) {
  size_t side = from->columns;
  must(dataset_new(to, from->count, from->rows / 2, from->columns / 2));
  memcpy(to->labels, from->labels, from->count);
  for (size_t i = 0; i < from->count; i++) {
    const uint8_t *image = dataset_image(from, i);
    uint8_t *small = to->pixels + i * dataset_image_size(to);
    for (size_t r = 0; r < to->rows; r++)
      for (size_t c = 0; c < to->columns; c++) {
        const uint8_t *at = image + 2 * r * side + 2 * c;
        small[r * to->columns + c] = (uint8_t)((at[0] + at[1] + at[side] + at[side + 1] + 2) / 4);
      }
  }
  dataset_free(from);
}

static void load(struct dataset *to, const char *folder, enum idx_part part) {
  struct dataset whole;
  struct idx_error error;
  if (idx_load(&whole, folder, part, &error) != IDX_OK) give_up(error.text);
  shrink(&whole, to);
}

void field_data_open(struct field_data *data, const char *folder) {
  load(&data->train, folder, IDX_TRAIN);
  load(&data->test, folder, IDX_TEST);
  must(dataset_new(&data->curve, FIELD_CURVE, FIELD_SIDE, FIELD_SIDE));
  memcpy(data->curve.pixels, data->test.pixels, FIELD_CURVE * dataset_image_size(&data->test));
  memcpy(data->curve.labels, data->test.labels, FIELD_CURVE);
}

void field_data_close(struct field_data *data) {
  dataset_free(&data->curve);
  dataset_free(&data->test);
  dataset_free(&data->train);
}

void field_open(struct field *field, const struct field_data *data, size_t clients, double alpha,
                uint64_t seed) {
  size_t whole = data->train.count, count = clients * FIELD_SHARE;
  uint32_t *image = malloc(whole * sizeof *image);
  uint8_t *labels = malloc(count);
  struct partition partition;
  struct random random;
  must(image && labels);
  for (size_t i = 0; i < whole; i++) image[i] = (uint32_t)i;
  random_seed(&random, random_mix(seed, 1));
  random_shuffle(&random, image, whole);
  for (size_t i = 0; i < count; i++) labels[i] = data->train.labels[image[i]];
  must(alpha > 0 ? partition_dirichlet(&partition, labels, count, clients, alpha, FIELD_SHARE_MIN,
                                       random_mix(seed, 2))
                 : partition_iid(&partition, count, clients, random_mix(seed, 2)));
  *field = (struct field){.data = data,
                          .clients = clients,
                          .start = partition.start,
                          .members = partition.members,
                          .labels = malloc(count)};
  must(field->labels);
  for (size_t i = 0; i < count; i++) {
    field->members[i] = image[partition.members[i]];
    field->labels[i] = data->train.labels[field->members[i]];
  }
  free(labels);
  free(image);
}

void field_close(struct field *field) {
  free(field->labels);
  free(field->members);
  free(field->start);
}
