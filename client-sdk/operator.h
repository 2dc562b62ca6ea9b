/* The operator's half of the client side, for `tamis` and the lab: not exported by libtamis.so. */
#ifndef TAMIS_OPERATOR_H
#define TAMIS_OPERATOR_H

#include <jansson.h>
#include <stdint.h>
#include "client-sdk/bundle_remote.h"
#include "proto/digest.h"
#include "proto/fault.h"
#include "proto/key.h"
#include "proto/statement.h"

struct operator;
struct state_dir;

struct operator_options {
  const char *address;                               /* "host:port" or "unix:/path" */
  const char *ca_file, *certificate_file, *key_file; /* as struct tamis_options */
  const char *log_vkey;                              /* pinned; its name is the origin */
  const char *operator_key_path; /* NULL: statements cannot be signed, sessions not opened */
  uint32_t deadline_ms;          /* 0: 30,000 */
  const struct state_dir *dir;   /* borrowed; keeps what was verified, and evidence of a fork; NULL:
                                    nothing outlives the process */
};

enum tamis_status operator_open(const struct operator_options *options, struct operator** operator,
                                struct fault * fault);
void operator_close(struct operator* operator);
const char *operator_origin(const struct operator* operator);

/* Signs the statement with the operator's key and submits it. `nonce` is added to the predicate if
 * missing. The receipt is checked. Where another person must sign too it is proposed for them to
 * find, and the answer is COSIGNER_MISSING, which says where. `*result` (may be NULL) is the
 * server's JSON, a new reference.
 */
enum tamis_status operator_submit(struct operator* operator, enum statement_kind kind,
                                  json_t *predicate, const char *subject_name,
                                  const struct digest *subject, bool dry_run, uint64_t *index,
                                  json_t **result, struct fault *fault);

/* The same about as many subjects as the kind has. */
enum tamis_status operator_submit_about(struct operator* operator, enum statement_kind kind,
                                        json_t *predicate, size_t subject_count,
                                        const char *const *subject_name,
                                        const struct digest *subject, bool dry_run, uint64_t *index,
                                        json_t **result, struct fault *fault);

/* Puts the operator's signature to an envelope that others have signed, and submits it; what still
 * lacks one is proposed anew. COSIGNER_MISSING: it was, as the sentence says. */
enum tamis_status operator_cosign(struct operator* operator, const char * envelope, size_t length,
                                  uint64_t *index, struct fault *fault);

/* All pages of a query of PROTOCOL.md 7, as one JSON array, a new reference. */
enum tamis_status operator_query(struct operator* operator, const char * name,
                                 size_t argument_count, const char *const *arguments, json_t **rows,
                                 struct fault *fault);

/* Uploads a file as a blob, resuming if part of it is there. */
enum tamis_status operator_put_file(struct operator* operator, const char * path,
                                    struct digest *digest, struct fault *fault);
/* The same from memory. */
enum tamis_status operator_put(struct operator* operator, const void * bytes, size_t length,
                               struct digest *digest, struct fault *fault);
/* Fetches a blob into a new file (refuses to overwrite unless `path` is a temporary made by us),
 * digest checked before it gets its name. */
enum tamis_status operator_fetch_file(struct operator* operator, const struct digest * digest,
                                      const char *path, struct fault *fault);
/* Into memory, at most `size_max` bytes; malloc'd, the caller frees it. */
enum tamis_status operator_fetch(struct operator* operator, const struct digest * digest,
                                 size_t size_max, uint8_t **bytes, size_t *length,
                                 struct fault *fault);

/* Entries [from, from + count) in order; `visit` returning other than TAMIS_OK stops with that. */
enum tamis_status operator_entries(struct operator* operator, uint64_t from, uint64_t count,
                                   enum tamis_status (*visit)(void *context, uint64_t index,
                                                              const char *envelope, size_t length),
                                   void *context, struct fault *fault);
/* As operator_entries from `from` on, and then each new entry as it comes, until `visit` stops it,
 * the connection breaks (UNAVAILABLE), or `wait_ms` (0: for ever) pass without one (TIMED_OUT). */
enum tamis_status operator_watch(struct operator* operator, uint64_t from, uint32_t wait_ms,
                                 enum tamis_status (*visit)(void *context, uint64_t index,
                                                            const char *envelope, size_t length),
                                 void *context, struct fault *fault);

/* This connection as the source of bundles; `remote` as in bundle_remote.h. */
void operator_bundle_source(struct operator* operator, struct bundle_remote * remote,
                            struct bundle_source *source);
/* What statements are signed with; NULL without a key. The operator's. */
const struct secret_key *operator_key(const struct operator* operator);

/* The latest checkpoint, signature checked: `note` malloc'd text as signed. */
enum tamis_status operator_checkpoint(struct operator* operator, char ** note, size_t *length,
                                      struct fault *fault);
/* The line that invites `client`, whose `client-invite` statement named the SHA-256 of `token`.
 * `address` is where the device will find the server (NULL: where the operator found it). `*line`
 * is malloc'd, the caller frees it. */
enum tamis_status operator_invite_line(const struct operator* operator, const char * address,
                                       const char *client, const uint8_t token[16], char **line,
                                       struct fault *fault);
/* grpc.health.v1 Check of the whole server: TAMIS_OK when SERVING. */
enum tamis_status operator_ping(struct operator* operator, struct fault * fault);

#endif
