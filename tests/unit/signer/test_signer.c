/* The signer as tamisd has it: a child, or one behind a socket; killed, replaced, asked by others.
 */
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include "bench.h"
#include "signer/door.h"
#include "signer/signer.h"

static enum tamis_status sign(const struct bench *bench, struct signer *signer, uint64_t from,
                              uint64_t size) {
  struct checkpoint wanted = bench_checkpoint(bench->tree, size), given;
  struct merkle_proof proof = bench_proof(bench->tree, from, size);
  char *note;
  size_t length;
  struct fault fault;
  enum tamis_status status = signer_sign(signer, &wanted, &proof, &note, &length, &fault);
  if (status != TAMIS_OK) return status;
  assert_status(checkpoint_open(note, length, &bench->key.public, &given, NULL), TAMIS_OK);
  free(note);
  return status;
}

static void a_child_signs_and_remembers(void **unused) {
  struct bench bench;
  struct signer *signer;
  struct signer_last last;
  (void)unused;
  bench_open(&bench);
  assert_status(signer_start(bench.key_path, true, &signer, NULL), TAMIS_OK);
  assert_true(signer_child(signer) > 0);
  assert_status(signer_last(signer, &last, NULL), TAMIS_OK);
  assert_int_equal(last.size, 0);
  assert_string_equal(last.key.name, BENCH_ORIGIN);
  assert_status(sign(&bench, signer, 0, 3), TAMIS_OK);
  assert_status(sign(&bench, signer, 3, 9), TAMIS_OK);
  assert_status(sign(&bench, signer, 3, 9), TAMIS_FORK);
  signer_close(signer);
  assert_status(signer_start(bench.key_path, false, &signer, NULL), TAMIS_OK);
  assert_status(signer_last(signer, &last, NULL), TAMIS_OK);
  assert_int_equal(last.size, 9);
  signer_close(signer);
  bench_close(&bench);
}

static void a_second_signer_of_a_key_is_refused(void **unused) {
  struct bench bench;
  struct signer *first, *second;
  struct signer_last last;
  struct fault fault;
  (void)unused;
  bench_open(&bench);
  assert_status(signer_start(bench.key_path, true, &first, NULL), TAMIS_OK);
  assert_status(signer_last(first, &last, NULL), TAMIS_OK);
  assert_status(signer_start(bench.key_path, true, &second, NULL), TAMIS_OK);
  assert_status(signer_last(second, &last, &fault), TAMIS_CONFLICT);
  assert_status(sign(&bench, second, 0, 1), TAMIS_CONFLICT);
  assert_status(sign(&bench, first, 0, 1), TAMIS_OK);
  signer_close(second);
  signer_close(first);
  bench_close(&bench);
}

static void a_killed_child_is_unavailable_for_good(void **unused) {
  struct bench bench;
  struct signer *signer;
  struct signer_last last;
  (void)unused;
  bench_open(&bench);
  assert_status(signer_start(bench.key_path, true, &signer, NULL), TAMIS_OK);
  assert_status(sign(&bench, signer, 0, 1), TAMIS_BAD_PROOF); /* its key was not asked for */
  assert_status(signer_last(signer, &last, NULL), TAMIS_OK);
  kill(signer_child(signer), SIGKILL);
  assert_status(sign(&bench, signer, 1, 2), TAMIS_UNAVAILABLE);
  assert_status(sign(&bench, signer, 1, 2), TAMIS_UNAVAILABLE);
  signer_close(signer);
  bench_close(&bench);
}

/* Memory and files of the child are not for others. */
static void the_child_is_closed_to_the_outside(void **unused) {
  struct bench bench;
  struct signer *signer;
  struct signer_last last;
  char path[64], line[128];
  int seccomp = -1, privileges = -1;
  (void)unused;
  bench_open(&bench);
  assert_status(signer_start(bench.key_path, true, &signer, NULL), TAMIS_OK);
  assert_status(signer_last(signer, &last, NULL), TAMIS_OK);
  snprintf(path, sizeof path, "/proc/%d/status", (int)signer_child(signer));
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  while (fgets(line, sizeof line, file)) {
    sscanf(line, "Seccomp: %d", &seccomp);
    sscanf(line, "NoNewPrivs: %d", &privileges);
  }
  fclose(file);
  if (privileges >= 0) assert_int_equal(privileges, 1);
  if (seccomp >= 0) assert_int_equal(seccomp, 2); /* a filter */
  signer_close(signer);
  bench_close(&bench);
}

