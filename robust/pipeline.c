/* Reads pipelines as people type them and says by column what it could not read; prints them one
 * way only. */
#include "robust/pipeline_stages.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_LENGTH = 31 };

struct reader {
  const char *text;
  size_t length;
  size_t at;
  struct robust_error *error;
};

struct token {
  const char *text;
  size_t length;
  size_t column;
};

/* Says where and what, and is false, so that a parser can return it. */
__attribute__((format(printf, 3, 4))) static bool fail(struct reader *reader, size_t column,
                                                       const char *format, ...) {
  char what[200];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(what, sizeof what, format, arguments);
  va_end(arguments);
  robust_error_set(reader->error, "column %zu: %s", column, what);
  return false;
}

static bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

static char peek(struct reader *reader) {
  while (reader->at < reader->length &&
         (reader->text[reader->at] == ' ' || reader->text[reader->at] == '\t'))
    reader->at++;
  return reader->at < reader->length ? reader->text[reader->at] : '\0';
}

static bool accept(struct reader *reader, char c) {
  if (peek(reader) != c) return false;
  reader->at++;
  return true;
}

/* What stands at the reader, for an error message. */
static const char *found(struct reader *reader, char buffer[static 8]) {
  char c = peek(reader);
  if (c == '\0') return "the end";
  snprintf(buffer, 8, c > ' ' && c < 127 ? "'%c'" : "a byte", c);
  return buffer;
}

/* A name, or a number: both are runs of letters, digits, dots and signs after an exponent; who uses
 * it looks closer. */
static struct token read_word(struct reader *reader) {
  peek(reader);
  struct token token = {reader->text + reader->at, 0, reader->at + 1};
  while (reader->at < reader->length) {
    char c = reader->text[reader->at];
    char before = token.length > 0 ? token.text[token.length - 1] : ' ';
    bool is_sign =
        (c == '-' || c == '+') &&
        (token.length == 0 || ((before == 'e' || before == 'E') && !is_letter(token.text[0])));
    if (!is_letter(c) && !is_digit(c) && c != '.' && !is_sign) break;
    reader->at++;
    token.length++;
  }
  return token;
}

static size_t smallest(size_t a, size_t b, size_t c) {
  size_t least = a < b ? a : b;
  return least < c ? least : c;
}

/* Edits (insert, delete, replace) between a word and a name, one row of the usual table at a time.
 */
static size_t edits(struct token word, const char *name) {
  size_t row[NAME_MAX_LENGTH + 1];
  size_t length = strlen(name);
  if (word.length > NAME_MAX_LENGTH || length > NAME_MAX_LENGTH) return SIZE_MAX;
  for (size_t j = 0; j <= length; j++) row[j] = j;
  for (size_t i = 1; i <= word.length; i++) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= length; j++) {
      size_t replaced = diagonal + (word.text[i - 1] != name[j - 1]);
      diagonal = row[j];
      row[j] = smallest(row[j] + 1, row[j - 1] + 1, replaced);
    }
  }
  return row[length];
}

static bool fail_unknown_rule(struct reader *reader, struct token word) {
  const char *nearest = NULL;
  size_t least = 4; /* three slips of the finger are a guess worth making */
  char known[400] = "";
  for (size_t i = 0; rule_at(i) != NULL; i++) {
    const char *name = rule_at(i)->name;
    size_t used = strlen(known);
    snprintf(known + used, sizeof known - used, "%s%s", i > 0 ? ", " : "", name);
    if (edits(word, name) < least && edits(word, name) < word.length) {
      least = edits(word, name);
      nearest = name;
    }
  }
  int shown = word.length > NAME_MAX_LENGTH ? NAME_MAX_LENGTH : (int)word.length;
  if (nearest != NULL)
    return fail(reader, word.column, "no rule or mixer is called '%.*s'; did you mean '%s'?", shown,
                word.text, nearest);
  return fail(reader, word.column, "no rule or mixer is called '%.*s'; there are %s", shown,
              word.text, known);
}

/* Only digits make a count: 4.0, 4e0, -4 and 0x4 are refused, so that no float can stand for a
 * number of clients. */
static bool read_count(struct token word, size_t *count) {
  *count = 0;
  for (size_t i = 0; i < word.length; i++) {
    if (!is_digit(word.text[i])) return false;
    if (__builtin_mul_overflow(*count, 10, count) ||
        __builtin_add_overflow(*count, (size_t)(word.text[i] - '0'), count))
      return false;
  }
  return word.length > 0;
}

/* strtod reads the locale's decimal point: where that is a comma, "2.0" is refused rather than
 * misread. */
static bool read_number(struct token word, double *number) {
  char text[40];
  char *end = NULL;
  if (word.length == 0 || word.length >= sizeof text) return false;
  if (is_letter(word.text[0])) return false; /* inf, nan */
  memcpy(text, word.text, word.length);
  text[word.length] = '\0';
  *number = strtod(text, &end);
  return *end == '\0' && *number - *number == 0.0 && strpbrk(text, "xX") == NULL;
}

