/* The decider alone: no disk, no clock, no thread. What it says depends on what it is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "aggregator/admission.h"
#include "aggregator/cohort.h"
#include "aggregator/federation.h"
#include "proto/canonical.h"

#define ORIGIN "pure.example/log"

enum { CLIENTS = 4, NOW = 1000 };

#define assert_status(found, wanted)                                                               \
  assert_string_equal(tamis_status_name(found), tamis_status_name(wanted))

struct log { /* keys, the state, and nothing else */
  struct secret_key log_key, aggregator, operator, client[CLIENTS];
  struct state *state;
  struct layout layout;
  struct digest model;
  uint64_t nonce;
};

static json_t *hex(const struct digest *digest) {
  char text[DIGEST_HEX_SIZE];
  digest_to_hex(digest, text);
  return json_string(text);
}

static json_t *nonce(struct log *log) {
  char text[33];
  snprintf(text, sizeof text, "%032llx", (unsigned long long)++log->nonce);
  return json_string(text);
}

/* Signs, opens, and gives the entry to `admit` when it is not ours, and to apply. */
static enum tamis_status say(struct log *log, const struct secret_key *key,
                             enum statement_kind kind, json_t *predicate, const char *name,
                             const struct digest *subject, const struct moment *moment,
                             const json_t *manifest) {
  struct entry entry;
  struct fault fault;
  char *envelope;
  size_t length;
  enum tamis_status status =
      statement_sign(ORIGIN, kind, predicate, 1, &name, subject, key, &envelope, &length, &fault);
  if (status != TAMIS_OK) print_message("%s\n", fault.text);
  assert_status(status, TAMIS_OK);
  json_decref(predicate);
  status = entry_open(log->state, envelope, length, &entry, &fault);
  free(envelope);
  if (status != TAMIS_OK) return status;
  if (moment) status = federation_admit(log->state, &entry, moment, &fault);
  if (status == TAMIS_OK) status = federation_apply(log->state, &entry, manifest, &fault);
  entry_close(&entry);
  return status;
}

/* All that a decision proposes, signed by the aggregator and applied. */
static void follow(struct log *log, struct decision *decision) {
  for (size_t i = 0; i < decision->count; i++) {
    const struct proposal *proposal = &decision->proposal[i];
    struct entry entry;
    char *envelope;
    size_t length;
    assert_status(statement_sign(ORIGIN, proposal->kind, proposal->predicate,
                                 proposal->subject_count, proposal->subject_name, proposal->subject,
                                 &log->aggregator, &envelope, &length, NULL),
                  TAMIS_OK);
    assert_status(entry_open(log->state, envelope, length, &entry, NULL), TAMIS_OK);
    assert_status(federation_apply(log->state, &entry, proposal->manifest_json, NULL), TAMIS_OK);
    entry_close(&entry);
    free(envelope);
  }
  decision_close(decision);
}

static void key(const char *name, uint8_t number, struct secret_key *out) {
  uint8_t seed[KEY_SEED_SIZE] = {number};
  key_from_seed(name, seed, out);
}

static void genesis(struct log *log) {
  char log_key[KEY_VKEY_SIZE], aggregator[KEY_VKEY_SIZE], operator[KEY_VKEY_SIZE];
  const struct moment moment = {.now_ms = NOW};
  key_vkey_write(&log->log_key.public, log_key);
  key_vkey_write(&log->aggregator.public, aggregator);
  key_vkey_write(&log->operator.public, operator);
  struct digest subject = digest_of(log_key, strlen(log_key));
  assert_status(say(log, &log->operator, STATEMENT_GENESIS,
                    json_pack("{s:s, s:s, s:[s], s:o}", "log_key", log_key, "aggregator_key",
                              aggregator, "operators", operator, "nonce", nonce(log)),
                    "log", &subject, &moment, NULL),
                TAMIS_OK);
}

static void enrol(struct log *log, size_t i) {
  const struct moment moment = {.now_ms = NOW};
  char name[8], vkey[KEY_VKEY_SIZE];
  snprintf(name, sizeof name, "c%zu", i);
  key(name, (uint8_t)(50 + i), &log->client[i]);
  struct digest token = {{(uint8_t)(i + 1)}};
  struct digest own = digest_of(log->client[i].public.byte, KEY_PUBLIC_SIZE);
  key_vkey_write(&log->client[i].public, vkey);
  assert_status(say(log, &log->operator, STATEMENT_CLIENT_INVITE,
                    json_pack("{s:s, s:s, s:i, s:o}", "client", name, "organisation", "org",
                              "not_after", 100, "nonce", nonce(log)),
                    "token", &token, &moment, NULL),
                TAMIS_OK);
  assert_status(say(log, &log->client[i], STATEMENT_KEY_ENROL,
                    json_pack("{s:s, s:s, s:o}", "client", name, "key", vkey, "token", hex(&token)),
                    "key", &own, &moment, NULL),
                TAMIS_OK);
}

