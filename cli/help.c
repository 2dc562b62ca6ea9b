/* Examples first, then options: what one looks for, in the order one looks for it. */
#include "cli/help.h"

#include <string.h>

#include "cli/command_run.h"
#include "cli/exit_code.h"

static void print_name(FILE *out, const struct command *command) {
  fprintf(out, "%s%s%s", command->noun, command->verb == NULL ? "" : " ",
          command->verb == NULL ? "" : command->verb);
}

static void print_row(FILE *out, const struct command *command) {
  char name[64];
  snprintf(name, sizeof name, "%s%s%s", command->noun, command->verb == NULL ? "" : " ",
           command->verb == NULL ? "" : command->verb);
  fprintf(out, "  %-18s  %s\n", name, command->summary);
}

static void print_options(FILE *out, const struct option_row *row) {
  char left[64], letter[8];
  for (; row != NULL && row->name != NULL; row++) {
    snprintf(letter, sizeof letter, row->letter == 0 ? "    " : "-%c, ", row->letter);
    snprintf(left, sizeof left, "%s--%s %s", letter, row->name,
             row->value == NULL ? "" : row->value);
    fprintf(out, "  %-28s  %s%s\n", left, row->words, row->required ? " (required)" : "");
  }
}

void help_overview(FILE *out) {
  size_t count;
  const struct command *rows = command_rows(&count);
  fputs("tamis: look after federations whose clients may lie\n\n"
        "Usage: tamis NOUN VERB [words] [options]\n\nA first hour:\n"
        "  tamis init site && export TAMIS_HOME=$PWD/site\n"
        "  tamisd --config site/tamisd.yaml &\n"
        "  tamis federation create digits --model m.safetensors --rule 'multi_krum(f=4)'\n"
        "  tamis client invite phone-1\n"
        "  tamis watch\n\nCommands:\n",
        out);
  for (size_t i = 0; i < count; i++) print_row(out, &rows[i]);
  fputs("\nOptions of every command:\n", out);
  print_options(out, command_globals());
  fputs("\nMore: tamis help NOUN [VERB], tamis help exit-codes\n", out);
}

void help_noun(FILE *out, const char *noun) {
  size_t count;
  const struct command *rows = command_rows(&count);
  fprintf(out, "Usage: tamis %s VERB [words] [options]\n\n", noun);
  for (size_t i = 0; i < count; i++) {
    if (strcmp(rows[i].noun, noun) == 0) print_row(out, &rows[i]);
  }
  fprintf(out, "\nMore: tamis help %s VERB\n", noun);
}

/* " --rule PIPELINE -o OUT". */
static void print_required(FILE *out, const struct option_row *row) {
  for (; row != NULL && row->name != NULL; row++) {
    if (!row->required) continue;
    if (row->letter != 0)
      fprintf(out, " -%c %s", row->letter, row->value);
    else
      fprintf(out, " --%s %s", row->name, row->value);
  }
}

void help_command(FILE *out, const struct command *command) {
  fprintf(out, "%s\n\nUsage: tamis ", command->summary);
  print_name(out, command);
  fprintf(out, "%s%s", *command->words == '\0' ? "" : " ", command->words);
  print_required(out, command->options);
  fputs(" [options]\n", out);
  if (command->detail != NULL) fprintf(out, "\n%s", command->detail);
  fprintf(out, "\nExamples:\n%s", command->examples);
  if (command->options != NULL) {
    fputs("\nOptions:\n", out);
    print_options(out, command->options);
  }
  fputs("\nOptions of every command: tamis help\n", out);
}

static void print_exit_codes(FILE *out) {
  size_t count;
  const struct exit_code_row *rows = exit_code_rows(&count);
  for (size_t i = 0; i < count; i++) {
    fprintf(out, "%3d  %s\n", (int)rows[i].code, rows[i].meaning);
    if (rows[i].code == EXIT_CODE_OK) continue;
    int column = 0;
    for (int status = 1; status < TAMIS_STATUS_COUNT; status++) {
      if (exit_code_of((enum tamis_status)status) != rows[i].code) continue;
      const char *name = tamis_status_name((enum tamis_status)status);
      if (column == 0 || column + (int)strlen(name) > 74)
        column = fprintf(out, "%s    ", column == 0 ? "" : "\n");
      column += fprintf(out, " %s", name);
    }
    if (column > 0) fputc('\n', out);
  }
}

static json_t *exit_code_json(void) {
  size_t count;
  const struct exit_code_row *rows = exit_code_rows(&count);
  json_t *list = json_array();
  for (size_t i = 0; i < count; i++)
    json_array_append_new(
        list, json_pack("{s:i, s:s}", "code", (int)rows[i].code, "meaning", rows[i].meaning));
  return list;
}

