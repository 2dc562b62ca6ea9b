/* One function a struct, each for both ways: what is written and what is read cannot differ. */
#include "aggregator/state_text.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Whoever adds a field to the state writes it here too, or a start from a snapshot forgets it: then
 * these numbers, and STATE_FORMAT when logs of the old one may exist. */
static_assert(sizeof(struct client) == 355, "a field of struct client came or went");
static_assert(sizeof(struct grant) == 24, "a field of struct grant came or went");
static_assert(sizeof(struct person) == 368, "a field of struct person came or went");
static_assert(sizeof(struct invitation) == 184, "a field of struct invitation came or went");
/* The rows of HISTORY_NUMBERS, HISTORY_COUNTS and POLICY_MAP are written by themselves. */
#define X(...) +1
enum { HISTORY_ROWS = 0 HISTORY_NUMBERS(X) HISTORY_COUNTS(X) };
#undef X
static_assert(sizeof(struct history) == 8 * HISTORY_ROWS + 8 + JUDGE_SENTENCE_SIZE,
              "a field of struct history came or went");
static_assert(sizeof(struct member) == sizeof(struct history) + 152,
              "a field of struct member came or went");
static_assert(sizeof(struct memory) == 400, "a field of struct memory came or went");
static_assert(sizeof(struct slot) == 64, "a field of struct slot came or went");
static_assert(sizeof(struct round) == 736, "a field of struct round came or went");
static_assert(sizeof(struct past_round) == 616, "a field of struct past_round came or went");
static_assert(sizeof(struct terms) == 1800, "a field of struct terms came or went");
static_assert(sizeof(struct federation) == sizeof(struct terms) + 1680,
              "a field of struct federation came or went; state_excerpt copies what it points to");
static_assert(sizeof(struct dispute) == 56, "a field of struct dispute came or went");
static_assert(sizeof(struct review) == 208, "a field of struct review came or went");
static_assert(sizeof(struct state) == 1160, "a field of struct state came or went");

struct codec {
  bool is_reading, is_bad;
  char *text; /* reading: borrowed */
  size_t length, capacity;
  size_t at; /* reading: where the next line begins */
};

/* ---- lines ---- */

static char *room_for(struct codec *codec, size_t more) {
  if (codec->length + more > codec->capacity) {
    codec->capacity = 2 * codec->capacity + more + 4096;
    codec->text = realloc(codec->text, codec->capacity);
    if (!codec->text) {
      fputs("tamis: out of memory for the text of the state\n", stderr);
      abort();
    }
  }
  return codec->text + codec->length;
}

static void put(struct codec *codec, const char *name, const char *value, size_t length) {
  size_t name_length = strlen(name);
  char *to = room_for(codec, name_length + length + 2);
  memcpy(to, name, name_length);
  to[name_length] = ' ';
  memcpy(to + name_length + 1, value, length);
  to[name_length + 1 + length] = '\n';
  codec->length += name_length + length + 2;
}

/* The value on the next line, which must have this name; NULL, and nothing more is read, when it
 * has not. */
static const char *take(struct codec *codec, const char *name, size_t *length) {
  size_t name_length = strlen(name), rest = codec->length - codec->at;
  const char *line = codec->text + codec->at;
  const char *end = codec->is_bad || rest == 0 ? NULL : memchr(line, '\n', rest);
  if (!end || (size_t)(end - line) <= name_length || memcmp(line, name, name_length) != 0 ||
      line[name_length] != ' ') {
    codec->is_bad = true;
    return NULL;
  }
  *length = (size_t)(end - line) - name_length - 1;
  codec->at += (size_t)(end - line) + 1;
  return line + name_length + 1;
}

static bool is_next(const struct codec *codec, const char *name) {
  size_t length = strlen(name);
  return !codec->is_bad && codec->length - codec->at > length &&
         memcmp(codec->text + codec->at, name, length) == 0 &&
         codec->text[codec->at + length] == ' ';
}

/* ---- one value a line ---- */

