/* What every handler shares: the core behind it, who is here, who waits, and how much of everything
 * there may be. */
#ifndef TAMIS_SERVICE_H
#define TAMIS_SERVICE_H

#include <stdatomic.h>
#include <stdint.h>
#include "aggregator/core.h"
#include "aggregator/rpc/bell.h"
#include "aggregator/rpc/gate.h"
#include "aggregator/rpc/log.h"
#include "aggregator/rpc/offers.h"
#include "aggregator/rpc/rpc.h"
#include "aggregator/rpc/session.h"
#include "aggregator/rpc/shelf.h"
#include "aggregator/rpc/tally.h"

struct service_limits {
  uint32_t calls, streams_per_connection;
  uint32_t streams_per_principal, uploads_per_client;
  uint64_t message_bytes, metadata_bytes,
      control_bytes;             /* of one message; of one that is no data part */
  uint64_t network_memory_bytes; /* for the transport's buffers; 0: what suits the flow mode */
  uint64_t upload_memory_bytes;  /* data parts read and not yet written */
  uint64_t blob_bytes;           /* largest blob that an operator may put */
  /* An upload that is slower than this over the window is broken off. */
  uint64_t progress_bytes_per_second, progress_window_ms;
  uint64_t request_ms;   /* until the first message of a call */
  uint64_t poll_wait_ms; /* longest wait of one Poll */
  uint64_t session_lifetime_ms;
};
/* What PROTOCOL.md 5 says. */
void service_limits_default(struct service_limits *limits);

struct service {
  struct core *core;
  const struct log *log;
  struct service_limits limits;
  struct session_secret secret;
  struct tally *tally;
  struct bell *bell;
  struct gate *gate;
  struct shelf *shelf;
  struct offers *offers;
  struct rpc_server *rpc;
  struct rpc_method *methods;        /* owned */
  uint64_t (*now_ms)(void *context); /* unix time */
  void *clock_context;
  atomic_uint_fast64_t bytes_received, bytes_sent;  /* of blobs */
  atomic_uint_fast64_t uploads_begun, uploads_gone; /* gone: the client left before an answer */
  atomic_uint_fast64_t uploads[TAMIS_STATUS_COUNT]; /* how the others ended */
};

struct service_options {
  struct core *core; /* outlives the service */
  const struct log *log;
  struct service_limits limits;
  struct rpc_options rpc; /* message_max and the like are taken from `limits` */
  uint64_t (*now_ms)(void *context);
  void *clock_context;
};

/* Serves from the moment it returns. */
enum tamis_status service_open(const struct service_options *options, struct service **service,
                               struct fault *fault);
const char *service_address(const struct service *service);
/* Nothing new; whoever waits is told UNAVAILABLE; what is under way may finish. Returns at once. */
void service_drain(struct service *service);
/* True when nothing is under way any more; waits at most `wait_ms`. */
bool service_wait(struct service *service, uint32_t wait_ms);
/* Breaks off what is left: afterwards nothing calls the core any more. */
void service_shut(struct service *service);
/* After service_shut and core_close, for the core may ring the bell until then. */
void service_free(struct service *service);

uint64_t service_now_ms(const struct service *service);

/* A C string from the wire; false when it holds a NUL, or does not fit. */
bool service_text(const uint8_t *bytes, size_t length, char *text, size_t size);

#endif
