/* The schema and its defaults stand in one table each; checks that need two keys or the file system
 * follow it. */
#include "aggregator/rpc/config.h"

#include <cyaml/cyaml.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "proto/text.h"

enum { TEXT_MAX = 4096, TOLD_MAX = 256 };

static const struct config_limits limits_default = {
    .calls = 4096,
    .streams_per_connection = 128,
    .streams_per_principal = 8,
    .uploads_per_client = 1,
    .upload_memory_mib = 8,
    .blob_mib = 8192,
    .reserve_mib = 64,
    .progress_kib_per_second = 16,
    .progress_seconds = 10,
    .request_seconds = 10,
    .session_seconds = 3600,
    .drain_seconds = 20,
    .loops = 2,
    .workers = 16,
};

/* What a limit may be; 0 in the file means its default. */
static const struct bound {
  const char *key;
  size_t offset;
  uint32_t least, most;
} bounds[] = {
    {"calls", offsetof(struct config_limits, calls), 1, 1000000},
    {"streams_per_connection", offsetof(struct config_limits, streams_per_connection), 1, 10000},
    {"streams_per_principal", offsetof(struct config_limits, streams_per_principal), 2, 10000},
    {"uploads_per_client", offsetof(struct config_limits, uploads_per_client), 1, 64},
    {"upload_memory_mib", offsetof(struct config_limits, upload_memory_mib), 1, 65536},
    {"network_memory_mib", offsetof(struct config_limits, network_memory_mib), 0, 65536},
    {"blob_mib", offsetof(struct config_limits, blob_mib), 1, 1 << 20},
    {"reserve_mib", offsetof(struct config_limits, reserve_mib), 1, 1 << 20},
    {"progress_kib_per_second", offsetof(struct config_limits, progress_kib_per_second), 1,
     1 << 20},
    {"progress_seconds", offsetof(struct config_limits, progress_seconds), 1, 3600},
    {"request_seconds", offsetof(struct config_limits, request_seconds), 1, 3600},
    {"session_seconds", offsetof(struct config_limits, session_seconds), 1, 7 * 24 * 3600},
    {"drain_seconds", offsetof(struct config_limits, drain_seconds), 1, 3600},
    {"loops", offsetof(struct config_limits, loops), 1, 64},
    {"workers", offsetof(struct config_limits, workers), 1, 256},
};
enum { BOUND_COUNT = sizeof bounds / sizeof *bounds };

static const cyaml_strval_t flow_names[] = {{"bounded", CONFIG_FLOW_BOUNDED},
                                            {"wan", CONFIG_FLOW_WAN}};
static const cyaml_strval_t level_names[] = {{"error", LOG_LEVEL_ERROR},
                                             {"warn", LOG_LEVEL_WARN},
                                             {"info", LOG_LEVEL_INFO},
                                             {"debug", LOG_LEVEL_DEBUG}};
static const cyaml_strval_t format_names[] = {{"text", LOG_FORMAT_TEXT}, {"json", LOG_FORMAT_JSON}};

/* libcyaml's own macros for fields cast away const and sign; these say the same and nothing else.
 */
static cyaml_schema_field_t field_text(const char *key, size_t offset, bool is_needed) {
  return (cyaml_schema_field_t){
      .key = key,
      .data_offset = (uint32_t)offset,
      .value = {.type = CYAML_STRING,
                .flags = is_needed ? CYAML_FLAG_POINTER : CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
                .data_size = sizeof(char),
                .string = {.min = 1, .max = TEXT_MAX}}};
}

static cyaml_schema_field_t field_number(const char *key, size_t offset) {
  return (cyaml_schema_field_t){
      .key = key,
      .data_offset = (uint32_t)offset,
      .value = {.type = CYAML_UINT, .flags = CYAML_FLAG_OPTIONAL, .data_size = sizeof(uint32_t)}};
}

static cyaml_schema_field_t field_choice(const char *key, size_t offset,
                                         const cyaml_strval_t *names, uint32_t count) {
  return (cyaml_schema_field_t){.key = key,
                                .data_offset = (uint32_t)offset,
                                .value = {.type = CYAML_ENUM,
                                          .flags = CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT,
                                          .data_size = sizeof(int),
                                          .enumeration = {.strings = names, .count = count}}};
}

