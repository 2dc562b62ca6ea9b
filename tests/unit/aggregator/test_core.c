/* The straight line: clients sign, the core judges, aggregates, logs and promotes; and everything
 * that is not on that line is refused by name. */
#include "world.h"

#define assert_status(found, wanted)                                                               \
  assert_string_equal(tamis_status_name(found), tamis_status_name(wanted))

static void start_federation(struct world *world, size_t clients, const char *rule, int quorum,
                             int rounds_max) {
  struct fault fault = {TAMIS_OK, ""};
  world_open(world);
  world_enrol_clients(world, clients);
  enum tamis_status status =
      world_federation(world, WORLD_FEDERATION, rule, quorum, 0, 0, rounds_max, NULL, &fault);
  if (status != TAMIS_OK) print_message("federation-create: %s\n", fault.text);
  assert_status(status, TAMIS_OK);
}

/* ---- the line ---- */

static void a_federation_of_eight_learns_for_five_rounds(void **unused) {
  struct world world;
  float model[WORLD_PARAMETERS];
  double sum = 0;
  (void)unused;
  start_federation(&world, 8, "mean", 8, 5);
  world_play(&world, 5, 0, WORLD_HONEST);
  assert_int_equal(world_federation_integer(&world, "head_round"), 5);
  struct digest head = world_head(&world);
  world_get(&world, &head, model);
  for (size_t i = 0; i < WORLD_PARAMETERS; i++) sum += model[i];
  /* Five steps of 0.3 of what is left: 1 - 0.7^5 of the way to about 1. */
  assert_true(fabs(sum / WORLD_PARAMETERS - 0.832) < 0.1);
  struct core_task task;
  assert_status(core_poll(world.core, "c00", WORLD_FEDERATION, 0, &task, NULL), TAMIS_OK);
  assert_true(task.finished && !task.has_task);
  assert_string_equal(task.state, "trusted");
  core_task_close(&task);
  world_close(&world);
}

static void liars_are_excluded_and_nobody_else(void **state) {
  enum world_attack attack = *(enum world_attack *)*state;
  struct world world;
  char text[64];
  start_federation(&world, 12, "multi_krum(f=3)", 9, 10);
  world_play(&world, 10, 3, attack);
  assert_int_equal(world_federation_integer(&world, "head_round"), 10);
  assert_int_equal(world_federation_integer(&world, "excluded"), 3);
  for (size_t i = 0; i < 12; i++) {
    world_state(&world, i, text, sizeof text);
    assert_string_equal(text, i < 3 ? "excluded" : "trusted");
  }
  struct core_task task;
  assert_status(core_poll(world.core, "c00", WORLD_FEDERATION, 0, &task, NULL), TAMIS_OK);
  assert_string_equal(task.state, "excluded");
  assert_non_null(strstr(task.reason, "times the median"));
  core_task_close(&task);
  /* An operator may confirm it, once. */
  assert_status(world_standing(&world, STATEMENT_EXCLUSION, 0, NULL), TAMIS_OK);
  assert_status(world_standing(&world, STATEMENT_EXCLUSION, 0, NULL), TAMIS_CONFLICT);
  world_close(&world);
}

static void every_move_is_an_entry_with_numbers(void **unused) {
  struct world world;
  const char *arguments[] = {WORLD_FEDERATION, "c00"};
  const char *expected[] = {"watched", "quarantined", "excluded"};
  (void)unused;
  start_federation(&world, 10, "multi_krum(f=2)", 8, 6);
  world_play(&world, 6, 1, WORLD_SIGN_FLIP);
  json_t *moves = world_query(&world, "moves", 2, arguments);
  assert_int_equal(json_array_size(moves), 3);
  for (size_t i = 0; i < 3; i++) {
    json_t *move = json_array_get(moves, i);
    assert_string_equal(json_string_value(json_object_get(move, "to")), expected[i]);
    assert_non_null(strstr(json_string_value(json_object_get(move, "sentence")), "strike"));
  }
  json_decref(moves);
  world_close(&world);
}

/* ---- the door ---- */

