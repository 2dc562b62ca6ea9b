/* The reference federations: fifty rounds under five rules with liars, optimisers, exclusions,
 * rollbacks, rounds that were held and rounds that were abandoned. Keys, noise and clock are fixed
 * and no number comes from libm, so every machine writes the same journal. */
#ifndef TAMIS_TEST_STORY_H
#define TAMIS_TEST_STORY_H

#include "../aggregator/world.h"

enum { STORY_CLIENTS = 11, STORY_LIARS = 2, STORY_ROUNDS = 50 };

struct story {
  struct world world;
  const char *federation; /* of now */
  int64_t round;          /* that was waited for last */
  size_t target;          /* so many updates close it early */
};

static inline double story_unit(uint64_t *seed) {
  return (double)(world_random(seed) >> 11) / 9007199254740992.0 - 0.5;
}

/* A step towards what all want, seen a little differently by each; liars lie in two rounds of
 * three.
 */
static inline void story_update(struct story *story, size_t client, const struct world_task *task,
                                float update[WORLD_PARAMETERS]) {
  float base[WORLD_PARAMETERS];
  uint64_t own = 1000 + client, seed = 7919 * (uint64_t)task->round + client;
  bool lies = client < STORY_LIARS && task->round % 3 != 0;
  world_get(&story->world, &task->base, base);
  for (size_t i = 0; i < WORLD_PARAMETERS; i++) {
    double step = 0.3 * (1 + 0.5 * story_unit(&own) - (double)base[i]) + 0.05 * story_unit(&seed);
    update[i] = (float)(lies ? -9 * step : step);
  }
}

static inline enum tamis_status story_answer(struct story *story, size_t client,
                                             const struct world_task *task) {
  float update[WORLD_PARAMETERS];
  story_update(story, client, task, update);
  struct world_claim claim = world_claim_of(&story->world, client, task, update);
  claim.federation = story->federation;
  claim.examples = 50 + 10 * (int64_t)client;
  return world_claim_send(&story->world, &claim, NULL);
}

/* Until this round of the federation is open, or past it. */
static inline void story_wait(struct story *story, int64_t round) {
  for (int i = 0; i < 20000; i++) {
    json_t *rows = world_query(&story->world, "federations", 0, NULL), *row;
    bool is_there = false;
    size_t k;
    json_array_foreach(rows, k, row) {
      const char *phase = json_string_value(json_object_get(row, "phase"));
      if (strcmp(json_string_value(json_object_get(row, "federation")), story->federation) != 0)
        continue;
      json_int_t last = json_integer_value(json_object_get(row, "round"));
      is_there = (last == round && strcmp(phase, "collecting") == 0) ||
                 (last == round - 1 && strcmp(phase, "finished") == 0);
    }
    json_decref(rows);
    if (is_there) {
      story->round = round;
      return;
    }
    usleep(500);
  }
  fail_msg("round %d of %s never opened", (int)round, story->federation);
}

/* Those from `first` on answer in the open round, if they are asked. One more than closes it would
 * come to the next, or not, as the threads please. */
static inline size_t story_answers(struct story *story, size_t first, size_t most) {
  size_t answered = 0;
  for (size_t i = first; i < story->world.clients && answered < most; i++) {
    struct world_task task;
    if (!world_poll_in(&story->world, story->federation, i, &task) || task.round != story->round)
      continue;
    if (story_answer(story, i, &task) == TAMIS_OK) answered++;
  }
  return answered;
}

static inline void story_clock(struct story *story, uint64_t milliseconds) {
  atomic_fetch_add(&story->world.now_ms, milliseconds);
}

/* Everybody who is asked answers. */
static inline void story_round(struct story *story) {
  story_clock(story, 1000);
  story_answers(story, 0, story->target);
  story_wait(story, story->round + 1);
}

static inline void story_rounds(struct story *story, int count) {
  for (int i = 0; i < count; i++) story_round(story);
}

/* Only some answer; the deadline closes the round, for the verdicts or for want of a quorum. */
static inline void story_late_round(struct story *story, size_t answers) {
  story_clock(story, 1000);
  story_answers(story, STORY_LIARS, answers);
  story_clock(story, WORLD_DEADLINE_MS);
  story_wait(story, story->round + 1);
}

static inline void story_federation(struct story *story, const char *name, const char *rule,
                                    const char *optimiser, int quorum, int cohort, int rounds,
                                    json_t *policy) {
  story->federation = name;
  story->target = cohort > 0 ? (size_t)cohort : SIZE_MAX;
  story->world.optimiser = optimiser;
  assert_int_equal(
      world_federation(&story->world, name, rule, quorum, cohort, 25, rounds, policy, NULL),
      TAMIS_OK);
  story_wait(story, 1);
}

