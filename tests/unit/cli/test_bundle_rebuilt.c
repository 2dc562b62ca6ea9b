/* Claims about bundles of rebuilt rounds: they say what was redone, by whose order, without whom,
 * and that it is approximate; and nothing that says otherwise verifies. */
#include "tests/unit/cli/bundles.h"

enum { CLIENTS = 6, LIAR = 5 };

static void play(int64_t round, size_t clients) {
  for (size_t client = 0; client < clients; client++) {
    struct world_task task;
    assert_true(world_wait_task(&world, client, &task));
    assert_int_equal(task.round, round);
    assert_int_equal(
        world_answer(&world, client, &task, client == LIAR ? WORLD_SIGN_FLIP : WORLD_HONEST, NULL),
        TAMIS_OK);
  }
  assert_true(world_wait(&world, "head_round", round));
}

static void rebuild(int64_t since, const char *without) {
  struct digest head = world_head(&world);
  assert_int_equal(world_rebuild(&world, since, 1, &without, &head, NULL), TAMIS_OK);
}

/* So that the round's update of c01 cannot be read any more. */
static void spoil(const char *round) {
  char hex[80], path[512];
  const char *arguments[] = {WORLD_FEDERATION, round};
  struct digest blob = {{0}};
  json_t *rows = world_query(&world, "round", 2, arguments), *row;
  size_t i;
  json_array_foreach(rows, i, row) {
    if (strcmp(json_string_value(json_object_get(row, "client")), "c01") != 0) continue;
    snprintf(hex, sizeof hex, "%s", json_string_value(json_object_get(row, "update")));
    assert_true(digest_from_hex(hex, strlen(hex), &blob));
  }
  json_decref(rows);
  blob_path(core_blobs(world.core), &blob, path, sizeof path);
  assert_int_equal(chmod(path, 0600), 0);
  FILE *file = fopen(path, "r+b");
  assert_non_null(file);
  assert_int_equal(fseek(file, -1, SEEK_END), 0);
  assert_int_not_equal(fputc(0x41, file), EOF);
  fclose(file);
}

/* Rounds 1 to 4. Rounds 5 to 7 redo 2 to 4 without c05. Round 8 redoes 7 without c04 as well. The
 * ninth should have redone 1 without c00, which cannot be read. */
static int set_up(void **state) {
  (void)state;
  world_open(&world);
  world.optimiser = "momentum(beta=0.5)";
  world_enrol_clients(&world, CLIENTS);
  assert_int_equal(world_federation(&world, WORLD_FEDERATION, "mean", 4, 0, 0, 4,
                                    json_pack("{s:o}", "enforce", canonical_f64(0)), NULL),
                   TAMIS_OK);
  for (int64_t round = 1; round <= 4; round++) play(round, CLIENTS);
  rebuild(2, "c05");
  assert_true(world_wait(&world, "head_round", 7));
  rebuild(7, "c04");
  assert_true(world_wait(&world, "head_round", 8));
  spoil("1");
  rebuild(1, "c00");
  assert_true(world_wait(&world, "round", 9));
  return bundles_begin();
}

static void make(const char *kind, const char *round, const char *path) {
  if (strcmp(kind, "round") == 0)
    RUN(0, "bundle", "round", WORLD_FEDERATION, round, "-O", path, OFFLINE);
  else
    RUN(0, "bundle", "model", WORLD_FEDERATION, "--round", round, "-O", path, OFFLINE);
  RUN(0, "verify", path, "--log-key", vkey);
}

static void does_not_say(const char *text) {
  if (strstr(said, text)) fail_msg("said: %s\nin: %s", text, said);
}

static void a_rebuilt_round_says_what_it_redoes_and_that_it_is_approximate(void **state) {
  (void)state;
  make("round", "7", fresh());
  says("redoes round 4 without c05, as operator/alice ordered in entry ");
  says(" by mean with 5 updates. It is approximate: its updates were computed from the models of "
       "the old line, and judged beside those that are left out. It was promoted in entry ");
  says("Round 4 made the model ");
  says("digits is rebuilt from round 2 on without c05: a test.");
  says("of c05 in round 4 (entry ");
  says(" is left out of round 7, by the order in entry ");
  says(" counts again in round 7 with weight 0x1.999999999999ap-3 (0.2).");
  says("how far a rebuilt model is from one that never had the updates left out");
}

static void a_rebuilt_model_names_those_it_is_made_of(void **state) {
  (void)state;
  make("model", "6", fresh()); /* in the middle of the line, so nothing promoted it */
  says("redoes round 3 without c05");
  does_not_say("c05 of org signs");
  does_not_say("It was promoted in entry");
  says("c04 of org signs");
  says("provenance    says what the entries say; not signed\n");
  make("model", "5", fresh()); /* the first: its base is that of the round it redoes */
  says("redoes round 2 without c05");
}

