/* `tamis client`: who takes part, how they stand, and what an operator does about it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/card.h"
#include "cli/client_key.h"
#include "cli/command_run.h"
#include "cli/human.h"
#include "client-sdk/invitation.h"
#include "proto/text.h"

static const struct column columns[] = {
    {"NAME", "client", CELL_TEXT, false},
    {"STATE", "state", CELL_STATE, false},
    {"REPUT", "reputation", CELL_REAL, false},
    {"TRUST", "trust", CELL_REAL, true},
    {"RISK", "risk", CELL_REAL, true},
    {"STRIKES", "strikes", CELL_COUNT, true},
    {"ROUNDS", "rounds", CELL_COUNT, false},
    {"ACC", "accepted", CELL_COUNT, false},
    {"HELD", "held", CELL_COUNT, false},
    {"REJ", "rejected", CELL_COUNT, false},
    {"REF", "refused", CELL_COUNT, true},
    {"CUSUM", "cusum", CELL_REAL, true},
    {"DRIFT", "drift", CELL_REAL, true},
    {"LAST", "last_round", CELL_COUNT, true},
    {"REVOKED", "revoked", CELL_FLAG, true},
    {"ORGANISATION", "organisation", CELL_TEXT, true},
    {"ORG-RISK", "organisation_risk", CELL_REAL, true},
    {"FEDERATION", "federation", CELL_TEXT, true},
    {"SENTENCE", "sentence", CELL_SENTENCE, false},
};

/* The same before any federation is named: a client has one row in each. */
static const struct column everywhere[] = {
    {"NAME", "client", CELL_TEXT, false},    {"FEDERATION", "federation", CELL_TEXT, false},
    {"STATE", "state", CELL_STATE, false},   {"REPUT", "reputation", CELL_REAL, false},
    {"ROUNDS", "rounds", CELL_COUNT, false}, {"ORGANISATION", "organisation", CELL_TEXT, true},
    {"REVOKED", "revoked", CELL_FLAG, true}, {"SENTENCE", "sentence", CELL_SENTENCE, false},
};

static const struct sheet one_federation = {
    "client", "No client in a federation yet; see: tamis client invitations, federation list",
    sizeof columns / sizeof *columns, columns};
static const struct sheet all_federations = {
    "client", "No client in a federation yet; see: tamis client invitations, federation list",
    sizeof everywhere / sizeof *everywhere, everywhere};

enum tamis_status client_list(struct context *context, const struct arguments *arguments) {
  json_t *rows = NULL;
  const char *federation = arguments->word[0] == NULL ? "" : arguments->word[0];
  enum tamis_status status =
      *federation == '\0' ? context_query(context, "clients", 1, &federation, &rows)
                          : context_query_federation(context, "clients", 1, &federation, &rows);
  if (status != TAMIS_OK) return status;
  output_rows(context, *federation == '\0' ? &all_federations : &one_federation, rows);
  json_decref(rows);
  return TAMIS_OK;
}

static const struct column invitations[] = {
    {"NAME", "client", CELL_TEXT, false},    {"ORGANISATION", "organisation", CELL_TEXT, false},
    {"USED", "used", CELL_FLAG, false},      {"EXPIRED", "expired", CELL_FLAG, false},
    {"NOT-AFTER", "date", CELL_TEXT, false}, {"INDEX", "index", CELL_COUNT, false},
};

/* What a person asks of a unix time. */
static void add_date(const struct context *context, json_t *row) {
  char date[32] = "-";
  struct tm broken;
  time_t seconds = (time_t)output_integer(row, "not_after");
  if (gmtime_r(&seconds, &broken) != NULL) strftime(date, sizeof date, "%FT%TZ", &broken);
  json_object_set_new(row, "date", json_string(date));
  json_object_set_new(row, "expired",
                      json_boolean(!output_flag(row, "used") && seconds < context->now_ms / 1000));
}

