/* One walk gathers what people did and where the histories stood; then round after round is judged
 * again from its manifest. */
#include "audit/dryrun.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "aggregator/manifest.h"
#include "aggregator/policy_lint.h"
#include "aggregator/round.h"
#include "proto/canonical.h"
#include "robust/robust.h"

/* ---- what people did ---- */

enum act { ACT_EXCLUDED, ACT_REINSTATED, ACT_REVOKED, ACT_ENROLLED, ACT_ROLLED_BACK };

struct event {
  enum act act;
  uint64_t index;
  uint32_t client; /* of the first four; an enrolled one may be new then */
  int64_t round;   /* rolled back to */
};

/* A client as it would be. */
struct actor {
  struct history history;
  bool is_revoked;
  bool is_gone; /* excluded by the policy in an earlier round: it would have sent nothing */
};

/* What a client's rounds came to, on either side. */
struct tally {
  int64_t held, rejected, absent;
  int64_t first[STANDING_COUNT]; /* round in which it came to that standing; 0: never */
  enum standing last;
};

struct dryrun {
  const struct dryrun_question *question;
  struct policy policy;
  struct archive *archive;
  struct event *event;
  size_t event_count, event_done;
  bool has_start;
  size_t actor_count;
  struct actor *actor;  /* [client], once the walk has come to the first round */
  struct actor **saved; /* [round - 1]: actors after it, where a rollback returns to it */
  size_t saved_count;
  struct tally *was, *would; /* [client] */
  int64_t *judged;           /* [client]: updates in the range */
  size_t change_count;
  int64_t rounds, remeasured, believed;
  json_t *rounds_json;
};

static void dryrun_close(struct dryrun *run) {
  for (size_t i = 0; i < run->saved_count; i++) free(run->saved[i]);
  free(run->saved);
  free(run->event);
  free(run->actor);
  free(run->was);
  free(run->would);
  free(run->judged);
  json_decref(run->rounds_json);
  archive_close(run->archive);
}

static void note(struct dryrun *run, enum act act, uint64_t index, int64_t client, int64_t round) {
  size_t count = run->event_count;
  if ((count & (count - 1)) == 0)
    run->event = decision_memory(realloc(run->event, (2 * count + 1) * sizeof *run->event));
  run->event[run->event_count++] = (struct event){act, index, (uint32_t)client, round};
}

static void note_client(struct dryrun *run, const struct archive_entry *at, enum act act) {
  const struct statement *statement = &at->entry->statement;
  const char *federation;
  int64_t client = state_client_find(at->state, statement_text(statement, "client"));
  bool is_ours = !canonical_text(statement->predicate, "federation", &federation) ||
                 strcmp(federation, run->question->federation) == 0;
  if (client == STATE_NOBODY) client = (int64_t)at->state->client_count; /* it enrols now */
  if (is_ours) note(run, act, at->index, client, 0);
}

/* Histories as they stood before the first round of the range was judged. */
static void start_at(struct dryrun *run, const struct archive_entry *at,
                     const struct federation *federation) {
  run->has_start = true;
  run->actor_count = federation->member_count;
  run->actor = decision_memory(calloc(run->actor_count + 1, sizeof *run->actor));
  for (size_t i = 0; i < run->actor_count; i++)
    run->actor[i] = (struct actor){.history = federation->member[i].history,
                                   .is_revoked = at->state->client[i].revoked};
  run->event_count = 0; /* what people did before is in these histories */
}

static bool is_ours(const struct dryrun *run, const struct statement *statement) {
  return strcmp(statement_text(statement, "federation"), run->question->federation) == 0;
}

