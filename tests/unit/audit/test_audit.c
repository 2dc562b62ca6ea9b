/* Claims about the audit: a true log passes, and whatever a server with all its keys writes instead
 * is found at the entry where it began to lie. */
#include "forge.h"

#include "audit/archive.h"
#include "audit/audit.h"

#define assert_status(found, wanted)                                                               \
  assert_string_equal(tamis_status_name(found), tamis_status_name(wanted))

static int set_up(void **context) {
  struct scene *scene = calloc(1, sizeof *scene);
  story_tell(&scene->story);
  scene_copy(scene);
  *context = scene;
  return 0;
}

/* ---- finding an entry to lie in ---- */

struct wanted {
  enum statement_kind kind;
  const char *federation;
  int64_t round;
  bool (*fits)(const struct archive_entry *at); /* or NULL */
  uint64_t index;                               /* found */
};

static enum tamis_status look(void *context, const struct archive_entry *at) {
  struct wanted *wanted = context;
  const struct statement *statement = &at->entry->statement;
  const char *federation = NULL;
  int64_t round = 0;
  canonical_text(statement->predicate, "federation", &federation);
  canonical_integer(statement->predicate, "round", &round);
  if (wanted->index == UINT64_MAX && statement->kind == wanted->kind && federation &&
      strcmp(federation, wanted->federation) == 0 &&
      (wanted->round == 0 || round == wanted->round) && (!wanted->fits || wanted->fits(at)))
    wanted->index = at->index;
  return TAMIS_OK;
}

static uint64_t find(struct scene *scene, enum statement_kind kind, const char *federation,
                     int64_t round, bool (*fits)(const struct archive_entry *)) {
  struct wanted wanted = {kind, federation, round, fits, UINT64_MAX};
  struct archive *archive;
  assert_status(archive_open(scene->copy, scene->vkey, NULL, &archive, NULL), TAMIS_OK);
  assert_status(archive_walk(archive, look, &wanted, NULL), TAMIS_OK);
  archive_close(archive);
  assert_true(wanted.index != UINT64_MAX);
  return wanted.index;
}

/* ---- auditing ---- */

static enum tamis_status audit(struct scene *scene, const char *folder, bool is_light,
                               struct audit_report *report) {
  struct fault fault = {TAMIS_OK, ""};
  struct audit_options options = {.is_light = is_light, .threads = 2};
  enum tamis_status status = audit_run(folder, scene->vkey, &options, report, &fault);
  if (status != TAMIS_OK) print_message("%s\n", fault.text);
  return status;
}

/* The forged log must be found out at that entry, in those words. */
static void assert_found(struct scene *scene, bool is_light, uint64_t index, const char *what) {
  struct audit_report report;
  assert_status(audit(scene, scene->forged, is_light, &report), TAMIS_CORRUPT);
  assert_true(report.has_diverged);
  assert_int_equal(report.divergence.index, index);
  if (!strstr(report.divergence.what, what)) fail_msg("%s, not %s", report.divergence.what, what);
  assert_true(report.divergence.expected[0] != '\0' && report.divergence.found[0] != '\0');
}

enum found_by { FULL_ONLY, LIGHT_TOO };

static void lie(struct scene *scene, uint64_t index, void (*change)(struct forgery *),
                enum found_by by, const char *what) {
  forge_log(&scene->story, scene->copy, scene->forged, index, change);
  assert_found(scene, false, index, what);
  if (by == LIGHT_TOO) assert_found(scene, true, index, what);
}

static void a_true_log_passes(void **context) {
  struct scene *scene = *context;
  struct audit_report full, light, narrow;
  struct audit_options options = {.federation = "digits", .first = 3, .last = 5, .threads = 1};
  assert_status(audit(scene, scene->copy, false, &full), TAMIS_OK);
  assert_int_equal(full.rounds, STORY_ROUNDS);
  assert_int_equal(full.promoted + full.held + full.abandoned, STORY_ROUNDS);
  assert_true(full.held > 0 && full.abandoned > 0 && full.undone > 0);
  assert_int_equal(full.by_policy + full.troubles + full.open, 0);
  assert_int_equal(full.entries, full.covered);
  assert_status(audit(scene, scene->copy, true, &light), TAMIS_OK);
  assert_true(digest_equal(&full.digest, &light.digest));
  assert_int_equal(full.decisions, light.decisions);
  assert_true(light.weights_believed > 0 && full.weights_believed == 0);
  assert_true(light.files < full.files / 4);
  assert_status(audit_run(scene->copy, scene->vkey, &options, &narrow, NULL), TAMIS_OK);
  assert_int_equal(narrow.rounds, 3);
  assert_int_equal(narrow.entries, full.entries);
}

