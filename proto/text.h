/* Hex, base64 and the names that may appear in statements. */
#ifndef TAMIS_TEXT_H
#define TAMIS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
  TEXT_NAME_MAX = 64, /* of clients, federations, organisations; bytes without the terminator */
  TEXT_ORIGIN_MAX = 128,
};

/* Lower-case hex; `out` holds 2 * length + 1. */
void text_hex_encode(const uint8_t *bytes, size_t length, char *out);
/* Exactly `length` bytes from exactly 2 * length lower-case digits; false otherwise. */
bool text_hex_decode(const char *hex, size_t hex_length, uint8_t *bytes, size_t length);

/* Standard alphabet with padding. `text_base64_size` includes the terminator. */
size_t text_base64_size(size_t length);
void text_base64_encode(const uint8_t *bytes, size_t length, char *out);
/* Strict: no spaces, canonical padding. `*length` is the capacity in, the count out. */
bool text_base64_decode(const char *text, size_t text_length, uint8_t *bytes, size_t *length);

/* 1 to TEXT_NAME_MAX of [a-z0-9._-], starting with a letter or digit. */
bool text_is_name(const char *text, size_t length);
/* Origin of a log: 1 to 128 printable ASCII without space and '+', for example "fl.example/agg1".
 */
bool text_is_origin(const char *text, size_t length);
/* Name of a key: printable ASCII without space and '+', not empty; the caller bounds its length. */
bool text_is_key_name(const char *text, size_t length);
/* Nothing outside 0x20 to 0x7e. */
bool text_is_printable(const char *text, size_t length);

/* "host:port" or "[v6]:port" with a port of digits; false for anything else or when the host does
 * not fit. */
bool text_split_address(const char *address, char *host, size_t size, uint16_t *port);

#endif
