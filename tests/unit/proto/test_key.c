/* Vkeys of trust.md 2.2, keys on which verifiers disagree, and key files. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "proto/key.h"
#include "proto/text.h"

static void seeded(const char *name, uint8_t byte, struct secret_key *key) {
  uint8_t seed[KEY_SEED_SIZE];
  memset(seed, byte, sizeof seed);
  key_from_seed(name, seed, key);
}

static void vkeys_are_those_of_trust_2_2(void **state) {
  (void)state;
  struct secret_key key;
  char vkey[KEY_VKEY_SIZE];
  seeded("fl.example/agg1", 1, &key);
  key_vkey_write(&key.public, vkey);
  assert_string_equal(vkey,
                      "fl.example/agg1+a944b791+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c");
}

/* The witness's vkey there carries algorithm 0x04 (cosignatures), which no key of ours announces.
 */
static void a_cosignature_vkey_has_another_hash_and_is_not_ours(void **state) {
  (void)state;
  static const char vkey[] =
      "fl.example/client/c1+a98af2de+BIE5dw6ofRdfVqNUZsNMfszLjYqRtO43ol32D1uPybOU";
  struct secret_key key;
  struct public_key again;
  seeded("fl.example/client/c1", 2, &key);
  assert_int_equal(key_id_of_type(&key.public, 0x04), 0xa98af2de);
  assert_int_equal(key_vkey_read(vkey, strlen(vkey), &again, NULL), TAMIS_BAD_REQUEST);
  char written[KEY_VKEY_SIZE];
  key_witness_vkey_write(&key.public, written);
  assert_string_equal(written, vkey);
}

static void a_vkey_is_read_back(void **state) {
  (void)state;
  struct secret_key key;
  struct public_key again;
  char vkey[KEY_VKEY_SIZE];
  for (int byte = 0; byte < 64; byte++) { /* some with '+' and '/' in their base64 */
    seeded("c1", (uint8_t)byte, &key);
    key_vkey_write(&key.public, vkey);
    assert_int_equal(key_vkey_read(vkey, strlen(vkey), &again, NULL), TAMIS_OK);
    assert_string_equal(again.name, "c1");
    assert_memory_equal(again.byte, key.public.byte, KEY_PUBLIC_SIZE);
  }
}

static void a_changed_vkey_is_refused(void **state) {
  (void)state;
  static const char good[] = "c1+00000000+AQ==";
  static const char *const bad[] = {"", "+", "++", "c1", "c1+", "+12345678+AQ==", good, "c 1+x+y"};
  struct secret_key key;
  struct public_key again;
  char vkey[KEY_VKEY_SIZE];
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    assert_int_equal(key_vkey_read(bad[i], strlen(bad[i]), &again, NULL), TAMIS_BAD_REQUEST);
  seeded("c1", 2, &key);
  key_vkey_write(&key.public, vkey);
  size_t length = strlen(vkey);
  for (size_t i = 0; i < length; i++) {
    char kept = vkey[i];
    vkey[i] = kept == 'a' ? 'b' : 'a';
    assert_int_equal(key_vkey_read(vkey, length, &again, NULL), TAMIS_BAD_REQUEST);
    vkey[i] = kept;
    assert_int_equal(key_vkey_read(vkey, i, &again, NULL), TAMIS_BAD_REQUEST);
  }
}

/* y = 1 (the neutral point), 0 and -1 (orders 4 and 2), two of order 8, y = p and p + 1 (not
 * reduced), the neutral point with a sign, all ones, and a y that is on no point. */
static void weak_points_are_refused(void **state) {
  (void)state;
  static const char *const weak[] = {
      "0100000000000000000000000000000000000000000000000000000000000000",
      "0000000000000000000000000000000000000000000000000000000000000000",
      "0000000000000000000000000000000000000000000000000000000000000080",
      "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
      "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
      "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
      "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
      "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
      "0100000000000000000000000000000000000000000000000000000000000080",
      "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
      "0200000000000000000000000000000000000000000000000000000000000000",
  };
  uint8_t point[KEY_PUBLIC_SIZE];
  struct secret_key key;
  struct public_key again;
  char vkey[KEY_VKEY_SIZE];
  for (size_t i = 0; i < sizeof weak / sizeof *weak; i++) {
    assert_true(text_hex_decode(weak[i], 64, point, sizeof point));
    if (key_is_acceptable(point)) fail_msg("accepted %s", weak[i]);
    seeded("c1", 1, &key);
    memcpy(key.public.byte, point, sizeof point);
    key_vkey_write(&key.public, vkey);
    assert_int_equal(key_vkey_read(vkey, strlen(vkey), &again, NULL), TAMIS_BAD_REQUEST);
  }
  seeded("c1", 1, &key);
  assert_true(key_is_acceptable(key.public.byte));
}

/* An honest key plus a point of order 8 passes where only small orders are looked for; verifiers
 * with and without cofactor disagree on its signatures (CVE-2025-69277 in libsodium). */
static void a_mixed_order_point_is_refused(void **state) {
  (void)state;
  uint8_t order_8[KEY_PUBLIC_SIZE], mixed[KEY_PUBLIC_SIZE];
  struct secret_key key;
  seeded("c1", 1, &key);
  text_hex_decode("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", 64, order_8,
                  sizeof order_8);
  assert_int_equal(crypto_core_ed25519_add(mixed, key.public.byte, order_8), 0);
  assert_memory_not_equal(mixed, key.public.byte, sizeof mixed);
  assert_false(key_is_acceptable(mixed));
}

