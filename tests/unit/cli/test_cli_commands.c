/* Claims about what the commands sign, print and answer, against a server that says anything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "client-sdk/invitation.h"
#include "tests/unit/cli/fake_operator.h"
#include "tests/unit/cli/typed.h"

static char folder[TYPED_FOLDER_SIZE];

static int set_up(void **state) {
  (void)state;
  fake_reset();
  typed_site_make(folder);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  return typed_folder_remove(folder);
}

static void answer(size_t i, const char *name, const char *json) {
  fake.answer[i].name = name;
  fake.answer[i].json = json;
}

static json_t *envelope(void) {
  json_t *root = json_loads(said, JSON_REJECT_DUPLICATES, NULL);
  assert_non_null(root);
  assert_string_equal(json_string_value(json_object_get(root, "schema_version")), "1");
  return root;
}

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define HEX2 "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"

static void a_table_has_aligned_columns_and_short_digests(void **state) {
  (void)state;
  answer(0, "federations",
         "[{\"federation\":\"digits\",\"rule\":\"mean\",\"round\":7,\"phase\":\"collecting\","
         "\"head\":\"" HEX
         "\",\"head_round\":6,\"parameters\":50890,\"quorum\":14,\"cohort\":0,\"rounds_max\":25,"
         "\"clients\":20,\"excluded\":3}]");
  RUN(0, "federation", "list");
  assert_string_equal(said, "NAME    PHASE       ROUND  OF  CLIENTS  EXCLUDED  HEAD          AT\n"
                            "digits  collecting      7  25       20         3  0123456789ab   6\n");
  RUN(0, "federation", "list", "-o", "name");
  assert_string_equal(said, "federation/digits\n");
  RUN(0, "federation", "list", "-o", "wide");
  assert_non_null(strstr(said, HEX));
  RUN(0, "federation", "show", "digits");
  assert_non_null(strstr(said, "round         7 of 25\n"));
  RUN(5, "federation", "show", "letters");
  assert_non_null(strstr(complained, "there is no federation \"letters\""));
}

static void json_is_one_envelope_and_jsonl_ends_with_terminal(void **state) {
  (void)state;
  answer(0, "rounds", "[{\"round\":1},{\"round\":2}]");
  RUN(0, "-o", "json", "round", "list", "digits");
  json_t *root = envelope();
  assert_int_equal(json_array_size(json_object_get(root, "data")), 2);
  json_decref(root);
  RUN(0, "-o", "jsonl", "round", "list", "digits");
  assert_int_equal(strncmp(said, "{\"round\":1}\n{\"round\":2}\n{", 25), 0);
  assert_non_null(strstr(said, "\"terminal\":true"));
}

static void a_lineage_tells_the_line_and_the_shares(void **state) {
  (void)state;
  answer(0, "bases",
         "[{\"round\":9,\"model\":\"" HEX "\",\"base_round\":8},{\"round\":8},{\"round\":7},"
         "{\"round\":3},{\"round\":1},{\"round\":0,\"base_round\":null}]");
  answer(1, "lineage",
         "[{\"client\":\"a\",\"organisation\":\"red\",\"rounds\":5,\"weight\":2.5,"
         "\"share\":0.9995,\"first_round\":1,\"last_round\":9},{\"client\":\"b\","
         "\"organisation\":null,\"rounds\":1,\"weight\":0.00125,\"share\":0.0005,"
         "\"first_round\":3,\"last_round\":3}]");
  RUN(0, "model", "lineage", "digits");
  assert_string_equal(said, "model         " HEX "\n"
                            "of            round 9 of digits, the head\n"
                            "stands on     5 earlier models, down to the first\n"
                            "rounds        9 to 7, 3, 1\n\n"
                            "CLIENT  ROUNDS  WEIGHT  SHARE   LAST  ORGANISATION\n"
                            "a            5   2.500  100.0%     9  red\n"
                            "b            1   0.001  0.050%     3  -\n");
  RUN(0, "model", "lineage", "digits", "-o", "json");
  json_t *root = envelope(), *data = json_object_get(root, "data");
  assert_int_equal(json_array_size(json_object_get(data, "bases")), 6);
  assert_true(json_is_true(json_object_get(data, "head")));
  json_decref(root);
  RUN(0, "model", "lineage", "digits", "--round", "9", "-o", "name");
  assert_string_equal(said, "model/" HEX "\n");
  answer(0, "bases", "[]");
  answer(2, "federations", "[{\"federation\":\"digits\"}]");
  RUN(5, "model", "lineage", "digits", "--round", "4");
  assert_non_null(strstr(complained, "round 4 of digits promoted no model"));
}

static void the_rounds_of_a_client_say_which_of_them_count(void **state) {
  (void)state;
  answer(0, "client-rounds",
         "[{\"federation\":\"digits\",\"round\":1,\"verdict\":\"accept\",\"weight\":0.25,"
         "\"risk\":0.0,\"outcome\":\"promoted\",\"in_head\":true,\"sentence\":\"fine\"},"
         "{\"federation\":\"digits\",\"round\":2,\"verdict\":\"refused\",\"weight\":null,"
         "\"risk\":null,\"outcome\":\"promoted\",\"in_head\":true,\"sentence\":\"NaN\"}]");
  RUN(0, "client", "rounds", "phone-1");
  assert_string_equal(said,
                      "ROUND  OF  FEDERATION  VERDICT  WEIGHT   RISK  OUTCOME   IN-HEAD  SENTENCE\n"
                      "    1   -  digits      accept    0.250  0.000  promoted  yes      fine\n"
                      "    2   -  digits      refused       -      -  promoted  yes      NaN\n");
  assert_string_equal(complained, "phone-1: 2 updates, 1 of them in a model that the head stands "
                                  "on, weight 0.250\n");
  answer(0, "client-rounds", "[]");
  RUN(5, "client", "rounds", "phone-1");
  assert_non_null(strstr(complained, "there is no client \"phone-1\""));
  answer(1, "clients", "[{\"client\":\"phone-1\"}]");
  RUN(0, "client", "rounds", "phone-1");
  assert_string_equal(complained, "It has sent nothing yet.\n");
}

static void a_hostile_server_cannot_move_the_cursor_or_crash(void **state) {
  (void)state;
  static const char *const hostile[] = {
      "[]",
      "[1,2,3]",
      "[null]",
      "[[]]",
      "[{}]",
      "[\"text\"]",
      "[{\"client\":17,\"state\":[],\"reputation\":\"x\",\"rounds\":1.5,\"sentence\":{}}]",
      "[{\"client\":\"a\\u001b[2Jb c\",\"sentence\":\"\\u001b]0;title\\u0007\\n\\u009b\\u202e\"}]",
      "[{\"client\":\"a\",\"federation\":null,\"round\":-9223372036854775808,\"opened_at_ms\":-1}]",
      "[{\"federation\":\"a\",\"head\":12,\"models\":true,\"round\":9223372036854775807,\"model\":"
      "\"zz\","
      "\"opened_at_ms\":9223372036854775807,\"seconds\":1e308,\"weight\":-1e308}]"};
  static const char *const names[] = {"federations", "clients", "rounds",      "round",
                                      "models",      "moves",   "invitations", "status"};
  static const char *const commands[][4] = {
      {"federation", "list", NULL, NULL}, {"client", "list", "a", NULL},
      {"client", "list", NULL, NULL},     {"round", "list", "a", NULL},
      {"round", "show", "a", "1"},        {"model", "history", "a", NULL},
      {"federation", "show", "a", NULL},  {"client", "show", "a", NULL},
      {"log", "show", NULL, NULL}};
  for (size_t h = 0; h < sizeof hostile / sizeof *hostile; h++) {
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) answer(i, names[i], hostile[h]);
    for (size_t c = 0; c < sizeof commands / sizeof *commands; c++) {
      const char *words[8] = {"-o", "wide"};
      static const char *const form[] = {"table", "wide", "json", "jsonl", "name"};
      int count = 2;
      while (count < 6 && commands[c][count - 2] != NULL) {
        words[count] = commands[c][count - 2];
        count++;
      }
      for (size_t f = 0; f < 5; f++) {
        words[1] = form[f];
        typed(words);
        for (const char *at = said; *at != '\0'; at++)
          assert_true((*at >= 0x20 && *at < 0x7f) || *at == '\n');
        for (const char *at = complained; *at != '\0'; at++)
          assert_true((*at >= 0x20 && *at < 0x7f) || *at == '\n');
      }
    }
  }
}

static void what_does_not_exist_is_not_an_empty_list(void **state) {
  (void)state;
  answer(0, "federations", "[{\"federation\":\"digits\"}]");
  answer(1, "rounds", "[{\"round\":1}]");
  RUN(0, "model", "history", "digits");
  assert_string_equal(said, "");
  RUN(5, "model", "history", "letters");
  RUN(5, "client", "list", "letters");
  RUN(0, "round", "show", "digits", "1");
  RUN(5, "round", "show", "digits", "2");
  RUN(2, "round", "show", "digits", "two");
}

static void rows_that_are_no_rows_are_an_error(void **state) {
  (void)state;
  answer(0, "federations", "{\"federation\":\"digits\"}");
  RUN(2, "federation", "list");
  assert_non_null(strstr(complained, "something that is not rows"));
}

static void sentences_are_cut_in_a_table_only(void **state) {
  (void)state;
  answer(
      0, "clients",
      "[{\"client\":\"client-07\",\"state\":\"quarantined\",\"reputation\":0.1,\"risk\":0.97,"
      "\"rounds\":12,\"accepted\":3,\"held\":2,\"rejected\":7,\"refused\":0,\"sentence\":\"3.9 MAD "
      "above the cohort in distance for 6 rounds; cosine 0.99 with client 7 since round 4\"}]");
  RUN(0, "client", "list", "digits");
  for (char *line = strtok(said, "\n"); line != NULL; line = strtok(NULL, "\n"))
    assert_true(strlen(line) <= 80);
  RUN(0, "client", "list", "digits", "-o", "wide");
  assert_non_null(strstr(said, "with client 7 since round 4\n"));
}

static void statuses_become_exit_codes_and_envelopes(void **state) {
  (void)state;
  static const struct {
    enum tamis_status status;
    int code;
  } row[] = {{TAMIS_UNAVAILABLE, 7}, {TAMIS_TIMED_OUT, 3}, {TAMIS_DENIED, 4},
             {TAMIS_NOT_FOUND, 5},   {TAMIS_CONFLICT, 6},  {TAMIS_BAD_PROOF, 1}};
  for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
    fake.status = row[i].status;
    fake.text = "because";
    RUN(row[i].code, "-o", "json", "federation", "list");
    json_t *root = envelope();
    assert_string_equal(json_string_value(json_object_get(root, "status")), "error");
    assert_int_equal(json_integer_value(json_object_get(root, "exit_code")), row[i].code);
    assert_string_equal(json_string_value(json_object_get(root, "error_code")),
                        tamis_status_name(row[i].status));
    json_decref(root);
    assert_non_null(strstr(complained, "tamis: because ("));
  }
}

static void without_a_home_it_says_what_to_do(void **state) {
  (void)state;
  RUN(2, "--home", "/nowhere", "ping");
  assert_non_null(strstr(complained, "there is no operator's folder at /nowhere/operator"));
  assert_non_null(strstr(complained, "tamis init"));
}

static void an_invitation_carries_the_token_whose_digest_was_signed(void **state) {
  (void)state;
  struct invitation invitation;
  struct fault fault;
  RUN(0, "client", "invite", "phone-1", "--organisation", "clinic-a", "--valid", "48h", "-o",
      "json", "--public-address", "fl.example:7414");
  json_t *root = envelope(), *data = json_object_get(root, "data");
  const char *line = json_string_value(json_object_get(data, "invitation"));
  assert_int_equal(invitation_read(line, &invitation, &fault), TAMIS_OK);
  assert_string_equal(invitation.client, "phone-1");
  assert_string_equal(invitation.address, "fl.example:7414");
  assert_string_equal(invitation.log_key.name, "test/log");
  const struct digest token = digest_of(invitation.token, sizeof invitation.token);
  assert_true(digest_equal(&token, &fake.subject));
  assert_int_equal(fake.kind, STATEMENT_CLIENT_INVITE);
  assert_string_equal(fake.subject_name, "token");
  assert_string_equal(json_string_value(json_object_get(fake.predicate, "organisation")),
                      "clinic-a");
  assert_null(strstr(complained, line));
  json_decref(root);
  RUN(0, "client", "invite", "phone-2");
  assert_int_equal(strncmp(said, "tamis-invite:v1:", 16), 0);
  RUN(2, "client", "invite", "Phone");
  RUN(0, "client", "invite", "phone-3", "--dry-run");
  assert_true(fake.dry_run);
  assert_string_equal(said, "client/phone-3 invited (dry run)\n");
}

/* The log of a client's life, for the commands that look its key up. */
static char *log_entry[3];
static struct secret_key client_key;

