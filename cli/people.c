/* `tamis role`, `tamis proposals` and `tamis cosign`: who holds what, and the second signature. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/command_run.h"
#include "cli/human.h"
#include "cli/sentence.h"
#include "proto/envelope.h"

/* ---- roles ---- */

static const struct column role_columns[] = {
    {"PERSON", "person", CELL_TEXT, false}, {"ROLE", "role", CELL_TEXT, false},
    {"UNTIL", "until", CELL_TEXT, false},   {"ENTRY", "index", CELL_COUNT, false},
    {"KEY", "key", CELL_TEXT, true},        {"BY", "signer", CELL_SENTENCE, false},
};

static void add_until(json_t *row) {
  time_t seconds = (time_t)json_integer_value(json_object_get(row, "not_after"));
  struct tm date;
  char text[32] = "no-end";
  if (seconds != 0 && gmtime_r(&seconds, &date))
    strftime(text, sizeof text, seconds <= time(NULL) ? "ended" : "%Y-%m-%dT%H:%MZ", &date);
  json_object_set_new(row, "until", json_string(text));
}

enum tamis_status role_list(struct context *context, const struct arguments *arguments) {
  static const struct sheet sheet = {"role", "Nobody holds a role.",
                                     sizeof role_columns / sizeof *role_columns, role_columns};
  json_t *rows = NULL, *row;
  size_t i;
  (void)arguments;
  enum tamis_status status = context_query(context, "roles", 0, NULL, &rows);
  if (status != TAMIS_OK) return status;
  json_array_foreach(rows, i, row) add_until(row);
  output_rows(context, &sheet, rows);
  json_decref(rows);
  return TAMIS_OK;
}

/* Says it of the person whose key it is. */
static enum tamis_status act_on_role(struct context *context, const struct arguments *arguments,
                                     enum statement_kind kind, const char *vkey, json_t *predicate,
                                     const char *verbed) {
  struct public_key key;
  uint64_t index = 0;
  json_t *result = NULL;
  bool is_dry = arguments_has(arguments, "dry-run");
  enum tamis_status status = key_vkey_read(vkey, strlen(vkey), &key, &context->fault);
  if (status == TAMIS_OK) status = context_operator(context);
  if (status == TAMIS_OK) {
    struct digest digest = digest_of(key.byte, sizeof key.byte);
    status = operator_submit(context->operator, kind, predicate, "key", &digest, is_dry, &index,
                             &result, &context->fault);
  }
  if (status == TAMIS_OK) {
    json_t *data = json_pack("{s:s, s:O, s:O, s:I}", "person", key.name, "role",
                             json_object_get(predicate, "role"), "reason",
                             json_object_get(predicate, "reason"), "index", (json_int_t)index);
    output_change(context, "role", key.name, verbed, is_dry, data);
    json_decref(data);
  }
  json_decref(result);
  json_decref(predicate);
  return status;
}

enum tamis_status role_grant(struct context *context, const struct arguments *arguments) {
  json_t *predicate =
      json_pack("{s:s, s:s, s:s}", "key", arguments->word[0], "role", arguments->word[1], "reason",
                arguments_text(arguments, "reason", ""));
  uint64_t valid_ms = arguments_duration_ms(arguments, "valid", 0);
  if (valid_ms)
    json_object_set_new(predicate, "not_after",
                        json_integer((json_int_t)(time(NULL) + (time_t)(valid_ms / 1000))));
  return act_on_role(context, arguments, STATEMENT_ROLE_GRANT, arguments->word[0], predicate,
                     "granted");
}

enum tamis_status role_revoke(struct context *context, const struct arguments *arguments) {
  json_t *row = NULL;
  enum tamis_status status =
      context_find(context, "roles", NULL, "person", arguments->word[0], TAMIS_NOT_FOUND, &row);
  if (status != TAMIS_OK) return status;
  const char *vkey = json_string_value(json_object_get(row, "key"));
  status =
      act_on_role(context, arguments, STATEMENT_ROLE_REVOKE, vkey ? vkey : "",
                  json_pack("{s:s, s:s, s:s}", "person", arguments->word[0], "role",
                            arguments->word[1], "reason", arguments_text(arguments, "reason", "")),
                  "revoked");
  json_decref(row);
  return status;
}

enum tamis_status role_separate(struct context *context, const struct arguments *arguments) {
  bool is_dry = arguments_has(arguments, "dry-run");
  uint64_t index = 0;
  json_t *result = NULL;
  enum tamis_status status = context_operator(context);
  if (status == TAMIS_OK && !is_dry && !arguments_has(arguments, "yes"))
    status = context_confirm(context, "separating duties", "From now on, for ever. Separate?");
  if (status != TAMIS_OK) return status;
  struct digest digest = digest_of(context->log_vkey, strlen(context->log_vkey));
  json_t *predicate = json_pack("{s:s}", "reason", arguments_text(arguments, "reason", ""));
  status = operator_submit(context->operator, STATEMENT_SEPARATION, predicate, "log", &digest,
                           is_dry, &index, &result, &context->fault);
  json_decref(predicate);
  json_decref(result);
  if (status != TAMIS_OK) return status;
  json_t *data = json_pack("{s:I}", "index", (json_int_t)index);
  output_change(context, "duties", operator_origin(context->operator), "separated", is_dry, data);
  json_decref(data);
  return TAMIS_OK;
}

