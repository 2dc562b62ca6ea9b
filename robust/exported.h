/* What libtamis_robust.so shows: every public header of robust/, for bindings that read C. */
#ifndef ROBUST_EXPORTED_H
#define ROBUST_EXPORTED_H

#include "robust/robust.h"
#include "robust/score.h"
#include "robust/selftest.h"

#endif
