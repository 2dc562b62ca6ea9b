/* From a file that anybody may have made to sentences that follow from one key. */
#include "cli/bundle_verify.h"

#include "cli/bundle_report.h"
#include "cli/human.h"
#include "cli/mapped_file.h"
#include "client-sdk/bundle_provenance.h"

static void print_verified(struct context *context, const json_t *data) {
  const json_t *log = json_object_get(data, "log");
  char a[OUTPUT_CELL_SIZE], b[OUTPUT_CELL_SIZE], bytes[HUMAN_TEXT_SIZE];
  human_bytes((uint64_t)output_integer(data, "bytes"), bytes);
  fprintf(context->out, "OK: the bundle %s verifies\n", output_text(data, "file", a, sizeof a));
  if (json_object_get(data, "client") != NULL)
    output_field(context, "about", "client %s in %s", output_text(data, "client", a, sizeof a),
                 output_text(data, "federation", b, sizeof b));
  else
    output_field(context, "about", "a %s of %s", output_text(data, "kind", a, sizeof a),
                 output_text(data, "federation", b, sizeof b));
  output_field(context, "log", "%s, %lld entries, root %s", output_text(log, "origin", a, sizeof a),
               (long long)output_integer(log, "size"), output_text(log, "root", b, sizeof b));
  output_field(context, "entries",
               "%lld, each under that checkpoint, each signed by the key that was good there",
               (long long)output_integer(data, "entries"));
  output_field(context, "files", "%lld (%s), each of its digest and named by an entry",
               (long long)output_integer(data, "blobs"), bytes);
  const char *provenance = json_string_value(json_object_get(data, "provenance"));
  if (provenance != NULL)
    output_field(context, "provenance", "says what the entries say; %s%s",
                 *provenance == '\0' ? "not signed" : "signed by ", provenance);
  bundle_report_print(context, data);
}

static enum tamis_status check(struct context *context, const char *path,
                               const struct bundle *bundle, const struct public_key *log_key) {
  struct bundle_facts facts;
  struct bundle_scope scope;
  char signer[KEY_NAME_SIZE];
  json_t *about;
  enum tamis_status status = bundle_facts_open(bundle, log_key, &facts, &context->fault);
  if (status != TAMIS_OK) return status;
  status = bundle_claims_check(&facts, &scope, &about, &context->fault);
  if (status == TAMIS_OK) {
    status = bundle_provenance_check(&facts, &scope, signer, &context->fault);
    if (status == TAMIS_OK) {
      json_t *data = bundle_report(&facts, about);
      json_object_set_new(data, "verify", json_string("ok"));
      json_object_set_new(data, "file", json_string(path));
      if (bundle_provenance_is_due(&scope))
        json_object_set_new(data, "provenance", json_string(signer));
      output_thing(context, "bundle", path, data, print_verified);
      json_decref(data);
    }
    json_decref(about);
    bundle_scope_close(&scope);
  }
  bundle_facts_close(&facts);
  return status;
}

/* What the fault is called matters to who asked the server, not to who looks at a file. */
static enum tamis_status as_bad_proof(struct context *context, enum tamis_status status) {
  if (status == TAMIS_OK || status == TAMIS_NO_MEMORY) return status;
  context->fault.status = TAMIS_BAD_PROOF;
  return context_hint(context, TAMIS_BAD_PROOF,
                      "the file was changed, was cut short, or is of a log with another key "
                      "(--log-key)");
}

enum tamis_status bundle_verify(struct context *context, const char *path,
                                const struct public_key *log_key) {
  struct mapped_file file = {.bytes = NULL};
  struct bundle bundle;
  enum tamis_status status = mapped_file_open(path, &file, &context->fault);
  if (status != TAMIS_OK) return status;
  status = bundle_read(file.bytes, file.length, &bundle, &context->fault);
  if (status == TAMIS_OK) {
    status = check(context, path, &bundle, log_key);
    bundle_close(&bundle);
  }
  mapped_file_close(&file);
  return as_bad_proof(context, status);
}
