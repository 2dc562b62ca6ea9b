/* `tamis bundle`: part of the log in one file, made by an operator or by a client. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/bundle_report.h"
#include "cli/command_run.h"
#include "cli/durable_file.h"
#include "cli/human.h"
#include "cli/offline.h"
#include "cli/progress.h"
#include "client-sdk/bundle_make.h"
#include "client-sdk/client.h"

/* Where it is made from, and what must stay open for that. */
struct place {
  struct bundle_source source;
  struct bundle_remote remote;
  struct tamis_client *client;       /* of --client-state; NULL otherwise */
  const struct secret_key *operator; /* NULL: what is made stays unsigned */
  struct secret_key own; /* of --state: the operator's, when this is an operator's home */
};

static enum tamis_status open_client(struct context *context, const struct arguments *arguments,
                                     struct place *place) {
  const struct tamis_options options = {
      .struct_size = sizeof options,
      .state_dir = arguments_text(arguments, "client-state", NULL),
      .address = context->address,
      .ca_file = arguments_text(arguments, "ca", NULL),
      .certificate_file = arguments_text(arguments, "certificate", NULL),
      .key_file = arguments_text(arguments, "key", NULL),
      .deadline_ms = context->deadline_ms,
      .give_up_ms = context->deadline_ms == 0 ? SESSION_DEADLINE_MS : context->deadline_ms,
  };
  /* The library would make a folder that is not there, and nobody is enrolled in that. */
  if (access(options.state_dir, F_OK) != 0)
    return fault_set(&context->fault, TAMIS_NOT_FOUND, "there is no client's folder at %s",
                     options.state_dir);
  enum tamis_status status = tamis_client_open(&options, &place->client);
  if (status == TAMIS_OK) status = client_ready(place->client);
  if (status != TAMIS_OK)
    return fault_set(&context->fault, status, "%s", tamis_client_error(place->client));
  bundle_remote_open(&place->remote, &place->client->session, &place->client->trust,
                     &place->source);
  return TAMIS_OK;
}

/* Whoever reads a copy somewhere else has no key, and needs none. */
static enum tamis_status open_folder(struct context *context, struct place *place) {
  char *path = NULL;
  enum tamis_status status = TAMIS_OK;
  offline_bundle_source(context->offline, &place->source);
  if (asprintf(&path, "%s/operator/operator.key", context->home) < 0)
    return fault_plain(&context->fault, TAMIS_NO_MEMORY);
  if (access(path, R_OK) == 0) {
    status = key_file_read(path, &place->own, &context->fault);
    place->operator= & place->own;
  }
  free(path);
  return status;
}

static enum tamis_status open_place(struct context *context, const struct arguments *arguments,
                                    struct place *place) {
  *place = (struct place){.client = NULL};
  if (arguments_has(arguments, "client-state") && arguments_has(arguments, "state"))
    return fault_set(&context->fault, TAMIS_BAD_REQUEST,
                     "--state reads a server's folder, --client-state asks the server as a client: "
                     "one of them");
  if (arguments_has(arguments, "client-state")) return open_client(context, arguments, place);
  enum tamis_status status = offline_choose(context, arguments);
  if (status == TAMIS_OK && context->offline != NULL) return open_folder(context, place);
  if (status == TAMIS_OK) status = context_operator(context);
  if (status != TAMIS_OK) return status;
  operator_bundle_source(context->operator, & place->remote, &place->source);
  place->operator= operator_key(context->operator);
  return TAMIS_OK;
}

static void close_place(struct place *place) {
  bundle_remote_close(&place->remote);
  tamis_client_close(place->client);
  key_wipe(&place->own);
}

/* The whole file is laid out under a temporary name, made durable, and only then named. */
static enum tamis_status write_file(struct context *context, const char *path,
                                    const struct bundle *bundle, uint64_t *size) {
  struct durable_draft draft = {.bytes = NULL};
  enum tamis_status status = bundle_size(bundle, size, &context->fault);
  if (status == TAMIS_OK) status = durable_draft_open(path, (size_t)*size, &draft, &context->fault);
  if (status == TAMIS_OK) status = bundle_write(bundle, draft.bytes, &context->fault);
  if (status == TAMIS_OK) status = durable_draft_commit(&draft, &context->fault);
  durable_draft_close(&draft);
  return status;
}

