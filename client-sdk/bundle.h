/* A bundle: part of a log in one file, with all that is needed to check it. What its members are
 * called and hold is PROTOCOL.md 11. Here they are only taken apart and put together; what they
 * prove is bundle_facts.h and bundle_claims.h. */
#ifndef TAMIS_BUNDLE_H
#define TAMIS_BUNDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "proto/digest.h"
#include "proto/fault.h"
#include "proto/merkle.h"

enum {
  BUNDLE_MEMBERS_MAX = 1 << 21,
  BUNDLE_README_MAX = 1 << 16,
  BUNDLE_LINK_MAX = MERKLE_PROOF_MAX * 45, /* base64 of 32 bytes and a newline */
  /* Of bundle.json and of the provenance, before either is parsed: bytes, and bytes an entry. */
  BUNDLE_WORDS_LEAST = 1 << 14,
  BUNDLE_WORDS_EACH = 1 << 11,
};

struct bundle_text {
  const char *bytes; /* NULL: not there; not terminated */
  size_t length;
};

struct bundle_entry {
  uint64_t index;
  struct bundle_text envelope, receipt;
};

/* How the tree of `size` entries, which somebody cosigned, goes on to the checkpoint's. */
struct bundle_link {
  uint64_t size;
  struct bundle_text proof; /* lines of base64, from the smaller tree to the larger */
};

struct bundle_blob {
  struct digest digest; /* what its name says: bundle_facts_open hashes it */
  const uint8_t *bytes;
  size_t size;
};

/* Views of bytes that somebody else keeps. */
struct bundle {
  struct bundle_text readme, about, checkpoint, log_vkey;
  struct bundle_text provenance; /* a DSSE envelope when it is signed, else the statement alone */
  bool provenance_is_signed;
  struct bundle_entry *entry; /* owned, by ascending index */
  size_t entry_count;
  struct bundle_link *link; /* owned, by ascending size */
  size_t link_count;
  struct bundle_blob *blob; /* owned, by ascending digest */
  size_t blob_count;
};

/* How to check it without us: the member README. */
extern const char bundle_readme[];

/* Takes outside bytes apart: exactly the members there may be, within their sizes, an entry and a
 * receipt to each index. BAD_REQUEST otherwise. */
enum tamis_status bundle_read(const uint8_t *bytes, size_t length, struct bundle *bundle,
                              struct fault *fault);
void bundle_close(struct bundle *bundle);

/* The bytes of the file, the same for the same members, and how many they are; `out` holds so many
 * zeros. TOO_LARGE when a blob is longer than tar can say. */
enum tamis_status bundle_size(const struct bundle *bundle, uint64_t *size, struct fault *fault);
enum tamis_status bundle_write(const struct bundle *bundle, uint8_t *out, struct fault *fault);

/* NULL when it is not in. */
const struct bundle_blob *bundle_blob_find(const struct bundle *bundle,
                                           const struct digest *digest);
const struct bundle_link *bundle_link_find(const struct bundle *bundle, uint64_t size);

/* The text of a link's proof, malloc'd, and back; false when it is not exactly such a text. */
enum tamis_status bundle_link_write(const struct merkle_proof *proof, char **text, size_t *length,
                                    struct fault *fault);
bool bundle_link_read(const struct bundle_text *text, struct merkle_proof *proof);

#endif
