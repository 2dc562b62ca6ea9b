/* A table: a kind of entry, how loud it is, and which of its facts are said. The facts keep the
 * names they have in the log. */
#include "aggregator/rpc/chronicle.h"

#include <string.h>
#include "proto/canonical.h"

enum { FACTS_MAX = 6 };

struct chronicle_row {
  enum log_level level;
  const char *event;
  const char *fact[FACTS_MAX]; /* fields of the predicate, integers or texts */
};

static const struct chronicle_row chronicle[STATEMENT_KIND_COUNT] = {
    [STATEMENT_GENESIS] = {LOG_LEVEL_INFO, "log begun", {0}},
    [STATEMENT_FEDERATION_CREATE] = {LOG_LEVEL_INFO, "federation created", {"federation", "rule"}},
    [STATEMENT_CLIENT_INVITE] = {LOG_LEVEL_INFO, "client invited", {"client", "organisation"}},
    [STATEMENT_KEY_ENROL] = {LOG_LEVEL_INFO, "client enrolled", {"client"}},
    [STATEMENT_KEY_REVOKE] = {LOG_LEVEL_WARN, "key revoked", {"client", "reason"}},
    [STATEMENT_ROLE_GRANT] = {LOG_LEVEL_WARN,
                              "role granted",
                              {"key", "role", "not_after", "reason"}},
    [STATEMENT_ROLE_REVOKE] = {LOG_LEVEL_WARN, "role revoked", {"person", "role", "reason"}},
    [STATEMENT_SEPARATION] = {LOG_LEVEL_WARN, "duties separated", {"reason"}},
    [STATEMENT_PROPOSAL] = {LOG_LEVEL_INFO, "statement proposed", {"kind"}},
    [STATEMENT_KEY_ROTATE] = {LOG_LEVEL_WARN, "key rotated", {"name"}},
    [STATEMENT_ROUND_OPEN] = {LOG_LEVEL_INFO,
                              "round opened",
                              {"federation", "round", "selected", "quorum"}},
    [STATEMENT_UPDATE] = {LOG_LEVEL_DEBUG, "update accepted", {"federation", "round", "client"}},
    [STATEMENT_REFUSAL] = {LOG_LEVEL_INFO,
                           "update refused",
                           {"federation", "round", "client", "status", "sentence"}},
    [STATEMENT_VERDICTS] = {LOG_LEVEL_INFO,
                            "round judged",
                            {"federation", "round", "accepted", "held", "rejected"}},
    [STATEMENT_CLIENT_STATE] = {LOG_LEVEL_WARN,
                                "client moved",
                                {"federation", "round", "client", "from", "to", "sentence"}},
    [STATEMENT_AGGREGATE] = {LOG_LEVEL_DEBUG,
                             "round aggregated",
                             {"federation", "round", "rule", "updates"}},
    [STATEMENT_WITNESSED] = {LOG_LEVEL_INFO,
                             "round witnessed",
                             {"federation", "round", "size", "organisations", "witnesses"}},
    [STATEMENT_SHADOW] = {LOG_LEVEL_DEBUG,
                          "shadows seen",
                          {"federation", "round", "rules", "feasible"}},
    [STATEMENT_PROMOTE] = {LOG_LEVEL_INFO, "round promoted", {"federation", "round"}},
    [STATEMENT_HOLD] = {LOG_LEVEL_WARN, "round held", {"federation", "round", "gate", "sentence"}},
    [STATEMENT_ABANDON] = {LOG_LEVEL_WARN,
                           "round abandoned",
                           {"federation", "round", "status", "sentence"}},
    [STATEMENT_EXCLUSION] = {LOG_LEVEL_WARN, "client excluded", {"federation", "client", "reason"}},
    [STATEMENT_REINSTATEMENT] = {LOG_LEVEL_WARN,
                                 "client reinstated",
                                 {"federation", "client", "reason"}},
    [STATEMENT_ROLLBACK] = {LOG_LEVEL_WARN,
                            "head rolled back",
                            {"federation", "to_round", "reason"}},
    [STATEMENT_REBUILD] = {LOG_LEVEL_WARN, "rebuild begun", {"federation", "since", "reason"}},
    [STATEMENT_REBUILT] = {LOG_LEVEL_INFO,
                           "round rebuilt",
                           {"federation", "round", "of", "updates", "sentence"}},
    [STATEMENT_SNAPSHOT] = {LOG_LEVEL_DEBUG, "state said", {"size"}},
    [STATEMENT_RETENTION] = {LOG_LEVEL_WARN,
                             "retention changed",
                             {"federation", "keep_rounds", "reason"}},
    [STATEMENT_DISPUTE] = {LOG_LEVEL_WARN,
                           "update disputed",
                           {"federation", "round", "client", "open", "reason"}},
    [STATEMENT_REVIEW] = {LOG_LEVEL_WARN,
                          "update reviewed",
                          {"federation", "round", "client", "decision", "opinion", "reason"}},
    [STATEMENT_AMENDED] = {LOG_LEVEL_WARN,
                           "history amended",
                           {"federation", "round", "client", "from", "to", "sentence"}},
    [STATEMENT_TOMBSTONE] = {LOG_LEVEL_INFO,
                             "updates dropped",
                             {"federation", "round", "updates", "bytes"}},
    [STATEMENT_KNOWN_BAD] = {LOG_LEVEL_WARN,
                             "known-bad feed set",
                             {"version", "keys", "updates", "note"}},
    [STATEMENT_POLICY_SET] = {LOG_LEVEL_WARN, "policy set", {"federation", "version", "note"}},
    [STATEMENT_GATE] = {LOG_LEVEL_INFO,
                        "gate passed",
                        {"federation", "round", "gate", "next", "sentence"}},
    [STATEMENT_APPROVAL] = {LOG_LEVEL_INFO,
                            "candidate spoken about",
                            {"federation", "round", "approve", "reason"}},
    [STATEMENT_FREEZE] = {LOG_LEVEL_ERROR, "federation frozen", {"federation", "reason"}},
    [STATEMENT_EVALUATION] = {LOG_LEVEL_INFO,
                              "model evaluated",
                              {"federation", "round", "examples"}},
    [STATEMENT_AUTO_ROLLBACK] = {LOG_LEVEL_ERROR,
                                 "head rolled back",
                                 {"federation", "round", "to_round", "sentence"}},
    [STATEMENT_UNFREEZE] = {LOG_LEVEL_WARN, "federation unfrozen", {"federation", "reason"}},
    [STATEMENT_AUTO_FREEZE] = {LOG_LEVEL_ERROR,
                               "federation frozen",
                               {"federation", "round", "sentence"}},
};

