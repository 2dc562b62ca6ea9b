/* A candidate waits for organisations that saw it in the log, and for nothing that only looks like
 * their word. */
#include "world.h"

#define assert_status(found, wanted)                                                               \
  assert_string_equal(tamis_status_name(found), tamis_status_name(wanted))

enum { CLIENTS = 6, ORGANISATIONS = 3 };

static void begin(struct world *world, int organisations, int each) {
  world_open(world);
  world->organisations = ORGANISATIONS;
  world->witness_organisations = organisations;
  world->witness_per_organisation = each;
  world_enrol_clients(world, CLIENTS);
  assert_status(world_federation(world, WORLD_FEDERATION, "mean", 3, 0, 0, 0, NULL, NULL),
                TAMIS_OK);
}

/* All answer; what the server then wants that client to witness. */
static struct checkpoint answer_all(struct world *world, size_t asked) {
  struct checkpoint wanted;
  for (size_t i = 0; i < CLIENTS; i++) {
    struct world_task task;
    assert_true(world_wait_task(world, i, &task));
    assert_status(world_answer(world, i, &task, WORLD_HONEST, NULL), TAMIS_OK);
  }
  assert_true(world_cosign_asked(world, asked, 3000, &wanted));
  return wanted;
}

static struct checkpoint checkpoint_now(struct world *world) {
  struct checkpoint now;
  struct merkle_proof proof;
  char *note;
  size_t length;
  assert_status(core_consistency(world->core, 0, 0, &proof, &note, &length, NULL), TAMIS_OK);
  assert_status(checkpoint_open(note, length, &world->log_key.public, &now, NULL), TAMIS_OK);
  free(note);
  return now;
}

static size_t entries_of(struct world *world, const char *kind) {
  json_t *rows = world_query(world, "entries", 0, NULL), *row;
  size_t i, count = 0;
  json_array_foreach(rows, i, row) count +=
      strcmp(json_string_value(json_object_get(row, "kind")), kind) == 0;
  json_decref(rows);
  return count;
}

static void wait_outcome(struct world *world, const char *wanted) {
  char outcome[32] = "";
  for (int i = 0; i < 3000 && strcmp(outcome, wanted) != 0; i++, usleep(1000))
    world_text(world, "rounds", WORLD_FEDERATION, "round", "1", "outcome", outcome, sizeof outcome);
  assert_string_equal(outcome, wanted);
}

static void two_organisations_make_a_candidate_the_head(void **unused) {
  struct world world;
  struct checkpoint wanted, other;
  (void)unused;
  begin(&world, 2, 1);
  assert_false(world_cosign_asked(&world, 0, 0, &wanted)); /* nobody waits yet */
  wanted = answer_all(&world, 0);
  assert_true(world_cosign_asked(&world, 1, 0, &other));
  assert_int_equal(wanted.size, other.size);
  assert_status(world_cosign(&world, 0, &wanted), TAMIS_OK);
  assert_false(world_cosign_asked(&world, 0, 0, &other));    /* it has answered */
  assert_status(world_cosign(&world, 3, &wanted), TAMIS_OK); /* of the same organisation */
  assert_status(world_cosign(&world, 0, &wanted), TAMIS_OK); /* again */
  assert_int_equal(entries_of(&world, "aggregate"), 1);
  assert_int_equal(entries_of(&world, "witnessed"), 0);
  assert_int_equal(world_federation_integer(&world, "head_round"), 0);
  assert_status(world_cosign(&world, 1, &wanted), TAMIS_OK);
  assert_true(world_wait(&world, "head_round", 1));
  assert_int_equal(entries_of(&world, "witnessed"), 1);
  assert_false(world_cosign_asked(&world, 2, 0, &other));
  world_close(&world);
}