static void copying_entry_by_entry_changes_nothing(void **context) {
  struct scene *scene = *context;
  struct audit_report report;
  forge_log(&scene->story, scene->copy, scene->forged, 0, NULL);
  assert_status(audit(scene, scene->forged, false, &report), TAMIS_OK);
}

/* ---- lies about a round's plan ---- */

static void leave_one_out(struct forgery *forgery) {
  json_t *clients = json_object_get(forgery->manifest, "clients");
  json_array_remove(clients, 3);
  json_object_set_new(forgery->predicate, "selected",
                      json_integer((json_int_t)json_array_size(clients)));
}

static void a_client_that_was_not_asked_is_missed(void **context) {
  uint64_t index = find(*context, STATEMENT_ROUND_OPEN, "digits", 3, NULL);
  lie(*context, index, leave_one_out, LIGHT_TOO, "place 3 of \"clients\"");
}

static void flip_randomness(struct forgery *forgery) {
  struct digest digest = digest_of("chosen", 6);
  json_object_set_new(forgery->predicate, "randomness", world_hex(&digest));
}

static void chosen_randomness_is_found(void **context) {
  uint64_t index = find(*context, STATEMENT_ROUND_OPEN, "centred", 2, NULL);
  lie(*context, index, flip_randomness, LIGHT_TOO, "");
}

static void lower_quorum(struct forgery *forgery) {
  json_object_set_new(forgery->predicate, "quorum", json_integer(1));
}

static void a_plan_with_other_terms_is_found(void **context) {
  uint64_t index = find(*context, STATEMENT_ROUND_OPEN, "sorted", 2, NULL);
  lie(*context, index, lower_quorum, LIGHT_TOO, "the quorum");
}

/* ---- lies about evidence and verdicts ---- */

static json_t *update_of(struct forgery *forgery, size_t i) {
  return json_array_get(json_object_get(forgery->manifest, "updates"), i);
}

static void hold_an_honest_one(struct forgery *forgery) {
  json_t *update = update_of(forgery, 7);
  assert_string_equal(json_string_value(json_object_get(update, "verdict")), "accept");
  json_object_set_new(update, "verdict", json_string("hold"));
  for (int i = 0; i < 2; i++) {
    const char *count = i == 0 ? "accepted" : "held";
    json_int_t now = json_integer_value(json_object_get(forgery->predicate, count));
    json_object_set_new(forgery->predicate, count, json_integer(now + (i == 0 ? -1 : 1)));
  }
}

static void a_flipped_verdict_is_found(void **context) {
  uint64_t index = find(*context, STATEMENT_VERDICTS, "digits", 4, NULL);
  lie(*context, index, hold_an_honest_one, LIGHT_TOO, "'s verdict");
}

static void flip_gram(struct forgery *forgery) {
  const char *hex = json_string_value(json_object_get(forgery->predicate, "gram"));
  struct digest digest;
  struct blob_view view;
  assert_true(digest_from_hex(hex, strlen(hex), &digest));
  assert_status(blob_map(forgery->blobs, &digest, true, &view, NULL), TAMIS_OK);
  uint8_t *bytes = malloc(view.length);
  memcpy(bytes, view.bytes, view.length);
  bytes[view.length - 3] ^= 1;
  assert_status(blob_put(forgery->blobs, bytes, view.length, &digest, NULL), TAMIS_OK);
  free(bytes);
  blob_unmap(&view);
  json_object_set_new(forgery->predicate, "gram", world_hex(&digest));
}

static void one_bit_of_a_gram_matrix_is_found(void **context) {
  struct scene *scene = *context;
  uint64_t index = find(scene, STATEMENT_VERDICTS, "narrow", 2, NULL);
  lie(scene, index, flip_gram, FULL_ONLY, "the gram");
  assert_found(scene, true, index, "'s "); /* some number that follows from it */
}

static void forget_a_strike(struct forgery *forgery) {
  json_t *client = json_array_get(json_object_get(forgery->manifest, "clients"), 0);
  assert_true(json_integer_value(json_object_get(client, "strikes")) > 0);
  json_object_set_new(client, "strikes", json_integer(0));
}

static void a_forgotten_strike_is_found(void **context) {
  uint64_t index = find(*context, STATEMENT_VERDICTS, "digits", 2, NULL);
  lie(*context, index, forget_a_strike, LIGHT_TOO, "client c00's strikes after the round");
}