static bool read_natural(const char *text, size_t length, uint64_t *value) {
  uint64_t read = 0;
  if (length == 0 || length > 19 || (length > 1 && text[0] == '0')) return false;
  for (size_t i = 0; i < length; i++) {
    if (text[i] < '0' || text[i] > '9') return false;
    read = 10 * read + (uint64_t)(text[i] - '0');
  }
  *value = read;
  return true;
}

static void on_natural(struct codec *codec, const char *name, uint64_t *value, uint64_t most) {
  size_t length;
  if (codec->is_reading) {
    const char *text = take(codec, name, &length);
    if (!text || !read_natural(text, length, value) || *value > most) codec->is_bad = true;
    if (codec->is_bad) *value = 0;
    return;
  }
  char text[24];
  length = (size_t)snprintf(text, sizeof text, "%" PRIu64, *value);
  put(codec, name, text, length);
}

static void on_integer(struct codec *codec, const char *name, int64_t *value) {
  uint64_t magnitude = *value < 0 ? -(uint64_t)*value : (uint64_t)*value;
  size_t length;
  if (codec->is_reading) {
    const char *text = take(codec, name, &length);
    bool is_negative = text && length > 0 && text[0] == '-';
    if (!text || !read_natural(text + is_negative, length - is_negative, &magnitude) ||
        magnitude > INT64_MAX || (is_negative && magnitude == 0))
      codec->is_bad = true;
    *value = codec->is_bad ? 0 : is_negative ? -(int64_t)magnitude : (int64_t)magnitude;
    return;
  }
  char text[24];
  length = (size_t)snprintf(text, sizeof text, "%" PRId64, *value);
  put(codec, name, text, length);
}

/* Gives the value back: for types smaller than the widest. */
static uint64_t on_small(struct codec *codec, const char *name, uint64_t value, uint64_t most) {
  on_natural(codec, name, &value, most);
  return value;
}

static void on_size(struct codec *codec, const char *name, size_t *value, size_t most) {
  *value = (size_t)on_small(codec, name, *value, most);
}

static void on_truth(struct codec *codec, const char *name, bool *value) {
  *value = on_small(codec, name, *value, 1) == 1;
}

static void on_text(struct codec *codec, const char *name, char *value, size_t size) {
  size_t length;
  if (!codec->is_reading) {
    put(codec, name, value, strlen(value));
    return;
  }
  const char *text = take(codec, name, &length);
  if (!text || length >= size || !text_is_printable(text, length)) {
    codec->is_bad = true;
    length = 0;
  } else {
    memcpy(value, text, length);
  }
  value[length] = '\0';
}

/* Bytes as hex, zeros as "-": there are many. */
static void on_bytes(struct codec *codec, const char *name, uint8_t *bytes, size_t count) {
  char hex[2 * 64 + 1];
  uint8_t any = 0;
  size_t length;
  assert(2 * count < sizeof hex);
  if (codec->is_reading) {
    const char *text = take(codec, name, &length);
    memset(bytes, 0, count);
    if (!text || (length == 1 && text[0] == '-')) return;
    if (!text_hex_decode(text, length, bytes, count)) codec->is_bad = true;
    for (size_t i = 0; i < count; i++) any |= bytes[i];
    if (any == 0) codec->is_bad = true;
    return;
  }
  for (size_t i = 0; i < count; i++) any |= bytes[i];
  text_hex_encode(bytes, count, hex);
  put(codec, name, any ? hex : "-", any ? 2 * count : 1);
}

static void on_digest(struct codec *codec, const char *name, struct digest *digest) {
  on_bytes(codec, name, digest->byte, DIGEST_SIZE);
}

/* The sixteen hex digits of its big-endian bits. */
static void on_double(struct codec *codec, const char *name, double *value) {
  uint8_t bytes[8];
  uint64_t bits;
  memcpy(&bits, value, sizeof bits);
  for (int i = 0; i < 8; i++) bytes[i] = (uint8_t)(bits >> (56 - 8 * i));
  on_bytes(codec, name, bytes, sizeof bytes);
  if (!codec->is_reading) return;
  bits = 0;
  for (int i = 0; i < 8; i++) bits = bits << 8 | bytes[i];
  memcpy(value, &bits, sizeof *value);
}

