/* A start from a snapshot is the start that it replaces: the same state, byte for byte; and a
 * snapshot that is anything else than what was written is not used. */
#include "world.h"

#include <fcntl.h>
#include "aggregator/ledger.h"
#include "aggregator/scrub.h"
#include "aggregator/snapshot.h"
#include "aggregator/state_text.h"

#define assert_status(found, wanted)                                                               \
  assert_string_equal(tamis_status_name(found), tamis_status_name(wanted))

enum { CLIENTS = 6, ROUNDS = 4, EVERY = 40 };

/* ---- helpers ---- */

static void begin(struct world *world) {
  world_open(world);
  world_stop(world);
  world->snapshot_entries = EVERY;
  world->optimiser = "momentum(lr=1, beta=0.5)";
  world_start(world);
  world_enrol_clients(world, CLIENTS);
  assert_status(
      world_federation(world, WORLD_FEDERATION, "multi_krum(f=1)", 5, 0, 0, 0, NULL, NULL),
      TAMIS_OK);
}

/* A life with a bit of everything, ended in order: so that a snapshot is the last thing written. */
static void live(struct world *world) {
  begin(world);
  world_play(world, ROUNDS, 1, WORLD_SIGN_FLIP);
  assert_status(world_standing(world, STATEMENT_EXCLUSION, 0, NULL), TAMIS_OK);
  struct world_task task;
  assert_true(world_wait_task(world, 1, &task));
  assert_status(world_answer(world, 1, &task, WORLD_HONEST, NULL), TAMIS_OK);
  world_stop(world);
}

static struct ledger_options options_of(struct world *world) {
  return (struct ledger_options){.state_dir = world->state_dir,
                                 .genesis_path = world->genesis,
                                 .aggregator_key_path = world->aggregator_path,
                                 .signer = world_signer(world, world->state_dir),
                                 .snapshot_entries = 1000000,
                                 .notice = {world_notice, world}};
}

static void path_of(const struct world *world, const char *name, char path[512]) {
  snprintf(path, 512, "%s/%s", world->state_dir, name);
}

struct start {
  char *text; /* of the state that came out; owned */
  size_t length;
  bool is_resumed;
  uint64_t size;
};

static struct start start_of(struct world *world) {
  struct ledger_options options = options_of(world);
  struct ledger ledger;
  struct fault fault = {TAMIS_OK, ""};
  struct start start;
  enum tamis_status status = ledger_open(&options, &ledger, &fault);
  if (status != TAMIS_OK) print_message("%s\n", fault.text);
  assert_status(status, TAMIS_OK);
  state_text_write(ledger.state, &start.text, &start.length);
  start.is_resumed = ledger.snapshot.is_resumed;
  start.size = journal_size(ledger.journal);
  for (uint64_t i = 0; i < start.size; i++) { /* every entry is found by its bytes */
    char *bytes;
    size_t length;
    uint64_t index;
    assert_status(ledger_entry(&ledger, i, &bytes, &length, NULL), TAMIS_OK);
    assert_true(ledger_find(&ledger, bytes, length, &index));
    assert_int_equal(index, i);
    free(bytes);
  }
  ledger_close(&ledger);
  world_stop(world);
  return start;
}

static void assert_same(const struct start *a, const struct start *b) {
  assert_int_equal(a->size, b->size);
  assert_int_equal(a->length, b->length);
  assert_memory_equal(a->text, b->text, a->length);
}

/* Starts, and holds the state against one folded from the first entry on. */
static void assert_start(struct world *world, bool is_resumed) {
  char path[512], aside[520];
  struct start start = start_of(world);
  assert_int_equal(start.is_resumed, is_resumed);
  path_of(world, "snapshot", path);
  snprintf(aside, sizeof aside, "%s.aside", path);
  bool is_there = rename(path, aside) == 0;
  struct start whole = start_of(world);
  assert_false(whole.is_resumed);
  if (is_there) assert_int_equal(rename(aside, path), 0);
  assert_same(&start, &whole);
  free(start.text);
  free(whole.text);
}

