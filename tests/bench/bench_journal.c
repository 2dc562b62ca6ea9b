/* How many entries a second become durable, and how long a writer waits for its receipt.
 *
 * usage: bench_journal log|each|grouped FOLDER WRITERS ENTRIES
 *
 * log: signed operators' statements through the core, each answered with a receipt under a signed
 * checkpoint. each, grouped: the same bytes into SQLite, a transaction for each insert, or one for
 * all inserts that wait; WAL and synchronous=FULL, so that a commit is durable. SQLite checks no
 * signature, folds no state and signs nothing. One line: entries, seconds, median and 99th
 * percentile of the wait in microseconds. */
#include "../unit/aggregator/world.h"

#include <pthread.h>
#include <sqlite3.h>
#include <time.h>

struct bench {
  struct world world;
  size_t writers, each; /* entries of a writer */
  struct envelope_bytes {
    char *bytes;
    size_t length;
  } * entry;     /* [writer * each + i] */
  double *waits; /* seconds, in the same places */
  void (*write)(struct bench *bench, const struct envelope_bytes *entry);
  pthread_barrier_t start;
  /* of SQLite */
  sqlite3 *database;
  sqlite3_stmt *insert;
  pthread_mutex_t lock;
  pthread_cond_t there, done;
  struct waiting {
    const struct envelope_bytes *entry;
    bool is_done;
    struct waiting *next;
  } * queue;
  bool is_over;
};

struct writer {
  struct bench *bench;
  size_t number;
};

static double seconds_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void must(bool holds, const char *what) {
  if (holds) return;
  fprintf(stderr, "bench_journal: %s\n", what);
  exit(1);
}

/* ---- the entries ---- */

/* A writer excludes its client and takes it back, in turn: each is an entry, and the state does not
 * grow. */
static void sign_one(struct bench *bench, size_t client, bool excludes,
                     struct envelope_bytes *entry) {
  struct world *world = &bench->world;
  struct digest key = digest_of(world->client[client].public.byte, KEY_PUBLIC_SIZE);
  const char *name = "key";
  json_t *predicate = json_pack("{s:s, s:s, s:s, s:o}", "federation", WORLD_FEDERATION, "client",
                                world->client[client].public.name, "reason", "a benchmark", "nonce",
                                world_nonce(world));
  if (excludes) json_object_set_new(predicate, "since", json_integer(0));
  must(statement_sign(WORLD_ORIGIN, excludes ? STATEMENT_EXCLUSION : STATEMENT_REINSTATEMENT,
                      predicate, 1, &name, &key, &world->operator_key, &entry->bytes,
                      &entry->length, NULL) == TAMIS_OK,
       "a statement cannot be signed");
  json_decref(predicate);
}

static void sign_all(struct bench *bench) {
  size_t count = bench->writers * bench->each;
  bench->entry = calloc(count, sizeof *bench->entry);
  bench->waits = calloc(count, sizeof *bench->waits);
  must(bench->entry && bench->waits, "memory");
  for (size_t i = 0; i < count; i++)
    sign_one(bench, i / bench->each, i % bench->each % 2 == 0, &bench->entry[i]);
}

/* ---- the log ---- */

static void write_log(struct bench *bench, const struct envelope_bytes *entry) {
  struct fault fault = {TAMIS_OK, ""};
  char *receipt, *result;
  size_t length;
  uint64_t index;
  enum tamis_status status = core_submit(bench->world.core, entry->bytes, entry->length, false,
                                         &index, &receipt, &length, &result, &fault);
  must(status == TAMIS_OK, fault.text);
  free(receipt);
  free(result);
}

/* ---- SQLite ---- */

static void run_sql(struct bench *bench, const char *sql) {
  must(sqlite3_exec(bench->database, sql, NULL, NULL, NULL) == SQLITE_OK,
       sqlite3_errmsg(bench->database));
}

static void insert(struct bench *bench, const struct envelope_bytes *entry) {
  sqlite3_bind_blob(bench->insert, 1, entry->bytes, (int)entry->length, SQLITE_STATIC);
  must(sqlite3_step(bench->insert) == SQLITE_DONE, "an insert");
  sqlite3_reset(bench->insert);
}

static void write_each(struct bench *bench, const struct envelope_bytes *entry) {
  pthread_mutex_lock(&bench->lock);
  insert(bench, entry);
  pthread_mutex_unlock(&bench->lock);
}

static void write_grouped(struct bench *bench, const struct envelope_bytes *entry) {
  struct waiting ours = {.entry = entry};
  pthread_mutex_lock(&bench->lock);
  ours.next = bench->queue;
  bench->queue = &ours;
  pthread_cond_signal(&bench->there);
  while (!ours.is_done) pthread_cond_wait(&bench->done, &bench->lock);
  pthread_mutex_unlock(&bench->lock);
}

static void commit_group(struct bench *bench, const struct waiting *group) {
  run_sql(bench, "BEGIN IMMEDIATE");
  for (const struct waiting *each = group; each; each = each->next) insert(bench, each->entry);
  run_sql(bench, "COMMIT");
}

