/* tamisd.yaml: every key, its bounds and its default; a key that is not here is an error. */
#ifndef TAMIS_CONFIG_H
#define TAMIS_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include "aggregator/rpc/log.h"
#include "proto/fault.h"

enum { CONFIG_SIZE_MAX = 64 << 10 }; /* bytes of the file */
enum config_flow { CONFIG_FLOW_BOUNDED, CONFIG_FLOW_WAN };

/* Paths are absolute after config_read, or as the file gives them when that is relative to the
 * working directory. */
struct config {
  char *listen;  /* "127.0.0.1:7414", "[::1]:0", "unix:/run/tamis/socket"; port 0: any */
  char *state;   /* folder of journal, blobs, tamis.db, checkpoint */
  char *genesis; /* the operator's genesis envelope */
  struct config_keys {
    char *aggregator, *log; /* log: NULL with `signer` */
  } keys;
  char *signer; /* "unix:/run/tamis/signd", a tamis-signd; NULL: one of our own for keys.log */
  struct config_tls {
    char *certificate, *key,
        *client_ca; /* PEM files; client_ca: clients must show a certificate of it */
  } tls;
  struct config_follow { /* of `--follow`; address NULL: none */
    char *address;       /* of the server whose log this one copies */
    char *log_key;       /* its log's vkey */
    char *operator_key;  /* file of a key that may read everything */
    char *ca;            /* PEM file; NULL: plain text, to this machine only */
    char *folder;        /* the stopped server's state folder, or a copy, for its last entries */
  } follow;
  char *metrics; /* "127.0.0.1:7415"; loopback only; NULL: none */
  enum config_flow flow;
  uint32_t threads; /* for judging and aggregating; 0: all processors */
  struct config_limits {
    uint32_t calls, streams_per_connection, streams_per_principal, uploads_per_client;
    uint32_t upload_memory_mib, network_memory_mib, blob_mib, reserve_mib;
    uint32_t progress_kib_per_second, progress_seconds;
    uint32_t request_seconds, session_seconds, drain_seconds;
    uint32_t loops, workers;
  } limits;
  struct config_log {
    enum log_level level;
    enum log_format format;
  } log;
};

/* Reads and checks everything that can be checked without serving. The fault names the file, the
 * key, what is wrong and what to do. */
enum tamis_status config_read(const char *path, struct config *config, struct fault *fault);
void config_close(struct config *config);

/* 127.0.0.0/8, [::1], localhost or a unix socket. */
bool config_is_local(const char *address);

#endif