static void a_wrong_claim_is_refused_by_name(void **unused) {
  struct world world;
  struct world_task task;
  float update[WORLD_PARAMETERS] = {1};
  struct fault fault;
  (void)unused;
  start_federation(&world, 3, "mean", 3, 0);
  assert_true(world_wait_task(&world, 0, &task));
  const struct world_claim good = world_claim_of(&world, 0, &task, update);
  struct world_claim claim = good;

  claim.origin = "other.example/log";
  assert_status(world_claim_send(&world, &claim, &fault), TAMIS_WRONG_ORIGIN);
  claim = good, claim.federation = "another";
  assert_status(world_claim_send(&world, &claim, &fault), TAMIS_UNKNOWN_FEDERATION);
  claim = good, claim.round = 2;
  assert_status(world_claim_send(&world, &claim, &fault), TAMIS_STALE_ROUND);
  claim = good, claim.base = claim.blob;
  assert_status(world_claim_send(&world, &claim, &fault), TAMIS_WRONG_BASE);
  claim = good, claim.size += 64;
  assert_status(world_claim_send(&world, &claim, &fault), TAMIS_TOO_LARGE);
  claim = good, claim.size -= 64;
  assert_status(world_claim_send(&world, &claim, &fault), TAMIS_WRONG_LAYOUT);
  claim = good, claim.examples = 0;
  assert_status(world_claim_send(&world, &claim, &fault), TAMIS_BAD_EXAMPLES);
  claim = good, claim.examples = -1;
  assert_status(world_claim_send(&world, &claim, &fault), TAMIS_BAD_EXAMPLES);
  claim = good, claim.examples = 10001;
  assert_status(world_claim_send(&world, &claim, &fault), TAMIS_BAD_EXAMPLES);
  assert_status(world_claim_send(&world, &good, &fault), TAMIS_OK);
  world_close(&world);
}

/* 10^30 examples is no integer that canonical JSON can hold, so it is written by hand. */
static void absurd_examples_are_no_statement(void **unused) {
  struct world world;
  struct world_task task;
  struct envelope opened;
  float update[WORLD_PARAMETERS] = {1};
  char *envelope, payload[4096], *at;
  size_t length;
  struct core_offer offer;
  (void)unused;
  start_federation(&world, 3, "mean", 3, 0);
  assert_true(world_wait_task(&world, 0, &task));
  struct world_claim claim = world_claim_of(&world, 0, &task, update);
  world_envelope(&world, &claim, &envelope, &length);
  assert_status(envelope_open(envelope, length, &opened, NULL), TAMIS_OK);
  at = strstr(opened.payload, "\"examples\":100");
  snprintf(payload, sizeof payload, "%.*s\"examples\":1000000000000000000000000000000%s",
           (int)(at - opened.payload), opened.payload, at + strlen("\"examples\":100"));
  free(envelope);
  assert_status(envelope_sign(payload, strlen(payload), &world.client[0], &envelope, &length, NULL),
                TAMIS_OK);
  assert_status(core_offer(world.core, "c00", envelope, length, &offer, NULL), TAMIS_BAD_STATEMENT);
  envelope_close(&opened);
  free(envelope);
  world_close(&world);
}

static void a_forged_signature_changes_nothing(void **unused) {
  struct world world;
  struct world_task task;
  float update[WORLD_PARAMETERS] = {1};
  struct fault fault;
  struct secret_key stranger;
  uint8_t seed[KEY_SEED_SIZE] = {9};
  (void)unused;
  start_federation(&world, 3, "mean", 3, 0);
  assert_true(world_wait_task(&world, 0, &task));
  uint64_t size = core_size(world.core);
  struct world_claim claim = world_claim_of(&world, 0, &task, update);
  key_from_seed("c00", seed, &stranger);
  claim.key = &stranger;
  assert_status(world_claim_send(&world, &claim, &fault), TAMIS_BAD_SIGNATURE);
  key_from_seed("nobody", seed, &stranger);
  claim.client = "nobody";
  assert_status(world_claim_send(&world, &claim, &fault), TAMIS_UNKNOWN_CLIENT);
  claim = world_claim_of(&world, 1, &task, update);
  claim.client = "c00"; /* signed by c01, in the name of c00 */
  assert_status(world_claim_send(&world, &claim, &fault), TAMIS_DENIED);
  assert_int_equal(core_size(world.core), size);
  world_close(&world);
}