static void print_codes_for_people(struct context *context, const json_t *data) {
  (void)data;
  print_exit_codes(context->out);
}

enum tamis_status help_run(struct context *context, const struct arguments *arguments) {
  const char *topic = arguments->word[0], *verb = arguments->word[1];
  if (topic == NULL) {
    help_overview(context->out);
    return TAMIS_OK;
  }
  if (strcmp(topic, "exit-codes") == 0) {
    json_t *list = exit_code_json();
    output_thing(context, "help", topic, list, print_codes_for_people);
    json_decref(list);
    return TAMIS_OK;
  }
  const struct command *command = command_find(topic, verb);
  if (command != NULL)
    help_command(context->out, command);
  else if (verb == NULL && command_is_noun(topic))
    help_noun(context->out, topic);
  else
    return fault_set(&context->fault, TAMIS_NOT_FOUND, "there is no help on \"%.60s%s%.60s\"",
                     topic, verb == NULL ? "" : " ", verb == NULL ? "" : verb);
  return TAMIS_OK;
}

/* The nouns once each, or the verbs of one. */
static void print_words(FILE *out, const char *noun) {
  size_t count;
  const struct command *rows = command_rows(&count);
  const char *last = "";
  for (size_t i = 0; i < count; i++) {
    const char *word = noun == NULL ? rows[i].noun : rows[i].verb;
    if (noun != NULL && (strcmp(rows[i].noun, noun) != 0 || word == NULL)) continue;
    if (strcmp(word, last) != 0) fprintf(out, "%s%s", *last == '\0' ? "" : " ", word);
    last = word;
  }
}

static void print_option_words(FILE *out, const struct option_row *row, const char *gap) {
  for (; row != NULL && row->name != NULL; row++) {
    fprintf(out, "%s--%s", gap, row->name);
    gap = " ";
  }
}

/* Those whose -o (or other letter) is their own: "a|b". */
static void print_nouns_with_letter(FILE *out, char letter) {
  size_t count;
  const struct command *rows = command_rows(&count);
  const char *gap = "";
  for (size_t i = 0; i < count; i++) {
    for (const struct option_row *row = rows[i].options; row != NULL && row->name != NULL; row++) {
      if (row->letter != letter) continue;
      fprintf(out, "%s%s", gap, rows[i].noun);
      gap = "|";
    }
  }
}

void help_completion(FILE *out) {
  size_t count;
  const struct command *rows = command_rows(&count);
  fputs(
      "# bash completion of tamis: source <(tamis completion bash)\n_tamis() {\n"
      "  local word=${COMP_WORDS[COMP_CWORD]} words=() w\n"
      "  for w in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do [[ $w == -* ]] || words+=(\"$w\"); done\n"
      "  local list globals=\"",
      out);
  print_option_words(out, command_globals(), "");
  fputs("\"\n  local before=${COMP_WORDS[COMP_CWORD-1]}\n"
        "  [[ $before == -o && ${words[0]} != @(",
        out);
  print_nouns_with_letter(out, 'o');
  fputs(") ]] && before=--output\n  if [[ $before == --output ]]; then\n"
        "    list='table wide json jsonl name'\n  else case \"${words[*]:0:2}\" in\n    '') list='",
        out);
  print_words(out, NULL);
  fputs("' ;;\n", out);
  for (size_t i = 0; i < count; i++) {
    if (rows[i].verb != NULL && (i == 0 || strcmp(rows[i].noun, rows[i - 1].noun) != 0)) {
      fprintf(out, "    %s) list='", rows[i].noun);
      print_words(out, rows[i].noun);
      fputs("' ;;\n", out);
    }
    fputs("    '", out);
    print_name(out, &rows[i]);
    fputs(rows[i].verb == NULL ? "'*) list=\"" : "') list=\"", out);
    print_option_words(out, rows[i].options, "");
    fputs(" $globals\" ;;\n", out);
  }
  fputs("  esac; fi\n  COMPREPLY=($(compgen -W \"$list\" -- \"$word\"))\n}\n"
        "complete -o default -F _tamis tamis\n",
        out);
}

enum tamis_status completion_run(struct context *context, const struct arguments *arguments) {
  if (strcmp(arguments->word[0], "bash") != 0)
    return fault_set(&context->fault, TAMIS_BAD_REQUEST, "only bash is known, not \"%.60s\"",
                     arguments->word[0]);
  help_completion(context->out);
  return TAMIS_OK;
}