static cyaml_schema_field_t field_group(const char *key, size_t offset, size_t size, bool is_needed,
                                        const cyaml_schema_field_t *fields) {
  return (cyaml_schema_field_t){
      .key = key,
      .data_offset = (uint32_t)offset,
      .value = {.type = CYAML_MAPPING,
                .flags = is_needed ? CYAML_FLAG_DEFAULT : CYAML_FLAG_OPTIONAL,
                .data_size = (uint32_t)size,
                .mapping = {.fields = fields}}};
}

struct schema {
  cyaml_schema_field_t keys[3], tls[4], limits[BOUND_COUNT + 1], follow[6], log[3], top[13];
  cyaml_schema_value_t root;
};

static void schema_fill(struct schema *schema) {
  memset(schema, 0, sizeof *schema);
  schema->keys[0] = field_text("aggregator", offsetof(struct config_keys, aggregator), true);
  schema->keys[1] = field_text("log", offsetof(struct config_keys, log), false);
  schema->tls[0] = field_text("certificate", offsetof(struct config_tls, certificate), true);
  schema->tls[1] = field_text("key", offsetof(struct config_tls, key), true);
  schema->tls[2] = field_text("client_ca", offsetof(struct config_tls, client_ca), false);
  schema->follow[0] = field_text("address", offsetof(struct config_follow, address), true);
  schema->follow[1] = field_text("log_key", offsetof(struct config_follow, log_key), true);
  schema->follow[2] =
      field_text("operator_key", offsetof(struct config_follow, operator_key), true);
  schema->follow[3] = field_text("ca", offsetof(struct config_follow, ca), false);
  schema->follow[4] = field_text("folder", offsetof(struct config_follow, folder), false);
  for (size_t i = 0; i < BOUND_COUNT; i++)
    schema->limits[i] = field_number(bounds[i].key, bounds[i].offset);
  schema->log[0] = field_choice("level", offsetof(struct config_log, level), level_names, 4);
  schema->log[1] = field_choice("format", offsetof(struct config_log, format), format_names, 2);
  cyaml_schema_field_t *top = schema->top;
  *top++ = field_text("listen", offsetof(struct config, listen), true);
  *top++ = field_text("state", offsetof(struct config, state), true);
  *top++ = field_text("genesis", offsetof(struct config, genesis), true);
  *top++ = field_group("keys", offsetof(struct config, keys), sizeof(struct config_keys), true,
                       schema->keys);
  *top++ = field_group("tls", offsetof(struct config, tls), sizeof(struct config_tls), false,
                       schema->tls);
  *top++ = field_text("signer", offsetof(struct config, signer), false);
  *top++ = field_group("follow", offsetof(struct config, follow), sizeof(struct config_follow),
                       false, schema->follow);
  *top++ = field_text("metrics", offsetof(struct config, metrics), false);
  *top++ = field_choice("flow", offsetof(struct config, flow), flow_names, 2);
  *top++ = field_number("threads", offsetof(struct config, threads));
  *top++ = field_group("limits", offsetof(struct config, limits), sizeof(struct config_limits),
                       false, schema->limits);
  *top++ = field_group("log", offsetof(struct config, log), sizeof(struct config_log), false,
                       schema->log);
  schema->root = (cyaml_schema_value_t){.type = CYAML_MAPPING,
                                        .flags = CYAML_FLAG_POINTER,
                                        .data_size = sizeof(struct config),
                                        .mapping = {.fields = schema->top}};
}

/* libcyaml says what is wrong in its first line, and where in the next ones: "  in mapping field
 * 'limits' (line: 3...". */
struct told {
  char text[TOLD_MAX];
  size_t length;
};