/* The name of a key may be empty before the genesis. */
static void on_key(struct codec *codec, const char *name, struct public_key *key) {
  on_text(codec, name, key->name, sizeof key->name);
  on_bytes(codec, "key", key->byte, sizeof key->byte);
}

/* How many follow. Each takes a line at least, so that a count cannot ask for more memory than its
 * text has lines. */
static void on_count(struct codec *codec, const char *name, size_t *count, size_t most) {
  size_t rest = codec->is_reading ? codec->length - codec->at : most;
  on_size(codec, name, count, rest < most ? rest : most);
}

/* ---- structs ---- */

static void on_grant(struct codec *codec, struct grant *grant) {
  on_truth(codec, "held", &grant->is_held);
  on_integer(codec, "not_after", &grant->not_after);
  on_natural(codec, "index", &grant->index, INT64_MAX);
}

static void on_person(struct codec *codec, struct person *person) {
  on_key(codec, "person", &person->key);
  for (size_t i = 0; i < ROLE_COUNT; i++) on_grant(codec, &person->grant[i]);
}

static void on_client(struct codec *codec, struct client *client) {
  on_text(codec, "client", client->name, sizeof client->name);
  on_text(codec, "organisation", client->organisation, sizeof client->organisation);
  on_key(codec, "key_name", &client->key);
  on_truth(codec, "revoked", &client->revoked);
}

static void on_invitation(struct codec *codec, struct invitation *invitation) {
  on_digest(codec, "invitation", &invitation->token);
  on_text(codec, "client", invitation->client, sizeof invitation->client);
  on_text(codec, "organisation", invitation->organisation, sizeof invitation->organisation);
  on_integer(codec, "not_after", &invitation->not_after);
  on_truth(codec, "used", &invitation->used);
}

static void on_policy(struct codec *codec, struct policy *policy) {
#define X(name, fallback, least, most, meaning) on_double(codec, #name, &policy->name);
  POLICY_MAP(X)
#undef X
}

static void on_terms(struct codec *codec, struct terms *terms) {
  on_text(codec, "rule", terms->rule, sizeof terms->rule);
  on_text(codec, "optimiser", terms->optimiser, sizeof terms->optimiser);
  on_text(codec, "shadows", terms->shadows, sizeof terms->shadows);
  on_digest(codec, "layout", &terms->layout);
  on_digest(codec, "first_model", &terms->first_model);
  on_integer(codec, "parameters", &terms->parameters);
  on_integer(codec, "quorum", &terms->quorum);
  on_integer(codec, "cohort", &terms->cohort);
  on_integer(codec, "over_selection_percent", &terms->over_selection_percent);
  on_integer(codec, "deadline_ms", &terms->deadline_ms);
  on_integer(codec, "rounds_max", &terms->rounds_max);
  on_double(codec, "norm_max", &terms->norm_max);
  on_integer(codec, "examples_max", &terms->examples_max);
  on_integer(codec, "witness_organisations", &terms->witness_organisations);
  on_integer(codec, "witness_per_organisation", &terms->witness_per_organisation);
  on_text(codec, "gates", terms->gates, sizeof terms->gates);
  on_integer(codec, "freeze_after", &terms->freeze_after);
  on_digest(codec, "suite", &terms->suite);
}

static void on_memory(struct codec *codec, struct memory *memory) {
  on_size(codec, "memory", &memory->count, STATE_VECTORS_MAX);
  for (size_t i = 0; i < memory->count; i++) {
    on_text(codec, "vector", memory->vector[i].name, sizeof memory->vector[i].name);
    on_digest(codec, "blob", &memory->vector[i].blob);
  }
}

/* Up to `most`: what is read is followed without another look. */
static void on_round_number(struct codec *codec, const char *name, int64_t *round, int64_t most) {
  *round = (int64_t)on_small(codec, name, (uint64_t)*round, (uint64_t)most);
}

