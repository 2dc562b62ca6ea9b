/* The table of rules: a name in a pipeline finds its row here. */
#include "robust/rule.h"

#include <string.h>

extern const struct rule rule_mean;
extern const struct rule rule_median;
extern const struct rule rule_trimmed_mean;
extern const struct rule rule_krum;
extern const struct rule rule_multi_krum;
extern const struct rule mixer_clip;
extern const struct rule mixer_arc;
extern const struct rule mixer_nnm;
extern const struct rule mixer_bucketing;
extern const struct rule mixer_sketch;
extern const struct rule rule_bulyan;
extern const struct rule rule_meamed;
extern const struct rule rule_monna;
extern const struct rule rule_weighted_mean;
extern const struct rule rule_geometric_median;
extern const struct rule rule_centered_clipping;
extern const struct rule rule_fltrust;
extern const struct rule rule_foolsgold;
extern const struct rule rule_flame;
extern const struct rule rule_norm_clip;
extern const struct rule rule_cge;
extern const struct rule rule_mda;
extern const struct rule rule_caf;
extern const struct rule rule_smea;
extern const struct rule rule_dnc;
extern const struct rule rule_signguard;
extern const struct rule rule_faba;

static const struct rule *const rules[] = {
    &rule_mean,
    &rule_median,
    &rule_trimmed_mean,
    &rule_krum,
    &rule_multi_krum,
    &mixer_clip,
    &mixer_arc,
    &mixer_nnm,
    &mixer_bucketing,
    &mixer_sketch,
    &rule_bulyan,
    &rule_meamed,
    &rule_monna,
    &rule_weighted_mean,
    &rule_geometric_median,
    &rule_centered_clipping,
    &rule_fltrust,
    &rule_foolsgold,
    &rule_flame,
    &rule_norm_clip,
    &rule_cge,
    &rule_mda,
    &rule_caf,
    &rule_smea,
    &rule_dnc,
    &rule_signguard,
    &rule_faba,
};

static const size_t rule_count = sizeof rules / sizeof rules[0];

const struct rule *rule_at(size_t i) {
  return i < rule_count ? rules[i] : NULL;
}

const struct rule *rule_find(const char *name, size_t length) {
  for (size_t i = 0; i < rule_count; i++)
    if (strlen(rules[i]->name) == length && memcmp(rules[i]->name, name, length) == 0)
      return rules[i];
  return NULL;
}
