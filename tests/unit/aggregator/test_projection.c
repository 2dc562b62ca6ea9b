/* Claims about the projection: the same log gives the same rows, and every question of PROTOCOL.md
 * has its answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <jansson.h>
#include <math.h>
#include <unistd.h>
#include "aggregator/evidence.h"
#include "aggregator/projection.h"
#include "tests/unit/aggregator/script.h"
#include "tests/unit/aggregator/temporary.h"

#define OPERATOR "operator/ada"
#define SERVICE "service/aggregator"

/* The script's vocabulary: one function a kind, with what the claims look at */

static json_t *field_of(const char *federation, int round) {
  return json_pack("{s:s,s:i}", "federation", federation, "round", round);
}

static void genesis(struct script *script) {
  script_say(script, STATEMENT_GENESIS, OPERATOR, "log", json_object(), NULL);
}

static void create(struct script *script, const char *federation, int rounds_max) {
  script_say(script, STATEMENT_FEDERATION_CREATE, OPERATOR, "model 0",
             json_pack("{s:s,s:s,s:s,s:i,s:i,s:i,s:i,s:{s:o}}", "federation", federation, "rule",
                       "krum(f=1)", "shadows", "median; krum(f=9)", "parameters", 50890, "quorum",
                       2, "cohort", 0, "rounds_max", rounds_max, "policy", "risk_hold",
                       canonical_f64(0.25)),
             NULL);
}

static void enrol(struct script *script, const char *client, const char *organisation) {
  script_say(script, STATEMENT_CLIENT_INVITE, OPERATOR, client,
             json_pack("{s:s,s:s,s:i}", "client", client, "organisation", organisation, "not_after",
                       2000000000),
             NULL);
  script_say(script, STATEMENT_KEY_ENROL, client, client,
             json_pack("{s:s,s:o}", "client", client, "token", script_hex(client)), NULL);
}

static void open_round(struct script *script, const char *federation, int round) {
  json_t *predicate = field_of(federation, round);
  json_object_set_new(predicate, "selected", json_integer(3));
  json_object_set_new(predicate, "opened_at_ms", json_integer(1000 * round));
  json_object_set_new(predicate, "rule", json_string("median"));
  script_say(script, STATEMENT_ROUND_OPEN, SERVICE, "base", predicate, NULL);
}

/* Gives the log index back. */
static int update(struct script *script, const char *federation, int round, const char *client) {
  json_t *predicate = field_of(federation, round);
  json_object_set_new(predicate, "client", json_string(client));
  json_object_set_new(predicate, "examples", json_integer(600));
  json_object_set_new(predicate, "loss", canonical_f64(0.25));
  script_say(script, STATEMENT_UPDATE, client, "an update", predicate, NULL);
  return (int)script->count - 1;
}

static void refuse(struct script *script, const char *federation, int round, const char *client) {
  json_t *predicate = field_of(federation, round);
  json_object_set_new(predicate, "client", json_string(client));
  json_object_set_new(predicate, "status", json_string("NOT_FINITE"));
  json_object_set_new(predicate, "sentence", json_string("row 7 is NaN"));
  script_say(script, STATEMENT_REFUSAL, SERVICE, "a bad update", predicate, NULL);
}

static json_t *judged(int index, const char *client, const char *verdict, double risk) {
  static const char *const numbers[] = {"z_norm", "z_distance", "z_cosine"};
  size_t count;
  const struct evidence_row *row = evidence_table(&count);
  json_t *element =
      json_pack("{s:i,s:s,s:s,s:s,s:s,s:s,s:s,s:o,s:i,s:o}", "index", index, "client", client,
                "verdict", verdict, "sentence", "looked at", "neighbour", "", "residual_neighbour",
                "", "history_neighbour", "", "update", script_hex("an update"), "examples", 600,
                "risk", canonical_f64(risk));
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
    json_object_set_new(element, numbers[i], canonical_f64(1.0 + (double)i));
  for (size_t i = 0; i < count; i++)
    json_object_set_new(element, row[i].name, canonical_f64(1.0 + (double)i));
  return element;
}

static json_t *history(const char *client, const char *standing, double reputation, int rounds) {
  return json_pack("{s:s,s:s,s:s,s:o,s:o,s:o,s:o,s:o,s:i,s:i,s:i,s:i,s:i,s:i,s:i}", "client",
                   client, "state", standing, "sentence", "as ever", "reputation",
                   canonical_f64(reputation), "cusum", canonical_f64(0.125), "trust",
                   canonical_f64(0.625), "drift_sum", canonical_f64(0.75), "drift_least",
                   canonical_f64(-0.25), "rounds", rounds, "accepted", rounds, "held", 0,
                   "rejected", 0, "clean", rounds, "strikes", 0, "confirmed", 0);
}

/* Both lists are taken over. */
static json_t *verdict_manifest(json_t *updates, json_t *clients) {
  return json_pack("{s:o,s:o,s:s,s:i}", "updates", updates, "clients", clients, "federation", "f",
                   "round", 1);
}

static void judge(struct script *script, const char *federation, int round, json_t *manifest) {
  json_t *predicate = field_of(federation, round);
  json_object_set_new(predicate, "accepted", json_integer(1));
  json_object_set_new(predicate, "clipped", json_integer(0));
  json_object_set_new(predicate, "held", json_integer(1));
  json_object_set_new(predicate, "rejected", json_integer(0));
  script_say(script, STATEMENT_VERDICTS, SERVICE, "manifest", predicate, manifest);
}

static void move(struct script *script, const char *federation, int round, const char *client,
                 const char *from, const char *to) {
  json_t *predicate = field_of(federation, round);
  json_object_set_new(predicate, "client", json_string(client));
  json_object_set_new(predicate, "from", json_string(from));
  json_object_set_new(predicate, "to", json_string(to));
  script_say(script, STATEMENT_CLIENT_STATE, SERVICE, "manifest", predicate, NULL);
}

/* What people and the server say around a candidate. */
static void gates(struct script *script, const char *federation, int round) {
  json_t *approval = field_of(federation, round), *gate = field_of(federation, round);
  json_object_set_new(approval, "approve", json_integer(1));
  script_say(script, STATEMENT_APPROVAL, OPERATOR, "model", approval, NULL);
  json_object_set_new(gate, "gate", json_string("approval"));
  script_say(script, STATEMENT_GATE, SERVICE, "model", gate, NULL);
  script_say(script, STATEMENT_EVALUATION, OPERATOR, "model", field_of(federation, round),
             json_pack("{s:[]}", "classes"));
  script_say(script, STATEMENT_FREEZE, OPERATOR, "model 0",
             json_pack("{s:s}", "federation", federation), NULL);
  script_say(script, STATEMENT_UNFREEZE, OPERATOR, "model 0",
             json_pack("{s:s}", "federation", federation), NULL);
  script_say(script, STATEMENT_AUTO_FREEZE, SERVICE, "model 0", field_of(federation, round), NULL);
}