enum tamis_status client_invitations(struct context *context, const struct arguments *arguments) {
  static const struct sheet sheet = {"client", "No invitation yet: tamis client invite NAME",
                                     sizeof invitations / sizeof *invitations, invitations};
  json_t *rows = NULL, *row;
  size_t i;
  (void)arguments;
  enum tamis_status status = context_query(context, "invitations", 0, NULL, &rows);
  if (status != TAMIS_OK) return status;
  json_array_foreach(rows, i, row) add_date(context, row);
  output_rows(context, &sheet, rows);
  json_decref(rows);
  return TAMIS_OK;
}

/* ---- invite ---- */

static enum tamis_status check_name(struct context *context, const char *name) {
  if (text_is_name(name, strlen(name))) return TAMIS_OK;
  return fault_set(&context->fault, TAMIS_BAD_REQUEST,
                   "a client's name is 1 to 64 of a-z 0-9 . _ -, not \"%.60s\"", name);
}

static enum tamis_status make_invitation(struct context *context, const struct arguments *arguments,
                                         struct invitation *invitation) {
  *invitation = (struct invitation){.client = ""};
  enum tamis_status status = context_server(context);
  if (status != TAMIS_OK) return status;
  const char *address = arguments_text(arguments, "public-address", context->address);
  if (strlen(address) > INVITATION_ADDRESS_MAX)
    return fault_set(&context->fault, TAMIS_BAD_REQUEST, "the address is too long");
  snprintf(invitation->client, sizeof invitation->client, "%s", arguments->word[0]);
  snprintf(invitation->address, sizeof invitation->address, "%s", address);
  if (getentropy(invitation->token, sizeof invitation->token) != 0)
    return fault_set(&context->fault, TAMIS_IO, "the system gives no randomness");
  return key_vkey_read(context->log_vkey, strlen(context->log_vkey), &invitation->log_key,
                       &context->fault);
}

static enum tamis_status submit_invitation(struct context *context,
                                           const struct arguments *arguments,
                                           const struct invitation *invitation, int64_t not_after,
                                           uint64_t *index) {
  const struct digest token = digest_of(invitation->token, sizeof invitation->token);
  json_t *predicate = json_pack("{s:s, s:s, s:I}", "client", invitation->client, "organisation",
                                arguments_text(arguments, "organisation", invitation->client),
                                "not_after", (json_int_t)not_after);
  enum tamis_status status = context_operator(context);
  if (status == TAMIS_OK)
    status = operator_submit(context->operator, STATEMENT_CLIENT_INVITE, predicate, "token", &token,
                             arguments_has(arguments, "dry-run"), index, NULL, &context->fault);
  json_decref(predicate);
  return status;
}

static void tell_invitation(struct context *context, const struct invitation *invitation,
                            const char *line, int64_t not_after, uint64_t index,
                            const char *valid) {
  json_t *data = json_pack("{s:s, s:s, s:s, s:I, s:I}", "client", invitation->client, "invitation",
                           line, "address", invitation->address, "not_after", (json_int_t)not_after,
                           "index", (json_int_t)index);
  if (output_is_for_people(context)) {
    fprintf(context->out, "%s\n", line);
    context_say(context, "For %s, once, within %s: whoever has this line can enrol as it.",
                invitation->client, valid);
  } else {
    output_change(context, "client", invitation->client, "invited", false, data);
  }
  json_decref(data);
}

/* No line: its token is not in the log, so nobody could enrol with it. */
static void tell_dry_run(struct context *context, const char *client) {
  json_t *data = json_pack("{s:s, s:b}", "client", client, "dry_run", true);
  output_change(context, "client", client, "invited", true, data);
  json_decref(data);
}

enum tamis_status client_invite(struct context *context, const struct arguments *arguments) {
  struct invitation invitation;
  char *line = NULL;
  uint64_t index = 0, valid_ms = arguments_duration_ms(arguments, "valid", 86400000);
  int64_t not_after = (context->now_ms + (int64_t)valid_ms) / 1000;
  enum tamis_status status = check_name(context, arguments->word[0]);
  if (status == TAMIS_OK) status = make_invitation(context, arguments, &invitation);
  /* Written before it is submitted: a line that cannot be must not be in the log. */
  if (status == TAMIS_OK) status = invitation_write(&invitation, &line, &context->fault);
  if (status == TAMIS_OK)
    status = submit_invitation(context, arguments, &invitation, not_after, &index);
  if (status == TAMIS_OK && arguments_has(arguments, "dry-run"))
    tell_dry_run(context, arguments->word[0]);
  else if (status == TAMIS_OK)
    tell_invitation(context, &invitation, line, not_after, index,
                    arguments_text(arguments, "valid", "24h"));
  free(line);
  return status;
}

