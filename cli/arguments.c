/* Two readings of the line: the first finds noun and verb among the global options, the second
 * knows the row and with it every option. */
#include "cli/arguments.h"

#include <assert.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/human.h"
#include "cli/output.h"
#include "proto/text.h"

enum { OPTIONS_MAX = 40, LONG_BASE = 256 };

/* What getopt_long wants, made from rows. */
struct option_set {
  size_t count;
  const struct option_row *row[OPTIONS_MAX];
  struct option option[OPTIONS_MAX + 1];
  char letters[2 * OPTIONS_MAX + 3];
};

static bool set_has_letter(const struct option_set *set, char letter) {
  for (size_t i = 0; i < set->count; i++) {
    if (set->row[i]->letter == letter) return true;
  }
  return false;
}

/* A letter stays with the rows that were added first. */
static void set_add(struct option_set *set, const struct option_row *rows) {
  for (; rows != NULL && rows->name != NULL; rows++) {
    assert(set->count < OPTIONS_MAX);
    set->option[set->count] =
        (struct option){.name = rows->name,
                        .has_arg = rows->kind == VALUE_FLAG ? no_argument : required_argument,
                        .val = LONG_BASE + (int)set->count};
    bool is_free = rows->letter != 0 && !set_has_letter(set, rows->letter);
    set->row[set->count++] = rows;
    if (is_free) {
      size_t end = strlen(set->letters);
      set->letters[end] = rows->letter;
      if (rows->kind != VALUE_FLAG) set->letters[end + 1] = ':';
    }
  }
}

static const struct option_row *set_row(const struct option_set *set, int found) {
  if (found >= LONG_BASE) return set->row[found - LONG_BASE];
  for (size_t i = 0; i < set->count; i++) {
    if (set->row[i]->letter == found) return set->row[i];
  }
  return NULL;
}

static enum tamis_status unknown_option(const struct option_set *set, const char *given,
                                        struct fault *fault) {
  const char *names[OPTIONS_MAX];
  char word[64];
  snprintf(word, sizeof word, "%.*s", (int)strcspn(given + 2, "="), given + 2);
  for (size_t i = 0; i < set->count; i++) names[i] = set->row[i]->name;
  const char *closest = human_closest(word, names, set->count);
  if (closest == NULL) return fault_set(fault, TAMIS_BAD_REQUEST, "there is no option --%s", word);
  return fault_set(fault, TAMIS_BAD_REQUEST, "there is no option --%s; did you mean --%s?", word,
                   closest);
}

/* What getopt_long meant by ':' (no value) or '?', told as a sentence. */
static enum tamis_status option_slip(int found, char **argv, const struct option_set *set,
                                     struct fault *fault) {
  if (found == ':')
    return fault_set(fault, TAMIS_BAD_REQUEST, "--%s wants a value", set_row(set, optopt)->name);
  if (optopt >= LONG_BASE)
    return fault_set(fault, TAMIS_BAD_REQUEST, "--%s takes no value", set_row(set, optopt)->name);
  if (optopt != 0) return fault_set(fault, TAMIS_BAD_REQUEST, "there is no option -%c", optopt);
  return unknown_option(set, argv[optind - 1], fault);
}

static bool is_setting(const char *text) {
  double real;
  size_t length = strcspn(text, "=");
  return text[length] == '=' && length > 0 && human_real_read(text + length + 1, &real);
}

static enum tamis_status check_value(const struct option_row *row, const char *text,
                                     struct fault *fault) {
  uint64_t count;
  double real;
  enum output_form form;
  const char *wants = NULL;
  switch (row->kind) {
  case VALUE_COUNT: wants = human_count_read(text, &count) ? NULL : "a whole number"; break;
  case VALUE_REAL: wants = human_real_read(text, &real) ? NULL : "a number"; break;
  case VALUE_DURATION:
    wants = human_duration_read(text, &count) ? NULL : "a duration such as 60s, 5m or 24h";
    break;
  case VALUE_NAME:
    wants = text_is_name(text, strlen(text)) ? NULL : "a name of 1 to 64 of a-z 0-9 . _ -";
    break;
  case VALUE_FORM:
    wants = output_form_read(text, &form) ? NULL : "table, wide, json, jsonl or name";
    break;
  case VALUE_SETTING: wants = is_setting(text) ? NULL : "name=number"; break;
  case VALUE_FLAG: break;
  case VALUE_TEXT:
  case VALUE_FILE: wants = *text != '\0' ? NULL : "something"; break;
  }
  if (wants == NULL) return TAMIS_OK;
  return fault_set(fault, TAMIS_BAD_REQUEST, "--%s wants %s, not \"%.60s\"", row->name, wants,
                   text);
}