static void open_log(struct log *log, int quorum, int cohort) {
  struct tensor tensor = {.name = "w", .rank = 1, .shape = {3}};
  memset(log, 0, sizeof *log);
  assert_status(key_library_start(), TAMIS_OK);
  key(ORIGIN, 1, &log->log_key);
  key("service/aggregator", 2, &log->aggregator);
  key("operator/o", 3, &log->operator);
  log->state = state_new(&log->log_key.public);
  log->model = (struct digest){{7}};
  assert_status(layout_make(&tensor, 1, &log->layout, NULL), TAMIS_OK);
  genesis(log);
  for (size_t i = 0; i < CLIENTS; i++) enrol(log, i);
  const struct moment moment = {.now_ms = NOW, .layout = &log->layout};
  assert_status(
      say(log, &log->operator, STATEMENT_FEDERATION_CREATE,
          json_pack("{s:s, s:s, s:o, s:i, s:i, s:i, s:i, s:i, s:i, s:o, s:i, s:{}, s:o}",
                    "federation", "f", "rule", "mean", "layout", hex(&log->layout.digest),
                    "parameters", 3, "quorum", quorum, "cohort", cohort, "over_selection_percent",
                    0, "deadline_ms", 100, "rounds_max", 2, "norm_max", canonical_f64(10),
                    "examples_max", 5, "policy", "nonce", nonce(log)),
          "model", &log->model, &moment, NULL),
      TAMIS_OK);
}

static void close_log(struct log *log) {
  layout_close(&log->layout);
  state_free(log->state);
}

static bool next(struct log *log, int64_t now_ms) {
  const struct moment moment = {.now_ms = now_ms, .is_settled = true, .root = {{5}}};
  struct decision decision = {0};
  bool is_more = federation_next(log->state, log->state->federation[0], &moment, &decision);
  follow(log, &decision);
  return is_more;
}

static enum tamis_status update(struct log *log, size_t client, int64_t now_ms) {
  const struct moment moment = {.now_ms = now_ms};
  struct digest blob = {{(uint8_t)(100 + client)}}, zero = {{0}};
  const struct round *round = &log->state->federation[0]->round;
  return say(log, &log->client[client], STATEMENT_UPDATE,
             json_pack("{s:s, s:I, s:o, s:s, s:i, s:i, s:o, s:i, s:o, s:i, s:o}", "federation", "f",
                       "round", (json_int_t)round->number, "base", hex(&round->base), "client",
                       log->client[client].public.name, "size", 12, "examples", 1, "loss",
                       canonical_f64(0), "train_ms", 0, "nonce", nonce(log), "checkpoint_size", 0,
                       "checkpoint_root", hex(&zero)),
             "update", &blob, &moment, NULL);
}

/* ---- claims ---- */

static void a_round_goes_through_without_a_disk_or_a_clock(void **unused) {
  struct log log;
  struct decision decision = {0};
  const struct moment moment = {.now_ms = NOW};
  (void)unused;
  open_log(&log, 3, 0);
  struct federation *federation = log.state->federation[0];
  assert_true(next(&log, NOW));
  assert_int_equal(federation->round.phase, PHASE_COLLECTING);
  assert_int_equal(federation_deadline_ms(log.state), NOW + 100);
  assert_null(federation_work(log.state, federation, NOW));
  for (size_t i = 0; i < CLIENTS; i++) assert_status(update(&log, i, NOW), TAMIS_OK);
  assert_false(next(&log, NOW));

  struct work *work = federation_work(log.state, federation, NOW);
  assert_int_equal(work->kind, WORK_MEASURE);
  assert_int_equal(work->count, CLIENTS);
  work->evidence = calloc(CLIENTS, sizeof *work->evidence);
  for (size_t i = 0; i < CLIENTS; i++) work->evidence[i].neighbour = EVIDENCE_NOBODY;
  assert_true(federation_worked(log.state, work, &moment, &decision));
  work_free(work);
  follow(&log, &decision);
  assert_int_equal(federation->round.phase, PHASE_JUDGED);

  work = federation_work(log.state, federation, NOW);
  assert_int_equal(work->kind, WORK_AGGREGATE);
  assert_int_equal(work->accepted, CLIENTS);
  work->weight = calloc(CLIENTS, sizeof *work->weight);
  work->candidate = (struct digest){{9}};
  assert_true(federation_worked(log.state, work, &moment, &decision));
  follow(&log, &decision);
  assert_false(federation_worked(log.state, work, &moment, &decision)); /* it was taken */
  work_free(work);

  assert_true(next(&log, NOW)); /* promote */
  assert_int_equal(federation->head.byte[0], 9);
  assert_true(next(&log, NOW)); /* the second round, which is the last */
  assert_true(next(&log, NOW + 100));
  assert_true(state_is_finished(federation));
  assert_false(next(&log, NOW + 200));
  close_log(&log);
}

