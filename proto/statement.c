/* Every kind of statement as a row of fields: the reader, the writer and PROTOCOL.md's table are
 * three views of this one. */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "proto/canonical.h"
#include "proto/statement.h"
#include "proto/text.h"

enum { FIELDS_MAX = 28, TEXT_MAX = 400, OPERATORS_MAX = 8, POLICY_MAX = 64, NAMES_MAX = 64 };

/* Bounds of integers. They keep absurd numbers out; what is wise is the decider's business. */
#define ANY INT64_C(9007199254740991)     /* all that canonical JSON can say */
#define ROUND_MAX INT64_C(1000000000)     /* a round a second for thirty years */
#define CLIENTS_MAX INT64_C(1000000)      /* of one federation */
#define PARAMETERS_MAX (INT64_C(1) << 40) /* 4 TiB of floats */
#define PERIOD_MAX INT64_C(2678400000)    /* 31 days in milliseconds */
#define POLICIES_MAX STATEMENT_POLICIES_MAX
#define FEED_MAX 4096                          /* of each list */
#define UNIX_SECONDS_MAX INT64_C(253402300799) /* the end of year 9999 */

struct row {
  const char *subject[STATEMENT_SUBJECTS_MAX];
  struct statement_field field[FIELDS_MAX]; /* ends at the first without a name */
};

static const char *const kind_names[] = {
#define X(name, text, signer) text,
    STATEMENT_KIND_MAP(X)
#undef X
};

static const char *const kind_signers[] = {
#define X(name, text, signer) signer,
    STATEMENT_KIND_MAP(X)
#undef X
};

static const char *const type_names[] = {
    [STATEMENT_NAME] = "name",   [STATEMENT_TEXT] = "text",     [STATEMENT_INTEGER] = "int",
    [STATEMENT_F64] = "f64",     [STATEMENT_DIGEST] = "digest", [STATEMENT_HEX16] = "hex16",
    [STATEMENT_VKEY] = "vkey",   [STATEMENT_VKEYS] = "vkeys",   [STATEMENT_POLICY] = "policy",
    [STATEMENT_NAMES] = "names",
};

/* clang-format off */
#define NAME(field) {field, STATEMENT_NAME, 0, 0, false}
#define TEXT(field) {field, STATEMENT_TEXT, 0, 0, false}
#define OPTIONAL(field) {field, STATEMENT_TEXT, 0, 0, true}
#define F64(field) {field, STATEMENT_F64, 0, 0, false}
#define DIGEST(field) {field, STATEMENT_DIGEST, 0, 0, false}
#define OPTIONAL_DIGEST(field) {field, STATEMENT_DIGEST, 0, 0, true}
#define VKEY(field) {field, STATEMENT_VKEY, 0, 0, false}
#define INT(field, min, max) {field, STATEMENT_INTEGER, min, max, false}
#define OPTIONAL_INT(field, min, max) {field, STATEMENT_INTEGER, min, max, true}
#define ROUND INT("round", 1, ROUND_MAX)
#define NONCE {"nonce", STATEMENT_HEX16, 0, 0, false}
#define COUNT(field) INT(field, 0, CLIENTS_MAX)
#define BREAK_GLASS OPTIONAL("break_glass")
#define TIME_MS(field) INT(field, 0, ANY)

