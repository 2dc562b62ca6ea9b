/* The past again without somebody: a line beside the old one, bit for bit what a federation would
 * be that never had the client, as long as nobody's later updates depend on it. */
#include "world.h"

#define assert_status(found, wanted)                                                               \
  assert_string_equal(tamis_status_name(found), tamis_status_name(wanted))

enum { CLIENTS = 8, D = WORLD_PARAMETERS, LIAR = 6 };

static void start(struct world *world, const char *rule, const char *optimiser, size_t clients,
                  int quorum, int rounds_max) {
  world_open(world);
  world->optimiser = optimiser;
  world_enrol_clients(world, clients);
  assert_status(world_federation(world, WORLD_FEDERATION, rule, quorum, 0, 0, rounds_max,
                                 json_pack("{s:o}", "enforce", canonical_f64(0)), NULL),
                TAMIS_OK);
}

static void text_of(struct world *world, const char *query, int64_t round, const char *column,
                    char *text, size_t size) {
  char number[24];
  snprintf(number, sizeof number, "%" PRId64, round);
  world_text(world, query, WORLD_FEDERATION, "round", number, column, text, size);
}

static struct digest model_of(struct world *world, int64_t round) {
  char hex[80];
  struct digest model = {{0}};
  text_of(world, "models", round, "model", hex, sizeof hex);
  assert_true(digest_from_hex(hex, strlen(hex), &model));
  return model;
}

static json_t *row_of(struct world *world, const char *query, int64_t round) {
  const char *arguments[] = {WORLD_FEDERATION};
  json_t *rows = world_query(world, query, 1, arguments), *row, *found = NULL;
  size_t i;
  json_array_foreach(rows, i, row) {
    if (json_integer_value(json_object_get(row, "round")) == round) found = json_incref(row);
  }
  json_decref(rows);
  assert_non_null(found);
  return found;
}

/* What client i says in step s, whatever the base is. */
static void say(struct world *world, size_t client, const struct world_task *task, int64_t step) {
  float update[D];
  uint64_t seed = (uint64_t)(1000 * step + (int64_t)client);
  for (size_t k = 0; k < D; k++) update[k] = (float)(0.1 * world_normal(&seed));
  if (client == LIAR)
    for (size_t k = 0; k < D; k++) update[k] *= -30;
  struct world_claim claim = world_claim_of(world, client, task, update);
  claim.examples = 100 + 7 * (int64_t)client;
  assert_status(world_claim_send(world, &claim, NULL), TAMIS_OK);
}

/* Everybody answers. */
static void play(struct world *world, int64_t round, int64_t step) {
  for (size_t client = 0; client < world->clients; client++) {
    struct world_task task;
    assert_true(world_wait_task(world, client, &task));
    assert_int_equal(task.round, round);
    say(world, client, &task, step);
  }
  assert_true(world_wait(world, "head_round", round));
}

static const char *const liar[] = {"c06"};

static enum tamis_status rebuild(struct world *world, int64_t since, struct fault *fault) {
  struct digest head = world_head(world);
  return world_rebuild(world, since, 1, liar, &head, fault);
}

static void assert_same_values(struct world *a, int64_t in_a, struct world *b, int64_t in_b) {
  struct digest first = model_of(a, in_a), second = model_of(b, in_b);
  assert_memory_equal(&first, &second, sizeof first);
}

/* Two logs draw different orders, and a sum in another order may differ in the last bits. */
static void assert_close_values(struct world *a, int64_t in_a, struct world *b, int64_t in_b) {
  float one[D], other[D];
  struct digest first = model_of(a, in_a), second = model_of(b, in_b);
  world_get(a, &first, one);
  world_get(b, &second, other);
  for (size_t k = 0; k < D; k++) assert_true(fabsf(one[k] - other[k]) < 1e-6F);
}

/* The same federation twice: one had the liar from round 3 on and is rebuilt, in the other it was
 * named last and never answered. The names of the others, and so their order, are the same. */
