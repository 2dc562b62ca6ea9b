/* What the server does with an aggregate before adding it to the model: one step of an optimiser
 * that remembers earlier aggregates (Reddi et al., "Adaptive Federated Optimization", ICLR 2021).
 */
#ifndef ROBUST_OPTIMISER_H
#define ROBUST_OPTIMISER_H

#include <stddef.h>

#include "robust/status.h"

/* With delta for the round's aggregate, per coordinate, and s for what is added to the model:
 *
 *   sgd(lr=1)                  s = lr delta
 *   momentum(lr=1, beta=0.9)   m = beta m + delta;  s = lr m             (FedAvgM: Hsu et al.,
 * 2019) adagrad(lr, beta1=0, tau=1e-3) adam(lr, beta1=0.9, beta2=0.99, tau=1e-3) yogi(lr,
 * beta1=0.9, beta2=0.99, tau=1e-3) m = beta1 m + (1 - beta1) delta;  s = lr m / (sqrt(v) + tau),
 * where adagrad               v = v + delta^2 adam                  v = beta2 v + (1 - beta2)
 * delta^2 yogi                  v = v - (1 - beta2) delta^2 sign(v - delta^2)
 *
 * These are the paper's algorithm 2 and its defaults: no correction of bias, which v's start makes
 * needless. m starts at 0 and v at tau^2, the least that the paper allows (v >= tau^2): the first
 * steps are neither blown up, as from v = 0, nor held back. lr of the adaptive ones has no default:
 * it is about the largest step of a coordinate, and only the task knows that. */
struct robust_optimiser;

enum { ROBUST_OPTIMISER_TEXT_MAX = 200, ROBUST_OPTIMISER_STATES_MAX = 2 };

/* Text as a pipeline's stage: `adam(0.1)`, `momentum(beta=0.95)`. It may come from outside. lr > 0,
 * 0 <= beta < 1, tau > 0. On ROBUST_OK the caller owns *optimiser; otherwise it is NULL and `error`
 * says why. */
enum robust_status robust_optimiser_parse(const char *text, struct robust_optimiser **optimiser,
                                          struct robust_error *error);

/* The canonical spelling, as robust_pipeline_print. */
size_t robust_optimiser_print(const struct robust_optimiser *optimiser, char *text, size_t size);

/* How many vectors it remembers (0, 1 or 2) and what they are called: "momentum" is m,
 * "second_moment" is v. The names live for ever. */
size_t robust_optimiser_states(const struct robust_optimiser *optimiser);
const char *robust_optimiser_state_name(const struct robust_optimiser *optimiser, size_t state);

/* One step over d coordinates. state_in[i] holds d floats, or is NULL for the start; state_out[i]
 * receives d floats and may be state_in[i]; both have room for robust_optimiser_states. `step` may
 * be `delta`. Everything is computed in double and rounded once to float, what is stored as what is
 * added; the number of threads does not show. ROBUST_NOT_FINITE when a number does not fit into a
 * float (v holds squares: |delta| up to 1e18 is safe), and what was written then means nothing. */
enum robust_status robust_optimise(const struct robust_optimiser *optimiser, size_t d,
                                   const float *delta, const float *const *state_in,
                                   float *const *state_out, float *step, int threads,
                                   struct robust_error *error);

/* NULL is allowed. */
void robust_optimiser_free(struct robust_optimiser *optimiser);

#endif