static void print_made(struct context *context, const json_t *data) {
  char path[OUTPUT_CELL_SIZE], size[HUMAN_TEXT_SIZE];
  human_bytes((uint64_t)output_integer(data, "size"), size);
  fprintf(context->out, "bundle/%s made: %lld entries, %lld files, %s\n",
          output_text(data, "file", path, sizeof path), (long long)output_integer(data, "entries"),
          (long long)output_integer(data, "blobs"), size);
  bundle_report_print(context, data);
  if (output_integer(data, "left_out") > 0)
    context_say(context,
                "%lld files that it names were not given to you, or are gone: they are not in it.",
                (long long)output_integer(data, "left_out"));
}

/* Read as its reader will read it, which is also how we know what it shows. */
static enum tamis_status tell(struct context *context, const struct place *place,
                              const struct bundle_draft *draft, const char *path, uint64_t size) {
  struct bundle_facts facts;
  struct bundle_scope scope;
  json_t *about;
  enum tamis_status status =
      bundle_facts_open(bundle_draft_view(draft), &place->source.log_key, &facts, &context->fault);
  if (status != TAMIS_OK) return status;
  status = bundle_claims_check(&facts, &scope, &about, &context->fault);
  if (status == TAMIS_OK) {
    json_t *data = bundle_report(&facts, about);
    json_object_set_new(data, "file", json_string(path));
    json_object_set_new(data, "size", json_integer((json_int_t)size));
    json_object_set_new(data, "left_out", json_integer((json_int_t)bundle_draft_left_out(draft)));
    output_thing(context, "bundle", path, data, print_made);
    json_decref(data);
    json_decref(about);
    bundle_scope_close(&scope);
  }
  bundle_facts_close(&facts);
  return status;
}

static void told(void *progress, uint64_t entries) {
  progress_step(progress, entries);
}

static enum tamis_status make(struct context *context, const struct arguments *arguments,
                              struct bundle_request *request) {
  const char *path = arguments_text(arguments, "file", "");
  struct place place;
  struct progress progress;
  struct bundle_draft *draft = NULL;
  uint64_t size = 0;
  if (access(path, F_OK) == 0)
    return fault_set(&context->fault, TAMIS_CONFLICT, "%s is there already", path);
  request->has_bodies = arguments_has(arguments, "bodies");
  enum tamis_status status = open_place(context, arguments, &place);
  request->operator= place.operator;
  progress_begin(&progress, context, "fetching", "entries", 0);
  request->told = told;
  request->told_context = &progress;
  if (status == TAMIS_OK) status = bundle_make(&place.source, request, &draft, &context->fault);
  progress_end(&progress);
  if (status == TAMIS_OK) status = write_file(context, path, bundle_draft_view(draft), &size);
  if (status == TAMIS_OK) status = tell(context, &place, draft, path, size);
  bundle_draft_free(draft);
  close_place(&place);
  return status;
}

enum tamis_status bundle_of_round(struct context *context, const struct arguments *arguments) {
  uint64_t round = 0;
  enum tamis_status status = arguments_word_count(arguments, 1, &round, &context->fault);
  struct bundle_request request = {
      .kind = BUNDLE_ROUND, .federation = arguments->word[0], .round = (int64_t)round};
  return status == TAMIS_OK ? make(context, arguments, &request) : status;
}

static int64_t round_of(const struct arguments *arguments) {
  if (!arguments_has(arguments, "round")) return -1;
  return (int64_t)arguments_count(arguments, "round", 0);
}

enum tamis_status bundle_of_client(struct context *context, const struct arguments *arguments) {
  struct bundle_request request = {.kind = BUNDLE_CLIENT,
                                   .client = arguments->word[0],
                                   .federation = arguments->word[1],
                                   .round = round_of(arguments)};
  return make(context, arguments, &request);
}

enum tamis_status bundle_of_model(struct context *context, const struct arguments *arguments) {
  struct bundle_request request = {
      .kind = BUNDLE_MODEL, .federation = arguments->word[0], .round = round_of(arguments)};
  return make(context, arguments, &request);
}
