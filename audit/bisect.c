/* The search on points, and the points of a federation. */
#include "audit/bisect.h"

#include <inttypes.h>
#include <stdlib.h>
#include "audit/descent.h"

/* ---- the search ---- */

struct search {
  struct bisect *bisect;
  enum tamis_status (*measure)(void *context, const struct bisect_point *point, double *value,
                               struct fault *fault);
  void *context;
  struct fault *fault;
};

static enum tamis_status look(struct search *search, size_t at) {
  struct bisect_point *point = &search->bisect->point[at];
  if (point->is_known) return TAMIS_OK;
  enum tamis_status status = search->measure(search->context, point, &point->value, search->fault);
  point->is_known = status == TAMIS_OK;
  search->bisect->asked += point->is_known;
  return status;
}

static double value_at(const struct search *search, size_t at) {
  return search->bisect->point[at].value;
}

/* Below `good` by the drop, and below it at all. */
static bool is_bad(const struct search *search, double good, size_t at) {
  double value = value_at(search, at);
  return value < good && good - value >= search->bisect->drop;
}

/* 1, 2, 4, 8... back from the last, and the first of all; the best of them, the latest of equals.
 */
static enum tamis_status look_back(struct search *search, size_t *best) {
  size_t last = search->bisect->count - 1;
  enum tamis_status status = look(search, last);
  *best = last;
  for (size_t step = 1; status == TAMIS_OK; step *= 2) {
    size_t at = step < last ? last - step : 0;
    status = look(search, at);
    if (status == TAMIS_OK && value_at(search, at) > value_at(search, *best)) *best = at;
    if (at == 0) break;
  }
  return status;
}

/* Between a point that is not bad and one that is. */
static enum tamis_status halve(struct search *search, size_t good, size_t bad) {
  double best = value_at(search, good);
  enum tamis_status status = TAMIS_OK;
  search->bisect->best = good;
  while (status == TAMIS_OK && bad - good > 1) {
    size_t middle = good + (bad - good) / 2;
    status = look(search, middle);
    if (status == TAMIS_OK && is_bad(search, best, middle))
      bad = middle;
    else
      good = middle;
  }
  search->bisect->first = bad;
  search->bisect->is_found = status == TAMIS_OK;
  return status;
}

static enum tamis_status search_by_halves(struct search *search, size_t good) {
  struct bisect *bisect = search->bisect;
  size_t last = bisect->count - 1;
  enum tamis_status status = look(search, last);
  if (status == TAMIS_OK)
    status = good == BISECT_ANY ? look_back(search, &good) : look(search, good);
  if (status != TAMIS_OK) return status;
  bisect->best = good;
  if (isnan(bisect->drop)) bisect->drop = (value_at(search, good) - value_at(search, last)) / 2;
  if (good >= last || !is_bad(search, value_at(search, good), last)) return TAMIS_OK;
  return halve(search, good, last);
}

/* The largest loss against the best before. */
static double largest_loss(const struct search *search, size_t from) {
  double best = value_at(search, from), loss = 0;
  for (size_t i = from; i < search->bisect->count; i++) {
    double value = value_at(search, i);
    if (best - value > loss) loss = best - value;
    if (value > best) best = value;
  }
  return loss;
}

static void find_first(struct search *search, size_t from) {
  struct bisect *bisect = search->bisect;
  bisect->best = from;
  for (size_t i = from; i < bisect->count && !bisect->is_found; i++) {
    bisect->is_found = is_bad(search, value_at(search, bisect->best), i);
    if (bisect->is_found)
      bisect->first = i;
    else if (value_at(search, i) > value_at(search, bisect->best))
      bisect->best = i;
  }
}

static void find_largest(struct search *search, size_t from) {
  double largest = 0;
  for (size_t i = from + 1; i < search->bisect->count; i++) {
    double fall = value_at(search, i - 1) - value_at(search, i);
    if (!(fall > largest)) continue;
    largest = fall;
    search->bisect->largest = i;
  }
}

