/* A hundred thousand statements that nobody who might say them has said: every one is refused by a
 * name, and the log has not grown by anything but refusals. */
#include "world.h"

#include "proto/text.h"

/* Sanitizers make a forgery ten times as dear. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { FORGERIES = 5000 };
#else
enum { FORGERIES = 100000 };
#endif

enum { CLIENTS = 4, ENTRIES_MAX = 256, REVOKED = 3 };

struct forge {
  struct world world;
  uint64_t seed;
  struct world_task task; /* of the open round, which c00 has answered */
  struct world_task old;  /* of a round that is over */
  struct digest body;     /* of a file that is here and fits */
  char *entry[ENTRIES_MAX];
  size_t entry_length[ENTRIES_MAX], entries;
  uint64_t refused[TAMIS_STATUS_COUNT];
};

struct text { /* owned */
  char *bytes;
  size_t length;
};

static uint64_t below(struct forge *forge, uint64_t bound) {
  return world_random(&forge->seed) % bound;
}

static json_t *random_hex(struct forge *forge, int digits) {
  char hex[65];
  for (int i = 0; i < digits; i++) hex[i] = "0123456789abcdef"[below(forge, 16)];
  hex[digits] = '\0';
  return json_string(hex);
}

/* ---- statements of every kind ---- */

/* A value that the reader lets pass: forgeries must fail for who says them, not for how. */
static json_t *plausible(struct forge *forge, const struct statement_field *field) {
  char vkey[KEY_VKEY_SIZE];
  key_vkey_write(&forge->world.client[below(forge, CLIENTS)].public, vkey);
  switch (field->type) {
  case STATEMENT_TEXT: return json_string("a plausible text");
  case STATEMENT_INTEGER: return json_integer(field->min > 0 ? field->min : 1);
  case STATEMENT_F64: return canonical_f64(1);
  case STATEMENT_DIGEST: return random_hex(forge, 64);
  case STATEMENT_HEX16: return random_hex(forge, 32);
  case STATEMENT_VKEY: return json_string(vkey);
  case STATEMENT_VKEYS: return json_pack("[s]", vkey);
  case STATEMENT_NAMES: return json_pack("[s]", "c00");
  case STATEMENT_POLICY: return json_object();
  default:
    if (strcmp(field->name, "federation") == 0) return json_string(WORLD_FEDERATION);
    return json_string(forge->world.client[below(forge, CLIENTS)].public.name);
  }
}

static struct text say(struct forge *forge, enum statement_kind kind,
                       const struct secret_key *signer) {
  const char *name[STATEMENT_SUBJECTS_MAX];
  struct digest subject[STATEMENT_SUBJECTS_MAX];
  const struct statement_field *field;
  json_t *predicate = json_object();
  struct text text;
  struct fault fault;
  size_t subjects = 0;
  for (size_t i = 0; (field = statement_kind_field(kind, i)); i++)
    json_object_set_new(predicate, field->name, plausible(forge, field));
  for (; subjects < STATEMENT_SUBJECTS_MAX && statement_kind_subject(kind, subjects); subjects++) {
    name[subjects] = statement_kind_subject(kind, subjects);
    subject[subjects] = forge->body;
  }
  enum tamis_status status = statement_sign(WORLD_ORIGIN, kind, predicate, subjects, name, subject,
                                            signer, &text.bytes, &text.length, &fault);
  if (status != TAMIS_OK) fail_msg("%s: %s", statement_kind_name(kind), fault.text);
  json_decref(predicate);
  return text;
}

static struct world_claim honest_claim(struct forge *forge, size_t client) {
  struct world *world = &forge->world;
  return (struct world_claim){.origin = WORLD_ORIGIN,
                              .federation = WORLD_FEDERATION,
                              .round = forge->task.round,
                              .examples = 100,
                              .size = (int64_t)layout_file_size(&world->layout),
                              .base = forge->task.base,
                              .blob = forge->body,
                              .key = &world->client[client],
                              .client = world->client[client].public.name};
}

static struct text say_update(struct forge *forge, const struct world_claim *claim) {
  struct text text;
  world_envelope(&forge->world, claim, &text.bytes, &text.length);
  return text;
}

/* ---- the families ---- */

static struct text with_a_key_of_ones_own(struct forge *forge) {
  struct world_claim claim = honest_claim(forge, 1 + below(forge, 2));
  struct secret_key key;
  uint8_t seed[KEY_SEED_SIZE];
  for (size_t i = 0; i < sizeof seed; i++) seed[i] = (uint8_t)below(forge, 256);
  key_from_seed(claim.client, seed, &key);
  claim.key = &key;
  return say_update(forge, &claim);
}

