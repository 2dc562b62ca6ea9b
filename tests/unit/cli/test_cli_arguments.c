/* Claims about the command line: every slip is named, every value is checked before anything runs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "cli/arguments.h"
#include "cli/help.h"

#include "tests/unit/cli/fake_operator.h"

static char storage[1024];

/* Splits at blanks; quotes are not needed here. */
static enum tamis_status parse(const char *line, struct arguments *arguments, struct fault *fault) {
  static char *argv[64];
  int argc = 0;
  snprintf(storage, sizeof storage, "tamis %s", line);
  for (char *word = strtok(storage, " "); word != NULL; word = strtok(NULL, " "))
    argv[argc++] = word;
  argv[argc] = NULL;
  *fault = (struct fault){.status = TAMIS_OK};
  return arguments_parse(argc, argv, arguments, fault);
}

static void options_may_stand_anywhere(void **state) {
  (void)state;
  struct arguments a;
  struct fault fault;
  static const char *const same[] = {
      "-o json --home h client exclude phone-1 --federation digits --reason bad --since 4",
      "client exclude --federation=digits phone-1 --since 4 --reason bad -ojson --home=h",
      "--home h client exclude --since 4 --federation digits --reason bad -- phone-1"};
  for (size_t i = 0; i < 3; i++) {
    assert_int_equal(parse(same[i], &a, &fault), TAMIS_OK);
    assert_string_equal(a.command->verb, "exclude");
    assert_int_equal(a.word_count, 1);
    assert_string_equal(a.word[0], "phone-1");
    assert_string_equal(arguments_text(&a, "federation", ""), "digits");
    assert_string_equal(arguments_text(&a, "home", ""), "h");
    assert_int_equal(arguments_count(&a, "since", 0), 4);
  }
}

static void slips_are_named(void **state) {
  (void)state;
  static const struct {
    const char *line, *part;
  } row[] = {
      {"clinet list", "did you mean \"client\"?"},
      {"client lst", "did you mean \"client list\"?"},
      {"xyzzy", "there is no command \"xyzzy\""},
      {"client xyzzy", "there is no command \"client xyzzy\""},
      {"federation create d --modle f", "did you mean --model?"},
      {"federation create d --xyzzy 1", "there is no option --xyzzy"},
      {"client list -Z", "there is no option -Z"},
      {"client list --quiet=yes", "--quiet takes no value"},
      {"client list --home", "--home wants a value"},
      {"client list -o", "--output wants a value"},
      {"client list -o xml", "--output wants table, wide, json, jsonl or name, not \"xml\""},
      {"federation create d --quorum many", "--quorum wants a whole number, not \"many\""},
      {"federation create d --deadline 60", "--deadline wants a duration"},
      {"federation create d --norm-max nan", "--norm-max wants a number"},
      {"federation create d --policy risk_hold", "--policy wants name=number"},
      {"client exclude p --federation Digits", "--federation wants a name"},
      {"federation create d --rule mean", "--model FILE is missing"},
      {"federation create", "`tamis federation create` wants NAME"},
      {"round show digits", "`tamis round show` wants FEDERATION ROUND"},
      {"client list a b", "one word too many: \"b\""},
      {"watch a b", "one word too many: \"b\""},
  };
  struct arguments a;
  struct fault fault;
  for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
    assert_int_equal(parse(row[i].line, &a, &fault), TAMIS_BAD_REQUEST);
    if (strstr(fault.text, row[i].part) == NULL)
      fail_msg("%s: said \"%s\"", row[i].line, fault.text);
  }
}

static void help_needs_nothing_else(void **state) {
  (void)state;
  struct arguments a;
  struct fault fault;
  assert_int_equal(parse("federation create --help", &a, &fault), TAMIS_OK);
  assert_true(arguments_has(&a, "help"));
  assert_string_equal(a.command->verb, "create");
  assert_int_equal(parse("--help", &a, &fault), TAMIS_OK);
  assert_null(a.command);
  assert_int_equal(parse("client --help", &a, &fault), TAMIS_OK);
  assert_string_equal(a.noun, "client");
}

static void a_wrong_command_still_tells_the_form(void **state) {
  (void)state;
  struct arguments a;
  struct fault fault;
  assert_int_equal(parse("clinet list -o json", &a, &fault), TAMIS_BAD_REQUEST);
  assert_string_equal(arguments_text(&a, "output", ""), "json");
  assert_non_null(strstr(fault.text, "did you mean"));
}

