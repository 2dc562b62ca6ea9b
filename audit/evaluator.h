/* What a model is worth: one number from somebody else's program, higher is better. Asked once for
 * each model. */
#ifndef TAMIS_EVALUATOR_H
#define TAMIS_EVALUATOR_H

#include <stddef.h>
#include <stdint.h>
#include "aggregator/blob.h"
#include "proto/digest.h"
#include "proto/fault.h"

struct evaluator;

enum { EVALUATOR_WORDS_MAX = 64, EVALUATOR_OUTPUT_MAX = 1 << 16 };

/* A program and its arguments, split at blanks; 'quoted words' and "quoted words" stay together,
 * nothing else is special and no shell is involved. It is run with the path of a model's file as
 * its last argument, nothing to read on its input, and prints one finite number and nothing else
 * (EVALUATOR_OUTPUT_MAX bytes at most). After `timeout_ms` (0: never) it is killed with whatever it
 * started. BAD_REQUEST when the text is no command. The caller frees the evaluator. */
enum tamis_status evaluator_of_command(const char *command, uint64_t timeout_ms,
                                       struct evaluator **evaluator, struct fault *fault);

/* The same question put to a function; `context` must outlive the evaluator. */
enum tamis_status evaluator_of_function(
    enum tamis_status (*measure)(void *context, const uint8_t *file, size_t length, double *value,
                                 struct fault *fault),
    void *context, struct evaluator **evaluator, struct fault *fault);
void evaluator_free(struct evaluator *evaluator); /* NULL is fine */

/* Of a blob, whose own file is looked at. NOT_FOUND when it is not there; BAD_REQUEST when the
 * program cannot be started, fails, or prints something else; TIMED_OUT. */
enum tamis_status evaluator_blob(struct evaluator *evaluator, struct blob_store *blobs,
                                 const struct digest *model, double *value, struct fault *fault);

/* Of a whole file in memory with this digest: written to a temporary file, which is removed. */
enum tamis_status evaluator_bytes(struct evaluator *evaluator, const uint8_t *file, size_t length,
                                  const struct digest *model, double *value, struct fault *fault);

/* All that the program prints about the model in the file `path`, whatever it is; `*text` is
 * malloc'd, the caller frees it. Not for an evaluator of a function. Faults as evaluator_blob. */
enum tamis_status evaluator_text(struct evaluator *evaluator, const char *path, char **text,
                                 struct fault *fault);

/* How often somebody was really asked. */
size_t evaluator_asked(const struct evaluator *evaluator);

#endif
