/* Claims about `tamis init`: what it makes works, is private where it must be, and replaces
 * nothing. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "proto/envelope.h"
#include "proto/statement.h"
#include "tests/unit/cli/fake_operator.h"
#include "tests/unit/cli/typed.h"

static char folder[TYPED_FOLDER_SIZE];

static int set_up(void **state) {
  (void)state;
  fake_reset();
  snprintf(folder, sizeof folder, "/tmp/tamis-init-XXXXXX");
  return mkdtemp(folder) == NULL;
}

static int tear_down(void **state) {
  (void)state;
  return typed_folder_remove(folder);
}

/* Runs `tamis init FOLDER/site OPTION VALUE`, the exit code; NULL ends the words. */
static int run_init(const char *option, const char *value) {
  char site[TYPED_FOLDER_SIZE + 8];
  snprintf(site, sizeof site, "%s/site", folder);
  return typed((const char *const[]){"init", site, "--origin", "test/log", option, value, NULL});
}

static char *read_file(const char *name) {
  char path[128], *text = calloc(1, 70000);
  snprintf(path, sizeof path, "%s/site/%s", folder, name);
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  size_t length = fread(text, 1, 69999, file);
  assert_true(length > 0);
  fclose(file);
  return text;
}

static mode_t mode_of(const char *name) {
  char path[128];
  struct stat found;
  snprintf(path, sizeof path, "%s/site/%s", folder, name);
  assert_int_equal(stat(path, &found), 0);
  return found.st_mode & 07777;
}

static void keys_are_private_and_the_rest_is_readable(void **state) {
  (void)state;
  mode_t old = umask(0);
  assert_int_equal(run_init(NULL, NULL), 0);
  umask(old);
  assert_string_equal(said, "server/test/log made\n");
  assert_int_equal(mode_of(""), 0700);
  assert_int_equal(mode_of("keys"), 0700);
  assert_int_equal(mode_of("operator"), 0700);
  assert_int_equal(mode_of("keys/log.key"), 0600);
  assert_int_equal(mode_of("keys/aggregator.key"), 0600);
  assert_int_equal(mode_of("operator/operator.key"), 0600);
  assert_int_equal(mode_of("operator/server.json"), 0644);
  assert_int_equal(mode_of("genesis.json"), 0644);
  assert_int_equal(mode_of("tamisd.yaml"), 0644);
}

static void read_key(const char *name, struct secret_key *key) {
  char path[128];
  struct fault fault;
  snprintf(path, sizeof path, "%s/site/%s", folder, name);
  assert_int_equal(key_file_read(path, key, &fault), TAMIS_OK);
}

static void genesis_names_the_keys_and_verifies(void **state) {
  (void)state;
  char vkey[KEY_VKEY_SIZE];
  struct secret_key log, aggregator, operator;
  struct envelope envelope;
  struct statement statement;
  struct fault fault;
  assert_int_equal(run_init("--operator", "alice"), 0);
  read_key("keys/log.key", &log);
  read_key("keys/aggregator.key", &aggregator);
  read_key("operator/operator.key", &operator);
  assert_string_equal(log.public.name, "test/log");
  assert_string_equal(aggregator.public.name, "service/aggregator");
  assert_string_equal(operator.public.name, "operator/alice");
  char *text = read_file("genesis.json");
  assert_int_equal(envelope_open(text, strlen(text), &envelope, &fault), TAMIS_OK);
  assert_int_equal(envelope_verify(&envelope, &operator.public, &fault), TAMIS_OK);
  assert_int_equal(envelope_verify(&envelope, &log.public, &fault), TAMIS_BAD_SIGNATURE);
  assert_int_equal(
      statement_read(envelope.payload, envelope.payload_length, "test/log", &statement, &fault),
      TAMIS_OK);
  assert_int_equal(statement.kind, STATEMENT_GENESIS);
  key_vkey_write(&log.public, vkey);
  assert_string_equal(statement_text(&statement, "log_key"), vkey);
  const struct digest subject = digest_of(vkey, strlen(vkey));
  assert_true(digest_equal(&subject, &statement.subject[0]));
  key_vkey_write(&aggregator.public, vkey);
  assert_string_equal(statement_text(&statement, "aggregator_key"), vkey);
  statement_close(&statement);
  envelope_close(&envelope);
  free(text);
}

static void a_second_init_changes_nothing(void **state) {
  (void)state;
  assert_int_equal(run_init(NULL, NULL), 0);
  char *before = read_file("keys/log.key"), *config = read_file("tamisd.yaml");
  assert_int_equal(run_init("--listen", "127.0.0.1:1"), 6);
  char *after = read_file("keys/log.key"), *config_after = read_file("tamisd.yaml");
  assert_string_equal(before, after);
  assert_string_equal(config, config_after);
  assert_string_equal(said, "");
  free(before);
  free(after);
  free(config);
  free(config_after);
}

static void a_state_folder_in_the_way_stops_it_before_anything_is_made(void **state) {
  (void)state;
  char path[96];
  snprintf(path, sizeof path, "%s/site", folder);
  mkdir(path, 0700);
  snprintf(path, sizeof path, "%s/site/state", folder);
  mkdir(path, 0700);
  assert_int_equal(run_init(NULL, NULL), 6);
  snprintf(path, sizeof path, "%s/site/keys", folder);
  assert_int_equal(access(path, F_OK), -1);
}

static void a_server_for_everyone_is_reached_by_loopback(void **state) {
  (void)state;
  assert_int_equal(run_init("--listen", "0.0.0.0:7500"), 0);
  char *server = read_file("operator/server.json"), *config = read_file("tamisd.yaml");
  assert_non_null(strstr(server, "\"127.0.0.1:7500\""));
  assert_non_null(strstr(config, "\nlisten: \"0.0.0.0:7500\"\n"));
  assert_null(strstr(config, "\nmetrics:"));
  free(server);
  free(config);
}

static void addresses_that_would_break_out_of_the_file_are_refused(void **state) {
  (void)state;
  static const char *const bad[] = {"127.0.0.1", "a:1\nmetrics: x", "a:\"1", "", "a b:1", "#:1"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    assert_int_equal(run_init("--listen", bad[i]), 2);
  }
  assert_int_equal(run_init("--origin", "two words"), 2);
}

static void json_tells_what_was_made(void **state) {
  (void)state;
  assert_int_equal(run_init("-o", "json"), 0);
  json_t *root = json_loads(said, JSON_REJECT_DUPLICATES, NULL);
  const char *status, *address, *vkey;
  int code;
  assert_int_equal(json_unpack(root, "{s:s, s:i, s:{s:s, s:s}}", "status", &status, "exit_code",
                               &code, "data", "address", &address, "log_vkey", &vkey),
                   0);
  assert_string_equal(status, "ok");
  assert_string_equal(address, "127.0.0.1:7414");
  assert_int_equal(strncmp(vkey, "test/log+", 9), 0);
  json_decref(root);
}

int main(void) {
  key_library_start();
  const struct CMUnitTest tests[] = {
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
      CASE(keys_are_private_and_the_rest_is_readable),
      CASE(genesis_names_the_keys_and_verifies),
      CASE(a_second_init_changes_nothing),
      CASE(a_state_folder_in_the_way_stops_it_before_anything_is_made),
      CASE(a_server_for_everyone_is_reached_by_loopback),
      CASE(addresses_that_would_break_out_of_the_file_are_refused),
      CASE(json_tells_what_was_made),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
