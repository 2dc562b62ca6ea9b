/* How good judgement is: federations of fifty clients on MNIST, some of whom lie, with the server's
 * own evidence, judge and rules. Every row stands beside the same rule without a judge and beside
 * a federation in which nobody lies. */
#include <argp.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "pool.h"
#include "scheme.h"
#include "stage.h"

enum {
  LIST_MAX = 32,
  OPTION_ROC = 256,
  OPTION_RESULTS,
  OPTION_UPDATES,
  OPTION_LIST,
  OPTION_BESIDE,
  OPTION_ALONE,
  OPTION_ONLY_KNOWN,
  OPTION_FIRST,
  OPTION_DATA,
  OPTION_STRENGTH
};

/* What a row is made of: the attack under the policy and, beside it, what it is compared with. */
enum kind { JUDGED, BARE, CLEAN, MEAN, KINDS };

static const char *const kind_names[KINDS] = {"judged", "bare", "clean", "mean"};

struct plan {
  const char *attack[LIST_MAX];
  double fraction[LIST_MAX], alpha[LIST_MAX];
  size_t attacks, fractions, alphas;
  struct cell cell; /* what all have in common */
  size_t seeds, first_seed;
  const char *data;
  struct pool_options pool;
  bool is_json, is_roc;
  bool is_beside[KINDS];
};

static const struct argp_option options[] = {
    {"attack", 'a', "NAME,...", 0, "what liars do (--list); none: nobody lies", 0},
    {"strength", OPTION_STRENGTH, "X", 0, "instead of the attacks' own", 0},
    {"fraction", 'f', "X,...", 0, "of the clients lie (default 0.2)", 0},
    {"alpha", 'A', "X,...", 0, "Dirichlet skew, or iid (default 0.5)", 0},
    {"seeds", 's', "N", 0, "federations a row (default 5)", 0},
    {"first-seed", OPTION_FIRST, "N", 0, "default 1", 0},
    {"clients", 'n', "N", 0, "default 50", 0},
    {"rounds", 'r', "N", 0, "default 30", 0},
    {"rule", 'R', "RULE", 0, "default trimmed_mean(f=15)", 0},
    {"policy", 'p', "K=V,...", 0, "thresholds other than the defaults", 0},
    {"roc", OPTION_ROC, NULL, 0, "AUC of every number, nobody being judged", 0},
    {"alone", OPTION_ALONE, NULL, 0, "as --beside none", 0},
    {"beside", OPTION_BESIDE, "KIND,...", 0,
     "of bare (the rule alone), clean (nobody lies), mean (the plain mean), or none (default "
     "bare,clean)",
     0},
    {"only-known", OPTION_ONLY_KNOWN, NULL, 0, "play nothing, tell what --results has", 0},
    {"updates", OPTION_UPDATES, "FILE", 0, "a line of JSON for each update judged", 0},
    {"results", OPTION_RESULTS, "FILE", 0, "where matches are kept, and found", 0},
    {"jobs", 'j', "N", 0, "processes (default: one a processor)", 0},
    {"output", 'o', "json", 0, "a line of JSON for each row", 0},
    {"data", OPTION_DATA, "DIR", 0, "folder of MNIST", 0},
    {"list", OPTION_LIST, NULL, 0, "the attacks there are", 0},
    {0}};

static double number(const char *text, double low, double high, struct argp_state *state) {
  char *end;
  if (strcmp(text, "iid") == 0) return 0;
  double value = strtod(text, &end);
  if (end == text || *end != 0 || !(value >= low && value <= high))
    argp_error(state, "%s is not a number from %g to %g", text, low, high);
  return value;
}

static size_t whole(const char *text, size_t most, struct argp_state *state) {
  return (size_t)number(text, 1, (double)most, state);
}

static size_t numbers(char *text, double most, double *value, struct argp_state *state) {
  size_t count = 0;
  for (char *rest, *one = strtok_r(text, ",", &rest); one; one = strtok_r(NULL, ",", &rest)) {
    if (count == LIST_MAX) argp_error(state, "more than %d of them", LIST_MAX);
    value[count++] = number(one, 0, most, state);
  }
  return count;
}

