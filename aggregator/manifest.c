/* Floats travel as f64 strings, digests as hex; the fields are those of PROTOCOL.md 2. */
#include "aggregator/manifest.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include "proto/canonical.h"
#include "proto/text.h"

enum tamis_status manifest_load(struct blob_store *blobs, const struct digest *digest,
                                json_t **manifest, struct fault *fault) {
  struct blob_view view;
  char hex[DIGEST_HEX_SIZE];
  struct fault why;
  enum tamis_status status = blob_map(blobs, digest, true, &view, &why);
  if (status == TAMIS_OK) {
    status = canonical_decode((const char *)view.bytes, view.length, manifest, &why);
    blob_unmap(&view);
  }
  digest_to_hex(digest, hex);
  if (status != TAMIS_OK) fault_set(fault, TAMIS_CORRUPT, "manifest %s: %s", hex, why.text);
  return status == TAMIS_OK ? TAMIS_OK : TAMIS_CORRUPT;
}

json_t *manifest_digest(const struct digest *digest) {
  char hex[DIGEST_HEX_SIZE];
  digest_to_hex(digest, hex);
  return json_string(hex);
}

json_t *manifest_cohort(const char *federation, int64_t round, json_t *clients) {
  return json_pack("{s:s, s:I, s:o}", "federation", federation, "round", (json_int_t)round,
                   "clients", clients);
}

json_t *manifest_verdicts(const char *federation, int64_t round, json_t *clients, json_t *updates,
                          const struct trail *trail) {
  json_t *manifest = json_pack("{s:s, s:I, s:o, s:o}", "federation", federation, "round",
                               (json_int_t)round, "clients", clients, "updates", updates);
  if (digest_is_zero(&trail->file)) return manifest;
  json_t *rounds = json_array();
  for (size_t i = 0; i < trail->count; i++)
    json_array_append_new(rounds, json_integer((json_int_t)trail->round[i]));
  json_object_set_new(
      manifest, "state",
      json_pack("[{s:s, s:o}]", "name", "sketches", "blob", manifest_digest(&trail->file)));
  json_object_set_new(manifest, "trail", rounds);
  return manifest;
}

static json_t *memory_write(const struct memory *memory) {
  json_t *state = json_array();
  for (size_t i = 0; i < memory->count; i++)
    json_array_append_new(state, json_pack("{s:s, s:o}", "name", memory->vector[i].name, "blob",
                                           manifest_digest(&memory->vector[i].blob)));
  return state;
}

static bool remembers(const struct memory *memory, const char *name, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (strcmp(memory->vector[i].name, name) == 0) return true;
  return false;
}

/* Who remembers nothing writes what was written before there was memory. */
json_t *manifest_weights(const struct manifest_weights *weights, json_t *updates) {
  const struct memory *memory = weights->memory;
  json_t *manifest = json_pack("{s:s, s:I, s:s, s:o, s:o, s:o}", "federation", weights->federation,
                               "round", (json_int_t)weights->round, "rule", weights->rule, "gram",
                               manifest_digest(&weights->gram), "margin",
                               canonical_f64(weights->margin), "updates", updates);
  if (weights->optimiser[0] != '\0')
    json_object_set_new(manifest, "optimiser", json_string(weights->optimiser));
  if (memory->count > 0) json_object_set_new(manifest, "state", memory_write(memory));
  if (remembers(memory, STATE_RULE_VECTOR, memory->count))
    json_object_set_new(manifest, "reference_weight", canonical_f64(weights->reference_weight));
  if (weights->of != 0) {
    json_object_set_new(manifest, "of", json_integer(weights->of));
    json_object_set_new(manifest, "approximate", json_string(weights->approximate));
    json_object_set_new(manifest, "without", weights->without);
  }
  return manifest;
}

static enum tamis_status corrupt(struct fault *fault, const char *what) {
  return fault_set(fault, TAMIS_CORRUPT, "the manifest has no good \"%s\"", what);
}

enum tamis_status manifest_list(const json_t *manifest, const char *federation, int64_t round,
                                const char *name, const json_t **list, struct fault *fault) {
  const char *its_federation;
  int64_t its_round;
  if (!canonical_text(manifest, "federation", &its_federation) ||
      strcmp(its_federation, federation) != 0)
    return corrupt(fault, "federation");
  if (!canonical_integer(manifest, "round", &its_round) || its_round != round)
    return corrupt(fault, "round");
  *list = json_object_get(manifest, name);
  return json_is_array(*list) ? TAMIS_OK : corrupt(fault, name);
}

static bool read_digest(const json_t *object, const char *key, struct digest *digest) {
  const char *hex;
  return canonical_text(object, key, &hex) && digest_from_hex(hex, strlen(hex), digest);
}

