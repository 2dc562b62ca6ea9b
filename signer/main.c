/* tamis-signd: holds a log key behind a Unix socket, and moves it from one machine to another. */
#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>
#include "signer/confine.h"
#include "signer/door.h"
#include "signer/move.h"

enum { EXIT_FAILED = 1, EXIT_USAGE = 2 };
enum { OPTION_BEGIN = 256, OPTION_ALLOW, OPTION_ADOPT, OPTION_HAND_OVER, OPTION_TAKE_OVER };

struct arguments {
  const char *key, *socket, *adopt, *hand_over, *take_over;
  bool may_begin;
  uid_t allowed;
};

static const struct argp_option options[] = {
    {"key", 'k', "FILE", 0, "The log key; FILE.signed beside it says what it signed last", 0},
    {"socket", 's', "PATH", 0, "Serve tamisd there (its key: `signer: unix:/PATH`)", 0},
    {"allow-uid", OPTION_ALLOW, "UID", 0, "tamisd's user, when it is not this one", 0},
    {"begin", OPTION_BEGIN, NULL, 0, "The log is new: a key that never signed may begin", 0},
    {"adopt", OPTION_ADOPT, "CHECKPOINT", 0,
     "The log is older than its signer: begin at this checkpoint of it, which must be the last", 0},
    {"hand-over", OPTION_HAND_OVER, "FILE", 0,
     "Never sign here again, and move the key into FILE for another signer", 0},
    {"take-over", OPTION_TAKE_OVER, "FILE", 0,
     "Take the key out of FILE; it becomes the key of --key", 0},
    {0}};

static const char help_text[] =
    "Signs the checkpoints of a log, each only when it follows from the one before.\v"
    "tamisd starts a signer of its own for `keys: {log: FILE}`. This program is for keys that\n"
    "tamisd's user may not read: run it as another user, and give tamisd its socket.\n"
    "\nTo move a log to another machine:\n"
    "  tamis-signd --key OLD --hand-over FILE      tamisd and signer stopped\n"
    "  tamis-signd --key NEW --take-over FILE      there; FILE is gone afterwards\n"
    "FILE holds the key: carry it as you would carry the key.\n"
    "\nExit codes: 0 done; 1 failed; 2 wrong usage.";

static uid_t read_uid(struct argp_state *state, const char *text) {
  char *end = NULL;
  errno = 0;
  unsigned long value = strtoul(text, &end, 10);
  if (errno || *text < '0' || *text > '9' || *end || value >= UINT32_MAX)
    argp_error(state, "--allow-uid wants a number, and %s is none", text);
  return (uid_t)value;
}

static void check_usage(const struct arguments *arguments, struct argp_state *state) {
  int acts =
      !!arguments->socket + !!arguments->adopt + !!arguments->hand_over + !!arguments->take_over;
  if (!arguments->key) argp_error(state, "which key? --key FILE");
  if (acts != 1) argp_error(state, "one of --socket, --adopt, --hand-over and --take-over, please");
}

static error_t on_option(int key, char *value, struct argp_state *state) {
  struct arguments *arguments = state->input;
  switch (key) {
  case 'k': arguments->key = value; return 0;
  case 's': arguments->socket = value; return 0;
  case OPTION_ALLOW: arguments->allowed = read_uid(state, value); return 0;
  case OPTION_BEGIN: arguments->may_begin = true; return 0;
  case OPTION_ADOPT: arguments->adopt = value; return 0;
  case OPTION_HAND_OVER: arguments->hand_over = value; return 0;
  case OPTION_TAKE_OVER: arguments->take_over = value; return 0;
  case ARGP_KEY_ARG: argp_error(state, "what is %s?", value); return EINVAL;
  case ARGP_KEY_END: check_usage(arguments, state); return 0;
  default: return ARGP_ERR_UNKNOWN;
  }
}

static enum tamis_status serve(const struct arguments *arguments, struct fault *fault) {
  struct signd *signd = NULL;
  int listener = -1;
  enum tamis_status status = signd_open(arguments->key, arguments->may_begin, &signd, fault);
  if (status == TAMIS_OK)
    status = door_open(arguments->socket, arguments->allowed, &listener, fault);
  if (status == TAMIS_OK && !confine_calls())
    fprintf(stderr, "tamis-signd: warning: this kernel takes no filter of system calls; the "
                    "signer could reach the network\n");
  if (status == TAMIS_OK) {
    fprintf(stderr, "tamis-signd: serving %s, %" PRIu64 " entries signed\n", arguments->socket,
            signd_mark(signd)->size);
    door_serve(listener, signd, arguments->allowed);
    status = fault_set(fault, TAMIS_IO,
                       "what was signed last could not be made durable, or the socket failed; "
                       "start again when the disk is well");
  }
  if (listener >= 0) close(listener);
  signd_close(signd);
  return status;
}

static enum tamis_status act(const struct arguments *arguments, struct fault *fault) {
  struct mark mark = {.size = 0};
  enum tamis_status status;
  if (arguments->adopt) {
    status = move_adopt(arguments->key, arguments->adopt, &mark, fault);
    if (!status) printf("%s signs on from %" PRIu64 " entries\n", arguments->key, mark.size);
  } else if (arguments->hand_over) {
    status = move_hand_over(arguments->key, arguments->hand_over, &mark, fault);
    if (!status)
      printf("%s signs no more, after %" PRIu64 " entries; the key is in %s now: take it over with "
             "tamis-signd --take-over\n",
             arguments->key, mark.size, arguments->hand_over);
  } else if (arguments->take_over) {
    status = move_take_over(arguments->take_over, arguments->key, &mark, fault);
    if (!status)
      printf("%s signs on from %" PRIu64 " entries; %s is gone\n", arguments->key, mark.size,
             arguments->take_over);
  } else {
    status = serve(arguments, fault);
  }
  return status;
}

int main(int argc, char **argv) {
  const struct argp parser = {.options = options, .parser = on_option, .doc = help_text};
  struct arguments arguments = {.allowed = geteuid()};
  struct fault fault = {TAMIS_OK, ""};
  argp_err_exit_status = EXIT_USAGE;
  argp_program_version = "tamis-signd " TAMIS_VERSION;
  argp_parse(&parser, argc, argv, 0, NULL, &arguments);
  confine_memory();
  enum tamis_status status = key_library_start();
  if (status == TAMIS_OK) status = act(&arguments, &fault);
  if (status == TAMIS_OK) return EXIT_SUCCESS;
  fprintf(stderr, "tamis-signd: %s (%s)\n", fault.text, tamis_status_name(status));
  return EXIT_FAILED;
}
