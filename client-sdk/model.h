/* Model files as floats: a reader that takes bytes in any pieces, a writer that gives any range. */
#ifndef TAMIS_MODEL_H
#define TAMIS_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "client-sdk/plan.h"
#include "client-sdk/tamis.h"
#include "client-sdk/transfer.h"
#include "proto/tensor.h"

enum { MODEL_WINDOW = 1 << 16 }; /* floats handed over at a time */

/* Checks the header against the plan's layout digest before the first float is handed on. */
struct model_reader {
  const struct plan *plan;
  tamis_sink sink; /* NULL: only the header is wanted; CANCELLED is returned once it is there */
  void *context;
  uint8_t *header;
  size_t header_length, header_size; /* what is there, and what is wanted: 8 until those are read */
  struct layout layout;              /* set once layout.parameters > 0 */
  float *window;
  size_t window_bytes;
  uint64_t floats; /* handed to the sink */
};

enum tamis_status model_reader_open(struct model_reader *reader, const struct plan *plan,
                                    tamis_sink sink, void *context, struct fault *fault);
/* A channel_sink. WRONG_LAYOUT for another header than the plan's, CANCELLED when `sink` stops. */
enum tamis_status model_reader_take(void *reader, const uint8_t *bytes, size_t length,
                                    struct fault *fault);
bool model_reader_is_whole(const struct model_reader *reader);
/* The layout is the caller's afterwards. */
struct layout model_reader_take_layout(struct model_reader *reader);
void model_reader_close(struct model_reader *reader);

/* The bytes of an update: the base model's header, then the floats of `source`. */
struct model_writer {
  const struct layout *layout;
  tamis_source source;
  void *context;
  float *window;
};

enum tamis_status model_writer_open(struct model_writer *writer, const struct layout *layout,
                                    tamis_source source, void *context, struct fault *fault);
struct transfer_body model_writer_body(struct model_writer *writer);
void model_writer_close(struct model_writer *writer);

#endif