static size_t parameter_count(const struct rule *rule) {
  size_t count = 0;
  while (rule->parameter[count].name != NULL) count++;
  return count;
}

static bool find_parameter(struct reader *reader, const struct rule *rule, struct token word,
                           size_t *index) {
  for (*index = 0; *index < parameter_count(rule); (*index)++) {
    const char *name = rule->parameter[*index].name;
    if (strlen(name) == word.length && memcmp(name, word.text, word.length) == 0) return true;
  }
  char known[120] = "";
  for (size_t i = 0; i < parameter_count(rule); i++) {
    size_t used = strlen(known);
    snprintf(known + used, sizeof known - used, "%s%s", i > 0 ? ", " : "", rule->parameter[i].name);
  }
  int shown = word.length > NAME_MAX_LENGTH ? NAME_MAX_LENGTH : (int)word.length;
  return fail(reader, word.column, "%s has no parameter '%.*s'; it takes %s", rule->name, shown,
              word.text, known[0] != '\0' ? known : "none");
}

/* A word is one of few: its place among them is its value. */
static bool read_choice(struct token word, const char *const *words, size_t *place) {
  for (*place = 0; words[*place] != NULL; (*place)++)
    if (strlen(words[*place]) == word.length && memcmp(words[*place], word.text, word.length) == 0)
      return true;
  return false;
}

static bool fail_value(struct reader *reader, const struct rule_parameter *parameter,
                       struct token word) {
  char wanted[120] = "a whole number like 4";
  if (parameter->kind == PARAMETER_NUMBER) snprintf(wanted, sizeof wanted, "a number like 2.5");
  if (parameter->kind == PARAMETER_WORD) {
    wanted[0] = '\0';
    for (size_t i = 0; parameter->words[i] != NULL; i++) {
      size_t used = strlen(wanted);
      snprintf(wanted + used, sizeof wanted - used, "%s%s", i > 0 ? " or " : "",
               parameter->words[i]);
    }
  }
  int shown = word.length > NAME_MAX_LENGTH ? NAME_MAX_LENGTH : (int)word.length;
  return fail(reader, word.column, "%s must be %s, not '%.*s'", parameter->name, wanted, shown,
              word.text);
}

static bool read_value(struct reader *reader, struct pipeline_stage *stage, size_t index,
                       struct token word) {
  const struct rule_parameter *parameter = &stage->rule->parameter[index];
  struct rule_value *value = &stage->value[index];
  if (value->is_given) return fail(reader, word.column, "%s is given twice", parameter->name);
  switch (parameter->kind) {
  case PARAMETER_NUMBER: value->is_given = read_number(word, &value->number); break;
  case PARAMETER_WORD: value->is_given = read_choice(word, parameter->words, &value->count); break;
  case PARAMETER_COUNT:
  case PARAMETER_ROW: value->is_given = read_count(word, &value->count); break;
  }
  return value->is_given || fail_value(reader, parameter, word);
}

static bool read_argument(struct reader *reader, struct pipeline_stage *stage, size_t position,
                          bool *is_named) {
  char buffer[8];
  size_t index = position;
  struct token word = read_word(reader);
  if (word.length == 0)
    return fail(reader, reader->at + 1, "a value was expected, not %s", found(reader, buffer));
  if (accept(reader, '=')) {
    *is_named = true;
    if (!find_parameter(reader, stage->rule, word, &index)) return false;
    word = read_word(reader);
  } else if (*is_named) {
    return fail(reader, word.column, "a bare value may not follow a named one");
  } else if (index >= parameter_count(stage->rule)) {
    return fail(reader, word.column, "%s takes %zu values at most", stage->rule->name,
                parameter_count(stage->rule));
  }
  return read_value(reader, stage, index, word);
}

static bool read_arguments(struct reader *reader, struct pipeline_stage *stage) {
  char buffer[8];
  bool is_named = false;
  if (!accept(reader, '(')) return true;
  if (accept(reader, ')')) return true;
  for (size_t position = 0;; position++) {
    if (!read_argument(reader, stage, position, &is_named)) return false;
    if (accept(reader, ')')) return true;
    if (!accept(reader, ','))
      return fail(reader, reader->at + 1, "',' or ')' was expected, not %s", found(reader, buffer));
  }
}

static bool read_stage(struct reader *reader, struct pipeline_stage *stage) {
  char buffer[8];
  struct token word = read_word(reader);
  if (word.length == 0 || !is_letter(word.text[0]))
    return fail(reader, word.column, "the name of a rule or mixer was expected, not %s",
                word.length == 0 ? found(reader, buffer) : "a number");
  stage->rule = rule_find(word.text, word.length);
  if (stage->rule == NULL) return fail_unknown_rule(reader, word);
  if (!read_arguments(reader, stage)) return false;
  for (size_t i = 0; i < parameter_count(stage->rule); i++)
    if (stage->rule->parameter[i].is_required && !stage->value[i].is_given)
      return fail(reader, word.column, "%s needs %s, as in %s(%s=%s)", stage->rule->name,
                  stage->rule->parameter[i].name, stage->rule->name, stage->rule->parameter[i].name,
                  stage->rule->parameter[i].kind == PARAMETER_NUMBER ? "2.5" : "4");
  return true;
}

