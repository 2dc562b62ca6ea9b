/* Claims about replay, blame and bisect as they are typed and read, on the state folder of a
 * federation that is being served. */
#include "../aggregator/world.h"

#include "audit/archive.h"
#include "tests/unit/cli/typed.h"

enum { CLIENTS = 6, ROUNDS = 5, TURN = 4 };

static struct world world;
static char vkey[KEY_VKEY_SIZE], script[256];
static const char *folder; /* the state that is asked */

/* Of which state, and with which key, comes after the words. */
#define ASK(expected, ...) RUN(expected, __VA_ARGS__, "--state", folder, "--log-key", vkey)

/* An evaluator in awk: how near the model is to where all honest clients want to go. */
static void write_script(void) {
  snprintf(script, sizeof script, "%s/score", world.dir);
  FILE *file = fopen(script, "w");
  assert_non_null(file);
  fprintf(file,
          "#!/bin/sh\nod -An -v -tf4 -w4 -j %zu \"$1\" |\n"
          "  awk '{ d = $1 - 1; s += d * d } END { print -sqrt(s) }'\n",
          world.layout.header_size);
  fclose(file);
  assert_int_equal(chmod(script, 0700), 0);
}

/* c00 is honest for three rounds, then turns. */
static int set_up(void **state) {
  (void)state;
  world_open(&world);
  world_enrol_clients(&world, CLIENTS);
  assert_int_equal(world_federation(&world, WORLD_FEDERATION, "mean", CLIENTS, 0, 0, ROUNDS,
                                    json_pack("{s:o}", "enforce", canonical_f64(0)), NULL),
                   TAMIS_OK);
  world_play(&world, TURN - 1, 0, WORLD_HONEST);
  world_play(&world, ROUNDS, 1, WORLD_SCALE);
  key_vkey_write(&world.log_key.public, vkey);
  folder = world.state_dir;
  write_script();
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  typed_forget();
  world_close(&world);
  return 0;
}

static const char *text_of(const json_t *object, const char *key) {
  return json_string_value(json_object_get(object, key));
}

static double real_of(const json_t *object, const char *key) {
  assert_true(json_is_number(json_object_get(object, key)));
  return json_number_value(json_object_get(object, key));
}

static void replay_tells_the_same_from_the_different(void **state) {
  (void)state;
  ASK(0, "replay", WORLD_FEDERATION, "4");
  typed_holds(said, "round         4 of digits, promoted; 6 of 6 updates accepted");
  typed_holds(said, "rule          mean (the round's: mean)");
  typed_holds(said, "logged        the same, byte for byte");
  ASK(0, "replay", WORLD_FEDERATION, "4", "--rule", "multi_krum(f=1)", "--evaluate", script);
  typed_holds(said, "rule          multi_krum(f=1) (the round's: mean)");
  typed_holds(said, "moves         ");
  typed_holds(said, "of the logged one\n");
  typed_holds(said, "CLIENT  LOGGED  WEIGHT\nc00      0.167   0.000\nc01      0.167   0.200\n");
}

static void replay_as_json_has_every_number(void **state) {
  (void)state;
  ASK(0, "replay", WORLD_FEDERATION, "4", "--rule", "median", "--optimiser", "momentum",
      "--evaluate", script, "-o", "json");
  json_t *found = typed_data();
  assert_string_equal(text_of(found, "rule"), "median");
  assert_string_equal(text_of(found, "optimiser"), "momentum");
  assert_string_equal(text_of(found, "logged_rule"), "mean");
  assert_true(json_is_false(json_object_get(found, "same")));
  assert_true(real_of(found, "distance") > 0 && real_of(found, "cosine") < 1);
  assert_true(real_of(found, "value") > real_of(found, "logged_value"));
  assert_int_equal(json_array_size(json_object_get(found, "clients")), CLIENTS);
  json_decref(found);
}

static void a_candidate_can_be_kept_but_nothing_is_overwritten(void **state) {
  (void)state;
  char path[256];
  json_t *found;
  snprintf(path, sizeof path, "%s/candidate.safetensors", world.dir);
  ASK(0, "replay", WORLD_FEDERATION, "5", "--rule", "median", "--file", path, "-o", "json");
  found = typed_data();
  FILE *file = fopen(path, "rb");
  static uint8_t bytes[65536];
  assert_non_null(file);
  size_t length = fread(bytes, 1, sizeof bytes, file);
  fclose(file);
  struct digest digest = digest_of(bytes, length);
  char hex[DIGEST_HEX_SIZE];
  digest_to_hex(&digest, hex);
  assert_string_equal(hex, text_of(found, "candidate"));
  json_decref(found);
  ASK(6, "replay", WORLD_FEDERATION, "5", "--file", path);
}

static void blame_ranks_and_says_how_it_knows(void **state) {
  (void)state;
  ASK(0, "blame", WORLD_FEDERATION, "--since", "4", "--round", "4");
  typed_holds(said, "model         of round 4 of digits\nleft out of   1 round, from 4 on\n");
  typed_holds(said, "the logged Gram matrix, no update read");
  typed_holds(said, "CLIENT  ROUNDS  INFLUENCE  SHARE  DIRECTION\nc00          1  ");
  ASK(0, "blame", WORLD_FEDERATION, "--evaluate", script);
  typed_holds(said, "left out of   5 rounds, from 1 on\n");
  typed_holds(said, "the stored updates");
  typed_holds(said, "WITHOUT  GAIN\nc00          5  ");
  ASK(0, "blame", WORLD_FEDERATION, "-o", "json");
  json_t *found = typed_data(), *first = json_array_get(json_object_get(found, "clients"), 0);
  assert_string_equal(text_of(first, "client"), "c00");
  assert_true(real_of(first, "influence") > 0 && real_of(first, "share") > 0);
  assert_null(json_object_get(first, "gain"));
  json_decref(found);
}

