/* Every cell of the matrix of PROTOCOL.md 11: each kind signed by each one, two and three of the
 * roles, before and after duties are separated; and what people try beside it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "aggregator/duties.h"
#include "aggregator/federation.h"
#include "aggregator/people.h"
#include "client-sdk/log_fold.h"
#include "proto/canonical.h"

#define ORIGIN "people.example/log"

/* Of each role there are so many holders, none of whom holds another. */
enum { HOLDERS = 3, PLACES = 3, NOW = 2000000000 };

#define assert_status(found, wanted)                                                               \
  assert_string_equal(tamis_status_name(found), tamis_status_name(wanted))

struct log {
  struct secret_key log_key, aggregator, client, holder[ROLE_COUNT][HOLDERS];
  struct state *state;
  struct fold fold; /* what a verifier makes of it */
  struct log_report report;
  struct fault fault; /* of the last refusal */
  uint64_t nonce;
};

/* ---- saying things ---- */

static json_t *nonce(struct log *log) {
  char text[33];
  snprintf(text, sizeof text, "%032llx", (unsigned long long)++log->nonce);
  return json_string(text);
}

static struct digest key_digest(const struct secret_key *key) {
  return digest_of(key->public.byte, KEY_PUBLIC_SIZE);
}

static json_t *hex(const struct digest *digest) {
  char text[DIGEST_HEX_SIZE];
  digest_to_hex(digest, text);
  return json_string(text);
}

struct text {
  char *bytes;
  size_t length;
};

/* `predicate` is taken over. Signed by the first, and each other puts its name to it. */
static struct text sign(struct log *log, enum statement_kind kind, json_t *predicate,
                        const struct digest *subject, size_t count,
                        const struct secret_key *const *key) {
  const char *name[] = {statement_kind_subject(kind, 0), statement_kind_subject(kind, 1)};
  const struct digest both[] = {*subject, *subject};
  struct text text;
  if (statement_sign(ORIGIN, kind, predicate, name[1] ? 2 : 1, name, both, key[0], &text.bytes,
                     &text.length, &log->fault) != TAMIS_OK)
    fail_msg("%s: %s", statement_kind_name(kind), log->fault.text);
  json_decref(predicate);
  for (size_t i = 1; i < count; i++) {
    struct envelope envelope;
    assert_status(envelope_open(text.bytes, text.length, &envelope, NULL), TAMIS_OK);
    free(text.bytes);
    assert_status(envelope_cosign(&envelope, key[i], &text.bytes, &text.length, NULL), TAMIS_OK);
    envelope_close(&envelope);
  }
  return text;
}

/* Would a verifier of the log say the same? It has no word for what is only not enough. */
static void assert_verifier_agrees(struct log *log, const struct text *text,
                                   enum tamis_status status) {
  struct envelope envelope;
  struct statement statement;
  assert_status(envelope_open(text->bytes, text->length, &envelope, NULL), TAMIS_OK);
  assert_status(statement_read(envelope.payload, envelope.payload_length, ORIGIN, &statement, NULL),
                TAMIS_OK);
  bool is_good = fold_signatures(&log->fold, &statement, &envelope) == TAMIS_OK;
  if (is_good != (status == TAMIS_OK))
    fail_msg("%s: the server says %s, the verifier %s", statement_kind_name(statement.kind),
             tamis_status_name(status), is_good ? "yes" : log->report.found);
  statement_close(&statement);
  envelope_close(&envelope);
}

/* At the door: opened, and with `now_s` admitted; appended when that went well. */
static enum tamis_status submit_at(struct log *log, const struct text *text, int64_t now_s) {
  struct entry entry;
  struct moment moment = {.now_ms = now_s * 1000, .has_proposed = true};
  enum tamis_status status = entry_open(log->state, text->bytes, text->length, &entry, &log->fault);
  if (log->state->applied > 0) assert_verifier_agrees(log, text, status);
  if (status != TAMIS_OK) return status;
  status = federation_admit(log->state, &entry, &moment, &log->fault);
  if (status == TAMIS_OK) {
    status = federation_apply(log->state, &entry, NULL, &log->fault);
    assert_status(status, TAMIS_OK);
    if (log->state->applied == 1) { /* the genesis */
      struct envelope envelope;
      assert_status(envelope_open(text->bytes, text->length, &envelope, NULL), TAMIS_OK);
      assert_status(fold_signatures(&log->fold, &entry.statement, &envelope), TAMIS_OK);
      envelope_close(&envelope);
    }
    if (fold_entry(&log->fold, log->state->applied - 1, &entry.statement, entry.signer) != TAMIS_OK)
      fail_msg("the verifier: %s, found %s", log->report.expected, log->report.found);
  }
  entry_close(&entry);
  return status;
}

