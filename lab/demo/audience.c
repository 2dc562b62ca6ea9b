/* Measures heads, as an evaluator with the test set would: it fetches the file, reads the layout,
 * runs it. */
#include "lab/demo/audience.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "proto/tensor.h"

enum { AUDIENCE_BATCH = 256, AUDIENCE_MODEL_MAX = 1 << 28 };

bool audience_open(struct audience *audience, struct mlp_shape shape, const struct dataset *test) {
  *audience = (struct audience){.shape = shape, .test = test};
  audience->learner = mlp_new(shape, AUDIENCE_BATCH);
  return audience->learner != NULL;
}

void audience_close(struct audience *audience) {
  mlp_free(audience->learner);
  audience->learner = NULL;
}

double audience_evaluate(struct audience *audience, const uint8_t *bytes, size_t length) {
  struct fault fault = {0};
  struct layout layout;
  if (layout_parse(bytes, length, length, &layout, &fault) != TAMIS_OK) {
    fprintf(stderr, "tamis-lab: this is not a model: %s\n", fault.text);
    return -1;
  }
  double accuracy = -1;
  if (layout.parameters == mlp_parameter_count(audience->shape)) {
    float *parameters = malloc(layout.parameters * sizeof *parameters);
    if (parameters) {
      memcpy(parameters, bytes + layout.header_size, layout.parameters * sizeof *parameters);
      accuracy = mlp_evaluate(audience->learner, parameters, audience->test).accuracy;
    }
    free(parameters);
  }
  layout_close(&layout);
  return accuracy;
}

double audience_measure(struct audience *audience, struct operator* operator,
                        const struct digest * model) {
  struct fault fault = {0};
  uint8_t *bytes = NULL;
  size_t length = 0;
  if (operator_fetch(operator, model, AUDIENCE_MODEL_MAX, &bytes, &length, &fault) != TAMIS_OK) {
    fprintf(stderr, "demo: cannot fetch a head: %s\n", fault.text);
    return -1;
  }
  double accuracy = audience_evaluate(audience, bytes, length);
  free(bytes);
  return accuracy;
}
