/* Claims about bundles of a federation that wants witnesses: whose cosignatures, of which tree, and
 * that the log goes on from it; and no other word is taken for theirs. */
#include "tests/unit/cli/bundles.h"

enum { CLIENTS = 6, ORGANISATIONS = 3 };

static void add_line(FILE *file, const struct secret_key *key,
                     const struct checkpoint *checkpoint) {
  char *line;
  size_t length;
  checkpoint_cosign(checkpoint, 1800000000, key, &line, &length);
  assert_int_equal(fwrite(line, 1, length, file), length);
  free(line);
}

/* What a server has of the last tree: c02's and c05's lines are good, the others are of another
 * tree, of another's key and of nobody. */
static void cosign_the_end(uint64_t size) {
  char path[300], note[CHECKPOINT_NOTE_MAX];
  struct checkpoint checkpoint, other;
  struct secret_key stranger;
  uint8_t seed[KEY_SEED_SIZE] = {41};
  snprintf(path, sizeof path, "%s/checkpoint", world.state_dir);
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  size_t length = fread(note, 1, sizeof note, file);
  fclose(file);
  assert_int_equal(checkpoint_open(note, length, &world.log_key.public, &checkpoint, NULL),
                   TAMIS_OK);
  assert_int_equal(checkpoint.size, size);
  other = checkpoint;
  other.root.byte[0] ^= 1;
  snprintf(path, sizeof path, "%s/cosignatures/%" PRIu64, world.state_dir, size);
  file = fopen(path, "w");
  assert_non_null(file);
  add_line(file, &world.client[2], &checkpoint);
  add_line(file, &world.client[3], &other);
  key_from_seed("c04", seed, &stranger);
  add_line(file, &stranger, &checkpoint);
  key_from_seed("nobody", seed, &stranger);
  add_line(file, &stranger, &checkpoint);
  add_line(file, &world.client[5], &checkpoint);
  fclose(file);
}

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
  uint64_t size = core_size(world.core); /* the last round is over: nothing comes any more */
  int begun = bundles_begin();
  cosign_the_end(size);
  return begun;
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

static char *longer[128]; /* receipts that were changed; freed when the test ends */

static void add_signature(struct bundle *bundle, void *line) {
  static char note[CHECKPOINT_NOTE_MAX];
  memcpy(note, bundle->checkpoint.bytes, bundle->checkpoint.length);
  strcpy(note + bundle->checkpoint.length, line);
  for (size_t i = 0; i < bundle->entry_count; i++) { /* which also end with the checkpoint */
    struct bundle_text *receipt = &bundle->entry[i].receipt;
    assert_true(i < sizeof longer / sizeof *longer);
    free(longer[i]);
    longer[i] = malloc(receipt->length + strlen(line) + 1);
    memcpy(longer[i], receipt->bytes, receipt->length);
    strcpy(longer[i] + receipt->length, line);
    *receipt = (struct bundle_text){longer[i], receipt->length + strlen(line)};
  }
  bundle->checkpoint = (struct bundle_text){note, strlen(note)};
}

static void the_checkpoint_says_who_cosigned_it(void **state) {
  (void)state;
  char *line;
  size_t length;
  struct secret_key stranger;
  struct checkpoint checkpoint;
  struct bundle bundle;
  uint8_t seed[KEY_SEED_SIZE] = {42};
  struct bytes model = read_file(made());
  says("entries was cosigned by 2 clients of 1 organisation: c02, c05.");
  assert_int_equal(bundle_read(model.at, model.length, &bundle, NULL), TAMIS_OK);
  assert_int_equal(checkpoint_open(bundle.checkpoint.bytes, bundle.checkpoint.length,
                                   &world.log_key.public, &checkpoint, NULL),
                   TAMIS_OK);
  uint8_t *at = model.at + ((const uint8_t *)bundle.checkpoint.bytes - model.at);
  for (size_t bit = 0; bit < 8 * bundle.checkpoint.length; bit += 5) {
    at[bit / 8] ^= (uint8_t)(1 << bit % 8);
    if (check(&model, &(struct fault){0}) == TAMIS_OK) fail_msg("bit %zu may be anything", bit);
    at[bit / 8] ^= (uint8_t)(1 << bit % 8);
  }
  bundle_close(&bundle);
  /* Who vouches must be known from the bundle, also when the words are good. */
  key_from_seed("c01", seed, &stranger);
  checkpoint_cosign(&checkpoint, 1800000000, &stranger, &line, &length);
  refused_after(model, add_signature, line, "its checkpoint is signed as c01, which no key in it");
  free(line);
  /* The log signs once, whatever else it is said to have signed. */
  key_from_seed(WORLD_ORIGIN, seed, &stranger);
  checkpoint_cosign(&checkpoint, 1800000000, &stranger, &line, &length);
  refused_after(model, add_signature, line, "its checkpoint is signed as " WORLD_ORIGIN);
  free(line);
  for (size_t i = 0; i < sizeof longer / sizeof *longer; i++) free(longer[i]);
  free(model.at);
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
  struct bundle_blob *manifest = manifest_of(bundle); /* it may be the last */
  *manifest = bundle->blob[--bundle->blob_count];
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
      cmocka_unit_test(the_checkpoint_says_who_cosigned_it),
      cmocka_unit_test(nothing_else_is_taken_for_it),
      cmocka_unit_test(every_flipped_bit_of_manifest_and_proof_is_refused),
  };
  return cmocka_run_group_tests(tests, set_up, bundles_end);
}
