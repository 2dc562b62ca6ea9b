/* Runs the SQL of projection_fold.c and projection_query.c on the one connection there is. */
#include "aggregator/projection.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "aggregator/crc32c.h"
#include "aggregator/projection_sql.h"
#include "proto/canonical.h"

struct projection {
  sqlite3 *database;
  sqlite3_stmt **step; /* projection_step_count of them, then one a question */
  sqlite3_stmt **question;
  uint64_t applied, committed;
  bool is_open; /* a transaction */
};

static enum tamis_status sql_fault(const struct projection *projection, struct fault *fault) {
  enum tamis_status status = TAMIS_INTERNAL;
  switch (sqlite3_errcode(projection->database)) {
  case SQLITE_FULL: status = TAMIS_DISK_FULL; break;
  case SQLITE_NOMEM: status = TAMIS_NO_MEMORY; break;
  case SQLITE_CORRUPT:
  case SQLITE_NOTADB:
  case SQLITE_CONSTRAINT:
  case SQLITE_MISMATCH: status = TAMIS_CORRUPT; break;
  case SQLITE_IOERR:
  case SQLITE_CANTOPEN:
  case SQLITE_READONLY:
  case SQLITE_BUSY: status = TAMIS_IO; break;
  default: break;
  }
  return fault_set(fault, status, "projection: %s", sqlite3_errmsg(projection->database));
}

static enum tamis_status run(struct projection *projection, const char *sql, struct fault *fault) {
  int code = sqlite3_exec(projection->database, sql, NULL, NULL, NULL);
  return code == SQLITE_OK ? TAMIS_OK : sql_fault(projection, fault);
}

static enum tamis_status read_integer(struct projection *projection, const char *sql,
                                      int64_t *value, struct fault *fault) {
  sqlite3_stmt *row = NULL;
  bool good = sqlite3_prepare_v2(projection->database, sql, -1, &row, NULL) == SQLITE_OK &&
              sqlite3_step(row) == SQLITE_ROW;
  enum tamis_status status = good ? TAMIS_OK : sql_fault(projection, fault);
  if (good) *value = sqlite3_column_int64(row, 0);
  sqlite3_finalize(row);
  return status;
}

/* Opening */

/* A file made by other SQL is another file: the checksum of all of it is the version, so that
 * nobody can forget to raise one. */
static int32_t schema_version(void) {
  uint32_t sum = 0;
  for (size_t i = 0; projection_schema[i]; i++)
    sum = crc32c_extend(sum, projection_schema[i], strlen(projection_schema[i]));
  for (size_t i = 0; i < projection_step_count; i++)
    sum = crc32c_extend(sum, projection_steps[i].sql, strlen(projection_steps[i].sql));
  return (int32_t)(sum & 0x7fffffff) | 1;
}

