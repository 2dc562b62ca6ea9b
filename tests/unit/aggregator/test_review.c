/* A person's word about a held update: the first acts, once, on what the person has seen; a
 * rollback does not unsay it. */
#include "world.h"

#include "aggregator/review.h"

#define assert_status(found, wanted)                                                               \
  assert_string_equal(tamis_status_name(found), tamis_status_name(wanted))

enum { CLIENTS = 8 };

/* ---- the pure part ---- */

static struct policy defaults(void) {
  struct policy policy;
  policy_default(&policy);
  return policy;
}

static void a_release_takes_back_what_the_round_did(void **unused) {
  struct policy policy = defaults();
  struct history history;
  struct review review = {.decision = REVIEW_RELEASE,
                          .verdict = VERDICT_HOLD,
                          .is_strike = true,
                          .risk = 0.8,
                          .excess = 2,
                          .rounds = 4};
  (void)unused;
  judge_history_start(&history);
  history.standing = STANDING_QUARANTINED;
  history.rounds = 4;
  history.held = 3;
  history.accepted = 1;
  history.strikes = 3;
  history.reputation = 0.3;
  history.cusum = 1.5;
  review_amend(&policy, &review, &history);
  assert_int_equal(history.strikes, 2);
  assert_int_equal(history.held, 2);
  assert_int_equal(history.accepted, 2);
  assert_int_equal(history.standing, STANDING_WATCHED);
  assert_true(fabs(history.reputation - (0.3 + 0.2 * 0.8)) < 1e-15);
  assert_true(history.cusum == 0); /* not below */
}

/* What is left of a loss shrinks with every round since. */
static void an_old_loss_is_mended_by_what_is_left_of_it(void **unused) {
  struct policy policy = defaults();
  struct history history;
  struct review review = {.decision = REVIEW_RELEASE, .verdict = VERDICT_REJECT, .risk = 1};
  (void)unused;
  judge_history_start(&history);
  double with = 0.5, without = 0.5;
  for (int round = 1; round <= 6; round++) {
    with += policy.reputation_rate * (1 - (round == 2 ? 1.0 : 0.25) - with);
    without += policy.reputation_rate * (1 - (round == 2 ? 0.0 : 0.25) - without);
  }
  history.rounds = 6;
  history.rejected = 1;
  history.reputation = with;
  review.rounds = 2;
  review_amend(&policy, &review, &history);
  assert_true(fabs(history.reputation - without) < 1e-15);
  assert_int_equal(history.rejected, 0);
  assert_int_equal(history.accepted, 1);
  assert_int_equal(history.strikes, 0); /* it was none */
}

static void what_is_confirmed_is_neither_forgiven_nor_released(void **unused) {
  struct policy policy = defaults();
  struct history history;
  struct review reject = {
      .decision = REVIEW_REJECT, .verdict = VERDICT_HOLD, .is_strike = true, .rounds = 1};
  struct review release = reject;
  (void)unused;
  release.decision = REVIEW_RELEASE;
  judge_history_start(&history);
  history.rounds = 3; /* the strike was forgiven meanwhile */
  review_amend(&policy, &reject, &history);
  assert_int_equal(history.strikes, 1);
  assert_int_equal(history.confirmed, 1);
  review_amend(&policy, &release, &history); /* of another round */
  assert_int_equal(history.strikes, 1);
}

/* A strike that is confirmed stays through clean rounds; one that is not goes. */
static void the_judge_forgives_only_what_nobody_confirmed(void **unused) {
  struct policy policy = defaults();
  (void)unused;
  for (int confirmed = 0; confirmed <= 1; confirmed++) {
    struct judged judged = {.client = "c", .evidence = {.norm = 1, .neighbour = EVIDENCE_NOBODY}};
    judge_history_start(&judged.history);
    judged.history.strikes = 1;
    judged.history.confirmed = confirmed;
    for (int round = 0; round < 10; round++) judge_round(&policy, &judged, 1);
    assert_int_equal(judged.history.strikes, confirmed);
  }
}

/* ---- in a federation ---- */

struct item { /* a row of `reviews` */
  json_int_t round, index, basis, decided, strikes, opinions;
  char client[65], standing[24], review[24];
  struct digest update;
};

