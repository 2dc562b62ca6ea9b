/* The one place that runs a program for its opinion: no shell, no input, a bounded answer, an end
 * by the clock. */
#include "audit/evaluator.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "proto/disk.h"

enum { SLICE_MS = 20, EXEC_FAILED = 127 };

struct known {
  struct digest model;
  double value;
};

struct evaluator {
  char *text; /* the words, each ended by a zero */
  char *word[EVALUATOR_WORDS_MAX + 2];
  size_t words;
  uint64_t timeout_ms;
  enum tamis_status (*measure)(void *context, const uint8_t *file, size_t length, double *value,
                               struct fault *fault);
  void *context;
  struct known *known;
  size_t known_count, known_capacity, asked;
};

/* ---- life ---- */

/* Moves one word of `from` to `*to`, without its quotes. False for a quote that does not end. */
static bool take_word(char **from, char **to) {
  for (; **from != '\0' && !isspace((unsigned char)**from); ++*from) {
    char quote = **from;
    if (quote != '\'' && quote != '"') {
      *(*to)++ = quote;
      continue;
    }
    for (++*from; **from != quote; ++*from) {
      if (**from == '\0') return false;
      *(*to)++ = **from;
    }
  }
  return true;
}

static enum tamis_status split(struct evaluator *evaluator, struct fault *fault) {
  char *from = evaluator->text, *to = evaluator->text;
  for (;;) {
    while (isspace((unsigned char)*from)) from++;
    if (*from == '\0') break;
    if (evaluator->words == EVALUATOR_WORDS_MAX)
      return fault_set(fault, TAMIS_BAD_REQUEST, "the evaluator's command has more than %d words",
                       EVALUATOR_WORDS_MAX);
    evaluator->word[evaluator->words++] = to;
    if (!take_word(&from, &to))
      return fault_set(fault, TAMIS_BAD_REQUEST,
                       "the evaluator's command has a quote that does not end");
    if (*from != '\0') from++;
    *to++ = '\0';
  }
  if (evaluator->words == 0 || evaluator->word[0][0] == '\0')
    return fault_set(fault, TAMIS_BAD_REQUEST, "the evaluator's command names no program");
  return TAMIS_OK;
}

enum tamis_status evaluator_of_command(const char *command, uint64_t timeout_ms,
                                       struct evaluator **out, struct fault *fault) {
  struct evaluator *evaluator = calloc(1, sizeof *evaluator);
  if (!evaluator || !(evaluator->text = strdup(command))) {
    free(evaluator);
    return fault_plain(fault, TAMIS_NO_MEMORY);
  }
  evaluator->timeout_ms = timeout_ms;
  enum tamis_status status = split(evaluator, fault);
  if (status == TAMIS_OK)
    *out = evaluator;
  else
    evaluator_free(evaluator);
  return status;
}

enum tamis_status evaluator_of_function(
    enum tamis_status (*measure)(void *context, const uint8_t *file, size_t length, double *value,
                                 struct fault *fault),
    void *context, struct evaluator **evaluator, struct fault *fault) {
  *evaluator = calloc(1, sizeof **evaluator);
  if (!*evaluator) return fault_plain(fault, TAMIS_NO_MEMORY);
  (*evaluator)->measure = measure;
  (*evaluator)->context = context;
  return TAMIS_OK;
}

void evaluator_free(struct evaluator *evaluator) {
  if (!evaluator) return;
  free(evaluator->text);
  free(evaluator->known);
  free(evaluator);
}

size_t evaluator_asked(const struct evaluator *evaluator) {
  return evaluator->asked;
}

/* ---- running the program ---- */

struct answer {
  char text[EVALUATOR_OUTPUT_MAX + 1];
  size_t length;
  bool is_cut;
};

struct run {
  pid_t pid;
  int error;             /* of exec */
  struct pollfd pipe[2]; /* its output, its messages */
  struct answer said[2];
  int ended; /* as waitpid tells */
};

