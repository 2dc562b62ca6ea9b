/* What can be asked of the demo. */
#ifndef TAMIS_LAB_DEMO_OPTIONS_H
#define TAMIS_LAB_DEMO_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

struct demo_options {
  const char *data_dir; /* idx files, or NULL: draw digits */
  const char *attack;
  const char *rule;
  const char *folder;    /* where everything lies, or NULL: a new one under TMPDIR */
  const char *json_path; /* or NULL */
  double strength;       /* of the attack; 0: its default */
  double alpha;          /* Dirichlet concentration; 0: iid */
  uint32_t clients, attackers, rounds;
  uint64_t seed;
  bool keep; /* leave the server running */
};

/* Parses argv after the word "demo"; exits with 2 and a sentence on nonsense, with 0 after --help.
 */
void options_parse(int argc, char **argv, struct demo_options *options);

#endif
