/* What the policy lets go is said first and goes then; what somebody still needs stays; and no
 * decision depends on what is gone. */
#include "world.h"

#include <errno.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include "aggregator/ledger.h"
#include "aggregator/manifest.h"
#include "aggregator/state_text.h"

#define assert_status(found, wanted)                                                               \
  assert_string_equal(tamis_status_name(found), tamis_status_name(wanted))

enum { CLIENTS = 6 };

/* ---- a disk that is as full as the test says ---- */

static atomic_bool is_disk_full;

int fstatvfs(int descriptor, struct statvfs *volume) {
  (void)descriptor;
  memset(volume, 0, sizeof *volume);
  volume->f_frsize = 4096;
  volume->f_bavail = atomic_load(&is_disk_full) ? 10 : 1 << 20;
  return 0;
}

/* ---- helpers ---- */

static void begin(struct world *world) {
  world_open(world);
  world_enrol_clients(world, CLIENTS);
  assert_status(
      world_federation(world, WORLD_FEDERATION, "multi_krum(f=1)", 5, 0, 0, 0, NULL, NULL),
      TAMIS_OK);
}

static enum tamis_status retain(struct world *world, int64_t rounds, struct fault *fault) {
  return world_submit(world, STATEMENT_RETENTION,
                      json_pack("{s:s, s:I, s:s, s:o}", "federation", WORLD_FEDERATION,
                                "keep_rounds", (json_int_t)rounds, "reason", "a test", "nonce",
                                world_nonce(world)),
                      "model", &world->first_model, fault);
}

static enum tamis_status dispute(struct world *world, const char *client, int64_t round,
                                 const struct digest *update, bool opens, struct fault *fault) {
  return world_submit(world, STATEMENT_DISPUTE,
                      json_pack("{s:s, s:I, s:s, s:i, s:s, s:o}", "federation", WORLD_FEDERATION,
                                "round", (json_int_t)round, "client", client, "open", (int)opens,
                                "reason", "a test", "nonce", world_nonce(world)),
                      "update", update, fault);
}

struct sent { /* an update of a round as the server tells it */
  struct digest update;
  bool is_there, is_dropped, is_held;
  uint64_t dropped_in;
};

static struct sent sent_by(struct world *world, int64_t round, size_t client) {
  char number[24];
  struct sent sent = {.is_there = false};
  snprintf(number, sizeof number, "%" PRId64, round);
  json_t *rows = world_query(world, "round", 2, (const char *[]){WORLD_FEDERATION, number}), *row;
  size_t i;
  json_array_foreach(rows, i, row) {
    const char *hex = json_string_value(json_object_get(row, "update"));
    const char *verdict = json_string_value(json_object_get(row, "verdict"));
    if (strcmp(json_string_value(json_object_get(row, "client")),
               world->client[client].public.name) != 0)
      continue;
    assert_true(digest_from_hex(hex, strlen(hex), &sent.update));
    sent.is_there = blob_exists(core_blobs(world->core), &sent.update);
    sent.dropped_in = (uint64_t)json_integer_value(json_object_get(row, "dropped"));
    sent.is_dropped = sent.dropped_in > 0;
    sent.is_held = verdict && strcmp(verdict, "accept") != 0;
  }
  json_decref(rows);
  return sent;
}

/* Deletion is the core's own business after the answer: a call that comes later finds it done. */
static void settle(struct world *world) {
  uint64_t size = 0;
  for (int calm = 0; calm < 20; usleep(2000)) {
    uint64_t now = core_size(world->core);
    calm = now == size ? calm + 1 : 0;
    size = now;
  }
}

static char *state_of(struct world *world, bool whole, size_t *length) {
  char path[512];
  struct ledger_options options = {.state_dir = world->state_dir,
                                   .genesis_path = world->genesis,
                                   .aggregator_key_path = world->aggregator_path,
                                   .signer = world_signer(world, world->state_dir),
                                   .snapshot_entries = 1000000};
  struct ledger ledger;
  struct fault fault = {TAMIS_OK, ""};
  char *text;
  snprintf(path, sizeof path, "%s/snapshot", world->state_dir);
  if (whole) unlink(path);
  enum tamis_status status = ledger_open(&options, &ledger, &fault);
  if (status != TAMIS_OK) print_message("%s\n", fault.text);
  assert_status(status, TAMIS_OK);
  assert_int_equal(ledger.snapshot.is_resumed, !whole);
  state_text_write(ledger.state, &text, length);
  ledger_close(&ledger);
  world_stop(world);
  return text;
}

