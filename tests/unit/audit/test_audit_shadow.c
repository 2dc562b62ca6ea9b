/* Rules beside the plan's: they see what it saw, they say how far they are from it, an audit finds
 * the same bits, and nothing leads from them to a head. */
#include "forge.h"

#include "aggregator/beside.h"
#include "aggregator/manifest.h"
#include "aggregator/round.h"
#include "aggregator/shadow.h"
#include "aggregator/state_text.h"
#include "audit/archive.h"
#include "audit/audit.h"

#define assert_status(found, wanted)                                                               \
  assert_string_equal(tamis_status_name(found), tamis_status_name(wanted))

/* What the shadows said of a round; waits until they have. */
static json_t *shadows_of(struct world *world, int round, size_t count) {
  char number[16];
  const char *arguments[] = {WORLD_FEDERATION, number};
  snprintf(number, sizeof number, "%d", round);
  for (int i = 0; i < 5000; i++) {
    json_t *rows = world_query(world, "shadows", 2, arguments);
    if (json_array_size(rows) == count) return rows;
    json_decref(rows);
    usleep(1000);
  }
  fail_msg("no shadow of round %d", round);
  return NULL;
}

static double number_of(const json_t *rows, size_t i, const char *column) {
  return json_number_value(json_object_get(json_array_get(rows, i), column));
}

static const char *text_of(const json_t *rows, size_t i, const char *column) {
  return json_string_value(json_object_get(json_array_get(rows, i), column));
}

static enum tamis_status audit(const struct world *world, bool is_light,
                               struct audit_report *report) {
  struct audit_options options = {.is_light = is_light, .threads = 2};
  struct fault fault = {TAMIS_OK, ""};
  char vkey[KEY_VKEY_SIZE];
  key_vkey_write(&world->log_key.public, vkey);
  enum tamis_status status = audit_run(world->state_dir, vkey, &options, report, &fault);
  if (status != TAMIS_OK) print_message("%s\n", fault.text);
  return status;
}

static void begin(struct world *world, const char *rule, const char *shadows, size_t clients,
                  int quorum) {
  world_open(world);
  world->shadows = shadows;
  world_enrol_clients(world, clients);
  assert_status(world_federation(world, WORLD_FEDERATION, rule, quorum, 0, 0, 0, NULL, NULL),
                TAMIS_OK);
}

/* ---- the numbers ---- */

enum { THREE = 3 };

static void updates_get(struct world *world, const char *round,
                        float update[THREE][WORLD_PARAMETERS]) {
  const char *arguments[] = {WORLD_FEDERATION, round};
  json_t *rows = world_query(world, "round", 2, arguments);
  assert_int_equal(json_array_size(rows), THREE);
  for (size_t i = 0; i < THREE; i++) {
    struct digest digest;
    const char *hex = text_of(rows, i, "update");
    assert_true(digest_from_hex(hex, strlen(hex), &digest));
    world_get(world, &digest, update[i]);
  }
  json_decref(rows);
}

static float middle(float a, float b, float c) {
  return a < b ? (b < c ? b : a < c ? c : a) : (a < c ? a : b < c ? c : b);
}

/* Three clients: mean and median by hand. */
static void distance_and_cosine_are_those_of_the_two_aggregates(void **unused) {
  struct world world;
  float update[THREE][WORLD_PARAMETERS];
  double difference = 0, plan = 0, shadow = 0, both = 0;
  (void)unused;
  begin(&world, "mean", "median; mean", THREE, THREE);
  world_play(&world, 1, 0, WORLD_HONEST);
  json_t *rows = shadows_of(&world, 1, 2);
  updates_get(&world, "1", update);
  for (size_t i = 0; i < WORLD_PARAMETERS; i++) {
    double p = (float)(((double)update[0][i] + update[1][i] + update[2][i]) / 3);
    double s = middle(update[0][i], update[1][i], update[2][i]);
    difference += (s - p) * (s - p), plan += p * p, shadow += s * s, both += s * p;
  }
  assert_string_equal(text_of(rows, 0, "rule"), "median");
  assert_true(fabs(number_of(rows, 0, "distance") - sqrt(difference / plan)) < 1e-6);
  assert_true(fabs(number_of(rows, 0, "cosine") - both / sqrt(plan * shadow)) < 1e-6);
  assert_true(number_of(rows, 0, "distance") > 0.01);
  assert_string_equal(text_of(rows, 1, "rule"), "mean");
  assert_true(number_of(rows, 1, "distance") == 0 && number_of(rows, 1, "cosine") == 1);
  json_decref(rows);
  world_close(&world);
}

