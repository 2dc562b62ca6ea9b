/* What a test types at `tamis`, run within the test itself, and what it then reads. Include it in
 * one file of a test program. */
#ifndef TYPED_H
#define TYPED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <jansson.h>
#include "cli/tool.h"

enum { TYPED_WORDS_MAX = 40, TYPED_FOLDER_SIZE = 64 };

static char *said, *complained; /* standard output and error of the last command */

static inline void typed_forget(void) {
  free(said);
  free(complained);
  said = complained = NULL;
}

/* The exit code of `tamis WORDS...`; NULL ends them. */
static inline int typed(const char *const *words) {
  char *argv[TYPED_WORDS_MAX + 2] = {(char *)(uintptr_t) "tamis"};
  int argc = 1;
  size_t out_length, err_length;
  typed_forget();
  for (; *words != NULL; words++) {
    assert_true(argc <= TYPED_WORDS_MAX);
    argv[argc++] = (char *)(uintptr_t)*words;
  }
  FILE *out = open_memstream(&said, &out_length), *err = open_memstream(&complained, &err_length);
  int code = tool_run(argc, argv, out, err);
  fclose(out);
  fclose(err);
  return code;
}

static inline void typed_expect(int expected, const char *const *words) {
  int code = typed(words);
  if (code != expected) fail_msg("exit %d, not %d; %s%s", code, expected, said, complained);
}
#define RUN(expected, ...) typed_expect(expected, (const char *const[]){__VA_ARGS__, NULL})

static inline void typed_holds(const char *text, const char *what) {
  if (strstr(text, what) == NULL) fail_msg("not said: %s\nbut: %s", what, text);
}

/* `data` of the envelope that `-o json` printed; to be given back. */
static inline json_t *typed_data(void) {
  json_t *root = json_loads(said, JSON_REJECT_DUPLICATES, NULL);
  assert_non_null(root);
  json_t *data = json_incref(json_object_get(root, "data"));
  json_decref(root);
  return data;
}

/* A new site of the log test/log in a temporary folder, which `tamis` then has for its home. */
static inline void typed_site_make(char folder[TYPED_FOLDER_SIZE]) {
  snprintf(folder, TYPED_FOLDER_SIZE, "/tmp/tamis-typed-XXXXXX");
  assert_non_null(mkdtemp(folder));
  setenv("TAMIS_HOME", folder, 1);
  RUN(0, "init", folder, "--origin", "test/log", "-q");
}

static inline int typed_folder_remove(const char *folder) {
  char command[TYPED_FOLDER_SIZE + 16];
  snprintf(command, sizeof command, "rm -rf %s", folder);
  typed_forget();
  return system(command);
}

#endif
