/* One sentence for each kind of statement, in the words of DESIGN 3. */
#include "cli/sentence.h"

#include <stdio.h>
#include <stdarg.h>
#include <string.h>

#include "cli/human.h"
#include "proto/canonical.h"
#include "proto/envelope.h"

static const char *text(const struct statement *statement, const char *field) {
  return statement_text(statement, field);
}

static long long integer(const struct statement *statement, const char *field) {
  return (long long)statement_integer(statement, field);
}

struct short_digest {
  char hex[DIGEST_HEX_SIZE];
};

static struct short_digest shorten(struct digest digest) {
  struct short_digest out;
  digest_to_hex(&digest, out.hex);
  out.hex[12] = '\0';
  return out;
}

struct name_list {
  char list[160];
};

/* "c1, c2 and 3 more" */
static struct name_list names(const struct statement *statement, const char *field) {
  const json_t *array = json_object_get(statement->predicate, field);
  struct name_list out = {""};
  size_t used = 0, count = json_array_size(array), i = 0;
  for (; i < count && used + 2 * 64 < sizeof out.list; i++)
    used += (size_t)snprintf(out.list + used, sizeof out.list - used, "%s%.64s", i ? ", " : "",
                             json_string_value(json_array_get(array, i)));
  if (i < count) snprintf(out.list + used, sizeof out.list - used, " and %zu more", count - i);
  return out;
}

