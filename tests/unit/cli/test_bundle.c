/* Claims about bundles: what they show of a log in which everything happened, and that nothing but
 * what was made verifies. */
#include "tests/unit/cli/bundles.h"

/* With TAMIS_EVERY_BIT set the bits are all that is looked at, each of them:
 * adversarial.bundle_bits.
 */
static size_t every = 41;
enum { CLIENTS = 7 };

/* ---- A short history ---- */

static void wait_for_round(size_t client, int64_t round, struct world_task *task) {
  assert_true(world_wait_task(&world, client, task));
  assert_int_equal(task->round, round);
}

static void answer(size_t client, int64_t round, enum world_attack attack) {
  struct world_task task;
  wait_for_round(client, round, &task);
  assert_int_equal(world_answer(&world, client, &task, attack, NULL), TAMIS_OK);
}

/* What the door does with an update whose content it does not like. */
static void be_refused(size_t client, int64_t round) {
  struct world_task task;
  float update[WORLD_PARAMETERS] = {3};
  struct core_offer offer;
  char *envelope;
  size_t length;
  wait_for_round(client, round, &task);
  struct world_claim claim = world_claim_of(&world, client, &task, update);
  world_envelope(&world, &claim, &envelope, &length);
  assert_int_equal(core_offer(world.core, claim.client, envelope, length, &offer, NULL), TAMIS_OK);
  assert_int_equal(core_refuse(world.core, claim.client, envelope, length, TAMIS_NORM_TOO_LARGE,
                               "the norm is 3 and may be 2", NULL),
                   TAMIS_OK);
  free(envelope);
}

/* Round 1: c00 lies and is quarantined. Round 2: it is held, c05 says nothing, c06 is refused; c07
 * comes when all is over. Round 3 is abandoned. */
static void play(void) {
  world_enrol_clients(&world, CLIENTS); /* before there is a round that would not ask them all */
  assert_int_equal(world_federation(&world, WORLD_FEDERATION, "trimmed_mean(f=1)", 4, 0, 0, 3,
                                    json_pack("{s:o}", "strikes_quarantine", canonical_f64(1)),
                                    NULL),
                   TAMIS_OK);
  for (size_t i = 0; i < CLIENTS; i++) answer(i, 1, i == 0 ? WORLD_SIGN_FLIP : WORLD_HONEST);
  assert_true(world_wait(&world, "head_round", 1));
  be_refused(6, 2);
  for (size_t i = 0; i < 5; i++) answer(i, 2, WORLD_HONEST);
  atomic_fetch_add(&world.now_ms, WORLD_DEADLINE_MS);
  assert_true(world_wait(&world, "head_round", 2));
  answer(1, 3, WORLD_HONEST);
  atomic_fetch_add(&world.now_ms, WORLD_DEADLINE_MS);
  for (int i = 0; i < 5000; i++) {
    char outcome[16];
    world_outcome(&world, 3, outcome, sizeof outcome);
    if (strcmp(outcome, "abandoned") == 0) break;
    usleep(1000);
  }
  world_enrol_clients(&world, CLIENTS + 1);
}

static int set_up(void **state) {
  (void)state;
  world_open(&world);
  play();
  return bundles_begin();
}

/* ---- What they show ---- */

static void a_client_shows_what_became_of_each_update(void **state) {
  (void)state;
  const char *path = fresh();
  RUN(0, "bundle", "client", "c00", "-O", path, OFFLINE);
  RUN(0, "verify", path, "--log-key", vkey);
  says("OK: the bundle ");
  says("about         client c00 in digits\n");
  says("c00 of org signs with the key c00+");
  says("of c00 in round 1 (entry ");
  says(") was rejected, so it weighs nothing: ");
  says("of c00 in round 2 (entry ");
  says(") was held, so it weighs nothing: ");
  says("digits round 1: c00 probation -> quarantined");
  says("It does not show:\n");
  path = fresh();
  RUN(0, "bundle", "client", "c01", "-O", path, OFFLINE);
  RUN(0, "verify", path, "--log-key", vkey);
  says(" was accepted with weight 0x1.");
  says(", in the model that the round promoted.");
  says("of c01 in round 3 (entry ");
  says(" was in time and never judged, but the round was abandoned.");
  says("Round 3 was abandoned in entry ");
  says(", QUORUM_NOT_MET: ");
}

