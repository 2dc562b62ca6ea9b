/* Written from PROTOCOL.md with flat arrays and linear searches: slow and plain, to be different.
 */
#include "checker.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "proto/canonical.h"
#include "proto/envelope.h"

enum { CLIENTS = 256, ROUNDS = 4096, SENT = 16384 };

struct person {
  char name[65];
  bool revoked, excluded;
};

struct taken { /* an update of the round under way */
  char client[65], verdict[16], update[65];
};

struct checker {
  char origin[192];
  struct blob_store *blobs;
  struct person person[CLIENTS];
  size_t people;
  struct taken taken[CLIENTS];
  size_t updates;
  json_t *cohort;
  long round; /* under way; 0: none */
  long last_round;
  int phase; /* 0 none, 1 collecting, 2 judged, 3 aggregated */
  struct digest base, head, candidate;
  long head_round;
  struct digest model[ROUNDS]; /* promoted */
  bool has_momentum;           /* the federation's optimiser is CHECKER_MOMENTUM */
  long base_round;
  long witness_organisations; /* that the federation requires; 0: none */
  bool is_witnessed;
  char gates[401], passed[401]; /* of the federation; of the candidate, as far as it came */
  bool is_frozen, froze_rebuild;
  uint64_t aggregate_index, entries;
  struct digest memory[ROUNDS], remembered; /* with the models; with the candidate. Zero: none */
  long keep_rounds, policy_version, feed_version;
  json_t *known_bad; /* the feed's updates; NULL: none */
  /* Updates by their round and what they came to; their bytes, if gone, must be told of. */
  struct sent {
    char client[65], update[65], verdict[16];
    long round;
    bool is_here, is_dropped, is_disputed, is_resolved, is_spoken;
    uint64_t review; /* the entry that decided on it; 0: none */
  } sent[SENT];
  size_t sent_count;
  char compared[CLIENTS][65]; /* [person]: its last judged update; unknown after a rollback */
  bool promoted[ROUNDS];      /* or rebuilt */
  long parent[ROUNDS];        /* whose model a round started from */
  json_t *without;            /* of the rebuild under way; NULL: none */
  long since, last_of, rebuild_base;
  bool is_useful;
  long shadowed; /* the last round with shadows */
};

struct checker *checker_new(const char *origin, struct blob_store *blobs) {
  struct checker *checker = calloc(1, sizeof *checker);
  strncpy(checker->origin, origin, sizeof checker->origin - 1);
  checker->blobs = blobs;
  return checker;
}

void checker_free(struct checker *checker) {
  json_decref(checker->cohort);
  json_decref(checker->without);
  json_decref(checker->known_bad);
  free(checker);
}

struct digest checker_head(const struct checker *checker) {
  return checker->head;
}

static struct person *find(struct checker *checker, const char *name) {
  for (size_t i = 0; i < checker->people; i++)
    if (strcmp(checker->person[i].name, name) == 0) return &checker->person[i];
  return NULL;
}

static json_t *load(struct checker *checker, const struct digest *digest) {
  struct blob_view view;
  json_t *json = NULL;
  if (blob_map(checker->blobs, digest, true, &view, NULL) != TAMIS_OK) return NULL;
  canonical_decode((const char *)view.bytes, view.length, &json, NULL);
  blob_unmap(&view);
  return json;
}

static const char *text(const json_t *object, const char *key) {
  const char *found = json_string_value(json_object_get(object, key));
  return found ? found : "";
}

static const char *enrolled(struct checker *checker, const struct statement *statement) {
  const char *name = statement_text(statement, "client");
  struct person *person = find(checker, name);
  if (person && !person->revoked) return "a client was enrolled twice";
  if (!person) person = &checker->person[checker->people++];
  strcpy(person->name, name);
  person->revoked = false;
  return NULL;
}

