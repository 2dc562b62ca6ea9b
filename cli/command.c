/* The table. A new command is one function in its noun's file and one row here. */
#include "cli/command.h"

#include <string.h>

#include "cli/command_run.h"

#define REASON                                                                                     \
  { "reason", 0, "TEXT", VALUE_TEXT, true, "why; it goes into the log" }
#define DRY_RUN                                                                                    \
  { "dry-run", 0, NULL, VALUE_FLAG, false, "say what would happen, change nothing" }
#define FEDERATION                                                                                 \
  { "federation", 0, "NAME", VALUE_NAME, true, "which federation" }
#define STATE_FOLDER                                                                               \
  {"state", 0, "DIR", VALUE_FILE, false, "the state folder or a copy (the site's own)"}, {         \
    "log-key", 0, "VKEY", VALUE_TEXT, false, "the log's verifier key (server.json's)"              \
  }
#define EVALUATE(required)                                                                         \
  {"evaluate", 0, "COMMAND", VALUE_TEXT, required, "prints what a model is worth"}, {              \
    "evaluate-timeout", 0, "TIME", VALUE_DURATION, false, "of one evaluation (10m)"                \
  }
#define THREADS                                                                                    \
  { "threads", 0, "N", VALUE_COUNT, false, "so many (all processors); changes no bit" }
#define END                                                                                        \
  { .name = NULL }

static const struct option_row globals[] = {
    {"home", 0, "DIR", VALUE_FILE, false, "holds operator/ (TAMIS_HOME, ~/.config/tamis)"},
    {"address", 0, "ADDR", VALUE_TEXT, false, "where the server is, instead of server.json's"},
    {"timeout", 0, "TIME", VALUE_DURATION, false, "of one call, such as 10s (30s)"},
    {"output", 'o', "FORM", VALUE_FORM, false, "table, wide, json, jsonl or name"},
    {"no-color", 0, NULL, VALUE_FLAG, false, "no colours (NO_COLOR does the same)"},
    {"quiet", 'q', NULL, VALUE_FLAG, false, "no messages but errors"},
    {"verbose", 'v', NULL, VALUE_FLAG, false, "more messages"},
    {"help", 'h', NULL, VALUE_FLAG, false, "help on the command"},
    {"version", 0, NULL, VALUE_FLAG, false, "the version"},
    END,
};

static const struct option_row init_options[] = {
    {"origin", 0, "NAME", VALUE_TEXT, false, "the log's name, for ever (tamis.local/HOSTNAME)"},
    {"listen", 0, "ADDR", VALUE_TEXT, false, "where tamisd listens (127.0.0.1:7414)"},
    {"operator", 0, "NAME", VALUE_NAME, false, "your name in the log (the user's)"},
    {"metrics", 0, "ADDR", VALUE_TEXT, false, "where /metrics is served, or off (off)"},
    END,
};

static const struct option_row federation_create_options[] = {
    {"model", 0, "FILE", VALUE_FILE, true, "first model: safetensors of float32"},
    {"rule", 0, "PIPELINE", VALUE_TEXT, true, "how updates become one"},
    {"optimiser", 0, "TEXT", VALUE_TEXT, false, "what is done with it: 'momentum' (it is added)"},
    {"shadow", 0, "PIPELINE", VALUE_TEXT, false, "compare with this rule too; may be repeated"},
    {"quorum", 0, "N", VALUE_COUNT, false, "updates that a round needs (2)"},
    {"cohort", 0, "N", VALUE_COUNT, false, "clients asked each round (0: all)"},
    {"over-selection", 0, "PERCENT", VALUE_COUNT, false, "ask so many more than the cohort (0)"},
    {"deadline", 0, "TIME", VALUE_DURATION, false, "how long a round is open (60s)"},
    {"rounds", 0, "N", VALUE_COUNT, false, "stop after so many (0: never)"},
    {"norm-max", 0, "X", VALUE_REAL, false, "refuse longer updates at the door (1e6)"},
    {"examples-max", 0, "N", VALUE_COUNT, false, "most examples a client may claim (1000000)"},
    {"witness-quorum", 0, "N", VALUE_COUNT, false, "organisations that must vouch first (0)"},
    {"witness-per-organisation", 0, "N", VALUE_COUNT, false, "clients of each that must (1)"},
    {"policy", 0, "NAME=X", VALUE_SETTING, false, "a threshold (PROTOCOL.md 6); may be repeated"},
    {"keep-rounds", 0, "N", VALUE_COUNT, false, "keep the updates of so many rounds (0: all)"},
    {"gates", 0, "TEXT", VALUE_TEXT, false, "what a candidate must pass: 'approval' (nothing)"},
    {"suite", 0, "DIGEST", VALUE_TEXT, false, "what evaluators measure with, SHA-256 (any)"},
    {"freeze-after", 0, "N", VALUE_COUNT, false, "so many rounds held by gates in a row (0: no)"},
    DRY_RUN,
    END,
};

static const struct option_row slis_options[] = {
    {"by", 0, "WHOM", VALUE_TEXT, false, "organisation or client (of the whole federation)"}, END};

static const struct option_row federation_retain_options[] = {
    {"rounds", 0, "N", VALUE_COUNT, true, "of so many rounds; 0: of all"},
    REASON,
    DRY_RUN,
    {"yes", 'y', NULL, VALUE_FLAG, false, "do not ask"},
    END,
};

static const struct option_row reason_options[] = {REASON, DRY_RUN, END};

static const struct option_row client_invite_options[] = {
    {"organisation", 0, "ORG", VALUE_NAME, false, "whose client it is (the client's own name)"},
    {"valid", 0, "TIME", VALUE_DURATION, false, "how long the invitation is good (24h)"},
    {"public-address", 0, "ADDR", VALUE_TEXT, false, "where the client finds the server"},
    DRY_RUN,
    END,
};
static const struct option_row client_show_options[] = {
    {"federation", 0, "NAME", VALUE_NAME, false, "which, when it is in several"}, END};