static void a_client_shows_that_it_was_refused_and_why(void **state) {
  (void)state;
  const char *path = fresh();
  RUN(0, "bundle", "client", "c06", "digits", "--round", "2", "-O", path, OFFLINE);
  RUN(0, "verify", path, "--log-key", vkey);
  says("What c06 sent in round 2, ");
  says(", NORM_TOO_LARGE: the norm is 3 and may be 2.\n");
  RUN(0, "verify", path, "--log-key", vkey, "-o", "json");
  json_t *data = typed_data(), *claim;
  size_t i, refusals = 0;
  assert_string_equal(json_string_value(json_object_get(data, "verify")), "ok");
  json_array_foreach(json_object_get(data, "claims"), i, claim) {
    if (strcmp(json_string_value(json_object_get(claim, "claim")), "refusal") != 0) continue;
    refusals++;
    assert_string_equal(json_string_value(json_object_get(claim, "status")), "NORM_TOO_LARGE");
  }
  assert_int_equal(refusals, 1);
  json_decref(data);
}

static void a_client_shows_that_it_was_not_asked_or_said_nothing(void **state) {
  (void)state;
  const char *path = fresh();
  RUN(0, "bundle", "client", "c07", "digits", "--round", "1", "-O", path, OFFLINE);
  RUN(0, "verify", path, "--log-key", vkey);
  says("c07 was not selected for round 1: the plan's cohort is without it.");
  path = fresh();
  RUN(0, "bundle", "client", "c05", "digits", "--round", "2", "-O", path, OFFLINE);
  RUN(0, "verify", path, "--log-key", vkey);
  says("c05 was selected for round 2, and no update of it was judged.");
}

static void a_round_shows_everybody_and_a_model_its_makers(void **state) {
  (void)state;
  const char *path = fresh();
  RUN(0, "bundle", "round", "digits", "2", "-O", path, OFFLINE);
  RUN(0, "verify", path, "--log-key", vkey);
  says("about         a round of digits\n");
  says("4 accepted, 0 clipped, 1 held, 0 rejected.");
  says("What c06 sent");
  says("c04 of org signs");
  path = fresh();
  RUN(0, "bundle", "model", "digits", "--bodies", "-O", path, OFFLINE);
  RUN(0, "verify", path, "--log-key", vkey);
  says("about         a model of digits\n");
  says("provenance    says what the entries say; not signed\n");
  assert_null(strstr(said, "c00 of org")); /* it was held, so it is not in the model */
  path = fresh();
  RUN(0, "bundle", "model", "digits", "--round", "0", "-O", path, OFFLINE);
  RUN(0, "verify", path, "--log-key", vkey);
  says("The first model, ");
  says(" was brought by operator/alice in entry 15.");
}

static void what_is_not_in_the_log_has_no_bundle(void **state) {
  (void)state;
  const char *path = fresh();
  RUN(5, "bundle", "client", "nobody", "-O", path, OFFLINE);
  assert_non_null(strstr(complained, "the log names no client \"nobody\""));
  RUN(5, "bundle", "client", "c07", "-O", path, OFFLINE);
  assert_non_null(strstr(complained, "name one to show that it was not selected"));
  RUN(5, "bundle", "round", "digits", "4", "-O", path, OFFLINE);
  assert_non_null(strstr(complained, "round 4 of digits was never opened"));
  RUN(5, "bundle", "model", "letters", "-O", path, OFFLINE);
  RUN(1, "bundle", "model", "digits", "--round", "3", "-O", path, OFFLINE);
  assert_non_null(strstr(complained, "no model was promoted"));
  RUN(2, "bundle", "round", "digits", "x", "-O", path, OFFLINE);
  assert_int_equal(access(path, F_OK), -1);
}