static const char *opened(struct checker *checker, const struct statement *statement) {
  struct digest cohort = statement_digest(statement, "cohort");
  json_t *name;
  size_t i;
  if (checker->phase != 0) return "a round opened while another was under way";
  if (checker->without) return "a round opened while the head was rebuilt";
  if (checker->is_frozen) return "a round opened while nothing may move";
  if (!digest_equal(&statement->subject[0], &checker->head)) return "a round is not on the head";
  checker->round = (long)statement_integer(statement, "round");
  if (statement_optional_integer(statement, "policy_version", 1) != checker->policy_version)
    return "a plan names another policy than the last one set";
  if (checker->round != checker->last_round + 1) return "a round number was skipped or repeated";
  checker->last_round = checker->round;
  checker->phase = 1;
  checker->updates = 0;
  checker->base = checker->head;
  checker->base_round = checker->parent[checker->round] = checker->head_round;
  json_decref(checker->cohort);
  checker->cohort = load(checker, &cohort);
  if (!checker->cohort) return "a cohort manifest is missing";
  json_array_foreach(json_object_get(checker->cohort, "clients"), i, name) {
    struct person *person = find(checker, json_string_value(name));
    if (!person || person->revoked || person->excluded) return "the cohort holds a barred client";
  }
  return NULL;
}

static const char *updated(struct checker *checker, const struct statement *statement) {
  const char *name = statement_text(statement, "client");
  struct person *person = find(checker, name);
  struct digest base = statement_digest(statement, "base");
  json_t *selected;
  size_t i;
  bool is_selected = false;
  if (checker->phase != 1) return "an update was taken after the close";
  if (statement_integer(statement, "round") != checker->round) return "an update of another round";
  if (!person || person->revoked || person->excluded) return "an update of a barred client";
  if (!digest_equal(&base, &checker->base)) return "an update from another base";
  json_array_foreach(json_object_get(checker->cohort, "clients"), i, selected) is_selected |=
      strcmp(json_string_value(selected), name) == 0;
  if (!is_selected) return "an update of a client outside the cohort";
  for (i = 0; i < checker->updates; i++)
    if (strcmp(checker->taken[i].client, name) == 0) return "two updates of one client";
  if (checker->sent_count == SENT) return "more updates than the checker can hold";
  struct sent *sent = &checker->sent[checker->sent_count++];
  strcpy(sent->client, name);
  digest_to_hex(&statement->subject[0], sent->update);
  sent->round = checker->round;
  sent->is_here = blob_exists(checker->blobs, &statement->subject[0]);
  struct taken *taken = &checker->taken[checker->updates++];
  strcpy(taken->client, name);
  taken->verdict[0] = '\0';
  digest_to_hex(&statement->subject[0], taken->update);
  return NULL;
}

static struct taken *taken_of(struct checker *checker, const json_t *row) {
  for (size_t i = 0; i < checker->updates; i++)
    if (strcmp(checker->taken[i].client, text(row, "client")) == 0 &&
        strcmp(checker->taken[i].update, text(row, "update")) == 0)
      return &checker->taken[i];
  return NULL;
}

static struct sent *sent_of(struct checker *checker, const char *client, long round) {
  for (size_t i = 0; i < checker->sent_count; i++)
    if (checker->sent[i].round == round && strcmp(checker->sent[i].client, client) == 0)
      return &checker->sent[i];
  return NULL;
}

static const char *judged(struct checker *checker, const struct statement *statement) {
  json_t *manifest = load(checker, &statement->subject[0]), *row;
  size_t i;
  long accepted = 0;
  const char *fault = NULL;
  if (checker->phase != 1) return "verdicts out of order";
  if (!manifest) return "a verdict manifest is missing";
  json_t *updates = json_object_get(manifest, "updates");
  if (json_array_size(updates) != checker->updates) fault = "verdicts for other updates";
  json_array_foreach(updates, i, row) {
    struct taken *taken = taken_of(checker, row);
    if (!taken)
      fault = "a verdict for an update that is not there";
    else
      snprintf(taken->verdict, sizeof taken->verdict, "%s", text(row, "verdict"));
    struct sent *sent = sent_of(checker, text(row, "client"), checker->round);
    struct person *person = find(checker, text(row, "client"));
    if (sent && person) {
      snprintf(sent->verdict, sizeof sent->verdict, "%s", text(row, "verdict"));
      strcpy(checker->compared[person - checker->person], sent->update);
    }
    accepted += strcmp(text(row, "verdict"), "accept") == 0;
  }
  if (accepted != statement_integer(statement, "accepted")) fault = "verdicts counted wrongly";
  json_decref(manifest);
  checker->phase = 2;
  return fault;
}

