/* Logs that are as they should be, and the same logs with one thing wrong: the first wrong entry is
 * named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "client-sdk/log_verify.h"
#include "proto/canonical.h"
#include "proto/checkpoint.h"

enum { CLIENTS = 3, ENTRIES_MAX = 128 };
static const char origin[] = "fl.test/log";
static const char nonce[] = "00000000000000000000000000000000";

/* A log under construction, as the keys' owner would make it. */
struct maker {
  struct secret_key log, aggregator, operator, client[CLIENTS];
  char *entry[ENTRIES_MAX];
  size_t length[ENTRIES_MAX], count;
  char folder[64];
  struct digest head, manifest;
  long long round, update[CLIENTS]; /* entries of the updates of the round */
};

static struct digest blob(struct maker *maker, const char *text) {
  struct digest digest = digest_of(text, strlen(text));
  char hex[DIGEST_HEX_SIZE], path[256];
  digest_to_hex(&digest, hex);
  snprintf(path, sizeof path, "%s/%.2s", maker->folder, hex);
  mkdir(path, 0700);
  snprintf(path, sizeof path, "%s/%.2s/%s", maker->folder, hex, hex);
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fputs(text, file);
  fclose(file);
  return digest;
}

static json_t *hex(const struct digest *digest) {
  char text[DIGEST_HEX_SIZE];
  digest_to_hex(digest, text);
  return json_string(text);
}

static void say_two(struct maker *maker, const struct secret_key *key, enum statement_kind kind,
                    json_t *predicate, size_t count, const char *const *name,
                    const struct digest *subject) {
  struct fault fault;
  assert_non_null(predicate);
  enum tamis_status status =
      statement_sign(origin, kind, predicate, count, name, subject, key,
                     &maker->entry[maker->count], &maker->length[maker->count], &fault);
  if (status != TAMIS_OK) fail_msg("%s: %s", statement_kind_name(kind), fault.text);
  maker->count++;
  json_decref(predicate);
}

static void say(struct maker *maker, const struct secret_key *key, enum statement_kind kind,
                json_t *predicate, const char *name, struct digest subject) {
  say_two(maker, key, kind, predicate, 1, &name, &subject);
}

static void say_genesis(struct maker *maker) {
  char log[KEY_VKEY_SIZE], aggregator[KEY_VKEY_SIZE], operator[KEY_VKEY_SIZE];
  key_vkey_write(&maker->log.public, log);
  key_vkey_write(&maker->aggregator.public, aggregator);
  key_vkey_write(&maker->operator.public, operator);
  say(maker, &maker->operator, STATEMENT_GENESIS,
      json_pack("{s:s, s:s, s:[s], s:s}", "log_key", log, "aggregator_key", aggregator,
                "operators", operator, "nonce", nonce),
      "log", digest_of(log, strlen(log)));
}

static void say_create(struct maker *maker) {
  struct digest layout = digest_of("layout", 6);
  maker->head = blob(maker, "model 0");
  say(maker, &maker->operator, STATEMENT_FEDERATION_CREATE,
      json_pack("{s:s, s:s, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:I, s:o, s:s}", "federation",
                "fed", "rule", "mean", "layout", hex(&layout), "parameters", (json_int_t)2,
                "quorum", (json_int_t)1, "cohort", (json_int_t)0, "over_selection_percent",
                (json_int_t)0, "deadline_ms", (json_int_t)1000, "rounds_max", (json_int_t)0,
                "norm_max", canonical_f64(9), "examples_max", (json_int_t)9, "policy",
                json_object(), "nonce", nonce),
      "model", maker->head);
}

static const char *client_name(const struct maker *maker, int i) {
  return maker->client[i].public.name;
}

static struct digest token_of(int i) {
  return digest_of(&i, sizeof i);
}

static void say_invite(struct maker *maker, int i) {
  say(maker, &maker->operator, STATEMENT_CLIENT_INVITE,
      json_pack("{s:s, s:s, s:I, s:s}", "client", client_name(maker, i), "organisation", "org",
                "not_after", (json_int_t)4102444800, "nonce", nonce),
      "token", token_of(i));
}