static void work_on_a_state_that_is_gone_is_dropped(void **unused) {
  struct log log;
  struct decision decision = {0};
  const struct moment moment = {.now_ms = NOW};
  (void)unused;
  open_log(&log, 3, 0);
  next(&log, NOW);
  for (size_t i = 0; i < CLIENTS; i++) assert_status(update(&log, i, NOW), TAMIS_OK);
  struct work *work = federation_work(log.state, log.state->federation[0], NOW);
  work->evidence = calloc(CLIENTS, sizeof *work->evidence);
  struct digest own = digest_of(log.client[0].public.byte, KEY_PUBLIC_SIZE);
  assert_status(say(&log, &log.operator, STATEMENT_EXCLUSION,
                    json_pack("{s:s, s:s, s:i, s:s, s:o}", "federation", "f", "client", "c0",
                              "since", 0, "reason", "", "nonce", nonce(&log)),
                    "key", &own, &moment, NULL),
                TAMIS_OK);
  assert_false(federation_worked(log.state, work, &moment, &decision));
  assert_int_equal(decision.count, 0);
  work_free(work);
  work = federation_work(log.state, log.state->federation[0], NOW);
  assert_false(work->row[0].votes);
  work_free(work);
  close_log(&log);
}

static void the_close_is_a_function_of_answers_and_time(void **unused) {
  struct log log;
  (void)unused;
  open_log(&log, 2, 2);
  next(&log, NOW);
  const struct federation *federation = log.state->federation[0];
  const struct round *round = &federation->round;
  assert_int_equal(round->selected, 2);
  assert_false(admission_is_closed(federation, NOW));
  assert_true(admission_is_closed(federation, NOW + 100));
  size_t outsider = 0;
  while (state_slot_find(log.state, round, log.client[outsider].public.name)) outsider++;
  assert_status(update(&log, outsider, NOW), TAMIS_NOT_SELECTED);
  assert_status(update(&log, round->slot[0].client, NOW), TAMIS_OK);
  assert_status(update(&log, round->slot[0].client, NOW), TAMIS_DUPLICATE);
  assert_false(admission_is_closed(federation, NOW));
  assert_status(update(&log, round->slot[1].client, NOW + 100), TAMIS_STALE_ROUND);
  assert_status(update(&log, round->slot[1].client, NOW + 99), TAMIS_OK);
  assert_true(admission_is_closed(federation, NOW));
  close_log(&log);
}

static void a_shuffle_is_a_permutation_that_anybody_can_redo(void **unused) {
  enum { N = 1000 };
  struct digest root = {{1}}, one = cohort_randomness(&root, "f", 1);
  struct digest two = cohort_randomness(&root, "f", 2);
  size_t order[N], again[N], seen[N] = {0}, same = 0;
  (void)unused;
  assert_false(digest_equal(&one, &two));
  cohort_shuffle(&one, "cohort", order, N);
  cohort_shuffle(&one, "cohort", again, N);
  assert_memory_equal(order, again, sizeof order);
  for (size_t i = 0; i < N; i++) seen[order[i]]++;
  for (size_t i = 0; i < N; i++) assert_int_equal(seen[i], 1);
  cohort_shuffle(&one, "order", again, N);
  for (size_t i = 0; i < N; i++) same += order[i] == again[i];
  assert_true(same < 20);
}

/* Each of 5 comes first about equally often: chi-square with 4 degrees of freedom, 0.1 % is 18.5.
 */
static void a_shuffle_has_no_favourite(void **unused) {
  size_t order[5], first[5] = {0};
  double chi = 0;
  (void)unused;
  for (int64_t round = 0; round < 5000; round++) {
    struct digest root = {{2}}, randomness = cohort_randomness(&root, "f", round);
    cohort_shuffle(&randomness, "cohort", order, 5);
    first[order[0]]++;
  }
  for (size_t i = 0; i < 5; i++)
    chi += ((double)first[i] - 1000) * ((double)first[i] - 1000) / 1000;
  assert_true(chi < 18.5);
}

