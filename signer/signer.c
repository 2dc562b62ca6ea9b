/* One packet out, one packet back, within a time; after anything else the connection is given up,
 * so that a late answer is never taken for the next one's. */
#include "signer/signer.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "signer/confine.h"
#include "signer/signd.h"
#include "signer/wire.h"

enum { ANSWER_SECONDS = 30 }; /* one fdatasync of a disk in trouble */

struct signer {
  int socket;   /* -1: not connected */
  char *path;   /* NULL: a child */
  pid_t child;  /* 0: none */
  bool has_key; /* known from the first answer, and the only one from then on */
  struct public_key key;
};

/* ---- the child ---- */

/* Stops by the end of its socket, not by the signal that also stops tamisd: until that has drained
 * there may be something to sign. */
static void child_prepare(int socket) {
  enum { SOCKET = 3 };
  sigset_t signals;
  prctl(PR_SET_NAME, "tamis-signd", 0, 0, 0);
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGHUP);
  sigprocmask(SIG_BLOCK, &signals, NULL);
  int nothing = open("/dev/null", O_RDWR);
  if (nothing >= 0) {
    dup2(nothing, STDIN_FILENO);
    dup2(nothing, STDOUT_FILENO);
  }
  if (socket != SOCKET) dup2(socket, SOCKET);
  close_range(SOCKET + 1, ~0u, 0);
}

static _Noreturn void child_run(int socket, const char *key_path, bool is_new) {
  enum { SOCKET = 3 };
  struct signd *signd = NULL;
  struct fault refusal = {TAMIS_OK, ""};
  child_prepare(socket);
  confine_memory();
  if (key_library_start() != TAMIS_OK)
    fault_set(&refusal, TAMIS_INTERNAL, "the signer's library did not start");
  else
    signd_open(key_path, is_new, &signd, &refusal);
  confine_calls();
  while (signd_serve_one(signd, &refusal, SOCKET) && !(signd && signd_is_broken(signd))) continue;
  signd_close(signd);
  _exit(EXIT_SUCCESS);
}

static void set_timeouts(int socket) {
  const struct timeval wait = {.tv_sec = ANSWER_SECONDS};
  setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
  setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
}

enum tamis_status signer_start(const char *key_path, bool is_new, struct signer **out,
                               struct fault *fault) {
  int pair[2];
  struct signer *signer = calloc(1, sizeof *signer);
  if (!signer) return fault_plain(fault, TAMIS_NO_MEMORY);
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
    free(signer);
    return fault_set(fault, TAMIS_IO, "cannot make a socket for the signer: %s", strerror(errno));
  }
  signer->socket = pair[0];
  signer->child = fork();
  if (signer->child == 0) child_run(pair[1], key_path, is_new);
  close(pair[1]);
  set_timeouts(signer->socket);
  if (signer->child > 0) {
    *out = signer;
    return TAMIS_OK;
  }
  fault_set(fault, TAMIS_NO_MEMORY, "cannot start the signer: %s", strerror(errno));
  close(pair[0]);
  free(signer);
  return TAMIS_NO_MEMORY;
}

/* ---- one behind a socket ---- */

enum tamis_status signer_connect(const char *path, struct signer **out, struct fault *fault) {
  struct sockaddr_un address;
  if (strlen(path) >= sizeof address.sun_path)
    return fault_set(fault, TAMIS_BAD_CONFIG, "the signer's socket has too long a path: %s", path);
  struct signer *signer = calloc(1, sizeof *signer);
  if (!signer || !(signer->path = strdup(path))) {
    free(signer);
    return fault_plain(fault, TAMIS_NO_MEMORY);
  }
  signer->socket = -1;
  *out = signer;
  return TAMIS_OK;
}

static enum tamis_status reach(struct signer *signer, struct fault *fault) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (signer->socket >= 0) return TAMIS_OK;
  if (!signer->path)
    return fault_set(fault, TAMIS_UNAVAILABLE, "the signer has ended; start tamisd again");
  memcpy(address.sun_path, signer->path, strlen(signer->path) + 1);
  int made = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (made >= 0 && connect(made, (struct sockaddr *)(void *)&address, sizeof address) == 0) {
    set_timeouts(made);
    signer->socket = made;
    return TAMIS_OK;
  }
  int error = errno;
  if (made >= 0) close(made);
  return fault_set(fault, TAMIS_UNAVAILABLE,
                   "no signer at unix:%s: %s. Start tamis-signd --socket %s --key FILE",
                   signer->path, strerror(error), signer->path);
}

static void hang_up(struct signer *signer) {
  if (signer->socket >= 0) close(signer->socket);
  signer->socket = -1;
}