static size_t items(struct world *world, const char *state, struct item *item, size_t most) {
  json_t *rows = world_query(world, "reviews", 2, (const char *[]){WORLD_FEDERATION, state}), *row;
  size_t i, count = json_array_size(rows);
  json_array_foreach(rows, i, row) {
    const char *hex = json_string_value(json_object_get(row, "update"));
    if (i == most) break;
    item[i] = (struct item){
        .round = json_integer_value(json_object_get(row, "round")),
        .index = json_integer_value(json_object_get(row, "index")),
        .basis = json_integer_value(json_object_get(row, "basis")),
        .decided = json_integer_value(json_object_get(row, "decided")),
        .strikes = json_integer_value(json_object_get(row, "strikes")),
        .opinions = json_integer_value(json_object_get(row, "opinions")),
    };
    snprintf(item[i].client, sizeof item[i].client, "%s",
             json_string_value(json_object_get(row, "client")));
    snprintf(item[i].standing, sizeof item[i].standing, "%s",
             json_string_value(json_object_get(row, "standing")));
    snprintf(item[i].review, sizeof item[i].review, "%s",
             json_string_value(json_object_get(row, "review")));
    assert_true(digest_from_hex(hex, strlen(hex), &item[i].update));
  }
  json_decref(rows);
  return count;
}

static enum tamis_status say(struct world *world, const struct secret_key *key,
                             const struct item *item, const char *decision, bool is_opinion,
                             struct fault *fault) {
  return world_submit_as(world, key, STATEMENT_REVIEW,
                         json_pack("{s:s, s:I, s:s, s:s, s:i, s:s, s:I, s:s, s:o}", "federation",
                                   WORLD_FEDERATION, "round", item->round, "client", item->client,
                                   "decision", decision, "opinion", (int)is_opinion, "standing",
                                   item->standing, "basis", item->basis, "reason", "a test",
                                   "nonce", world_nonce(world)),
                         "update", &item->update, false, fault);
}

/* Until the decision is carried out: the core does that by itself, after it has answered. */
static void settle(struct world *world) {
  uint64_t size = 0;
  for (int calm = 0; calm < 20; usleep(1000)) {
    uint64_t now = core_size(world->core);
    calm = now == size ? calm + 1 : 0;
    size = now;
  }
}

static json_t *client_row(struct world *world, const char *client) {
  json_t *rows = world_query(world, "clients", 1, (const char *[]){WORLD_FEDERATION}), *row;
  json_t *found = NULL;
  size_t i;
  json_array_foreach(rows, i, row) if (strcmp(json_string_value(json_object_get(row, "client")),
                                              client) == 0) found = json_incref(row);
  json_decref(rows);
  return found;
}

static json_int_t count_of(struct world *world, const char *kind) {
  json_t *rows = world_query(world, "entries", 0, NULL), *row;
  json_int_t count = 0;
  size_t i;
  json_array_foreach(rows, i, row) count +=
      strcmp(json_string_value(json_object_get(row, "kind")), kind) == 0;
  json_decref(rows);
  return count;
}

/* c00 is held until it is quarantined. */
static void begin(struct world *world, int64_t rounds) {
  world_open(world);
  world_enrol_clients(world, CLIENTS);
  assert_status(world_federation(world, WORLD_FEDERATION, "median", 6, 0, 0, 0, NULL, NULL),
                TAMIS_OK);
  world_play(world, rounds, 1, WORLD_SIGN_FLIP);
}

