/* Starts real programs and stops them: the demo holds no server and no client of its own. */
#include "lab/demo/stage.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { STAGE_ARGUMENTS_MAX = 64, STAGE_READY_MS = 20000, STAGE_STOP_MS = 10000 };

extern char **environ;

void stage_path(char *out, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(out, STAGE_PATH_MAX, format, arguments);
  va_end(arguments);
  if (length >= 0 && length < STAGE_PATH_MAX) return;
  fprintf(stderr, "demo: a path is longer than %d bytes\n", STAGE_PATH_MAX);
  exit(1);
}

static void stage_sleep_ms(long ms) {
  nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static bool stage_find_binaries(struct stage *stage) {
  ssize_t length = readlink("/proc/self/exe", stage->binaries, sizeof stage->binaries - 1);
  if (length <= 0) return false;
  stage->binaries[length] = '\0';
  *strrchr(stage->binaries, '/') = '\0';
  return true;
}

static bool stage_make_folder(struct stage *stage, const char *folder) {
  if (folder) {
    if (mkdir(folder, 0700) != 0 || !realpath(folder, stage->folder)) {
      fprintf(stderr, "demo: cannot make the folder %s: %s\n", folder, strerror(errno));
      return false;
    }
    return true;
  }
  const char *temporary = getenv("TMPDIR");
  stage_path(stage->folder, "%s/tamis-demo-XXXXXX", temporary ? temporary : "/tmp");
  if (mkdtemp(stage->folder)) return true;
  fprintf(stderr, "demo: cannot make %s: %s\n", stage->folder, strerror(errno));
  return false;
}

/* A port nobody has now. Another program could take it before tamisd does; tamisd then says so. */
static bool stage_pick_address(struct stage *stage) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  bool found = descriptor >= 0 && bind(descriptor, (struct sockaddr *)&address, length) == 0 &&
               getsockname(descriptor, (struct sockaddr *)&address, &length) == 0;
  if (descriptor >= 0) close(descriptor);
  if (!found) fprintf(stderr, "demo: no free port on loopback: %s\n", strerror(errno));
  snprintf(stage->address, sizeof stage->address, "127.0.0.1:%u", ntohs(address.sin_port));
  return found;
}

bool stage_open(struct stage *stage, const char *folder, size_t devices) {
  signal(SIGPIPE, SIG_IGN); /* a reader that goes away must not leave a server behind */
  *stage = (struct stage){.server = -1, .device_count = devices};
  stage->device = calloc(devices ? devices : 1, sizeof *stage->device);
  if (!stage->device || !stage_find_binaries(stage) || !stage_make_folder(stage, folder) ||
      !stage_pick_address(stage))
    return false;
  stage_path(stage->home, "%s/home", stage->folder);
  return true;
}

/* Output of the child goes to `out` (-1: ours), its errors to `errors` (-1: ours). */
static pid_t stage_spawn(const char *path, char *const *arguments, int out, int errors) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  if (out >= 0) posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
  if (errors >= 0) posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawnattr_t attributes;
  sigset_t defaults;
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
  pid_t child = -1;
  int error = posix_spawn(&child, path, &actions, &attributes, arguments, environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error == 0) return child;
  fprintf(stderr, "demo: cannot start %s: %s\n", path, strerror(error));
  return -1;
}

static pid_t stage_spawn_logged(const char *path, char *const *arguments, const char *log) {
  int descriptor = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (descriptor < 0) {
    fprintf(stderr, "demo: cannot write %s: %s\n", log, strerror(errno));
    return -1;
  }
  pid_t child = stage_spawn(path, arguments, descriptor, descriptor);
  close(descriptor);
  return child;
}

static char *stage_read_all(int descriptor) {
  size_t capacity = 65536, length = 0;
  char *text = malloc(capacity);
  for (ssize_t got = 1; text && got > 0; length += (size_t)got) {
    if (length + 4096 > capacity) {
      char *larger = realloc(text, capacity *= 2);
      if (!larger) break;
      text = larger;
    }
    do got = read(descriptor, text + length, 4095);
    while (got < 0 && errno == EINTR);
    if (got <= 0) break;
  }
  if (text) text[length] = '\0';
  return text;
}

static int stage_wait(pid_t child) {
  int state = 0;
  while (waitpid(child, &state, 0) < 0)
    if (errno != EINTR) return -1;
  return WIFEXITED(state) ? WEXITSTATUS(state) : -1;
}