/* ---- claims ---- */

static void old_updates_go_and_the_rest_stays(void **unused) {
  struct world world;
  struct fault fault;
  (void)unused;
  begin(&world);
  world_play(&world, 5, 0, WORLD_HONEST);
  assert_status(retain(&world, 2, NULL), TAMIS_OK);
  assert_status(retain(&world, 2, &fault), TAMIS_CONFLICT);
  settle(&world);
  world_play(&world, 7, 0, WORLD_HONEST);
  settle(&world);
  json_int_t last = world_federation_integer(&world, "round");
  for (int64_t round = 1; round <= 7; round++)
    for (size_t i = 0; i < CLIENTS; i++) {
      struct sent sent = sent_by(&world, round, i);
      assert_int_equal(sent.is_dropped, round <= last - 2 && round < 7);
      assert_int_equal(sent.is_there, !sent.is_dropped);
    }
  /* Models, manifests, Gram matrices: everything else that the log names. */
  json_t *rows = world_query(&world, "entries", 0, NULL), *row;
  size_t i, tombstones = 0;
  json_array_foreach(rows, i, row) {
    const char *kind = json_string_value(json_object_get(row, "kind"));
    const char *hex = json_string_value(json_object_get(row, "subject"));
    struct digest digest;
    assert_true(digest_from_hex(hex, strlen(hex), &digest));
    tombstones += strcmp(kind, "tombstone") == 0;
    if (strcmp(kind, "verdicts") == 0 || strcmp(kind, "aggregate") == 0 ||
        strcmp(kind, "promote") == 0 || strcmp(kind, "tombstone") == 0)
      assert_true(blob_exists(core_blobs(world.core), &digest));
  }
  assert_true(tombstones >= 5);
  json_decref(rows);
  /* Who asks for the bytes is told where they went. */
  struct sent gone = sent_by(&world, 1, 0);
  char words[64];
  assert_status(core_may_fetch(world.core, "operator/alice", true, &gone.update, &fault),
                TAMIS_NOT_FOUND);
  snprintf(words, sizeof words, "dropped by policy in entry %" PRIu64, gone.dropped_in);
  assert_non_null(strstr(fault.text, words));
  /* Whole and from a snapshot the log adds up to the same. */
  world_stop(&world);
  size_t whole, again;
  char *first = state_of(&world, true, &whole);
  world.snapshot_entries = 20;
  world_start(&world);
  world_stop(&world);
  char *resumed = state_of(&world, false, &again);
  free(first);
  first = state_of(&world, true, &whole);
  assert_int_equal(whole, again);
  assert_memory_equal(first, resumed, whole);
  free(first);
  free(resumed);
  world_close(&world);
}

static void nothing_goes_unless_asked(void **unused) {
  struct world world;
  (void)unused;
  begin(&world);
  world_play(&world, 4, 0, WORLD_HONEST);
  settle(&world);
  for (int64_t round = 1; round <= 4; round++)
    for (size_t i = 0; i < CLIENTS; i++) assert_true(sent_by(&world, round, i).is_there);
  world_close(&world);
}

/* The bytes of a liar are evidence until somebody has looked at them. */
static void held_updates_stay_until_an_operator_speaks(void **unused) {
  struct world world;
  (void)unused;
  begin(&world);
  assert_status(retain(&world, 1, NULL), TAMIS_OK);
  world_play(&world, 4, 1, WORLD_SIGN_FLIP);
  settle(&world);
  struct sent held = sent_by(&world, 1, 0), other = sent_by(&world, 1, 1);
  assert_true(held.is_held && held.is_there && !held.is_dropped);
  assert_true(!other.is_held && other.is_dropped && !other.is_there);
  assert_status(world_standing(&world, STATEMENT_EXCLUSION, 0, NULL), TAMIS_OK);
  settle(&world);
  held = sent_by(&world, 1, 0);
  assert_true(held.is_dropped && !held.is_there);
  world_close(&world);
}

