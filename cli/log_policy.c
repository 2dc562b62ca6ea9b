/* `tamis log policy`: whom to believe about the log, as a C2SP tlog-policy: its key, a witness for
 * every enrolled client, a group for every organisation, and the quorum of a federation. The log is
 * verified on the way: names and keys come from nowhere else. */
#include <stdlib.h>
#include <string.h>

#include "cli/command_run.h"
#include "cli/site.h"
#include "client-sdk/log_fold.h"
#include "client-sdk/log_verify.h"
#include "proto/checkpoint.h"

struct policy_make {
  struct context *context;
  const struct fold *fold;
  const struct fold_client **client; /* enrolled, by organisation and name */
  size_t count;
  int64_t organisations, each; /* that the federation requires; 0: none */
  FILE *out;
};

static int by_organisation(const void *left, const void *right) {
  const struct fold_client *a = *(const struct fold_client *const *)left;
  const struct fold_client *b = *(const struct fold_client *const *)right;
  int order = strcmp(a->organisation, b->organisation);
  return order ? order : strcmp(a->name, b->name);
}

/* How many clients from `first` on are of one organisation. */
static size_t run_of(const struct policy_make *make, size_t first) {
  size_t next = first + 1;
  while (next < make->count &&
         strcmp(make->client[next]->organisation, make->client[first]->organisation) == 0)
    next++;
  return next - first;
}

static void write_witnesses(const struct policy_make *make) {
  char vkey[KEY_VKEY_SIZE];
  for (size_t i = 0; i < make->count; i++) {
    key_witness_vkey_write(&make->client[i]->key, vkey);
    fprintf(make->out, "witness client/%s %s\n", make->client[i]->name, vkey);
  }
}

/* A group for each organisation that has clients enough. */
static size_t write_groups(const struct policy_make *make) {
  size_t groups = 0;
  for (size_t i = 0, run; i < make->count; i += run) {
    run = run_of(make, i);
    if ((int64_t)run < make->each) {
      fprintf(make->out, "# organisation/%s has %zu clients, too few to vouch\n",
              make->client[i]->organisation, run);
      continue;
    }
    fprintf(make->out, "group organisation/%s %lld", make->client[i]->organisation,
            (long long)make->each);
    for (size_t k = i; k < i + run; k++) fprintf(make->out, " client/%s", make->client[k]->name);
    fputc('\n', make->out);
    groups++;
  }
  return groups;
}

static enum tamis_status write_quorum(const struct policy_make *make, size_t groups) {
  if (make->organisations == 0) {
    fputs("quorum none\n", make->out);
    return TAMIS_OK;
  }
  if ((int64_t)groups < make->organisations)
    return fault_set(&make->context->fault, TAMIS_CONFLICT,
                     "%zu organisations have clients enough to vouch, the federation requires %lld",
                     groups, (long long)make->organisations);
  fprintf(make->out, "group witnesses %lld", (long long)make->organisations);
  for (size_t i = 0, run; i < make->count; i += run) {
    run = run_of(make, i);
    if ((int64_t)run >= make->each)
      fprintf(make->out, " organisation/%s", make->client[i]->organisation);
  }
  fputs("\nquorum witnesses\n", make->out);
  return TAMIS_OK;
}

static enum tamis_status write_policy(struct policy_make *make) {
  char vkey[KEY_VKEY_SIZE];
  make->client = calloc(make->fold->client_count + 1, sizeof(const struct fold_client *));
  if (make->client == NULL) return fault_plain(&make->context->fault, TAMIS_NO_MEMORY);
  for (size_t i = 0; i < make->fold->client_count; i++)
    if (!make->fold->client[i].revoked) make->client[make->count++] = &make->fold->client[i];
  qsort(make->client, make->count, sizeof(const struct fold_client *), by_organisation);
  key_vkey_write(&make->fold->log_key, vkey);
  fprintf(make->out, "log %s\n", vkey);
  write_witnesses(make);
  enum tamis_status status = write_quorum(make, write_groups(make));
  free(make->client);
  return status;
}

static enum tamis_status find_terms(struct policy_make *make, const char *name) {
  make->each = 1;
  if (name == NULL) return TAMIS_OK;
  for (size_t i = 0; i < make->fold->federation_count; i++) {
    const struct fold_federation *federation = &make->fold->federation[i];
    if (strcmp(federation->name, name) != 0) continue;
    make->organisations = federation->witness_organisations;
    make->each = federation->witness_per_organisation;
    return TAMIS_OK;
  }
  return fault_set(&make->context->fault, TAMIS_UNKNOWN_FEDERATION, "no federation %.64s", name);
}

static enum tamis_status walk(struct context *context, struct log_verify *verify) {
  char *note = NULL;
  size_t length;
  struct checkpoint checkpoint;
  struct public_key log_key;
  const char *vkey = context->log_vkey;
  enum tamis_status status = key_vkey_read(vkey, strlen(vkey), &log_key, &context->fault);
  if (status == TAMIS_OK)
    status = operator_checkpoint(context->operator, & note, &length, &context->fault);
  if (status == TAMIS_OK)
    status = checkpoint_open(note, length, &log_key, &checkpoint, &context->fault);
  if (status == TAMIS_OK)
    status = operator_entries(context->operator, 0, checkpoint.size, log_verify_entry, verify,
                              &context->fault);
  if (status == TAMIS_OK) status = log_verify_finish(verify, note, length);
  const struct log_report *report = log_verify_report(verify);
  if (report->status != TAMIS_OK)
    status = fault_set(&context->fault, report->status,
                       "the log does not verify at entry %llu; see tamis verify",
                       (unsigned long long)report->index);
  free(note);
  return status;
}

static void print_policy(struct context *context, const json_t *data) {
  fputs(json_string_value(json_object_get(data, "policy")), context->out);
}

enum tamis_status log_policy(struct context *context, const struct arguments *arguments) {
  struct log_verify *verify = NULL;
  struct policy_make make = {.context = context};
  char *text = NULL;
  size_t length = 0;
  enum tamis_status status = context_operator(context);
  if (status == TAMIS_OK)
    status = log_verify_open(context->log_vkey, NULL, &verify, &context->fault);
  if (status == TAMIS_OK) status = walk(context, verify);
  if (status == TAMIS_OK) {
    make.fold = log_verify_fold(verify);
    status = find_terms(&make, arguments->word[0]);
  }
  make.out = status == TAMIS_OK ? open_memstream(&text, &length) : NULL;
  if (make.out != NULL) status = write_policy(&make);
  if (make.out != NULL) fclose(make.out);
  if (status == TAMIS_OK) {
    json_t *data = json_pack("{s:s, s:I, s:I}", "policy", text, "witnesses", (json_int_t)make.count,
                             "organisations", (json_int_t)make.organisations);
    output_thing(context, "policy", make.fold->log_key.name, data, print_policy);
    json_decref(data);
  }
  log_verify_close(verify);
  free(text);
  return status;
}
