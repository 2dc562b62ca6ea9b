/* Members to struct and back; one list of what there may be serves both ways. */
#include "client-sdk/bundle.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "client-sdk/tar.h"
#include "proto/canonical.h"
#include "proto/checkpoint.h"
#include "proto/envelope.h"
#include "proto/key.h"
#include "proto/text.h"

const char bundle_readme[] =
    "This file is a bundle of Tamis: part of a signed, append-only log, with proofs.\n"
    "\n"
    "  tamis verify FILE --log-key VKEY     checks all of it\n"
    "\n"
    "VKEY is the log's public key. Get it from somebody you trust, not from here: log.vkey\n"
    "only says which one this bundle claims. With tools that are not ours:\n"
    "\n"
    "  checkpoint             C2SP signed note: size and root hash of the log, signed by log.vkey\n"
    "                         (Go: golang.org/x/mod/sumdb/note)\n"
    "  consistency/N          the hashes by which the tree of N entries goes on to the "
    "checkpoint's\n"
    "                         (RFC 9162 2.1.4.2): witnesses cosigned the tree of N\n"
    "  entries/N.json         entry N of the log, byte for byte: a DSSE envelope (any DSSE or\n"
    "                         in-toto library) around an in-toto Statement v1\n"
    "  receipts/N.tlog-proof  C2SP tlog-proof that entry N is under the checkpoint. The leaf is\n"
    "                         SHA-256 of a zero byte and the entry, the tree that of RFC 6962\n"
    "  blobs/DIGEST           files that entries name by SHA-256: `cd blobs && sha256sum *` gives\n"
    "                         their names. Manifests are JSON, models and updates safetensors\n"
    "  provenance.*           in-toto statement with SLSA provenance v1 of a model: signed\n"
    "                         (provenance.intoto.json, DSSE) or not (provenance.json)\n"
    "  bundle.json            what the bundle claims; it follows from the rest\n"
    "\n"
    "Keys: entry 0 (genesis) names the aggregator's and the operators' keys; a client's key is in\n"
    "its key-enrol entry, whose token is that of the operator's client-invite entry. The "
    "signature\n"
    "of an envelope is Ed25519 over `DSSEv1 28 application/vnd.in-toto+json LENGTH PAYLOAD`:\n"
    "openssl pkeyutl -verify -rawin.\n"
    "\n"
    "A bundle shows what is in the log. That something is not in the log, only the whole log "
    "shows.\n";

static enum tamis_status refuse(struct fault *fault, const char *why, const char *name) {
  return fault_set(fault, TAMIS_BAD_REQUEST, "not a bundle: %s: %.99s", why, name);
}

/* ---- Reading ---- */

struct reading {
  struct bundle *bundle;
  size_t entry_capacity, link_capacity, blob_capacity, receipts;
};

/* Room for one more; NULL without memory. */
static void *grown(void *list, size_t count, size_t *capacity, size_t size) {
  if (count < *capacity) return list;
  *capacity = 2 * count + 16;
  return reallocarray(list, *capacity, size);
}

/* "entries/" 12 ".json": the shortest decimal of a log index. */
static bool index_read(const char *name, const char *folder, const char *suffix, uint64_t *index) {
  char again[TAR_NAME_SIZE];
  size_t skip = strlen(folder);
  if (strncmp(name, folder, skip) != 0) return false;
  *index = 0;
  for (const char *at = name + skip; *at >= '0' && *at <= '9'; at++) {
    if (*index > (INT64_MAX - 9) / 10) return false;
    *index = 10 * *index + (uint64_t)(*at - '0');
  }
  snprintf(again, sizeof again, "%s%" PRIu64 "%s", folder, *index, suffix);
  return strcmp(name, again) == 0;
}

static enum tamis_status take_text(const struct tar_member *member, size_t size_max,
                                   struct bundle_text *text, struct fault *fault) {
  if (member->size == 0 || member->size > size_max)
    return refuse(fault, "a member that is empty or too long", member->name);
  *text = (struct bundle_text){(const char *)member->bytes, member->size};
  return TAMIS_OK;
}

