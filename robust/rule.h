/* What a rule or a mixer is to the rest of robust/: a row in the table of rules.c. Internal.
 *
 * To add one: 1. copy the nearest rule_*.c (or mixer_*.c); 2. open it with the paper, what it
 * withstands, its cost and when it is a poor choice; 3. add its row to the lists in rules.c; 4. add
 * its claims to the tests and its spelling to the conformance adapter; 5. run `ctest -L
 * 'unit|conformance'` and bench-robust. Nothing else changes: the parser, the feasibility check,
 * the passes over the rows and the evidence all work from the row.
 *
 * Rows reach a rule in the canonical order: row 0 is the one that the plan's permutation puts
 * first. "The first" and "the lowest index" of the literature therefore mean position here, and no
 * rule ever sees the order of arrival. */
#ifndef ROBUST_RULE_H
#define ROBUST_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "robust/rank.h"
#include "robust/robust.h"

enum { RULE_PARAMETERS_MAX = 8 };

/* A MIXER turns n rows into m others, each a weighted sum of the n: a matrix, found from the Gram
 * matrix. BY_WEIGHTS decides a weight for each row; the output is their sum. BY_COORDINATE looks at
 * the values of one coordinate after the other; `choose`, when there is one, picks beforehand the
 * rows that take part. */
enum rule_kind { RULE_MIXER, RULE_BY_WEIGHTS, RULE_BY_COORDINATE };

/* What it reads beside the rows, or'ed together. */
enum rule_reads {
  RULE_READS_GRAM = 1, /* input->gram */
  RULE_READS_REFERENCE =
      2, /* input->to_reference, ->reference_square; the reference may get a weight */
  RULE_NEEDS_REFERENCE =
      4,                   /* and without a reference the call is refused (the others take zeros) */
  RULE_READS_HISTORY = 8,  /* input->history_gram */
  RULE_READS_COUNTS = 16,  /* input->counts */
  RULE_READS_SIGNS = 32,   /* input->signs */
  RULE_READS_SAMPLES = 64, /* input->sample_gram; `draws` says how many and how large */
  RULE_READS_SQUARES =
      256,             /* input->square: the matrix's diagonal, which alone is one cheap read */
  RULE_SKETCHES = 512, /* a mixer without `mix`, first in the pipeline: one of its `draws` stands
                          for the Gram matrix of all coordinates */
  RULE_REMEMBERS_OUTPUT = 128, /* its reference is what it put out last: state, between rounds */
};

enum rule_parameter_kind {
  PARAMETER_COUNT,  /* a whole number: value.count */
  PARAMETER_NUMBER, /* a finite decimal: value.number */
  PARAMETER_WORD,   /* one of `words`: value.count is its place among them */
  PARAMETER_ROW, /* a whole number below n naming one of the caller's rows; reaches the rule as its
                    canonical position */
};

struct rule_parameter {
  const char *name;
  enum rule_parameter_kind kind;
  bool is_required;
  const char *const
      *words; /* PARAMETER_WORD: ends with NULL; the first is the default (value.count 0) */
};

/* What is not given is zero with is_given false: the rule knows its default. */
struct rule_value {
  bool is_given;
  size_t count;
  double number;
};

/* `draws` samples of `size` coordinates each, chosen by a hash of (seed, draw, index) without
 * replacement. */
struct rule_draws {
  size_t draws;
  size_t size;
  uint64_t seed;
};

/* A stretch of coordinates. */
struct rule_window {
  size_t from;
  size_t to;
};

/* A rule depends on these alone: same input, same bytes. Pointers it did not ask for are NULL. */
struct rule_input {
  size_t n;
  const struct rule_value *value; /* in the order of the parameters */
  const double *gram;             /* n x n, symmetric */
  const double *square;           /* n: its diagonal */
  const double *to_reference;     /* n: <x_i, reference> */
  double reference_square;        /* <reference, reference>; 0 when there is none */
  const double
      *history_gram;    /* n x n, of the sums of each client's updates, this round's included */
  const double *counts; /* n: claimed examples, finite and >= 0, capped by the caller; 1 for all
                           unless given */
  const uint64_t (*signs)[3]; /* n: how many values in the window are > 0, < 0, = 0 */
  const double *sample_gram;  /* draws x n x n: Gram matrices of the sampled coordinates alone */
  double *work;               /* what work_doubles asked for, on 64 bytes; not cleared */
};

