/* The questions of PROTOCOL.md 7, one row of a table each. */
#include "aggregator/evidence.h"
#include "aggregator/projection_sql.h"

/* A number of the evidence, by its name. */
#define X_PAIR(name, source, meaning) " '" #name "', " #name ","
#define EVIDENCE_PAIRS EVIDENCE_MAP(X_PAIR)

/* SQLite has no booleans, and json() keeps the word from becoming a string. */
#define TRUTH(condition) "json(iif(" condition ", 'true', 'false'))"

/* The rounds whose models lie on the way from the model of round ?4, or of the head, to the first
 * one (0). A round's parent is always an earlier one. */
#define LINE                                                                                       \
  "WITH RECURSIVE line(round) AS (SELECT CASE coalesce(?4, '') WHEN '' THEN head_round"            \
  " ELSE CAST(?4 AS INTEGER) END FROM federations WHERE federation = ?3"                           \
  " UNION SELECT models.parent FROM line JOIN models USING (round)"                                \
  " WHERE models.federation = ?3 AND models.parent IS NOT NULL)"
#define IN_HEAD TRUTH("models.entry IS NOT NULL AND NOT undone")

#define ENTRY                                                                                      \
  "SELECT entry + 1, json_object('index', entry, 'kind', kind, 'federation', federation,"          \
  " 'round', round, 'client', client, 'signer', signer, 'subject', subject, 'size', size,"         \
  " 'break_glass', break_glass)"                                                                   \
  " FROM entries "

/* Service level indicators. Of the last 20 rounds of a federation, the newer 10 are "now". `who` is
 * whose they are: of all (""), of an organisation or of a client. */
#define SLI_RECENT                                                                                 \
  "WITH recent AS (SELECT updates.federation AS federation,"                                       \
  " CASE coalesce(?4, '') WHEN 'client' THEN updates.client WHEN 'organisation'"                   \
  " THEN coalesce(organisation, '') ELSE '' END AS who, verdict, status, norm, cosine,"            \
  " updates.round > federations.round - 10 AS now FROM updates JOIN federations"                   \
  " USING (federation) LEFT JOIN clients USING (client)"                                           \
  " WHERE coalesce(?3, '') IN ('', updates.federation)"                                            \
  " AND updates.round > federations.round - 20),"

/* Population stability: half octaves of length, tenths of cosine, half an update added to each bin.
 * Too few updates in one of the two windows and it is NULL, which is no drift and no calm. */
#define SLI_DRIFT                                                                                  \
  " features AS (SELECT federation, who, now, 'log_norm' AS label,"                                \
  " CAST(floor(2 * log2(norm)) AS INTEGER) AS bin FROM recent WHERE norm > 0 UNION ALL"            \
  " SELECT federation, who, now, 'cosine', CAST(floor(10 * cosine) AS INTEGER) FROM recent"        \
  " WHERE norm IS NOT NULL),"                                                                      \
  " bins AS (SELECT federation, who, label, bin, sum(now) AS p, sum(NOT now) AS q FROM features"   \
  " GROUP BY 1, 2, 3, 4),"                                                                         \
  " sums AS (SELECT federation, who, label, sum(p) AS n, sum(q) AS m, count(*) AS b FROM bins"     \
  " GROUP BY 1, 2, 3),"                                                                            \
  " shares AS (SELECT federation, who, label, n, m, (p + 0.5) / (n + 0.5 * b) AS p,"               \
  " (q + 0.5) / (m + 0.5 * b) AS q FROM bins JOIN sums USING (federation, who, label)),"           \
  " drift AS (SELECT 'M2' AS sli, 'feature_drift_rate' AS name, federation, who, label,"           \
  " iif(min(n, m) < 50, NULL, sum((p - q) * ln(p / q))) AS value, min(n, m) AS samples"            \
  " FROM shares GROUP BY federation, who, label),"

