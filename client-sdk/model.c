/* Floats travel as little-endian IEEE-754 in the order of the layout; this host must agree. */
#include "client-sdk/model.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static_assert(sizeof(float) == 4, "a float is IEEE-754 single precision");
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "model bytes are used as they are");

static size_t least(size_t a, size_t b) {
  return a < b ? a : b;
}

enum tamis_status model_reader_open(struct model_reader *reader, const struct plan *plan,
                                    tamis_sink sink, void *context, struct fault *fault) {
  *reader = (struct model_reader){.plan = plan, .sink = sink, .context = context};
  reader->header_size = 8;
  reader->header = malloc(TENSOR_HEADER_MAX);
  reader->window = malloc(MODEL_WINDOW * sizeof(float));
  if (reader->header && reader->window) return TAMIS_OK;
  model_reader_close(reader);
  return fault_plain(fault, TAMIS_NO_MEMORY);
}

void model_reader_close(struct model_reader *reader) {
  layout_close(&reader->layout);
  free(reader->header);
  free(reader->window);
  *reader = (struct model_reader){0};
}

static enum tamis_status header_check(struct model_reader *reader, struct fault *fault) {
  uint64_t file_size = reader->header_size + 4 * reader->plan->parameters;
  struct layout layout = {0};
  enum tamis_status status =
      layout_parse(reader->header, reader->header_length, file_size, &layout, fault);
  if (status != TAMIS_OK) return status;
  if (layout.parameters != reader->plan->parameters ||
      !digest_equal(&layout.digest, &reader->plan->layout)) {
    layout_close(&layout);
    return fault_set(fault, TAMIS_WRONG_LAYOUT,
                     "the model's header is not the one that the plan names");
  }
  reader->layout = layout;
  return TAMIS_OK;
}

/* Uses up to `length` bytes for the header; `*used` says how many. */
static enum tamis_status header_take(struct model_reader *reader, const uint8_t *bytes,
                                     size_t length, size_t *used, struct fault *fault) {
  *used = least(length, reader->header_size - reader->header_length);
  memcpy(reader->header + reader->header_length, bytes, *used);
  reader->header_length += *used;
  if (reader->header_length < reader->header_size) return TAMIS_OK;
  if (reader->header_size > 8) return header_check(reader, fault);
  uint64_t size = layout_header_size(reader->header);
  if (size <= 8 || size > TENSOR_HEADER_MAX)
    return fault_set(fault, TAMIS_WRONG_LAYOUT, "the base model is not a model file");
  reader->header_size = (size_t)size;
  return TAMIS_OK;
}

static enum tamis_status window_flush(struct model_reader *reader, struct fault *fault) {
  size_t count = reader->window_bytes / sizeof(float);
  if (count > reader->plan->parameters - reader->floats)
    return fault_set(fault, TAMIS_TOO_LARGE, "the base model is longer than its plan says");
  reader->window_bytes = 0;
  if (count > 0 && reader->sink(reader->context, reader->floats, reader->window, count) != 0)
    return fault_set(fault, TAMIS_CANCELLED, "the callback that takes the model stopped");
  reader->floats += count;
  return TAMIS_OK;
}

enum tamis_status model_reader_take(void *context, const uint8_t *bytes, size_t length,
                                    struct fault *fault) {
  struct model_reader *reader = context;
  enum tamis_status status = TAMIS_OK;
  while (length > 0 && status == TAMIS_OK) {
    size_t used;
    if (reader->layout.parameters == 0) {
      status = header_take(reader, bytes, length, &used, fault);
    } else if (!reader->sink) {
      return fault_plain(fault, TAMIS_CANCELLED);
    } else {
      size_t room = MODEL_WINDOW * sizeof(float) - reader->window_bytes;
      uint64_t left = 4 * (reader->plan->parameters - reader->floats) - reader->window_bytes;
      used = least(length, room);
      if (used > left)
        return fault_set(fault, TAMIS_TOO_LARGE, "the base model is longer than its plan says");
      memcpy((uint8_t *)reader->window + reader->window_bytes, bytes, used);
      reader->window_bytes += used;
      if (used == room || used == left) status = window_flush(reader, fault);
    }
    bytes += used;
    length -= used;
  }
  return status;
}

bool model_reader_is_whole(const struct model_reader *reader) {
  return reader->layout.parameters > 0 && reader->floats == reader->plan->parameters;
}

struct layout model_reader_take_layout(struct model_reader *reader) {
  struct layout layout = reader->layout;
  reader->layout = (struct layout){0};
  return layout;
}

/* ---- Writing ---- */

enum tamis_status model_writer_open(struct model_writer *writer, const struct layout *layout,
                                    tamis_source source, void *context, struct fault *fault) {
  *writer = (struct model_writer){.layout = layout, .source = source, .context = context};
  writer->window = malloc(MODEL_WINDOW * sizeof(float));
  return writer->window ? TAMIS_OK : fault_plain(fault, TAMIS_NO_MEMORY);
}

void model_writer_close(struct model_writer *writer) {
  free(writer->window);
  writer->window = NULL;
}

/* A resumed range may begin inside a float, so floats pass through an aligned window. */
static enum tamis_status floats_read(struct model_writer *writer, uint64_t at, uint8_t *bytes,
                                     size_t length, struct fault *fault) {
  while (length > 0) {
    uint64_t first = at / sizeof(float);
    size_t skip = (size_t)(at % sizeof(float));
    size_t used = least(length, MODEL_WINDOW * sizeof(float) - skip);
    size_t count = (skip + used + sizeof(float) - 1) / sizeof(float);
    if (writer->source(writer->context, first, writer->window, count) != 0)
      return fault_set(fault, TAMIS_CANCELLED, "the callback that gives the update stopped");
    memcpy(bytes, (const uint8_t *)writer->window + skip, used);
    at += used;
    bytes += used;
    length -= used;
  }
  return TAMIS_OK;
}

static enum tamis_status writer_read(void *context, uint64_t offset, uint8_t *bytes, size_t length,
                                     struct fault *fault) {
  struct model_writer *writer = context;
  size_t header_size = writer->layout->header_size;
  size_t head = 0;
  if (offset < header_size) {
    head = least(length, header_size - (size_t)offset);
    memcpy(bytes, writer->layout->header + offset, head);
  }
  return floats_read(writer, offset + head - header_size, bytes + head, length - head, fault);
}

struct transfer_body model_writer_body(struct model_writer *writer) {
  return (struct transfer_body){layout_file_size(writer->layout), writer_read, writer};
}
