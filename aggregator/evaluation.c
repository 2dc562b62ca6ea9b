/* Classes are known by their place in the list: two lists of one suite are of the same classes. */
#include "aggregator/evaluation.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "proto/canonical.h"
#include "proto/text.h"

struct one_class {
  const char *name;
  int64_t examples, correct, predicted;
};

static enum tamis_status bad(struct fault *fault, const char *what) {
  return fault_set(fault, TAMIS_BAD_STATEMENT, "evaluation: %s", what);
}

static bool class_read(const json_t *element, struct one_class *one) {
  return json_object_size(element) == 4 && canonical_text(element, "class", &one->name) &&
         text_is_name(one->name, strlen(one->name)) &&
         canonical_integer(element, "examples", &one->examples) && one->examples >= 0 &&
         canonical_integer(element, "correct", &one->correct) && one->correct >= 0 &&
         one->correct <= one->examples &&
         canonical_integer(element, "predicted", &one->predicted) && one->predicted >= 0;
}

static double share(int64_t part, int64_t whole) {
  return whole > 0 ? (double)part / (double)whole : 0;
}

/* Every example is of one class and taken for one. */
static enum tamis_status classes_read(const json_t *classes, struct evaluation *evaluation,
                                      struct fault *fault) {
  struct one_class sum = {0};
  const json_t *element;
  size_t i, count = json_array_size(classes);
  if (!json_is_array(classes) || count > EVALUATION_CLASSES_MAX)
    return bad(fault, "its manifest has no list of classes, or one that is too long");
  json_array_foreach(classes, i, element) {
    struct one_class one;
    if (!class_read(element, &one)) return bad(fault, "a class of its manifest cannot be read");
    sum.examples += one.examples;
    sum.correct += one.correct;
    sum.predicted += one.predicted;
    if (count <= STATE_CLASSES_MAX)
      evaluation->class_accuracy[i] = share(one.correct, one.examples);
    if (sum.examples > evaluation->examples || sum.predicted > evaluation->examples)
      return bad(fault, "its classes have more examples than it says");
  }
  if (count == 0) return TAMIS_OK;
  evaluation->class_count = count <= STATE_CLASSES_MAX ? count : 0;
  if (sum.examples != evaluation->examples || sum.predicted != evaluation->examples)
    return bad(fault, "its classes do not add up to its examples");
  if (share(sum.correct, sum.examples) < evaluation->accuracy ||
      share(sum.correct, sum.examples) > evaluation->accuracy)
    return bad(fault, "its accuracy is not that of its classes together");
  return TAMIS_OK;
}

static bool is_share(double number) {
  return number >= 0 && number <= 1;
}

enum tamis_status evaluation_read(const struct statement *statement, const json_t *manifest,
                                  const char *person, uint64_t index, struct evaluation *evaluation,
                                  struct fault *fault) {
  const char *federation, *suite;
  int64_t round;
  *evaluation = (struct evaluation){.round = statement_integer(statement, "round"),
                                    .suite = statement_digest(statement, "suite"),
                                    .index = index,
                                    .examples = statement_integer(statement, "examples"),
                                    .accuracy = statement_f64(statement, "accuracy"),
                                    .loss = statement_f64(statement, "loss"),
                                    .trigger_rate = statement_f64(statement, "trigger_rate")};
  snprintf(evaluation->person, sizeof evaluation->person, "%s", person);
  if (!is_share(evaluation->accuracy) || !is_share(evaluation->trigger_rate))
    return bad(fault, "accuracy and trigger_rate are from 0 to 1");
  if (!canonical_text(manifest, "federation", &federation) ||
      strcmp(federation, statement_text(statement, "federation")) != 0 ||
      !canonical_integer(manifest, "round", &round) || round != evaluation->round ||
      !canonical_text(manifest, "suite", &suite) ||
      strcmp(suite, statement_text(statement, "suite")) != 0)
    return bad(fault, "its manifest is of another federation, round or suite");
  return classes_read(json_object_get(manifest, "classes"), evaluation, fault);
}

bool evaluation_is_due(const struct federation *federation, int64_t round,
                       const struct digest *model) {
  const struct round *open = &federation->round;
  if (round == federation->head_round) return digest_equal(model, &federation->head);
  return open->phase == PHASE_AGGREGATED && round == open->number &&
         digest_equal(model, &open->candidate);
}

size_t evaluation_count_of(const struct federation *federation, int64_t round) {
  size_t count = 0;
  for (size_t i = 0; i < federation->evaluation_count; i++)
    count += federation->evaluation[i].round == round;
  return count;
}

const struct evaluation *evaluation_find(const struct federation *federation, const char *person,
                                         int64_t round) {
  for (size_t i = 0; i < federation->evaluation_count; i++)
    if (federation->evaluation[i].round == round &&
        strcmp(federation->evaluation[i].person, person) == 0)
      return &federation->evaluation[i];
  return NULL;
}

const struct evaluation *evaluation_of_head(const struct federation *federation, const char *person,
                                            const struct digest *suite) {
  const struct evaluation *found = evaluation_find(federation, person, federation->head_round);
  return found && digest_equal(&found->suite, suite) ? found : NULL;
}

/* The class that lost most, against the head. */
static void compare(struct evaluation *evaluation, const struct evaluation *head,
                    const json_t *classes) {
  evaluation->is_compared = true;
  evaluation->head_accuracy = head->accuracy;
  if (evaluation->class_count != head->class_count) return;
  for (size_t i = 0; i < evaluation->class_count; i++) {
    double drop = head->class_accuracy[i] - evaluation->class_accuracy[i];
    const char *name;
    if (drop <= evaluation->class_drop ||
        !canonical_text(json_array_get(classes, i), "class", &name))
      continue;
    evaluation->class_drop = drop;
    state_name_set(evaluation->worst_class, name);
  }
}

void evaluation_put(struct federation *federation, struct evaluation *evaluation,
                    const json_t *manifest) {
  const struct evaluation *before =
      evaluation_find(federation, evaluation->person, evaluation->round);
  bool is_candidate = evaluation->round != federation->head_round;
  const struct evaluation *head =
      evaluation_of_head(federation, evaluation->person, &evaluation->suite);
  if (is_candidate && head) {
    compare(evaluation, head, json_object_get(manifest, "classes"));
  } else if (before && digest_equal(&before->suite, &evaluation->suite)) {
    evaluation->is_compared = before->is_compared;
    evaluation->head_accuracy = before->head_accuracy;
  }
  if (before)
    federation->evaluation[before - federation->evaluation] = *evaluation;
  else
    *state_evaluation_add(federation) = *evaluation;
}

void evaluation_prune(struct federation *federation) {
  const struct round *round = &federation->round;
  size_t kept = 0;
  for (size_t i = 0; i < federation->evaluation_count; i++) {
    const struct evaluation *evaluation = &federation->evaluation[i];
    bool is_head = evaluation->round == federation->head_round;
    bool is_candidate = round->phase == PHASE_AGGREGATED && evaluation->round == round->number;
    if (is_head || is_candidate) federation->evaluation[kept++] = *evaluation;
  }
  federation->evaluation_count = kept;
}