static const struct option_row client_exclude_options[] = {
    FEDERATION,
    REASON,
    {"since", 0, "ROUND", VALUE_COUNT, false, "first round held against it (its next)"},
    DRY_RUN,
    END};
static const struct option_row client_reinstate_options[] = {FEDERATION, REASON, DRY_RUN, END};
static const struct option_row client_dispute_options[] = {
    FEDERATION,
    {"round", 0, "ROUND", VALUE_COUNT, true, "the round of the update"},
    {"reason", 0, "TEXT", VALUE_TEXT, false, "why; it goes into the log"},
    {"close", 0, NULL, VALUE_FLAG, false, "the dispute is over; the policy goes on"},
    DRY_RUN,
    END};
static const struct option_row review_list_options[] = {
    {"all", 0, NULL, VALUE_FLAG, false, "those that were decided on, too"}, END};
static const struct option_row review_options[] = {
    REASON,
    {"basis", 0, "ENTRY", VALUE_COUNT, false, "what you looked at, from tamis review show"},
    DRY_RUN,
    END};
static const struct option_row client_revoke_options[] = {REASON, DRY_RUN, END};

#define STATE                                                                                      \
  {"state", 0, "DIR", VALUE_FILE, false, "a state folder or a copy, instead of the server"}, {     \
    "log-key", 0, "VKEY", VALUE_TEXT, false, "with --state: the log's key (server.json's)"         \
  }
static const struct option_row model_lineage_options[] = {
    {"round", 0, "ROUND", VALUE_COUNT, false, "of the model of this round (the head)"}, STATE, END};
static const struct option_row state_options[] = {STATE, END};
static const struct option_row policy_lint_options[] = {
    {"strict", 0, NULL, VALUE_FLAG, false, "warnings fail too"}, END};
static const struct option_row feed_set_options[] = {
    {"note", 0, "TEXT", VALUE_TEXT, true, "why; it goes into the log"}, DRY_RUN, END};
static const struct option_row feed_add_options[] = {
    {"client", 0, "CLIENT", VALUE_NAME, true, "whose update or key it is"},
    {"from-round", 0, "ROUND", VALUE_COUNT, false, "its update of this round"},
    {"federation", 0, "NAME", VALUE_NAME, false, "with --from-round: of which federation"},
    {"key", 0, NULL, VALUE_FLAG, false, "the key that it has now"},
    REASON,
    DRY_RUN,
    END};
static const struct option_row feed_withdraw_options[] = {REASON, DRY_RUN, END};
static const struct option_row policy_dry_run_options[] = {
    FEDERATION,
    {"rounds", 0, "A..B", VALUE_TEXT, false, "only these: 7, 3..9, 3.. or ..9"},
    {"report", 0, "FILE", VALUE_FILE, false, "keep the report, for policy set --report"},
    STATE_FOLDER,
    END};
static const struct option_row policy_set_options[] = {
    {"note", 0, "TEXT", VALUE_TEXT, true, "why; it goes into the log"},
    {"report", 0, "FILE", VALUE_FILE, false, "of a dry run of this very policy: it is named"},
    DRY_RUN,
    END};
static const struct option_row model_get_options[] = {
    {"round", 0, "ROUND", VALUE_COUNT, false, "the model of this round (the head)"},
    {"file", 'O', "FILE", VALUE_FILE, true, "where to put it; never overwrites"},
    END,
};
static const struct option_row rollback_options[] = {
    {"to", 0, "ROUND", VALUE_COUNT, true, "round to go back to; 0: the start"},
    REASON,
    DRY_RUN,
    {"yes", 'y', NULL, VALUE_FLAG, false, "do not ask"},
    EVALUATE(false),
    STATE_FOLDER,
    END,
};
static const struct option_row rebuild_options[] = {
    {"since", 0, "R", VALUE_COUNT, true, "the first round to make again"},
    {"without", 0, "C", VALUE_NAME, true, "who is left out; may be repeated"},
    REASON,
    DRY_RUN,
    {"yes", 'y', NULL, VALUE_FLAG, false, "do not ask"},
    {"no-wait", 0, NULL, VALUE_FLAG, false, "do not wait until the head has moved"},
    EVALUATE(false),
    THREADS,
    STATE_FOLDER,
    END,
};

#define BUNDLE_OPTIONS                                                                             \
  {"file", 'O', "FILE", VALUE_FILE, true, "where to put it; never overwrites"},                    \
      {"bodies", 0, NULL, VALUE_FLAG, false, "updates, models and state, if you may read them"},   \
      STATE,                                                                                       \
      {"client-state", 0, "DIR", VALUE_FILE, false, "ask as the client with this SDK folder"},     \
      {"ca", 0, "FILE", VALUE_FILE, false, "PEM of the server's authority (--client-state)"},      \
      {"certificate", 0, "FILE", VALUE_FILE, false, "PEM of the client, for mutual TLS"}, {        \
    "key", 0, "FILE", VALUE_FILE, false, "PEM of its key"                                          \
  }
static const struct option_row bundle_round_options[] = {BUNDLE_OPTIONS, END};
static const struct option_row bundle_client_options[] = {
    BUNDLE_OPTIONS,
    {"round", 0, "ROUND", VALUE_COUNT, false, "this round only (all that it touched)"},
    END};
static const struct option_row bundle_model_options[] = {
    BUNDLE_OPTIONS,
    {"round", 0, "ROUND", VALUE_COUNT, false, "the model of this round (the head)"},
    END};

static const struct option_row verify_options[] = {
    {"journal", 0, "FILE", VALUE_FILE, false, "a copy of the journal, instead of the server"},
    {"blobs", 0, "DIR", VALUE_FILE, false, "the blobs beside it"},
    {"checkpoint", 0, "FILE", VALUE_FILE, false, "the signed note (checkpoint beside the journal)"},
    {"log-key", 0, "VKEY", VALUE_TEXT, false, "the log's key, instead of server.json's"},
    END,
};

