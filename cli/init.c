/* `tamis init`: everything a new server and its first operator need, in one folder, and what to
 * type next. The configuration is written last: a folder that has one is whole. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command_run.h"
#include "cli/durable_file.h"
#include "proto/canonical.h"
#include "proto/statement.h"
#include "proto/text.h"

enum { PATH_SIZE = 1024, CONFIG_SIZE = 2048, FILES_MAX = 8 };

struct plan {
  const char *folder, *origin, *listen, *metrics;
  char default_origin[160], operator_name[KEY_NAME_SIZE], address[300];
  struct secret_key log, aggregator, operator;
  size_t made_count; /* files to take away again should a later one fail */
  char made[FILES_MAX][PATH_SIZE];
};

/* A name from outside made fit for PROTOCOL.md: lower case, what is not allowed left out. */
static void make_name(const char *raw, char *out, size_t size, const char *otherwise) {
  size_t length = 0;
  for (; *raw != '\0' && length + 1 < size; raw++) {
    char c = *raw >= 'A' && *raw <= 'Z' ? (char)(*raw - 'A' + 'a') : *raw;
    out[length] = c;
    out[length + 1] = '\0';
    if (text_is_name(out, length + 1)) length++;
  }
  out[length] = '\0';
  if (length == 0) snprintf(out, size, "%s", otherwise);
}

/* Where a server that listens everywhere is reached from here. */
static void reachable(const char *listen, char *out, size_t size) {
  if (strncmp(listen, "0.0.0.0:", 8) == 0)
    snprintf(out, size, "127.0.0.1:%s", listen + 8);
  else if (strncmp(listen, "[::]:", 5) == 0)
    snprintf(out, size, "[::1]:%s", listen + 5);
  else
    snprintf(out, size, "%s", listen);
}

/* Goes into YAML and JSON unquoted: host:port or unix:/path of plain characters. */
static bool is_address(const char *text) {
  static const char *const plain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:-_/[]";
  return strlen(text) < 256 && text[strspn(text, plain)] == '\0' && strchr(text, ':') != NULL;
}

static enum tamis_status make_plan(struct plan *plan, const struct arguments *arguments,
                                   struct fault *fault) {
  char host[64] = "", name[65];
  const char *user = getenv("USER");
  gethostname(host, sizeof host - 1);
  make_name(host, name, sizeof name, "server");
  snprintf(plan->default_origin, sizeof plan->default_origin, "tamis.local/%s", name);
  plan->folder = arguments->word[0];
  plan->origin = arguments_text(arguments, "origin", plan->default_origin);
  plan->listen = arguments_text(arguments, "listen", "127.0.0.1:7414");
  plan->metrics = arguments_text(arguments, "metrics", "off");
  make_name(user == NULL ? "" : user, name, sizeof name, "operator");
  snprintf(plan->operator_name, sizeof plan->operator_name, "operator/%s",
           arguments_text(arguments, "operator", name));
  if (!text_is_origin(plan->origin, strlen(plan->origin)))
    return fault_set(fault, TAMIS_BAD_REQUEST,
                     "--origin wants up to 128 printable characters without space and +");
  if (!is_address(plan->listen))
    return fault_set(fault, TAMIS_BAD_REQUEST, "--listen wants HOST:PORT or unix:/PATH");
  if (strcmp(plan->metrics, "off") != 0 && !is_address(plan->metrics))
    return fault_set(fault, TAMIS_BAD_REQUEST, "--metrics wants HOST:PORT or off");
  if (strlen(plan->folder) == 0 || strlen(plan->folder) > PATH_SIZE - 64)
    return fault_set(fault, TAMIS_BAD_REQUEST, "the folder's name is empty or too long");
  reachable(plan->listen, plan->address, sizeof plan->address);
  key_generate(plan->origin, &plan->log);
  key_generate("service/aggregator", &plan->aggregator);
  key_generate(plan->operator_name, &plan->operator);
  return TAMIS_OK;
}

