/* Ed25519 through libsodium, refusing every key on which verifiers could disagree, and key files
 * that nobody else can read or redirect. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "proto/digest.h"
#include "proto/disk.h"
#include "proto/key.h"
#include "proto/text.h"

enum { KEY_TYPE_ED25519 = 0x01, KEY_TYPE_COSIGNATURE = 0x04 };

static const char private_prefix[] = "PRIVATE+KEY+";

enum tamis_status key_library_start(void) {
  return sodium_init() < 0 ? TAMIS_INTERNAL : TAMIS_OK;
}

void key_generate(const char *name, struct secret_key *key) {
  uint8_t seed[KEY_SEED_SIZE];
  randombytes_buf(seed, sizeof seed);
  key_from_seed(name, seed, key);
  sodium_memzero(seed, sizeof seed);
}

void key_from_seed(const char *name, const uint8_t seed[KEY_SEED_SIZE], struct secret_key *key) {
  size_t length = strlen(name);
  assert(length < KEY_NAME_SIZE && text_is_key_name(name, length));
  memcpy(key->public.name, name, length + 1);
  memcpy(key->seed, seed, KEY_SEED_SIZE);
  crypto_sign_seed_keypair(key->public.byte, key->expanded, seed);
}

void key_wipe(struct secret_key *key) {
  sodium_memzero(key, sizeof *key);
}

uint32_t key_id_of_type(const struct public_key *key, uint8_t type) {
  uint8_t text[KEY_NAME_SIZE + 2 + KEY_PUBLIC_SIZE];
  size_t length = strlen(key->name);
  memcpy(text, key->name, length);
  text[length++] = 0x0a;
  text[length++] = type;
  memcpy(text + length, key->byte, KEY_PUBLIC_SIZE);
  struct digest digest = digest_of(text, length + KEY_PUBLIC_SIZE);
  const uint8_t *b = digest.byte;
  return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

uint32_t key_id(const struct public_key *key) {
  return key_id_of_type(key, KEY_TYPE_ED25519);
}

/* Also refuses points outside the prime-order group: no honest key is one, and with cofactor
 * libraries accept signatures that others do not. */
bool key_is_acceptable(const uint8_t public[KEY_PUBLIC_SIZE]) {
  return crypto_core_ed25519_is_valid_point(public) == 1;
}

void key_sign(const struct secret_key *key, const void *bytes, size_t length,
              uint8_t signature[KEY_SIGNATURE_SIZE]) {
  crypto_sign_detached(signature, NULL, bytes, length, key->expanded);
}

bool key_verify(const struct public_key *key, const void *bytes, size_t length,
                const uint8_t signature[KEY_SIGNATURE_SIZE]) {
  return crypto_sign_verify_detached(signature, bytes, length, key->byte) == 0;
}

/* "name+hash8+base64(type || bytes)", the tail that vkeys and key files share. */
static void write_tail(const struct public_key *key, uint8_t type, const uint8_t bytes[32],
                       char out[KEY_VKEY_SIZE]) {
  uint8_t typed[1 + 32];
  char base64[48];
  typed[0] = type;
  memcpy(typed + 1, bytes, 32);
  text_base64_encode(typed, sizeof typed, base64);
  int length =
      snprintf(out, KEY_VKEY_SIZE, "%s+%08x+%s", key->name, key_id_of_type(key, type), base64);
  assert(length > 0 && length < KEY_VKEY_SIZE);
  sodium_memzero(typed, sizeof typed);
  sodium_memzero(base64, sizeof base64);
}

/* Takes the tail apart. The name may not hold '+', so the first two separate; base64 may hold more.
 */
static bool read_tail(const char *text, size_t length, char name[KEY_NAME_SIZE], uint32_t *id,
                      uint8_t bytes[32]) {
  const char *plus = memchr(text, '+', length);
  if (!plus) return false;
  size_t name_length = (size_t)(plus - text);
  if (name_length >= KEY_NAME_SIZE || !text_is_key_name(text, name_length)) return false;
  size_t rest = length - name_length - 1;
  uint8_t hash[4], typed[1 + 32];
  size_t count = sizeof typed;
  if (rest < 10 || plus[9] != '+' || !text_hex_decode(plus + 1, 8, hash, 4)) return false;
  bool good = text_base64_decode(plus + 10, rest - 9, typed, &count) && count == sizeof typed &&
              typed[0] == KEY_TYPE_ED25519;
  if (good) {
    memcpy(name, text, name_length);
    name[name_length] = '\0';
    *id = (uint32_t)hash[0] << 24 | (uint32_t)hash[1] << 16 | (uint32_t)hash[2] << 8 | hash[3];
    memcpy(bytes, typed + 1, 32);
  }
  sodium_memzero(typed, sizeof typed);
  return good;
}

void key_vkey_write(const struct public_key *key, char out[KEY_VKEY_SIZE]) {
  write_tail(key, KEY_TYPE_ED25519, key->byte, out);
}