static void told_add(cyaml_log_t level, void *context, const char *format, va_list list) {
  struct told *told = context;
  if (level < CYAML_LOG_ERROR || told->length >= sizeof told->text) return;
  char line[TOLD_MAX];
  vsnprintf(line, sizeof line, format, list);
  line[strcspn(line, "\n")] = '\0';
  const char *text = line + strspn(line, " ");
  if (!strncmp(text, "Load: ", 6)) text += 6;
  if (!strncmp(text, "Backtrace", 9)) return;
  int added = snprintf(told->text + told->length, sizeof told->text - told->length, "%s%s",
                       told->length ? ", " : "", text);
  if (added > 0) told->length += (size_t)added;
}

static enum tamis_status config_parse(const char *path, const uint8_t *bytes, size_t length,
                                      struct config *config, struct fault *fault) {
  struct told told = {.length = 0};
  struct schema schema;
  struct config *loaded = NULL;
  cyaml_config_t settings = {.log_fn = told_add,
                             .log_ctx = &told,
                             .mem_fn = cyaml_mem,
                             .log_level = CYAML_LOG_ERROR,
                             .flags = CYAML_CFG_NO_ALIAS};
  schema_fill(&schema);
  cyaml_err_t error = cyaml_load_data(bytes, length, &settings, &schema.root,
                                      (cyaml_data_t **)(void *)&loaded, NULL);
  if (error != CYAML_OK || !loaded)
    return fault_set(fault, TAMIS_BAD_CONFIG, "%s: %s; see tamisd --help for the keys", path,
                     told.length ? told.text : cyaml_strerror(error));
  *config = *loaded;
  cyaml_mem(NULL, loaded, 0);
  return TAMIS_OK;
}

static enum tamis_status file_read(const char *path, uint8_t **bytes, size_t *length,
                                   struct fault *fault) {
  int descriptor = open(path, O_RDONLY | O_CLOEXEC);
  struct stat about;
  if (descriptor < 0 || fstat(descriptor, &about)) {
    int reason = errno;
    if (descriptor >= 0) close(descriptor);
    return fault_set(fault, TAMIS_BAD_CONFIG, "%s cannot be read: %s", path, strerror(reason));
  }
  *bytes = malloc(CONFIG_SIZE_MAX + 1);
  ssize_t got = *bytes ? read(descriptor, *bytes, CONFIG_SIZE_MAX + 1) : -1;
  close(descriptor);
  if (got >= 0 && got <= CONFIG_SIZE_MAX && S_ISREG(about.st_mode)) {
    *length = (size_t)got;
    return TAMIS_OK;
  }
  free(*bytes);
  *bytes = NULL;
  return fault_set(fault, TAMIS_BAD_CONFIG, "%s is no file of at most %d bytes", path,
                   CONFIG_SIZE_MAX);
}

/* Relative to the folder of the configuration, not to wherever the server was started. */
static void path_settle(const char *config_path, char **path) {
  const char *slash = strrchr(config_path, '/');
  char *joined = NULL;
  if (!*path || **path == '/' || !slash) return;
  if (asprintf(&joined, "%.*s/%s", (int)(slash - config_path), config_path, *path) < 0) abort();
  free(*path);
  *path = joined;
}

static void paths_settle(const char *config_path, struct config *config) {
  char **paths[] = {&config->state,           &config->genesis,
                    &config->keys.aggregator, &config->keys.log,
                    &config->tls.certificate, &config->tls.key,
                    &config->tls.client_ca,   &config->follow.operator_key,
                    &config->follow.ca,       &config->follow.folder};
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) path_settle(config_path, paths[i]);
}

static bool is_unix(const char *address) {
  return !strncmp(address, "unix:", 5) && address[5];
}

bool config_is_local(const char *address) {
  char host[256];
  uint16_t port;
  if (is_unix(address)) return true;
  if (!text_split_address(address, host, sizeof host, &port)) return false;
  unsigned a, b, c;
  int end = 0;
  bool is_loopback = sscanf(host, "127.%3u.%3u.%3u%n", &a, &b, &c, &end) == 3 && !host[end];
  return is_loopback || !strcmp(host, "::1") || !strcmp(host, "localhost");
}

