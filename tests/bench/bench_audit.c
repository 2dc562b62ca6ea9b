/* What an audit of one round costs beside the round itself: the server's own seconds for judging
 * and aggregating, then the audit of the same log in the same process, with as many threads. */
#include "../unit/aggregator/world.h"

#include <time.h>
#include "audit/audit.h"

enum { CLIENTS = 100, ROUNDS = WORLD_PARAMETERS > 100000 ? 1 : 20 };

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void answer(struct world *world, size_t client, const struct world_task *task,
                   float *update) {
  uint64_t own = 1000 + client, seed = 7919 * (uint64_t)task->round + client;
  for (size_t k = 0; k < WORLD_PARAMETERS; k++) {
    double step = (double)(world_random(&seed) >> 40) * 0x1p-24 - 0.5;
    update[k] = (float)(0.1 + 0.05 * step + 0.01 * (double)(world_random(&own) >> 40) * 0x1p-24);
  }
  struct world_claim claim = world_claim_of(world, client, task, update);
  assert_int_equal(world_claim_send(world, &claim, NULL), TAMIS_OK);
}

static void play(struct world *world) {
  float *update = malloc(WORLD_PARAMETERS * sizeof *update);
  for (int64_t round = 1; round <= ROUNDS; round++) {
    struct world_task task;
    for (size_t i = 0; i < CLIENTS; i++) {
      while (!world_poll(world, i, &task) || task.round != round) usleep(1000);
      answer(world, i, &task, update);
    }
  }
  while (world_federation_integer(world, "head_round") < ROUNDS) usleep(1000);
  free(update);
}

static double audit(struct world *world, bool is_light) {
  char vkey[KEY_VKEY_SIZE];
  struct audit_options options = {.is_light = is_light};
  struct audit_report report;
  struct fault fault = {TAMIS_OK, ""};
  key_vkey_write(&world->log_key.public, vkey);
  double start = seconds();
  if (audit_run(world->state_dir, vkey, &options, &report, &fault) != TAMIS_OK)
    fail_msg("%s", fault.text);
  assert_int_equal(report.promoted, ROUNDS);
  return (seconds() - start) / ROUNDS;
}

int main(void) {
  static struct world world;
  struct core_counters counters;
  world_open_with(&world, (int)sysconf(_SC_NPROCESSORS_ONLN));
  world_enrol_clients(&world, CLIENTS);
  assert_int_equal(world_federation(&world, WORLD_FEDERATION, "multi_krum(f=20)", CLIENTS, 0, 0,
                                    ROUNDS, NULL, NULL),
                   TAMIS_OK);
  play(&world);
  core_counters(world.core, &counters);
  double judge = counters.judge_seconds / ROUNDS, aggregate = counters.aggregate_seconds / ROUNDS;
  double full = audit(&world, false), light = audit(&world, true);
  printf(
      "n %d, d %d: judge %.3f s, aggregate %.3f s; audit %.3f s, %.2f times the round (goal: 3); "
      "light %.4f s\n",
      CLIENTS, WORLD_PARAMETERS, judge, aggregate, full, full / (judge + aggregate), light);
  world_close(&world);
  return 0;
}