/* 0 of what had no plan. */
static void on_version(struct codec *codec, int64_t *version, size_t policies) {
  on_round_number(codec, "policy_version", version, (int64_t)policies);
}

static void on_past(struct codec *codec, struct past_round *past, int64_t round, size_t policies) {
  past->outcome = (enum outcome)on_small(codec, "outcome", past->outcome, OUTCOME_REBUILT);
  on_integer(codec, "base_round", &past->base_round);
  on_digest(codec, "model", &past->model);
  on_digest(codec, "verdicts", &past->verdicts);
  on_digest(codec, "gram", &past->gram);
  on_digest(codec, "randomness", &past->randomness);
  on_digest(codec, "weights", &past->weights);
  on_memory(codec, &past->memory);
  on_round_number(codec, "of", &past->of, round ? round - 1 : 0);
  on_version(codec, &past->policy_version, policies);
  if (past->policy_version == 0 && !digest_is_zero(&past->verdicts)) codec->is_bad = true;
  on_round_number(codec, "history_of", &past->history_of, round ? round - 1 : 0);
  on_natural(codec, "judged_index", &past->judged_index, INT64_MAX);
  on_truth(codec, "condemned", &past->is_condemned);
  on_truth(codec, "undone", &past->undone);
}

static void on_rebuild(struct codec *codec, struct rebuild *rebuild, int64_t rounds,
                       size_t clients) {
  on_truth(codec, "rebuilding", &rebuild->is_under_way);
  on_natural(codec, "index", &rebuild->index, INT64_MAX);
  on_round_number(codec, "since", &rebuild->since, rounds);
  on_round_number(codec, "last_of", &rebuild->last_of, rounds);
  on_round_number(codec, "base_round", &rebuild->base_round, rounds);
  on_round_number(codec, "useful", &rebuild->useful_count, rounds);
  on_size(codec, "without", &rebuild->without_count, STATE_WITHOUT_MAX);
  for (size_t i = 0; i < rebuild->without_count; i++)
    rebuild->without[i] =
        (uint32_t)on_small(codec, "client", rebuild->without[i], clients ? clients - 1 : 0);
}

static void on_slot(struct codec *codec, struct slot *slot, size_t clients) {
  slot->client = (uint32_t)on_small(codec, "slot", slot->client, clients ? clients - 1 : 0);
  slot->answer = (enum answer)on_small(codec, "answer", slot->answer, ANSWER_REFUSED);
  on_natural(codec, "index", &slot->index, INT64_MAX);
  on_digest(codec, "update", &slot->update);
  on_integer(codec, "examples", &slot->examples);
  slot->verdict = (enum verdict)on_small(codec, "verdict", slot->verdict, VERDICT_REJECT);
}

static void on_round(struct codec *codec, struct round *round, size_t clients, size_t policies) {
  round->phase = (enum phase)on_small(codec, "phase", round->phase, PHASE_AGGREGATED);
  on_integer(codec, "round", &round->number);
  on_digest(codec, "base", &round->base);
  on_digest(codec, "randomness", &round->randomness);
  on_digest(codec, "cohort", &round->cohort);
  on_integer(codec, "base_round", &round->base_round);
  on_natural(codec, "plan_index", &round->plan_index, INT64_MAX);
  on_version(codec, &round->policy_version, policies);
  if (round->policy_version == 0 && round->phase != PHASE_WAITING) codec->is_bad = true;
  on_integer(codec, "quorum", &round->quorum);
  on_integer(codec, "target", &round->target);
  on_integer(codec, "opened_at_ms", &round->opened_at_ms);
  on_integer(codec, "closes_at_ms", &round->closes_at_ms);
  on_size(codec, "updates", &round->updates, round->selected);
  on_size(codec, "answered", &round->answered, round->selected);
  on_digest(codec, "verdicts", &round->verdicts);
  on_digest(codec, "gram", &round->gram);
  on_digest(codec, "candidate", &round->candidate);
  on_memory(codec, &round->memory);
  on_natural(codec, "aggregate_index", &round->aggregate_index, INT64_MAX);
  on_integer(codec, "witness_by_ms", &round->witness_by_ms);
  on_truth(codec, "is_witnessed", &round->is_witnessed);
  on_size(codec, "gates_passed", &round->gates_passed, SIZE_MAX);
  on_integer(codec, "gate_since_ms", &round->gate_since_ms);
  for (size_t i = 0; i < round->selected; i++) on_slot(codec, &round->slot[i], clients);
}