static struct digest key_digest(const struct maker *maker, int i) {
  return digest_of(maker->client[i].public.byte, KEY_PUBLIC_SIZE);
}

static void say_enrol(struct maker *maker, int i, int token) {
  char vkey[KEY_VKEY_SIZE];
  struct digest digest = token_of(token);
  key_vkey_write(&maker->client[i].public, vkey);
  say(maker, &maker->client[i], STATEMENT_KEY_ENROL,
      json_pack("{s:s, s:s, s:o}", "client", client_name(maker, i), "key", vkey, "token",
                hex(&digest)),
      "key", key_digest(maker, i));
}

static void say_revoke(struct maker *maker, int i) {
  say(maker, &maker->operator, STATEMENT_KEY_REVOKE,
      json_pack("{s:s, s:s, s:s}", "client", client_name(maker, i), "reason", "lost", "nonce",
                nonce),
      "key", key_digest(maker, i));
}

static void say_open(struct maker *maker) {
  char cohort[512];
  struct digest layout = digest_of("layout", 6), zero = {{0}};
  maker->round++;
  snprintf(cohort, sizeof cohort,
           "{\"clients\":[\"a\",\"b\",\"c\"],\"federation\":\"fed\",\"round\":%lld}", maker->round);
  struct digest digest = blob(maker, cohort);
  say(maker, &maker->aggregator, STATEMENT_ROUND_OPEN,
      json_pack("{s:s, s:I, s:s, s:o, s:I, s:o, s:I, s:I, s:I, s:I, s:I, s:o, s:I, s:o}",
                "federation", "fed", "round", (json_int_t)maker->round, "rule", "mean", "layout",
                hex(&layout), "parameters", (json_int_t)2, "cohort", hex(&digest), "selected",
                (json_int_t)3, "quorum", (json_int_t)1, "target", (json_int_t)3, "opened_at_ms",
                (json_int_t)1, "closes_at_ms", (json_int_t)2, "norm_max", canonical_f64(9),
                "examples_max", (json_int_t)9, "randomness", hex(&zero)),
      "base", maker->head);
}

static void update_text(const struct maker *maker, int i, char text[64]) {
  snprintf(text, 64, "update of %.8s in round %lld", client_name(maker, i), maker->round);
}

static void say_update_by(struct maker *maker, int i, const struct secret_key *key,
                          struct digest base) {
  char text[64];
  struct digest zero = {{0}};
  update_text(maker, i, text);
  maker->update[i] = (long long)maker->count;
  say(maker, key, STATEMENT_UPDATE,
      json_pack("{s:s, s:I, s:o, s:s, s:I, s:I, s:o, s:I, s:s, s:I, s:o}", "federation", "fed",
                "round", (json_int_t)maker->round, "base", hex(&base), "client",
                client_name(maker, i), "size", (json_int_t)strlen(text), "examples", (json_int_t)1,
                "loss", canonical_f64(1), "train_ms", (json_int_t)1, "nonce", nonce,
                "checkpoint_size", (json_int_t)0, "checkpoint_root", hex(&zero)),
      "update", blob(maker, text));
}

static void say_update(struct maker *maker, int i) {
  say_update_by(maker, i, &maker->client[i], maker->head);
}

/* `{"federation":...,"round":...,"updates":[...]}` over the first `count` clients. */
static struct digest updates_blob(struct maker *maker, int count) {
  json_t *list = json_array();
  for (int i = 0; i < count; i++) {
    char text[64];
    update_text(maker, i, text);
    struct digest digest = digest_of(text, strlen(text));
    json_array_append_new(list,
                          json_pack("{s:s, s:I, s:o}", "client", client_name(maker, i), "index",
                                    (json_int_t)maker->update[i], "update", hex(&digest)));
  }
  json_t *manifest = json_pack("{s:s, s:I, s:o}", "federation", "fed", "round",
                               (json_int_t)maker->round, "updates", list);
  char *text;
  size_t length;
  struct fault fault;
  assert_int_equal(canonical_encode(manifest, &text, &length, &fault), TAMIS_OK);
  struct digest digest = blob(maker, text);
  json_decref(manifest);
  free(text);
  return digest;
}