/* ---- behind a socket ---- */

static pid_t serve(const struct bench *bench, const char *socket, uid_t allowed) {
  int ready[2];
  char byte;
  assert_int_equal(pipe(ready), 0);
  pid_t child = fork();
  if (child == 0) {
    struct signd *signd;
    int listener;
    if (signd_open(bench->key_path, true, &signd, NULL) != TAMIS_OK ||
        door_open(socket, allowed, &listener, NULL) != TAMIS_OK)
      _exit(1);
    (void)!write(ready[1], "r", 1);
    door_serve(listener, signd, allowed);
    _exit(0);
  }
  close(ready[1]);
  assert_int_equal(read(ready[0], &byte, 1), 1);
  close(ready[0]);
  return child;
}

static void stop(pid_t child) {
  kill(child, SIGKILL);
  assert_int_equal(waitpid(child, NULL, 0), child);
}

static void a_signer_behind_a_socket_may_come_and_go(void **unused) {
  struct bench bench;
  struct signer *signer, *second;
  struct signer_last last;
  struct fault fault;
  char path[128];
  (void)unused;
  bench_open(&bench);
  snprintf(path, sizeof path, "%s/socket", bench.folder);
  assert_status(signer_connect(path, &signer, NULL), TAMIS_OK);
  assert_status(signer_last(signer, &last, &fault), TAMIS_UNAVAILABLE);
  assert_non_null(strstr(fault.text, "tamis-signd --socket"));
  pid_t child = serve(&bench, path, geteuid());
  assert_status(signer_last(signer, &last, NULL), TAMIS_OK);
  assert_status(sign(&bench, signer, 0, 4), TAMIS_OK);
  assert_status(signer_connect(path, &second, NULL), TAMIS_OK);
  assert_status(signer_last(second, &last, &fault), TAMIS_CONFLICT);
  assert_non_null(strstr(fault.text, "another process"));
  stop(child);
  assert_status(sign(&bench, signer, 4, 5), TAMIS_UNAVAILABLE);
  child = serve(&bench, path, geteuid());
  assert_status(signer_last(signer, &last, NULL), TAMIS_OK);
  assert_int_equal(last.size, 4);
  assert_status(sign(&bench, signer, 4, 5), TAMIS_OK);
  signer_close(signer); /* now there is room for the other */
  assert_status(signer_last(second, &last, NULL), TAMIS_OK);
  assert_int_equal(last.size, 5);
  signer_close(second);
  stop(child);
  bench_close(&bench);
}

/* A packet that is far too long, an empty one, and noise: told so, and the next is served. */
static void a_flood_of_noise_hurts_nobody(void **unused) {
  static uint8_t noise[60000];
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  struct bench bench;
  struct wire_answer answer;
  uint8_t in[WIRE_ANSWER_MAX];
  char path[96];
  (void)unused;
  bench_open(&bench);
  snprintf(path, sizeof path, "%s/socket", bench.folder);
  pid_t child = serve(&bench, path, geteuid());
  memcpy(address.sun_path, path, strlen(path) + 1);
  int one = socket(AF_UNIX, SOCK_SEQPACKET, 0);
  assert_int_equal(connect(one, (struct sockaddr *)(void *)&address, sizeof address), 0);
  for (size_t size = 1; size < sizeof noise; size = size * 3 + 1) {
    memset(noise, (int)size, size);
    assert_int_equal(send(one, noise, size, 0), size);
    ssize_t got = recv(one, in, sizeof in, 0);
    assert_true(got > 0);
    assert_status(wire_answer_decode(in, (size_t)got, &answer, NULL), TAMIS_OK);
    assert_status(answer.fault.status, TAMIS_BAD_REQUEST);
  }
  close(one);
  struct signer *signer;
  struct signer_last last;
  assert_status(signer_connect(path, &signer, NULL), TAMIS_OK);
  assert_status(signer_last(signer, &last, NULL), TAMIS_OK);
  signer_close(signer);
  stop(child);
  bench_close(&bench);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_child_signs_and_remembers),
      cmocka_unit_test(a_second_signer_of_a_key_is_refused),
      cmocka_unit_test(a_killed_child_is_unavailable_for_good),
      cmocka_unit_test(the_child_is_closed_to_the_outside),
      cmocka_unit_test(a_signer_behind_a_socket_may_come_and_go),
      cmocka_unit_test(a_flood_of_noise_hurts_nobody),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