static enum tamis_status say(struct log *log, enum statement_kind kind, json_t *predicate,
                             const struct digest *subject, size_t count,
                             const struct secret_key *const *key) {
  struct text text = sign(log, kind, predicate, subject, count, key);
  enum tamis_status status = submit_at(log, &text, NOW);
  free(text.bytes);
  return status;
}

/* ---- who is there ---- */

static void make_key(const char *name, struct secret_key *key) {
  struct digest seed = digest_of(name, strlen(name));
  key_from_seed(name, seed.byte, key);
}

static json_t *grant(struct log *log, const struct secret_key *whom, const char *role,
                     int64_t not_after) {
  char vkey[KEY_VKEY_SIZE];
  key_vkey_write(&whom->public, vkey);
  json_t *predicate = json_pack("{s:s, s:s, s:s, s:o}", "key", vkey, "role", role, "reason",
                                "a test", "nonce", nonce(log));
  if (not_after) json_object_set_new(predicate, "not_after", json_integer(not_after));
  return predicate;
}

static enum tamis_status grant_by(struct log *log, const struct secret_key *whom, const char *role,
                                  int64_t not_after, size_t count,
                                  const struct secret_key *const *by) {
  struct digest subject = key_digest(whom);
  return say(log, STATEMENT_ROLE_GRANT, grant(log, whom, role, not_after), &subject, count, by);
}

/* By as many operators as it takes. */
static void grant_to(struct log *log, const struct secret_key *whom, const char *role,
                     int64_t not_after) {
  const struct secret_key *by[] = {&log->holder[ROLE_OPERATOR][0], &log->holder[ROLE_OPERATOR][1]};
  assert_status(grant_by(log, whom, role, not_after, log->state->is_separated ? 2 : 1, by),
                TAMIS_OK);
}

static void revoke_from(struct log *log, const struct secret_key *whom, const char *role) {
  const struct secret_key *by[] = {&log->holder[ROLE_OPERATOR][0], &log->holder[ROLE_OPERATOR][1]};
  struct digest subject = key_digest(whom);
  assert_status(say(log, STATEMENT_ROLE_REVOKE,
                    json_pack("{s:s, s:s, s:s, s:o}", "person", whom->public.name, "role", role,
                              "reason", "a test", "nonce", nonce(log)),
                    &subject, log->state->is_separated ? 2 : 1, by),
                TAMIS_OK);
}

static enum tamis_status separate(struct log *log) {
  const struct secret_key *by = &log->holder[ROLE_OPERATOR][0];
  char vkey[KEY_VKEY_SIZE];
  key_vkey_write(&log->log_key.public, vkey);
  struct digest subject = digest_of(vkey, strlen(vkey));
  return say(log, STATEMENT_SEPARATION,
             json_pack("{s:s, s:o}", "reason", "a test", "nonce", nonce(log)), &subject, 1, &by);
}

static void genesis(struct log *log) {
  const struct secret_key *by = &log->holder[ROLE_OPERATOR][0];
  char log_key[KEY_VKEY_SIZE], aggregator[KEY_VKEY_SIZE], operator[KEY_VKEY_SIZE];
  key_vkey_write(&log->log_key.public, log_key);
  key_vkey_write(&log->aggregator.public, aggregator);
  key_vkey_write(&by->public, operator);
  struct digest subject = digest_of(log_key, strlen(log_key));
  assert_status(say(log, STATEMENT_GENESIS,
                    json_pack("{s:s, s:s, s:[s], s:o}", "log_key", log_key, "aggregator_key",
                              aggregator, "operators", operator, "nonce", nonce(log)),
                    &subject, 1, &by),
                TAMIS_OK);
}

static void log_begin(struct log *log) {
  memset(log, 0, sizeof *log);
  assert_status(key_library_start(), TAMIS_OK);
  make_key(ORIGIN, &log->log_key);
  make_key("service/aggregator", &log->aggregator);
  make_key("c0", &log->client);
  for (unsigned role = 0; role < ROLE_COUNT; role++)
    for (unsigned i = 0; i < HOLDERS; i++) {
      char name[64];
      snprintf(name, sizeof name, "%s/%s-%u", role == ROLE_OPERATOR ? "operator" : "person",
               duties_role_name((enum duty_role)role), i);
      make_key(name, &log->holder[role][i]);
    }
  log->state = state_new(&log->log_key.public);
  log->fold.log_key = log->log_key.public;
  log->fold.report = &log->report;
  genesis(log);
}

static void log_end(struct log *log) {
  state_free(log->state);
  fold_close(&log->fold);
}

static void everybody(struct log *log) {
  for (unsigned role = 0; role < ROLE_COUNT; role++)
    for (unsigned i = role == ROLE_OPERATOR; i < HOLDERS; i++)
      grant_to(log, &log->holder[role][i], duties_role_name((enum duty_role)role), 0);
}

static void log_of_everybody(struct log *log, bool is_separated) {
  log_begin(log);
  everybody(log);
  if (is_separated) assert_status(separate(log), TAMIS_OK);
}

