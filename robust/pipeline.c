/* Reads pipelines as people type them and says by column what it could not read; prints them one
 * way only. */
#include "robust/pipeline_stages.h"
#include "robust/spelling.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct spelling spelling_of(size_t i) {
  const struct rule *rule = rule_at(i);
  return rule != NULL ? (struct spelling){rule->name, rule->parameter} : (struct spelling){0};
}

static bool read_stage(struct spelling_reader *reader, struct pipeline_stage *stage) {
  size_t index;
  if (!spelling_read(reader, "rule or mixer", spelling_of, &index, stage->value)) return false;
  stage->rule = rule_at(index);
  return true;
}

static bool read_pipeline(struct spelling_reader *reader, struct robust_pipeline *pipeline) {
  char buffer[8];
  if (reader->length > ROBUST_PIPELINE_TEXT_MAX)
    return spelling_fail(reader, 1, "a pipeline has %d characters at most",
                         ROBUST_PIPELINE_TEXT_MAX);
  for (;;) {
    struct pipeline_stage *stage = &pipeline->stage[pipeline->count];
    if (pipeline->count == PIPELINE_STAGES_MAX)
      return spelling_fail(reader, reader->at, "a pipeline has %d stages at most",
                           PIPELINE_STAGES_MAX);
    if (!read_stage(reader, stage)) return false;
    pipeline->count++;
    bool is_mixer = stage->rule->kind == RULE_MIXER;
    if (spelling_accept(reader, '|') && is_mixer) continue;
    if (reader->text[reader->at - 1] == '|')
      return spelling_fail(reader, reader->at,
                           "%s is a rule and must come last: nothing may follow it",
                           stage->rule->name);
    if (is_mixer && spelling_peek(reader) == '\0' && reader->at == reader->length)
      return spelling_fail(reader, reader->at + 1,
                           "%s is a mixer: a rule must follow it, as in '| median'",
                           stage->rule->name);
    break;
  }
  if (spelling_peek(reader) != '\0' || reader->at < reader->length)
    return spelling_fail(reader, reader->at + 1, "'|' or the end was expected, not %s",
                         spelling_found(reader, buffer));
  return true;
}

enum robust_status robust_pipeline_parse(const char *text, struct robust_pipeline **pipeline,
                                         struct robust_error *error) {
  struct spelling_reader reader = {text, strnlen(text, ROBUST_PIPELINE_TEXT_MAX + 1), 0, error};
  *pipeline = NULL;
  struct robust_pipeline *parsed = calloc(1, sizeof *parsed);
  if (parsed == NULL) {
    robust_error_set(error, "no memory for a pipeline");
    return ROBUST_NO_MEMORY;
  }
  if (!read_pipeline(&reader, parsed)) {
    free(parsed);
    return ROBUST_BAD_PIPELINE;
  }
  *pipeline = parsed;
  return ROBUST_OK;
}

const struct pipeline_stage *pipeline_rule(const struct robust_pipeline *pipeline) {
  return &pipeline->stage[pipeline->count - 1];
}

static size_t print_stage(const struct pipeline_stage *stage, char *text, size_t size,
                          size_t used) {
  struct spelling spelling = {stage->rule->name, stage->rule->parameter};
  return spelling_print(&spelling, stage->value, text, size, used);
}

size_t robust_pipeline_print(const struct robust_pipeline *pipeline, char *text, size_t size) {
  size_t used = 0;
  for (size_t i = 0; i < pipeline->count; i++) {
    if (i > 0) used = spelling_append(text, size, used, " | ");
    used = print_stage(&pipeline->stage[i], text, size, used);
  }
  return used;
}

size_t pipeline_rows_after(const struct pipeline_stage *stage, size_t n) {
  return stage->rule->rows_after != NULL ? stage->rule->rows_after(stage->value, n) : n;
}

size_t pipeline_rows_at_rule(const struct robust_pipeline *pipeline, size_t n) {
  for (size_t i = 0; i + 1 < pipeline->count; i++) n = pipeline_rows_after(&pipeline->stage[i], n);
  return n;
}

unsigned pipeline_reads(const struct robust_pipeline *pipeline, size_t first) {
  unsigned reads = 0;
  for (size_t i = first; i < pipeline->count; i++) {
    unsigned own = pipeline->stage[i].rule->reads;
    reads |= own;
    if (i > 0 && (own & RULE_READS_SQUARES)) reads |= RULE_READS_GRAM;
  }
  return reads;
}

/* A row's number means something as long as rows are still those of the caller. */
static const char *unmet_row(const struct pipeline_stage *stage, size_t n, bool rows_are_merged,
                             char text[static 64]) {
  for (size_t i = 0; i < spelling_parameters(stage->rule->parameter); i++) {
    const struct rule_parameter *parameter = &stage->rule->parameter[i];
    if (parameter->kind != PARAMETER_ROW) continue;
    if (rows_are_merged) {
      snprintf(text, 64, "rows of single clients for its %s", parameter->name);
      return text;
    }
    if (stage->value[i].count >= n) {
      snprintf(text, 64, "%s < n", parameter->name);
      return text;
    }
  }
  return NULL;
}

enum robust_status robust_pipeline_check(const struct robust_pipeline *pipeline, size_t n,
                                         struct robust_error *error) {
  size_t left = n;
  for (size_t i = 0; i < pipeline->count; i++) {
    const struct pipeline_stage *stage = &pipeline->stage[i];
    char text[64], spelling[160], merged[64] = "";
    const char *unmet = left > 0 ? stage->rule->unmet(stage->value, left) : "at least one row";
    if (unmet == NULL && i > 0 && (stage->rule->reads & RULE_SKETCHES)) unmet = "to come first";
    if (unmet == NULL) unmet = unmet_row(stage, left, left != n, text);
    if (unmet == NULL) {
      left = pipeline_rows_after(stage, left);
      continue;
    }
    print_stage(stage, spelling, sizeof spelling, 0);
    if (left != n) snprintf(merged, sizeof merged, " after mixing %zu rows", n);
    robust_error_set(error, "%s needs %s; n is %zu%s", spelling, unmet, left, merged);
    return ROBUST_NOT_FEASIBLE;
  }
  return ROBUST_OK;
}

int robust_pipeline_is_gram_only(const struct robust_pipeline *pipeline) {
  return pipeline_rule(pipeline)->rule->kind == RULE_BY_WEIGHTS &&
         (pipeline_reads(pipeline, 0) & (RULE_READS_SIGNS | RULE_READS_SAMPLES | RULE_SKETCHES)) ==
             0;
}

int robust_pipeline_remembers_output(const struct robust_pipeline *pipeline) {
  return (pipeline_reads(pipeline, 0) & RULE_REMEMBERS_OUTPUT) != 0;
}

int robust_pipeline_needs_reference(const struct robust_pipeline *pipeline) {
  return (pipeline_reads(pipeline, 0) & RULE_NEEDS_REFERENCE) != 0;
}

int robust_pipeline_reads_history(const struct robust_pipeline *pipeline) {
  return (pipeline_reads(pipeline, 0) & RULE_READS_HISTORY) != 0;
}

void robust_pipeline_free(struct robust_pipeline *pipeline) {
  free(pipeline);
}
