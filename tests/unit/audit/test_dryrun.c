/* A dry run says of stored rounds what a federation under that policy says of the same updates,
 * word for word; of the policy in force it says nothing at all. */
#include "forge.h"

#include "audit/dryrun.h"

#define assert_status(found, wanted)                                                               \
  assert_string_equal(tamis_status_name(found), tamis_status_name(wanted))

enum { CLIENTS = 9, LIARS = 2, ROUNDS = 9 };

/* What client i sends in round r, whatever the base is: one liar is far off, another turns now and
 * then. */
static void say(struct world *world, size_t client, const struct world_task *task) {
  float update[WORLD_PARAMETERS];
  uint64_t seed = (uint64_t)(1000 * task->round + (int64_t)client);
  for (size_t k = 0; k < WORLD_PARAMETERS; k++)
    update[k] = (float)(0.1 + 0.05 * world_normal(&seed));
  for (size_t k = 0; client == 0 && k < WORLD_PARAMETERS; k++) update[k] *= -5;
  for (size_t k = 0; client == 1 && task->round % 2 == 0 && k < WORLD_PARAMETERS; k++)
    update[k] *= -1;
  struct world_claim claim = world_claim_of(world, client, task, update);
  assert_status(world_claim_send(world, &claim, NULL), TAMIS_OK);
}

static void play(struct world *world, int64_t last) {
  for (int idle = 0; world_federation_integer(world, "head_round") < last && idle < 3000;) {
    bool worked = false;
    for (size_t i = 0; i < world->clients; i++) {
      struct world_task task;
      if (!world_poll(world, i, &task) || task.round > last) continue;
      say(world, i, &task);
      worked = true;
    }
    idle = worked ? 0 : idle + 1;
    if (!worked) usleep(1000);
  }
  assert_int_equal(world_federation_integer(world, "head_round"), last);
}

static void begin(struct world *world, json_t *policy) {
  world_open(world);
  world_enrol_clients(world, CLIENTS);
  assert_status(world_federation(world, WORLD_FEDERATION, "median", 5, 0, 0, 0, policy, NULL),
                TAMIS_OK);
}

static json_t *lenient(void) {
  return json_pack("{s:o}", "enforce", canonical_f64(0));
}

static json_t *strict(void) {
  return json_pack("{s:o, s:o}", "strikes_quarantine", canonical_f64(2), "strikes_exclude",
                   canonical_f64(3));
}

/* `policy` is taken over. */
static enum tamis_status ask(struct world *world, json_t *policy, int64_t first, int64_t last,
                             json_t **report, struct fault *fault) {
  char vkey[KEY_VKEY_SIZE];
  struct dryrun_question question = {
      .federation = WORLD_FEDERATION, .policy = policy, .first = first, .last = last};
  key_vkey_write(&world->log_key.public, vkey);
  enum tamis_status status = dryrun(world->state_dir, vkey, &question, report, fault);
  json_decref(policy);
  return status;
}

static json_t *report_of(struct world *world, json_t *policy, int64_t first, int64_t last) {
  struct fault fault = {TAMIS_OK, ""};
  json_t *report = NULL;
  if (ask(world, policy, first, last, &report, &fault) != TAMIS_OK) fail_msg("%s", fault.text);
  return report;
}

static json_int_t integer(const json_t *row, const char *key) {
  return json_integer_value(json_object_get(row, key));
}

static const char *text(const json_t *row, const char *key) {
  return json_string_value(json_object_get(row, key));
}

/* What became of the rounds of `world`, in the words of a report. */
static void assert_rounds_are_those_of(const json_t *report, struct world *world) {
  json_t *rows = world_query(world, "rounds", 1, (const char *[]){WORLD_FEDERATION});
  const json_t *rounds = json_object_get(report, "rounds");
  for (size_t i = 0; i < json_array_size(rounds); i++) {
    const json_t *would = json_object_get(json_array_get(rounds, i), "would");
    const json_t *row = json_array_get(rows, i);
    assert_int_equal(integer(row, "round"), integer(json_array_get(rounds, i), "round"));
    assert_int_equal(integer(would, "accepted"), integer(row, "accepted"));
    assert_int_equal(integer(would, "held"), integer(row, "held"));
    assert_int_equal(integer(would, "rejected"), integer(row, "rejected"));
    assert_int_equal(integer(would, "absent"), CLIENTS - integer(row, "updates"));
  }
  json_decref(rows);
}

static void assert_moves_are_those_of(const json_t *report, struct world *world) {
  json_t *rows = world_query(world, "moves", 2, (const char *[]){WORLD_FEDERATION, ""}), *move;
  const json_t *rounds = json_object_get(report, "rounds");
  size_t at = 0, k;
  for (size_t i = 0; i < json_array_size(rounds); i++) {
    json_array_foreach(json_object_get(json_array_get(rounds, i), "moves"), k, move) {
      const json_t *row = json_array_get(rows, at++);
      assert_int_equal(integer(row, "round"), integer(json_array_get(rounds, i), "round"));
      assert_string_equal(text(row, "client"), text(move, "client"));
      assert_string_equal(text(row, "from"), text(move, "from"));
      assert_string_equal(text(row, "to"), text(move, "to"));
      assert_string_equal(text(row, "sentence"), text(move, "sentence"));
    }
  }
  assert_int_equal(at, json_array_size(rows));
  assert_true(at > 4);
  json_decref(rows);
}

static const json_t *client_of(const json_t *report, const char *name) {
  json_t *client;
  size_t i;
  json_array_foreach(json_object_get(report, "clients"), i, client) {
    if (strcmp(text(client, "client"), name) == 0) return client;
  }
  fail_msg("the report has no %s", name);
  return NULL;
}