static const struct row rows[STATEMENT_KIND_COUNT] = {
  [STATEMENT_GENESIS] = {{"log"}, {
    VKEY("log_key"), VKEY("aggregator_key"), {"operators", STATEMENT_VKEYS, 1, OPERATORS_MAX, false},
    NONCE}},
  [STATEMENT_FEDERATION_CREATE] = {{"model"}, {
    NAME("federation"), TEXT("rule"), OPTIONAL("optimiser"), DIGEST("layout"),
    INT("parameters", 1, PARAMETERS_MAX), INT("quorum", 1, CLIENTS_MAX), COUNT("cohort"),
    INT("over_selection_percent", 0, 1000), INT("deadline_ms", 1, PERIOD_MAX), INT("rounds_max", 0, ROUND_MAX), F64("norm_max"),
    INT("examples_max", 1, ANY), {"policy", STATEMENT_POLICY, 0, POLICY_MAX, false}, NONCE,
    OPTIONAL_INT("witness_organisations", 0, CLIENTS_MAX),
    OPTIONAL_INT("witness_per_organisation", 1, CLIENTS_MAX), OPTIONAL_INT("keep_rounds", 0, ROUND_MAX),
    OPTIONAL("shadows"),
    OPTIONAL("gates"), OPTIONAL_INT("freeze_after", 0, ROUND_MAX), OPTIONAL_DIGEST("suite")}},
  [STATEMENT_CLIENT_INVITE] = {{"token"}, {
    NAME("client"), NAME("organisation"), INT("not_after", 0, UNIX_SECONDS_MAX), NONCE, BREAK_GLASS}},
  [STATEMENT_KEY_ENROL] = {{"key"}, {
    NAME("client"), VKEY("key"), DIGEST("token")}},
  [STATEMENT_KEY_REVOKE] = {{"key"}, {
    NAME("client"), TEXT("reason"), NONCE}},
  [STATEMENT_ROLE_GRANT] = {{"key"}, {
    VKEY("key"), NAME("role"), OPTIONAL_INT("not_after", 1, UNIX_SECONDS_MAX), TEXT("reason"), NONCE, BREAK_GLASS}},
  [STATEMENT_ROLE_REVOKE] = {{"key"}, {
    TEXT("person"), NAME("role"), TEXT("reason"), NONCE, BREAK_GLASS}},
  [STATEMENT_SEPARATION] = {{"log"}, {
    TEXT("reason"), NONCE}},
  [STATEMENT_PROPOSAL] = {{"statement"}, {
    NAME("kind"), DIGEST("envelope"), NONCE}},
  [STATEMENT_KEY_ROTATE] = {{"key"}, {
    TEXT("name"), VKEY("key"), DIGEST("old"), NONCE}},
  [STATEMENT_ROUND_OPEN] = {{"base"}, {
    NAME("federation"), ROUND, TEXT("rule"), OPTIONAL("optimiser"), DIGEST("layout"),
    INT("parameters", 1, PARAMETERS_MAX), DIGEST("cohort"), COUNT("selected"),
    INT("quorum", 1, CLIENTS_MAX), COUNT("target"), TIME_MS("opened_at_ms"), TIME_MS("closes_at_ms"), F64("norm_max"),
    INT("examples_max", 1, ANY), DIGEST("randomness"),
    OPTIONAL_INT("policy_version", 2, POLICIES_MAX), OPTIONAL("gates")}},
  [STATEMENT_UPDATE] = {{"update"}, {
    NAME("federation"), ROUND, DIGEST("base"), NAME("client"), INT("size", 0, ANY),
    INT("examples", -ANY, ANY), F64("loss"), INT("train_ms", 0, ANY), NONCE,
    INT("checkpoint_size", 0, ANY), DIGEST("checkpoint_root")}},
  [STATEMENT_REFUSAL] = {{"update"}, {
    NAME("federation"), ROUND, NAME("client"), TEXT("status"), TEXT("sentence"),
    DIGEST("statement")}},
  [STATEMENT_VERDICTS] = {{"manifest"}, {
    NAME("federation"), ROUND, COUNT("accepted"), COUNT("clipped"), COUNT("held"),
    COUNT("rejected"), DIGEST("gram"), TIME_MS("at_ms")}},
  [STATEMENT_CLIENT_STATE] = {{"manifest"}, {
    NAME("federation"), ROUND, NAME("client"), TEXT("from"), TEXT("to"), TEXT("sentence")}},
  [STATEMENT_AGGREGATE] = {{"model", "manifest"}, {
    NAME("federation"), ROUND, TEXT("rule"), COUNT("updates"), OPTIONAL_INT("at_ms", 0, ANY),
    OPTIONAL("gate")}},
  [STATEMENT_WITNESSED] = {{"manifest"}, {
    NAME("federation"), ROUND, INT("size", 1, ANY), DIGEST("root"), COUNT("organisations"),
    COUNT("witnesses")}},
  [STATEMENT_SHADOW] = {{"manifest"}, {
    NAME("federation"), ROUND, COUNT("rules"), COUNT("feasible"), F64("distance"),
    TIME_MS("at_ms")}},
  [STATEMENT_PROMOTE] = {{"model"}, {
    NAME("federation"), ROUND, DIGEST("from"), TIME_MS("at_ms")}},
  [STATEMENT_HOLD] = {{"model"}, {
    NAME("federation"), ROUND, TEXT("sentence"), TIME_MS("at_ms"), OPTIONAL("gate")}},
  [STATEMENT_ABANDON] = {{"base"}, {
    NAME("federation"), ROUND, TEXT("status"), TEXT("sentence"), COUNT("received"),
    INT("quorum", 1, CLIENTS_MAX), TIME_MS("at_ms")}},
  [STATEMENT_EXCLUSION] = {{"key"}, {
    NAME("federation"), NAME("client"), INT("since", 0, ROUND_MAX), TEXT("reason"), NONCE, BREAK_GLASS}},
  [STATEMENT_REINSTATEMENT] = {{"key"}, {
    NAME("federation"), NAME("client"), TEXT("reason"), NONCE, BREAK_GLASS}},
  [STATEMENT_ROLLBACK] = {{"model"}, {
    NAME("federation"), INT("to_round", 0, ROUND_MAX), TEXT("reason"), NONCE, BREAK_GLASS}},
  [STATEMENT_REBUILD] = {{"model"}, {
    NAME("federation"), INT("since", 1, ROUND_MAX), {"without", STATEMENT_NAMES, 1, NAMES_MAX, false},
    TEXT("reason"), NONCE, BREAK_GLASS}},
  [STATEMENT_REBUILT] = {{"model", "manifest"}, {
    NAME("federation"), ROUND, INT("of", 1, ROUND_MAX), TEXT("rule"), COUNT("updates"),
    TEXT("sentence"), TIME_MS("at_ms")}},
  [STATEMENT_SNAPSHOT] = {{"state"}, {
    INT("size", 1, ANY), INT("format", 1, 1000)}},
  [STATEMENT_RETENTION] = {{"model"}, {
    NAME("federation"), INT("keep_rounds", 0, ROUND_MAX), TEXT("reason"), NONCE}},
  [STATEMENT_DISPUTE] = {{"update"}, {
    NAME("federation"), ROUND, NAME("client"), INT("open", 0, 1), TEXT("reason"), NONCE}},
  [STATEMENT_REVIEW] = {{"update"}, {
    NAME("federation"), ROUND, NAME("client"), TEXT("decision"), INT("opinion", 0, 1),
    TEXT("standing"), INT("basis", 0, ANY), TEXT("reason"), NONCE}},
  [STATEMENT_AMENDED] = {{"manifest"}, {
    NAME("federation"), ROUND, NAME("client"), INT("review", 0, ANY), INT("basis", 0, ANY), TEXT("from"), TEXT("to"),
    TEXT("sentence")}},
  [STATEMENT_TOMBSTONE] = {{"manifest"}, {
    NAME("federation"), ROUND, INT("updates", 1, CLIENTS_MAX), INT("bytes", 0, ANY)}},
  [STATEMENT_POLICY_SET] = {{"policy"}, {
    NAME("federation"), INT("version", 2, POLICIES_MAX), {"policy", STATEMENT_POLICY, 0, POLICY_MAX, false},
    TEXT("note"), {"report", STATEMENT_DIGEST, 0, 0, true}, NONCE}},
  [STATEMENT_GATE] = {{"model"}, {
    NAME("federation"), ROUND, TEXT("gate"), OPTIONAL("next"), TEXT("sentence"), TIME_MS("at_ms")}},
  [STATEMENT_APPROVAL] = {{"model"}, {
    NAME("federation"), ROUND, INT("approve", 0, 1), TEXT("reason"), NONCE}},
  [STATEMENT_FREEZE] = {{"model"}, {
    NAME("federation"), TEXT("reason"), NONCE}},
  [STATEMENT_UNFREEZE] = {{"model"}, {
    NAME("federation"), TEXT("reason"), NONCE}},
  [STATEMENT_AUTO_FREEZE] = {{"model"}, {
    NAME("federation"), ROUND, TEXT("sentence"), TIME_MS("at_ms")}},
  [STATEMENT_EVALUATION] = {{"model", "manifest"}, {
    NAME("federation"), INT("round", 0, ROUND_MAX), DIGEST("suite"), INT("examples", 1, ANY), F64("accuracy"), F64("loss"),
    F64("trigger_rate"), NONCE}},
  [STATEMENT_AUTO_ROLLBACK] = {{"model"}, {
    NAME("federation"), ROUND, INT("to_round", 0, ROUND_MAX), INT("evaluation", 0, ANY), TEXT("sentence"), TIME_MS("at_ms")}},
  [STATEMENT_KNOWN_BAD] = {{"manifest"}, {
    INT("version", 1, ROUND_MAX), INT("keys", 0, FEED_MAX), INT("updates", 0, FEED_MAX), TEXT("note"),
    NONCE}},
};
/* clang-format on */