static void write(char out[SENTENCE_SIZE], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void write(char out[SENTENCE_SIZE], const char *format, ...) {
  char raw[SENTENCE_SIZE];
  va_list list;
  va_start(list, format);
  vsnprintf(raw, sizeof raw, format, list);
  va_end(list);
  human_printable(raw, strlen(raw), out, SENTENCE_SIZE);
}

static void sentence_of_operator(const struct statement *s, char out[SENTENCE_SIZE]) {
  switch (s->kind) {
  case STATEMENT_GENESIS:
    write(out, "the log begins, %zu operator%s",
          json_array_size(json_object_get(s->predicate, "operators")),
          json_array_size(json_object_get(s->predicate, "operators")) == 1 ? "" : "s");
    break;
  case STATEMENT_FEDERATION_CREATE:
    write(out, "%s created: rule %s, %lld parameters, quorum %lld, model %s", text(s, "federation"),
          text(s, "rule"), integer(s, "parameters"), integer(s, "quorum"),
          shorten(s->subject[0]).hex);
    break;
  case STATEMENT_CLIENT_INVITE:
    write(out, "%s of %s invited", text(s, "client"), text(s, "organisation"));
    break;
  case STATEMENT_KEY_REVOKE:
    write(out, "key %s of %s revoked: %s", shorten(s->subject[0]).hex, text(s, "client"),
          text(s, "reason"));
    break;
  case STATEMENT_ROLE_GRANT:
    write(out, "%.*s is %s%s: %s", (int)strcspn(text(s, "key"), "+"), text(s, "key"),
          text(s, "role"), json_object_get(s->predicate, "not_after") ? " until its date" : "",
          text(s, "reason"));
    break;
  case STATEMENT_SEPARATION:
    write(out, "duties are separated from here on: %s", text(s, "reason"));
    break;
  case STATEMENT_PROPOSAL:
    write(out, "a %s proposed, it waits for another signature", text(s, "kind"));
    break;
  case STATEMENT_ROLE_REVOKE:
    write(out, "%s is no %s any more: %s", text(s, "person"), text(s, "role"), text(s, "reason"));
    break;
  case STATEMENT_EXCLUSION:
    write(out, "%s excluded from %s, held against it since round %lld: %s", text(s, "client"),
          text(s, "federation"), integer(s, "since"), text(s, "reason"));
    break;
  case STATEMENT_REINSTATEMENT:
    write(out, "%s back in %s: %s", text(s, "client"), text(s, "federation"), text(s, "reason"));
    break;
  case STATEMENT_ROLLBACK:
    write(out, "%s rolled back to round %lld, head %s: %s", text(s, "federation"),
          integer(s, "to_round"), shorten(s->subject[0]).hex, text(s, "reason"));
    break;
  case STATEMENT_RETENTION:
    if (integer(s, "keep_rounds") == 0)
      write(out, "%s keeps all updates: %s", text(s, "federation"), text(s, "reason"));
    else
      write(out, "%s keeps the updates of %lld rounds: %s", text(s, "federation"),
            integer(s, "keep_rounds"), text(s, "reason"));
    break;
  case STATEMENT_KNOWN_BAD:
    write(out, "known-bad feed %lld: %lld keys, %lld updates: %s", integer(s, "version"),
          integer(s, "keys"), integer(s, "updates"), text(s, "note"));
    break;
  case STATEMENT_POLICY_SET:
    write(out, "%s judged by policy %lld from the next round on: %s", text(s, "federation"),
          integer(s, "version"), text(s, "note"));
    break;
  case STATEMENT_DISPUTE:
    write(out, "%s round %lld: update of %s %s: %s", text(s, "federation"), integer(s, "round"),
          text(s, "client"), integer(s, "open") ? "disputed" : "no longer disputed",
          text(s, "reason"));
    break;
  case STATEMENT_EVALUATION:
    write(out, "%s round %lld: model %s has accuracy %.4f, loss %.4g, %.4g of the triggers hit",
          text(s, "federation"), integer(s, "round"), shorten(s->subject[0]).hex,
          statement_f64(s, "accuracy"), statement_f64(s, "loss"), statement_f64(s, "trigger_rate"));
    break;
  case STATEMENT_APPROVAL:
    write(out, "%s round %lld: candidate %s %s: %s", text(s, "federation"), integer(s, "round"),
          shorten(s->subject[0]).hex, integer(s, "approve") ? "approved" : "rejected",
          text(s, "reason"));
    break;
  case STATEMENT_FREEZE:
    write(out, "%s frozen, nothing is promoted: %s", text(s, "federation"), text(s, "reason"));
    break;
  case STATEMENT_UNFREEZE:
    write(out, "%s goes on: %s", text(s, "federation"), text(s, "reason"));
    break;
  case STATEMENT_REVIEW:
    write(out, "%s round %lld: update of %s %s%s: %s", text(s, "federation"), integer(s, "round"),
          text(s, "client"), strcmp(text(s, "decision"), "release") == 0 ? "released" : "rejected",
          integer(s, "opinion") ? " (an opinion)" : "", text(s, "reason"));
    break;
  case STATEMENT_REBUILD:
    write(out, "%s is rebuilt from round %lld on without %s: %s", text(s, "federation"),
          integer(s, "since"), names(s, "without").list, text(s, "reason"));
    break;
  default: break;
  }
}

static void sentence_of_round(const struct statement *s, char out[SENTENCE_SIZE]) {
  char bytes[HUMAN_TEXT_SIZE];
  switch (s->kind) {
  case STATEMENT_ROUND_OPEN:
    write(out, "%s round %lld opened: %lld selected, quorum %lld, %.3g s, base %s",
          text(s, "federation"), integer(s, "round"), integer(s, "selected"), integer(s, "quorum"),
          (double)(integer(s, "closes_at_ms") - integer(s, "opened_at_ms")) / 1000,
          shorten(s->subject[0]).hex);
    break;
  case STATEMENT_VERDICTS:
    write(out, "%s round %lld judged: %lld accepted, %lld clipped, %lld held, %lld rejected",
          text(s, "federation"), integer(s, "round"), integer(s, "accepted"), integer(s, "clipped"),
          integer(s, "held"), integer(s, "rejected"));
    break;
  case STATEMENT_AGGREGATE:
    write(out, "%s round %lld aggregated %lld updates by %s: candidate %s", text(s, "federation"),
          integer(s, "round"), integer(s, "updates"), text(s, "rule"), shorten(s->subject[0]).hex);
    break;
  case STATEMENT_GATE:
    write(out, "%s round %lld passed gate %s", text(s, "federation"), integer(s, "round"),
          text(s, "sentence"));
    break;
  case STATEMENT_AUTO_ROLLBACK:
    write(out, "%s rolled back by the server to round %lld, head %s: %s", text(s, "federation"),
          integer(s, "to_round"), shorten(s->subject[0]).hex, text(s, "sentence"));
    break;
  case STATEMENT_AUTO_FREEZE:
    write(out, "%s frozen by the server: %s", text(s, "federation"), text(s, "sentence"));
    break;
  case STATEMENT_WITNESSED:
    write(out, "%s round %lld witnessed by %lld clients of %lld organisations, tree of %lld",
          text(s, "federation"), integer(s, "round"), integer(s, "witnesses"),
          integer(s, "organisations"), integer(s, "size"));
    break;
  case STATEMENT_REBUILT:
    write(out, "%s round %lld redoes round %lld with %lld updates, model %s: %s",
          text(s, "federation"), integer(s, "round"), integer(s, "of"), integer(s, "updates"),
          shorten(s->subject[0]).hex, text(s, "sentence"));
    break;
  case STATEMENT_PROMOTE:
    write(out, "%s round %lld promoted: head is now %s", text(s, "federation"), integer(s, "round"),
          shorten(s->subject[0]).hex);
    break;
  case STATEMENT_SHADOW:
    write(out, "%s round %lld: %lld of %lld shadows, the furthest at a distance of %.3g",
          text(s, "federation"), integer(s, "round"), integer(s, "feasible"), integer(s, "rules"),
          statement_f64(s, "distance"));
    break;
  case STATEMENT_HOLD:
    write(out, "%s round %lld on hold: %s", text(s, "federation"), integer(s, "round"),
          text(s, "sentence"));
    break;
  case STATEMENT_ABANDON:
    write(out, "%s round %lld abandoned with %lld of %lld updates: %s", text(s, "federation"),
          integer(s, "round"), integer(s, "received"), integer(s, "quorum"), text(s, "sentence"));
    break;
  case STATEMENT_TOMBSTONE:
    human_bytes((uint64_t)integer(s, "bytes"), bytes);
    write(out, "%s round %lld: %lld updates dropped by policy, %s", text(s, "federation"),
          integer(s, "round"), integer(s, "updates"), bytes);
    break;
  case STATEMENT_SNAPSHOT:
    write(out, "the first %lld entries add up to state %s", integer(s, "size"),
          shorten(s->subject[0]).hex);
    break;
  default: break;
  }
}

static void sentence_of_client(const struct statement *s, char out[SENTENCE_SIZE]) {
  switch (s->kind) {
  case STATEMENT_KEY_ROTATE:
    write(out, "%s has a new key %s", text(s, "name"), shorten(s->subject[0]).hex);
    break;
  case STATEMENT_KEY_ENROL: write(out, "%s enrolled its key", text(s, "client")); break;
  case STATEMENT_UPDATE:
    write(out, "%s round %lld: %s sent %s, %lld examples, loss %.4g", text(s, "federation"),
          integer(s, "round"), text(s, "client"), shorten(s->subject[0]).hex,
          integer(s, "examples"), statement_f64(s, "loss"));
    break;
  case STATEMENT_REFUSAL:
    write(out, "%s round %lld: %s refused, %s: %s", text(s, "federation"), integer(s, "round"),
          text(s, "client"), text(s, "status"), text(s, "sentence"));
    break;
  case STATEMENT_AMENDED:
  case STATEMENT_CLIENT_STATE:
    write(out, "%s round %lld: %s %s -> %s: %s", text(s, "federation"), integer(s, "round"),
          text(s, "client"), text(s, "from"), text(s, "to"), text(s, "sentence"));
    break;
  default: break;
  }
}

void sentence_of(const struct statement *statement, char out[SENTENCE_SIZE]) {
  out[0] = '\0';
  sentence_of_operator(statement, out);
  if (out[0] == '\0') sentence_of_round(statement, out);
  if (out[0] == '\0') sentence_of_client(statement, out);
  const char *glass = statement_optional(statement, "break_glass");
  size_t used = strlen(out);
  if (glass[0] != '\0') snprintf(out + used, SENTENCE_SIZE - used, " -- GLASS BROKEN: %s", glass);
}

/* The predicate's own field when the kind has it. */
static void copy_field(json_t *row, const char *key, const json_t *predicate) {
  const char *field = NULL;
  int64_t integer_field;
  if (canonical_text(predicate, key, &field))
    json_object_set_new(row, key, json_string(field));
  else if (canonical_integer(predicate, key, &integer_field))
    json_object_set_new(row, key, json_integer(integer_field));
  else
    json_object_set_new(row, key, json_null());
}

static void fill_row(json_t *row, const struct statement *statement, const char *signer) {
  char sentence[SENTENCE_SIZE];
  sentence_of(statement, sentence);
  json_object_set_new(row, "kind", json_string(statement_kind_name(statement->kind)));
  copy_field(row, "federation", statement->predicate);
  copy_field(row, "round", statement->predicate);
  copy_field(row, "client", statement->predicate);
  json_object_set_new(row, "signer", json_string(signer));
  json_object_set_new(row, "sentence", json_string(sentence));
  json_object_set(row, "statement", statement->root);
}

json_t *sentence_entry(const char *origin, uint64_t index, const char *envelope, size_t length) {
  struct envelope opened;
  struct statement statement;
  struct fault fault;
  json_t *row = json_pack("{s:I, s:s, s:I, s:n}", "index", (json_int_t)index, "kind", "unreadable",
                          "size", (json_int_t)length, "statement");
  if (envelope_open(envelope, length, &opened, &fault) != TAMIS_OK) {
    json_object_set_new(row, "sentence", json_string(fault.text));
    return row;
  }
  if (statement_read(opened.payload, opened.payload_length, origin, &statement, &fault) ==
      TAMIS_OK) {
    char signers[ENVELOPE_SIGNERS_SIZE];
    envelope_signers(&opened, signers);
    fill_row(row, &statement, signers);
    statement_close(&statement);
  } else {
    json_object_set_new(row, "sentence", json_string(fault.text));
  }
  envelope_close(&opened);
  return row;
}