/* A decision, and what it made of a history that was as good before. */
static void review(struct script *script, const char *federation, int round, const char *client) {
  json_t *predicate = field_of(federation, round);
  int decided = (int)script->count;
  json_object_set_new(predicate, "client", json_string(client));
  json_object_set_new(predicate, "decision", json_string("reject"));
  json_object_set_new(predicate, "opinion", json_integer(0));
  json_object_set_new(predicate, "reason", json_string("looked at"));
  script_say(script, STATEMENT_REVIEW, OPERATOR, "an update", predicate, NULL);
  predicate = field_of(federation, round);
  json_object_set_new(predicate, "client", json_string(client));
  json_object_set_new(predicate, "review", json_integer(decided));
  json_object_set_new(predicate, "from", json_string("watched"));
  json_object_set_new(predicate, "to", json_string("watched"));
  json_object_set_new(predicate, "sentence", json_string("confirmed"));
  script_say(script, STATEMENT_AMENDED, SERVICE, "manifest", predicate,
             json_pack("{s:[o]}", "clients", history(client, "watched", 0.4, 1)));
}

static void promote(struct script *script, const char *federation, int round, json_t *weights) {
  char model[32];
  json_t *predicate = field_of(federation, round);
  snprintf(model, sizeof model, "model %d", round);
  json_object_set_new(predicate, "at_ms", json_integer(1000 * round + 1500));
  script_say(script, STATEMENT_AGGREGATE, SERVICE, model, field_of(federation, round), weights);
  script_say(script, STATEMENT_PROMOTE, SERVICE, model, predicate, NULL);
}

static void roll_back(struct script *script, const char *federation, int round, json_t *manifest) {
  char model[32];
  snprintf(model, sizeof model, "model %d", round);
  script_say(script, STATEMENT_ROLLBACK, OPERATOR, model,
             json_pack("{s:s,s:i}", "federation", federation, "to_round", round), manifest);
}

/* Round `since` and the one after it are redone, the second one passed over; `index` is of an
 * update of the first. */
static void rebuild(struct script *script, const char *federation, int since, int next, int index) {
  script_say(script, STATEMENT_REBUILD, OPERATOR, "the head",
             json_pack("{s:s,s:i,s:[s],s:s}", "federation", federation, "since", since, "without",
                       "bob", "reason", "why"),
             NULL);
  for (int i = 0; i < 2; i++) {
    json_t *predicate = field_of(federation, next + i);
    json_object_set_new(predicate, "of", json_integer(since + i));
    json_object_set_new(predicate, "rule", json_string("mean"));
    json_object_set_new(predicate, "updates", json_integer(1 - i));
    json_object_set_new(predicate, "sentence", json_string("approximate: because"));
    json_object_set_new(predicate, "at_ms", json_integer(9000));
    script_say(script, STATEMENT_REBUILT, SERVICE, "rebuilt", predicate,
               i == 0 ? json_pack("{s:[{s:s,s:i,s:o}]}", "updates", "client", "alice", "index",
                                  index, "weight", canonical_f64(1))
                      : json_pack("{s:[]}", "updates"));
  }
  json_t *predicate = field_of(federation, next + 1);
  json_object_set_new(predicate, "at_ms", json_integer(9100));
  script_say(script, STATEMENT_PROMOTE, SERVICE, "rebuilt", predicate, NULL);
}

static void about_client(struct script *script, enum statement_kind kind, const char *client) {
  script_say(script, kind, OPERATOR, client,
             kind == STATEMENT_KEY_REVOKE
                 ? json_pack("{s:s,s:s}", "client", client, "reason", "lost")
                 : json_pack("{s:s,s:s,s:s}", "federation", "f", "client", client, "reason", "why"),
             NULL);
}

/* Every kind at least once, in an order the decider would give. */
static void write_log(struct script *script) {
  genesis(script);
  create(script, "f", 4);
  create(script, "other", 0);
  enrol(script, "alice", "red");
  enrol(script, "bob", "blue");
  enrol(script, "carol", "blue");
  script_say(script, STATEMENT_CLIENT_INVITE, OPERATOR, "dave",
             json_pack("{s:s}", "client", "dave"), NULL);
  open_round(script, "f", 1);
  int alice = update(script, "f", 1, "alice");
  refuse(script, "f", 1, "bob");
  int bob = update(script, "f", 1, "bob");
  judge(script, "f", 1,
        verdict_manifest(json_pack("[o,o]", judged(alice, "alice", "accept", 0.0),
                                   judged(bob, "bob", "hold", 0.75)),
                         json_pack("[o,o]", history("alice", "trusted", 0.9, 1),
                                   history("bob", "probation", 0.4, 1))));
  move(script, "f", 1, "bob", "probation", "watched");
  review(script, "f", 1, "bob");
  promote(script, "f", 1,
          json_pack("{s:[{s:s,s:i,s:o}]}", "updates", "client", "alice", "index", alice, "weight",
                    canonical_f64(1.0)));
  open_round(script, "f", 2);
  script_say(script, STATEMENT_ABANDON, SERVICE, "base",
             json_pack("{s:s,s:i,s:s,s:s,s:I}", "federation", "f", "round", 2, "status",
                       "QUORUM_NOT_MET", "sentence", "1 of 2 came", "at_ms", (json_int_t)2250),
             NULL);
  open_round(script, "f", 3);
  script_say(script, STATEMENT_HOLD, SERVICE, "base",
             json_pack("{s:s,s:i,s:s}", "federation", "f", "round", 3, "sentence", "not feasible"),
             NULL);
  about_client(script, STATEMENT_EXCLUSION, "bob");
  about_client(script, STATEMENT_REINSTATEMENT, "bob");
  about_client(script, STATEMENT_EXCLUSION, "carol");
  about_client(script, STATEMENT_KEY_REVOKE, "alice");
  roll_back(script, "f", 0, NULL);
  script_say(script, STATEMENT_AUTO_ROLLBACK, SERVICE, "model 0",
             json_pack("{s:s, s:i, s:i}", "federation", "f", "round", 3, "to_round", 0), NULL);
  open_round(script, "f", 4);
  gates(script, "f", 4);
  promote(script, "f", 4, json_pack("{s:[]}", "updates"));
  script_say(script, STATEMENT_WITNESSED, SERVICE, "manifest", field_of("f", 4), NULL);
  script_say(script, STATEMENT_SHADOW, SERVICE, "manifest", field_of("f", 4),
             json_pack("{s:[{s:s,s:s,s:s,s:o,s:o}, {s:s,s:s,s:s,s:o,s:o}]}", "rules", "rule",
                       "median", "status", "OK", "sentence", "", "distance", canonical_f64(0.25),
                       "cosine", canonical_f64(0.5), "rule", "krum(f=9)", "status",
                       "RULE_NOT_FEASIBLE", "sentence", "krum(f=9) needs more", "distance",
                       canonical_f64(0), "cosine", canonical_f64(0)));
  open_round(script, "other", 1);
  alice = update(script, "other", 1, "alice");
  promote(script, "other", 1, json_pack("{s:[]}", "updates"));
  open_round(script, "other", 2);
  promote(script, "other", 2, json_pack("{s:[]}", "updates"));
  rebuild(script, "other", 1, 3, alice);
  script_say(script, STATEMENT_SNAPSHOT, SERVICE, "state",
             json_pack("{s:I}", "size", (json_int_t)script->count), NULL);
  script_say(script, STATEMENT_ROLE_GRANT, OPERATOR, "key", json_pack("{s:s}", "role", "reviewer"),
             NULL);
  script_say(script, STATEMENT_ROLE_REVOKE, OPERATOR, "key", json_pack("{s:s}", "role", "reviewer"),
             NULL);
  script_say(script, STATEMENT_SEPARATION, OPERATOR, "log", json_object(), NULL);
  script_say(script, STATEMENT_PROPOSAL, OPERATOR, "statement", json_object(), NULL);
  script_say(script, STATEMENT_KEY_ROTATE, "bob", "key", json_pack("{s:s}", "name", "bob"), NULL);
  script_say(script, STATEMENT_RETENTION, OPERATOR, "model 0",
             json_pack("{s:s, s:i}", "federation", "f", "keep_rounds", 1), NULL);
  script_say(
      script, STATEMENT_KNOWN_BAD, OPERATOR, "manifest",
      json_pack("{s:i, s:i, s:i, s:s}", "version", 1, "keys", 1, "updates", 0, "note", "bad"),
      json_pack("{s:[{s:s, s:s}], s:[]}", "keys", "digest", "aa", "reason", "stolen", "updates"));
  script_say(script, STATEMENT_POLICY_SET, OPERATOR, "policy 2",
             json_pack("{s:s, s:i, s:{s:o}, s:s}", "federation", "f", "version", 2, "policy",
                       "z_low", canonical_f64(2.5), "note", "tried it"),
             NULL);
  script_say(
      script, STATEMENT_DISPUTE, OPERATOR, "update",
      json_pack("{s:s, s:i, s:s, s:i}", "federation", "f", "round", 1, "client", "bob", "open", 1),
      NULL);
  script_say(
      script, STATEMENT_TOMBSTONE, SERVICE, "manifest",
      json_pack("{s:s, s:i, s:i, s:i}", "federation", "f", "round", 1, "updates", 1, "bytes", 1),
      json_pack("{s:[{s:s, s:i, s:s}]}", "updates", "client", "alice", "index", alice, "verdict",
                "accept"));
}