static enum tamis_status add_value(struct arguments *arguments, const struct option_row *row,
                                   const char *text, struct fault *fault) {
  enum tamis_status status = check_value(row, text, fault);
  if (status != TAMIS_OK) return status;
  if (arguments->value_count == ARGUMENTS_VALUES_MAX)
    return fault_set(fault, TAMIS_BAD_REQUEST, "more than %d options", ARGUMENTS_VALUES_MAX);
  arguments->value[arguments->value_count].row = row;
  arguments->value[arguments->value_count++].text = text;
  return TAMIS_OK;
}

/* getopt_long over `argv`, values into `arguments`; stops at --help. optind is where words begin.
 */
static enum tamis_status read_options(int argc, char **argv, const struct option_set *set,
                                      struct arguments *arguments, struct fault *fault) {
  optind = 0; /* glibc: begin anew */
  opterr = 0;
  for (;;) {
    int found = getopt_long(argc, argv, set->letters, set->option, NULL);
    if (found == -1) return TAMIS_OK;
    if (found == ':' || found == '?') return option_slip(found, argv, set, fault);
    const struct option_row *row = set_row(set, found);
    enum tamis_status status = add_value(arguments, row, optarg, fault);
    if (status != TAMIS_OK || strcmp(row->name, "help") == 0) return status;
  }
}

static enum tamis_status unknown_command(const char *noun, const char *verb, struct fault *fault) {
  const char *names[64];
  size_t count, known = 0;
  const struct command *rows = command_rows(&count);
  for (size_t i = 0; i < count && known < sizeof names / sizeof *names; i++) {
    if (verb == NULL)
      names[known++] = rows[i].noun;
    else if (strcmp(rows[i].noun, noun) == 0)
      names[known++] = rows[i].verb;
  }
  const char *closest = human_closest(verb == NULL ? noun : verb, names, known);
  const char *head = verb == NULL ? "" : noun, *gap = verb == NULL ? "" : " ";
  const char *wrong = verb == NULL ? noun : verb;
  if (closest == NULL)
    return fault_set(fault, TAMIS_BAD_REQUEST, "there is no command \"%s%s%.60s\"", head, gap,
                     wrong);
  return fault_set(fault, TAMIS_BAD_REQUEST,
                   "there is no command \"%s%s%.60s\"; did you mean \"%s%s%s\"?", head, gap, wrong,
                   head, gap, closest);
}

/* Finds the row and takes its one or two words out of `argv`. */
static enum tamis_status find_command(int *argc, char **argv, struct arguments *arguments,
                                      struct fault *fault) {
  struct option_set set = {.letters = "+:"};
  struct arguments early = {.command = NULL};
  set_add(&set, command_globals());
  enum tamis_status status = read_options(*argc, argv, &set, &early, fault);
  if (status != TAMIS_OK || optind >= *argc) return status;
  int at = optind, taken = 1;
  const char *noun = argv[at], *verb = at + 1 < *argc ? argv[at + 1] : NULL;
  arguments->command = command_find(noun, NULL);
  if (arguments->command == NULL && !command_is_noun(noun))
    return unknown_command(noun, NULL, fault);
  if (arguments->command == NULL && verb != NULL && verb[0] != '-') {
    arguments->command = command_find(noun, verb);
    if (arguments->command == NULL) return unknown_command(noun, verb, fault);
    taken = 2;
  }
  arguments->noun = noun;
  *argc -= taken;
  memmove(argv + at, argv + at + taken, sizeof *argv * (size_t)(*argc - at + 1));
  return TAMIS_OK;
}

