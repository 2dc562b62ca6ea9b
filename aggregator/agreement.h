/* How far two people who look at the same things agree beyond chance. Pure. */
#ifndef TAMIS_AGREEMENT_H
#define TAMIS_AGREEMENT_H

#include <stddef.h>

/* Cohen's kappa (1960): `seen[a][b]`, only read, is how often the first said a where the second
 * said b. With p the share of the same answers and e the share that two people who answer at
 * random, each as often as now, would have: (p - e) / (1 - e), from -1 to 1. NaN when there is
 * nothing to go by: no item, or both said one and the same thing of all of them. */
double agreement_kappa(size_t seen[2][2]);

#endif