int stage_tamis(struct stage *stage, char **output, const char *const *arguments) {
  char path[STAGE_PATH_MAX];
  stage_path(path, "%s/tamis", stage->binaries);
  char *full[STAGE_ARGUMENTS_MAX] = {path, (char *)"--home", stage->home};
  size_t count = 3;
  for (; *arguments && count + 1 < STAGE_ARGUMENTS_MAX; arguments++)
    full[count++] = (char *)*arguments;
  int ends[2] = {-1, -1};
  if (output && pipe2(ends, O_CLOEXEC) != 0) return -1;
  fflush(stdout);
  pid_t child = stage_spawn(path, full, ends[1], -1);
  if (output) {
    close(ends[1]);
    *output = stage_read_all(ends[0]);
    close(ends[0]);
  }
  return child < 0 ? -1 : stage_wait(child);
}

static void stage_show_log_end(const char *path) {
  FILE *file = fopen(path, "r");
  if (!file) return;
  if (fseek(file, -2000, SEEK_END) != 0) rewind(file);
  char line[512];
  while (fgets(line, sizeof line, file)) fprintf(stderr, "  %s", line);
  fclose(file);
}

bool stage_server_lives(struct stage *stage) {
  int state;
  if (stage->server > 0 && waitpid(stage->server, &state, WNOHANG) == 0) return true;
  char log[STAGE_PATH_MAX];
  stage_path(log, "%s/tamisd.log", stage->folder);
  stage->server = -1;
  fprintf(stderr, "demo: tamisd has ended; the end of %s:\n", log);
  stage_show_log_end(log);
  return false;
}

bool stage_start_server(struct stage *stage) {
  char path[STAGE_PATH_MAX], config[STAGE_PATH_MAX], ready[STAGE_PATH_MAX], log[STAGE_PATH_MAX];
  stage_path(path, "%s/tamisd", stage->binaries);
  stage_path(config, "%s/tamisd.yaml", stage->home);
  stage_path(ready, "%s/ready", stage->folder);
  stage_path(log, "%s/tamisd.log", stage->folder);
  unlink(ready);
  char *arguments[] = {path, (char *)"--config", config, (char *)"--ready-file", ready, NULL};
  stage->server = stage_spawn_logged(path, arguments, log);
  if (stage->server < 0) return false;
  for (int waited = 0; waited < STAGE_READY_MS; waited += 20) {
    if (access(ready, F_OK) == 0) return true;
    if (!stage_server_lives(stage)) return false;
    stage_sleep_ms(20);
  }
  fprintf(stderr, "demo: tamisd did not answer within %d s; its log is %s\n", STAGE_READY_MS / 1000,
          log);
  return false;
}

bool stage_start_device(struct stage *stage, size_t index, const char *name,
                        const char *const *arguments) {
  char path[STAGE_PATH_MAX], log[STAGE_PATH_MAX];
  stage_path(path, "%s/tamis-device", stage->binaries);
  stage_path(log, "%s/devices/%s.log", stage->folder, name);
  char *full[STAGE_ARGUMENTS_MAX] = {path};
  size_t count = 1;
  for (; *arguments && count + 1 < STAGE_ARGUMENTS_MAX; arguments++)
    full[count++] = (char *)*arguments;
  stage->device[index] = stage_spawn_logged(path, full, log);
  return stage->device[index] > 0;
}

/* TERM, then KILL for whoever has not gone in time. */
static void stage_stop(pid_t *process, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (process[i] > 0) kill(process[i], SIGTERM);
  for (int waited = 0; waited <= STAGE_STOP_MS; waited += 20) {
    size_t left = 0;
    for (size_t i = 0; i < count; i++) {
      if (process[i] > 0 && waitpid(process[i], NULL, WNOHANG) != 0) process[i] = -1;
      left += process[i] > 0;
    }
    if (left == 0) return;
    stage_sleep_ms(20);
  }
  for (size_t i = 0; i < count; i++) {
    if (process[i] <= 0) continue;
    kill(process[i], SIGKILL);
    waitpid(process[i], NULL, 0);
    process[i] = -1;
  }
}

void stage_stop_devices(struct stage *stage) {
  if (stage->device) stage_stop(stage->device, stage->device_count);
}

void stage_close(struct stage *stage, bool keep) {
  stage_stop_devices(stage);
  if (!keep && stage->server > 0) stage_stop(&stage->server, 1);
  free(stage->device);
  stage->device = NULL;
}