static void an_organisation_counts_from_its_second_client_on(void **unused) {
  struct world world;
  struct checkpoint wanted;
  (void)unused;
  begin(&world, 2, 2);
  wanted = answer_all(&world, 0);
  for (size_t i = 0; i < 4; i++) { /* org0 twice, org1 and org2 once */
    assert_int_equal(world_federation_integer(&world, "head_round"), 0);
    assert_status(world_cosign(&world, i, &wanted), TAMIS_OK);
  }
  assert_int_equal(entries_of(&world, "witnessed"), 0);
  assert_status(world_cosign(&world, 4, &wanted), TAMIS_OK);
  assert_true(world_wait(&world, "head_round", 1));
  world_close(&world);
}

static void too_few_witnesses_hold_the_round_and_are_named(void **unused) {
  struct world world;
  struct checkpoint wanted;
  char sentence[400];
  (void)unused;
  begin(&world, 2, 1);
  wanted = answer_all(&world, 1);
  assert_status(world_cosign(&world, 1, &wanted), TAMIS_OK);
  atomic_fetch_add(&world.now_ms, WORLD_DEADLINE_MS + 1);
  wait_outcome(&world, "held");
  world_text(&world, "rounds", WORLD_FEDERATION, "round", "1", "sentence", sentence,
             sizeof sentence);
  assert_string_equal(sentence,
                      "1 of 2 organisations witnessed the aggregate in time; missing: org0, org2");
  assert_true(world_wait(&world, "round", 2)); /* and life goes on */
  assert_int_equal(world_federation_integer(&world, "head_round"), 0);
  world_close(&world);
}

static void what_is_no_cosignature_of_ours_is_refused(void **unused) {
  struct world world;
  struct checkpoint wanted, old;
  struct secret_key stranger;
  struct core_counters counters;
  uint64_t held = 0;
  char *line;
  size_t length;
  (void)unused;
  begin(&world, 3, 1);
  wanted = answer_all(&world, 0);
  const struct secret_key *c0 = &world.client[0];
  key_generate(c0->public.name, &stranger); /* foreign: the name, another key */
  assert_status(world_cosign_by(&world, 0, &stranger, &wanted, wanted.size, &wanted.root, &held),
                TAMIS_BAD_PROOF);
  /* another client's line; another log's; another size or root signed than claimed */
  assert_status(
      world_cosign_by(&world, 0, &world.client[1], &wanted, wanted.size, &wanted.root, &held),
      TAMIS_BAD_PROOF);
  old = wanted;
  snprintf(old.origin, sizeof old.origin, "other.example/log");
  assert_status(world_cosign_by(&world, 0, c0, &old, wanted.size, &wanted.root, &held),
                TAMIS_BAD_PROOF);
  old = wanted;
  old.size--;
  assert_status(world_cosign_by(&world, 0, c0, &old, wanted.size, &wanted.root, &held),
                TAMIS_BAD_PROOF);
  /* no tree of ours: wrong root, size and root that do not go together, beyond the end */
  old = wanted;
  old.root.byte[5] ^= 1;
  assert_status(world_cosign(&world, 0, &old), TAMIS_FORK);
  old = wanted;
  old.size--;
  assert_status(world_cosign(&world, 0, &old), TAMIS_FORK);
  old.size = wanted.size + 100;
  assert_status(world_cosign(&world, 0, &old), TAMIS_FORK);
  old.size = 0;
  assert_status(world_cosign(&world, 0, &old), TAMIS_BAD_REQUEST);
  core_counters(world.core, &counters);
  assert_int_equal(counters.fork_evidence, 3);
  /* the log key's own line, a cut one, one without its newline */
  char *note;
  checkpoint_sign(&wanted, &world.log_key, &note, &length);
  const char *own = strstr(note, "\n\n") + 2;
  assert_status(core_cosign(world.core, c0->public.name, wanted.size, &wanted.root, own,
                            strlen(own), &held, NULL),
                TAMIS_BAD_PROOF);
  free(note);
  checkpoint_cosign(&wanted, 1800000000, c0, &line, &length);
  for (size_t cut = 0; cut < length; cut++)
    assert_status(
        core_cosign(world.core, c0->public.name, wanted.size, &wanted.root, line, cut, &held, NULL),
        TAMIS_BAD_PROOF);
  for (size_t flip = 0; flip < length; flip++) {
    line[flip] ^= 1;
    assert_status(core_cosign(world.core, c0->public.name, wanted.size, &wanted.root, line, length,
                              &held, NULL),
                  TAMIS_BAD_PROOF);
    line[flip] ^= 1;
  }
  /* replayed in another's name, then by a stranger and by a client whose key was revoked */
  assert_status(core_cosign(world.core, world.client[1].public.name, wanted.size, &wanted.root,
                            line, length, &held, NULL),
                TAMIS_BAD_PROOF);
  assert_status(
      core_cosign(world.core, "nobody", wanted.size, &wanted.root, line, length, &held, NULL),
      TAMIS_UNKNOWN_CLIENT);
  assert_status(world_standing(&world, STATEMENT_KEY_REVOKE, 0, NULL), TAMIS_OK);
  assert_status(core_cosign(world.core, c0->public.name, wanted.size, &wanted.root, line, length,
                            &held, NULL),
                TAMIS_KEY_REVOKED);
  assert_int_equal(entries_of(&world, "witnessed"), 0);
  free(line);
  world_close(&world);
}