struct fixture {
  struct temporary temporary;
  char path[128];
  struct script script;
  struct projection *projection; /* the whole script, in memory */
};

static struct projection *open_good(const char *path) {
  struct projection *projection = NULL;
  struct fault fault = {.status = TAMIS_OK};
  if (projection_open(path, &projection, &fault) != TAMIS_OK) fail_msg("%s", fault.text);
  return projection;
}

static void feed(struct projection *projection, const struct script *script, size_t end) {
  struct fault fault = {.status = TAMIS_OK};
  projection_begin(projection, &fault);
  for (size_t i = projection_applied(projection); i < end && fault.status == TAMIS_OK; i++) {
    const struct script_line *line = &script->line[i];
    projection_apply(projection, i, &line->statement, line->signer, 700 + i, line->manifest,
                     &fault);
  }
  if (fault.status == TAMIS_OK) projection_commit(projection, &fault);
  if (fault.status != TAMIS_OK) fail_msg("%s", fault.text);
  assert_int_equal(projection_applied(projection), end);
}

static int set_up_empty(void **state) {
  struct fixture *fixture = calloc(1, sizeof *fixture);
  key_library_start();
  temporary_open(&fixture->temporary);
  snprintf(fixture->path, sizeof fixture->path, "%s/tamis.db", fixture->temporary.folder);
  *state = fixture;
  return 0;
}

static int set_up(void **state) {
  set_up_empty(state);
  struct fixture *fixture = *state;
  write_log(&fixture->script);
  fixture->projection = open_good(":memory:");
  feed(fixture->projection, &fixture->script, fixture->script.count);
  return 0;
}

static int tear_down(void **state) {
  struct fixture *fixture = *state;
  projection_close(fixture->projection);
  script_close(&fixture->script);
  temporary_close(&fixture->temporary);
  free(fixture);
  return 0;
}

/* All rows of a query, fetched `limit` at a time. Arguments that are NULL are left out. */
static json_t *ask_in_pages(struct projection *projection, size_t limit, const char *name,
                            const char *first, const char *second) {
  const char *const arguments[] = {first, second};
  size_t count = first ? second ? 2 : 1 : 0;
  json_t *all = json_array();
  uint64_t after = 0;
  do {
    struct fault fault = {.status = TAMIS_OK};
    char *text;
    if (projection_query(projection, name, count, arguments, after, limit, &text, &after, &fault) !=
        TAMIS_OK)
      fail_msg("%s: %s", name, fault.text);
    json_t *page = json_loads(text, 0, NULL);
    if (!json_is_array(page)) fail_msg("%s: not an array: %s", name, text);
    assert_true(json_array_size(page) <= limit);
    json_array_extend(all, page);
    json_decref(page);
    free(text);
  } while (after != 0);
  return all;
}

static json_t *ask(struct projection *projection, const char *name, const char *first,
                   const char *second) {
  return ask_in_pages(projection, 1000, name, first, second);
}

/* The text of `column` in a row, "null" for nothing, whatever its type. */
static const char *at(const json_t *rows, size_t row, const char *column) {
  static char texts[8][128];
  static unsigned next;
  char *text = texts[next++ % 8];
  const json_t *value = json_object_get(json_array_get(rows, row), column);
  if (!value) fail_msg("row %zu has no %s", row, column);
  char *json = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
  snprintf(text, 128, "%s", json_is_string(value) ? json_string_value(value) : json);
  free(json);
  return text;
}

/* `wanted`: a column and its text, and so on; NULL ends. */
static void assert_row(const json_t *rows, size_t row, const char *const *wanted) {
  for (; *wanted; wanted += 2) {
    const char *found = at(rows, row, wanted[0]);
    if (strcmp(found, wanted[1]) != 0)
      fail_msg("row %zu: %s is %s, not %s", row, wanted[0], found, wanted[1]);
  }
}
#define ROW(rows, row, ...) assert_row(rows, row, (const char *const[]){__VA_ARGS__, NULL})

static char *dump(struct projection *projection) {
  char *text = NULL;
  assert_int_equal(projection_dump(projection, &text, NULL), TAMIS_OK);
  return text;
}

/* Claims about the fold */

