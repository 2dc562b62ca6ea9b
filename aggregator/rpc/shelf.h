/* Blobs mapped once for all who read them at the same time: a hundred clients fetch one model,
 * memory holds it once. */
#ifndef TAMIS_SHELF_H
#define TAMIS_SHELF_H

#include "aggregator/blob.h"

struct shelf;

/* A blob on loan; `view` is valid until shelf_return. */
struct book {
  struct blob_view view;
  struct shelf *shelf;
  struct digest digest;
  size_t readers;
  struct book *next;
};

struct shelf *shelf_new(struct blob_store *store);
void shelf_free(struct shelf *shelf);

/* Any thread. NOT_FOUND when there is no such blob. */
enum tamis_status shelf_borrow(struct shelf *shelf, const struct digest *digest, struct book **book,
                               struct fault *fault);
void shelf_borrow_again(struct book *book);
void shelf_return(void *book); /* a struct book; so typed for rpc_send_shared */

#endif