static void say_verdicts(struct maker *maker, int accepted, int listed) {
  struct digest gram = blob(maker, "gram");
  maker->manifest = updates_blob(maker, listed);
  say(maker, &maker->aggregator, STATEMENT_VERDICTS,
      json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:o, s:I}", "federation", "fed", "round",
                (json_int_t)maker->round, "accepted", (json_int_t)accepted, "clipped",
                (json_int_t)0, "held", (json_int_t)0, "rejected", (json_int_t)0, "gram", hex(&gram),
                "at_ms", (json_int_t)3),
      "manifest", maker->manifest);
}

static void say_state(struct maker *maker, int i, const char *to) {
  say(maker, &maker->aggregator, STATEMENT_CLIENT_STATE,
      json_pack("{s:s, s:I, s:s, s:s, s:s, s:s}", "federation", "fed", "round",
                (json_int_t)maker->round, "client", client_name(maker, i), "from", "probation",
                "to", to, "sentence", "far away"),
      "manifest", maker->manifest);
}

static struct digest model_of(struct maker *maker) {
  char text[32];
  snprintf(text, sizeof text, "model %lld", maker->round);
  return blob(maker, text);
}

static void say_aggregate(struct maker *maker, int updates) {
  static const char *const name[2] = {"model", "manifest"};
  struct digest subject[2] = {model_of(maker), updates_blob(maker, updates)};
  say_two(maker, &maker->aggregator, STATEMENT_AGGREGATE,
          json_pack("{s:s, s:I, s:s, s:I}", "federation", "fed", "round", (json_int_t)maker->round,
                    "rule", "mean", "updates", (json_int_t)updates),
          2, name, subject);
}

static void say_promote(struct maker *maker, struct digest model) {
  say(maker, &maker->aggregator, STATEMENT_PROMOTE,
      json_pack("{s:s, s:I, s:o, s:I}", "federation", "fed", "round", (json_int_t)maker->round,
                "from", hex(&maker->head), "at_ms", (json_int_t)4),
      "model", model);
  maker->head = model;
}

static void say_exclusion(struct maker *maker, int i) {
  say(maker, &maker->operator, STATEMENT_EXCLUSION,
      json_pack("{s:s, s:s, s:I, s:s, s:s}", "federation", "fed", "client", client_name(maker, i),
                "since", (json_int_t)1, "reason", "poison", "nonce", nonce),
      "key", key_digest(maker, i));
}

static void say_rollback(struct maker *maker, int round, struct digest model) {
  say(maker, &maker->operator, STATEMENT_ROLLBACK,
      json_pack("{s:s, s:I, s:s, s:s}", "federation", "fed", "to_round", (json_int_t)round,
                "reason", "poisoned", "nonce", nonce),
      "model", model);
  maker->head = model;
}

/* Clients are enrolled, one round is promoted, another is open. */
static void say_start(struct maker *maker) {
  say_genesis(maker);
  say_create(maker);
  for (int i = 0; i < CLIENTS; i++) {
    say_invite(maker, i);
    say_enrol(maker, i, i);
  }
}

static void say_round(struct maker *maker) {
  say_open(maker);
  for (int i = 0; i < CLIENTS; i++) say_update(maker, i);
  say_verdicts(maker, CLIENTS, CLIENTS);
  say_aggregate(maker, CLIENTS);
  say_promote(maker, model_of(maker));
}

/* ---- Checking ---- */

static int setup(void **state) {
  struct maker *maker = calloc(1, sizeof *maker);
  static const char *const name[CLIENTS] = {"a", "b", "c"};
  if (key_library_start() != TAMIS_OK) return 1;
  key_generate(origin, &maker->log);
  key_generate("service/aggregator", &maker->aggregator);
  key_generate("operator/op", &maker->operator);
  for (int i = 0; i < CLIENTS; i++) key_generate(name[i], &maker->client[i]);
  strcpy(maker->folder, "/tmp/tamis-verify-XXXXXX");
  if (!mkdtemp(maker->folder)) return 1;
  *state = maker;
  return 0;
}