const char *statement_kind_name(enum statement_kind kind) {
  assert((unsigned)kind < STATEMENT_KIND_COUNT);
  return kind_names[kind];
}

const char *statement_kind_signer(enum statement_kind kind) {
  assert((unsigned)kind < STATEMENT_KIND_COUNT);
  return kind_signers[kind];
}

bool statement_kind_from_name(const char *name, enum statement_kind *kind) {
  for (unsigned i = 0; i < STATEMENT_KIND_COUNT; i++) {
    if (strcmp(kind_names[i], name) != 0) continue;
    *kind = (enum statement_kind)i;
    return true;
  }
  return false;
}

const char *statement_kind_subject(enum statement_kind kind, size_t index) {
  assert((unsigned)kind < STATEMENT_KIND_COUNT);
  return index < STATEMENT_SUBJECTS_MAX ? rows[kind].subject[index] : NULL;
}

const struct statement_field *statement_kind_field(enum statement_kind kind, size_t index) {
  assert((unsigned)kind < STATEMENT_KIND_COUNT);
  if (index >= FIELDS_MAX || !rows[kind].field[index].name) return NULL;
  return &rows[kind].field[index];
}

const char *statement_type_name(enum statement_type type) {
  return type_names[type];
}

static bool is_text(const json_t *value, size_t length_max) {
  return json_is_string(value) && json_string_length(value) <= length_max &&
         text_is_printable(json_string_value(value), json_string_length(value));
}

