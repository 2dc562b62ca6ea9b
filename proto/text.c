/* Text forms that accept one spelling each: whatever decodes here encodes to the same characters
 * again. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include "proto/text.h"

void text_hex_encode(const uint8_t *bytes, size_t length, char *out) {
  static const char digits[] = "0123456789abcdef";
  for (size_t i = 0; i < length; i++) {
    out[2 * i] = digits[bytes[i] >> 4];
    out[2 * i + 1] = digits[bytes[i] & 15];
  }
  out[2 * length] = '\0';
}

static int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

bool text_hex_decode(const char *hex, size_t hex_length, uint8_t *bytes, size_t length) {
  if (hex_length % 2 != 0 || hex_length / 2 != length) return false;
  for (size_t i = 0; i < length; i++) {
    int high = hex_value(hex[2 * i]), low = hex_value(hex[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    bytes[i] = (uint8_t)(high << 4 | low);
  }
  return true;
}

size_t text_base64_size(size_t length) {
  return (length + 2) / 3 * 4 + 1;
}

void text_base64_encode(const uint8_t *bytes, size_t length, char *out) {
  sodium_bin2base64(out, text_base64_size(length), bytes, length, sodium_base64_VARIANT_ORIGINAL);
}

/* libsodium refuses spaces, wrong padding and leftover bits, but 1.0.18 takes some bytes above 0x7f
 * for '+' or '/' where char is signed; hence the first check. */
bool text_base64_decode(const char *text, size_t text_length, uint8_t *bytes, size_t *length) {
  const char *end = NULL;
  size_t count = 0;
  if (!text_is_printable(text, text_length)) return false;
  if (sodium_base642bin(bytes, *length, text, text_length, NULL, &count, &end,
                        sodium_base64_VARIANT_ORIGINAL) != 0)
    return false;
  *length = count;
  return end == text + text_length;
}

static bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool text_is_name(const char *text, size_t length) {
  if (length < 1 || length > TEXT_NAME_MAX || !is_letter_or_digit(text[0])) return false;
  for (size_t i = 1; i < length; i++)
    if (!is_letter_or_digit(text[i]) && (text[i] == '\0' || !strchr("._-", text[i]))) return false;
  return true;
}

bool text_is_origin(const char *text, size_t length) {
  if (length < 1 || length > TEXT_ORIGIN_MAX) return false;
  return text_is_key_name(text, length);
}

bool text_is_key_name(const char *text, size_t length) {
  for (size_t i = 0; i < length; i++)
    if (text[i] <= ' ' || text[i] > '~' || text[i] == '+') return false;
  return length > 0;
}

bool text_is_printable(const char *text, size_t length) {
  for (size_t i = 0; i < length; i++)
    if (text[i] < ' ' || text[i] > '~') return false;
  return true;
}

bool text_split_address(const char *address, char *host, size_t size, uint16_t *port) {
  const char *colon = strrchr(address, ':');
  if (!colon || colon == address || !colon[1]) return false;
  char *end = NULL;
  unsigned long number = strtoul(colon + 1, &end, 10);
  if (*end || number > UINT16_MAX || colon[1] < '0' || colon[1] > '9') return false;
  bool is_bracketed = *address == '[' && colon[-1] == ']';
  size_t length = (size_t)(colon - address) - (is_bracketed ? 2 : 0);
  if (!length || length >= size || (!is_bracketed && memchr(address, ':', length))) return false;
  memcpy(host, address + is_bracketed, length);
  host[length] = '\0';
  *port = (uint16_t)number;
  return true;
}