static void settings_may_be_repeated_and_the_last_of_others_counts(void **state) {
  (void)state;
  struct arguments a;
  struct fault fault;
  assert_int_equal(parse("federation create d --model f --rule mean --policy a=1 --policy b=-0.5 "
                         "--quorum 3 --quorum 4",
                         &a, &fault),
                   TAMIS_OK);
  assert_int_equal(arguments_count(&a, "quorum", 0), 4);
  assert_int_equal(arguments_duration_ms(&a, "deadline", 60000), 60000);
  size_t settings = 0;
  for (size_t i = 0; i < a.value_count; i++) settings += a.value[i].row->kind == VALUE_SETTING;
  assert_int_equal(settings, 2);
}

static void too_many_options_are_refused(void **state) {
  (void)state;
  static char *argv[2 * ARGUMENTS_VALUES_MAX + 8];
  static char dash[] = "-q", tool[] = "tamis", noun[] = "ping";
  struct arguments a;
  struct fault fault;
  int argc = 0;
  argv[argc++] = tool;
  argv[argc++] = noun;
  while (argc < ARGUMENTS_VALUES_MAX + 4) argv[argc++] = dash;
  argv[argc] = NULL;
  assert_int_equal(arguments_parse(argc, argv, &a, &fault), TAMIS_BAD_REQUEST);
}

/* The one command whose -o is its own: what it makes is a file. */
static void aggregate_has_its_own_o_and_any_number_of_words(void **state) {
  (void)state;
  struct arguments a;
  struct fault fault;
  assert_int_equal(parse("aggregate a b -o out.npy c d e --rule mean f", &a, &fault), TAMIS_OK);
  assert_string_equal(arguments_text(&a, "file", ""), "out.npy");
  assert_false(arguments_has(&a, "output"));
  assert_int_equal(a.word_count, 6);
  assert_string_equal(a.word[3], "d");
  assert_string_equal(a.words[5], "f");
  assert_int_equal(parse("aggregate a -o out.npy --output json --rule mean", &a, &fault), TAMIS_OK);
  assert_string_equal(arguments_text(&a, "output", ""), "json");
  assert_int_equal(parse("aggregate -o out.npy --rule mean", &a, &fault), TAMIS_BAD_REQUEST);
  assert_non_null(strstr(fault.text, "`tamis aggregate` wants IN..."));
}

static void every_row_is_complete(void **state) {
  (void)state;
  size_t count, least, most;
  const struct command *rows = command_rows(&count);
  for (size_t i = 0; i < count; i++) {
    assert_ptr_equal(command_find(rows[i].noun, rows[i].verb), &rows[i]);
    assert_non_null(rows[i].run);
    assert_true(strlen(rows[i].summary) <= 60);
    assert_int_equal(strncmp(rows[i].examples, "  ", 2), 0);
    command_word_bounds(&rows[i], &least, &most);
    assert_true(least <= most && (most <= ARGUMENTS_WORDS_MAX || most == SIZE_MAX));
    for (const struct option_row *o = rows[i].options; o != NULL && o->name != NULL; o++) {
      assert_int_equal(o->kind == VALUE_FLAG, o->value == NULL);
      for (const struct option_row *g = command_globals(); g->name != NULL; g++) {
        assert_string_not_equal(o->name, g->name);
        bool is_file = strcmp(rows[i].noun, "aggregate") == 0 && o->letter == 'o';
        assert_true(o->letter == 0 || o->letter != g->letter || is_file);
      }
    }
  }
}

static void help_fits_the_screen(void **state) {
  (void)state;
  size_t count;
  const struct command *rows = command_rows(&count);
  char *text = NULL;
  size_t length;
  FILE *out = open_memstream(&text, &length);
  help_overview(out);
  for (size_t i = 0; i < count; i++) help_command(out, &rows[i]);
  fclose(out);
  for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
    if (strlen(line) > 80) fail_msg("%zu columns: %s", strlen(line), line);
  }
  free(text);
}

int main(void) {
  fake_reset();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(options_may_stand_anywhere),
      cmocka_unit_test(slips_are_named),
      cmocka_unit_test(help_needs_nothing_else),
      cmocka_unit_test(a_wrong_command_still_tells_the_form),
      cmocka_unit_test(settings_may_be_repeated_and_the_last_of_others_counts),
      cmocka_unit_test(too_many_options_are_refused),
      cmocka_unit_test(aggregate_has_its_own_o_and_any_number_of_words),
      cmocka_unit_test(every_row_is_complete),
      cmocka_unit_test(help_fits_the_screen),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
