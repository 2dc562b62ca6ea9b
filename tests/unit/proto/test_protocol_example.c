/* The worked example of PROTOCOL.md 8: every byte string of it is made here again, and the page
 * must hold it word for word. With --print, the blocks for the page. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "page.h"
#include "proto/canonical.h"
#include "proto/checkpoint.h"
#include "proto/chunk.h"
#include "proto/statement.h"
#include "proto/tensor.h"
#include "proto/text.h"
#include "tamis/v1/tamis.pb-c.h"

static const char origin[] = "fl.example/agg1";

enum { BLOCKS_MAX = 64, FLOATS = 8 };

/* What the page must hold, in order: "```text NAME\nVALUE\n```\n". */
struct block {
  const char *name;
  char *value; /* owned */
};

struct example {
  struct secret_key log, client, aggregator, operator;
  struct merkle_tree *tree;
  struct digest token_digest;
  struct digest layout, base, update, cohort;
  uint8_t *update_file;
  size_t update_size;
  size_t count;
  struct block block[BLOCKS_MAX];
};

static void must(bool done) {
  if (!done) abort();
}

static void add_bytes(struct example *example, const char *name, const void *text, size_t length) {
  must(example->count < BLOCKS_MAX);
  struct block *block = &example->block[example->count++];
  if (length > 0 && ((const char *)text)[length - 1] == '\n')
    length--; /* the fence gives it back */
  block->name = name;
  block->value = strndup(text, length);
  must(block->value != NULL);
}

static void add_text(struct example *example, const char *name, const char *text) {
  add_bytes(example, name, text, strlen(text));
}

static void add_hex(struct example *example, const char *name, const void *bytes, size_t length) {
  char *hex = malloc(2 * length + 1);
  must(hex != NULL);
  text_hex_encode(bytes, length, hex);
  add_text(example, name, hex);
  free(hex);
}

static void add_digest(struct example *example, const char *name, struct digest digest) {
  add_hex(example, name, digest.byte, DIGEST_SIZE);
}

static json_t *hex_json(struct digest digest) {
  char hex[DIGEST_HEX_SIZE];
  digest_to_hex(&digest, hex);
  return json_string(hex);
}

/* Randomness of the example: sixteen times the same byte. */
static json_t *nonce_json(uint8_t byte) {
  uint8_t bytes[16];
  char hex[33];
  memset(bytes, byte, sizeof bytes);
  text_hex_encode(bytes, sizeof bytes, hex);
  return json_string(hex);
}

static void make_key(struct example *example, const char *name, uint8_t byte,
                     struct secret_key *key, const char *seed_name, const char *vkey_name) {
  uint8_t seed[KEY_SEED_SIZE];
  char vkey[KEY_VKEY_SIZE];
  memset(seed, byte, sizeof seed);
  key_from_seed(name, seed, key);
  key_vkey_write(&key->public, vkey);
  add_hex(example, seed_name, seed, sizeof seed);
  add_text(example, vkey_name, vkey);
}

static json_t *vkey_json(const struct secret_key *key) {
  char vkey[KEY_VKEY_SIZE];
  key_vkey_write(&key->public, vkey);
  return json_string(vkey);
}

/* Signs, shows payload and envelope, and appends the entry. Takes `predicate` over. */
static char *log_entry(struct example *example, enum statement_kind kind, json_t *predicate,
                       struct digest subject, const struct secret_key *key,
                       const char *payload_name, const char *envelope_name) {
  char *payload = NULL, *envelope = NULL;
  size_t payload_length = 0, length = 0;
  struct fault fault;
  const char *const name[] = {statement_kind_subject(kind, 0)};
  if (statement_write(origin, kind, predicate, 1, name, &subject, &payload, &payload_length,
                      &fault) != TAMIS_OK ||
      envelope_sign(payload, payload_length, key, &envelope, &length, &fault) != TAMIS_OK) {
    fprintf(stderr, "%s\n", fault.text);
    abort();
  }
  add_text(example, payload_name, payload);
  add_text(example, envelope_name, envelope);
  struct digest leaf = merkle_leaf(envelope, length);
  merkle_tree_append(example->tree, &leaf);
  json_decref(predicate);
  free(payload);
  return envelope;
}

static void add_keys(struct example *example) {
  make_key(example, origin, 1, &example->log, "log_seed", "log_vkey");
  make_key(example, "c1", 2, &example->client, "client_seed", "client_vkey");
  make_key(example, "service/aggregator", 3, &example->aggregator, "aggregator_seed",
           "aggregator_vkey");
  make_key(example, "operator/ada", 4, &example->operator, "operator_seed", "operator_vkey");
}

