/* Where the demo plays: its folder, its processes, and an end that leaves none of them behind. */
#ifndef TAMIS_LAB_DEMO_STAGE_H
#define TAMIS_LAB_DEMO_STAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { STAGE_PATH_MAX = 4096 };

struct stage {
  char folder[STAGE_PATH_MAX]; /* everything lies here */
  char home[STAGE_PATH_MAX];   /* what `tamis init` made */
  char binaries[STAGE_PATH_MAX];
  char address[64];
  pid_t server;
  size_t device_count;
  pid_t *device;
};

/* Makes the folder (`folder` NULL: a new one in TMPDIR) and finds our binaries beside this one.
 * False after a sentence on stderr. */
bool stage_open(struct stage *stage, const char *folder, size_t devices);

/* `tamis ARGUMENTS...` (NULL-terminated) with --home; standard output comes back in *output
 * (malloc'd, caller frees) when `output` is not NULL, else goes to ours. The exit code, or -1. */
int stage_tamis(struct stage *stage, char **output, const char *const *arguments);

/* tamisd on loopback; returns once it serves. */
bool stage_start_server(struct stage *stage);

/* Device number `index` with these arguments (NULL-terminated), its output in
 * FOLDER/devices/NAME.log. */
bool stage_start_device(struct stage *stage, size_t index, const char *name,
                        const char *const *arguments);

/* False, after a sentence with the end of its log, when the server has ended by itself. */
bool stage_server_lives(struct stage *stage);

void stage_stop_devices(struct stage *stage);
/* Ends the server too, unless `keep`; frees. The folder stays. */
void stage_close(struct stage *stage, bool keep);

/* snprintf into a path of STAGE_PATH_MAX; exits the program when it does not fit. */
void stage_path(char *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