static void a_key_revoked_meanwhile_no_longer_counts(void **unused) {
  struct world world;
  struct checkpoint wanted;
  (void)unused;
  begin(&world, 3, 1);
  wanted = answer_all(&world, 0);
  assert_status(world_cosign(&world, 0, &wanted), TAMIS_OK);
  assert_status(world_cosign(&world, 1, &wanted), TAMIS_OK);
  assert_status(world_standing(&world, STATEMENT_KEY_REVOKE, 0, NULL), TAMIS_OK);
  assert_status(world_cosign(&world, 2, &wanted), TAMIS_OK);
  usleep(20000);
  assert_int_equal(entries_of(&world, "witnessed"), 0);
  assert_status(world_cosign(&world, 3, &wanted), TAMIS_OK); /* the other one of its organisation */
  assert_true(world_wait(&world, "head_round", 1));
  world_close(&world);
}

/* Who cosigned a tree from before the aggregate has not seen the aggregate. */
static void an_earlier_tree_is_no_witness(void **unused) {
  struct world world;
  struct checkpoint wanted, early;
  (void)unused;
  begin(&world, 1, 1);
  early = checkpoint_now(&world);
  wanted = answer_all(&world, 0);
  assert_true(early.size < wanted.size);
  assert_status(world_cosign(&world, 0, &early), TAMIS_OK);
  usleep(20000);
  assert_int_equal(entries_of(&world, "witnessed"), 0);
  assert_true(world_cosign_asked(&world, 0, 0, &wanted));
  world_close(&world);
}

static void who_is_ahead_makes_the_server_ask_anew(void **unused) {
  struct world world;
  struct checkpoint wanted, ahead, again;
  uint8_t token[16] = {77};
  (void)unused;
  begin(&world, 2, 1);
  wanted = answer_all(&world, 0);
  assert_status(world_invite(&world, "late", token, WORLD_START_MS / 1000 + 86400, NULL), TAMIS_OK);
  ahead = checkpoint_now(&world);
  assert_true(ahead.size > wanted.size);
  assert_status(world_cosign(&world, 0, &ahead), TAMIS_OK);
  assert_true(world_cosign_asked(&world, 1, 0, &again));
  assert_int_equal(again.size, ahead.size);
  assert_status(world_cosign(&world, 1, &again), TAMIS_OK);
  assert_true(world_wait(&world, "head_round", 1));
  world_close(&world);
}

static void a_restart_forgets_no_witness_and_keeps_waiting(void **unused) {
  struct world world;
  struct checkpoint wanted, again;
  (void)unused;
  begin(&world, 2, 1);
  wanted = answer_all(&world, 0);
  assert_status(world_cosign(&world, 0, &wanted), TAMIS_OK);
  world_stop(&world);
  world_start(&world);
  assert_true(world_cosign_asked(&world, 1, 3000, &again));
  assert_int_equal(again.size, wanted.size);
  assert_false(world_cosign_asked(&world, 0, 0, &wanted)); /* its line was read back */
  assert_status(world_cosign(&world, 1, &again), TAMIS_OK);
  assert_true(world_wait(&world, "head_round", 1));
  world_stop(&world); /* the whole log folds again, signatures and all */
  world_start(&world);
  assert_int_equal(world_federation_integer(&world, "head_round"), 1);
  world_close(&world);
}