static bool is_name(const json_t *value) {
  return json_is_string(value) && text_is_name(json_string_value(value), json_string_length(value));
}

static bool is_finite(const json_t *value) {
  double number;
  return canonical_f64_read(value, &number) && isfinite(number);
}

static bool is_hex(const json_t *value, size_t bytes) {
  uint8_t ignored[DIGEST_SIZE];
  return json_is_string(value) &&
         text_hex_decode(json_string_value(value), json_string_length(value), ignored, bytes);
}

static bool is_vkey(const json_t *value) {
  struct public_key key;
  return json_is_string(value) &&
         key_vkey_read(json_string_value(value), json_string_length(value), &key, NULL) == TAMIS_OK;
}

static bool is_within(const json_t *value, const struct statement_field *field) {
  return json_is_integer(value) && json_integer_value(value) >= field->min &&
         json_integer_value(value) <= field->max;
}

static bool is_vkeys(const json_t *value, const struct statement_field *field) {
  size_t count = json_array_size(value);
  if (!json_is_array(value) || count < (size_t)field->min || count > (size_t)field->max)
    return false;
  for (size_t i = 0; i < count; i++)
    if (!is_vkey(json_array_get(value, i))) return false;
  return true;
}

/* In order and each once, so that a list has one spelling. */
static bool is_names(const json_t *value, const struct statement_field *field) {
  size_t count = json_array_size(value);
  const char *before = "";
  if (!json_is_array(value) || count < (size_t)field->min || count > (size_t)field->max)
    return false;
  for (size_t i = 0; i < count; i++) {
    const json_t *name = json_array_get(value, i);
    if (!is_name(name) || strcmp(before, json_string_value(name)) >= 0) return false;
    before = json_string_value(name);
  }
  return true;
}

