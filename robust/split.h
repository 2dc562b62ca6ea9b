/* How clear a rule's line between rows of some weight and rows of none was. Internal. */
#ifndef ROBUST_SPLIT_H
#define ROBUST_SPLIT_H

#include "robust/rule.h"

/* For rules that keep the rows whose score is below a line, however many they are: sets the margin
 * from the weights and scores in the finding. It stays as it was when nobody was left out, and is 0
 * when nobody was kept. */
void split_margin(size_t n, struct rule_finding *finding);

#endif