static void a_release_is_carried_out_and_told(void **unused) {
  struct world world;
  struct item item[8];
  char state[24];
  (void)unused;
  begin(&world, 3);
  assert_int_equal(items(&world, "open", item, 8), 3);
  assert_string_equal(item[0].client, "c00");
  assert_string_equal(item[0].standing, "quarantined");
  assert_int_equal(item[0].strikes, 3);
  assert_status(say(&world, &world.operator_key, &item[0], "release", false, NULL), TAMIS_OK);
  settle(&world);
  assert_int_equal(count_of(&world, "amended"), 1);
  world_state(&world, 0, state, sizeof state);
  assert_string_equal(state, "watched");
  json_t *row = client_row(&world, "c00");
  assert_int_equal(json_integer_value(json_object_get(row, "rejected")) +
                       json_integer_value(json_object_get(row, "held")),
                   2);
  assert_int_equal(json_integer_value(json_object_get(row, "accepted")), 1);
  json_decref(row);
  assert_int_equal(items(&world, "open", item, 8), 2);
  assert_int_equal(items(&world, "released", item, 8), 1);
  assert_int_equal(item[0].strikes, 2);
  json_t *moves = world_query(&world, "moves", 2, (const char *[]){WORLD_FEDERATION, "c00"});
  json_t *last = json_array_get(moves, json_array_size(moves) - 1);
  assert_string_equal(json_string_value(json_object_get(last, "to")), "watched");
  assert_non_null(
      strstr(json_string_value(json_object_get(last, "sentence")), "found wrong in entry"));
  json_decref(moves);
  world_close(&world);
}

static void a_stale_decision_is_refused_and_told_what_changed(void **unused) {
  struct world world;
  struct item item[8];
  struct fault fault;
  (void)unused;
  begin(&world, 1);
  assert_int_equal(items(&world, "open", item, 8), 1);
  world_play(&world, 2, 1, WORLD_SIGN_FLIP);
  assert_status(say(&world, &world.operator_key, &item[0], "release", false, &fault),
                TAMIS_CONFLICT);
  assert_non_null(strstr(fault.text, "c00 has changed since"));
  assert_non_null(strstr(fault.text, "2 strikes now"));
  assert_int_equal(items(&world, "open", item, 8), 2);
  world_play(&world, 3, 0, WORLD_HONEST); /* a clean round changes nothing about it */
  assert_status(say(&world, &world.operator_key, &item[0], "release", false, NULL), TAMIS_OK);
  assert_status(say(&world, &world.operator_key, &item[1], "release", false, &fault),
                TAMIS_CONFLICT);
  world_close(&world);
}

static void the_first_decides_and_others_have_opinions(void **unused) {
  struct world world;
  struct item item[8];
  struct fault fault;
  (void)unused;
  begin(&world, 1);
  items(&world, "open", item, 8);
  assert_status(say(&world, &world.person[0], &item[0], "reject", true, &fault), TAMIS_CONFLICT);
  assert_status(say(&world, &world.operator_key, &item[0], "reject", false, NULL), TAMIS_OK);
  assert_status(say(&world, &world.person[0], &item[0], "release", false, &fault), TAMIS_CONFLICT);
  assert_non_null(strstr(fault.text, "only be an opinion"));
  assert_status(say(&world, &world.operator_key, &item[0], "release", true, &fault),
                TAMIS_CONFLICT);
  assert_status(say(&world, &world.person[0], &item[0], "release", true, NULL), TAMIS_OK);
  assert_status(say(&world, &world.person[0], &item[0], "release", true, &fault), TAMIS_CONFLICT);
  settle(&world);
  assert_int_equal(count_of(&world, "amended"), 1);
  assert_int_equal(items(&world, "rejected", item, 8), 1);
  assert_int_equal(item[0].opinions, 1);
  assert_int_equal(item[0].strikes, 1);
  world_close(&world);
}

static void only_what_was_held_can_be_decided_on(void **unused) {
  struct world world;
  struct item item[8];
  struct fault fault;
  (void)unused;
  begin(&world, 1);
  items(&world, "open", item, 8);
  struct item other = item[0];
  strcpy(other.client, "c01");
  assert_status(say(&world, &world.operator_key, &other, "release", false, &fault),
                TAMIS_NOT_FOUND);
  other = item[0];
  other.update.byte[0] ^= 1;
  assert_status(say(&world, &world.operator_key, &other, "release", false, &fault),
                TAMIS_NOT_FOUND);
  other = item[0];
  other.round = 99;
  assert_status(say(&world, &world.operator_key, &other, "release", false, &fault),
                TAMIS_NOT_FOUND);
  assert_status(say(&world, &world.operator_key, &item[0], "forgive", false, &fault),
                TAMIS_BAD_STATEMENT);
  assert_status(world_standing(&world, STATEMENT_EXCLUSION, 0, NULL), TAMIS_OK);
  assert_int_equal(items(&world, "open", item, 8), 0);
  assert_int_equal(items(&world, "settled", item, 8), 1);
  assert_status(say(&world, &world.operator_key, &item[0], "release", false, &fault),
                TAMIS_CONFLICT);
  assert_non_null(strstr(fault.text, "excluded since"));
  world_close(&world);
}