static bool is_policy(const json_t *value, const struct statement_field *field) {
  if (!json_is_object(value) || json_object_size(value) > (size_t)field->max) return false;
  json_t *object = (json_t *)(uintptr_t)value; /* jansson iterates through a pointer to non-const */
  const char *key;
  json_t *number;
  json_object_foreach(object, key, number) {
    if (!is_finite(number)) return false;
  }
  return true;
}

static bool is_of_field(const json_t *value, const struct statement_field *field) {
  switch (field->type) {
  case STATEMENT_NAME: return is_name(value);
  case STATEMENT_TEXT: return is_text(value, TEXT_MAX);
  case STATEMENT_INTEGER: return is_within(value, field);
  case STATEMENT_F64: return is_finite(value);
  case STATEMENT_DIGEST: return is_hex(value, DIGEST_SIZE);
  case STATEMENT_HEX16: return is_hex(value, 16);
  case STATEMENT_VKEY: return is_vkey(value);
  case STATEMENT_VKEYS: return is_vkeys(value, field);
  case STATEMENT_NAMES: return is_names(value, field);
  case STATEMENT_POLICY: return is_policy(value, field);
  }
  return false;
}

/* Each field of the row is there once, unless it may be left out, and as many as the object has: so
 * there is no other. */
static enum tamis_status check_predicate(enum statement_kind kind, const json_t *predicate,
                                         struct fault *fault) {
  const char *name = kind_names[kind];
  size_t found = 0;
  if (!json_is_object(predicate))
    return fault_set(fault, TAMIS_BAD_STATEMENT, "%s: the predicate is not an object", name);
  const struct statement_field *field;
  for (size_t i = 0; (field = statement_kind_field(kind, i)); i++) {
    const json_t *value = json_object_get(predicate, field->name);
    if (!value && field->is_optional) continue;
    if (!value)
      return fault_set(fault, TAMIS_BAD_STATEMENT, "%s: %s is missing", name, field->name);
    if (!is_of_field(value, field))
      return fault_set(fault, TAMIS_BAD_STATEMENT, "%s: %s is not a valid %s", name, field->name,
                       type_names[field->type]);
    found++;
  }
  if (json_object_size(predicate) != found)
    return fault_set(fault, TAMIS_BAD_STATEMENT, "%s: a field that is not of this kind", name);
  return TAMIS_OK;
}

static size_t subjects_of(enum statement_kind kind) {
  size_t count = 0;
  while (statement_kind_subject(kind, count)) count++;
  return count;
}

/* NULL without memory. */
static json_t *subject_json(size_t count, const char *const *name, const struct digest *digest) {
  json_t *list = json_array();
  char hex[DIGEST_HEX_SIZE];
  for (size_t i = 0; list && i < count; i++) {
    digest_to_hex(&digest[i], hex);
    json_t *one = json_pack("{s:{s:s}, s:s}", "digest", "sha256", hex, "name", name[i]);
    if (json_array_append_new(list, one) == 0) continue;
    json_decref(list);
    list = NULL;
  }
  return list;
}

