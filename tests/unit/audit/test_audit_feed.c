/* What is known to be bad is refused before it is looked at, in every federation, until a later
 * version of the feed no longer names it; and the log shows when it was not. */
#include "forge.h"

#include "audit/archive.h"
#include "audit/audit.h"

#define assert_status(found, wanted)                                                               \
  assert_string_equal(tamis_status_name(found), tamis_status_name(wanted))

enum { CLIENTS = 7 };

static int set_up(void **context) {
  struct scene *scene = calloc(1, sizeof *scene);
  struct world *world = &scene->story.world;
  world_open(world);
  world->snapshot_entries = 12;
  world_stop(world);
  world_start(world);
  world_enrol_clients(world, CLIENTS);
  assert_status(world_federation(world, WORLD_FEDERATION, "median", 4, 0, 0, 0, NULL, NULL),
                TAMIS_OK);
  *context = scene;
  return 0;
}

static int tear_down(void **context) {
  return scene_close(context);
}

static struct digest key_of(const struct world *world, size_t client) {
  return digest_of(world->client[client].public.byte, KEY_PUBLIC_SIZE);
}

static struct digest update_of(struct world *world, int64_t round, size_t client) {
  char number[24], hex[80];
  struct digest update;
  snprintf(number, sizeof number, "%" PRId64, round);
  json_t *rows =
      world_query(world, "updates", 3,
                  (const char *[]){WORLD_FEDERATION, number, world->client[client].public.name});
  snprintf(hex, sizeof hex, "%s",
           json_string_value(json_object_get(json_array_get(rows, 0), "update")));
  json_decref(rows);
  assert_true(digest_from_hex(hex, strlen(hex), &update));
  return update;
}

static void verdict_of(struct world *world, int64_t round, size_t client, char *verdict,
                       char *sentence) {
  char number[24];
  json_t *rows, *row;
  size_t i;
  snprintf(number, sizeof number, "%" PRId64, round);
  rows = world_query(world, "round", 2, (const char *[]){WORLD_FEDERATION, number});
  verdict[0] = sentence[0] = '\0';
  json_array_foreach(rows, i, row) {
    if (strcmp(json_string_value(json_object_get(row, "client")),
               world->client[client].public.name) != 0)
      continue;
    snprintf(verdict, 32, "%s", json_string_value(json_object_get(row, "verdict")));
    snprintf(sentence, 512, "%s", json_string_value(json_object_get(row, "sentence")));
  }
  json_decref(rows);
}

/* The same bytes again, by another client. */
static enum tamis_status send_again(struct world *world, size_t client, struct digest update,
                                    struct fault *fault) {
  struct world_task task;
  float values[WORLD_PARAMETERS];
  assert_true(world_wait_task(world, client, &task));
  world_get(world, &update, values);
  struct world_claim claim = world_claim_of(world, client, &task, values);
  assert_memory_equal(&claim.blob, &update, sizeof update);
  return world_claim_send(world, &claim, fault);
}

static void a_key_on_the_feed_is_neither_asked_nor_heard(void **context) {
  struct world *world = &((struct scene *)*context)->story.world;
  struct digest key = key_of(world, 2);
  struct world_task task;
  struct fault fault;
  assert_true(world_wait_task(world, 2, &task));
  assert_status(world_feed(world, 1, &key, NULL, &fault), TAMIS_OK);
  assert_status(world_answer(world, 2, &task, WORLD_HONEST, &fault), TAMIS_KNOWN_BAD);
  assert_string_equal(fault.text, "the client's key is on the known-bad feed, version 1: a test");
  for (size_t i = 0; i < CLIENTS; i++) { /* nobody waits for it */
    if (i == 2) continue;
    assert_true(world_wait_task(world, i, &task));
    assert_status(world_answer(world, i, &task, WORLD_HONEST, &fault), TAMIS_OK);
  }
  assert_true(world_wait(world, "head_round", 1));
  assert_true(world_wait(world, "round", 2));
  assert_false(world_poll(world, 2, &task));
}