static const struct option_row log_show_options[] = {
    {"from", 0, "INDEX", VALUE_COUNT, false, "first entry (the last 20 are shown)"},
    {"count", 0, "N", VALUE_COUNT, false, "at most so many"},
    {"kind", 0, "KIND", VALUE_TEXT, false, "only of this kind, such as client-state"},
    {"raw", 0, NULL, VALUE_FLAG, false, "the envelopes, byte for byte, one a line"},
    END,
};
static const struct option_row log_export_options[] = {
    {"state", 0, "DIR", VALUE_FILE, false, "a state folder or a copy, instead of the server"},
    {"blobs", 0, NULL, VALUE_FLAG, false, "also the models, updates and manifests it names"},
    {"log-key", 0, "VKEY", VALUE_TEXT, false, "the log's key, instead of server.json's"},
    END,
};
static const struct option_row log_fork_options[] = {
    {"state", 0, "DIR", VALUE_FILE, false, "a state folder or a copy to hold it against"},
    {"log-key", 0, "VKEY", VALUE_TEXT, false, "the log's key, instead of server.json's"},
    END,
};
static const struct option_row log_serve_options[] = {
    {"state", 0, "DIR", VALUE_FILE, false, "a state folder; a server may be running on it"},
    {"listen", 0, "ADDR", VALUE_TEXT, false, "where (127.0.0.1:7416)"},
    {"blobs", 0, NULL, VALUE_FLAG, false, "also the models and updates, to whoever connects"},
    END,
};
static const struct option_row log_rebuild_index_options[] = {
    {"state", 0, "DIR", VALUE_FILE, false, "the state folder (the site's own)"},
    {"check", 0, NULL, VALUE_FLAG, false, "only compare; exit code 1 when something differs"},
    {"log-key", 0, "VKEY", VALUE_TEXT, false, "the log's key, instead of server.json's"},
    END,
};
static const struct option_row log_watch_options[] = {
    {"from", 0, "INDEX", VALUE_COUNT, false, "begin with this entry (what comes next)"},
    {"wait", 0, "TIME", VALUE_DURATION, false, "stop when nothing came for so long"},
    END,
};

static const struct option_row audit_options[] = {
    STATE_FOLDER,
    {"rounds", 0, "A..B", VALUE_TEXT, false, "compute only these again: 7, 3..9, 3.. or ..9"},
    {"federation", 0, "NAME", VALUE_NAME, false, "and only this federation's"},
    {"light", 0, NULL, VALUE_FLAG, false, "decisions alone, from the logged Gram matrices"},
    {"textfile", 0, "FILE", VALUE_FILE, false, "the result for the node exporter, *.prom"},
    THREADS,
    END,
};

static const struct option_row replay_options[] = {
    {"rule", 0, "PIPELINE", VALUE_TEXT, false, "instead of the round's own"},
    {"optimiser", 0, "TEXT", VALUE_TEXT, false, "instead of the round's own; none: none"},
    EVALUATE(false),
    {"file", 'O', "OUT", VALUE_FILE, false, "where to put the candidate; never overwrites"},
    STATE_FOLDER,
    THREADS,
    END,
};

static const struct option_row blame_options[] = {
    {"round", 0, "ROUND", VALUE_COUNT, false, "whose model (the head's)"},
    {"since", 0, "ROUND", VALUE_COUNT, false, "leave clients out of this round and those after"},
    EVALUATE(false),
    STATE_FOLDER,
    THREADS,
    END,
};

static const struct option_row bisect_options[] = {
    EVALUATE(true),
    {"good", 0, "ROUND", VALUE_COUNT, false, "a round whose model was good (the best found)"},
    {"bad", 0, "ROUND", VALUE_COUNT, false, "a later one that is not (the head's)"},
    {"drop", 0, "X", VALUE_REAL, false, "bad is so far below good (half the loss)"},
    {"all", 0, NULL, VALUE_FLAG, false, "look at every model between them"},
    {"through", 0, NULL, VALUE_FLAG, false, "leave clients out of the rounds after it too"},
    STATE_FOLDER,
    THREADS,
    END,
};

static const struct option_row evaluate_options[] = {
    {"suite", 0, "FILE", VALUE_FILE, true, "test data; its SHA-256 is the suite"},
    {"command", 0, "COMMAND", VALUE_TEXT, true, "prints what a model is worth, as JSON"},
    {"evaluate-timeout", 0, "TIME", VALUE_DURATION, false, "of one evaluation (10m)"},
    {"watch", 0, NULL, VALUE_FLAG, false, "go on: each candidate and head as it comes"},
    END,
};

static const struct option_row aggregate_options[] = {
    {"rule", 0, "PIPELINE", VALUE_TEXT, true, "such as 'nnm(f=4) | median'"},
    {"file", 'o', "OUT", VALUE_FILE, true, "the result: .npy or .safetensors"},
    {"weights", 0, "FILE", VALUE_FILE, false, "JSON: weights, dropped rows, margin, scores"},
    {"gram", 0, "FILE", VALUE_FILE, false, "writes the n x n inner products, .npy of float64"},
    {"state", 0, "DIR", VALUE_FILE, false, "what the rule remembers from round to round"},
    {"counts", 0, "FILE", VALUE_FILE, false, "examples of each row: JSON list or .npy (1 each)"},
    {"reference", 0, "FILE", VALUE_FILE, false, "the vector that fltrust and flame compare with"},
    {"order", 0, "FILE", VALUE_FILE, false, "permutation that breaks ties (as they come)"},
    THREADS,
    END,
};

static const struct option_row role_grant_options[] = {
    REASON,
    {"valid", 0, "TIME", VALUE_DURATION, false, "ends by itself after so long (never)"},
    DRY_RUN,
    END};