static void make_log(void) {
  struct secret_key operator;
  struct fault fault;
  char vkey[KEY_VKEY_SIZE], hex[DIGEST_HEX_SIZE];
  size_t length;
  const struct digest token = digest_of("0123456789abcdef", 16), other = digest_of("x", 1);
  key_generate("operator/o", &operator);
  key_generate("phone-1", &client_key);
  key_vkey_write(&client_key.public, vkey);
  const struct digest key = digest_of(client_key.public.byte, sizeof client_key.public.byte);
  for (int i = 0; i < 3; i++) {
    const struct digest *named = i == 1 ? &other : &token;
    digest_to_hex(named, hex);
    json_t *predicate =
        i == 0 ? json_pack("{s:s, s:s, s:i, s:s}", "client", "phone-1", "organisation", "o",
                           "not_after", 1, "nonce", "00112233445566778899aabbccddeeff")
               : json_pack("{s:s, s:s, s:s}", "client", "phone-1", "key", vkey, "token", hex);
    const char *const subject_name[] = {i == 0 ? "token" : "key"};
    assert_int_equal(statement_sign("test/log", i == 0 ? STATEMENT_CLIENT_INVITE : STATEMENT_KEY_ENROL,
                                    predicate, 1, subject_name, i == 0 ? &token : &key,
                                    i == 0 ? &operator : &client_key, &log_entry[i], &length, &fault),
                     TAMIS_OK);
    json_decref(predicate);
    fake.entry[i] = log_entry[i];
  }
  fake.entry_count = 3;
  answer(0, "invitations", "[{\"client\":\"phone-1\",\"used\":true,\"index\":0}]");
  answer(1, "status", "[{\"size\":3}]");
  answer(2, "federations", "[{\"federation\":\"digits\",\"round\":9}]");
}

