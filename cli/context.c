/* Environment, global options, server.json, and the one connection a command may need. */
#include "cli/context.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "cli/human.h"
#include "cli/offline.h"

/* --home, else TAMIS_HOME, else where XDG says. */
static char *choose_home(const struct arguments *arguments) {
  const char *given = arguments_text(arguments, "home", getenv("TAMIS_HOME"));
  const char *xdg = getenv("XDG_CONFIG_HOME"), *user = getenv("HOME");
  char *home = NULL;
  int written;
  if (given != NULL && *given != '\0')
    written = asprintf(&home, "%s", given);
  else if (xdg != NULL && *xdg == '/')
    written = asprintf(&home, "%s/tamis", xdg);
  else
    written = asprintf(&home, "%s/.config/tamis", user == NULL ? "" : user);
  return written < 0 ? NULL : home;
}

static bool wants_colour(const struct arguments *arguments, FILE *out) {
  const char *no = getenv("NO_COLOR"), *terminal = getenv("TERM");
  if (arguments_has(arguments, "no-color") || (no != NULL && *no != '\0')) return false;
  return isatty(fileno(out)) && terminal != NULL && strcmp(terminal, "dumb") != 0;
}

static size_t choose_width(FILE *out) {
  struct winsize size;
  bool known = ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > OUTPUT_WIDTH;
  if (!known) return OUTPUT_WIDTH;
  return size.ws_col < OUTPUT_WIDTH_MAX ? size.ws_col : OUTPUT_WIDTH_MAX;
}

enum tamis_status context_open(struct context *context, const struct arguments *arguments,
                               FILE *out, FILE *err) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  *context = (struct context){
      .out = out,
      .err = err,
      .colour = wants_colour(arguments, out),
      .utf8 = isatty(fileno(out)) && strcmp(nl_langinfo(CODESET), "UTF-8") == 0,
      .width = choose_width(out),
      .out_terminal = isatty(fileno(out)) != 0,
      .err_terminal = isatty(fileno(err)) != 0,
      .quiet = arguments_has(arguments, "quiet"),
      .verbose = arguments_has(arguments, "verbose"),
      .now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000,
      .home = choose_home(arguments),
  };
  uint64_t deadline_ms = arguments_duration_ms(arguments, "timeout", 0);
  context->deadline_ms = deadline_ms > UINT32_MAX ? UINT32_MAX : (uint32_t)deadline_ms;
  output_form_read(arguments_text(arguments, "output", "table"), &context->form);
  const char *address = arguments_text(arguments, "address", NULL);
  if (address != NULL) context->address = strdup(address);
  if (context->home == NULL || (address != NULL && context->address == NULL))
    return fault_plain(&context->fault, TAMIS_NO_MEMORY);
  return TAMIS_OK;
}

void context_close(struct context *context) {
  if (context->operator!= NULL) operator_close(context->operator);
  offline_close(context->offline);
  json_decref(context->failure);
  free(context->home);
  free(context->address);
  free(context->log_vkey);
  free(context->ca);
  free(context->certificate);
  free(context->key);
  context->operator= NULL;
  context->offline = NULL;
  context->home = context->address = context->log_vkey = NULL;
  context->ca = context->certificate = context->key = NULL;
}

static enum tamis_status bad_server_json(struct context *context, const char *path,
                                         const char *why) {
  return fault_set(&context->fault, TAMIS_BAD_CONFIG, "%s: %s", path, why);
}

/* A path in server.json is relative to it. False when out of memory. */
static bool beside(const struct context *context, const char *path, char **out) {
  *out = NULL;
  if (path == NULL) return true;
  if (*path == '/') return (*out = strdup(path)) != NULL;
  return asprintf(out, "%s/operator/%s", context->home, path) >= 0;
}

