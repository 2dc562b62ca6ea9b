/* The inner loops for processors with AVX2 and FMA (2013 and later). */
#include "robust/vector_avx2.h"

#include "robust/lanes_body.h"
#include "robust/lanes_tables.h"
#include "robust/network.h"

const struct lanes lanes_avx2 = LANES_TABLE("avx2", network_sort_avx2);