void key_witness_vkey_write(const struct public_key *key, char out[KEY_VKEY_SIZE]) {
  write_tail(key, KEY_TYPE_COSIGNATURE, key->byte, out);
}

enum tamis_status key_vkey_read(const char *text, size_t length, struct public_key *key,
                                struct fault *fault) {
  uint32_t id;
  struct public_key read;
  if (length >= KEY_VKEY_SIZE || !read_tail(text, length, read.name, &id, read.byte))
    return fault_set(fault, TAMIS_BAD_REQUEST, "not a vkey of the form name+hash8+base64");
  if (!key_is_acceptable(read.byte))
    return fault_set(fault, TAMIS_BAD_REQUEST, "the vkey of %s is not a usable Ed25519 point",
                     read.name);
  if (key_id(&read) != id)
    return fault_set(fault, TAMIS_BAD_REQUEST, "the vkey of %s does not match its own hash",
                     read.name);
  *key = read;
  return TAMIS_OK;
}

void key_line_write(const struct secret_key *key, char line[KEY_LINE_SIZE]) {
  char tail[KEY_VKEY_SIZE];
  write_tail(&key->public, KEY_TYPE_ED25519, key->seed, tail);
  int length = snprintf(line, KEY_LINE_SIZE, "%s%s\n", private_prefix, tail);
  assert(length > 0 && length < KEY_LINE_SIZE);
  sodium_memzero(tail, sizeof tail);
}

enum tamis_status key_file_write(const char *path, const struct secret_key *key,
                                 struct fault *fault) {
  char line[KEY_LINE_SIZE];
  int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (descriptor < 0)
    return fault_set(fault, errno == EEXIST ? TAMIS_CONFLICT : TAMIS_IO,
                     "cannot create key file %s: %s", path, strerror(errno));
  key_line_write(key, line);
  int error = disk_write(descriptor, line, strlen(line), 0);
  if (!error && fsync(descriptor) != 0) error = errno;
  sodium_memzero(line, sizeof line);
  close(descriptor);
  if (error) {
    unlink(path);
    return fault_set(fault, disk_status(error), "cannot write key file %s: %s", path,
                     strerror(error));
  }
  error = disk_sync_parent(path);
  if (error)
    return fault_set(fault, TAMIS_IO, "cannot make key file %s durable: %s", path, strerror(error));
  return TAMIS_OK;
}

enum tamis_status key_line_read(const char *path, const char *text, size_t length,
                                struct secret_key *key, struct fault *fault) {
  size_t prefix = sizeof private_prefix - 1;
  char name[KEY_NAME_SIZE];
  uint8_t seed[KEY_SEED_SIZE];
  uint32_t id;
  if (length > 0 && text[length - 1] == '\n') length--;
  if (length < prefix || memcmp(text, private_prefix, prefix) != 0 ||
      !read_tail(text + prefix, length - prefix, name, &id, seed))
    return fault_set(fault, TAMIS_CORRUPT, "%s is not one line of PRIVATE+KEY+name+hash8+base64",
                     path);
  key_from_seed(name, seed, key);
  sodium_memzero(seed, sizeof seed);
  if (key_id(&key->public) == id) return TAMIS_OK;
  key_wipe(key);
  return fault_set(fault, TAMIS_CORRUPT, "the key in %s does not match its own hash", path);
}

static ssize_t read_file(int descriptor, char *text, size_t size) {
  size_t length = 0;
  while (length < size) {
    ssize_t got = read(descriptor, text + length, size - length);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -1;
    if (got == 0) break;
    length += (size_t)got;
  }
  return (ssize_t)length;
}

enum tamis_status key_file_read(const char *path, struct secret_key *key, struct fault *fault) {
  char text[KEY_LINE_SIZE];
  struct stat about;
  enum tamis_status status;
  /* O_NONBLOCK so that a pipe put in the key's place is refused and not waited for. */
  int descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0)
    return fault_set(fault, errno == ENOENT ? TAMIS_NOT_FOUND : TAMIS_IO,
                     "cannot open key file %s: %s", path, strerror(errno));
  if (fstat(descriptor, &about) != 0 || !S_ISREG(about.st_mode)) {
    status = fault_set(fault, TAMIS_BAD_CONFIG, "key file %s is not a regular file", path);
    goto out;
  }
  if ((about.st_mode & 077) != 0) {
    status = fault_set(fault, TAMIS_BAD_CONFIG,
                       "key file %s may be read by others (mode %03o); chmod 600 it", path,
                       (unsigned)(about.st_mode & 0777));
    goto out;
  }
  ssize_t length = read_file(descriptor, text, sizeof text);
  if (length < 0)
    status = fault_set(fault, TAMIS_IO, "cannot read key file %s: %s", path, strerror(errno));
  else
    status = key_line_read(path, text, (size_t)length, key, fault);
out:
  close(descriptor);
  sodium_memzero(text, sizeof text);
  return status;
}