static void the_same_bundle_twice_is_the_same_bytes(void **state) {
  (void)state;
  struct bytes first = make_model("2"), second = make_model("2");
  assert_int_equal(first.length, second.length);
  assert_memory_equal(first.at, second.at, first.length);
  free(first.at);
  free(second.at);
}

/* ---- What does not verify ---- */

static void another_logs_key_opens_nothing(void **state) {
  (void)state;
  const char *path = fresh();
  char other[KEY_VKEY_SIZE];
  struct secret_key key;
  uint8_t seed[KEY_SEED_SIZE] = {77};
  RUN(0, "bundle", "model", "digits", "-O", path, OFFLINE);
  key_from_seed(WORLD_ORIGIN, seed, &key);
  key_vkey_write(&key.public, other);
  RUN(1, "verify", path, "--log-key", other);
  assert_non_null(strstr(complained, "the bundle is of another log"));
}

static void every_flipped_bit_is_refused(void **state) {
  (void)state;
  struct fault fault;
  struct bytes bytes = make_model("0");
  assert_int_equal(check(&bytes, &fault), TAMIS_OK);
  for (size_t bit = 0; bit < 8 * bytes.length; bit += every) {
    bytes.at[bit / 8] ^= (uint8_t)(1 << bit % 8);
    if (check(&bytes, &fault) == TAMIS_OK) fail_msg("bit %zu may be anything", bit);
    bytes.at[bit / 8] ^= (uint8_t)(1 << bit % 8);
  }
  free(bytes.at);
  bytes = make_model("2");
  assert_int_equal(check(&bytes, &fault), TAMIS_OK);
  for (size_t bit = 0; bit < 8 * bytes.length; bit += 1999) {
    bytes.at[bit / 8] ^= (uint8_t)(1 << bit % 8);
    if (check(&bytes, &fault) == TAMIS_OK) fail_msg("bit %zu of a model may be anything", bit);
    bytes.at[bit / 8] ^= (uint8_t)(1 << bit % 8);
  }
  free(bytes.at);
}

static void drop_blob(struct bundle *bundle, void *context) {
  (void)context;
  memmove(&bundle->blob[0], &bundle->blob[1], (bundle->blob_count - 1) * sizeof *bundle->blob);
  bundle->blob_count--;
}

static void swap_receipts(struct bundle *bundle, void *context) {
  (void)context;
  struct bundle_text first = bundle->entry[0].receipt;
  bundle->entry[0].receipt = bundle->entry[1].receipt;
  bundle->entry[1].receipt = first;
}

static void add_blob(struct bundle *bundle, void *context) {
  bundle->blob = reallocarray(bundle->blob, bundle->blob_count + 1, sizeof *bundle->blob);
  bundle->blob[bundle->blob_count++] = (struct bundle_blob){digest_of(context, 4), context, 4};
}

static void replace_provenance(struct bundle *bundle, void *context) {
  bundle->provenance = (struct bundle_text){context, strlen(context)};
  bundle->provenance_is_signed = strstr(context, "payloadType") != NULL;
}

static void drop_provenance(struct bundle *bundle, void *context) {
  (void)context;
  bundle->provenance.bytes = NULL;
}