/* Sums of the updates with weights that are known are compared by the weights: the same, but for
 * the rounding of the rows. */
static void weights_tell_the_distance_without_the_rows(void **unused) {
  enum { N = 3, D = 5 };
  static const float row[N][D] = {{1, 2, 3, 4, 5}, {-1, 0.5f, 2, 8, 1}, {0, 0, 7, -3, 2}};
  static const double plan[N] = {0.25, 0.5, 0.25}, shadow[N] = {0, 1, 0};
  double gram[N * N] = {0};
  float p[D] = {0}, s[D] = {0};
  (void)unused;
  for (size_t k = 0; k < D; k++)
    for (size_t i = 0; i < N; i++) {
      p[k] += (float)(plan[i] * (double)row[i][k]), s[k] += (float)(shadow[i] * (double)row[i][k]);
      for (size_t j = 0; j < N; j++) gram[i * N + j] += (double)row[i][k] * (double)row[j][k];
    }
  struct beside by_rows = beside_of_rows(s, p, D);
  struct beside by_weights = beside_of_weights(shadow, plan, gram, N);
  assert_true(fabs(beside_distance(&by_rows) - beside_distance(&by_weights)) < 1e-12);
  assert_true(fabs(beside_cosine(&by_rows) - beside_cosine(&by_weights)) < 1e-12);
  struct beside nothing = {0, 0, 0, 0}, no_plan = {4, 0, 0, 4};
  assert_true(beside_distance(&nothing) == 0 && beside_cosine(&nothing) == 0);
  assert_true(beside_distance(&no_plan) == 1 && beside_cosine(&no_plan) == 0);
}

/* Without a rule that looks into the updates even the light audit makes them again. */
static void rules_of_weights_need_no_update(void **unused) {
  struct world world;
  struct audit_report report;
  (void)unused;
  begin(&world, "multi_krum(f=1)", "mean; nnm(f=1) | mean; krum(f=1)", 6, 5);
  for (int round = 1; round <= 2; round++) {
    world_play(&world, round, 1, WORLD_SIGN_FLIP);
    json_decref(shadows_of(&world, round, 3));
  }
  assert_status(audit(&world, false, &report), TAMIS_OK);
  uint64_t decisions = report.decisions;
  assert_status(audit(&world, true, &report), TAMIS_OK);
  assert_int_equal(report.shadows_believed, 0);
  assert_int_equal(report.decisions, decisions);
  world_close(&world);
}

/* ---- the log ---- */

/* Plans of every sort: with an optimiser, and one that remembers. */
static void shadows_are_audited_bit_for_bit(void **unused) {
  static const char *const rules[] = {"mean", "nnm(f=1) | trimmed_mean(f=1)",
                                      "centered_clipping(tau=1)"};
  (void)unused;
  for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
    struct world world;
    struct audit_report report;
    world_open(&world);
    world.optimiser = i > 0 ? "momentum(lr=1, beta=0.5)" : NULL;
    world.shadows = "mean; multi_krum(f=1) ;clip(2.0) | median";
    world_enrol_clients(&world, 8);
    assert_status(world_federation(&world, WORLD_FEDERATION, rules[i], 5, 0, 0, 0, NULL, NULL),
                  TAMIS_OK);
    for (int round = 1; round <= 3; round++) {
      world_play(&world, round, 1, WORLD_SIGN_FLIP);
      json_decref(shadows_of(&world, round, 3));
    }
    assert_status(audit(&world, false, &report), TAMIS_OK);
    assert_int_equal(report.shadows_believed, 0);
    uint64_t decisions = report.decisions;
    assert_status(audit(&world, true, &report), TAMIS_OK);
    assert_int_equal(report.shadows_believed, 3); /* a median looks at every number */
    assert_int_equal(report.decisions + 3, decisions);
    world_close(&world);
  }
}

