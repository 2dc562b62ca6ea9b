/* `tamis log serve`: the log's files over HTTP until it is told to stop. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command_run.h"
#include "cli/site.h"
#include "cli/tile_server.h"

#define LISTEN "127.0.0.1:7416"

static void print(struct context *context, const json_t *data) {
  fprintf(context->out, "serving %s at %s/\n", json_string_value(json_object_get(data, "folder")),
          json_string_value(json_object_get(data, "url")));
  fflush(context->out);
}

/* The host as it was typed, the port as it came out. */
static void announce(struct context *context, const struct tile_server_options *options,
                     const struct tile_server *server) {
  char url[300];
  const char *colon = strrchr(options->listen, ':');
  snprintf(url, sizeof url, "http://%.*s:%u", (int)(colon - options->listen), options->listen,
           tile_server_port(server));
  json_t *data = json_pack("{s:s, s:s, s:b}", "folder", options->folder, "url", url, "blobs",
                           options->with_blobs);
  if (context->form == OUTPUT_JSON) context->form = OUTPUT_JSONL; /* the end is not near */
  output_thing(context, "log", url, data, print);
  fflush(context->out);
  json_decref(data);
}

/* Blocked before the server's threads start, so that they inherit it and only we are told. */
static void block(sigset_t *ends, sigset_t *old) {
  sigemptyset(ends);
  sigaddset(ends, SIGINT);
  sigaddset(ends, SIGTERM);
  pthread_sigmask(SIG_BLOCK, ends, old);
}

static enum tamis_status serve(struct context *context, const struct tile_server_options *options) {
  struct tile_server *server = NULL;
  sigset_t ends, old;
  int signal_number;
  block(&ends, &old);
  enum tamis_status status = tile_server_open(options, &server, &context->fault);
  if (status == TAMIS_OK) {
    announce(context, options, server);
    sigwait(&ends, &signal_number);
    context_detail(context, "stopping");
  }
  tile_server_close(server);
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  return status;
}

enum tamis_status log_serve(struct context *context, const struct arguments *arguments) {
  char *state = NULL;
  struct tile_server_options options = {.folder = arguments->word[0],
                                        .listen = arguments_text(arguments, "listen", LISTEN),
                                        .with_blobs = arguments_has(arguments, "blobs")};
  if (options.folder != NULL && arguments_has(arguments, "state"))
    return fault_set(&context->fault, TAMIS_BAD_REQUEST,
                     "say one folder to serve, either DIR or --state DIR");
  enum tamis_status status =
      options.folder == NULL ? site_state(context, arguments, &state) : TAMIS_OK;
  if (options.folder == NULL) options.folder = state;
  if (status == TAMIS_OK) status = serve(context, &options);
  if (status == TAMIS_NOT_FOUND)
    context_hint(context, status,
                 "serve a state folder (--state DIR) or what `tamis log export DIR` made");
  free(state);
  return status;
}