static const char *path_of(const struct plan *plan, const char *name, char path[PATH_SIZE]) {
  snprintf(path, PATH_SIZE, "%s/%s", plan->folder, name);
  return path;
}

static enum tamis_status refuse_what_is_there(const struct plan *plan, struct fault *fault) {
  static const char *const name[] = {"tamisd.yaml", "genesis.json", "keys", "operator", "state"};
  char path[PATH_SIZE];
  for (size_t i = 0; i < sizeof name / sizeof *name; i++) {
    if (access(path_of(plan, name[i], path), F_OK) == 0 || errno != ENOENT)
      return fault_set(fault, TAMIS_CONFLICT, "%s is there already, and nothing is overwritten",
                       path);
  }
  return TAMIS_OK;
}

static enum tamis_status make_file(struct plan *plan, const char *name, const char *bytes,
                                   size_t length, struct fault *fault) {
  char *path = plan->made[plan->made_count];
  enum tamis_status status =
      durable_file_new(path_of(plan, name, path), 0644, bytes, length, fault);
  if (status == TAMIS_OK) plan->made_count++;
  return status;
}

static enum tamis_status make_key(struct plan *plan, const char *name, const struct secret_key *key,
                                  struct fault *fault) {
  char *path = plan->made[plan->made_count];
  enum tamis_status status = key_file_write(path_of(plan, name, path), key, fault);
  if (status == TAMIS_OK) plan->made_count++;
  return status;
}

static enum tamis_status make_folders(struct plan *plan, struct fault *fault) {
  char path[PATH_SIZE];
  enum tamis_status status = durable_file_folder(plan->folder, fault);
  if (status == TAMIS_OK) status = durable_file_folder(path_of(plan, "keys", path), fault);
  if (status == TAMIS_OK) status = durable_file_folder(path_of(plan, "operator", path), fault);
  return status;
}

static enum tamis_status make_keys(struct plan *plan, struct fault *fault) {
  enum tamis_status status = make_key(plan, "keys/log.key", &plan->log, fault);
  if (status == TAMIS_OK) status = make_key(plan, "keys/aggregator.key", &plan->aggregator, fault);
  if (status == TAMIS_OK) status = make_key(plan, "operator/operator.key", &plan->operator, fault);
  return status;
}

/* Entry 0 of the log: which keys speak for it, signed by the operator. */
static enum tamis_status make_genesis(struct plan *plan, struct fault *fault) {
  char log[KEY_VKEY_SIZE], aggregator[KEY_VKEY_SIZE], operator[KEY_VKEY_SIZE], nonce[33];
  uint8_t random[16], *envelope = NULL;
  size_t length;
  if (getentropy(random, sizeof random) != 0)
    return fault_set(fault, TAMIS_IO, "the system gives no randomness");
  text_hex_encode(random, sizeof random, nonce);
  key_vkey_write(&plan->log.public, log);
  key_vkey_write(&plan->aggregator.public, aggregator);
  key_vkey_write(&plan->operator.public, operator);
  json_t *predicate = json_pack("{s:s, s:s, s:[s], s:s}", "log_key", log, "aggregator_key",
                                aggregator, "operators", operator, "nonce", nonce);
  const char *const subject_name[] = {"log"};
  const struct digest subject = digest_of(log, strlen(log));
  enum tamis_status status =
      statement_sign(plan->origin, STATEMENT_GENESIS, predicate, 1, subject_name, &subject,
                     &plan->operator,(char **) & envelope, &length, fault);
  if (status == TAMIS_OK)
    status = make_file(plan, "genesis.json", (const char *)envelope, length, fault);
  free(envelope);
  json_decref(predicate);
  return status;
}

static enum tamis_status make_server_json(struct plan *plan, struct fault *fault) {
  char log[KEY_VKEY_SIZE];
  key_vkey_write(&plan->log.public, log);
  json_t *server = json_pack("{s:s, s:s}", "address", plan->address, "log_vkey", log);
  char *text = json_dumps(server, JSON_INDENT(2));
  enum tamis_status status =
      text == NULL ? fault_plain(fault, TAMIS_NO_MEMORY)
                   : make_file(plan, "operator/server.json", text, strlen(text), fault);
  free(text);
  json_decref(server);
  return status;
}