static bool read_pipeline(struct reader *reader, struct robust_pipeline *pipeline) {
  char buffer[8];
  if (reader->length > ROBUST_PIPELINE_TEXT_MAX)
    return fail(reader, 1, "a pipeline has %d characters at most", ROBUST_PIPELINE_TEXT_MAX);
  for (;;) {
    struct pipeline_stage *stage = &pipeline->stage[pipeline->count];
    if (pipeline->count == PIPELINE_STAGES_MAX)
      return fail(reader, reader->at, "a pipeline has %d stages at most", PIPELINE_STAGES_MAX);
    if (!read_stage(reader, stage)) return false;
    pipeline->count++;
    bool is_mixer = stage->rule->kind == RULE_MIXER;
    if (accept(reader, '|') && is_mixer) continue;
    if (reader->text[reader->at - 1] == '|')
      return fail(reader, reader->at, "%s is a rule and must come last: nothing may follow it",
                  stage->rule->name);
    if (is_mixer && peek(reader) == '\0' && reader->at == reader->length)
      return fail(reader, reader->at + 1, "%s is a mixer: a rule must follow it, as in '| median'",
                  stage->rule->name);
    break;
  }
  if (peek(reader) != '\0' || reader->at < reader->length)
    return fail(reader, reader->at + 1, "'|' or the end was expected, not %s",
                found(reader, buffer));
  return true;
}

enum robust_status robust_pipeline_parse(const char *text, struct robust_pipeline **pipeline,
                                         struct robust_error *error) {
  struct reader reader = {text, strnlen(text, ROBUST_PIPELINE_TEXT_MAX + 1), 0, error};
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

static size_t append(char *text, size_t size, size_t used, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static size_t append(char *text, size_t size, size_t used, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int length =
      vsnprintf(used < size ? text + used : NULL, used < size ? size - used : 0, format, arguments);
  va_end(arguments);
  return used + (length > 0 ? (size_t)length : 0);
}

/* The shortest decimal that reads back as the same number. */
static size_t print_number(const char *name, double number, char *text, size_t size, size_t used) {
  int digits = 1;
  char shortest[40];
  do {
    snprintf(shortest, sizeof shortest, "%.*g", digits, number);
  } while (digits++ < 17 && strtod(shortest, NULL) - number != 0.0);
  return append(text, size, used, "%s=%s", name, shortest);
}

static size_t print_value(const struct pipeline_stage *stage, size_t i, char *text, size_t size,
                          size_t used) {
  const struct rule_parameter *parameter = &stage->rule->parameter[i];
  const struct rule_value *value = &stage->value[i];
  switch (parameter->kind) {
  case PARAMETER_NUMBER: return print_number(parameter->name, value->number, text, size, used);
  case PARAMETER_WORD:
    return append(text, size, used, "%s=%s", parameter->name, parameter->words[value->count]);
  case PARAMETER_COUNT:
  case PARAMETER_ROW: break;
  }
  return append(text, size, used, "%s=%zu", parameter->name, value->count);
}

static size_t print_stage(const struct pipeline_stage *stage, char *text, size_t size,
                          size_t used) {
  const char *before = "(";
  used = append(text, size, used, "%s", stage->rule->name);
  for (size_t i = 0; i < parameter_count(stage->rule); i++) {
    if (!stage->value[i].is_given) continue;
    used = append(text, size, used, "%s", before);
    used = print_value(stage, i, text, size, used);
    before = ", ";
  }
  return before[0] == ',' ? append(text, size, used, ")") : used;
}

size_t robust_pipeline_print(const struct robust_pipeline *pipeline, char *text, size_t size) {
  size_t used = 0;
  for (size_t i = 0; i < pipeline->count; i++) {
    if (i > 0) used = append(text, size, used, " | ");
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
  for (size_t i = first; i < pipeline->count; i++) reads |= pipeline->stage[i].rule->reads;
  return reads;
}

/* A row's number means something as long as rows are still those of the caller. */
static const char *unmet_row(const struct pipeline_stage *stage, size_t n, bool rows_are_merged,
                             char text[static 64]) {
  for (size_t i = 0; i < parameter_count(stage->rule); i++) {
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
         (pipeline_reads(pipeline, 0) & (RULE_READS_SIGNS | RULE_READS_SAMPLES)) == 0;
}

void robust_pipeline_free(struct robust_pipeline *pipeline) {
  free(pipeline);
}
