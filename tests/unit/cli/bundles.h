/* A world's log given to `tamis`, and what it says of it; bundles changed and read again. */
#ifndef TAMIS_TEST_BUNDLES_H
#define TAMIS_TEST_BUNDLES_H

#include "tests/unit/aggregator/world.h"

#include "proto/envelope.h"
#include "tests/tools/bundle_check.h"
#include "tests/unit/cli/typed.h"

static struct world world;
static char vkey[KEY_VKEY_SIZE], folder[160];

/* The log is over: from here on it is read from its folder. */
static inline int bundles_begin(void) {
  world_stop(&world);
  key_vkey_write(&world.log_key.public, vkey);
  snprintf(folder, sizeof folder, "%s/out", world.dir);
  setenv("TAMIS_HOME", folder, 1);
  return mkdir(folder, 0700);
}

static inline int bundles_end(void **state) {
  (void)state;
  typed_forget();
  world_close(&world);
  return 0;
}

/* ---- `tamis` ---- */

static inline void says(const char *text) {
  typed_holds(said, text);
}

/* A new path each time; lives until the next but seven. */
static inline const char *fresh(void) {
  static char paths[8][200];
  static unsigned next;
  char *path = paths[next % 8];
  snprintf(path, sizeof paths[0], "%s/%u.tar", folder, next++);
  return path;
}

#define OFFLINE "--state", world.state_dir, "--log-key", vkey

struct bytes {
  uint8_t *at;
  size_t length;
};

static inline struct bytes read_file(const char *path) {
  struct bytes bytes = {NULL, 0};
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  fseek(file, 0, SEEK_END);
  bytes.length = (size_t)ftell(file);
  rewind(file);
  bytes.at = malloc(bytes.length);
  assert_int_equal(fread(bytes.at, 1, bytes.length, file), bytes.length);
  fclose(file);
  return bytes;
}

static inline struct bytes make_model(const char *round) {
  const char *path = fresh();
  RUN(0, "bundle", "model", WORLD_FEDERATION, "--round", round, "-O", path, OFFLINE);
  return read_file(path);
}

static inline enum tamis_status check(const struct bytes *bytes, struct fault *fault) {
  struct bundle bundle;
  enum tamis_status status = bundle_read(bytes->at, bytes->length, &bundle, fault);
  if (status != TAMIS_OK) return status;
  status = bundle_check(&bundle, &world.log_key.public, fault);
  bundle_close(&bundle);
  return status;
}

/* The bundle written again after `change`, and what is then said of it. */
static inline void refused_after(struct bytes original,
                                 void (*change)(struct bundle *bundle, void *context),
                                 void *context, const char *sentence) {
  struct bundle bundle;
  struct fault fault = {TAMIS_OK, ""};
  uint64_t size;
  assert_int_equal(bundle_read(original.at, original.length, &bundle, &fault), TAMIS_OK);
  change(&bundle, context);
  assert_int_equal(bundle_size(&bundle, &size, NULL), TAMIS_OK);
  struct bytes changed = {calloc(1, size), size};
  assert_int_equal(bundle_write(&bundle, changed.at, NULL), TAMIS_OK);
  bundle_close(&bundle);
  assert_int_not_equal(check(&changed, &fault), TAMIS_OK);
  if (!strstr(fault.text, sentence)) fail_msg("not said: %s\nbut: %s", sentence, fault.text);
  free(changed.at);
}

static inline void drop_entry_of_kind(struct bundle *bundle, void *kind) {
  for (size_t i = 0; i < bundle->entry_count; i++) {
    struct envelope envelope;
    struct statement statement;
    const struct bundle_text *text = &bundle->entry[i].envelope;
    assert_int_equal(envelope_open(text->bytes, text->length, &envelope, NULL), TAMIS_OK);
    assert_int_equal(
        statement_read(envelope.payload, envelope.payload_length, WORLD_ORIGIN, &statement, NULL),
        TAMIS_OK);
    bool is_it = statement.kind == *(const enum statement_kind *)kind;
    statement_close(&statement);
    envelope_close(&envelope);
    if (!is_it) continue;
    memmove(&bundle->entry[i], &bundle->entry[i + 1],
            (bundle->entry_count - i - 1) * sizeof *bundle->entry);
    bundle->entry_count--;
    return;
  }
  fail_msg("no such entry");
}

static inline void replace_about(struct bundle *bundle, void *context) {
  bundle->about = (struct bundle_text){context, strlen(context)};
}

/* The text of bundle.json with `from` replaced by `to`, which is as long. */
static inline char *edited(const struct bundle_text *text, const char *from, const char *to) {
  char *copy = strndup(text->bytes, text->length), *at = strstr(copy, from);
  assert_int_equal(strlen(from), strlen(to));
  assert_non_null(at);
  memcpy(at, to, strlen(to));
  return copy;
}

#endif
