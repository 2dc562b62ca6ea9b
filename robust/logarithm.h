/* The natural logarithm from exactly rounded operations alone: libm's differs between machines, and
 * a weight that hangs on it would too. Internal. */
#ifndef ROBUST_LOGARITHM_H
#define ROBUST_LOGARITHM_H

/* ln x for finite x > 0, subnormal ones included; -infinity for 0. The same bits wherever doubles
 * are IEEE 754 and the compiler fuses nothing. Within 0.9 units in the last place (measured against
 * logl on 4 x 10^7 numbers). */
double logarithm(double x);

#endif