static int teardown(void **state) {
  struct maker *maker = *state;
  char command[128];
  for (size_t i = 0; i < maker->count; i++) free(maker->entry[i]);
  snprintf(command, sizeof command, "rm -r '%s'", maker->folder);
  int code = system(command);
  free(maker);
  return code;
}

static void note_of(const struct maker *maker, size_t size, char **note, size_t *length) {
  struct merkle_tree *tree = merkle_tree_new();
  struct checkpoint checkpoint = {.size = size};
  for (size_t i = 0; i < size; i++) {
    struct digest leaf = merkle_leaf(maker->entry[i], maker->length[i]);
    merkle_tree_append(tree, &leaf);
  }
  strcpy(checkpoint.origin, origin);
  checkpoint.root = merkle_tree_root(tree, size);
  checkpoint_sign(&checkpoint, &maker->log, note, length);
  merkle_tree_free(tree);
}

static struct log_report verify(const struct maker *maker, bool with_blobs, const char *note,
                                size_t note_length) {
  struct log_verify *verify = NULL;
  struct fault fault;
  char vkey[KEY_VKEY_SIZE];
  key_vkey_write(&maker->log.public, vkey);
  assert_int_equal(log_verify_open(vkey, with_blobs ? maker->folder : NULL, &verify, &fault),
                   TAMIS_OK);
  for (size_t i = 0; i < maker->count; i++)
    if (log_verify_entry(verify, i, maker->entry[i], maker->length[i]) != TAMIS_OK) break;
  log_verify_finish(verify, note, note_length);
  struct log_report report = *log_verify_report(verify);
  log_verify_close(verify);
  return report;
}

static struct log_report verify_all(const struct maker *maker, bool with_blobs) {
  char *note;
  size_t length;
  note_of(maker, maker->count, &note, &length);
  struct log_report report = verify(maker, with_blobs, note, length);
  free(note);
  return report;
}

static void assert_whole(const struct maker *maker) {
  struct log_report report = verify_all(maker, true);
  if (report.status != TAMIS_OK)
    fail_msg("entry %llu: expected %s, found %s", (unsigned long long)report.index, report.expected,
             report.found);
  assert_int_equal(report.entries, maker->count);
  assert_int_equal(report.signatures, maker->count);
}

static void assert_parts(const struct maker *maker, bool with_blobs, size_t index,
                         const char *expected) {
  struct log_report report = verify_all(maker, with_blobs);
  if (report.status != TAMIS_BAD_PROOF || report.index != index ||
      !strstr(report.expected, expected))
    fail_msg("%s at entry %llu (not %zu): expected %s, found %s", tamis_status_name(report.status),
             (unsigned long long)report.index, index, report.expected, report.found);
}

/* The last entry said is the wrong one. */
static void assert_last_parts(const struct maker *maker, const char *expected) {
  assert_parts(maker, false, maker->count - 1, expected);
}

/* ---- Claims ---- */

static void a_whole_life_is_in_order(void **state) {
  struct maker *maker = *state;
  say_start(maker);
  struct digest first = maker->head;
  say_round(maker);
  struct digest second = maker->head;
  say_round(maker);
  say_rollback(maker, 0, first);
  say_rollback(maker, 1, second);
  say_exclusion(maker, 2);
  say_open(maker);
  say_update(maker, 0);
  say_revoke(maker, 1);
  assert_whole(maker);
  struct log_report report = verify_all(maker, true);
  assert_int_equal(report.rounds, 3);
  assert_int_equal(report.updates, 7);
  assert_int_equal(report.clients, CLIENTS);
  assert_int_equal(report.kind[STATEMENT_ROLLBACK], 2);
  assert_int_equal(report.covered, maker->count);
  assert_true(report.blobs > 10);
}

