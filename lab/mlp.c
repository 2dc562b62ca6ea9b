/* Forward and backward as five matrix products: everything else here is bookkeeping around them. */
#include "lab/mlp.h"

#include <assert.h>
#include <cblas.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

/* Activations of one batch, an example a row. `slope` is the derivative of the loss by the layer's
 * input. */
struct mlp {
  struct mlp_shape shape;
  size_t batch_max;
  float *input;
  float *hidden;
  float *hidden_slope;
  float *output;
  float *gradient;
  float *velocity;
};

/* Where the four tensors begin in a flat vector. */
struct places {
  size_t weight1, bias1, weight2, bias2;
};

size_t mlp_parameter_count(struct mlp_shape shape) {
  return shape.hidden * (shape.inputs + 1) + shape.outputs * (shape.hidden + 1);
}

void mlp_layout(struct mlp_shape shape, struct mlp_tensor out[MLP_TENSORS]) {
  size_t weight1 = shape.hidden * shape.inputs, weight2 = shape.outputs * shape.hidden;
  out[0] = (struct mlp_tensor){"dense1.weight", shape.hidden, shape.inputs, 0};
  out[1] = (struct mlp_tensor){"dense1.bias", shape.hidden, 0, weight1};
  out[2] =
      (struct mlp_tensor){"dense2.weight", shape.outputs, shape.hidden, weight1 + shape.hidden};
  out[3] = (struct mlp_tensor){"dense2.bias", shape.outputs, 0, weight1 + shape.hidden + weight2};
}

static struct places places_of(struct mlp_shape shape) {
  struct mlp_tensor layout[MLP_TENSORS];
  mlp_layout(shape, layout);
  return (struct places){layout[0].offset, layout[1].offset, layout[2].offset, layout[3].offset};
}

void mlp_init(struct mlp_shape shape, uint64_t seed, float *parameters) {
  struct places at = places_of(shape);
  struct random random;
  random_seed(&random, seed);
  memset(parameters, 0, mlp_parameter_count(shape) * sizeof *parameters);
  double deviation1 = sqrt(2.0 / (double)shape.inputs),
         deviation2 = sqrt(2.0 / (double)shape.hidden);
  for (size_t i = 0; i < shape.hidden * shape.inputs; i++)
    parameters[at.weight1 + i] = (float)(deviation1 * random_normal(&random));
  for (size_t i = 0; i < shape.outputs * shape.hidden; i++)
    parameters[at.weight2 + i] = (float)(deviation2 * random_normal(&random));
}

/* In Debian 13 (0.3.29), OpenBLAS with OpenMP goes back to OpenMP's number at every call: twenty
 * learners that each spin with two threads on two cores were 26 times slower. */
void mlp_use_one_thread(void) {
  omp_set_num_threads(1);
  openblas_set_num_threads(1);
}

struct mlp *mlp_new(struct mlp_shape shape, size_t batch_max) {
  assert(shape.outputs <= DATASET_CLASSES && batch_max > 0);
  struct mlp *mlp = calloc(1, sizeof *mlp);
  if (!mlp) return NULL;
  mlp->shape = shape;
  mlp->batch_max = batch_max;
  mlp->input = calloc(batch_max * shape.inputs, sizeof(float));
  mlp->hidden = calloc(batch_max * shape.hidden, sizeof(float));
  mlp->hidden_slope = calloc(batch_max * shape.hidden, sizeof(float));
  mlp->output = calloc(batch_max * shape.outputs, sizeof(float));
  mlp->gradient = calloc(mlp_parameter_count(shape), sizeof(float));
  mlp->velocity = calloc(mlp_parameter_count(shape), sizeof(float));
  if (mlp->input && mlp->hidden && mlp->hidden_slope && mlp->output && mlp->gradient &&
      mlp->velocity)
    return mlp;
  mlp_free(mlp);
  return NULL;
}