static void an_entry_more_or_less_is_noticed(void **state) {
  (void)state;
  static enum statement_kind genesis = STATEMENT_GENESIS, create = STATEMENT_FEDERATION_CREATE,
                             plan = STATEMENT_ROUND_OPEN, update = STATEMENT_UPDATE,
                             enrol = STATEMENT_KEY_ENROL, invite = STATEMENT_CLIENT_INVITE,
                             verdicts = STATEMENT_VERDICTS, aggregate = STATEMENT_AGGREGATE,
                             promote = STATEMENT_PROMOTE, refusal = STATEMENT_REFUSAL;
  const char *path = fresh();
  RUN(0, "bundle", "round", "digits", "2", "-O", path, OFFLINE);
  struct bytes round = read_file(path);
  refused_after(round, drop_entry_of_kind, &genesis, "is the genesis");
  refused_after(round, drop_entry_of_kind, &create, "lacks the entry that created digits");
  refused_after(round, drop_entry_of_kind, &plan, "no entry in it names blob");
  refused_after(round, drop_entry_of_kind, &update, "an update that was counted is not in it");
  refused_after(round, drop_entry_of_kind, &enrol, "whose key is not in it");
  refused_after(round, drop_entry_of_kind, &invite, "an invitation that is not in it");
  refused_after(round, drop_entry_of_kind, &verdicts, "no entry in it names blob");
  refused_after(round, drop_entry_of_kind, &aggregate, "no entry in it names blob");
  refused_after(round, drop_entry_of_kind, &promote, "claims what does not follow");
  refused_after(round, drop_entry_of_kind, &refusal, "claims what does not follow");
  refused_after(round, drop_blob, NULL, "lacks the manifest");
  refused_after(round, swap_receipts, NULL, "is not at index");
  refused_after(round, add_blob, (void *)(uintptr_t) "boo!", "no entry in it names blob");
  free(round.at);
}

static void a_claim_that_does_not_follow_is_refused(void **state) {
  (void)state;
  static const char *const edits[][2] = {{"\"accept\"", "\"reject\""},
                                         {"\"promoted\"", "\"aborted!\""},
                                         {"\"weight\":\"f64:3f", "\"weight\":\"f64:40"},
                                         {"\"round\":2", "\"round\":1"},
                                         {"\"kind\":\"model\"", "\"kind\":\"round\""},
                                         {"\"rounds\":[2]", "\"rounds\":[1]"},
                                         {"\"c01\"", "\"c02\""},
                                         {"tamis-bundle/v1", "tamis-bundle/v2"}};
  struct bytes model = make_model("2");
  struct bundle bundle;
  assert_int_equal(bundle_read(model.at, model.length, &bundle, NULL), TAMIS_OK);
  for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
    char *about = edited(&bundle.about, edits[i][0], edits[i][1]);
    refused_after(model, replace_about, about, "");
    free(about);
  }
  size_t length = BUNDLE_WORDS_LEAST + BUNDLE_WORDS_EACH * bundle.entry_count + 1;
  char *flood = malloc(length + 1);
  memset(flood, '[', length);
  flood[length] = '\0';
  refused_after(model, replace_about, flood, "more is claimed than so many entries can tell");
  free(flood);
  bundle_close(&bundle);
  free(model.at);
}

static void a_provenance_says_what_the_entries_say_and_is_an_operators(void **state) {
  (void)state;
  struct bytes model = make_model("2");
  struct bundle bundle;
  struct secret_key stranger;
  uint8_t seed[KEY_SEED_SIZE] = {99};
  char *text;
  size_t length;
  assert_int_equal(bundle_read(model.at, model.length, &bundle, NULL), TAMIS_OK);
  char *lie = edited(&bundle.provenance, "\"weight\":\"f64:3f", "\"weight\":\"f64:40");
  refused_after(model, replace_provenance, lie, "its provenance says something else");

  /* Signed lies are lies, and truths need a key that counts. */
  assert_int_equal(envelope_sign_within(CANONICAL_SIZE_MAX, lie, strlen(lie), &world.operator_key,
                                        &text, &length, NULL),
                   TAMIS_OK);
  refused_after(model, replace_provenance, text, "its provenance says something else");
  free(text);
  key_from_seed("operator/alice", seed, &stranger);
  assert_int_equal(envelope_sign_within(CANONICAL_SIZE_MAX, bundle.provenance.bytes,
                                        bundle.provenance.length, &stranger, &text, &length, NULL),
                   TAMIS_OK);
  refused_after(model, replace_provenance, text, "the signature of operator/alice");
  free(text);
  assert_int_equal(envelope_sign_within(CANONICAL_SIZE_MAX, bundle.provenance.bytes,
                                        bundle.provenance.length, &world.client[1], &text, &length,
                                        NULL),
                   TAMIS_OK);
  refused_after(model, replace_provenance, text, "who is no operator of this log");
  free(text);
  refused_after(model, drop_provenance, NULL, "the model's provenance is not in it");
  free(lie);
  bundle_close(&bundle);
  free(model.at);
}