static void a_file_fed_in_pieces_is_the_one_fed_in_one_go(void **state) {
  struct fixture *fixture = *state;
  char *whole = dump(fixture->projection);
  for (size_t piece = 1; piece <= 7; piece++) {
    unlink(fixture->path);
    for (size_t end = 0; end < fixture->script.count;) {
      struct projection *projection = open_good(fixture->path);
      assert_int_equal(projection_applied(projection), end);
      end = end + piece < fixture->script.count ? end + piece : fixture->script.count;
      feed(projection, &fixture->script, end);
      projection_close(projection);
    }
    struct projection *projection = open_good(fixture->path);
    char *pieces = dump(projection);
    assert_string_equal(pieces, whole);
    free(pieces);
    projection_close(projection);
  }
  free(whole);
}

static void the_script_has_every_kind(void **state) {
  struct fixture *fixture = *state;
  bool seen[STATEMENT_KIND_COUNT] = {false};
  for (size_t i = 0; i < fixture->script.count; i++)
    seen[fixture->script.line[i].statement.kind] = true;
  for (size_t kind = 0; kind < STATEMENT_KIND_COUNT; kind++) assert_true(seen[kind]);
}

static void a_group_that_was_not_committed_is_not_there(void **state) {
  struct fixture *fixture = *state;
  struct projection *projection = open_good(fixture->path);
  feed(projection, &fixture->script, 5);
  assert_int_equal(projection_begin(projection, NULL), TAMIS_OK);
  const struct script_line *line = &fixture->script.line[5];
  assert_int_equal(projection_apply(projection, 5, &line->statement, line->signer, 1, NULL, NULL),
                   TAMIS_OK);
  projection_close(projection);
  projection = open_good(fixture->path);
  assert_int_equal(projection_applied(projection), 5);
  projection_close(projection);
}

static void a_manifest_without_a_field_undoes_its_whole_group(void **state) {
  struct fixture *fixture = *state;
  struct script *script = &fixture->script;
  struct fault fault;
  genesis(script);
  create(script, "f", 0);
  open_round(script, "f", 1);
  int index = update(script, "f", 1, "alice");
  json_t *element = judged(index, "alice", "accept", 0.0);
  json_object_del(element, "norm");
  judge(script, "f", 1, verdict_manifest(json_pack("[o]", element), json_array()));

  struct projection *projection = fixture->projection = open_good(":memory:");
  feed(projection, script, 2);
  char *before = dump(projection);
  assert_int_equal(projection_begin(projection, NULL), TAMIS_OK);
  for (size_t i = 2; i < 5; i++)
    assert_int_equal(projection_apply(projection, i, &script->line[i].statement, SERVICE, 1,
                                      script->line[i].manifest, &fault),
                     i < 4 ? TAMIS_OK : TAMIS_CORRUPT);
  assert_non_null(strstr(fault.text, "norm"));
  assert_int_equal(projection_applied(projection), 2);
  char *after = dump(projection);
  assert_string_equal(before, after);
  free(before);
  free(after);
}

/* A blob that was lost costs its evidence, not the rebuild. */
static void a_lost_manifest_leaves_the_rest(void **state) {
  struct fixture *fixture = *state;
  struct script *script = &fixture->script;
  genesis(script);
  create(script, "f", 0);
  open_round(script, "f", 1);
  update(script, "f", 1, "alice");
  judge(script, "f", 1, NULL);
  promote(script, "f", 1, NULL);
  fixture->projection = open_good(":memory:");
  feed(fixture->projection, script, script->count);
  json_t *rows = ask(fixture->projection, "round", "f", "1");
  ROW(rows, 0, "verdict", "null", "loss", "0.25");
  json_decref(rows);
  rows = ask(fixture->projection, "rounds", "f", NULL);
  assert_string_equal(at(rows, 0, "accepted"), "1");
  json_decref(rows);
}

static void numbers_that_json_cannot_say_become_null(void **state) {
  struct fixture *fixture = *state;
  struct script *script = &fixture->script;
  genesis(script);
  create(script, "f", 0);
  open_round(script, "f", 1);
  int index = update(script, "f", 1, "alice");
  json_t *element = judged(index, "alice", "accept", 0.0);
  json_object_set_new(element, "norm", canonical_f64(INFINITY));
  json_object_set_new(element, "z_norm", canonical_f64(NAN));
  judge(script, "f", 1, verdict_manifest(json_pack("[o]", element), json_array()));
  fixture->projection = open_good(":memory:");
  feed(fixture->projection, script, script->count);
  json_t *rows = ask(fixture->projection, "round", "f", "1");
  ROW(rows, 0, "norm", "null", "z_norm", "null", "distance", "2.0");
  json_decref(rows);
}

static void a_file_of_other_sql_or_of_no_sql_is_begun_again(void **state) {
  struct fixture *fixture = *state;
  struct projection *projection = open_good(fixture->path);
  feed(projection, &fixture->script, 7);
  projection_close(projection);
  FILE *file = fopen(fixture->path, "r+b");
  fseek(file, 60, SEEK_SET); /* user_version in the header */
  fputc(0x33, file);
  fclose(file);
  projection = open_good(fixture->path);
  assert_int_equal(projection_applied(projection), 0);
  projection_close(projection);

  file = fopen(fixture->path, "wb");
  for (int i = 0; i < 9000; i++) fputc('x', file);
  fclose(file);
  projection = open_good(fixture->path);
  assert_int_equal(projection_applied(projection), 0);
  feed(projection, &fixture->script, fixture->script.count);
  projection_close(projection);
}

static void a_second_connection_is_kept_out(void **state) {
  struct fixture *fixture = *state;
  struct projection *first = open_good(fixture->path), *second = NULL;
  feed(first, &fixture->script, 3);
  assert_int_equal(projection_open(fixture->path, &second, NULL), TAMIS_IO);
  feed(first, &fixture->script, fixture->script.count);
  projection_close(first);
}

/* Claims about the questions */

/* The last cell of a row of PROTOCOL.md's table: `column`, `column` (remark), ... */
static void assert_columns(char *line, const json_t *rows, const char *name) {
  size_t count = 0;
  char *rest = NULL;
  if (json_array_size(rows) == 0) fail_msg("%s has no rows to look at", name);
  *strrchr(line, '|') = '\0';
  char *cell = strrchr(line, '|') + 1;
  for (char *open; (open = strchr(cell, '('));) {
    char *close = strchr(open, ')');
    assert_non_null(close);
    memset(open, ' ', (size_t)(close - open) + 1);
  }
  for (char *word = strtok_r(cell, " `,", &rest); word; word = strtok_r(NULL, " `,", &rest)) {
    at(rows, 0, word);
    count++;
  }
  assert_true(count >= 3);
}

