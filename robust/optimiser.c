/* Server optimisers: a table of five, and one loop over the coordinates for each way of making v.
 */
#include "robust/optimiser.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "robust/spelling.h"

enum setting { LR, BETA1, BETA2, TAU, SETTINGS };

/* How v comes from the v before. */
enum second { SECOND_NONE, SECOND_ADAGRAD, SECOND_ADAM, SECOND_YOGI };

struct kind {
  const char *name;
  struct rule_parameter parameter[SETTINGS + 1]; /* ends with a NULL name */
  enum setting setting[SETTINGS];                /* which setting each parameter is */
  double start[SETTINGS];                        /* for those not given */
  enum second second;
  bool is_average; /* m weighs the new delta by 1 - beta1, not by 1 */
};

#define NUMBER(word)                                                                               \
  { .name = word, .kind = PARAMETER_NUMBER }
#define NEEDED(word)                                                                               \
  { .name = word, .kind = PARAMETER_NUMBER, .is_required = true }

static const struct kind KINDS[] = {
    {.name = "sgd", .parameter = {NUMBER("lr")}, .setting = {LR}, .start = {[LR] = 1.0}},
    {.name = "momentum",
     .parameter = {NUMBER("lr"), NUMBER("beta")},
     .setting = {LR, BETA1},
     .start = {[LR] = 1.0, [BETA1] = 0.9}},
    {.name = "adagrad",
     .parameter = {NEEDED("lr"), NUMBER("beta1"), NUMBER("tau")},
     .setting = {LR, BETA1, TAU},
     .start = {[TAU] = 1e-3},
     .second = SECOND_ADAGRAD,
     .is_average = true},
    {.name = "adam",
     .parameter = {NEEDED("lr"), NUMBER("beta1"), NUMBER("beta2"), NUMBER("tau")},
     .setting = {LR, BETA1, BETA2, TAU},
     .start = {[BETA1] = 0.9, [BETA2] = 0.99, [TAU] = 1e-3},
     .second = SECOND_ADAM,
     .is_average = true},
    {.name = "yogi",
     .parameter = {NEEDED("lr"), NUMBER("beta1"), NUMBER("beta2"), NUMBER("tau")},
     .setting = {LR, BETA1, BETA2, TAU},
     .start = {[BETA1] = 0.9, [BETA2] = 0.99, [TAU] = 1e-3},
     .second = SECOND_YOGI,
     .is_average = true},
};
enum { KIND_COUNT = sizeof KINDS / sizeof *KINDS };

struct robust_optimiser {
  const struct kind *kind;
  struct rule_value given[RULE_PARAMETERS_MAX];
  double value[SETTINGS];
};

/* ---- text ---- */

static struct spelling spelling_of(size_t i) {
  return i < KIND_COUNT ? (struct spelling){KINDS[i].name, KINDS[i].parameter}
                        : (struct spelling){0};
}

static const char *unmet(enum setting setting, double value) {
  switch (setting) {
  case LR:
  case TAU: return value > 0.0 ? NULL : "a value above 0";
  case BETA1:
  case BETA2: return value >= 0.0 && value < 1.0 ? NULL : "0 or more, and below 1";
  case SETTINGS: break;
  }
  return NULL;
}

static bool settings_fill(struct robust_optimiser *optimiser, struct robust_error *error) {
  const struct kind *kind = optimiser->kind;
  memcpy(optimiser->value, kind->start, sizeof optimiser->value);
  for (size_t i = 0; i < spelling_parameters(kind->parameter); i++) {
    double *value = &optimiser->value[kind->setting[i]];
    if (optimiser->given[i].is_given) *value = optimiser->given[i].number;
    const char *wanted = unmet(kind->setting[i], *value);
    if (wanted == NULL) continue;
    robust_error_set(error, "%s of %s must be %s, not %g", kind->parameter[i].name, kind->name,
                     wanted, *value);
    return false;
  }
  return true;
}

static bool read_optimiser(struct spelling_reader *reader, struct robust_optimiser *optimiser) {
  char buffer[8];
  size_t index;
  if (reader->length > ROBUST_OPTIMISER_TEXT_MAX)
    return spelling_fail(reader, 1, "an optimiser has %d characters at most",
                         ROBUST_OPTIMISER_TEXT_MAX);
  if (!spelling_read(reader, "optimiser", spelling_of, &index, optimiser->given)) return false;
  if (spelling_peek(reader) != '\0' || reader->at < reader->length)
    return spelling_fail(reader, reader->at + 1, "the end was expected, not %s",
                         spelling_found(reader, buffer));
  optimiser->kind = &KINDS[index];
  return settings_fill(optimiser, reader->error);
}

enum robust_status robust_optimiser_parse(const char *text, struct robust_optimiser **optimiser,
                                          struct robust_error *error) {
  struct spelling_reader reader = {text, strnlen(text, ROBUST_OPTIMISER_TEXT_MAX + 1), 0, error};
  *optimiser = NULL;
  struct robust_optimiser *parsed = calloc(1, sizeof *parsed);
  if (parsed == NULL) {
    robust_error_set(error, "no memory for an optimiser");
    return ROBUST_NO_MEMORY;
  }
  if (!read_optimiser(&reader, parsed)) {
    free(parsed);
    return ROBUST_BAD_OPTIMISER;
  }
  *optimiser = parsed;
  return ROBUST_OK;
}