static void an_operators_home_signs(void **state) {
  (void)state;
  char home[200], path[240];
  snprintf(home, sizeof home, "%s/home", folder);
  snprintf(path, sizeof path, "%s/operator", home);
  assert_int_equal(mkdir(home, 0700), 0);
  assert_int_equal(mkdir(path, 0700), 0);
  snprintf(path, sizeof path, "%s/operator/operator.key", home);
  assert_int_equal(key_file_write(path, &world.operator_key, NULL), TAMIS_OK);
  const char *file = fresh();
  RUN(0, "--home", home, "bundle", "model", "digits", "-O", file, OFFLINE);
  RUN(0, "verify", file, "--log-key", vkey);
  says("provenance    says what the entries say; signed by operator/alice\n");
}

static void words_that_do_not_go_together_are_refused(void **state) {
  (void)state;
  const char *path = fresh();
  RUN(2, "bundle", "round", "digits", "1", "-O", path, OFFLINE, "--client-state", folder);
  assert_non_null(strstr(complained, "one of them"));
  RUN(5, "bundle", "round", "digits", "1", "-O", path, "--client-state", "/nonexistent");
  RUN(2, "bundle", "round", "digits", "1");
  RUN(0, "bundle", "round", "digits", "1", "-O", path, OFFLINE);
  RUN(6, "bundle", "round", "digits", "1", "-O", path, OFFLINE);
  RUN(2, "verify", path, "--log-key", vkey, "--blobs", folder);
  assert_non_null(strstr(complained, "--blobs is for the whole log"));
  RUN(5, "verify", "/nonexistent", "--log-key", vkey);
  RUN(1, "verify", TAMIS_SOURCE_DIR "/README.md", "--log-key", vkey);
  assert_non_null(strstr(complained, "not a bundle"));
}

static void lineages_are_told_from_a_folder_as_well(void **state) {
  (void)state;
  RUN(0, "model", "lineage", "digits", OFFLINE);
  says("of            round 2 of digits, the head\n");
  RUN(0, "client", "rounds", "c00", OFFLINE);
  says("reject");
  RUN(0, "model", "diff", "digits", "1", "2", OFFLINE);
  says("(all)        96  100.0%");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_client_shows_what_became_of_each_update),
      cmocka_unit_test(a_client_shows_that_it_was_refused_and_why),
      cmocka_unit_test(a_client_shows_that_it_was_not_asked_or_said_nothing),
      cmocka_unit_test(a_round_shows_everybody_and_a_model_its_makers),
      cmocka_unit_test(what_is_not_in_the_log_has_no_bundle),
      cmocka_unit_test(the_same_bundle_twice_is_the_same_bytes),
      cmocka_unit_test(another_logs_key_opens_nothing),
      cmocka_unit_test(every_flipped_bit_is_refused),
      cmocka_unit_test(an_entry_more_or_less_is_noticed),
      cmocka_unit_test(a_claim_that_does_not_follow_is_refused),
      cmocka_unit_test(a_provenance_says_what_the_entries_say_and_is_an_operators),
      cmocka_unit_test(an_operators_home_signs),
      cmocka_unit_test(words_that_do_not_go_together_are_refused),
      cmocka_unit_test(lineages_are_told_from_a_folder_as_well),
  };
  if (getenv("TAMIS_EVERY_BIT")) {
    every = 1;
    cmocka_set_test_filter("every_flipped_bit_is_refused");
  }
  return cmocka_run_group_tests(tests, set_up, bundles_end);
}