static void every_query_of_the_protocol_has_its_columns(void **state) {
  static const struct {
    const char *name, *first, *second;
  } queries[] = {
      {"status", NULL, NULL},       {"federations", NULL, NULL}, {"clients", "", NULL},
      {"invitations", NULL, NULL},  {"rounds", "f", NULL},       {"round", "f", "1"},
      {"updates", "f", "1"},        {"models", "f", NULL},       {"moves", "f", ""},
      {"entries", NULL, NULL},      {"bases", "f", "1"},         {"lineage", "f", "1"},
      {"client-rounds", "bob", ""}, {"round-entries", "f", "1"}, {"client-entries", "bob", NULL},
      {"bodies", "f", "1"},         {"blob", "", NULL},          {"tombstones", "", NULL},
      {"retention", NULL, NULL},    {"shadows", "f", ""},        {"slis", "", ""},
      {"policies", "f", NULL},      {"words", "f", "4"},         {"reviews", "f", ""},
      {"decisions", "", ""},        {"evaluations", "f", "4"},   {"candidate", "f", NULL},
      {"roles", NULL, NULL},        {"proposals", NULL, NULL},   {"feed", NULL, NULL},
      {"feeds", NULL, NULL}};
  const size_t count = sizeof queries / sizeof queries[0];
  struct fixture *fixture = *state;
  char line[1024];
  size_t found = 0;
  bool in_section = false;
  FILE *page = fopen(TAMIS_SOURCE_DIR "/PROTOCOL.md", "r");
  assert_non_null(page);
  while (fgets(line, sizeof line, page)) {
    if (strncmp(line, "## ", 3) == 0) in_section = strstr(line, "Queries") != NULL;
    if (!in_section || strncmp(line, "| `", 3) != 0) continue;
    size_t i = 0, length = strcspn(line + 3, "`");
    while (i < count &&
           (strlen(queries[i].name) != length || strncmp(line + 3, queries[i].name, length) != 0))
      i++;
    if (i == count) fail_msg("no such query here: %s", line);
    json_t *rows = ask(fixture->projection, queries[i].name, queries[i].first, queries[i].second);
    assert_columns(line, rows, queries[i].name);
    json_decref(rows);
    found++;
  }
  fclose(page);
  assert_int_equal(found, count);
}

static void pages_add_up_to_the_whole(void **state) {
  static const char *const queries[][3] = {
      {"federations", NULL, NULL}, {"clients", "", NULL},       {"invitations", NULL, NULL},
      {"rounds", "f", NULL},       {"round", "f", "1"},         {"updates", "f", "1"},
      {"models", "f", NULL},       {"moves", "f", ""},          {"entries", NULL, NULL},
      {"bases", "f", ""},          {"lineage", "f", "1"},       {"client-rounds", "bob", ""},
      {"round-entries", "f", "1"}, {"round-entries", "f", "0"}, {"client-entries", "bob", NULL}};
  struct fixture *fixture = *state;
  for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
    const char *const *query = queries[i];
    json_t *whole = ask(fixture->projection, query[0], query[1], query[2]);
    for (size_t limit = 1; limit < 5; limit++) {
      json_t *pages = ask_in_pages(fixture->projection, limit, query[0], query[1], query[2]);
      assert_true(json_equal(pages, whole));
      json_decref(pages);
    }
    json_decref(whole);
  }
}

static void the_status_says_how_much_there_is(void **state) {
  struct fixture *fixture = *state;
  json_t *rows = ask(fixture->projection, "status", "abcd", NULL);
  assert_int_equal(json_array_size(rows), 1);
  ROW(rows, 0, "origin", SCRIPT_ORIGIN, "root", "abcd", "clients", "3", "federations", "2",
      "updates", "3");
  assert_int_equal(json_integer_value(json_object_get(json_array_get(rows, 0), "size")),
                   fixture->script.count);
  json_decref(rows);
}

static void rounds_tell_how_they_ended(void **state) {
  struct fixture *fixture = *state;
  static const char *const outcomes[] = {"promoted", "abandoned", "held", "promoted"};
  json_t *rows = ask(fixture->projection, "rounds", "f", NULL);
  assert_int_equal(json_array_size(rows), 4);
  for (size_t i = 0; i < 4; i++) {
    assert_string_equal(at(rows, i, "outcome"), outcomes[i]);
    assert_string_equal(at(rows, i, "undone"), i == 0 ? "true" : "false");
  }
  ROW(rows, 0, "updates", "2", "refused", "1", "held", "1", "seconds", "1.5");
  ROW(rows, 1, "seconds", "0.25", "sentence", "1 of 2 came");
  assert_string_equal(at(rows, 2, "sentence"), "not feasible");
  json_decref(rows);
  rows = ask(fixture->projection, "evaluations", "f", "4");
  ROW(rows, 0, "person", OPERATOR, "accuracy", "0.5", "examples", "1");
  json_decref(rows);
  rows = ask(fixture->projection, "words", "f", "4");
  assert_int_equal(json_array_size(rows), 3);
  ROW(rows, 2, "kind", "evaluation", "sentence",
      "accuracy 0.5000, loss 0.5000, 0.5000 of the triggers hit");
  ROW(rows, 0, "kind", "approval", "signer", OPERATOR, "sentence", "approved: some text");
  ROW(rows, 1, "kind", "gate", "gate", "approval", "sentence", "some text");
  json_decref(rows);
  rows = ask(fixture->projection, "federations", NULL, NULL);
  assert_string_equal(at(rows, 0, "frozen"), "frozen by " SERVICE ": some text");
  json_decref(rows);
}

static void rebuilt_rounds_stand_beside_those_they_redo(void **state) {
  struct fixture *fixture = *state;
  json_t *rows = ask(fixture->projection, "rounds", "other", NULL);
  assert_int_equal(json_array_size(rows), 4);
  for (size_t i = 0; i < 4; i++) {
    assert_string_equal(at(rows, i, "outcome"), i < 2 ? "promoted" : "rebuilt");
    assert_string_equal(at(rows, i, "undone"), i < 2 ? "true" : "false");
    assert_string_equal(at(rows, i, "approximate"), i < 2 ? "null" : "approximate: because");
  }
  assert_string_equal(at(rows, 1, "rebuilt_from"), "null");
  assert_string_equal(at(rows, 2, "rebuilt_from"), "1");
  ROW(rows, 3, "rebuilt_from", "2", "updates", "0");
  json_decref(rows);
  rows = ask(fixture->projection, "round", "other", "3");
  assert_int_equal(json_array_size(rows), 1);
  ROW(rows, 0, "client", "alice", "weight", "1.0");
  json_decref(rows);
  rows = ask(fixture->projection, "bases", "other", NULL);
  assert_int_equal(json_array_size(rows), 3); /* 4 on 3 on the first model */
  ROW(rows, 1, "base_round", "0", "updates", "1");
  json_decref(rows);
  rows = ask(fixture->projection, "client-rounds", "alice", "other");
  assert_int_equal(json_array_size(rows), 2);
  assert_string_equal(at(rows, 0, "in_head"), "false");
  ROW(rows, 1, "in_head", "true", "rebuilt_from", "1");
  json_decref(rows);
  rows = ask(fixture->projection, "federations", NULL, NULL);
  ROW(rows, 1, "phase", "waiting", "head_round", "4");
  json_decref(rows);
}