static size_t words(char *text, const char **word, struct argp_state *state) {
  size_t count = 0;
  for (char *rest, *one = strtok_r(text, ",", &rest); one; one = strtok_r(NULL, ",", &rest)) {
    if (count == LIST_MAX) argp_error(state, "more than %d of them", LIST_MAX);
    word[count++] = one;
  }
  return count;
}

static void parse_beside(struct plan *plan, char *text, struct argp_state *state) {
  const char *name[LIST_MAX];
  size_t count = words(text, name, state);
  plan->is_beside[BARE] = plan->is_beside[CLEAN] = false;
  for (size_t i = 0; i < count; i++) {
    int kind = BARE;
    while (kind < KINDS && strcmp(kind_names[kind], name[i]) != 0) kind++;
    if (kind < KINDS)
      plan->is_beside[kind] = true;
    else if (strcmp(name[i], "none") != 0)
      argp_error(state, "beside what: bare, clean, mean or none, not %s", name[i]);
  }
}

static void list_attacks(void) {
  size_t count;
  const struct attack *attack = attack_table(&count);
  for (size_t i = 0; i < count; i++) printf("%-18s %s\n", attack[i].name, attack[i].summary);
  const struct scheme *scheme = scheme_table(&count);
  for (size_t i = 0; i < count; i++)
    printf("%-18s together: tests/bench/arena/scheme.c\n", scheme[i].name);
}

static error_t parse_option(int key, char *text, struct argp_state *state) {
  struct plan *plan = state->input;
  switch (key) {
  case 'a': plan->attacks = words(text, plan->attack, state); return 0;
  case 'f': plan->fractions = numbers(text, 0.49, plan->fraction, state); return 0;
  case 'A': plan->alphas = numbers(text, 1e6, plan->alpha, state); return 0;
  case 's': plan->seeds = whole(text, 10000, state); return 0;
  case 'n': plan->cell.clients = whole(text, STAGE_CLIENTS_MAX, state); return 0;
  case 'r': plan->cell.rounds = whole(text, 1000, state); return 0;
  case 'R': plan->cell.rule = text; return 0;
  case 'p': plan->cell.policy = text; return 0;
  case 'j': plan->pool.processes = whole(text, 256, state); return 0;
  case 'o':
    if (strcmp(text, "json") != 0) argp_error(state, "-o takes json, not %s", text);
    plan->is_json = true;
    return 0;
  case OPTION_STRENGTH: plan->cell.strength = number(text, 0, 1e9, state); return 0;
  case OPTION_FIRST: plan->first_seed = whole(text, 1000000, state); return 0;
  case OPTION_ROC: plan->is_roc = true; return 0;
  case OPTION_ONLY_KNOWN: plan->pool.only_known = true; return 0;
  case OPTION_ALONE: plan->is_beside[BARE] = plan->is_beside[CLEAN] = false; return 0;
  case OPTION_BESIDE: parse_beside(plan, text, state); return 0;
  case OPTION_UPDATES: plan->pool.updates = text; return 0;
  case OPTION_RESULTS: plan->pool.results = text; return 0;
  case OPTION_DATA: plan->data = text; return 0;
  case OPTION_LIST: list_attacks(); exit(EXIT_SUCCESS);
  default: return ARGP_ERR_UNKNOWN;
  }
}

/* ---- rows ---- */

/* Every kind has a job for each seed, whether it is asked for or not: NULL results tell nothing. */
struct row {
  struct cell cell;
  struct pool_job *kind[KINDS]; /* plan->seeds each; NULL: not asked for */
};

static const char *policy_bare(const char *policy) {
  size_t size = strlen(policy) + sizeof ",enforce=0";
  char *text = malloc(size);
  if (!text) exit(EXIT_FAILURE);
  snprintf(text, size, "%s%senforce=0", policy, policy[0] ? "," : "");
  return text;
}

static struct cell cell_of(enum kind kind, struct cell cell, const char *bare) {
  if (kind == BARE || kind == MEAN) cell.policy = bare;
  if (kind == MEAN) cell.rule = "mean";
  if (kind == CLEAN) {
    cell.attack = "none";
    cell.fraction = cell.strength = 0;
  }
  return cell;
}

