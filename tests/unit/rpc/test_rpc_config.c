/* Claims about tamisd.yaml: what is wrong is named, with its key; what is missing has its default.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "aggregator/rpc/config.h"

static char folder[64], file[96];

static int make_folder(void **state) {
  (void)state;
  strcpy(folder, "/tmp/tamis-config-XXXXXX");
  assert_non_null(mkdtemp(folder));
  snprintf(file, sizeof file, "%s/tamisd.yaml", folder);
  return 0;
}

static int drop_folder(void **state) {
  (void)state;
  unlink(file);
  return rmdir(folder);
}

#define GOOD                                                                                       \
  "listen: 127.0.0.1:0\nstate: state\ngenesis: tamisd.yaml\nkeys:\n"                               \
  "  aggregator: tamisd.yaml\n  log: tamisd.yaml\n"

static enum tamis_status read_text(const char *text, struct config *config, struct fault *fault) {
  FILE *out = fopen(file, "w");
  fputs(text, out);
  fclose(out);
  return config_read(file, config, fault);
}

static void assert_refused(const char *text, const char *said) {
  struct config config;
  struct fault fault;
  assert_int_equal(read_text(text, &config, &fault), TAMIS_BAD_CONFIG);
  assert_non_null(strstr(fault.text, file));
  if (!strstr(fault.text, said)) fail_msg("\"%s\" does not say %s", fault.text, said);
}

static void defaults_and_paths(void **state) {
  struct config config;
  struct fault fault;
  char wanted[96];
  (void)state;
  assert_int_equal(read_text(GOOD, &config, &fault), TAMIS_OK);
  snprintf(wanted, sizeof wanted, "%s/state", folder);
  assert_string_equal(config.state, wanted);
  assert_string_equal(config.keys.log, file);
  assert_null(config.metrics);
  assert_int_equal(config.log.level, LOG_LEVEL_INFO);
  assert_int_equal(config.flow, CONFIG_FLOW_BOUNDED);
  assert_int_equal(config.limits.streams_per_principal, 8);
  assert_int_equal(config.limits.progress_seconds, 10);
  config_close(&config);
}

static void everything_can_be_said(void **state) {
  struct config config;
  struct fault fault;
  (void)state;
  assert_int_equal(read_text(GOOD "flow: wan\nthreads: 3\nmetrics: '[::1]:0'\n"
                                  "log: {level: error, format: json}\n"
                                  "limits: {calls: 10, workers: 2}\n"
                                  "tls: {certificate: tamisd.yaml, key: tamisd.yaml}\n",
                             &config, &fault),
                   TAMIS_OK);
  assert_int_equal(config.flow, CONFIG_FLOW_WAN);
  assert_int_equal(config.threads, 3);
  assert_int_equal(config.log.level, LOG_LEVEL_ERROR);
  assert_int_equal(config.log.format, LOG_FORMAT_JSON);
  assert_int_equal(config.limits.calls, 10);
  assert_int_equal(config.limits.workers, 2);
  config_close(&config);
}

static void unknown_keys_are_refused(void **state) {
  (void)state;
  assert_refused(GOOD "listne: x\n", "listne");
  assert_refused(GOOD "limits: {cals: 1}\n", "cals");
  assert_refused(GOOD "log: {level: loud}\n", "loud");
  assert_refused(GOOD "flow: fast\n", "fast");
}

static void missing_and_malformed(void **state) {
  (void)state;
  assert_refused("", "");
  assert_refused("listen: 127.0.0.1:0\n", "state");
  assert_refused(GOOD "threads: many\n", "many");
  assert_refused(GOOD "threads: -1\n", "threads");
  assert_refused(GOOD "limits: {calls: 4294967296}\n", "4294967296");
  assert_refused(GOOD "limits: {workers: 100000}\n", "limits.workers");
  assert_refused(GOOD "metrics: [1, 2]\n", "metrics");
  assert_refused(GOOD "\t: {\n", "");
  assert_refused("listen: &a 127.0.0.1:0\nstate: *a\n", "");
  assert_refused(GOOD "listen: 127.0.0.1:1\n", "listen");
}

static void addresses(void **state) {
  (void)state;
  const char *rest = strchr(GOOD, '\n');
  const struct {
    const char *listen, *said;
  } bad[] = {{"0.0.0.0:7414", "tls"},       {"'[::]:7414'", "tls"},
             {"fl.example:1", "tls"},       {"127.0.0.1", "listen"},
             {"127.0.0.1:66000", "listen"}, {"'unix:'", "listen"},
             {"127.evil.example:1", "tls"}, {"127.0.0.1.evil.example:1", "tls"}};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    char text[512];
    snprintf(text, sizeof text, "listen: %s%s", bad[i].listen, rest);
    assert_refused(text, bad[i].said);
  }
  assert_refused(GOOD "metrics: 0.0.0.0:9\n", "loopback");
  assert_true(config_is_local("127.3.2.1:5"));
  assert_true(config_is_local("[::1]:5"));
  assert_true(config_is_local("localhost:5"));
  assert_true(config_is_local("unix:/run/tamis"));
  assert_false(config_is_local("10.0.0.1:5"));
}

static void files_must_be_there(void **state) {
  (void)state;
  assert_refused("listen: 127.0.0.1:0\nstate: state\ngenesis: nowhere.json\nkeys:\n"
                 "  aggregator: tamisd.yaml\n  log: tamisd.yaml\n",
                 "nowhere.json");
  struct config config;
  struct fault fault;
  assert_int_equal(config_read("/nowhere/tamisd.yaml", &config, &fault), TAMIS_BAD_CONFIG);
  assert_int_equal(config_read("/dev/zero", &config, &fault), TAMIS_BAD_CONFIG);
  char *large = malloc(CONFIG_SIZE_MAX + 2);
  memset(large, '#', CONFIG_SIZE_MAX + 1);
  large[CONFIG_SIZE_MAX + 1] = '\0';
  assert_refused(large, "bytes");
  free(large);
}

#define WITHOUT_LOG                                                                                \
  "listen: 127.0.0.1:0\nstate: state\ngenesis: tamisd.yaml\nkeys:\n  aggregator: tamisd.yaml\n"

static void the_log_key_is_in_one_place(void **state) {
  struct config config;
  struct fault fault;
  (void)state;
  assert_int_equal(read_text(WITHOUT_LOG "signer: unix:/run/signd\n", &config, &fault), TAMIS_OK);
  assert_string_equal(config.signer, "unix:/run/signd");
  assert_null(config.keys.log);
  config_close(&config);
  assert_refused(WITHOUT_LOG, "keys.log");
  assert_refused(GOOD "signer: unix:/run/signd\n", "either keys.log");
  assert_refused(WITHOUT_LOG "signer: /run/signd\n", "unix:/PATH");
}

/* Its log key comes when it is promoted. */
static void a_standby_needs_no_log_key_yet(void **state) {
  struct config config;
  struct fault fault;
  char wanted[96];
  (void)state;
  assert_int_equal(read_text(WITHOUT_LOG "  log: later.key\nfollow: {address: 'a:1', log_key: v, "
                                         "operator_key: tamisd.yaml, folder: old}\n",
                             &config, &fault),
                   TAMIS_OK);
  snprintf(wanted, sizeof wanted, "%s/old", folder);
  assert_string_equal(config.follow.folder, wanted);
  assert_string_equal(config.follow.operator_key, file);
  assert_null(config.follow.ca);
  config_close(&config);
  assert_refused(WITHOUT_LOG "  log: later.key\n", "later.key");
  assert_refused(GOOD "follow: {address: 'a:1', log_key: v}\n", "operator_key");
  assert_refused(GOOD "follow: {address: 'a:1', log_key: v, operator_key: nowhere}\n",
                 "follow.operator_key");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(defaults_and_paths),
      cmocka_unit_test(everything_can_be_said),
      cmocka_unit_test(the_log_key_is_in_one_place),
      cmocka_unit_test(a_standby_needs_no_log_key_yet),
      cmocka_unit_test(unknown_keys_are_refused),
      cmocka_unit_test(missing_and_malformed),
      cmocka_unit_test(addresses),
      cmocka_unit_test(files_must_be_there),
  };
  return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