static json_t *first_rule(struct forgery *forgery) {
  return json_array_get(json_object_get(forgery->manifest, "rules"), 0);
}

static void nearer(struct forgery *forgery) {
  json_object_set_new(forgery->predicate, "distance", canonical_f64(0.001));
}

static void another_weight(struct forgery *forgery) {
  json_array_set_new(json_object_get(first_rule(forgery), "weights"), 0, canonical_f64(0.5));
}

static void not_feasible(struct forgery *forgery) {
  json_object_set_new(first_rule(forgery), "status", json_string("RULE_NOT_FEASIBLE"));
}

static void another_round(struct forgery *forgery) {
  json_object_set_new(forgery->predicate, "round", json_integer(1));
}

static void one_rule_less(struct forgery *forgery) {
  json_object_set_new(forgery->predicate, "rules", json_integer(1));
}

static void left_out(struct forgery *forgery) {
  forgery->is_left_out = true;
}

static enum tamis_status visit_shadow(void *context, const struct archive_entry *at) {
  uint64_t *index = context;
  if (at->entry->statement.kind == STATEMENT_SHADOW) *index = at->index;
  return TAMIS_OK;
}

static uint64_t last_shadow(struct scene *scene) {
  struct archive *archive;
  uint64_t index = 0;
  assert_status(archive_open(scene->copy, scene->vkey, NULL, &archive, NULL), TAMIS_OK);
  assert_status(archive_walk(archive, visit_shadow, &index, NULL), TAMIS_OK);
  archive_close(archive);
  return index;
}

/* What a server may leave out is the whole entry: that it has no time for shadows is its affair. */
static void a_shadow_entry_that_lies_is_found(void **unused) {
  static void (*const lies[])(struct forgery *) = {nearer, another_weight, not_feasible,
                                                   another_round, one_rule_less};
  struct scene *scene = calloc(1, sizeof *scene);
  struct audit_options options = {.threads = 2};
  struct audit_report report;
  void *context = scene;
  (void)unused;
  begin(&scene->story.world, "mean", "median; trimmed_mean(f=1)", 4, 3);
  for (int round = 1; round <= 2; round++) {
    world_play(&scene->story.world, round, 0, WORLD_HONEST);
    json_decref(shadows_of(&scene->story.world, round, 2));
  }
  scene_copy(scene);
  uint64_t index = last_shadow(scene);
  for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
    forge_log(&scene->story, scene->copy, scene->forged, index, lies[i]);
    assert_status(audit_run(scene->forged, scene->vkey, &options, &report, NULL), TAMIS_CORRUPT);
    assert_int_equal(report.divergence.index, index);
  }
  forge_log(&scene->story, scene->copy, scene->forged, index, left_out);
  assert_status(audit_run(scene->forged, scene->vkey, &options, &report, NULL), TAMIS_OK);
  scene_close(&context);
}

/* The liars are held: too few are left for one of the shadows, and the round goes on. */
static void a_shadow_that_is_not_feasible_is_a_sentence(void **unused) {
  struct world world;
  struct audit_report report;
  (void)unused;
  begin(&world, "mean", "trimmed_mean(f=3); mean", 8, 7);
  world_play(&world, 1, 2, WORLD_SIGN_FLIP);
  json_t *rows = shadows_of(&world, 1, 2);
  assert_string_equal(text_of(rows, 0, "status"), "RULE_NOT_FEASIBLE");
  assert_non_null(strstr(text_of(rows, 0, "sentence"), "trimmed_mean(f=3) needs"));
  assert_true(json_is_null(json_object_get(json_array_get(rows, 0), "distance")));
  assert_string_equal(text_of(rows, 1, "status"), "OK");
  assert_int_equal(world_federation_integer(&world, "head_round"), 1);
  assert_status(audit(&world, false, &report), TAMIS_OK);
  json_decref(rows);
  world_close(&world);
}

