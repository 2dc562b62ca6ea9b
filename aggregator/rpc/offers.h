/* Updates that were admitted and whose bytes are still to come: an offer names its upload by the
 * envelope's digest. */
#ifndef TAMIS_OFFERS_H
#define TAMIS_OFFERS_H

#include <stddef.h>
#include <stdint.h>
#include "aggregator/core.h"
#include "proto/key.h"

enum {
  OFFERS_PER_CLIENT_MAX = 8,   /* federations that a client may be busy in at once */
  OFFERS_BYTES_MAX = 32 << 20, /* of envelopes, in all; the oldest are forgotten first */
};

struct offers;

struct offer {
  struct digest upload; /* SHA-256 of the envelope */
  char client[KEY_NAME_SIZE];
  struct core_offer terms; /* without receipt */
  char *envelope;          /* owned */
  size_t length;
};

struct offers *offers_new(void);
void offers_free(struct offers *offers);

/* Remembers an admitted offer; the same again replaces it. Forgetting one costs its client a new
 * Offer, no more. */
enum tamis_status offers_put(struct offers *offers, const char *client,
                             const struct core_offer *terms, const char *envelope, size_t length,
                             struct digest *upload, struct fault *fault);
/* A copy, to be closed by the caller. NOT_FOUND when it was never made, forgotten, or is another
 * client's. */
enum tamis_status offers_get(struct offers *offers, const char *client, const uint8_t *upload,
                             size_t upload_length, struct offer *offer, struct fault *fault);
void offer_close(struct offer *offer);
/* The update was accepted or refused for good. */
void offers_drop(struct offers *offers, const struct digest *upload);

#endif
