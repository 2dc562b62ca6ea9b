/* The inner loops for processors with AVX-512 F, BW, DQ and VL. */
#include "robust/vector_avx512.h"

#include "robust/lanes_body.h"
#include "robust/lanes_tables.h"
#include "robust/network.h"

const struct lanes lanes_avx512 = LANES_TABLE("avx512", network_sort_avx512);