static struct text with_anothers_key(struct forge *forge) {
  struct world_claim claim = honest_claim(forge, 1);
  const struct secret_key *others[] = {&forge->world.client[2], &forge->world.operator_key,
                                       &forge->world.aggregator_key, &forge->world.log_key};
  claim.key = others[below(forge, 4)];
  return say_update(forge, &claim);
}

/* Every kind by every key that may not say it; our own decisions by our own key too, from outside.
 */
static struct text in_a_wrong_role(struct forge *forge) {
  const struct secret_key *keys[] = {&forge->world.client[1], &forge->world.operator_key,
                                     &forge->world.aggregator_key, &forge->world.log_key};
  for (;;) {
    enum statement_kind kind = (enum statement_kind)below(forge, STATEMENT_KIND_COUNT);
    size_t who = below(forge, 4);
    bool is_allowed = (strcmp(statement_kind_signer(kind), "client") == 0 && who == 0) ||
                      (strcmp(statement_kind_signer(kind), "operator") == 0 && who == 1);
    if (!is_allowed) return say(forge, kind, keys[who]);
  }
}

static struct text out_of_its_round(struct forge *forge) {
  struct world_claim claim = honest_claim(forge, 1 + below(forge, 2));
  switch (below(forge, 4)) {
  case 0: claim.round = forge->old.round, claim.base = forge->old.base; break;
  case 1: claim.round = 1 + (int64_t)below(forge, 2); break;
  case 2: claim.round += 1 + (int64_t)below(forge, 1000); break;
  default: claim.base = forge->old.base; break;
  }
  return say_update(forge, &claim);
}

static struct text for_another_log(struct forge *forge) {
  static const char *const origins[] = {"other.example/log", "test.example/log2", "test.example"};
  struct world_claim claim = honest_claim(forge, 1);
  if (below(forge, 4) == 0)
    claim.federation = "another";
  else
    claim.origin = origins[below(forge, 3)];
  return say_update(forge, &claim);
}

static struct text by_a_revoked_key(struct forge *forge) {
  struct world_claim claim = honest_claim(forge, REVOKED);
  return say_update(forge, &claim);
}

static struct text a_second_answer(struct forge *forge) {
  struct world_claim claim = honest_claim(forge, 0);
  claim.examples += (int64_t)below(forge, 1000);
  return say_update(forge, &claim);
}

/* One statement under the signature of another. */
static struct text with_a_swapped_payload(struct forge *forge) {
  struct world_claim claim = honest_claim(forge, 1);
  struct text good = say_update(forge, &claim), made;
  size_t other = below(forge, forge->entries);
  json_t *root = json_loadb(good.bytes, good.length, 0, NULL),
         *logged = json_loadb(forge->entry[other], forge->entry_length[other], 0, NULL);
  const char *taken = below(forge, 2) ? "payload" : "signatures";
  assert_int_equal(json_object_set(root, taken, json_object_get(logged, taken)), 0);
  assert_int_equal(canonical_encode(root, &made.bytes, &made.length, NULL), TAMIS_OK);
  json_decref(logged);
  json_decref(root);
  free(good.bytes);
  return made;
}

static struct text cut_short(struct forge *forge) {
  struct world_claim claim = honest_claim(forge, 1);
  struct text good = say_update(forge, &claim);
  good.length = 1 + below(forge, good.length - 1);
  return good;
}

static struct text with_a_flipped_bit(struct forge *forge) {
  struct world_claim claim = honest_claim(forge, 1 + below(forge, 2));
  struct text good = say_update(forge, &claim);
  good.bytes[below(forge, good.length)] ^= (char)(1 << below(forge, 8));
  return good;
}

/* The eight points of small order and three spellings of them that are not canonical: under such a
 * key one signature fits many messages. */
static const char *const small_orders[] = {
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
};

static void point_of(struct forge *forge, uint8_t point[32]) {
  size_t count = sizeof small_orders / sizeof *small_orders;
  assert_true(text_hex_decode(small_orders[below(forge, count)], 64, point, 32));
}

static char *base64_of(const uint8_t *bytes, size_t length) {
  char *text = malloc(text_base64_size(length));
  text_base64_encode(bytes, length, text);
  return text;
}

/* keyid, and R = a point of small order, S = 0. */
static json_t *signature_of_small_order(struct forge *forge, const char *keyid) {
  uint8_t signature[KEY_SIGNATURE_SIZE] = {0};
  point_of(forge, signature);
  char *text = base64_of(signature, sizeof signature);
  json_t *list = json_pack("[{s:s, s:s}]", "keyid", keyid, "sig", text);
  free(text);
  return list;
}

