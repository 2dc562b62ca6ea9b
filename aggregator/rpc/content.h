/* What an update must be before it may count: the base model's layout, finite numbers, a length
 * within the round's cap. */
#ifndef TAMIS_CONTENT_H
#define TAMIS_CONTENT_H

#include <stddef.h>
#include <stdint.h>
#include "proto/fault.h"

/* `base` is the beginning of the base model's file, header and all. WRONG_LAYOUT, NOT_FINITE or
 * NORM_TOO_LARGE; the update's pages are dropped from memory as they were looked at, so that
 * checking costs no more than a block. */
enum tamis_status content_check(const uint8_t *update, size_t update_length, const uint8_t *base,
                                size_t base_length, double norm_max, struct fault *fault);

#endif
