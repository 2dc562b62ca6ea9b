/* A parsed pipeline from the inside: pipeline.c builds it, decide.c and aggregate.c run it.
 * Internal. */
#ifndef ROBUST_PIPELINE_STAGES_H
#define ROBUST_PIPELINE_STAGES_H

#include "robust/rule.h"

enum { PIPELINE_STAGES_MAX = 8 };

struct pipeline_stage {
  const struct rule *rule;
  struct rule_value value[RULE_PARAMETERS_MAX];
};

/* The last stage is the rule, those before it are mixers. */
struct robust_pipeline {
  size_t count;
  struct pipeline_stage stage[PIPELINE_STAGES_MAX];
};

const struct pipeline_stage *pipeline_rule(const struct robust_pipeline *pipeline);

/* How many rows come out of a mixer that n rows go into. */
size_t pipeline_rows_after(const struct pipeline_stage *stage, size_t n);

/* How many rows the rule sees when n come in; never more. */
size_t pipeline_rows_at_rule(const struct robust_pipeline *pipeline, size_t n);

/* What the stages from the `first` on read, or'ed together (enum rule_reads). Behind a mixer, the
 * diagonal takes the whole Gram matrix. */
unsigned pipeline_reads(const struct robust_pipeline *pipeline, size_t first);

#endif