#define SLI_ANOMALIES                                                                              \
  " received AS (SELECT federation, who, count(*) AS n FROM recent WHERE now GROUP BY 1, 2),"      \
  " reasons AS (SELECT federation, who, CASE verdict WHEN 'hold' THEN 'held' WHEN 'reject'"        \
  " THEN 'rejected' ELSE status END AS label, count(*) AS bad FROM recent"                         \
  " WHERE now AND verdict IN ('hold', 'reject', 'refused') GROUP BY 1, 2, 3),"                     \
  " anomalies AS (SELECT 'M4', 'anomalous_input_rate', federation, who, 'any',"                    \
  " coalesce(sum(bad), 0) * 1.0 / n, n FROM received LEFT JOIN reasons USING (federation, who)"    \
  " GROUP BY federation, who UNION ALL SELECT 'M4', 'anomalous_input_rate', federation, who,"      \
  " label, bad * 1.0 / n, n FROM received JOIN reasons USING (federation, who)),"

/* Of the last round that the shadows have seen; and how many promoted rounds they have not. */
#define SLI_SHADOWS                                                                                \
  " seen AS (SELECT federation, max(round) AS round FROM shadows GROUP BY 1),"                     \
  " divergence AS (SELECT 'M9', 'shadow_divergence', federation, '', rule, max(distance), 1"       \
  " FROM shadows JOIN seen USING (federation, round) GROUP BY federation, rule UNION ALL"          \
  " SELECT 'M9', 'shadow_age_rounds', federation, '', '', (SELECT count(*) FROM rounds"            \
  "  WHERE rounds.federation = federations.federation AND outcome = 'promoted'"                    \
  "  AND rounds.round > coalesce((SELECT round FROM seen"                                          \
  "   WHERE seen.federation = federations.federation), 0)), 1"                                     \
  " FROM federations WHERE shadows IS NOT NULL AND shadows <> ''),"

