/* What a device knows of itself and of its federations; the calls of tamis.h work on this. */
#ifndef TAMIS_CLIENT_H
#define TAMIS_CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include "client-sdk/channel.h"
#include "client-sdk/plan.h"
#include "client-sdk/session.h"
#include "client-sdk/state_dir.h"
#include "client-sdk/tamis.h"
#include "client-sdk/trust.h"
#include "client-sdk/wanted.h"
#include "proto/key.h"
#include "proto/tensor.h"

enum { CLIENT_LINEAGES_MAX = 8 }; /* federations remembered at once; the least used one goes */

/* One federation as this process has seen it. */
struct lineage {
  struct plan plan;
  struct layout layout; /* of plan.base; parameters 0: not fetched yet */
  uint64_t done_round;  /* answered, or refused for good */
  uint64_t last_used;
};

struct tamis_client {
  struct fault fault;
  struct state_dir dir;
  struct channel_options where; /* owned copies; `address` may be NULL until enrolled */
  bool address_given;           /* by the caller, who then outranks the invitation */
  struct secret_key key;        /* valid once enrolled */
  bool enrolled;
  struct channel *channel; /* NULL until the first call */
  struct session session;
  struct trust trust; /* valid once enrolled */
  struct lineage lineage[CLIENT_LINEAGES_MAX];
  uint64_t uses;
  struct checkpoint cosigned; /* the last one that the server took our word for; size 0: none */
  struct wanted wanted;       /* verdicts that are still owed */
  uint64_t looked_at_ms;      /* monotonic; when the log was last looked at for its own sake */
};

/* The connection, made at the first call. */
enum tamis_status client_connect(struct tamis_client *client);
/* TAMIS_OK when enrolled, connected and in possession of the aggregator's key. */
enum tamis_status client_ready(struct tamis_client *client);

/* The lineage of that name; NULL when there is none. */
struct lineage *client_lineage(struct tamis_client *client, const char *federation);
/* The same, or a fresh one in its own or the least used place. */
struct lineage *client_lineage_make(struct tamis_client *client, const char *federation);
/* The lineage whose plan is the task's; BAD_REQUEST when this client handed out no such task. */
enum tamis_status client_lineage_of(struct tamis_client *client, const struct tamis_task *task,
                                    struct lineage **lineage);

/* The file "pinned": canonical JSON of address, client, log_key and, once known, aggregator_key.
 * Its being there is what being enrolled means. */
enum tamis_status client_pin(struct tamis_client *client);
enum tamis_status client_recall(struct tamis_client *client);

/* The steps of a device's life, one file each. */
enum tamis_status enrol_run(struct tamis_client *client, const char *line);
enum tamis_status task_wait(struct tamis_client *client, const char *federation, uint32_t wait_ms,
                            struct tamis_task *task);
enum tamis_status task_stream(struct tamis_client *client, const struct tamis_task *task,
                              tamis_sink sink, void *context);
/* The header of the base model, if it is not known yet. */
enum tamis_status task_layout(struct tamis_client *client, struct lineage *lineage);
enum tamis_status submit_run(struct tamis_client *client, const struct tamis_task *task,
                             tamis_source source, void *context, const struct tamis_report *report,
                             struct tamis_receipt *receipt);
/* This client's update of an earlier round, as the log has it. */
struct submit_found {
  struct tamis_receipt receipt;
  char *entry, *text; /* owned; the envelope, and the receipt's text */
  size_t length, text_length;
};
enum tamis_status submit_find(struct tamis_client *client, const char *federation, uint64_t round,
                              struct submit_found *found);
void submit_found_close(struct submit_found *found);
/* What became of it. */
enum tamis_status verdict_check(struct tamis_client *client, const char *federation, uint64_t round,
                                struct tamis_verdict *verdict);
/* The file in the state folder that holds an update with a receipt and no verdict. */
#define VERDICT_EVIDENCE "omission-evidence"
/* BAD_PROOF when it is there, until a human takes it away. */
enum tamis_status verdict_is_whole(struct tamis_client *client);
/* Checks the verdicts that the rounds of `federation` (NULL: of all) before round `before` owe
 * this client. BAD_PROOF or FORK when the log does not add up; a round that cannot be looked at now
 * stays wanted, with TAMIS_OK. */
enum tamis_status verdict_settle(struct tamis_client *client, const char *federation,
                                 uint64_t before);

#endif