static void add_genesis(struct example *example) {
  char vkey[KEY_VKEY_SIZE];
  key_vkey_write(&example->log.public, vkey);
  json_t *predicate = json_pack("{s:o,s:o,s:[o],s:o}", "log_key", vkey_json(&example->log),
                                "aggregator_key", vkey_json(&example->aggregator), "operators",
                                vkey_json(&example->operator), "nonce", nonce_json(0xa0));
  free(log_entry(example, STATEMENT_GENESIS, predicate, digest_of(vkey, strlen(vkey)),
                 &example->operator, "genesis_payload", "genesis_envelope"));
}

/* A file of the example's layout; each float is `first` plus a step of a quarter per place. */
static uint8_t *make_file(const struct layout *layout, float first, size_t *size) {
  uint8_t *file = malloc(layout->header_size + 4 * FLOATS);
  must(file != NULL && layout->parameters == FLOATS);
  memcpy(file, layout->header, layout->header_size);
  for (int i = 0; i < FLOATS; i++) {
    float value = first + 0.25f * (float)i;
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    for (int k = 0; k < 4; k++)
      file[layout->header_size + (size_t)(4 * i + k)] = (uint8_t)(bits >> (8 * k));
  }
  *size = layout->header_size + 4 * FLOATS;
  return file;
}

static void add_tensors(struct example *example) {
  const struct tensor tensors[] = {{.name = "fc.weight", .rank = 2, .shape = {2, 3}},
                                   {.name = "fc.bias", .rank = 1, .shape = {2}}};
  struct layout layout;
  size_t size = 0;
  must(layout_make(tensors, 2, &layout, NULL) == TAMIS_OK);
  uint8_t *model = make_file(&layout, 1.0f, &size);
  example->layout = layout.digest;
  example->base = digest_of(model, size);
  example->update_file = make_file(&layout, -1.0f, &example->update_size);
  example->update = digest_of(example->update_file, example->update_size);
  add_hex(example, "model_file", model, size);
  add_digest(example, "model_digest", example->base);
  add_digest(example, "layout_digest", example->layout);
  add_hex(example, "update_file", example->update_file, example->update_size);
  add_digest(example, "update_digest", example->update);
  layout_close(&layout);
  free(model);
}

static void add_federation(struct example *example) {
  json_t *predicate =
      json_pack("{s:s,s:s,s:o,s:i,s:i,s:i,s:i,s:i,s:i,s:o,s:i,s:{s:o},s:o}", "federation", "digits",
                "rule", "trimmed_mean(f=1)", "layout", hex_json(example->layout), "parameters",
                FLOATS, "quorum", 3, "cohort", 0, "over_selection_percent", 0, "deadline_ms", 60000,
                "rounds_max", 0, "norm_max", canonical_f64(100), "examples_max", 100000, "policy",
                "ratio_low", canonical_f64(2.5), "nonce", nonce_json(0xa1));
  free(log_entry(example, STATEMENT_FEDERATION_CREATE, predicate, example->base, &example->operator,
                 "federation_payload", "federation_envelope"));
}

static void add_invitation(struct example *example) {
  uint8_t token[16];
  char hex[33], base64[1024], line[1100];
  char *text = NULL;
  size_t length = 0;
  memset(token, 0x5a, sizeof token);
  text_hex_encode(token, sizeof token, hex);
  example->token_digest = digest_of(token, sizeof token);
  add_text(example, "token", hex);
  add_digest(example, "token_digest", example->token_digest);
  json_t *predicate = json_pack("{s:s,s:s,s:I,s:o}", "client", "c1", "organisation", "clinic-7",
                                "not_after", (json_int_t)1800000000, "nonce", nonce_json(0xa2));
  free(log_entry(example, STATEMENT_CLIENT_INVITE, predicate, example->token_digest,
                 &example->operator, "invite_payload", "invite_envelope"));
  json_t *invitation = json_pack("{s:s,s:s,s:o,s:s}", "address", "fl.example:7443", "client", "c1",
                                 "log_key", vkey_json(&example->log), "token", hex);
  must(canonical_encode(invitation, &text, &length, NULL) == TAMIS_OK);
  must(text_base64_size(length) <= sizeof base64);
  text_base64_encode((const uint8_t *)text, length, base64);
  snprintf(line, sizeof line, "tamis-invite:v1:%s", base64);
  add_text(example, "invitation_json", text);
  add_text(example, "invitation_line", line);
  json_decref(invitation);
  free(text);
}

