/* What a server that lies would write: a log with one entry changed and signed anew by the right
 * keys, under a checkpoint that is signed as well. */
#ifndef TAMIS_TEST_FORGE_H
#define TAMIS_TEST_FORGE_H

#include "story.h"

#include "proto/envelope.h"

/* One entry in the forger's hands. */
struct forgery {
  struct story *story;
  struct blob_store *blobs; /* of the forged folder */
  enum statement_kind kind;
  json_t *predicate, *manifest; /* manifest NULL: the kind has none */
  struct digest subject[2];
  bool is_left_out;
};

struct forge {
  struct story *story;
  char folder[256];
  uint64_t index; /* of the entry to change */
  void (*change)(struct forgery *forgery);
  struct journal *journal;
  struct blob_store *blobs;
};

static inline json_t *forge_load(struct blob_store *blobs, const struct digest *digest) {
  struct blob_view view;
  json_t *json = NULL;
  assert_int_equal(blob_map(blobs, digest, true, &view, NULL), TAMIS_OK);
  assert_int_equal(canonical_decode((const char *)view.bytes, view.length, &json, NULL), TAMIS_OK);
  blob_unmap(&view);
  return json;
}

static inline struct digest forge_store(struct blob_store *blobs, const json_t *json) {
  char *text;
  size_t length;
  struct digest digest;
  assert_int_equal(canonical_encode(json, &text, &length, NULL), TAMIS_OK);
  assert_int_equal(blob_put(blobs, text, length, &digest, NULL), TAMIS_OK);
  free(text);
  return digest;
}

/* Where the kind keeps its manifest's digest: NULL for the kinds without one. */
static inline struct digest *forge_place(struct forgery *forgery) {
  switch (forgery->kind) {
  case STATEMENT_SHADOW:
  case STATEMENT_VERDICTS: return &forgery->subject[0];
  case STATEMENT_AGGREGATE: return &forgery->subject[1];
  default: return NULL;
  }
}

static inline void forge_open_manifest(struct forgery *forgery) {
  struct digest digest, *place = forge_place(forgery);
  const char *hex = json_string_value(json_object_get(forgery->predicate, "cohort"));
  if (forgery->kind == STATEMENT_ROUND_OPEN) {
    assert_true(digest_from_hex(hex, strlen(hex), &digest));
    place = &digest;
  }
  forgery->manifest = place ? forge_load(forgery->blobs, place) : NULL;
}

static inline void forge_close_manifest(struct forgery *forgery) {
  if (!forgery->manifest) return;
  struct digest digest = forge_store(forgery->blobs, forgery->manifest);
  if (forgery->kind == STATEMENT_ROUND_OPEN)
    json_object_set_new(forgery->predicate, "cohort", world_hex(&digest));
  else
    *forge_place(forgery) = digest;
  json_decref(forgery->manifest);
}

static inline const struct secret_key *forge_key(struct story *story, const char *signer) {
  struct world *world = &story->world;
  for (size_t i = 0; i < world->clients; i++)
    if (strcmp(world->client[i].public.name, signer) == 0) return &world->client[i];
  return strcmp(signer, "service/aggregator") == 0 ? &world->aggregator_key : &world->operator_key;
}

/* NULL when the forger leaves the entry out. */
static inline char *forge_entry(struct forge *forge, const char *bytes, size_t length,
                                size_t *forged_length) {
  struct envelope envelope;
  struct statement statement;
  char *forged = NULL;
  assert_int_equal(envelope_open(bytes, length, &envelope, NULL), TAMIS_OK);
  assert_int_equal(
      statement_read(envelope.payload, envelope.payload_length, WORLD_ORIGIN, &statement, NULL),
      TAMIS_OK);
  struct forgery forgery = {.story = forge->story,
                            .blobs = forge->blobs,
                            .kind = statement.kind,
                            .predicate = json_deep_copy(statement.predicate),
                            .subject = {statement.subject[0], statement.subject[1]}};
  forge_open_manifest(&forgery);
  forge->change(&forgery);
  forge_close_manifest(&forgery);
  if (!forgery.is_left_out)
    assert_int_equal(statement_sign(WORLD_ORIGIN, statement.kind, forgery.predicate,
                                    statement.subject_count, statement.subject_name,
                                    forgery.subject,
                                    forge_key(forge->story, envelope.signature[0].keyid), &forged,
                                    forged_length, NULL),
                     TAMIS_OK);
  json_decref(forgery.predicate);
  statement_close(&statement);
  envelope_close(&envelope);
  return forged;
}

