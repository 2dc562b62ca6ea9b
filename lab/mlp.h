/* A perceptron with one hidden layer, its parameters one flat vector of float32: what a client
 * trains and sends. Dense, ReLU, dense, softmax; cross-entropy; mini-batch gradient descent with
 * momentum. */
#ifndef TAMIS_LAB_MLP_H
#define TAMIS_LAB_MLP_H

#include "lab/dataset.h"
#include "lab/random.h"

enum { MLP_TENSORS = 4 };

struct mlp_shape {
  size_t inputs;
  size_t hidden;
  size_t outputs;
};

/* A named part of the flat vector, row-major; a bias has one dimension and `columns` 0. */
struct mlp_tensor {
  const char *name;
  size_t rows;
  size_t columns;
  size_t offset; /* in floats */
};

struct mlp_training {
  double learning_rate;
  double momentum; /* heavy ball: v <- momentum v + gradient; each epoch starts with v = 0 */
  size_t batch;
};

struct mlp_score {
  double accuracy;                        /* of all examples, a fraction */
  double loss;                            /* mean cross-entropy, natural logarithm */
  double class_accuracy[DATASET_CLASSES]; /* 0 for a class without examples */
  size_t class_count[DATASET_CLASSES];
};

/* Workspace for batches up to a size; holds no parameters. One thread at a time. */
struct mlp;

size_t mlp_parameter_count(struct mlp_shape shape);

/* dense1.weight [hidden, inputs], dense1.bias [hidden], dense2.weight [outputs, hidden],
 * dense2.bias [outputs]. */
void mlp_layout(struct mlp_shape shape, struct mlp_tensor out[MLP_TENSORS]);

/* He et al. 2015: weights N(0, 2 / fan_in), biases 0. Same seed, same bits, everywhere. */
void mlp_init(struct mlp_shape shape, uint64_t seed, float *parameters);

/* OpenBLAS keeps its threads per process: a program with one learner per core calls this once,
 * before training. */
void mlp_use_one_thread(void);

/* NULL when memory is short. outputs is at most DATASET_CLASSES. */
struct mlp *mlp_new(struct mlp_shape shape, size_t batch_max);
void mlp_free(struct mlp *mlp);

/* Mean loss over `count` examples (1 .. batch_max) of the set and its gradient by the parameters,
 * written to `gradient`. Pixels enter as byte / 255. Example k is number members[k], its label
 * labels[k]: the labels stand apart from the set because an attacker may have changed them. */
double mlp_gradient(struct mlp *mlp, const float *parameters, const struct dataset *set,
                    const uint32_t *members, const uint8_t *labels, size_t count, float *gradient);

/* One pass over the `count` examples in an order drawn from `random`; changes parameters in place.
 * The last batch may be short. training.batch is 1 .. batch_max. Returns false when memory is
 * short, with nothing changed. */
bool mlp_train_epoch(struct mlp *mlp, float *parameters, const struct dataset *set,
                     const uint32_t *members, const uint8_t *labels, size_t count,
                     struct mlp_training training, struct random *random);

/* Accuracy and loss over a whole set. */
struct mlp_score mlp_evaluate(struct mlp *mlp, const float *parameters, const struct dataset *set);

#endif
