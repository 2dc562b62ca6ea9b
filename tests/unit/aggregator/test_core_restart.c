/* A core that stopped anywhere goes on as if it had not: the same models, bit for bit; and one that
 * finds what it did not write refuses to start and says where. */
#include "world.h"

#define assert_status(found, wanted)                                                               \
  assert_string_equal(tamis_status_name(found), tamis_status_name(wanted))

enum { CLIENTS = 8, LIARS = 2, ROUNDS = 5 };

static void play_all(struct world *world) {
  world_enrol_clients(world, CLIENTS);
  assert_status(
      world_federation(world, WORLD_FEDERATION, "multi_krum(f=2)", 5, 0, 0, ROUNDS, NULL, NULL),
      TAMIS_OK);
  world_play(world, ROUNDS, LIARS, WORLD_SIGN_FLIP);
  assert_int_equal(world_federation_integer(world, "head_round"), ROUNDS);
}

static void heads(struct world *world, char *text, size_t size) {
  json_t *rows = world_query(world, "models", 1, (const char *[]){WORLD_FEDERATION}), *row;
  size_t i, used = 0;
  json_array_foreach(rows, i, row) used += (size_t)snprintf(
      text + used, size - used, "%lld %s\n", json_integer_value(json_object_get(row, "round")),
      json_string_value(json_object_get(row, "model")));
  json_decref(rows);
}

/* Every prefix of the journal is a moment at which the machine may have stopped: in the middle of
 * collecting, between verdicts and moves, between aggregate and promote, between two rounds. */
static void a_stop_after_any_entry_changes_no_model(void **unused) {
  struct world world;
  char whole[2048], again[2048], original[192], copy[192];
  (void)unused;
  world_open(&world);
  play_all(&world);
  heads(&world, whole, sizeof whole);
  uint64_t size = core_size(world.core), first = 1 + 2 * CLIENTS + 1;
  world_stop(&world);
  snprintf(original, sizeof original, "%s", world.state_dir);
  snprintf(copy, sizeof copy, "%s/copy", world.dir);
  snprintf(world.state_dir, sizeof world.state_dir, "%s", copy);
  for (uint64_t entries = first; entries < size; entries++) {
    world_crashed_copy(original, copy, entries);
    world_signer_forgets(&world);
    world_start(&world);
    world_play(&world, ROUNDS, LIARS, WORLD_SIGN_FLIP);
    heads(&world, again, sizeof again);
    if (strcmp(whole, again) != 0) print_message("after entry %" PRIu64 "\n", entries);
    assert_string_equal(whole, again);
    world_stop(&world);
  }
  world_start(&world);
  world_close(&world);
}

static void the_database_can_be_deleted(void **unused) {
  struct world world;
  const char *const questions[] = {"federations", "clients", "rounds",  "models",
                                   "moves",       "round",   "entries", "invitations"};
  const char *arguments[8][2] = {[2] = {WORLD_FEDERATION},
                                 [3] = {WORLD_FEDERATION},
                                 [1] = {WORLD_FEDERATION},
                                 [4] = {WORLD_FEDERATION, ""},
                                 [5] = {WORLD_FEDERATION, "3"}};
  const size_t counts[] = {0, 1, 1, 1, 2, 2, 0, 0};
  json_t *before[8];
  char path[256];
  (void)unused;
  world_open(&world);
  play_all(&world);
  for (size_t i = 0; i < 8; i++)
    before[i] = world_query(&world, questions[i], counts[i], arguments[i]);
  world_stop(&world);
  snprintf(path, sizeof path, "rm %s/tamis.db*", world.state_dir);
  assert_int_equal(system(path), 0);
  world_start(&world);
  for (size_t i = 0; i < 8; i++) {
    json_t *after = world_query(&world, questions[i], counts[i], arguments[i]);
    assert_true(json_array_size(after) > 0);
    assert_true(json_equal(before[i], after));
    json_decref(after);
    json_decref(before[i]);
  }
  world_close(&world);
}

static void shell(struct world *world, const char *format) {
  char command[1024];
  snprintf(command, sizeof command, "cd %s && %s", world->state_dir, format);
  assert_int_equal(system(command), 0);
}

static void deleted_tiles_come_back_the_same(void **unused) {
  struct world world;
  (void)unused;
  world_open(&world);
  play_all(&world);
  world_stop(&world);
  world_start(&world); /* which removes the partial tiles of older checkpoints */
  world_stop(&world);
  shell(&world, "mv tile before");
  world_start(&world);
  world_stop(&world);
  shell(&world, "diff -r tile before && test -s tile/0/000.p/*");
  shell(&world, "printf torn > $(ls tile/entries/000.p/*)");
  world_start(&world);
  shell(&world, "diff -r tile before");
  world_close(&world);
}

static void refused(struct world *world, const char *what) {
  struct core_options options = world_options(world, world->state_dir);
  struct fault fault = {TAMIS_OK, ""};
  assert_status(core_open(&options, &world->core, &fault), TAMIS_CORRUPT);
  if (!strstr(fault.text, what)) print_message("%s\n", fault.text);
  assert_non_null(strstr(fault.text, what));
  world_stop(world); /* its signer */
}

