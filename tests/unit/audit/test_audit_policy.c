/* A policy is a document with versions: each round is judged by the one that its plan names,
 * whoever sets another meanwhile, and a log that says otherwise is found out. */
#include "forge.h"

#include "audit/archive.h"
#include "audit/audit.h"

#define assert_status(found, wanted)                                                               \
  assert_string_equal(tamis_status_name(found), tamis_status_name(wanted))

enum { CLIENTS = 8, LIARS = 1, ROUNDS = 5 };

static json_t *lenient(void) {
  return json_pack("{s:o}", "enforce", canonical_f64(0));
}

static json_t *strict(void) {
  return json_pack("{s:o, s:o}", "strikes_quarantine", canonical_f64(2), "clean_rounds",
                   canonical_f64(4));
}

static void answer(struct world *world, size_t client) {
  struct world_task task;
  assert_true(world_wait_task(world, client, &task));
  assert_status(
      world_answer(world, client, &task, client < LIARS ? WORLD_SIGN_FLIP : WORLD_HONEST, NULL),
      TAMIS_OK);
}

/* Round 1 under a policy that only looks, which is replaced while half of its updates are in. */
static void play(struct world *world) {
  world_open(world);
  world->snapshot_entries = 12;
  world_stop(world);
  world_start(world);
  world_enrol_clients(world, CLIENTS);
  assert_status(
      world_federation(world, WORLD_FEDERATION, "median", 5, 0, 0, ROUNDS, lenient(), NULL),
      TAMIS_OK);
  for (size_t i = 0; i < CLIENTS / 2; i++) answer(world, i);
  assert_status(world_policy(world, 2, strict(), NULL), TAMIS_OK);
  for (size_t i = CLIENTS / 2; i < CLIENTS; i++) answer(world, i);
  world_play(world, ROUNDS, LIARS, WORLD_SIGN_FLIP);
}

static int set_up(void **context) {
  struct scene *scene = calloc(1, sizeof *scene);
  play(&scene->story.world);
  assert_true(world_wait(&scene->story.world, "head_round", ROUNDS));
  scene_copy(scene);
  *context = scene;
  return 0;
}

static json_int_t of_round(struct world *world, int64_t round, const char *column) {
  json_t *rows = world_query(world, "rounds", 1, (const char *[]){WORLD_FEDERATION});
  const json_t *row = json_array_get(rows, (size_t)round - 1);
  json_int_t value = json_integer_value(json_object_get(row, column));
  json_decref(rows);
  return value;
}

static void a_round_is_judged_by_the_policy_of_its_plan(void **context) {
  struct world *world = &((struct scene *)*context)->story.world;
  char state[32];
  assert_int_equal(of_round(world, 1, "policy_version"), 1);
  assert_int_equal(of_round(world, 1, "accepted"), CLIENTS);
  for (int64_t round = 2; round <= ROUNDS; round++) {
    assert_int_equal(of_round(world, round, "policy_version"), 2);
    assert_int_equal(of_round(world, round, "accepted"), CLIENTS - LIARS);
  }
  /* Round 1 was a strike too: two make a quarantine here, three by default. */
  world_text(world, "moves", WORLD_FEDERATION, "round", "2", "to", state, sizeof state);
  assert_string_equal(state, "quarantined");
}

static void versions_are_told_with_who_set_them(void **context) {
  struct world *world = &((struct scene *)*context)->story.world;
  json_t *rows = world_query(world, "policies", 1, (const char *[]){WORLD_FEDERATION});
  const json_t *first = json_array_get(rows, 0), *second = json_array_get(rows, 1);
  assert_int_equal(json_array_size(rows), 2);
  assert_int_equal(json_integer_value(json_object_get(first, "rounds")), 1);
  assert_int_equal(json_integer_value(json_object_get(second, "first_round")), 2);
  assert_int_equal(json_integer_value(json_object_get(second, "last_round")), ROUNDS);
  assert_string_equal(json_string_value(json_object_get(second, "note")), "a test");
  assert_string_equal(json_string_value(json_object_get(second, "signer")), "operator/alice");
  json_t *policy = json_object_get(second, "policy");
  assert_int_equal(json_object_size(policy), 2);
  assert_true(json_real_value(json_object_get(policy, "clean_rounds")) == 4);
  json_decref(rows);
}

static void what_is_no_next_version_is_refused_with_the_reason(void **context) {
  struct world *world = &((struct scene *)*context)->story.world;
  struct digest digest = digest_of("another", 7);
  struct fault fault;
  assert_status(world_policy(world, 2, lenient(), &fault), TAMIS_CONFLICT);
  assert_non_null(strstr(fault.text, "the next is 3"));
  assert_status(world_policy(world, 4, lenient(), &fault), TAMIS_CONFLICT);
  assert_status(world_policy(world, 3, strict(), &fault), TAMIS_CONFLICT);
  assert_non_null(strstr(fault.text, "that is the policy of digits already"));
  json_t *unknown = json_pack("{s:o}", "risk_holt", canonical_f64(1));
  assert_status(world_policy(world, 3, unknown, &fault), TAMIS_BAD_STATEMENT);
  assert_non_null(strstr(fault.text, "risk_holt"));
  json_t *predicate =
      json_pack("{s:s, s:i, s:o, s:s, s:o}", "federation", WORLD_FEDERATION, "version", 3, "policy",
                lenient(), "note", "a test", "nonce", world_nonce(world));
  assert_status(world_submit(world, STATEMENT_POLICY_SET, predicate, "policy", &digest, &fault),
                TAMIS_BAD_STATEMENT);
  assert_non_null(strstr(fault.text, "digest of the policy"));
}

