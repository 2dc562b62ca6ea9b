/* Who holds what: MNIST dealt to clients, shrunk to 14 x 14 so that hundreds of federations can be
 * trained in an hour, with what odd clients and poisoners make of it. */
#ifndef TAMIS_ARENA_FIELD_H
#define TAMIS_ARENA_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "lab/attack.h"
#include "lab/dataset.h"
#include "lab/mlp.h"

enum { FIELD_SIDE = 14, FIELD_HIDDEN = 16, FIELD_SHARE = 200, FIELD_SHARE_MIN = 30 };
enum { FIELD_BATCH = 32, FIELD_BATCH_MAX = 500, FIELD_CURVE = 2000, FIELD_MARKS_MAX = 4 };

/* All of MNIST, loaded once a program. Behind the `images` of `train` stand the same images with
 * each part of each trigger of lab/attack.h. */
struct field_data {
  struct dataset train;
  size_t images;
  struct dataset test;
  struct dataset curve;   /* the first FIELD_CURVE of test: what is looked at after each round */
  struct dataset flipped; /* test with labels 9 - y */
  size_t marks;
  struct field_mark {
    const struct trigger *trigger;
    size_t first;        /* of train: where its parts begin */
    struct dataset test; /* images of other classes, marked whole, the target as label */
  } mark[FIELD_MARKS_MAX];
};

/* Honest, and unlike the others. */
enum field_odd {
  FIELD_ORDINARY,
  FIELD_ONE_CLASS, /* all of its images are of one class */
  FIELD_LARGE,     /* ten times the images */
  FIELD_SMALL,     /* a tenth of them */
  FIELD_NOISY,     /* 30% of its labels are drawn at random */
  FIELD_MOVING,    /* over a hundred rounds its images go from the lowest classes to the highest */
};

struct field_share {
  size_t count;
  uint32_t *members;
  uint8_t *labels; /* of the members: a client's own copy */
  enum field_odd odd;
};

struct field { /* one federation's data */
  const struct field_data *data;
  size_t clients;
  struct field_share *share;
};

extern const struct mlp_shape field_shape;
extern const struct mlp_training field_training;

/* Ends the program with a sentence when the folder has no MNIST. */
void field_data_open(struct field_data *data, const char *folder);
void field_data_close(struct field_data *data);
/* The mark of an attack that has a trigger. */
const struct field_mark *field_mark(const struct field_data *data, const struct trigger *trigger);

/* FIELD_SHARE images a client on average, drawn from all; `alpha` 0: iid. */
void field_open(struct field *field, const struct field_data *data, size_t clients, double alpha,
                uint64_t seed);
void field_close(struct field *field);
void field_make_odd(struct field *field, size_t client, enum field_odd odd, uint64_t seed);
/* What the client trains on in a round: a stretch of its share. */
struct field_share field_turn(const struct field *field, size_t client, size_t round);
/* Marks the trigger's share of the examples, in place; `part` counts the poisoners. */
void field_poison(const struct field_data *data, const struct trigger *trigger, size_t part,
                  uint32_t *members, uint8_t *labels, size_t count);

#endif