size_t robust_optimiser_print(const struct robust_optimiser *optimiser, char *text, size_t size) {
  struct spelling spelling = {optimiser->kind->name, optimiser->kind->parameter};
  return spelling_print(&spelling, optimiser->given, text, size, 0);
}

void robust_optimiser_free(struct robust_optimiser *optimiser) {
  free(optimiser);
}

/* ---- state ---- */

/* Without a beta m is delta, and nothing has to be remembered of it. */
static bool has_momentum(const struct robust_optimiser *optimiser) {
  return optimiser->value[BETA1] > 0.0;
}

static bool has_second(const struct robust_optimiser *optimiser) {
  return optimiser->kind->second != SECOND_NONE;
}

size_t robust_optimiser_states(const struct robust_optimiser *optimiser) {
  return (size_t)has_momentum(optimiser) + (size_t)has_second(optimiser);
}

const char *robust_optimiser_state_name(const struct robust_optimiser *optimiser, size_t state) {
  return state == 0 && has_momentum(optimiser) ? "momentum" : "second_moment";
}

/* ---- the step ---- */

/* A stretch of coordinates. Vectors that the optimiser does not have are NULL, as are those read
 * that do not exist yet. */
struct stretch {
  size_t count;
  const float *delta, *m_in, *v_in;
  float *m_out, *v_out, *step;
};

static inline __attribute__((always_inline)) double advance_second(enum second second, double beta2,
                                                                   double v, double square) {
  switch (second) {
  case SECOND_ADAGRAD: return v + square;
  case SECOND_ADAM: return beta2 * v + (1.0 - beta2) * square;
  case SECOND_YOGI:
    if (v > square) return v - (1.0 - beta2) * square;
    return v < square ? v + (1.0 - beta2) * square : v;
  case SECOND_NONE: break;
  }
  return v;
}

/* Returns whether everything fits into floats: x - x is 0 as long as x is finite. */
static inline __attribute__((always_inline)) bool
advance(const struct robust_optimiser *optimiser, enum second second, const struct stretch *s) {
  double lr = optimiser->value[LR], beta1 = optimiser->value[BETA1];
  double beta2 = optimiser->value[BETA2], tau = optimiser->value[TAU];
  double fresh = optimiser->kind->is_average ? 1.0 - beta1 : 1.0;
  int overflows = 0;
  for (size_t k = 0; k < s->count; k++) {
    double delta = (double)s->delta[k];
    double m = delta;
    double scale = 1.0;
    if (s->m_out != NULL) {
      m = beta1 * (s->m_in != NULL ? (double)s->m_in[k] : 0.0) + fresh * delta;
      s->m_out[k] = (float)m;
      overflows |= s->m_out[k] - s->m_out[k] != 0.0F;
    }
    if (second != SECOND_NONE) {
      double before = s->v_in != NULL ? (double)s->v_in[k] : tau * tau;
      double v = advance_second(second, beta2, before, delta * delta);
      scale = sqrt(v) + tau;
      s->v_out[k] = (float)v;
      overflows |= s->v_out[k] - s->v_out[k] != 0.0F;
    }
    s->step[k] = (float)(lr * m / scale);
    overflows |= s->step[k] - s->step[k] != 0.0F;
  }
  return overflows == 0;
}

static bool advance_stretch(const struct robust_optimiser *optimiser, const struct stretch *s) {
  switch (optimiser->kind->second) {
  case SECOND_NONE: return advance(optimiser, SECOND_NONE, s);
  case SECOND_ADAGRAD: return advance(optimiser, SECOND_ADAGRAD, s);
  case SECOND_ADAM: return advance(optimiser, SECOND_ADAM, s);
  case SECOND_YOGI: return advance(optimiser, SECOND_YOGI, s);
  }
  return false;
}

enum { STRETCH = 4096 };

enum robust_status robust_optimise(const struct robust_optimiser *optimiser, size_t d,
                                   const float *delta, const float *const *state_in,
                                   float *const *state_out, float *step, int threads,
                                   struct robust_error *error) {
  size_t second = has_momentum(optimiser);
  int overflows = 0;
#pragma omp parallel for schedule(static) num_threads(threads) reduction(+ : overflows)
  for (size_t at = 0; at < d; at += STRETCH) {
    struct stretch s = {
        .count = d - at < STRETCH ? d - at : STRETCH, .delta = delta + at, .step = step + at};
    if (has_momentum(optimiser)) {
      s.m_in = state_in[0] != NULL ? state_in[0] + at : NULL;
      s.m_out = state_out[0] + at;
    }
    if (has_second(optimiser)) {
      s.v_in = state_in[second] != NULL ? state_in[second] + at : NULL;
      s.v_out = state_out[second] + at;
    }
    overflows += !advance_stretch(optimiser, &s);
  }
  if (overflows == 0) return ROBUST_OK;
  robust_error_set(error, "a step of %s does not fit into float32", optimiser->kind->name);
  return ROBUST_NOT_FINITE;
}