static enum tamis_status connect_to(struct projection *projection, const char *path,
                                    struct fault *fault) {
  int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  if (sqlite3_open_v2(path, &projection->database, flags, NULL) != SQLITE_OK)
    return sql_fault(projection, fault);
  sqlite3_extended_result_codes(projection->database, 0);
  sqlite3_db_config(projection->database, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
  sqlite3_db_config(projection->database, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
  sqlite3_db_config(projection->database, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
  sqlite3_db_config(projection->database, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
  /* Exclusive before WAL: then there is no shared memory file, and nobody else can write. A commit
   * that a power cut takes is folded again from the journal, so NORMAL is enough. */
  return run(projection,
             "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;"
             "PRAGMA synchronous = NORMAL; PRAGMA temp_store = MEMORY;",
             fault);
}

static enum tamis_status make_schema(struct projection *projection, struct fault *fault) {
  char version[64];
  snprintf(version, sizeof version, "PRAGMA user_version = %" PRId32 "; COMMIT;", schema_version());
  enum tamis_status status = run(projection, "BEGIN IMMEDIATE", fault);
  for (size_t i = 0; status == TAMIS_OK && projection_schema[i]; i++)
    status = run(projection, projection_schema[i], fault);
  if (status == TAMIS_OK) status = run(projection, version, fault);
  return status;
}

static void disconnect(struct projection *projection) {
  for (size_t i = 0; projection->step && i < projection_step_count; i++)
    sqlite3_finalize(projection->step[i]);
  for (size_t i = 0; projection->question && i < projection_question_count; i++)
    sqlite3_finalize(projection->question[i]);
  sqlite3_close(projection->database);
  free(projection->step);
  free(projection->question);
  *projection = (struct projection){.database = NULL};
}

static enum tamis_status prepare_all(struct projection *projection, struct fault *fault) {
  projection->step = calloc(projection_step_count, sizeof *projection->step);
  projection->question = calloc(projection_question_count, sizeof *projection->question);
  if (!projection->step || !projection->question) return fault_plain(fault, TAMIS_NO_MEMORY);
  for (size_t i = 0; i < projection_step_count; i++)
    if (sqlite3_prepare_v3(projection->database, projection_steps[i].sql, -1,
                           SQLITE_PREPARE_PERSISTENT, &projection->step[i], NULL) != SQLITE_OK)
      return sql_fault(projection, fault);
  for (size_t i = 0; i < projection_question_count; i++)
    if (sqlite3_prepare_v3(projection->database, projection_questions[i].sql, -1,
                           SQLITE_PREPARE_PERSISTENT, &projection->question[i], NULL) != SQLITE_OK)
      return sql_fault(projection, fault);
  return TAMIS_OK;
}

/* OK with `*is_ours` false: there is a file, but not one that this SQL made. */
static enum tamis_status open_once(struct projection *projection, const char *path, bool *is_ours,
                                   struct fault *fault) {
  int64_t version = 0, tables = 0, applied = 0;
  *is_ours = false;
  enum tamis_status status = connect_to(projection, path, fault);
  if (status == TAMIS_OK) status = read_integer(projection, "PRAGMA user_version", &version, fault);
  if (status == TAMIS_OK)
    status = read_integer(projection, "SELECT count(*) FROM sqlite_schema", &tables, fault);
  if (status == TAMIS_OK && tables == 0) {
    status = make_schema(projection, fault);
    version = schema_version();
  }
  if (status != TAMIS_OK || version != schema_version()) return status;
  status = prepare_all(projection, fault);
  if (status == TAMIS_OK)
    status = read_integer(projection, "SELECT coalesce(max(entry) + 1, 0) FROM entries", &applied,
                          fault);
  projection->applied = projection->committed = (uint64_t)applied;
  *is_ours = status == TAMIS_OK;
  return status;
}

static void remove_file(const char *path) {
  static const char *const suffix[] = {"", "-wal", "-shm", "-journal"};
  for (size_t i = 0; i < sizeof suffix / sizeof suffix[0]; i++) {
    char *name = sqlite3_mprintf("%s%s", path, suffix[i]);
    if (name) unlink(name);
    sqlite3_free(name);
  }
}

enum tamis_status projection_open(const char *path, struct projection **out, struct fault *fault) {
  struct projection *projection = calloc(1, sizeof *projection);
  bool is_ours;
  if (!projection) return fault_plain(fault, TAMIS_NO_MEMORY);
  enum tamis_status status = open_once(projection, path, &is_ours, fault);
  if (status == TAMIS_CORRUPT || (status == TAMIS_OK && !is_ours)) {
    disconnect(projection);
    remove_file(path);
    status = open_once(projection, path, &is_ours, fault);
  }
  if (status != TAMIS_OK) {
    projection_close(projection);
    return status;
  }
  *out = projection;
  return TAMIS_OK;
}

void projection_close(struct projection *projection) {
  if (!projection) return;
  disconnect(projection);
  free(projection);
}

uint64_t projection_applied(const struct projection *projection) {
  return projection->applied;
}

/* Folding */

struct folded { /* the entry in hand */
  uint64_t index;
  const struct statement *statement;
  const char *signer;
  size_t envelope_length;
};

/* A policy, as people read numbers. */
static int bind_object(sqlite3_stmt *step, int position, const json_t *object) {
  json_t *plain = json_object();
  const char *name;
  json_t *ignored;
  json_object_foreach((json_t *)(uintptr_t)object, name, ignored) {
    double number;
    if (canonical_double(object, name, &number))
      json_object_set_new(plain, name, json_real(number));
  }
  char *text = json_dumps(plain, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(17));
  bool is_whole = text && json_object_size(plain) == json_object_size(object);
  json_decref(plain);
  if (is_whole) return sqlite3_bind_text(step, position, text, -1, free);
  free(text);
  return SQLITE_ERROR;
}

static int bind_list(sqlite3_stmt *step, int position, const json_t *list) {
  char *text = json_dumps(list, JSON_COMPACT);
  return text ? sqlite3_bind_text(step, position, text, -1, free) : SQLITE_NOMEM;
}

static int bind_json(sqlite3_stmt *step, int position, const json_t *value) {
  if (json_is_integer(value)) return sqlite3_bind_int64(step, position, json_integer_value(value));
  if (json_is_string(value))
    return sqlite3_bind_text(step, position, json_string_value(value),
                             (int)json_string_length(value), SQLITE_STATIC);
  if (json_is_object(value)) return bind_object(step, position, value);
  if (json_is_array(value)) return bind_list(step, position, value);
  return SQLITE_ERROR;
}

static int bind_field(sqlite3_stmt *step, int position, const json_t *row, const char *name) {
  return bind_json(step, position, json_object_get(row, name));
}

/* SQL and JSON have no infinity and no NaN: those become NULL. */
static int bind_number(sqlite3_stmt *step, int position, const json_t *row, const char *name) {
  double number;
  if (!canonical_double(row, name, &number)) return SQLITE_ERROR;
  if (!isfinite(number)) return sqlite3_bind_null(step, position);
  return sqlite3_bind_double(step, position, number);
}

static int bind_digest(sqlite3_stmt *step, int position, const struct digest *digest) {
  char hex[DIGEST_HEX_SIZE];
  digest_to_hex(digest, hex);
  return sqlite3_bind_text(step, position, hex, -1, SQLITE_TRANSIENT);
}

static int bind_fact(sqlite3_stmt *step, int position, const struct folded *entry,
                     const char *name) {
  const struct statement *statement = entry->statement;
  if (strcmp(name, "index") == 0) return sqlite3_bind_int64(step, position, (int64_t)entry->index);
  if (strcmp(name, "size") == 0)
    return sqlite3_bind_int64(step, position, (int64_t)entry->envelope_length);
  if (strcmp(name, "kind") == 0)
    return sqlite3_bind_text(step, position, statement_kind_name(statement->kind), -1,
                             SQLITE_STATIC);
  if (strcmp(name, "signer") == 0)
    return sqlite3_bind_text(step, position, entry->signer, -1, SQLITE_STATIC);
  struct digest payload;
  if (strcmp(name, "payload") == 0)
    return canonical_digest(statement->root, &payload, NULL) == TAMIS_OK
               ? bind_digest(step, position, &payload)
               : SQLITE_NOMEM;
  if (strcmp(name, "subject") == 0) return bind_digest(step, position, &statement->subject[0]);
  for (size_t i = 0; i < statement->subject_count; i++)
    if (strcmp(name, statement->subject_name[i]) == 0)
      return bind_digest(step, position, &statement->subject[i]);
  const json_t *field = json_object_get(statement->predicate, name);
  return field ? bind_json(step, position, field) : sqlite3_bind_null(step, position);
}

static int bind_one(sqlite3_stmt *step, int position, const struct folded *entry,
                    const json_t *row) {
  const char *name = sqlite3_bind_parameter_name(step, position);
  switch (name[0]) {
  case ':': return bind_field(step, position, row, name + 1);
  case '$': return bind_number(step, position, row, name + 1);
  default: return bind_fact(step, position, entry, name + 1);
  }
}

static enum tamis_status run_step(struct projection *projection, sqlite3_stmt *step,
                                  const struct folded *entry, const json_t *row,
                                  struct fault *fault) {
  enum tamis_status status = TAMIS_OK;
  int count = sqlite3_bind_parameter_count(step);
  for (int i = 1; i <= count && status == TAMIS_OK; i++)
    if (bind_one(step, i, entry, row) != SQLITE_OK)
      status = fault_set(fault, TAMIS_CORRUPT, "entry %" PRIu64 " (%s): no good field %s",
                         entry->index, statement_kind_name(entry->statement->kind),
                         sqlite3_bind_parameter_name(step, i) + 1);
  if (status == TAMIS_OK && sqlite3_step(step) != SQLITE_DONE)
    status = sql_fault(projection, fault);
  sqlite3_reset(step);
  sqlite3_clear_bindings(step);
  return status;
}

static enum tamis_status run_for_each(struct projection *projection, sqlite3_stmt *step,
                                      const struct folded *entry, const json_t *list,
                                      struct fault *fault) {
  enum tamis_status status = TAMIS_OK;
  if (!json_is_array(list))
    return fault_set(fault, TAMIS_CORRUPT, "entry %" PRIu64 ": its manifest lacks a list",
                     entry->index);
  for (size_t i = 0; i < json_array_size(list) && status == TAMIS_OK; i++)
    status = run_step(projection, step, entry, json_array_get(list, i), fault);
  return status;
}

static enum tamis_status roll_back(struct projection *projection, enum tamis_status status) {
  run(projection, "ROLLBACK", NULL);
  projection->is_open = false;
  projection->applied = projection->committed;
  return status;
}

enum tamis_status projection_begin(struct projection *projection, struct fault *fault) {
  assert(!projection->is_open);
  enum tamis_status status = run(projection, "BEGIN IMMEDIATE", fault);
  projection->is_open = status == TAMIS_OK;
  return status;
}

enum tamis_status projection_apply(struct projection *projection, uint64_t index,
                                   const struct statement *statement, const char *signer,
                                   size_t envelope_length, const json_t *manifest,
                                   struct fault *fault) {
  assert(projection->is_open && index == projection->applied);
  struct folded entry = {index, statement, signer, envelope_length};
  for (size_t i = 0; i < projection_step_count; i++) {
    const struct projection_step *step = &projection_steps[i];
    enum tamis_status status = TAMIS_OK;
    if (step->kind != STATEMENT_KIND_COUNT && step->kind != statement->kind) continue;
    if (!step->each)
      status = run_step(projection, projection->step[i], &entry, statement->predicate, fault);
    else if (manifest)
      status = run_for_each(projection, projection->step[i], &entry,
                            json_object_get(manifest, step->each), fault);
    if (status != TAMIS_OK) return roll_back(projection, status);
  }
  projection->applied++;
  return TAMIS_OK;
}

enum tamis_status projection_commit(struct projection *projection, struct fault *fault) {
  assert(projection->is_open);
  enum tamis_status status = run(projection, "COMMIT", fault);
  if (status != TAMIS_OK) return roll_back(projection, status);
  projection->is_open = false;
  projection->committed = projection->applied;
  return TAMIS_OK;
}

/* Asking */

static const struct projection_question *find_question(const char *name) {
  for (size_t i = 0; i < projection_question_count; i++)
    if (strcmp(name, projection_questions[i].name) == 0) return &projection_questions[i];
  return NULL;
}

static bool bind_question(sqlite3_stmt *rows, uint64_t after, size_t limit, size_t argument_count,
                          const char *const *arguments) {
  int64_t cursor = after > INT64_MAX ? INT64_MAX : (int64_t)after;
  int64_t most = limit >= INT64_MAX ? INT64_MAX : (int64_t)limit + 1; /* one more: is there more? */
  bool good = sqlite3_bind_int64(rows, 1, cursor) == SQLITE_OK &&
              sqlite3_bind_int64(rows, 2, most) == SQLITE_OK;
  for (size_t i = 0; i < argument_count && good; i++)
    good = sqlite3_bind_text(rows, (int)i + 3, arguments[i], -1, SQLITE_STATIC) == SQLITE_OK;
  return good;
}

/* The rows as a JSON array; a cursor of 0 in `*next` when they are all. */
static int write_rows(sqlite3_stmt *rows, size_t limit, FILE *text, uint64_t *next) {
  uint64_t cursor = 0;
  int code;
  *next = 0;
  fputc('[', text);
  for (size_t count = 0; (code = sqlite3_step(rows)) == SQLITE_ROW; count++) {
    if (count == limit) {
      *next = cursor;
      code = SQLITE_DONE;
      break;
    }
    cursor = (uint64_t)sqlite3_column_int64(rows, 0);
    fprintf(text, "%s%s", count ? "," : "", (const char *)sqlite3_column_text(rows, 1));
  }
  fputc(']', text);
  return code;
}

enum tamis_status projection_query(struct projection *projection, const char *name,
                                   size_t argument_count, const char *const *arguments,
                                   uint64_t after, size_t limit, char **out, uint64_t *next,
                                   struct fault *fault) {
  const struct projection_question *question = find_question(name);
  if (!question) return fault_set(fault, TAMIS_NOT_FOUND, "no query is called %s", name);
  if (argument_count < question->arguments_min || argument_count > question->arguments_max)
    return fault_set(fault, TAMIS_BAD_REQUEST, "query %s takes %zu to %zu arguments, not %zu", name,
                     question->arguments_min, question->arguments_max, argument_count);
  assert(limit > 0);

  sqlite3_stmt *rows = projection->question[question - projection_questions];
  enum tamis_status status = TAMIS_OK;
  char *text = NULL;
  size_t length = 0;
  FILE *stream = open_memstream(&text, &length);
  if (!stream) return fault_plain(fault, TAMIS_NO_MEMORY);
  if (!bind_question(rows, after, limit, argument_count, arguments) ||
      write_rows(rows, limit, stream, next) != SQLITE_DONE)
    status = sql_fault(projection, fault);
  sqlite3_reset(rows);
  sqlite3_clear_bindings(rows);
  if (fclose(stream) != 0 && status == TAMIS_OK) status = fault_plain(fault, TAMIS_NO_MEMORY);
  if (status != TAMIS_OK) {
    free(text);
    return status;
  }
  *out = text;
  return TAMIS_OK;
}

/* Comparing */

static void dump_value(FILE *text, sqlite3_stmt *row, int column) {
  switch (sqlite3_column_type(row, column)) {
  case SQLITE_INTEGER: fprintf(text, "%lld", sqlite3_column_int64(row, column)); break;
  case SQLITE_FLOAT: fprintf(text, "%a", sqlite3_column_double(row, column)); break;
  case SQLITE_TEXT: fprintf(text, "\"%s\"", (const char *)sqlite3_column_text(row, column)); break;
  default: fputs("null", text);
  }
}

static enum tamis_status dump_table(struct projection *projection, const char *table, FILE *text,
                                    struct fault *fault) {
  sqlite3_stmt *row = NULL;
  int code = SQLITE_NOMEM;
  char *sql = sqlite3_mprintf("SELECT * FROM %w ORDER BY rowid", table);
  if (sql) code = sqlite3_prepare_v2(projection->database, sql, -1, &row, NULL);
  while (row && (code = sqlite3_step(row)) == SQLITE_ROW) {
    fputs(table, text);
    for (int i = 0; i < sqlite3_column_count(row); i++) {
      fprintf(text, " %s=", sqlite3_column_name(row, i));
      dump_value(text, row, i);
    }
    fputc('\n', text);
  }
  enum tamis_status status = code == SQLITE_DONE ? TAMIS_OK : sql_fault(projection, fault);
  sqlite3_finalize(row);
  sqlite3_free(sql);
  return status;
}

enum tamis_status projection_dump(struct projection *projection, char **out, struct fault *fault) {
  sqlite3_stmt *table = NULL;
  enum tamis_status status = TAMIS_OK;
  char *text = NULL;
  size_t length = 0;
  int code;
  FILE *stream = open_memstream(&text, &length);
  if (!stream) return fault_plain(fault, TAMIS_NO_MEMORY);
  code = sqlite3_prepare_v2(projection->database,
                            "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name", -1,
                            &table, NULL);
  while (table && status == TAMIS_OK && (code = sqlite3_step(table)) == SQLITE_ROW)
    status = dump_table(projection, (const char *)sqlite3_column_text(table, 0), stream, fault);
  if (status == TAMIS_OK && code != SQLITE_DONE) status = sql_fault(projection, fault);
  sqlite3_finalize(table);
  if (fclose(stream) != 0 && status == TAMIS_OK) status = fault_plain(fault, TAMIS_NO_MEMORY);
  if (status != TAMIS_OK) {
    free(text);
    return status;
  }
  *out = text;
  return TAMIS_OK;
}