static void *run_groups(void *context) {
  struct bench *bench = context;
  pthread_mutex_lock(&bench->lock);
  while (!bench->is_over) {
    struct waiting *group = bench->queue;
    bench->queue = NULL;
    if (!group) {
      pthread_cond_wait(&bench->there, &bench->lock);
      continue;
    }
    pthread_mutex_unlock(&bench->lock);
    commit_group(bench, group);
    pthread_mutex_lock(&bench->lock);
    while (group) {
      struct waiting *next = group->next; /* gone once it is told */
      group->is_done = true;
      group = next;
    }
    pthread_cond_broadcast(&bench->done);
  }
  pthread_mutex_unlock(&bench->lock);
  return NULL;
}

static void open_database(struct bench *bench) {
  char path[256];
  snprintf(path, sizeof path, "%s/rival.db", bench->world.dir);
  must(sqlite3_open(path, &bench->database) == SQLITE_OK, "a database");
  run_sql(bench,
          "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;"
          "PRAGMA synchronous = FULL; CREATE TABLE log (entry INTEGER PRIMARY KEY, bytes BLOB)");
  must(sqlite3_prepare_v2(bench->database, "INSERT INTO log (bytes) VALUES (?1)", -1,
                          &bench->insert, NULL) == SQLITE_OK,
       "an insert");
}

/* ---- the run ---- */

static void *run_writer(void *context) {
  struct writer *writer = context;
  struct bench *bench = writer->bench;
  pthread_barrier_wait(&bench->start);
  for (size_t i = 0; i < bench->each; i++) {
    size_t place = writer->number * bench->each + i;
    double start = seconds_now();
    bench->write(bench, &bench->entry[place]);
    bench->waits[place] = seconds_now() - start;
  }
  return NULL;
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void run_all(struct bench *bench) {
  pthread_t thread[WORLD_CLIENTS_MAX];
  struct writer writer[WORLD_CLIENTS_MAX];
  size_t count = bench->writers * bench->each;
  pthread_barrier_init(&bench->start, NULL, (unsigned)bench->writers + 1);
  for (size_t i = 0; i < bench->writers; i++) {
    writer[i] = (struct writer){bench, i};
    must(pthread_create(&thread[i], NULL, run_writer, &writer[i]) == 0, "a thread");
  }
  pthread_barrier_wait(&bench->start);
  double start = seconds_now();
  for (size_t i = 0; i < bench->writers; i++) pthread_join(thread[i], NULL);
  double seconds = seconds_now() - start;
  qsort(bench->waits, count, sizeof *bench->waits, by_value);
  printf("%zu %.6f %.0f %.0f\n", count, seconds, bench->waits[count / 2] * 1e6,
         bench->waits[count * 99 / 100] * 1e6);
}

static void close_database(struct bench *bench, pthread_t *groups) {
  if (groups) {
    pthread_mutex_lock(&bench->lock);
    bench->is_over = true;
    pthread_cond_signal(&bench->there);
    pthread_mutex_unlock(&bench->lock);
    pthread_join(*groups, NULL);
  }
  sqlite3_finalize(bench->insert);
  sqlite3_close(bench->database);
}

int main(int argc, char **argv) {
  static struct bench bench = {.lock = PTHREAD_MUTEX_INITIALIZER,
                               .there = PTHREAD_COND_INITIALIZER,
                               .done = PTHREAD_COND_INITIALIZER};
  must(argc == 5, "usage: bench_journal log|each|grouped FOLDER WRITERS ENTRIES");
  bench.writers = (size_t)atoi(argv[3]);
  must(bench.writers >= 1 && bench.writers <= WORLD_CLIENTS_MAX, "1 to 64 writers");
  bench.each = (size_t)atoi(argv[4]) / bench.writers;
  char folder[96]; /* on the disk that is meant; worlds of tests are in memory */
  snprintf(folder, sizeof folder, "%.60s/tamis-world-XXXXXX", argv[2]);
  must(mkdtemp(folder) != NULL, "FOLDER cannot be written");
  world_at(&bench.world, folder);
  world_files(&bench.world);
  world_start(&bench.world);
  world_enrol_clients(&bench.world, bench.writers);
  must(world_federation(&bench.world, WORLD_FEDERATION, "mean", 1000, 0, 0, 0, NULL, NULL) ==
           TAMIS_OK,
       "a federation");
  sign_all(&bench);
  bool is_log = strcmp(argv[1], "log") == 0, is_grouped = strcmp(argv[1], "grouped") == 0;
  pthread_t groups;
  bench.write = is_log ? write_log : is_grouped ? write_grouped : write_each;
  if (!is_log) open_database(&bench);
  if (is_grouped) must(pthread_create(&groups, NULL, run_groups, &bench) == 0, "a thread");
  run_all(&bench);
  if (!is_log) close_database(&bench, is_grouped ? &groups : NULL);
  world_close(&bench.world);
  return 0;
}
