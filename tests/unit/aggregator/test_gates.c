/* A candidate goes through its gates one after the other, or its round is held; and what is frozen
 * does not move. */
#include "world.h"

#include "aggregator/gate_approval.h"
#include "aggregator/gates.h"

#define assert_status(found, wanted)                                                               \
  assert_string_equal(tamis_status_name(found), tamis_status_name(wanted))

enum { CLIENTS = 4 };

static void begin(struct world *world, const char *gates, int freeze_after) {
  struct fault fault = {TAMIS_OK, ""};
  world_open(world);
  world->gates = gates;
  world->freeze_after = freeze_after;
  world_enrol_clients(world, CLIENTS);
  enum tamis_status status =
      world_federation(world, WORLD_FEDERATION, "mean", 3, 0, 0, 0, NULL, &fault);
  if (status != TAMIS_OK) print_message("%s\n", fault.text);
  assert_status(status, TAMIS_OK);
}

static void round_text(struct world *world, int64_t round, const char *column, char *text,
                       size_t size) {
  char number[24];
  snprintf(number, sizeof number, "%" PRId64, round);
  world_text(world, "rounds", WORLD_FEDERATION, "round", number, column, text, size);
}

/* Waits until the round's candidate stands before the gate of this name. */
static struct digest candidate_now(struct world *world, int64_t round, const char *gate) {
  char text[80] = "";
  struct digest model = {{0}};
  for (int i = 0; i < 3000 && strcmp(text, gate) != 0; i++, usleep(1000))
    round_text(world, round, "waits_for", text, sizeof text);
  assert_string_equal(text, gate);
  round_text(world, round, "model", text, sizeof text);
  assert_true(digest_from_hex(text, strlen(text), &model));
  return model;
}

/* All clients answer. */
static struct digest candidate(struct world *world, int64_t round, const char *gate) {
  for (size_t i = 0; i < CLIENTS; i++) {
    struct world_task task;
    assert_true(world_wait_task(world, i, &task));
    assert_int_equal(task.round, round);
    assert_status(world_answer(world, i, &task, WORLD_HONEST, NULL), TAMIS_OK);
  }
  return candidate_now(world, round, gate);
}

static void wait_outcome(struct world *world, int64_t round, const char *wanted) {
  char outcome[32] = "";
  for (int i = 0; i < 3000 && strcmp(outcome, wanted) != 0; i++, usleep(1000))
    world_outcome(world, round, outcome, sizeof outcome);
  assert_string_equal(outcome, wanted);
}

static void assert_sentence(struct world *world, int64_t round, const char *wanted) {
  char sentence[400];
  round_text(world, round, "sentence", sentence, sizeof sentence);
  assert_string_equal(sentence, wanted);
}

/* Stops the world and folds its log again, from the journal alone and from the snapshot. */
static void fold_again(struct world *world) {
  char command[512];
  for (int i = 0; i < 2; i++) {
    world_stop(world);
    snprintf(command, sizeof command, "rm -f %s/tamis.db*%s%s%s", world->state_dir, i ? " " : "",
             i ? world->state_dir : "", i ? "/snapshot" : "");
    assert_int_equal(system(command), 0);
    world_start(world);
  }
}

/* ---- the text ---- */

static void gates_are_read_strictly(void **unused) {
  static const struct {
    const char *text, *fault;
  } bad[] = {
      {"approvel", "gates: column 1: no gate is called 'approvel'; did you mean 'approval'?"},
      {"approval |", "gates: column 11: the name of a gate was expected, not the end"},
      {"approval || approval", "gates: column 11: the name of a gate was expected, not '|'"},
      {"approval(persons=0)", "gates: approval: persons must be 1 to 8"},
      {"approval(persons=9)", "gates: approval: persons must be 1 to 8"},
      {"approval(persons=2.0)", "gates: column 18: persons must be a whole number like 4, not "
                                "'2.0'"},
      {"approval(persons=2, persons=2)", "gates: column 29: persons is given twice"},
      {"approval(quorum=2)", "gates: column 10: approval has no parameter 'quorum'; it takes "
                             "persons, minutes"},
      {"approval(minutes=0)", "gates: approval: minutes must be above 0, 44640 at most"},
      {"approval(minutes=-5)", "gates: approval: minutes must be above 0, 44640 at most"},
      {"approval(minutes=50000)", "gates: approval: minutes must be above 0, 44640 at most"},
      {"approval | approval", "gates: column 19: approval comes twice"},
      {"approval approval", "gates: column 10: '|' or the end was expected, not 'a'"},
      {" ", "gates: column 2: the name of a gate was expected, not the end"},
  };
  struct gates gates;
  struct fault fault;
  (void)unused;
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    assert_status(gates_read(bad[i].text, &gates, &fault), TAMIS_BAD_STATEMENT);
    assert_string_equal(fault.text, bad[i].fault);
  }
  assert_status(gates_read("", &gates, &fault), TAMIS_OK);
  assert_int_equal(gates.count, 0);
  assert_status(gates_read("approval( 3 , minutes = 0.5)", &gates, &fault), TAMIS_OK);
  assert_int_equal(gates.count, 1);
  assert_int_equal(gates_count(&gates.stage[0], "persons", 2), 3);
  assert_true(gates_number(&gates.stage[0], "minutes", 7) == 0.5);
}

