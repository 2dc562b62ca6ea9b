/* A parsed pipeline from the inside: pipeline.c builds it, aggregate.c runs it. Internal. */
#ifndef ROBUST_PIPELINE_STAGES_H
#define ROBUST_PIPELINE_STAGES_H

#include "robust/rule.h"

enum { PIPELINE_STAGES_MAX = 8 };

struct pipeline_stage {
  const struct rule *rule;
  struct rule_value value[RULE_PARAMETERS_MAX];
};

/* The last stage is the rule. */
struct robust_pipeline {
  size_t count;
  struct pipeline_stage stage[PIPELINE_STAGES_MAX];
};

const struct pipeline_stage *pipeline_rule(const struct robust_pipeline *pipeline);

#endif