/* A client that gains trust is nothing to wake up for; a model that no gate lets through is. */
static enum log_level chronicle_level(const struct chronicle_row *row,
                                      const struct statement *statement) {
  if (statement->kind == STATEMENT_HOLD && statement_optional(statement, "gate")[0] != '\0')
    return LOG_LEVEL_ERROR;
  bool is_good = statement->kind == STATEMENT_CLIENT_STATE &&
                 strcmp(statement_text(statement, "to"), "trusted") == 0;
  return is_good ? LOG_LEVEL_INFO : row->level;
}

static struct log_field chronicle_fact(const struct statement *statement, const char *name) {
  const char *text;
  int64_t integer;
  if (!name) return log_end();
  if (canonical_text(statement->predicate, name, &text)) return log_text(name, text);
  return canonical_integer(statement->predicate, name, &integer) ? log_integer(name, integer)
                                                                 : log_end();
}

void chronicle_tell(void *log, const struct statement *statement) {
  const struct chronicle_row *row = &chronicle[statement->kind];
  if (!row->event) return;
  struct log_field fact[FACTS_MAX];
  for (size_t i = 0; i < FACTS_MAX; i++) fact[i] = chronicle_fact(statement, row->fact[i]);
  log_event(log, chronicle_level(row, statement), row->event, fact[0], fact[1], fact[2], fact[3],
            fact[4], fact[5], log_end());
  if (statement_optional(statement, "break_glass")[0] == '\0') return;
  log_event(log, LOG_LEVEL_ERROR, "glass broken",
            log_text("kind", statement_kind_name(statement->kind)),
            log_text("reason", statement_optional(statement, "break_glass")), log_end());
}