static enum tamis_status visit(void *context, const struct archive_entry *at) {
  struct dryrun *run = context;
  const struct statement *statement = &at->entry->statement;
  if (run->question->progress)
    run->question->progress(run->question->context, at->index + 1,
                            archive_checkpoint(run->archive)->size);
  switch (statement->kind) {
  case STATEMENT_EXCLUSION: note_client(run, at, ACT_EXCLUDED); break;
  case STATEMENT_REINSTATEMENT: note_client(run, at, ACT_REINSTATED); break;
  case STATEMENT_KEY_REVOKE: note_client(run, at, ACT_REVOKED); break;
  case STATEMENT_KEY_ENROL: note_client(run, at, ACT_ENROLLED); break;
  case STATEMENT_ROLLBACK:
    if (is_ours(run, statement))
      note(run, ACT_ROLLED_BACK, at->index, 0, statement_integer(statement, "to_round"));
    break;
  case STATEMENT_VERDICTS:
    if (!run->has_start && is_ours(run, statement) &&
        statement_integer(statement, "round") >= run->question->first)
      start_at(run, at, state_federation_find(at->state, run->question->federation));
    break;
  default: break;
  }
  return TAMIS_OK;
}

static struct actor *actor_of(struct dryrun *run, uint32_t client) {
  for (; run->actor_count <= client; run->actor_count++) {
    struct actor *actor = &run->actor[run->actor_count];
    memset(actor, 0, sizeof *actor);
    judge_history_start(&actor->history);
  }
  return &run->actor[client];
}

/* ---- going back ---- */

/* Of a round before the range there is only what was logged. */
static enum tamis_status logged_actors(struct dryrun *run, int64_t round, struct actor *actor,
                                       struct fault *fault) {
  const struct federation *federation =
      state_federation_find(archive_state(run->archive), run->question->federation);
  json_t *manifest = NULL;
  const json_t *clients = NULL, *element;
  size_t i;
  enum tamis_status status = manifest_load(archive_blobs(run->archive),
                                           &federation->past[round].verdicts, &manifest, fault);
  if (status == TAMIS_OK)
    status = manifest_list(manifest, federation->name, round, "clients", &clients, fault);
  json_array_foreach((json_t *)(uintptr_t)clients, i, element) {
    struct history history;
    struct digest before;
    struct sketch_place sketch;
    const char *name;
    if (status == TAMIS_OK)
      status = manifest_history_read(element, &name, &history, &before, &sketch, fault);
    int64_t client =
        status == TAMIS_OK ? state_client_find(archive_state(run->archive), name) : STATE_NOBODY;
    if (client != STATE_NOBODY && (size_t)client < run->actor_count)
      actor[client].history = history;
  }
  json_decref(manifest);
  return status;
}

/* As the decider does it: who is excluded stays so, and who was then and is not any more keeps its
 * fresh start. */
static enum tamis_status roll_back(struct dryrun *run, int64_t round, struct fault *fault) {
  const struct federation *federation =
      state_federation_find(archive_state(run->archive), run->question->federation);
  int64_t its = round == 0 ? 0 : state_round_judged(federation, round);
  struct actor *after = decision_memory(calloc(run->actor_count + 1, sizeof *after));
  enum tamis_status status = TAMIS_OK;
  for (size_t i = 0; i < run->actor_count; i++) judge_history_start(&after[i].history);
  const struct actor *saved =
      its > 0 && (size_t)its <= run->saved_count ? run->saved[its - 1] : NULL;
  if (saved) /* whoever came later is new again */
    for (size_t i = 0; i < run->actor_count && saved[i].history.sentence[0] != '\0'; i++)
      after[i].history = saved[i].history;
  else if (its > 0)
    status = logged_actors(run, its, after, fault);
  for (size_t i = 0; i < run->actor_count && status == TAMIS_OK; i++) {
    bool is_excluded = run->actor[i].history.standing == STANDING_EXCLUDED;
    bool was_excluded = after[i].history.standing == STANDING_EXCLUDED;
    if (!is_excluded && !was_excluded) run->actor[i].history = after[i].history;
  }
  free(after);
  return status;
}

static enum tamis_status happen(struct dryrun *run, const struct event *event,
                                struct fault *fault) {
  struct actor *actor = actor_of(run, event->client);
  switch (event->act) {
  case ACT_EXCLUDED: actor->history.standing = STANDING_EXCLUDED; break;
  case ACT_REINSTATED:
    actor->is_gone = false;
    judge_history_start(&actor->history);
    break;
  case ACT_REVOKED: actor->is_revoked = true; break;
  case ACT_ENROLLED: actor->is_revoked = false; break;
  case ACT_ROLLED_BACK: return roll_back(run, event->round, fault);
  }
  return TAMIS_OK;
}