static void a_rebuilt_line_is_what_it_would_have_been(void **unused) {
  static const struct {
    const char *rule, *optimiser;
    bool has_order; /* of what is added up */
  } trainings[] = {{"median", NULL, false},
                   {"median", "momentum(beta=0.5)", false},
                   {"median", "adam(lr=0.1)", false},
                   {"krum(f=0)", "yogi(lr=0.1)", false},
                   {"mean", NULL, true},
                   {"weighted_mean", "sgd(lr=0.5)", true},
                   {"centered_clipping(tau=0.5)", "momentum(beta=0.5)", true}};
  (void)unused;
  for (size_t i = 0; i < sizeof trainings / sizeof *trainings; i++) {
    struct world with, without;
    start(&with, trainings[i].rule, trainings[i].optimiser, LIAR + 1, 4, 0);
    start(&without, trainings[i].rule, trainings[i].optimiser, LIAR, 4, 0);
    for (int64_t round = 1; round <= 6; round++) play(&with, round, round);
    for (int64_t round = 1; round <= 6; round++) play(&without, round, round);
    assert_true(world_wait(&with, "round", 7)); /* open, and in the way */
    assert_status(rebuild(&with, 1, NULL), TAMIS_OK);
    assert_true(world_wait(&with, "head_round", 13));
    for (int64_t round = 1; round <= 6; round++)
      (trainings[i].has_order ? assert_close_values : assert_same_values)(&with, 7 + round,
                                                                          &without, round);
    play(&with, 14, 7); /* with the liar again: nobody excluded it */
    struct digest here = model_of(&with, 14), there;
    play(&without, 7, 7);
    there = model_of(&without, 7);
    assert_memory_not_equal(&here, &there, sizeof here);
    world_close(&with);
    world_close(&without);
  }
}

static void numbers_go_on_and_say_what_they_redo(void **unused) {
  struct world world;
  char text[400];
  (void)unused;
  start(&world, "median", NULL, CLIENTS, 4, 0);
  for (int64_t round = 1; round <= 4; round++) play(&world, round, round);
  struct digest old = model_of(&world, 4);
  assert_true(world_wait(&world, "round", 5));
  assert_status(rebuild(&world, 3, NULL), TAMIS_OK);
  assert_true(world_wait(&world, "head_round", 7));
  text_of(&world, "rounds", 5, "outcome", text, sizeof text);
  assert_string_equal(text, "abandoned");
  text_of(&world, "rounds", 5, "sentence", text, sizeof text);
  assert_non_null(strstr(text, "rebuilt from round 3 on"));
  for (int64_t round = 6; round <= 7; round++) {
    json_t *row = row_of(&world, "models", round);
    assert_int_equal(json_integer_value(json_object_get(row, "rebuilt_from")), round - 3);
    assert_non_null(strstr(json_string_value(json_object_get(row, "approximate")), "approximate"));
    assert_true(json_is_false(json_object_get(row, "undone")));
    json_decref(row);
    row = row_of(&world, "rounds", round);
    assert_string_equal(json_string_value(json_object_get(row, "outcome")), "rebuilt");
    assert_int_equal(json_integer_value(json_object_get(row, "updates")), CLIENTS - 1);
    json_decref(row);
  }
  json_t *row = row_of(&world, "models", 4);
  assert_true(json_is_true(json_object_get(row, "undone")));
  assert_true(json_is_null(json_object_get(row, "rebuilt_from")));
  json_decref(row);
  /* The old line is there, and can be gone back to, and forward again, into the middle too. */
  assert_status(world_rollback(&world, 4, &old, NULL), TAMIS_OK);
  struct digest middle = model_of(&world, 6), head;
  assert_status(world_rollback(&world, 6, &middle, NULL), TAMIS_OK);
  head = world_head(&world);
  assert_memory_equal(&head, &middle, sizeof head);
  world_close(&world);
}

static enum tamis_status dispute(struct world *world, int64_t round, const struct digest *update) {
  return world_submit(world, STATEMENT_DISPUTE,
                      json_pack("{s:s, s:I, s:s, s:i, s:s, s:o}", "federation", WORLD_FEDERATION,
                                "round", (json_int_t)round, "client", "c00", "open", 1, "reason",
                                "a test", "nonce", world_nonce(world)),
                      "update", update, NULL);
}

/* What counts again was sent once, in the round that is redone: there it has its receipt, and there
 * it can be disputed. */
