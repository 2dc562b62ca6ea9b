/* Methods that take one message: a row of a table says who may ask, and a step function what is
 * answered, once for a unary method, again and again for a stream. */
#ifndef TAMIS_ANSWER_H
#define TAMIS_ANSWER_H

#include <protobuf-c/protobuf-c.h>
#include "aggregator/rpc/service.h"
#include "proto/unpack.h"

enum audience { AUDIENCE_ANYONE, AUDIENCE_CLIENT, AUDIENCE_OPERATOR, AUDIENCE_MEMBER };

struct request;

struct answer_row {
  const char *path;
  const ProtobufCMessageDescriptor
      *descriptor; /* of the request; has a field `session` unless for anyone */
  enum audience audience;
  bool is_quick; /* never blocks: runs on the loop, without a worker */
  /* Looks at request->message and calls one answer_ function, or refuses. */
  enum tamis_status (*step)(struct request *request, struct fault *fault);
};

enum answer_then { ANSWER_NONE, ANSWER_REPLY, ANSWER_SEND, ANSWER_SHARE, ANSWER_END, ANSWER_WAIT };

/* One call; a step sees it on one thread at a time. */
struct request {
  struct service *service;
  const struct answer_row *row;
  const void *message; /* unpacked */
  struct session session;
  uint64_t cursor;   /* for streams: where the next step goes on; 0 at first */
  bool is_begun;     /* the first step is over */
  bool is_late;      /* the wait that the last step asked for has passed */
  struct book *book; /* on loan; returned when the call ends */
  uint64_t until_ms; /* of rpc_clock_ms: until when the call may wait */

  /* What the step answered, for answer.c. */
  enum answer_then then;
  uint8_t *bytes;
  size_t length;
  const uint8_t *shared;
  size_t shared_length;
  enum tamis_status status;
  struct fault fault;
  struct rpc_message *incoming;
  struct unpack_arena arena;
  struct rpc_call *call;
  struct bell_seat seat;
  uint64_t bell_count;
  bool is_counted, is_sending;
};

/* Views for the fields of a reply; NULL is empty. */
ProtobufCBinaryData answer_bytes(const void *bytes, size_t length);
ProtobufCBinaryData answer_text(const char *text);

/* One message, and that is all. */
enum tamis_status answer_reply(struct request *request, const ProtobufCMessage *message,
                               struct fault *fault);
/* One message of a stream; the step is called again when it has left. */
enum tamis_status answer_send(struct request *request, const ProtobufCMessage *message,
                              struct fault *fault);
/* As answer_send: a Chunk with bytes of request->book. */
enum tamis_status answer_share(struct request *request, const uint8_t *bytes, size_t length);
/* The stream is complete. */
enum tamis_status answer_end(struct request *request);
/* Nothing yet: the step is called again after the next change, or at `until_ms` with is_late. */
enum tamis_status answer_wait(struct request *request, uint64_t until_ms);

void answer_method(const struct answer_row *row, struct service *service,
                   struct rpc_method *method);

#endif