void mlp_free(struct mlp *mlp) {
  if (!mlp) return;
  free(mlp->velocity);
  free(mlp->gradient);
  free(mlp->output);
  free(mlp->hidden_slope);
  free(mlp->hidden);
  free(mlp->input);
  free(mlp);
}

static void load_image(float *row, const uint8_t *pixels, size_t count) {
  for (size_t i = 0; i < count; i++) row[i] = (float)pixels[i] * (1.0f / 255);
}

/* out = in * weight^T + bias, for a weight of [width, in_width]. */
static void dense(const float *in, size_t in_width, const float *weight, const float *bias,
                  float *out, size_t width, size_t count) {
  for (size_t k = 0; k < count; k++) memcpy(out + k * width, bias, width * sizeof *out);
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (blasint)count, (blasint)width,
              (blasint)in_width, 1, in, (blasint)in_width, weight, (blasint)in_width, 1, out,
              (blasint)width);
}

/* The slopes of a dense layer's parameters: weight = slope^T * in, bias = column sums of slope. */
static void dense_gradient(const float *in, size_t in_width, const float *slope, size_t width,
                           size_t count, float *weight, float *bias) {
  cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (blasint)width, (blasint)in_width,
              (blasint)count, 1, slope, (blasint)width, in, (blasint)in_width, 0, weight,
              (blasint)in_width);
  memset(bias, 0, width * sizeof *bias);
  for (size_t k = 0; k < count; k++)
    for (size_t j = 0; j < width; j++) bias[j] += slope[k * width + j];
}

/* From `count` loaded images to raw outputs. */
static void forward(struct mlp *mlp, const float *parameters, size_t count) {
  struct mlp_shape shape = mlp->shape;
  struct places at = places_of(shape);
  dense(mlp->input, shape.inputs, parameters + at.weight1, parameters + at.bias1, mlp->hidden,
        shape.hidden, count);
  for (size_t i = 0; i < count * shape.hidden; i++)
    mlp->hidden[i] = mlp->hidden[i] < 0 ? 0 : mlp->hidden[i]; /* a NaN stays one */
  dense(mlp->hidden, shape.hidden, parameters + at.weight2, parameters + at.bias2, mlp->output,
        shape.outputs, count);
}

/* Turns one row of outputs into probabilities; returns the cross-entropy against `label`. The
 * largest output is taken off first so that no exponential overflows. */
static double softmax(float *row, size_t width, size_t label) {
  float largest = row[0];
  for (size_t j = 1; j < width; j++) largest = row[j] > largest ? row[j] : largest;
  double sum = 0, chosen = row[label] - largest;
  for (size_t j = 0; j < width; j++) {
    row[j] = expf(row[j] - largest);
    sum += row[j];
  }
  for (size_t j = 0; j < width; j++) row[j] = (float)(row[j] / sum);
  return log(sum) - chosen;
}

static void backward(struct mlp *mlp, const float *parameters, size_t count, float *gradient) {
  struct mlp_shape shape = mlp->shape;
  struct places at = places_of(shape);
  dense_gradient(mlp->hidden, shape.hidden, mlp->output, shape.outputs, count,
                 gradient + at.weight2, gradient + at.bias2);
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (blasint)count, (blasint)shape.hidden,
              (blasint)shape.outputs, 1, mlp->output, (blasint)shape.outputs,
              parameters + at.weight2, (blasint)shape.hidden, 0, mlp->hidden_slope,
              (blasint)shape.hidden);
  for (size_t i = 0; i < count * shape.hidden; i++)
    if (!(mlp->hidden[i] > 0)) mlp->hidden_slope[i] = 0;
  dense_gradient(mlp->input, shape.inputs, mlp->hidden_slope, shape.hidden, count,
                 gradient + at.weight1, gradient + at.bias1);
}