static enum tamis_status take_server(struct context *context, const char *path, json_t *root) {
  json_error_t where;
  const char *address = NULL, *log_vkey = NULL, *ca = NULL, *certificate = NULL, *key = NULL;
  if (json_unpack_ex(root, &where, JSON_STRICT, "{s:s, s:s, s?s, s?s, s?s}", "address", &address,
                     "log_vkey", &log_vkey, "ca", &ca, "certificate", &certificate, "key",
                     &key) != 0)
    return bad_server_json(context, path, where.text);
  if (context->address == NULL) context->address = strdup(address);
  context->log_vkey = strdup(log_vkey);
  if (context->address == NULL || context->log_vkey == NULL || !beside(context, ca, &context->ca) ||
      !beside(context, certificate, &context->certificate) || !beside(context, key, &context->key))
    return fault_plain(&context->fault, TAMIS_NO_MEMORY);
  return TAMIS_OK;
}

static enum tamis_status read_server_json(struct context *context, const char *path) {
  json_error_t where;
  errno = 0;
  json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &where);
  if (root == NULL && errno == ENOENT) {
    fault_set(&context->fault, TAMIS_BAD_CONFIG, "there is no operator's folder at %s/operator",
              context->home);
    return context_hint(context, TAMIS_BAD_CONFIG,
                        "make one with `tamis init DIR`, or say where it is: --home DIR");
  }
  if (root == NULL) return bad_server_json(context, path, where.text);
  enum tamis_status status = take_server(context, path, root);
  json_decref(root);
  return status;
}

enum tamis_status context_server(struct context *context) {
  char *path = NULL;
  if (context->log_vkey != NULL) return TAMIS_OK;
  if (asprintf(&path, "%s/operator/server.json", context->home) < 0)
    return fault_plain(&context->fault, TAMIS_NO_MEMORY);
  enum tamis_status status = read_server_json(context, path);
  free(path);
  return status;
}

enum tamis_status context_connect(struct context *context) {
  char *key_path = NULL;
  if (context->operator!= NULL) return TAMIS_OK;
  enum tamis_status status = context_server(context);
  if (status != TAMIS_OK) return status;
  if (asprintf(&key_path, "%s/operator/operator.key", context->home) < 0)
    return fault_plain(&context->fault, TAMIS_NO_MEMORY);
  const struct operator_options options = {.address = context->address,
                                           .log_vkey = context->log_vkey,
                                           .ca_file = context->ca,
                                           .certificate_file = context->certificate,
                                           .key_file = context->key,
                                           .operator_key_path = key_path,
                                           .deadline_ms = context->deadline_ms};
  context_detail(context, "connecting to %s", context->address);
  status = operator_open(&options, &context->operator, & context->fault);
  free(key_path);
  return status;
}

/* Calls retry until the deadline; a person should know what the silence is. */
static void warn_if_away(struct context *context) {
  struct fault fault;
  if (context->err_terminal && operator_ping(context->operator, & fault) == TAMIS_UNAVAILABLE)
    context_say(context, "tamis: %s does not answer yet, trying on", context->address);
}

enum tamis_status context_operator(struct context *context) {
  bool is_new = context->operator== NULL;
  enum tamis_status status = context_connect(context);
  if (status == TAMIS_OK && is_new) warn_if_away(context);
  return status;
}

enum tamis_status context_query(struct context *context, const char *name, size_t argument_count,
                                const char *const *arguments, json_t **rows) {
  *rows = NULL;
  if (context->offline != NULL)
    return offline_query(context->offline, name, argument_count, arguments, rows, &context->fault);
  enum tamis_status status = context_operator(context);
  if (status != TAMIS_OK) return status;
  status =
      operator_query(context->operator, name, argument_count, arguments, rows, &context->fault);
  if (status != TAMIS_OK || json_is_array(*rows)) return status;
  json_decref(*rows);
  *rows = NULL;
  return fault_set(&context->fault, TAMIS_BAD_REQUEST,
                   "the server answered the query \"%s\" with something that is not rows", name);
}

enum tamis_status context_find(struct context *context, const char *name, const char *argument,
                               const char *column, const char *value, enum tamis_status missing,
                               json_t **row) {
  json_t *rows = NULL, *each;
  size_t i;
  *row = NULL;
  enum tamis_status status =
      context_query(context, name, argument == NULL ? 0 : 1, &argument, &rows);
  if (status != TAMIS_OK) return status;
  json_array_foreach(rows, i, each) {
    const char *found = json_string_value(json_object_get(each, column));
    if (*row == NULL && found != NULL && strcmp(found, value) == 0) *row = json_incref(each);
  }
  json_decref(rows);
  if (*row != NULL) return TAMIS_OK;
  return fault_set(&context->fault, missing, "there is no %s \"%s\"%s%s", column, value,
                   argument == NULL || *argument == '\0' ? "" : " in ",
                   argument == NULL ? "" : argument);
}