static void flatter(struct forgery *forgery) {
  json_object_set_new(update_of(forgery, 5), "own_cosine", canonical_f64(0.5));
}

static void another_own_cosine_needs_the_bodies(void **context) {
  uint64_t index = find(*context, STATEMENT_VERDICTS, "digits", 3, NULL);
  lie(*context, index, flatter, FULL_ONLY, "client c05's own_cosine");
}

static void leave_out(struct forgery *forgery) {
  forgery->is_left_out = true;
}

static void a_move_that_is_not_told_is_missed(void **context) {
  uint64_t index = find(*context, STATEMENT_CLIENT_STATE, "sorted", 0, NULL);
  lie(*context, index, leave_out, LIGHT_TOO, "");
}

/* ---- lies about the aggregate ---- */

static void double_weight(struct forgery *forgery) {
  double weight;
  assert_true(canonical_double(update_of(forgery, 2), "weight", &weight));
  json_object_set_new(update_of(forgery, 2), "weight", canonical_f64(2 * weight));
}

static void a_changed_weight_is_found(void **context) {
  struct scene *scene = *context;
  struct audit_report report;
  struct fault fault;
  struct audit_options options = {0};
  uint64_t index = find(scene, STATEMENT_AGGREGATE, "digits", 4, NULL);
  lie(scene, index, double_weight, LIGHT_TOO, "'s weight");
  assert_status(audit_run(scene->forged, scene->vkey, &options, &report, &fault), TAMIS_CORRUPT);
  assert_non_null(strstr(fault.text, ", round 4 of digits: client c"));
  assert_non_null(strstr(fault.text, "'s weight should be 0x1"));
  assert_non_null(strstr(fault.text, ", the log says 0x1"));
  /* Of a coordinate-wise rule behind a mixer, too. */
  index = find(scene, STATEMENT_AGGREGATE, "sorted", 4, NULL);
  lie(scene, index, double_weight, LIGHT_TOO, "'s weight");
}

static void name_first_model(struct forgery *forgery) {
  forgery->subject[0] = forgery->story->world.first_model;
}

static void a_swapped_candidate_is_found(void **context) {
  uint64_t index = find(*context, STATEMENT_AGGREGATE, "claimed", 3, NULL);
  lie(*context, index, name_first_model, FULL_ONLY, "the model");
}

static void swap_momentum(struct forgery *forgery) {
  json_t *vector = json_array_get(json_object_get(forgery->manifest, "state"), 0);
  json_object_set_new(vector, "blob", world_hex(&forgery->story->world.first_model));
}

static void a_swapped_momentum_is_found(void **context) {
  uint64_t index = find(*context, STATEMENT_AGGREGATE, "digits", 2, NULL);
  lie(*context, index, swap_momentum, FULL_ONLY, "the blob of the remembered momentum");
}

static void excuse(struct forgery *forgery) {
  json_object_set_new(forgery->predicate, "sentence", json_string("no time"));
}

static void another_reason_to_hold_is_found(void **context) {
  uint64_t index = find(*context, STATEMENT_HOLD, "held", 0, NULL);
  lie(*context, index, excuse, LIGHT_TOO, "the sentence");
}

/* ---- lies about time and about others ---- */

static bool is_late(const struct archive_entry *at) {
  return strcmp(statement_text(&at->entry->statement, "status"), "QUORUM_NOT_MET") == 0;
}

static void too_soon(struct forgery *forgery) {
  json_int_t at_ms = json_integer_value(json_object_get(forgery->predicate, "at_ms"));
  json_object_set_new(forgery->predicate, "at_ms", json_integer(at_ms - WORLD_DEADLINE_MS / 2));
}

static void a_round_given_up_before_its_deadline_is_found(void **context) {
  uint64_t index = find(*context, STATEMENT_ABANDON, "digits", 0, is_late);
  lie(*context, index, too_soon, LIGHT_TOO, "what follows here");
}

static void boast(struct forgery *forgery) {
  json_object_set_new(forgery->predicate, "examples", json_integer(20000));
}

static void an_update_that_was_to_be_refused_is_found(void **context) {
  struct scene *scene = *context;
  struct audit_report report;
  uint64_t index = find(scene, STATEMENT_UPDATE, "claimed", 2, NULL);
  lie(scene, index, boast, LIGHT_TOO, "this update");
  assert_status(audit(scene, scene->forged, false, &report), TAMIS_CORRUPT);
  assert_non_null(strstr(report.divergence.expected, "BAD_EXAMPLES"));
}