static int64_t monotonic_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* In the child: a group of its own, so that all of it can be killed, and no life after us. */
static void become(char *const *word, const int channel[3][2]) {
  int nothing = open("/dev/null", O_RDONLY);
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  signal(SIGPIPE, SIG_DFL);
  if (nothing >= 0 && dup2(nothing, 0) == 0 && dup2(channel[0][1], 1) == 1 &&
      dup2(channel[1][1], 2) == 2)
    execvp(word[0], word);
  int error = errno;
  ssize_t written = write(channel[2][1], &error, sizeof error);
  _exit(written == (ssize_t)sizeof error ? EXEC_FAILED : EXEC_FAILED - 1);
}

static void close_channels(int channel[3][2], int side) {
  for (int i = 0; i < 3; i++)
    if (channel[i][side] >= 0) close(channel[i][side]);
}

static bool open_channels(int channel[3][2]) {
  for (int i = 0; i < 3; i++) channel[i][0] = channel[i][1] = -1;
  for (int i = 0; i < 3; i++)
    if (pipe2(channel[i], O_CLOEXEC) != 0) return false;
  return true;
}

/* The third channel closes by itself when the program begins, and says why when it does not. */
static bool start(struct run *run, char *const *word) {
  int channel[3][2];
  bool is_good = open_channels(channel);
  if (is_good) run->pid = fork();
  is_good = is_good && run->pid >= 0;
  if (is_good && run->pid == 0) become(word, (const int(*)[2])channel);
  if (!is_good) run->error = errno;
  close_channels(channel, 1);
  if (!is_good) {
    close_channels(channel, 0);
    return false;
  }
  if (read(channel[2][0], &run->error, sizeof run->error) != (ssize_t)sizeof run->error)
    run->error = 0;
  close(channel[2][0]);
  for (int i = 0; i < 2; i++) {
    run->pipe[i] = (struct pollfd){.fd = channel[i][0], .events = POLLIN};
    fcntl(channel[i][0], F_SETFL, O_NONBLOCK);
  }
  return true;
}

/* Reads what is there; what does not fit is read too, lest the writer wait for ever. */
static void hear(struct run *run, int which) {
  struct answer *said = &run->said[which];
  char bytes[1024];
  ssize_t count;
  while ((count = read(run->pipe[which].fd, bytes, sizeof bytes)) > 0) {
    size_t room = EVALUATOR_OUTPUT_MAX - said->length, length = (size_t)count;
    said->is_cut = said->is_cut || length > room;
    if (length > room) length = room;
    memcpy(said->text + said->length, bytes, length);
    said->length += length;
  }
  if (count == 0 || (errno != EAGAIN && errno != EINTR)) {
    close(run->pipe[which].fd);
    run->pipe[which].fd = -1;
  }
}

/* Until the program has ended; false when the time was up and it was killed. What its own children
 * still hold open is not waited for. */
static bool follow(struct run *run, uint64_t timeout_ms) {
  int64_t began_ms = monotonic_ms();
  pid_t ended = 0;
  while (ended == 0) {
    poll(run->pipe, 2, SLICE_MS);
    for (int i = 0; i < 2; i++)
      if (run->pipe[i].fd >= 0) hear(run, i);
    bool is_silent = run->pipe[0].fd < 0 && run->pipe[1].fd < 0;
    ended = waitpid(run->pid, &run->ended, WNOHANG);
    if (ended == 0 && timeout_ms > 0 && monotonic_ms() - began_ms >= (int64_t)timeout_ms) {
      kill(-run->pid, SIGKILL);
      waitpid(run->pid, &run->ended, 0);
      return false;
    }
    if (ended == 0 && is_silent) usleep(1000);
  }
  for (int i = 0; i < 2; i++)
    if (run->pipe[i].fd >= 0) hear(run, i);
  return true;
}

static void finish(struct run *run) {
  for (int i = 0; i < 2; i++) {
    struct answer *said = &run->said[i];
    if (run->pipe[i].fd >= 0) close(run->pipe[i].fd);
    said->text[said->length] = '\0';
  }
}

/* ---- what it said ---- */

/* The last line that is not empty, ": " before it; "" when there is none. It points into `text`,
 * which is cut. */