static void nobody_enrols_a_key_on_it(void **context) {
  struct world *world = &((struct scene *)*context)->story.world;
  struct secret_key stranger;
  struct fault fault;
  uint8_t token[16] = {9};
  world_client_key(50, &stranger);
  struct digest key = digest_of(stranger.public.byte, KEY_PUBLIC_SIZE);
  assert_status(world_feed(world, 2, &key, NULL, &fault), TAMIS_OK);
  assert_status(
      world_invite(world, stranger.public.name, token, WORLD_START_MS / 1000 + 86400, &fault),
      TAMIS_OK);
  assert_status(world_enrol(world, &stranger, token, &fault), TAMIS_KNOWN_BAD);
  assert_non_null(strstr(fault.text, "this key is on the known-bad feed, version 2: a test"));
}

static void an_update_on_it_is_refused_whoever_sends_it(void **context) {
  struct world *world = &((struct scene *)*context)->story.world;
  struct digest update = update_of(world, 1, 0);
  struct fault fault;
  assert_status(world_feed(world, 3, NULL, &update, &fault), TAMIS_OK);
  assert_status(send_again(world, 3, update, &fault), TAMIS_KNOWN_BAD);
  assert_string_equal(fault.text, "this update is on the known-bad feed, version 3: a test");
  assert_status(world_feed(world, 4, NULL, NULL, &fault), TAMIS_OK); /* withdrawn */
  assert_status(send_again(world, 4, update, &fault), TAMIS_OK);
}

static void one_that_is_in_already_is_rejected_and_no_strike(void **context) {
  struct world *world = &((struct scene *)*context)->story.world;
  struct world_task task;
  struct fault fault;
  char verdict[32], sentence[512], state[32];
  assert_true(world_wait_task(world, 0, &task));
  assert_status(world_answer(world, 0, &task, WORLD_HONEST, &fault), TAMIS_OK);
  struct digest update = update_of(world, task.round, 0);
  assert_status(world_feed(world, 5, NULL, &update, &fault), TAMIS_OK);
  world_play(world, task.round, 0, WORLD_HONEST);
  assert_true(world_wait(world, "head_round", task.round));
  verdict_of(world, task.round, 0, verdict, sentence);
  assert_string_equal(verdict, "reject");
  assert_memory_equal(sentence, "on the known-bad feed meanwhile: ", 33);
  world_state(world, 0, state, sizeof state);
  assert_string_not_equal(state, "watched");
}

static void what_is_no_feed_is_refused_with_the_reason(void **context) {
  struct world *world = &((struct scene *)*context)->story.world;
  struct digest nothing = digest_of("nothing", 7);
  struct fault fault;
  assert_status(world_feed(world, 5, NULL, NULL, &fault), TAMIS_CONFLICT);
  assert_non_null(strstr(fault.text, "the next is 6"));
  json_t *predicate = json_pack("{s:i, s:i, s:i, s:s, s:o}", "version", 6, "keys", 0, "updates", 0,
                                "note", "a test", "nonce", world_nonce(world));
  assert_status(world_submit(world, STATEMENT_KNOWN_BAD, predicate, "manifest", &nothing, &fault),
                TAMIS_NOT_FOUND);
  static const char *const text[] = {
      "{\"keys\":[],\"updates\":{}}", "{\"keys\":[]}", "{\"keys\":[],\"others\":[]}",
      "{\"keys\":[],\"updates\":[{\"digest\":\"00\",\"reason\":\"x\"}]}",
      "{\"keys\":[],\"updates\":[]}"}; /* the last has another count than the statement */
  for (size_t i = 0; i < sizeof text / sizeof *text; i++) {
    struct digest digest;
    assert_status(blob_put(core_blobs(world->core), text[i], strlen(text[i]), &digest, NULL),
                  TAMIS_OK);
    predicate = json_pack("{s:i, s:i, s:i, s:s, s:o}", "version", 6, "keys", 1, "updates", 0,
                          "note", "a test", "nonce", world_nonce(world));
    assert_status(world_submit(world, STATEMENT_KNOWN_BAD, predicate, "manifest", &digest, &fault),
                  TAMIS_BAD_STATEMENT);
  }
}