/* S and S + L verify alike where S is not checked to be reduced; then one statement has two
 * envelopes. */
static void a_signature_has_one_form(void **state) {
  (void)state;
  static const uint8_t group_order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,
                                          0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
                                          0,    0,    0,    0,    0,    0,    0,    0,
                                          0,    0,    0,    0,    0,    0,    0,    0x10};
  uint8_t signature[KEY_SIGNATURE_SIZE];
  unsigned carry = 0;
  struct secret_key key;
  seeded("c1", 1, &key);
  key_sign(&key, "text", 4, signature);
  assert_true(key_verify(&key.public, "text", 4, signature));
  for (int i = 0; i < 32; i++) {
    carry += (unsigned)signature[32 + i] + group_order[i];
    signature[32 + i] = (uint8_t)carry;
    carry >>= 8;
  }
  assert_int_equal(carry, 0);
  assert_false(key_verify(&key.public, "text", 4, signature));
}

/* RFC 8032 7.1, TEST 2. */
static void signatures_are_ed25519(void **state) {
  (void)state;
  uint8_t seed[32], signature[64], expected[64];
  struct secret_key key;
  text_hex_decode("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", 64, seed, 32);
  text_hex_decode("92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
                  "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
                  128, expected, 64);
  key_from_seed("rfc", seed, &key);
  key_sign(&key, "\x72", 1, signature);
  assert_memory_equal(signature, expected, 64);
  assert_true(key_verify(&key.public, "\x72", 1, signature));
  assert_false(key_verify(&key.public, "\x73", 1, signature));
  for (size_t i = 0; i < 64; i++) {
    signature[i] ^= 1;
    assert_false(key_verify(&key.public, "\x72", 1, signature));
    signature[i] ^= 1;
  }
  key_wipe(&key);
  assert_int_equal(key.seed[0] | key.expanded[0], 0);
}

static void a_key_file_keeps_the_key_and_its_secret(void **state) {
  (void)state;
  char folder[] = "/tmp/tamis-key-XXXXXX", path[64], other[64];
  struct secret_key key, again;
  struct stat about;
  struct fault fault;
  assert_non_null(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/client.key", folder);
  snprintf(other, sizeof other, "%s/link.key", folder);
  key_generate("operator/ada", &key);
  assert_int_equal(key_file_write(path, &key, &fault), TAMIS_OK);
  assert_int_equal(stat(path, &about), 0);
  assert_int_equal(about.st_mode & 0777, 0600);
  assert_int_equal(key_file_write(path, &key, &fault), TAMIS_CONFLICT);
  assert_int_equal(key_file_read(path, &again, &fault), TAMIS_OK);
  assert_string_equal(again.public.name, "operator/ada");
  assert_memory_equal(again.public.byte, key.public.byte, KEY_PUBLIC_SIZE);
  assert_memory_equal(again.seed, key.seed, sizeof key.seed);
  assert_int_equal(symlink(path, other), 0);
  assert_int_not_equal(key_file_read(other, &again, &fault), TAMIS_OK);
  assert_int_equal(key_file_write(other, &key, &fault), TAMIS_CONFLICT);
  chmod(path, 0640);
  assert_int_equal(key_file_read(path, &again, &fault), TAMIS_BAD_CONFIG);
  assert_int_equal(key_file_read(folder, &again, &fault), TAMIS_BAD_CONFIG);
  unlink(other);
  assert_int_equal(key_file_read(other, &again, &fault), TAMIS_NOT_FOUND);
  assert_int_equal(mkfifo(other, 0600), 0);
  assert_int_equal(key_file_read(other, &again, &fault), TAMIS_BAD_CONFIG);
  unlink(other);
  unlink(path);
  rmdir(folder);
}

static void a_damaged_key_file_is_refused(void **state) {
  (void)state;
  char path[] = "/tmp/tamis-key-XXXXXX";
  char text[512];
  struct secret_key key, again;
  struct fault fault;
  int descriptor = mkstemp(path);
  unlink(path);
  close(descriptor);
  seeded("c1", 9, &key);
  assert_int_equal(key_file_write(path, &key, &fault), TAMIS_OK);
  FILE *file = fopen(path, "r+");
  size_t length = fread(text, 1, sizeof text, file);
  for (size_t i = 0; i + 1 < length; i += 3) {
    char flipped = (char)(text[i] ^ 1);
    fseek(file, (long)i, SEEK_SET);
    fwrite(&flipped, 1, 1, file);
    fflush(file);
    assert_int_equal(key_file_read(path, &again, &fault), TAMIS_CORRUPT);
    fseek(file, (long)i, SEEK_SET);
    fwrite(&text[i], 1, 1, file);
    fflush(file);
  }
  assert_int_equal(key_file_read(path, &again, &fault), TAMIS_OK);
  fclose(file);
  unlink(path);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(vkeys_are_those_of_trust_2_2),
      cmocka_unit_test(a_cosignature_vkey_has_another_hash_and_is_not_ours),
      cmocka_unit_test(a_vkey_is_read_back),
      cmocka_unit_test(a_changed_vkey_is_refused),
      cmocka_unit_test(weak_points_are_refused),
      cmocka_unit_test(a_mixed_order_point_is_refused),
      cmocka_unit_test(a_signature_has_one_form),
      cmocka_unit_test(signatures_are_ed25519),
      cmocka_unit_test(a_key_file_keeps_the_key_and_its_secret),
      cmocka_unit_test(a_damaged_key_file_is_refused),
  };
  if (key_library_start() != TAMIS_OK) return 1;
  return cmocka_run_group_tests(tests, NULL, NULL);
}
