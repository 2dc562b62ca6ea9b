/* poll over the listener and the one connection. */
#include "signer/door.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 4 };

enum tamis_status door_open(const char *path, uid_t allowed, int *listener, struct fault *fault) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  struct stat about;
  if (strlen(path) >= sizeof address.sun_path)
    return fault_set(fault, TAMIS_BAD_REQUEST, "the socket's path is too long: %s", path);
  memcpy(address.sun_path, path, strlen(path) + 1);
  if (lstat(path, &about) == 0 && !S_ISSOCK(about.st_mode))
    return fault_set(fault, TAMIS_CONFLICT, "%s is there and is no socket", path);
  unlink(path);
  *listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (*listener >= 0 && bind(*listener, (struct sockaddr *)(void *)&address, sizeof address) == 0 &&
      chmod(path, allowed == geteuid() ? 0600 : 0666) == 0 && listen(*listener, BACKLOG) == 0)
    return TAMIS_OK;
  return fault_set(fault, TAMIS_IO, "cannot listen on %s: %s", path, strerror(errno));
}

static bool may_enter(int connection, uid_t allowed) {
  struct ucred peer;
  socklen_t size = sizeof peer;
  if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
  return peer.uid == allowed || peer.uid == geteuid();
}

/* Says why before it hangs up; what the other side asked does not matter. */
static void turn_away(int connection, enum tamis_status status, const char *why) {
  struct wire_answer answer = {.size = 0};
  uint8_t out[WIRE_ANSWER_MAX];
  fault_set(&answer.fault, status, "%s", why);
  (void)!send(connection, out, wire_answer_encode(&answer, out), MSG_NOSIGNAL | MSG_DONTWAIT);
  close(connection);
}

static int enter(int listener, int current, uid_t allowed) {
  int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
  if (connection < 0) return current;
  if (!may_enter(connection, allowed))
    turn_away(connection, TAMIS_DENIED, "the signer is for another user; see --allow-uid");
  else if (current >= 0)
    turn_away(connection, TAMIS_CONFLICT, "another process is connected to this signer");
  else
    return connection;
  return current;
}

void door_serve(int listener, struct signd *signd, uid_t allowed) {
  int current = -1;
  for (;;) {
    struct pollfd watched[2] = {{.fd = listener, .events = POLLIN},
                                {.fd = current, .events = POLLIN}};
    if (poll(watched, 2, -1) < 0 && errno != EINTR) return;
    if (current >= 0 && watched[1].revents && !signd_serve_one(signd, NULL, current)) {
      close(current);
      current = -1;
    }
    if (signd_is_broken(signd)) return;
    if (watched[0].revents & (POLLERR | POLLHUP | POLLNVAL)) return;
    if (watched[0].revents) current = enter(listener, current, allowed);
  }
}
