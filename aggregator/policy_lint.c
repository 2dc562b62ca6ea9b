/* Two tables: which threshold may not be above which, and what it costs to move each. */
#include "aggregator/policy_lint.h"

#include <stdio.h>
#include <string.h>

/* ---- contradictions ---- */

/* `low` is to be below `high`, or at most the same. */
static const struct order {
  const char *low, *high;
  bool may_be_equal;
  const char *why;
} orders[] = {
    {"z_low", "z_high", false, "suspicion begins at the first and is full at the second"},
    {"ratio_low", "ratio_high", false, "suspicion begins at the first and is full at the second"},
    {"opposed_low", "opposed_high", false,
     "suspicion begins at the first and is full at the second"},
    {"effort_low", "effort_high", false, "suspicion begins at the first and is full at the second"},
    {"early_z_low", "early_z_high", false, "a round begins to add up at the first"},
    {"early_low", "early_high", false, "a round begins to add up at the first"},
    {"echo_z_low", "echo_z_high", false, "a round begins to add up at the first"},
    {"echo_low", "echo_high", false, "a round begins to add up at the first"},
    {"strange_z_low", "strange_z_high", false, "a round begins to add up at the first"},
    {"strange_high", "strange_low", false, "less likeness with the own past is stranger"},
    {"lonely_z_low", "lonely_z_high", false, "a round begins to add up at the first"},
    {"lonely_high", "lonely_low", false, "less likeness with others is lonelier"},
    {"risk_hold", "risk_reject", true, "otherwise nothing is ever held"},
    {"reputation_watch", "reputation_trust", true,
     "otherwise a client is watched and trusted for the same reputation"},
    {"strikes_quarantine", "strikes_exclude", true,
     "exclusion comes from quarantine only, so it would come at once"},
};

static double value_of(const struct policy *policy, const char *name) {
  size_t count;
  const struct policy_row *row = policy_table(&count);
  for (size_t i = 0; i < count; i++)
    if (strcmp(row[i].name, name) == 0) return policy_value(policy, &row[i]);
  return 0;
}

static size_t contradictions(const struct policy *policy, struct policy_finding *finding) {
  size_t found = 0;
  for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
    const struct order *order = &orders[i];
    double low = value_of(policy, order->low), high = value_of(policy, order->high);
    if (low < high || (order->may_be_equal && low == high)) continue;
    struct policy_finding *one = &finding[found++];
    *one = (struct policy_finding){.level = POLICY_ERROR, .name = order->low};
    snprintf(one->sentence, sizeof one->sentence, "%g is not %s %s, which is %g: %s", low,
             order->may_be_equal ? "at most" : "below", order->high, high, order->why);
  }
  return found;
}

/* ---- what it costs ---- */