static enum tamis_status search_all(struct search *search, size_t from) {
  enum tamis_status status = TAMIS_OK;
  for (size_t i = from; status == TAMIS_OK && i < search->bisect->count; i++)
    status = look(search, i);
  if (status != TAMIS_OK) return status;
  if (isnan(search->bisect->drop)) search->bisect->drop = largest_loss(search, from) / 2;
  search->bisect->is_all = true;
  find_first(search, from);
  find_largest(search, from);
  return TAMIS_OK;
}

enum tamis_status bisect_points(struct bisect *bisect, size_t good, double drop, bool all,
                                enum tamis_status (*measure)(void *context,
                                                             const struct bisect_point *point,
                                                             double *value, struct fault *fault),
                                void *context, struct fault *fault) {
  struct search search = {bisect, measure, context, fault};
  bisect->drop = drop;
  enum tamis_status status =
      all ? search_all(&search, good == BISECT_ANY ? 0 : good) : search_by_halves(&search, good);
  for (size_t i = bisect->first + 1; bisect->is_found && i < bisect->count; i++)
    if (bisect->point[i].is_known && !is_bad(&search, value_at(&search, bisect->best), i))
      bisect->recovers = true;
  return status;
}

/* ---- the points ---- */

struct asking {
  const struct bisect_question *question;
  struct blob_store *blobs;
  size_t done, total;
};

static enum tamis_status measure_model(void *context, const struct bisect_point *point,
                                       double *value, struct fault *fault) {
  struct asking *asking = context;
  const struct bisect_question *question = asking->question;
  enum tamis_status status =
      evaluator_blob(question->evaluator, asking->blobs, &point->model, value, fault);
  asking->done++;
  if (status == TAMIS_OK && question->progress)
    question->progress(question->context, asking->done, asking->total);
  return status;
}

static enum tamis_status list_points(const struct descent *descent, struct bisect *bisect,
                                     struct fault *fault) {
  bisect->point = calloc(descent->count + 1, sizeof *bisect->point);
  if (!bisect->point) return fault_plain(fault, TAMIS_NO_MEMORY);
  bisect->point[bisect->count++].model = descent->federation->past[0].model;
  for (size_t i = 0; i < descent->count; i++)
    bisect->point[bisect->count++] = (struct bisect_point){.round = descent->round[i]->number,
                                                           .model = descent->round[i]->candidate};
  return TAMIS_OK;
}

static enum tamis_status find_point(const struct bisect *bisect, int64_t round, size_t *point,
                                    struct fault *fault) {
  *point = BISECT_ANY;
  if (round == BISECT_ROUND_ANY) return TAMIS_OK;
  for (size_t i = 0; i < bisect->count; i++)
    if (bisect->point[i].round == round) *point = i;
  if (*point != BISECT_ANY) return TAMIS_OK;
  return fault_set(fault, TAMIS_BAD_REQUEST,
                   "the model of round %" PRId64 " does not descend from round %" PRId64,
                   bisect->point[bisect->count - 1].round, round);
}

/* How many models will be looked at, at most. */
static size_t looks(const struct bisect *bisect, size_t good, bool all) {
  size_t from = good == BISECT_ANY ? 0 : good, span = bisect->count - from, halvings = 0;
  if (all) return span;
  for (size_t rest = span; rest > 1; rest = (rest + 1) / 2) halvings++;
  return good == BISECT_ANY ? 2 * halvings + 2 : halvings + 2;
}

enum tamis_status bisect_federation(const struct archive *archive,
                                    const struct bisect_question *question, struct bisect *bisect,
                                    struct fault *fault) {
  struct descent descent;
  struct asking asking = {.question = question, .blobs = archive_blobs(archive)};
  size_t good = BISECT_ANY;
  *bisect = (struct bisect){0};
  enum tamis_status status =
      descent_open(archive, question->federation, 0, question->bad, &descent, fault);
  if (status == TAMIS_OK) status = list_points(&descent, bisect, fault);
  if (status == TAMIS_OK) status = find_point(bisect, question->good, &good, fault);
  if (status == TAMIS_OK) {
    asking.total = looks(bisect, good, question->all);
    status =
        bisect_points(bisect, good, question->drop, question->all, measure_model, &asking, fault);
  }
  descent_close(&descent);
  return status;
}

void bisect_close(struct bisect *bisect) {
  free(bisect->point);
  *bisect = (struct bisect){0};
}
