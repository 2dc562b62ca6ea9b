/* libtamis: what a device links to take part in a federation without having to trust its server.
 *
 * A device does: tamis_client_open, once tamis_client_enrol, then in a loop tamis_client_next_task,
 * tamis_client_fetch_model, its own training, tamis_client_submit; at the end tamis_client_close.
 * All calls block, at most for their deadline; all retry by themselves what may be retried (backoff
 * with full jitter), and all check what the server says against the key from the invitation. A
 * client is used by one thread at a time; different clients are independent. A client is a witness
 * too: it cosigns each checkpoint of the log that it has verified, and sends that to the server.
 *
 * A client wants a verdict for what it submitted. tamis_client_next_task looks at what became of
 * the rounds before the one it hands out (tamis_client_check_verdict says how), those of the
 * federation's last four updates that it has not seen judged yet, restarts included. With 100
 * clients a round that takes 8 calls and 130 KB of answers a round; 1.3 KB more for each further
 * client. */
#ifndef TAMIS_H
#define TAMIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "proto/status.h" /* installed as <tamis/status.h> */

#ifdef __cplusplus
extern "C" {
#endif

struct tamis_client;

struct tamis_options {
  size_t struct_size;    /* sizeof(struct tamis_options): set it */
  const char *state_dir; /* the client's key, pinned log key, last checkpoint and the rounds that
                            owe it a verdict; made if missing, mode 0700 */
  const char *address;   /* "host:port" or "unix:/path"; NULL: the invitation's */
  const char *ca_file;   /* PEM; NULL: plain text, allowed only to loopback and unix sockets */
  const char *certificate_file, *key_file; /* PEM, for mutual TLS; NULL: none */
  uint32_t deadline_ms;                    /* of one call without its waiting; 0: 30,000 */
  uint32_t give_up_ms;                     /* how long to go on retrying; 0: 300,000 */
};

/* Opens the state folder; talks to nobody. */
TAMIS_API enum tamis_status tamis_client_open(const struct tamis_options *options,
                                              struct tamis_client **client);
TAMIS_API void tamis_client_close(struct tamis_client *client);

/* What the last call on this client had to say: what happened, why, what to do. Valid until the
 * next call; never NULL. With NULL: of this thread's last tamis_client_open that failed. */
TAMIS_API const char *tamis_client_error(const struct tamis_client *client);

/* Once in a lifetime: makes the key, proves possession, checks the receipt. TAMIS_CONFLICT when the
 * state folder is enrolled already. `invitation` is the line that the operator gave. */
TAMIS_API enum tamis_status tamis_client_enrol(struct tamis_client *client, const char *invitation);
TAMIS_API bool tamis_client_is_enrolled(const struct tamis_client *client);
TAMIS_API const char *
tamis_client_name(const struct tamis_client *client); /* "" before enrolment */

struct tamis_task {
  char federation[65];
  uint64_t round;
  uint64_t parameters;   /* floats in the model: d */
  uint64_t closes_at_ms; /* unix time, the server's clock */
  uint64_t examples_max;
  double norm_max;
  char rule[256];   /* how this round will be aggregated */
  char base[65];    /* digest of the base model, hex */
  char state[16];   /* this client's standing */
  char reason[404]; /* why, in a sentence */
};

/* Waits for the next round of `federation` (NULL: any) that wants this client, at most `wait_ms`.
 * TAMIS_TIMED_OUT: nothing yet. TAMIS_CANCELLED: the federation has had its last round. The plan's
 * signature, its receipt and the consistency of the log with what this client saw before are
 * checked first: TAMIS_FORK means that both notes were kept in the state folder as evidence and
 * that this client will not go on. So are the verdicts of earlier rounds, with the next plan or
 * when the federation has finished: TAMIS_BAD_PROOF, and no task, when they do not add up. When one
 * lacks this client's update, the file omission-evidence in the state folder proves it, and the
 * answer stays BAD_PROOF, without a word to the server, until a human has taken that file away. A
 * round that was abandoned, or that cannot be looked at now (no answer within one deadline, a
 * refusal), is no reason to stop: the latter is tried again with the next task. */
TAMIS_API enum tamis_status tamis_client_next_task(struct tamis_client *client,
                                                   const char *federation, uint32_t wait_ms,
                                                   struct tamis_task *task);

/* The base model into `values` (count must be task->parameters), digest checked; on failure
 * `values` is zeroed. */
TAMIS_API enum tamis_status tamis_client_fetch_model(struct tamis_client *client,
                                                     const struct tamis_task *task, float *values,
                                                     uint64_t count);
/* The same in pieces in order, for models that do not fit. What `sink` got is only to be used once
 * the call returned TAMIS_OK. A nonzero return of `sink` stops with TAMIS_CANCELLED. */
typedef int (*tamis_sink)(void *context, uint64_t offset, const float *values, size_t count);
TAMIS_API enum tamis_status tamis_client_stream_model(struct tamis_client *client,
                                                      const struct tamis_task *task,
                                                      tamis_sink sink, void *context);

struct tamis_report {
  size_t struct_size;
  int64_t examples; /* trained on this round */
  double loss;      /* mean training loss; finite */
  int64_t train_ms;
};

struct tamis_receipt {
  uint64_t index; /* where the update stands in the log */
  uint64_t log_size;
  char log_root[65]; /* hex */
};

/* Signs and sends the update (new minus base, in the model's order), survives broken connections,
 * returns when the server's receipt has been checked: the update is durable and in the log. */
TAMIS_API enum tamis_status tamis_client_submit(struct tamis_client *client,
                                                const struct tamis_task *task, const float *delta,
                                                uint64_t count, const struct tamis_report *report,
                                                struct tamis_receipt *receipt);
/* The same from a callback, which fills `values` with `count` floats from `offset` on and must give
 * the same floats when asked again: it is asked twice, once to hash and once to send. */
typedef int (*tamis_source)(void *context, uint64_t offset, float *values, size_t count);
TAMIS_API enum tamis_status tamis_client_submit_from(struct tamis_client *client,
                                                     const struct tamis_task *task,
                                                     tamis_source source, void *context,
                                                     const struct tamis_report *report,
                                                     struct tamis_receipt *receipt);

/* Asks again for the receipt of an earlier round and checks it. */
TAMIS_API enum tamis_status tamis_client_check_receipt(struct tamis_client *client,
                                                       const char *federation, uint64_t round,
                                                       struct tamis_receipt *receipt);

struct tamis_verdict {
  char outcome[12];   /* of the round: open, promoted, held or abandoned */
  char verdict[8];    /* accept, clip, hold or reject; "": the round is not judged, or never was */
  char sentence[404]; /* why */
  double weight;      /* in the round's aggregate; 0 when it was not accepted, or there is none */
  uint64_t index;     /* where the update stands in the log */
  uint64_t verdicts_index, aggregate_index; /* and the decisions; 0: not yet, or never */
};

/* What became of this client's update in that round, from the log: its receipt, the verdict in the
 * manifest that the logged verdicts name, its weight in the logged aggregate. NOT_FOUND without an
 * update there. BAD_PROOF when the log does not add up; when an update with a receipt has no
 * verdict, receipt and verdicts are kept in the state folder as omission-evidence. */
TAMIS_API enum tamis_status tamis_client_check_verdict(struct tamis_client *client,
                                                       const char *federation, uint64_t round,
                                                       struct tamis_verdict *verdict);

TAMIS_API const char *tamis_version(void);

#ifdef __cplusplus
}
#endif
#endif