static void a_lost_manifest_is_named(void **unused) {
  struct world world;
  struct digest manifest = {{0}};
  char path[512];
  (void)unused;
  world_open(&world);
  play_all(&world);
  json_t *rows = world_query(&world, "entries", 0, NULL), *row;
  size_t i;
  json_array_foreach(rows, i, row) {
    const char *hex = json_string_value(json_object_get(row, "subject"));
    if (strcmp(json_string_value(json_object_get(row, "kind")), "verdicts") == 0)
      assert_true(digest_from_hex(hex, strlen(hex), &manifest));
  }
  json_decref(rows);
  blob_path(core_blobs(world.core), &manifest, path, sizeof path);
  world_stop(&world);
  assert_int_equal(unlink(path), 0);
  char hex[DIGEST_HEX_SIZE];
  digest_to_hex(&manifest, hex);
  refused(&world, hex);
  world_remove(world.dir);
  layout_close(&world.layout);
}

/* A journal that is whole, under the right checksums, but shorter than what was signed. */
static void a_restored_backup_is_refused(void **unused) {
  struct world world;
  char path[256];
  (void)unused;
  world_open(&world);
  world_enrol_clients(&world, 3);
  uint64_t size = core_size(world.core);
  world_stop(&world);
  snprintf(path, sizeof path, "%s/journal", world.state_dir);
  world_journal_cut(path, size - 1);
  refused(&world, "restored from a backup");
  world_remove(world.dir);
  layout_close(&world.layout);
}

/* All of the state folder goes back, checkpoint and all: only the signer still knows. */
static void a_restored_folder_is_refused_by_what_the_signer_signed(void **unused) {
  struct world world;
  (void)unused;
  world_open(&world);
  world_enrol_clients(&world, 3);
  world_stop(&world);
  shell(&world, "cp -a . ../backup");
  world_start(&world);
  world_enrol_clients(&world, 4);
  uint64_t size = core_size(world.core);
  world_stop(&world);
  shell(&world, "cd .. && rm -r state && cp -a backup state");
  char words[64];
  snprintf(words, sizeof words, "%" PRIu64 " were signed: restored from a backup", size);
  refused(&world, words);
  shell(&world, "rm -r ../state/*"); /* nothing at all is an old copy, too */
  refused(&world, words);
  world_remove(world.dir);
  layout_close(&world.layout);
}

static void another_aggregator_key_is_refused(void **unused) {
  struct world world;
  struct fault fault;
  struct secret_key key;
  (void)unused;
  world_open(&world);
  world_stop(&world);
  assert_int_equal(unlink(world.aggregator_path), 0);
  key_generate("service/aggregator", &key);
  assert_status(key_file_write(world.aggregator_path, &key, NULL), TAMIS_OK);
  struct core_options options = world_options(&world, world.state_dir);
  assert_status(core_open(&options, &world.core, &fault), TAMIS_BAD_CONFIG);
  world_stop(&world);
  world_remove(world.dir);
  layout_close(&world.layout);
}

/* Entries that are well signed but cannot follow are not ours. */
static void a_round_out_of_order_is_corrupt(void **unused) {
  struct world world;
  struct digest model = {{1}};
  (void)unused;
  world_open(&world);
  world_enrol_clients(&world, 3);
  assert_status(world_federation(&world, WORLD_FEDERATION, "mean", 3, 0, 0, 0, NULL, NULL),
                TAMIS_OK);
  world_stop(&world);
  json_t *predicate = json_pack("{s:s, s:i, s:o, s:i}", "federation", WORLD_FEDERATION, "round", 1,
                                "from", world_hex(&world.first_model), "at_ms", 5);
  world_forge(&world, &world.aggregator_key, STATEMENT_PROMOTE, predicate, "model", &model);
  refused(&world, "promote");
  world_remove(world.dir);
  layout_close(&world.layout);
}

static void an_entry_signed_by_another_role_is_corrupt(void **unused) {
  struct world world;
  struct digest key;
  (void)unused;
  world_open(&world);
  world_enrol_clients(&world, 3);
  world_stop(&world);
  key = digest_of(world.client[0].public.byte, KEY_PUBLIC_SIZE);
  json_t *predicate =
      json_pack("{s:s, s:s, s:o}", "client", "c00", "reason", "", "nonce", world_nonce(&world));
  world_forge(&world, &world.client[1], STATEMENT_KEY_REVOKE, predicate, "key", &key);
  refused(&world, "not an operator");
  world_remove(world.dir);
  layout_close(&world.layout);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_stop_after_any_entry_changes_no_model),
      cmocka_unit_test(the_database_can_be_deleted),
      cmocka_unit_test(deleted_tiles_come_back_the_same),
      cmocka_unit_test(a_lost_manifest_is_named),
      cmocka_unit_test(a_restored_backup_is_refused),
      cmocka_unit_test(a_restored_folder_is_refused_by_what_the_signer_signed),
      cmocka_unit_test(another_aggregator_key_is_refused),
      cmocka_unit_test(a_round_out_of_order_is_corrupt),
      cmocka_unit_test(an_entry_signed_by_another_role_is_corrupt),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
