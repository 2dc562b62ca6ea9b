/* Turns over every bit of all that a small federation keeps and hands out, one at a time, and asks
 * the readers: none may believe it, and none may fall over.
 *
 * usage: bit_flips [EVERY [FIRST]]: each EVERYth bit of each file from bit FIRST on (1, 0: all).
 *
 * Journal, checkpoint, manifests, models and updates are before `tamis verify`'s reader; tiles
 * before the index's; receipts before a client's. A flip is detected when the reader refuses, and
 * harmless when what the reader learnt is the same to the last field: that is only ever so in the
 * signature of somebody whom it does not know. */
#include "tests/unit/aggregator/world.h"

#include "aggregator/tiles.h"
#include "client-sdk/journal_reader.h"
#include "client-sdk/log_verify.h"

enum { CLIENTS = 3, ROUNDS = 2, FILES_MAX = 512, ENTRIES_MAX = 128 };

struct file {
  char path[320];
  uint8_t *bytes;
  size_t length;
};

struct reference {
  struct world world;
  char vkey[KEY_VKEY_SIZE], journal[224], checkpoint[224], blobs[224];
  struct file file[FILES_MAX];
  size_t files;
  struct log_report report;
  char *envelope[ENTRIES_MAX], *receipt[ENTRIES_MAX];
  size_t envelope_length[ENTRIES_MAX], receipt_length[ENTRIES_MAX], entries;
  uint64_t every, first;
};

struct tally {
  uint64_t flipped, detected, harmless, believed;
};

/* ---- files ---- */

static uint8_t *file_read(const char *path, size_t *length) {
  FILE *file = fopen(path, "rb");
  if (!file) return NULL;
  fseek(file, 0, SEEK_END);
  *length = (size_t)ftell(file);
  rewind(file);
  uint8_t *bytes = calloc(1, *length + 1);
  if (fread(bytes, 1, *length, file) != *length) abort();
  fclose(file);
  return bytes;
}

/* In place: what stands in the file is what the reader meets. */
static void byte_write(const char *path, size_t offset, uint8_t byte) {
  FILE *file = fopen(path, "rb+");
  if (!file || fseek(file, (long)offset, SEEK_SET) != 0 || fputc(byte, file) == EOF ||
      fclose(file) != 0)
    abort();
}

static struct reference *collecting; /* nftw has no context */

static int collect(const char *path, const struct stat *info, int kind, struct FTW *place) {
  (void)info, (void)place;
  if (kind != FTW_F || strstr(path, "tamis.db")) return 0;
  assert_true(collecting->files < FILES_MAX);
  struct file *file = &collecting->file[collecting->files++];
  snprintf(file->path, sizeof file->path, "%s", path);
  file->bytes = file_read(path, &file->length);
  return 0;
}

/* ---- readers ---- */

/* As `tamis verify --journal --blobs` reads. */
static enum tamis_status read_log(const struct reference *reference, struct log_report *report) {
  struct log_verify *verify;
  size_t length;
  uint64_t torn;
  uint8_t *note = file_read(reference->checkpoint, &length);
  enum tamis_status status = log_verify_open(reference->vkey, reference->blobs, &verify, NULL);
  if (status == TAMIS_OK) {
    status = journal_reader_walk(reference->journal, log_verify_entry, verify, &torn, NULL);
    if (status == TAMIS_OK) status = log_verify_finish(verify, (const char *)note, length);
    *report = *log_verify_report(verify);
    log_verify_close(verify);
  }
  free(note);
  return status;
}

static bool is_same(const struct log_report *a, const struct log_report *b) {
  return a->entries == b->entries && a->covered == b->covered && a->signatures == b->signatures &&
         a->blobs == b->blobs && a->bytes == b->bytes && digest_equal(&a->root, &b->root);
}

static void note_difference(void *context, const char *path, enum tiles_difference difference) {
  (void)path, (void)difference;
  *(bool *)context = true;
}

struct retiling {
  struct merkle_tree *tree;
  struct tiles *tiles;
};

static enum tamis_status retile(void *context, uint64_t index, const char *bytes, size_t length) {
  struct retiling *retiling = context;
  struct digest leaf = merkle_leaf(bytes, length);
  (void)index;
  merkle_tree_append(retiling->tree, &leaf);
  return tiles_add(retiling->tiles, bytes, length, NULL);
}

/* As `tamis log rebuild-index --check` reads. */
static bool tiles_are_right(const struct reference *reference) {
  bool differs = false;
  uint64_t torn;
  struct retiling retiling = {.tree = merkle_tree_new()};
  struct tiles_options options = {.folder = reference->world.state_dir,
                                  .tree = retiling.tree,
                                  .is_checked = true,
                                  .is_dry = true,
                                  .differs = note_difference,
                                  .context = &differs};
  bool is_read =
      tiles_open(&options, &retiling.tiles, NULL) == TAMIS_OK &&
      journal_reader_walk(reference->journal, retile, &retiling, &torn, NULL) == TAMIS_OK &&
      tiles_write(retiling.tiles, NULL) == TAMIS_OK &&
      tiles_sweep(retiling.tiles, NULL) == TAMIS_OK;
  tiles_close(retiling.tiles);
  merkle_tree_free(retiling.tree);
  return is_read && !differs;
}

/* ---- the federation ---- */

