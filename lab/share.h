/* A client's own share of the training set as idx files in its own folder: what a real device would
 * have, and nobody else. */
#ifndef TAMIS_LAB_SHARE_H
#define TAMIS_LAB_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "lab/dataset.h"

/* Writes the examples members[0 .. count-1] of `set` to FOLDER/train-images-idx3-ubyte and
 * train-labels-idx1-ubyte, which idx_load reads. The folder is there. False on an I/O error (errno
 * says which). */
bool share_write(const char *folder, const struct dataset *set, const uint32_t *members,
                 size_t count);

#endif