static inline void story_standing(struct story *story, enum statement_kind kind, size_t client) {
  struct world *world = &story->world;
  struct digest key = digest_of(world->client[client].public.byte, KEY_PUBLIC_SIZE);
  json_t *predicate = json_pack("{s:s, s:s, s:s, s:o}", "federation", story->federation, "client",
                                world->client[client].public.name, "reason", "a story", "nonce",
                                world_nonce(world));
  if (kind == STATEMENT_EXCLUSION) json_object_set_new(predicate, "since", json_integer(0));
  if (kind == STATEMENT_KEY_REVOKE) json_object_del(predicate, "federation");
  assert_int_equal(world_submit(world, kind, predicate, "key", &key, NULL), TAMIS_OK);
}

/* The open round is abandoned, as its base is no longer the head. */
static inline void story_rollback(struct story *story, int64_t to) {
  struct world *world = &story->world;
  char number[24], hex[80];
  struct digest model;
  snprintf(number, sizeof number, "%" PRId64, to);
  world_text(world, "models", story->federation, "round", number, "model", hex, sizeof hex);
  assert_true(digest_from_hex(hex, strlen(hex), &model));
  assert_int_equal(
      world_submit(world, STATEMENT_ROLLBACK,
                   json_pack("{s:s, s:I, s:s, s:o}", "federation", story->federation, "to_round",
                             (json_int_t)to, "reason", "a story", "nonce", world_nonce(world)),
                   "model", &model, NULL),
      TAMIS_OK);
  story_wait(story, story->round + 1);
}

/* An update that names another base is turned away, which the log says. */
static inline void story_refusal(struct story *story, size_t client) {
  float update[WORLD_PARAMETERS] = {0};
  struct world_task task;
  assert_true(world_poll_in(&story->world, story->federation, client, &task));
  task.base.byte[0] ^= 1;
  struct world_claim claim = world_claim_of(&story->world, client, &task, update);
  claim.federation = story->federation;
  assert_int_equal(world_claim_send(&story->world, &claim, NULL), TAMIS_WRONG_BASE);
}

static inline void story_key_lost(struct story *story, size_t client) {
  struct world *world = &story->world;
  uint8_t token[16] = {(uint8_t)client, 2}, seed[KEY_SEED_SIZE] = {77, (uint8_t)client};
  char name[KEY_NAME_SIZE];
  story_standing(story, STATEMENT_KEY_REVOKE, client);
  snprintf(name, sizeof name, "%s", world->client[client].public.name);
  key_from_seed(name, seed, &world->client[client]);
  assert_int_equal(world_invite(world, name, token, WORLD_START_MS / 1000 + 864000, NULL),
                   TAMIS_OK);
  assert_int_equal(world_enrol(world, &world->client[client], token, NULL), TAMIS_OK);
}

static inline void story_tell(struct story *story) {
  memset(story, 0, sizeof *story);
  world_open(&story->world);
  world_enrol_clients(&story->world, STORY_CLIENTS);

  story_federation(story, "digits", "multi_krum(f=2)", "momentum(lr=1, beta=0.5)", 7, 0, 14, NULL);
  story_rounds(story, 4);
  story_late_round(story, 3); /* abandoned: below the quorum */
  story_rollback(story, 2);
  story_standing(story, STATEMENT_EXCLUSION, 4);
  story_late_round(story, 7);
  story_refusal(story, 5);
  story_rounds(story, 2);
  story_standing(story, STATEMENT_REINSTATEMENT, 4);
  story_key_lost(story, 6);
  story_rounds(story, 2);
  story_rollback(story, 9);
  story_rounds(story, 2);

  story_federation(story, "sorted", "nnm(f=2) | trimmed_mean(f=2)",
                   "adam(lr=0.1, beta1=0.9, beta2=0.99, tau=0.001)", 5, 0, 10, NULL);
  story_rounds(story, 3);
  story_standing(story, STATEMENT_EXCLUSION, 0);
  story_rounds(story, 7);

  story_federation(story, "centred", "centered_clipping(tau=1)", NULL, 5, 6, 9, NULL);
  story_rounds(story, 5);
  story_rollback(story, 3);
  story_rounds(story, 3);

  story_federation(
      story, "claimed", "mean", "yogi(lr=0.1, beta1=0.9, beta2=0.99, tau=0.001)", 4, 0, 7,
      json_pack("{s:o, s:o}", "weight_by_examples", canonical_f64(1), "enforce", canonical_f64(0)));
  story_rounds(story, 7);

  /* Seven rows are enough for f = 3, but not when two of them are thrown out. */
  story_federation(story, "narrow", "clip(2.0) | median", NULL, 7, 0, 5, NULL);
  story_rounds(story, 5);
  story_federation(story, "held", "trimmed_mean(f=3)", NULL, 7, 7, 5, NULL);
  story_rounds(story, 5);
}

#endif