/* An operator's statement that anybody could send again with a spare signature. */
static void a_second_signature_is_not_taken(void **unused) {
  struct world world;
  struct world_task task;
  float update[WORLD_PARAMETERS] = {1};
  char *envelope, *twice;
  size_t length;
  struct core_offer offer;
  (void)unused;
  start_federation(&world, 3, "mean", 3, 0);
  assert_true(world_wait_task(&world, 0, &task));
  struct world_claim claim = world_claim_of(&world, 0, &task, update);
  world_envelope(&world, &claim, &envelope, &length);
  json_t *object;
  assert_status(canonical_decode(envelope, length, &object, NULL), TAMIS_OK);
  json_t *signatures = json_object_get(object, "signatures");
  json_array_append(signatures, json_array_get(signatures, 0));
  size_t twice_length;
  assert_status(canonical_encode(object, &twice, &twice_length, NULL), TAMIS_OK);
  assert_status(core_offer(world.core, "c00", twice, twice_length, &offer, NULL),
                TAMIS_BAD_SIGNATURE);
  json_decref(object);
  free(twice);
  free(envelope);
  world_close(&world);
}

static void the_same_envelope_has_the_same_receipt_for_ever(void **unused) {
  struct world world;
  struct world_task task;
  float update[WORLD_PARAMETERS] = {1};
  struct fault fault;
  char *envelope, *receipt;
  size_t length, receipt_length;
  uint64_t first, second;
  struct checkpoint checkpoint;
  struct core_offer offer;
  (void)unused;
  start_federation(&world, 3, "mean", 3, 2);
  assert_true(world_wait_task(&world, 0, &task));
  struct world_claim claim = world_claim_of(&world, 0, &task, update);
  world_envelope(&world, &claim, &envelope, &length);
  assert_status(core_accept(world.core, "c00", envelope, length, &receipt, &receipt_length, &fault),
                TAMIS_OK);
  assert_status(receipt_verify(receipt, receipt_length, envelope, length, &world.log_key.public,
                               &first, &checkpoint, NULL),
                TAMIS_OK);
  free(receipt);
  update[0] = 2;
  claim = world_claim_of(&world, 0, &task, update);
  assert_status(world_claim_send(&world, &claim, &fault), TAMIS_DUPLICATE);
  world_play(&world, 2, 0, WORLD_HONEST); /* the round is long over */
  assert_status(core_offer(world.core, "c00", envelope, length, &offer, &fault), TAMIS_OK);
  assert_true(offer.complete);
  assert_status(receipt_verify(offer.receipt, offer.receipt_length, envelope, length,
                               &world.log_key.public, &second, &checkpoint, NULL),
                TAMIS_OK);
  assert_int_equal(first, second);
  free(offer.receipt);
  assert_status(
      core_receipt(world.core, "c00", WORLD_FEDERATION, 1, &receipt, &receipt_length, &fault),
      TAMIS_OK);
  assert_status(receipt_verify(receipt, receipt_length, envelope, length, &world.log_key.public,
                               &second, &checkpoint, NULL),
                TAMIS_OK);
  assert_int_equal(first, second);
  free(receipt);
  free(envelope);
  world_close(&world);
}

static void a_late_update_is_stale(void **unused) {
  struct world world;
  struct world_task task;
  struct fault fault;
  char outcome[32];
  (void)unused;
  start_federation(&world, 4, "mean", 2, 0);
  assert_true(world_wait_task(&world, 0, &task));
  assert_status(world_answer(&world, 0, &task, WORLD_HONEST, &fault), TAMIS_OK);
  assert_status(world_answer(&world, 1, &task, WORLD_HONEST, &fault), TAMIS_OK);
  atomic_fetch_add(&world.now_ms, WORLD_DEADLINE_MS);
  assert_status(world_answer(&world, 2, &task, WORLD_HONEST, &fault), TAMIS_STALE_ROUND);
  assert_true(world_wait(&world, "head_round", 1));
  world_outcome(&world, 1, outcome, sizeof outcome);
  assert_string_equal(outcome, "promoted");
  assert_status(world_answer(&world, 3, &task, WORLD_HONEST, &fault), TAMIS_STALE_ROUND);
  world_close(&world);
}

static void refusals_cannot_fill_the_log(void **unused) {
  struct world world;
  struct world_task task;
  float update[WORLD_PARAMETERS] = {1};
  struct fault fault;
  (void)unused;
  start_federation(&world, 3, "mean", 3, 0);
  assert_true(world_wait_task(&world, 0, &task));
  uint64_t size = core_size(world.core);
  struct world_claim claim = world_claim_of(&world, 0, &task, update);
  claim.examples = 0;
  for (int i = 0; i < 20; i++)
    assert_status(world_claim_send(&world, &claim, &fault), TAMIS_BAD_EXAMPLES);
  assert_int_equal(core_size(world.core), size + 4);
  world_close(&world);
}

