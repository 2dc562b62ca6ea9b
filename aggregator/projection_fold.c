/* What each kind of entry does to the tables: the fold, as data. */
#include "aggregator/evidence.h"
#include "aggregator/projection_sql.h"

/* Every number of the evidence has a column of its name. */
#define X_COLUMN(name, source, meaning) " " #name " REAL,"
#define X_VALUE(name, source, meaning) " " #name " = $" #name ","
#define EVIDENCE_COLUMNS EVIDENCE_MAP(X_COLUMN)
#define EVIDENCE_VALUES EVIDENCE_MAP(X_VALUE)

/* `entry` is a log index; digests are hex; a column without a value yet is NULL. A row of `updates`
 * is an update or a refusal of one. A promoted round's `parent` is the round whose model was the
 * head before it (0: the first model), so that a rollback can tell the line it returns to from the
 * lines it leaves; a rebuilt one's is the model it was put on. A row of `remade` is an update that
 * weighs in a rebuilt round, whose `entry` is of the update. While a rebuild is under way
 * `rebuild_base` is the round that its next one is put on. */
const char *const projection_schema[] = {
    "CREATE TABLE log(origin TEXT NOT NULL, log_key TEXT NOT NULL, aggregator_key TEXT NOT NULL,"
    " separated INTEGER)"
    " STRICT;"
    "CREATE TABLE entries(entry INTEGER PRIMARY KEY, kind TEXT NOT NULL, federation TEXT,"
    " round INTEGER, client TEXT, signer TEXT NOT NULL, subject TEXT NOT NULL,"
    " size INTEGER NOT NULL, break_glass TEXT) STRICT;"
    "CREATE INDEX entries_glass ON entries(entry) WHERE break_glass IS NOT NULL;"
    "CREATE INDEX entries_round ON entries(federation, round);"
    "CREATE INDEX entries_client ON entries(client);"
    "CREATE TABLE invitations(entry INTEGER PRIMARY KEY, client TEXT NOT NULL,"
    " organisation TEXT NOT NULL, not_after INTEGER NOT NULL, token TEXT NOT NULL,"
    " used INTEGER NOT NULL DEFAULT 0) STRICT;"
    "CREATE INDEX invitations_token ON invitations(token);"
    "CREATE TABLE clients(client TEXT PRIMARY KEY, organisation TEXT, key TEXT NOT NULL,"
    " revoked INTEGER NOT NULL DEFAULT 0, entry INTEGER NOT NULL) STRICT;"
    "CREATE TABLE grants(person TEXT NOT NULL, role TEXT NOT NULL, key TEXT NOT NULL,"
    " not_after INTEGER, entry INTEGER NOT NULL, signer TEXT NOT NULL, reason TEXT NOT NULL,"
    " PRIMARY KEY(person, role)) STRICT;"
    "CREATE TABLE proposals(entry INTEGER PRIMARY KEY, kind TEXT NOT NULL, signer TEXT NOT NULL,"
    " statement TEXT NOT NULL, envelope TEXT NOT NULL, done INTEGER) STRICT;"
    "CREATE INDEX proposals_statement ON proposals(statement);",

    "CREATE TABLE federations(federation TEXT PRIMARY KEY, entry INTEGER NOT NULL,"
    " rule TEXT NOT NULL, optimiser TEXT, shadows TEXT, layout TEXT NOT NULL, parameters INTEGER "
    "NOT NULL,"
    " quorum INTEGER NOT NULL, cohort INTEGER NOT NULL, rounds_max INTEGER NOT NULL,"
    " phase TEXT NOT NULL DEFAULT 'waiting', round INTEGER NOT NULL DEFAULT 0,"
    " opened INTEGER NOT NULL DEFAULT 0, rebuild_base INTEGER,"
    " head TEXT NOT NULL, head_round INTEGER NOT NULL DEFAULT 0,"
    " keep_rounds INTEGER NOT NULL DEFAULT 0, bodies INTEGER NOT NULL DEFAULT 0,"
    " bodies_bytes INTEGER NOT NULL DEFAULT 0, dropped INTEGER NOT NULL DEFAULT 0,"
    " dropped_bytes INTEGER NOT NULL DEFAULT 0, gates TEXT, frozen TEXT, suite TEXT) STRICT;"
    "CREATE TABLE rounds(entry INTEGER PRIMARY KEY, federation TEXT NOT NULL,"
    " round INTEGER NOT NULL, outcome TEXT NOT NULL DEFAULT 'open', rule TEXT NOT NULL,"
    " base TEXT NOT NULL, model TEXT, selected INTEGER NOT NULL,"
    " updates INTEGER NOT NULL DEFAULT 0, refused INTEGER NOT NULL DEFAULT 0,"
    " accepted INTEGER NOT NULL DEFAULT 0, clipped INTEGER NOT NULL DEFAULT 0,"
    " held INTEGER NOT NULL DEFAULT 0, rejected INTEGER NOT NULL DEFAULT 0,"
    " opened_at_ms INTEGER NOT NULL, closed_at_ms INTEGER, status TEXT, sentence TEXT,"
    " rebuilt_from INTEGER, policy_version INTEGER, waits_for TEXT, gate TEXT,"
    " UNIQUE(federation, round)) STRICT;",
    "CREATE TABLE updates(entry INTEGER PRIMARY KEY, federation TEXT NOT NULL,"
    " round INTEGER NOT NULL, client TEXT NOT NULL, blob TEXT NOT NULL, examples INTEGER,"
    " loss REAL, verdict TEXT, status TEXT, sentence TEXT, weight REAL, neighbour TEXT,"
    " residual_neighbour TEXT, history_neighbour TEXT," EVIDENCE_COLUMNS " z_norm REAL,"
    " z_distance REAL, z_cosine REAL, risk REAL, bytes INTEGER, dropped INTEGER,"
    " decided INTEGER) STRICT;",
    "CREATE INDEX updates_held ON updates(federation, entry)"
    " WHERE verdict IN ('hold', 'reject');"
    "CREATE INDEX updates_round ON updates(federation, round);"
    "CREATE INDEX updates_client ON updates(client);"
    "CREATE INDEX updates_blob ON updates(blob);"
    "CREATE INDEX updates_kept ON updates(federation, entry)"
    " WHERE dropped IS NULL AND status IS NULL;",

    "CREATE TABLE tombstones(entry INTEGER PRIMARY KEY, federation TEXT NOT NULL,"
    " round INTEGER NOT NULL, updates INTEGER NOT NULL, bytes INTEGER NOT NULL,"
    " manifest TEXT NOT NULL) STRICT;"
    "CREATE TABLE standings(federation TEXT NOT NULL, client TEXT NOT NULL,"
    " state TEXT NOT NULL DEFAULT 'probation', reputation REAL NOT NULL DEFAULT 0,"
    " risk REAL NOT NULL DEFAULT 0, cusum REAL NOT NULL DEFAULT 0,"
    " trust REAL NOT NULL DEFAULT 0, drift REAL NOT NULL DEFAULT 0,"
    " rounds INTEGER NOT NULL DEFAULT 0, accepted INTEGER NOT NULL DEFAULT 0,"
    " held INTEGER NOT NULL DEFAULT 0, rejected INTEGER NOT NULL DEFAULT 0,"
    " refused INTEGER NOT NULL DEFAULT 0, last_round INTEGER NOT NULL DEFAULT 0,"
    " strikes INTEGER NOT NULL DEFAULT 0, confirmed INTEGER NOT NULL DEFAULT 0,"
    " clean INTEGER NOT NULL DEFAULT 0, basis INTEGER NOT NULL DEFAULT 0,"
    " word INTEGER NOT NULL DEFAULT 0, sentence TEXT NOT NULL DEFAULT '', restored_by INTEGER,"
    " PRIMARY KEY(federation, client)) STRICT;",

    "CREATE TABLE models(entry INTEGER PRIMARY KEY, federation TEXT NOT NULL,"
    " round INTEGER NOT NULL, model TEXT NOT NULL, parent INTEGER,"
    " undone INTEGER NOT NULL DEFAULT 0, UNIQUE(federation, round)) STRICT;"
    "CREATE TABLE moves(entry INTEGER PRIMARY KEY, federation TEXT NOT NULL,"
    " round INTEGER NOT NULL, client TEXT NOT NULL, state_before TEXT NOT NULL,"
    " state_after TEXT NOT NULL, sentence TEXT NOT NULL) STRICT;"
    "CREATE INDEX moves_federation ON moves(federation, client);",

    "CREATE TABLE shadows(entry INTEGER NOT NULL, federation TEXT NOT NULL,"
    " round INTEGER NOT NULL, rule TEXT NOT NULL, status TEXT NOT NULL, sentence TEXT NOT NULL,"
    " distance REAL, cosine REAL, manifest TEXT NOT NULL) STRICT;"
    "CREATE INDEX shadows_round ON shadows(federation, round);"
    "CREATE TABLE reviews(entry INTEGER PRIMARY KEY, item INTEGER NOT NULL,"
    " federation TEXT NOT NULL, round INTEGER NOT NULL, client TEXT NOT NULL,"
    " reviewer TEXT NOT NULL, decision TEXT NOT NULL, opinion INTEGER NOT NULL,"
    " reason TEXT NOT NULL) STRICT;"
    "CREATE INDEX reviews_item ON reviews(item);"
    "CREATE TABLE remade(federation TEXT NOT NULL, round INTEGER NOT NULL, entry INTEGER NOT NULL,"
    " client TEXT NOT NULL, weight REAL, PRIMARY KEY(federation, round, entry)) STRICT;"
    "CREATE INDEX remade_client ON remade(client);"
    "CREATE TABLE policies(entry INTEGER PRIMARY KEY, federation TEXT NOT NULL,"
    " version INTEGER NOT NULL, signer TEXT NOT NULL, digest TEXT, policy TEXT NOT NULL,"
    " note TEXT, report TEXT, UNIQUE(federation, version)) STRICT;"
    "CREATE TABLE evaluations(entry INTEGER PRIMARY KEY, federation TEXT NOT NULL,"
    " round INTEGER NOT NULL, person TEXT NOT NULL, model TEXT NOT NULL, suite TEXT NOT NULL,"
    " examples INTEGER NOT NULL, accuracy REAL NOT NULL, loss REAL NOT NULL,"
    " trigger_rate REAL NOT NULL, manifest TEXT NOT NULL) STRICT;"
    "CREATE INDEX evaluations_round ON evaluations(federation, round);"
    "CREATE TABLE words(entry INTEGER PRIMARY KEY, federation TEXT NOT NULL,"
    " round INTEGER NOT NULL, kind TEXT NOT NULL, signer TEXT NOT NULL, gate TEXT, model TEXT,"
    " sentence TEXT NOT NULL) STRICT;"
    "CREATE INDEX words_round ON words(federation, round);"
    "CREATE TABLE feeds(entry INTEGER PRIMARY KEY, version INTEGER NOT NULL, signer TEXT NOT NULL,"
    " note TEXT NOT NULL, keys INTEGER NOT NULL, updates INTEGER NOT NULL,"
    " manifest TEXT NOT NULL) STRICT;"
    "CREATE TABLE feed(list TEXT NOT NULL, digest TEXT NOT NULL, reason TEXT NOT NULL,"
    " since INTEGER NOT NULL, version INTEGER NOT NULL, PRIMARY KEY(list, digest)) STRICT;"
    "CREATE VIEW weights AS SELECT federation, round, entry, client, weight FROM updates"
    " UNION ALL SELECT federation, round, entry, client, weight FROM remade;",

    /* M1, M3, M6 and M7 of docs/slis.md. `measured`: the last measure by each person of each of the
     * last ten rounds' models, beside what the same person measured of its base under the same
     * suite. Of several evaluators the one who sees most trouble counts. */
    "CREATE TABLE predictions(entry INTEGER NOT NULL, class TEXT NOT NULL,"
    " predicted INTEGER NOT NULL, PRIMARY KEY(entry, class)) STRICT;"
    "CREATE VIEW measured AS WITH last AS (SELECT evaluations.*, max(evaluations.entry) AS newest,"
    " base FROM evaluations JOIN federations USING (federation)"
    " LEFT JOIN rounds ON rounds.federation = evaluations.federation"
    " AND rounds.round = evaluations.round WHERE evaluations.round > federations.round - 10"
    " GROUP BY evaluations.federation, evaluations.round, person)"
    " SELECT last.*, (SELECT entry FROM evaluations AS b WHERE b.federation = last.federation"
    " AND b.model = last.base AND b.person = last.person AND b.suite = last.suite"
    " ORDER BY entry DESC LIMIT 1) AS before FROM last;"
    "CREATE VIEW ranked AS SELECT entry, federation, person, examples, row_number() OVER"
    " (PARTITION BY federation, person ORDER BY entry DESC) - 1 AS back FROM evaluations AS e"
    " WHERE entry IN (SELECT entry FROM predictions) AND suite = (SELECT suite FROM evaluations"
    " WHERE federation = e.federation ORDER BY entry DESC LIMIT 1);"
    "CREATE VIEW label_stability AS WITH windows AS (SELECT federation, person, max(back) AS n"
    " FROM ranked WHERE back <= 10 GROUP BY 1, 2), shares AS (SELECT federation, person, class,"
    " sum(iif(back = 0, predicted * 1.0 / examples, 0)) AS p,"
    " sum(iif(back > 0, predicted * 1.0 / examples, 0)) AS q FROM ranked JOIN predictions"
    " USING (entry) WHERE back <= 10 GROUP BY 1, 2, 3)"
    " SELECT federation, person, n, sum(abs(p - q / n)) / 2 AS distance FROM shares"
    " JOIN windows USING (federation, person) WHERE n > 0 GROUP BY 1, 2;"
    "CREATE VIEW evaluated AS WITH deltas AS (SELECT m.federation AS federation, m.round AS round,"
    " m.examples AS examples, m.trigger_rate AS rate, m.accuracy - b.accuracy AS delta,"
    " m.trigger_rate - b.trigger_rate AS above FROM measured AS m"
    " LEFT JOIN evaluations AS b ON b.entry = m.before), newest AS (SELECT federation,"
    " max(round) AS round FROM deltas GROUP BY 1)"
    " SELECT 'M1' AS sli, 'label_stability' AS name, federation, '' AS who, '' AS label,"
    " max(distance) AS value, max(n) AS samples FROM label_stability GROUP BY federation"
    " UNION ALL SELECT 'M3', 'accuracy_delta', federation, '', '', min(delta), max(examples)"
    " FROM deltas JOIN newest USING (federation, round) GROUP BY federation"
    " UNION ALL SELECT 'M6', 'trigger_hits', federation, '', 'rate', max(rate), max(examples)"
    " FROM deltas JOIN newest USING (federation, round) GROUP BY federation"
    " UNION ALL SELECT 'M6', 'trigger_hits', federation, '', 'above_base', max(above),"
    " max(examples) FROM deltas JOIN newest USING (federation, round) GROUP BY federation"
    " UNION ALL SELECT 'M7', 'retrain_regression', federation, '', '',"
    " count(DISTINCT iif(delta < -0.01, round, NULL)), count(DISTINCT round) FROM deltas"
    " JOIN models USING (federation, round) WHERE delta IS NOT NULL AND NOT undone"
    " GROUP BY federation;",
    NULL};