static const struct policy_effect effects[] = {
    {"enforce", -1, "", "everything is accepted, whatever it is, and nobody is ever excluded"},
    {"compare_min", 1, "in smaller rounds nothing is judged, and every update is accepted",
     "few updates are compared with each other, and medians of few are noise"},
    {"spread_floor", 1, "a cohort that is of one mind hides who is a little off",
     "where all agree, the smallest difference looks odd"},
    {"cosine_floor", 1, "a cohort that is of one mind hides who turns a little",
     "where all agree, the smallest turn looks odd"},
    {"z_low", 1, "who is odd is suspected later", "honest clients with other data are suspected"},
    {"z_high", 1, "only who is very odd is suspected in full",
     "honest clients with other data are suspected in full sooner"},
    {"ratio_low", 1, "longer updates go unsuspected",
     "honest clients with other data are suspected"},
    {"ratio_high", 1, "only much longer updates are suspected in full",
     "honest clients with other data are suspected in full sooner"},
    {"opposed_low", 1, "updates may turn further against the others",
     "honest clients who pull another way are suspected"},
    {"opposed_high", 1, "only what goes straight against the others is suspected in full",
     "honest clients who pull another way are suspected in full sooner"},
    {"copy_cosine", 1, "sybils that add a little noise to one update are not seen",
     "honest clients with much the same data look like copies"},
    {"copy_risk", -1, "honest clients with the same data are held",
     "copies of one update count as many"},
    {"copies_known", 1, "sybils that take turns at being first last longer",
     "clients that were alike by chance are copies sooner"},
    {"copies_crowd", 1, "more copies weigh in their first round",
     "two clients that are alike by chance are held"},
    {"examples_most", 1, "who claims much data may send long updates",
     "honest clients with much data are too far and too long"},
    {"young_rounds", 1, "honest clients that the model does not fit yet are suspected",
     "who is against the others has fewer rounds to show it"},
    {"effort_low", 1, "longer updates go unsuspected", "clients that train longer are suspected"},
    {"effort_high", 1, "only much longer updates are suspected in full",
     "clients that train longer are suspected in full sooner"},
    {"early_z_low", 1, "who is against the others early adds up more slowly",
     "honest clients with other data add up"},
    {"early_z_high", 1, "who is against the others early adds up more slowly",
     "honest clients with other data add up sooner"},
    {"early_low", 1, "who is against the others early adds up more slowly",
     "honest clients with other data add up"},
    {"early_high", 1, "who is against the others early adds up more slowly",
     "honest clients with other data add up sooner"},
    {"echo_z_low", 1, "free riders add up more slowly", "honest clients that agree add up"},
    {"echo_z_high", 1, "free riders add up more slowly", "honest clients that agree add up sooner"},
    {"echo_low", 1, "free riders hide behind more noise", "honest clients that agree add up"},
    {"echo_high", 1, "free riders hide behind more noise",
     "honest clients that agree add up sooner"},
    {"strange_z_low", 1, "who changes adds up more slowly", "clients of few examples add up"},
    {"strange_z_high", 1, "who changes adds up more slowly",
     "clients of few examples add up sooner"},
    {"strange_low", -1, "clients of few examples add up", "who changes adds up more slowly"},
    {"strange_high", -1, "clients of few examples add up sooner",
     "who changes adds up more slowly"},
    {"lonely_z_low", 1, "who is like nobody adds up more slowly",
     "honest clients with other data add up"},
    {"lonely_z_high", 1, "who is like nobody adds up more slowly",
     "honest clients with other data add up sooner"},
    {"lonely_low", -1, "honest clients with other data add up",
     "who is like nobody adds up more slowly"},
    {"lonely_high", -1, "honest clients with other data add up sooner",
     "who is like nobody adds up more slowly"},
    {"sum_slack", 1, "what is a little odd in every round never adds up",
     "honest clients that are a little odd in every round add up"},
    {"sum_credit", 1, "who behaves at first may lie for longer",
     "one odd round weighs more after good ones"},
    {"sum_alarm", 1, "weak signs need more rounds",
     "a few odd rounds of an honest client are enough"},
    {"risk_hold", 1, "more that is suspected weighs in the model",
     "a weaker suspicion holds an update and is a strike"},
    {"risk_reject", 1, "less is rejected outright, and more waits for people",
     "what people might have released is rejected"},
    {"reputation_rate", 0, "one bad round weighs more, and a long good record less",
     "a turncoat lives longer on its record"},
    {"reputation_watch", -1, "more clients are watched", "who does badly is not watched"},
    {"reputation_trust", -1, "honest clients stay on probation longer",
     "trust is earned with less"},
    {"cusum_slack", 1, "a slow drift does not add up", "honest clients with other data add up"},
    {"cusum_clip", 0, "one odd round says as much as many", "a drift adds up more slowly"},
    {"cusum_watch", 1, "a drift goes on longer unseen",
     "honest clients with other data are watched"},
    {"beta_fade", 0, "old rounds count for longer, for good and bad",
     "a record is forgotten sooner, for good and bad"},
    {"trust_bound", -1, "honest clients stay on probation longer",
     "trust is earned in fewer rounds"},
    {"drift_clip", 0, "one odd round says as much as many", "a drift adds up more slowly"},
    {"drift_slack", 1, "a slow drift goes unseen", "a client whose data changes is watched"},
    {"drift_watch", 1, "a drift goes on longer unseen", "a client whose data changes is watched"},
    {"clean_rounds", -1, "who was suspected once is kept down longer",
     "an attacker who pauses is forgiven sooner"},
    {"forgive_rounds", -1, "strikes of honest clients stay longer",
     "an attacker who lies now and then never has enough strikes"},
    {"strikes_quarantine", 1, "an attacker weighs in more rounds before quarantine",
     "one or two bad rounds of an honest client lead to quarantine"},
    {"strikes_exclude", 1, "an attacker stays longer, to be held and to learn",
     "honest clients are excluded sooner, and only people bring them back"},
    {"organisation_share", 1, "one organisation may be more of a round",
     "large organisations are asked less than their clients would be"},
    {"probation_share", 1, "names enrolled today may be more of a round",
     "new clients wait longer for their first rounds"},
    {"share_strict", -1, "rounds are smaller where few are known", ""},
    {"organisation_watch", 1, "an organisation of bad clients keeps its seats",
     "an organisation pays for its few bad clients"},
    {"weight_by_examples", 1, "who claims more data weighs more, and the claim is not proved", ""},
};

const struct policy_effect *policy_effect_of(const char *name) {
  for (size_t i = 0; i < sizeof effects / sizeof *effects; i++)
    if (strcmp(effects[i].name, name) == 0) return &effects[i];
  return NULL;
}

/* A departure from the default, and what it does. */
static bool costs(const struct policy_row *row, double value, struct policy_finding *finding) {
  const struct policy_effect *effect = policy_effect_of(row->name);
  bool is_more = value > row->fallback;
  if (value == row->fallback || !effect) return false;
  bool is_weaker = effect->weaker == (is_more ? 1 : -1);
  *finding =
      (struct policy_finding){.level = is_weaker ? POLICY_WARNING : POLICY_NOTE, .name = row->name};
  snprintf(finding->sentence, sizeof finding->sentence, "%g is %s the default %g: %s", value,
           is_more ? "above" : "below", row->fallback, is_more ? effect->more : effect->less);
  return true;
}

/* ---- both ---- */

const char *policy_level_name(enum policy_level level) {
  static const char *const names[] = {"error", "warning", "note"};
  return names[level];
}

size_t policy_lint(const struct policy *policy,
                   struct policy_finding finding[POLICY_FINDINGS_MAX]) {
  size_t count, found = contradictions(policy, finding);
  const struct policy_row *row = policy_table(&count);
  for (size_t i = 0; i < count && found < POLICY_FINDINGS_MAX; i++)
    found += costs(&row[i], policy_value(policy, &row[i]), &finding[found]);
  return found;
}

enum tamis_status policy_check(const struct policy *policy, struct fault *fault) {
  struct policy_finding finding[POLICY_FINDINGS_MAX];
  if (contradictions(policy, finding) == 0) return TAMIS_OK;
  return fault_set(fault, TAMIS_BAD_STATEMENT, "policy: %s: %s", finding->name, finding->sentence);
}
