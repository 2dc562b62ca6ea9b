/* Claims about bundles of a federation that wants witnesses: whose cosignatures, of which tree, and
 * that the log goes on from it; and no other word is taken for theirs. */
#include "tests/unit/cli/bundles.h"

enum { CLIENTS = 6, ORGANISATIONS = 3 };

/* One round of six clients of three organisations, two of which must vouch: c00 and c01 do. */
static int set_up(void **state) {
  struct checkpoint wanted;
  (void)state;
  world_open(&world);
  world.organisations = ORGANISATIONS;
  world.witness_organisations = 2;
  world.witness_per_organisation = 1;
  world_enrol_clients(&world, CLIENTS);
  assert_int_equal(world_federation(&world, WORLD_FEDERATION, "mean", 3, 0, 0, 1, NULL, NULL),
                   TAMIS_OK);
  for (size_t i = 0; i < CLIENTS; i++) {
    struct world_task task;
    assert_true(world_wait_task(&world, i, &task));
    assert_int_equal(world_answer(&world, i, &task, WORLD_HONEST, NULL), TAMIS_OK);
  }
  assert_true(world_cosign_asked(&world, 0, 3000, &wanted));
  for (size_t i = 0; i < 2; i++) assert_int_equal(world_cosign(&world, i, &wanted), TAMIS_OK);
  assert_true(world_wait(&world, "head_round", 1));
  return bundles_begin();
}

static const char *made(void) {
  const char *path = fresh();
  RUN(0, "bundle", "model", WORLD_FEDERATION, "-O", path, OFFLINE);
  RUN(0, "verify", path, "--log-key", vkey);
  return path;
}

static void does_not_say(const char *text) {
  if (strstr(said, text)) fail_msg("said: %s\nin: %s", text, said);
}

static void it_says_who_vouched_and_that_the_log_goes_on(void **state) {
  (void)state;
  made();
  says(
      ", which holds the candidate of round 1, was cosigned by 2 clients of 2 organisations before "
      "the promotion (entry ");
  says("), and the log goes on from it: c00, c01.");
  does_not_say("whose cosignatures the server counted");
  const char *path = fresh();
  RUN(0, "bundle", "round", WORLD_FEDERATION, "1", "-O", path, OFFLINE);
  RUN(0, "verify", path, "--log-key", vkey);
  says("was cosigned by 2 clients of 2 organisations");
  /* A client that had no part in it brings the keys of those who had. */
  path = fresh();
  RUN(0, "bundle", "client", "c04", "-O", path, OFFLINE);
  RUN(0, "verify", path, "--log-key", vkey);
  says("was cosigned by 2 clients of 2 organisations");
  says("c00 of org0 signs with the key");
}

static struct bundle_blob *manifest_of(struct bundle *bundle) {
  for (size_t i = 0; i < bundle->blob_count; i++)
    if (memmem(bundle->blob[i].bytes, bundle->blob[i].size, "\"cosignature\":", 14))
      return &bundle->blob[i];
  fail_msg("there is no witness manifest");
  return NULL;
}

static void drop_link(struct bundle *bundle, void *context) {
  (void)context;
  assert_int_equal(bundle->link_count, 1);
  bundle->link_count = 0;
}

static void rename_link(struct bundle *bundle, void *context) {
  (void)context;
  bundle->link[0].size--;
}

static void replace_link(struct bundle *bundle, void *text) {
  bundle->link[0].proof = (struct bundle_text){text, strlen(text)};
}

static void drop_manifest(struct bundle *bundle, void *context) {
  (void)context;
  *manifest_of(bundle) = bundle->blob[--bundle->blob_count];
}

/* The keys of c01 alone: those of c00 stay. */
static void drop_keys(struct bundle *bundle, void *kind) {
  size_t at = 0;
  for (size_t i = 0; i < bundle->entry_count; i++) {
    char *text = strndup(bundle->entry[i].envelope.bytes, bundle->entry[i].envelope.length);
    struct envelope envelope;
    assert_int_equal(envelope_open(text, strlen(text), &envelope, NULL), TAMIS_OK);
    bool is_it = memmem(envelope.payload, envelope.payload_length, kind, strlen(kind)) &&
                 memmem(envelope.payload, envelope.payload_length, "\"client\":\"c01\"", 14);
    envelope_close(&envelope);
    free(text);
    if (!is_it) bundle->entry[at++] = bundle->entry[i];
  }
  assert_int_equal(at + 1, bundle->entry_count);
  bundle->entry_count = at;
}

static void nothing_else_is_taken_for_it(void **state) {
  (void)state;
  struct bytes model = read_file(made());
  struct bundle bundle;
  refused_after(model, drop_link, NULL, "nothing shows that witnesses cosigned a tree of this log");
  refused_after(model, rename_link, NULL, "nobody in it witnessed the tree of ");
  refused_after(model, drop_manifest, NULL, "claims what does not follow");
  refused_after(model, replace_link, (void *)(uintptr_t) "x", "not shown to be one of this log");
  assert_int_equal(bundle_read(model.at, model.length, &bundle, NULL), TAMIS_OK);
  assert_int_equal(bundle.link_count, 1);
  char *proof = strndup(bundle.link[0].proof.bytes, bundle.link[0].proof.length);
  proof[3] = proof[3] == 'A' ? 'B' : 'A';
  refused_after(model, replace_link, proof, "not shown to be one of this log");
  proof[strlen(proof) - 45] = '\0'; /* one hash less */
  refused_after(model, replace_link, proof, "not shown to be one of this log");
  free(proof);
  bundle_close(&bundle);
  /* As a witness c01 is believed by the key in the bundle only. */
  const char *path = fresh();
  RUN(0, "bundle", "client", "c04", "-O", path, OFFLINE);
  struct bytes client = read_file(path);
  refused_after(client, drop_keys, (void *)(uintptr_t) "/v1/key-enrol\"",
                "there is a witness whose key is not in it");
  free(client.at);
  free(model.at);
}

static void every_flipped_bit_of_manifest_and_proof_is_refused(void **state) {
  (void)state;
  struct bytes model = read_file(made());
  struct bundle bundle;
  struct fault fault;
  assert_int_equal(bundle_read(model.at, model.length, &bundle, NULL), TAMIS_OK);
  const uint8_t *places[] = {manifest_of(&bundle)->bytes,
                             (const uint8_t *)bundle.link[0].proof.bytes};
  size_t lengths[] = {manifest_of(&bundle)->size, bundle.link[0].proof.length};
  for (size_t p = 0; p < 2; p++) {
    uint8_t *at = model.at + (places[p] - model.at);
    for (size_t bit = 0; bit < 8 * lengths[p]; bit += 7) {
      at[bit / 8] ^= (uint8_t)(1 << bit % 8);
      if (check(&model, &fault) == TAMIS_OK) fail_msg("bit %zu may be anything", bit);
      at[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
  }
  bundle_close(&bundle);
  free(model.at);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(it_says_who_vouched_and_that_the_log_goes_on),
      cmocka_unit_test(nothing_else_is_taken_for_it),
      cmocka_unit_test(every_flipped_bit_of_manifest_and_proof_is_refused),
  };
  return cmocka_run_group_tests(tests, set_up, bundles_end);
}