static void add_enrolment(struct example *example) {
  json_t *predicate = json_pack("{s:s,s:o,s:o}", "client", "c1", "key", vkey_json(&example->client),
                                "token", hex_json(example->token_digest));
  free(log_entry(example, STATEMENT_KEY_ENROL, predicate,
                 digest_of(example->client.public.byte, KEY_PUBLIC_SIZE), &example->client,
                 "enrol_payload", "enrol_envelope"));
}

static void add_session(struct example *example) {
  uint8_t nonce[56], signature[KEY_SIGNATURE_SIZE];
  char hex[2 * sizeof nonce + 1], text[256];
  for (size_t i = 0; i < sizeof nonce; i++) nonce[i] = (uint8_t)i;
  text_hex_encode(nonce, sizeof nonce, hex);
  int length = snprintf(text, sizeof text, "tamis-session/v1\n%s\nc1\n%s\n", origin, hex);
  key_sign(&example->client, text, (size_t)length, signature);
  add_text(example, "session_text", text);
  add_hex(example, "session_signature", signature, sizeof signature);
}

/* SHA-256(root before the plan || federation || "\n" || round). */
static struct digest randomness_of(const struct merkle_tree *tree, const char *label) {
  uint8_t text[DIGEST_SIZE + 32];
  struct digest root = merkle_tree_root(tree, merkle_tree_size(tree));
  memcpy(text, root.byte, DIGEST_SIZE);
  memcpy(text + DIGEST_SIZE, label, strlen(label));
  return digest_of(text, DIGEST_SIZE + strlen(label));
}

static void add_round(struct example *example) {
  static const char cohort[] =
      "{\"clients\":[\"c1\",\"c2\",\"c3\"],\"federation\":\"digits\",\"round\":1}";
  example->cohort = digest_of(cohort, strlen(cohort));
  add_text(example, "cohort_manifest", cohort);
  add_digest(example, "cohort_digest", example->cohort);
  json_t *predicate =
      json_pack("{s:s,s:i,s:s,s:o,s:i,s:o,s:i,s:i,s:i,s:I,s:I,s:o,s:i,s:o}", "federation", "digits",
                "round", 1, "rule", "trimmed_mean(f=1)", "layout", hex_json(example->layout),
                "parameters", FLOATS, "cohort", hex_json(example->cohort), "selected", 3, "quorum",
                3, "target", 3, "opened_at_ms", (json_int_t)1700000000000, "closes_at_ms",
                (json_int_t)1700000060000, "norm_max", canonical_f64(100), "examples_max", 100000,
                "randomness", hex_json(randomness_of(example->tree, "digits\n1")));
  free(log_entry(example, STATEMENT_ROUND_OPEN, predicate, example->base, &example->aggregator,
                 "plan_payload", "plan_envelope"));
}

/* The checkpoint of the tree as it is, and the receipt of its last entry. */
static struct checkpoint add_receipt(struct example *example, const char *name) {
  uint64_t size = merkle_tree_size(example->tree);
  struct checkpoint head = {.size = size, .root = merkle_tree_root(example->tree, size)};
  struct merkle_proof proof;
  char *note = NULL, *receipt = NULL;
  size_t note_length = 0, length = 0;
  strcpy(head.origin, origin);
  checkpoint_sign(&head, &example->log, &note, &note_length);
  merkle_tree_inclusion(example->tree, size - 1, size, &proof);
  receipt_write(size - 1, &proof, note, note_length, &receipt, &length);
  add_text(example, name, receipt);
  free(note);
  free(receipt);
  return head;
}

static char *add_update(struct example *example, const struct checkpoint *seen) {
  json_t *predicate = json_pack(
      "{s:s,s:i,s:o,s:s,s:I,s:i,s:o,s:i,s:o,s:I,s:o}", "federation", "digits", "round", 1, "base",
      hex_json(example->base), "client", "c1", "size", (json_int_t)example->update_size, "examples",
      512, "loss", canonical_f64(0.75), "train_ms", 1234, "nonce", nonce_json(0xa5),
      "checkpoint_size", (json_int_t)seen->size, "checkpoint_root", hex_json(seen->root));
  return log_entry(example, STATEMENT_UPDATE, predicate, example->update, &example->client,
                   "update_payload", "update_envelope");
}

static void add_part(struct example *example, const char *name, const Tamis__V1__UploadPart *part) {
  uint8_t bytes[512];
  must(tamis__v1__upload_part__get_packed_size(part) <= sizeof bytes);
  add_hex(example, name, bytes, tamis__v1__upload_part__pack(part, bytes));
}