/* However many trees a client cosigns, the one that is waited for stays. */
static void many_trees_do_not_push_out_the_one_that_matters(void **unused) {
  struct world world;
  struct checkpoint wanted, at;
  (void)unused;
  begin(&world, 2, 1);
  wanted = answer_all(&world, 0);
  assert_status(world_cosign(&world, 0, &wanted), TAMIS_OK);
  for (int i = 0; i < 200; i++) {
    uint8_t token[16] = {88, (uint8_t)i};
    char name[16];
    snprintf(name, sizeof name, "late%d", i);
    assert_status(world_invite(&world, name, token, WORLD_START_MS / 1000 + 86400, NULL), TAMIS_OK);
    at = checkpoint_now(&world);
    assert_status(world_cosign(&world, 0, &at), TAMIS_OK); /* it has cosigned the wanted one */
  }
  assert_status(world_cosign(&world, 1, &wanted), TAMIS_OK);
  assert_true(world_wait(&world, "head_round", 1));
  char command[256];
  snprintf(command, sizeof command, "test $(ls %s/cosignatures | wc -l) -le 128", world.state_dir);
  assert_int_equal(system(command), 0);
  world_close(&world);
}

static void an_update_that_saw_another_history_is_refused_aloud(void **unused) {
  struct world world;
  struct world_task task;
  struct core_counters counters;
  struct fault fault;
  float update[WORLD_PARAMETERS] = {0.5f};
  char *envelope;
  size_t length;
  (void)unused;
  begin(&world, 0, 1);
  assert_true(world_wait_task(&world, 0, &task));
  struct world_claim claim = world_claim_of(&world, 0, &task, update);
  claim.seen_size = 3;
  claim.seen_root.byte[0] = 9;
  world_envelope(&world, &claim, &envelope, &length);
  assert_status(world_send(&world, claim.client, envelope, length, &fault), TAMIS_FORK);
  assert_non_null(strstr(fault.text, "old backup"));
  free(envelope);
  claim.seen_size = 100000;
  world_envelope(&world, &claim, &envelope, &length);
  assert_status(world_send(&world, claim.client, envelope, length, &fault), TAMIS_FORK);
  free(envelope);
  core_counters(world.core, &counters);
  assert_int_equal(counters.fork_evidence, 2);
  assert_int_equal(entries_of(&world, "refusal"), 2);
  world_close(&world);
}

static void an_impossible_quorum_is_refused_at_the_start(void **unused) {
  struct world world;
  struct fault fault;
  (void)unused;
  world_open(&world);
  world.witness_organisations = 1000;
  world.witness_per_organisation = 5;
  assert_status(world_federation(&world, WORLD_FEDERATION, "mean", 3, 0, 0, 0, NULL, &fault),
                TAMIS_BAD_STATEMENT);
  world_close(&world);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(two_organisations_make_a_candidate_the_head),
      cmocka_unit_test(an_organisation_counts_from_its_second_client_on),
      cmocka_unit_test(too_few_witnesses_hold_the_round_and_are_named),
      cmocka_unit_test(what_is_no_cosignature_of_ours_is_refused),
      cmocka_unit_test(a_key_revoked_meanwhile_no_longer_counts),
      cmocka_unit_test(an_earlier_tree_is_no_witness),
      cmocka_unit_test(who_is_ahead_makes_the_server_ask_anew),
      cmocka_unit_test(a_restart_forgets_no_witness_and_keeps_waiting),
      cmocka_unit_test(many_trees_do_not_push_out_the_one_that_matters),
      cmocka_unit_test(an_update_that_saw_another_history_is_refused_aloud),
      cmocka_unit_test(an_impossible_quorum_is_refused_at_the_start),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
