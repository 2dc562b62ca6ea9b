/* Two models beside each other, as moves from one base: how far each went, and how far apart they
 * are. */
#ifndef TAMIS_MOVES_H
#define TAMIS_MOVES_H

#include "aggregator/blob.h"
#include "proto/fault.h"

struct moves {
  double length, other; /* |model - base|, |other - base| */
  double apart;         /* |model - other| */
  double cosine;        /* of the two moves; 0 when one is none */
  double direction;     /* cosine of (model - other) with (model - base); 0 when one is none */
};

/* Whole files of one layout; WRONG_LAYOUT otherwise. Sums are in double, coordinate after
 * coordinate. */
enum tamis_status moves_compare(const struct blob_view *base, const struct blob_view *model,
                                const struct blob_view *other, struct moves *moves,
                                struct fault *fault);

#endif