static enum tamis_status catch_up(struct dryrun *run, uint64_t index, struct fault *fault) {
  enum tamis_status status = TAMIS_OK;
  while (status == TAMIS_OK && run->event_done < run->event_count &&
         run->event[run->event_done].index < index)
    status = happen(run, &run->event[run->event_done++], fault);
  return status;
}

/* ---- one round ---- */

static int64_t row_named(const struct work *work, const char *name) {
  size_t low = 0, high = work->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    int order = strcmp(name, work->row[middle].name);
    if (order == 0) return (int64_t)middle;
    if (order < 0)
      high = middle;
    else
      low = middle + 1;
  }
  return EVIDENCE_NOBODY;
}

static int neighbour_of(const struct work *work, const json_t *element, const char *key) {
  const char *name;
  return canonical_text(element, key, &name) ? (int)row_named(work, name) : EVIDENCE_NOBODY;
}

static enum tamis_status read_evidence(const struct work *work, const json_t *updates,
                                       enum evidence_source only, bool is_all,
                                       struct evidence *evidence, struct fault *fault) {
  size_t count;
  const struct evidence_row *row = evidence_table(&count);
  for (size_t i = 0; i < work->count; i++) {
    const json_t *element = json_array_get(updates, i);
    if (is_all) {
      evidence[i].neighbour = neighbour_of(work, element, "neighbour");
      evidence[i].residual_neighbour = neighbour_of(work, element, "residual_neighbour");
      evidence[i].history_neighbour = neighbour_of(work, element, "history_neighbour");
    }
    evidence[i].history_neighbour = neighbour_of(work, element, "history_neighbour");
    for (size_t k = 0; k < count; k++) {
      double value;
      if (!is_all && row[k].source != only) continue;
      if (!canonical_double(element, row[k].name, &value))
        return fault_set(fault, TAMIS_CORRUPT,
                         "the verdict manifest of round %" PRId64 " has no %s", work->round,
                         row[k].name);
      evidence_set(&evidence[i], &row[k], value);
    }
  }
  return TAMIS_OK;
}

static enum bar bar_of(const struct actor *actor, const struct work_row *row) {
  if (row->bar == BAR_KNOWN_BAD) return BAR_KNOWN_BAD;
  if (actor->history.standing == STANDING_EXCLUDED) return BAR_EXCLUDED;
  return actor->is_revoked ? BAR_REVOKED : BAR_NONE;
}

/* Would somebody else have voted, or something else been a copy? */
static bool is_other_cohort(struct dryrun *run, struct work *work) {
  bool is_other = run->policy.copy_cosine != work->copy_cosine;
  for (size_t i = 0; i < work->count; i++) {
    const struct actor *actor = actor_of(run, work->row[i].client);
    enum bar bar = bar_of(actor, &work->row[i]);
    bool votes = judge_votes(&actor->history, bar);
    is_other |= votes != work->row[i].votes;
    work->row[i].votes = votes;
  }
  work->copy_cosine = run->policy.copy_cosine;
  return is_other;
}

/* Evidence as it would have been measured; `work` is changed. */
static enum tamis_status find_evidence(struct dryrun *run, struct work *work, const json_t *updates,
                                       struct evidence *evidence, struct fault *fault) {
  bool is_whole;
  if (!is_other_cohort(run, work))
    return read_evidence(work, updates, EVIDENCE_OF_BODIES, true, evidence, fault);
  round_find_light(archive_blobs(run->archive), work, &is_whole);
  if (work->status != TAMIS_OK) { /* without the matrix: the numbers of the day */
    run->believed++;
    return read_evidence(work, updates, EVIDENCE_OF_BODIES, true, evidence, fault);
  }
  run->remeasured++;
  memcpy(evidence, work->evidence, work->count * sizeof *evidence);
  return read_evidence(work, updates, EVIDENCE_OF_BODIES, false, evidence, fault);
}

