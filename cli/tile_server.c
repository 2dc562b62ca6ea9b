/* What is asked for must be spelled as we would spell it; a file is opened name by name below the
 * folder, and no name may be a symbolic link. So no request leads anywhere else. */
#include "cli/tile_server.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "aggregator/durable.h"
#include "aggregator/http.h"
#include "proto/checkpoint.h"
#include "proto/tile.h"

enum {
  CONNECTIONS_MAX = 256,
  SECONDS_MAX = 30,
  TEXT_MAX = CHECKPOINT_NOTE_MAX,
  COSIGNATURES_MAX = 1 << 20, /* 4,096 lines of the longest names are fewer bytes */
  HASHES_MAX = TILE_WIDTH * DIGEST_SIZE,
  BUNDLE_MAX = TILE_WIDTH * (2 + TILE_ENTRY_MAX),
  PATH_SIZE = 128,
};

#define FOR_EVER "public, max-age=31536000, immutable"
#define TEXT_TYPE "text/plain; charset=utf-8"
#define BYTES_TYPE "application/octet-stream"

static const char page[] =
    "This is the log of a Tamis server: a record of who contributed to a model, what was decided\n"
    "and why, that only grows. The files are C2SP tlog-tiles:\n"
    "\n"
    "  /checkpoint             the signed head (a signed note)\n"
    "  /tile/L/N[.p/W]         hashes, 256 a tile\n"
    "  /tile/entries/N[.p/W]   entries, 256 a bundle, u16be length and bytes each\n"
    "  /cosignatures/SIZE      signatures of witnesses, when there are any\n"
    "  /log.vkey               the key of the log\n"
    "\n"
    "Nothing here asks for trust. Take the log's key from its operator, not from this page; check\n"
    "the signature of /checkpoint with it; hash the entries up to the root that it names. Any\n"
    "client of such logs does this, golang.org/x/mod/sumdb/tlog for one. With Tamis:\n"
    "\n"
    "  tamis verify            what the server says, entry by entry\n"
    "  tamis audit             copies of its files, every decision computed again\n"
    "\n"
    "Entries are DSSE envelopes of in-toto statements; PROTOCOL.md says what they mean.\n";

struct tile_server {
  int folder;
  bool with_blobs;
  struct http *http;
};

/* ---- files ---- */