enum tamis_status manifest_trail_read(const json_t *manifest, struct trail *trail,
                                      struct fault *fault) {
  const json_t *rounds = json_object_get(manifest, "trail"), *round;
  struct memory memory;
  size_t i;
  *trail = (struct trail){.count = 0};
  enum tamis_status status = manifest_memory_read(manifest, &memory, fault);
  if (status != TAMIS_OK || (!rounds && memory.count == 0)) return status;
  if (memory.count != 1 || strcmp(memory.vector[0].name, "sketches") != 0)
    return corrupt(fault, "state");
  if (!json_is_array(rounds) || json_array_size(rounds) < 1 ||
      json_array_size(rounds) > STATE_TRAIL_MAX)
    return corrupt(fault, "trail");
  trail->file = memory.vector[0].blob;
  json_array_foreach(rounds, i, round) {
    trail->round[i] = json_is_integer(round) ? json_integer_value(round) : 0;
    if (trail->round[i] <= (i > 0 ? trail->round[i - 1] : 0)) return corrupt(fault, "trail");
  }
  trail->count = json_array_size(rounds);
  return TAMIS_OK;
}

enum tamis_status manifest_memory_read(const json_t *manifest, struct memory *memory,
                                       struct fault *fault) {
  const json_t *state = json_object_get(manifest, "state"), *element;
  size_t i;
  *memory = (struct memory){0};
  if (!state) return TAMIS_OK;
  if (!json_is_array(state) || json_array_size(state) > STATE_VECTORS_MAX)
    return corrupt(fault, "state");
  json_array_foreach(state, i, element) {
    const char *name;
    if (!canonical_text(element, "name", &name) || !text_is_name(name, strlen(name)) ||
        remembers(memory, name, i) || !read_digest(element, "blob", &memory->vector[i].blob))
      return corrupt(fault, "state");
    state_name_set(memory->vector[i].name, name);
    memory->count++;
  }
  return TAMIS_OK;
}

static bool read_truth(const json_t *object, const char *key, bool *truth) {
  int64_t value;
  if (!canonical_integer(object, key, &value) || value < 0 || value > 1) return false;
  *truth = value == 1;
  return true;
}

json_t *manifest_update_write(const struct manifest_update *update, const struct judged *judged,
                              const struct manifest_alike *alike) {
  size_t count;
  const struct evidence_row *row = evidence_table(&count);
  json_t *element = json_pack(
      "{s:s, s:I, s:o, s:I, s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o}", "client", update->client,
      "index", (json_int_t)update->index, "update", manifest_digest(&update->update), "examples",
      (json_int_t)update->examples, "verdict", judge_verdict_name(judged->verdict), "sentence",
      judged->sentence, "neighbour", alike->neighbour, "residual_neighbour",
      alike->residual_neighbour, "history_neighbour", alike->history_neighbour, "z_norm",
      canonical_f64(judged->z_norm), "z_distance", canonical_f64(judged->z_distance), "z_cosine",
      canonical_f64(judged->z_cosine), "risk", canonical_f64(judged->risk));
  json_object_set_new(element, "z_neighbour", canonical_f64(judged->z_neighbour));
  json_object_set_new(element, "z_aggregate", canonical_f64(judged->z_aggregate));
  json_object_set_new(element, "z_history", canonical_f64(judged->z_history));
  json_object_set_new(element, "effort", canonical_f64(judged->effort));
  for (enum sign i = 0; i < SIGN_COUNT; i++)
    json_object_set_new(element, judge_sign_name(i), canonical_f64(judged->sign[i]));
  for (size_t i = 0; i < count; i++)
    json_object_set_new(element, row[i].name,
                        canonical_f64(evidence_get(&judged->evidence, &row[i])));
  json_object_set_new(element, "counted", json_integer(judged->bar == BAR_NONE));
  json_object_set_new(element, "strike", json_integer(judged->is_strike));
  return element;
}

/* Which update: what all lists of updates begin with. */
static enum tamis_status which_read(const json_t *element, struct manifest_update *update,
                                    struct fault *fault) {
  int64_t index;
  *update = (struct manifest_update){.client = ""};
  if (!canonical_text(element, "client", &update->client)) return corrupt(fault, "client");
  if (!canonical_integer(element, "index", &index) || index < 0) return corrupt(fault, "index");
  if (!read_digest(element, "update", &update->update)) return corrupt(fault, "update");
  update->index = (uint64_t)index;
  return TAMIS_OK;
}

enum tamis_status manifest_update_read(const json_t *element, struct manifest_update *update,
                                       struct fault *fault) {
  const char *verdict;
  enum tamis_status status = which_read(element, update, fault);
  if (status != TAMIS_OK) return status;
  if (!canonical_integer(element, "examples", &update->examples)) return corrupt(fault, "examples");
  if (!canonical_text(element, "verdict", &verdict) ||
      !judge_verdict_read(verdict, &update->verdict))
    return corrupt(fault, "verdict");
  if (!canonical_double(element, "risk", &update->risk)) return corrupt(fault, "risk");
  if (!canonical_double(element, "z_distance", &update->z_distance))
    return corrupt(fault, "z_distance");
  if (!read_truth(element, "counted", &update->is_counted)) return corrupt(fault, "counted");
  if (!read_truth(element, "strike", &update->is_strike)) return corrupt(fault, "strike");
  return TAMIS_OK;
}