/* ---- show ---- */

/* Rows of `client` in all federations, or in the one that is named. */
static enum tamis_status find_client(struct context *context, const char *client,
                                     const char *federation, json_t **found) {
  json_t *rows = NULL, *row;
  size_t i;
  *found = NULL;
  enum tamis_status status = context_query(context, "clients", 1, &federation, &rows);
  if (status != TAMIS_OK) return status;
  *found = json_array();
  json_array_foreach(rows, i, row) {
    const char *name = json_string_value(json_object_get(row, "client"));
    if (name != NULL && strcmp(name, client) == 0) json_array_append(*found, row);
  }
  json_decref(rows);
  if (json_array_size(*found) > 0) return TAMIS_OK;
  json_decref(*found);
  *found = NULL;
  return fault_set(&context->fault, TAMIS_NOT_FOUND, "there is no enrolled client \"%.64s\"%s%.64s",
                   client, *federation == '\0' ? "" : " in ", federation);
}

static void print_moves(struct context *context, const json_t *moves) {
  char from[24], to[24], sentence[OUTPUT_CELL_SIZE];
  const json_t *row;
  size_t i;
  if (json_array_size(moves) == 0) return;
  fprintf(context->out, "\nmoves\n");
  json_array_foreach(moves, i, row) {
    output_text(row, "to", to, sizeof to);
    fprintf(context->out, "  round %-4lld  %s -> %s%s%s, by %s\n",
            (long long)output_integer(row, "round"), output_text(row, "from", from, sizeof from),
            output_colour(context, to), to, output_colour_end(context), card_decider(row));
    output_text(row, "sentence", sentence, sizeof sentence);
    if (strcmp(sentence, "-") != 0) output_paragraph(context, sentence);
  }
}

/* Updates that nobody has spoken about. */
static void print_waiting(struct context *context, const json_t *waiting) {
  const json_t *row;
  size_t i, count = json_array_size(waiting);
  json_array_foreach(waiting, i, row) {
    if (i == 3 && count > 4) {
      fprintf(context->out, "  tamis review list      (%zu more of its updates wait)\n", count - 3);
      break;
    }
    fprintf(context->out, "  tamis review show %lld      (its update of round %lld)\n",
            (long long)output_integer(row, "index"), (long long)output_integer(row, "round"));
  }
}

static void print_client(struct context *context, const json_t *data) {
  char a[OUTPUT_CELL_SIZE], b[OUTPUT_CELL_SIZE];
  output_field(context, "client", "%s of %s", output_text(data, "client", a, sizeof a),
               output_text(data, "organisation", b, sizeof b));
  output_field(context, "federation", "%s", output_text(data, "federation", a, sizeof a));
  output_text(data, "state", a, sizeof a);
  output_field(context, "state", "%s%s%s%s", output_colour(context, a), a,
               output_colour_end(context), output_flag(data, "revoked") ? ", key revoked" : "");
  output_field(context, "why", "%s", output_text(data, "sentence", a, sizeof a));
  output_field(context, "reputation", "%.3f, at the least %.3f", output_real(data, "reputation"),
               output_real(data, "trust"));
  output_field(context, "risk", "%.3f, of its organisation %.3f", output_real(data, "risk"),
               output_real(data, "organisation_risk"));
  output_field(context, "strikes", "%lld", (long long)output_integer(data, "strikes"));
  output_field(context, "drift", "%.3f from the cohort, %.3f from its own mean",
               output_real(data, "cusum"), output_real(data, "drift"));
  output_field(context, "updates", "%lld judged: %lld accepted, %lld held, %lld rejected",
               (long long)output_integer(data, "rounds"),
               (long long)output_integer(data, "accepted"), (long long)output_integer(data, "held"),
               (long long)output_integer(data, "rejected"));
  output_field(context, "refused", "%lld at the door", (long long)output_integer(data, "refused"));
  output_field(context, "last round", "%lld", (long long)output_integer(data, "last_round"));
  card_rounds(context, json_object_get(data, "recent"));
  print_moves(context, json_object_get(data, "moves"));
  card_decisions(context, json_object_get(data, "decisions"));
  card_next(context, data);
  print_waiting(context, json_object_get(data, "waiting"));
}

