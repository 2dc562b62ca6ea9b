/* What the journal adds up to: clients, invitations, federations, their rounds. Plain data that
 * only federation_apply changes; it can be made again from the entries and their manifests at any
 * time. */
#ifndef TAMIS_STATE_H
#define TAMIS_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "aggregator/feed.h"
#include "aggregator/judge.h"
#include "aggregator/policy.h"
#include "proto/digest.h"
#include "proto/digest_set.h"
#include "proto/key.h"
#include "proto/statement.h"
#include "proto/text.h"

enum {
  STATE_NAME_SIZE = TEXT_NAME_MAX + 1,
  STATE_PERSONS_MAX = 1024,
  STATE_CLIENTS_MAX = 65536,
  STATE_INVITATIONS_MAX = 1 << 20,
  STATE_FEDERATIONS_MAX = 64,
  STATE_RULE_SIZE = 401, /* of an optimiser too */
  STATE_VECTORS_MAX = 4,
  STATE_DISPUTES_MAX = 1024, /* of one federation */
  STATE_WITHOUT_MAX = 64,    /* clients that a rebuild leaves out */
  STATE_POLICIES_MAX = STATEMENT_POLICIES_MAX,
  STATE_APPROVALS_MAX = 64,  /* of one candidate */
  STATE_EVALUATORS_MAX = 64, /* of one model */
  STATE_CLASSES_MAX = 100,   /* that are compared one by one */
  STATE_REVIEWS_MAX = 4096,  /* of one federation; then the oldest round's are forgotten */
  STATE_VOICES_MAX = 4,      /* people who may speak on one update */
  STATE_TRAIL_MAX = 11,      /* rounds whose steps are remembered */
  STATE_NOBODY = -1,
};

/* What a person may be granted; the words are those of role-grant (trust.md 3.4). */
#define STATE_ROLE_MAP(X)                                                                          \
  X(OPERATOR, "operator")                                                                          \
  X(ENROLLER, "enroller")                                                                          \
  X(REVIEWER, "reviewer")                                                                          \
  X(RELEASE_MANAGER, "release-manager")                                                            \
  X(EVALUATOR, "evaluator")                                                                        \
  X(AUDITOR, "auditor")

enum duty_role {
#define X(name, text) ROLE_##name,
  STATE_ROLE_MAP(X)
#undef X
      ROLE_COUNT
};

struct grant { /* of one role to one person */
  bool is_held;
  int64_t not_after; /* unix seconds; 0: no end */
  uint64_t index;    /* of the entry that granted or revoked it last */
};

struct person { /* whoever signs for people: operators, reviewers, ...; key.name is the name */
  struct public_key key;
  struct grant grant[ROLE_COUNT];
};

struct client { /* of the server; what a federation knows about it is a member */
  char name[STATE_NAME_SIZE], organisation[STATE_NAME_SIZE];
  struct public_key key;
  bool revoked; /* until the name is invited and enrolled again, with another key */
};

struct invitation {
  struct digest token;
  char client[STATE_NAME_SIZE], organisation[STATE_NAME_SIZE];
  int64_t not_after; /* unix seconds */
  bool used;
};

/* Where the sketches of a client are: a row of the file that its last judged round left. */
struct sketch_place {
  struct digest file; /* zero: there are none */
  uint32_t row;
  int64_t round;
};

/* The rounds whose steps and centres are in the file of the last of them. */
struct trail {
  struct digest file; /* zero: none */
  size_t count;
  int64_t round[STATE_TRAIL_MAX];
};

struct member { /* a client in a federation; same position as in state.client */
  struct history history;
  struct digest before; /* its last judged update; zero: none */
  struct sketch_place sketch;
  bool is_barred;       /* excluded by an operator's word, not only by the judge's */
  uint64_t word_index;  /* of the last entry by which an operator excluded or reinstated it; or 0 */
  uint64_t basis; /* of the last entry that brought a strike, a move, or a person's word; or 0: a
                     decision about the client that was based on less is stale */
  bool has_moved; /* the verdicts changed its standing and no client-state entry says so yet */
  enum standing moved_from;
  struct digest last_refused; /* envelope; the same one is not logged twice */
  int refused_since_open;     /* entries; at most ADMISSION_REFUSALS_MAX */
};