void signer_close(struct signer *signer) {
  if (!signer) return;
  hang_up(signer);
  if (signer->child > 0) waitpid(signer->child, NULL, 0);
  free(signer->path);
  free(signer);
}

pid_t signer_child(const struct signer *signer) {
  return signer->child;
}

/* ---- asking ---- */

/* A signer that turns us away answers at once and hangs up: its answer is there although the
 * request could not be sent, or was never read, which the first recv says and then forgets. */
static ssize_t talk(int socket, const void *request, size_t size, void *answer, size_t capacity) {
  bool is_sent = send(socket, request, size, MSG_NOSIGNAL) == (ssize_t)size;
  ssize_t length = recv(socket, answer, capacity, is_sent ? 0 : MSG_DONTWAIT);
  if (length < 0 && errno == ECONNRESET) length = recv(socket, answer, capacity, MSG_DONTWAIT);
  return length;
}

static enum tamis_status exchange(struct signer *signer, const struct wire_request *request,
                                  struct wire_answer *answer, struct fault *fault) {
  uint8_t out[WIRE_REQUEST_MAX], in[WIRE_ANSWER_MAX + 1];
  size_t size = wire_request_encode(request, out);
  enum tamis_status status = reach(signer, fault);
  if (status != TAMIS_OK) return status;
  ssize_t length = talk(signer->socket, out, size, in, sizeof in);
  if (length <= 0) {
    const char *why = length == 0 ? "it has hung up" : strerror(errno);
    status = fault_set(fault, TAMIS_UNAVAILABLE, "the signer does not answer: %s", why);
  } else {
    status = wire_answer_decode(in, (size_t)length, answer, fault);
  }
  if (status != TAMIS_OK) {
    hang_up(signer);
    return status;
  }
  enum tamis_status said = answer->fault.status;
  if (said != TAMIS_OK && fault) *fault = answer->fault;
  if (signer->path && (said == TAMIS_CONFLICT || said == TAMIS_DENIED)) hang_up(signer);
  return said;
}

/* The key that was named first is the one that the log has. */
static enum tamis_status take_key(struct signer *signer, const char *vkey, struct fault *fault) {
  struct public_key key;
  enum tamis_status status = key_vkey_read(vkey, strlen(vkey), &key, fault);
  if (status != TAMIS_OK) return status;
  if (signer->has_key && (strcmp(key.name, signer->key.name) != 0 ||
                          memcmp(key.byte, signer->key.byte, KEY_PUBLIC_SIZE) != 0))
    return fault_set(fault, TAMIS_BAD_CONFIG, "the signer has changed its key, to %s", vkey);
  signer->key = key;
  signer->has_key = true;
  return TAMIS_OK;
}

enum tamis_status signer_last(struct signer *signer, struct signer_last *last,
                              struct fault *fault) {
  const struct wire_request request = {.kind = WIRE_LAST};
  struct wire_answer answer;
  enum tamis_status status = exchange(signer, &request, &answer, fault);
  if (status == TAMIS_OK) status = take_key(signer, answer.vkey, fault);
  if (status != TAMIS_OK) return status;
  *last = (struct signer_last){.size = answer.size, .root = answer.root, .key = signer->key};
  memcpy(last->vkey, answer.vkey, sizeof last->vkey);
  return TAMIS_OK;
}

static enum tamis_status check_note(const struct signer *signer, const struct wire_answer *answer,
                                    const struct checkpoint *wanted, struct fault *fault) {
  struct checkpoint given;
  enum tamis_status status =
      checkpoint_open(answer->note, answer->note_length, &signer->key, &given, fault);
  if (status != TAMIS_OK) return status;
  if (given.size == wanted->size && digest_equal(&given.root, &wanted->root)) return TAMIS_OK;
  return fault_set(fault, TAMIS_BAD_PROOF, "the signer signed another tree than it was asked to");
}

enum tamis_status signer_sign(struct signer *signer, const struct checkpoint *checkpoint,
                              const struct merkle_proof *proof, char **note, size_t *length,
                              struct fault *fault) {
  const struct wire_request request = {WIRE_SIGN, *checkpoint, *proof};
  struct wire_answer answer;
  enum tamis_status status = exchange(signer, &request, &answer, fault);
  if (status == TAMIS_OK) status = check_note(signer, &answer, checkpoint, fault);
  if (status != TAMIS_OK) return status;
  *note = strndup(answer.note, answer.note_length);
  *length = answer.note_length;
  return *note ? TAMIS_OK : fault_plain(fault, TAMIS_NO_MEMORY);
}