static void a_federation_with_unreadable_gates_is_not_begun(void **unused) {
  struct world world;
  struct fault fault;
  (void)unused;
  world_open(&world);
  world.gates = "nothing(1)";
  assert_status(world_federation(&world, WORLD_FEDERATION, "mean", 3, 0, 0, 0, NULL, &fault),
                TAMIS_BAD_STATEMENT);
  assert_non_null(strstr(fault.text, "no gate is called 'nothing'"));
  world.gates = "";
  assert_status(world_federation(&world, WORLD_FEDERATION, "mean", 3, 0, 0, 0, NULL, &fault),
                TAMIS_BAD_STATEMENT);
  world_close(&world);
}

/* ---- approval ---- */

static void two_persons_make_a_candidate_the_head(void **unused) {
  struct world world;
  struct fault fault;
  char said[400];
  (void)unused;
  begin(&world, "approval", 0);
  struct digest model = candidate(&world, 1, "approval"), other = model;
  assert_int_equal(world_federation_integer(&world, "head_round"), 0);
  assert_status(world_approve(&world, &world.person[0], 1, &model, true, &fault), TAMIS_OK);
  assert_status(world_approve(&world, &world.person[0], 1, &model, true, &fault), TAMIS_CONFLICT);
  assert_string_equal(fault.text, "operator/bob has spoken about this candidate");
  other.byte[0] ^= 1;
  assert_status(world_approve(&world, &world.person[1], 1, &other, true, &fault), TAMIS_CONFLICT);
  assert_status(world_approve(&world, &world.person[1], 2, &model, true, &fault),
                TAMIS_STALE_ROUND);
  assert_status(world_approve(&world, &world.aggregator_key, 1, &model, true, &fault),
                TAMIS_DENIED);
  assert_status(world_approve(&world, &world.client[0], 1, &model, true, &fault), TAMIS_DENIED);
  fold_again(&world);
  assert_int_equal(world_federation_integer(&world, "head_round"), 0);
  assert_status(world_approve(&world, &world.person[1], 1, &model, true, &fault), TAMIS_OK);
  assert_true(world_wait(&world, "head_round", 1));
  world_text(&world, "words", WORLD_FEDERATION, "kind", "gate", "sentence", said, sizeof said);
  assert_string_equal(said, "approval: 2 of 2 persons approved (operator/bob, operator/carol)");
  assert_status(world_approve(&world, &world.person[2], 1, &model, true, &fault),
                TAMIS_STALE_ROUND);
  fold_again(&world);
  assert_int_equal(world_federation_integer(&world, "head_round"), 1);
  world_close(&world);
}

static void one_person_who_rejects_keeps_the_head(void **unused) {
  struct world world;
  struct core_counters counters;
  (void)unused;
  begin(&world, "approval(persons=2)", 0);
  struct digest model = candidate(&world, 1, "approval");
  assert_status(world_approve(&world, &world.person[0], 1, &model, true, NULL), TAMIS_OK);
  assert_status(world_approve(&world, &world.person[1], 1, &model, false, NULL), TAMIS_OK);
  wait_outcome(&world, 1, "held");
  assert_sentence(&world, 1, "approval: rejected by operator/carol: a test");
  assert_true(world_wait(&world, "round", 2)); /* and life goes on */
  assert_int_equal(world_federation_integer(&world, "head_round"), 0);
  core_counters(world.core, &counters);
  assert_string_equal(counters.gate[1].name, "approval");
  assert_int_equal(counters.gate[1].red, 1);
  assert_int_equal(counters.gate[1].green, 0);
  fold_again(&world);
  world_close(&world);
}