static void free_log(void) {
  for (int i = 0; i < 3; i++) free(log_entry[i]);
}

static void an_exclusion_names_the_key_that_enrolled(void **state) {
  (void)state;
  make_log();
  RUN(0, "client", "exclude", "phone-1", "--federation", "digits", "--reason", "flips labels");
  const struct digest key = digest_of(client_key.public.byte, sizeof client_key.public.byte);
  assert_true(digest_equal(&key, &fake.subject));
  assert_int_equal(fake.kind, STATEMENT_EXCLUSION);
  assert_int_equal(json_integer_value(json_object_get(fake.predicate, "since")), 9);
  assert_false(fake.dry_run);
  assert_string_equal(said, "client/phone-1 excluded\n");
  RUN(0, "client", "exclude", "phone-1", "--federation", "digits", "--reason", "r", "--since", "4",
      "--dry-run");
  assert_int_equal(json_integer_value(json_object_get(fake.predicate, "since")), 4);
  assert_true(fake.dry_run);
  assert_string_equal(said, "client/phone-1 excluded (dry run)\n");
  size_t before = fake.submitted;
  RUN(5, "client", "exclude", "phone-2", "--federation", "digits", "--reason", "r");
  RUN(5, "client", "exclude", "phone-1", "--federation", "letters", "--reason", "r");
  assert_int_equal(fake.submitted, before);
  free_log();
}