static void add_upload(struct example *example) {
  Tamis__V1__UploadPart part = TAMIS__V1__UPLOAD_PART__INIT;
  Tamis__V1__UploadHeader header = TAMIS__V1__UPLOAD_HEADER__INIT;
  Tamis__V1__UploadTrailer trailer = TAMIS__V1__UPLOAD_TRAILER__INIT;
  uint8_t message[512];
  header.session = (ProtobufCBinaryData){7, (uint8_t *)"session"};
  header.upload = (ProtobufCBinaryData){6, (uint8_t *)"upload"};
  header.size = example->update_size;
  part.part_case = TAMIS__V1__UPLOAD_PART__PART_HEADER;
  part.header = &header;
  add_part(example, "upload_header_message", &part);
  size_t prefix = chunk_prefix_write(CHUNK_TAG_UP, example->update_size, message);
  must(prefix + example->update_size <= sizeof message);
  memcpy(message + prefix, example->update_file, example->update_size);
  add_hex(example, "upload_data_message", message, prefix + example->update_size);
  trailer.digest = (ProtobufCBinaryData){DIGEST_SIZE, example->update.byte};
  part.part_case = TAMIS__V1__UPLOAD_PART__PART_TRAILER;
  part.trailer = &trailer;
  add_part(example, "upload_trailer_message", &part);
}

static void add_consistency(struct example *example, uint64_t old_size) {
  struct merkle_proof proof;
  char lines[MERKLE_PROOF_MAX * 65 + 1] = "";
  merkle_tree_consistency(example->tree, old_size, merkle_tree_size(example->tree), &proof);
  for (size_t i = 0; i < proof.count; i++) {
    digest_to_hex(&proof.hash[i], lines + 65 * i);
    strcat(lines, "\n");
  }
  add_text(example, "consistency", lines);
}

static void make(struct example *example) {
  memset(example, 0, sizeof *example);
  example->tree = merkle_tree_new();
  add_keys(example);
  add_genesis(example);
  add_tensors(example);
  add_federation(example);
  add_invitation(example);
  add_enrolment(example);
  add_session(example);
  add_round(example);
  struct checkpoint seen = add_receipt(example, "plan_receipt");
  char *update = add_update(example, &seen);
  add_upload(example);
  add_receipt(example, "update_receipt");
  add_consistency(example, seen.size);
  free(update);
}

static void forget(struct example *example) {
  for (size_t i = 0; i < example->count; i++) free(example->block[i].value);
  merkle_tree_free(example->tree);
  free(example->update_file);
}

static const char *value_of(const struct example *example, const char *name) {
  for (size_t i = 0; i < example->count; i++)
    if (strcmp(example->block[i].name, name) == 0) return example->block[i].value;
  fail_msg("no block %s", name);
  return NULL;
}

static void the_page_holds_every_block_and_no_other(void **state) {
  const struct example *example = *state;
  char *page = page_read();
  size_t fences = 0;
  for (char *at = page; (at = strstr(at, "\n```text ")); at++) fences++;
  assert_int_equal(fences, example->count);
  for (size_t i = 0; i < example->count; i++) {
    char *block = NULL;
    int n = asprintf(&block, "\n```text %s\n%s\n```\n", example->block[i].name,
                     example->block[i].value);
    assert_true(n > 0);
    if (!strstr(page, block)) fail_msg("PROTOCOL.md 8 lacks or changes: %s", block);
    free(block);
  }
  free(page);
}

/* Our own reader takes what the page shows: the last receipt proves the update's envelope. */
static void the_receipt_of_the_page_proves_the_update(void **state) {
  const struct example *example = *state;
  const char *envelope = value_of(example, "update_envelope");
  struct checkpoint head;
  struct fault fault;
  char receipt[4096];
  uint64_t index = 0;
  int n = snprintf(receipt, sizeof receipt, "%s\n", value_of(example, "update_receipt"));
  assert_int_equal(receipt_verify(receipt, (size_t)n, envelope, strlen(envelope),
                                  &example->log.public, &index, &head, &fault),
                   TAMIS_OK);
  assert_int_equal(index, 5);
  assert_int_equal(head.size, 6);
}

int main(int argc, char **argv) {
  struct example example;
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_prestate(the_page_holds_every_block_and_no_other, &example),
      cmocka_unit_test_prestate(the_receipt_of_the_page_proves_the_update, &example),
  };
  if (key_library_start() != TAMIS_OK) return 1;
  make(&example);
  if (argc == 2 && strcmp(argv[1], "--print") == 0)
    for (size_t i = 0; i < example.count; i++)
      printf("```text %s\n%s\n```\n", example.block[i].name, example.block[i].value);
  int failed = argc == 2 ? 0 : cmocka_run_group_tests(tests, NULL, NULL);
  forget(&example);
  return failed;
}