static enum tamis_status take_entry(struct reading *reading, const struct tar_member *member,
                                    uint64_t index, struct fault *fault) {
  struct bundle *bundle = reading->bundle;
  void *list =
      grown(bundle->entry, bundle->entry_count, &reading->entry_capacity, sizeof *bundle->entry);
  if (!list) return fault_plain(fault, TAMIS_NO_MEMORY);
  bundle->entry = list;
  struct bundle_entry *entry = &bundle->entry[bundle->entry_count++];
  *entry = (struct bundle_entry){.index = index};
  return take_text(member, ENVELOPE_SIZE_MAX, &entry->envelope, fault);
}

static enum tamis_status take_link(struct reading *reading, const struct tar_member *member,
                                   uint64_t size, struct fault *fault) {
  struct bundle *bundle = reading->bundle;
  void *list =
      grown(bundle->link, bundle->link_count, &reading->link_capacity, sizeof *bundle->link);
  if (!list) return fault_plain(fault, TAMIS_NO_MEMORY);
  bundle->link = list;
  struct bundle_link *link = &bundle->link[bundle->link_count++];
  *link = (struct bundle_link){.size = size};
  return take_text(member, BUNDLE_LINK_MAX, &link->proof, fault);
}

/* Names ascend, so receipts come in the order of their entries, and after all of them. */
static enum tamis_status take_receipt(struct reading *reading, const struct tar_member *member,
                                      uint64_t index, struct fault *fault) {
  struct bundle *bundle = reading->bundle;
  if (reading->receipts >= bundle->entry_count || bundle->entry[reading->receipts].index != index)
    return refuse(fault, "entries and receipts do not go together", member->name);
  return take_text(member, RECEIPT_SIZE_MAX, &bundle->entry[reading->receipts++].receipt, fault);
}

static enum tamis_status take_blob(struct reading *reading, const struct tar_member *member,
                                   const char *hex, struct fault *fault) {
  struct bundle *bundle = reading->bundle;
  struct digest digest;
  if (!digest_from_hex(hex, strlen(hex), &digest))
    return refuse(fault, "a blob without a digest for a name", member->name);
  void *list =
      grown(bundle->blob, bundle->blob_count, &reading->blob_capacity, sizeof *bundle->blob);
  if (!list) return fault_plain(fault, TAMIS_NO_MEMORY);
  bundle->blob = list;
  bundle->blob[bundle->blob_count++] = (struct bundle_blob){digest, member->bytes, member->size};
  return TAMIS_OK;
}

static enum tamis_status take(struct reading *reading, const struct tar_member *member,
                              struct fault *fault) {
  struct bundle *bundle = reading->bundle;
  const char *name = member->name;
  uint64_t index;
  if (strncmp(name, "blobs/", 6) == 0) return take_blob(reading, member, name + 6, fault);
  if (index_read(name, "consistency/", "", &index)) return take_link(reading, member, index, fault);
  if (index_read(name, "entries/", ".json", &index))
    return take_entry(reading, member, index, fault);
  if (index_read(name, "receipts/", ".tlog-proof", &index))
    return take_receipt(reading, member, index, fault);
  if (strcmp(name, "README") == 0)
    return take_text(member, BUNDLE_README_MAX, &bundle->readme, fault);
  if (strcmp(name, "bundle.json") == 0)
    return take_text(member, CANONICAL_SIZE_MAX, &bundle->about, fault);
  if (strcmp(name, "checkpoint") == 0)
    return take_text(member, CHECKPOINT_NOTE_MAX, &bundle->checkpoint, fault);
  if (strcmp(name, "log.vkey") == 0)
    return take_text(member, KEY_VKEY_SIZE, &bundle->log_vkey, fault);
  bool is_signed = strcmp(name, "provenance.intoto.json") == 0;
  if ((!is_signed && strcmp(name, "provenance.json") != 0) || bundle->provenance.bytes)
    return refuse(fault, "a member that there is no room for", name);
  bundle->provenance_is_signed = is_signed;
  return take_text(member, CANONICAL_SIZE_MAX, &bundle->provenance, fault);
}

static int by_index(const void *a, const void *b) {
  uint64_t first = ((const struct bundle_entry *)a)->index;
  uint64_t second = ((const struct bundle_entry *)b)->index;
  return (first > second) - (first < second);
}

static int by_size(const void *a, const void *b) {
  uint64_t first = ((const struct bundle_link *)a)->size;
  uint64_t second = ((const struct bundle_link *)b)->size;
  return (first > second) - (first < second);
}

