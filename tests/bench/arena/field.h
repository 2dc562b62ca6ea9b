/* Who holds what: MNIST dealt to clients, shrunk to 14 x 14 so that hundreds of federations can be
 * trained in an hour, with what odd clients and poisoners make of it. */
#ifndef TAMIS_ARENA_FIELD_H
#define TAMIS_ARENA_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "lab/dataset.h"
#include "lab/mlp.h"

enum { FIELD_SIDE = 14, FIELD_HIDDEN = 16, FIELD_SHARE = 200, FIELD_SHARE_MIN = 30 };
enum { FIELD_BATCH = 32, FIELD_BATCH_MAX = 500, FIELD_CURVE = 2000 };

/* All of MNIST, loaded once a program. */
struct field_data {
  struct dataset train, test;
  struct dataset curve; /* the first FIELD_CURVE of test: what is looked at after each round */
};

/* One federation's data. */
struct field {
  const struct field_data *data;
  size_t clients;
  size_t *start; /* clients + 1 */
  uint32_t *members;
  uint8_t *labels; /* of the members, one after the other: a client's own copy */
};

extern const struct mlp_shape field_shape;
extern const struct mlp_training field_training;

/* Ends the program with a sentence when the folder has no MNIST. */
void field_data_open(struct field_data *data, const char *folder);
void field_data_close(struct field_data *data);

/* FIELD_SHARE images a client on average, drawn from all; `alpha` 0: iid. */
void field_open(struct field *field, const struct field_data *data, size_t clients, double alpha,
                uint64_t seed);
void field_close(struct field *field);

static inline size_t field_share(const struct field *field, size_t client) {
  return field->start[client + 1] - field->start[client];
}

#endif