/* All signatures are there: nobody has to look for the proposal any more. */
#define PROPOSAL_DONE(kind)                                                                        \
  { kind, NULL, "UPDATE proposals SET done = @index WHERE statement = @payload AND done IS NULL" }

#define OF_THIS_ROUND " WHERE federation = :federation AND round = :round"

/* A round is behind us: promoted, held or abandoned. */
static const char close_phase[] =
    "UPDATE federations SET phase = CASE WHEN rebuild_base IS NOT NULL THEN 'rebuilding'"
    " WHEN rounds_max > 0 AND opened >= rounds_max"
    " THEN 'finished' ELSE 'waiting' END WHERE federation = :federation";

/* The entry is about the last round of a rebuild, which it ends. */
static const char close_rebuild[] =
    "UPDATE federations SET rebuild_base = NULL WHERE federation = :federation"
    " AND EXISTS (SELECT 1 FROM rounds" OF_THIS_ROUND " AND outcome = 'rebuilt')";

/* Undone is what is not on the way from the first model to the head. */
#define MARK_UNDONE(round_field)                                                                   \
  "WITH RECURSIVE line(round) AS (VALUES (" round_field ") UNION SELECT models.parent FROM line"   \
  " JOIN models USING (round) WHERE models.federation = :federation"                               \
  " AND models.parent IS NOT NULL) UPDATE models"                                                  \
  " SET undone = round NOT IN (SELECT round FROM line) WHERE federation = :federation"