/* What a rule found, over its own n rows. Cleared before the call: weights and scores 0, margin 1.
 */
struct rule_finding {
  double *weight;          /* n */
  double *score;           /* n: what it ranked the rows by, low is good */
  double reference_weight; /* centred clipping keeps part of its last answer */
  double
      margin; /* (first score left out - last taken) / first left out; 1 when nobody was left out */
  double noise; /* standard deviation of Gaussian noise to add to every coordinate of the output; 0:
                   none */
  uint64_t noise_seed;
  size_t iterations; /* 0: it does not iterate */
  bool
      is_capped; /* a search or an iteration hit its limit, and the documented fallback was taken */
  bool is_approximate;
};

struct rule {
  const char *name;
  enum rule_kind kind;
  unsigned reads;                                           /* enum rule_reads */
  struct rule_parameter parameter[RULE_PARAMETERS_MAX + 1]; /* ends with a NULL name */
  /* The first requirement that n rows or these values do not meet, in words ("2f < n", "nu > 0"),
   * or NULL. n is at least 1. Called before anything else: the others may rely on it. */
  const char *(*unmet)(const struct rule_value *value, size_t n);
  size_t (*work_doubles)(const struct rule_value *value, size_t n);     /* NULL: none */
  struct rule_draws (*draws)(const struct rule_value *value, size_t d); /* RULE_READS_SAMPLES */
  struct rule_window (*window)(const struct rule_value *value,
                               size_t d); /* RULE_READS_SIGNS; NULL: all */
  /* RULE_MIXER: how many rows come out (NULL: as many as go in), and matrix[b * n + j], the weight
   * of row j in mixed row b, every entry of rows x n written. Says in evidence->is_capped or
   * ->is_approximate what it must. */
  size_t (*rows_after)(const struct rule_value *value, size_t n);
  void (*mix)(const struct rule_input *input, double *matrix, struct rule_finding *finding);
  /* RULE_BY_WEIGHTS: fills finding->weight (all n) and whatever else of the finding it knows; the
   * executor has cleared it. */
  void (*weigh)(const struct rule_input *input, struct rule_finding *finding);
  /* RULE_BY_COORDINATE: the rows that take part, in the order that breaks ties (chosen[0] first);
   * returns how many, at least
   * 1. NULL: all of them. */
  size_t (*choose)(const struct rule_input *input, size_t *chosen, struct rule_finding *finding);
  /* RULE_BY_COORDINATE: out[k] for each coordinate of the tile; tile->n is the number that take
   * part. `n` in value-derived counts is that of the input (input->n), before `choose`. */
  void (*coordinates)(const struct rule_input *input, const struct rank_tile *tile, double *out);
};

/* NULL when there is none of that name. */
const struct rule *rule_find(const char *name, size_t length);

/* The i-th row of the table, NULL past its end. */
const struct rule *rule_at(size_t i);

/* Helpers for rules: the value, or the default when it was not given. */
size_t rule_count_or(const struct rule_value *value, size_t otherwise);
double rule_number_or(const struct rule_value *value, double otherwise);

/* Gives the m rows of lowest score the weight 1/m and the others 0, and sets the margin. Scores
 * must be in finding->score. Equal scores go to the row that comes first. `work` holds n doubles. 1
 * <= m <= n. Infinite scores rank last. */
void rule_select_lowest(size_t n, size_t m, double *work, struct rule_finding *finding);

/* 2f < n without overflow: what every rule against f liars needs; and `unmet` of those that need no
 * more, whose first parameter is f. */
bool rule_has_honest_majority(size_t f, size_t n);
const char *rule_unmet_majority(const struct rule_value *value, size_t n);

#endif
