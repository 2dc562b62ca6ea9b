/* A strict reader of safetensors headers and a writer whose headers anybody's reader takes. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "proto/canonical.h"
#include "proto/tensor.h"
#include "proto/text.h"

enum { PREFIX = 8 };

#define PARAMETERS_MAX (UINT64_C(1) << 40) /* as statements allow */

struct element {
  const char *dtype;
  uint64_t size;
};

static const struct element f32 = {"F32", 4}, f64 = {"F64", 8};
static const struct element foreign[] = {
    [TENSOR_F32] = {"F32", 4},
    [TENSOR_F64] = {"F64", 8},
    [TENSOR_F16] = {"F16", 2},
    [TENSOR_BF16] = {"BF16", 2},
};

static enum tamis_status refuse(struct fault *fault, const char *name, const char *why) {
  return fault_set(fault, TAMIS_WRONG_LAYOUT, "safetensors header: %.*s%s%s", TENSOR_NAME_MAX, name,
                   *name ? ": " : "", why);
}

static uint64_t get_u64(const uint8_t *bytes) {
  uint64_t value = 0;
  for (int i = 7; i >= 0; i--) value = value << 8 | bytes[i];
  return value;
}

static void put_u64(uint8_t *bytes, uint64_t value) {
  for (int i = 0; i < 8; i++) bytes[i] = (uint8_t)(value >> (8 * i));
}

uint64_t layout_header_size(const uint8_t prefix[8]) {
  uint64_t json = get_u64(prefix);
  if (json < 2 || json > TENSOR_HEADER_MAX - PREFIX) return 0;
  return PREFIX + json;
}

static bool read_size(const json_t *value, uint64_t *size) {
  if (!json_is_integer(value) || json_integer_value(value) < 0) return false;
  *size = (uint64_t)json_integer_value(value);
  return true;
}

static bool read_shape(const json_t *shape, struct tensor *tensor) {
  tensor->rank = json_array_size(shape);
  tensor->count = 1;
  if (!json_is_array(shape) || tensor->rank > TENSOR_RANK_MAX) return false;
  for (size_t i = 0; i < tensor->rank; i++)
    if (!read_size(json_array_get(shape, i), &tensor->shape[i]) ||
        __builtin_mul_overflow(tensor->count, tensor->shape[i], &tensor->count))
      return false;
  return tensor->count <= PARAMETERS_MAX;
}

/* Offsets are bytes in the file and elements in `tensor`. */
static bool read_offsets(const json_t *offsets, const struct element *element,
                         struct tensor *tensor) {
  uint64_t begin, end;
  if (json_array_size(offsets) != 2 || !read_size(json_array_get(offsets, 0), &begin) ||
      !read_size(json_array_get(offsets, 1), &end))
    return false;
  tensor->offset = begin / element->size;
  return begin % element->size == 0 && begin <= end && end - begin == tensor->count * element->size;
}

static enum tamis_status read_tensor(const char *name, const json_t *entry,
                                     const struct element *element, struct tensor *tensor,
                                     struct fault *fault) {
  const char *dtype = json_string_value(json_object_get(entry, "dtype"));
  if (strlen(name) >= sizeof tensor->name) return refuse(fault, name, "the name is too long");
  strcpy(tensor->name, name);
  if (json_object_size(entry) != 3 || !dtype)
    return refuse(fault, name, "not exactly dtype, shape and data_offsets");
  if (strcmp(dtype, element->dtype) != 0)
    return fault_set(fault, TAMIS_WRONG_LAYOUT, "safetensors header: %s is %s and not %s", name,
                     dtype, element->dtype);
  if (!read_shape(json_object_get(entry, "shape"), tensor))
    return refuse(fault, name, "the shape is not a list of at most 8 sizes, or too large");
  if (!read_offsets(json_object_get(entry, "data_offsets"), element, tensor))
    return refuse(fault, name, "data_offsets do not fit the shape");
  return TAMIS_OK;
}

/* Notes for people: a map of strings, which Tamis keeps as bytes and never reads. */
static bool is_metadata(json_t *object) {
  const char *key;
  json_t *value;
  if (!json_is_object(object)) return false;
  json_object_foreach(object, key, value) {
    if (!json_is_string(value)) return false;
  }
  return true;
}

/* By place; empty tensors before the one that starts where they are. */
static int by_place(const void *left, const void *right) {
  const struct tensor *a = left, *b = right;
  if (a->offset != b->offset) return a->offset < b->offset ? -1 : 1;
  if (a->count != b->count) return a->count < b->count ? -1 : 1;
  return strcmp(a->name, b->name);
}