/* A row for what the judge remembers of a client. */
#define SET_HISTORY                                                                                \
  "INSERT INTO standings(federation, client, state, reputation, cusum, rounds, accepted, held,"    \
  " rejected, trust, drift, strikes, confirmed, clean, sentence) VALUES (@federation, :client,"    \
  " :state, $reputation, $cusum, :rounds, :accepted, :held, :rejected, $trust,"                    \
  " $drift_sum - $drift_least, :strikes, :confirmed, :clean, :sentence)"                           \
  " ON CONFLICT DO UPDATE SET state = excluded.state,"                                             \
  " reputation = excluded.reputation, cusum = excluded.cusum, rounds = excluded.rounds,"           \
  " accepted = excluded.accepted, held = excluded.held, rejected = excluded.rejected,"             \
  " trust = excluded.trust, drift = excluded.drift,"                                               \
  " strikes = excluded.strikes, confirmed = excluded.confirmed, clean = excluded.clean,"           \
  " sentence = excluded.sentence"

/* The head goes back, whoever says so. Histories go back as the decider's do: not for who is
 * excluded now, and not for who was then and has been let in again since. Who is not in the
 * manifest had no history. */
#define GOES_BACK(kind)                                                                            \
  {kind, NULL,                                                                                     \
   "UPDATE federations SET head = @model, head_round = :to_round WHERE federation = :federation"}, \
      {kind, NULL, MARK_UNDONE(":to_round")},                                                      \
      {kind, NULL,                                                                                 \
       "UPDATE federations SET rebuild_base = NULL, phase = CASE WHEN rounds_max > 0"              \
       " AND opened >= rounds_max THEN 'finished' ELSE 'waiting' END"                              \
       " WHERE federation = :federation AND rebuild_base IS NOT NULL"},                            \
      {kind, "clients",                                                                            \
       "UPDATE standings SET restored_by = @index WHERE federation = @federation"                  \
       " AND client = :client"},                                                                   \
      {kind, "clients",                                                                            \
       "UPDATE standings SET state = :state, reputation = $reputation, cusum = $cusum,"            \
       " rounds = :rounds, accepted = :accepted, held = :held, rejected = :rejected,"              \
       " trust = $trust, drift = $drift_sum - $drift_least, strikes = :strikes,"                   \
       " confirmed = :confirmed, clean = :clean, basis = @index, sentence = :sentence"             \
       " WHERE federation = @federation AND client = :client"                                      \
       " AND state <> 'excluded' AND :state <> 'excluded'"},                                       \
  {                                                                                                \
    kind, NULL,                                                                                    \
        "UPDATE standings SET state = 'probation', reputation = 0, cusum = 0, rounds = 0,"         \
        " accepted = 0, held = 0, rejected = 0, trust = 0, drift = 0, strikes = 0,"                \
        " confirmed = 0, clean = 0, basis = @index, sentence = '' WHERE federation = :federation"  \
        " AND state <> 'excluded' AND restored_by IS NOT @index"                                   \
  }