static void a_gate_that_nobody_opens_in_time_holds_the_round(void **unused) {
  struct world world;
  (void)unused;
  begin(&world, "approval(persons=3, minutes=30)", 0);
  struct digest model = candidate(&world, 1, "approval");
  assert_status(world_approve(&world, &world.person[2], 1, &model, true, NULL), TAMIS_OK);
  atomic_fetch_add(&world.now_ms, 30 * 60000 - 1000);
  usleep(120000);
  assert_int_equal(world_federation_integer(&world, "round"), 1);
  atomic_fetch_add(&world.now_ms, 1001);
  wait_outcome(&world, 1, "held");
  assert_sentence(&world, 1, "approval: 1 of 3 persons approved (operator/dave); its time is over");
  fold_again(&world);
  world_close(&world);
}

static void separated_duties_want_a_release_manager_and_then_a_reviewer(void **unused) {
  struct federation federation = {.approval_count = 0};
  struct fault fault;
  struct public_key log_key = {.name = WORLD_ORIGIN};
  struct state *state = state_new(&log_key);
  (void)unused;
  struct public_key mia = {.name = "person/mia"}, rex = {.name = "person/rex"};
  state_person_add(state, &mia)->grant[ROLE_RELEASE_MANAGER].is_held = true;
  state_person_add(state, &rex)->grant[ROLE_REVIEWER].is_held = true;
  state->is_separated = true;
  assert_status(gate_approval_may(state, &federation, "person/rex", WORLD_START_MS, &fault),
                TAMIS_DENIED);
  assert_string_equal(fault.text, "person/rex is no release-manager: a candidate is approved by a "
                                  "release-manager first and by a reviewer then");
  assert_status(gate_approval_may(state, &federation, "person/mia", WORLD_START_MS, &fault),
                TAMIS_OK);
  federation.approval_count = 1;
  assert_status(gate_approval_may(state, &federation, "person/rex", WORLD_START_MS, &fault),
                TAMIS_OK);
  assert_status(gate_approval_may(state, &federation, "person/mia", WORLD_START_MS, &fault),
                TAMIS_DENIED);
  state_free(state);
}

/* ---- freezing ---- */

static void what_is_frozen_is_not_promoted(void **unused) {
  struct world world;
  struct fault fault;
  struct core_counters counters;
  (void)unused;
  begin(&world, "approval(persons=1)", 0);
  struct digest model = candidate(&world, 1, "approval");
  assert_status(world_freeze(&world, STATEMENT_UNFREEZE, &fault), TAMIS_CONFLICT);
  assert_status(world_freeze(&world, STATEMENT_FREEZE, &fault), TAMIS_OK);
  assert_status(world_freeze(&world, STATEMENT_FREEZE, &fault), TAMIS_CONFLICT);
  assert_string_equal(fault.text, "digits is frozen already");
  assert_status(world_approve(&world, &world.person[0], 1, &model, true, NULL), TAMIS_OK);
  usleep(50000);
  assert_int_equal(world_federation_integer(&world, "head_round"), 0);
  core_counters(world.core, &counters);
  assert_int_equal(counters.federations_frozen, 1);
  fold_again(&world);
  assert_int_equal(world_federation_integer(&world, "head_round"), 0);
  assert_status(world_freeze(&world, STATEMENT_UNFREEZE, &fault), TAMIS_OK);
  assert_true(world_wait(&world, "head_round", 1));
  world_close(&world);
}