static enum tamis_status make_config(struct plan *plan, struct fault *fault) {
  char text[CONFIG_SIZE];
  bool measured = strcmp(plan->metrics, "off") != 0;
  int length =
      snprintf(text, sizeof text,
               "# tamisd --config tamisd.yaml; paths are relative to this file\n"
               "listen: \"%s\"\nstate: state\ngenesis: genesis.json\nkeys:\n"
               "  aggregator: keys/aggregator.key\n  log: keys/log.key\n"
               "%smetrics: \"%s\"\n",
               plan->listen, measured ? "" : "# ", measured ? plan->metrics : "127.0.0.1:7415");
  return make_file(plan, "tamisd.yaml", text, (size_t)length, fault);
}

static enum tamis_status settle(const struct plan *plan, struct fault *fault) {
  char path[PATH_SIZE];
  enum tamis_status status = durable_file_settle(path_of(plan, "keys", path), fault);
  if (status == TAMIS_OK) status = durable_file_settle(path_of(plan, "operator", path), fault);
  if (status == TAMIS_OK) status = durable_file_settle(plan->folder, fault);
  if (status == TAMIS_OK) status = durable_file_settle(path_of(plan, "..", path), fault);
  return status;
}

static void take_back(struct plan *plan) {
  char path[PATH_SIZE];
  while (plan->made_count > 0) unlink(plan->made[--plan->made_count]);
  rmdir(path_of(plan, "keys", path));
  rmdir(path_of(plan, "operator", path));
}

static enum tamis_status make_all(struct plan *plan, struct fault *fault) {
  enum tamis_status status = refuse_what_is_there(plan, fault);
  if (status != TAMIS_OK) return status;
  status = make_folders(plan, fault);
  if (status == TAMIS_OK) status = make_keys(plan, fault);
  if (status == TAMIS_OK) status = make_genesis(plan, fault);
  if (status == TAMIS_OK) status = make_server_json(plan, fault);
  if (status == TAMIS_OK) status = make_config(plan, fault);
  if (status == TAMIS_OK) status = settle(plan, fault);
  if (status != TAMIS_OK) take_back(plan);
  return status;
}

static void tell(struct context *context, const struct plan *plan) {
  char log[KEY_VKEY_SIZE];
  key_vkey_write(&plan->log.public, log);
  json_t *data =
      json_pack("{s:s, s:s, s:s, s:s, s:s}", "home", plan->folder, "origin", plan->origin,
                "address", plan->address, "operator", plan->operator_name, "log_vkey", log);
  output_change(context, "server", plan->origin, "made", false, data);
  json_decref(data);
  if (!output_is_for_people(context)) return;
  context_say(context,
              "  %s/keys       the server's keys: they stay on the server\n"
              "  %s/operator   your key: whoever has it can do what you can\n"
              "Next:\n"
              "  tamisd --config %s/tamisd.yaml &\n"
              "  export TAMIS_HOME=$(realpath %s)\n"
              "  tamis federation create NAME --model FILE.safetensors --rule 'multi_krum(f=4)'\n"
              "  tamis client invite CLIENT",
              plan->folder, plan->folder, plan->folder, plan->folder);
}

enum tamis_status init_run(struct context *context, const struct arguments *arguments) {
  struct plan plan = {.made_count = 0};
  enum tamis_status status = make_plan(&plan, arguments, &context->fault);
  if (status == TAMIS_OK) status = make_all(&plan, &context->fault);
  if (status == TAMIS_OK) tell(context, &plan);
  if (status == TAMIS_CONFLICT)
    context_hint(context, status, "choose another folder, or move the old one away");
  key_wipe(&plan.log);
  key_wipe(&plan.aggregator);
  key_wipe(&plan.operator);
  return status;
}