static const char *moved(struct checker *checker, const struct statement *statement) {
  struct person *person = find(checker, statement_text(statement, "client"));
  if (!person) return "a move of nobody";
  if (checker->phase != 2) return "a move out of order";
  if (strcmp(statement_text(statement, "to"), "excluded") == 0) person->excluded = true;
  return NULL;
}

/* Floats of a file, in `view`; NULL when it is not there. */
static const float *values_of(struct checker *checker, const struct digest *digest,
                              struct blob_view *view, size_t *count) {
  uint64_t header;
  if (blob_map(checker->blobs, digest, true, view, NULL) != TAMIS_OK) return NULL;
  memcpy(&header, view->bytes, 8);
  *count = (view->length - 8 - header) / sizeof(float);
  return (const float *)(const void *)(view->bytes + 8 + header);
}

/* Gone since it was sent: the end says whether it may be. */
static bool is_gone(struct checker *checker, const struct digest *update) {
  char hex[DIGEST_HEX_SIZE];
  digest_to_hex(update, hex);
  if (blob_exists(checker->blobs, update)) return false;
  for (size_t i = 0; i < checker->sent_count; i++)
    if (strcmp(checker->sent[i].update, hex) == 0) checker->sent[i].is_here = false;
  return true;
}

/* All rules of the simulation stay, coordinate by coordinate, within what the accepted updates say:
 * so the new momentum without the old one's share must, too. With another old one it would not. */
static const char *within_updates(struct checker *checker, const json_t *rows, const float *m,
                                  const float *m_before, size_t d) {
  float low[256], high[256];
  size_t i, count = 0;
  json_t *row;
  for (size_t k = 0; k < d; k++) low[k] = INFINITY, high[k] = -INFINITY;
  json_array_foreach(rows, i, row) {
    struct digest digest;
    struct blob_view view = {0};
    digest_from_hex(text(row, "update"), 64, &digest);
    const float *update = values_of(checker, &digest, &view, &count);
    if (!update && is_gone(checker, &digest)) return NULL;
    if (!update || count != d) return "an update cannot be read";
    for (size_t k = 0; k < d; k++) low[k] = fminf(low[k], update[k]);
    for (size_t k = 0; k < d; k++) high[k] = fmaxf(high[k], update[k]);
    blob_unmap(&view);
  }
  for (size_t k = 0; k < d; k++) {
    double delta = (double)m[k] - (m_before ? 0.5 * (double)m_before[k] : 0.0);
    double slack = 1e-5 * (1 + fabs((double)m[k]));
    if (!(delta >= (double)low[k] - slack && delta <= (double)high[k] + slack))
      return "the momentum does not follow from the base's";
  }
  return NULL;
}

static const char *remembers(struct checker *checker, const struct statement *statement,
                             const json_t *manifest) {
  const json_t *state = json_object_get(manifest, "state");
  struct blob_view view[4] = {{0}};
  const float *m, *m_before = NULL, *base, *model;
  size_t d = 0, d_before = 0;
  const char *fault = NULL;
  checker->remembered = (struct digest){{0}};
  if (!checker->has_momentum) return state ? "a state of nothing" : NULL;
  if (json_array_size(state) != 1 || strcmp(text(json_array_get(state, 0), "name"), "momentum") ||
      !digest_from_hex(text(json_array_get(state, 0), "blob"), 64, &checker->remembered))
    return "the state is not the momentum";
  m = values_of(checker, &checker->remembered, &view[0], &d);
  base = values_of(checker, &checker->base, &view[1], &d_before);
  model = values_of(checker, &statement->subject[0], &view[2], &d_before);
  if (!digest_is_zero(&checker->memory[checker->base_round]))
    m_before = values_of(checker, &checker->memory[checker->base_round], &view[3], &d_before);
  if (!m || !base || !model || d != d_before || d > 256) fault = "the state cannot be read";
  for (size_t k = 0; !fault && k < d; k++)
    if (model[k] != (float)((double)base[k] + (double)m[k])) fault = "the momentum was not added";
  if (!fault) fault = within_updates(checker, json_object_get(manifest, "updates"), m, m_before, d);
  for (size_t i = 0; i < 4; i++) blob_unmap(&view[i]);
  return fault;
}