json_t *manifest_amended(const char *federation, int64_t round, json_t *history) {
  return json_pack("{s:s, s:I, s:[o]}", "federation", federation, "round", (json_int_t)round,
                   "clients", history);
}

json_t *manifest_tombstone(const char *federation, int64_t round, json_t *updates) {
  return json_pack("{s:s, s:I, s:o}", "federation", federation, "round", (json_int_t)round,
                   "updates", updates);
}

/* An abandoned round gave no verdicts. */
json_t *manifest_dropped_write(const struct manifest_update *update) {
  return json_pack("{s:s, s:I, s:o, s:s}", "client", update->client, "index",
                   (json_int_t)update->index, "update", manifest_digest(&update->update), "verdict",
                   update->verdict == VERDICT_NONE ? "" : judge_verdict_name(update->verdict));
}

enum tamis_status manifest_dropped_read(const json_t *element, struct manifest_update *update,
                                        struct fault *fault) {
  const char *verdict;
  enum tamis_status status = which_read(element, update, fault);
  if (status != TAMIS_OK) return status;
  if (!canonical_text(element, "verdict", &verdict) ||
      (verdict[0] != '\0' && !judge_verdict_read(verdict, &update->verdict)))
    return corrupt(fault, "verdict");
  return TAMIS_OK;
}

static double *number_of(struct history *history, const struct history_row *row) {
  return (double *)(void *)((char *)history + row->offset);
}

static int64_t *count_of(struct history *history, const struct history_row *row) {
  return (int64_t *)(void *)((char *)history + row->offset);
}

/* Who has no sketches yet has no place of them either. */
static void sketch_write(json_t *element, const struct sketch_place *sketch) {
  if (digest_is_zero(&sketch->file)) return;
  json_object_set_new(element, "sketch", manifest_digest(&sketch->file));
  json_object_set_new(element, "sketch_row", json_integer((json_int_t)sketch->row));
  json_object_set_new(element, "sketch_round", json_integer((json_int_t)sketch->round));
}

static bool sketch_read(const json_t *element, struct sketch_place *sketch) {
  int64_t row;
  *sketch = (struct sketch_place){.row = 0};
  if (!json_object_get(element, "sketch")) return true;
  if (!read_digest(element, "sketch", &sketch->file) ||
      !canonical_integer(element, "sketch_row", &row) || row < 0 || row >= JUDGE_ROWS_MAX ||
      !canonical_integer(element, "sketch_round", &sketch->round) || sketch->round < 1)
    return false;
  sketch->row = (uint32_t)row;
  return true;
}

json_t *manifest_history_write(const char *client, const struct history *history,
                               const struct digest *before, const struct sketch_place *sketch) {
  struct history copy = *history;
  size_t numbers, counts;
  const struct history_row *number = judge_history_numbers(&numbers);
  const struct history_row *count = judge_history_counts(&counts);
  json_t *element = json_pack("{s:s, s:s, s:s, s:o}", "client", client, "state",
                              judge_standing_name(history->standing), "sentence", history->sentence,
                              "before", manifest_digest(before));
  for (size_t i = 0; i < numbers; i++)
    json_object_set_new(element, number[i].name, canonical_f64(*number_of(&copy, &number[i])));
  for (size_t i = 0; i < counts; i++)
    json_object_set_new(element, count[i].name, json_integer(*count_of(&copy, &count[i])));
  sketch_write(element, sketch);
  return element;
}

enum tamis_status manifest_history_read(const json_t *element, const char **client,
                                        struct history *history, struct digest *before,
                                        struct sketch_place *sketch, struct fault *fault) {
  const char *state, *sentence;
  size_t numbers, counts;
  const struct history_row *number = judge_history_numbers(&numbers);
  const struct history_row *count = judge_history_counts(&counts);
  if (!canonical_text(element, "client", client)) return corrupt(fault, "client");
  if (!canonical_text(element, "state", &state) || !judge_standing_read(state, &history->standing))
    return corrupt(fault, "state");
  if (!canonical_text(element, "sentence", &sentence)) return corrupt(fault, "sentence");
  snprintf(history->sentence, sizeof history->sentence, "%s", sentence);
  if (!read_digest(element, "before", before)) return corrupt(fault, "before");
  if (!sketch_read(element, sketch)) return corrupt(fault, "sketch");
  for (size_t i = 0; i < numbers; i++)
    if (!canonical_double(element, number[i].name, number_of(history, &number[i])))
      return corrupt(fault, number[i].name);
  for (size_t i = 0; i < counts; i++)
    if (!canonical_integer(element, count[i].name, count_of(history, &count[i])))
      return corrupt(fault, count[i].name);
  return TAMIS_OK;
}

json_t *manifest_weight_write(const char *client, uint64_t index, const struct digest *update,
                              double weight) {
  return json_pack("{s:s, s:I, s:o, s:o}", "client", client, "index", (json_int_t)index, "update",
                   manifest_digest(update), "weight", canonical_f64(weight));
}