static enum tamis_status read_tensors(json_t *root, const struct element *element,
                                      struct layout *layout, struct fault *fault) {
  const char *name;
  json_t *entry;
  json_object_foreach(root, name, entry) {
    if (strcmp(name, "__metadata__") == 0) {
      if (!is_metadata(entry)) return refuse(fault, name, "not a map of strings");
      continue;
    }
    struct tensor *tensor = &layout->tensor[layout->tensor_count];
    enum tamis_status status = read_tensor(name, entry, element, tensor, fault);
    if (status != TAMIS_OK) return status;
    layout->tensor_count++;
  }
  qsort(layout->tensor, layout->tensor_count, sizeof *layout->tensor, by_place);
  return TAMIS_OK;
}

/* The tensors must follow one another from 0 to the end of the file. */
static enum tamis_status check_cover(struct layout *layout, const struct element *element,
                                     uint64_t file_size, struct fault *fault) {
  uint64_t next = 0;
  for (size_t i = 0; i < layout->tensor_count; i++) {
    const struct tensor *tensor = &layout->tensor[i];
    if (tensor->offset != next) return refuse(fault, tensor->name, "a gap or an overlap before it");
    next += tensor->count;
    if (next > PARAMETERS_MAX) return refuse(fault, tensor->name, "too many parameters");
  }
  if (next == 0) return refuse(fault, "", "no parameters");
  if (layout->header_size + next * element->size != file_size)
    return refuse(fault, "", "the file is not as long as its tensors");
  layout->parameters = next;
  return TAMIS_OK;
}

static enum tamis_status read_root(json_t *root, const struct element *element, uint64_t file_size,
                                   struct layout *layout, struct fault *fault) {
  size_t entries = json_object_size(root);
  if (!json_is_object(root)) return refuse(fault, "", "not an object");
  if (entries > TENSOR_COUNT_MAX + 1) return refuse(fault, "", "too many tensors");
  layout->tensor = calloc(entries + 1, sizeof *layout->tensor);
  if (!layout->tensor) return fault_plain(fault, TAMIS_NO_MEMORY);
  enum tamis_status status = read_tensors(root, element, layout, fault);
  if (status != TAMIS_OK) return status;
  if (layout->tensor_count > TENSOR_COUNT_MAX) return refuse(fault, "", "too many tensors");
  return check_cover(layout, element, file_size, fault);
}

/* The dtype of the first tensor, which must then be that of all. */
static const struct element *find_element(json_t *root) {
  const char *name, *dtype;
  json_t *entry;
  json_object_foreach(root, name, entry) {
    if (strcmp(name, "__metadata__") == 0) continue;
    dtype = json_string_value(json_object_get(entry, "dtype"));
    for (size_t i = 0; dtype && i < sizeof foreign / sizeof *foreign; i++)
      if (strcmp(dtype, foreign[i].dtype) == 0) return &foreign[i];
    break;
  }
  return NULL;
}

static enum tamis_status load_header(const uint8_t *bytes, size_t header, json_t **root,
                                     struct fault *fault) {
  json_error_t error;
  if (bytes[PREFIX] != '{') return refuse(fault, "", "it does not begin with {");
  *root = json_loadb((const char *)bytes + PREFIX, header - PREFIX, JSON_REJECT_DUPLICATES, &error);
  if (!*root && canonical_is_out_of_memory(&error)) return fault_plain(fault, TAMIS_NO_MEMORY);
  if (!*root) return refuse(fault, "", "not JSON, or a name twice");
  return TAMIS_OK;
}

/* `*element` is what the numbers must be; NULL takes those of `foreign`, aligned or not, and says
 * which they are. */
static enum tamis_status parse(const uint8_t *bytes, size_t length, uint64_t file_size,
                               const struct element **element, struct layout *layout,
                               struct fault *fault) {
  json_t *root = NULL;
  memset(layout, 0, sizeof *layout);
  uint64_t header = length < PREFIX ? 0 : layout_header_size(bytes);
  if (header == 0 || header > length || header > file_size)
    return refuse(fault, "", "the length before it is absurd, or the file ends in it");
  if (*element && header % TENSOR_ALIGNMENT != 0)
    return refuse(fault, "", "pad it with spaces until the data starts on a multiple of 64 bytes");
  enum tamis_status status = load_header(bytes, (size_t)header, &root, fault);
  if (status != TAMIS_OK) return status;
  layout->header_size = (size_t)header;
  if (!*element) *element = find_element(root);
  status = *element ? read_root(root, *element, file_size, layout, fault)
                    : refuse(fault, "", "no tensor of F32, F64, F16 or BF16 comes first");
  json_decref(root);
  if (status == TAMIS_OK) {
    layout->header = malloc(layout->header_size);
    if (!layout->header) status = fault_plain(fault, TAMIS_NO_MEMORY);
  }
  if (status != TAMIS_OK) {
    layout_close(layout);
    return status;
  }
  memcpy(layout->header, bytes, layout->header_size);
  layout->digest = digest_of(bytes, layout->header_size);
  return TAMIS_OK;
}