/* No round has to end for any of it. */
static void a_freeze_takes_effect_at_once_and_so_do_exclusion_and_rollback_in_it(void **unused) {
  struct world world;
  char text[128];
  (void)unused;
  begin(&world, NULL, 0);
  for (size_t i = 0; i < CLIENTS; i++) {
    struct world_task task;
    assert_true(world_wait_task(&world, i, &task));
    assert_status(world_answer(&world, i, &task, WORLD_HONEST, NULL), TAMIS_OK);
  }
  assert_true(world_wait(&world, "round", 2)); /* which is open */
  assert_status(world_freeze(&world, STATEMENT_FREEZE, NULL), TAMIS_OK);
  world_text(&world, "federations", NULL, "federation", WORLD_FEDERATION, "frozen", text,
             sizeof text);
  assert_string_equal(text, "frozen by operator/alice: a test");
  assert_status(world_standing(&world, STATEMENT_EXCLUSION, 0, NULL), TAMIS_OK);
  world_state(&world, 0, text, sizeof text);
  assert_string_equal(text, "excluded");
  assert_status(world_rollback(&world, 0, &world.first_model, NULL), TAMIS_OK);
  struct digest head = world_head(&world);
  assert_true(digest_equal(&head, &world.first_model));
  wait_outcome(&world, 2, "abandoned");
  usleep(50000);
  assert_int_equal(world_federation_integer(&world, "round"), 2); /* no other one opens */
  fold_again(&world);
  assert_status(world_freeze(&world, STATEMENT_UNFREEZE, NULL), TAMIS_OK);
  assert_true(world_wait(&world, "round", 3));
  world_close(&world);
}

static void red_gates_in_a_row_freeze_by_themselves(void **unused) {
  struct world world;
  char text[200] = "";
  (void)unused;
  begin(&world, "approval(persons=1)", 2);
  for (int64_t round = 1; round <= 2; round++) {
    struct digest model = candidate(&world, round, "approval");
    assert_status(world_approve(&world, &world.person[0], round, &model, false, NULL), TAMIS_OK);
    wait_outcome(&world, round, "held");
  }
  for (int i = 0; i < 3000 && text[0] == '\0'; i++, usleep(1000))
    world_text(&world, "federations", NULL, "federation", WORLD_FEDERATION, "frozen", text,
               sizeof text);
  assert_string_equal(text, "frozen by service/aggregator: 2 rounds in a row were held by a gate: "
                            "nothing moves until a person unfreezes");
  assert_int_equal(world_federation_integer(&world, "round"), 2);
  fold_again(&world);
  assert_int_equal(world_federation_integer(&world, "round"), 2);
  assert_status(world_freeze(&world, STATEMENT_UNFREEZE, NULL), TAMIS_OK);
  struct digest model = candidate(&world, 3, "approval"); /* one red more is one again */
  assert_status(world_approve(&world, &world.person[0], 3, &model, false, NULL), TAMIS_OK);
  assert_true(world_wait(&world, "round", 4));
  world_close(&world);
}

/* ---- evaluators ---- */

static enum tamis_status measure(struct world *world, size_t person, int64_t round,
                                 const struct digest *model, int correct0, int correct1,
                                 double trigger_rate, struct fault *fault) {
  struct world_evaluation e = {.round = round,
                               .model = *model,
                               .correct = {correct0, correct1},
                               .trigger_rate = trigger_rate};
  return world_evaluate(world, &world->person[person], &e, fault);
}

static void budgets_are_read_strictly(void **unused) {
  static const char *const bad[] = {
      "evaluator",
      "evaluator(quorum=2)",
      "evaluator(quorum=0, drop_max=0.1)",
      "evaluator(drop_max=1.5)",
      "evaluator(drop_max=-0.1)",
      "evaluator(drop_max=0.1, rollback=perhaps)",
      "evaluator(drop_max=nan)",
  };
  struct gates gates;
  (void)unused;
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    assert_status(gates_read(bad[i], &gates, NULL), TAMIS_BAD_STATEMENT);
  assert_status(
      gates_read("evaluator(2, 0.01, trigger_max=0, rollback=on) | approval", &gates, NULL),
      TAMIS_OK);
  assert_int_equal(gates.count, 2);
  assert_int_equal(gates_choice(&gates.stage[0], "rollback"), 1);
}

