/* What liars who see every honest update of the round send: one vector, the same from each. */
#ifndef TAMIS_LAB_COLLUDE_H
#define TAMIS_LAB_COLLUDE_H

#include <stddef.h>

#include "robust/robust.h"

/* The honest updates: k rows of d doubles, one after the other, and what follows from them. The
 * arrays are the caller's; collude_measure fills mean and deviation. */
struct collude_honest {
  size_t k;
  size_t d;
  const double *row; /* k x d */
  double *mean;      /* d */
  double *deviation; /* d: standard deviation of each coordinate, k - 1 below; zeros when k is 1 */
};

void collude_measure(struct collude_honest *honest);

/* How the vector is made; the strength's meaning and default stand beside each name.
 *
 * Sources: sign flip as ByzFL's; IPM (Xie, Koyejo, Gupta, UAI 2019); ALIE (Baruch et al., NeurIPS
 * 2019); mimic (Karimireddy et al., ICLR 2022), the simple form; min-max and min-sum (Shejwalkar
 * and Houmansadr, NDSS 2021), by their closed forms (science.md 6). */
enum collude_attack {
  COLLUDE_SIGN_FLIP, /* - mean */
  COLLUDE_MEAN,      /* the mean of what the liars trained themselves, as label flippers send it */
  COLLUDE_IPM,       /* - strength x mean; 2 */
  COLLUDE_ALIE,      /* mean + strength x deviation; 1.5 */
  COLLUDE_MIMIC,     /* row number `strength`; 0 */
  COLLUDE_INFINITY,  /* infinities */
  COLLUDE_MIN_MAX,   /* mean - gamma p: no farther from any honest row than two of them are apart */
  COLLUDE_MIN_SUM,   /* and in sum no farther than the honest row nearest to all */
};

/* What min-max and min-sum move along. */
enum collude_direction { COLLUDE_ALONG_MEAN, COLLUDE_ALONG_SIGN, COLLUDE_ALONG_DEVIATION };

/* out[0..d). Returns the strength used: gamma for min-max and min-sum. */
double collude_vector(const struct collude_honest *honest, enum collude_attack attack,
                      double strength, enum collude_direction direction, double *out);

/* How far `liars` copies of `vector` among the honest rows take the pipeline's answer from the
 * honest mean. NAN when the pipeline refuses; `error` says why. */
double collude_damage(const struct collude_honest *honest, const struct robust_pipeline *pipeline,
                      size_t liars, const double *vector, struct robust_error *error);

/* The strength of COLLUDE_IPM or COLLUDE_ALIE that does most damage, by ByzFL's search upwards from
 * 0 (20 evaluations; steps of 10, doubled while it helps, then times 0.8). Fills out with that
 * vector and *damage with what it does; NAN as above. */
double collude_optimal(const struct collude_honest *honest, enum collude_attack attack,
                       const struct robust_pipeline *pipeline, size_t liars, double *out,
                       double *damage, struct robust_error *error);

#endif