/* ---- content that was refused ---- */

static void refused_content_is_an_answer_and_no_malice(void **unused) {
  struct world world;
  struct world_task task;
  float update[WORLD_PARAMETERS] = {1};
  struct fault fault;
  char *envelope, text[64];
  size_t length;
  (void)unused;
  start_federation(&world, 4, "mean", 3, 0);
  assert_true(world_wait_task(&world, 0, &task));
  struct world_claim claim = world_claim_of(&world, 0, &task, update);
  world_envelope(&world, &claim, &envelope, &length);
  assert_status(core_refuse(world.core, "c00", envelope, length, TAMIS_NOT_FINITE,
                            "value 3 of w is NaN \n\x01", &fault),
                TAMIS_OK);
  free(envelope);
  for (size_t i = 1; i < 4; i++)
    assert_status(world_answer(&world, i, &task, WORLD_HONEST, &fault), TAMIS_OK);
  assert_true(world_wait(&world, "head_round", 1)); /* nobody waits for the deadline */
  world_state(&world, 0, text, sizeof text);
  assert_string_equal(text, "probation");
  json_t *rows = world_query(&world, "clients", 1, (const char *[]){WORLD_FEDERATION});
  assert_int_equal(json_integer_value(json_object_get(json_array_get(rows, 0), "refused")), 1);
  json_decref(rows);
  world_close(&world);
}

/* ---- rounds that come to nothing ---- */

static void without_quorum_the_round_is_abandoned_and_the_next_one_opens(void **unused) {
  struct world world;
  struct world_task task;
  struct fault fault;
  char text[64];
  (void)unused;
  start_federation(&world, 4, "mean", 3, 0);
  assert_true(world_wait_task(&world, 0, &task));
  struct digest head = world_head(&world), after;
  assert_status(world_answer(&world, 0, &task, WORLD_HONEST, &fault), TAMIS_OK);
  atomic_fetch_add(&world.now_ms, WORLD_DEADLINE_MS + 1);
  assert_true(world_wait(&world, "round", 2));
  world_outcome(&world, 1, text, sizeof text);
  assert_string_equal(text, "abandoned");
  after = world_head(&world);
  assert_true(digest_equal(&head, &after));
  assert_true(world_wait_task(&world, 0, &task));
  assert_int_equal(task.round, 2);
  for (size_t i = 0; i < 4; i++)
    assert_status(world_answer(&world, i, &task, WORLD_HONEST, &fault), TAMIS_OK);
  assert_true(world_wait(&world, "head_round", 2));
  world_close(&world);
}

static void a_rule_that_cannot_keep_its_promise_holds_the_round(void **unused) {
  struct world world;
  struct world_task task;
  struct fault fault;
  char text[320];
  (void)unused;
  start_federation(&world, 7, "trimmed_mean(f=3)", 7, 0);
  assert_true(world_wait_task(&world, 0, &task));
  for (size_t i = 0; i < 7; i++)
    assert_status(world_answer(&world, i, &task, i == 0 ? WORLD_GAUSSIAN : WORLD_HONEST, &fault),
                  TAMIS_OK);
  assert_true(world_wait(&world, "round", 2));
  world_outcome(&world, 1, text, sizeof text);
  assert_string_equal(text, "held"); /* six accepted, and 2f < n fails */
  world_text(&world, "rounds", WORLD_FEDERATION, "round", "1", "sentence", text, sizeof text);
  assert_non_null(strstr(text, "trimmed_mean"));
  assert_int_equal(world_federation_integer(&world, "head_round"), 0);
  world_close(&world);
}

/* ---- cohorts ---- */

static void a_cohort_is_drawn_and_closes_at_its_target(void **unused) {
  struct world world;
  struct world_task task;
  struct fault fault;
  size_t selected = 0, answered = 0;
  (void)unused;
  world_open(&world);
  world_enrol_clients(&world, 12);
  assert_status(world_federation(&world, WORLD_FEDERATION, "mean", 3, 4, 50, 0, NULL, &fault),
                TAMIS_OK);
  json_t *rows = world_query(&world, "rounds", 1, (const char *[]){WORLD_FEDERATION});
  assert_int_equal(json_integer_value(json_object_get(json_array_get(rows, 0), "selected")), 6);
  json_decref(rows);
  for (size_t i = 0; i < 12; i++) {
    if (!world_poll(&world, i, &task) || task.round != 1) continue;
    selected++;
    if (answered == 4) continue;
    assert_status(world_answer(&world, i, &task, WORLD_HONEST, &fault), TAMIS_OK);
    answered++;
  }
  assert_true(selected >= 4 &&
              selected <= 6); /* after the fourth answer the others are not asked */
  assert_true(world_wait(&world, "head_round", 1));
  world_close(&world);
}