static void an_evaluator_within_the_budget_opens_the_gate(void **unused) {
  struct world world;
  struct fault fault;
  char said[400];
  (void)unused;
  begin(&world, "evaluator(drop_max=0.01, trigger_max=0) | approval(persons=1)", 0);
  struct digest head = world_head(&world);
  struct digest model = candidate(&world, 1, "evaluator");
  assert_status(measure(&world, 0, 1, &model, 94, 94, 0, &fault), TAMIS_CONFLICT);
  assert_string_equal(fault.text, "the gate compares with the head: evaluate the model of round 0 "
                                  "under this suite first");
  assert_status(measure(&world, 0, 0, &head, 95, 95, 0, &fault), TAMIS_OK);
  assert_status(world_approve(&world, &world.person[0], 1, &model, true, &fault),
                TAMIS_STALE_ROUND);
  assert_string_equal(fault.text,
                      "the candidate of round 1 of digits waits for gate evaluator now");
  assert_status(measure(&world, 0, 1, &model, 94, 94, 0, &fault), TAMIS_OK); /* 0.01, no more */
  model = candidate_now(&world, 1, "approval");
  world_text(&world, "words", WORLD_FEDERATION, "kind", "gate", "sentence", said, sizeof said);
  assert_string_equal(said, "evaluator: 1 of 1 evaluator within the budget: accuracy 0.9400, the "
                            "head's 0.9500, 0 of the triggers hit (operator/bob)");
  fold_again(&world);
  assert_status(world_approve(&world, &world.person[0], 1, &model, true, NULL), TAMIS_OK);
  assert_true(world_wait(&world, "head_round", 1));
  /* The candidate's measure is the head's now: the next one is compared with it. */
  struct digest next = candidate(&world, 2, "evaluator");
  assert_status(measure(&world, 0, 2, &next, 92, 92, 0, &fault), TAMIS_OK);
  wait_outcome(&world, 2, "held");
  assert_sentence(&world, 2,
                  "evaluator: accuracy 0.9200 is 0.0200 below the head's 0.9400, at most "
                  "0.01 is allowed (operator/bob)");
  fold_again(&world);
  world_close(&world);
}

static void triggers_and_classes_close_the_gate(void **unused) {
  struct world world;
  (void)unused;
  begin(&world, "evaluator(trigger_max=0, class_drop_max=0.05)", 0);
  struct digest head = world_head(&world);
  assert_status(measure(&world, 0, 0, &head, 90, 90, 0, NULL), TAMIS_OK);
  struct digest model = candidate(&world, 1, "evaluator");
  assert_status(measure(&world, 0, 1, &model, 95, 95, 0.25, NULL), TAMIS_OK);
  wait_outcome(&world, 1, "held");
  assert_sentence(&world, 1, "evaluator: 0.25 of the triggers hit, at most 0 may (operator/bob)");
  model = candidate(&world, 2, "evaluator");
  assert_status(measure(&world, 0, 2, &model, 98, 80, 0, NULL), TAMIS_OK);
  wait_outcome(&world, 2, "held");
  assert_sentence(&world, 2,
                  "evaluator: class 1 lost 0.1000 of its accuracy, at most 0.05 is "
                  "allowed (operator/bob)");
  fold_again(&world);
  world_close(&world);
}

static void a_quorum_of_evaluators_outvotes_one(void **unused) {
  struct world world;
  (void)unused;
  begin(&world, "evaluator(quorum=2, accuracy_min=0.5)", 0);
  struct digest model = candidate(&world, 1, "evaluator");
  assert_status(measure(&world, 0, 1, &model, 10, 10, 0, NULL), TAMIS_OK);
  assert_status(measure(&world, 1, 1, &model, 90, 90, 0, NULL), TAMIS_OK);
  usleep(30000);
  assert_int_equal(world_federation_integer(&world, "head_round"), 0);
  fold_again(&world);
  assert_status(measure(&world, 2, 1, &model, 90, 90, 0, NULL), TAMIS_OK);
  assert_true(world_wait(&world, "head_round", 1));
  model = candidate(&world, 2, "evaluator");
  atomic_fetch_add(&world.now_ms, 11 * 60000);
  wait_outcome(&world, 2, "held");
  assert_sentence(&world, 2, "evaluator: 0 of 2 evaluators within the budget; its time is over");
  world_close(&world);
}

