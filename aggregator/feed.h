/* What is known to be bad before it is looked at: keys that nobody may use here, and updates that
 * nobody may send again. One list for the log, replaced as a whole by people's `known-bad`. */
#ifndef TAMIS_FEED_H
#define TAMIS_FEED_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include "proto/digest.h"
#include "proto/fault.h"

enum { FEED_ITEMS_MAX = 4096 /* of each list */, FEED_REASON_SIZE = 129 };

enum feed_list { FEED_KEYS, FEED_UPDATES, FEED_LISTS };

struct feed_item {
  struct digest digest; /* of the 32 bytes of a public key; of an update's file */
  char reason[FEED_REASON_SIZE];
};

struct feed {
  int64_t version; /* 0: none was ever set */
  size_t count[FEED_LISTS];
  struct feed_item *item[FEED_LISTS]; /* owned; in the order of the digests */
};

/* "keys" and "updates": the manifest's own words. */
const char *feed_list_name(enum feed_list list);
/* From a manifest `{"keys":[{"digest","reason"},…],"updates":[…]}`, each list in the order of its
 * digests, none twice, reasons of at most 128 printable bytes. BAD_STATEMENT. The caller closes it,
 * also after a refusal. */
enum tamis_status feed_read(const json_t *manifest, struct feed *feed, struct fault *fault);
void feed_close(struct feed *feed);
/* Room for so many in a list, to be filled in. */
void feed_make(struct feed *feed, enum feed_list list, size_t count);

/* NULL when it is not on the list. */
const struct feed_item *feed_find(const struct feed *feed, enum feed_list list,
                                  const struct digest *digest);

#endif
