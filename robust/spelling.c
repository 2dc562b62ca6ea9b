/* Names with values in brackets, as people type them: read with the column of every mistake,
 * printed one way only. */
#include "robust/spelling.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_LENGTH = 31 };

struct token {
  const char *text;
  size_t length;
  size_t column;
};

bool spelling_fail(struct spelling_reader *reader, size_t column, const char *format, ...) {
  char what[480];
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

char spelling_peek(struct spelling_reader *reader) {
  while (reader->at < reader->length &&
         (reader->text[reader->at] == ' ' || reader->text[reader->at] == '\t'))
    reader->at++;
  return reader->at < reader->length ? reader->text[reader->at] : '\0';
}

bool spelling_accept(struct spelling_reader *reader, char c) {
  if (spelling_peek(reader) != c) return false;
  reader->at++;
  return true;
}

const char *spelling_found(struct spelling_reader *reader, char buffer[static 8]) {
  char c = spelling_peek(reader);
  if (c == '\0') return "the end";
  snprintf(buffer, 8, c > ' ' && c < 127 ? "'%c'" : "a byte", c);
  return buffer;
}

/* A name, or a number: both are runs of letters, digits, dots and signs after an exponent; who uses
 * it looks closer. */
static struct token read_word(struct spelling_reader *reader) {
  spelling_peek(reader);
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

static bool fail_unknown(struct spelling_reader *reader, const char *noun,
                         struct spelling (*at)(size_t i), struct token word) {
  const char *nearest = NULL;
  size_t least = 4; /* three slips of the finger are a guess worth making */
  char known[400] = "";
  for (size_t i = 0; at(i).name != NULL; i++) {
    const char *name = at(i).name;
    size_t used = strlen(known);
    snprintf(known + used, sizeof known - used, "%s%s", i > 0 ? ", " : "", name);
    if (edits(word, name) < least && edits(word, name) < word.length) {
      least = edits(word, name);
      nearest = name;
    }
  }
  int shown = word.length > NAME_MAX_LENGTH ? NAME_MAX_LENGTH : (int)word.length;
  if (nearest != NULL)
    return spelling_fail(reader, word.column, "no %s is called '%.*s'; did you mean '%s'?", noun,
                         shown, word.text, nearest);
  return spelling_fail(reader, word.column, "no %s is called '%.*s'; there are %s", noun, shown,
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

size_t spelling_parameters(const struct rule_parameter *parameter) {
  size_t count = 0;
  while (parameter[count].name != NULL) count++;
  return count;
}

static bool find_parameter(struct spelling_reader *reader, const struct spelling *spelling,
                           struct token word, size_t *index) {
  for (*index = 0; *index < spelling_parameters(spelling->parameter); (*index)++) {
    const char *name = spelling->parameter[*index].name;
    if (strlen(name) == word.length && memcmp(name, word.text, word.length) == 0) return true;
  }
  char known[120] = "";
  for (size_t i = 0; i < spelling_parameters(spelling->parameter); i++) {
    size_t used = strlen(known);
    snprintf(known + used, sizeof known - used, "%s%s", i > 0 ? ", " : "",
             spelling->parameter[i].name);
  }
  int shown = word.length > NAME_MAX_LENGTH ? NAME_MAX_LENGTH : (int)word.length;
  return spelling_fail(reader, word.column, "%s has no parameter '%.*s'; it takes %s",
                       spelling->name, shown, word.text, known[0] != '\0' ? known : "none");
}

/* A word is one of few: its place among them is its value. */
static bool read_choice(struct token word, const char *const *words, size_t *place) {
  for (*place = 0; words[*place] != NULL; (*place)++)
    if (strlen(words[*place]) == word.length && memcmp(words[*place], word.text, word.length) == 0)
      return true;
  return false;
}

static bool fail_value(struct spelling_reader *reader, const struct rule_parameter *parameter,
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
  return spelling_fail(reader, word.column, "%s must be %s, not '%.*s'", parameter->name, wanted,
                       shown, word.text);
}

static bool read_value(struct spelling_reader *reader, const struct spelling *spelling,
                       struct rule_value *values, size_t index, struct token word) {
  const struct rule_parameter *parameter = &spelling->parameter[index];
  struct rule_value *value = &values[index];
  if (value->is_given)
    return spelling_fail(reader, word.column, "%s is given twice", parameter->name);
  switch (parameter->kind) {
  case PARAMETER_NUMBER: value->is_given = read_number(word, &value->number); break;
  case PARAMETER_WORD: value->is_given = read_choice(word, parameter->words, &value->count); break;
  case PARAMETER_COUNT:
  case PARAMETER_ROW: value->is_given = read_count(word, &value->count); break;
  }
  return value->is_given || fail_value(reader, parameter, word);
}

static bool read_argument(struct spelling_reader *reader, const struct spelling *spelling,
                          struct rule_value *values, size_t position, bool *is_named) {
  char buffer[8];
  size_t index = position;
  struct token word = read_word(reader);
  if (word.length == 0)
    return spelling_fail(reader, reader->at + 1, "a value was expected, not %s",
                         spelling_found(reader, buffer));
  if (spelling_accept(reader, '=')) {
    *is_named = true;
    if (!find_parameter(reader, spelling, word, &index)) return false;
    word = read_word(reader);
  } else if (*is_named) {
    return spelling_fail(reader, word.column, "a bare value may not follow a named one");
  } else if (index >= spelling_parameters(spelling->parameter)) {
    return spelling_fail(reader, word.column, "%s takes %zu values at most", spelling->name,
                         spelling_parameters(spelling->parameter));
  }
  return read_value(reader, spelling, values, index, word);
}

static bool read_arguments(struct spelling_reader *reader, const struct spelling *spelling,
                           struct rule_value *values) {
  char buffer[8];
  bool is_named = false;
  if (!spelling_accept(reader, '(')) return true;
  if (spelling_accept(reader, ')')) return true;
  for (size_t position = 0;; position++) {
    if (!read_argument(reader, spelling, values, position, &is_named)) return false;
    if (spelling_accept(reader, ')')) return true;
    if (!spelling_accept(reader, ','))
      return spelling_fail(reader, reader->at + 1, "',' or ')' was expected, not %s",
                           spelling_found(reader, buffer));
  }
}

static bool find_name(struct spelling (*at)(size_t i), struct token word, size_t *index) {
  for (*index = 0; at(*index).name != NULL; (*index)++)
    if (strlen(at(*index).name) == word.length &&
        memcmp(at(*index).name, word.text, word.length) == 0)
      return true;
  return false;
}

bool spelling_read(struct spelling_reader *reader, const char *noun,
                   struct spelling (*at)(size_t i), size_t *index, struct rule_value *values) {
  char buffer[8];
  struct token word = read_word(reader);
  if (word.length == 0 || !is_letter(word.text[0]))
    return spelling_fail(reader, word.column, "the name of %s %s was expected, not %s",
                         strchr("aeiou", noun[0]) != NULL ? "an" : "a", noun,
                         word.length == 0 ? spelling_found(reader, buffer) : "a number");
  if (!find_name(at, word, index)) return fail_unknown(reader, noun, at, word);
  struct spelling spelling = at(*index);
  if (!read_arguments(reader, &spelling, values)) return false;
  for (size_t i = 0; i < spelling_parameters(spelling.parameter); i++)
    if (spelling.parameter[i].is_required && !values[i].is_given)
      return spelling_fail(reader, word.column, "%s needs %s, as in %s(%s=%s)", spelling.name,
                           spelling.parameter[i].name, spelling.name, spelling.parameter[i].name,
                           spelling.parameter[i].kind == PARAMETER_NUMBER ? "2.5" : "4");
  return true;
}

size_t spelling_append(char *text, size_t size, size_t used, const char *format, ...) {
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
  return spelling_append(text, size, used, "%s=%s", name, shortest);
}

static size_t print_value(const struct rule_parameter *parameter, const struct rule_value *value,
                          char *text, size_t size, size_t used) {
  switch (parameter->kind) {
  case PARAMETER_NUMBER: return print_number(parameter->name, value->number, text, size, used);
  case PARAMETER_WORD:
    return spelling_append(text, size, used, "%s=%s", parameter->name,
                           parameter->words[value->count]);
  case PARAMETER_COUNT:
  case PARAMETER_ROW: break;
  }
  return spelling_append(text, size, used, "%s=%zu", parameter->name, value->count);
}

size_t spelling_print(const struct spelling *spelling, const struct rule_value *values, char *text,
                      size_t size, size_t used) {
  const char *before = "(";
  used = spelling_append(text, size, used, "%s", spelling->name);
  for (size_t i = 0; i < spelling_parameters(spelling->parameter); i++) {
    if (!values[i].is_given) continue;
    used = spelling_append(text, size, used, "%s", before);
    used = print_value(&spelling->parameter[i], &values[i], text, size, used);
    before = ", ";
  }
  return before[0] == ',' ? spelling_append(text, size, used, ")") : used;
}
