/* Minimum diameter averaging (El Mhamdi, Guerraoui, Guirguis, Hoang and Rouault, PODC 2020,
 * after Rousseeuw, 1985): the mean of the n - f rows that lie closest together, by the largest
 * distance between two of them.
 *
 * Withstands f liars, 2f < n: whoever is taken is within the honest diameter of an honest row.
 * Cost: the Gram matrix, then no enumeration of subsets: bisection over the distances, each step
 * asking whether f rows can be left out so that no two of the rest are farther apart (clique.h). A
 * millisecond at n = 100, f = 20. Of several subsets the lexicographically first is taken, as
 * ByzFL's enumeration does; the margin is that of the best exchange of one row. Poor when f is
 * large and rows are alike: the question is NP-hard, so its effort is bounded; past that the
 * evidence says is_capped, and the subset is the best that was found, of a diameter at most twice
 * the least (that of the n - f rows around the one with the nearest company). Poor, too, against
 * liars within the honest spread: it does not see them. */
#include "robust/clique.h"
#include "robust/gram.h"
#include "robust/lowest.h"
#include "robust/rule.h"
#include "robust/sort.h"

#include <math.h>
#include <string.h>

enum { F };

/* Words of bit sets to look at for one question: a tenth of a second or so. */
static const size_t effort_max = (size_t)1 << 25;

struct mda {
  size_t n;
  size_t f;
  double *distances; /* n x n, squared */
  double *limits;    /* distances the diameter may have, ascending */
  double *line;      /* n */
  struct clique clique;
  uint64_t *best;  /* at least n - f rows within the best diameter known */
  uint64_t *trial; /* a question's rows, then its answer */
  uint64_t *open;  /* rows that may still be taken */
};

static size_t limits_max(size_t n) {
  return n * (n - 1) / 2 + 1;
}

static size_t work_doubles(const struct rule_value *value, size_t n) {
  size_t sets = (n + 3) * clique_words(n) + clique_stack_words(n, value[F].count);
  return n * n + limits_max(n) + n + sets;
}

static struct mda lay_out(const struct rule_input *input) {
  size_t n = input->n, words = clique_words(n);
  struct mda mda = {.n = n, .f = input->value[F].count, .distances = input->work};
  mda.limits = mda.distances + n * n;
  mda.line = mda.limits + limits_max(n);
  mda.best = (uint64_t *)(mda.line + n);
  mda.trial = mda.best + words;
  mda.open = mda.trial + words;
  mda.clique = (struct clique){.n = n, .words = words, .far = mda.open + words};
  mda.clique.stack = mda.clique.far + n * words;
  return mda;
}

/* The row whose n - f nearest, itself included, reach least far; *reach is how far. No n - f rows
 * have a smaller diameter, since each of them reaches that far within the subset. */
static size_t find_best_company(struct mda *mda, double *reach) {
  size_t n = mda->n, best = 0;
  *reach = INFINITY;
  for (size_t i = 0; i < n; i++) {
    memcpy(mda->line, mda->distances + i * n, n * sizeof *mda->line);
    sort_ranks(mda->line, n, n - mda->f - 1, n - mda->f);
    if (!(mda->line[n - mda->f - 1] < *reach)) continue;
    *reach = mda->line[n - mda->f - 1];
    best = i;
  }
  return best;
}

/* Takes the company for `best` (equally far rows included) and returns its diameter. */
static double take_company(struct mda *mda, size_t centre, double reach) {
  size_t n = mda->n;
  double diameter = 0.0;
  memset(mda->best, 0, mda->clique.words * sizeof *mda->best);
  for (size_t i = 0; i < n; i++) {
    if (mda->distances[centre * n + i] > reach) continue;
    clique_add(mda->best, i);
    for (size_t j = 0; j < i; j++)
      if (clique_has(mda->best, j)) diameter = fmax(diameter, mda->distances[i * n + j]);
  }
  return diameter;
}

static size_t collect_limits(struct mda *mda, double from, double to) {
  size_t n = mda->n, count = 0;
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < i; j++) {
      double distance = mda->distances[i * n + j];
      if (distance >= from && distance <= to) mda->limits[count++] = distance;
    }
  if (count == 0) mda->limits[count++] = to; /* a single row: its diameter is no pair's */
  sort_doubles(mda->limits, count);
  return count;
}

static bool is_possible(struct mda *mda, size_t left_out, uint64_t *rows) {
  mda->clique.effort_left = effort_max;
  return clique_leave_out(&mda->clique, left_out, rows);
}