static const char *aggregated(struct checker *checker, const struct statement *statement) {
  json_t *manifest = load(checker, &statement->subject[1]), *row;
  size_t i;
  double sum = 0;
  const char *fault = NULL;
  if (checker->phase != 2) return "an aggregate out of order";
  if (!manifest) return "a weight manifest is missing";
  json_array_foreach(json_object_get(manifest, "updates"), i, row) {
    const struct taken *taken = taken_of(checker, row);
    double weight = NAN;
    canonical_double(row, "weight", &weight);
    if (!taken || strcmp(taken->verdict, "accept") != 0) fault = "an update weighs unaccepted";
    if (!(weight >= 0 && weight <= 1)) fault = "a weight is not from 0 to 1";
    sum += weight;
  }
  if (!(fabs(sum - 1) < 1e-9)) fault = "the weights do not add up to 1";
  if (!blob_exists(checker->blobs, &statement->subject[0])) fault = "the candidate is missing";
  if (!fault) fault = remembers(checker, statement, manifest);
  json_decref(manifest);
  checker->phase = 3;
  checker->candidate = statement->subject[0];
  checker->aggregate_index = checker->entries;
  checker->passed[0] = '\0';
  checker->is_witnessed = false;
  return fault;
}

/* The signatures are the server's to check; here it is who, how often, and when. */
static const char *witnessed(struct checker *checker, const struct statement *statement) {
  json_t *manifest = load(checker, &statement->subject[0]), *row, *other;
  size_t i, k;
  long organisations = 0;
  uint64_t size = (uint64_t)statement_integer(statement, "size");
  const char *fault = NULL;
  if (checker->phase != 3 || checker->is_witnessed) fault = "witnesses out of order";
  if (checker->witness_organisations == 0) fault = "witnesses that nobody asked for";
  if (size <= checker->aggregate_index || size > checker->entries)
    fault = "witnesses of too little";
  json_t *list = json_object_get(manifest, "witnesses");
  json_array_foreach(list, i, row) {
    struct person *person = find(checker, text(row, "client"));
    bool is_new = true;
    if (!person || person->revoked) fault = "a witness that is not enrolled";
    json_array_foreach(list, k, other) {
      if (k < i && strcmp(text(row, "client"), text(other, "client")) == 0)
        fault = "a witness counted twice";
      if (k < i && strcmp(text(row, "organisation"), text(other, "organisation")) == 0)
        is_new = false;
    }
    organisations += is_new;
  }
  if (organisations < checker->witness_organisations) fault = "witnesses of too few organisations";
  json_decref(manifest);
  checker->is_witnessed = true;
  return fault;
}

/* The oldest round on the way to the head that the rebuild has not redone; 0: none. */
static long to_redo(const struct checker *checker) {
  long after = checker->last_of ? checker->last_of : checker->since - 1, next = 0;
  for (long i = checker->head_round; i > after; i = checker->parent[i]) next = i;
  return next;
}

static void rebuild_over(struct checker *checker) {
  json_decref(checker->without);
  checker->without = NULL;
}