static uint8_t *file_read(const char *path, size_t *size) {
  struct stat about;
  assert_int_equal(stat(path, &about), 0);
  *size = (size_t)about.st_size;
  uint8_t *bytes = malloc(*size + 1);
  FILE *file = fopen(path, "rb");
  assert_int_equal(fread(bytes, 1, *size, file), *size);
  fclose(file);
  return bytes;
}

static void file_write(const char *path, const void *bytes, size_t size) {
  FILE *file = fopen(path, "wb");
  assert_int_equal(fwrite(bytes, 1, size, file), size);
  fclose(file);
}

/* ---- claims ---- */

static void a_start_from_a_snapshot_is_the_whole_start(void **unused) {
  struct world world;
  (void)unused;
  live(&world);
  assert_start(&world, true);
  assert_int_equal(world.notices[NOTICE_WARN], 0);
  /* And it goes on: more rounds, more snapshots, the tail after the last one. */
  world_start(&world);
  world_play(&world, ROUNDS + 3, 0, WORLD_HONEST);
  char copy[192];
  snprintf(copy, sizeof copy, "%s/killed", world.dir);
  char command[1024];
  snprintf(command, sizeof command, "cp -a %s %s && rm -f %s/tamis.db*", world.state_dir, copy,
           copy);
  assert_int_equal(system(command), 0);
  world_stop(&world);
  assert_start(&world, true);
  snprintf(world.state_dir, sizeof world.state_dir, "%s", copy);
  world_signer_forgets(&world);
  assert_start(&world, true);
  world_close(&world);
}

static void the_text_is_read_back_or_refused(void **unused) {
  struct world world;
  struct state *state;
  (void)unused;
  live(&world);
  struct start start = start_of(&world);
  const struct public_key *key = &world.log_key.public;
  assert_status(state_text_read(start.text, start.length, key, &state, NULL), TAMIS_OK);
  char *again;
  size_t length;
  state_text_write(state, &again, &length);
  assert_int_equal(length, start.length);
  assert_memory_equal(again, start.text, length);
  free(again);
  state_free(state);
  for (size_t cut = 0; cut < start.length; cut++)
    assert_status(state_text_read(start.text, cut, key, &state, NULL), TAMIS_CORRUPT);
  /* Any other byte: refused, or a state of its own whose text is that of the changed bytes. */
  for (size_t i = 0; i < start.length; i++) {
    start.text[i] ^= 4;
    if (state_text_read(start.text, start.length, key, &state, NULL) == TAMIS_OK) {
      struct digest digest = digest_of(start.text, start.length);
      struct digest found = state_text_digest(state);
      if (!digest_equal(&digest, &found)) print_message("byte %zu\n", i);
      assert_true(digest_equal(&digest, &found));
      state_free(state);
    }
    start.text[i] ^= 4;
  }
  assert_status(state_text_read(start.text, start.length, &world.operator_key.public, &state, NULL),
                TAMIS_CORRUPT);
  free(start.text);
  world_close(&world);
}

static bool opens(const char *folder) {
  struct snapshot snapshot;
  enum tamis_status status = snapshot_open(folder, &snapshot, NULL);
  if (status == TAMIS_OK) snapshot_close(&snapshot);
  return status == TAMIS_OK;
}

static void flip(int descriptor, off_t place, int bit) {
  uint8_t byte;
  assert_int_equal(pread(descriptor, &byte, 1, place), 1);
  byte ^= (uint8_t)(1 << bit);
  assert_int_equal(pwrite(descriptor, &byte, 1, place), 1);
}

static void every_flipped_bit_is_seen(void **unused) {
  struct world world;
  char path[512];
  (void)unused;
  live(&world);
  assert_true(opens(world.state_dir));
  for (int which = 0; which < 2; which++) {
    path_of(&world, which ? "index" : "snapshot", path);
    int descriptor = open(path, O_RDWR);
    off_t size = lseek(descriptor, 0, SEEK_END);
    for (off_t i = 0; i < size; i++)
      for (int bit = 0; bit < 8; bit++) {
        flip(descriptor, i, bit);
        if (opens(world.state_dir)) print_message("%s byte %ld bit %d\n", path, (long)i, bit);
        assert_false(opens(world.state_dir));
        flip(descriptor, i, bit);
      }
    close(descriptor);
  }
  /* And then the log is folded, which is said. */
  path_of(&world, "index", path);
  int descriptor = open(path, O_RDWR);
  flip(descriptor, 100, 3);
  close(descriptor);
  assert_start(&world, false);
  assert_string_equal(world.event, "snapshot not used");
  assert_non_null(strstr(world.notice, "index: a record is not what was written"));
  world_close(&world);
}