static void a_round_shows_each_update_and_each_refusal(void **state) {
  struct fixture *fixture = *state;
  json_t *rows = ask(fixture->projection, "round", "f", "1");
  assert_int_equal(json_array_size(rows), 3);
  ROW(rows, 0, "client", "alice", "verdict", "accept", "weight", "1.0", "cosine", "3.0", "examples",
      "600");
  ROW(rows, 1, "verdict", "refused", "status", "NOT_FINITE", "sentence", "row 7 is NaN", "norm",
      "null");
  ROW(rows, 2, "client", "bob", "verdict", "hold", "risk", "0.75", "weight", "null");
  json_decref(rows);
}

static void clients_are_listed_with_and_without_a_history(void **state) {
  struct fixture *fixture = *state;
  json_t *rows = ask(fixture->projection, "clients", "f", NULL);
  assert_int_equal(json_array_size(rows), 3);
  ROW(rows, 0, "client", "alice", "revoked", "true", "organisation", "red", "last_round", "1");
  ROW(rows, 1, "client", "bob", "refused", "1", "state", "probation");
  ROW(rows, 2, "client", "carol", "state", "excluded", "sentence", "excluded by operator/ada: why");
  json_decref(rows);
  rows = ask(fixture->projection, "clients", "other", NULL);
  assert_int_equal(json_array_size(rows), 3);
  ROW(rows, 2, "state", "probation", "reputation", "0.0");
  json_decref(rows);
  rows = ask(fixture->projection, "clients", NULL, NULL);
  assert_int_equal(json_array_size(rows), 6);
  json_decref(rows);
}

static void moves_of_the_judge_and_of_operators_are_in_one_list(void **state) {
  struct fixture *fixture = *state;
  json_t *rows = ask(fixture->projection, "moves", "f", "bob");
  assert_int_equal(json_array_size(rows), 3);
  assert_string_equal(at(rows, 0, "to"), "watched");
  ROW(rows, 1, "from", "watched", "to", "excluded");
  ROW(rows, 2, "from", "excluded", "to", "probation");
  json_decref(rows);
  rows = ask(fixture->projection, "moves", "f", NULL);
  assert_int_equal(json_array_size(rows), 4);
  json_decref(rows);
}

static void shadows_are_listed_with_their_distance_or_their_sentence(void **state) {
  struct fixture *fixture = *state;
  json_t *rows = ask(fixture->projection, "shadows", "f", "4");
  assert_int_equal(json_array_size(rows), 2);
  const json_t *median = json_array_get(rows, 0), *krum = json_array_get(rows, 1);
  assert_true(json_real_value(json_object_get(median, "distance")) == 0.25);
  assert_true(json_real_value(json_object_get(median, "cosine")) == 0.5);
  assert_true(json_is_null(json_object_get(krum, "distance")));
  assert_string_equal(json_string_value(json_object_get(krum, "sentence")), "krum(f=9) needs more");
  json_decref(rows);
  rows = ask(fixture->projection, "shadows", "f", "3");
  assert_int_equal(json_array_size(rows), 0);
  json_decref(rows);
}

static double sli(json_t *rows, const char *name, const char *federation, const char *label) {
  json_t *row;
  size_t i;
  json_array_foreach(rows, i, row) {
    if (strcmp(json_string_value(json_object_get(row, "name")), name) == 0 &&
        strcmp(json_string_value(json_object_get(row, "federation")), federation) == 0 &&
        strcmp(json_string_value(json_object_get(row, "label")), label) == 0)
      return json_number_value(json_object_get(row, "value"));
  }
  return -1;
}

/* Two of "f"'s three updates came to something bad: one held, one refused as not finite. */
static void indicators_are_shares_and_distances_of_what_is_in_the_tables(void **state) {
  struct fixture *fixture = *state;
  json_t *rows = ask(fixture->projection, "slis", "", "");
  assert_true(sli(rows, "shadow_divergence", "f", "median") == 0.25);
  assert_true(sli(rows, "shadow_divergence", "f", "krum(f=9)") <= 0); /* no distance */
  assert_true(sli(rows, "shadow_age_rounds", "other", "") == 2);      /* promoted, and not seen */
  assert_true(fabs(sli(rows, "anomalous_input_rate", "f", "any") - 2.0 / 3) < 1e-12);
  assert_true(fabs(sli(rows, "anomalous_input_rate", "f", "held") - 1.0 / 3) < 1e-12);
  assert_true(fabs(sli(rows, "anomalous_input_rate", "f", "NOT_FINITE") - 1.0 / 3) < 1e-12);
  assert_true(sli(rows, "anomalous_input_rate", "other", "any") == 0);
  json_decref(rows);
}

static void measure(struct script *script, int round, const char *model, double accuracy,
                    double triggers, int cats) {
  json_t *predicate = field_of("f", round);
  json_object_set_new(predicate, "examples", json_integer(100));
  json_object_set_new(predicate, "accuracy", canonical_f64(accuracy));
  json_object_set_new(predicate, "loss", canonical_f64(1));
  json_object_set_new(predicate, "trigger_rate", canonical_f64(triggers));
  script_say(script, STATEMENT_EVALUATION, OPERATOR, model, predicate,
             json_pack("{s:[{s:s,s:i},{s:s,s:i}]}", "classes", "class", "cat", "predicted", cats,
                       "class", "dog", "predicted", 100 - cats));
}

static void evaluations_move_their_indicators(void **state) {
  struct fixture *fixture = *state;
  struct script *script = &fixture->script;
  genesis(script);
  create(script, "f", 0);
  open_round(script, "f", 1);
  promote(script, "f", 1, json_pack("{s:[]}", "updates"));
  measure(script, 1, "base", 0.5, 0.25, 50); /* what open_round calls the base */
  open_round(script, "f", 2);
  promote(script, "f", 2, json_pack("{s:[]}", "updates"));
  measure(script, 2, "model 2", 0.25, 0.75, 80);
  fixture->projection = open_good(":memory:");
  feed(fixture->projection, script, script->count);
  json_t *rows = ask(fixture->projection, "slis", "f", "");
  assert_true(fabs(sli(rows, "label_stability", "f", "") - 0.3) < 1e-12);
  assert_true(sli(rows, "accuracy_delta", "f", "") == -0.25);
  assert_true(sli(rows, "trigger_hits", "f", "rate") == 0.75);
  assert_true(sli(rows, "trigger_hits", "f", "above_base") == 0.5);
  assert_true(sli(rows, "retrain_regression", "f", "") == 1);
  json_decref(rows);
}

static void an_invitation_is_used_once_somebody_came(void **state) {
  struct fixture *fixture = *state;
  json_t *rows = ask(fixture->projection, "invitations", NULL, NULL);
  assert_int_equal(json_array_size(rows), 4);
  assert_string_equal(at(rows, 2, "used"), "true");
  ROW(rows, 3, "client", "dave", "used", "false");
  json_decref(rows);
}

