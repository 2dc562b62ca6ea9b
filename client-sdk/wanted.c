/* A short list that is written whole at every change: one entry in, a round later one out. */
#include "client-sdk/wanted.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "proto/canonical.h"

static const char file_name[] = "verdicts-wanted";

static bool item_read(const json_t *object, struct wanted_round *item) {
  const char *federation;
  int64_t round;
  if (json_object_size(object) != 2 || !canonical_text(object, "federation", &federation) ||
      !canonical_integer(object, "round", &round) || round < 1 ||
      !text_is_name(federation, strlen(federation)))
    return false;
  snprintf(item->federation, sizeof item->federation, "%s", federation);
  item->round = (uint64_t)round;
  return true;
}

static bool items_read(const json_t *list, struct wanted *wanted) {
  size_t count = json_array_size(list);
  if (!json_is_array(list) || count > WANTED_MAX) return false;
  for (size_t i = 0; i < count; i++)
    if (!item_read(json_array_get(list, i), &wanted->item[i])) return false;
  wanted->count = count;
  return true;
}

enum tamis_status wanted_read(struct wanted *wanted, const struct state_dir *dir,
                              struct fault *fault) {
  char *text = NULL;
  size_t length;
  json_t *list = NULL;
  wanted->count = 0;
  if (!state_dir_has(dir, file_name)) return TAMIS_OK;
  enum tamis_status status = state_dir_read(dir, file_name, &text, &length, fault);
  if (status == TAMIS_OK &&
      (canonical_decode(text, length, &list, NULL) != TAMIS_OK || !items_read(list, wanted)))
    status = fault_set(fault, TAMIS_CORRUPT,
                       "%s/%s is not what was written: take it away, and the rounds it named are "
                       "not looked at again",
                       dir->path, file_name);
  json_decref(list);
  free(text);
  return status;
}

static enum tamis_status wanted_write(const struct wanted *wanted, const struct state_dir *dir,
                                      struct fault *fault) {
  char *text = NULL;
  size_t length = 0;
  json_t *list = json_array();
  for (size_t i = 0; i < wanted->count; i++)
    json_array_append_new(list, json_pack("{s:s, s:I}", "federation", wanted->item[i].federation,
                                          "round", (json_int_t)wanted->item[i].round));
  enum tamis_status status = json_array_size(list) == wanted->count && list
                                 ? canonical_encode(list, &text, &length, fault)
                                 : fault_plain(fault, TAMIS_NO_MEMORY);
  if (status == TAMIS_OK) status = state_dir_write(dir, file_name, text, length, fault);
  json_decref(list);
  free(text);
  return status;
}

static void drop(struct wanted *wanted, size_t at) {
  wanted->count--;
  memmove(&wanted->item[at], &wanted->item[at + 1], (wanted->count - at) * sizeof wanted->item[at]);
}

/* Where the round stands; `count` when it does not. */
static size_t find(const struct wanted *wanted, const char *federation, uint64_t round) {
  size_t i = 0;
  while (i < wanted->count &&
         (wanted->item[i].round != round || strcmp(wanted->item[i].federation, federation) != 0))
    i++;
  return i;
}

/* The oldest of the federation when it has its share, the oldest of all when the list is full. */
static void make_room(struct wanted *wanted, const char *federation) {
  size_t oldest = 0, its = 0;
  for (size_t i = wanted->count; i > 0; i--)
    if (strcmp(wanted->item[i - 1].federation, federation) == 0) {
      oldest = i - 1;
      its++;
    }
  if (its >= WANTED_PER_FEDERATION)
    drop(wanted, oldest);
  else if (wanted->count == WANTED_MAX)
    drop(wanted, 0);
}

enum tamis_status wanted_add(struct wanted *wanted, const struct state_dir *dir,
                             const char *federation, uint64_t round, struct fault *fault) {
  if (find(wanted, federation, round) < wanted->count) return TAMIS_OK;
  make_room(wanted, federation);
  struct wanted_round *item = &wanted->item[wanted->count++];
  snprintf(item->federation, sizeof item->federation, "%s", federation);
  item->round = round;
  return wanted_write(wanted, dir, fault);
}

enum tamis_status wanted_remove(struct wanted *wanted, const struct state_dir *dir,
                                const char *federation, uint64_t round, struct fault *fault) {
  size_t at = find(wanted, federation, round);
  if (at == wanted->count) return TAMIS_OK;
  drop(wanted, at);
  return wanted_write(wanted, dir, fault);
}
