/* How many organisations stand behind a list of clients. */
#ifndef TAMIS_ORGANISATIONS_H
#define TAMIS_ORGANISATIONS_H

#include <stddef.h>
#include <stdint.h>

/* How many names stand at least `least` times in the list, which is sorted here. */
int64_t organisations_count(const char **list, size_t count, int64_t least);

#endif