static const char *rebuild_begun(struct checker *checker, const struct statement *statement) {
  json_t *name;
  size_t i;
  if (checker->without) return "a rebuild within a rebuild";
  if (!digest_equal(&statement->subject[0], &checker->head)) return "a rebuild of another head";
  checker->since = (long)statement_integer(statement, "since");
  checker->last_of = 0;
  checker->is_useful = false;
  long first = to_redo(checker);
  if (first == 0) return "a rebuild of nothing";
  checker->rebuild_base = checker->parent[first];
  checker->without = json_incref(json_object_get(statement->predicate, "without"));
  json_array_foreach(checker->without, i, name) {
    if (!find(checker, json_string_value(name))) return "a rebuild without nobody";
  }
  return NULL;
}

static bool is_left_out(const struct checker *checker, const char *client) {
  json_t *name;
  size_t i;
  bool is_out = false;
  json_array_foreach(checker->without, i, name) is_out |=
      strcmp(json_string_value(name), client) == 0;
  return is_out;
}

static const char *weights_checked(struct checker *checker, const json_t *manifest) {
  json_t *row;
  size_t i;
  double sum = 0;
  json_array_foreach(json_object_get(manifest, "updates"), i, row) {
    double weight = NAN;
    canonical_double(row, "weight", &weight);
    if (is_left_out(checker, text(row, "client"))) return "who was left out weighs";
    if (!(weight >= 0 && weight <= 1)) return "a weight is not from 0 to 1";
    sum += weight;
  }
  return i == 0 || fabs(sum - 1) < 1e-9 ? NULL : "the weights do not add up to 1";
}

static const char *rebuilt(struct checker *checker, const struct statement *statement) {
  json_t *manifest = load(checker, &statement->subject[1]);
  long round = (long)statement_integer(statement, "round");
  bool is_useful = statement_integer(statement, "updates") > 0;
  const char *fault = NULL;
  if (!checker->without || checker->phase != 0) return "a rebuilt round out of order";
  if (round != checker->last_round + 1) return "a round number was skipped or repeated";
  if (statement_integer(statement, "of") != to_redo(checker)) return "another round was redone";
  if (!manifest) return "a weight manifest is missing";
  if (!blob_exists(checker->blobs, &statement->subject[0])) return "a rebuilt model is missing";
  checker->base_round = checker->rebuild_base;
  checker->base = checker->model[checker->base_round];
  checker->remembered = checker->memory[checker->base_round];
  fault = weights_checked(checker, manifest);
  if (!fault && is_useful) fault = remembers(checker, statement, manifest);
  if (!fault && !is_useful && !digest_equal(&statement->subject[0], &checker->base))
    fault = "a round that was passed over has another model";
  json_decref(manifest);
  checker->last_round = checker->rebuild_base = round;
  checker->last_of = (long)statement_integer(statement, "of");
  checker->is_useful |= is_useful;
  checker->parent[round] = checker->base_round;
  checker->model[round] = statement->subject[0];
  checker->memory[round] = checker->remembered;
  checker->promoted[round] = true;
  return fault;
}

/* Promote or hold after the last rebuilt round. */
static const char *rebuild_ended(struct checker *checker, const struct statement *statement,
                                 bool moves_head) {
  long round = (long)statement_integer(statement, "round");
  if (to_redo(checker) != 0 || round != checker->last_round || checker->is_useful != moves_head ||
      !digest_equal(&statement->subject[0], &checker->model[round]))
    return "a rebuild ended otherwise";
  if (moves_head && checker->froze_rebuild) return "a rebuild ended while nothing may move";
  if (moves_head) {
    checker->head = statement->subject[0];
    checker->head_round = round;
  }
  rebuild_over(checker);
  return NULL;
}

static const char *abandoned(struct checker *checker, const struct statement *statement) {
  if (checker->without && checker->phase == 0) {
    if (statement_integer(statement, "round") != checker->last_round + 1)
      return "a round number was skipped or repeated";
    checker->last_round++;
    rebuild_over(checker);
  }
  checker->phase = 0;
  return NULL;
}

/* The gates' text without what is in brackets, as far as they have let the candidate. */
static const char *gate_passed(struct checker *checker, const struct statement *statement) {
  size_t used = strlen(checker->passed);
  if (checker->phase != 3) return "a gate out of order";
  if (!digest_equal(&statement->subject[0], &checker->candidate)) return "another came to a gate";
  snprintf(checker->passed + used, sizeof checker->passed - used, "%s%s", used ? "|" : "",
           statement_text(statement, "gate"));
  used = strlen(checker->passed);
  if (strncmp(checker->passed, checker->gates, used) != 0) return "a gate in another's place";
  return NULL;
}

