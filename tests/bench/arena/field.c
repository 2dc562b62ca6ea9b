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

enum { WINDOW_STEP = 4, WINDOW_ROUNDS = 100 };

static _Noreturn void give_up(const char *text) {
  fprintf(stderr, "arena: %s\n", text);
  exit(EXIT_FAILURE);
}

static void must(bool good) {
  if (!good) give_up("out of memory");
}

/* ---- all of MNIST ---- */

/* Means of 2 x 2, after `trigger` (NULL: none) was put on it. */
static void shrink(const struct dataset *from, size_t i, const struct trigger *trigger, int part,
                   uint8_t *small) {
  uint8_t image[28 * 28];
  memcpy(image, dataset_image(from, i), sizeof image);
  if (trigger) trigger_mark(trigger, part, image, 28, 28);
  for (size_t r = 0; r < FIELD_SIDE; r++)
    for (size_t c = 0; c < FIELD_SIDE; c++) {
      const uint8_t *at = image + 2 * r * 28 + 2 * c;
      small[r * FIELD_SIDE + c] = (uint8_t)((at[0] + at[1] + at[28] + at[29] + 2) / 4);
    }
}

static void shrink_all(const struct dataset *from, const struct trigger *trigger, int part,
                       struct dataset *to, size_t first) {
  for (size_t i = 0; i < from->count; i++) {
    shrink(from, i, trigger, part, to->pixels + (first + i) * dataset_image_size(to));
    to->labels[first + i] = from->labels[i];
  }
}

static void load(struct dataset *whole, const char *folder, enum idx_part part) {
  struct idx_error error;
  if (idx_load(whole, folder, part, &error) != IDX_OK) give_up(error.text);
  if (whole->rows != 28 || whole->columns != 28) give_up("the images are not of 28 x 28");
}

static void find_marks(struct field_data *data, size_t images) {
  size_t count, first = images;
  const struct attack *attack = attack_table(&count);
  for (size_t i = 0; i < count; i++) {
    if (!attack[i].trigger) continue;
    must(data->marks < FIELD_MARKS_MAX);
    data->mark[data->marks++] = (struct field_mark){.trigger = attack[i].trigger, .first = first};
    first += attack[i].trigger->parts * images;
  }
}

static void make_train(struct field_data *data, const struct dataset *whole) {
  size_t sets = 1;
  for (size_t m = 0; m < data->marks; m++) sets += data->mark[m].trigger->parts;
  data->images = whole->count;
  must(dataset_new(&data->train, sets * whole->count, FIELD_SIDE, FIELD_SIDE));
  shrink_all(whole, NULL, 0, &data->train, 0);
  for (size_t m = 0; m < data->marks; m++)
    for (size_t part = 0; part < data->mark[m].trigger->parts; part++)
      shrink_all(whole, data->mark[m].trigger, (int)part, &data->train,
                 data->mark[m].first + part * whole->count);
}

static void make_marked_test(const struct dataset *whole, struct field_mark *mark) {
  size_t size = FIELD_SIDE * FIELD_SIDE;
  must(dataset_new(&mark->test, whole->count, FIELD_SIDE, FIELD_SIDE));
  mark->test.count = 0;
  for (size_t i = 0; i < whole->count; i++) {
    if (whole->labels[i] == mark->trigger->target) continue;
    shrink(whole, i, mark->trigger, TRIGGER_WHOLE, mark->test.pixels + mark->test.count * size);
    mark->test.labels[mark->test.count++] = mark->trigger->target;
  }
}

static void copy(const struct dataset *from, size_t count, struct dataset *to) {
  must(dataset_new(to, count, from->rows, from->columns));
  memcpy(to->pixels, from->pixels, count * dataset_image_size(from));
  memcpy(to->labels, from->labels, count);
}

void field_data_open(struct field_data *data, const char *folder) {
  struct dataset whole;
  *data = (struct field_data){0};
  load(&whole, folder, IDX_TRAIN);
  find_marks(data, whole.count);
  make_train(data, &whole);
  dataset_free(&whole);
  load(&whole, folder, IDX_TEST);
  must(whole.count >= FIELD_CURVE && dataset_new(&data->test, whole.count, FIELD_SIDE, FIELD_SIDE));
  shrink_all(&whole, NULL, 0, &data->test, 0);
  for (size_t m = 0; m < data->marks; m++) make_marked_test(&whole, &data->mark[m]);
  dataset_free(&whole);
  copy(&data->test, FIELD_CURVE, &data->curve);
  copy(&data->test, data->test.count, &data->flipped);
  attack_labels(attack_find("label_flip"), data->flipped.labels, data->flipped.count);
}

void field_data_close(struct field_data *data) {
  for (size_t m = 0; m < data->marks; m++) dataset_free(&data->mark[m].test);
  dataset_free(&data->flipped);
  dataset_free(&data->curve);
  dataset_free(&data->test);
  dataset_free(&data->train);
}

const struct field_mark *field_mark(const struct field_data *data, const struct trigger *trigger) {
  size_t m = 0;
  while (data->mark[m].trigger != trigger) m++;
  return &data->mark[m];
}

/* ---- one federation ---- */

static void share_new(struct field_share *share, size_t count) {
  free(share->members);
  free(share->labels);
  share->count = count;
  share->members = malloc((count + 1) * sizeof *share->members);
  share->labels = malloc(count + 1);
  must(share->members && share->labels);
}