/* Length of "https://ORIGIN/v1/KIND" is bounded by its parts. */
enum { TYPE_MAX = sizeof "https:///v1/" + TEXT_ORIGIN_MAX + 32 };

static const char statement_type_uri[] = "https://in-toto.io/Statement/v1";

enum tamis_status statement_write(const char *origin, enum statement_kind kind,
                                  const json_t *predicate, size_t subject_count,
                                  const char *const *subject_name, const struct digest *subject,
                                  char **payload, size_t *length, struct fault *fault) {
  char type[TYPE_MAX];
  if (!text_is_origin(origin, strlen(origin)))
    return fault_set(fault, TAMIS_BAD_STATEMENT, "%s is not an origin", origin);
  enum tamis_status status = check_predicate(kind, predicate, fault);
  if (status != TAMIS_OK) return status;
  bool named = subject_count == subjects_of(kind);
  for (size_t i = 0; named && i < subject_count; i++)
    named = strcmp(subject_name[i], rows[kind].subject[i]) == 0;
  if (!named) return fault_set(fault, TAMIS_BAD_STATEMENT, "%s: wrong subjects", kind_names[kind]);
  snprintf(type, sizeof type, "https://%s/v1/%s", origin, kind_names[kind]);
  json_t *root = json_pack("{s:s, s:o, s:s, s:o}", "_type", statement_type_uri, "predicate",
                           json_deep_copy(predicate), "predicateType", type, "subject",
                           subject_json(subject_count, subject_name, subject));
  if (!root) return fault_plain(fault, TAMIS_NO_MEMORY);
  status = canonical_encode(root, payload, length, fault);
  json_decref(root);
  return status;
}

/* Takes "https://ORIGIN/v1/KIND" apart from the right, as an origin may itself hold slashes. */
static enum tamis_status read_type(const char *type, const char *origin, enum statement_kind *kind,
                                   struct fault *fault) {
  static const char scheme[] = "https://", version[] = "/v1";
  enum { SCHEME = sizeof scheme - 1, VERSION = sizeof version - 1 };
  const char *slash = strrchr(type, '/');
  if (strncmp(type, scheme, SCHEME) != 0 || slash - type < SCHEME + VERSION ||
      memcmp(slash - VERSION, version, VERSION) != 0)
    return fault_set(fault, TAMIS_BAD_STATEMENT, "predicateType is not https://ORIGIN/v1/KIND");
  const char *named = type + SCHEME;
  size_t named_length = (size_t)(slash - VERSION - named);
  if (named_length != strlen(origin) || memcmp(named, origin, named_length) != 0)
    return fault_set(fault, TAMIS_WRONG_ORIGIN, "the statement was signed for %.*s, this is %s",
                     (int)named_length, named, origin);
  if (!statement_kind_from_name(slash + 1, kind))
    return fault_set(fault, TAMIS_BAD_STATEMENT, "no kind of statement is called %s", slash + 1);
  return TAMIS_OK;
}

static bool read_subject(const json_t *object, const char *expected, struct digest *digest,
                         const char **name) {
  const json_t *digests = json_object_get(object, "digest");
  const char *hex;
  if (json_object_size(object) != 2 || json_object_size(digests) != 1 ||
      !canonical_text(object, "name", name) || !canonical_text(digests, "sha256", &hex))
    return false;
  return strcmp(*name, expected) == 0 && digest_from_hex(hex, strlen(hex), digest);
}

static enum tamis_status read_subjects(const json_t *list, struct statement *statement,
                                       struct fault *fault) {
  size_t count = subjects_of(statement->kind);
  bool good = json_is_array(list) && json_array_size(list) == count;
  for (size_t i = 0; good && i < count; i++)
    good = read_subject(json_array_get(list, i), rows[statement->kind].subject[i],
                        &statement->subject[i], &statement->subject_name[i]);
  if (!good)
    return fault_set(fault, TAMIS_BAD_STATEMENT, "%s: the subject must be %s and its SHA-256",
                     kind_names[statement->kind], rows[statement->kind].subject[0]);
  statement->subject_count = count;
  return TAMIS_OK;
}