static const char *frozen(struct checker *checker, bool is_frozen) {
  if (checker->is_frozen == is_frozen) return "frozen or unfrozen twice";
  checker->is_frozen = is_frozen;
  checker->froze_rebuild = is_frozen && checker->without;
  return NULL;
}

static void gates_set(struct checker *checker, const char *gates) {
  size_t used = 0, depth = 0;
  for (const char *c = gates; *c; c++) {
    if (*c == '(') depth++;
    if (depth == 0 && *c != ' ') checker->gates[used++] = *c;
    if (*c == ')') depth--;
  }
  checker->gates[used] = '\0';
}

static const char *promoted(struct checker *checker, const struct statement *statement) {
  struct digest from = statement_digest(statement, "from");
  if (checker->without && checker->phase == 0)
    return digest_equal(&from, &checker->head) ? rebuild_ended(checker, statement, true)
                                               : "a promotion from another head";
  if (checker->phase != 3) return "a promotion out of order";
  if (checker->witness_organisations > 0 && !checker->is_witnessed)
    return "a promotion without its witnesses";
  if (strcmp(checker->passed, checker->gates) != 0) return "a promotion past a gate";
  if (checker->is_frozen) return "a promotion while nothing may move";
  if (!digest_equal(&statement->subject[0], &checker->candidate)) return "another was promoted";
  if (!digest_equal(&from, &checker->head)) return "a promotion from another head";
  checker->head = checker->candidate;
  checker->model[checker->round] = checker->head;
  checker->promoted[checker->round] = true;
  checker->memory[checker->round] = checker->remembered;
  checker->head_round = checker->round;
  checker->phase = 0;
  return NULL;
}

static const char *shadowed(struct checker *checker, const struct statement *statement) {
  long round = (long)statement_integer(statement, "round");
  if (round <= checker->shadowed || round > checker->last_round || !checker->promoted[round])
    return "shadows of a round that is not for them";
  checker->shadowed = round;
  return NULL;
}

static const char *rolled_back(struct checker *checker, const struct statement *statement) {
  long round = (long)statement_integer(statement, "to_round");
  if (!checker->promoted[round] || !digest_equal(&checker->model[round], &statement->subject[0]))
    return "a rollback to what was never promoted";
  checker->head = statement->subject[0];
  checker->head_round = round;
  memset(checker->compared, 0, sizeof checker->compared);
  rebuild_over(checker);
  return NULL;
}

/* PROTOCOL.md 12. */
static const char *dropped(struct checker *checker, const struct statement *statement) {
  long round = (long)statement_integer(statement, "round");
  json_t *manifest = load(checker, &statement->subject[0]), *row;
  size_t i;
  const char *fault = NULL;
  if (!manifest) return "a tombstone's manifest is missing";
  if (checker->keep_rounds == 0 || round > checker->last_round - checker->keep_rounds ||
      (checker->phase != 0 && round == checker->round))
    fault = "updates of a round were dropped that is kept";
  json_array_foreach(json_object_get(manifest, "updates"), i, row) {
    struct sent *sent = sent_of(checker, text(row, "client"), round);
    struct person *person = find(checker, text(row, "client"));
    if (!sent || !person || strcmp(sent->update, text(row, "update")) != 0 || sent->is_dropped) {
      fault = "an update was dropped that is not there";
      continue;
    }
    bool is_odd = strcmp(sent->verdict, "hold") == 0 || strcmp(sent->verdict, "reject") == 0;
    if (strcmp(sent->verdict, text(row, "verdict")) != 0)
      fault = "a tombstone tells another verdict";
    if (sent->is_disputed) fault = "a disputed update was dropped";
    if (is_odd && !sent->is_resolved) fault = "a held update was dropped";
    if (strcmp(checker->compared[person - checker->person], sent->update) == 0)
      fault = "an update was dropped that the next is compared with";
    sent->is_dropped = true;
  }
  json_decref(manifest);
  return fault;
}

