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
  OPTION_BARE,
  OPTION_FIRST,
  OPTION_DATA,
  OPTION_STRENGTH
};

struct plan {
  const char *attack[LIST_MAX];
  double fraction[LIST_MAX], alpha[LIST_MAX];
  size_t attacks, fractions, alphas;
  struct cell cell; /* what all have in common */
  size_t seeds, first_seed;
  const char *data;
  struct pool_options pool;
  bool is_json, is_alone;
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
    {"alone", OPTION_BARE, NULL, 0, "without the bare rule and the clean run", 0},
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
  case OPTION_ROC: plan->pool.with_roc = true; return 0;
  case OPTION_BARE: plan->is_alone = true; return 0;
  case OPTION_UPDATES: plan->pool.updates = text; return 0;
  case OPTION_RESULTS: plan->pool.results = text; return 0;
  case OPTION_DATA: plan->data = text; return 0;
  case OPTION_LIST: list_attacks(); exit(EXIT_SUCCESS);
  default: return ARGP_ERR_UNKNOWN;
  }
}

/* ---- rows ---- */

enum { JUDGED, BARE, CLEAN, KINDS };

/* The jobs of a row: for each seed one of each kind. */
struct row {
  struct cell cell;
  size_t first, kinds;
};

static const char *policy_bare(const char *policy) {
  static char text[1024];
  snprintf(text, sizeof text, "%s%senforce=0", policy, policy[0] ? "," : "");
  return strdup(text);
}

static void add_row(const struct plan *plan, struct cell cell, struct row *row,
                    struct pool_job *job, size_t *jobs) {
  *row = (struct row){cell, *jobs, plan->pool.with_roc || plan->is_alone ? 1 : KINDS};
  const char *bare = policy_bare(cell.policy);
  for (size_t seed = 0; seed < plan->seeds; seed++)
    for (size_t kind = 0; kind < row->kinds; kind++) {
      struct cell one = cell;
      one.seed = plan->first_seed + seed;
      if (kind == BARE || plan->pool.with_roc) one.policy = bare;
      if (kind == CLEAN) one.attack = "none", one.fraction = 0, one.strength = 0;
      job[(*jobs)++] = (struct pool_job){.cell = one};
    }
}

static double value(const struct row *row, const struct pool_job *job, size_t seed, size_t kind,
                    const char *name) {
  const json_t *result = job[row->first + seed * row->kinds + kind].result;
  return json_number_value(json_object_get(result, name));
}

static double sum(const struct plan *plan, const struct row *row, const struct pool_job *job,
                  size_t kind, const char *name) {
  double all = 0;
  for (size_t seed = 0; seed < plan->seeds; seed++) all += value(row, job, seed, kind, name);
  return all;
}

static double most(const struct plan *plan, const struct row *row, const struct pool_job *job,
                   size_t kind, const char *name) {
  double all = 0;
  for (size_t seed = 0; seed < plan->seeds; seed++)
    all = fmax(all, value(row, job, seed, kind, name));
  return all;
}

static void tell_row(const struct plan *plan, const struct row *row, const struct pool_job *job) {
  double liars = sum(plan, row, job, JUDGED, "liars"), seeds = (double)plan->seeds;
  char alpha[16] = "iid";
  if (row->cell.alpha > 0) snprintf(alpha, sizeof alpha, "%g", row->cell.alpha);
  printf("%-16s %4.0f%% %5s  %5.1f%% %4.0f %4.0f  %4.0f %6.1f%% %6.2f%%  %6.4f", row->cell.attack,
         100 * row->cell.fraction, alpha,
         liars > 0 ? 100 * sum(plan, row, job, JUDGED, "liars_excluded") / liars : 0,
         sum(plan, row, job, JUDGED, "rounds_median") / seeds,
         most(plan, row, job, JUDGED, "rounds_most"),
         sum(plan, row, job, JUDGED, "honest_excluded"),
         100 * most(plan, row, job, JUDGED, "honest_held_most"),
         100 * sum(plan, row, job, JUDGED, "honest_held_mean") / seeds,
         sum(plan, row, job, JUDGED, "accuracy") / seeds);
  for (size_t kind = BARE; kind < row->kinds; kind++)
    printf(" %6.4f", sum(plan, row, job, kind, "accuracy") / seeds);
  printf("\n");
}

static void tell_head(const struct plan *plan) {
  printf("%s, %zu clients, %zu rounds, %zu seeds from %zu, policy: %s\n", plan->cell.rule,
         plan->cell.clients, plan->cell.rounds, plan->seeds, plan->first_seed,
         plan->cell.policy[0] ? plan->cell.policy : "default");
  printf("%-16s %5s %5s  %6s %9s  %s\n%-16s %5s %5s  %6s %4s %4s  %4s %7s %7s  %6s %6s %6s\n", "",
         "", "", "liars", "in rounds", "honest: out, held", "attack", "liars", "alpha", "out",
         "med.", "most", "out", "most", "mean", "judged", "bare", "clean");
}

/* The seeds' matches of the row, as they are. */
static void tell_json(const struct plan *plan, const struct row *row, const struct pool_job *job) {
  static const char *const name[] = {"judged", "bare", "clean"};
  json_t *all = match_key(&row->cell);
  json_object_del(all, "seed");
  for (size_t kind = 0; kind < row->kinds; kind++) {
    json_t *matches = json_array();
    for (size_t seed = 0; seed < plan->seeds; seed++)
      json_array_append(matches, job[row->first + seed * row->kinds + kind].result);
    json_object_set_new(all, name[kind], matches);
  }
  json_dumpf(all, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
  printf("\n");
  json_decref(all);
}

/* Of every number: mean AUC and catch over the seeds. */
static void tell_roc(const struct plan *plan, const struct row *row, const struct pool_job *job) {
  const char *name;
  json_t *first;
  printf("%s, %g of them, alpha %g\n", row->cell.attack, row->cell.fraction, row->cell.alpha);
  json_object_foreach(json_object_get(job[row->first].result, "roc"), name, first) {
    double auc = 0, at_1 = 0;
    for (size_t seed = 0; seed < plan->seeds; seed++) {
      const json_t *one =
          json_object_get(json_object_get(job[row->first + seed].result, "roc"), name);
      auc += json_number_value(json_object_get(one, "auc"));
      at_1 += json_number_value(json_object_get(one, "at_1"));
    }
    printf("  %-24s AUC %.3f  caught at 1%% false %.3f\n", name, auc / (double)plan->seeds,
           at_1 / (double)plan->seeds);
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
  if (!plan->is_json && !plan->pool.with_roc) tell_head(plan);
  for (size_t i = 0; i < rows; i++)
    if (plan->is_json)
      tell_json(plan, &row[i], job);
    else if (plan->pool.with_roc)
      tell_roc(plan, &row[i], job);
    else
      tell_row(plan, &row[i], job);
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
  plan.pool.processes = (size_t)sysconf(_SC_NPROCESSORS_ONLN);
  argp_parse(&argp, argc, argv, 0, NULL, &plan);
  play(&plan);
  return 0;
}