static void each_entry_missing_is_noticed(void **state) {
  struct maker *maker = *state;
  say_start(maker);
  say_round(maker);
  for (size_t gone = 0; gone < maker->count; gone++) {
    struct maker shorter = *maker;
    memmove(shorter.entry + gone, shorter.entry + gone + 1,
            (maker->count - gone) * sizeof *shorter.entry);
    memmove(shorter.length + gone, shorter.length + gone + 1,
            (maker->count - gone) * sizeof *shorter.length);
    shorter.count--;
    char *note;
    size_t length;
    note_of(maker, maker->count, &note, &length);
    struct log_report report = verify(&shorter, false, note, length);
    assert_int_equal(report.status, TAMIS_BAD_PROOF);
    free(note);
  }
}

static void each_changed_byte_of_an_entry_is_noticed(void **state) {
  struct maker *maker = *state;
  say_start(maker);
  size_t last = maker->count - 1;
  for (size_t i = 0; i < maker->length[last]; i++) {
    maker->entry[last][i] ^= 1;
    struct log_report report = verify_all(maker, false); /* the tree is made over the change */
    if (report.status == TAMIS_OK) fail_msg("byte %zu", i);
    assert_int_equal(report.index, last);
    maker->entry[last][i] ^= 1;
  }
}

static void a_signer_of_the_wrong_role_is_named(void **state) {
  struct maker *maker = *state;
  struct secret_key impostor;
  say_start(maker);
  say_open(maker);
  say_update_by(maker, 0, &maker->client[1], maker->head);
  assert_last_parts(maker, "a");
  maker->count--;
  free(maker->entry[maker->count]);
  key_generate("a", &impostor);
  say_update_by(maker, 0, &impostor, maker->head);
  assert_last_parts(maker, "a signature that verifies");
}

static void a_revoked_or_excluded_client_has_no_updates(void **state) {
  struct maker *maker = *state;
  say_start(maker);
  say_revoke(maker, 0);
  say_exclusion(maker, 1);
  say_open(maker);
  say_update(maker, 2);
  assert_whole(maker);
  say_update(maker, 1);
  assert_last_parts(maker, "no update of an excluded client");
  free(maker->entry[--maker->count]);
  say_update(maker, 0);
  assert_last_parts(maker, "a client whose key is good");
}

static void the_judge_excludes_too(void **state) {
  struct maker *maker = *state;
  say_start(maker);
  say_open(maker);
  for (int i = 0; i < CLIENTS; i++) say_update(maker, i);
  say_verdicts(maker, CLIENTS, CLIENTS);
  say_state(maker, 1, "excluded");
  say_aggregate(maker, 1);
  say_promote(maker, model_of(maker));
  say_open(maker);
  assert_whole(maker);
  say_update(maker, 1);
  assert_last_parts(maker, "no update of an excluded client");
}

static void a_client_has_one_update_on_the_rounds_base(void **state) {
  struct maker *maker = *state;
  say_start(maker);
  say_open(maker);
  say_update(maker, 0);
  say_update(maker, 0);
  assert_last_parts(maker, "one update of a client in a round");
  free(maker->entry[--maker->count]);
  say_update_by(maker, 1, &maker->client[1], digest_of("other", 5));
  assert_last_parts(maker, "the round's base");
}

static void an_update_needs_an_open_round(void **state) {
  struct maker *maker = *state;
  say_start(maker);
  maker->round = 1;
  say_update(maker, 0);
  assert_last_parts(maker, "collecting updates");
  free(maker->entry[--maker->count]);
  maker->round = 0;
  say_round(maker);
  say_update(maker, 0);
  assert_last_parts(maker, "collecting updates");
}

static void verdicts_are_one_for_each_update(void **state) {
  struct maker *maker = *state;
  say_start(maker);
  say_open(maker);
  say_update(maker, 0);
  say_update(maker, 1);
  say_verdicts(maker, 3, 2);
  assert_last_parts(maker, "one verdict for each update");
  free(maker->entry[--maker->count]);
  say_verdicts(maker, 2, 1);
  assert_parts(maker, true, maker->count - 1, "as many updates in the manifest");
  free(maker->entry[--maker->count]);
  maker->update[1] = maker->update[0];
  say_verdicts(maker, 2, 2);
  assert_parts(maker, true, maker->count - 1, "updates of this round in the manifest");
}