/* Of the client alone; new references. */
static enum tamis_status ask_all(struct context *context, const char *federation,
                                 const char *client, json_t *card) {
  const char *const of_federation[] = {federation, client};
  const char *const of_client[] = {client, federation};
  const char *const open[] = {federation, "open"};
  json_t *moves = NULL, *recent = NULL, *decisions = NULL, *reviews = NULL, *row;
  json_t *waiting = json_array();
  size_t i;
  enum tamis_status status = context_query(context, "moves", 2, of_federation, &moves);
  if (status == TAMIS_OK) status = context_query(context, "client-rounds", 2, of_client, &recent);
  if (status == TAMIS_OK)
    status = context_query(context, "decisions", 2, of_federation, &decisions);
  if (status == TAMIS_OK) status = context_query(context, "reviews", 2, open, &reviews);
  json_array_foreach(reviews, i, row) {
    const char *name = json_string_value(json_object_get(row, "client"));
    if (name != NULL && strcmp(name, client) == 0) json_array_append(waiting, row);
  }
  json_object_set_new(card, "moves", moves ? moves : json_array());
  json_object_set_new(card, "recent", recent ? recent : json_array());
  json_object_set_new(card, "decisions", decisions ? decisions : json_array());
  json_object_set_new(card, "waiting", waiting);
  json_decref(reviews);
  return status;
}

static enum tamis_status show_one(struct context *context, const char *client, const json_t *row) {
  const char *federation = json_string_value(json_object_get(row, "federation"));
  json_t *card = json_deep_copy(row);
  enum tamis_status status = TAMIS_OK;
  if (federation != NULL && *federation != '\0')
    status = ask_all(context, federation, client, card);
  if (status == TAMIS_OK) output_thing(context, "client", client, card, print_client);
  json_decref(card);
  return status;
}

enum tamis_status client_show(struct context *context, const struct arguments *arguments) {
  json_t *rows = NULL;
  const char *client = arguments->word[0];
  enum tamis_status status =
      find_client(context, client, arguments_text(arguments, "federation", ""), &rows);
  if (status != TAMIS_OK) return status;
  if (json_array_size(rows) == 1) {
    status = show_one(context, client, json_array_get(rows, 0));
  } else {
    output_rows(context, &all_federations, rows);
    if (output_is_for_people(context))
      context_say(context, "It is in several: tamis client show %s --federation NAME", client);
  }
  json_decref(rows);
  return status;
}

/* ---- exclude, reinstate, revoke ---- */

static json_t *about(const struct arguments *arguments) {
  json_t *predicate = json_pack("{s:s, s:s}", "client", arguments->word[0], "reason",
                                arguments_text(arguments, "reason", ""));
  const char *federation = arguments_text(arguments, "federation", NULL);
  if (federation != NULL) json_object_set_new(predicate, "federation", json_string(federation));
  return predicate;
}

/* Without --since the round that is open now is the first held against the client. */
static enum tamis_status choose_since(struct context *context, const struct arguments *arguments,
                                      json_int_t *since) {
  json_t *row = NULL;
  enum tamis_status status =
      context_find(context, "federations", NULL, "federation",
                   arguments_text(arguments, "federation", ""), TAMIS_UNKNOWN_FEDERATION, &row);
  if (status != TAMIS_OK) return status;
  *since = (json_int_t)arguments_count(arguments, "since", (uint64_t)output_integer(row, "round"));
  json_decref(row);
  return TAMIS_OK;
}