/* ---- enrolment ---- */

static void an_invitation_is_good_once_and_until_its_date(void **unused) {
  struct world world;
  struct secret_key key, other;
  struct fault fault;
  uint8_t token[16] = {7}, late[16] = {8}, seed[KEY_SEED_SIZE] = {42};
  const int64_t now = WORLD_START_MS / 1000;
  (void)unused;
  world_open(&world);
  key_from_seed("dora", seed, &key);
  assert_status(world_enrol(&world, &key, token, &fault), TAMIS_BAD_TOKEN);
  assert_status(world_invite(&world, "dora", token, now - 1, &fault), TAMIS_TOKEN_EXPIRED);
  assert_status(world_invite(&world, "dora", token, now + 10, &fault), TAMIS_OK);
  assert_status(world_invite(&world, "dora", late, now + 10, &fault), TAMIS_OK);
  assert_status(world_enrol(&world, &key, token, &fault), TAMIS_OK);
  assert_status(world_enrol(&world, &key, token, &fault), TAMIS_OK); /* the same bytes again */
  seed[0] = 43;
  key_from_seed("dora", seed, &other);
  assert_status(world_enrol(&world, &other, token, &fault), TAMIS_BAD_TOKEN);
  assert_status(world_enrol(&world, &other, late, &fault), TAMIS_CONFLICT);
  seed[0] = 44;
  key_from_seed("emil", seed, &other);
  uint8_t emils[16] = {9};
  assert_status(world_invite(&world, "emil", emils, now + 10, &fault), TAMIS_OK);
  atomic_fetch_add(&world.now_ms, 10000);
  assert_status(world_enrol(&world, &other, emils, &fault), TAMIS_TOKEN_EXPIRED);
  world_close(&world);
}

static void a_key_of_another_client_cannot_be_enrolled(void **unused) {
  struct world world;
  struct secret_key key;
  struct fault fault;
  uint8_t token[16] = {7}, seed[KEY_SEED_SIZE] = {100};
  (void)unused;
  world_open(&world);
  world_enrol_clients(&world, 1); /* c00, whose seed this is */
  key_from_seed("dora", seed, &key);
  assert_status(world_invite(&world, "dora", token, WORLD_START_MS / 1000 + 10, &fault), TAMIS_OK);
  assert_status(world_enrol(&world, &key, token, &fault), TAMIS_CONFLICT);
  world_close(&world);
}

/* ---- operators ---- */

static void only_operators_submit_and_only_their_own(void **unused) {
  struct world world;
  struct fault fault;
  struct digest subject = {{1}};
  (void)unused;
  start_federation(&world, 3, "mean", 3, 0);
  json_t *predicate =
      json_pack("{s:s, s:s, s:o}", "client", "c00", "reason", "no", "nonce", world_nonce(&world));
  assert_status(world_submit_as(&world, &world.client[1], STATEMENT_KEY_REVOKE, predicate, "key",
                                &subject, false, &fault),
                TAMIS_DENIED);
  predicate = json_pack("{s:s, s:i, s:o, s:I}", "federation", WORLD_FEDERATION, "round", 1, "from",
                        world_hex(&subject), "at_ms", (json_int_t)1);
  assert_status(world_submit_as(&world, &world.operator_key, STATEMENT_PROMOTE, predicate, "model",
                                &subject, false, &fault),
                TAMIS_DENIED);
  world_close(&world);
}

static void a_dry_run_appends_nothing(void **unused) {
  struct world world;
  struct fault fault;
  (void)unused;
  start_federation(&world, 3, "mean", 3, 0);
  struct world_task task;
  assert_true(world_wait_task(&world, 0, &task));
  uint64_t size = core_size(world.core);
  struct digest key = digest_of(world.client[0].public.byte, KEY_PUBLIC_SIZE);
  json_t *predicate =
      json_pack("{s:s, s:s, s:s, s:o, s:i}", "federation", WORLD_FEDERATION, "client", "c00",
                "reason", "a test", "nonce", world_nonce(&world), "since", 0);
  assert_status(world_submit_as(&world, &world.operator_key, STATEMENT_EXCLUSION, predicate, "key",
                                &key, true, &fault),
                TAMIS_OK);
  assert_int_equal(core_size(world.core), size);
  assert_int_equal(world_federation_integer(&world, "excluded"), 0);
  world_close(&world);
}

