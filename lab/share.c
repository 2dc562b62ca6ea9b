/* The writing twin of idx.c, for the shares that the demo hands out. */
#include "lab/share.h"

#include <stdio.h>

static void put_u32(uint8_t out[4], size_t value) {
  for (int i = 0; i < 4; i++) out[i] = (uint8_t)(value >> (24 - 8 * i));
}

static FILE *share_open(const char *folder, const char *name) {
  char path[4096];
  int length = snprintf(path, sizeof path, "%s/%s", folder, name);
  if (length < 0 || (size_t)length >= sizeof path) return NULL;
  return fopen(path, "wb");
}

static bool share_images(FILE *file, const struct dataset *set, const uint32_t *members,
                         size_t count) {
  uint8_t header[16] = {0, 0, 8, 3};
  put_u32(header + 4, count);
  put_u32(header + 8, set->rows);
  put_u32(header + 12, set->columns);
  if (fwrite(header, sizeof header, 1, file) != 1) return false;
  for (size_t i = 0; i < count; i++)
    if (fwrite(dataset_image(set, members[i]), dataset_image_size(set), 1, file) != 1) return false;
  return true;
}

static bool share_labels(FILE *file, const struct dataset *set, const uint32_t *members,
                         size_t count) {
  uint8_t header[8] = {0, 0, 8, 1};
  put_u32(header + 4, count);
  if (fwrite(header, sizeof header, 1, file) != 1) return false;
  for (size_t i = 0; i < count; i++)
    if (fputc(set->labels[members[i]], file) == EOF) return false;
  return true;
}

bool share_write(const char *folder, const struct dataset *set, const uint32_t *members,
                 size_t count) {
  FILE *images = share_open(folder, "train-images-idx3-ubyte");
  FILE *labels = share_open(folder, "train-labels-idx1-ubyte");
  bool written = images && labels && share_images(images, set, members, count) &&
                 share_labels(labels, set, members, count);
  if (images && fclose(images) != 0) written = false;
  if (labels && fclose(labels) != 0) written = false;
  return written;
}