static void an_update_is_of_the_round_it_was_sent_in(void **unused) {
  struct world world;
  char hex[80], *receipt;
  size_t length;
  struct digest update;
  (void)unused;
  start(&world, "median", NULL, CLIENTS, 4, 0);
  for (int64_t round = 1; round <= 2; round++) play(&world, round, round);
  assert_status(rebuild(&world, 2, NULL), TAMIS_OK);
  assert_true(world_wait(&world, "head_round", 4));
  const char *arguments[] = {WORLD_FEDERATION, "4"};
  json_t *rows = world_query(&world, "round", 2, arguments);
  snprintf(hex, sizeof hex, "%s",
           json_string_value(json_object_get(json_array_get(rows, 0), "update")));
  json_decref(rows);
  assert_true(digest_from_hex(hex, strlen(hex), &update));
  assert_status(core_receipt(world.core, "c00", WORLD_FEDERATION, 4, &receipt, &length, NULL),
                TAMIS_NOT_FOUND);
  assert_status(core_receipt(world.core, "c00", WORLD_FEDERATION, 2, &receipt, &length, NULL),
                TAMIS_OK);
  free(receipt);
  assert_status(dispute(&world, 4, &update), TAMIS_NOT_FOUND);
  assert_status(dispute(&world, 2, &update), TAMIS_OK);
  world_close(&world);
}

static double weight_in_line(struct world *world, const char *client) {
  const char *arguments[] = {WORLD_FEDERATION};
  json_t *rows = world_query(world, "lineage", 1, arguments), *row;
  size_t i;
  double weight = 0;
  json_array_foreach(rows, i, row) {
    if (strcmp(json_string_value(json_object_get(row, "client")), client) == 0)
      weight = json_number_value(json_object_get(row, "weight"));
  }
  json_decref(rows);
  return weight;
}

static void the_weight_of_who_is_left_out_is_gone(void **unused) {
  struct world world;
  (void)unused;
  start(&world, "mean", NULL, CLIENTS, 4, 0);
  for (int64_t round = 1; round <= 4; round++) play(&world, round, round);
  assert_true(fabs(weight_in_line(&world, "c06") - 4.0 / CLIENTS) < 1e-12);
  assert_status(rebuild(&world, 3, NULL), TAMIS_OK);
  assert_true(world_wait(&world, "head_round", 7));
  assert_true(fabs(weight_in_line(&world, "c06") - 2.0 / CLIENTS) < 1e-12); /* rounds 1 and 2 */
  assert_true(fabs(weight_in_line(&world, "c00") - 2.0 / CLIENTS - 2.0 / (CLIENTS - 1)) < 1e-12);
  const char *arguments[] = {WORLD_FEDERATION, "7"};
  json_t *rows = world_query(&world, "round", 2, arguments);
  assert_int_equal(json_array_size(rows), CLIENTS - 1);
  json_decref(rows);
  world_close(&world);
}

static void what_cannot_be_rebuilt_is_refused(void **unused) {
  struct world world;
  struct fault fault;
  static const char *const nobody[] = {"nobody"}, *const late[] = {"c07"};
  (void)unused;
  start(&world, "median", NULL, CLIENTS, 4, 3);
  struct digest zero = {{0}};
  assert_status(world_rebuild(&world, 1, 1, liar, &world.first_model, &fault), TAMIS_NOT_FOUND);
  for (int64_t round = 1; round <= 3; round++) play(&world, round, round);
  struct digest head = world_head(&world), first = model_of(&world, 1);
  assert_status(world_rebuild(&world, 4, 1, liar, &head, &fault), TAMIS_NOT_FOUND);
  assert_non_null(strstr(fault.text, "no round from 4 on led to it"));
  assert_status(world_rebuild(&world, 1, 1, liar, &first, &fault), TAMIS_CONFLICT);
  assert_status(world_rebuild(&world, 1, 1, liar, &zero, &fault), TAMIS_CONFLICT);
  assert_status(world_rebuild(&world, 1, 1, nobody, &head, &fault), TAMIS_UNKNOWN_CLIENT);
  json_t *predicate = world_rebuild_predicate(&world, 1, 1, liar);
  assert_status(world_submit_as(&world, &world.client[0], STATEMENT_REBUILD, predicate, "model",
                                &head, false, &fault),
                TAMIS_DENIED);
  /* Without c07 from round 4 on: after a rebuild without it, there is nothing left to drop. */
  assert_status(world_rebuild(&world, 2, 1, late, &head, &fault), TAMIS_OK);
  assert_true(world_wait(&world, "head_round", 5));
  head = world_head(&world);
  assert_status(world_rebuild(&world, 2, 1, late, &head, &fault), TAMIS_CONFLICT);
  assert_non_null(strstr(fault.text, "nothing would change"));
  world_close(&world);
}