static void on_history(struct codec *codec, struct history *history) {
  history->standing =
      (enum standing)on_small(codec, "standing", history->standing, STANDING_COUNT - 1);
#define X(name, start, meaning) on_double(codec, #name, &history->name);
  HISTORY_NUMBERS(X)
#undef X
#define X(name, meaning) on_integer(codec, #name, &history->name);
  HISTORY_COUNTS(X)
#undef X
  on_text(codec, "sentence", history->sentence, sizeof history->sentence);
}

static void on_member(struct codec *codec, struct member *member) {
  on_history(codec, &member->history);
  on_digest(codec, "before", &member->before);
  on_digest(codec, "sketch", &member->sketch.file);
  member->sketch.row = (uint32_t)on_small(codec, "sketch_row", member->sketch.row, UINT32_MAX);
  on_integer(codec, "sketch_round", &member->sketch.round);
  on_truth(codec, "barred", &member->is_barred);
  on_natural(codec, "word_index", &member->word_index, INT64_MAX);
  on_natural(codec, "basis", &member->basis, INT64_MAX);
  on_truth(codec, "has_moved", &member->has_moved);
  member->moved_from =
      (enum standing)on_small(codec, "moved_from", member->moved_from, STANDING_COUNT - 1);
  on_digest(codec, "last_refused", &member->last_refused);
  member->refused_since_open =
      (int)on_small(codec, "refused_since_open", (uint64_t)member->refused_since_open, INT32_MAX);
}

/* ---- lists ---- */

/* Of thousands of clients few may have taken part: a member that nothing has happened to is left
 * out. */
static void members_write(struct codec *codec, struct federation *federation) {
  struct codec fresh = {.is_reading = false};
  struct member newcomer = {.before = {{0}}};
  judge_history_start(&newcomer.history);
  on_member(&fresh, &newcomer);
  for (size_t i = 0; i < federation->member_count; i++) {
    size_t before = codec->length;
    on_small(codec, "member", i, SIZE_MAX);
    size_t start = codec->length;
    on_member(codec, &federation->member[i]);
    if (codec->length - start == fresh.length &&
        memcmp(codec->text + start, fresh.text, fresh.length) == 0)
      codec->length = before;
  }
  free(fresh.text);
}

static void members_read(struct codec *codec, struct federation *federation) {
  for (size_t next = 0; is_next(codec, "member"); next++) {
    size_t i = (size_t)on_small(codec, "member", 0, INT64_MAX);
    if (i < next || i >= federation->member_count) {
      codec->is_bad = true;
      return;
    }
    on_member(codec, &federation->member[i]);
    next = i;
  }
}

/* A round's places are there before what fills them. */
static void rounds_make(struct federation *federation, size_t count, size_t selected) {
  for (size_t i = 1; i <= count; i++) state_round_add(federation, i == count ? selected : 0);
}

static void on_dispute(struct codec *codec, struct dispute *dispute, size_t clients) {
  dispute->client =
      (uint32_t)on_small(codec, "dispute", dispute->client, clients ? clients - 1 : 0);
  on_truth(codec, "open", &dispute->is_open);
  on_integer(codec, "round", &dispute->round);
  on_natural(codec, "index", &dispute->index, INT64_MAX);
  on_digest(codec, "update", &dispute->update);
}