static void a_federation_needs_a_model_and_a_feasible_rule(void **unused) {
  struct world world;
  struct fault fault;
  (void)unused;
  world_open(&world);
  assert_status(world_federation(&world, "a", "mean", 2, 1, 0, 0, NULL, &fault),
                TAMIS_BAD_STATEMENT); /* a cohort below the quorum */
  assert_status(world_federation(&world, "a", "krumm", 3, 0, 0, 0, NULL, &fault),
                TAMIS_BAD_STATEMENT);
  assert_status(world_federation(&world, "a", "trimmed_mean(f=4)", 8, 0, 0, 0, NULL, &fault),
                TAMIS_RULE_NOT_FEASIBLE);
  assert_status(world_federation(&world, "a", "mean", 3, 0, 0, 0,
                                 json_pack("{s:o}", "no_such_field", canonical_f64(1)), &fault),
                TAMIS_BAD_STATEMENT);
  assert_status(world_federation(&world, "a", "mean", 3, 0, 0, 0, NULL, &fault), TAMIS_OK);
  assert_status(world_federation(&world, "a", "mean", 3, 0, 0, 0, NULL, &fault), TAMIS_CONFLICT);
  world_close(&world);
}

static void exclusion_and_reinstatement_take_effect_at_once(void **unused) {
  struct world world;
  struct world_task task;
  struct fault fault;
  char text[64];
  (void)unused;
  start_federation(&world, 4, "mean", 3, 0);
  assert_true(world_wait_task(&world, 0, &task));
  assert_status(world_standing(&world, STATEMENT_REINSTATEMENT, 0, &fault), TAMIS_CONFLICT);
  assert_status(world_standing(&world, STATEMENT_EXCLUSION, 0, &fault), TAMIS_OK);
  assert_status(world_standing(&world, STATEMENT_EXCLUSION, 0, &fault), TAMIS_CONFLICT);
  assert_status(world_answer(&world, 0, &task, WORLD_HONEST, &fault), TAMIS_EXCLUDED);
  for (size_t i = 1; i < 4; i++)
    assert_status(world_answer(&world, i, &task, WORLD_HONEST, &fault), TAMIS_OK);
  assert_true(world_wait(&world, "head_round", 1)); /* it is not waited for */
  assert_status(world_standing(&world, STATEMENT_REINSTATEMENT, 0, &fault), TAMIS_OK);
  world_state(&world, 0, text, sizeof text);
  assert_string_equal(text, "probation");
  assert_true(world_wait_task(&world, 1, &task));
  for (size_t i = 1; i < 4; i++)
    assert_status(world_answer(&world, i, &task, WORLD_HONEST, &fault), TAMIS_OK);
  assert_true(world_wait_task(&world, 0, &task)); /* in the cohort after that */
  world_close(&world);
}

static void an_update_of_a_client_excluded_meanwhile_weighs_nothing(void **unused) {
  struct world world;
  struct world_task task;
  struct fault fault;
  (void)unused;
  start_federation(&world, 4, "mean", 3, 0);
  assert_true(world_wait_task(&world, 0, &task));
  assert_status(world_answer(&world, 0, &task, WORLD_HONEST, &fault), TAMIS_OK);
  assert_status(world_standing(&world, STATEMENT_EXCLUSION, 0, &fault), TAMIS_OK);
  for (size_t i = 1; i < 4; i++)
    assert_status(world_answer(&world, i, &task, WORLD_HONEST, &fault), TAMIS_OK);
  assert_true(world_wait(&world, "head_round", 1));
  json_t *rows = world_query(&world, "round", 2, (const char *[]){WORLD_FEDERATION, "1"});
  json_t *row = json_array_get(rows, 0);
  assert_string_equal(json_string_value(json_object_get(row, "client")), "c00");
  assert_string_equal(json_string_value(json_object_get(row, "verdict")), "reject");
  assert_true(json_real_value(json_object_get(row, "weight")) == 0);
  json_decref(rows);
  world_close(&world);
}

