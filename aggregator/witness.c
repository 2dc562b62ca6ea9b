/* Organisations are counted by sorting names: no order of arrival can be seen in the result. */
#include "aggregator/witness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "aggregator/decision.h"
#include "aggregator/manifest.h"
#include "proto/canonical.h"

struct checkpoint witness_checkpoint(const struct state *state, uint64_t size,
                                     const struct digest *root) {
  struct checkpoint checkpoint = {.size = size, .root = *root};
  snprintf(checkpoint.origin, sizeof checkpoint.origin, "%s", state_origin(state));
  return checkpoint;
}

bool witness_is_good(const struct state *state, const struct cosignature *cosignature) {
  if (cosignature->client >= state->client_count) return false;
  const struct client *client = &state->client[cosignature->client];
  return !client->revoked && memcmp(client->key.byte, cosignature->key, KEY_PUBLIC_SIZE) == 0;
}

static int by_text(const void *left, const void *right) {
  return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* Does `name` stand at least `least` times in a row of the sorted list? */
static bool stands(const char **sorted, size_t count, const char *name, int64_t least) {
  size_t low = 0, high = count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (strcmp(sorted[middle], name) < 0)
      low = middle + 1;
    else
      high = middle;
  }
  size_t last = low + (size_t)least - 1;
  return last < count && strcmp(sorted[last], name) == 0;
}

static void missing_add(struct witness_tally *tally, const char *name) {
  size_t used = strlen(tally->missing), room = sizeof tally->missing - used;
  int wanted = snprintf(NULL, 0, "%s%s", used ? ", " : "", name);
  if (used >= 3 && strcmp(tally->missing + used - 3, "...") == 0) return;
  if ((size_t)wanted + sizeof ", ..." < room)
    snprintf(tally->missing + used, room, "%s%s", used ? ", " : "", name);
  else
    snprintf(tally->missing + used, room, "%s...", used ? ", " : "");
}

/* The organisations of all clients that may vouch, against those of the ones that did. */
static void tally_organisations(const struct state *state, const char **vouched, size_t count,
                                int64_t per_organisation, struct witness_tally *tally) {
  size_t all = 0;
  const char **name = decision_memory(calloc(state->client_count + 1, sizeof *name));
  for (size_t i = 0; i < state->client_count; i++)
    if (!state->client[i].revoked) name[all++] = state->client[i].organisation;
  qsort(name, all, sizeof *name, by_text);
  qsort(vouched, count, sizeof *vouched, by_text);
  for (size_t i = 0; i < all; i++) {
    if (i > 0 && strcmp(name[i - 1], name[i]) == 0) continue;
    if (stands(vouched, count, name[i], per_organisation))
      tally->organisations++;
    else
      missing_add(tally, name[i]);
  }
  free(name);
}

void witness_count(const struct state *state, const struct cosigned *cosigned,
                   int64_t per_organisation, struct witness_tally *tally) {
  size_t count = cosigned ? cosigned->count : 0;
  const char **vouched = decision_memory(calloc(count + 1, sizeof *vouched));
  *tally = (struct witness_tally){.missing = ""};
  for (size_t i = 0; i < count; i++) {
    const struct cosignature *cosignature = &cosigned->cosignature[i];
    if (witness_is_good(state, cosignature))
      vouched[tally->witnesses++] = state->client[cosignature->client].organisation;
  }
  tally_organisations(state, vouched, tally->witnesses, per_organisation, tally);
  free(vouched);
}

/* ---- the manifest ---- */

struct vouching {
  const struct client *client;
  const struct cosignature *cosignature;
};

static int by_client(const void *left, const void *right) {
  const struct vouching *a = left, *b = right;
  return strcmp(a->client->name, b->client->name);
}

json_t *witness_manifest(const struct state *state, const char *federation, int64_t round,
                         const struct cosigned *cosigned) {
  struct vouching *vouching = decision_memory(calloc(cosigned->count + 1, sizeof *vouching));
  size_t count = 0;
  for (size_t i = 0; i < cosigned->count; i++)
    if (witness_is_good(state, &cosigned->cosignature[i]))
      vouching[count++] = (struct vouching){&state->client[cosigned->cosignature[i].client],
                                            &cosigned->cosignature[i]};
  qsort(vouching, count, sizeof *vouching, by_client);
  json_t *list = decision_memory(json_array());
  for (size_t i = 0; i < count; i++)
    json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "client", vouching[i].client->name,
                                          "organisation", vouching[i].client->organisation,
                                          "cosignature", vouching[i].cosignature->text));
  free(vouching);
  return json_pack("{s:s, s:I, s:I, s:o, s:o}", "federation", federation, "round",
                   (json_int_t)round, "size", (json_int_t)cosigned->size, "root",
                   manifest_digest(&cosigned->root), "witnesses", list);
}

static enum tamis_status corrupt(struct fault *fault, const char *name) {
  return fault_set(fault, TAMIS_CORRUPT,
                   "the witness manifest holds no good cosignature of %.64s here", name);
}

static enum tamis_status element_check(const struct state *state, const json_t *element,
                                       const struct checkpoint *checkpoint, const char **before,
                                       struct cosignature *cosignature, struct fault *fault) {
  const char *name, *organisation, *text;
  char line[COSIGNATURE_LINE_SIZE];
  uint64_t unix_seconds;
  if (!canonical_text(element, "client", &name) || strcmp(*before, name) >= 0 ||
      !canonical_text(element, "organisation", &organisation) ||
      !canonical_text(element, "cosignature", &text) || strlen(text) >= COSIGNATURE_TEXT_SIZE)
    return corrupt(fault, *before);
  int64_t client = state_client_find(state, name);
  if (client == STATE_NOBODY || state->client[client].revoked ||
      strcmp(state->client[client].organisation, organisation) != 0)
    return corrupt(fault, name);
  const struct public_key *key = &state->client[client].key;
  size_t length = checkpoint_cosignature_line(name, text, line);
  if (checkpoint_cosigned(checkpoint, key, line, length, &unix_seconds, cosignature->text, NULL) !=
      TAMIS_OK)
    return corrupt(fault, name);
  cosignature->client = (uint32_t)client;
  memcpy(cosignature->key, key->byte, KEY_PUBLIC_SIZE);
  *before = name;
  return TAMIS_OK;
}

enum tamis_status witness_manifest_check(const struct state *state, const json_t *list,
                                         const struct checkpoint *checkpoint,
                                         int64_t per_organisation, struct witness_tally *tally,
                                         struct fault *fault) {
  struct cosigned cosigned = {.size = checkpoint->size, .root = checkpoint->root};
  const char *before = "";
  enum tamis_status status = TAMIS_OK;
  size_t count = json_array_size(list);
  if (count > WITNESS_COSIGNATURES_MAX) return corrupt(fault, before);
  cosigned.cosignature = decision_memory(calloc(count + 1, sizeof *cosigned.cosignature));
  for (; status == TAMIS_OK && cosigned.count < count; cosigned.count++)
    status = element_check(state, json_array_get(list, cosigned.count), checkpoint, &before,
                           &cosigned.cosignature[cosigned.count], fault);
  if (status == TAMIS_OK) witness_count(state, &cosigned, per_organisation, tally);
  free(cosigned.cosignature);
  return status;
}
