/* What tamisd and its standby do alike as processes: leave signals to be waited for, and become one
 * another. */
#ifndef TAMIS_PROCESS_H
#define TAMIS_PROCESS_H

#include <signal.h>

enum { EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_CONFIG = 9 };

/* Before any thread: what an operator or a service manager sends is added to `*signals`, and all of
 * them are blocked, to be waited for. A peer that has left is an error of its call, not a signal.
 */
void process_begin(sigset_t *signals);

/* The program of that name which lies beside this one takes this process over. Comes back only when
 * that failed; errno says why. */
void process_become(const char *name, char *const *argv);

#endif