/* ---- what waits for another signature ---- */

static const struct column proposal_columns[] = {
    {"ENTRY", "index", CELL_COUNT, false},      {"KIND", "kind", CELL_TEXT, false},
    {"BY", "signer", CELL_TEXT, false},         {"STATEMENT", "statement", CELL_DIGEST, true},
    {"WHAT", "sentence", CELL_SENTENCE, false},
};

/* The envelope that a row of `proposals` names; NULL when it cannot be had. */
static char *fetch_proposed(struct context *context, const json_t *row, size_t *length,
                            struct fault *fault) {
  const char *hex = json_string_value(json_object_get(row, "envelope"));
  struct digest digest;
  uint8_t *bytes = NULL;
  if (!hex || !digest_from_hex(hex, strlen(hex), &digest)) return NULL;
  if (operator_fetch(context->operator, & digest, ENVELOPE_SIZE_MAX, &bytes, length, fault) !=
      TAMIS_OK)
    return NULL;
  return (char *)bytes;
}

static void add_sentence(struct context *context, json_t *row) {
  size_t length = 0;
  struct fault fault;
  char *envelope = fetch_proposed(context, row, &length, &fault);
  if (!envelope) return;
  json_t *entry = sentence_entry(operator_origin(context->operator), 0, envelope, length);
  json_object_set(row, "sentence", json_object_get(entry, "sentence"));
  json_object_set(row, "signer", json_object_get(entry, "signer"));
  json_decref(entry);
  free(envelope);
}

enum tamis_status proposals_run(struct context *context, const struct arguments *arguments) {
  static const struct sheet sheet = {"proposal", "Nothing waits for another signature.",
                                     sizeof proposal_columns / sizeof *proposal_columns,
                                     proposal_columns};
  json_t *rows = NULL, *row;
  size_t i;
  (void)arguments;
  enum tamis_status status = context_query(context, "proposals", 0, NULL, &rows);
  if (status != TAMIS_OK) return status;
  json_array_foreach(rows, i, row) add_sentence(context, row);
  output_rows(context, &sheet, rows);
  json_decref(rows);
  return TAMIS_OK;
}

static enum tamis_status find_proposal(struct context *context, uint64_t index, json_t **found) {
  json_t *rows = NULL, *row;
  size_t i;
  *found = NULL;
  enum tamis_status status = context_query(context, "proposals", 0, NULL, &rows);
  json_array_foreach(rows, i, row) {
    if ((uint64_t)output_integer(row, "index") == index) *found = json_incref(row);
  }
  json_decref(rows);
  if (status != TAMIS_OK || *found) return status;
  fault_set(&context->fault, TAMIS_NOT_FOUND, "no proposal waits in entry %llu",
            (unsigned long long)index);
  return context_hint(context, TAMIS_NOT_FOUND, "see what waits: tamis proposals");
}

/* The text shown is made from the very bytes that are signed, not from what the server says. */
static enum tamis_status cosign(struct context *context, const struct arguments *arguments,
                                const char *envelope, size_t length) {
  json_t *shown = sentence_entry(operator_origin(context->operator), 0, envelope, length);
  uint64_t index = 0;
  enum tamis_status status = TAMIS_OK;
  char kind[64], signer[OUTPUT_CELL_SIZE], sentence[OUTPUT_CELL_SIZE];
  context_say(context, "%s, signed by %s:\n  %s", output_text(shown, "kind", kind, sizeof kind),
              output_text(shown, "signer", signer, sizeof signer),
              output_text(shown, "sentence", sentence, sizeof sentence));
  if (!arguments_has(arguments, "yes"))
    status = context_confirm(context, "signing it too", "Sign it too?");
  if (status == TAMIS_OK)
    status = operator_cosign(context->operator, envelope, length, &index, &context->fault);
  if (status == TAMIS_OK) {
    char entry[24];
    snprintf(entry, sizeof entry, "%llu", (unsigned long long)index);
    json_object_set_new(shown, "index", json_integer((json_int_t)index));
    output_change(context, "entry", entry, "signed by all", false, shown);
  }
  json_decref(shown);
  return status;
}

enum tamis_status cosign_run(struct context *context, const struct arguments *arguments) {
  uint64_t index = 0;
  size_t length = 0;
  json_t *row = NULL;
  enum tamis_status status = arguments_word_count(arguments, 0, &index, &context->fault);
  if (status == TAMIS_OK) status = context_operator(context);
  if (status == TAMIS_OK) status = find_proposal(context, index, &row);
  if (status != TAMIS_OK) return status;
  char *envelope = fetch_proposed(context, row, &length, &context->fault);
  status = envelope ? cosign(context, arguments, envelope, length)
                    : fault_set(&context->fault, TAMIS_NOT_FOUND, "its envelope is not there");
  free(envelope);
  json_decref(row);
  return status;
}