static void a_revoked_key_is_refused_and_the_name_may_come_back(void **unused) {
  struct world world;
  struct world_task task;
  struct fault fault;
  struct public_key key;
  bool is_operator;
  uint8_t token[16] = {77}, seed[KEY_SEED_SIZE] = {200};
  (void)unused;
  start_federation(&world, 4, "mean", 3, 0);
  assert_true(world_wait_task(&world, 0, &task));
  assert_status(core_principal(world.core, "c00", &key, &is_operator, &fault), TAMIS_OK);
  assert_status(world_standing(&world, STATEMENT_KEY_REVOKE, 0, &fault), TAMIS_OK);
  assert_status(world_standing(&world, STATEMENT_KEY_REVOKE, 0, &fault), TAMIS_CONFLICT);
  assert_status(core_principal(world.core, "c00", &key, &is_operator, &fault), TAMIS_KEY_REVOKED);
  assert_status(world_answer(&world, 0, &task, WORLD_HONEST, &fault), TAMIS_KEY_REVOKED);
  assert_status(world_invite(&world, "c00", token, WORLD_START_MS / 1000 + 10, &fault), TAMIS_OK);
  assert_status(world_enrol(&world, &world.client[0], token, &fault), TAMIS_CONFLICT);
  key_from_seed("c00", seed, &world.client[0]);
  assert_status(world_enrol(&world, &world.client[0], token, &fault), TAMIS_OK);
  assert_status(core_principal(world.core, "c00", &key, &is_operator, &fault), TAMIS_OK);
  assert_memory_equal(key.byte, world.client[0].public.byte, KEY_PUBLIC_SIZE);
  world_close(&world);
}

/* ---- who may read what ---- */

static void clients_read_models_and_manifests_but_no_updates(void **unused) {
  struct world world;
  struct world_task task;
  float update[WORLD_PARAMETERS] = {1};
  struct fault fault;
  (void)unused;
  start_federation(&world, 3, "mean", 3, 0);
  assert_true(world_wait_task(&world, 0, &task));
  struct world_claim claim = world_claim_of(&world, 0, &task, update);
  assert_status(world_claim_send(&world, &claim, &fault), TAMIS_OK);
  assert_status(core_may_fetch(world.core, "c01", false, &task.base, &fault), TAMIS_OK);
  assert_status(core_may_fetch(world.core, "c01", false, &claim.blob, &fault), TAMIS_DENIED);
  assert_status(core_may_fetch(world.core, "operator/alice", true, &claim.blob, &fault), TAMIS_OK);
  claim.blob.byte[0] ^= 1;
  assert_status(core_may_fetch(world.core, "operator/alice", true, &claim.blob, &fault),
                TAMIS_NOT_FOUND);
  world_close(&world);
}

/* The root of the first `size` entries, from the entries themselves. */
static struct digest root_of(struct world *world, uint64_t size) {
  struct merkle_tree *tree = merkle_tree_new();
  for (uint64_t i = 0; i < size; i++) {
    char *envelope, *receipt;
    size_t length, receipt_length;
    struct fault fault;
    assert_status(core_entry(world->core, i, &envelope, &length, &receipt, &receipt_length, &fault),
                  TAMIS_OK);
    struct digest leaf = merkle_leaf(envelope, length);
    merkle_tree_append(tree, &leaf);
    free(envelope);
    free(receipt);
  }
  struct digest root = merkle_tree_root(tree, size);
  merkle_tree_free(tree);
  return root;
}

static void any_two_checkpoints_are_consistent(void **unused) {
  struct world world;
  struct fault fault;
  (void)unused;
  world_open(&world);
  world_enrol_clients(&world, 5);
  for (uint64_t size = 0; size <= core_size(world.core); size++) {
    struct merkle_proof proof;
    struct checkpoint checkpoint;
    char *note;
    size_t length;
    assert_status(core_consistency(world.core, size, 0, &proof, &note, &length, &fault), TAMIS_OK);
    assert_status(checkpoint_open(note, length, &world.log_key.public, &checkpoint, &fault),
                  TAMIS_OK);
    assert_int_equal(checkpoint.size, core_size(world.core));
    free(note);
    for (uint64_t to = 1; size > 0 && to <= core_size(world.core); to++) {
      struct digest roots[2] = {root_of(&world, size), root_of(&world, to)};
      enum tamis_status expected = to < size ? TAMIS_BAD_REQUEST : TAMIS_OK;
      assert_status(core_consistency(world.core, size, to, &proof, &note, &length, &fault),
                    expected);
      if (expected != TAMIS_OK) continue;
      assert_true(merkle_verify_consistency(size, to, &roots[0], &roots[1], &proof));
      free(note);
    }
  }
  struct merkle_proof proof;
  char *note;
  size_t length;
  struct core_counters counters;
  assert_status(core_consistency(world.core, 1000, 0, &proof, &note, &length, &fault), TAMIS_FORK);
  assert_status(core_consistency(world.core, 1, 1000, &proof, &note, &length, &fault), TAMIS_FORK);
  core_counters(world.core, &counters);
  assert_int_equal(counters.fork_evidence, 2);
  world_close(&world);
}

