/* The parts of a client that outlive one call: what is pinned, the connection, the federations. */
#include "client-sdk/client.h"

#include <stdlib.h>
#include <string.h>
#include "proto/canonical.h"

enum tamis_status client_connect(struct tamis_client *client) {
  if (client->channel) return TAMIS_OK;
  if (!client->where.address)
    return fault_set(&client->fault, TAMIS_BAD_CONFIG, "no address: enrol first, or give one");
  enum tamis_status status = channel_open(&client->where, &client->channel, &client->fault);
  client->session.channel = client->channel;
  return status;
}

enum tamis_status client_ready(struct tamis_client *client) {
  if (!client->enrolled)
    return fault_set(&client->fault, TAMIS_UNKNOWN_CLIENT,
                     "%s is not enrolled; call tamis_client_enrol with an invitation",
                     client->dir.path);
  enum tamis_status status = trust_is_whole(&client->trust, &client->fault);
  if (status == TAMIS_OK) status = client_connect(client);
  if (status != TAMIS_OK || client->trust.has_aggregator) return status;
  status = trust_aggregator(&client->trust, &client->session, &client->fault);
  if (status == TAMIS_OK) status = client_pin(client);
  return status;
}

/* ---- What is pinned ---- */

enum tamis_status client_pin(struct tamis_client *client) {
  char vkey[KEY_VKEY_SIZE], *text = NULL;
  size_t length = 0;
  key_vkey_write(&client->trust.log_key, vkey);
  json_t *object = json_pack("{s:s, s:s, s:s}", "address", client->where.address, "client",
                             client->key.public.name, "log_key", vkey);
  if (object && client->trust.has_aggregator) {
    key_vkey_write(&client->trust.aggregator_key, vkey);
    json_object_set_new(object, "aggregator_key", json_string(vkey));
  }
  enum tamis_status status = object ? canonical_encode(object, &text, &length, &client->fault)
                                    : fault_plain(&client->fault, TAMIS_NO_MEMORY);
  if (status == TAMIS_OK)
    status = state_dir_write(&client->dir, "pinned", text, length, &client->fault);
  json_decref(object);
  free(text);
  return status;
}

static bool recall_key(const json_t *object, const char *field, struct public_key *key) {
  const char *vkey;
  return canonical_text(object, field, &vkey) &&
         key_vkey_read(vkey, strlen(vkey), key, NULL) == TAMIS_OK;
}

static enum tamis_status recall_fields(struct tamis_client *client, const json_t *object) {
  const char *address, *name;
  struct public_key log_key;
  char path[2 * STATE_DIR_PATH_MAX];
  if (!canonical_text(object, "address", &address) || !canonical_text(object, "client", &name) ||
      !recall_key(object, "log_key", &log_key))
    return fault_set(&client->fault, TAMIS_CORRUPT, "%s/pinned lacks a field", client->dir.path);
  state_dir_path(&client->dir, "identity.key", path);
  enum tamis_status status = key_file_read(path, &client->key, &client->fault);
  if (status != TAMIS_OK) return status;
  if (strcmp(client->key.public.name, name) != 0)
    return fault_set(&client->fault, TAMIS_CORRUPT, "%s is the key of %s, but %s was enrolled",
                     path, client->key.public.name, name);
  if (!client->where.address && !(client->where.address = strdup(address)))
    return fault_plain(&client->fault, TAMIS_NO_MEMORY);
  status = trust_open(&client->trust, &log_key, &client->dir, &client->fault);
  if (status == TAMIS_OK && json_object_get(object, "aggregator_key")) {
    client->trust.has_aggregator =
        recall_key(object, "aggregator_key", &client->trust.aggregator_key);
  }
  client->enrolled = status == TAMIS_OK;
  return status;
}

enum tamis_status client_recall(struct tamis_client *client) {
  if (!state_dir_has(&client->dir, "pinned")) return TAMIS_OK;
  char *text = NULL;
  size_t length;
  json_t *object = NULL;
  enum tamis_status status = state_dir_read(&client->dir, "pinned", &text, &length, &client->fault);
  if (status == TAMIS_OK && canonical_decode(text, length, &object, NULL) != TAMIS_OK)
    status = fault_set(&client->fault, TAMIS_CORRUPT, "%s/pinned is not what was written",
                       client->dir.path);
  if (status == TAMIS_OK) status = recall_fields(client, object);
  if (status == TAMIS_OK) status = wanted_read(&client->wanted, &client->dir, &client->fault);
  json_decref(object);
  free(text);
  return status;
}

/* ---- Federations ---- */

struct lineage *client_lineage(struct tamis_client *client, const char *federation) {
  for (size_t i = 0; i < CLIENT_LINEAGES_MAX; i++)
    if (client->lineage[i].last_used > 0 &&
        strcmp(client->lineage[i].plan.federation, federation) == 0)
      return &client->lineage[i];
  return NULL;
}

struct lineage *client_lineage_make(struct tamis_client *client, const char *federation) {
  struct lineage *lineage = client_lineage(client, federation);
  if (!lineage) {
    lineage = &client->lineage[0];
    for (size_t i = 1; i < CLIENT_LINEAGES_MAX; i++)
      if (client->lineage[i].last_used < lineage->last_used) lineage = &client->lineage[i];
    layout_close(&lineage->layout);
    *lineage = (struct lineage){0};
  }
  lineage->last_used = ++client->uses;
  return lineage;
}

enum tamis_status client_lineage_of(struct tamis_client *client, const struct tamis_task *task,
                                    struct lineage **out) {
  char base[DIGEST_HEX_SIZE];
  struct lineage *lineage = client_lineage(client, task->federation);
  if (lineage) digest_to_hex(&lineage->plan.base, base);
  if (!lineage || lineage->plan.round != task->round || strcmp(base, task->base) != 0)
    return fault_set(&client->fault, TAMIS_BAD_REQUEST,
                     "round %llu of %.64s is not the task this client was last given",
                     (unsigned long long)task->round, task->federation);
  *out = lineage;
  return TAMIS_OK;
}