static void share_put(const struct field_data *data, struct field_share *share, size_t k,
                      uint32_t image) {
  share->members[k] = image;
  share->labels[k] = data->train.labels[image];
}

static void deal(struct field *field, const uint32_t *image, const struct partition *partition) {
  for (size_t client = 0; client < field->clients; client++) {
    struct field_share *share = &field->share[client];
    const uint32_t *member = partition->members + partition->start[client];
    share_new(share, partition_share(partition, client));
    for (size_t k = 0; k < share->count; k++) share_put(field->data, share, k, image[member[k]]);
  }
}

void field_open(struct field *field, const struct field_data *data, size_t clients, double alpha,
                uint64_t seed) {
  size_t whole = data->images, count = clients * FIELD_SHARE;
  uint32_t *image = malloc(whole * sizeof *image);
  uint8_t *labels = malloc(count);
  struct partition partition;
  struct random random;
  *field = (struct field){data, clients, calloc(clients, sizeof *field->share)};
  must(image && labels && field->share && count <= whole);
  for (size_t i = 0; i < whole; i++) image[i] = (uint32_t)i;
  random_seed(&random, random_mix(seed, 1));
  random_shuffle(&random, image, whole);
  for (size_t i = 0; i < count; i++) labels[i] = data->train.labels[image[i]];
  must(alpha > 0 ? partition_dirichlet(&partition, labels, count, clients, alpha, FIELD_SHARE_MIN,
                                       random_mix(seed, 2))
                 : partition_iid(&partition, count, clients, random_mix(seed, 2)));
  deal(field, image, &partition);
  partition_free(&partition);
  free(labels);
  free(image);
}

void field_close(struct field *field) {
  for (size_t client = 0; client < field->clients; client++) {
    free(field->share[client].members);
    free(field->share[client].labels);
  }
  free(field->share);
}

/* ---- odd clients ---- */

static uint32_t draw_one(const struct field_data *data, size_t label, struct random *random) {
  uint32_t image;
  do image = (uint32_t)random_below(random, data->images);
  while (data->train.labels[image] != label);
  return image;
}

static void make_one_class(const struct field_data *data, struct field_share *share,
                           struct random *random) {
  size_t label = random_below(random, DATASET_CLASSES);
  share_new(share, FIELD_SHARE);
  for (size_t k = 0; k < share->count; k++)
    share_put(data, share, k, draw_one(data, label, random));
}

/* More or fewer of the images it has: ten times means those and others of the same classes. */
static void resize(const struct field_data *data, struct field_share *share, size_t count,
                   struct random *random) {
  struct field_share old = *share;
  *share = (struct field_share){.odd = old.odd};
  share_new(share, count);
  for (size_t k = 0; k < count; k++) {
    uint32_t image = old.members[k % old.count];
    if (k >= old.count) image = draw_one(data, old.labels[k % old.count], random);
    share_put(data, share, k, image);
  }
  free(old.members);
  free(old.labels);
}

static void make_noisy(struct field_share *share, struct random *random) {
  for (size_t k = 0; k < share->count; k++)
    if (random_uniform(random) < 0.3)
      share->labels[k] = (uint8_t)random_below(random, DATASET_CLASSES);
}

/* Sorted by class, with FIELD_SHARE in a window at a time. */
static void make_moving(const struct field_data *data, struct field_share *share,
                        struct random *random) {
  size_t count = FIELD_SHARE + WINDOW_STEP * WINDOW_ROUNDS;
  share_new(share, count);
  for (size_t k = 0; k < count; k++) {
    size_t label = k * DATASET_CLASSES / count;
    share_put(data, share, k, draw_one(data, label, random));
  }
}

void field_make_odd(struct field *field, size_t client, enum field_odd odd, uint64_t seed) {
  struct field_share *share = &field->share[client];
  struct random random;
  random_seed(&random, random_mix(random_mix(seed, 6), client));
  share->odd = odd;
  switch (odd) {
  case FIELD_ORDINARY: return;
  case FIELD_ONE_CLASS: make_one_class(field->data, share, &random); return;
  case FIELD_LARGE: resize(field->data, share, 10 * share->count, &random); return;
  case FIELD_SMALL: resize(field->data, share, (share->count + 9) / 10, &random); return;
  case FIELD_NOISY: make_noisy(share, &random); return;
  case FIELD_MOVING: make_moving(field->data, share, &random); return;
  }
}

struct field_share field_turn(const struct field *field, size_t client, size_t round) {
  struct field_share share = field->share[client];
  if (share.odd != FIELD_MOVING) return share;
  size_t step = round < WINDOW_ROUNDS ? round : WINDOW_ROUNDS;
  share.count = FIELD_SHARE;
  share.members += WINDOW_STEP * step;
  share.labels += WINDOW_STEP * step;
  return share;
}

void field_poison(const struct field_data *data, const struct trigger *trigger, size_t part,
                  uint32_t *members, uint8_t *labels, size_t count) {
  size_t marked = (size_t)(trigger->poisoned * (double)count + 0.5);
  size_t first = field_mark(data, trigger)->first + part % trigger->parts * data->images;
  for (size_t k = 0; k < marked; k++) {
    members[k] += (uint32_t)first;
    labels[k] = trigger->target;
  }
}
