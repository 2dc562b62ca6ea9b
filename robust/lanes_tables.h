/* The tables that exist; which of them are linked is decided in CMakeLists.txt. */
#ifndef ROBUST_LANES_TABLES_H
#define ROBUST_LANES_TABLES_H

#include "robust/lanes.h"

extern const struct lanes lanes_plain;
extern const struct lanes lanes_avx2;
extern const struct lanes lanes_avx512;
extern const struct panel_kernel lanes_amx_integers;

#endif