/* Whoever can write the folder can write good checksums too. */
static void a_forged_state_is_not_named_by_the_log(void **unused) {
  struct world world;
  struct snapshot snapshot;
  (void)unused;
  live(&world);
  assert_status(snapshot_open(world.state_dir, &snapshot, NULL), TAMIS_OK);
  char *barred = strstr(snapshot.text, "barred 1");
  assert_non_null(barred);
  barred[7] = '0';
  struct snapshot forged = snapshot;
  assert_status(snapshot_write(world.state_dir, &forged, NULL, 0, snapshot.records_crc, NULL),
                TAMIS_OK);
  assert_true(opens(world.state_dir));
  snapshot_close(&snapshot);
  assert_start(&world, false);
  assert_non_null(strstr(world.notice, "does not name this state"));
  world_close(&world);
}

/* Records with a good checksum, but of another log or of no place in the file. */
static void forged_records_are_held_against_the_signed_root(void **unused) {
  (void)unused;
  for (int which = 0; which < 3; which++) {
    struct world world;
    struct snapshot snapshot, forged;
    live(&world);
    assert_status(snapshot_open(world.state_dir, &snapshot, NULL), TAMIS_OK);
    size_t size = snapshot.size * sizeof(struct journal_record);
    struct journal_record *record = malloc(size);
    memcpy(record, snapshot.record, size);
    if (which == 0) record[3].leaf.byte[0] ^= 1;
    if (which == 1) record[snapshot.size - 1].end += 5;
    if (which == 2) record[3].end = record[2].end; /* an entry of no bytes */
    forged = snapshot;
    assert_status(snapshot_write(world.state_dir, &forged, record, snapshot.size, 0, NULL),
                  TAMIS_OK);
    assert_true(opens(world.state_dir));
    snapshot_close(&snapshot);
    free(record);
    assert_start(&world, false);
    layout_close(&world.layout);
    world_remove(world.dir);
  }
}

/* A place in the middle that is wrong shows when that entry is read: never as another entry. The
 * snapshot goes, and the start after that needs none. */
static void a_forged_place_is_seen_when_it_is_read(void **unused) {
  struct world world;
  struct snapshot snapshot, forged;
  struct ledger ledger;
  struct ledger_options options;
  struct fault fault = {TAMIS_OK, ""};
  (void)unused;
  live(&world);
  assert_status(snapshot_open(world.state_dir, &snapshot, NULL), TAMIS_OK);
  size_t size = snapshot.size * sizeof(struct journal_record);
  struct journal_record *record = malloc(size);
  memcpy(record, snapshot.record, size);
  record[3].end -= 1;
  forged = snapshot;
  assert_status(snapshot_write(world.state_dir, &forged, record, snapshot.size, 0, NULL), TAMIS_OK);
  snapshot_close(&snapshot);
  free(record);
  options = options_of(&world);
  assert_status(ledger_open(&options, &ledger, &fault), TAMIS_CORRUPT); /* the tiles are begun */
  assert_true(ledger.snapshot.is_resumed);
  assert_non_null(strstr(fault.text, "entry 3 "));
  ledger_close(&ledger);
  assert_false(opens(world.state_dir));
  assert_start(&world, false);
  world_close(&world);
}

/* The steps of a snapshot: entry and checkpoint, records, text. A stop between any two leaves the
 * snapshot before, or this one. */