/* PROTOCOL.md 6: once, about what was held or rejected, while no word has settled it. */
static const char *reviewed(struct checker *checker, const struct statement *statement) {
  struct sent *sent = sent_of(checker, statement_text(statement, "client"),
                              (long)statement_integer(statement, "round"));
  bool is_opinion = statement_integer(statement, "opinion") == 1;
  if (!sent) return "a review of nothing";
  if (strcmp(sent->verdict, "hold") != 0 && strcmp(sent->verdict, "reject") != 0)
    return "a review of what was not held";
  if (is_opinion) return sent->review > 0 ? NULL : "an opinion before a decision";
  if (sent->review > 0) return "two decisions about one update";
  if (sent->is_spoken) return "a decision about what a word had settled";
  sent->review = checker->entries;
  sent->is_resolved = true;
  return NULL;
}

static const char *amended(struct checker *checker, const struct statement *statement) {
  struct sent *sent = sent_of(checker, statement_text(statement, "client"),
                              (long)statement_integer(statement, "round"));
  struct person *person = find(checker, statement_text(statement, "client"));
  bool leaves = strcmp(statement_text(statement, "from"), "quarantined") == 0 &&
                strcmp(statement_text(statement, "to"), "watched") == 0;
  if (!sent || !person || sent->review == 0 ||
      (int64_t)sent->review != statement_integer(statement, "review"))
    return "a history amended that nobody decided on";
  if (!leaves && strcmp(statement_text(statement, "from"), statement_text(statement, "to")) != 0)
    return "a decision moved a client elsewhere than out of quarantine";
  return NULL;
}

static const char *disputed(struct checker *checker, const struct statement *statement) {
  struct sent *sent = sent_of(checker, statement_text(statement, "client"),
                              (long)statement_integer(statement, "round"));
  if (!sent || sent->is_dropped) return "a dispute about nothing";
  sent->is_disputed = statement_integer(statement, "open") == 1;
  sent->is_resolved |= !sent->is_disputed;
  return NULL;
}

const char *checker_end(const struct checker *checker) {
  for (size_t i = 0; i < checker->sent_count; i++)
    if (!checker->sent[i].is_here && !checker->sent[i].is_dropped)
      return "an update's bytes are missing and nobody dropped them";
  return NULL;
}

/* An operator's word about a client settles what was held of it. */
static void resolve(struct checker *checker, const struct person *person) {
  for (size_t i = 0; i < checker->sent_count; i++) {
    bool is_its = strcmp(checker->sent[i].client, person->name) == 0;
    checker->sent[i].is_resolved |= is_its;
    checker->sent[i].is_spoken |= is_its;
  }
}

static const char *feed_was_set(struct checker *checker, const struct statement *statement) {
  json_t *feed = load(checker, &statement->subject[0]);
  json_t *updates = json_object_get(feed, "updates");
  if (statement_integer(statement, "version") != ++checker->feed_version)
    return "a version of the feed was skipped or repeated";
  if ((json_int_t)json_array_size(updates) != statement_integer(statement, "updates"))
    return "a feed has another number of updates";
  json_decref(checker->known_bad);
  checker->known_bad = json_incref(updates);
  json_decref(feed);
  return NULL;
}

static bool is_known_bad(const struct checker *checker, const struct digest *update) {
  char hex[DIGEST_HEX_SIZE];
  json_t *item;
  size_t i;
  digest_to_hex(update, hex);
  json_array_foreach(checker->known_bad, i, item) {
    if (strcmp(text(item, "digest"), hex) == 0) return true;
  }
  return false;
}

static const char *policy_was_set(struct checker *checker, const struct statement *statement) {
  struct digest digest;
  if (statement_integer(statement, "version") != ++checker->policy_version)
    return "a version of the policy was skipped or repeated";
  if (canonical_digest(json_object_get(statement->predicate, "policy"), &digest, NULL) !=
          TAMIS_OK ||
      !digest_equal(&digest, &statement->subject[0]))
    return "a policy is not the one its subject names";
  return NULL;
}