static void what_was_redone_twice_is_followed_to_its_verdicts(void **state) {
  (void)state;
  make("model", "8", fresh());
  says("redoes round 4 without c05");
  says("redoes round 7 without c04");
  says(" by mean with 4 updates. It is approximate: ");
  says("of c00 from round 7 (entry ");
  says(" counts again in round 8 with weight 0x1p-2 (0.25).");
  does_not_say("c04 of org signs");
  does_not_say("c05 of org signs");
}

static void a_client_shows_that_it_was_left_out(void **state) {
  (void)state;
  const char *path = fresh();
  RUN(0, "bundle", "client", "c04", WORLD_FEDERATION, "--round", "8", "-O", path, OFFLINE);
  RUN(0, "verify", path, "--log-key", vkey);
  says("of c04 in round 4 (entry ");
  says("of c04 from round 7 (entry ");
  says(" is left out of round 8, by the order in entry ");
  path = fresh();
  RUN(0, "bundle", "client", "c00", WORLD_FEDERATION, "--round", "8", "-O", path, OFFLINE);
  RUN(0, "verify", path, "--log-key", vkey);
  says("of c00 from round 7 (entry ");
  does_not_say("left out of");
}

static void a_rebuild_that_failed_says_so(void **state) {
  (void)state;
  make("round", "9", fresh());
  says("Round 9 is where the rebuild that operator/alice ordered in entry ");
  says("the rebuild ends at round 1, the head stays: ");
}

static json_t *provenance_of(const char *round) {
  struct bytes bytes = make_model(round);
  struct bundle bundle;
  assert_int_equal(bundle_read(bytes.at, bytes.length, &bundle, NULL), TAMIS_OK);
  assert_false(bundle.provenance_is_signed);
  json_t *root = json_loadb(bundle.provenance.bytes, bundle.provenance.length, 0, NULL);
  assert_non_null(root);
  bundle_close(&bundle);
  free(bytes.at);
  return root;
}

static void the_provenance_says_rebuilt_of_what_without_whom(void **state) {
  (void)state;
  json_t *root = provenance_of("7"), *old = provenance_of("4");
  json_t *built = json_object_get(json_object_get(root, "predicate"), "buildDefinition");
  json_t *inside = json_object_get(built, "internalParameters");
  assert_string_equal(json_string_value(json_object_get(inside, "rebuilt")),
                      "rebuilt of round 4 without c05");
  assert_non_null(
      strstr(json_string_value(json_object_get(inside, "approximate")), "approximate: "));
  assert_string_equal(json_string_value(json_object_get(inside, "orderedBy")), "operator/alice");
  assert_string_equal(json_string_value(json_object_get(built, "buildType")),
                      "https://" WORLD_ORIGIN "/rebuild/v1");
  assert_int_equal(json_array_size(json_object_get(built, "resolvedDependencies")), 1 + 5);
  built = json_object_get(json_object_get(old, "predicate"), "buildDefinition");
  assert_null(json_object_get(built, "internalParameters"));
  assert_int_equal(json_array_size(json_object_get(built, "resolvedDependencies")), 1 + 6);
  json_decref(root);
  json_decref(old);
}

static json_t *rows_of(const char *query, const char *key) {
  json_t *data = typed_data();
  json_t *rows = json_incref(json_object_get(data, key));
  json_decref(data);
  if (!rows) fail_msg("%s: no %s in %s", query, key, said);
  return rows;
}

static void the_base_is_the_model_that_it_was_put_on(void **state) {
  (void)state;
  static const char *const rounds[] = {"5", "6", "7", "8"}, *const bases[] = {"1", "5", "6", "6"};
  for (size_t i = 0; i < 4; i++) {
    json_t *its = provenance_of(rounds[i]), *base = provenance_of(bases[i]);
    const json_t *put_on = json_array_get(
        json_object_get(json_object_get(json_object_get(its, "predicate"), "buildDefinition"),
                        "resolvedDependencies"),
        0);
    const json_t *model = json_array_get(json_object_get(base, "subject"), 0);
    assert_true(json_equal(json_object_get(put_on, "digest"), json_object_get(model, "digest")));
    json_decref(its);
    json_decref(base);
  }
}

static void refused_without(struct bytes bytes, enum statement_kind kind, const char *sentence) {
  refused_after(bytes, drop_entry_of_kind, &kind, sentence);
}

