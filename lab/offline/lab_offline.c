/* A federation without a server: train, lie, aggregate, measure, in one process. It is where the
 * demo's learning rate, the attacks' strengths and the judge's thresholds come from; `--evidence`
 * writes what each update looked like. */
#include "lab/attack.h"
#include "lab/digits.h"
#include "lab/idx.h"
#include "lab/mlp.h"
#include "lab/partition.h"
#include "lab/random.h"
#include "lab/offline/evidence.h"
#include "lab/offline/sieve.h"

#include <argp.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SHARE_MIN = 100, HIDDEN = 64, CLIENTS_MAX = 1000, BATCH_MAX = 256 };
enum { OPTION_STRENGTH = 256, OPTION_MOMENTUM, OPTION_BATCH, OPTION_LEAVE };

struct plan {
  const char *data;
  const char *evidence;
  const struct attack *attack;
  double strength;
  enum sieve_rule rule;
  size_t clients, attackers, faulty, rounds, leave_after;
  double alpha;
  uint64_t seed;
  struct mlp_training training;
};

static const char *const rule_names[] = {[SIEVE_MEAN] = "mean",
                                         [SIEVE_MULTI_KRUM] = "multi_krum",
                                         [SIEVE_TRIMMED_MEAN] = "trimmed_mean"};

static const struct argp_option options[] = {
    {"data", 'd', "DIR", 0, "folder with MNIST idx files (default: drawn digits)", 0},
    {"evidence", 'e', "FILE", 0, "write one CSV line per update", 0},
    {"attack", 'a', "NAME", 0, "what the attackers do (default sign_flip)", 0},
    {"strength", OPTION_STRENGTH, "X", 0, "instead of the attack's own", 0},
    {"rule", 'r', "RULE", 0, "mean, multi_krum (default) or trimmed_mean", 0},
    {"clients", 'n', "N", 0, "default 20", 0},
    {"attackers", 'k', "K", 0, "the first K clients attack (default 4)", 0},
    {"faulty", 'f', "F", 0, "what the rule tolerates (default 4)", 0},
    {"rounds", 't', "R", 0, "default 25", 0},
    {"leave-after", OPTION_LEAVE, "R", 0, "attackers are gone after round R (default: never)", 0},
    {"alpha", 'A', "ALPHA", 0, "Dirichlet skew (default 0.5)", 0},
    {"seed", 's', "S", 0, "default 1", 0},
    {"learning-rate", 'l', "X", 0, "default 0.1", 0},
    {"momentum", OPTION_MOMENTUM, "X", 0, "default 0.9", 0},
    {"batch", OPTION_BATCH, "N", 0, "default 32", 0},
    {0}};

/* A number from the command line, or the end of the program. */
static double number(const char *text, double low, double high, struct argp_state *state) {
  char *end;
  double value = strtod(text, &end);
  if (end == text || *end != 0 || !(value >= low && value <= high))
    argp_error(state, "%s is not a number from %g to %g", text, low, high);
  return value;
}

static size_t whole(const char *text, size_t low, size_t high, struct argp_state *state) {
  return (size_t)number(text, (double)low, (double)high, state);
}

static error_t parse_rule(struct plan *plan, const char *name, struct argp_state *state) {
  for (size_t i = 0; i < sizeof rule_names / sizeof *rule_names; i++)
    if (strcmp(rule_names[i], name) == 0) {
      plan->rule = (enum sieve_rule)i;
      return 0;
    }
  argp_error(state, "no rule is called %s", name);
  return EINVAL;
}

static error_t parse_option(int key, char *text, struct argp_state *state) {
  struct plan *plan = state->input;
  switch (key) {
  case 'd': plan->data = text; return 0;
  case 'e': plan->evidence = text; return 0;
  case 'a':
    plan->attack = attack_find_plain(text);
    if (!plan->attack) argp_error(state, "no attack is called %s", text);
    return 0;
  case OPTION_STRENGTH: plan->strength = number(text, 0, 1e6, state); return 0;
  case 'r': return parse_rule(plan, text, state);
  case 'n': plan->clients = whole(text, 1, CLIENTS_MAX, state); return 0;
  case 'k': plan->attackers = whole(text, 0, CLIENTS_MAX, state); return 0;
  case 'f': plan->faulty = whole(text, 0, CLIENTS_MAX, state); return 0;
  case 't': plan->rounds = whole(text, 1, 100000, state); return 0;
  case OPTION_LEAVE: plan->leave_after = whole(text, 0, 100000, state); return 0;
  case 'A': plan->alpha = number(text, 1e-6, 1e6, state); return 0;
  case 's': plan->seed = whole(text, 0, (size_t)1 << 53, state); return 0;
  case 'l': plan->training.learning_rate = number(text, 0, 100, state); return 0;
  case OPTION_MOMENTUM: plan->training.momentum = number(text, 0, 1, state); return 0;
  case OPTION_BATCH: plan->training.batch = whole(text, 1, BATCH_MAX, state); return 0;
  case ARGP_KEY_END:
    if (plan->attackers > plan->clients) argp_error(state, "more attackers than clients");
    return 0;
  default: return ARGP_ERR_UNKNOWN;
  }
}