static void last_line(char *text, char out[160]) {
  size_t length = strlen(text);
  while (length > 0 && isspace((unsigned char)text[length - 1])) text[--length] = '\0';
  const char *line = strrchr(text, '\n');
  line = line ? line + 1 : text;
  snprintf(out, 160, "%s%.150s", *line ? ": " : "", line);
}

static enum tamis_status read_number(const char *program, struct answer *said, double *value,
                                     struct fault *fault) {
  char *end;
  *value = strtod(said->text, &end);
  bool is_number = end != said->text && !said->is_cut;
  while (isspace((unsigned char)*end)) end++;
  if (is_number && *end == '\0' && end == said->text + said->length) {
    if (isfinite(*value)) return TAMIS_OK;
    return fault_set(fault, TAMIS_BAD_REQUEST,
                     "the evaluator %.80s printed %.40s, which cannot be compared; it should print "
                     "a finite number, higher is better",
                     program, said->text);
  }
  if (said->length == 0)
    return fault_set(fault, TAMIS_BAD_REQUEST,
                     "the evaluator %.80s printed nothing; it should print one number", program);
  return fault_set(fault, TAMIS_BAD_REQUEST,
                   "the evaluator %.80s should print one number and nothing else, not \"%.60s\"%s",
                   program, said->text, said->length > 60 ? "..." : "");
}

static enum tamis_status judge_end(const struct evaluator *evaluator, struct run *run,
                                   struct fault *fault) {
  const char *program = evaluator->word[0];
  char line[160];
  last_line(run->said[1].text, line);
  if (WIFSIGNALED(run->ended))
    return fault_set(fault, TAMIS_BAD_REQUEST, "the evaluator %.80s was ended by signal %d%s",
                     program, WTERMSIG(run->ended), line);
  if (WEXITSTATUS(run->ended) != 0)
    return fault_set(fault, TAMIS_BAD_REQUEST, "the evaluator %.80s ended with exit code %d%s",
                     program, WEXITSTATUS(run->ended), line);
  return TAMIS_OK;
}

/* Runs it to its end; what it said is in `run`. */
static enum tamis_status run_program(struct evaluator *evaluator, const char *path, struct run *run,
                                     struct fault *fault) {
  const char *program = evaluator->word[0];
  char *copy = strdup(path);
  if (!copy) return fault_plain(fault, TAMIS_NO_MEMORY);
  evaluator->word[evaluator->words] = copy;
  bool is_started = start(run, evaluator->word);
  bool in_time = is_started && follow(run, evaluator->timeout_ms);
  if (is_started) finish(run);
  evaluator->word[evaluator->words] = NULL;
  free(copy);
  if (!is_started || run->error != 0)
    return fault_set(fault, TAMIS_BAD_REQUEST, "the evaluator %.120s cannot be started: %s",
                     program, strerror(run->error));
  if (!in_time)
    return fault_set(fault, TAMIS_TIMED_OUT,
                     "the evaluator %.80s had no answer within %.3g s and was killed", program,
                     (double)evaluator->timeout_ms / 1000);
  return judge_end(evaluator, run, fault);
}

static enum tamis_status ask_program(struct evaluator *evaluator, const char *path, double *value,
                                     struct fault *fault) {
  struct run run = {.pid = -1};
  enum tamis_status status = run_program(evaluator, path, &run, fault);
  return status == TAMIS_OK ? read_number(evaluator->word[0], &run.said[0], value, fault) : status;
}

enum tamis_status evaluator_text(struct evaluator *evaluator, const char *path, char **text,
                                 struct fault *fault) {
  struct run run = {.pid = -1};
  enum tamis_status status = run_program(evaluator, path, &run, fault);
  *text = NULL;
  if (status != TAMIS_OK) return status;
  if (run.said[0].is_cut)
    return fault_set(fault, TAMIS_BAD_REQUEST, "the evaluator %.80s printed more than %d bytes",
                     evaluator->word[0], EVALUATOR_OUTPUT_MAX);
  evaluator->asked++;
  *text = strdup(run.said[0].text);
  return *text ? TAMIS_OK : fault_plain(fault, TAMIS_NO_MEMORY);
}