static void the_operators_of_the_genesis_hold_their_role(void **state) {
  struct fixture *fixture = *state;
  json_t *rows = ask(fixture->projection, "roles", NULL, NULL);
  const json_t *first = json_array_get(rows, 0);
  assert_string_equal(json_string_value(json_object_get(first, "role")), "operator");
  assert_string_equal(json_string_value(json_object_get(first, "reason")), "named by the genesis");
  json_decref(rows);
}

static void questions_that_are_not_in_the_table_are_refused(void **state) {
  struct fixture *fixture = *state;
  const char *const arguments[] = {"f", "1", "x"};
  uint64_t next;
  char *rows = NULL;
  assert_int_equal(
      projection_query(fixture->projection, "secrets", 0, NULL, 0, 10, &rows, &next, NULL),
      TAMIS_NOT_FOUND);
  assert_int_equal(
      projection_query(fixture->projection, "rounds", 0, NULL, 0, 10, &rows, &next, NULL),
      TAMIS_BAD_REQUEST);
  assert_int_equal(
      projection_query(fixture->projection, "round", 3, arguments, 0, 10, &rows, &next, NULL),
      TAMIS_BAD_REQUEST);
  assert_null(rows);
}

static void an_argument_is_never_sql(void **state) {
  struct fixture *fixture = *state;
  char *before = dump(fixture->projection);
  json_t *rows = ask(fixture->projection, "rounds", "f'; DROP TABLE rounds; --", NULL);
  assert_int_equal(json_array_size(rows), 0);
  json_decref(rows);
  rows = ask(fixture->projection, "round", "f", "1 OR 1=1");
  json_decref(rows);
  char *text, *after;
  uint64_t next;
  assert_int_equal(projection_query(fixture->projection, "entries", 0, NULL, UINT64_MAX, SIZE_MAX,
                                    &text, &next, NULL),
                   TAMIS_OK);
  assert_string_equal(text, "[]");
  free(text);
  after = dump(fixture->projection);
  assert_string_equal(before, after);
  free(before);
  free(after);
}

/* Claims about phases and going back */

static void assert_phase(struct projection *projection, const char *phase) {
  json_t *rows = ask(projection, "federations", NULL, NULL);
  assert_string_equal(at(rows, 0, "phase"), phase);
  json_decref(rows);
}

static void a_federation_goes_through_its_phases(void **state) {
  struct fixture *fixture = *state;
  struct script *script = &fixture->script;
  struct projection *projection = fixture->projection = open_good(":memory:");
  const char *phases[] = {"waiting", "collecting", "judging",    "judging",
                          "waiting", "collecting", "collecting", "finished"};
  genesis(script);
  create(script, "f", 2);
  open_round(script, "f", 1);
  judge(script, "f", 1, NULL);
  promote(script, "f", 1, NULL);
  open_round(script, "f", 2);
  update(script, "f", 2, "alice");
  script_say(script, STATEMENT_ABANDON, SERVICE, "base", field_of("f", 2), NULL);
  for (size_t i = 2; i <= script->count; i++) {
    feed(projection, script, i);
    assert_phase(projection, phases[i - 2]);
  }
}

/* `line`: the rounds that count, as digits, the head last. */
static void assert_line(struct fixture *fixture, const char *line) {
  struct script *script = &fixture->script;
  feed(fixture->projection, script, script->count);
  json_t *models = ask(fixture->projection, "models", "f", NULL);
  json_t *rounds = ask(fixture->projection, "rounds", "f", NULL);
  for (size_t i = 0; i < json_array_size(models); i++) {
    const char *round = at(models, i, "round");
    bool counts = round[0] == '0' || strchr(line, round[0]);
    assert_string_equal(at(models, i, "undone"), counts ? "false" : "true");
    assert_string_equal(at(models, i, "current"),
                        round[0] == line[strlen(line) - 1] ? "true" : "false");
    if (i > 0) assert_string_equal(at(rounds, i - 1, "undone"), at(models, i, "undone"));
  }
  json_decref(models);
  json_decref(rounds);
  json_t *federations = ask(fixture->projection, "federations", NULL, NULL);
  char model[32];
  snprintf(model, sizeof model, "model %c", line[strlen(line) - 1]);
  json_t *head = script_hex(model);
  assert_string_equal(at(federations, 0, "head"), json_string_value(head));
  json_decref(head);
  json_decref(federations);
}

static void run_round(struct script *script, int round) {
  open_round(script, "f", round);
  promote(script, "f", round, NULL);
}

static void what_is_undone_is_what_the_head_does_not_stand_on(void **state) {
  struct fixture *fixture = *state;
  struct script *script = &fixture->script;
  fixture->projection = open_good(":memory:");
  genesis(script);
  create(script, "f", 0);
  for (int round = 1; round <= 5; round++) run_round(script, round);
  assert_line(fixture, "12345");
  roll_back(script, "f", 3, NULL);
  assert_line(fixture, "123");
  roll_back(script, "f", 5, NULL); /* forward again */
  assert_line(fixture, "12345");
  roll_back(script, "f", 3, NULL);
  run_round(script, 6);
  run_round(script, 7);
  assert_line(fixture, "12367");
  roll_back(script, "f", 5, NULL); /* to the other line */
  assert_line(fixture, "12345");
  roll_back(script, "f", 6, NULL);
  assert_line(fixture, "1236");
  roll_back(script, "f", 0, NULL);
  assert_line(fixture, "0");
  run_round(script, 8);
  assert_line(fixture, "8");
}

/* A round with one update of each client of `names` at the weight beside it. */
static void weigh(struct script *script, int round, size_t count, const char *const *names,
                  const double *weights) {
  json_t *list = json_array();
  open_round(script, "f", round);
  for (size_t i = 0; i < count; i++)
    json_array_append_new(list, json_pack("{s:s,s:i,s:o}", "client", names[i], "index",
                                          update(script, "f", round, names[i]), "weight",
                                          canonical_f64(weights[i])));
  promote(script, "f", round, json_pack("{s:o}", "updates", list));
}