/* Everything a run owns, sized by plan.clients. */
struct world {
  struct dataset train, test;
  struct partition partition;
  struct mlp *mlp;
  struct mlp_shape shape;
  size_t parameter_count;
  float *head;
  float *deltas;   /* client c's update of this round */
  float *previous; /* and of the last, zeros before the first */
  uint8_t *labels;
  FILE *evidence;
};

static bool load_data(struct world *world, const struct plan *plan) {
  if (!plan->data)
    return digits_draw(&world->train, DIGITS_TRAIN_COUNT, random_mix(plan->seed, 1)) &&
           digits_draw(&world->test, DIGITS_TEST_COUNT, random_mix(plan->seed, 2));
  struct idx_error error;
  if (idx_load(&world->train, plan->data, IDX_TRAIN, &error) == IDX_OK &&
      idx_load(&world->test, plan->data, IDX_TEST, &error) == IDX_OK)
    return true;
  fprintf(stderr, "lab_offline: %s\n", error.text);
  return false;
}

static bool world_open(struct world *world, const struct plan *plan) {
  if (!load_data(world, plan)) return false;
  world->shape = (struct mlp_shape){dataset_image_size(&world->train), HIDDEN, DATASET_CLASSES};
  world->parameter_count = mlp_parameter_count(world->shape);
  world->mlp = mlp_new(world->shape, BATCH_MAX);
  world->head = calloc(world->parameter_count, sizeof(float));
  world->deltas = calloc(plan->clients * world->parameter_count, sizeof(float));
  world->previous = calloc(plan->clients * world->parameter_count, sizeof(float));
  world->labels = calloc(world->train.count, 1);
  if (!world->mlp || !world->head || !world->deltas || !world->previous || !world->labels)
    return false;
  if (!partition_dirichlet(&world->partition, world->train.labels, world->train.count,
                           plan->clients, plan->alpha, SHARE_MIN, random_mix(plan->seed, 3))) {
    fprintf(stderr, "lab_offline: %zu examples do not give %zu clients %d each\n",
            world->train.count, plan->clients, SHARE_MIN);
    return false;
  }
  mlp_init(world->shape, random_mix(plan->seed, 4), world->head);
  if (!plan->evidence) return true;
  world->evidence = fopen(plan->evidence, "w");
  if (world->evidence)
    fputs("round,client,attacker,examples,norm,norm_ratio,distance,distance_ratio,cosine_centre,"
          "cosine_previous,"
          "cosine_nearest,kept\n",
          world->evidence);
  return world->evidence != NULL;
}

static void world_close(struct world *world) {
  if (world->evidence) fclose(world->evidence);
  free(world->labels);
  free(world->previous);
  free(world->deltas);
  free(world->head);
  mlp_free(world->mlp);
  partition_free(&world->partition);
  dataset_free(&world->test);
  dataset_free(&world->train);
}

/* One client's round: its labels, its epoch from the head, its update; the attack has a word before
 * and after. */
static bool train_client(struct world *world, const struct plan *plan, size_t client,
                         size_t round) {
  const uint32_t *members = world->partition.members + world->partition.start[client];
  size_t count = partition_share(&world->partition, client);
  float *delta = world->deltas + client * world->parameter_count;
  const struct attack *attack = client < plan->attackers ? plan->attack : attack_find("none");

  for (size_t i = 0; i < count; i++) world->labels[i] = world->train.labels[members[i]];
  attack_labels(attack, world->labels, count);
  memcpy(delta, world->head, world->parameter_count * sizeof *delta);
  struct random random;
  random_seed(&random, random_mix(random_mix(random_mix(plan->seed, 5), client), round));
  if (!mlp_train_epoch(world->mlp, delta, &world->train, members, world->labels, count,
                       plan->training, &random))
    return false;
  for (size_t i = 0; i < world->parameter_count; i++) delta[i] -= world->head[i];
  struct attack_turn turn = {plan->seed, (uint32_t)client, (uint32_t)round, plan->strength, NULL};
  attack_delta(attack, turn, delta, world->parameter_count);
  return true;
}

static bool is_finite(const float *row, size_t d) {
  for (size_t i = 0; i < d; i++)
    if (!isfinite(row[i])) return false;
  return true;
}

