/* audit_reference tell FOLDER: writes the fifty rounds of the reference federations and what an
 * audit of them makes.
 * audit_reference check FOLDER: another build, or another processor, audits the same folder with
 * one thread and with two, tells the story itself, and must come to the same bytes every time. */
#include "../../unit/audit/story.h"

#include "audit/audit.h"

struct made { /* what is compared */
  char journal[DIGEST_HEX_SIZE], answers[DIGEST_HEX_SIZE];
};

static void file_digest(const char *path, char hex[DIGEST_HEX_SIZE]) {
  static uint8_t bytes[1 << 22];
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  size_t length = fread(bytes, 1, sizeof bytes, file);
  fclose(file);
  assert_true(length > 0 && length < sizeof bytes);
  struct digest digest = digest_of(bytes, length);
  digest_to_hex(&digest, hex);
}

static void audit_folder(const char *folder, const char *vkey, bool is_light, int threads,
                         struct made *made) {
  struct audit_options options = {.is_light = is_light, .threads = threads};
  struct audit_report report;
  struct fault fault = {TAMIS_OK, ""};
  char path[512];
  if (audit_run(folder, vkey, &options, &report, &fault) != TAMIS_OK) fail_msg("%s", fault.text);
  assert_int_equal(report.rounds, STORY_ROUNDS);
  snprintf(path, sizeof path, "%s/journal", folder);
  file_digest(path, made->journal);
  digest_to_hex(&report.digest, made->answers);
  printf("journal %.16s, %d rounds%s with %d threads: %s\n", made->journal, STORY_ROUNDS,
         is_light ? " from the Gram matrices" : "", threads, made->answers);
}

static void tell(struct story *story, char vkey[KEY_VKEY_SIZE]) {
  story_tell(story);
  key_vkey_write(&story->world.log_key.public, vkey);
}

static void write_reference(const char *folder) {
  static struct story story;
  char vkey[KEY_VKEY_SIZE], path[512], command[600];
  struct made made;
  tell(&story, vkey);
  snprintf(command, sizeof command, "rm -rf %s", folder);
  assert_int_equal(system(command), 0);
  world_copy(story.world.state_dir, folder);
  world_close(&story.world);
  audit_folder(folder, vkey, false, 2, &made);
  snprintf(path, sizeof path, "%s/made", folder);
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fprintf(file, "%s\n%s\n%s\n", vkey, made.journal, made.answers);
  fclose(file);
}

static void expect(const struct made *made, const struct made *wanted) {
  assert_string_equal(made->journal, wanted->journal);
  assert_string_equal(made->answers, wanted->answers);
}

static void check_reference(const char *folder) {
  static struct story story;
  char vkey[KEY_VKEY_SIZE], path[512];
  struct made wanted, made;
  snprintf(path, sizeof path, "%s/made", folder);
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  _Static_assert(KEY_VKEY_SIZE > 255 && DIGEST_HEX_SIZE > 64, "what the next line reads");
  assert_int_equal(fscanf(file, "%255s %64s %64s", vkey, wanted.journal, wanted.answers), 3);
  fclose(file);
  for (int threads = 1; threads <= 2; threads++) {
    audit_folder(folder, vkey, false, threads, &made);
    expect(&made, &wanted);
    audit_folder(folder, vkey, true, threads, &made);
    expect(&made, &wanted);
  }
  tell(&story, vkey);
  audit_folder(story.world.state_dir, vkey, false, 2, &made);
  expect(&made, &wanted);
  world_close(&story.world);
}

int main(int count, char **arguments) {
  if (count == 3 && strcmp(arguments[1], "tell") == 0) {
    write_reference(arguments[2]);
  } else if (count == 3 && strcmp(arguments[1], "check") == 0) {
    check_reference(arguments[2]);
  } else {
    fprintf(stderr, "usage: audit_reference tell|check FOLDER\n");
    return 2;
  }
  return 0;
}