static void an_enrolment_that_the_client_did_not_sign_is_not_believed(void **state) {
  (void)state;
  make_log();
  /* The server puts another client's signature on the entry: same length, other bytes. */
  char *sig = strstr(log_entry[2], "\"sig\":\"");
  assert_non_null(sig);
  sig[10] = sig[10] == 'A' ? 'B' : 'A';
  RUN(4, "client", "revoke", "phone-1", "--reason", "lost");
  assert_int_equal(fake.submitted, 0);
  free_log();
}

static void a_rollback_shows_its_plan_and_wants_a_yes(void **state) {
  (void)state;
  answer(0, "federations",
         "[{\"federation\":\"digits\",\"head\":\"" HEX "\",\"head_round\":15,\"round\":16}]");
  answer(1, "models",
         "[{\"round\":12,\"model\":\"" HEX2 "\"},{\"round\":14,\"model\":\"" HEX "\"},"
         "{\"round\":15,\"model\":\"" HEX "\",\"current\":true}]");
  fake.result = "{\"plan\":{\"from_round\":15,\"to_round\":12,\"round_count\":2,\"rounds\":["
                "{\"round\":14},{\"round\":15}],\"updates_dropped\":3,\"client_count\":1,"
                "\"clients\":[{\"client\":\"phone-1\",\"weight\":0.75,\"rounds\":2}]}}";
  RUN(2, "rollback", "digits", "--to", "12", "--reason", "poison");
  assert_non_null(strstr(complained, "undone  2 rounds: 14, 15\n"));
  assert_non_null(strstr(complained, "back from round 15 to round 12\n  then    " HEX2));
  assert_non_null(
      strstr(complained, "drops   3 updates\n          phone-1: weight 0.75 in 2 rounds"));
  assert_non_null(strstr(complained, "--yes"));
  assert_true(fake.dry_run); /* only the plan was asked for */
  RUN(0, "rollback", "digits", "--to", "12", "--reason", "poison", "--yes", "-o", "json");
  assert_int_equal(fake.kind, STATEMENT_ROLLBACK);
  char hex[DIGEST_HEX_SIZE];
  digest_to_hex(&fake.subject, hex);
  assert_string_equal(hex, HEX2);
  RUN(5, "rollback", "digits", "--to", "13", "--reason", "poison", "--yes");
  RUN(0, "rollback", "digits", "--to", "12", "--reason", "poison", "--dry-run");
  assert_true(fake.dry_run);
}

