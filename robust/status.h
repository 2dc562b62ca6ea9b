/* What a call into robust/ can answer, and the words that go with a refusal. */
#ifndef ROBUST_STATUS_H
#define ROBUST_STATUS_H

#define ROBUST_STATUS_LIST(X)                                                                      \
  X(OK, "ok")                                                                                      \
  X(BAD_PIPELINE, "the pipeline text cannot be read")                                              \
  X(NOT_FEASIBLE, "the rule cannot keep its promise with this many rows")                          \
  X(NEEDS_REFERENCE, "the rule compares with a vector that was not given")                         \
  X(BAD_OPTIMISER, "the optimiser text cannot be read")                                            \
  X(NOT_FINITE, "a result does not fit into its numbers")                                          \
  X(NEEDS_ROWS, "the rule looks at single coordinates, so the Gram matrix cannot decide it")       \
  X(BAD_SCRATCH, "the scratch memory is too small or not aligned")                                 \
  X(NO_MEMORY, "out of memory")

enum robust_status {
#define ROBUST_STATUS_ENTRY(name, words) ROBUST_##name,
  ROBUST_STATUS_LIST(ROBUST_STATUS_ENTRY)
#undef ROBUST_STATUS_ENTRY
};

/* One or two sentences for a human: what happened, why, what to do. Empty after success. */
struct robust_error {
  char text[512];
};

/* "NOT_FEASIBLE" for ROBUST_NOT_FEASIBLE. The string lives for ever. */
const char *robust_status_name(enum robust_status status);

/* The sentence beside the name in the list above. */
const char *robust_status_words(enum robust_status status);

/* Writes the sentence, cut to fit. `error` may be NULL. For robust/ itself. */
__attribute__((format(printf, 2, 3))) void robust_error_set(struct robust_error *error,
                                                            const char *format, ...);

#endif
