/* A worker takes the next job by a counter that all share, and appends one line by one write. */
#include "pool.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "proto/digest.h"

enum { PROGRAM_MAX_BYTES = 1 << 28 };

static _Noreturn void give_up(const char *what) {
  perror(what);
  exit(EXIT_FAILURE);
}

/* What made a result: the first hex digits of this program's digest. */
static void program_name(char hex[DIGEST_HEX_SIZE]) {
  FILE *file = fopen("/proc/self/exe", "rb");
  uint8_t *bytes = malloc(PROGRAM_MAX_BYTES);
  if (!file || !bytes) give_up("arena: /proc/self/exe");
  size_t length = fread(bytes, 1, PROGRAM_MAX_BYTES, file);
  struct digest digest = digest_of(bytes, length);
  digest_to_hex(&digest, hex);
  hex[16] = '\0';
  free(bytes);
  fclose(file);
}

/* The text by which a result is known again. */
static char *key_of(const struct cell *cell, const char *program) {
  json_t *key = match_key(cell);
  json_object_set_new(key, "program", json_string(program));
  char *text = json_dumps(key, JSON_COMPACT | JSON_SORT_KEYS);
  json_decref(key);
  return text;
}

static json_t *results_load(const char *path) {
  json_t *by_key = json_object();
  FILE *file = fopen(path, "r");
  char *line = NULL;
  size_t size = 0;
  while (file && getline(&line, &size, file) > 0) {
    json_t *one = json_loads(line, 0, NULL);
    const char *key = json_string_value(json_object_get(one, "key"));
    if (key) json_object_set(by_key, key, json_object_get(one, "result"));
    json_decref(one);
  }
  free(line);
  if (file) fclose(file);
  return by_key;
}

static void append_line(int fd, const char *key, json_t *result) {
  json_t *line = json_pack("{s:s, s:o}", "key", key, "result", result);
  char *text = json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(9));
  size_t length = strlen(text);
  text[length] = '\n'; /* in place of the zero: a line is one write */
  if (write(fd, text, length + 1) != (ssize_t)length + 1) give_up("arena: write a result");
  free(text);
  json_decref(line);
}

/* A line that a stopped run left half is ended, so that it spoils no other. */
static int open_path(const char *path) {
  char last = '\n';
  int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  off_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
  if (size > 0 && pread(fd, &last, 1, size - 1) != 1) give_up(path);
  if (last != '\n' && write(fd, "\n", 1) != 1) give_up(path);
  return fd;
}

struct todo {
  uint64_t seed;
  size_t job;
};

static int by_seed(const void *left, const void *right) {
  const struct todo *a = left, *b = right;
  if (a->seed != b->seed) return a->seed < b->seed ? -1 : 1;
  return a->job < b->job ? -1 : 1;
}

struct board { /* shared by all processes */
  atomic_size_t next, done;
};

static void work(struct pool_job *job, char *const *key, const struct todo *todo, size_t count,
                 struct board *board, int fd, const struct field_data *data,
                 const struct pool_options *options) {
  FILE *updates = options->updates ? fopen(options->updates, "a") : NULL;
  if (options->updates && !updates) give_up(options->updates);
  mlp_use_one_thread();
  for (size_t at; (at = atomic_fetch_add(&board->next, 1)) < count;) {
    size_t i = todo[at].job;
    append_line(fd, key[i], match_play(&job[i].cell, data, updates));
    size_t done = atomic_fetch_add(&board->done, 1) + 1;
    fprintf(stderr, "\r%zu of %zu", done, count);
  }
  if (updates) fclose(updates);
}

static void play_todo(struct pool_job *job, char *const *key, const struct todo *todo, size_t count,
                      const char *path, const struct field_data *data,
                      const struct pool_options *options) {
  struct board *board =
      mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  int fd = open_path(path);
  size_t processes = options->updates ? 1 : options->processes;
  if (board == MAP_FAILED || fd < 0) give_up(path);
  fflush(NULL);
  for (size_t p = 0; p < processes; p++) {
    pid_t pid = fork();
    if (pid < 0) give_up("arena: fork");
    if (pid > 0) continue;
    work(job, key, todo, count, board, fd, data, options);
    fflush(NULL);
    _exit(0);
  }
  for (size_t p = 0; p < processes; p++) {
    int status;
    if (wait(&status) < 0 || status != 0) {
      fprintf(stderr, "\narena: a worker ended early; what was played is in the results\n");
      exit(EXIT_FAILURE);
    }
  }
  fputc('\n', stderr);
  close(fd);
  munmap(board, sizeof *board);
}

void pool_play(struct pool_job *job, size_t count, const struct field_data *data,
               const struct pool_options *options) {
  char program[DIGEST_HEX_SIZE], scratch[] = "/tmp/tamis-arena-XXXXXX";
  const char *path = options->results;
  char **key = calloc(count + 1, sizeof *key);
  struct todo *todo = calloc(count + 1, sizeof *todo);
  size_t left = 0;
  if (!key || !todo) give_up("arena");
  program_name(program);
  if (!path) {
    int fd = mkstemp(scratch);
    if (fd < 0) give_up(scratch);
    close(fd);
    path = scratch;
  }
  json_t *known = results_load(path), *wanted = json_object();
  for (size_t i = 0; i < count; i++) {
    key[i] = key_of(&job[i].cell, program);
    if (!json_object_get(known, key[i]) && !json_object_get(wanted, key[i]))
      todo[left++] = (struct todo){job[i].cell.seed, i};
    json_object_set_new(wanted, key[i], json_true());
  }
  qsort(todo, left, sizeof *todo, by_seed);
  json_decref(wanted);
  json_decref(known);
  if (left > 0 && !options->only_known) play_todo(job, key, todo, left, path, data, options);
  known = results_load(path);
  for (size_t i = 0; i < count; i++) {
    job[i].result = json_incref(json_object_get(known, key[i]));
    free(key[i]);
  }
  json_decref(known);
  if (path == scratch) unlink(scratch);
  free(todo);
  free(key);
}