static void only_the_candidate_is_promoted(void **state) {
  struct maker *maker = *state;
  say_start(maker);
  say_open(maker);
  say_update(maker, 0);
  say_verdicts(maker, 1, 1);
  say_promote(maker, model_of(maker));
  assert_last_parts(maker, "aggregate is logged");
  free(maker->entry[--maker->count]);
  maker->head = digest_of("model 0", 7);
  say_aggregate(maker, 1);
  say_promote(maker, digest_of("another model", 13));
  assert_last_parts(maker, "the candidate");
}

static void a_rollback_goes_to_what_was_promoted(void **state) {
  struct maker *maker = *state;
  say_start(maker);
  say_round(maker);
  say_rollback(maker, 1, digest_of("something", 9));
  assert_last_parts(maker, "the model of that round");
  free(maker->entry[--maker->count]);
  say_rollback(maker, 2, digest_of("something", 9));
  assert_last_parts(maker, "a round that promoted a model");
}

static void a_token_is_used_once(void **state) {
  struct maker *maker = *state;
  say_start(maker);
  say_revoke(maker, 0);
  key_generate("a", &maker->client[0]);
  say_enrol(maker, 0, 0);
  assert_last_parts(maker, "an unused invitation");
}

static void a_blob_must_be_there_and_be_itself(void **state) {
  struct maker *maker = *state;
  char path[256], text[DIGEST_HEX_SIZE];
  say_start(maker);
  say_open(maker);
  say_update(maker, 0);
  assert_whole(maker);
  update_text(maker, 0, text);
  struct digest digest = digest_of(text, strlen(text));
  digest_to_hex(&digest, text);
  snprintf(path, sizeof path, "%s/%.2s/%s", maker->folder, text, text);
  FILE *file = fopen(path, "a");
  fputs("!", file);
  fclose(file);
  assert_parts(maker, true, maker->count - 1, text);
  remove(path);
  assert_parts(maker, true, maker->count - 1, "every blob");
}

static void the_checkpoint_must_be_over_a_prefix(void **state) {
  struct maker *maker = *state;
  char *note;
  size_t length;
  say_start(maker);
  note_of(maker, 4, &note, &length);
  struct log_report report = verify(maker, false, note, length);
  assert_int_equal(report.status, TAMIS_OK);
  assert_int_equal(report.covered, 4);
  assert_int_equal(report.entries, maker->count);
  free(note);
  note_of(maker, maker->count, &note, &length);
  free(maker->entry[--maker->count]);
  report = verify(maker, false, note, length);
  assert_int_equal(report.status, TAMIS_BAD_PROOF);
  note[length - 20] = note[length - 20] == 'A' ? 'B' : 'A';
  report = verify(maker, false, note, length);
  assert_int_equal(report.status, TAMIS_BAD_PROOF);
  assert_non_null(strstr(report.expected, "signed"));
  free(note);
}

static void another_logs_key_sees_nothing_of_its_own(void **state) {
  struct maker *maker = *state;
  say_genesis(maker);
  key_generate(origin, &maker->log);
  assert_parts(maker, false, 0, origin);
}

#define CLAIM(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  const struct CMUnitTest claims[] = {
      CLAIM(a_whole_life_is_in_order),
      CLAIM(each_entry_missing_is_noticed),
      CLAIM(each_changed_byte_of_an_entry_is_noticed),
      CLAIM(a_signer_of_the_wrong_role_is_named),
      CLAIM(a_revoked_or_excluded_client_has_no_updates),
      CLAIM(the_judge_excludes_too),
      CLAIM(a_client_has_one_update_on_the_rounds_base),
      CLAIM(an_update_needs_an_open_round),
      CLAIM(verdicts_are_one_for_each_update),
      CLAIM(only_the_candidate_is_promoted),
      CLAIM(a_rollback_goes_to_what_was_promoted),
      CLAIM(a_token_is_used_once),
      CLAIM(a_blob_must_be_there_and_be_itself),
      CLAIM(the_checkpoint_must_be_over_a_prefix),
      CLAIM(another_logs_key_sees_nothing_of_its_own),
  };
  return cmocka_run_group_tests(claims, NULL, NULL);
}