static enum tamis_status take_words(int argc, char **argv, struct arguments *arguments,
                                    struct fault *fault) {
  const struct command *command = arguments->command;
  size_t least = 0, most = 0, given = (size_t)(argc - optind);
  if (command != NULL) command_word_bounds(command, &least, &most);
  if (command == NULL && given == 0) return TAMIS_OK;
  if (command == NULL || given > most)
    return fault_set(fault, TAMIS_BAD_REQUEST, "one word too many: \"%.60s\"",
                     argv[optind + (int)most]);
  arguments->word_count = given;
  arguments->words = (const char *const *)(argv + optind);
  for (size_t i = 0; i < given && i < ARGUMENTS_WORDS_MAX; i++)
    arguments->word[i] = arguments->words[i];
  if (given < least)
    return fault_set(fault, TAMIS_BAD_REQUEST, "`tamis %s%s%s` wants %s", command->noun,
                     command->verb == NULL ? "" : " ", command->verb == NULL ? "" : command->verb,
                     command->words);
  return TAMIS_OK;
}

static enum tamis_status check_required(const struct arguments *arguments, struct fault *fault) {
  if (arguments->command == NULL) return TAMIS_OK;
  for (const struct option_row *row = arguments->command->options; row != NULL && row->name != NULL;
       row++) {
    if (row->required && !arguments_has(arguments, row->name))
      return fault_set(fault, TAMIS_BAD_REQUEST, "--%s %s is missing", row->name, row->value);
  }
  return TAMIS_OK;
}

enum tamis_status arguments_parse(int argc, char **argv, struct arguments *arguments,
                                  struct fault *fault) {
  memset(arguments, 0, sizeof *arguments);
  struct option_set set = {.letters = ":"};
  enum tamis_status found = find_command(&argc, argv, arguments, fault);
  if (arguments->command != NULL) set_add(&set, arguments->command->options);
  set_add(&set, command_globals());
  /* Read the options also after a wrong command: -o json decides how the fault is told. */
  enum tamis_status status =
      read_options(argc, argv, &set, arguments, found == TAMIS_OK ? fault : NULL);
  if (found != TAMIS_OK) return found;
  if (status == TAMIS_OK && arguments_has(arguments, "help")) return TAMIS_OK;
  if (status == TAMIS_OK) status = take_words(argc, argv, arguments, fault);
  if (status == TAMIS_OK) status = check_required(arguments, fault);
  return status;
}

bool arguments_has(const struct arguments *arguments, const char *option) {
  for (size_t i = 0; i < arguments->value_count; i++) {
    if (strcmp(arguments->value[i].row->name, option) == 0) return true;
  }
  return false;
}

const char *arguments_text(const struct arguments *arguments, const char *option,
                           const char *otherwise) {
  const char *text = otherwise;
  for (size_t i = 0; i < arguments->value_count; i++) {
    if (strcmp(arguments->value[i].row->name, option) == 0) text = arguments->value[i].text;
  }
  return text;
}

uint64_t arguments_count(const struct arguments *arguments, const char *option,
                         uint64_t otherwise) {
  const char *text = arguments_text(arguments, option, NULL);
  if (text != NULL) human_count_read(text, &otherwise);
  return otherwise;
}

double arguments_real(const struct arguments *arguments, const char *option, double otherwise) {
  const char *text = arguments_text(arguments, option, NULL);
  if (text != NULL) human_real_read(text, &otherwise);
  return otherwise;
}

uint64_t arguments_duration_ms(const struct arguments *arguments, const char *option,
                               uint64_t otherwise) {
  const char *text = arguments_text(arguments, option, NULL);
  if (text != NULL) human_duration_read(text, &otherwise);
  return otherwise;
}

enum tamis_status arguments_word_count(const struct arguments *arguments, size_t index,
                                       uint64_t *count, struct fault *fault) {
  assert(index < arguments->word_count);
  if (human_count_read(arguments->word[index], count)) return TAMIS_OK;
  return fault_set(fault, TAMIS_BAD_REQUEST, "a round is a whole number, not \"%.60s\"",
                   arguments->word[index]);
}