static void it_says_what_a_federation_under_that_policy_says(void **unused) {
  struct world looked, enforced;
  (void)unused;
  begin(&looked, lenient());
  play(&looked, ROUNDS);
  begin(&enforced, strict());
  play(&enforced, ROUNDS);
  json_t *report = report_of(&looked, strict(), 0, ROUNDS);
  assert_int_equal(integer(report, "judged"), ROUNDS);
  assert_true(integer(report, "remeasured") > 0); /* a liar in quarantine votes no more */
  assert_rounds_are_those_of(report, &enforced);
  assert_moves_are_those_of(report, &enforced);
  const json_t *liar = client_of(report, "c00");
  assert_string_equal(text(json_object_get(liar, "was"), "state"), "probation");
  assert_string_equal(text(json_object_get(liar, "would"), "state"), "excluded");
  assert_int_equal(integer(json_object_get(liar, "would"), "quarantined"), 2);
  assert_int_equal(integer(json_object_get(liar, "would"), "excluded"), 3);
  assert_int_equal(integer(json_object_get(liar, "would"), "absent"), ROUNDS - 3);
  json_decref(report);
  world_close(&enforced);
  world_close(&looked);
}

static void assert_nothing_would_be_otherwise(const json_t *report) {
  json_t *row;
  size_t i;
  json_array_foreach(json_object_get(report, "rounds"), i, row) {
    assert_true(json_equal(json_object_get(row, "was"), json_object_get(row, "would")));
    assert_int_equal(json_array_size(json_object_get(row, "changes")), 0);
    assert_true(json_is_true(json_object_get(row, "feasible")));
  }
  json_array_foreach(json_object_get(report, "clients"), i, row) {
    const json_t *was = json_object_get(row, "was"), *would = json_object_get(row, "would");
    assert_int_equal(integer(was, "held"), integer(would, "held"));
    assert_int_equal(integer(was, "rejected"), integer(would, "rejected"));
    assert_string_equal(text(was, "state"), text(would, "state"));
  }
  assert_int_equal(integer(report, "remeasured"), 0);
}

/* Exclusions, reinstatements and rollbacks in between: what people did is done again. */
static void of_the_policy_in_force_it_says_nothing(void **unused) {
  struct world world;
  struct digest model;
  char hex[80];
  (void)unused;
  begin(&world, strict());
  play(&world, 3);
  assert_status(world_standing(&world, STATEMENT_EXCLUSION, 4, NULL), TAMIS_OK);
  play(&world, 4);
  assert_status(world_standing(&world, STATEMENT_REINSTATEMENT, 4, NULL), TAMIS_OK);
  assert_status(world_standing(&world, STATEMENT_REINSTATEMENT, 0, NULL), TAMIS_OK);
  play(&world, 6);
  world_text(&world, "models", WORLD_FEDERATION, "round", "2", "model", hex, sizeof hex);
  assert_true(digest_from_hex(hex, strlen(hex), &model));
  assert_status(world_rollback(&world, 2, &model, NULL), TAMIS_OK);
  struct world_task task;
  assert_true(world_wait_task(&world, 2, &task));
  play(&world, task.round + 2);
  json_t *whole = report_of(&world, strict(), 0, 0), *part = report_of(&world, strict(), 4, 0);
  assert_nothing_would_be_otherwise(whole);
  assert_nothing_would_be_otherwise(part);
  assert_true(integer(whole, "judged") == integer(part, "judged") + 3);
  json_decref(part);
  json_decref(whole);
  world_close(&world);
}

static void a_report_is_canonical_and_the_same_each_time(void **unused) {
  struct world world;
  struct digest first, second, policy;
  (void)unused;
  begin(&world, lenient());
  play(&world, 3);
  world_stop(&world);
  json_t *one = report_of(&world, strict(), 2, 3), *two = report_of(&world, strict(), 2, 3);
  json_t *asked = strict();
  char hex[DIGEST_HEX_SIZE];
  assert_status(canonical_digest(one, &first, NULL), TAMIS_OK);
  assert_status(canonical_digest(two, &second, NULL), TAMIS_OK);
  assert_status(canonical_digest(asked, &policy, NULL), TAMIS_OK);
  assert_memory_equal(&first, &second, sizeof first);
  digest_to_hex(&policy, hex);
  assert_string_equal(text(one, "policy_digest"), hex);
  assert_int_equal(integer(one, "judged"), 2);
  assert_true(json_array_size(json_object_get(one, "limits")) >= 4);
  json_decref(asked);
  json_decref(one);
  json_decref(two);
  world_start(&world);
  world_close(&world);
}

static void what_cannot_be_asked_is_refused(void **unused) {
  struct world world;
  struct fault fault;
  json_t *report = NULL;
  (void)unused;
  begin(&world, lenient());
  play(&world, 1);
  json_t *torn = json_pack("{s:o, s:o}", "z_low", canonical_f64(5), "z_high", canonical_f64(4));
  assert_status(ask(&world, torn, 0, 0, &report, &fault), TAMIS_BAD_STATEMENT);
  assert_status(ask(&world, strict(), 7, 9, &report, &fault), TAMIS_NOT_FOUND);
  assert_non_null(strstr(fault.text, "in this range was judged"));
  world_close(&world);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(it_says_what_a_federation_under_that_policy_says),
      cmocka_unit_test(of_the_policy_in_force_it_says_nothing),
      cmocka_unit_test(a_report_is_canonical_and_the_same_each_time),
      cmocka_unit_test(what_cannot_be_asked_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