static const char *check(struct checker *checker, const struct statement *statement) {
  struct person *person = NULL;
  switch (statement->kind) {
  case STATEMENT_TOMBSTONE: return dropped(checker, statement);
  case STATEMENT_DISPUTE: return disputed(checker, statement);
  case STATEMENT_POLICY_SET: return policy_was_set(checker, statement);
  case STATEMENT_REVIEW: return reviewed(checker, statement);
  case STATEMENT_AMENDED: return amended(checker, statement);
  case STATEMENT_KNOWN_BAD: return feed_was_set(checker, statement);
  case STATEMENT_RETENTION:
    checker->keep_rounds = (long)statement_integer(statement, "keep_rounds");
    return NULL;
  case STATEMENT_KEY_ENROL: return enrolled(checker, statement);
  case STATEMENT_ROUND_OPEN: return opened(checker, statement);
  case STATEMENT_UPDATE:
    if (is_known_bad(checker, &statement->subject[0])) return "a known-bad update was let in";
    return updated(checker, statement);
  case STATEMENT_VERDICTS: return judged(checker, statement);
  case STATEMENT_CLIENT_STATE: return moved(checker, statement);
  case STATEMENT_AGGREGATE: return aggregated(checker, statement);
  case STATEMENT_WITNESSED: return witnessed(checker, statement);
  case STATEMENT_SHADOW: return shadowed(checker, statement);
  case STATEMENT_PROMOTE: return promoted(checker, statement);
  case STATEMENT_GATE: return gate_passed(checker, statement);
  case STATEMENT_FREEZE:
  case STATEMENT_AUTO_FREEZE: return frozen(checker, true);
  case STATEMENT_UNFREEZE: return frozen(checker, false);
  case STATEMENT_AUTO_ROLLBACK:
  case STATEMENT_ROLLBACK: return rolled_back(checker, statement);
  case STATEMENT_REBUILD: return rebuild_begun(checker, statement);
  case STATEMENT_REBUILT: return rebuilt(checker, statement);
  case STATEMENT_HOLD:
    if (checker->without && checker->phase == 0) return rebuild_ended(checker, statement, false);
    checker->phase = 0;
    return NULL;
  case STATEMENT_ABANDON: return abandoned(checker, statement);
  case STATEMENT_FEDERATION_CREATE:
    checker->head = checker->model[0] = statement->subject[0];
    checker->promoted[0] = true;
    checker->policy_version = 1;
    checker->has_momentum =
        strcmp(statement_optional(statement, "optimiser"), CHECKER_MOMENTUM) == 0;
    checker->witness_organisations =
        (long)statement_optional_integer(statement, "witness_organisations", 0);
    gates_set(checker, statement_optional(statement, "gates"));
    return NULL;
  case STATEMENT_KEY_REVOKE:
  case STATEMENT_EXCLUSION:
  case STATEMENT_REINSTATEMENT: person = find(checker, statement_text(statement, "client")); break;
  default: return NULL;
  }
  if (!person) return "an operator spoke of nobody";
  if (statement->kind == STATEMENT_KEY_REVOKE)
    person->revoked = true;
  else
    person->excluded = statement->kind == STATEMENT_EXCLUSION;
  if (statement->kind != STATEMENT_KEY_REVOKE) resolve(checker, person);
  return NULL;
}

const char *checker_entry(struct checker *checker, const char *bytes, size_t length) {
  struct envelope envelope;
  struct statement statement;
  const char *fault = "an entry that cannot be read";
  if (envelope_open(bytes, length, &envelope, NULL) != TAMIS_OK) return fault;
  if (statement_read(envelope.payload, envelope.payload_length, checker->origin, &statement,
                     NULL) == TAMIS_OK) {
    fault = check(checker, &statement);
    checker->entries++;
    statement_close(&statement);
  }
  envelope_close(&envelope);
  return fault;
}
