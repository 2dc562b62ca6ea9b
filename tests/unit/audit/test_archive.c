/* A copy of a state folder read as history, while the server it was copied from runs on. */
#include "../aggregator/world.h"

#include "aggregator/round.h"
#include "audit/archive.h"

#define assert_status(found, wanted)                                                               \
  assert_string_equal(tamis_status_name(found), tamis_status_name(wanted))

enum { CLIENTS = 8, ROUNDS = 4 };

struct scene {
  struct world world;
  char copy[256], vkey[KEY_VKEY_SIZE];
};

/* Four rounds with a liar and momentum; the copy is of a moment when nothing is under way. */
static int set_up(void **context) {
  struct scene *scene = calloc(1, sizeof *scene);
  world_open(&scene->world);
  world_enrol_clients(&scene->world, CLIENTS);
  scene->world.optimiser = "momentum(lr=1, beta=0.5)";
  assert_status(world_federation(&scene->world, WORLD_FEDERATION, "trimmed_mean(f=1)", 5, 0, 0,
                                 ROUNDS, NULL, NULL),
                TAMIS_OK);
  world_play(&scene->world, ROUNDS, 1, WORLD_SIGN_FLIP);
  key_vkey_write(&scene->world.log_key.public, scene->vkey);
  snprintf(scene->copy, sizeof scene->copy, "%s/copy", scene->world.dir);
  world_copy(scene->world.state_dir, scene->copy);
  *context = scene;
  return 0;
}

static int tear_down(void **context) {
  struct scene *scene = *context;
  world_close(&scene->world);
  free(scene);
  return 0;
}

static struct archive *open_archive(const struct scene *scene,
                                    const struct archive_options *options) {
  struct archive *archive;
  struct fault fault;
  enum tamis_status status = archive_open(scene->copy, scene->vkey, options, &archive, &fault);
  if (status != TAMIS_OK) print_message("%s\n", fault.text);
  assert_status(status, TAMIS_OK);
  return archive;
}

static enum tamis_status walk_with(struct scene *scene, const char *break_it, struct fault *fault) {
  char command[1024];
  struct archive *archive;
  snprintf(command, sizeof command, "cd %s && %s", scene->copy, break_it);
  assert_int_equal(system(command), 0);
  enum tamis_status status = archive_open(scene->copy, scene->vkey, NULL, &archive, fault);
  if (status != TAMIS_OK) return status;
  status = archive_walk(archive, NULL, NULL, fault);
  archive_close(archive);
  return status;
}

static uint64_t expected_index;

static enum tamis_status in_order(void *context, const struct archive_entry *at) {
  const struct scene *scene = context;
  assert_int_equal(at->index, expected_index++);
  assert_int_equal(at->state->applied, at->index);
  struct digest envelope = digest_of(at->bytes, at->length);
  assert_true(digest_equal(&envelope, &at->entry->envelope));
  if (at->entry->statement.kind == STATEMENT_ROUND_OPEN) assert_non_null(at->manifest);
  (void)scene;
  return TAMIS_OK;
}

static void every_entry_is_shown_with_the_state_before_it(void **context) {
  struct scene *scene = *context;
  struct archive *archive = open_archive(scene, NULL);
  expected_index = 0;
  assert_status(archive_walk(archive, in_order, scene, NULL), TAMIS_OK);
  assert_int_equal(archive_walked(archive), core_size(scene->world.core));
  assert_int_equal(archive_checkpoint(archive)->size, archive_walked(archive));
  archive_close(archive);
}