static const struct option_row role_revoke_options[] = {REASON, DRY_RUN, END};
static const struct option_row role_separate_options[] = {
    REASON, DRY_RUN, {"yes", 'y', NULL, VALUE_FLAG, false, "do not ask"}, END};
static const struct option_row cosign_options[] = {
    {"yes", 'y', NULL, VALUE_FLAG, false, "do not ask"}, END};

static const struct command row[] = {
    {"init", NULL, "DIR", init_options, "Make keys, configuration and genesis of a new server",
     "DIR gets tamisd.yaml, genesis.json, keys/ for the server and operator/ for you.\n"
     "Nothing that is there is overwritten.\n",
     "  tamis init site\n  tamis init site --origin fl.example/agg1 --listen 0.0.0.0:7414\n",
     init_run},
    {"federation", "create", "NAME", federation_create_options, "Begin a federation",
     "Uploads the model, also with --dry-run (bytes that nothing names do no harm).\n"
     "Rules: mean, median, trimmed_mean(f=4), krum(f=4), multi_krum(f=4), ...\n",
     "  tamis federation create digits --model m.safetensors \\\n"
     "    --rule 'multi_krum(f=4)' --quorum 14 --rounds 25 --deadline 60s\n",
     federation_create},
    {"federation", "list", "", NULL, "All federations", NULL,
     "  tamis federation list\n  tamis federation list -o name\n", federation_list},
    {"federation", "show", "NAME", NULL, "One federation", NULL, "  tamis federation show digits\n",
     federation_show},
    {"federation", "retain", "NAME", federation_retain_options,
     "Say for how many rounds updates are kept",
     "Shows what would go, and asks. What goes cannot be had back: such rounds are\n"
     "no longer recomputable, and tamis audit says so. Models, manifests and digests\n"
     "stay for ever; so do updates that are held, rejected or disputed until an\n"
     "operator has spoken, and each client's last one.\n",
     "  tamis federation retain digits --rounds 50 --reason 'disk' --dry-run\n"
     "  tamis federation retain digits --rounds 50 --reason 'disk' --yes\n",
     federation_retain},
    {"policy", "show", "[FEDERATION] [VERSION]", state_options,
     "Every threshold of judgement, and what it is set to",
     "Without a federation: the defaults. PROTOCOL.md 6 says how each is used.\n",
     "  tamis policy show\n  tamis policy show digits\n  tamis policy show digits 1\n",
     policy_show},
    {"policy", "history", "FEDERATION", state_options,
     "The versions of a policy, who set them, and what changed", NULL,
     "  tamis policy history digits\n  tamis policy history digits -o wide\n", policy_history},
    {"policy", "lint", "FILE", policy_lint_options, "What is wrong with a policy, or weak",
     "Errors: unknown thresholds, values out of range, thresholds that contradict\n"
     "each other. Warnings: what lets attackers do more than the default does. Notes:\n"
     "what is harder on honest clients. Exit code 2 with errors.\n",
     "  tamis policy lint strict.yaml\n  tamis policy lint strict.yaml --strict -o json\n",
     policy_lint_run},
    {"policy", "dry-run", "FILE", policy_dry_run_options,
     "What another policy would have said to past rounds",
     "Judges the stored evidence again, histories included, and lays it beside what\n"
     "happened. Reads the state folder or a copy, beside a running server; needs no\n"
     "updates. Later updates would have been others: it says what it cannot know.\n",
     "  tamis policy dry-run strict.yaml --federation digits\n"
     "  tamis policy dry-run p.yaml --federation digits --rounds 10.. --report r.json\n",
     policy_dry_run},
    {"policy", "set", "FEDERATION FILE", policy_set_options,
     "Judge the rounds to come by another policy",
     "FILE has one `threshold: number` a line (YAML or JSON) and is the whole policy:\n"
     "what it leaves out has its default. The round under way keeps its own.\n",
     "  tamis policy set digits strict.yaml --note 'after May' --dry-run\n"
     "  tamis policy set digits strict.yaml --note 'after May'\n",
     policy_set},
    {"feed", "show", "", NULL, "Keys and updates that are known to be bad", NULL,
     "  tamis feed show\n  tamis feed show -o json\n", feed_show},
    {"feed", "add", "", feed_add_options, "List a client's update or key as known to be bad",
     "Nobody may send that update again, or enrol or use that key, in any federation.\n",
     "  tamis feed add --client phone-1 --federation digits --from-round 7 \\\n"
     "    --reason 'backdoor'\n"
     "  tamis feed add --client phone-1 --key --reason 'stolen'\n",
     feed_add},
    {"feed", "withdraw", "DIGEST", feed_withdraw_options, "Take a key or an update off the list",
     NULL, "  tamis feed withdraw 37f1bbd7... --reason 'it was another'\n", feed_withdraw},
    {"feed", "set", "FILE", feed_set_options, "Replace the whole list",
     "FILE is JSON: {\"keys\": [{\"digest\", \"reason\"}], \"updates\": [...]}. A key's\n"
     "digest is the SHA-256 of its 32 bytes, an update's that of its file.\n",
     "  tamis feed set shared-feed.json --note 'of the consortium, May'\n", feed_set},
    {"client", "invite", "NAME", client_invite_options, "Make a line that lets one client enrol",
     "Prints the line, which holds a secret: hand it to the client and nobody else.\n"
     "It can be used once.\n",
     "  tamis client invite phone-1 --organisation clinic-a --valid 48h\n", client_invite},
    {"client", "list", "[FEDERATION]", NULL, "Clients, their standing and their numbers", NULL,
     "  tamis client list digits\n  tamis client list digits -o wide\n", client_list},
    {"client", "invitations", "", NULL, "Invitations, and which were used", NULL,
     "  tamis client invitations\n", client_invitations},
    {"client", "show", "CLIENT", client_show_options, "One client: standing, moves, last rounds",
     NULL, "  tamis client show phone-1\n  tamis client show phone-1 --federation digits\n",
     client_show},
    {"client", "rounds", "CLIENT [FEDERATION]", state_options,
     "Every round a client touched, and what became of it",
     "IN-HEAD says whether the round's model is one that the head stands on.\n",
     "  tamis client rounds phone-1\n  tamis client rounds phone-1 digits -o wide\n",
     client_rounds},
    {"client", "exclude", "CLIENT", client_exclude_options,
     "Refuse everything from a client from now on", NULL,
     "  tamis client exclude phone-1 --federation digits --reason 'flips labels'\n",
     client_exclude},
    {"client", "reinstate", "CLIENT", client_reinstate_options, "Take an excluded client back",
     NULL, "  tamis client reinstate phone-1 --federation digits --reason 'bug was fixed'\n",
     client_reinstate},
    {"client", "dispute", "CLIENT", client_dispute_options,
     "Keep an update until a dispute about it is over", NULL,
     "  tamis client dispute phone-1 --federation digits --round 7 --reason 'its owner\n"
     "    says it was refused wrongly'\n"
     "  tamis client dispute phone-1 --federation digits --round 7 --close \\\n"
     "    --reason 'settled'\n",
     client_dispute},
    {"client", "revoke", "CLIENT", client_revoke_options, "End a client's key, in all federations",
     "For a key that was lost or stolen. The client can be invited anew.\n",
     "  tamis client revoke phone-1 --reason 'device stolen'\n", client_revoke},
    {"review", "list", "[FEDERATION]", review_list_options, "Updates that wait for a person's word",
     "Updates that the judge held or rejected, and nobody has spoken about.\n",
     "  tamis review list\n  tamis review list digits --all -o wide\n", review_list},
    {"review", "agreement", "[FEDERATION]", NULL, "Do reviewers say the same of the same updates?",
     "AGREE is the share of the same answers, KAPPA (Cohen's) how much of what chance\n"
     "leaves open they agree on: 1 always, 0 as by chance. The judge held every item,\n"
     "so beside it there is a share and no kappa. Below 0.8 the rules that reviewers\n"
     "go by want a look.\n",
     "  tamis review agreement digits\n  tamis review agreement -o json\n", review_agreement},
    {"review", "show", "ITEM", NULL, "The evidence about an update, and what can be done",
     "Its numbers beside the median of the round; SPREADS OFF is by how many times\n"
     "1.4826 median deviations it differs. ITEM is the log index of the update.\n",
     "  tamis review show 4711\n", review_show},
    {"review", "release", "ITEM", review_options, "The judge was wrong about an update",
     "Its strike goes, reputation and counters are mended, and the client leaves a\n"
     "quarantine that the strike put it in. The model stays as it is: see tamis help\n"
     "rebuild. Of two people the first decides; what the second says is an opinion.\n"
     "With --basis the decision is refused when the client has changed since.\n",
     "  tamis review release 4711 --reason 'one class only, known to be honest'\n"
     "  tamis review release 4711 --basis 4690 --reason 'honest' --dry-run\n",
     review_release},
    {"review", "reject", "ITEM", review_options, "The judge was right about an update",
     "Its strike is never forgiven, however many clean rounds follow.\n",
     "  tamis review reject 4711 --reason 'flips 3 and 8'\n", review_reject},
    {"review", "exclude", "ITEM", review_options, "Exclude the client of an update",
     "As tamis client exclude, since the update's round. Settles all of its items.\n",
     "  tamis review exclude 4711 --reason 'flips 3 and 8'\n", review_exclude},
    {"round", "list", "FEDERATION", NULL, "Rounds of a federation", NULL,
     "  tamis round list digits\n", round_list},
    {"round", "show", "FEDERATION ROUND", NULL, "Who sent what in a round, and what was made of it",
     NULL, "  tamis round show digits 7\n  tamis round show digits 7 -o wide\n", round_show},
    {"shadow", "list", "FEDERATION [ROUND]", NULL, "How far other rules came out from the plan's",
     "Rules named with `tamis federation create --shadow` see each promoted round\n"
     "after it is over. DISTANCE is |shadow - plan| / |plan| of what the two rules\n"
     "put out, COSINE the angle between them. A shadow is never promoted.\n",
     "  tamis shadow list digits\n  tamis shadow list digits 7 -o json\n", shadow_list},
    {"round", "gates", "FEDERATION [ROUND]", NULL, "What was said of candidates at their gates",
     NULL, "  tamis round gates digits\n  tamis round gates digits 7 -o json\n", gate_list},
    {"model", "history", "FEDERATION", NULL, "Models that were head", NULL,
     "  tamis model history digits\n", model_history},
    {"model", "get", "FEDERATION", model_get_options, "Fetch a model, digest checked", NULL,
     "  tamis model get digits -O head.safetensors\n"
     "  tamis model get digits --round 7 -O r7.safetensors\n",
     model_get},
    {"model", "lineage", "FEDERATION", model_lineage_options,
     "Which clients shaped a model, and with what weight",
     "Over the whole chain from the model back to the first one. WEIGHT is the sum of\n"
     "a client's weights there, SHARE its part of all weights. It says how rounds\n"
     "counted its updates, not how far these moved the model.\n",
     "  tamis model lineage digits\n  tamis model lineage digits --round 7 -o json\n",
     model_lineage},
    {"model", "diff", "FEDERATION ROUND ROUND", state_options,
     "What changed between two models, tensor by tensor",
     "Fetches the models of both rounds; round 0 is the first model. CHANGED is the\n"
     "share of numbers that differ, NORM the length of the change, RELATIVE that by\n"
     "the length before, LARGEST the largest change of one number and AT its place\n"
     "in the tensor.\n",
     "  tamis model diff digits 6 7\n  tamis model diff digits 0 25 -o json\n", model_diff},
    {"model", "approve", "FEDERATION ROUND", reason_options,
     "Say that a candidate may become the head",
     "Where the federation's gates ask for approval. Each person speaks once; the gate\n"
     "opens when enough have approved.\n",
     "  tamis model approve digits 7 --reason 'evaluation is fine'\n", gate_approve},
    {"model", "reject", "FEDERATION ROUND", reason_options,
     "Say that a candidate may not: the round is held",
     "One word is enough. The head stays, and the next round opens on it.\n",
     "  tamis model reject digits 7 --reason 'class 3 got worse'\n", gate_reject},
    {"bundle", "round", "FEDERATION ROUND", bundle_round_options,
     "A round in one file that anybody can check offline",
     "Entries with their proofs, the signed checkpoint, the manifests: a plain tar\n"
     "file, checked by `tamis verify FILE` with the log's public key alone.\n",
     "  tamis bundle round digits 7 -O round-7.tar\n", bundle_of_round},
    {"bundle", "client", "CLIENT [FEDERATION]", bundle_client_options,
     "What became of a client's updates, in one file",
     "That each was in and with what weight, was held, or was refused and why; with\n"
     "--round also that it was not selected. A client makes its own by --client-state,\n"
     "while nothing else uses that folder.\n",
     "  tamis bundle client phone-3 digits -O phone-3.tar\n"
     "  tamis bundle client phone-3 --round 7 -O r7.tar --client-state ~/.phone-3\n",
     bundle_of_client},
    {"bundle", "model", "FEDERATION", bundle_model_options, "How a model came about, in one file",
     "The round that made it, every update in it with its weight, and a statement of\n"
     "SLSA provenance v1 in in-toto form, signed with your key.\n",
     "  tamis bundle model digits -O head.tar\n"
     "  tamis bundle model digits --round 7 --bodies -O model-7.tar\n",
     bundle_of_model},
    {"evaluate", NULL, "FEDERATION", evaluate_options,
     "Measure head and candidate, and say so in the log",
     "COMMAND is run with a model's file as its last word, no shell, and prints\n"
     "{\"loss\":L,\"trigger_rate\":T,\"classes\":[{\"class\":\"0\",\"examples\":N,\"correct\":N,\n"
     "\"predicted\":N}, ...]}, or without classes \"examples\" and \"accuracy\". What this\n"
     "person measured under this suite already is not measured again.\n",
     "  tamis evaluate digits --suite test.zip --command ./measure --watch\n", evaluate_run},
    {"freeze", NULL, "FEDERATION", reason_options, "Stop all promotion at once",
     "Nothing becomes the head and no round opens until somebody unfreezes the\n"
     "federation; a round under way may still collect. Exclusion and rollback work.\n",
     "  tamis freeze digits --reason 'accuracy fell, looking'\n", gate_freeze},
    {"unfreeze", NULL, "FEDERATION", reason_options, "Let a frozen federation go on", NULL,
     "  tamis unfreeze digits --reason 'client-07 is excluded'\n", gate_unfreeze},
    {"rollback", NULL, "FEDERATION", rollback_options, "Make an earlier model the head again",
     "Shows the plan and asks. Nothing is deleted: later rounds are marked undone, and\n"
     "the same command with a later round goes forward again. Ends a rebuild that is\n"
     "under way; to the round of the head, that is all it does.\n"
     "\n"
     "--evaluate goes with --dry-run and reads the state folder; no server is asked.\n"
     "COMMAND: see tamis help replay.\n",
     "  tamis rollback digits --to 12 --reason 'client-07 poisoned 13 to 15'\n"
     "  tamis rollback digits --to 12 --reason test --dry-run \\\n"
     "    --evaluate 'tamis-lab evaluate --data mnist'\n",
     undo_rollback_run},
    {"rebuild", NULL, "FEDERATION", rebuild_options, "Make rounds again without some clients",
     "The stored updates of every round on the head's line from --since on are\n"
     "aggregated again without those clients, each round on the model made before it.\n"
     "The new rounds have new numbers, the old ones stay; the head moves at the end.\n"
     "The result is approximate: later updates were computed on the old models.\n"
     "A round that the rule cannot make without them is passed over; the plan says so.\n"
     "It keeps nobody out of rounds to come: see tamis help client exclude.\n"
     "\n"
     "Shows the plan and asks. --evaluate and --state go with --dry-run: the plan is\n"
     "then made from the state folder, and the models before and after are evaluated.\n"
     "COMMAND: see tamis help replay.\n",
     "  tamis rebuild digits --since 11 --without client-07 --reason 'turned in 11'\n"
     "  tamis rebuild digits --since 11 --without c1 --without c2 --reason test \\\n"
     "    --dry-run --evaluate 'tamis-lab evaluate --data mnist'\n",
     undo_rebuild_run},
    {"verify", NULL, "[FILE]", verify_options, "Check the whole log, or a bundle",
     "The log over the server, or over copies of its files: copy the checkpoint before\n"
     "the journal; signatures, tree, decisions. --blobs checks every file it names.\n"
     "A bundle needs nothing but FILE and the log's key, and says what it shows.\n"
     "Exit code 1 when it does not verify; the first divergence is named.\n",
     "  tamis verify\n"
     "  tamis verify --journal state/journal --blobs state/blobs \\\n"
     "    --log-key 'fl.example/agg1+1a2b3c4d+AXxl...'\n"
     "  tamis verify phone-3.tar --log-key 'fl.example/agg1+1a2b3c4d+AXxl...'\n",
     verify_run},
    {"audit", NULL, "", audit_options, "Make every decision of a log again, and compare",
     "Needs the state folder (journal, checkpoint, blobs) and the log's key; no\n"
     "server, no other key. Every entry is checked: signature, role, order, whether\n"
     "it could be let in. Evidence, verdicts, weights, models: again, bit for bit.\n"
     "\n"
     "--light reads no update and no model: n^2 steps a round. What it has to believe\n"
     "it says. Rounds whose files the retention policy dropped count neither way.\n"
     "Exit code 1 at the first entry that is not what it had to be; it is named.\n",
     "  tamis audit\n"
     "  tamis audit --textfile /var/lib/prometheus/node-exporter/tamis.prom\n"
     "  tamis audit --rounds 100..120 --federation digits\n"
     "  tamis audit --light --state copy --log-key 'fl.example/agg1+1a2b3c4d+AX...'\n",
     audit_command},
    {"replay", NULL, "FEDERATION ROUND", replay_options, "A round again by another rule",
     "What would another rule have done with the same bytes? Changes nothing: reads\n"
     "the state folder, beside a running server. Updates, verdicts, base, randomness,\n"
     "what rule and optimiser remember: the round's own. With its own rule this\n"
     "gives the logged model, byte for byte.\n"
     "\n"
     "COMMAND is a program and its arguments, 'quoted' where one has blanks. It gets\n"
     "the model's path as its last argument and prints one number. There is no shell;\n"
     "sh -c 'SCRIPT' name is one, with the path in $1.\n",
     "  tamis replay digits 7 --rule 'multi_krum(f=2)'\n"
     "  tamis replay digits 7 --rule median --file would-be.safetensors \\\n"
     "    --evaluate 'tamis-lab evaluate --data mnist'\n",
     replay_run},
    {"blame", NULL, "FEDERATION", blame_options, "What a model would be without each client",
     "Leave-one-out influence. For each client, all rounds of the model's line (from\n"
     "--since on) are aggregated again from the stored updates without its own, each\n"
     "on the model that the round before then gave. Others' verdicts and updates stay\n"
     "as logged; a round whose rule cannot do without the client is skipped.\n"
     "\n"
     "INFLUENCE: |M - M'|, M the model and M' the one without the client.\n"
     "SHARE: of |M - B|, B the model before the first of the rounds.\n"
     "DIRECTION: cosine of M - M' with M - B. Near 1: M is where the client pulled.\n"
     "GAIN: the evaluation of M' less that of M. Above 0: M is worse for the client.\n"
     "\n"
     "Ranked by gain with --evaluate, by influence without. One round under a rule of\n"
     "weights is answered from the logged Gram matrix in n^2 steps a client.\n"
     "COMMAND: see tamis help replay.\n",
     "  tamis blame digits --since 10\n"
     "  tamis blame digits --since 7 --round 7\n"
     "  tamis blame digits --evaluate 'tamis-lab evaluate --data mnist' -o json\n",
     blame_run},
    {"bisect", NULL, "FEDERATION", bisect_options, "Which round made the model worse, and who",
     "Evaluates models along the line of the bad one. A model is bad when it lies at\n"
     "least --drop below the good one; without --drop, half of what was lost. The\n"
     "answer is a round that is bad and whose predecessor is not.\n"
     "\n"
     "By halving, about log2 of the models are looked at; without --good those 1, 2,\n"
     "4, 8... rounds back are first, and the best is the good one. A series that falls\n"
     "more than once has more than one answer: --all looks at every model, takes the\n"
     "first that is --drop below the best before it, and tells the largest fall too.\n"
     "\n"
     "Then that round is blamed (see tamis help blame): its clients ranked by what is\n"
     "gained without them. Later rounds stand on a model that was already bad, and say\n"
     "less; --through counts them in. Since when the first of them led in influence,\n"
     "by twice the median at least, is where to rebuild from.\n"
     "COMMAND: see tamis help replay.\n",
     "  tamis bisect digits --evaluate 'tamis-lab evaluate --data mnist'\n"
     "  tamis bisect digits --evaluate ./score.py --good 10 --drop 0.02\n"
     "  tamis bisect digits --evaluate ./score.py --all -o json\n",
     bisect_run},
    {"aggregate", NULL, "IN...", aggregate_options, "Run a rule over files, without a server",
     "IN is one .npy of n x d numbers, or safetensors files of the same tensors, a row\n"
     "each: float32, float64, float16 or bfloat16. float64 is computed and written as\n"
     "float64, the others as float32. Files are mapped: memory does not grow with d.\n"
     "The bytes of OUT are the same on every machine and for any --threads.\n"
     "\n"
     "-o is the file here; --output json tells the evidence in the house's envelope.\n"
     "--weights has the same as a file, the weights as hex floats too.\n"
     "--state is for centered_clipping and signguard, which look at their last output,\n"
     "and foolsgold, which adds up each row's past. It is read and then replaced: one\n"
     "call is one round.\n"
     "\n"
     "Exit code 10, with one line that says why, when a number is NaN or infinite or\n"
     "the rule cannot keep its promise with n rows.\n",
     "  tamis aggregate --rule 'multi_krum(f=4)' updates.npy -o mean.npy\n"
     "  tamis aggregate --rule 'clip(2.0) | nnm(f=4) | trimmed_mean(f=4)' \\\n"
     "    round-7/*.safetensors -o next.safetensors --weights why.json\n"
     "  tamis aggregate --rule 'centered_clipping(tau=10)' r1.npy -o a1.npy --state cc\n",
     aggregate_run},
    {"log", "show", "", log_show_options, "Entries of the log", NULL,
     "  tamis log show\n  tamis log show --kind client-state\n"
     "  tamis log show --from 0 --count 1 --raw\n",
     log_show},
    {"log", "export", "DIR", log_export_options, "Copy the log as files that any tlog client reads",
     "DIR gets tile/, checkpoint and log.vkey: C2SP tlog-tiles (PROTOCOL.md 9), for a\n"
     "web server. The checkpoint's signature is checked, the entries are held against\n"
     "its root and against the checkpoint that DIR had before. Again into the same\n"
     "DIR, only what is new is fetched and written.\n",
     "  tamis log export public\n  tamis log export public --blobs\n"
     "  tamis log export public --state copy --log-key 'fl.example/agg1+1a2b+AX...'\n",
     log_export},
    {"log", "serve", "[DIR]", log_serve_options, "Serve the log's files over HTTP, to read",
     "DIR is what `tamis log export` made; without it the site's own state folder, as\n"
     "it grows. Plain HTTP: put a proxy with a certificate before it when others are\n"
     "to read. Stops on Ctrl-C.\n",
     "  tamis log serve\n  tamis log serve public --listen 0.0.0.0:8080\n"
     "  curl http://127.0.0.1:7416/checkpoint\n",
     log_serve},
    {"log", "rebuild-index", "", log_rebuild_index_options,
     "Make tamis.db and tiles again from the journal",
     "Folds the journal, with all checks, and says which rows and tiles were not what\n"
     "it gives. No server may be running on the folder.\n",
     "  tamis log rebuild-index --check\n  tamis log rebuild-index --state state\n",
     log_rebuild_index},
    {"log", "fork", "FILE", log_fork_options, "Check a client's evidence of two histories",
     "FILE is `fork-evidence` from a client's state folder: two checkpoints that the\n"
     "log's key signed, and what the server answered when asked to link them.\n"
     "Two roots for one size are proof. With --state, the log at hand says which of\n"
     "the two it holds.\n",
     "  tamis log fork fork-evidence\n  tamis log fork fork-evidence --state copy\n", log_fork},
    {"log", "policy", "[FEDERATION]", NULL, "Whom to believe about the log, for other tools",
     "Prints a C2SP tlog-policy: the log's key, a witness line for every enrolled\n"
     "client, a group for each organisation, and the quorum that FEDERATION requires\n"
     "before it promotes. The log is verified first.\n",
     "  tamis log policy digits > policy\n", log_policy},
    {"watch", NULL, "[FEDERATION]", log_watch_options, "Follow the log as it grows",
     "Reconnects by itself. With -o jsonl one object a line.\n",
     "  tamis watch\n  tamis watch digits -o jsonl\n", log_watch},
    {"space", NULL, "", NULL, "What the server's files take, and how long there is room",
     "Updates can be let go (tamis federation retain); models and manifests stay. What\n"
     "can be made again from the journal is counted as index.\n",
     "  tamis space\n  tamis space -o json\n", space_run},
    {"slis", NULL, "[FEDERATION]", slis_options,
     "Service level indicators, by federation and client",
     "Of evaluations: M1 label stability, M3 accuracy delta, M6 trigger hits, M7\n"
     "regressions; of updates: M2 feature drift, M4 anomalous input; of rules: M9\n"
     "shadow divergence. No value: too few samples to say. docs/slis.md defines them,\n"
     "deploy/alerts.yml has what to do about them.\n",
     "  tamis slis\n  tamis slis digits --by client -o json\n", slis_run},
    {"role", "list", "", NULL, "Who holds which role, and until when", NULL, "  tamis role list\n",
     role_list},
    {"role", "grant", "VKEY ROLE", role_grant_options, "Give a person a role",
     "VKEY is the person's verifier key, its name person/NAME or operator/NAME. Roles:\n"
     "operator, enroller, reviewer, release-manager, evaluator, auditor.\n",
     "  tamis role grant 'person/bo+1a2b3c4d+AX...' reviewer --reason 'joins us'\n", role_grant},
    {"role", "revoke", "PERSON ROLE", role_revoke_options, "Take a role from a person", NULL,
     "  tamis role revoke person/bo reviewer --reason 'left'\n", role_revoke},
    {"role", "separate", "", role_separate_options, "Two persons for what one did, for ever",
     "From then on the matrix of PROTOCOL.md 11 holds. Refused while too few persons\n"
     "hold the roles that it takes.\n",
     "  tamis role separate --reason 'in production' --dry-run\n", role_separate},
    {"proposals", NULL, "", NULL, "What waits for another person's signature", NULL,
     "  tamis proposals\n", proposals_run},
    {"cosign", NULL, "ENTRY", cosign_options, "Sign what another person has proposed",
     "Shows what it says, from the bytes that are signed, and asks.\n", "  tamis cosign 118\n",
     cosign_run},
    {"ping", NULL, "", NULL, "Is the server serving?", NULL, "  tamis ping && echo yes\n",
     ping_run},
    {"help", NULL, "[TOPIC] [VERB]", NULL, "Help on a command, or on exit-codes", NULL,
     "  tamis help client exclude\n  tamis help exit-codes\n", help_run},
    {"completion", NULL, "SHELL", NULL, "Script that completes commands (bash)", NULL,
     "  source <(tamis completion bash)\n", completion_run},
};

const struct command *command_rows(size_t *count) {
  *count = sizeof row / sizeof *row;
  return row;
}

const struct option_row *command_globals(void) {
  return globals;
}

const struct command *command_find(const char *noun, const char *verb) {
  for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
    if (strcmp(row[i].noun, noun) != 0 || (row[i].verb == NULL) != (verb == NULL)) continue;
    if (verb == NULL || strcmp(row[i].verb, verb) == 0) return &row[i];
  }
  return NULL;
}

bool command_is_noun(const char *noun) {
  for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
    if (strcmp(row[i].noun, noun) == 0) return true;
  }
  return false;
}

void command_word_bounds(const struct command *command, size_t *least, size_t *most) {
  *least = *most = 0;
  for (const char *at = command->words; *at != '\0';) {
    size_t length = strcspn(at, " ");
    bool repeats = length > 3 && strncmp(at + length - 3, "...", 3) == 0;
    *most = repeats ? SIZE_MAX : *most + 1;
    if (*at != '[') *least += 1;
    at += length + (at[length] == ' ');
  }
}