enum tamis_status layout_parse(const uint8_t *bytes, size_t length, uint64_t file_size,
                               struct layout *layout, struct fault *fault) {
  const struct element *element = &f32;
  return parse(bytes, length, file_size, &element, layout, fault);
}

enum tamis_status layout_parse_foreign(const uint8_t *bytes, size_t length, uint64_t file_size,
                                       struct layout *layout, enum tensor_dtype *dtype,
                                       struct fault *fault) {
  const struct element *element = NULL;
  enum tamis_status status = parse(bytes, length, file_size, &element, layout, fault);
  if (status == TAMIS_OK) *dtype = (enum tensor_dtype)(element - foreign);
  return status;
}

const char *tensor_dtype_name(enum tensor_dtype dtype) {
  return foreign[dtype].dtype;
}

static uint64_t count_of(const struct tensor *tensor) {
  uint64_t count = 1;
  for (size_t i = 0; i < tensor->rank; i++)
    if (__builtin_mul_overflow(count, tensor->shape[i], &count)) return UINT64_MAX;
  return count;
}

/* Writes `"name":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}`. */
static void write_tensor(FILE *out, const struct tensor *tensor, const struct element *element,
                         uint64_t begin, uint64_t end) {
  fprintf(out, "\"%s\":{\"dtype\":\"%s\",\"shape\":[", tensor->name, element->dtype);
  for (size_t i = 0; i < tensor->rank; i++)
    fprintf(out, "%s%" PRIu64, i ? "," : "", tensor->shape[i]);
  fprintf(out, "],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}", begin, end);
}

static bool is_writable_name(const char *name) {
  size_t length = strnlen(name, TENSOR_NAME_MAX);
  return length > 0 && length < TENSOR_NAME_MAX && text_is_printable(name, length) &&
         !strpbrk(name, "\"\\");
}

/* The header bytes with their length before them and spaces after; `*bytes` is malloc'd. */
static enum tamis_status write_header(const struct tensor *tensors, size_t count,
                                      const struct element *element, uint8_t **bytes,
                                      size_t *length, uint64_t *parameters, struct fault *fault) {
  char *text = NULL;
  size_t size = 0;
  uint64_t offset = 0;
  if (count > TENSOR_COUNT_MAX) return refuse(fault, "", "too many tensors");
  for (size_t i = 0; i < count; i++)
    if (!is_writable_name(tensors[i].name) || tensors[i].rank > TENSOR_RANK_MAX ||
        count_of(&tensors[i]) > PARAMETERS_MAX)
      return refuse(fault, "", "a name, rank or size that cannot be written");
  FILE *out = open_memstream(&text, &size);
  if (!out) return fault_plain(fault, TAMIS_NO_MEMORY);
  fprintf(out, "%*s{", PREFIX, "");
  for (size_t i = 0; i < count; i++) {
    uint64_t end = offset + count_of(&tensors[i]);
    if (i) fputc(',', out);
    write_tensor(out, &tensors[i], element, offset * element->size, end * element->size);
    offset = end;
  }
  fputc('}', out);
  for (long at = ftell(out); at % TENSOR_ALIGNMENT != 0; at++) fputc(' ', out);
  if (fclose(out) != 0) {
    free(text);
    return fault_plain(fault, TAMIS_NO_MEMORY);
  }
  put_u64((uint8_t *)text, size - PREFIX);
  *bytes = (uint8_t *)text;
  *length = size;
  *parameters = offset;
  return TAMIS_OK;
}

/* What is written is read back by the same rules as anybody's file: one place decides them. */
enum tamis_status layout_make(const struct tensor *tensors, size_t count, struct layout *layout,
                              struct fault *fault) {
  uint8_t *bytes = NULL;
  size_t length = 0;
  uint64_t parameters = 0;
  memset(layout, 0, sizeof *layout);
  enum tamis_status status =
      write_header(tensors, count, &f32, &bytes, &length, &parameters, fault);
  if (status != TAMIS_OK) return status;
  status = layout_parse(bytes, length, length + parameters * f32.size, layout, fault);
  free(bytes);
  return status;
}