/* The least diameter, with `best` of that diameter. A question that was too hard counts as no. */
static double find_diameter(struct mda *mda) {
  double reach;
  size_t centre = find_best_company(mda, &reach);
  double diameter = take_company(mda, centre, reach);
  size_t low = 0, high = collect_limits(mda, reach, diameter) - 1; /* at `high` it is known */
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    clique_set_far(&mda->clique, mda->distances, mda->limits[middle]);
    clique_fill(mda->trial, mda->n);
    if (is_possible(mda, mda->f, mda->trial)) {
      memcpy(mda->best, mda->trial, mda->clique.words * sizeof *mda->best);
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return mda->limits[high];
}

/* Whether row i can be taken beside those taken so far: yes at once when `best` does, otherwise
 * `best` becomes a subset that does. `open` loses whom i rules out, or i. */
static bool take_if_possible(struct mda *mda, size_t i, size_t *left_out) {
  const struct clique *clique = &mda->clique;
  const uint64_t *rivals = clique->far + i * clique->words;
  memcpy(mda->trial, mda->open, clique->words * sizeof *mda->trial);
  size_t gone = clique_subtract(mda->trial, rivals, clique->words);
  bool is_taken = clique_has(mda->best, i);
  if (!is_taken && gone <= *left_out && !clique->is_capped) {
    is_taken = is_possible(mda, *left_out - gone, mda->trial);
    if (is_taken) memcpy(mda->best, mda->trial, clique->words * sizeof *mda->best);
  }
  if (is_taken) {
    *left_out -= clique_subtract(mda->open, rivals, clique->words);
  } else {
    clique_remove(mda->open, i);
    *left_out -= 1;
  }
  return is_taken;
}

/* The lexicographically first n - f rows of that diameter: each in turn is taken if the rest can
 * still be completed. */
static void take_first_subset(struct mda *mda, double diameter, double *weight) {
  size_t taken = 0, left_out = mda->f;
  clique_set_far(&mda->clique, mda->distances, diameter);
  clique_fill(mda->open, mda->n);
  for (size_t i = 0; i < mda->n && taken < mda->n - mda->f; i++) {
    if (!clique_has(mda->open, i) || !take_if_possible(mda, i, &left_out)) continue;
    weight[i] = 1.0 / (double)(mda->n - mda->f);
    taken++;
  }
}

/* The largest distance from row i to a row taken, `other` apart; *farthest is the first such row.
 */
static double reach_without(const struct mda *mda, const double *weight, size_t i, size_t other,
                            size_t *farthest) {
  double reach = 0.0;
  *farthest = i;
  for (size_t j = 0; j < mda->n; j++) {
    double distance = mda->distances[i * mda->n + j];
    if (!(weight[j] > 0.0) || j == other || !(distance > reach)) continue;
    reach = distance;
    *farthest = j;
  }
  return reach;
}

/* The diameter of the rows taken, `other` apart; *end is the first row of a pair that far apart. */
static double diameter_without(const struct mda *mda, const double *weight, size_t other,
                               size_t *end) {
  double diameter = -1.0; /* below that of a single row */
  size_t farthest;
  for (size_t i = 0; i < mda->n; i++) {
    if (!(weight[i] > 0.0) || i == other) continue;
    double reach = reach_without(mda, weight, i, other, &farthest);
    if (!(reach > diameter)) continue;
    diameter = reach;
    *end = i;
  }
  return diameter;
}

/* A row's score is its distance to the farthest row taken. The margin compares the diameter with
 * the least that an exchange of one row would give: for the row that comes in, one of the pair
 * farthest apart goes, or the row farthest from the newcomer; no other is better. */
static void explain(const struct mda *mda, struct rule_finding *finding) {
  const double *weight = finding->weight;
  size_t n = mda->n, end[2] = {0, 0}, unused;
  double diameter = diameter_without(mda, weight, n, &end[0]);
  double next = INFINITY;
  reach_without(mda, weight, end[0], n, &end[1]);
  const double shrunk[2] = {diameter_without(mda, weight, end[0], &unused),
                            diameter_without(mda, weight, end[1], &unused)};
  for (size_t i = 0; i < n; i++) {
    size_t farthest;
    finding->score[i] = reach_without(mda, weight, i, n, &farthest);
    if (weight[i] > 0.0) continue;
    if (farthest != end[0] && farthest != end[1])
      next = fmin(next, fmax(diameter, reach_without(mda, weight, i, farthest, &unused)));
    for (size_t k = 0; k < 2; k++)
      next = fmin(next, fmax(shrunk[k], reach_without(mda, weight, i, end[k], &unused)));
  }
  finding->margin = lowest_margin(diameter, next);
}

static void weigh(const struct rule_input *input, struct rule_finding *finding) {
  struct mda mda = lay_out(input);
  robust_distances(mda.n, input->gram, mda.distances);
  double diameter = find_diameter(&mda);
  take_first_subset(&mda, diameter, finding->weight);
  finding->is_capped = mda.clique.is_capped;
  explain(&mda, finding);
}

extern const struct rule rule_mda;
const struct rule rule_mda = {.name = "mda",
                              .kind = RULE_BY_WEIGHTS,
                              .reads = RULE_READS_GRAM,
                              .parameter = {{.name = "f", .is_required = true}},
                              .unmet = rule_unmet_majority,
                              .work_doubles = work_doubles,
                              .weigh = weigh};