enum tamis_status context_query_federation(struct context *context, const char *name,
                                           size_t argument_count, const char *const *arguments,
                                           json_t **rows) {
  json_t *row = NULL;
  enum tamis_status status = context_query(context, name, argument_count, arguments, rows);
  if (status != TAMIS_OK || json_array_size(*rows) > 0) return status;
  status = context_find(context, "federations", NULL, "federation", arguments[0],
                        TAMIS_UNKNOWN_FEDERATION, &row);
  json_decref(row);
  if (status == TAMIS_OK) return TAMIS_OK;
  json_decref(*rows);
  *rows = NULL;
  return status;
}

enum tamis_status context_list(struct context *context, const char *name,
                               const char *const *arguments, const struct sheet *sheet) {
  json_t *rows = NULL;
  enum tamis_status status = context_query_federation(context, name, 1, arguments, &rows);
  if (status != TAMIS_OK) return status;
  output_rows(context, sheet, rows);
  json_decref(rows);
  return TAMIS_OK;
}

int64_t context_monotonic_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void context_say(struct context *context, const char *format, ...) {
  va_list list;
  if (context->quiet) return;
  va_start(list, format);
  vfprintf(context->err, format, list);
  va_end(list);
  fputc('\n', context->err);
}

void context_detail(struct context *context, const char *format, ...) {
  va_list list;
  if (!context->verbose) return;
  va_start(list, format);
  vfprintf(context->err, format, list);
  va_end(list);
  fputc('\n', context->err);
}

enum tamis_status context_hint(struct context *context, enum tamis_status status,
                               const char *format, ...) {
  va_list list;
  va_start(list, format);
  vsnprintf(context->hint, sizeof context->hint, format, list);
  va_end(list);
  return status;
}

enum tamis_status context_confirm(struct context *context, const char *what, const char *question) {
  char answer[16] = "";
  if (!isatty(STDIN_FILENO) || !context->err_terminal) {
    fault_set(&context->fault, TAMIS_BAD_REQUEST, "%s wants to be confirmed", what);
    return context_hint(context, TAMIS_BAD_REQUEST, "add --yes; or --dry-run to see the plan only");
  }
  fprintf(context->err, "%s [y/N] ", question);
  fflush(context->err);
  if (fgets(answer, sizeof answer, stdin) != NULL &&
      (strcmp(answer, "y\n") == 0 || strcmp(answer, "yes\n") == 0))
    return TAMIS_OK;
  return fault_set(&context->fault, TAMIS_CANCELLED, "not confirmed: nothing was changed");
}

/* "7", "3..9", "3.." or "..9"; 0 is no bound. */
static bool rounds_read(const char *text, int64_t *first, int64_t *last) {
  const char *dots = strstr(text, "..");
  char left[HUMAN_TEXT_SIZE] = "";
  uint64_t from = 0, to = 0;
  size_t length = dots == NULL ? strlen(text) : (size_t)(dots - text);
  if (length >= sizeof left) return false;
  memcpy(left, text, length);
  if (length > 0 && (!human_count_read(left, &from) || from == 0)) return false;
  const char *right = dots == NULL ? left : dots + 2;
  if (*right != '\0' && (!human_count_read(right, &to) || to == 0)) return false;
  if ((from == 0 && to == 0) || (to != 0 && to < from)) return false;
  *first = (int64_t)from;
  *last = (int64_t)to;
  return true;
}

enum tamis_status context_rounds(struct context *context, const struct arguments *arguments,
                                 int64_t *first, int64_t *last) {
  const char *rounds = arguments_text(arguments, "rounds", NULL);
  *first = *last = 0;
  if (rounds == NULL || rounds_read(rounds, first, last)) return TAMIS_OK;
  fault_set(&context->fault, TAMIS_BAD_REQUEST, "\"%.40s\" are no rounds", rounds);
  return context_hint(context, TAMIS_BAD_REQUEST, "write 7, 3..9, 3.. or ..9; rounds begin at 1");
}