static void a_stop_between_two_steps_is_no_harm(void **unused) {
  struct world world;
  struct ledger ledger;
  char old_text[512], old_index[512], path[512], index[512];
  size_t text_size, index_size, new_text_size, new_index_size;
  (void)unused;
  live(&world);
  path_of(&world, "snapshot", path);
  path_of(&world, "index", index);
  path_of(&world, "snapshot.new", old_text);
  path_of(&world, "index.old", old_index);
  uint8_t *text = file_read(path, &text_size), *records = file_read(index, &index_size);
  struct ledger_options options = options_of(&world);
  assert_status(ledger_open(&options, &ledger, NULL), TAMIS_OK);
  assert_status(ledger_snapshot(&ledger, NULL), TAMIS_OK);
  ledger_close(&ledger);
  uint8_t *new_text = file_read(path, &new_text_size);
  uint8_t *new_records = file_read(index, &new_index_size);
  assert_true(new_index_size > index_size);

  file_write(path, text, text_size); /* the entry is there, and nothing else */
  file_write(index, records, index_size);
  assert_start(&world, true);
  for (size_t cut = index_size; cut < new_index_size; cut += 13) { /* records half written */
    file_write(index, new_records, cut);
    assert_start(&world, true);
  }
  file_write(index, new_records, new_index_size);
  assert_start(&world, true);
  for (size_t cut = 0; cut < new_text_size; cut += 997) { /* the text not yet in its place */
    file_write(old_text, new_text, cut);
    assert_start(&world, true);
  }
  file_write(path, new_text, new_text_size);
  assert_start(&world, true);
  unlink(index);
  assert_start(&world, false);
  free(text);
  free(records);
  free(new_text);
  free(new_records);
  world_close(&world);
}

/* A folder put together from two backups. */
static void a_snapshot_newer_than_the_log_is_not_used(void **unused) {
  struct world world;
  char command[2048], path[512], index[512], aside[512];
  (void)unused;
  live(&world);
  snprintf(aside, sizeof aside, "%s/aside", world.dir);
  snprintf(command, sizeof command, "mkdir %s && cp %s/journal %s/checkpoint %s/", aside,
           world.state_dir, world.state_dir, aside);
  assert_int_equal(system(command), 0);
  world_start(&world);
  world_play(&world, ROUNDS + 3, 0, WORLD_HONEST);
  world_stop(&world);
  snprintf(command, sizeof command, "cp %s/* %s/ && rm -f %s/tamis.db*", aside, world.state_dir,
           world.state_dir);
  assert_int_equal(system(command), 0);
  world_signer_forgets(&world);
  assert_start(&world, false);
  assert_non_null(strstr(world.notice, "does not cover the entry that names it"));
  /* An older snapshot beside a newer log is only a longer tail: covered above. One of nothing. */
  path_of(&world, "snapshot", path);
  path_of(&world, "index", index);
  file_write(path, "", 0);
  assert_start(&world, false);
  world_close(&world);
}

/* The log key's owner signs a root over a `snapshot` by somebody else's key: no fold takes that,
 * and neither does a start from it. */
static void an_entry_by_another_key_is_refused(void **unused) {
  struct world world;
  struct snapshot snapshot = {.size = 0};
  struct journal *journal;
  struct secret_key stranger;
  struct fault fault = {TAMIS_OK, ""};
  char path[512], *envelope, *note;
  const char *name = "state";
  size_t length, note_length;
  uint64_t torn;
  (void)unused;
  live(&world);
  struct start start = start_of(&world);
  key_generate("service/aggregator", &stranger);
  struct digest digest = digest_of(start.text, start.length);
  json_t *predicate = json_pack("{s:I, s:i}", "size", (json_int_t)start.size, "format", STATE_FORMAT);
  assert_status(statement_sign(WORLD_ORIGIN, STATEMENT_SNAPSHOT, predicate, 1, &name, &digest,
                               &stranger, &envelope, &length, NULL),
                TAMIS_OK);
  json_decref(predicate);
  path_of(&world, "journal", path);
  assert_status(journal_open(path, 0, NULL, NULL, NULL, &journal, &torn, NULL), TAMIS_OK);
  struct journal_entry entry = {envelope, length};
  assert_status(journal_append(journal, &entry, 1, NULL), TAMIS_OK);
  free(envelope);
  struct checkpoint checkpoint = {.size = start.size + 1};
  snprintf(checkpoint.origin, sizeof checkpoint.origin, "%s", WORLD_ORIGIN);
  checkpoint.root = merkle_tree_root(journal_tree(journal), checkpoint.size);
  checkpoint_sign(&checkpoint, &world.log_key, &note, &note_length);
  path_of(&world, "checkpoint", path);
  file_write(path, note, note_length);
  free(note);
  struct journal_record *records = calloc(start.size, sizeof *records);
  journal_records(journal, 0, start.size, records);
  journal_close(journal);
  snapshot.size = start.size;
  snapshot.text = start.text;
  snapshot.length = start.length;
  assert_status(snapshot_write(world.state_dir, &snapshot, records, start.size, 0, NULL), TAMIS_OK);
  free(records);
  free(start.text);
  assert_true(opens(world.state_dir));
  struct ledger_options options = options_of(&world);
  struct ledger ledger;
  assert_status(ledger_open(&options, &ledger, &fault), TAMIS_CORRUPT);
  ledger_close(&ledger);
  assert_string_equal(world.event, "snapshot not used");
  assert_non_null(strstr(world.notice, "signature"));
  assert_non_null(strstr(fault.text, "signature"));
  world_close(&world);
}