/* ---- what they can never do ---- */

struct watched {
  size_t shadows;
};

/* The text of the state without the lines that a shadow's entry may change. */
static void others_digest(const struct state *state, struct digest *digest) {
  static const char *const may_change[] = {"size ", "shadowed_round ", "readable ", "blob "};
  char *text;
  size_t length;
  struct digest_stream *stream = digest_stream_new();
  state_text_write(state, &text, &length);
  for (size_t at = 0; at < length;) {
    size_t end = (size_t)((char *)memchr(text + at, '\n', length - at) - text) + 1;
    bool may = false;
    for (size_t i = 0; i < sizeof may_change / sizeof *may_change; i++)
      may |= strncmp(text + at, may_change[i], strlen(may_change[i])) == 0;
    if (!may) digest_stream_add(stream, text + at, end - at);
    at = end;
  }
  *digest = digest_stream_finish(stream);
  digest_stream_free(stream);
  free(text);
}

static enum tamis_status on_entry(void *context, const struct archive_entry *at) {
  struct watched *watched = context;
  struct digest before, after;
  if (at->entry->statement.kind != STATEMENT_SHADOW) return TAMIS_OK;
  struct state *state = state_excerpt(at->state, at->state->federation[0]);
  others_digest(state, &before);
  assert_status(federation_apply(state, at->entry, at->manifest, NULL), TAMIS_OK);
  others_digest(state, &after);
  assert_true(digest_equal(&before, &after));
  state_free(state);
  watched->shadows++;
  return TAMIS_OK;
}

/* A shadow's entry moves nothing, names no model, and its work makes none. */
static void nothing_leads_from_a_shadow_to_a_head(void **unused) {
  struct world world;
  struct watched watched = {0};
  struct archive *archive;
  char vkey[KEY_VKEY_SIZE];
  (void)unused;
  begin(&world, "mean", "median; multi_krum(f=1)", 6, 5);
  for (int round = 1; round <= 2; round++) {
    world_play(&world, round, 1, WORLD_SIGN_FLIP);
    json_decref(shadows_of(&world, round, 2));
  }
  key_vkey_write(&world.log_key.public, vkey);
  assert_status(archive_open(world.state_dir, vkey, NULL, &archive, NULL), TAMIS_OK);
  assert_status(archive_walk(archive, on_entry, &watched, NULL), TAMIS_OK);
  assert_int_equal(watched.shadows, 2);
  const struct federation *federation = archive_state(archive)->federation[0];
  struct work *work = shadow_work(federation, 2);
  struct found found;
  round_find(archive_blobs(archive), 1, work, &found);
  assert_status(work->status, TAMIS_OK);
  assert_true(digest_is_zero(&work->candidate));
  assert_int_equal(found.count, 0);
  assert_int_equal(work->after.count, 0);
  assert_null(statement_kind_subject(STATEMENT_SHADOW, 1));
  assert_string_equal(statement_kind_subject(STATEMENT_SHADOW, 0), "manifest");
  found_close(&found);
  work_free(work);
  archive_close(archive);
  world_close(&world);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(distance_and_cosine_are_those_of_the_two_aggregates),
      cmocka_unit_test(weights_tell_the_distance_without_the_rows),
      cmocka_unit_test(rules_of_weights_need_no_update),
      cmocka_unit_test(shadows_are_audited_bit_for_bit),
      cmocka_unit_test(a_shadow_entry_that_lies_is_found),
      cmocka_unit_test(a_shadow_that_is_not_feasible_is_a_sentence),
      cmocka_unit_test(nothing_leads_from_a_shadow_to_a_head),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
