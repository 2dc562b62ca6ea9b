/* Methods, limits and headers; what there is to get is the caller's. */
#include "aggregator/http.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "proto/text.h"

enum { CONNECTION_BYTES = 16 << 10 /* request line and headers */ };

struct http {
  struct MHD_Daemon *daemon;
  void (*get)(void *context, const char *path, struct http_answer *answer);
  void *context;
};

void http_words(struct http_answer *answer, unsigned status, const char *words) {
  answer->status = status;
  answer->type = "text/plain; charset=utf-8";
  answer->bytes = strdup(words);
  answer->length = answer->bytes ? strlen(words) : 0;
}

static struct MHD_Response *response_of(struct http_answer *answer) {
  struct MHD_Response *response;
  if (answer->descriptor >= 0) {
    response = MHD_create_response_from_fd(answer->length, answer->descriptor);
    if (!response) close(answer->descriptor);
  } else {
    response =
        MHD_create_response_from_buffer(answer->length, answer->bytes, MHD_RESPMEM_MUST_FREE);
    if (!response) free(answer->bytes);
  }
  return response;
}

static enum MHD_Result send_answer(struct MHD_Connection *connection, struct http_answer *answer) {
  struct MHD_Response *response = response_of(answer);
  if (!response) return MHD_NO;
  MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer->type);
  MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
  if (answer->cache)
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, answer->cache);
  if (answer->status == MHD_HTTP_METHOD_NOT_ALLOWED)
    MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
  enum MHD_Result result = MHD_queue_response(connection, answer->status, response);
  MHD_destroy_response(response);
  return result;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection,
                                  const char *path, const char *method, const char *version,
                                  const char *body, size_t *body_length, void **state) {
  struct http *http = context;
  struct http_answer answer = {.status = MHD_HTTP_NOT_FOUND, .descriptor = -1};
  (void)version;
  (void)body;
  (void)body_length;
  (void)state;
  if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
    http_words(&answer, MHD_HTTP_METHOD_NOT_ALLOWED, "GET and HEAD only\n");
  else
    http->get(http->context, path, &answer);
  if (!answer.bytes && answer.descriptor < 0) http_words(&answer, answer.status, "");
  return send_answer(connection, &answer);
}

/* "localhost" may be either family: the first address that the resolver gives is taken. */
static struct addrinfo *resolve(const char *address) {
  char host[256], service[8];
  uint16_t port = 0;
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
  if (!text_split_address(address, host, sizeof host, &port)) return NULL;
  snprintf(service, sizeof service, "%u", port);
  return getaddrinfo(host, service, &hints, &found) ? NULL : found;
}

/* No path of ours needs %XX, so nothing is decoded: not "%2e", and not "%00", which would end it.
 */
static size_t leave_escaped(void *context, struct MHD_Connection *connection, char *text) {
  (void)context;
  (void)connection;
  return strlen(text);
}

enum tamis_status http_open(const struct http_options *options, struct http **out,
                            struct fault *fault) {
  struct addrinfo *where = resolve(options->address);
  if (!where)
    return fault_set(fault, TAMIS_BAD_REQUEST,
                     "\"%.100s\" is no address to listen on; write HOST:PORT, as 127.0.0.1:7416",
                     options->address);
  struct http *http = calloc(1, sizeof *http);
  unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_AUTO;
  if (where->ai_family == AF_INET6) flags |= MHD_USE_IPv6;
  if (http) {
    http->get = options->get;
    http->context = options->context;
    http->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, http, MHD_OPTION_SOCK_ADDR, where->ai_addr,
        MHD_OPTION_CONNECTION_LIMIT, options->connections_max, MHD_OPTION_CONNECTION_TIMEOUT,
        options->seconds_max, MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped, NULL,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES, MHD_OPTION_END);
  }
  freeaddrinfo(where);
  if (http && http->daemon) {
    *out = http;
    return TAMIS_OK;
  }
  free(http);
  return fault_set(fault, TAMIS_IO, "cannot listen on %.100s: is the port in use?",
                   options->address);
}

unsigned http_port(const struct http *http) {
  const union MHD_DaemonInfo *about = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_BIND_PORT);
  return about ? about->port : 0;
}

void http_close(struct http *http) {
  if (!http) return;
  MHD_stop_daemon(http->daemon);
  free(http);
}