static void a_rebuild_shows_its_plan_and_waits_for_the_head(void **state) {
  (void)state;
  answer(0, "federations",
         "[{\"federation\":\"digits\",\"head\":\"" HEX "\",\"head_round\":17,\"round\":17,"
         "\"phase\":\"collecting\"}]");
  answer(1, "models", "[{\"round\":17,\"model\":\"" HEX "\",\"current\":true}]");
  fake.result = "{\"plan\":{\"from_round\":15,\"to_round\":13,\"first_number\":16,"
                "\"round_count\":2,\"passed_over\":1,\"rounds\":[{\"round\":14},{\"round\":15,"
                "\"passed_over\":true}],\"updates_dropped\":1,\"client_count\":1,\"clients\":[{"
                "\"client\":\"phone-1\",\"weight\":0.5,\"rounds\":1}],\"bytes_read\":4096,"
                "\"bytes_written\":2048,\"seconds\":3.2}}";
  RUN(2, "rebuild", "digits", "--since", "14", "--without", "phone-1", "--reason", "poison");
  assert_non_null(strstr(complained, "again   2 rounds: 14, 15\n  as      round 16 and on\n"
                                     "  passed  1 round: 15\n"));
  assert_non_null(strstr(complained, "needs   2.0KiB more on disk; reads 4.0KiB, in about 3 s"));
  assert_non_null(strstr(complained, "approximate"));
  RUN(0, "rebuild", "digits", "--since", "14", "--without", "b", "--without", "a", "--without", "b",
      "--reason", "poison", "--yes");
  assert_int_equal(fake.kind, STATEMENT_REBUILD);
  assert_false(fake.dry_run);
  const json_t *without = json_object_get(fake.predicate, "without");
  assert_int_equal(json_array_size(without), 2);
  assert_string_equal(json_string_value(json_array_get(without, 0)), "a");
  assert_string_equal(said, "federation/digits rebuilt\n");
  RUN(2, "rebuild", "digits", "--since", "14", "--without", "a", "--reason", "poison", "--yes",
      "--state", "/nowhere");
  assert_non_null(strstr(complained, "--dry-run"));
  fake.result = "{\"plan\":{\"first_number\":18,\"round_count\":1,\"rounds\":[]}}";
  RUN(6, "rebuild", "digits", "--since", "14", "--without", "a", "--reason", "poison", "--yes");
  assert_non_null(strstr(complained, "did not move"));
}