static void any_entry_is_proved_under_any_tree_that_has_it(void **unused) {
  struct world world;
  struct fault fault;
  struct merkle_proof proof;
  char *envelope;
  size_t length;
  (void)unused;
  world_open(&world);
  world_enrol_clients(&world, 3);
  uint64_t count = core_size(world.core);
  for (uint64_t size = 1; size <= count; size++) {
    struct digest root = root_of(&world, size);
    for (uint64_t i = 0; i < size; i++) {
      assert_status(core_entry_under(world.core, i, size, &envelope, &length, &proof, &fault),
                    TAMIS_OK);
      struct digest leaf = merkle_leaf(envelope, length);
      assert_true(merkle_verify_inclusion(i, size, &leaf, &root, &proof));
      free(envelope);
    }
    assert_status(core_entry_under(world.core, size, size, &envelope, &length, &proof, &fault),
                  TAMIS_NOT_FOUND);
  }
  assert_status(core_entry_under(world.core, 0, count + 1, &envelope, &length, &proof, &fault),
                TAMIS_NOT_FOUND);
  world_close(&world);
}

int main(void) {
  static enum world_attack sign_flip = WORLD_SIGN_FLIP, gaussian = WORLD_GAUSSIAN,
                           scale = WORLD_SCALE;
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_federation_of_eight_learns_for_five_rounds),
      {"liars_are_excluded_and_nobody_else: sign_flip", liars_are_excluded_and_nobody_else, NULL,
       NULL, &sign_flip},
      {"liars_are_excluded_and_nobody_else: gaussian", liars_are_excluded_and_nobody_else, NULL,
       NULL, &gaussian},
      {"liars_are_excluded_and_nobody_else: scale", liars_are_excluded_and_nobody_else, NULL, NULL,
       &scale},
      cmocka_unit_test(every_move_is_an_entry_with_numbers),
      cmocka_unit_test(a_wrong_claim_is_refused_by_name),
      cmocka_unit_test(absurd_examples_are_no_statement),
      cmocka_unit_test(a_forged_signature_changes_nothing),
      cmocka_unit_test(a_second_signature_is_not_taken),
      cmocka_unit_test(the_same_envelope_has_the_same_receipt_for_ever),
      cmocka_unit_test(a_late_update_is_stale),
      cmocka_unit_test(refusals_cannot_fill_the_log),
      cmocka_unit_test(refused_content_is_an_answer_and_no_malice),
      cmocka_unit_test(without_quorum_the_round_is_abandoned_and_the_next_one_opens),
      cmocka_unit_test(a_rule_that_cannot_keep_its_promise_holds_the_round),
      cmocka_unit_test(a_cohort_is_drawn_and_closes_at_its_target),
      cmocka_unit_test(an_invitation_is_good_once_and_until_its_date),
      cmocka_unit_test(a_key_of_another_client_cannot_be_enrolled),
      cmocka_unit_test(only_operators_submit_and_only_their_own),
      cmocka_unit_test(a_dry_run_appends_nothing),
      cmocka_unit_test(a_federation_needs_a_model_and_a_feasible_rule),
      cmocka_unit_test(exclusion_and_reinstatement_take_effect_at_once),
      cmocka_unit_test(an_update_of_a_client_excluded_meanwhile_weighs_nothing),
      cmocka_unit_test(a_revoked_key_is_refused_and_the_name_may_come_back),
      cmocka_unit_test(clients_read_models_and_manifests_but_no_updates),
      cmocka_unit_test(any_two_checkpoints_are_consistent),
      cmocka_unit_test(any_entry_is_proved_under_any_tree_that_has_it),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