static void on_disputes(struct codec *codec, struct federation *federation, size_t clients) {
  size_t count = federation->dispute_count;
  on_count(codec, "disputes", &count, STATE_DISPUTES_MAX);
  for (size_t i = 0; i < count && !codec->is_bad; i++)
    on_dispute(codec, codec->is_reading ? state_dispute_add(federation) : &federation->dispute[i],
               clients);
}

/* A federation has one at least. */
static void on_policies(struct codec *codec, struct federation *federation) {
  size_t count = federation->policy_count;
  on_count(codec, "policies", &count, STATE_POLICIES_MAX);
  if (count == 0) codec->is_bad = true;
  for (size_t i = 0; i < count && !codec->is_bad; i++) {
    struct policy policy = {0};
    if (!codec->is_reading) policy = federation->policy[i];
    on_policy(codec, &policy);
    if (codec->is_reading) state_policy_add(federation, &policy);
  }
}

static void on_evaluation(struct codec *codec, struct evaluation *evaluation) {
  on_text(codec, "person", evaluation->person, sizeof evaluation->person);
  on_integer(codec, "round", &evaluation->round);
  on_digest(codec, "suite", &evaluation->suite);
  on_natural(codec, "index", &evaluation->index, INT64_MAX);
  on_integer(codec, "examples", &evaluation->examples);
  on_double(codec, "accuracy", &evaluation->accuracy);
  on_double(codec, "loss", &evaluation->loss);
  on_double(codec, "trigger_rate", &evaluation->trigger_rate);
  on_truth(codec, "compared", &evaluation->is_compared);
  on_double(codec, "head_accuracy", &evaluation->head_accuracy);
  on_double(codec, "class_drop", &evaluation->class_drop);
  on_text(codec, "worst_class", evaluation->worst_class, sizeof evaluation->worst_class);
  on_count(codec, "classes", &evaluation->class_count, STATE_CLASSES_MAX);
  for (size_t i = 0; i < evaluation->class_count; i++)
    on_double(codec, "accuracy", &evaluation->class_accuracy[i]);
}

static void on_evaluations(struct codec *codec, struct federation *federation) {
  size_t count = federation->evaluation_count;
  on_count(codec, "evaluations", &count, SIZE_MAX);
  for (size_t i = 0; i < count && !codec->is_bad; i++)
    on_evaluation(codec, codec->is_reading ? state_evaluation_add(federation)
                                           : &federation->evaluation[i]);
}

static void on_approvals(struct codec *codec, struct federation *federation) {
  size_t count = federation->approval_count;
  on_count(codec, "approvals", &count, STATE_APPROVALS_MAX);
  for (size_t i = 0; i < count && !codec->is_bad; i++) {
    struct approval *approval =
        codec->is_reading ? state_approval_add(federation) : &federation->approval[i];
    on_text(codec, "person", approval->person, sizeof approval->person);
    on_truth(codec, "approves", &approval->approves);
    on_text(codec, "reason", approval->reason, sizeof approval->reason);
  }
}

static void on_review(struct codec *codec, struct review *review, size_t clients, int64_t rounds) {
  review->client = (uint32_t)on_small(codec, "review", review->client, clients ? clients - 1 : 0);
  on_round_number(codec, "round", &review->round, rounds);
  on_natural(codec, "index", &review->index, INT64_MAX);
  review->decision =
      (enum review_decision)on_small(codec, "decision", review->decision, REVIEW_DECISIONS - 1);
  review->verdict = (enum verdict)on_small(codec, "verdict", review->verdict, VERDICT_REJECT);
  on_truth(codec, "strike", &review->is_strike);
  on_truth(codec, "due", &review->is_due);
  on_double(codec, "risk", &review->risk);
  on_double(codec, "excess", &review->excess);
  on_double(codec, "drift", &review->drift);
  on_integer(codec, "rounds", &review->rounds);
  on_size(codec, "voices", &review->voice_count, STATE_VOICES_MAX);
  for (size_t i = 0; i < review->voice_count; i++) on_digest(codec, "voice", &review->voice[i]);
}