static struct text with_a_signature_of_small_order(struct forge *forge) {
  struct world_claim claim = honest_claim(forge, 1);
  struct text good = say_update(forge, &claim), made;
  json_t *root = json_loadb(good.bytes, good.length, 0, NULL);
  json_object_set_new(root, "signatures", signature_of_small_order(forge, claim.client));
  assert_int_equal(canonical_encode(root, &made.bytes, &made.length, NULL), TAMIS_OK);
  json_decref(root);
  free(good.bytes);
  return made;
}

/* ---- doors ---- */

struct reply {
  enum tamis_status status;
  bool is_known; /* the very bytes stand in the log */
};

static struct reply knock(struct forge *forge, const char *client, const struct text *text) {
  struct core_offer offer;
  char *receipt, *result;
  size_t length;
  uint64_t index;
  struct reply reply = {TAMIS_OK, false};
  struct core *core = forge->world.core;
  switch (below(forge, 3)) {
  case 0:
    reply.status = core_offer(core, client, text->bytes, text->length, &offer, NULL);
    reply.is_known = reply.status == TAMIS_OK && offer.complete;
    if (reply.is_known) free(offer.receipt);
    break;
  case 1:
    reply.status = core_accept(core, client, text->bytes, text->length, &receipt, &length, NULL);
    reply.is_known = reply.status == TAMIS_OK;
    if (reply.is_known) free(receipt);
    break;
  default:
    reply.status = core_submit(core, text->bytes, text->length, false, &index, &receipt, &length,
                               &result, NULL);
    reply.is_known = reply.status == TAMIS_OK;
    if (reply.is_known) free(receipt), free(result);
  }
  return reply;
}

/* Entries but for refusals, which authenticated nonsense may cause a few of. */
static size_t said(struct forge *forge) {
  json_t *rows = world_query(&forge->world, "entries", 0, NULL), *row;
  size_t i, count = 0;
  json_array_foreach(rows, i, row) {
    count += strcmp(json_string_value(json_object_get(row, "kind")), "refusal") != 0;
  }
  json_decref(rows);
  return count;
}

static void stage(struct forge *forge) {
  struct world *world = &forge->world;
  float values[WORLD_PARAMETERS] = {0.5F};
  memset(forge, 0, sizeof *forge);
  forge->seed = 4;
  world_open(world);
  world_enrol_clients(world, CLIENTS);
  assert_int_equal(world_federation(world, WORLD_FEDERATION, "mean", 3, 0, 0, 0, NULL, NULL),
                   TAMIS_OK);
  assert_true(world_wait_task(world, 1, &forge->old));
  world_play(world, 2, 0, WORLD_HONEST);
  assert_int_equal(world_standing(world, STATEMENT_KEY_REVOKE, REVOKED, NULL), TAMIS_OK);
  for (int i = 0; i < 1000 && forge->task.round < 3; i++) {
    world_wait_task(world, 0, &forge->task);
    usleep(1000);
  }
  assert_int_equal(forge->task.round, 3);
  assert_int_equal(world_answer(world, 0, &forge->task, WORLD_HONEST, NULL), TAMIS_OK);
  forge->body = world_put(world, values);
  for (uint64_t i = 0; i < core_size(world->core) && i < ENTRIES_MAX; i++) {
    char *receipt;
    size_t length;
    assert_int_equal(core_entry(world->core, i, &forge->entry[i], &forge->entry_length[i], &receipt,
                                &length, NULL),
                     TAMIS_OK);
    free(receipt);
    forge->entries++;
  }
}

static void unstage(struct forge *forge) {
  for (size_t i = 0; i < forge->entries; i++) free(forge->entry[i]);
  world_close(&forge->world);
}

