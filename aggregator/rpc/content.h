/* What an update must be before it may count: the base model's layout, finite numbers, a length
 * within the round's cap. Found out while its bytes pass, so that nothing is read twice. */
#ifndef TAMIS_CONTENT_H
#define TAMIS_CONTENT_H

#include <stddef.h>
#include <stdint.h>
#include "proto/fault.h"

struct content;

/* `base` is the base model's file, header and all, and must outlive the content; `norm_max` caps
 * the update's length. CORRUPT when the base is no tensor file. */
enum tamis_status content_open(const uint8_t *base, size_t base_length, double norm_max,
                               struct content **content, struct fault *fault);
void content_close(struct content *content); /* NULL: nothing */

/* The next bytes of the update, in pieces of any length. */
void content_add(struct content *content, const void *bytes, size_t length);

/* After the last byte: WRONG_LAYOUT, NOT_FINITE or NORM_TOO_LARGE. However the bytes were cut, the
 * same update gets the same answer and the same numbers. */
enum tamis_status content_verdict(struct content *content, struct fault *fault);

#endif