static void judge_again(struct dryrun *run, const struct work *work,
                        const struct evidence *evidence, struct judged *judged) {
  for (size_t i = 0; i < work->count; i++) {
    const struct actor *actor = actor_of(run, work->row[i].client);
    judged[i].client = work->row[i].name;
    judged[i].evidence = evidence[i];
    judged[i].examples = work->row[i].examples;
    judged[i].arrival = work->row[i].index;
    judged[i].history = actor->history;
    judged[i].bar = bar_of(actor, &work->row[i]);
  }
  judge_round(&run->policy, judged, work->count);
}

/* ---- beside what happened ---- */

static void count_verdict(struct tally *tally, enum verdict verdict) {
  tally->held += verdict == VERDICT_HOLD;
  tally->rejected += verdict == VERDICT_REJECT;
}

static void count_standing(struct tally *tally, enum standing standing, int64_t round) {
  if (standing != tally->last && tally->first[standing] == 0) tally->first[standing] = round;
  tally->last = standing;
}

struct counts {
  int64_t of[VERDICT_REJECT + 1], absent;
};

static json_t *counts_json(const struct counts *counts) {
  return json_pack("{s:I, s:I, s:I, s:I}", "accepted",
                   (json_int_t)(counts->of[VERDICT_ACCEPT] + counts->of[VERDICT_CLIP]), "held",
                   (json_int_t)counts->of[VERDICT_HOLD], "rejected",
                   (json_int_t)counts->of[VERDICT_REJECT], "absent", (json_int_t)counts->absent);
}

/* Can the rule of the federation still do with so many? */
static bool is_feasible(const struct federation *federation, int64_t accepted) {
  struct robust_pipeline *pipeline = NULL;
  struct robust_error error;
  bool is_good = accepted > 0 &&
                 robust_pipeline_parse(federation->terms.rule, &pipeline, &error) == ROBUST_OK &&
                 robust_pipeline_check(pipeline, (size_t)accepted, &error) == ROBUST_OK;
  robust_pipeline_free(pipeline);
  return is_good;
}

struct beside {
  int64_t round;
  const struct work *work;
  const struct judged *judged;
  const json_t *updates;
  struct counts was, would;
  json_t *changes, *moves; /* owned until they are in the round */
};

static enum tamis_status lay_beside(struct dryrun *run, struct beside *beside, size_t i,
                                    struct fault *fault) {
  const json_t *element = json_array_get(beside->updates, i);
  const struct judged *judged = &beside->judged[i];
  uint32_t client = beside->work->row[i].client;
  struct actor *actor = actor_of(run, client);
  struct manifest_update logged;
  double risk = 0;
  enum tamis_status status = manifest_update_read(element, &logged, fault);
  if (status != TAMIS_OK) return status;
  canonical_double(element, "risk", &risk);
  bool is_gone = actor->is_gone;
  enum standing before = actor->history.standing;
  actor->history = judged->history;
  actor->is_gone |= judged->history.standing == STANDING_EXCLUDED && judged->bar == BAR_NONE;
  run->judged[client]++;
  beside->was.of[logged.verdict]++;
  count_verdict(&run->was[client], logged.verdict);
  if (is_gone)
    beside->would.absent++, run->would[client].absent++;
  else
    beside->would.of[judged->verdict]++, count_verdict(&run->would[client], judged->verdict);
  count_standing(&run->would[client], judged->history.standing, beside->round);
  bool is_moved = !is_gone && judged->history.standing != before;
  bool is_change = is_gone || judged->verdict != logged.verdict;
  if (is_moved && run->change_count++ < DRYRUN_CHANGES_MAX)
    json_array_append_new(beside->moves, json_pack("{s:s, s:s, s:s, s:s}", "client", judged->client,
                                                   "from", judge_standing_name(before), "to",
                                                   judge_standing_name(judged->history.standing),
                                                   "sentence", judged->history.sentence));
  if (is_change && run->change_count++ < DRYRUN_CHANGES_MAX)
    json_array_append_new(
        beside->changes,
        json_pack("{s:s, s:s, s:s, s:o, s:o, s:s}", "client", judged->client, "was",
                  judge_verdict_name(logged.verdict), "would",
                  is_gone ? "absent" : judge_verdict_name(judged->verdict), "risk_was",
                  canonical_f64(risk), "risk_would", canonical_f64(judged->risk), "sentence",
                  is_gone ? "it would have been excluded before" : judged->sentence));
  return TAMIS_OK;
}