static void add_row(const struct plan *plan, struct cell cell, struct row *row,
                    struct pool_job *job, size_t *jobs) {
  const char *bare = policy_bare(cell.policy);
  *row = (struct row){.cell = cell};
  for (int kind = 0; kind < KINDS; kind++) {
    if (!plan->is_beside[kind]) continue;
    row->kind[kind] = job + *jobs;
    for (size_t seed = 0; seed < plan->seeds; seed++) {
      struct cell one = cell_of((enum kind)kind, cell, bare);
      one.seed = plan->first_seed + seed;
      job[(*jobs)++] = (struct pool_job){.cell = one};
    }
  }
}

/* Of a kind's matches that were played: the sum and the largest of a number, and how many. */
struct sums {
  double sum, most, count;
};

static struct sums sums_of(const struct plan *plan, const struct row *row, enum kind kind,
                           const char *name) {
  struct sums sums = {0, 0, 0};
  for (size_t seed = 0; row->kind[kind] && seed < plan->seeds; seed++) {
    const json_t *result = row->kind[kind][seed].result;
    double value = json_number_value(json_object_get(result, name));
    if (!result) continue;
    sums.sum += value;
    sums.most = fmax(sums.most, value);
    sums.count++;
  }
  return sums;
}

static double mean_of(const struct plan *plan, const struct row *row, enum kind kind,
                      const char *name) {
  struct sums sums = sums_of(plan, row, kind, name);
  return sums.count > 0 ? sums.sum / sums.count : NAN;
}

static void tell_row(const struct plan *plan, const struct row *row) {
  double liars = sums_of(plan, row, JUDGED, "liars").sum;
  char alpha[16] = "iid";
  if (row->cell.alpha > 0) snprintf(alpha, sizeof alpha, "%g", row->cell.alpha);
  printf(
      "%-16s %4.0f%% %5s  %5.1f%% %4.0f %4.0f  %4.0f %6.1f%% %6.2f%%  %6.4f", row->cell.attack,
      100 * row->cell.fraction, alpha,
      liars > 0 ? 100 * sums_of(plan, row, JUDGED, "liars_excluded").sum / liars : 0,
      mean_of(plan, row, JUDGED, "rounds_median"), sums_of(plan, row, JUDGED, "rounds_most").most,
      sums_of(plan, row, JUDGED, "honest_excluded").sum,
      100 * sums_of(plan, row, JUDGED, "honest_held_most").most,
      100 * mean_of(plan, row, JUDGED, "honest_held_mean"), mean_of(plan, row, JUDGED, "accuracy"));
  for (int kind = BARE; kind < KINDS; kind++)
    if (row->kind[kind]) printf(" %6.4f", mean_of(plan, row, (enum kind)kind, "accuracy"));
  printf("\n");
}

static void tell_head(const struct plan *plan) {
  printf("%s, %zu clients, %zu rounds, %zu seeds from %zu, policy: %s\n", plan->cell.rule,
         plan->cell.clients, plan->cell.rounds, plan->seeds, plan->first_seed,
         plan->cell.policy[0] ? plan->cell.policy : "default");
  printf("%-16s %5s %5s  %6s %9s  %s\n%-16s %5s %5s  %6s %4s %4s  %4s %7s %7s  %6s", "", "", "",
         "liars", "in rounds", "honest: out, held", "attack", "liars", "alpha", "out", "med.",
         "most", "out", "most", "mean", "judged");
  for (int kind = BARE; kind < KINDS; kind++)
    if (plan->is_beside[kind]) printf(" %6s", kind_names[kind]);
  printf("\n");
}