const struct projection_question projection_questions[] = {
    /* The root is not a fold over rows: who asks brings it. */
    {"status", 0, 1,
     "SELECT 1, json_object('origin', (SELECT origin FROM log), 'version', '" TAMIS_VERSION "',"
     " 'size', (SELECT count(*) FROM entries), 'root', ?3,"
     " 'clients', (SELECT count(*) FROM clients),"
     " 'federations', (SELECT count(*) FROM federations),"
     " 'separated', (SELECT separated FROM log), 'glass_broken', (SELECT count(*) FROM entries"
     "   WHERE break_glass IS NOT NULL),"
     " 'updates', (SELECT coalesce(sum(updates), 0) FROM rounds WHERE rebuilt_from IS NULL)) WHERE "
     "?1 < 1 LIMIT ?2"},

    {"roles", 0, 0,
     "SELECT rowid, json_object('person', person, 'role', role, 'not_after', not_after,"
     " 'index', entry, 'signer', signer, 'reason', reason, 'key', key)"
     " FROM grants WHERE rowid > ?1 ORDER BY rowid LIMIT ?2"},

    {"proposals", 0, 0,
     "SELECT entry + 1, json_object('index', entry, 'kind', kind, 'signer', signer,"
     " 'statement', statement, 'envelope', envelope)"
     " FROM proposals WHERE entry >= ?1 AND done IS NULL ORDER BY entry LIMIT ?2"},

    {"federations", 0, 0,
     "SELECT rowid, json_object('federation', federation, 'rule', rule,"
     " 'optimiser', coalesce(optimiser, ''), 'shadows', coalesce(shadows, ''), 'round', round,"
     " 'phase', phase, 'head', head, 'head_round', head_round, 'parameters', parameters,"
     " 'quorum', quorum, 'cohort', cohort, 'rounds_max', rounds_max, 'keep_rounds', keep_rounds,"
     " 'clients', (SELECT count(*) FROM clients),"
     " 'excluded', (SELECT count(*) FROM clients JOIN standings USING (client)"
     "   WHERE standings.federation = federations.federation AND state = 'excluded'),"
     " 'gates', coalesce(gates, ''), 'frozen', frozen,"
     " 'waits_for', (SELECT waits_for FROM rounds WHERE rounds.federation = federations.federation"
     "   AND rounds.round = federations.round),"
     " 'layout', layout)"
     " FROM federations WHERE rowid > ?1 ORDER BY rowid LIMIT ?2"},

    /* Every enrolled client is in every federation, with a history or without. */
    {"clients", 0, 1,
     "WITH its AS (SELECT federation, organisation, count(*) AS clients,"
     " sum(state IN ('quarantined', 'excluded')) AS convicted"
     " FROM standings JOIN clients USING (client) WHERE rounds > 0 GROUP BY 1, 2),"
     " others AS (SELECT federation, sum(clients) AS clients, sum(convicted) AS convicted"
     " FROM its GROUP BY 1), risky AS (SELECT its.federation, its.organisation,"
     " iif(others.clients = its.clients, 0.0, max(0.0, its.convicted / (its.clients + 2.0)"
     " - (others.convicted - its.convicted) / (others.clients - its.clients + 2.0))) AS risk"
     " FROM its JOIN others USING (federation)),"
     " rows AS (SELECT row_number() OVER (ORDER BY federations.federation, clients.client)"
     " AS cursor, json_object('federation', federations.federation, 'client', clients.client,"
     " 'organisation', clients.organisation, 'state', coalesce(state, 'probation'),"
     " 'reputation', coalesce(reputation, 0.0), 'risk', coalesce(standings.risk, 0.0),"
     " 'organisation_risk', coalesce(risky.risk, 0.0), 'trust', coalesce(trust, 0.0),"
     " 'cusum', coalesce(cusum, 0.0), 'drift', coalesce(drift, 0.0),"
     " 'strikes', coalesce(strikes, 0), 'rounds', coalesce(rounds, 0),"
     " 'accepted', coalesce(accepted, 0), 'held', coalesce(held, 0),"
     " 'rejected', coalesce(rejected, 0), 'refused', coalesce(refused, 0),"
     " 'last_round', coalesce(last_round, 0), 'revoked', " TRUTH(
         "revoked") ","
                    " 'sentence', coalesce(sentence, '')) AS object"
                    " FROM federations JOIN clients LEFT JOIN standings"
                    " ON standings.federation = federations.federation AND standings.client = "
                    "clients.client"
                    " LEFT JOIN risky ON risky.federation = federations.federation"
                    " AND risky.organisation = clients.organisation"
                    " WHERE coalesce(?3, '') IN ('', federations.federation))"
                    " SELECT cursor, object FROM rows WHERE cursor > ?1 ORDER BY cursor LIMIT ?2"},

    {"invitations", 0, 0,
     "SELECT entry + 1, json_object('client', client, 'organisation', organisation,"
     " 'not_after', not_after, 'used', " TRUTH(
         "used") ", 'index', entry)"
                 " FROM invitations WHERE entry + 1 > ?1 ORDER BY entry LIMIT ?2"},

    {"rounds", 1, 1,
     "SELECT rounds.entry + 1, json_object('federation', federation, 'round', round,"
     " 'outcome', outcome, 'undone', " TRUTH(
         "undone") ", 'selected', selected,"
                   " 'updates', updates, 'accepted', accepted, 'clipped', clipped, 'held', held,"
                   " 'rejected', rejected, 'refused', refused, 'rule', rule, 'base', base,"
                   " 'model', rounds.model, 'opened_at_ms', opened_at_ms,"
                   " 'seconds', (closed_at_ms - opened_at_ms) / 1000.0, 'status', status,"
                   " 'rebuilt_from', rebuilt_from,"
                   " 'approximate', iif(rebuilt_from IS NULL, NULL, sentence),"
                   " 'waits_for', waits_for, 'gate', gate, 'sentence', sentence, 'policy_version', "
                   "policy_version)"
                   " FROM rounds LEFT JOIN models USING (federation, round)"
                   " WHERE federation = ?3 AND rounds.entry + 1 > ?1 ORDER BY rounds.entry LIMIT "
                   "?2"},

    {"round", 2, 2,
     "WITH its AS (SELECT entry, weight FROM updates WHERE federation = ?3"
     "   AND round = CAST(?4 AS INTEGER) UNION ALL SELECT entry, weight FROM remade"
     "   WHERE federation = ?3 AND round = CAST(?4 AS INTEGER))"
     " SELECT entry + 1, json_object('client', client, 'index', entry, 'update', blob,"
     " 'verdict', verdict, 'status', status, 'weight', its.weight, 'examples', examples,"
     " 'loss', loss, 'neighbour', neighbour, 'residual_neighbour', "
     "residual_neighbour, 'history_neighbour', history_neighbour," EVIDENCE_PAIRS
     " 'z_norm', z_norm, 'z_distance', z_distance, 'z_cosine', z_cosine,"
     " 'risk', risk, 'sentence', sentence, 'dropped', dropped)"
     " FROM its JOIN updates USING (entry) WHERE entry + 1 > ?1 ORDER BY entry LIMIT ?2"},

    /* What the shadows of a federation, or of one of its rounds, said. */
    {"shadows", 1, 2,
     "SELECT rowid, json_object('federation', federation, 'round', round, 'rule', rule,"
     " 'status', status, 'distance', distance, 'cosine', cosine, 'sentence', sentence,"
     " 'index', entry, 'manifest', manifest) FROM shadows WHERE federation = ?3"
     " AND (coalesce(?4, '') = '' OR round = CAST(?4 AS INTEGER)) AND rowid > ?1"
     " ORDER BY rowid LIMIT ?2"},

    /* Federation or "", and of whom: "" (all), "organisation" or "client". */
    {"slis", 0, 2,
     SLI_RECENT SLI_DRIFT SLI_ANOMALIES SLI_SHADOWS
     " indicators AS (SELECT * FROM drift UNION ALL SELECT * FROM anomalies UNION ALL"
     " SELECT * FROM divergence WHERE coalesce(?4, '') = ''"
     "  AND coalesce(?3, '') IN ('', federation) UNION ALL"
     " SELECT * FROM evaluated WHERE coalesce(?4, '') = ''"
     "  AND coalesce(?3, '') IN ('', federation)),"
     " numbered AS (SELECT row_number() OVER (ORDER BY federation, sli, name, who, label)"
     " AS cursor, * FROM indicators)"
     " SELECT cursor, json_object('sli', sli, 'name', name, 'federation', federation, 'of', who,"
     " 'label', label, 'value', value, 'samples', samples) FROM numbered WHERE cursor > ?1"
     " ORDER BY cursor LIMIT ?2"},

    /* What was sent to the round itself and let in: a round that redoes it counts, but never got.
     */
    {"updates", 2, 3,
     "SELECT entry + 1, json_object('client', client, 'index', entry, 'update', blob,"
     " 'dropped', dropped) FROM updates WHERE federation = ?3 AND round = CAST(?4 AS INTEGER)"
     " AND coalesce(?5, '') IN ('', client) AND status IS NULL AND entry + 1 > ?1"
     " ORDER BY entry LIMIT ?2"},

    /* What was said of candidates at their gates. */
    {"words", 1, 2,
     "SELECT entry + 1, json_object('index', entry, 'round', round, 'kind', kind,"
     " 'signer', signer, 'gate', gate, 'model', model, 'sentence', sentence) FROM words"
     " WHERE federation = ?3 AND (coalesce(?4, '') = '' OR round = CAST(?4 AS INTEGER))"
     " AND entry >= ?1"
     " ORDER BY entry LIMIT ?2"},

    {"evaluations", 1, 2,
     "SELECT entry + 1, json_object('index', entry, 'round', round, 'person', person,"
     " 'model', model, 'suite', suite, 'examples', examples, 'accuracy', accuracy, 'loss', loss,"
     " 'trigger_rate', trigger_rate, 'manifest', manifest) FROM evaluations"
     " WHERE federation = ?3 AND (coalesce(?4, '') = '' OR round = CAST(?4 AS INTEGER))"
     " AND entry >= ?1 ORDER BY entry LIMIT ?2"},

    /* What an evaluator has to know, and nothing about clients. */
    {"candidate", 1, 1,
     "SELECT federations.rowid, json_object('federation', federations.federation, 'head', head,"
     " 'head_round', head_round, 'suite', suite, 'gates', coalesce(gates, ''),"
     " 'round', iif(waits_for IS NULL, NULL, rounds.round),"
     " 'candidate', iif(waits_for IS NULL, NULL, rounds.model), 'waits_for', waits_for)"
     " FROM federations LEFT JOIN rounds ON rounds.federation = federations.federation"
     " AND rounds.round = federations.round"
     " WHERE federations.federation = ?3 AND federations.rowid > ?1 LIMIT ?2"},

    {"models", 1, 1,
     "SELECT models.entry + 1, json_object('round', models.round, 'model', models.model,"
     " 'current', " TRUTH("models.round = head_round") ", 'undone', " TRUTH(
         "undone") ","
                   " 'rule', coalesce(rounds.rule, federations.rule), 'index', models.entry,"
                   " 'rebuilt_from', rebuilt_from,"
                   " 'approximate', iif(rebuilt_from IS NULL, NULL, sentence))"
                   " FROM models JOIN federations USING (federation)"
                   " LEFT JOIN rounds ON rounds.federation = models.federation AND rounds.round = "
                   "models.round"
                   " WHERE models.federation = ?3 AND models.entry + 1 > ?1 ORDER BY models.entry "
                   "LIMIT ?2"},

    {"moves", 1, 2,
     "SELECT entry + 1, json_object('round', round, 'client', client, 'from', state_before,"
     " 'to', state_after, 'sentence', sentence, 'index', entry)"
     " FROM moves WHERE federation = ?3 AND coalesce(?4, '') IN ('', client)"
     " AND entry + 1 > ?1 ORDER BY entry LIMIT ?2"},

    {"entries", 0, 0, ENTRY "WHERE entry >= ?1 ORDER BY entry LIMIT ?2"},
    {"round-entries", 2, 2,
     ENTRY "WHERE federation = ?3 AND round IS nullif(CAST(?4 AS INTEGER), 0) AND entry >= ?1"
           " ORDER BY entry LIMIT ?2"},
    {"client-entries", 1, 1, ENTRY "WHERE client = ?3 AND entry >= ?1 ORDER BY entry LIMIT ?2"},

    {"bases", 1, 2,
     LINE ", rows AS (SELECT row_number() OVER (ORDER BY models.round DESC) AS cursor,"
          " json_object('round', models.round, 'model', models.model, 'base_round', parent,"
          " 'updates', (SELECT count(*) FROM weights WHERE weights.federation = ?3"
          "   AND weights.round = models.round AND weight <> 0),"
          " 'rule', rounds.rule, 'index', models.entry, 'rebuilt_from', rebuilt_from) AS object"
          " FROM models JOIN line USING (round) LEFT JOIN rounds"
          " ON rounds.federation = ?3 AND rounds.round = models.round WHERE models.federation = ?3)"
          " SELECT cursor, object FROM rows WHERE cursor > ?1 ORDER BY cursor LIMIT ?2"},

    {"lineage", 1, 2,
     LINE ", shares AS (SELECT client, count(*) AS rounds, sum(weight) AS weight,"
          " sum(abs(weight)) AS size, min(round) AS first_round, max(round) AS last_round"
          " FROM (SELECT client, weight, weights.round FROM weights JOIN line USING (round)"
          "   WHERE weights.federation = ?3 AND weight <> 0 ORDER BY weights.round, weights.entry)"
          " GROUP BY client),"
          " rows AS (SELECT row_number() OVER (ORDER BY size DESC, client) AS cursor,"
          " json_object('client', client, 'organisation', organisation, 'rounds', rounds,"
          " 'weight', weight, 'share', size / (SELECT sum(size) FROM shares),"
          " 'first_round', first_round, 'last_round', last_round) AS object"
          " FROM shares LEFT JOIN clients USING (client))"
          " SELECT cursor, object FROM rows WHERE cursor > ?1 ORDER BY cursor LIMIT ?2"},

    {"client-rounds", 1, 2,
     "WITH rows AS (SELECT row_number() OVER (ORDER BY max(updates.entry, rounds.entry),"
     " updates.entry) AS cursor, json_object('federation', updates.federation,"
     " 'round', rounds.round, 'index', updates.entry, 'update', blob, 'verdict', verdict,"
     " 'status', updates.status, 'weight', weights.weight, 'risk', risk, 'outcome', outcome,"
     " 'in_head', " IN_HEAD
     ", 'rebuilt_from', rebuilt_from, 'sentence', updates.sentence) AS object"
     " FROM weights JOIN updates USING (entry) JOIN rounds ON rounds.federation ="
     " weights.federation AND rounds.round = weights.round LEFT JOIN models ON models.federation ="
     " weights.federation AND models.round = weights.round WHERE weights.client = ?3"
     " AND coalesce(?4, '') IN ('', weights.federation))"
     " SELECT cursor, object FROM rows WHERE cursor > ?1 ORDER BY cursor LIMIT ?2"},
    /* Updates whose bytes are kept, of rounds up to the one named. */
    {"bodies", 2, 2,
     "SELECT entry + 1, json_object('round', round, 'client', client, 'index', entry,"
     " 'update', blob, 'bytes', bytes, 'verdict', verdict) FROM updates"
     " WHERE federation = ?3 AND dropped IS NULL AND status IS NULL AND entry >= ?1"
     " AND round <= CAST(?4 AS INTEGER) ORDER BY entry LIMIT ?2"},

    /* Of all updates with those bytes: how many are kept, and where one was dropped last. */
    {"blob", 1, 1,
     "SELECT 1, json_object('update', ?3, 'kept', (SELECT count(*) FROM updates"
     " WHERE blob = ?3 AND status IS NULL AND dropped IS NULL),"
     " 'dropped', (SELECT max(dropped) FROM updates WHERE blob = ?3)) WHERE ?1 < 1 LIMIT ?2"},

    {"feed", 0, 0,
     "SELECT rowid, json_object('list', list, 'digest', digest, 'reason', reason, 'since', since,"
     " 'version', version) FROM feed WHERE rowid > ?1 ORDER BY rowid LIMIT ?2"},

    {"feeds", 0, 0,
     "SELECT entry + 1, json_object('version', version, 'index', entry, 'signer', signer,"
     " 'note', note, 'keys', keys, 'updates', updates, 'manifest', manifest) FROM feeds"
     " WHERE entry >= ?1 ORDER BY entry LIMIT ?2"},

    {"policies", 1, 1,
     "SELECT entry + 1, json_object('federation', federation, 'version', version,"
     " 'index', entry, 'signer', signer, 'digest', digest, 'note', note, 'report', report,"
     " 'rounds', (SELECT count(*) FROM rounds WHERE rounds.federation = ?3"
     "   AND policy_version = version),"
     " 'first_round', (SELECT min(round) FROM rounds WHERE rounds.federation = ?3"
     "   AND policy_version = version),"
     " 'last_round', (SELECT max(round) FROM rounds WHERE rounds.federation = ?3"
     "   AND policy_version = version),"
     " 'policy', json(policy)) FROM policies"
     " WHERE federation = ?3 AND entry >= ?1 ORDER BY entry LIMIT ?2"},

    {"tombstones", 0, 1,
     "SELECT entry + 1, json_object('index', entry, 'federation', federation, 'round', round,"
     " 'updates', updates, 'bytes', bytes, 'manifest', manifest) FROM tombstones"
     " WHERE coalesce(?3, '') IN ('', federation) AND entry >= ?1 ORDER BY entry LIMIT ?2"},

    /* A word about the client after the update settles it as well as a decision about the update.
     */
    {"reviews", 0, 3,
     "WITH rows AS (SELECT updates.entry AS cursor, CASE WHEN decision = 'release' THEN 'released'"
     " WHEN decision = 'reject' THEN 'rejected' WHEN word > updates.entry THEN 'settled'"
     " ELSE 'open' END AS review, updates.*, reviewer, decision, reviews.reason, organisation,"
     " coalesce(state, 'probation') AS standing, coalesce(strikes, 0) AS strikes,"
     " coalesce(basis, 0) AS basis, coalesce(word, 0) AS word FROM updates"
     " LEFT JOIN clients USING (client)"
     " LEFT JOIN standings ON standings.federation = updates.federation"
     " AND standings.client = updates.client LEFT JOIN reviews ON reviews.entry = updates.decided"
     " WHERE updates.verdict IN ('hold', 'reject') AND updates.entry >= ?1"
     " AND coalesce(?3, '') IN ('', updates.federation)"
     " AND (coalesce(?5, '') = '' OR updates.entry = CAST(?5 AS INTEGER)))"
     " SELECT cursor + 1, json_object('federation', federation, 'round', round, 'client', client,"
     " 'organisation', organisation, 'index', entry, 'update', blob, 'verdict', verdict,"
     " 'risk', risk, 'sentence', sentence, 'review', review, 'decided', CASE review"
     " WHEN 'settled' THEN word ELSE decided END, 'reviewer', reviewer, 'reason', reason,"
     " 'opinions', (SELECT count(*) FROM reviews WHERE item = rows.entry AND opinion = 1),"
     " 'standing', standing, 'strikes', strikes, 'basis', basis, 'dropped', dropped)"
     " FROM rows WHERE coalesce(?4, '') IN ('', review) ORDER BY cursor LIMIT ?2"},

    /* All that people said, decisions and opinions, in the order of the log. */
    {"decisions", 0, 2,
     "SELECT entry + 1, json_object('index', entry, 'item', item, 'federation', federation,"
     " 'round', round, 'client', client, 'reviewer', reviewer, 'decision', decision,"
     " 'opinion', opinion, 'reason', reason) FROM reviews WHERE entry >= ?1"
     " AND coalesce(?3, '') IN ('', federation) AND coalesce(?4, '') IN ('', client)"
     " ORDER BY entry LIMIT ?2"},

    /* A round adds a model, and its updates unless as many go. */
    {"retention", 0, 0,
     "SELECT rowid, json_object('federation', federation, 'keep_rounds', keep_rounds,"
     " 'bodies', bodies, 'bodies_bytes', bodies_bytes, 'dropped', dropped,"
     " 'dropped_bytes', dropped_bytes, 'round_bytes', 4 * parameters + iif(keep_rounds > 0"
     "   AND round > keep_rounds, 0, (SELECT coalesce(sum(bytes), 0) FROM updates"
     "   WHERE updates.federation = federations.federation"
     "   AND updates.round > federations.round - 10) / max(1, min(10, round))))"
     " FROM federations WHERE rowid > ?1 ORDER BY rowid LIMIT ?2"},
};
const size_t projection_question_count =
    sizeof projection_questions / sizeof projection_questions[0];