/* What the histories came to in truth. */
static enum tamis_status take_standings(struct dryrun *run, const json_t *manifest,
                                        const struct beside *beside, struct fault *fault) {
  const json_t *clients, *element;
  size_t i;
  enum tamis_status status =
      manifest_list(manifest, run->question->federation, beside->round, "clients", &clients, fault);
  if (status != TAMIS_OK) return status;
  json_array_foreach((json_t *)(uintptr_t)clients, i, element) {
    struct history history;
    struct digest before;
    struct sketch_place sketch;
    const char *name;
    status = manifest_history_read(element, &name, &history, &before, &sketch, fault);
    if (status != TAMIS_OK) return status;
    int64_t row = row_named(beside->work, name);
    if (row != EVIDENCE_NOBODY)
      count_standing(&run->was[beside->work->row[row].client], history.standing, beside->round);
  }
  return TAMIS_OK;
}

static void add_round(struct dryrun *run, const struct federation *federation,
                      struct beside *beside) {
  int64_t accepted = beside->would.of[VERDICT_ACCEPT] + beside->would.of[VERDICT_CLIP];
  json_array_append_new(run->rounds_json,
                        json_pack("{s:I, s:I, s:I, s:o, s:o, s:b, s:O, s:O}", "round",
                                  (json_int_t)beside->round, "policy_version",
                                  (json_int_t)federation->past[beside->round].policy_version,
                                  "updates", (json_int_t)beside->work->count, "was",
                                  counts_json(&beside->was), "would", counts_json(&beside->would),
                                  "feasible", (int)is_feasible(federation, accepted), "changes",
                                  beside->changes, "moves", beside->moves));
}

static enum tamis_status judge_one(struct dryrun *run, const struct federation *federation,
                                   const struct archive_round *round, const json_t *manifest,
                                   struct work *work, struct fault *fault) {
  struct evidence *evidence = decision_memory(calloc(work->count + 1, sizeof *evidence));
  struct judged *judged = decision_memory(calloc(work->count + 1, sizeof *judged));
  struct beside beside = {.round = round->number,
                          .work = work,
                          .judged = judged,
                          .changes = decision_memory(json_array()),
                          .moves = decision_memory(json_array())};
  enum tamis_status status =
      manifest_list(manifest, federation->name, round->number, "updates", &beside.updates, fault);
  if (status == TAMIS_OK && json_array_size(beside.updates) != work->count)
    status = fault_set(fault, TAMIS_CORRUPT, "round %" PRId64 " has verdicts for other updates",
                       round->number);
  if (status == TAMIS_OK) status = find_evidence(run, work, beside.updates, evidence, fault);
  if (status == TAMIS_OK) judge_again(run, work, evidence, judged);
  for (size_t i = 0; i < work->count && status == TAMIS_OK; i++)
    status = lay_beside(run, &beside, i, fault);
  if (status == TAMIS_OK) status = take_standings(run, manifest, &beside, fault);
  if (status == TAMIS_OK) add_round(run, federation, &beside);
  json_decref(beside.changes);
  json_decref(beside.moves);
  free(judged);
  free(evidence);
  return status;
}

/* ---- the range ---- */

static bool is_in_range(const struct dryrun *run, const struct archive_round *round) {
  const struct dryrun_question *question = run->question;
  return round->of == 0 && round->measure && round->verdicts_index != ARCHIVE_NOWHERE &&
         round->number >= question->first &&
         (question->last == 0 || round->number <= question->last);
}

