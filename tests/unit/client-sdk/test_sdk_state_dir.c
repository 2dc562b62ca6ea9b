/* The client's folder: whose it is, and what is in it after a write that did not happen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <signal.h>
#include "client-sdk/state_dir.h"
#include "client-sdk/tamis.h"

struct scene {
  char folder[64], path[80];
  struct state_dir dir;
  struct fault fault;
};

static int setup(void **state) {
  struct scene *scene = calloc(1, sizeof *scene);
  strcpy(scene->folder, "/tmp/tamis-dir-XXXXXX");
  if (!mkdtemp(scene->folder)) return 1;
  snprintf(scene->path, sizeof scene->path, "%s/state", scene->folder);
  *state = scene;
  return state_dir_open(scene->path, &scene->dir, &scene->fault) == TAMIS_OK ? 0 : 1;
}

static int teardown(void **state) {
  struct scene *scene = *state;
  char command[128];
  state_dir_close(&scene->dir);
  snprintf(command, sizeof command, "rm -r '%s'", scene->folder);
  int code = system(command);
  free(scene);
  return code;
}

static void assert_holds(struct scene *scene, const char *name, const char *text) {
  char *bytes;
  size_t length;
  assert_int_equal(state_dir_read(&scene->dir, name, &bytes, &length, &scene->fault), TAMIS_OK);
  assert_int_equal(length, strlen(text));
  assert_string_equal(bytes, text);
  free(bytes);
}

static unsigned mode_of(const struct scene *scene, const char *name) {
  struct stat info;
  assert_int_equal(fstatat(scene->dir.fd, name, &info, 0), 0);
  return info.st_mode & 07777;
}

static void it_is_private(void **state) {
  struct scene *scene = *state;
  assert_int_equal(mode_of(scene, "."), 0700);
  assert_int_equal(state_dir_write(&scene->dir, "pinned", "one", 3, &scene->fault), TAMIS_OK);
  assert_int_equal(mode_of(scene, "pinned"), 0600);
  assert_int_equal(chmod(scene->path, 0770), 0);
  state_dir_close(&scene->dir);
  assert_int_equal(state_dir_open(scene->path, &scene->dir, &scene->fault), TAMIS_BAD_CONFIG);
}

static void one_process_at_a_time(void **state) {
  struct scene *scene = *state;
  struct state_dir other;
  assert_int_equal(state_dir_open(scene->path, &other, &scene->fault), TAMIS_CONFLICT);
  state_dir_close(&scene->dir);
  assert_int_equal(state_dir_open(scene->path, &other, &scene->fault), TAMIS_OK);
  state_dir_close(&other);
}

static void a_write_replaces_all_or_nothing(void **state) {
  struct scene *scene = *state;
  assert_int_equal(state_dir_write(&scene->dir, "checkpoint", "old", 3, &scene->fault), TAMIS_OK);
  assert_int_equal(state_dir_write(&scene->dir, "checkpoint", "newer", 5, &scene->fault), TAMIS_OK);
  assert_holds(scene, "checkpoint", "newer");
  assert_int_equal(faccessat(scene->dir.fd, ".checkpoint.tmp", F_OK, 0), -1);
}

static void a_half_written_file_is_not_looked_at(void **state) {
  struct scene *scene = *state;
  assert_int_equal(state_dir_write(&scene->dir, "checkpoint", "old", 3, &scene->fault), TAMIS_OK);
  int fd = openat(scene->dir.fd, ".checkpoint.tmp", O_WRONLY | O_CREAT, 0600);
  assert_int_equal(write(fd, "hal", 3), 3);
  close(fd);
  assert_holds(scene, "checkpoint", "old");
  assert_int_equal(state_dir_write(&scene->dir, "checkpoint", "new", 3, &scene->fault), TAMIS_OK);
  assert_holds(scene, "checkpoint", "new");
}

static void a_write_that_fails_leaves_the_old_file(void **state) {
  struct scene *scene = *state;
  struct rlimit before, none;
  assert_int_equal(state_dir_write(&scene->dir, "checkpoint", "old", 3, &scene->fault), TAMIS_OK);
  getrlimit(RLIMIT_FSIZE, &before);
  signal(SIGXFSZ, SIG_IGN);
  none = (struct rlimit){2, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &none);
  enum tamis_status status = state_dir_write(&scene->dir, "checkpoint", "newer", 5, &scene->fault);
  setrlimit(RLIMIT_FSIZE, &before);
  assert_int_equal(status, TAMIS_DISK_FULL);
  assert_holds(scene, "checkpoint", "old");
  assert_int_equal(faccessat(scene->dir.fd, ".checkpoint.tmp", F_OK, 0), -1);
}

static void links_and_giants_are_not_read(void **state) {
  struct scene *scene = *state;
  char *bytes, *large = calloc(1, STATE_DIR_FILE_MAX + 1);
  size_t length;
  assert_int_equal(symlinkat("/etc/passwd", scene->dir.fd, "pinned"), 0);
  assert_int_equal(state_dir_read(&scene->dir, "pinned", &bytes, &length, &scene->fault), TAMIS_IO);
  assert_int_equal(
      state_dir_write(&scene->dir, "large", large, STATE_DIR_FILE_MAX + 1, &scene->fault),
      TAMIS_OK);
  assert_int_equal(state_dir_read(&scene->dir, "large", &bytes, &length, &scene->fault),
                   TAMIS_CORRUPT);
  assert_int_equal(state_dir_read(&scene->dir, "none", &bytes, &length, &scene->fault),
                   TAMIS_NOT_FOUND);
  free(large);
}

static void a_client_does_not_open_on_a_damaged_state(void **state) {
  struct scene *scene = *state;
  static const char *const pinned[] = {"", "{", "{}", "{\"address\":1}",
                                       "{\"address\":\"a:1\",\"client\":\"c\",\"log_key\":\"x\"}"};
  struct tamis_options options = {.struct_size = sizeof options, .state_dir = scene->path};
  struct tamis_client *client;
  for (size_t i = 0; i < sizeof pinned / sizeof *pinned; i++) {
    assert_int_equal(
        state_dir_write(&scene->dir, "pinned", pinned[i], strlen(pinned[i]), &scene->fault),
        TAMIS_OK);
    state_dir_close(&scene->dir);
    assert_int_equal(tamis_client_open(&options, &client), TAMIS_CORRUPT);
    assert_null(client);
    assert_true(strlen(tamis_client_error(NULL)) > 0);
    assert_int_equal(state_dir_open(scene->path, &scene->dir, &scene->fault), TAMIS_OK);
  }
}

static void options_of_another_size_are_refused(void **state) {
  struct scene *scene = *state;
  struct tamis_options options = {.struct_size = 8, .state_dir = scene->path};
  struct tamis_client *client;
  assert_int_equal(tamis_client_open(&options, &client), TAMIS_BAD_CONFIG);
  assert_int_equal(tamis_client_open(NULL, &client), TAMIS_BAD_CONFIG);
}

#define CLAIM(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  const struct CMUnitTest claims[] = {
      CLAIM(it_is_private),
      CLAIM(one_process_at_a_time),
      CLAIM(a_write_replaces_all_or_nothing),
      CLAIM(a_half_written_file_is_not_looked_at),
      CLAIM(a_write_that_fails_leaves_the_old_file),
      CLAIM(links_and_giants_are_not_read),
      CLAIM(a_client_does_not_open_on_a_damaged_state),
      CLAIM(options_of_another_size_are_refused),
  };
  return cmocka_run_group_tests(claims, NULL, NULL);
}
