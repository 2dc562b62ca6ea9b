/* A server of one client and one federation that keeps the protocol, except where a test tells it
 * to lie. */
#ifndef TAMIS_FAKE_SERVER_H
#define TAMIS_FAKE_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fake_server;

/* What to do wrong; all zero: nothing. A test sets it between calls. */
struct fake_mischief {
  bool wrong_aggregator;    /* the plan is signed by a key that is not in the genesis */
  bool forged_receipt;      /* checkpoints are signed by another key of the same name */
  bool other_entry;         /* the receipt of an update is one of another entry */
  bool old_plan;            /* the first round's plan is offered again */
  uint64_t flip_blob_at;    /* this byte of the model is changed; 0: none */
  uint64_t end_blob_at;     /* the stream ends well here, too early */
  uint64_t break_blob_at;   /* the stream breaks here, once */
  uint64_t break_upload_at; /* so does the upload */
  int no_session;           /* that many calls are told that their session is over */
  int rate_limited;         /* that many offers are told to wait */
  uint32_t stall_ms;        /* every call waits so long before its answer */
  bool finished;            /* the federation has had its last round */
  bool asks_cosign;         /* Poll has no task but a checkpoint to cosign */
  bool disowns;             /* Cosign is answered with FORK */
  bool endless_tables;      /* each answer to Query says that there is more */
  bool no_tables;           /* Query is answered with UNAVAILABLE */
  uint32_t tables_stall_ms; /* Query waits so long before its answer */
};

/* `parameters` floats in the model. Listens on a unix socket below `folder`. */
struct fake_server *fake_server_start(const char *folder, uint64_t parameters);
void fake_server_stop(struct fake_server *server);
/* Closes the port, forgets sessions, opens the port again. */
void fake_server_restart(struct fake_server *server);

const char *fake_server_invitation(const struct fake_server *server);
struct fake_mischief *fake_server_mischief(struct fake_server *server);

/* The next round on the same model. */
void fake_server_open_round(struct fake_server *server);
/* Entries of no interest, so that the log grows. */
void fake_server_grow(struct fake_server *server, unsigned entries);
/* Another history of the same length: entry 1 was something else all along. */
void fake_server_rewrite(struct fake_server *server);
/* The newest entries are forgotten, as after restoring an old backup. */
void fake_server_cut(struct fake_server *server, unsigned entries);

/* The round is judged with one verdict, aggregated and promoted. */
struct fake_decision {
  const char *verdict;
  bool omits;    /* the update is not in the verdict manifest */
  bool hides;    /* the server's tables show none of it */
  bool weighs;   /* the update is in the weight manifest */
  bool stranger; /* the verdicts are signed by a key that is not in the genesis */
};
void fake_server_decide(struct fake_server *server, const struct fake_decision *decision);
/* A round that was not decided is given up. */
void fake_server_abandon(struct fake_server *server, uint64_t round);

float fake_server_value(uint64_t index); /* of the model */

struct fake_counts {
  unsigned offers, uploads, updates, sessions, polls, fetches;
  unsigned queries;
  unsigned cosigned;      /* cosignatures of a tree of this log by the client's key */
  uint64_t cosigned_size; /* of the last one */
  uint64_t upload_bytes;  /* received, with what was sent twice */
};
struct fake_counts fake_server_counts(const struct fake_server *server);

#endif