/* The seeds' matches of the row, as they are. */
static void tell_json(const struct plan *plan, const struct row *row) {
  json_t *all = match_key(&row->cell);
  json_object_del(all, "seed");
  for (int kind = 0; kind < KINDS; kind++) {
    if (!row->kind[kind]) continue;
    json_t *matches = json_array();
    for (size_t seed = 0; seed < plan->seeds; seed++)
      if (row->kind[kind][seed].result) json_array_append(matches, row->kind[kind][seed].result);
    json_object_set_new(all, kind_names[kind], matches);
  }
  json_dumpf(all, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
  printf("\n");
  json_decref(all);
}

/* Of every number: mean AUC over the seeds, and how many lies it finds when it errs about one
 * honest update in a hundred. */
static void tell_roc(const struct plan *plan, const struct row *row) {
  enum { AT_1_PERCENT = 3, CAUGHT = 2 };
  const char *name;
  json_t *first;
  printf("%s, %g of them, alpha %g\n", row->cell.attack, row->cell.fraction, row->cell.alpha);
  json_object_foreach(json_object_get(row->kind[BARE][0].result, "roc"), name, first) {
    double auc = 0, caught = 0;
    for (size_t seed = 0; seed < plan->seeds; seed++) {
      const json_t *one =
          json_object_get(json_object_get(row->kind[BARE][seed].result, "roc"), name);
      const json_t *at = json_array_get(json_object_get(one, "at"), AT_1_PERCENT);
      auc += json_number_value(json_object_get(one, "auc"));
      caught += json_number_value(json_array_get(at, CAUGHT));
    }
    printf("  %-28s AUC %.3f  caught at 1%% false %.3f\n", name, auc / (double)plan->seeds,
           caught / (double)plan->seeds);
  }
}

static size_t plan_rows(const struct plan *plan, struct row *row, struct pool_job *job,
                        size_t *jobs) {
  size_t rows = 0;
  for (size_t a = 0; a < plan->attacks; a++)
    for (size_t f = 0; f < plan->fractions; f++)
      for (size_t s = 0; s < plan->alphas; s++) {
        struct cell cell = plan->cell;
        cell.attack = plan->attack[a];
        cell.fraction = strcmp(cell.attack, "none") == 0 ? 0 : plan->fraction[f];
        cell.alpha = plan->alpha[s];
        if (!match_check(&cell)) exit(EXIT_FAILURE);
        add_row(plan, cell, &row[rows++], job, jobs);
      }
  return rows;
}

static void play(const struct plan *plan) {
  size_t rows_max = plan->attacks * plan->fractions * plan->alphas, jobs = 0;
  struct row *row = calloc(rows_max + 1, sizeof *row);
  struct pool_job *job = calloc(rows_max * plan->seeds * KINDS + 1, sizeof *job);
  struct field_data data;
  if (!row || !job) exit(EXIT_FAILURE);
  size_t rows = plan_rows(plan, row, job, &jobs);
  field_data_open(&data, plan->data);
  pool_play(job, jobs, &data, &plan->pool);
  if (!plan->is_json && !plan->is_roc) tell_head(plan);
  for (size_t i = 0; i < rows; i++)
    if (plan->is_json)
      tell_json(plan, &row[i]);
    else if (plan->is_roc)
      tell_roc(plan, &row[i]);
    else
      tell_row(plan, &row[i]);
  for (size_t i = 0; i < jobs; i++) json_decref(job[i].result);
  field_data_close(&data);
  free(job);
  free(row);
}

int main(int argc, char **argv) {
  static struct plan plan = {
      .attack = {"sign_flip"},
      .fraction = {0.2},
      .alpha = {0.5},
      .attacks = 1,
      .fractions = 1,
      .alphas = 1,
      .cell = {.clients = 50, .rounds = 30, .rule = "trimmed_mean(f=15)", .policy = ""},
      .seeds = 5,
      .first_seed = 1,
      .data = TAMIS_SHARED_DIR "/data/mnist"};
  const struct argp argp = {options,
                            parse_option,
                            NULL,
                            "Federations on MNIST, some of whose clients lie, judged by the "
                            "server's own code.",
                            NULL,
                            NULL,
                            NULL};
  plan.is_beside[JUDGED] = plan.is_beside[BARE] = plan.is_beside[CLEAN] = true;
  plan.pool.processes = (size_t)sysconf(_SC_NPROCESSORS_ONLN);
  argp_parse(&argp, argc, argv, 0, NULL, &plan);
  if (plan.is_roc)
    for (int kind = 0; kind < KINDS; kind++) plan.is_beside[kind] = kind == BARE;
  play(&plan);
  return 0;
}