static enum tamis_status audit(struct scene *scene, const char *folder, bool is_light,
                               struct audit_report *report) {
  struct audit_options options = {.is_light = is_light, .threads = 2};
  return audit_run(folder, scene->vkey, &options, report, NULL);
}

static void an_audit_judges_every_round_by_its_own_policy(void **context) {
  struct scene *scene = *context;
  struct audit_report report;
  for (int light = 0; light < 2; light++) {
    assert_status(audit(scene, scene->copy, light == 1, &report), TAMIS_OK);
    assert_int_equal(report.promoted, ROUNDS);
    assert_int_equal(report.updates, ROUNDS * CLIENTS);
  }
}

struct places {
  uint64_t set, plan; /* the entry of version 2, and the first plan that names it */
};

static enum tamis_status find(void *context, const struct archive_entry *entry) {
  struct places *places = context;
  if (entry->entry->statement.kind == STATEMENT_POLICY_SET) places->set = entry->index;
  if (entry->entry->statement.kind == STATEMENT_ROUND_OPEN && places->plan == 0 &&
      statement_optional_integer(&entry->entry->statement, "policy_version", 1) == 2)
    places->plan = entry->index;
  return TAMIS_OK;
}

static struct places places_of(struct scene *scene) {
  struct places places = {0, 0};
  struct archive *archive;
  assert_status(archive_open(scene->copy, scene->vkey, NULL, &archive, NULL), TAMIS_OK);
  assert_status(archive_walk(archive, find, &places, NULL), TAMIS_OK);
  archive_close(archive);
  assert_true(places.set > 0 && places.plan > places.set);
  return places;
}

static void take_the_version_out(struct forgery *forgery) {
  json_object_del(forgery->predicate, "policy_version");
}

/* Another policy under its right digest: every entry is well formed, and the verdicts do not
 * follow.
 */
static void loosen(struct forgery *forgery) {
  json_t *policy = json_object_get(forgery->predicate, "policy");
  json_object_set_new(policy, "risk_reject", canonical_f64(1));
  json_object_set_new(policy, "strikes_quarantine", canonical_f64(4));
  assert_int_equal(canonical_digest(policy, &forgery->subject[0], NULL), TAMIS_OK);
}

static void misname(struct forgery *forgery) {
  forgery->subject[0].byte[0] ^= 1;
}

static void skip_one(struct forgery *forgery) {
  json_object_set_new(forgery->predicate, "version", json_integer(3));
}

static void a_log_that_says_otherwise_is_found_out(void **context) {
  struct scene *scene = *context;
  struct places places = places_of(scene);
  struct audit_report report;
  const struct {
    uint64_t index;
    void (*change)(struct forgery *);
    uint64_t first, last; /* where it shows */
  } lie[] = {{places.plan, take_the_version_out, places.plan, places.plan},
             {places.set, misname, places.set, places.set},
             {places.set, skip_one, places.set, places.set},
             {places.set, loosen, places.set + 1, UINT64_MAX}};
  for (size_t i = 0; i < sizeof lie / sizeof *lie; i++) {
    forge_log(&scene->story, scene->copy, scene->forged, lie[i].index, lie[i].change);
    assert_status(audit(scene, scene->forged, true, &report), TAMIS_CORRUPT);
    assert_in_range(report.divergence.index, lie[i].first, lie[i].last);
  }
}

/* Last, as it goes on: from a snapshot, and from a database made again; back and forward. */
static void restarts_and_rollbacks_change_no_policy(void **context) {
  struct world *world = &((struct scene *)*context)->story.world;
  char path[256], hex[80];
  struct digest first;
  world_text(world, "models", WORLD_FEDERATION, "round", "1", "model", hex, sizeof hex);
  assert_true(digest_from_hex(hex, strlen(hex), &first));
  assert_status(world_policy(world, 3, lenient(), NULL), TAMIS_OK);
  world_stop(world);
  snprintf(path, sizeof path, "%s/tamis.db", world->state_dir);
  assert_int_equal(unlink(path), 0);
  world_start(world);
  assert_status(world_rollback(world, 1, &first, NULL), TAMIS_OK);
  json_t *rows = world_query(world, "policies", 1, (const char *[]){WORLD_FEDERATION});
  assert_int_equal(json_array_size(rows), 3);
  json_decref(rows);
  assert_status(world_policy(world, 4, strict(), NULL), TAMIS_OK);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_round_is_judged_by_the_policy_of_its_plan),
      cmocka_unit_test(versions_are_told_with_who_set_them),
      cmocka_unit_test(what_is_no_next_version_is_refused_with_the_reason),
      cmocka_unit_test(an_audit_judges_every_round_by_its_own_policy),
      cmocka_unit_test(a_log_that_says_otherwise_is_found_out),
      cmocka_unit_test(restarts_and_rollbacks_change_no_policy),
  };
  return cmocka_run_group_tests(tests, set_up, scene_close);
}