/* ---- the page ---- */

struct page_row {
  enum statement_kind kind;
  size_t places;
  unsigned roles[PLACES];
};

/* "operator or reviewer" */
static unsigned page_roles(const char *cell) {
  unsigned roles = 0;
  char words[160], *rest = NULL;
  snprintf(words, sizeof words, "%s", cell);
  for (char *word = strtok_r(words, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
    enum duty_role role;
    if (strcmp(word, "or") == 0) continue;
    if (!duties_role_from_name(word, &role)) fail_msg("the page has a role %s", word);
    roles |= 1u << role;
  }
  return roles;
}

static size_t page_read(struct page_row *rows, size_t room) {
  char line[4096], name[64], cell[PLACES][160];
  bool in_section = false;
  size_t count = 0;
  FILE *page = fopen(TAMIS_SOURCE_DIR "/PROTOCOL.md", "r");
  assert_non_null(page);
  while (fgets(line, sizeof line, page)) {
    if (strncmp(line, "## ", 3) == 0) in_section = strstr(line, "People") != NULL;
    if (!in_section || strncmp(line, "| `", 3) != 0) continue;
    struct page_row row = {.places = 0};
    memset(cell, 0, sizeof cell);
    if (sscanf(line, "| `%63[^`]` |%159[^|]|%159[^|]|%159[^|]|", name, cell[0], cell[1], cell[2]) !=
            1 + PLACES ||
        !statement_kind_from_name(name, &row.kind))
      fail_msg("not a row of the matrix: %s", line);
    for (size_t i = 0; i < PLACES && page_roles(cell[i]); i++)
      row.roles[row.places++] = page_roles(cell[i]);
    assert_true(count < room);
    rows[count++] = row;
  }
  fclose(page);
  return count;
}

/* ---- every cell ---- */

static json_t *value_of(const struct statement_field *field) {
  char vkey[KEY_VKEY_SIZE];
  struct digest digest = digest_of(field->name, strlen(field->name));
  struct secret_key key;
  make_key("person/somebody", &key);
  key_vkey_write(&key.public, vkey);
  switch (field->type) {
  case STATEMENT_NAME: return json_string("somebody");
  case STATEMENT_TEXT: return json_string("a text");
  case STATEMENT_INTEGER: return json_integer(field->min > 1 ? field->min : 1);
  case STATEMENT_F64: return canonical_f64(0.5);
  case STATEMENT_DIGEST: return hex(&digest);
  case STATEMENT_HEX16: return json_string("00112233445566778899aabbccddeeff");
  case STATEMENT_VKEY: return json_string(vkey);
  case STATEMENT_VKEYS: return json_pack("[s]", vkey);
  case STATEMENT_NAMES: return json_pack("[s]", "somebody");
  default: return json_object();
  }
}

static json_t *anything(enum statement_kind kind) {
  const struct statement_field *field;
  json_t *predicate = json_object();
  for (size_t i = 0; (field = statement_kind_field(kind, i)); i++)
    if (!field->is_optional) json_object_set_new(predicate, field->name, value_of(field));
  return predicate;
}

/* What the page says of so many different persons with these roles. */
static bool page_seats(const struct page_row *row, const unsigned *role, size_t count, size_t who,
                       unsigned free) {
  if (who == count) return true;
  for (size_t place = 0; place < row->places; place++)
    if ((free & 1u << place) && (row->roles[place] & 1u << role[who]) &&
        page_seats(row, role, count, who + 1, free & ~(1u << place)))
      return true;
  return false;
}

static enum tamis_status page_says(const struct page_row *row, bool is_separated,
                                   const unsigned *role, size_t count) {
  if (!is_separated && count > 1) return TAMIS_BAD_SIGNATURE;
  if (!is_separated && role[0] == ROLE_OPERATOR) return TAMIS_OK;
  if (!is_separated)
    return row->places == 1 && (row->roles[0] & 1u << role[0]) ? TAMIS_OK : TAMIS_DENIED;
  if (count > row->places) return TAMIS_BAD_SIGNATURE;
  if (!page_seats(row, role, count, 0, (1u << row->places) - 1)) return TAMIS_DENIED;
  return count < row->places ? TAMIS_COSIGNER_MISSING : TAMIS_OK;
}

static void check_cell(struct log *log, const struct page_row *row, const unsigned *role,
                       size_t count) {
  const struct secret_key *key[PLACES];
  struct digest subject = digest_of("x", 1);
  struct entry entry;
  for (size_t i = 0; i < count; i++) key[i] = &log->holder[role[i]][i];
  struct text text = sign(log, row->kind, anything(row->kind), &subject, count, key);
  enum tamis_status status = entry_open(log->state, text.bytes, text.length, &entry, &log->fault);
  enum tamis_status due = page_says(row, log->state->is_separated, role, count);
  if (status != due)
    fail_msg("%s by %zu, the first a %s: %s, the page says %s", statement_kind_name(row->kind),
             count, duties_role_name((enum duty_role)role[0]), tamis_status_name(status),
             tamis_status_name(due));
  assert_verifier_agrees(log, &text, status);
  if (status == TAMIS_OK) {
    assert_int_equal(entry.cosigner_count, count - 1);
    assert_null(entry_cosigner(&entry, count - 1));
    entry_close(&entry);
  }
  free(text.bytes);
}

static void every_cell_is_as_the_page_says(void **unused) {
  (void)unused;
  struct page_row rows[STATEMENT_KIND_COUNT];
  size_t count = page_read(rows, STATEMENT_KIND_COUNT);
  for (int is_separated = 0; is_separated < 2; is_separated++) {
    struct log log;
    log_of_everybody(&log, is_separated);
    for (size_t i = 0; i < count; i++)
      for (unsigned a = 0; a < ROLE_COUNT; a++) {
        check_cell(&log, &rows[i], &a, 1);
        for (unsigned b = 0; b < ROLE_COUNT; b++) {
          check_cell(&log, &rows[i], (unsigned[]){a, b}, 2);
          for (unsigned c = 0; c < ROLE_COUNT; c++)
            check_cell(&log, &rows[i], (unsigned[]){a, b, c}, 3);
        }
      }
    log_end(&log);
  }
}

/* A kind that people sign and that nobody thought of when duties were written is nobody's. */
static void the_page_has_every_kind_that_people_sign(void **unused) {
  (void)unused;
  struct page_row rows[STATEMENT_KIND_COUNT];
  size_t count = page_read(rows, STATEMENT_KIND_COUNT);
  for (unsigned kind = 0; kind < STATEMENT_KIND_COUNT; kind++) {
    bool is_peoples = strcmp(statement_kind_signer((enum statement_kind)kind), "operator") == 0 &&
                      kind != STATEMENT_GENESIS;
    const struct duty *duty = duties_of((enum statement_kind)kind);
    size_t i = 0;
    while (i < count && rows[i].kind != (enum statement_kind)kind) i++;
    if (is_peoples != (i < count) || is_peoples != (duty->persons > 0))
      fail_msg("%s: signed by people, on the page, in duties.c: not all three",
               statement_kind_name((enum statement_kind)kind));
    if (!is_peoples) continue;
    assert_int_equal(duty->persons, rows[i].places);
    assert_memory_equal(duty->role, rows[i].roles, sizeof duty->role);
  }
}

/* Clients and services say nothing that people sign. */
static void no_other_key_signs_for_a_person(void **unused) {
  (void)unused;
  for (int is_separated = 0; is_separated < 2; is_separated++) {
    struct log log;
    struct secret_key service;
    struct digest subject = digest_of("x", 1);
    log_of_everybody(&log, is_separated);
    make_key("service/scores", &service);
    grant_to(&log, &service, "evaluator", 0);
    const struct secret_key *others[] = {&log.client, &log.aggregator, &log.log_key, &service};
    for (unsigned kind = 0; kind < STATEMENT_KIND_COUNT; kind++)
      for (size_t i = 0; duties_of((enum statement_kind)kind)->persons && i < 4; i++) {
        bool is_evaluators =
            others[i] == &service &&
            (duties_of((enum statement_kind)kind)->role[0] & 1u << ROLE_EVALUATOR) != 0;
        if (is_evaluators) continue;
        const struct secret_key *by[] = {others[i], &log.holder[ROLE_REVIEWER][0]};
        for (size_t count = 1; count <= 2; count++)
          assert_int_not_equal(say(&log, (enum statement_kind)kind,
                                   anything((enum statement_kind)kind), &subject, count, by),
                               TAMIS_OK);
      }
    log_end(&log);
  }
}

/* ---- what people try ---- */

static json_t *exclusion(struct log *log, const char *client) {
  return json_pack("{s:s, s:s, s:i, s:s, s:o}", "federation", "f", "client", client, "since", 0,
                   "reason", "a test", "nonce", nonce(log));
}

/* Only who signed is looked at: there is no federation. */
static enum tamis_status exclude_by(struct log *log, size_t count,
                                    const struct secret_key *const *by) {
  struct digest subject = key_digest(&log->client);
  return say(log, STATEMENT_EXCLUSION, exclusion(log, "c0"), &subject, count, by);
}

static void assert_words(const struct log *log, const char *words) {
  if (!strstr(log->fault.text, words)) fail_msg("\"%s\" lacks \"%s\"", log->fault.text, words);
}

static void one_person_is_not_two(void **unused) {
  (void)unused;
  struct log log;
  log_of_everybody(&log, true);
  struct secret_key *both = &log.holder[ROLE_OPERATOR][0], *other = &log.holder[ROLE_REVIEWER][0];
  grant_to(&log, &log.holder[ROLE_REVIEWER][1], "operator", 0);
  const struct secret_key *twice[] = {both, both},
                          *three[] = {both, other, &log.holder[ROLE_REVIEWER][1]},
                          *alone[] = {&log.holder[ROLE_REVIEWER][1]};
  assert_status(exclude_by(&log, 2, twice), TAMIS_DENIED);
  assert_words(&log, "has signed twice: that is one person");
  assert_status(exclude_by(&log, 3, three), TAMIS_BAD_SIGNATURE);
  assert_words(&log, "2 signatures, not 3");
  assert_status(exclude_by(&log, 1, alone), TAMIS_COSIGNER_MISSING);
  assert_words(&log, "an operator and a reviewer, 2 different persons");
  assert_status(exclude_by(&log, 2, (const struct secret_key *[]){both, other}),
                TAMIS_UNKNOWN_FEDERATION);
  log_end(&log);
}

/* Whoever is operator and reviewer sits on one place, and not on its own change's other. */
static void an_author_is_none_of_the_reviewers(void **unused) {
  (void)unused;
  struct log log;
  log_of_everybody(&log, true);
  struct secret_key *author = &log.holder[ROLE_OPERATOR][0],
                    *second = &log.holder[ROLE_REVIEWER][0], *third = &log.holder[ROLE_REVIEWER][1];
  struct digest subject = digest_of("x", 1);
  grant_to(&log, second, "operator", 0);
  const struct secret_key *two[] = {second, third}, *three[] = {author, second, third},
                          *same[] = {second, third, second};
  assert_status(say(&log, STATEMENT_POLICY_SET, anything(STATEMENT_POLICY_SET), &subject, 2, two),
                TAMIS_COSIGNER_MISSING);
  assert_status(say(&log, STATEMENT_POLICY_SET, anything(STATEMENT_POLICY_SET), &subject, 3, same),
                TAMIS_DENIED);
  assert_status(say(&log, STATEMENT_POLICY_SET, anything(STATEMENT_POLICY_SET), &subject, 3, three),
                TAMIS_UNKNOWN_FEDERATION);
  log_end(&log);
}

static void signatures_have_one_order(void **unused) {
  (void)unused;
  struct log log;
  struct digest subject;
  log_of_everybody(&log, true);
  subject = key_digest(&log.client);
  const struct secret_key *by[] = {&log.holder[ROLE_OPERATOR][0], &log.holder[ROLE_REVIEWER][0]};
  struct text text = sign(&log, STATEMENT_EXCLUSION, exclusion(&log, "c0"), &subject, 2, by);
  json_t *root = json_loadb(text.bytes, text.length, 0, NULL);
  json_t *list = json_object_get(root, "signatures"), *first = json_incref(json_array_get(list, 0));
  json_array_remove(list, 0);
  json_array_append_new(list, first);
  free(text.bytes);
  assert_status(canonical_encode(root, &text.bytes, &text.length, NULL), TAMIS_OK);
  assert_status(submit_at(&log, &text, NOW), TAMIS_BAD_SIGNATURE);
  assert_words(&log, "not in the order of keyids");
  json_decref(root);
  free(text.bytes);
  log_end(&log);
}

/* By the clock at the door, by the log's own time in a fold. */
static void a_grant_ends_with_its_date(void **unused) {
  (void)unused;
  struct log log;
  struct secret_key guest;
  struct digest subject;
  struct entry entry;
  log_of_everybody(&log, true);
  make_key("person/guest", &guest);
  assert_status(grant_by(&log, &guest, "reviewer", NOW - 1, 2,
                         (const struct secret_key *[]){&log.holder[ROLE_OPERATOR][0],
                                                       &log.holder[ROLE_OPERATOR][1]}),
                TAMIS_BAD_STATEMENT);
  grant_to(&log, &guest, "reviewer", NOW + 100);
  subject = key_digest(&log.client);
  struct text text = sign(&log, STATEMENT_EXCLUSION, exclusion(&log, "c0"), &subject, 2,
                          (const struct secret_key *[]){&log.holder[ROLE_OPERATOR][0], &guest});
  assert_status(submit_at(&log, &text, NOW + 99), TAMIS_UNKNOWN_FEDERATION);
  assert_status(submit_at(&log, &text, NOW + 100), TAMIS_DENIED);
  assert_status(entry_open(log.state, text.bytes, text.length, &entry, NULL), TAMIS_OK);
  entry_close(&entry);
  log.state->latest_ms = log.fold.people.latest_ms = INT64_C(1000) * (NOW + 100);
  assert_status(entry_open(log.state, text.bytes, text.length, &entry, NULL), TAMIS_DENIED);
  assert_verifier_agrees(&log, &text, TAMIS_DENIED);
  assert_false(duties_may(log.state, "person/guest", ROLE_REVIEWER, INT64_C(1000) * (NOW + 100)));
  assert_true(duties_may(log.state, "person/guest", ROLE_REVIEWER, INT64_C(1000) * NOW));
  free(text.bytes);
  log_end(&log);
}

static void a_role_that_was_taken_away_between_the_signatures_does_not_count(void **unused) {
  (void)unused;
  struct log log;
  log_of_everybody(&log, true);
  struct secret_key *reviewer = &log.holder[ROLE_REVIEWER][0];
  const struct secret_key *by[] = {&log.holder[ROLE_OPERATOR][0], reviewer};
  struct digest subject = key_digest(&log.client);
  struct text text = sign(&log, STATEMENT_EXCLUSION, exclusion(&log, "c0"), &subject, 2, by);
  revoke_from(&log, reviewer, "reviewer");
  assert_status(submit_at(&log, &text, NOW), TAMIS_DENIED);
  grant_to(&log, reviewer, "reviewer", 0);
  assert_status(submit_at(&log, &text, NOW), TAMIS_UNKNOWN_FEDERATION);
  free(text.bytes);
  log_end(&log);
}

static void nobody_grants_a_role_to_themselves(void **unused) {
  (void)unused;
  struct log log;
  log_of_everybody(&log, true);
  const struct secret_key *by[] = {&log.holder[ROLE_OPERATOR][0], &log.holder[ROLE_OPERATOR][1]};
  assert_status(grant_by(&log, by[1], "reviewer", 0, 2, by), TAMIS_DENIED);
  log_end(&log);
}

static void a_service_is_an_evaluator_and_nothing_else(void **unused) {
  (void)unused;
  struct log log;
  struct secret_key service, nobody;
  log_of_everybody(&log, false);
  const struct secret_key *by[] = {&log.holder[ROLE_OPERATOR][0]};
  make_key("service/scores", &service);
  make_key("clinic/scores", &nobody);
  assert_status(grant_by(&log, &service, "evaluator", 0, 1, by), TAMIS_OK);
  assert_status(grant_by(&log, &service, "reviewer", 0, 1, by), TAMIS_DENIED);
  assert_status(grant_by(&log, &log.aggregator, "evaluator", 0, 1, by), TAMIS_DENIED);
  assert_status(grant_by(&log, &nobody, "reviewer", 0, 1, by), TAMIS_BAD_STATEMENT);
  log_end(&log);
}

static void a_key_is_one_persons(void **unused) {
  (void)unused;
  struct log log;
  struct secret_key twin = {.seed = {0}}, other;
  log_of_everybody(&log, false);
  const struct secret_key *by[] = {&log.holder[ROLE_OPERATOR][0]};
  key_from_seed("person/twin", log.holder[ROLE_REVIEWER][0].seed, &twin);
  assert_status(grant_by(&log, &twin, "auditor", 0, 1, by), TAMIS_CONFLICT);
  uint8_t seed[KEY_SEED_SIZE] = {77};
  key_from_seed(log.holder[ROLE_REVIEWER][0].public.name, seed, &other);
  assert_status(grant_by(&log, &other, "reviewer", 0, 1, by), TAMIS_CONFLICT);
  revoke_from(&log, &log.holder[ROLE_REVIEWER][0], "reviewer");
  assert_status(grant_by(&log, &other, "reviewer", 0, 1, by), TAMIS_OK);
  revoke_from(&log, &other, "reviewer");
  assert_status(grant_by(&log, &log.holder[ROLE_REVIEWER][0], "reviewer", 0, 1, by),
                TAMIS_CONFLICT); /* the key was given up */
  log_end(&log);
}

static void an_operator_is_always_left(void **unused) {
  (void)unused;
  struct log log;
  log_begin(&log);
  struct secret_key *only = &log.holder[ROLE_OPERATOR][0], *second = &log.holder[ROLE_OPERATOR][1];
  const struct secret_key *by[] = {only};
  struct digest subject = key_digest(only);
  grant_to(&log, second, "operator", NOW + 5);
  assert_status(say(&log, STATEMENT_ROLE_REVOKE,
                    json_pack("{s:s, s:s, s:s, s:o}", "person", only->public.name, "role",
                              "operator", "reason", "a test", "nonce", nonce(&log)),
                    &subject, 1, by),
                TAMIS_CONFLICT);
  assert_words(&log, "the last operator without an end");
  grant_to(&log, second, "operator", 0);
  revoke_from(&log, only, "operator");
  assert_false(duties_may(log.state, only->public.name, ROLE_OPERATOR, 0));
  log_end(&log);
}

static void duties_are_separated_once_all_can_be_done(void **unused) {
  (void)unused;
  struct log log;
  log_begin(&log);
  assert_status(separate(&log), TAMIS_CONFLICT);
  assert_words(&log, "grant the roles first");
  for (unsigned role = 0; role < ROLE_COUNT; role++) {
    unsigned holders = role == ROLE_RELEASE_MANAGER || role == ROLE_AUDITOR ? 1 : 2;
    for (unsigned i = role == ROLE_OPERATOR; i < holders; i++) {
      if (role == ROLE_EVALUATOR || role == ROLE_AUDITOR) continue;
      assert_status(separate(&log), TAMIS_CONFLICT);
      grant_to(&log, &log.holder[role][i], duties_role_name((enum duty_role)role), 0);
    }
  }
  assert_status(separate(&log), TAMIS_OK);
  assert_true(log.state->is_separated);
  assert_status(separate(&log), TAMIS_CONFLICT);
  assert_words(&log, "already");
  log_end(&log);
}

static enum tamis_status break_glass(struct log *log, size_t count,
                                     const struct secret_key *const *by) {
  struct digest subject = key_digest(&log->client);
  json_t *predicate = exclusion(log, "c0");
  json_object_set_new(predicate, "break_glass", json_string("all reviewers are asleep"));
  return say(log, STATEMENT_EXCLUSION, predicate, &subject, count, by);
}

static void glass_is_broken_by_one_operator(void **unused) {
  (void)unused;
  struct log log;
  log_of_everybody(&log, false);
  const struct secret_key *by[] = {&log.holder[ROLE_OPERATOR][0], &log.holder[ROLE_REVIEWER][0]};
  assert_status(break_glass(&log, 1, by), TAMIS_DENIED);
  assert_words(&log, "no glass to break");
  assert_status(separate(&log), TAMIS_OK);
  assert_status(break_glass(&log, 1, by), TAMIS_UNKNOWN_FEDERATION);
  assert_status(break_glass(&log, 2, by), TAMIS_BAD_SIGNATURE);
  assert_status(break_glass(&log, 1, by + 1), TAMIS_DENIED);
  struct digest token = digest_of("token", 5);
  assert_status(say(&log, STATEMENT_CLIENT_INVITE,
                    json_pack("{s:s, s:s, s:i, s:s, s:o}", "client", "c0", "organisation", "o",
                              "not_after", NOW + 9, "break_glass", "why", "nonce", nonce(&log)),
                    &token, 1, by),
                TAMIS_DENIED);
  assert_words(&log, "one person may sign this");
  log_end(&log);
}

/* ---- clients that come back ---- */

static enum tamis_status invite_by(struct log *log, const char *token, size_t count,
                                   const struct secret_key *const *by) {
  struct digest subject = digest_of(token, strlen(token));
  return say(log, STATEMENT_CLIENT_INVITE,
             json_pack("{s:s, s:s, s:i, s:o}", "client", "c0", "organisation", "o", "not_after",
                       NOW + 900, "nonce", nonce(log)),
             &subject, count, by);
}

static enum tamis_status enrol(struct log *log, const char *token, const struct secret_key *key) {
  char vkey[KEY_VKEY_SIZE];
  struct digest subject = key_digest(key), digest = digest_of(token, strlen(token));
  key_vkey_write(&key->public, vkey);
  return say(
      log, STATEMENT_KEY_ENROL,
      json_pack("{s:s, s:s, s:o}", "client", key->public.name, "key", vkey, "token", hex(&digest)),
      &subject, 1, &key);
}

static enum tamis_status revoke_key(struct log *log, const struct secret_key *key,
                                    const struct secret_key *by) {
  struct digest subject = key_digest(key);
  return say(log, STATEMENT_KEY_REVOKE,
             json_pack("{s:s, s:s, s:o}", "client", key->public.name, "reason", "lost", "nonce",
                       nonce(log)),
             &subject, 1, &by);
}

static void a_lost_key_is_replaced_by_two_enrollers(void **unused) {
  (void)unused;
  struct log log;
  struct secret_key next;
  uint8_t seed[KEY_SEED_SIZE] = {9};
  log_of_everybody(&log, true);
  key_from_seed("c0", seed, &next);
  const struct secret_key *by[] = {&log.holder[ROLE_ENROLLER][0], &log.holder[ROLE_ENROLLER][1]};
  assert_status(invite_by(&log, "first", 1, by), TAMIS_OK);
  assert_status(invite_by(&log, "spare", 1, by), TAMIS_OK);
  assert_status(enrol(&log, "first", &log.client), TAMIS_OK);
  assert_status(revoke_key(&log, &log.client, by[0]), TAMIS_OK);
  assert_status(enrol(&log, "spare", &next), TAMIS_BAD_TOKEN);
  assert_status(invite_by(&log, "again", 1, by), TAMIS_COSIGNER_MISSING);
  assert_status(invite_by(&log, "again", 2, by), TAMIS_OK);
  assert_status(enrol(&log, "again", &log.client), TAMIS_CONFLICT);
  assert_status(enrol(&log, "again", &next), TAMIS_OK);
  assert_int_equal(log.state->client_count, 1);
  assert_false(log.state->client[0].revoked);
  log_end(&log);
}

static void a_client_gives_up_its_own_key_and_no_other(void **unused) {
  (void)unused;
  struct log log;
  struct secret_key other;
  log_of_everybody(&log, true);
  const struct secret_key *by[] = {&log.holder[ROLE_ENROLLER][0]};
  make_key("c1", &other);
  assert_status(invite_by(&log, "first", 1, by), TAMIS_OK);
  assert_status(enrol(&log, "first", &log.client), TAMIS_OK);
  assert_int_not_equal(revoke_key(&log, &log.client, &other), TAMIS_OK);
  assert_status(revoke_key(&log, &log.client, &log.client), TAMIS_OK);
  assert_true(log.state->client[0].revoked);
  log_end(&log);
}

/* ---- keys that follow one another ---- */

static enum tamis_status rotate(struct log *log, const struct secret_key *old,
                                const struct secret_key *next, size_t count,
                                const struct secret_key *const *by) {
  char vkey[KEY_VKEY_SIZE];
  struct digest subject = key_digest(next), before = key_digest(old);
  key_vkey_write(&next->public, vkey);
  return say(log, STATEMENT_KEY_ROTATE,
             json_pack("{s:s, s:s, s:o, s:o}", "name", old->public.name, "key", vkey, "old",
                       hex(&before), "nonce", nonce(log)),
             &subject, count, by);
}

static void a_key_is_followed_by_one_that_it_signs(void **unused) {
  (void)unused;
  struct log log;
  struct secret_key next, third;
  uint8_t seed[KEY_SEED_SIZE] = {9};
  log_of_everybody(&log, true);
  const struct secret_key *enroller[] = {&log.holder[ROLE_ENROLLER][0]};
  assert_status(invite_by(&log, "first", 1, enroller), TAMIS_OK);
  assert_status(enrol(&log, "first", &log.client), TAMIS_OK);
  const struct secret_key *olds[] = {&log.client, &log.holder[ROLE_REVIEWER][0]};
  for (size_t i = 0; i < 2; i++) {
    const struct secret_key *old = olds[i];
    seed[1]++;
    key_from_seed(old->public.name, seed, &next);
    seed[1]++;
    key_from_seed(old->public.name, seed, &third);
    const struct secret_key *both[] = {old, &next}, *turned[] = {&next, old},
                            *again[] = {&next, old}, *without[] = {old, &third};
    assert_status(rotate(&log, old, &next, 1, both), TAMIS_BAD_SIGNATURE);
    assert_status(rotate(&log, old, &next, 2, turned), TAMIS_BAD_SIGNATURE);
    assert_status(rotate(&log, old, &next, 2, without), TAMIS_BAD_SIGNATURE);
    assert_status(rotate(&log, old, &next, 2, both), TAMIS_OK);
    assert_int_not_equal(rotate(&log, old, &third, 2, without), TAMIS_OK);
    assert_status(rotate(&log, &next, old, 2, again), TAMIS_CONFLICT);
  }
  assert_int_equal(log.state->client_count, 1);
  assert_true(duties_may(log.state, log.holder[ROLE_REVIEWER][0].public.name, ROLE_REVIEWER, 0));
  const struct secret_key *spent[] = {&log.holder[ROLE_OPERATOR][0], &log.holder[ROLE_REVIEWER][0]};
  const struct secret_key *good[] = {&log.holder[ROLE_OPERATOR][0], &next};
  assert_status(exclude_by(&log, 2, spent), TAMIS_BAD_SIGNATURE);
  assert_status(exclude_by(&log, 2, good), TAMIS_UNKNOWN_FEDERATION);
  log_end(&log);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_cell_is_as_the_page_says),
      cmocka_unit_test(the_page_has_every_kind_that_people_sign),
      cmocka_unit_test(no_other_key_signs_for_a_person),
      cmocka_unit_test(one_person_is_not_two),
      cmocka_unit_test(an_author_is_none_of_the_reviewers),
      cmocka_unit_test(signatures_have_one_order),
      cmocka_unit_test(a_grant_ends_with_its_date),
      cmocka_unit_test(a_role_that_was_taken_away_between_the_signatures_does_not_count),
      cmocka_unit_test(nobody_grants_a_role_to_themselves),
      cmocka_unit_test(a_service_is_an_evaluator_and_nothing_else),
      cmocka_unit_test(a_key_is_one_persons),
      cmocka_unit_test(an_operator_is_always_left),
      cmocka_unit_test(duties_are_separated_once_all_can_be_done),
      cmocka_unit_test(glass_is_broken_by_one_operator),
      cmocka_unit_test(a_lost_key_is_replaced_by_two_enrollers),
      cmocka_unit_test(a_client_gives_up_its_own_key_and_no_other),
      cmocka_unit_test(a_key_is_followed_by_one_that_it_signs),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