static void a_log_of_any_bytes_can_be_read(void **state) {
  (void)state;
  make_log();
  static const char *const bad[] = {"", "{", "\033[2J", "{\"payload\":1}"};
  RUN(0, "log", "show");
  assert_non_null(strstr(said, "#0     client-invite      phone-1 of o invited\n"));
  assert_non_null(strstr(said, "#2     key-enrol          phone-1 enrolled its key\n"));
  RUN(0, "log", "show", "--kind", "key-enrol", "--count", "1", "-o", "name");
  assert_string_equal(said, "entry/1\n");
  RUN(0, "log", "show", "--from", "2", "--raw");
  assert_int_equal(strncmp(said, log_entry[2], strlen(log_entry[2])), 0);
  RUN(2, "log", "show", "--kind", "key-enroll");
  assert_non_null(strstr(complained, "did you mean key-enrol?"));
  for (size_t i = 0; i < 3; i++) fake.entry[i] = bad[i];
  RUN(0, "log", "show");
  assert_null(strchr(said, '\033'));
  assert_non_null(strstr(said, "unreadable"));
  RUN(3, "watch", "--from", "0", "--wait", "5ms");
  free_log();
}

static void a_model_must_be_one(void **state) {
  (void)state;
  char path[96];
  snprintf(path, sizeof path, "%s/tamisd.yaml", folder);
  RUN(1, "federation", "create", "d", "--model", path, "--rule", "mean");
  RUN(5, "federation", "create", "d", "--model", "/nowhere", "--rule", "mean");
  RUN(1, "federation", "create", "d", "--model", folder, "--rule", "mean");
  assert_int_equal(fake.submitted, 0);
}

static void no_command_shows_help_and_fails(void **state) {
  (void)state;
  typed_expect(2, (const char *const[]){NULL});
  assert_non_null(strstr(complained, "Usage: tamis"));
  RUN(2, "client");
  assert_non_null(strstr(complained, "client exclude"));
  RUN(0, "--version");
  assert_int_equal(strncmp(said, "tamis ", 6), 0);
  RUN(0, "help", "exit-codes");
  assert_non_null(strstr(said, "130  interrupted"));
  RUN(5, "help", "nothing");
  RUN(0, "completion", "bash");
  assert_non_null(strstr(said, "complete -o default -F _tamis tamis"));
  RUN(2, "completion", "fish");
}

int main(void) {
  key_library_start();
  const struct CMUnitTest tests[] = {
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
      CASE(a_table_has_aligned_columns_and_short_digests),
      CASE(json_is_one_envelope_and_jsonl_ends_with_terminal),
      CASE(a_lineage_tells_the_line_and_the_shares),
      CASE(the_rounds_of_a_client_say_which_of_them_count),
      CASE(a_hostile_server_cannot_move_the_cursor_or_crash),
      CASE(what_does_not_exist_is_not_an_empty_list),
      CASE(rows_that_are_no_rows_are_an_error),
      CASE(sentences_are_cut_in_a_table_only),
      CASE(statuses_become_exit_codes_and_envelopes),
      CASE(without_a_home_it_says_what_to_do),
      CASE(an_invitation_carries_the_token_whose_digest_was_signed),
      CASE(an_exclusion_names_the_key_that_enrolled),
      CASE(an_enrolment_that_the_client_did_not_sign_is_not_believed),
      CASE(a_rollback_shows_its_plan_and_wants_a_yes),
      CASE(a_rebuild_shows_its_plan_and_waits_for_the_head),
      CASE(a_log_of_any_bytes_can_be_read),
      CASE(a_model_must_be_one),
      CASE(no_command_shows_help_and_fails),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