static enum tamis_status limits_check(const char *path, struct config_limits *limits,
                                      struct fault *fault) {
  for (size_t i = 0; i < BOUND_COUNT; i++) {
    uint32_t *value = (uint32_t *)(void *)((char *)limits + bounds[i].offset);
    if (!*value) memcpy(value, (const char *)&limits_default + bounds[i].offset, sizeof *value);
    if (*value < bounds[i].least || *value > bounds[i].most)
      return fault_set(fault, TAMIS_BAD_CONFIG, "%s: limits.%s is %u, it may be %u to %u", path,
                       bounds[i].key, *value, bounds[i].least, bounds[i].most);
  }
  return TAMIS_OK;
}

static enum tamis_status addresses_check(const char *path, const struct config *config,
                                         struct fault *fault) {
  char host[256];
  uint16_t port;
  if (!is_unix(config->listen) && !text_split_address(config->listen, host, sizeof host, &port))
    return fault_set(fault, TAMIS_BAD_CONFIG,
                     "%s: listen is \"%s\"; write HOST:PORT, [IPV6]:PORT or unix:/PATH", path,
                     config->listen);
  if (!config_is_local(config->listen) && !config->tls.certificate)
    return fault_set(fault, TAMIS_BAD_CONFIG,
                     "%s: listen is \"%s\", which others can reach: give `tls` a certificate and a "
                     "key, or listen on 127.0.0.1 or a unix socket",
                     path, config->listen);
  if (config->signer && !is_unix(config->signer))
    return fault_set(fault, TAMIS_BAD_CONFIG,
                     "%s: signer is \"%s\"; write unix:/PATH, the socket of tamis-signd", path,
                     config->signer);
  if (!config->signer == !config->keys.log)
    return fault_set(fault, TAMIS_BAD_CONFIG,
                     "%s: give either keys.log, the log key's file, or signer, the socket of the "
                     "tamis-signd that holds it",
                     path);
  if (config->metrics && (is_unix(config->metrics) || !config_is_local(config->metrics)))
    return fault_set(fault, TAMIS_BAD_CONFIG,
                     "%s: metrics is \"%s\"; they are served on loopback only, for example "
                     "127.0.0.1:7415",
                     path, config->metrics);
  return TAMIS_OK;
}

static enum tamis_status files_check(const char *path, const struct config *config,
                                     struct fault *fault) {
  const struct {
    const char *key, *file;
  } files[] = {{"genesis", config->genesis},
               {"keys.aggregator", config->keys.aggregator},
               {"keys.log", config->follow.address ? NULL : config->keys.log}, /* comes later */
               {"tls.certificate", config->tls.certificate},
               {"tls.key", config->tls.key},
               {"tls.client_ca", config->tls.client_ca},
               {"follow.operator_key", config->follow.operator_key},
               {"follow.ca", config->follow.ca}};
  for (size_t i = 0; i < sizeof files / sizeof *files; i++)
    if (files[i].file && access(files[i].file, R_OK))
      return fault_set(fault, TAMIS_BAD_CONFIG, "%s: %s names %s: %s; `tamis init` makes the files",
                       path, files[i].key, files[i].file, strerror(errno));
  return TAMIS_OK;
}

enum tamis_status config_read(const char *path, struct config *config, struct fault *fault) {
  uint8_t *bytes = NULL;
  size_t length = 0;
  memset(config, 0, sizeof *config);
  enum tamis_status status = file_read(path, &bytes, &length, fault);
  if (status) return status;
  status = config_parse(path, bytes, length, config, fault);
  free(bytes);
  if (status) return status;
  paths_settle(path, config);
  status = limits_check(path, &config->limits, fault);
  if (!status) status = addresses_check(path, config, fault);
  if (!status) status = files_check(path, config, fault);
  if (status) config_close(config);
  return status;
}

void config_close(struct config *config) {
  free(config->listen);
  free(config->state);
  free(config->genesis);
  free(config->keys.aggregator);
  free(config->keys.log);
  free(config->tls.certificate);
  free(config->tls.key);
  free(config->tls.client_ca);
  free(config->signer);
  free(config->follow.address);
  free(config->follow.log_key);
  free(config->follow.operator_key);
  free(config->follow.ca);
  free(config->follow.folder);
  free(config->metrics);
  memset(config, 0, sizeof *config);
}
