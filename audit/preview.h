/* What a rollback or a rebuild would do, from a copy of the folder: the server's own answer, and
 * what the models before and after are worth. Changes nothing. */
#ifndef TAMIS_PREVIEW_H
#define TAMIS_PREVIEW_H

#include <jansson.h>
#include "audit/archive.h"
#include "audit/evaluator.h"
#include "proto/statement.h"

/* The statement is admitted as the server would, but for its signature; `predicate` is borrowed and
 * gets a nonce when it has none. The archive was walked and has kept its rounds. `*plan` is as in
 * the server's answer; with an evaluator (NULL: none) it also has `before` and `after`, the second
 * of the model that a server would come to, bit for bit. A new reference. */
enum tamis_status preview_undo(struct archive *archive, enum statement_kind kind, json_t *predicate,
                               const struct digest *model, struct evaluator *evaluator, int threads,
                               json_t **plan, struct fault *fault);

#endif