/* What the rule and the optimiser remember with a model: vectors by name, each a blob. The rule's
 * own last output is called "rule", the optimiser's vectors have the names that it gives them. */
#define STATE_RULE_VECTOR "rule"
struct memory {
  size_t count;
  struct memory_vector {
    char name[STATE_NAME_SIZE];
    struct digest blob;
  } vector[STATE_VECTORS_MAX];
};

enum answer { ANSWER_NONE, ANSWER_UPDATE, ANSWER_REFUSED };

struct slot { /* one selected client's part in the open round */
  uint32_t client;
  enum answer answer;
  uint64_t index; /* of the update's entry */
  struct digest update;
  int64_t examples;
  enum verdict verdict;
};

enum phase {
  PHASE_WAITING,    /* no round is open: the first, or the next when enough clients are there */
  PHASE_COLLECTING, /* updates come in */
  PHASE_JUDGED,     /* verdicts are logged, the aggregate is not */
  PHASE_AGGREGATED, /* a candidate is logged, promote or hold is not; gates or witnesses wait */
};

struct round {
  enum phase phase;
  int64_t number;
  struct digest base, randomness, cohort;
  int64_t base_round; /* whose model the base is; 0: the first model */
  uint64_t plan_index;
  int64_t policy_version; /* that its plan names: it is judged by it, whatever is set meanwhile */
  int64_t quorum, target, opened_at_ms, closes_at_ms;
  size_t selected; /* slots, sorted by client name */
  struct slot *slot;
  size_t updates, answered;     /* of the selected; answered counts updates too */
  struct digest verdicts, gram; /* from PHASE_JUDGED on; verdicts is the manifest */
  struct digest candidate;      /* from PHASE_AGGREGATED on */
  struct memory memory;         /* with it */
  uint64_t aggregate_index;     /* of its entry: what witnesses must have seen */
  int64_t witness_by_ms;        /* until when; 0: no witnesses are required */
  bool is_witnessed;            /* enough have */
  size_t gates_passed;          /* of those that the terms name, in their order */
  int64_t gate_since_ms;        /* since when the candidate waits for the next one */
};

enum outcome {
  OUTCOME_OPEN,
  OUTCOME_PROMOTED,
  OUTCOME_HELD,
  OUTCOME_ABANDONED,
  OUTCOME_REBUILT, /* another round's updates aggregated again */
};

struct past_round {
  enum outcome outcome;
  int64_t base_round;
  struct digest model;                      /* of a promoted or rebuilt round */
  struct digest verdicts, gram, randomness; /* of one that was opened and judged */
  struct digest weights;                    /* the manifest, of one that was aggregated */
  struct memory memory;                     /* that goes with the model */
  int64_t of;                               /* rebuilt: the round that it redoes; else 0 */
  int64_t policy_version;                   /* of one that was opened */
  int64_t history_of;    /* judged: the round whose histories its own continue; 0: new ones */
  uint64_t judged_index; /* of its verdicts' entry */
  bool is_condemned;     /* a head that evaluators found beyond the budget */
  bool undone;
};

/* Rounds of the head's line being aggregated again, oldest first. */
struct rebuild {
  bool is_under_way;
  uint64_t index;       /* of the entry that asked for it */
  int64_t since;        /* the first round to redo */
  int64_t last_of;      /* the last that was redone; 0: none yet */
  int64_t base_round;   /* whose model the next one starts from */
  int64_t useful_count; /* rounds that came to a new model */
  size_t without_count;
  uint32_t without[STATE_WITHOUT_MAX]; /* positions of clients, by name */
};

struct terms { /* what federation-create promises */
  char rule[STATE_RULE_SIZE];
  char optimiser[STATE_RULE_SIZE]; /* "": the aggregate is added as it is */
  char shadows[STATE_RULE_SIZE];   /* rules beside the plan's, with `;` between; "": none */
  struct digest layout, first_model;
  int64_t parameters, quorum, cohort, over_selection_percent, deadline_ms, rounds_max;
  double norm_max;
  int64_t examples_max;
  int64_t witness_organisations, witness_per_organisation; /* that must vouch; 0: none */
  char gates[STATE_RULE_SIZE]; /* between candidate and head, as gates.h reads them; "": none */
  int64_t freeze_after;        /* rounds in a row that a gate ended, then nothing moves; 0: never */
  struct digest suite;         /* by which models are evaluated; zero: by any */
};