static void no_forgery_is_accepted(void **unused) {
  static struct text (*const families[])(struct forge *) = {with_a_key_of_ones_own,
                                                            with_anothers_key,
                                                            in_a_wrong_role,
                                                            out_of_its_round,
                                                            for_another_log,
                                                            by_a_revoked_key,
                                                            a_second_answer,
                                                            with_a_swapped_payload,
                                                            cut_short,
                                                            with_a_flipped_bit,
                                                            with_a_signature_of_small_order};
  enum { FAMILIES = sizeof families / sizeof *families };
  struct forge forge;
  (void)unused;
  stage(&forge);
  size_t before = said(&forge);
  for (size_t i = 0; i < FORGERIES; i++) {
    struct text text = families[i % FAMILIES](&forge);
    /* Revoked and answered clients come as themselves, the others as c01. */
    const char *client = families[i % FAMILIES] == by_a_revoked_key  ? "c03"
                         : families[i % FAMILIES] == a_second_answer ? "c00"
                                                                     : "c01";
    struct reply reply = knock(&forge, client, &text);
    if (reply.status == TAMIS_OK) /* a flipped bit that gives the bytes of an entry would be news */
      fail_msg("forgery %zu (family %zu) was accepted: %.*s", i, i % FAMILIES, (int)text.length,
               text.bytes);
    forge.refused[reply.status]++;
    free(text.bytes);
  }
  assert_int_equal(said(&forge), before);
  assert_true(forge.refused[TAMIS_BAD_SIGNATURE] > FORGERIES / 20);
  assert_true(forge.refused[TAMIS_DENIED] > 0 && forge.refused[TAMIS_STALE_ROUND] > 0);
  assert_true(forge.refused[TAMIS_WRONG_ORIGIN] > 0 && forge.refused[TAMIS_KEY_REVOKED] > 0);
  /* The door still opens for those who may come in, and the log is one that a start accepts. */
  assert_int_equal(world_answer(&forge.world, 1, &forge.task, WORLD_HONEST, NULL), TAMIS_OK);
  world_stop(&forge.world);
  world_start(&forge.world);
  assert_int_equal(said(&forge), before + 1);
  unstage(&forge);
}

/* What stands in the log is known by its bytes at every door, and changes nothing. */
static void a_replay_is_the_same_entry(void **unused) {
  struct forge forge;
  (void)unused;
  stage(&forge);
  uint64_t size = core_size(forge.world.core);
  for (size_t i = 0; i < 40 * forge.entries; i++) {
    struct text text = {forge.entry[i % forge.entries], forge.entry_length[i % forge.entries]};
    struct reply reply = knock(&forge, "c02", &text);
    assert_true(reply.status != TAMIS_OK || reply.is_known);
    assert_int_equal(core_size(forge.world.core), size);
  }
  unstage(&forge);
}

/* A key of small order would let one signature speak for everybody; a spent token opens nothing. */
static void no_key_of_small_order_and_no_spent_token_enrols(void **unused) {
  struct forge forge;
  struct secret_key key;
  uint8_t token[16] = {7, 7}, spent[16] = {1, 1}, seed[KEY_SEED_SIZE] = {77};
  (void)unused;
  stage(&forge);
  assert_int_equal(
      world_invite(&forge.world, "mallory", token, WORLD_START_MS / 1000 + 86400, NULL), TAMIS_OK);
  size_t before = said(&forge);
  key_from_seed("mallory", seed, &key);
  assert_int_not_equal(world_enrol(&forge.world, &key, spent, NULL), TAMIS_OK);
  for (size_t i = 0; i < 200; i++) {
    struct digest hash = digest_of(token, sizeof token), subject;
    char vkey[KEY_VKEY_SIZE], *payload, *envelope, *receipt;
    size_t length, envelope_length, receipt_length;
    struct secret_key small = key;
    point_of(&forge, small.public.byte);
    subject = digest_of(small.public.byte, KEY_PUBLIC_SIZE);
    key_vkey_write(&small.public, vkey);
    json_t *statement = json_pack(
        "{s:s, s:{s:s, s:s, s:o}, s:s, s:[{s:{s:o}, s:s}]}", "_type",
        "https://in-toto.io/Statement/v1", "predicate", "client", "mallory", "key", vkey, "token",
        world_hex(&hash), "predicateType", "https://" WORLD_ORIGIN "/v1/key-enrol", "subject",
        "digest", "sha256", world_hex(&subject), "name", "key");
    assert_int_equal(canonical_encode(statement, &payload, &length, NULL), TAMIS_OK);
    char *text = base64_of((const uint8_t *)payload, length);
    json_t *root =
        json_pack("{s:s, s:s, s:o}", "payload", text, "payloadType", "application/vnd.in-toto+json",
                  "signatures", signature_of_small_order(&forge, "mallory"));
    assert_int_equal(canonical_encode(root, &envelope, &envelope_length, NULL), TAMIS_OK);
    assert_int_equal(core_enrol(forge.world.core, token, 16, envelope, envelope_length, &receipt,
                                &receipt_length, NULL),
                     TAMIS_BAD_STATEMENT);
    json_decref(root);
    json_decref(statement);
    free(envelope);
    free(payload);
    free(text);
  }
  assert_int_equal(said(&forge), before);
  assert_int_equal(world_enrol(&forge.world, &key, token, NULL), TAMIS_OK);
  unstage(&forge);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(no_forgery_is_accepted),
      cmocka_unit_test(a_replay_is_the_same_entry),
      cmocka_unit_test(no_key_of_small_order_and_no_spent_token_enrols),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
