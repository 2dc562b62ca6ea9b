/* Makes a bundle: finds the entries of a scope, fetches them with their proofs and blobs, and
 * checks all of it as whoever will read it does. */
#ifndef TAMIS_BUNDLE_MAKE_H
#define TAMIS_BUNDLE_MAKE_H

#include "client-sdk/bundle_claims.h"
#include "client-sdk/bundle_source.h"

struct bundle_request {
  enum bundle_kind kind;
  const char *federation; /* NULL: of BUNDLE_CLIENT, the one federation that it is in */
  const char *client;     /* of BUNDLE_CLIENT */
  int64_t round;          /* -1: every round the client touched; the head */
  bool has_bodies;        /* models and updates too, as far as the source gives them */
  void (*told)(void *context, uint64_t entries); /* now and then, how many are there; or NULL */
  void *told_context;
  const struct secret_key *operator; /* signs the provenance; NULL: it stays unsigned */
};

struct bundle_draft;

/* NOT_FOUND when the log has nothing of the kind. */
enum tamis_status bundle_make(const struct bundle_source *source,
                              const struct bundle_request *request, struct bundle_draft **draft,
                              struct fault *fault);
void bundle_draft_free(struct bundle_draft *draft);

/* What was made, to be written; the draft's. */
const struct bundle *bundle_draft_view(const struct bundle_draft *draft);
const struct bundle_scope *bundle_draft_scope(const struct bundle_draft *draft);
/* Blobs that were wanted but not given to whoever asked. */
size_t bundle_draft_left_out(const struct bundle_draft *draft);

#endif
