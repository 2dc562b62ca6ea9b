/* Where a bundle is made from: a server that is asked, or a state folder that is read. Nothing that
 * a source says about entries is believed: it only says where to look, and the entries must bear it
 * out. */
#ifndef TAMIS_BUNDLE_SOURCE_H
#define TAMIS_BUNDLE_SOURCE_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include "proto/digest.h"
#include "proto/fault.h"
#include "proto/key.h"
#include "proto/merkle.h"

struct bundle_source {
  void *context;
  struct public_key log_key;
  /* The signed note that everything is to stand under; `*note` lives as long as the source. Called
   * once, first. */
  enum tamis_status (*checkpoint)(void *context, const char **note, size_t *length,
                                  struct fault *fault);
  /* Rows of the query `name` (PROTOCOL.md 7), a new reference to an array of objects. */
  enum tamis_status (*ask)(void *context, const char *name, size_t argument_count,
                           const char *const *arguments, json_t **rows, struct fault *fault);
  /* Entry `index` and its receipt under the note; both malloc'd, the caller frees them. */
  enum tamis_status (*entry)(void *context, uint64_t index, char **envelope, size_t *length,
                             char **receipt, size_t *receipt_length, struct fault *fault);
  /* By which hashes the tree of `size` entries goes on to the note's. */
  enum tamis_status (*link)(void *context, uint64_t size, struct merkle_proof *proof,
                            struct fault *fault);
  /* The bytes of a blob in pieces, in order. */
  enum tamis_status (*blob)(void *context, const struct digest *digest,
                            enum tamis_status (*sink)(void *sink_context, const uint8_t *bytes,
                                                      size_t length, struct fault *fault),
                            void *sink_context, struct fault *fault);
};

#endif