static void a_disputed_update_stays_until_the_dispute_is_closed(void **unused) {
  struct world world;
  struct fault fault;
  (void)unused;
  begin(&world);
  world_play(&world, 2, 0, WORLD_HONEST);
  struct sent sent = sent_by(&world, 1, 2), other = sent_by(&world, 1, 3);
  assert_status(dispute(&world, "c02", 1, &other.update, true, &fault), TAMIS_NOT_FOUND);
  assert_status(dispute(&world, "c02", 1, &sent.update, false, &fault), TAMIS_CONFLICT);
  assert_status(dispute(&world, "nobody", 1, &sent.update, true, &fault), TAMIS_UNKNOWN_CLIENT);
  assert_status(dispute(&world, "c02", 1, &sent.update, true, &fault), TAMIS_OK);
  assert_status(dispute(&world, "c02", 1, &sent.update, true, &fault), TAMIS_CONFLICT);
  assert_status(retain(&world, 1, NULL), TAMIS_OK);
  world_play(&world, 4, 0, WORLD_HONEST);
  settle(&world);
  assert_true(sent_by(&world, 1, 2).is_there);
  assert_false(sent_by(&world, 1, 3).is_there);
  assert_status(dispute(&world, "c03", 1, &other.update, true, &fault), TAMIS_CONFLICT);
  assert_non_null(strstr(fault.text, "dropped by policy in entry"));
  assert_status(dispute(&world, "c02", 1, &sent.update, false, &fault), TAMIS_OK);
  settle(&world);
  assert_false(sent_by(&world, 1, 2).is_there);
  world_close(&world);
}

/* Bytes that are somebody's last judged update, a model, or another entry's too. */
static void bytes_that_are_still_needed_stay(void **unused) {
  struct world world;
  struct world_task task;
  float same[WORLD_PARAMETERS], zero[WORLD_PARAMETERS] = {0};
  (void)unused;
  begin(&world);
  for (size_t i = 0; i < WORLD_PARAMETERS; i++) same[i] = 0.25f;
  for (int64_t round = 1; round <= 4; round++) {
    for (size_t i = 0; i < CLIENTS; i++) {
      assert_true(world_wait_task(&world, i, &task));
      assert_int_equal(task.round, round);
      if (i == 5 && round > 2) {
        continue; /* goes away: what it sent last stays what the next is compared with */
      } else if (i ==
                 4) { /* the very bytes of the first model, and then again and again the same */
        struct world_claim claim = world_claim_of(&world, i, &task, round == 1 ? zero : same);
        assert_status(world_claim_send(&world, &claim, NULL), TAMIS_OK);
      } else {
        assert_status(world_answer(&world, i, &task, WORLD_HONEST, NULL), TAMIS_OK);
      }
    }
    if (round > 2) atomic_fetch_add(&world.now_ms, WORLD_DEADLINE_MS + 1);
    if (!world_wait(&world, "head_round", round)) fail_msg("round %d", (int)round);
  }
  for (size_t i = 0; i < CLIENTS; i++)
    if (i == 4) assert_status(world_standing(&world, STATEMENT_EXCLUSION, i, NULL), TAMIS_OK);
  assert_status(retain(&world, 1, NULL), TAMIS_OK);
  settle(&world);
  struct sent model = sent_by(&world, 1, 4), again = sent_by(&world, 2, 4);
  assert_true(digest_equal(&model.update, &world.first_model));
  assert_true(model.is_there && !model.is_dropped);
  assert_true(again.is_there); /* round 4's is the same file */
  assert_true(sent_by(&world, 2, 5).is_there);
  assert_false(sent_by(&world, 1, 5).is_there);
  assert_false(sent_by(&world, 2, 0).is_there);
  world_close(&world);
}

/* The entry is durable, the files are not yet gone: the next start removes them. */
static void a_stop_before_the_files_are_gone_is_made_good(void **unused) {
  struct world world;
  char command[1024];
  (void)unused;
  begin(&world);
  world_play(&world, 4, 0, WORLD_HONEST);
  snprintf(command, sizeof command, "cp -al %s/blobs %s/before", world.state_dir, world.dir);
  assert_int_equal(system(command), 0);
  assert_status(retain(&world, 1, NULL), TAMIS_OK);
  settle(&world);
  assert_false(sent_by(&world, 1, 0).is_there);
  world_stop(&world);
  snprintf(command, sizeof command, "cp -aln %s/before/* %s/blobs/ 2>/dev/null; true", world.dir,
           world.state_dir);
  assert_int_equal(system(command), 0);
  world_start(&world);
  settle(&world);
  for (size_t i = 0; i < CLIENTS; i++) {
    assert_false(sent_by(&world, 1, i).is_there);
    assert_true(sent_by(&world, 4, i).is_there);
  }
  world_close(&world);
}