static enum tamis_status check_whole(const struct reading *reading, struct fault *fault) {
  const struct bundle *bundle = reading->bundle;
  if (!bundle->readme.bytes) return refuse(fault, "it lacks", "README");
  if (!bundle->about.bytes) return refuse(fault, "it lacks", "bundle.json");
  if (!bundle->checkpoint.bytes) return refuse(fault, "it lacks", "checkpoint");
  if (!bundle->log_vkey.bytes) return refuse(fault, "it lacks", "log.vkey");
  if (bundle->entry_count == 0) return refuse(fault, "it lacks", "entries");
  if (reading->receipts < bundle->entry_count)
    return refuse(fault, "entries and receipts do not go together", "a receipt is missing");
  size_t most = BUNDLE_WORDS_LEAST + BUNDLE_WORDS_EACH * bundle->entry_count;
  if (bundle->about.length > most || bundle->provenance.length > most)
    return refuse(fault, "more is claimed than so many entries can tell", "bundle.json");
  return TAMIS_OK;
}

enum tamis_status bundle_read(const uint8_t *bytes, size_t length, struct bundle *bundle,
                              struct fault *fault) {
  struct reading reading = {.bundle = bundle};
  struct tar_reader tar;
  struct tar_member member;
  bool is_end = false;
  enum tamis_status status = TAMIS_OK;
  *bundle = (struct bundle){.entry = NULL};
  tar_reader_open(&tar, bytes, length);
  for (size_t count = 0; status == TAMIS_OK && !is_end; count++) {
    status = tar_reader_next(&tar, &member, &is_end, fault);
    if (status == TAMIS_OK && count > BUNDLE_MEMBERS_MAX)
      status = refuse(fault, "too many members", member.name);
    if (status == TAMIS_OK && !is_end) status = take(&reading, &member, fault);
  }
  if (status == TAMIS_OK) status = check_whole(&reading, fault);
  if (status != TAMIS_OK) {
    bundle_close(bundle);
    return status;
  }
  qsort(bundle->entry, bundle->entry_count, sizeof *bundle->entry, by_index);
  if (bundle->link_count > 0)
    qsort(bundle->link, bundle->link_count, sizeof *bundle->link, by_size);
  return TAMIS_OK;
}

void bundle_close(struct bundle *bundle) {
  free(bundle->entry);
  free(bundle->link);
  free(bundle->blob);
  *bundle = (struct bundle){.entry = NULL};
}

static int by_digest(const void *a, const void *b) {
  return memcmp(a, &((const struct bundle_blob *)b)->digest, DIGEST_SIZE);
}

const struct bundle_blob *bundle_blob_find(const struct bundle *bundle,
                                           const struct digest *digest) {
  if (bundle->blob_count == 0) return NULL;
  return bsearch(digest, bundle->blob, bundle->blob_count, sizeof *bundle->blob, by_digest);
}

const struct bundle_link *bundle_link_find(const struct bundle *bundle, uint64_t size) {
  const struct bundle_link wanted = {.size = size};
  if (bundle->link_count == 0) return NULL;
  return bsearch(&wanted, bundle->link, bundle->link_count, sizeof *bundle->link, by_size);
}

/* ---- Links ---- */

enum { HASH_LINE = 44 }; /* base64 of 32 bytes, without the newline */

enum tamis_status bundle_link_write(const struct merkle_proof *proof, char **text, size_t *length,
                                    struct fault *fault) {
  *length = proof->count * (HASH_LINE + 1);
  *text = malloc(*length + 1);
  if (!*text) return fault_plain(fault, TAMIS_NO_MEMORY);
  for (size_t i = 0; i < proof->count; i++) {
    char *line = *text + i * (HASH_LINE + 1);
    text_base64_encode(proof->hash[i].byte, DIGEST_SIZE, line);
    line[HASH_LINE] = '\n';
  }
  return TAMIS_OK;
}

bool bundle_link_read(const struct bundle_text *text, struct merkle_proof *proof) {
  proof->count = text->length / (HASH_LINE + 1);
  if (text->length % (HASH_LINE + 1) != 0 || proof->count > MERKLE_PROOF_MAX) return false;
  for (size_t i = 0; i < proof->count; i++) {
    const char *line = text->bytes + i * (HASH_LINE + 1);
    size_t size = DIGEST_SIZE;
    if (line[HASH_LINE] != '\n' ||
        !text_base64_decode(line, HASH_LINE, proof->hash[i].byte, &size) || size != DIGEST_SIZE)
      return false;
  }
  return true;
}