/* Puts the new dtype and places into the parsed header. False when out of memory. */
static bool retype(json_t *root, const struct layout *layout, const struct element *element) {
  bool done = true;
  for (size_t i = 0; i < layout->tensor_count; i++) {
    const struct tensor *tensor = &layout->tensor[i];
    json_t *entry = json_object_get(root, tensor->name);
    json_int_t begin = (json_int_t)(tensor->offset * element->size),
               end = begin + (json_int_t)(tensor->count * element->size);
    done &= json_object_set_new(entry, "dtype", json_string(element->dtype)) == 0 &&
            json_object_set_new(entry, "data_offsets", json_pack("[I, I]", begin, end)) == 0;
  }
  return done;
}

enum tamis_status layout_retype(const struct layout *layout, enum tensor_dtype dtype,
                                uint8_t **bytes, size_t *length, struct fault *fault) {
  json_t *root = NULL;
  char *text = NULL;
  enum tamis_status status = load_header(layout->header, layout->header_size, &root, fault);
  if (status != TAMIS_OK) return status;
  if (retype(root, layout, &foreign[dtype])) text = json_dumps(root, JSON_COMPACT);
  json_decref(root);
  size_t written = text ? strlen(text) : 0;
  *length = (PREFIX + written + TENSOR_ALIGNMENT - 1) / TENSOR_ALIGNMENT * TENSOR_ALIGNMENT;
  *bytes = text ? malloc(*length) : NULL;
  if (*bytes) {
    memset(*bytes, ' ', *length);
    memcpy(*bytes + PREFIX, text, written);
    put_u64(*bytes, *length - PREFIX);
  }
  free(text);
  return *bytes ? TAMIS_OK : fault_plain(fault, TAMIS_NO_MEMORY);
}

uint64_t layout_file_size(const struct layout *layout) {
  return layout->header_size + f32.size * layout->parameters;
}

void layout_close(struct layout *layout) {
  free(layout->tensor);
  free(layout->header);
  memset(layout, 0, sizeof *layout);
}

enum tamis_status tensor_write_f64(const char *name, uint64_t rows, uint64_t columns,
                                   const double *values, uint8_t **bytes, size_t *length,
                                   struct fault *fault) {
  struct tensor tensor = {.rank = 2, .shape = {rows, columns}};
  uint8_t *header = NULL;
  size_t header_size = 0;
  uint64_t count = 0;
  if (strlen(name) >= sizeof tensor.name) return refuse(fault, name, "the name is too long");
  strcpy(tensor.name, name);
  enum tamis_status status = write_header(&tensor, 1, &f64, &header, &header_size, &count, fault);
  if (status != TAMIS_OK) return status;
  uint8_t *file = realloc(header, header_size + count * f64.size);
  if (!file) {
    free(header);
    return fault_plain(fault, TAMIS_NO_MEMORY);
  }
  for (uint64_t i = 0; i < count; i++) {
    uint64_t bits;
    memcpy(&bits, &values[i], sizeof bits);
    put_u64(file + header_size + i * f64.size, bits);
  }
  *bytes = file;
  *length = header_size + count * f64.size;
  return TAMIS_OK;
}

enum tamis_status tensor_read_f64(const uint8_t *bytes, size_t length, const char *name,
                                  uint64_t *rows, uint64_t *columns, double **values,
                                  struct fault *fault) {
  struct layout layout;
  const struct element *element = &f64;
  enum tamis_status status = parse(bytes, length, length, &element, &layout, fault);
  if (status != TAMIS_OK) return status;
  const struct tensor *tensor = layout.tensor;
  double *read = NULL;
  if (layout.tensor_count != 1 || tensor->rank != 2 || strcmp(tensor->name, name) != 0) {
    status = refuse(fault, name, "not the only tensor, or not a matrix");
    goto out;
  }
  if (!(read = malloc(layout.parameters * sizeof *read))) {
    status = fault_plain(fault, TAMIS_NO_MEMORY);
    goto out;
  }
  for (uint64_t i = 0; i < layout.parameters; i++) {
    uint64_t bits = get_u64(bytes + layout.header_size + i * f64.size);
    memcpy(&read[i], &bits, sizeof bits);
  }
  *rows = tensor->shape[0];
  *columns = tensor->shape[1];
  *values = read;
out:
  layout_close(&layout);
  return status;
}