/* Every fold holds a snapshot against what it folded: this one is well signed and wrong. */
static void a_snapshot_of_another_state_is_no_log_of_ours(void **unused) {
  struct world world;
  struct fault fault = {TAMIS_OK, ""};
  struct digest digest = {{7}};
  (void)unused;
  live(&world);
  struct start start = start_of(&world);
  free(start.text);
  world_forge(&world, &world.aggregator_key, STATEMENT_SNAPSHOT,
              json_pack("{s:I, s:i}", "size", (json_int_t)start.size, "format", STATE_FORMAT), "state",
              &digest);
  struct ledger_options options = options_of(&world);
  struct ledger ledger;
  assert_status(ledger_open(&options, &ledger, &fault), TAMIS_CORRUPT);
  ledger_close(&ledger);
  assert_non_null(strstr(fault.text, "add up to another state"));
  world_close(&world);
}

/* What a start from a snapshot does not read is read in the background. */
static void damage_in_old_entries_is_found_by_the_scrub(void **unused) {
  struct world world;
  struct snapshot snapshot;
  struct scrub *scrub;
  char path[512];
  (void)unused;
  live(&world);
  struct scrub_options options = {.folder = world.state_dir, .notice = {world_notice, &world}};
  assert_status(snapshot_open(world.state_dir, &snapshot, NULL), TAMIS_OK);
  off_t place = (off_t)snapshot.record[4].end + 100;
  assert_status(scrub_start(&options, &snapshot, &scrub, NULL), TAMIS_OK);
  assert_true(scrub_wait(scrub));
  scrub_stop(scrub);
  path_of(&world, "journal", path);
  int descriptor = open(path, O_RDWR);
  flip(descriptor, place, 2);
  close(descriptor);
  assert_status(snapshot_open(world.state_dir, &snapshot, NULL), TAMIS_OK);
  assert_status(scrub_start(&options, &snapshot, &scrub, NULL), TAMIS_OK);
  assert_false(scrub_wait(scrub));
  scrub_stop(scrub);
  assert_int_equal(world.notices[NOTICE_ERROR], 1);
  assert_non_null(strstr(world.notice, "entry 5 "));
  assert_false(opens(world.state_dir)); /* so that the next start refuses */
  struct ledger_options wanted = options_of(&world);
  struct ledger ledger;
  assert_status(ledger_open(&wanted, &ledger, NULL), TAMIS_CORRUPT);
  ledger_close(&ledger);
  world_close(&world);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_start_from_a_snapshot_is_the_whole_start),
      cmocka_unit_test(the_text_is_read_back_or_refused),
      cmocka_unit_test(every_flipped_bit_is_seen),
      cmocka_unit_test(a_forged_state_is_not_named_by_the_log),
      cmocka_unit_test(forged_records_are_held_against_the_signed_root),
      cmocka_unit_test(a_forged_place_is_seen_when_it_is_read),
      cmocka_unit_test(a_stop_between_two_steps_is_no_harm),
      cmocka_unit_test(a_snapshot_newer_than_the_log_is_not_used),
      cmocka_unit_test(an_entry_by_another_key_is_refused),
      cmocka_unit_test(a_snapshot_of_another_state_is_no_log_of_ours),
      cmocka_unit_test(damage_in_old_entries_is_found_by_the_scrub),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
