/* Which round made the model worse? The evaluations along a model's descent, and where they fall.
 *
 * A model is bad when its evaluation lies at least `drop` below that of a good one. With a good
 * round given, halving finds a bad round whose predecessor is not bad, in about log2 of the rounds
 * between. Without one, models 1, 2, 4, 8... rounds back are looked at first, and the best of them
 * is the good one. Looking at all takes the first that lies `drop` below the best before it, and
 * also says where the largest fall from one round to the next is.
 *
 * Evaluations need not fall once and for all: halving is sure to find a place where they fall, not
 * the only one. When a later model was seen that is not bad, `recovers` says so. */
#ifndef TAMIS_BISECT_H
#define TAMIS_BISECT_H

#include <math.h>
#include "audit/archive.h"
#include "audit/evaluator.h"

struct bisect_point {
  int64_t round; /* 0: the first model */
  struct digest model;
  bool is_known;
  double value;
};

struct bisect {
  size_t count;
  struct bisect_point *point; /* owned; from the first looked at to the last */
  size_t asked;               /* points that are known */
  bool is_found;
  size_t first;   /* with is_found: the bad point; its predecessor is not bad, and is known */
  size_t best;    /* the good one */
  double drop;    /* as asked, or half of the largest loss that was seen */
  bool recovers;  /* a known point after `first` is not bad */
  bool is_all;    /* every point is known, and: */
  size_t largest; /* the point with the largest fall from its predecessor; 0 when none falls */
};

/* The rest is given in the points: is_known false, in order. `good`: a point, or BISECT_ANY.
 * `drop`: above 0, or NAN for half of what was lost: from the good point to the last, or in the
 * largest loss of all. `measure` answers for a point, each asked once. Fills in the rest. */
#define BISECT_ANY SIZE_MAX
enum tamis_status bisect_points(struct bisect *bisect, size_t good, double drop, bool all,
                                enum tamis_status (*measure)(void *context,
                                                             const struct bisect_point *point,
                                                             double *value, struct fault *fault),
                                void *context, struct fault *fault);

struct bisect_question {
  const char *federation;
  int64_t good; /* BISECT_ROUND_ANY: whatever is better */
  int64_t bad;  /* DESCENT_HEAD: the head */
  double drop;  /* NAN: see bisect_points */
  bool all;     /* look at every model from `good`, or from the first, to `bad` */
  struct evaluator *evaluator;
  void (*progress)(void *context, size_t done, size_t total); /* NULL: none */
  void *context;
};
enum { BISECT_ROUND_ANY = -1 };

/* In an archive that was walked and has kept the rounds. Nothing that fell is not a failure:
 * is_found is false then. BAD_REQUEST when `bad` does not descend from `good`; the evaluator's
 * refusals; those of descent_open. The caller closes the bisect. */
enum tamis_status bisect_federation(const struct archive *archive,
                                    const struct bisect_question *question, struct bisect *bisect,
                                    struct fault *fault);
void bisect_close(struct bisect *bisect);

#endif