enum { CANDIDATES = 100, SEATS = 20 };

/* The first `many` are of one organisation, the others of one each; `news` of them are new. */
static void candidates_make(struct cohort_candidate *candidate, size_t many, size_t news) {
  static char name[CANDIDATES][8];
  for (size_t i = 0; i < CANDIDATES; i++) {
    snprintf(name[i], sizeof name[i], "c%02zu", i);
    candidate[i] = (struct cohort_candidate){
        .name = name[i], .organisation = i < many ? "big" : name[i], .is_new = i < news};
  }
}

static size_t drawn(size_t many, size_t news, struct cohort_seats seats, size_t *of_many,
                    size_t *of_new) {
  struct cohort_candidate candidate[CANDIDATES];
  struct digest root = {{3}}, randomness = cohort_randomness(&root, "f", 1);
  size_t chosen[CANDIDATES], seen[CANDIDATES] = {0};
  bool is_good;
  candidates_make(candidate, many, news);
  size_t count = cohort_draw(&randomness, candidate, CANDIDATES, &seats, chosen, &is_good);
  assert_true(is_good);
  *of_many = *of_new = 0;
  for (size_t i = 0; i < count; i++) {
    assert_int_equal(seen[chosen[i]]++, 0);
    *of_many += chosen[i] < many;
    *of_new += chosen[i] < news;
  }
  return count;
}

static void no_organisation_takes_more_than_its_share(void **unused) {
  struct cohort_seats seats = {.count = SEATS, .least = 5, .organisation = 0.3, .new = 0.25};
  size_t many, news;
  (void)unused;
  assert_int_equal(drawn(80, 0, seats, &many, &news), SEATS);
  assert_int_equal(many, 6); /* 80 of 100 clients, 6 of 20 seats */
  assert_int_equal(drawn(0, 80, seats, &many, &news), SEATS);
  assert_int_equal(news, 5);
  seats.organisation = 0.001; /* one seat each at the least */
  assert_int_equal(drawn(81, 0, seats, &many, &news), SEATS);
  assert_int_equal(many, 1);
}

/* Nobody else wants the seats: they are filled, or stay empty where that is asked for. */
static void seats_that_nobody_else_wants_are_filled_unless_strict(void **unused) {
  struct cohort_seats seats = {.count = SEATS, .least = 9, .organisation = 0.3, .new = 0.25};
  struct cohort_seats open = {.count = SEATS, .least = 9, .organisation = 1, .new = 1};
  size_t many, news, many_open, news_open;
  (void)unused;
  assert_int_equal(drawn(98, 0, seats, &many, &news), SEATS);
  assert_int_equal(many, SEATS - 2);
  seats.is_strict = true;
  assert_int_equal(drawn(98, 0, seats, &many, &news), 9); /* 6 within the share, 2 others, 1 more */
  assert_int_equal(drawn(50, 0, seats, &many, &news), SEATS);
  seats.is_strict = false; /* a federation of newcomers of one organisation is drawn as ever */
  assert_int_equal(drawn(CANDIDATES, CANDIDATES, seats, &many, &news), SEATS);
  assert_int_equal(drawn(CANDIDATES, CANDIDATES, open, &many_open, &news_open), SEATS);
  struct cohort_candidate candidate[CANDIDATES];
  struct digest root = {{3}}, randomness = cohort_randomness(&root, "f", 1);
  size_t one[CANDIDATES], other[CANDIDATES], order[CANDIDATES];
  bool is_good;
  candidates_make(candidate, CANDIDATES, CANDIDATES);
  cohort_draw(&randomness, candidate, CANDIDATES, &seats, one, &is_good);
  cohort_draw(&randomness, candidate, CANDIDATES, &open, other, &is_good);
  cohort_shuffle(&randomness, "cohort", order, CANDIDATES);
  assert_memory_equal(other, order, SEATS * sizeof *order);
  for (size_t i = 0; i < SEATS; i++) {
    size_t found = 0;
    while (found < SEATS && one[found] != order[i]) found++;
    assert_true(found < SEATS);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_round_goes_through_without_a_disk_or_a_clock),
      cmocka_unit_test(work_on_a_state_that_is_gone_is_dropped),
      cmocka_unit_test(the_close_is_a_function_of_answers_and_time),
      cmocka_unit_test(a_shuffle_is_a_permutation_that_anybody_can_redo),
      cmocka_unit_test(a_shuffle_has_no_favourite),
      cmocka_unit_test(no_organisation_takes_more_than_its_share),
      cmocka_unit_test(seats_that_nobody_else_wants_are_filled_unless_strict),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
