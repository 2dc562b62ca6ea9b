/* The evaluator, which is not a client: test images, a learner, and the models it fetches by
 * digest. */
#ifndef TAMIS_LAB_DEMO_AUDIENCE_H
#define TAMIS_LAB_DEMO_AUDIENCE_H

#include <stdbool.h>
#include "client-sdk/operator.h"
#include "lab/dataset.h"
#include "lab/mlp.h"

struct audience {
  struct mlp_shape shape;
  struct mlp *learner;
  const struct dataset *test; /* borrowed */
};

bool audience_open(struct audience *audience, struct mlp_shape shape, const struct dataset *test);
void audience_close(struct audience *audience);

/* Accuracy of a whole file; below 0, after a sentence on stderr, when it does not fit. */
double audience_evaluate(struct audience *audience, const uint8_t *bytes, size_t length);

/* Accuracy of the model of this digest, a fraction of the test images; below 0, after a sentence on
 * stderr, when it cannot be fetched or does not fit. A model with NaN or infinity scores what its
 * argmax scores. */
double audience_measure(struct audience *audience, struct operator* operator,
                        const struct digest * model);

#endif