static void on_reviews(struct codec *codec, struct federation *federation, size_t clients) {
  size_t count = federation->review_count;
  on_count(codec, "reviews", &count, STATE_REVIEWS_MAX);
  for (size_t i = 0; i < count && !codec->is_bad; i++)
    on_review(codec, codec->is_reading ? state_review_add(federation) : &federation->review[i],
              clients, federation->last_round);
}

static void on_trail(struct codec *codec, struct trail *trail, int64_t rounds) {
  on_digest(codec, "trail", &trail->file);
  on_size(codec, "trail_rounds", &trail->count, STATE_TRAIL_MAX);
  for (size_t i = 0; i < trail->count && !codec->is_bad; i++)
    on_round_number(codec, "trail_round", &trail->round[i], rounds);
}

static void on_federation(struct codec *codec, struct state *state, struct federation *federation) {
  size_t rounds = (size_t)federation->last_round, selected = federation->round.selected;
  on_terms(codec, &federation->terms);
  on_policies(codec, federation);
  on_digest(codec, "head", &federation->head);
  on_count(codec, "rounds", &rounds, SIZE_MAX);
  on_count(codec, "selected", &selected, state->client_count);
  if (codec->is_reading && rounds == 0 && selected > 0) codec->is_bad = true;
  if (codec->is_bad) return;
  if (codec->is_reading) rounds_make(federation, rounds, selected);
  federation->head_round =
      (int64_t)on_small(codec, "head_round", (uint64_t)federation->head_round, rounds);
  for (size_t i = 0; i <= rounds && !codec->is_bad; i++)
    on_past(codec, &federation->past[i], (int64_t)i, federation->policy_count);
  on_round(codec, &federation->round, state->client_count, federation->policy_count);
  on_rebuild(codec, &federation->rebuild, (int64_t)rounds, state->client_count);
  on_trail(codec, &federation->trail, (int64_t)rounds);
  on_round_number(codec, "opened", &federation->opened, (int64_t)rounds);
  on_natural(codec, "revision", &federation->revision, INT64_MAX);
  on_natural(codec, "create_index", &federation->create_index, INT64_MAX);
  on_text(codec, "policy_author", federation->policy_author, sizeof federation->policy_author);
  on_integer(codec, "keep_rounds", &federation->keep_rounds);
  on_round_number(codec, "shadowed_round", &federation->shadowed_round, (int64_t)rounds);
  on_integer(codec, "dropped_round", &federation->dropped_round);
  on_disputes(codec, federation, state->client_count);
  on_round_number(codec, "history_round", &federation->history_round, (int64_t)rounds);
  on_round_number(codec, "reviewed_round", &federation->reviewed_round, (int64_t)rounds);
  on_reviews(codec, federation, state->client_count);
  on_approvals(codec, federation);
  on_evaluations(codec, federation);
  on_truth(codec, "frozen", &federation->is_frozen);
  on_natural(codec, "freeze_index", &federation->freeze_index, INT64_MAX);
  on_integer(codec, "reds", &federation->reds);
  if (codec->is_reading)
    members_read(codec, federation);
  else
    members_write(codec, federation);
}

static void on_federations(struct codec *codec, struct state *state) {
  size_t count = state->federation_count;
  on_count(codec, "federations", &count, STATE_FEDERATIONS_MAX);
  for (size_t i = 0; i < count && !codec->is_bad; i++) {
    char name[STATE_NAME_SIZE] = "";
    if (!codec->is_reading) state_name_set(name, state->federation[i]->name);
    on_text(codec, "federation", name, sizeof name);
    if (codec->is_reading) state_federation_add(state, name);
    on_federation(codec, state, state->federation[i]);
  }
}

static void on_persons(struct codec *codec, struct state *state) {
  const struct public_key nobody = {.name = ""};
  size_t count = state->person_count;
  on_count(codec, "persons", &count, STATE_PERSONS_MAX);
  for (size_t i = 0; i < count && !codec->is_bad; i++)
    on_person(codec, codec->is_reading ? state_person_add(state, &nobody) : &state->person[i]);
}

