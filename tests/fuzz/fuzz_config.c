/* tamisd.yaml, read from a file that exists in memory only: what is accepted can be served from. */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "aggregator/rpc/config.h"
#include "fuzz.h"
#include "proto/text.h"

static void check_accepted(const struct config *config) {
  char host[256];
  uint16_t port;
  fuzz_must(config->listen && config->state && config->genesis, "the needed texts are there");
  fuzz_must(config->keys.aggregator && config->keys.log, "and the keys");
  fuzz_must(!config->tls.certificate == !config->tls.key, "certificate and key together");
  fuzz_must(config->tls.certificate || config_is_local(config->listen), "TLS, or nobody outside");
  fuzz_must(strncmp(config->listen, "unix:", 5) == 0 ||
                text_split_address(config->listen, host, sizeof host, &port),
            "an address");
  fuzz_must(config->limits.workers > 0 && config->limits.progress_seconds > 0,
            "limits have values");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char path[64];
  struct config config;
  struct fault fault = {.text = ""};
  int file = memfd_create("config", MFD_CLOEXEC);
  fuzz_must(file >= 0 && write(file, data, size) == (ssize_t)size, "a file in memory");
  snprintf(path, sizeof path, "/proc/self/fd/%d", file);
  enum tamis_status status = config_read(path, &config, &fault);
  if (status == TAMIS_OK)
    check_accepted(&config);
  else
    fuzz_must(fault.text[0] != '\0', "a refusal says why");
  config_close(&config); /* empty after a refusal */
  close(file);
  return 0;
}