static void bisect_names_the_round_and_the_client(void **state) {
  (void)state;
  ASK(0, "bisect", WORLD_FEDERATION, "--evaluate", script);
  typed_holds(said, "worse in      round 4: ");
  typed_holds(said, "\nWithout each client of round 4:\nCLIENT  ROUNDS");
  typed_holds(said, "GAIN\nc00          1  ");
  typed_holds(said, "\nFrom round 4 to it, c00 led by far in influence.");
  typed_holds(said, "\n  tamis rollback digits --to 4 --reason ...\n"
                    "  tamis rebuild digits --since 4 --without c00 --reason ...\n");
  ASK(0, "bisect", WORLD_FEDERATION, "--evaluate", script, "--all", "--through", "-o", "json");
  json_t *found = typed_data(), *blame = json_object_get(found, "blame");
  assert_int_equal(json_integer_value(json_object_get(found, "round")), TURN);
  assert_int_equal(json_integer_value(json_object_get(found, "since")), TURN);
  assert_string_equal(text_of(found, "suspect"), "c00");
  assert_int_equal(json_array_size(json_object_get(found, "evaluations")), ROUNDS + 1);
  assert_int_equal(json_integer_value(json_object_get(blame, "since")), TURN);
  assert_int_equal(json_integer_value(json_object_get(blame, "round")), ROUNDS);
  json_decref(found);
}

static void where_nothing_fell_nobody_is_blamed(void **state) {
  (void)state;
  ASK(0, "bisect", WORLD_FEDERATION, "--evaluate", script, "--bad", "3");
  typed_holds(said, "worse in      no round that was looked at; --all looks at every one\n");
  assert_null(strstr(said, "Without"));
  ASK(0, "bisect", WORLD_FEDERATION, "--evaluate", script, "--bad", "3", "--all");
  typed_holds(said, "worse in      no round\n");
  ASK(0, "bisect", WORLD_FEDERATION, "--evaluate", script, "--drop", "1e9", "-o", "json");
  json_t *found = typed_data();
  assert_true(json_is_false(json_object_get(found, "found")));
  json_decref(found);
}

static void slips_are_told_with_what_to_do(void **state) {
  (void)state;
  ASK(5, "replay", "nobody", "1");
  typed_holds(complained, "the log has no federation nobody");
  ASK(5, "replay", WORLD_FEDERATION, "77");
  typed_holds(complained, "there is no round 77 in digits");
  ASK(2, "replay", WORLD_FEDERATION, "1", "--rule", "mean(3)");
  ASK(10, "replay", WORLD_FEDERATION, "1", "--rule", "krum(f=3)");
  typed_holds(complained, "krum(f=3) needs 2f < n; n is 6");
  ASK(2, "blame", WORLD_FEDERATION, "--evaluate", "true");
  typed_holds(complained, "printed nothing; it should print one number");
  ASK(3, "blame", WORLD_FEDERATION, "--evaluate", "sh -c 'sleep 60' name", "--evaluate-timeout",
      "50ms");
  typed_holds(complained, "give it longer: --evaluate-timeout");
  ASK(2, "bisect", WORLD_FEDERATION);
  typed_holds(complained, "--evaluate COMMAND is missing");
  ASK(2, "bisect", WORLD_FEDERATION, "--evaluate", script, "--drop", "0");
  typed_holds(complained, "a drop is above 0");
  ASK(2, "bisect", WORLD_FEDERATION, "--evaluate", script, "--good", "5", "--bad", "3");
  typed_holds(complained, "does not descend from round 5");
}

/* The path of an update of round 1 in the blobs of a copy. */
static void path_of_an_update(const char *copy, char *path, size_t size) {
  struct archive_options options = {.keeps_rounds = true};
  struct archive *archive;
  size_t count;
  assert_int_equal(archive_open(copy, vkey, &options, &archive, NULL), TAMIS_OK);
  assert_int_equal(archive_walk(archive, NULL, NULL, NULL), TAMIS_OK);
  const struct archive_round *rounds = archive_rounds(archive, WORLD_FEDERATION, &count);
  blob_path(archive_blobs(archive), &rounds[0].aggregate->row[0].update, path, size);
  archive_close(archive);
}

static void a_missing_update_is_told_and_the_gram_matrix_still_answers(void **state) {
  (void)state;
  char copy[256], path[4096];
  snprintf(copy, sizeof copy, "%s/copy", world.dir);
  world_copy(world.state_dir, copy);
  path_of_an_update(copy, path, sizeof path);
  assert_int_equal(unlink(path), 0);
  folder = copy;
  ASK(5, "replay", WORLD_FEDERATION, "1");
  typed_holds(complained, "the retention policy may have dropped it");
  ASK(5, "blame", WORLD_FEDERATION);
  ASK(0, "blame", WORLD_FEDERATION, "--since", "1", "--round", "1");
  ASK(0, "blame", WORLD_FEDERATION, "--since", "2");
  folder = world.state_dir;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(replay_tells_the_same_from_the_different),
      cmocka_unit_test(replay_as_json_has_every_number),
      cmocka_unit_test(a_candidate_can_be_kept_but_nothing_is_overwritten),
      cmocka_unit_test(blame_ranks_and_says_how_it_knows),
      cmocka_unit_test(bisect_names_the_round_and_the_client),
      cmocka_unit_test(where_nothing_fell_nobody_is_blamed),
      cmocka_unit_test(slips_are_told_with_what_to_do),
      cmocka_unit_test(a_missing_update_is_told_and_the_gram_matrix_still_answers),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