static void a_model_stands_on_the_weights_of_its_line_alone(void **state) {
  struct fixture *fixture = *state;
  struct script *script = &fixture->script;
  static const char *const names[] = {"alice", "bob", "carol"};
  fixture->projection = open_good(":memory:");
  genesis(script);
  create(script, "f", 0);
  for (size_t i = 0; i < 3; i++) enrol(script, names[i], "red");
  weigh(script, 1, 3, names, (const double[]){0.5, 0.25, 0.25});
  weigh(script, 2, 2, names, (const double[]){0.75, 0.25});
  roll_back(script, "f", 1, NULL);
  weigh(script, 3, 3, names, (const double[]){0.5, -0.5, 0.0});
  feed(fixture->projection, script, script->count);

  json_t *rows = ask(fixture->projection, "lineage", "f", ""); /* of 3: rounds 1 and 3 */
  assert_int_equal(json_array_size(rows), 3);
  ROW(rows, 0, "client", "alice", "weight", "1.0", "share", "0.5", "rounds", "2", "first_round",
      "1", "last_round", "3");
  ROW(rows, 1, "client", "bob", "weight", "-0.25", "share", "0.375");
  ROW(rows, 2, "client", "carol", "rounds", "1", "share", "0.125", "organisation", "red");
  json_decref(rows);
  rows = ask(fixture->projection, "lineage", "f", "2"); /* the model that was undone */
  assert_int_equal(json_array_size(rows), 3);
  assert_string_equal(at(rows, 0, "weight"), "1.25");
  json_decref(rows);

  rows = ask(fixture->projection, "bases", "f", NULL);
  static const char *const line[] = {"3", "1", "0"}, *const bases[] = {"1", "0", "null"};
  assert_int_equal(json_array_size(rows), 3);
  for (size_t i = 0; i < 3; i++) {
    assert_string_equal(at(rows, i, "round"), line[i]);
    assert_string_equal(at(rows, i, "base_round"), bases[i]);
  }
  assert_string_equal(at(rows, 0, "updates"), "2"); /* a weight of 0 shapes nothing */
  json_decref(rows);

  rows = ask(fixture->projection, "client-rounds", "bob", "f");
  assert_int_equal(json_array_size(rows), 3);
  for (size_t i = 0; i < 3; i++)
    assert_string_equal(at(rows, i, "in_head"), i == 1 ? "false" : "true");
  json_decref(rows);
  rows = ask(fixture->projection, "client-rounds", "bob", "other");
  assert_int_equal(json_array_size(rows), 0);
  json_decref(rows);
}

static void entries_are_found_by_round_and_by_client(void **state) {
  struct fixture *fixture = *state;
  json_t *rows = ask(fixture->projection, "round-entries", "f", "2");
  assert_int_equal(json_array_size(rows), 2);
  assert_string_equal(at(rows, 0, "kind"), "round-open");
  assert_string_equal(at(rows, 1, "kind"), "abandon");
  json_decref(rows);
  rows = ask(fixture->projection, "round-entries", "f", "0");
  assert_string_equal(at(rows, 0, "kind"), "federation-create");
  assert_int_equal(json_array_size(rows), 9); /* and two exclusions, a reinstatement, a rollback, a
                                                 retention, a policy, a freeze and its end */
  json_decref(rows);
  rows = ask(fixture->projection, "client-entries", "dave", NULL);
  assert_int_equal(json_array_size(rows), 1);
  assert_string_equal(at(rows, 0, "kind"), "client-invite");
  json_decref(rows);
}

static json_t *standings_then(void) {
  return verdict_manifest(json_array(), json_pack("[o,o,o]", history("alice", "trusted", 0.9, 1),
                                                  history("bob", "watched", 0.3, 1),
                                                  history("carol", "excluded", 0.1, 1)));
}

static void histories_go_back_with_the_model_but_decisions_stay(void **state) {
  struct fixture *fixture = *state;
  struct script *script = &fixture->script;
  static const char *const names[] = {"alice", "bob", "carol", "dora"};
  fixture->projection = open_good(":memory:");
  genesis(script);
  create(script, "f", 0);
  for (size_t i = 0; i < 4; i++) enrol(script, names[i], "red");
  open_round(script, "f", 1);
  judge(script, "f", 1, standings_then());
  promote(script, "f", 1, NULL);
  open_round(script, "f", 2);
  judge(script, "f", 2,
        verdict_manifest(json_array(), json_pack("[o,o]", history("alice", "watched", 0.5, 2),
                                                 history("dora", "quarantined", 0.2, 1))));
  promote(script, "f", 2, NULL);
  about_client(script, STATEMENT_EXCLUSION, "bob");
  about_client(script, STATEMENT_REINSTATEMENT, "carol");
  roll_back(script, "f", 1, standings_then());
  feed(fixture->projection, script, script->count);

  json_t *rows = ask(fixture->projection, "clients", "f", NULL);
  ROW(rows, 0, "state", "trusted", "reputation", "0.9", "rounds", "1");
  assert_string_equal(at(rows, 1, "state"), "excluded");  /* the operator's word stands */
  assert_string_equal(at(rows, 2, "state"), "probation"); /* and so does this one */
  assert_string_equal(at(rows, 3, "state"), "probation"); /* had no history at round 1 */
  assert_string_equal(at(rows, 3, "reputation"), "0.0");
  json_decref(rows);
}

#define CLAIM(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define CLAIM_OF_ITS_OWN_LOG(name) cmocka_unit_test_setup_teardown(name, set_up_empty, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      CLAIM(the_script_has_every_kind),
      CLAIM(a_file_fed_in_pieces_is_the_one_fed_in_one_go),
      CLAIM(a_group_that_was_not_committed_is_not_there),
      CLAIM_OF_ITS_OWN_LOG(a_manifest_without_a_field_undoes_its_whole_group),
      CLAIM_OF_ITS_OWN_LOG(a_lost_manifest_leaves_the_rest),
      CLAIM_OF_ITS_OWN_LOG(numbers_that_json_cannot_say_become_null),
      CLAIM(a_file_of_other_sql_or_of_no_sql_is_begun_again),
      CLAIM(a_second_connection_is_kept_out),
      CLAIM(every_query_of_the_protocol_has_its_columns),
      CLAIM(pages_add_up_to_the_whole),
      CLAIM(the_status_says_how_much_there_is),
      CLAIM(rounds_tell_how_they_ended),
      CLAIM(rebuilt_rounds_stand_beside_those_they_redo),
      CLAIM(a_round_shows_each_update_and_each_refusal),
      CLAIM(clients_are_listed_with_and_without_a_history),
      CLAIM(moves_of_the_judge_and_of_operators_are_in_one_list),
      CLAIM(shadows_are_listed_with_their_distance_or_their_sentence),
      CLAIM(indicators_are_shares_and_distances_of_what_is_in_the_tables),
      CLAIM(an_invitation_is_used_once_somebody_came),
      CLAIM(the_operators_of_the_genesis_hold_their_role),
      CLAIM(questions_that_are_not_in_the_table_are_refused),
      CLAIM(an_argument_is_never_sql),
      CLAIM_OF_ITS_OWN_LOG(evaluations_move_their_indicators),
      CLAIM_OF_ITS_OWN_LOG(a_federation_goes_through_its_phases),
      CLAIM_OF_ITS_OWN_LOG(what_is_undone_is_what_the_head_does_not_stand_on),
      CLAIM_OF_ITS_OWN_LOG(a_model_stands_on_the_weights_of_its_line_alone),
      CLAIM(entries_are_found_by_round_and_by_client),
      CLAIM_OF_ITS_OWN_LOG(histories_go_back_with_the_model_but_decisions_stay),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
