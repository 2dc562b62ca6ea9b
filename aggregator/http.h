/* A few GET answers over HTTP/1.1: the one door to libmicrohttpd, for metrics and for the log's
 * files. */
#ifndef TAMIS_HTTP_H
#define TAMIS_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "proto/fault.h"

struct http_answer {
  unsigned status;   /* 200, 404, ... */
  const char *type;  /* of the content; static, as the next */
  const char *cache; /* Cache-Control; NULL: none */
  char *bytes;       /* malloc'd, taken over; NULL: from the descriptor */
  size_t length;
  int descriptor; /* of a file whose first `length` bytes are the answer, taken over; or -1 */
};

struct http_options {
  const char *address;                   /* "127.0.0.1:7415", "[::1]:80"; port 0: any */
  unsigned connections_max, seconds_max; /* at once; of one that is silent */
  /* On one of the server's threads, for GET and HEAD only (others get 405). `path` is what a client
   * sent, %XX and all, without the query: hostile. `answer` is zeros but for descriptor -1
   * and status 404; no bytes mean the words of http_words. */
  void (*get)(void *context, const char *path, struct http_answer *answer);
  void *context;
};

struct http;

/* BAD_REQUEST for an address that is none, IO when it cannot be had. */
enum tamis_status http_open(const struct http_options *options, struct http **http,
                            struct fault *fault);
unsigned http_port(const struct http *http);
/* Waits for the answers under way. Of NULL: nothing. */
void http_close(struct http *http);

/* A plain text answer; `words` is copied, "" when out of memory. */
void http_words(struct http_answer *answer, unsigned status, const char *words);

#endif