double mlp_gradient(struct mlp *mlp, const float *parameters, const struct dataset *set,
                    const uint32_t *members, const uint8_t *labels, size_t count, float *gradient) {
  assert(count > 0 && count <= mlp->batch_max && dataset_image_size(set) == mlp->shape.inputs);
  for (size_t k = 0; k < count; k++)
    load_image(mlp->input + k * mlp->shape.inputs, dataset_image(set, members[k]),
               mlp->shape.inputs);
  forward(mlp, parameters, count);

  double loss = 0;
  size_t width = mlp->shape.outputs;
  for (size_t k = 0; k < count; k++) {
    loss += softmax(mlp->output + k * width, width, labels[k]);
    mlp->output[k * width + labels[k]] -= 1;
  }
  for (size_t i = 0; i < count * width; i++) mlp->output[i] /= (float)count;
  backward(mlp, parameters, count, gradient);
  return loss / (double)count;
}

static void step(struct mlp *mlp, float *parameters, struct mlp_training training) {
  float rate = (float)training.learning_rate, momentum = (float)training.momentum;
  size_t count = mlp_parameter_count(mlp->shape);
  float *velocity = mlp->velocity;
  const float *gradient = mlp->gradient;
  for (size_t i = 0; i < count; i++) {
    velocity[i] = momentum * velocity[i] + gradient[i];
    parameters[i] -= rate * velocity[i];
  }
}

bool mlp_train_epoch(struct mlp *mlp, float *parameters, const struct dataset *set,
                     const uint32_t *members, const uint8_t *labels, size_t count,
                     struct mlp_training training, struct random *random) {
  assert(training.batch > 0 && training.batch <= mlp->batch_max && count <= UINT32_MAX);
  bool trained = false;
  uint32_t *order = malloc((count + 1) * sizeof *order);
  uint32_t *batch_members = malloc(training.batch * sizeof *batch_members);
  uint8_t *batch_labels = malloc(training.batch);
  if (!order || !batch_members || !batch_labels) goto out;

  for (size_t i = 0; i < count; i++) order[i] = (uint32_t)i;
  random_shuffle(random, order, count);
  memset(mlp->velocity, 0, mlp_parameter_count(mlp->shape) * sizeof(float));
  for (size_t start = 0; start < count; start += training.batch) {
    size_t size = count - start < training.batch ? count - start : training.batch;
    for (size_t k = 0; k < size; k++) {
      batch_members[k] = members[order[start + k]];
      batch_labels[k] = labels[order[start + k]];
    }
    mlp_gradient(mlp, parameters, set, batch_members, batch_labels, size, mlp->gradient);
    step(mlp, parameters, training);
  }
  trained = true;
out:
  free(batch_labels);
  free(batch_members);
  free(order);
  return trained;
}

/* Adds one example to the sums; an output of NaN is never right. */
static void count_example(struct mlp_score *score, float *row, size_t width, size_t label) {
  size_t best = 0;
  for (size_t j = 1; j < width; j++)
    if (row[j] > row[best]) best = j;
  bool right = best == label && !isnan(row[best]);
  score->accuracy += right;
  score->class_accuracy[label] += right;
  score->class_count[label]++;
  score->loss += softmax(row, width, label);
}

struct mlp_score mlp_evaluate(struct mlp *mlp, const float *parameters, const struct dataset *set) {
  assert(dataset_image_size(set) == mlp->shape.inputs);
  struct mlp_score score = {0};
  size_t width = mlp->shape.outputs;
  for (size_t start = 0; start < set->count; start += mlp->batch_max) {
    size_t size = set->count - start < mlp->batch_max ? set->count - start : mlp->batch_max;
    for (size_t k = 0; k < size; k++)
      load_image(mlp->input + k * mlp->shape.inputs, dataset_image(set, start + k),
                 mlp->shape.inputs);
    forward(mlp, parameters, size);
    for (size_t k = 0; k < size; k++)
      count_example(&score, mlp->output + k * width, width, set->labels[start + k]);
  }
  if (set->count > 0) {
    score.accuracy /= (double)set->count;
    score.loss /= (double)set->count;
  }
  for (size_t c = 0; c < DATASET_CLASSES; c++)
    if (score.class_count[c] > 0) score.class_accuracy[c] /= (double)score.class_count[c];
  return score;
}