/* `path` is one of ours: no empty name, no dots. -1 when it is not there, or is no plain file. */
static int open_below(int folder, const char *path, size_t *length) {
  char name[PATH_SIZE];
  struct stat about;
  int at = dup(folder);
  while (at >= 0 && strchr(path, '/') != NULL) {
    size_t size = strcspn(path, "/");
    int above = at;
    memcpy(name, path, size);
    name[size] = '\0';
    at = openat(above, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    close(above);
    path += size + 1;
  }
  if (at < 0) return -1;
  int file = openat(at, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  close(at);
  if (file < 0) return -1;
  if (fstat(file, &about) != 0 || !S_ISREG(about.st_mode)) {
    close(file);
    return -1;
  }
  *length = (size_t)about.st_size;
  return file;
}

/* All of a small file, malloc'd; NULL when it is not there or larger than `most`. */
static uint8_t *read_below(int folder, const char *path, size_t most, size_t *length) {
  size_t have = 0;
  int file = open_below(folder, path, length);
  if (file < 0) return NULL;
  uint8_t *bytes = *length <= most ? malloc(*length + 1) : NULL;
  while (bytes != NULL && have < *length) {
    ssize_t got = read(file, bytes + have, *length - have);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    have += (size_t)got;
  }
  close(file);
  *length = have;
  return bytes;
}

static void give_bytes(struct http_answer *answer, const char *type, const char *cache, void *bytes,
                       size_t length) {
  answer->status = 200;
  answer->type = type;
  answer->cache = cache;
  answer->bytes = bytes;
  answer->length = length;
}

static void give_text(const struct tile_server *server, const char *path, size_t most,
                      struct http_answer *answer) {
  size_t length;
  uint8_t *bytes = read_below(server->folder, path, most, &length);
  if (bytes != NULL) give_bytes(answer, TEXT_TYPE, "no-cache", bytes, length);
}

static void give_file(const struct tile_server *server, const char *path,
                      struct http_answer *answer) {
  int file = open_below(server->folder, path, &answer->length);
  if (file < 0) return;
  answer->status = 200;
  answer->type = BYTES_TYPE;
  answer->cache = FOR_EVER;
  answer->descriptor = file;
}

/* ---- the checkpoint ---- */

/* Entries under a note; 0 when it says none. The line is ours or an exporter's; a wrong number
 * finds no file. */
static uint64_t size_of(const char *note) {
  const char *line = strchr(note, '\n');
  return line != NULL ? strtoull(line + 1, NULL, 10) : 0;
}

static char *note_now(const struct tile_server *server, size_t *length) {
  char *note = (char *)read_below(server->folder, "checkpoint", TEXT_MAX, length);
  if (note != NULL) note[*length] = '\0';
  return note;
}

static uint64_t size_now(const struct tile_server *server) {
  size_t length;
  char *note = note_now(server, &length);
  uint64_t size = note != NULL ? size_of(note) : 0;
  free(note);
  return size;
}

/* Bytes of the first lines. */
static size_t lines_length(const char *text, size_t length, int lines) {
  size_t at = 0;
  for (; lines > 0 && at < length; lines--) {
    const char *end = memchr(text + at, '\n', length - at);
    if (end == NULL) break; /* a line that is not whole is none */
    at = (size_t)(end - text) + 1;
  }
  return at;
}

/* The log's own signature, then those of witnesses of this very tree. */
static void give_checkpoint(const struct tile_server *server, struct http_answer *answer) {
  char path[PATH_SIZE];
  size_t length, more;
  char *note = note_now(server, &length);
  if (note == NULL) return;
  snprintf(path, sizeof path, "cosignatures/%" PRIu64, size_of(note));
  char *lines = (char *)read_below(server->folder, path, COSIGNATURES_MAX, &more);
  more = lines != NULL ? lines_length(lines, more, CHECKPOINT_WITNESSES_MAX) : 0;
  char *both = length + more <= TEXT_MAX ? realloc(note, length + more + 1) : NULL;
  if (both != NULL && more > 0) memcpy(both + length, lines, more);
  if (both == NULL) more = 0; /* the log's own is enough */
  free(lines);
  give_bytes(answer, TEXT_TYPE, "no-cache", both != NULL ? both : note, length + more);
}

/* ---- tiles ---- */

/* Bytes of the first `width` hashes or entries of a file; 0 when it has not so many. */
static size_t prefix_of(const struct tile *tile, unsigned width, const uint8_t *bytes,
                        size_t length) {
  if (tile->level == TILE_ENTRIES) return tile_bundle_prefix(bytes, length, width);
  size_t wanted = (size_t)width * DIGEST_SIZE;
  return wanted <= length ? wanted : 0;
}

/* The first `width` of the file of `tile`, whole: a start of the server may be about to write it
 * anew after a power cut. */
static bool give_prefix(const struct tile_server *server, const struct tile *tile, unsigned width,
                        struct http_answer *answer) {
  char path[TILE_PATH_SIZE];
  size_t length;
  tile_path_write(tile, path);
  size_t most = tile->level == TILE_ENTRIES ? (size_t)BUNDLE_MAX : (size_t)HASHES_MAX;
  uint8_t *bytes = read_below(server->folder, path, most, &length);
  if (bytes == NULL) return false;
  bool is_whole = prefix_of(tile, tile->width, bytes, length) == length && length > 0;
  if (is_whole)
    give_bytes(answer, BYTES_TYPE, FOR_EVER, bytes, prefix_of(tile, width, bytes, length));
  else
    free(bytes);
  return is_whole;
}

/* A partial tile goes when its tile is full, or at a restart when a later one is there: the same
 * first hashes are in those. */
static void give_partial(const struct tile_server *server, struct tile tile,
                         struct http_answer *answer) {
  unsigned width = tile.width;
  if (give_prefix(server, &tile, width, answer)) return;
  tile.width = TILE_WIDTH;
  if (give_prefix(server, &tile, width, answer)) return;
  uint64_t size = size_now(server);
  tile.width = tile_partial_width(tile.level, size);
  if (tile.index == tile_full_count(tile.level, size) && tile.width > width)
    give_prefix(server, &tile, width, answer);
}

static void give_tile(const struct tile_server *server, const char *path,
                      struct http_answer *answer) {
  struct tile tile;
  if (!tile_path_read(path, strlen(path), &tile)) return;
  if (tile.width < TILE_WIDTH)
    give_partial(server, tile, answer);
  else if (tile.level == TILE_ENTRIES)
    give_file(server, path, answer);
  else
    give_prefix(server, &tile, TILE_WIDTH, answer);
}

/* ---- the other paths ---- */

/* blobs/ab/abcdef... */
static bool is_blob(const char *path) {
  struct digest digest;
  char hex[DIGEST_HEX_SIZE], again[PATH_SIZE];
  size_t length = strlen(path);
  if (length < DIGEST_HEX_SIZE ||
      !digest_from_hex(path + length - (DIGEST_HEX_SIZE - 1), DIGEST_HEX_SIZE - 1, &digest))
    return false;
  digest_to_hex(&digest, hex);
  snprintf(again, sizeof again, "blobs/%.2s/%s", hex, hex);
  return strcmp(path, again) == 0;
}

/* cosignatures/SIZE */
static bool is_cosignatures(const char *path) {
  char again[PATH_SIZE];
  uint64_t size;
  if (sscanf(path, "cosignatures/%18" SCNu64, &size) != 1) return false;
  snprintf(again, sizeof again, "cosignatures/%" PRIu64, size);
  return strcmp(path, again) == 0;
}

static void get(void *context, const char *path, struct http_answer *answer) {
  const struct tile_server *server = context;
  if (*path != '/' || strlen(path) >= PATH_SIZE) return;
  path++;
  if (*path == '\0')
    http_words(answer, 200, page);
  else if (strcmp(path, "checkpoint") == 0)
    give_checkpoint(server, answer);
  else if (strcmp(path, "log.vkey") == 0)
    give_text(server, path, TEXT_MAX, answer);
  else if (is_cosignatures(path))
    give_text(server, path, COSIGNATURES_MAX, answer);
  else if (strncmp(path, "tile/", 5) == 0)
    give_tile(server, path, answer);
  else if (server->with_blobs && is_blob(path))
    give_file(server, path, answer);
  if (answer->status == 404) http_words(answer, 404, "not here; see /\n");
}

/* ---- life ---- */

enum tamis_status tile_server_open(const struct tile_server_options *options,
                                   struct tile_server **out, struct fault *fault) {
  struct tile_server *server = calloc(1, sizeof *server);
  if (server == NULL) return fault_plain(fault, TAMIS_NO_MEMORY);
  server->with_blobs = options->with_blobs;
  server->folder = open(options->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  enum tamis_status status = TAMIS_OK;
  if (server->folder < 0)
    status = durable_fault(fault, errno, "open folder", options->folder);
  else if (faccessat(server->folder, "checkpoint", R_OK, 0) != 0)
    status = fault_set(fault, TAMIS_NOT_FOUND, "%s holds no checkpoint that can be read",
                       options->folder);
  struct http_options http = {.address = options->listen,
                              .connections_max = CONNECTIONS_MAX,
                              .seconds_max = SECONDS_MAX,
                              .get = get,
                              .context = server};
  if (status == TAMIS_OK) status = http_open(&http, &server->http, fault);
  if (status == TAMIS_OK)
    *out = server;
  else
    tile_server_close(server);
  return status;
}

unsigned tile_server_port(const struct tile_server *server) {
  return http_port(server->http);
}

void tile_server_close(struct tile_server *server) {
  if (server == NULL) return;
  http_close(server->http);
  if (server->folder >= 0) close(server->folder);
  free(server);
}