/* ---- files ---- */

static void path_of(struct scene *scene, const struct digest *digest, char *path, size_t size) {
  char hex[DIGEST_HEX_SIZE];
  digest_to_hex(digest, hex);
  snprintf(path, size, "%s/blobs/%.2s/%s", scene->forged, hex, hex);
}

static struct digest update_at(struct scene *scene, uint64_t index) {
  struct wanted wanted = {STATEMENT_UPDATE, "digits", 3, NULL, UINT64_MAX};
  struct archive *archive;
  struct archive_options options = {.keeps_rounds = true};
  size_t count;
  assert_status(archive_open(scene->copy, scene->vkey, &options, &archive, NULL), TAMIS_OK);
  assert_status(archive_walk(archive, look, &wanted, NULL), TAMIS_OK);
  const struct archive_round *round = archive_rounds(archive, "digits", &count);
  struct digest digest = round[2].measure->row[0].update;
  assert_int_equal(round[2].measure->row[0].index, index);
  archive_close(archive);
  return digest;
}

static void a_file_that_is_gone_is_named(void **context) {
  struct scene *scene = *context;
  char path[512], hex[DIGEST_HEX_SIZE];
  struct audit_report report;
  uint64_t index = find(scene, STATEMENT_UPDATE, "digits", 3, NULL);
  struct digest update = update_at(scene, index);
  forge_log(&scene->story, scene->copy, scene->forged, 0, NULL);
  path_of(scene, &update, path, sizeof path);
  assert_int_equal(remove(path), 0);
  assert_found(scene, false, index, "the file");
  assert_status(audit(scene, scene->forged, false, &report), TAMIS_CORRUPT);
  digest_to_hex(&update, hex);
  assert_string_equal(report.divergence.expected, hex);
  assert_string_equal(report.divergence.found, "it is not there");
  assert_status(audit(scene, scene->forged, true, &report), TAMIS_OK); /* reads no body */
}

static void a_flipped_byte_of_an_update_is_named(void **context) {
  struct scene *scene = *context;
  char path[512];
  uint64_t index = find(scene, STATEMENT_UPDATE, "digits", 3, NULL);
  struct digest update = update_at(scene, index);
  forge_log(&scene->story, scene->copy, scene->forged, 0, NULL);
  path_of(scene, &update, path, sizeof path);
  FILE *file = fopen(path, "r+b");
  assert_non_null(file);
  assert_int_equal(fseek(file, -1, SEEK_END), 0);
  fputc(0x5a, file);
  fclose(file);
  assert_found(scene, false, index, "the file");
}

/* The numbers of the audit do not depend on who makes them. */
static void threads_change_nothing(void **context) {
  struct scene *scene = *context;
  struct audit_report report;
  struct digest digest = {{0}};
  for (int threads = 1; threads <= 4; threads++) {
    struct audit_options options = {.threads = threads};
    assert_status(audit_run(scene->copy, scene->vkey, &options, &report, NULL), TAMIS_OK);
    if (threads > 1) assert_true(digest_equal(&digest, &report.digest));
    digest = report.digest;
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_true_log_passes),
      cmocka_unit_test(copying_entry_by_entry_changes_nothing),
      cmocka_unit_test(a_client_that_was_not_asked_is_missed),
      cmocka_unit_test(chosen_randomness_is_found),
      cmocka_unit_test(a_plan_with_other_terms_is_found),
      cmocka_unit_test(a_flipped_verdict_is_found),
      cmocka_unit_test(one_bit_of_a_gram_matrix_is_found),
      cmocka_unit_test(a_forgotten_strike_is_found),
      cmocka_unit_test(another_own_cosine_needs_the_bodies),
      cmocka_unit_test(a_move_that_is_not_told_is_missed),
      cmocka_unit_test(a_changed_weight_is_found),
      cmocka_unit_test(a_swapped_candidate_is_found),
      cmocka_unit_test(a_swapped_momentum_is_found),
      cmocka_unit_test(another_reason_to_hold_is_found),
      cmocka_unit_test(a_round_given_up_before_its_deadline_is_found),
      cmocka_unit_test(an_update_that_was_to_be_refused_is_found),
      cmocka_unit_test(a_file_that_is_gone_is_named),
      cmocka_unit_test(a_flipped_byte_of_an_update_is_named),
      cmocka_unit_test(threads_change_nothing),
  };
  return cmocka_run_group_tests(tests, set_up, scene_close);
}