/* The head goes back to a round whose updates are gone, and rounds go on. */
static void a_rollback_behind_the_dropped_rounds_goes_on(void **unused) {
  struct world world;
  char hex[80];
  struct digest model;
  (void)unused;
  begin(&world);
  assert_status(retain(&world, 1, NULL), TAMIS_OK);
  world_play(&world, 5, 0, WORLD_HONEST);
  settle(&world);
  world_text(&world, "models", WORLD_FEDERATION, "round", "2", "model", hex, sizeof hex);
  assert_true(digest_from_hex(hex, strlen(hex), &model));
  assert_status(world_rollback(&world, 2, &model, NULL), TAMIS_OK);
  json_int_t round = world_federation_integer(&world, "round");
  world_play(&world, round + 2, 0, WORLD_HONEST);
  assert_true(world_federation_integer(&world, "head_round") >= round + 1);
  world_stop(&world);
  size_t length;
  free(state_of(&world, true, &length));
  world_close(&world);
}

static void the_plan_says_what_would_go(void **unused) {
  struct world world;
  char *envelope, *receipt, *result;
  const char *name = "model";
  size_t length, receipt_length;
  uint64_t index;
  (void)unused;
  begin(&world);
  world_play(&world, 3, 1, WORLD_SIGN_FLIP);
  uint64_t bytes = layout_file_size(&world.layout);
  json_t *predicate = json_pack("{s:s, s:i, s:s, s:o}", "federation", WORLD_FEDERATION,
                                "keep_rounds", 1, "reason", "a test", "nonce", world_nonce(&world));
  assert_status(statement_sign(WORLD_ORIGIN, STATEMENT_RETENTION, predicate, 1, &name,
                               &world.first_model, &world.operator_key, &envelope, &length, NULL),
                TAMIS_OK);
  json_decref(predicate);
  assert_status(core_submit(world.core, envelope, length, true, &index, &receipt, &receipt_length,
                            &result, NULL),
                TAMIS_OK);
  free(envelope);
  char words[128];
  json_int_t old = world_federation_integer(&world, "round") - 1;
  if (old > 2) old = 2; /* of round 3 every update is the last one of its client */
  snprintf(words, sizeof words, "%lld updates of %" PRIu64 " bytes go for ever", 5 * old,
           5 * (uint64_t)old * bytes);
  if (!strstr(result, words)) print_message("%s\nnot: %s\n", result, words);
  assert_non_null(strstr(result, words));
  assert_non_null(strstr(result, "older stay: held or rejected, and nobody has spoken since"));
  free(result);
  settle(&world);
  assert_true(sent_by(&world, 1, 2).is_there);
  world_close(&world);
}

/* An aggregator that drops what it must keep is not believed, whoever folds its log. */
static void a_tombstone_for_what_must_stay_is_no_log_of_ours(void **unused) {
  (void)unused;
  for (int which = 0; which < 3; which++) {
    struct world world;
    struct fault fault = {TAMIS_OK, ""};
    size_t length;
    begin(&world);
    if (which != 0) assert_status(retain(&world, 1, NULL), TAMIS_OK);
    world_play(&world, 3, 1, WORLD_SIGN_FLIP);
    settle(&world);
    int64_t round = which == 1 ? 3 : 1;
    struct sent sent = sent_by(&world, round, 0);
    assert_true(sent.is_there);
    struct manifest_update update = {.client = "c00",
                                     .index = 5,
                                     .update = sent.update,
                                     .verdict = which == 2 ? VERDICT_HOLD : VERDICT_ACCEPT};
    json_t *manifest = manifest_tombstone(WORLD_FEDERATION, round,
                                          json_pack("[o]", manifest_dropped_write(&update)));
    char *text;
    struct digest digest;
    assert_status(canonical_encode(manifest, &text, &length, NULL), TAMIS_OK);
    assert_status(blob_put(core_blobs(world.core), text, length, &digest, NULL), TAMIS_OK);
    json_decref(manifest);
    free(text);
    world_stop(&world);
    world_forge(&world, &world.aggregator_key, STATEMENT_TOMBSTONE,
                json_pack("{s:s, s:I, s:i, s:i}", "federation", WORLD_FEDERATION, "round",
                          (json_int_t)round, "updates", 1, "bytes", 1),
                "manifest", &digest);
    struct core_options options = world_options(&world, world.state_dir);
    assert_status(core_open(&options, &world.core, &fault), TAMIS_CORRUPT);
    assert_non_null(strstr(fault.text, "tombstone"));
    world_close(&world);
  }
}

/* ---- a full disk ---- */