/* From a snapshot, and with a database made again. */
static void it_survives_a_restart(void **context) {
  struct world *world = &((struct scene *)*context)->story.world;
  char path[256];
  struct fault fault;
  struct digest key = key_of(world, 5);
  assert_status(world_feed(world, 6, &key, NULL, &fault), TAMIS_OK);
  for (int k = 0; k < 2; k++) {
    world_stop(world);
    snprintf(path, sizeof path, "%s/tamis.db", world->state_dir);
    assert_int_equal(unlink(path), 0);
    world_start(world);
  }
  json_t *rows = world_query(world, "feed", 0, NULL);
  assert_int_equal(json_array_size(rows), 1);
  assert_int_equal(json_integer_value(json_object_get(json_array_get(rows, 0), "since")), 6);
  json_decref(rows);
  struct world_task task;
  json_int_t round = world_federation_integer(world, "round");
  world_play(world, round, 0, WORLD_HONEST);
  assert_true(world_wait(world, "round", round + 1));
  assert_false(world_poll(world, 5, &task));
}

static enum tamis_status audit(struct scene *scene, const char *folder,
                               struct audit_report *report) {
  struct audit_options options = {.threads = 2};
  struct fault fault = {TAMIS_OK, ""};
  enum tamis_status status = audit_run(folder, scene->vkey, &options, report, &fault);
  if (status != TAMIS_OK) print_message("%s\n", fault.text);
  return status;
}

struct places {
  uint64_t feed, update;
};

static struct digest later; /* of an update that came after the feed that is forged */

static enum tamis_status find(void *context, const struct archive_entry *at) {
  struct places *places = context;
  const struct statement *statement = &at->entry->statement;
  if (statement->kind == STATEMENT_KNOWN_BAD && statement_integer(statement, "version") == 5)
    places->feed = at->index;
  if (statement->kind == STATEMENT_UPDATE && places->feed > 0 && places->update == 0) {
    places->update = at->index;
    later = statement->subject[0];
  }
  return TAMIS_OK;
}

/* The feed of a liar: it lists an update that was let in after it. */
static void list_it(struct forgery *forgery) {
  json_t *lists = json_pack("{s:[], s:o}", "keys", "updates", world_feed_list(&later));
  forgery->subject[0] = forge_store(forgery->blobs, lists);
  json_decref(lists);
}

static void an_audit_matches_again(void **context) {
  struct scene *scene = *context;
  struct places places = {0, 0};
  struct archive *archive;
  struct audit_report report;
  scene_copy(scene);
  assert_status(audit(scene, scene->copy, &report), TAMIS_OK);
  assert_status(archive_open(scene->copy, scene->vkey, NULL, &archive, NULL), TAMIS_OK);
  assert_status(archive_walk(archive, find, &places, NULL), TAMIS_OK);
  archive_close(archive);
  assert_true(places.update > 0);
  forge_log(&scene->story, scene->copy, scene->forged, places.feed, list_it);
  assert_status(audit(scene, scene->forged, &report), TAMIS_CORRUPT);
  assert_int_equal(report.divergence.index, places.update);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_key_on_the_feed_is_neither_asked_nor_heard),
      cmocka_unit_test(nobody_enrols_a_key_on_it),
      cmocka_unit_test(an_update_on_it_is_refused_whoever_sends_it),
      cmocka_unit_test(one_that_is_in_already_is_rejected_and_no_strike),
      cmocka_unit_test(what_is_no_feed_is_refused_with_the_reason),
      cmocka_unit_test(it_survives_a_restart),
      cmocka_unit_test(an_audit_matches_again),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