/* Rounds that a rollback of the range returns to. */
static void mark_saved(struct dryrun *run, const struct federation *federation, bool *is_wanted) {
  for (size_t i = 0; i < run->event_count; i++)
    if (run->event[i].act == ACT_ROLLED_BACK && run->event[i].round > 0)
      is_wanted[state_round_judged(federation, run->event[i].round) - 1] = true;
}

static void save(struct dryrun *run, int64_t round) {
  size_t room = archive_state(run->archive)->client_count + 1;
  struct actor *saved = decision_memory(calloc(room, sizeof *saved));
  memcpy(saved, run->actor, run->actor_count * sizeof *saved);
  run->saved[round - 1] = saved;
}

static enum tamis_status judge_range(struct dryrun *run, struct fault *fault) {
  const struct federation *federation =
      state_federation_find(archive_state(run->archive), run->question->federation);
  size_t count;
  const struct archive_round *round = archive_rounds(run->archive, federation->name, &count);
  bool *is_wanted = decision_memory(calloc(count + 1, sizeof *is_wanted));
  enum tamis_status status = TAMIS_OK;
  run->saved = decision_memory(calloc(count + 1, sizeof(struct actor *)));
  run->saved_count = count;
  mark_saved(run, federation, is_wanted);
  for (size_t i = 0; i < count && status == TAMIS_OK; i++) {
    json_t *manifest = NULL;
    if (!is_in_range(run, &round[i])) continue;
    struct work *work = work_copy(round[i].measure);
    work->gram = round[i].gram;
    status = catch_up(run, round[i].verdicts_index, fault);
    if (status == TAMIS_OK)
      status = manifest_load(archive_blobs(run->archive), &round[i].verdicts, &manifest, fault);
    if (status == TAMIS_OK) status = judge_one(run, federation, &round[i], manifest, work, fault);
    if (status == TAMIS_OK && is_wanted[i]) save(run, round[i].number);
    run->rounds += status == TAMIS_OK;
    json_decref(manifest);
    work_free(work);
  }
  free(is_wanted);
  return status;
}

/* ---- the report ---- */

static json_t *tally_json(const struct tally *tally) {
  json_t *json = json_pack("{s:s, s:I, s:I, s:I}", "state", judge_standing_name(tally->last),
                           "held", (json_int_t)tally->held, "rejected", (json_int_t)tally->rejected,
                           "absent", (json_int_t)tally->absent);
  for (int i = STANDING_WATCHED; i <= STANDING_EXCLUDED; i++)
    if (tally->first[i] > 0)
      json_object_set_new(json, judge_standing_name((enum standing)i),
                          json_integer((json_int_t)tally->first[i]));
  return json;
}