/* What the decider handed out can be computed again and gives the digests that were logged. */
static void works_of_old_rounds_give_the_logged_digests(void **context) {
  struct scene *scene = *context;
  struct archive *archive = open_archive(scene, &(struct archive_options){.keeps_rounds = true});
  size_t count;
  assert_status(archive_walk(archive, NULL, NULL, NULL), TAMIS_OK);
  const struct archive_round *round = archive_rounds(archive, WORLD_FEDERATION, &count);
  assert_int_equal(count, ROUNDS);
  for (size_t i = 0; i < count; i++) {
    assert_int_equal(round[i].number, i + 1);
    assert_int_equal(round[i].base_round, i);
    assert_int_equal(round[i].outcome, OUTCOME_PROMOTED);
    assert_int_equal(round[i].updates, CLIENTS);
    assert_true(round[i].open_index < round[i].verdicts_index &&
                round[i].verdicts_index < round[i].aggregate_index &&
                round[i].aggregate_index < round[i].end_index);
    round_work(archive_blobs(archive), 1, round[i].measure);
    assert_status(round[i].measure->status, TAMIS_OK);
    assert_true(digest_equal(&round[i].measure->gram, &round[i].gram));
    struct work *again = work_copy(round[i].aggregate);
    round_work(archive_blobs(archive), 1, again);
    assert_status(again->status, TAMIS_OK);
    assert_true(digest_equal(&again->candidate, &round[i].candidate));
    assert_int_equal(again->accepted, round[i].accepted);
    work_free(again);
  }
  assert_true(digest_equal(&round[1].base, &round[0].candidate));
  archive_close(archive);
}

static void works_are_kept_of_the_rounds_asked_for(void **context) {
  struct scene *scene = *context;
  struct archive *archive =
      open_archive(scene, &(struct archive_options){.keeps_rounds = true, .first = 2, .last = 3});
  size_t count;
  assert_status(archive_walk(archive, NULL, NULL, NULL), TAMIS_OK);
  const struct archive_round *round = archive_rounds(archive, WORLD_FEDERATION, &count);
  assert_int_equal(count, ROUNDS);
  for (size_t i = 0; i < count; i++) {
    bool is_kept = i == 1 || i == 2;
    assert_int_equal(round[i].measure != NULL && round[i].aggregate != NULL, is_kept);
  }
  assert_null(archive_rounds(archive, "another", &count));
  archive_close(archive);
}

/* Names, sizes and times of all files. */
static void listing(const char *folder, char *text, size_t size) {
  char command[512];
  snprintf(command, sizeof command, "find %s -printf '%%p %%s %%T@\\n' | sort | sha256sum", folder);
  FILE *pipe = popen(command, "r");
  assert_non_null(pipe);
  assert_non_null(fgets(text, (int)size, pipe));
  pclose(pipe);
}

static void nothing_is_written(void **context) {
  struct scene *scene = *context;
  char before[128], after[128];
  struct digest digest;
  listing(scene->copy, before, sizeof before);
  struct archive *archive = open_archive(scene, &(struct archive_options){.keeps_rounds = true});
  size_t count;
  assert_status(archive_walk(archive, NULL, NULL, NULL), TAMIS_OK);
  round_work(archive_blobs(archive), 1,
             archive_rounds(archive, WORLD_FEDERATION, &count)[0].measure);
  assert_status(blob_put(archive_blobs(archive), "new", 3, &digest, NULL), TAMIS_OK);
  assert_false(blob_exists(archive_blobs(archive), &digest));
  archive_close(archive);
  listing(scene->copy, after, sizeof after);
  assert_string_equal(before, after);
}

static void a_cut_journal_is_refused(void **context) {
  struct fault fault;
  assert_status(walk_with(*context, "truncate -s -1 journal", &fault), TAMIS_CORRUPT);
  assert_non_null(strstr(fault.text, "cut short"));
}

static void an_entry_twice_is_refused(void **context) {
  struct fault fault;
  assert_status(walk_with(*context, "cat journal journal > twice && mv twice journal", &fault),
                TAMIS_CORRUPT);
  assert_non_null(strstr(fault.text, "it is entry 0 again"));
}

static void another_key_is_refused(void **context) {
  struct scene *scene = *context;
  struct archive *archive;
  char vkey[KEY_VKEY_SIZE];
  struct secret_key other;
  uint8_t seed[KEY_SEED_SIZE] = {9};
  key_from_seed(WORLD_ORIGIN, seed, &other);
  key_vkey_write(&other.public, vkey);
  assert_status(archive_open(scene->copy, vkey, NULL, &archive, NULL), TAMIS_BAD_PROOF);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(every_entry_is_shown_with_the_state_before_it),
      TEST(works_of_old_rounds_give_the_logged_digests),
      TEST(works_are_kept_of_the_rounds_asked_for),
      TEST(nothing_is_written),
      TEST(a_cut_journal_is_refused),
      TEST(an_entry_twice_is_refused),
      TEST(another_key_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
