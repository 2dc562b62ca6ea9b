/* The only inner loops there are on processors other than x86-64. */
#include "robust/lanes_tables.h"

const struct lanes *lanes_choose(enum robust_isa isa) {
  (void)isa;
  return &lanes_plain;
}

const struct panel_kernel *lanes_choose_integers(enum robust_isa isa) {
  return lanes_choose(isa)->integers;
}