/* ---- Writing ---- */

struct piece {
  char name[TAR_NAME_SIZE];
  const void *bytes;
  size_t size;
};

static void add(struct piece *list, size_t *count, const char *name, const void *bytes,
                size_t size) {
  struct piece *piece = &list[(*count)++];
  snprintf(piece->name, sizeof piece->name, "%s", name);
  piece->bytes = bytes;
  piece->size = size;
}

static void add_numbered(struct piece *list, size_t *count, const char *folder, uint64_t index,
                         const char *suffix, const struct bundle_text *text) {
  char name[TAR_NAME_SIZE];
  snprintf(name, sizeof name, "%s%" PRIu64 "%s", folder, index, suffix);
  add(list, count, name, text->bytes, text->length);
}

static int by_name(const void *a, const void *b) {
  return strcmp(((const struct piece *)a)->name, ((const struct piece *)b)->name);
}

/* All members in the order of the file; malloc'd, the caller frees it. */
static struct piece *pieces(const struct bundle *bundle, size_t *count) {
  struct piece *list =
      calloc(2 * bundle->entry_count + bundle->link_count + bundle->blob_count + 5, sizeof *list);
  char name[TAR_NAME_SIZE] = "blobs/";
  *count = 0;
  if (!list) return NULL;
  add(list, count, "README", bundle->readme.bytes, bundle->readme.length);
  add(list, count, "bundle.json", bundle->about.bytes, bundle->about.length);
  add(list, count, "checkpoint", bundle->checkpoint.bytes, bundle->checkpoint.length);
  add(list, count, "log.vkey", bundle->log_vkey.bytes, bundle->log_vkey.length);
  if (bundle->provenance.bytes)
    add(list, count, bundle->provenance_is_signed ? "provenance.intoto.json" : "provenance.json",
        bundle->provenance.bytes, bundle->provenance.length);
  for (size_t i = 0; i < bundle->link_count; i++)
    add_numbered(list, count, "consistency/", bundle->link[i].size, "", &bundle->link[i].proof);
  for (size_t i = 0; i < bundle->entry_count; i++) {
    const struct bundle_entry *entry = &bundle->entry[i];
    add_numbered(list, count, "entries/", entry->index, ".json", &entry->envelope);
    add_numbered(list, count, "receipts/", entry->index, ".tlog-proof", &entry->receipt);
  }
  for (size_t i = 0; i < bundle->blob_count; i++) {
    digest_to_hex(&bundle->blob[i].digest, name + 6);
    add(list, count, name, bundle->blob[i].bytes, bundle->blob[i].size);
  }
  qsort(list, *count, sizeof *list, by_name);
  return list;
}

enum tamis_status bundle_size(const struct bundle *bundle, uint64_t *size, struct fault *fault) {
  size_t count;
  struct piece *list = pieces(bundle, &count);
  enum tamis_status status = list ? TAMIS_OK : fault_plain(fault, TAMIS_NO_MEMORY);
  *size = TAR_END_SIZE;
  for (size_t i = 0; list && i < count && status == TAMIS_OK; i++) {
    if (list[i].size > TAR_SIZE_MAX)
      status = fault_set(fault, TAMIS_TOO_LARGE,
                         "%.99s is longer than the 8 GiB that a bundle can hold in one piece; "
                         "leave --bodies out",
                         list[i].name);
    *size += tar_member_size(list[i].size);
  }
  free(list);
  return status;
}

enum tamis_status bundle_write(const struct bundle *bundle, uint8_t *out, struct fault *fault) {
  size_t count;
  struct piece *list = pieces(bundle, &count);
  if (!list) return fault_plain(fault, TAMIS_NO_MEMORY);
  for (size_t i = 0; i < count; i++) {
    uint8_t *content = tar_member_write(list[i].name, list[i].size, out);
    if (list[i].size > 0) memcpy(content, list[i].bytes, list[i].size);
    out += tar_member_size(list[i].size);
  }
  free(list);
  return TAMIS_OK;
}