static void a_full_disk_refuses_uploads_and_finishes_what_it_has(void **unused) {
  struct world world;
  struct world_task task;
  struct blob_upload *upload;
  struct digest digest = {{1}};
  struct fault fault;
  uint64_t offset;
  (void)unused;
  atomic_store(&is_disk_full, false);
  world_open(&world);
  world_stop(&world);
  struct core_options options = world_options(&world, world.state_dir);
  options.reserve_bytes = 1 << 20;
  assert_status(core_open(&options, &world.core, NULL), TAMIS_OK);
  world_enrol_clients(&world, 4);
  assert_status(world_federation(&world, WORLD_FEDERATION, "mean", 4, 0, 0, 0, NULL, NULL),
                TAMIS_OK);
  assert_true(world_wait_task(&world, 0, &task));
  /* All bytes are here, the statements are not yet. */
  char *envelope[4];
  size_t length[4];
  for (size_t i = 0; i < 4; i++) {
    float update[WORLD_PARAMETERS];
    world_honest(&world, i, &task, update);
    struct world_claim claim = world_claim_of(&world, i, &task, update);
    world_envelope(&world, &claim, &envelope[i], &length[i]);
  }
  atomic_store(&is_disk_full, true);
  assert_status(blob_upload_open(core_blobs(world.core), "c00", &digest, 1000, NULL, &upload,
                                 &offset, &fault),
                TAMIS_DISK_FULL);
  for (size_t i = 0; i < 4; i++) {
    assert_status(world_send(&world, world.client[i].public.name, envelope[i], length[i], NULL),
                  TAMIS_OK);
    free(envelope[i]);
  }
  /* Journal, verdicts, aggregate, promotion: the round comes to its end; the next does not open. */
  assert_true(world_wait(&world, "head_round", 1));
  settle(&world);
  assert_int_equal(world_federation_integer(&world, "round"), 1);
  assert_int_equal(world.notices[NOTICE_ERROR], 1);
  assert_string_equal(world.event, "disk full");
  json_t *rows = world_query(&world, "space", 0, NULL);
  assert_true(json_is_true(json_object_get(json_array_get(rows, 0), "full")));
  json_decref(rows);
  /* And by itself it goes on. */
  atomic_store(&is_disk_full, false);
  assert_true(world_wait_task(&world, 0, &task));
  assert_int_equal(task.round, 2);
  assert_string_equal(world.event, "room again");
  world_close(&world);
}

static void space_adds_up(void **unused) {
  struct world world;
  struct core_space space;
  (void)unused;
  begin(&world);
  world_play(&world, 3, 0, WORLD_HONEST);
  assert_status(retain(&world, 1, NULL), TAMIS_OK);
  settle(&world);
  assert_status(core_space(world.core, &space, NULL), TAMIS_OK);
  uint64_t size = layout_file_size(&world.layout);
  assert_int_equal(space.bodies + space.dropped, CLIENTS * 3); /* round 4 waits for updates */
  assert_int_equal(space.body_bytes, space.bodies * size);
  assert_int_equal(space.dropped_bytes, space.dropped * size);
  assert_true(space.dropped > 0);
  char command[512], line[64] = "";
  snprintf(command, sizeof command,
           "find %s/blobs -type f -printf '%%s\\n' | awk '{s += $1} END {print s}'",
           world.state_dir);
  FILE *pipe = popen(command, "r");
  assert_non_null(fgets(line, sizeof line, pipe));
  pclose(pipe);
  assert_int_equal(space.body_bytes + space.model_bytes + space.manifest_bytes,
                   strtoull(line, NULL, 10));
  struct stat about;
  snprintf(command, sizeof command, "%s/journal", world.state_dir);
  assert_int_equal(stat(command, &about), 0);
  assert_int_equal(space.journal_bytes, about.st_size);
  assert_true(space.index_bytes > 0 && space.round_bytes > 0 && !space.is_full);
  world_close(&world);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(old_updates_go_and_the_rest_stays),
      cmocka_unit_test(nothing_goes_unless_asked),
      cmocka_unit_test(held_updates_stay_until_an_operator_speaks),
      cmocka_unit_test(a_disputed_update_stays_until_the_dispute_is_closed),
      cmocka_unit_test(bytes_that_are_still_needed_stay),
      cmocka_unit_test(a_stop_before_the_files_are_gone_is_made_good),
      cmocka_unit_test(a_rollback_behind_the_dropped_rounds_goes_on),
      cmocka_unit_test(the_plan_says_what_would_go),
      cmocka_unit_test(a_tombstone_for_what_must_stay_is_no_log_of_ours),
      cmocka_unit_test(a_full_disk_refuses_uploads_and_finishes_what_it_has),
      cmocka_unit_test(space_adds_up),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