static void files_that_are_gone_are_named(void **unused) {
  struct world world;
  struct fault fault;
  char path[512];
  (void)unused;
  start(&world, "median", NULL, CLIENTS, 4, 3);
  for (int64_t round = 1; round <= 3; round++) play(&world, round, round);
  const char *arguments[] = {WORLD_FEDERATION, "2"};
  json_t *rows = world_query(&world, "round", 2, arguments), *row;
  size_t i;
  json_array_foreach(rows, i, row) {
    struct digest blob;
    const char *client = json_string_value(json_object_get(row, "client"));
    const char *hex = json_string_value(json_object_get(row, "update"));
    if (strcmp(client, "c02") != 0 && strcmp(client, "c06") != 0) continue;
    assert_true(digest_from_hex(hex, strlen(hex), &blob));
    blob_path(core_blobs(world.core), &blob, path, sizeof path);
    assert_int_equal(unlink(path), 0);
  }
  json_decref(rows);
  assert_status(rebuild(&world, 1, &fault), TAMIS_NOT_FOUND);
  assert_non_null(strstr(fault.text, "round 2 c02"));
  assert_null(strstr(fault.text, "c06")); /* what is left out need not be there */
  assert_status(rebuild(&world, 3, &fault), TAMIS_OK);
  assert_true(world_wait(&world, "head_round", 4));
  world_close(&world);
}

/* trimmed_mean(f=2) wants 5: of five clients four are too few, of six five are enough. */
static void a_round_that_the_rule_cannot_make_is_passed_over(void **unused) {
  struct world world;
  static const char *const last[] = {"c04"};
  struct fault fault;
  (void)unused;
  start(&world, "trimmed_mean(f=2)", "momentum(beta=0.5)", 5, 5, 0);
  play(&world, 1, 1);
  play(&world, 2, 2);
  assert_true(world_wait(&world, "round", 3));
  world_enrol_clients(&world, 6); /* too late for round 3 */
  world.clients = 5;
  play(&world, 3, 3);
  world.clients = 6;
  play(&world, 4, 4);
  assert_true(world_wait(&world, "round", 5));
  struct digest head = world_head(&world);
  assert_status(world_rebuild(&world, 2, 1, last, &head, &fault), TAMIS_OK);
  assert_true(world_wait(&world, "head_round", 8));
  for (int64_t round = 6; round <= 7; round++) {
    json_t *row = row_of(&world, "rounds", round);
    assert_int_equal(json_integer_value(json_object_get(row, "rebuilt_from")), round - 4);
    assert_int_equal(json_integer_value(json_object_get(row, "updates")), 0);
    assert_non_null(strstr(json_string_value(json_object_get(row, "sentence")), "passed over"));
    json_decref(row);
    assert_same_values(&world, round, &world, 1);
  }
  /* When nothing at all comes of it the head stays. */
  struct digest third = model_of(&world, 3);
  assert_status(world_rollback(&world, 3, &third, NULL), TAMIS_OK);
  json_int_t before = world_federation_integer(&world, "round");
  assert_status(world_rebuild(&world, 1, 1, last, &third, &fault), TAMIS_OK);
  assert_true(world_wait(&world, "round", before + 4)); /* and the next one is open */
  assert_int_equal(world_federation_integer(&world, "head_round"), 3);
  head = world_head(&world);
  assert_memory_equal(&head, &third, sizeof head);
  world_close(&world);
}

/* Rounds opened are counted, not numbers: a rebuild takes none of the training away. */
static void a_federation_at_its_end_is_rebuilt_and_still_at_its_end(void **unused) {
  struct world world;
  char text[32];
  (void)unused;
  start(&world, "median", NULL, CLIENTS, 4, 4);
  play(&world, 1, 1);
  play(&world, 2, 2);
  assert_true(world_wait(&world, "round", 3));
  assert_status(rebuild(&world, 2, NULL), TAMIS_OK);
  assert_true(world_wait(&world, "head_round", 4)); /* 3 was abandoned */
  play(&world, 5, 5);                               /* the fourth that was opened */
  world_text(&world, "federations", NULL, "federation", WORLD_FEDERATION, "phase", text,
             sizeof text);
  assert_string_equal(text, "finished");
  assert_status(rebuild(&world, 1, NULL), TAMIS_OK);
  assert_true(world_wait(&world, "head_round", 8));
  world_text(&world, "federations", NULL, "federation", WORLD_FEDERATION, "phase", text,
             sizeof text);
  assert_string_equal(text, "finished");
  assert_int_equal(world_federation_integer(&world, "round"), 8);
  world_close(&world);
}

