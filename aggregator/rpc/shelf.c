/* The list is as long as there are different blobs being read: a few models and manifests. */
#include "aggregator/rpc/shelf.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

struct shelf {
  pthread_mutex_t lock;
  struct blob_store *store;
  struct book *books;
};

struct shelf *shelf_new(struct blob_store *store) {
  struct shelf *shelf = calloc(1, sizeof *shelf);
  if (!shelf) return NULL;
  pthread_mutex_init(&shelf->lock, NULL);
  shelf->store = store;
  return shelf;
}

void shelf_free(struct shelf *shelf) {
  if (!shelf) return;
  assert(!shelf->books);
  pthread_mutex_destroy(&shelf->lock);
  free(shelf);
}

/* The digest is not checked here: whoever fetches does that anyway, over the bytes as they arrived.
 */
static enum tamis_status book_open(struct shelf *shelf, const struct digest *digest,
                                   struct book **book, struct fault *fault) {
  struct book *made = calloc(1, sizeof *made);
  if (!made) return fault_plain(fault, TAMIS_NO_MEMORY);
  enum tamis_status status = blob_map(shelf->store, digest, false, &made->view, fault);
  if (status) {
    free(made);
    return status;
  }
  made->shelf = shelf;
  made->digest = *digest;
  made->next = shelf->books;
  shelf->books = *book = made;
  return TAMIS_OK;
}

enum tamis_status shelf_borrow(struct shelf *shelf, const struct digest *digest, struct book **book,
                               struct fault *fault) {
  enum tamis_status status = TAMIS_OK;
  pthread_mutex_lock(&shelf->lock);
  struct book *found = shelf->books;
  while (found && !digest_equal(&found->digest, digest)) found = found->next;
  if (!found) status = book_open(shelf, digest, &found, fault);
  if (!status) {
    found->readers++;
    *book = found;
  }
  pthread_mutex_unlock(&shelf->lock);
  return status;
}

void shelf_borrow_again(struct book *book) {
  pthread_mutex_lock(&book->shelf->lock);
  book->readers++;
  pthread_mutex_unlock(&book->shelf->lock);
}

void shelf_return(void *borrowed) {
  struct book *book = borrowed;
  struct shelf *shelf = book->shelf;
  pthread_mutex_lock(&shelf->lock);
  bool is_last = --book->readers == 0;
  if (is_last) {
    struct book **link = &shelf->books;
    while (*link != book) link = &(*link)->next;
    *link = book->next;
  }
  pthread_mutex_unlock(&shelf->lock);
  if (!is_last) return;
  blob_unmap(&book->view);
  free(book);
}