static void an_evaluation_that_cannot_be_is_refused(void **unused) {
  struct world world;
  struct fault fault;
  (void)unused;
  begin(&world, "evaluator(accuracy_min=0.5)", 0);
  struct digest model = candidate(&world, 1, "evaluator"), other = model;
  struct world_evaluation e = {.round = 1, .model = model, .correct = {90, 90}};
  other.byte[0] ^= 1;
  assert_status(measure(&world, 0, 1, &other, 90, 90, 0, &fault), TAMIS_STALE_ROUND);
  assert_status(measure(&world, 0, 2, &model, 90, 90, 0, &fault), TAMIS_STALE_ROUND);
  assert_status(measure(&world, 0, 1, &model, 90, 101, 0, &fault), TAMIS_BAD_STATEMENT);
  assert_string_equal(fault.text, "evaluation: a class of its manifest cannot be read");
  assert_status(measure(&world, 0, 1, &model, 90, 90, 1.5, &fault), TAMIS_BAD_STATEMENT);
  e.predicted[0] = 150;
  assert_status(world_evaluate(&world, &world.person[0], &e, &fault), TAMIS_BAD_STATEMENT);
  assert_string_equal(fault.text, "evaluation: its classes have more examples than it says");
  e.predicted[0] = 50;
  assert_status(world_evaluate(&world, &world.person[0], &e, &fault), TAMIS_BAD_STATEMENT);
  e.predicted[0] = 0;
  assert_status(world_evaluate(&world, &world.client[0], &e, &fault), TAMIS_DENIED);
  assert_status(world_evaluate(&world, &world.aggregator_key, &e, &fault), TAMIS_DENIED);
  assert_int_equal(world_federation_integer(&world, "head_round"), 0);
  world_close(&world);
}

/* ---- going back by itself ---- */

static void a_head_beyond_the_budget_goes_back_by_itself(void **unused) {
  struct world world;
  struct core_counters counters;
  char text[400] = "";
  (void)unused;
  begin(&world, "evaluator(trigger_max=0, accuracy_min=0.5, rollback=on)", 0);
  struct digest first = world_head(&world), model;
  for (int64_t round = 1; round <= 2; round++) {
    model = candidate(&world, round, "evaluator");
    assert_status(measure(&world, 0, round, &model, 90, 90, 0, NULL), TAMIS_OK);
    assert_true(world_wait(&world, "head_round", round));
  }
  /* Triggers that nobody knew of before. */
  assert_status(measure(&world, 0, 2, &model, 90, 90, 0.5, NULL), TAMIS_OK);
  for (int i = 0; i < 3000 && world_federation_integer(&world, "head_round") != 1; i++)
    usleep(1000);
  assert_int_equal(world_federation_integer(&world, "head_round"), 1);
  struct digest head = world_head(&world);
  assert_status(measure(&world, 0, 1, &head, 90, 90, 0.25, NULL), TAMIS_OK);
  for (int i = 0; i < 3000 && world_federation_integer(&world, "head_round") != 0; i++)
    usleep(1000);
  head = world_head(&world);
  assert_true(digest_equal(&head, &first));
  core_counters(world.core, &counters);
  assert_int_equal(counters.auto_rollbacks, 2);
  fold_again(&world);
  assert_int_equal(world_federation_integer(&world, "head_round"), 0);
  /* Nothing is left below the first model: people are to look. */
  assert_status(measure(&world, 0, 0, &first, 90, 90, 0.25, NULL), TAMIS_OK);
  for (int i = 0; i < 3000 && text[0] == '\0'; i++, usleep(1000))
    world_text(&world, "federations", NULL, "federation", WORLD_FEDERATION, "frozen", text,
               sizeof text);
  assert_string_equal(text, "frozen by service/aggregator: the model of round 0 is beyond the "
                            "budget: 0.25 of the triggers hit, at most 0 may (operator/bob); there "
                            "is no model left to go back to");
  fold_again(&world);
  world_close(&world);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(gates_are_read_strictly),
      cmocka_unit_test(a_federation_with_unreadable_gates_is_not_begun),
      cmocka_unit_test(two_persons_make_a_candidate_the_head),
      cmocka_unit_test(one_person_who_rejects_keeps_the_head),
      cmocka_unit_test(a_gate_that_nobody_opens_in_time_holds_the_round),
      cmocka_unit_test(separated_duties_want_a_release_manager_and_then_a_reviewer),
      cmocka_unit_test(what_is_frozen_is_not_promoted),
      cmocka_unit_test(a_freeze_takes_effect_at_once_and_so_do_exclusion_and_rollback_in_it),
      cmocka_unit_test(red_gates_in_a_row_freeze_by_themselves),
      cmocka_unit_test(budgets_are_read_strictly),
      cmocka_unit_test(an_evaluator_within_the_budget_opens_the_gate),
      cmocka_unit_test(triggers_and_classes_close_the_gate),
      cmocka_unit_test(a_quorum_of_evaluators_outvotes_one),
      cmocka_unit_test(an_evaluation_that_cannot_be_is_refused),
      cmocka_unit_test(a_head_beyond_the_budget_goes_back_by_itself),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