/* By name, as any list of clients. */
static int by_client(const void *left, const void *right) {
  return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static json_t *clients_json(const struct dryrun *run) {
  const struct state *state = archive_state(run->archive);
  const char **name = decision_memory(calloc(state->client_count + 1, sizeof *name));
  json_t *list = decision_memory(json_array());
  size_t count = 0;
  for (size_t i = 0; i < state->client_count; i++)
    if (run->judged[i] > 0) name[count++] = state->client[i].name;
  qsort(name, count, sizeof *name, by_client);
  for (size_t i = 0; i < count; i++) {
    int64_t client = state_client_find(state, name[i]);
    json_array_append_new(list, json_pack("{s:s, s:I, s:o, s:o}", "client", name[i], "updates",
                                          (json_int_t)run->judged[client], "was",
                                          tally_json(&run->was[client]), "would",
                                          tally_json(&run->would[client])));
  }
  free(name);
  return list;
}

static json_t *limits_json(const struct dryrun *run) {
  json_t *limits = decision_memory(json_array());
  json_array_append_new(
      limits, json_string("later updates would have been others: what is held or excluded changes "
                          "the models that clients start from, and here they stay as they came"));
  json_array_append_new(limits,
                        json_string("a client that was excluded in truth has sent nothing since: "
                                    "what it would have sent is not known"));
  json_array_append_new(limits,
                        json_string("cohorts are those that were drawn, and what people did is "
                                    "taken as it was"));
  if (run->question->first > 1)
    json_array_append_new(limits, json_string("histories begin as the policies of before left "
                                              "them, at the first round of the range"));
  if (run->believed > 0)
    json_array_append_new(limits, json_string("some Gram matrices are not here: distances of those "
                                              "rounds are to the centre of the day"));
  if (run->change_count > DRYRUN_CHANGES_MAX)
    json_array_append_new(limits, json_string("there are more changes than are listed; the counts "
                                              "are of all"));
  return limits;
}

static json_t *report_json(const struct dryrun *run) {
  const struct checkpoint *checkpoint = archive_checkpoint(run->archive);
  struct digest policy = {{0}};
  canonical_digest(run->question->policy, &policy, NULL);
  return json_pack("{s:s, s:s, s:{s:s, s:I, s:o}, s:O, s:o, s:I, s:I, s:I, s:I, s:o, s:O, s:o}",
                   "format", "tamis-dry-run/v1", "federation", run->question->federation, "log",
                   "origin", checkpoint->origin, "size", (json_int_t)checkpoint->size, "root",
                   manifest_digest(&checkpoint->root), "policy", run->question->policy,
                   "policy_digest", manifest_digest(&policy), "first",
                   (json_int_t)run->question->first, "last", (json_int_t)run->question->last,
                   "judged", (json_int_t)run->rounds, "remeasured", (json_int_t)run->remeasured,
                   "clients", clients_json(run), "rounds", run->rounds_json, "limits",
                   limits_json(run));
}

static void make_room(struct dryrun *run) {
  size_t clients = archive_state(run->archive)->client_count;
  run->actor = decision_memory(realloc(run->actor, (clients + 1) * sizeof *run->actor));
  run->was = decision_memory(calloc(clients + 1, sizeof *run->was));
  run->would = decision_memory(calloc(clients + 1, sizeof *run->would));
  run->judged = decision_memory(calloc(clients + 1, sizeof *run->judged));
  for (size_t i = 0; i < run->actor_count; i++)
    run->was[i].last = run->would[i].last = run->actor[i].history.standing;
}

static enum tamis_status walk(struct dryrun *run, const char *folder, const char *log_vkey,
                              struct fault *fault) {
  const struct dryrun_question *question = run->question;
  struct archive_options options = {.keeps_rounds = true,
                                    .federation = question->federation,
                                    .first = question->first,
                                    .last = question->last};
  enum tamis_status status = policy_read(question->policy, &run->policy, fault);
  if (status == TAMIS_OK) status = policy_check(&run->policy, fault);
  if (status == TAMIS_OK) status = archive_open(folder, log_vkey, &options, &run->archive, fault);
  if (status == TAMIS_OK) status = archive_walk(run->archive, visit, run, fault);
  if (status != TAMIS_OK) return status;
  if (!state_federation_find(archive_state(run->archive), question->federation))
    return fault_set(fault, TAMIS_UNKNOWN_FEDERATION, "the log has no federation %.64s",
                     question->federation);
  if (!run->has_start)
    return fault_set(fault, TAMIS_NOT_FOUND, "no round of %.64s in this range was judged",
                     question->federation);
  make_room(run);
  return TAMIS_OK;
}

enum tamis_status dryrun(const char *folder, const char *log_vkey,
                         const struct dryrun_question *question, json_t **report,
                         struct fault *fault) {
  struct dryrun run = {.question = question, .rounds_json = decision_memory(json_array())};
  enum tamis_status status = walk(&run, folder, log_vkey, fault);
  if (status == TAMIS_OK) status = judge_range(&run, fault);
  if (status == TAMIS_OK && run.rounds == 0)
    status = fault_set(fault, TAMIS_NOT_FOUND, "no round of %.64s in this range was judged",
                       question->federation);
  if (status == TAMIS_OK) *report = decision_memory(report_json(&run));
  dryrun_close(&run);
  return status;
}