static void make(struct reference *reference) {
  struct world *world = &reference->world;
  world_open(world);
  world->optimiser = "momentum";
  world_enrol_clients(world, CLIENTS);
  assert_int_equal(world_federation(world, WORLD_FEDERATION, "multi_krum(f=0)", CLIENTS, 0, 0,
                                    ROUNDS, NULL, NULL),
                   TAMIS_OK);
  world_play(world, ROUNDS, 0, WORLD_HONEST);
  for (uint64_t i = 0; i < core_size(world->core); i++, reference->entries++)
    assert_int_equal(core_entry(world->core, i, &reference->envelope[i],
                                &reference->envelope_length[i], &reference->receipt[i],
                                &reference->receipt_length[i], NULL),
                     TAMIS_OK);
  world_stop(world);
  key_vkey_write(&world->log_key.public, reference->vkey);
  snprintf(reference->journal, sizeof reference->journal, "%s/journal", world->state_dir);
  snprintf(reference->checkpoint, sizeof reference->checkpoint, "%s/checkpoint", world->state_dir);
  snprintf(reference->blobs, sizeof reference->blobs, "%s/blobs", world->state_dir);
  collecting = reference;
  nftw(world->state_dir, collect, 16, FTW_PHYS);
  assert_int_equal(read_log(reference, &reference->report), TAMIS_OK);
  assert_true(tiles_are_right(reference));
}

/* ---- turning over ---- */

static bool is_tile(const struct reference *reference, const struct file *file) {
  return strncmp(file->path + strlen(reference->world.state_dir), "/tile/", 6) == 0;
}

static void judge(const struct reference *reference, const struct file *file, struct tally *tally) {
  struct log_report report = {0};
  tally->flipped++;
  if (is_tile(reference, file)) {
    tiles_are_right(reference) ? tally->believed++ : tally->detected++;
    return;
  }
  if (read_log(reference, &report) != TAMIS_OK)
    tally->detected++;
  else if (is_same(&report, &reference->report) && strcmp(file->path, reference->checkpoint) == 0)
    tally->harmless++;
  else
    tally->believed++;
}

static void flip_file(const struct reference *reference, const struct file *file,
                      struct tally *tally) {
  uint64_t believed = tally->believed;
  for (uint64_t bit = reference->first; bit < 8 * file->length; bit += reference->every) {
    uint8_t byte = file->bytes[bit / 8];
    byte_write(file->path, bit / 8, (uint8_t)(byte ^ 1 << bit % 8));
    judge(reference, file, tally);
    byte_write(file->path, bit / 8, byte);
    if (tally->believed > believed) {
      printf("BELIEVED bit %" PRIu64 " of %s\n", bit, file->path);
      believed = tally->believed;
    }
  }
}

static void flip_receipts(const struct reference *reference, struct tally *tally) {
  for (size_t i = 0; i < reference->entries; i++)
    for (uint64_t bit = reference->first; bit < 8 * reference->receipt_length[i];
         bit += reference->every) {
      struct checkpoint checkpoint;
      uint64_t index;
      char *byte = &reference->receipt[i][bit / 8];
      *byte = (char)(*byte ^ 1 << bit % 8);
      bool is_believed =
          receipt_verify(reference->receipt[i], reference->receipt_length[i],
                         reference->envelope[i], reference->envelope_length[i],
                         &reference->world.log_key.public, &index, &checkpoint, NULL) == TAMIS_OK;
      *byte = (char)(*byte ^ 1 << bit % 8);
      tally->flipped++;
      is_believed ? tally->believed++ : tally->detected++;
      if (is_believed) printf("BELIEVED bit %" PRIu64 " of receipt %zu\n", bit, i);
    }
}

static void tell(const char *what, uint64_t bytes, const struct tally *tally) {
  printf("%-12s %8" PRIu64 " bytes  %8" PRIu64 " flipped  %8" PRIu64 " detected  %4" PRIu64
         " harmless  %4" PRIu64 " believed\n",
         what, bytes, tally->flipped, tally->detected, tally->harmless, tally->believed);
  fflush(stdout);
}

/* One line a kind of file. */
static uint64_t flip_kind(const struct reference *reference, const char *what, const char *prefix) {
  struct tally tally = {0};
  uint64_t bytes = 0;
  size_t skip = strlen(reference->world.state_dir) + 1;
  for (size_t i = 0; i < reference->files; i++)
    if (strncmp(reference->file[i].path + skip, prefix, strlen(prefix)) == 0) {
      flip_file(reference, &reference->file[i], &tally);
      bytes += reference->file[i].length;
    }
  tell(what, bytes, &tally);
  return tally.believed + (tally.flipped == 0);
}

int main(int argc, char **argv) {
  static struct reference reference;
  struct tally receipts = {0};
  uint64_t bytes = 0;
  reference.every = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
  reference.first = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
  if (reference.every == 0) return 2;
  make(&reference);
  uint64_t wrong = flip_kind(&reference, "checkpoint", "checkpoint");
  wrong += flip_kind(&reference, "journal", "journal");
  wrong += flip_kind(&reference, "blobs", "blobs/");
  wrong += flip_kind(&reference, "tiles", "tile/");
  flip_receipts(&reference, &receipts);
  for (size_t i = 0; i < reference.entries; i++) bytes += reference.receipt_length[i];
  tell("receipts", bytes, &receipts);
  for (size_t i = 0; i < reference.files; i++) free(reference.file[i].bytes);
  for (size_t i = 0; i < reference.entries; i++) {
    free(reference.envelope[i]);
    free(reference.receipt[i]);
  }
  layout_close(&reference.world.layout);
  world_remove(reference.world.dir);
  return wrong + receipts.believed ? 1 : 0;
}
