/* Every reason Tamis has to say no, in one list that makes the codes, the names, the gRPC codes and
 * the words. */
#ifndef TAMIS_STATUS_H
#define TAMIS_STATUS_H

/* name, gRPC code, may the same bytes succeed later (a client retries), what it means */
#define TAMIS_STATUS_MAP(X)                                                                        \
  X(OK, 0, 0, "done")                                                                              \
  X(BAD_REQUEST, 3, 0, "the message is not what PROTOCOL.md says it must be")                      \
  X(BAD_STATEMENT, 3, 0, "the statement is not canonical, or a field is missing or out of range")  \
  X(BAD_SIGNATURE, 16, 0, "the signature does not verify under the key enrolled for this name")    \
  X(NO_SESSION, 16, 1, "the session is unknown or has ended; open a new one")                      \
  X(UNKNOWN_CLIENT, 7, 0, "no client of this name is enrolled")                                    \
  X(KEY_REVOKED, 7, 0, "the key was revoked")                                                      \
  X(EXCLUDED, 7, 0, "the client is excluded from this federation")                                 \
  X(KNOWN_BAD, 7, 0, "the key or the update is on the log's list of what is known to be bad")      \
  X(BAD_TOKEN, 7, 0, "the invitation token is unknown or already used")                            \
  X(TOKEN_EXPIRED, 7, 0, "the invitation is past its date")                                        \
  X(DENIED, 7, 0, "this key may not do that")                                                      \
  X(COSIGNER_MISSING, 9, 0, "another person must sign this too")                                   \
  X(WRONG_ORIGIN, 3, 0, "the statement was signed for another log")                                \
  X(UNKNOWN_FEDERATION, 5, 0, "no federation of this name")                                        \
  X(NOT_FOUND, 5, 0, "nothing of that name is here")                                               \
  X(NOT_SELECTED, 9, 0, "the client is not in this round's cohort")                                \
  X(STALE_ROUND, 9, 0, "the round is not open")                                                    \
  X(WRONG_BASE, 9, 0, "the update was computed from another base model than the round's")          \
  X(CONFLICT, 9, 0, "the state moved on, or this is already so")                                   \
  X(DUPLICATE, 6, 0, "this client already has an update in this round")                            \
  X(TOO_LARGE, 3, 0, "larger than the round allows")                                               \
  X(BAD_EXAMPLES, 3, 0, "the claimed number of examples is not between 1 and the round's limit")   \
  X(RATE_LIMITED, 8, 1, "too many at once; wait and try again")                                    \
  X(DISK_FULL, 8, 1, "the server has no room for this now")                                        \
  X(BAD_OFFSET, 11, 1, "the chunk does not start where the server's bytes end")                    \
  X(TRUNCATED, 15, 1, "the stream ended before the blob did")                                      \
  X(DIGEST_MISMATCH, 15, 1, "the bytes do not have the digest that was signed")                    \
  X(TOO_SLOW, 4, 1, "the upload made too little progress")                                         \
  X(WRONG_LAYOUT, 3, 0, "names, shapes or types are not those of the base model")                  \
  X(NOT_FINITE, 3, 0, "the update holds NaN or infinity")                                          \
  X(NORM_TOO_LARGE, 3, 0, "the update's norm is above the round's cap")                            \
  X(QUORUM_NOT_MET, 10, 0, "too few updates arrived before the deadline")                          \
  X(RULE_NOT_FEASIBLE, 9, 0, "the rule cannot keep its promise with this many updates")            \
  X(UNAVAILABLE, 14, 1, "the server is starting, stopping or out of reach")                        \
  X(TIMED_OUT, 4, 1, "no answer within the deadline")                                              \
  X(BAD_CONFIG, 9, 0, "the configuration is not valid")                                            \
  X(BAD_PROOF, 15, 0, "a signature, receipt or proof of the server does not verify")               \
  X(FORK, 15, 0, "the server showed two histories that cannot both be true")                       \
  X(CORRUPT, 15, 0, "stored bytes are not what was written")                                       \
  X(IO, 13, 0, "the operating system refused a read or write")                                     \
  X(NO_MEMORY, 8, 1, "out of memory")                                                              \
  X(CANCELLED, 1, 0, "stopped on request")                                                         \
  X(INTERNAL, 13, 0, "a fault of ours")

enum tamis_status {
#define X(name, grpc, retry, words) TAMIS_##name,
  TAMIS_STATUS_MAP(X)
#undef X
      TAMIS_STATUS_COUNT
};

#if defined(__GNUC__)
#define TAMIS_API __attribute__((visibility("default")))
#else
#define TAMIS_API
#endif

/* "STALE_ROUND"; never NULL. */
TAMIS_API const char *tamis_status_name(enum tamis_status status);
/* "the round is not open"; never NULL. */
TAMIS_API const char *tamis_status_words(enum tamis_status status);

/* The number gRPC uses for it (RFC-like table in PROTOCOL.md, "Refusals"). */
int tamis_status_grpc(enum tamis_status status);
/* Nonzero when sending the same bytes again later may succeed. */
int tamis_status_is_retryable(enum tamis_status status);
/* TAMIS_INTERNAL for a name that is not in the list. */
enum tamis_status tamis_status_from_name(const char *name);

#endif
