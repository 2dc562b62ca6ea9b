/* A list, the newest first. It is walked once per Offer and Upload, never per byte, and its length
 * is bounded by the envelopes' total size. */
#include "aggregator/rpc/offers.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct node {
  struct node *next;
  struct offer offer;
};

struct offers {
  pthread_mutex_t lock;
  struct node *newest;
};

struct offers *offers_new(void) {
  struct offers *offers = calloc(1, sizeof *offers);
  if (offers) pthread_mutex_init(&offers->lock, NULL);
  return offers;
}

static void node_remove(struct node **link) {
  struct node *node = *link;
  *link = node->next;
  offer_close(&node->offer);
  free(node);
}

void offers_free(struct offers *offers) {
  if (!offers) return;
  while (offers->newest) node_remove(&offers->newest);
  pthread_mutex_destroy(&offers->lock);
  free(offers);
}

/* Keeps the newest of `client` and of all within their bounds. */
static void offers_trim(struct offers *offers, const char *client) {
  size_t of_client = 0, bytes = 0;
  for (struct node **link = &offers->newest; *link;) {
    struct offer *offer = &(*link)->offer;
    bytes += sizeof **link + offer->length;
    of_client += !strcmp(offer->client, client);
    bool is_client_over = of_client > OFFERS_PER_CLIENT_MAX && !strcmp(offer->client, client);
    if (is_client_over || bytes > OFFERS_BYTES_MAX)
      node_remove(link);
    else
      link = &(*link)->next;
  }
}

static struct node **offers_find(struct offers *offers, const struct digest *upload) {
  struct node **link = &offers->newest;
  while (*link && !digest_equal(&(*link)->offer.upload, upload)) link = &(*link)->next;
  return link;
}

static bool offer_fill(struct offer *offer, const char *client, const struct core_offer *terms,
                       const char *envelope, size_t length) {
  offer->envelope = malloc(length + 1);
  if (!offer->envelope) return false;
  memcpy(offer->envelope, envelope, length);
  offer->envelope[length] = '\0';
  offer->length = length;
  offer->upload = digest_of(envelope, length);
  strncpy(offer->client, client, sizeof offer->client - 1);
  offer->terms = *terms;
  offer->terms.receipt = NULL;
  offer->terms.receipt_length = 0;
  return true;
}

enum tamis_status offers_put(struct offers *offers, const char *client,
                             const struct core_offer *terms, const char *envelope, size_t length,
                             struct digest *upload, struct fault *fault) {
  struct node *node = calloc(1, sizeof *node);
  if (!node || !offer_fill(&node->offer, client, terms, envelope, length)) {
    free(node);
    return fault_plain(fault, TAMIS_NO_MEMORY);
  }
  *upload = node->offer.upload;
  pthread_mutex_lock(&offers->lock);
  struct node **same = offers_find(offers, upload);
  if (*same) node_remove(same);
  node->next = offers->newest;
  offers->newest = node;
  offers_trim(offers, client);
  pthread_mutex_unlock(&offers->lock);
  return TAMIS_OK;
}

enum tamis_status offers_get(struct offers *offers, const char *client, const uint8_t *upload,
                             size_t upload_length, struct offer *offer, struct fault *fault) {
  struct digest wanted;
  bool is_there = false, is_copied = false;
  if (upload_length != sizeof wanted.byte)
    return fault_set(fault, TAMIS_BAD_REQUEST, "an upload's name has %d bytes", DIGEST_SIZE);
  memcpy(wanted.byte, upload, sizeof wanted.byte);
  pthread_mutex_lock(&offers->lock);
  struct node *node = *offers_find(offers, &wanted);
  is_there = node && !strcmp(node->offer.client, client);
  if (is_there) {
    memset(offer, 0, sizeof *offer);
    is_copied =
        offer_fill(offer, client, &node->offer.terms, node->offer.envelope, node->offer.length);
  }
  pthread_mutex_unlock(&offers->lock);
  if (!is_there)
    return fault_set(fault, TAMIS_NOT_FOUND, "no open offer of that name; begin at Offer");
  return is_copied ? TAMIS_OK : fault_plain(fault, TAMIS_NO_MEMORY);
}

void offer_close(struct offer *offer) {
  free(offer->envelope);
  offer->envelope = NULL;
}

void offers_drop(struct offers *offers, const struct digest *upload) {
  pthread_mutex_lock(&offers->lock);
  struct node **link = offers_find(offers, upload);
  if (*link) node_remove(link);
  pthread_mutex_unlock(&offers->lock);
}
