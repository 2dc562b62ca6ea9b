/* Two sorted lists, and a search by halves. */
#include "aggregator/feed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "proto/canonical.h"
#include "proto/text.h"

static const char *const list_names[FEED_LISTS] = {"keys", "updates"};

const char *feed_list_name(enum feed_list list) {
  return list_names[list];
}

void feed_close(struct feed *feed) {
  for (int i = 0; i < FEED_LISTS; i++) free(feed->item[i]);
  *feed = (struct feed){0};
}

void feed_make(struct feed *feed, enum feed_list list, size_t count) {
  feed->item[list] = calloc(count + 1, sizeof *feed->item[list]);
  if (!feed->item[list]) abort(); /* a state that cannot follow the journal is of no use */
  feed->count[list] = count;
}

static enum tamis_status item_read(const json_t *element, struct feed_item *item,
                                   struct fault *fault) {
  const char *hex, *reason;
  if (json_object_size(element) != 2 || !canonical_text(element, "digest", &hex) ||
      !canonical_text(element, "reason", &reason) ||
      !digest_from_hex(hex, strlen(hex), &item->digest))
    return fault_set(fault, TAMIS_BAD_STATEMENT,
                     "an element of the feed is not a digest and a reason");
  size_t length = strlen(reason);
  if (length >= FEED_REASON_SIZE || !text_is_printable(reason, length))
    return fault_set(fault, TAMIS_BAD_STATEMENT, "a reason in the feed has at most %d characters",
                     FEED_REASON_SIZE - 1);
  memcpy(item->reason, reason, length + 1);
  return TAMIS_OK;
}

static enum tamis_status list_read(const json_t *elements, enum feed_list list, struct feed *feed,
                                   struct fault *fault) {
  size_t count = json_array_size(elements);
  if (!json_is_array(elements) || count > FEED_ITEMS_MAX)
    return fault_set(fault, TAMIS_BAD_STATEMENT, "the feed's %s are no list of at most %d",
                     list_names[list], FEED_ITEMS_MAX);
  feed_make(feed, list, count);
  for (size_t i = 0; i < count; i++) {
    struct feed_item *item = &feed->item[list][i];
    enum tamis_status status = item_read(json_array_get(elements, i), item, fault);
    if (status != TAMIS_OK) return status;
    if (i > 0 && memcmp(item[-1].digest.byte, item->digest.byte, DIGEST_SIZE) >= 0)
      return fault_set(fault, TAMIS_BAD_STATEMENT, "the feed's %s are not in order, each once",
                       list_names[list]);
  }
  return TAMIS_OK;
}

enum tamis_status feed_read(const json_t *manifest, struct feed *feed, struct fault *fault) {
  *feed = (struct feed){0};
  if (json_object_size(manifest) != FEED_LISTS)
    return fault_set(fault, TAMIS_BAD_STATEMENT, "the feed has other lists than keys and updates");
  enum tamis_status status = TAMIS_OK;
  for (int i = 0; i < FEED_LISTS && status == TAMIS_OK; i++)
    status = list_read(json_object_get(manifest, list_names[i]), (enum feed_list)i, feed, fault);
  return status;
}

const struct feed_item *feed_find(const struct feed *feed, enum feed_list list,
                                  const struct digest *digest) {
  size_t low = 0, high = feed->count[list];
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    const struct feed_item *item = &feed->item[list][middle];
    int order = memcmp(digest->byte, item->digest.byte, DIGEST_SIZE);
    if (order == 0) return item;
    if (order < 0)
      high = middle;
    else
      low = middle + 1;
  }
  return NULL;
}
