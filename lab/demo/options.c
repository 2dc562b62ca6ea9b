/* The demo's command line, each value checked against the others before anything is started. */
#include "lab/demo/options.h"

#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include "lab/attack.h"

enum {
  KEY_DATA = 0x100,
  KEY_CLIENTS,
  KEY_ATTACKERS,
  KEY_ATTACK,
  KEY_STRENGTH,
  KEY_RULE,
  KEY_ROUNDS,
  KEY_SEED,
  KEY_KEEP,
  KEY_JSON,
  KEY_FOLDER,
  KEY_ALPHA
};

static const struct argp_option options_table[] = {
    {"data", KEY_DATA, "DIR", 0, "MNIST-format idx files, plain or .gz (default: drawn digits)", 0},
    {"clients", KEY_CLIENTS, "N", 0, "Client processes (20)", 0},
    {"attackers", KEY_ATTACKERS, "K", 0, "How many of them lie (4)", 0},
    {"attack", KEY_ATTACK, "NAME", 0,
     "sign_flip, gaussian, scale, label_flip, nan or none (sign_flip)", 0},
    {"strength", KEY_STRENGTH, "X", 0, "Of the attack (its default)", 0},
    {"rule", KEY_RULE, "PIPELINE", 0, "Of the robust federation (multi_krum(f=ATTACKERS))", 0},
    {"rounds", KEY_ROUNDS, "R", 0, "Rounds (25)", 0},
    {"alpha", KEY_ALPHA, "X", 0, "Dirichlet concentration of labels; 0: iid (0.5)", 0},
    {"seed", KEY_SEED, "S", 0, "Of data, partition, model, attacks (1)", 0},
    {"keep", KEY_KEEP, NULL, 0, "Leave the server running and say how to reach it", 0},
    {"json", KEY_JSON, "FILE", 0, "Write the result as one JSON object", 0},
    {"folder", KEY_FOLDER, "DIR", 0, "Put everything here; must not exist (a temporary folder)", 0},
    {0},
};

static uint64_t options_number(struct argp_state *state, const char *name, const char *text,
                               uint64_t low, uint64_t high) {
  char *end = NULL;
  errno = 0;
  unsigned long long value = strtoull(text, &end, 10);
  if (errno || end == text || *end || text[0] == '-' || value < low || value > high)
    argp_error(state, "%s must be a whole number from %llu to %llu, not '%s'", name,
               (unsigned long long)low, (unsigned long long)high, text);
  return value;
}

static double options_real(struct argp_state *state, const char *name, const char *text,
                           double high) {
  char *end = NULL;
  double value = strtod(text, &end);
  if (end == text || *end || !(value >= 0 && value <= high))
    argp_error(state, "%s must be a number from 0 to %g, not '%s'", name, high, text);
  return value;
}

static void options_check(struct argp_state *state, const struct demo_options *options) {
  if (options->attackers >= options->clients)
    argp_error(state, "--attackers must be fewer than --clients (%u)", options->clients);
  if (!attack_find_plain(options->attack)) argp_error(state, "there is no attack '%s'", options->attack);
}

static error_t options_option(int key, char *argument, struct argp_state *state) {
  struct demo_options *options = state->input;
  switch (key) {
  case KEY_DATA: options->data_dir = argument; break;
  case KEY_ATTACK: options->attack = argument; break;
  case KEY_RULE: options->rule = argument; break;
  case KEY_JSON: options->json_path = argument; break;
  case KEY_FOLDER: options->folder = argument; break;
  case KEY_KEEP: options->keep = true; break;
  case KEY_STRENGTH: options->strength = options_real(state, "--strength", argument, 1e9); break;
  case KEY_ALPHA: options->alpha = options_real(state, "--alpha", argument, 1e6); break;
  case KEY_CLIENTS:
    options->clients = (uint32_t)options_number(state, "--clients", argument, 1, 200);
    break;
  case KEY_ATTACKERS:
    options->attackers = (uint32_t)options_number(state, "--attackers", argument, 0, 199);
    break;
  case KEY_ROUNDS:
    options->rounds = (uint32_t)options_number(state, "--rounds", argument, 1, 10000);
    break;
  case KEY_SEED: options->seed = options_number(state, "--seed", argument, 0, UINT64_MAX); break;
  case ARGP_KEY_ARG: argp_error(state, "'%s' is not an option of demo", argument); break;
  case ARGP_KEY_END: options_check(state, options); break;
  default: return ARGP_ERR_UNKNOWN;
  }
  return 0;
}

void options_parse(int argc, char **argv, struct demo_options *options) {
  static const struct argp argp = {options_table,
                                   options_option,
                                   NULL,
                                   "Train a real classifier among liars: one server, client "
                                   "processes, two federations (one robust, one plain mean).",
                                   NULL,
                                   NULL,
                                   NULL};
  *options = (struct demo_options){
      .attack = "sign_flip", .alpha = 0.5, .clients = 20, .attackers = 4, .rounds = 25, .seed = 1};
  argp_parse(&argp, argc, argv, 0, NULL, options);
}