/* The `rebuilt` of the round before, with the manifest that only it names. */
static void drop_footing(struct bundle *bundle, void *context) {
  static enum statement_kind rebuilt = STATEMENT_REBUILT;
  struct envelope envelope;
  struct statement statement;
  struct bundle before = *bundle;
  before.entry = malloc(bundle->entry_count * sizeof *before.entry);
  memcpy(before.entry, bundle->entry, bundle->entry_count * sizeof *before.entry);
  (void)context;
  drop_entry_of_kind(bundle, &rebuilt);
  size_t at = 0;
  while (at < bundle->entry_count && bundle->entry[at].index == before.entry[at].index) at++;
  const struct bundle_text *text = &before.entry[at].envelope;
  assert_int_equal(envelope_open(text->bytes, text->length, &envelope, NULL), TAMIS_OK);
  assert_int_equal(
      statement_read(envelope.payload, envelope.payload_length, WORLD_ORIGIN, &statement, NULL),
      TAMIS_OK);
  struct bundle_blob *blob =
      (struct bundle_blob *)(uintptr_t)bundle_blob_find(bundle, &statement.subject[1]);
  assert_non_null(blob);
  *blob = bundle->blob[--bundle->blob_count];
  statement_close(&statement);
  envelope_close(&envelope);
  free(before.entry);
}

static void a_rebuilt_round_lacks_nothing(void **state) {
  (void)state;
  const char *path = fresh();
  make("round", "7", path);
  struct bytes round = read_file(path);
  refused_without(round, STATEMENT_REBUILD, "without an order");
  refused_after(round, drop_footing, NULL, "nothing shows on which model it was put");
  refused_without(round, STATEMENT_ROUND_OPEN, "no entry in it names blob");
  refused_without(round, STATEMENT_VERDICTS, "no entry in it names blob");
  refused_without(round, STATEMENT_UPDATE, "an update that was counted is not in it");
  refused_without(round, STATEMENT_PROMOTE, "had made no model by then");
  free(round.at);
}

static void a_rebuilt_claim_that_does_not_follow_is_refused(void **state) {
  (void)state;
  static const char *const edits[][2] = {
      {"\"approximate\":\"approximate", "\"approximate\":\"approximite"},
      {"\"without\":[\"c05\"]", "\"without\":[\"c04\"]"},
      {"\"of\":4", "\"of\":3"},
      {"\"left-out\"", "\"kept-in-\""},
      {"\"approximate\",\"absence\"", "\"approximat3\",\"absence\""}};
  const char *path = fresh();
  make("round", "7", path);
  struct bytes round = read_file(path);
  struct bundle bundle;
  assert_int_equal(bundle_read(round.at, round.length, &bundle, NULL), TAMIS_OK);
  for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
    char *about = edited(&bundle.about, edits[i][0], edits[i][1]);
    refused_after(round, replace_about, about, "claims what does not follow");
    free(about);
  }
  bundle_close(&bundle);
  free(round.at);
}

static void lineages_follow_the_rebuilt_line(void **state) {
  (void)state;
  RUN(0, "model", "lineage", WORLD_FEDERATION, OFFLINE);
  says("of            round 8 of digits, the head\n");
  says("rounds        8, 6 to 5, 1\n");
  says("approximate   3 of them rebuilt without some clients; whose updates count is below\n");
  RUN(0, "model", "lineage", WORLD_FEDERATION, OFFLINE, "-o", "json");
  json_t *rows = rows_of("lineage", "clients"), *row;
  size_t i, found = 0;
  json_array_foreach(rows, i, row) {
    const char *client = json_string_value(json_object_get(row, "client"));
    double weight = json_number_value(json_object_get(row, "weight")), want = 0;
    if (strcmp(client, "c05") == 0) want = 1.0 / 6; /* of round 1, which nobody redid */
    if (strcmp(client, "c04") == 0) want = 1.0 / 6 + 2 * 0.2;
    if (strcmp(client, "c00") == 0) want = 1.0 / 6 + 2 * 0.2 + 0.25;
    if (want == 0) continue;
    found++;
    assert_true(fabs(weight - want) < 1e-12);
  }
  assert_int_equal(found, 3);
  json_decref(rows);
  RUN(0, "client", "rounds", "c05", OFFLINE);
  assert_non_null(
      strstr(complained, "c05: 4 updates, 1 of them in a model that the head stands on"));
  RUN(0, "model", "lineage", WORLD_FEDERATION, "--round", "4", OFFLINE); /* as it was */
  says("rounds        4 to 1\n");
  does_not_say("approximate");
  RUN(0, "client", "rounds", "c04", OFFLINE);
  says("ROUND  OF  FEDERATION");
  assert_non_null(
      strstr(complained, "c04: 4 updates, 3 of them in a model that the head stands on"));
}

static bool has_blob_of(const struct bundle *bundle, const json_t *object, const char *key) {
  const char *hex = json_string_value(json_object_get(object, key));
  struct digest digest;
  assert_non_null(hex);
  assert_true(digest_from_hex(hex, strlen(hex), &digest));
  return bundle_blob_find(bundle, &digest) != NULL;
}

