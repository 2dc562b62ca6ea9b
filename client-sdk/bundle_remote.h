/* A server as the source of a bundle, for clients and operators alike: whoever has a session. */
#ifndef TAMIS_BUNDLE_REMOTE_H
#define TAMIS_BUNDLE_REMOTE_H

#include "client-sdk/bundle_source.h"
#include "client-sdk/session.h"
#include "client-sdk/trust.h"

struct bundle_remote {
  struct session *session; /* borrowed */
  struct trust *trust;     /* borrowed; its latest checkpoint becomes the bundle's */
  struct checkpoint checkpoint;
  char *note; /* owned; NULL until it was asked for */
  size_t note_length;
};

/* `source` borrows `remote`, which is closed after it was last used. */
void bundle_remote_open(struct bundle_remote *remote, struct session *session, struct trust *trust,
                        struct bundle_source *source);
void bundle_remote_close(struct bundle_remote *remote);

#endif
