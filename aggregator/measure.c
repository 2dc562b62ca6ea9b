/* Tiles are of a page, so that a block of the Gram matrix is finished with while it is in the cache
 * and its pages can go. */
#include "aggregator/measure.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "robust/kernel.h"
#include "robust/score.h"

enum { TILE = 1024, STRETCH = 16 * TILE, LAYERS_MAX = 64, CLASSES_MAX = 1024 };

struct sums { /* of one row */
  double own, before_square, moved;
};

struct measure {
  struct measure_input in;
  size_t d, done, layers;
  size_t layer_end[LAYERS_MAX];
  struct sums *sums;
  double *energy;       /* n x layers: squared length */
  float moved[STRETCH]; /* base less base_before */
  double moved_square;
  struct robust_sketch_tile hash[STRETCH / TILE];
  double (*sketch)[2 * ROBUST_SKETCH_SIZE]; /* n + 1: the last is of the step */
};

static_assert((int)TILE == (int)ROBUST_SKETCH_TILE, "tiles of the pass are tiles of the sketch");

/* ---- layers ---- */

/* A tensor each; where there are more than LAYERS_MAX, neighbours share one. */
static void lay_out(struct measure *measure) {
  const struct layout *layout = measure->in.layout;
  size_t count = layout->tensor_count;
  measure->layers = count < LAYERS_MAX ? count : LAYERS_MAX;
  for (size_t t = 0; t < count; t++)
    measure->layer_end[t * measure->layers / count] =
        (size_t)(layout->tensor[t].offset + layout->tensor[t].count);
}

struct measure *measure_new(const struct measure_input *input) {
  struct measure *measure = calloc(1, sizeof *measure);
  if (!measure) return NULL;
  measure->in = *input;
  measure->d = (size_t)input->layout->parameters;
  lay_out(measure);
  measure->sums = calloc(input->n, sizeof *measure->sums);
  measure->energy = calloc(input->n * measure->layers + 1, sizeof *measure->energy);
  measure->sketch = calloc(input->n + 1, sizeof *measure->sketch);
  if (measure->sums && measure->energy && measure->sketch) return measure;
  measure_free(measure);
  return NULL;
}

void measure_free(struct measure *measure) {
  if (!measure) return;
  free(measure->sketch);
  free(measure->energy);
  free(measure->sums);
  free(measure);
}

/* ---- the pass ---- */

static size_t least(size_t a, size_t b) {
  return a < b ? a : b;
}

static const float *row_of(const struct measure *measure, size_t i) {
  return measure->in.row[i];
}

static void add_energy(const struct measure *measure, const float *x, size_t from, size_t to,
                       double *energy) {
  size_t layer = 0;
  while (measure->layer_end[layer] <= from) layer++;
  while (from < to) {
    size_t end = least(to, measure->layer_end[layer]);
    energy[layer++] += robust_dot(x + from, x + from, end - from);
    from = end;
  }
}

static void add_tile(struct measure *measure, size_t i, size_t from, size_t to, const float *moved,
                     const struct robust_sketch_tile *hash) {
  const float *x = row_of(measure, i), *before = measure->in.before[i];
  struct sums *sums = &measure->sums[i];
  size_t count = to - from;
  add_energy(measure, x, from, to, measure->energy + i * measure->layers);
  robust_sketch_add(hash, x + from, count, measure->sketch[i]);
  if (before) {
    sums->own += robust_dot(x + from, before + from, count);
    sums->before_square += robust_dot(before + from, before + from, count);
  }
  if (moved) sums->moved += robust_dot(x + from, moved, count);
}

static void add_moved(struct measure *measure, size_t from, size_t to) {
  const float *base = measure->in.base, *before = measure->in.base_before;
  for (size_t k = from; k < to; k++)
    measure->moved[k - from] = (float)((double)base[k] - (double)before[k]);
  for (size_t at = from; at < to; at += TILE) {
    const float *moved = measure->moved + (at - from);
    measure->moved_square += robust_dot(moved, moved, least(TILE, to - at));
    robust_sketch_add(&measure->hash[(at - from) / TILE], moved, least(TILE, to - at),
                      measure->sketch[measure->in.n]);
  }
}

static void add_stretch(struct measure *measure, size_t from, size_t to) {
  bool has_moved = measure->in.base_before != NULL;
  for (size_t at = from; at < to; at += TILE)
    robust_sketch_tile(measure->in.seed, at, &measure->hash[(at - from) / TILE]);
  if (has_moved) add_moved(measure, from, to);
#pragma omp parallel for schedule(dynamic, 1) num_threads(measure->in.threads)
  for (size_t i = 0; i < measure->in.n; i++)
    for (size_t at = from; at < to; at += TILE)
      add_tile(measure, i, at, least(at + TILE, to),
               has_moved ? measure->moved + (at - from) : NULL, &measure->hash[(at - from) / TILE]);
}