/* Rollback there and back, then the rebuilt line is rebuilt, and who was left out stays out. */
static void what_was_rebuilt_is_rebuilt_again(void **unused) {
  struct world world, without;
  static const char *const two[] = {"c05"};
  (void)unused;
  start(&world, "median", "adagrad(lr=0.5)", CLIENTS - 1, 4, 0);
  start(&without, "median", "adagrad(lr=0.5)", CLIENTS - 3, 4, 0);
  for (int64_t round = 1; round <= 4; round++) play(&world, round, round);
  for (int64_t round = 1; round <= 4; round++) play(&without, round, round);
  struct digest old = world_head(&world), second = model_of(&world, 2);
  assert_status(world_rollback(&world, 2, &second, NULL), TAMIS_OK);
  assert_status(world_rollback(&world, 4, &old, NULL), TAMIS_OK);
  assert_status(rebuild(&world, 1, NULL), TAMIS_OK);
  int64_t last = 0;
  for (int i = 0; i < 5000 && (last = world_federation_integer(&world, "head_round")) == 4; i++)
    usleep(1000);
  struct digest head = world_head(&world);
  assert_status(world_rebuild(&world, last - 3, 1, two, &head, NULL), TAMIS_OK);
  assert_true(world_wait(&world, "head_round", last + 4));
  last = world_federation_integer(&world, "head_round");
  for (int64_t round = 1; round <= 4; round++)
    assert_same_values(&world, last - 4 + round, &without, round);
  world_close(&world);
  world_close(&without);
}

/* The folder as it is after each entry of a rebuild: a start from there comes to the same end. */
static void a_rebuild_that_was_killed_goes_on(void **unused) {
  struct world world;
  char original[192];
  (void)unused;
  start(&world, "median", "momentum(beta=0.5)", CLIENTS, 4, 5);
  for (int64_t round = 1; round <= 5; round++) play(&world, round, round);
  assert_status(rebuild(&world, 1, NULL), TAMIS_OK);
  assert_true(world_wait(&world, "head_round", 10));
  uint64_t size = core_size(world.core);
  struct digest head = world_head(&world);
  world_stop(&world);
  snprintf(original, sizeof original, "%s", world.state_dir);
  for (uint64_t keep = size - 6; keep < size; keep++) { /* after rebuild, each rebuilt; promote */
    snprintf(world.state_dir, sizeof world.state_dir, "%s/cut%" PRIu64, world.dir, keep);
    world_crashed_copy(original, world.state_dir, keep);
    world_signer_forgets(&world);
    world_start(&world);
    assert_true(world_wait(&world, "head_round", 10));
    struct digest found = world_head(&world);
    assert_memory_equal(&found, &head, sizeof found);
    world_stop(&world);
  }
  world_start(&world);
  world_close(&world);
}

static void exclusion_does_not_disturb_and_rollback_ends_it(void **unused) {
  struct world world;
  struct fault fault;
  (void)unused;
  start(&world, "median", NULL, CLIENTS, 4, 3);
  for (int64_t round = 1; round <= 3; round++) play(&world, round, round);
  struct digest head = world_head(&world);
  assert_status(rebuild(&world, 1, NULL), TAMIS_OK);
  enum tamis_status status = rebuild(&world, 1, &fault); /* or the first is over already */
  assert_true(status == TAMIS_CONFLICT);
  assert_status(world_standing(&world, STATEMENT_EXCLUSION, 0, NULL), TAMIS_OK);
  assert_true(world_wait(&world, "head_round", 6));
  assert_status(world_rollback(&world, 3, &head, NULL), TAMIS_OK);
  world_close(&world);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_rebuilt_line_is_what_it_would_have_been),
      cmocka_unit_test(numbers_go_on_and_say_what_they_redo),
      cmocka_unit_test(an_update_is_of_the_round_it_was_sent_in),
      cmocka_unit_test(the_weight_of_who_is_left_out_is_gone),
      cmocka_unit_test(what_cannot_be_rebuilt_is_refused),
      cmocka_unit_test(files_that_are_gone_are_named),
      cmocka_unit_test(a_round_that_the_rule_cannot_make_is_passed_over),
      cmocka_unit_test(a_federation_at_its_end_is_rebuilt_and_still_at_its_end),
      cmocka_unit_test(what_was_rebuilt_is_rebuilt_again),
      cmocka_unit_test(a_rebuild_that_was_killed_goes_on),
      cmocka_unit_test(exclusion_does_not_disturb_and_rollback_ends_it),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