static inline enum tamis_status forge_visit(void *context, uint64_t index, const char *bytes,
                                            size_t length) {
  struct forge *forge = context;
  struct journal_entry entry = {bytes, length};
  char *forged = NULL;
  if (index == forge->index && forge->change) {
    entry.bytes = forged = forge_entry(forge, bytes, length, &entry.length);
    if (!forged) return TAMIS_OK;
  }
  assert_int_equal(journal_append(forge->journal, &entry, 1, NULL), TAMIS_OK);
  free(forged);
  return TAMIS_OK;
}

static inline void forge_sign(struct forge *forge) {
  char path[300], *note;
  size_t length;
  struct checkpoint checkpoint = {.size = journal_size(forge->journal)};
  snprintf(checkpoint.origin, sizeof checkpoint.origin, "%s", WORLD_ORIGIN);
  checkpoint.root = merkle_tree_root(journal_tree(forge->journal), checkpoint.size);
  checkpoint_sign(&checkpoint, &forge->story->world.log_key, &note, &length);
  snprintf(path, sizeof path, "%s/checkpoint", forge->folder);
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  assert_int_equal(fwrite(note, 1, length, file), length);
  fclose(file);
  free(note);
}

/* `from`'s log with entry `index` changed (NULL: as it is), in `folder`, which is made. */
static inline void forge_log(struct story *story, const char *from, const char *folder,
                             uint64_t index, void (*change)(struct forgery *)) {
  struct forge forge = {.story = story, .index = index, .change = change};
  char path[300], command[1280];
  uint64_t torn;
  snprintf(forge.folder, sizeof forge.folder, "%s", folder);
  snprintf(command, sizeof command, "rm -rf %s && mkdir %s && cp -a %s/blobs %s/", folder, folder,
           from, folder);
  assert_int_equal(system(command), 0);
  snprintf(path, sizeof path, "%s/blobs", folder);
  assert_int_equal(blob_store_open(path, 0, &forge.blobs, NULL), TAMIS_OK);
  snprintf(path, sizeof path, "%s/journal", folder);
  assert_int_equal(journal_open(path, 0, NULL, NULL, NULL, &forge.journal, &torn, NULL), TAMIS_OK);
  snprintf(path, sizeof path, "%s/journal", from);
  assert_int_equal(journal_walk(path, forge_visit, &forge, NULL), TAMIS_OK);
  forge_sign(&forge);
  journal_close(forge.journal);
  blob_store_close(forge.blobs);
}

/* A world whose log was copied while nothing was under way, and a place for what is forged of it.
 */
struct scene {
  struct story story;
  char copy[256], forged[256], vkey[KEY_VKEY_SIZE];
};

static inline void scene_copy(struct scene *scene) {
  const struct world *world = &scene->story.world;
  key_vkey_write(&world->log_key.public, scene->vkey);
  snprintf(scene->copy, sizeof scene->copy, "%s/copy", world->dir);
  snprintf(scene->forged, sizeof scene->forged, "%s/forged", world->dir);
  world_copy(world->state_dir, scene->copy);
}

static inline int scene_close(void **context) {
  struct scene *scene = *context;
  world_close(&scene->story.world);
  free(scene);
  return 0;
}

#endif