static void go_back(struct world *world, const char *round) {
  char hex[80];
  struct digest model;
  world_text(world, "models", WORLD_FEDERATION, "round", round, "model", hex, sizeof hex);
  assert_true(digest_from_hex(hex, strlen(hex), &model));
  assert_status(world_rollback(world, atoll(round), &model, NULL), TAMIS_OK);
  settle(world);
}

/* To a round that had the strike: it is taken away again. To one before: there is nothing to take.
 */
static void a_rollback_does_not_unsay_it(void **unused) {
  struct world world;
  struct item item[8];
  (void)unused;
  begin(&world, 3);
  items(&world, "open", item, 8);
  assert_int_equal(item[1].round, 2);
  assert_status(say(&world, &world.operator_key, &item[1], "release", false, NULL), TAMIS_OK);
  settle(&world);
  world_play(&world, 4, 0, WORLD_HONEST);
  assert_int_equal(count_of(&world, "amended"), 1);
  go_back(&world, "2");
  assert_int_equal(count_of(&world, "amended"), 2);
  items(&world, "released", item, 8);
  assert_int_equal(item[0].strikes, 1);
  go_back(&world, "1");
  assert_int_equal(count_of(&world, "amended"), 2);
  items(&world, "released", item, 8);
  assert_int_equal(item[0].strikes, 1);
  go_back(&world, "4"); /* its histories were amended already */
  assert_int_equal(count_of(&world, "amended"), 2);
  items(&world, "released", item, 8);
  assert_int_equal(item[0].strikes, 2);
  world_close(&world);
}

/* The strike is gone with the histories that had it; a release finds nothing to mend. */
static void what_a_rollback_took_out_is_not_mended(void **unused) {
  struct world world;
  struct item item[8];
  (void)unused;
  begin(&world, 2);
  go_back(&world, "1");
  items(&world, "open", item, 8);
  assert_int_equal(item[1].round, 2);
  assert_status(say(&world, &world.operator_key, &item[1], "release", false, NULL), TAMIS_OK);
  settle(&world);
  assert_int_equal(count_of(&world, "amended"), 0);
  items(&world, "released", item, 8);
  assert_int_equal(item[0].strikes, 1);
  world_close(&world);
}

static void it_survives_a_restart(void **unused) {
  struct world world;
  struct item item[8];
  char state[24];
  (void)unused;
  begin(&world, 3);
  items(&world, "open", item, 8);
  assert_status(say(&world, &world.operator_key, &item[0], "release", false, NULL), TAMIS_OK);
  settle(&world);
  world_stop(&world);
  world_start(&world); /* from the snapshot of the stop */
  world_state(&world, 0, state, sizeof state);
  assert_string_equal(state, "watched");
  assert_int_equal(items(&world, "open", item, 8), 2);
  assert_status(say(&world, &world.operator_key, &item[0], "release", false, NULL), TAMIS_OK);
  settle(&world);
  assert_int_equal(count_of(&world, "amended"), 2);
  world_close(&world);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_release_takes_back_what_the_round_did),
      cmocka_unit_test(an_old_loss_is_mended_by_what_is_left_of_it),
      cmocka_unit_test(what_is_confirmed_is_neither_forgiven_nor_released),
      cmocka_unit_test(the_judge_forgives_only_what_nobody_confirmed),
      cmocka_unit_test(a_release_is_carried_out_and_told),
      cmocka_unit_test(a_stale_decision_is_refused_and_told_what_changed),
      cmocka_unit_test(the_first_decides_and_others_have_opinions),
      cmocka_unit_test(only_what_was_held_can_be_decided_on),
      cmocka_unit_test(a_rollback_does_not_unsay_it),
      cmocka_unit_test(what_a_rollback_took_out_is_not_mended),
      cmocka_unit_test(it_survives_a_restart),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