/* What a person measured of the head or of the candidate that waits. */
struct evaluation {
  char person[KEY_NAME_SIZE];
  int64_t round; /* whose model it is */
  struct digest suite;
  uint64_t index; /* of the entry */
  int64_t examples;
  double accuracy, loss, trigger_rate;
  bool is_compared; /* with what the person measured of the head when this was the candidate */
  double head_accuracy, class_drop;  /* then; the worst class lost so much against it */
  char worst_class[STATE_NAME_SIZE]; /* "": none lost anything */
  size_t class_count;                /* 0: not class by class, or too many */
  double class_accuracy[STATE_CLASSES_MAX];
};

/* What a person said of the candidate that waits. */
struct approval {
  char person[KEY_NAME_SIZE];
  bool approves;
  char reason[STATE_RULE_SIZE];
};

/* Somebody says that an update must stay to be looked at. */
struct dispute {
  uint32_t client;
  bool is_open;
  int64_t round;
  uint64_t index; /* of the entry that opened or closed it last */
  struct digest update;
};

enum review_decision { REVIEW_RELEASE, REVIEW_REJECT, REVIEW_DECISIONS };

/* What people said about an update that was held or rejected: the first decision acts. */
struct review {
  uint32_t client;
  int64_t round;
  uint64_t index; /* of the first decision's entry */
  enum review_decision decision;
  enum verdict verdict; /* that the history has of it; VERDICT_NONE: it has none */
  bool is_strike;
  bool is_due;                /* the history is still to be amended */
  double risk, excess, drift; /* what it cost in reputation, and added to cusum and drift_sum */
  int64_t rounds;             /* in the history, with that one */
  size_t voice_count;
  struct digest voice[STATE_VOICES_MAX]; /* of the names of those who spoke, the first decided */
};

struct federation {
  char name[STATE_NAME_SIZE];
  struct terms terms;
  struct policy *policy; /* [version - 1]; the first is of federation-create */
  size_t policy_count;   /* the last one is in force for rounds that open from now on */
  struct digest head;
  int64_t head_round;      /* 0: the first model */
  int64_t last_round;      /* highest number ever given */
  int64_t opened;          /* rounds that had a plan: all but the rebuilt ones */
  struct past_round *past; /* [0] is the first model, then [1 .. last_round] */
  struct round round;
  struct rebuild rebuild;
  struct trail trail;
  struct member *member; /* one a client, in the order of state.client */
  size_t member_count;
  uint64_t revision; /* moves when something happens that a judgement under way does not know of */
  uint64_t create_index;
  char policy_author[KEY_NAME_SIZE]; /* who wrote the policy that is in force */
  int64_t keep_rounds;               /* so many rounds' updates stay; 0: all, for ever */
  int64_t shadowed_round;            /* the last that has a `shadow` entry; 0: none */
  int64_t dropped_round;             /* highest from which an update was dropped; 0: none was */
  struct dispute *dispute;
  size_t dispute_count;
  int64_t history_round; /* the judged round whose histories those of now continue; 0: new ones */
  struct review *review;
  size_t review_count;
  int64_t reviewed_round; /* highest from which a review was forgotten: no more of those rounds */
  struct approval *approval; /* of the open round's candidate, in the order of the log */
  size_t approval_count;
  struct evaluation *evaluation; /* of the head and of the candidate, in the order of the log */
  size_t evaluation_count;
  bool is_frozen;        /* nothing is promoted and no round opens */
  uint64_t freeze_index; /* of the entry that froze it last */
  int64_t reds;          /* rounds that a gate ended, since the last promotion or unfreeze */
};

struct state {
  struct public_key log_key;
  struct public_key aggregator; /* from the genesis entry */
  struct person *person;        /* the genesis' operators first */
  size_t person_count;
  bool is_separated; /* duties are; until then an operator holds every role */
  int64_t latest_ms; /* the log's own time: the latest that an entry of the aggregator's tells */
  struct client *client;
  size_t client_count;
  struct invitation *invitation;
  size_t invitation_count;
  struct federation *federation[STATE_FEDERATIONS_MAX];
  size_t federation_count;
  struct digest_set spent;    /* keys, by digest, that were somebody's and are not any more */
  struct feed feed;           /* what is known to be bad; not in an excerpt */
  struct digest_set readable; /* blobs that any client may fetch */
  uint64_t applied;           /* entries */
};