static enum tamis_status act_on_key(struct context *context, const struct arguments *arguments,
                                    enum statement_kind kind, json_t *predicate,
                                    const char *verbed) {
  return client_key_act(context, arguments->word[0], kind, predicate, verbed,
                        arguments_has(arguments, "dry-run"));
}

enum tamis_status client_exclude(struct context *context, const struct arguments *arguments) {
  json_int_t since = 0;
  enum tamis_status status = check_name(context, arguments->word[0]);
  if (status == TAMIS_OK) status = choose_since(context, arguments, &since);
  if (status != TAMIS_OK) return status;
  json_t *predicate = about(arguments);
  json_object_set_new(predicate, "since", json_integer(since));
  return act_on_key(context, arguments, STATEMENT_EXCLUSION, predicate, "excluded");
}

enum tamis_status client_reinstate(struct context *context, const struct arguments *arguments) {
  enum tamis_status status = check_name(context, arguments->word[0]);
  if (status != TAMIS_OK) return status;
  return act_on_key(context, arguments, STATEMENT_REINSTATEMENT, about(arguments), "reinstated");
}

enum tamis_status client_revoke(struct context *context, const struct arguments *arguments) {
  enum tamis_status status = check_name(context, arguments->word[0]);
  if (status != TAMIS_OK) return status;
  return act_on_key(context, arguments, STATEMENT_KEY_REVOKE, about(arguments), "revoked");
}

/* ---- dispute ---- */

/* The update that the client sent in that round, not one that was refused. */
static enum tamis_status find_update(struct context *context, const char *federation,
                                     uint64_t round, const char *client, struct digest *update) {
  char number[24];
  const char *const which[] = {federation, number};
  json_t *rows = NULL, *row;
  size_t i;
  bool is_found = false;
  snprintf(number, sizeof number, "%llu", (unsigned long long)round);
  enum tamis_status status = context_query_federation(context, "round", 2, which, &rows);
  if (status != TAMIS_OK) return status;
  json_array_foreach(rows, i, row) {
    const char *name = json_string_value(json_object_get(row, "client"));
    const char *hex = json_string_value(json_object_get(row, "update"));
    if (name != NULL && hex != NULL && strcmp(name, client) == 0 &&
        !json_is_string(json_object_get(row, "status")))
      is_found = digest_from_hex(hex, strlen(hex), update);
  }
  json_decref(rows);
  if (is_found) return TAMIS_OK;
  return fault_set(&context->fault, TAMIS_NOT_FOUND, "%.64s has no update in round %s of %.64s",
                   client, number, federation);
}

enum tamis_status client_dispute(struct context *context, const struct arguments *arguments) {
  const char *client = arguments->word[0];
  const char *federation = arguments_text(arguments, "federation", "");
  uint64_t round = arguments_count(arguments, "round", 0), index = 0;
  bool closes = arguments_has(arguments, "close"), dry_run = arguments_has(arguments, "dry-run");
  struct digest update;
  json_t *result = NULL;
  enum tamis_status status = check_name(context, client);
  if (status == TAMIS_OK) status = context_operator(context);
  if (status == TAMIS_OK) status = find_update(context, federation, round, client, &update);
  if (status != TAMIS_OK) return status;
  json_t *predicate = about(arguments);
  json_object_set_new(predicate, "round", json_integer((json_int_t)round));
  json_object_set_new(predicate, "open", json_integer(closes ? 0 : 1));
  status = operator_submit(context->operator, STATEMENT_DISPUTE, predicate, "update", &update,
                           dry_run, &index, &result, &context->fault);
  json_decref(predicate);
  if (status != TAMIS_OK) return status;
  char hex[DIGEST_HEX_SIZE];
  digest_to_hex(&update, hex);
  json_t *data = json_pack("{s:s, s:s, s:I, s:s, s:I, s:b, s:o*}", "client", client, "federation",
                           federation, "round", (json_int_t)round, "update", hex, "index",
                           (json_int_t)index, "dry_run", dry_run, "result", result);
  output_change(context, "client", client, closes ? "dispute closed" : "disputed", dry_run, data);
  json_decref(data);
  return TAMIS_OK;
}