size_t measure_upto(struct measure *measure, size_t to) {
  size_t end = to < measure->d ? to / TILE * TILE : measure->d;
  while (measure->done < end) {
    size_t next = least(measure->done + STRETCH, end);
    add_stretch(measure, measure->done, next);
    measure->done = next;
  }
  return measure->done;
}

/* ---- what they add up to ---- */

static double share_of(const struct measure *measure, size_t i, size_t layer) {
  const double *energy = measure->energy + i * measure->layers;
  double total = 0;
  for (size_t k = 0; k < measure->layers; k++) total += energy[k];
  return total > 0 ? energy[layer] / total : 0;
}

/* Total variation from the median shares of those that vote, which need not add up to 1. */
static bool compare_layers(const struct measure *measure, const bool *votes,
                           struct evidence *evidence) {
  size_t n = measure->in.n, voters = 0;
  double *values = calloc(2 * n, sizeof *values), *work = values ? values + n : NULL;
  for (size_t i = 0; i < n; i++) voters += votes[i];
  for (size_t layer = 0; values && layer < measure->layers; layer++) {
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
      if (votes[i] || voters == 0) values[count++] = share_of(measure, i, layer);
    double median = robust_median(count, values, work);
    for (size_t i = 0; i < n; i++)
      evidence[i].layer_share += 0.5 * fabs(share_of(measure, i, layer) - median);
  }
  free(values);
  return values != NULL;
}

bool measure_evidence(const struct measure *measure, const double *gram, const bool *votes,
                      struct evidence *evidence) {
  size_t n = measure->in.n;
  for (size_t i = 0; i < n; i++) {
    const struct sums *sums = &measure->sums[i];
    double square = gram[i * n + i];
    evidence[i].own_cosine = robust_cosine(sums->own, square, sums->before_square);
    evidence[i].aggregate_cosine = robust_cosine(sums->moved, square, measure->moved_square);
  }
  return compare_layers(measure, votes, evidence);
}

void measure_sketch(const struct measure *measure, size_t i, float *sketch) {
  robust_sketch_finish(measure->sketch[i], sketch);
}

/* ---- the output layer ---- */

/* Which coordinates, and how classes lie in them. */
struct output {
  size_t from, to;
  size_t classes;
  size_t weight_from, weight_to; /* the matrix */
  size_t stride; /* of it: so many coordinates in a row are of one class; 1: classes alternate */
};

static bool fits(const struct tensor *bias, const struct tensor *weight) {
  return bias->rank == 1 && weight->rank >= 2 && bias->count > 0 &&
         (weight->shape[0] == bias->count || weight->shape[weight->rank - 1] == bias->count);
}

/* The last tensor, with its bias when the one beside it is one. A class is an output: a row of the
 * matrix, or a column when only that fits the bias. */
static struct output output_of(const struct layout *layout) {
  const struct tensor *weight = &layout->tensor[layout->tensor_count - 1], *bias = NULL;
  const struct tensor *other = layout->tensor_count > 1 ? weight - 1 : NULL;
  if (other && fits(weight, other)) {
    bias = weight;
    weight = other;
  } else if (other && fits(other, weight)) {
    bias = other;
  }
  const struct tensor *first = bias && bias < weight ? bias : weight;
  const struct tensor *last = bias && bias > weight ? bias : weight;
  struct output output = {.from = (size_t)first->offset,
                          .to = (size_t)(last->offset + last->count),
                          .classes = 1,
                          .weight_from = (size_t)weight->offset,
                          .weight_to = (size_t)(weight->offset + weight->count),
                          .stride = (size_t)weight->count};
  bool by_rows = !bias || weight->shape[0] == bias->count;
  size_t classes = weight->rank < 2 ? 1 : (size_t)weight->shape[by_rows ? 0 : weight->rank - 1];
  if (classes < 1 || classes > CLASSES_MAX || weight->count == 0) return output;
  output.classes = classes;
  output.stride = by_rows ? (size_t)weight->count / classes : 1;
  return output;
}

/* The class of coordinate k, and how many from there on are of the same. */
static size_t class_of(const struct output *output, size_t k, size_t *run) {
  bool is_weight = k >= output->weight_from && k < output->weight_to;
  size_t at = is_weight ? k - output->weight_from
                        : k - (k < output->weight_from ? output->from : output->weight_to);
  size_t stride = output->classes == 1 ? output->to - output->from : is_weight ? output->stride : 1;
  *run = stride - at % stride;
  return at / stride % output->classes;
}