/* Counts the files that the bundle's weight manifests name as state, and those that are in it. */
static void count_states(const struct bundle *bundle, size_t *named, size_t *in) {
  *named = *in = 0;
  for (size_t i = 0; i < bundle->blob_count; i++) {
    json_t *manifest = NULL, *each;
    size_t k;
    if (canonical_decode((const char *)bundle->blob[i].bytes, bundle->blob[i].size, &manifest,
                         NULL) != TAMIS_OK)
      continue;
    bool weighs = json_object_get(manifest, "rule") != NULL; /* verdicts name sketches */
    json_array_foreach(weighs ? json_object_get(manifest, "state") : NULL, k, each) {
      ++*named;
      *in += has_blob_of(bundle, each, "blob");
    }
    json_decref(manifest);
  }
}

static void bodies_are_also_what_the_optimiser_remembers(void **state) {
  (void)state;
  static const struct {
    const char *kind, *round;
    size_t states; /* momentum, of each weight manifest in it */
  } bundles[] = {{"round", "2", 1}, {"model", "4", 1}, {"round", "7", 3}, {"model", "5", 1 + 1}};
  for (size_t i = 0; i < sizeof bundles / sizeof bundles[0]; i++) {
    for (int with = 0; with < 2; with++) {
      const char *path = fresh();
      struct bundle bundle;
      size_t named, in;
      const char *asked[14] = {"bundle", bundles[i].kind, WORLD_FEDERATION};
      size_t count = 3;
      if (strcmp(bundles[i].kind, "model") == 0) asked[count++] = "--round";
      asked[count++] = bundles[i].round;
      const char *const rest[] = {"-O", path, OFFLINE};
      for (size_t k = 0; k < sizeof rest / sizeof *rest; k++) asked[count++] = rest[k];
      if (with) asked[count++] = "--bodies";
      typed_expect(0, asked);
      RUN(0, "verify", path, "--log-key", vkey);
      struct bytes bytes = read_file(path);
      assert_int_equal(bundle_read(bytes.at, bytes.length, &bundle, NULL), TAMIS_OK);
      count_states(&bundle, &named, &in);
      assert_int_equal(named, bundles[i].states);
      assert_int_equal(in, with ? named : 0);
      bundle_close(&bundle);
      free(bytes.at);
    }
  }
}

/* trimmed_mean(f=2) wants five: without c04 nothing can be made of round 1. */
static int set_up_held(void **state) {
  (void)state;
  world_open(&world);
  world_enrol_clients(&world, 5);
  assert_int_equal(world_federation(&world, WORLD_FEDERATION, "trimmed_mean(f=2)", 5, 0, 0, 1,
                                    json_pack("{s:o}", "enforce", canonical_f64(0)), NULL),
                   TAMIS_OK);
  play(1, 5);
  rebuild(1, "c04");
  char phase[32] = "";
  for (int i = 0; i < 5000 && strcmp(phase, "finished") != 0; i++, usleep(1000))
    world_text(&world, "federations", NULL, "federation", WORLD_FEDERATION, "phase", phase,
               sizeof phase);
  assert_string_equal(phase, "finished"); /* again: the rebuild is over */
  return bundles_begin();
}

static void a_round_that_was_passed_over_says_why(void **state) {
  (void)state;
  make("round", "2", fresh());
  says("redoes round 1 without c04");
  says(" with 0 updates. It is passed over, the model stays: ");
  says(" It was put on hold in entry ");
  does_not_say("left out of round 2"); /* nobody's counts, and not by the order */
  make("model", "2", fresh());
  says(" with 0 updates. It is passed over, the model stays: ");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_rebuilt_round_says_what_it_redoes_and_that_it_is_approximate),
      cmocka_unit_test(a_rebuilt_model_names_those_it_is_made_of),
      cmocka_unit_test(what_was_redone_twice_is_followed_to_its_verdicts),
      cmocka_unit_test(a_client_shows_that_it_was_left_out),
      cmocka_unit_test(a_rebuild_that_failed_says_so),
      cmocka_unit_test(the_provenance_says_rebuilt_of_what_without_whom),
      cmocka_unit_test(the_base_is_the_model_that_it_was_put_on),
      cmocka_unit_test(a_rebuilt_round_lacks_nothing),
      cmocka_unit_test(a_rebuilt_claim_that_does_not_follow_is_refused),
      cmocka_unit_test(bodies_are_also_what_the_optimiser_remembers),
      cmocka_unit_test(lineages_follow_the_rebuilt_line),
  };
  const struct CMUnitTest held[] = {cmocka_unit_test(a_round_that_was_passed_over_says_why)};
  return cmocka_run_group_tests(tests, set_up, bundles_end) +
         cmocka_run_group_tests(held, set_up_held, bundles_end);
}
