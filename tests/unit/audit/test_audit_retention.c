/* Claims about an audit after the policy has let updates go: those rounds count neither way, what
 * follows without the files is still held against the log, and what is merely missing is missed. */
#include "forge.h"

#include "audit/archive.h"
#include "audit/audit.h"

#define assert_status(found, wanted)                                                               \
  assert_string_equal(tamis_status_name(found), tamis_status_name(wanted))

enum { CLIENTS = 6, ROUNDS = 6, KEPT = 2 };

/* Another story than story_tell's, in its world. */
static int set_up(void **context) {
  struct scene *scene = calloc(1, sizeof *scene);
  struct world *world = &scene->story.world;
  world_open(world);
  world_enrol_clients(world, CLIENTS);
  assert_status(
      world_federation(world, WORLD_FEDERATION, "multi_krum(f=1)", 5, 0, 0, 0, NULL, NULL),
      TAMIS_OK);
  assert_status(
      world_submit(world, STATEMENT_RETENTION,
                   json_pack("{s:s, s:i, s:s, s:o}", "federation", WORLD_FEDERATION, "keep_rounds",
                             KEPT, "reason", "a test", "nonce", world_nonce(world)),
                   "model", &world->first_model, NULL),
      TAMIS_OK);
  world_play(world, ROUNDS, 0, WORLD_HONEST);
  assert_true(world_wait(world, "round", ROUNDS + 1));
  uint64_t size = 0; /* files go after the tombstone, on the server's own time */
  for (int calm = 0; calm < 20; usleep(2000)) {
    uint64_t now = core_size(world->core);
    calm = now == size ? calm + 1 : 0;
    size = now;
  }
  scene_copy(scene);
  *context = scene;
  return 0;
}

static enum tamis_status audit(struct scene *scene, const char *folder,
                               struct audit_report *report) {
  struct fault fault = {TAMIS_OK, ""};
  struct audit_options options = {.threads = 2};
  enum tamis_status status = audit_run(folder, scene->vkey, &options, report, &fault);
  if (status != TAMIS_OK) print_message("%s\n", fault.text);
  return status;
}

static struct archive_round round_of(struct scene *scene, int64_t number) {
  struct archive *archive;
  struct archive_options options = {.keeps_rounds = true};
  size_t count;
  assert_status(archive_open(scene->copy, scene->vkey, &options, &archive, NULL), TAMIS_OK);
  assert_status(archive_walk(archive, NULL, NULL, NULL), TAMIS_OK);
  struct archive_round round = archive_rounds(archive, WORLD_FEDERATION, &count)[number - 1];
  round.candidate = round.measure->row[0].update; /* what the tests ask for */
  round.measure = round.aggregate = NULL;
  archive_close(archive);
  return round;
}

static void rounds_that_were_let_go_count_neither_way(void **context) {
  struct scene *scene = *context;
  struct audit_report report;
  assert_status(audit(scene, scene->copy, &report), TAMIS_OK);
  assert_int_equal(report.promoted, ROUNDS);
  /* Of the last round all is there but what its updates were compared with. */
  assert_int_equal(report.by_policy, ROUNDS - 1);
  assert_int_equal(report.past_believed, CLIENTS);
  assert_int_equal(report.updates, CLIENTS);
}

static void double_weight(struct forgery *forgery) {
  json_t *update = json_array_get(json_object_get(forgery->manifest, "updates"), 1);
  double weight;
  assert_true(canonical_double(update, "weight", &weight));
  json_object_set_new(update, "weight", canonical_f64(2 * weight));
}

static void lower_risk(struct forgery *forgery) {
  json_t *update = json_array_get(json_object_get(forgery->manifest, "updates"), 1);
  json_object_set_new(update, "distance", canonical_f64(0.25));
}

static void lies_about_them_are_found_all_the_same(void **context) {
  struct scene *scene = *context;
  struct audit_report report;
  const struct {
    uint64_t index;
    void (*change)(struct forgery *);
    const char *what;
  } lie[] = {{round_of(scene, 2).aggregate_index, double_weight, "'s weight"},
             {round_of(scene, 3).verdicts_index, lower_risk, "'s distance"},
             {round_of(scene, ROUNDS).verdicts_index, lower_risk, "'s distance"}};
  for (size_t i = 0; i < sizeof lie / sizeof *lie; i++) {
    forge_log(&scene->story, scene->copy, scene->forged, lie[i].index, lie[i].change);
    assert_status(audit(scene, scene->forged, &report), TAMIS_CORRUPT);
    assert_int_equal(report.divergence.index, lie[i].index);
    assert_non_null(strstr(report.divergence.what, lie[i].what));
  }
}

static void what_no_entry_let_go_is_missed(void **context) {
  struct scene *scene = *context;
  struct audit_report report;
  char hex[DIGEST_HEX_SIZE], path[512];
  struct archive_round last = round_of(scene, ROUNDS);
  forge_log(&scene->story, scene->copy, scene->forged, 0, NULL);
  digest_to_hex(&last.candidate, hex);
  snprintf(path, sizeof path, "%s/blobs/%.2s/%s", scene->forged, hex, hex);
  assert_int_equal(remove(path), 0);
  assert_status(audit(scene, scene->forged, &report), TAMIS_CORRUPT);
  assert_true(report.divergence.index > last.open_index &&
              report.divergence.index < last.verdicts_index);
  assert_string_equal(report.divergence.expected, hex);
  assert_string_equal(report.divergence.found, "it is not there");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rounds_that_were_let_go_count_neither_way),
      cmocka_unit_test(lies_about_them_are_found_all_the_same),
      cmocka_unit_test(what_no_entry_let_go_is_missed),
  };
  return cmocka_run_group_tests(tests, set_up, scene_close);
}