/* sums[class] += <x, y> of the stretch that begins at coordinate `from`. */
static void add_classes(const struct output *output, const float *x, const float *y, size_t from,
                        size_t to, double *sums) {
  for (size_t k = from; k < to;) {
    size_t run, class = class_of(output, k, &run);
    run = least(run, to - k);
    sums[class] += run == 1 ? (double)x[k - from] * (double)y[k - from]
                            : robust_dot(x + (k - from), y + (k - from), run);
    k += run;
  }
}

struct output_sums {     /* a class each */
  double *inner;         /* n x classes: with the centre */
  double *square;        /* n x classes */
  double *centre_square; /* classes */
};

/* The centre of a tile: rows are added in their order. */
static void centre_tile(const struct measure *measure, const double *weight, size_t from, size_t to,
                        float *centre) {
  double sum[TILE] = {0};
  for (size_t i = 0; i < measure->in.n; i++) {
    const float *x = row_of(measure, i) + from;
    if (weight[i] > 0)
      for (size_t k = 0; k < to - from; k++) sum[k] += weight[i] * (double)x[k];
  }
  for (size_t k = 0; k < to - from; k++) centre[k] = (float)sum[k];
}

static size_t tile_end(size_t at, size_t to) {
  return least((at / TILE + 1) * TILE, to);
}

static void output_row(const struct output *output, const float *x, const float *centre,
                       size_t from, size_t to, double *inner, double *square) {
  for (size_t at = from; at < to; at = tile_end(at, to)) {
    add_classes(output, x + at, centre + (at - from), at, tile_end(at, to), inner);
    add_classes(output, x + at, x + at, at, tile_end(at, to), square);
  }
}

static void output_stretch(const struct measure *measure, const struct output *output,
                           const double *weight, size_t from, size_t to, float *centre,
                           struct output_sums *sums) {
  size_t first = from / TILE, tiles = (to + TILE - 1) / TILE;
#pragma omp parallel for schedule(dynamic, 1) num_threads(measure->in.threads)
  for (size_t t = first; t < tiles; t++) {
    size_t at = t == first ? from : t * TILE;
    centre_tile(measure, weight, at, tile_end(at, to), centre + (at - from));
  }
  for (size_t at = from; at < to; at = tile_end(at, to))
    add_classes(output, centre + (at - from), centre + (at - from), at, tile_end(at, to),
                sums->centre_square);
#pragma omp parallel for schedule(dynamic, 1) num_threads(measure->in.threads)
  for (size_t i = 0; i < measure->in.n; i++)
    output_row(output, row_of(measure, i), centre, from, to, sums->inner + i * output->classes,
               sums->square + i * output->classes);
}

/* So many coordinates that all rows of them are a block, as in robust's passes. */
static size_t stretch_of(size_t n) {
  size_t tiles = ROBUST_BLOCK_BYTES / sizeof(float) / n / TILE;
  return tiles < 1 ? TILE : least(tiles * TILE, STRETCH);
}

/* Energy of the classes that point away from the centre's, each as far as it does, as a share. An
 * honest client that lacks a class hardly moves its row; one whose labels lie moves the rows of its
 * classes, and against the others. */
static void compare_outputs(const struct output *output, const struct output_sums *sums, size_t i,
                            struct evidence *evidence) {
  const double *inner = sums->inner + i * output->classes;
  const double *square = sums->square + i * output->classes;
  double products = 0, length = 0, centre = 0, opposed = 0;
  for (size_t c = 0; c < output->classes; c++) {
    products += inner[c];
    length += square[c];
    centre += sums->centre_square[c];
    opposed += square[c] * fmax(0, -robust_cosine(inner[c], square[c], sums->centre_square[c]));
  }
  evidence->output_cosine = robust_cosine(products, length, centre);
  evidence->output_opposed = length > 0 ? opposed / length : 0;
}

bool measure_output(const struct measure *measure, const double *centre,
                    struct evidence *evidence) {
  struct output output = output_of(measure->in.layout);
  size_t n = measure->in.n;
  struct output_sums sums = {.inner = calloc(n * output.classes, sizeof *sums.inner),
                             .square = calloc(n * output.classes, sizeof *sums.square),
                             .centre_square = calloc(output.classes, sizeof *sums.square)};
  float *tile = calloc(STRETCH, sizeof *tile);
  bool is_good = sums.inner && sums.square && sums.centre_square && tile;
  for (size_t at = output.from, next; is_good && at < output.to; at = next) {
    next = least(at / TILE * TILE + stretch_of(n), output.to);
    output_stretch(measure, &output, centre, at, next, tile, &sums);
    if (measure->in.release) measure->in.release(measure->in.context, at, next);
  }
  for (size_t i = 0; is_good && i < n; i++) compare_outputs(&output, &sums, i, &evidence[i]);
  free(tile);
  free(sums.centre_square);
  free(sums.square);
  free(sums.inner);
  return is_good;
}