/* ---- models ---- */

static bool is_known(const struct evaluator *evaluator, const struct digest *model, double *value) {
  for (size_t i = 0; i < evaluator->known_count; i++) {
    if (!digest_equal(&evaluator->known[i].model, model)) continue;
    *value = evaluator->known[i].value;
    return true;
  }
  return false;
}

static enum tamis_status remember(struct evaluator *evaluator, const struct digest *model,
                                  double value, struct fault *fault) {
  evaluator->asked++;
  if (evaluator->known_count == evaluator->known_capacity) {
    size_t capacity = evaluator->known_capacity ? 2 * evaluator->known_capacity : 64;
    struct known *known = realloc(evaluator->known, capacity * sizeof *known);
    if (!known) return fault_plain(fault, TAMIS_NO_MEMORY);
    evaluator->known = known;
    evaluator->known_capacity = capacity;
  }
  evaluator->known[evaluator->known_count++] = (struct known){*model, value};
  return TAMIS_OK;
}

static enum tamis_status blob_to_function(struct evaluator *evaluator, struct blob_store *blobs,
                                          const struct digest *model, double *value,
                                          struct fault *fault) {
  struct blob_view view;
  enum tamis_status status = blob_map(blobs, model, true, &view, fault);
  if (status != TAMIS_OK) return status;
  status = evaluator->measure(evaluator->context, view.bytes, view.length, value, fault);
  blob_unmap(&view);
  return status;
}

static enum tamis_status blob_to_program(struct evaluator *evaluator, struct blob_store *blobs,
                                         const struct digest *model, double *value,
                                         struct fault *fault) {
  char path[PATH_MAX];
  struct blob_view view;
  enum tamis_status status = blob_map(blobs, model, true, &view, fault);
  if (status != TAMIS_OK) return status;
  blob_unmap(&view);
  blob_path(blobs, model, path, sizeof path);
  return ask_program(evaluator, path, value, fault);
}

enum tamis_status evaluator_blob(struct evaluator *evaluator, struct blob_store *blobs,
                                 const struct digest *model, double *value, struct fault *fault) {
  if (is_known(evaluator, model, value)) return TAMIS_OK;
  enum tamis_status status = evaluator->measure
                                 ? blob_to_function(evaluator, blobs, model, value, fault)
                                 : blob_to_program(evaluator, blobs, model, value, fault);
  return status == TAMIS_OK ? remember(evaluator, model, *value, fault) : status;
}

/* The name ends as programs that read safetensors expect. */
static enum tamis_status bytes_to_program(struct evaluator *evaluator, const uint8_t *bytes,
                                          size_t length, double *value, struct fault *fault) {
  static const char suffix[] = ".safetensors";
  const char *folder = getenv("TMPDIR");
  char path[PATH_MAX];
  snprintf(path, sizeof path, "%s/tamis-model-XXXXXX%s", folder && *folder ? folder : "/tmp",
           suffix);
  int file = mkstemps(path, (int)strlen(suffix));
  int error = file < 0 ? errno : disk_write(file, bytes, length, 0);
  if (file >= 0 && close(file) != 0 && error == 0) error = errno;
  enum tamis_status status =
      error == 0 ? ask_program(evaluator, path, value, fault)
                 : fault_set(fault, TAMIS_IO,
                             "a model for the evaluator cannot be written to %.120s: %s; TMPDIR "
                             "may name a folder with room for it",
                             path, strerror(error));
  if (file >= 0) unlink(path);
  return status;
}

enum tamis_status evaluator_bytes(struct evaluator *evaluator, const uint8_t *file, size_t length,
                                  const struct digest *model, double *value, struct fault *fault) {
  if (is_known(evaluator, model, value)) return TAMIS_OK;
  enum tamis_status status =
      evaluator->measure ? evaluator->measure(evaluator->context, file, length, value, fault)
                         : bytes_to_program(evaluator, file, length, value, fault);
  return status == TAMIS_OK ? remember(evaluator, model, *value, fault) : status;
}