static double inner(const float *a, const float *b, size_t d) {
  double sum = 0;
  for (size_t i = 0; i < d; i++) sum += (double)a[i] * b[i];
  return sum;
}

static void write_evidence(struct world *world, const struct plan *plan, size_t round,
                           const size_t *who, size_t n, const double *gram, const bool *kept) {
  double own_previous[CLIENTS_MAX], previous_norm[CLIENTS_MAX];
  struct evidence evidence[CLIENTS_MAX];
  size_t d = world->parameter_count;
  for (size_t i = 0; i < n; i++) {
    const float *previous = world->previous + who[i] * d;
    own_previous[i] = inner(world->deltas + who[i] * d, previous, d);
    previous_norm[i] = sqrt(inner(previous, previous, d));
  }
  evidence_measure(gram, n, own_previous, previous_norm, evidence);
  for (size_t i = 0; i < n; i++)
    fprintf(world->evidence, "%zu,%zu,%d,%zu,%.6g,%.6g,%.6g,%.6g,%.6g,%.6g,%.6g,%d\n", round,
            who[i], who[i] < plan->attackers, partition_share(&world->partition, who[i]),
            evidence[i].norm, evidence[i].norm_ratio, evidence[i].distance,
            evidence[i].distance_ratio, evidence[i].cosine_centre, evidence[i].cosine_previous,
            evidence[i].cosine_nearest, kept[i]);
}

/* Trains everybody who takes part, drops updates that are not finite as admission would,
 * aggregates, promotes. */
static bool run_round(struct world *world, const struct plan *plan, size_t round) {
  size_t d = world->parameter_count, n = 0, who[CLIENTS_MAX];
  const float *rows[CLIENTS_MAX];
  bool kept[CLIENTS_MAX];
  size_t first = plan->leave_after && round > plan->leave_after ? plan->attackers : 0;
  for (size_t c = first; c < plan->clients; c++) {
    if (!train_client(world, plan, c, round)) return false;
    if (!is_finite(world->deltas + c * d, d)) continue;
    who[n] = c;
    rows[n++] = world->deltas + c * d;
  }
  double *gram = calloc(n * n, sizeof *gram);
  float *step = calloc(d, sizeof *step);
  if (gram && step && n > 0) {
    for (size_t i = 0; i < n; i++)
      for (size_t j = 0; j <= i; j++)
        gram[i * n + j] = gram[j * n + i] = inner(rows[i], rows[j], d);
    sieve_aggregate(plan->rule, rows, n, d, plan->faulty, gram, step, kept);
    if (world->evidence) write_evidence(world, plan, round, who, n, gram, kept);
    for (size_t i = 0; i < d; i++) world->head[i] += step[i];
    memcpy(world->previous, world->deltas, plan->clients * d * sizeof(float));
  }
  bool done = gram && step && n > 0;
  free(step);
  free(gram);
  return done;
}

static double seconds_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

int main(int argc, char **argv) {
  struct plan plan = {.attack = attack_find("sign_flip"),
                      .rule = SIEVE_MULTI_KRUM,
                      .clients = 20,
                      .attackers = 4,
                      .faulty = 4,
                      .rounds = 25,
                      .alpha = 0.5,
                      .seed = 1,
                      .training = {.learning_rate = 0.1, .momentum = 0.9, .batch = 32}};
  static const struct argp argp = {
      options, parse_option, NULL, "Federated rounds among liars, without a server.",
      NULL,    NULL,         NULL};
  argp_parse(&argp, argc, argv, 0, NULL, &plan);
  if (plan.rule != SIEVE_MEAN &&
      2 * plan.faulty >= plan.clients - (plan.leave_after ? plan.attackers : 0)) {
    fprintf(stderr, "lab_offline: f=%zu is too many for this cohort\n", plan.faulty);
    return 2;
  }
  mlp_use_one_thread();
  struct world world = {0};
  int code = 1;
  if (!world_open(&world, &plan)) goto out;
  double began = seconds_now();
  for (size_t round = 1; round <= plan.rounds; round++) {
    if (!run_round(&world, &plan, round)) goto out;
    struct mlp_score score = mlp_evaluate(world.mlp, world.head, &world.test);
    printf("round %2zu  accuracy %.4f  loss %.4f\n", round, score.accuracy, score.loss);
  }
  printf("rule %s  attack %s  seed %llu  alpha %g  seconds %.2f\n", rule_names[plan.rule],
         plan.attack->name, (unsigned long long)plan.seed, plan.alpha, seconds_now() - began);
  code = 0;
out:
  if (code) fprintf(stderr, "lab_offline: stopped\n");
  world_close(&world);
  return code;
}