static void on_clients(struct codec *codec, struct state *state) {
  size_t count = state->client_count;
  on_count(codec, "clients", &count, STATE_CLIENTS_MAX);
  for (size_t i = 0; i < count && !codec->is_bad; i++)
    on_client(codec, codec->is_reading ? state_client_add(state) : &state->client[i]);
}

static void on_invitations(struct codec *codec, struct state *state) {
  size_t count = state->invitation_count;
  on_count(codec, "invitations", &count, STATE_INVITATIONS_MAX);
  for (size_t i = 0; i < count && !codec->is_bad; i++)
    on_invitation(codec, codec->is_reading ? state_invitation_add(state) : &state->invitation[i]);
}

static void on_digests(struct codec *codec, const char *name, const char *each,
                       struct digest_set *set) {
  size_t count = set->count;
  on_count(codec, name, &count, UINT32_MAX);
  for (size_t i = 0; i < count && !codec->is_bad; i++) {
    struct digest digest = codec->is_reading ? (struct digest){{0}} : set->digest[i];
    on_digest(codec, each, &digest);
    if (codec->is_reading) digest_set_add(set, &digest);
  }
}

static void on_feed(struct codec *codec, struct feed *feed) {
  on_integer(codec, "feed", &feed->version);
  for (int list = 0; list < FEED_LISTS && !codec->is_bad; list++) {
    size_t count = feed->count[list];
    on_count(codec, feed_list_name((enum feed_list)list), &count, FEED_ITEMS_MAX);
    if (codec->is_reading) feed_make(feed, (enum feed_list)list, codec->is_bad ? 0 : count);
    for (size_t i = 0; i < feed->count[list] && !codec->is_bad; i++) {
      on_digest(codec, "known_bad", &feed->item[list][i].digest);
      on_text(codec, "reason", feed->item[list][i].reason, FEED_REASON_SIZE);
    }
  }
}

static void on_state(struct codec *codec, struct state *state) {
  struct public_key log_key = state->log_key;
  on_key(codec, "log_key", &log_key);
  if (strcmp(log_key.name, state->log_key.name) != 0 ||
      memcmp(log_key.byte, state->log_key.byte, sizeof log_key.byte) != 0)
    codec->is_bad = true;
  on_natural(codec, "size", &state->applied, INT64_MAX);
  on_key(codec, "aggregator", &state->aggregator);
  on_truth(codec, "separated", &state->is_separated);
  on_integer(codec, "latest_ms", &state->latest_ms);
  on_persons(codec, state);
  on_clients(codec, state);
  on_invitations(codec, state);
  on_federations(codec, state);
  on_feed(codec, &state->feed);
  on_digests(codec, "spent", "key", &state->spent);
  on_digests(codec, "readable", "blob", &state->readable);
}

static void on_all(struct codec *codec, struct state *state) {
  if (on_small(codec, "tamis-state", STATE_FORMAT, STATE_FORMAT) != STATE_FORMAT)
    codec->is_bad = true;
  on_state(codec, state);
}

void state_text_write(const struct state *state, char **text, size_t *length) {
  struct codec codec = {.is_reading = false};
  on_all(&codec, (struct state *)(uintptr_t)state); /* writing changes nothing */
  *text = codec.text;
  *length = codec.length;
}

struct digest state_text_digest(const struct state *state) {
  char *text;
  size_t length;
  state_text_write(state, &text, &length);
  struct digest digest = digest_of(text, length);
  free(text);
  return digest;
}

enum tamis_status state_text_read(const char *text, size_t length, const struct public_key *log_key,
                                  struct state **out, struct fault *fault) {
  struct codec codec = {.is_reading = true, .text = (char *)(uintptr_t)text, .length = length};
  struct state *state = state_new(log_key);
  on_all(&codec, state);
  if (codec.is_bad || codec.at != length) {
    state_free(state);
    return fault_set(fault, TAMIS_CORRUPT,
                     "the state's text is not of format %d, from byte %zu of %zu on", STATE_FORMAT,
                     codec.at, length);
  }
  *out = state;
  return TAMIS_OK;
}