/* `log_key` names the log: its name is the origin. Out of memory ends the process, here and in
 * every function that grows the state: a state that could not follow the journal is of no use. */
struct state *state_new(const struct public_key *log_key);
void state_free(struct state *state);
/* A copy of what decisions about this federation read: the keys, the clients and the federation,
 * which is its only one. To be looked at, never changed. The caller frees it with state_free. */
struct state *state_excerpt(const struct state *state, const struct federation *federation);
const char *state_origin(const struct state *state);

/* Positions, or STATE_NOBODY. */
int64_t state_client_find(const struct state *state, const char *name);
struct person *state_person_find(const struct state *state, const char *name); /* or NULL */
struct invitation *state_invitation_find(const struct state *state, const struct digest *token);
struct federation *state_federation_find(const struct state *state, const char *name);
struct slot *state_slot_find(const struct state *state, const struct round *round,
                             const char *client);

/* Growing. The member of every federation grows with the clients. */
struct client *state_client_add(struct state *state);
struct person *state_person_add(struct state *state, const struct public_key *key);
struct invitation *state_invitation_add(struct state *state);
struct federation *state_federation_add(struct state *state, const char *name);
/* The round after last_round: all zero, with room for its slots. */
struct round *state_round_add(struct federation *federation, size_t selected);

/* NULL when there is none about this client's update of the round. */
struct dispute *state_dispute_find(const struct federation *federation, uint32_t client,
                                   int64_t round);
struct dispute *state_dispute_add(struct federation *federation);
void state_dispute_remove(struct federation *federation, struct dispute *dispute);

/* Takes force with the next plan. */
void state_policy_add(struct federation *federation, const struct policy *policy);
/* From 1 to policy_count. */
const struct policy *state_policy(const struct federation *federation, int64_t version);
/* That of rounds which open from now on. */
const struct policy *state_policy_now(const struct federation *federation);
/* NULL when nobody spoke about this client's update of the round. */
struct review *state_review_find(const struct federation *federation, uint32_t client,
                                 int64_t round);
/* All zero. The oldest round's is forgotten when there are too many. */
struct review *state_review_add(struct federation *federation);
/* Do the histories of now contain what was judged in that round? Not when a rollback took it out.
 */
bool state_history_has(const struct federation *federation, int64_t round);

struct approval *state_approval_add(struct federation *federation);
struct evaluation *state_evaluation_add(struct federation *federation);

void state_readable_add(struct state *state, const struct digest *blob);
bool state_readable_has(const struct state *state, const struct digest *blob);

/* Is the client's key on the feed of what is known to be bad? NULL: no. */
const struct feed_item *state_known_bad(const struct state *state, size_t client);
/* May the client be selected: its key is good and it is not excluded here. */
bool state_is_eligible(const struct state *state, const struct federation *federation,
                       size_t client);
/* risk[] gets for each client what judge_organisation_risk says of its organisation here. Who never
 * sent an update is not counted. */
void state_organisation_risks(const struct state *state, const struct federation *federation,
                              double *risk);
/* Has the round a model that a head may be: promoted or rebuilt? */
bool state_has_model(const struct past_round *past);
/* The round whose updates and verdicts this one is made of: itself, unless it was rebuilt. */
int64_t state_round_judged(const struct federation *federation, int64_t round);
/* The oldest round on the head's line after `after` (0: of all); 0 when there is none. */
int64_t state_line_next(const struct federation *federation, int64_t after);
/* Was the federation frozen after the rebuild under way was asked for? Then its end waits; one that
 * was asked for since is part of setting things right. */
bool state_is_rebuild_frozen(const struct federation *federation);
/* The next round that the rebuild under way has to redo; 0 when all are done. */
int64_t state_rebuild_next(const struct federation *federation);
/* Are all rounds of the federation behind it? */
bool state_is_finished(const struct federation *federation);

/* Copies a name that statement_read has bounded. */
void state_name_set(char out[STATE_NAME_SIZE], const char *name);

#endif
