/* A process that needs nothing but its open files: no network, no other programs, no other files,
 * no core dump, and no look into its memory. */
#ifndef TAMIS_CONFINE_H
#define TAMIS_CONFINE_H

#include <stdbool.h>

/* Before the key is read: no core dump, no ptrace by the same user, no new privileges. */
void confine_memory(void);

/* When everything is open, for good: no new sockets, connections, files, programs or processes, by
 * a seccomp filter; where the kernel takes none, at least no network, by a namespace of its own.
 * False when neither could be had. */
bool confine_calls(void);

#endif