static enum tamis_status read_root(const char *origin, struct statement *statement,
                                   struct fault *fault) {
  const json_t *root = statement->root;
  const char *statement_type, *predicate_type;
  if (!json_is_object(root) || json_object_size(root) != 4 ||
      !canonical_text(root, "_type", &statement_type) ||
      !canonical_text(root, "predicateType", &predicate_type) ||
      strcmp(statement_type, statement_type_uri) != 0)
    return fault_set(fault, TAMIS_BAD_STATEMENT, "not an in-toto Statement v1");
  enum tamis_status status = read_type(predicate_type, origin, &statement->kind, fault);
  if (status != TAMIS_OK) return status;
  statement->predicate = json_object_get(root, "predicate");
  status = check_predicate(statement->kind, statement->predicate, fault);
  if (status != TAMIS_OK) return status;
  return read_subjects(json_object_get(root, "subject"), statement, fault);
}

enum tamis_status statement_read(const char *payload, size_t length, const char *origin,
                                 struct statement *statement, struct fault *fault) {
  memset(statement, 0, sizeof *statement);
  if (length > ENVELOPE_SIZE_MAX)
    return fault_set(fault, TAMIS_TOO_LARGE, "a statement of %zu bytes does not fit an envelope",
                     length);
  enum tamis_status status = canonical_decode(payload, length, &statement->root, fault);
  if (status != TAMIS_OK) return status;
  status = read_root(origin, statement, fault);
  if (status != TAMIS_OK) statement_close(statement);
  return status;
}

void statement_close(struct statement *statement) {
  json_decref(statement->root);
  memset(statement, 0, sizeof *statement);
}

/* The checks of statement_read have passed, so a miss is a name misspelt by us. In every build it
 * must stop us: the value would be of another field, or none. */
static void must(bool found) {
  assert(found);
  if (!found) abort();
}

const char *statement_text(const struct statement *statement, const char *field) {
  const char *text = NULL;
  must(canonical_text(statement->predicate, field, &text));
  return text;
}

const char *statement_optional(const struct statement *statement, const char *field) {
  return json_object_get(statement->predicate, field) ? statement_text(statement, field) : "";
}

int64_t statement_integer(const struct statement *statement, const char *field) {
  int64_t integer = 0;
  must(canonical_integer(statement->predicate, field, &integer));
  return integer;
}

int64_t statement_optional_integer(const struct statement *statement, const char *field,
                                   int64_t otherwise) {
  bool is_there = json_object_get(statement->predicate, field) != NULL;
  return is_there ? statement_integer(statement, field) : otherwise;
}

double statement_f64(const struct statement *statement, const char *field) {
  double number = 0;
  must(canonical_double(statement->predicate, field, &number));
  return number;
}

struct digest statement_digest(const struct statement *statement, const char *field) {
  struct digest digest;
  const char *hex = statement_text(statement, field);
  must(digest_from_hex(hex, strlen(hex), &digest));
  return digest;
}

enum tamis_status statement_sign(const char *origin, enum statement_kind kind,
                                 const json_t *predicate, size_t subject_count,
                                 const char *const *subject_name, const struct digest *subject,
                                 const struct secret_key *key, char **envelope, size_t *length,
                                 struct fault *fault) {
  char *payload = NULL;
  size_t payload_length = 0;
  enum tamis_status status = statement_write(origin, kind, predicate, subject_count, subject_name,
                                             subject, &payload, &payload_length, fault);
  if (status != TAMIS_OK) return status;
  status = envelope_sign(payload, payload_length, key, envelope, length, fault);
  free(payload);
  return status;
}
