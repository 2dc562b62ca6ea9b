/* The files of PROTOCOL.md 9 over HTTP, from a state folder or an export. Reads only, and only
 * those paths. */
#ifndef TAMIS_CLI_TILE_SERVER_H
#define TAMIS_CLI_TILE_SERVER_H

#include <stdbool.h>
#include "proto/fault.h"

struct tile_server;

struct tile_server_options {
  const char *folder;
  const char *listen; /* "127.0.0.1:7416"; port 0: any */
  bool with_blobs;    /* models and updates too; whoever can connect can read them */
};

/* NOT_FOUND when the folder has no checkpoint; as http_open. */
enum tamis_status tile_server_open(const struct tile_server_options *options,
                                   struct tile_server **server, struct fault *fault);
unsigned tile_server_port(const struct tile_server *server);
void tile_server_close(struct tile_server *server);

#endif