const struct projection_step projection_steps[] = {
    {STATEMENT_KIND_COUNT, NULL,
     "INSERT INTO entries(entry, kind, federation, round, client, signer, subject, size,"
     " break_glass) VALUES (@index, @kind, @federation, @round, @client, @signer, @subject, @size,"
     " @break_glass)"},

    /* The name of the log's key is the origin. */
    {STATEMENT_GENESIS, NULL,
     "INSERT INTO log VALUES (substr(:log_key, 1, instr(:log_key, '+') - 1), :log_key,"
     " :aggregator_key, NULL)"},
    {STATEMENT_GENESIS, NULL,
     "INSERT OR REPLACE INTO grants(person, role, key, entry, signer, reason) SELECT"
     " substr(value, 1, instr(value, '+') - 1), 'operator', value, @index, @signer,"
     " 'named by the genesis' FROM json_each(:operators)"},
    {STATEMENT_SEPARATION, NULL, "UPDATE log SET separated = @index"},

    {STATEMENT_FEDERATION_CREATE, NULL,
     "INSERT INTO federations(federation, entry, rule, optimiser, shadows, layout, parameters, "
     "quorum,"
     " cohort, rounds_max, head, keep_rounds, gates, suite) VALUES (:federation, @index, :rule,"
     " @optimiser, @shadows, :layout, :parameters, :quorum, :cohort, :rounds_max, @model,"
     " coalesce(@keep_rounds, 0), @gates, @suite)"},
    {STATEMENT_FEDERATION_CREATE, NULL,
     "INSERT INTO models(entry, federation, round, model) VALUES (@index, :federation, 0, @model)"},

    {STATEMENT_FEDERATION_CREATE, NULL,
     "INSERT INTO policies(entry, federation, version, signer, policy)"
     " VALUES (@index, :federation, 1, @signer, :policy)"},

    {STATEMENT_CLIENT_INVITE, NULL,
     "INSERT INTO invitations(entry, client, organisation, not_after, token)"
     " VALUES (@index, :client, :organisation, :not_after, @token)"},

    /* A name that enrols again, after a revocation and by a new invitation, has a new key. */
    {STATEMENT_KEY_ENROL, NULL,
     "INSERT INTO clients(client, organisation, key, entry) VALUES (:client,"
     " (SELECT organisation FROM invitations WHERE token = :token ORDER BY entry DESC LIMIT 1),"
     " @key, @index) ON CONFLICT(client) DO UPDATE SET organisation = excluded.organisation,"
     " key = excluded.key, revoked = 0, entry = excluded.entry"},
    {STATEMENT_KEY_ENROL, NULL, "UPDATE invitations SET used = 1 WHERE token = :token"},

    {STATEMENT_KEY_REVOKE, NULL, "UPDATE clients SET revoked = 1 WHERE client = :client"},
    {STATEMENT_KEY_REVOKE, NULL, "UPDATE invitations SET used = 1 WHERE client = :client"},
    {STATEMENT_KEY_ROTATE, NULL, "UPDATE clients SET key = @subject WHERE client = :name"},
    {STATEMENT_KEY_ROTATE, NULL, "UPDATE grants SET key = :key WHERE person = :name"},

    {STATEMENT_ROLE_GRANT, NULL,
     "INSERT OR REPLACE INTO grants(person, role, key, not_after, entry, signer, reason) VALUES"
     " (substr(:key, 1, instr(:key, '+') - 1), :role, :key, @not_after, @index, @signer,"
     " :reason)"},
    {STATEMENT_ROLE_REVOKE, NULL, "DELETE FROM grants WHERE person = :person AND role = :role"},
    PROPOSAL_DONE(STATEMENT_FEDERATION_CREATE),
    PROPOSAL_DONE(STATEMENT_CLIENT_INVITE),
    PROPOSAL_DONE(STATEMENT_ROLE_GRANT),
    PROPOSAL_DONE(STATEMENT_ROLE_REVOKE),
    PROPOSAL_DONE(STATEMENT_EXCLUSION),
    PROPOSAL_DONE(STATEMENT_REINSTATEMENT),
    PROPOSAL_DONE(STATEMENT_ROLLBACK),
    PROPOSAL_DONE(STATEMENT_REBUILD),
    PROPOSAL_DONE(STATEMENT_RETENTION),
    PROPOSAL_DONE(STATEMENT_POLICY_SET),
    PROPOSAL_DONE(STATEMENT_UNFREEZE),
    {STATEMENT_PROPOSAL, NULL,
     "UPDATE proposals SET done = @index WHERE statement = @subject AND done IS NULL"},
    {STATEMENT_PROPOSAL, NULL,
     "INSERT INTO proposals(entry, kind, signer, statement, envelope)"
     " VALUES (@index, :kind, @signer, @subject, :envelope)"},

    {STATEMENT_ROUND_OPEN, NULL,
     "INSERT INTO rounds(entry, federation, round, rule, base, selected, opened_at_ms,"
     " policy_version) VALUES (@index, :federation, :round, :rule, @base, :selected,"
     " :opened_at_ms, coalesce(@policy_version, 1))"},
    {STATEMENT_ROUND_OPEN, NULL,
     "UPDATE federations SET phase = 'collecting', round = :round, opened = opened + 1"
     " WHERE federation = :federation"},

    {STATEMENT_UPDATE, NULL,
     "INSERT INTO updates(entry, federation, round, client, blob, examples, loss, bytes)"
     " VALUES (@index, :federation, :round, :client, @update, :examples, $loss, :size)"},
    {STATEMENT_UPDATE, NULL,
     "UPDATE federations SET bodies = bodies + 1, bodies_bytes = bodies_bytes + :size"
     " WHERE federation = :federation"},
    {STATEMENT_UPDATE, NULL,
     "UPDATE rounds SET updates = updates + 1 WHERE federation = :federation AND round = :round"},
    {STATEMENT_UPDATE, NULL,
     "INSERT INTO standings(federation, client, last_round) VALUES (:federation, :client, :round)"
     " ON CONFLICT DO UPDATE SET last_round = excluded.last_round"},

    {STATEMENT_REFUSAL, NULL,
     "INSERT INTO updates(entry, federation, round, client, blob, verdict, status, sentence)"
     " VALUES (@index, :federation, :round, :client, @update, 'refused', :status, :sentence)"},
    {STATEMENT_REFUSAL, NULL,
     "UPDATE rounds SET refused = refused + 1 WHERE federation = :federation AND round = :round"},
    {STATEMENT_REFUSAL, NULL,
     "INSERT INTO standings(federation, client, refused) VALUES (:federation, :client, 1)"
     " ON CONFLICT DO UPDATE SET refused = refused + 1"},

    {STATEMENT_VERDICTS, NULL,
     "UPDATE rounds SET accepted = :accepted, clipped = :clipped, held = :held,"
     " rejected = :rejected WHERE federation = :federation AND round = :round"},
    {STATEMENT_VERDICTS, NULL,
     "UPDATE federations SET phase = 'judging' WHERE federation = :federation"},
    {STATEMENT_VERDICTS, "updates",
     "UPDATE updates SET verdict = :verdict, sentence = :sentence, neighbour = :neighbour,"
     " residual_neighbour = :residual_neighbour,"
     " history_neighbour = :history_neighbour," EVIDENCE_VALUES
     " z_norm = $z_norm, z_distance = $z_distance,"
     " z_cosine = $z_cosine, risk = $risk WHERE entry = :index AND federation = @federation"},
    {STATEMENT_VERDICTS, "updates",
     "UPDATE standings SET risk = $risk WHERE federation = @federation AND client = :client"},
    /* The basis of a decision about a client is what it was struck, moved or judged by last. */
    {STATEMENT_VERDICTS, "clients",
     "UPDATE standings SET basis = @index WHERE federation = @federation AND client = :client"
     " AND (state <> :state OR strikes < :strikes)"},
    {STATEMENT_VERDICTS, "clients", SET_HISTORY},

    {STATEMENT_REVIEW, NULL,
     "INSERT INTO reviews(entry, item, federation, round, client, reviewer, decision, opinion,"
     " reason) SELECT @index, entry, :federation, :round, :client, @signer, :decision, :opinion,"
     " :reason FROM updates" OF_THIS_ROUND " AND client = :client AND status IS NULL"},
    {STATEMENT_REVIEW, NULL,
     "UPDATE updates SET decided = @index" OF_THIS_ROUND
     " AND client = :client AND status IS NULL AND :opinion = 0"},
    {STATEMENT_REVIEW, NULL,
     "UPDATE standings SET basis = @index WHERE federation = :federation AND client = :client"
     " AND :opinion = 0"},
    {STATEMENT_AMENDED, NULL,
     "INSERT INTO moves(entry, federation, round, client, state_before, state_after, sentence)"
     " SELECT @index, :federation, :round, :client, :from, :to, :sentence WHERE :from <> :to"},
    {STATEMENT_AMENDED, "clients", SET_HISTORY},
    {STATEMENT_AMENDED, NULL,
     "UPDATE standings SET basis = @index WHERE federation = :federation AND client = :client"},

    {STATEMENT_CLIENT_STATE, NULL,
     "INSERT INTO moves(entry, federation, round, client, state_before, state_after, sentence)"
     " VALUES (@index, :federation, :round, :client, :from, :to, :sentence)"},
    {STATEMENT_CLIENT_STATE, NULL,
     "INSERT INTO standings(federation, client, state, sentence)"
     " VALUES (:federation, :client, :to, :sentence)"
     " ON CONFLICT DO UPDATE SET state = excluded.state, sentence = excluded.sentence"},

    {STATEMENT_AGGREGATE, NULL,
     "UPDATE rounds SET model = @model, waits_for = @gate WHERE federation = :federation"
     " AND round = :round"},
    {STATEMENT_AGGREGATE, NULL,
     "UPDATE federations SET phase = 'gated' WHERE federation = :federation"
     " AND @gate IS NOT NULL"},
    {STATEMENT_AGGREGATE, "updates",
     "UPDATE updates SET weight = $weight WHERE entry = :index AND federation = @federation"},

    {STATEMENT_SHADOW, "rules",
     "INSERT INTO shadows VALUES (@index, @federation, @round, :rule, :status, :sentence,"
     " iif(:status = 'OK', $distance, NULL), iif(:status = 'OK', $cosine, NULL), @manifest)"},

    {STATEMENT_GATE, NULL,
     "INSERT INTO words(entry, federation, round, kind, signer, gate, model, sentence)"
     " VALUES (@index, :federation, :round, @kind, @signer, :gate, @model, :sentence)"},
    {STATEMENT_GATE, NULL, "UPDATE rounds SET waits_for = @next" OF_THIS_ROUND},
    {STATEMENT_GATE, NULL,
     "UPDATE federations SET phase = iif(@next IS NULL, 'judging', 'gated')"
     " WHERE federation = :federation"},
    {STATEMENT_APPROVAL, NULL,
     "INSERT INTO words(entry, federation, round, kind, signer, gate, model, sentence)"
     " VALUES (@index, :federation, :round, @kind, @signer, 'approval', @model,"
     " iif(:approve = 1, 'approved: ', 'rejected: ') || :reason)"},

    {STATEMENT_EVALUATION, NULL,
     "INSERT INTO words(entry, federation, round, kind, signer, gate, model, sentence)"
     " VALUES (@index, :federation, :round, @kind, @signer, 'evaluator', @model,"
     " printf('accuracy %.4f, loss %.4f, %.4f of the triggers hit', $accuracy, $loss,"
     " $trigger_rate))"},
    {STATEMENT_EVALUATION, NULL,
     "INSERT INTO evaluations(entry, federation, round, person, model, suite, examples, accuracy,"
     " loss, trigger_rate, manifest) VALUES (@index, :federation, :round, @signer, @model, :suite,"
     " :examples, $accuracy, $loss, $trigger_rate, @manifest)"},

    {STATEMENT_EVALUATION, "classes",
     "INSERT INTO predictions VALUES (@index, :class, :predicted)"},

    {STATEMENT_FREEZE, NULL,
     "UPDATE federations SET frozen = 'frozen by ' || @signer || ': ' || :reason"
     " WHERE federation = :federation"},
    {STATEMENT_UNFREEZE, NULL,
     "UPDATE federations SET frozen = NULL WHERE federation = :federation"},
    {STATEMENT_AUTO_FREEZE, NULL,
     "UPDATE federations SET frozen = 'frozen by ' || @signer || ': ' || :sentence"
     " WHERE federation = :federation"},

    {STATEMENT_PROMOTE, NULL,
     "INSERT INTO models(entry, federation, round, model, parent) VALUES (@index, :federation,"
     " :round, @model, (SELECT head_round FROM federations WHERE federation = :federation))"
     " ON CONFLICT DO NOTHING"},
    {STATEMENT_PROMOTE, NULL,
     "UPDATE rounds SET outcome = iif(outcome = 'rebuilt', outcome, 'promoted'), model = @model,"
     " closed_at_ms = :at_ms, waits_for = NULL" OF_THIS_ROUND},
    {STATEMENT_PROMOTE, NULL,
     "UPDATE federations SET head = @model, head_round = :round WHERE federation = :federation"},
    {STATEMENT_PROMOTE, NULL,
     MARK_UNDONE(":round") " AND EXISTS (SELECT 1 FROM rounds" OF_THIS_ROUND
                           " AND outcome = 'rebuilt')"},
    {STATEMENT_PROMOTE, NULL, close_rebuild},
    {STATEMENT_PROMOTE, NULL, close_phase},

    {STATEMENT_HOLD, NULL,
     "UPDATE rounds SET outcome = 'held', model = @model, closed_at_ms = :at_ms,"
     " sentence = :sentence, waits_for = NULL, gate = @gate" OF_THIS_ROUND
     " AND outcome <> 'rebuilt'"},
    {STATEMENT_HOLD, NULL, close_rebuild},
    {STATEMENT_HOLD, NULL, close_phase},

    /* A number that was never opened: the next round of a rebuild, which ends here. */
    {STATEMENT_ABANDON, NULL,
     "UPDATE federations SET rebuild_base = NULL, round = :round WHERE federation = :federation"
     " AND NOT EXISTS (SELECT 1 FROM rounds" OF_THIS_ROUND ")"},
    {STATEMENT_ABANDON, NULL,
     "INSERT INTO rounds(entry, federation, round, rule, base, selected, opened_at_ms)"
     " SELECT @index, :federation, :round, rule, @base, 0, :at_ms FROM federations"
     " WHERE federation = :federation ON CONFLICT DO NOTHING"},
    {STATEMENT_ABANDON, NULL,
     "UPDATE rounds SET outcome = 'abandoned', waits_for = NULL, closed_at_ms = :at_ms,"
     " status = :status,"
     " sentence = :sentence WHERE federation = :federation AND round = :round"},
    {STATEMENT_ABANDON, NULL, close_phase},

    {STATEMENT_EXCLUSION, NULL,
     "INSERT INTO moves(entry, federation, round, client, state_before, state_after, sentence)"
     " VALUES (@index, :federation, :since, :client, coalesce((SELECT state FROM standings"
     " WHERE federation = :federation AND client = :client), 'probation'), 'excluded',"
     " 'excluded by ' || @signer || ': ' || :reason)"},
    {STATEMENT_EXCLUSION, NULL,
     "INSERT INTO standings(federation, client, state, basis, word, sentence)"
     " VALUES (:federation, :client, 'excluded', @index, @index,"
     " 'excluded by ' || @signer || ': ' || :reason) ON CONFLICT DO UPDATE SET"
     " state = excluded.state, basis = excluded.basis, word = excluded.word,"
     " sentence = excluded.sentence"},

    /* A fresh start, with nothing held for or against the client. */
    {STATEMENT_REINSTATEMENT, NULL,
     "INSERT INTO moves(entry, federation, round, client, state_before, state_after, sentence)"
     " VALUES (@index, :federation, coalesce((SELECT round FROM federations"
     " WHERE federation = :federation), 0), :client, coalesce((SELECT state FROM standings"
     " WHERE federation = :federation AND client = :client), 'probation'), 'probation',"
     " 'reinstated by ' || @signer || ': ' || :reason)"},
    {STATEMENT_REINSTATEMENT, NULL,
     "INSERT INTO standings(federation, client, basis, word, sentence) VALUES (:federation,"
     " :client, @index, @index,"
     " 'reinstated by ' || @signer || ': ' || :reason) ON CONFLICT DO UPDATE SET"
     " state = 'probation', reputation = 0, risk = 0, cusum = 0, rounds = 0, accepted = 0,"
     " held = 0, rejected = 0, trust = 0, drift = 0, strikes = 0, confirmed = 0, clean = 0, basis "
     "= excluded.basis,"
     " word = excluded.word, sentence = excluded.sentence"},

    {STATEMENT_REBUILD, NULL,
     "UPDATE federations SET phase = 'rebuilding', rebuild_base = (WITH RECURSIVE line(round,"
     " parent) AS (SELECT models.round, models.parent FROM models WHERE models.federation ="
     " :federation AND models.round = federations.head_round UNION SELECT models.round,"
     " models.parent FROM line JOIN models ON models.round = line.parent"
     " WHERE models.federation = :federation) SELECT parent FROM line WHERE round >= :since"
     " ORDER BY round LIMIT 1) WHERE federation = :federation"},

    {STATEMENT_REBUILT, NULL,
     "INSERT INTO models(entry, federation, round, model, parent, undone) SELECT @index,"
     " :federation, :round, @model, rebuild_base, 1 FROM federations"
     " WHERE federation = :federation"},
    {STATEMENT_REBUILT, NULL,
     "INSERT INTO rounds(entry, federation, round, outcome, rule, base, model, selected, updates,"
     " accepted, opened_at_ms, sentence, rebuilt_from) SELECT @index, :federation, :round,"
     " 'rebuilt', :rule, models.model, @model, 0, :updates, :updates, :at_ms, :sentence, :of"
     " FROM federations JOIN models ON models.federation = federations.federation"
     " AND models.round = rebuild_base WHERE federations.federation = :federation"},
    {STATEMENT_REBUILT, NULL,
     "UPDATE federations SET rebuild_base = :round, round = :round"
     " WHERE federation = :federation"},
    {STATEMENT_REBUILT, "updates",
     "INSERT INTO remade(federation, round, entry, client, weight) VALUES (@federation, @round,"
     " :index, :client, $weight)"},

    GOES_BACK(STATEMENT_ROLLBACK),
    GOES_BACK(STATEMENT_AUTO_ROLLBACK),

    {STATEMENT_POLICY_SET, NULL,
     "INSERT INTO policies(entry, federation, version, signer, digest, policy, note, report)"
     " VALUES (@index, :federation, :version, @signer, @subject, :policy, :note, @report)"},

    /* `since` stays with what was there before; what the new version does not name goes. */
    {STATEMENT_KNOWN_BAD, NULL,
     "INSERT INTO feeds(entry, version, signer, note, keys, updates, manifest)"
     " VALUES (@index, :version, @signer, :note, :keys, :updates, @manifest)"},
    {STATEMENT_KNOWN_BAD, "keys",
     "INSERT INTO feed(list, digest, reason, since, version) VALUES ('keys', :digest, :reason,"
     " @version, @version) ON CONFLICT DO UPDATE SET reason = excluded.reason,"
     " version = excluded.version"},
    {STATEMENT_KNOWN_BAD, "updates",
     "INSERT INTO feed(list, digest, reason, since, version) VALUES ('updates', :digest, :reason,"
     " @version, @version) ON CONFLICT DO UPDATE SET reason = excluded.reason,"
     " version = excluded.version"},
    {STATEMENT_KNOWN_BAD, NULL, "DELETE FROM feed WHERE version <> :version"},

    {STATEMENT_RETENTION, NULL,
     "UPDATE federations SET keep_rounds = :keep_rounds WHERE federation = :federation"},
    {STATEMENT_TOMBSTONE, NULL,
     "INSERT INTO tombstones(entry, federation, round, updates, bytes, manifest)"
     " VALUES (@index, :federation, :round, :updates, :bytes, @manifest)"},
    {STATEMENT_TOMBSTONE, "updates", "UPDATE updates SET dropped = @index WHERE entry = :index"},
    {STATEMENT_TOMBSTONE, NULL,
     "UPDATE federations SET bodies = bodies - :updates, bodies_bytes = bodies_bytes - :bytes,"
     " dropped = dropped + :updates, dropped_bytes = dropped_bytes + :bytes"
     " WHERE federation = :federation"},
};
const size_t projection_step_count = sizeof projection_steps / sizeof projection_steps[0];
