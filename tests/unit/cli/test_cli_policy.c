/* Policies as people write, question and read them, beside the state folder of a federation that is
 * being served. */
#include "../aggregator/world.h"

#include "tests/unit/cli/typed.h"

enum { CLIENTS = 8, ROUNDS = 6 };

static struct world world;
static char vkey[KEY_VKEY_SIZE], path[256], kept[256];

/* Everything is accepted, and c00 turns its update round. */
static int set_up(void **state) {
  (void)state;
  world_open(&world);
  world_enrol_clients(&world, CLIENTS);
  assert_int_equal(world_federation(&world, WORLD_FEDERATION, "median", 5, 0, 0, ROUNDS,
                                    json_pack("{s:o}", "enforce", canonical_f64(0)), NULL),
                   TAMIS_OK);
  world_play(&world, ROUNDS, 1, WORLD_SIGN_FLIP);
  key_vkey_write(&world.log_key.public, vkey);
  snprintf(path, sizeof path, "%s/policy", world.dir);
  snprintf(kept, sizeof kept, "%s/report", world.dir);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  typed_forget();
  world_close(&world);
  return 0;
}

static void write_policy(const char *text) {
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fputs(text, file);
  fclose(file);
}

static void lint_finds_every_slip_with_its_line(void **state) {
  (void)state;
  write_policy("# what we want\nz_hig: 5\nrisk_hold: 0 # always\nz_low: abc\nz_low: 1\nz_low: 1\n");
  RUN(2, "policy", "lint", path);
  typed_holds(said, "error         z_hig, line 2\n"
                    "              there is no such threshold; did you mean z_high?\n");
  typed_holds(said, "error         risk_hold, line 3\n              0 is not from 0.01 to 1\n");
  typed_holds(said, "error         z_low, line 4\n              \"abc\" is not a number\n");
  typed_holds(said, "error         z_low, line 6\n              it is given twice\n");
  typed_holds(said, "findings      4 errors, 0 warnings, ");
  RUN(2, "policy", "lint", path, "-o", "json");
  json_t *found = typed_data();
  assert_true(json_array_size(json_object_get(found, "findings")) >= 4);
  json_decref(found);
}

static void lint_warns_of_what_weakens_and_reads_json_too(void **state) {
  (void)state;
  write_policy("{\"enforce\": 0, \"z_low\": 5, \"z_high\": 5}");
  RUN(2, "policy", "lint", path);
  typed_holds(said, "5 is not below z_high, which is 5");
  typed_holds(said, "warning       enforce\n"
                    "              0 is below the default 1: everything is accepted");
  write_policy("{\"enforce\": 0}");
  RUN(0, "policy", "lint", path);
  RUN(2, "policy", "lint", path, "--strict");
  write_policy("");
  RUN(0, "policy", "lint", path, "--strict");
  typed_holds(said, "findings      0 errors, 0 warnings, 0 notes");
}

static void what_is_no_policy_is_refused_in_words(void **state) {
  static const char *const text[] = {
      "- a\n- b\n",       "z_low: {a: 1}\n", "z_low: [1]\n", "z_low: &a 1\n", "z_low: *a\n",
      "z_low: !!int 1\n", "z_low: 1\n---\n", "z_low: 1\n :", "\"z_low",       "? [z_low]\n: 1\n"};
  (void)state;
  for (size_t i = 0; i < sizeof text / sizeof *text; i++) {
    write_policy(text[i]);
    RUN(2, "policy", "lint", path);
    typed_holds(complained, "line ");
  }
  RUN(5, "policy", "lint", "/nowhere/policy");
}

static void a_dry_run_is_laid_beside_what_happened(void **state) {
  (void)state;
  write_policy("strikes_quarantine: 2\nstrikes_exclude: 3\n");
  RUN(0, "policy", "dry-run", path, "--federation", WORLD_FEDERATION, "--state", world.state_dir,
      "--log-key", vkey, "--report", kept);
  typed_holds(said, "rounds        6 judged again, ");
  typed_holds(said, "accepted      42 updates, in truth 48\n");
  typed_holds(said, "Clients that would have fared otherwise");
  typed_holds(said, "excluded/probation");
  typed_holds(said, "  2/-");
  typed_holds(said, "round 1: c00 reject, not accept: ");
  typed_holds(said, "round 5: c00 absent, not accept: it would have been excluded before");
  typed_holds(said, "What this cannot know:\n");
  RUN(0, "policy", "dry-run", path, "--federation", WORLD_FEDERATION, "--state", world.state_dir,
      "--log-key", vkey, "--rounds", "5..", "-o", "json");
  json_t *found = typed_data(), *report = json_object_get(found, "report");
  assert_int_equal(json_integer_value(json_object_get(report, "judged")), 2);
  json_decref(found);
}

static void the_report_that_is_kept_has_the_digest_that_is_told(void **state) {
  (void)state;
  write_policy("strikes_quarantine: 2\n");
  RUN(0, "policy", "dry-run", path, "--federation", WORLD_FEDERATION, "--state", world.state_dir,
      "--log-key", vkey, "--report", kept, "-o", "json");
  json_t *found = typed_data();
  char text[65536], hex[DIGEST_HEX_SIZE];
  FILE *file = fopen(kept, "r");
  assert_non_null(file);
  struct digest digest = digest_of(text, fread(text, 1, sizeof text, file));
  fclose(file);
  digest_to_hex(&digest, hex);
  assert_string_equal(json_string_value(json_object_get(found, "digest")), hex);
  json_decref(found);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(lint_finds_every_slip_with_its_line),
      cmocka_unit_test(lint_warns_of_what_weakens_and_reads_json_too),
      cmocka_unit_test(what_is_no_policy_is_refused_in_words),
      cmocka_unit_test(a_dry_run_is_laid_beside_what_happened),
      cmocka_unit_test(the_report_that_is_kept_has_the_digest_that_is_told),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
