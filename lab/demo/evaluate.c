/* A ready-made answer to --evaluate: the share of a folder's test images that a model of lab/mlp
 * names rightly. Whatever is not a number goes to stderr. */
#include "lab/demo/evaluate.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "lab/demo/audience.h"
#include "lab/idx.h"
#include "proto/tensor.h"

struct evaluate_options {
  const char *data, *model;
};

static const struct argp_option options_table[] = {
    {"data", 'd', "DIR", 0, "MNIST-format idx files, plain or .gz: t10k-images, t10k-labels", 0},
    {0},
};

static error_t take_option(int key, char *argument, struct argp_state *state) {
  struct evaluate_options *options = state->input;
  switch (key) {
  case 'd': options->data = argument; return 0;
  case ARGP_KEY_ARG:
    if (options->model) argp_error(state, "one model at a time");
    options->model = argument;
    return 0;
  case ARGP_KEY_END:
    if (!options->data || !options->model) argp_error(state, "--data DIR and a MODEL are needed");
    return 0;
  default: return ARGP_ERR_UNKNOWN;
  }
}

static bool read_file(const char *path, uint8_t **bytes, size_t *length) {
  enum { MODEL_BYTES_MAX = 1 << 28 };
  FILE *file = fopen(path, "rb");
  *bytes = NULL;
  if (!file || fseek(file, 0, SEEK_END) != 0 || ftell(file) < 0 || ftell(file) > MODEL_BYTES_MAX) {
    fprintf(stderr, "evaluate: cannot read %s: %s\n", path, file ? "too large" : strerror(errno));
    if (file) fclose(file);
    return false;
  }
  *length = (size_t)ftell(file);
  *bytes = malloc(*length + 1);
  rewind(file);
  bool is_read = *bytes && fread(*bytes, 1, *length, file) == *length;
  fclose(file);
  if (!is_read) fprintf(stderr, "evaluate: cannot read %s\n", path);
  return is_read;
}

/* The learner's shape is that of the file's first tensor, dense1.weight [hidden, inputs]. */
static bool find_shape(const uint8_t *bytes, size_t length, struct mlp_shape *shape) {
  struct layout layout;
  struct fault fault = {0};
  if (layout_parse(bytes, length, length, &layout, &fault) != TAMIS_OK) {
    fprintf(stderr, "evaluate: not a model: %s\n", fault.text);
    return false;
  }
  const struct tensor *first = &layout.tensor[0];
  bool is_ours = strcmp(first->name, "dense1.weight") == 0 && first->rank == 2;
  if (is_ours)
    *shape = (struct mlp_shape){(size_t)first->shape[1], (size_t)first->shape[0], DATASET_CLASSES};
  layout_close(&layout);
  if (!is_ours) fprintf(stderr, "evaluate: this is no model of tamis-lab's learner\n");
  return is_ours;
}

static bool evaluate_on(const struct dataset *test, const uint8_t *bytes, size_t length) {
  struct audience audience;
  struct mlp_shape shape;
  if (!find_shape(bytes, length, &shape)) return false;
  if (shape.inputs != dataset_image_size(test)) {
    fprintf(stderr, "evaluate: the model looks at %zu pixels, the images have %zu\n", shape.inputs,
            dataset_image_size(test));
    return false;
  }
  mlp_use_one_thread();
  double accuracy =
      audience_open(&audience, shape, test) ? audience_evaluate(&audience, bytes, length) : -1;
  audience_close(&audience);
  if (accuracy >= 0)
    printf("%.6f\n", accuracy);
  else
    fprintf(stderr, "evaluate: the model cannot be run\n");
  return accuracy >= 0;
}

int evaluate_main(int argc, char **argv) {
  static const struct argp argp = {options_table,
                                   take_option,
                                   "MODEL",
                                   "Print the accuracy of a model of tamis-lab's learner on test "
                                   "images, a number from 0 to 1.",
                                   NULL,
                                   NULL,
                                   NULL};
  struct evaluate_options options = {0};
  struct dataset test = {0};
  struct idx_error error;
  uint8_t *bytes = NULL;
  size_t length = 0;
  argp_parse(&argp, argc, argv, 0, NULL, &options);
  bool is_good = read_file(options.model, &bytes, &length);
  if (is_good && idx_load(&test, options.data, IDX_TEST, &error) != IDX_OK) {
    fprintf(stderr, "evaluate: %s\n", error.text);
    is_good = false;
  }
  is_good = is_good && evaluate_on(&test, bytes, length) && fflush(stdout) == 0;
  dataset_free(&test);
  free(bytes);
  return is_good ? 0 : 1;
}
