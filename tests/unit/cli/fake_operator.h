/* A server made of canned answers, in place of client-sdk/operator.c: what it says is what a test
 * wants a hostile or broken server to say. Include it in one file of a test program. */
#ifndef FAKE_OPERATOR_H
#define FAKE_OPERATOR_H

#include <stdlib.h>
#include <string.h>
#include "client-sdk/operator.h"

enum { FAKE_ENTRIES_MAX = 16 };

static struct {
  struct {
    const char *name, *json;
  } answer[16]; /* ended by a NULL name */
  const char *origin;
  enum tamis_status status; /* of every call; text goes with it */
  const char *text;
  size_t entry_count;
  const char *entry[FAKE_ENTRIES_MAX];
  const char *note;
  const char *result; /* JSON that a submit gives back; NULL: {} */
  /* what was submitted last */
  size_t submitted;
  enum statement_kind kind;
  json_t *predicate;
  char subject_name[32];
  struct digest subject;
  bool dry_run;
} fake;

static void fake_reset(void) {
  json_decref(fake.predicate);
  memset(&fake, 0, sizeof fake);
  fake.origin = "test/log";
}

static enum tamis_status fake_say(struct fault *fault) {
  if (fake.status == TAMIS_OK) return TAMIS_OK;
  return fault_set(fault, fake.status, "%s", fake.text == NULL ? "" : fake.text);
}

enum tamis_status operator_open(const struct operator_options *options, struct operator** operator,
                                struct fault * fault) {
  (void)options;
  *operator=(struct operator*)(void *) & fake;
  return fake_say(fault);
}

void operator_close(struct operator* operator) {
  (void)operator;
}

const char *operator_origin(const struct operator* operator) {
  (void)operator;
  return fake.origin;
}

enum tamis_status operator_submit_about(struct operator* operator, enum statement_kind kind,
                                        json_t *predicate, size_t subject_count,
                                        const char *const *subject_name,
                                        const struct digest *subject, bool dry_run, uint64_t *index,
                                        json_t **result, struct fault *fault) {
  (void)subject_count;
  return operator_submit(operator, kind, predicate, subject_name[0], subject, dry_run, index,
                         result, fault);
}

enum tamis_status operator_cosign(struct operator* operator, const char * envelope, size_t length,
                                  uint64_t *index, struct fault *fault) {
  (void)operator, (void)envelope, (void)length;
  *index = 42;
  return fake_say(fault);
}

enum tamis_status operator_put(struct operator* operator, const void * bytes, size_t length,
                               struct digest *digest, struct fault *fault) {
  (void)operator;
  *digest = digest_of(bytes, length);
  return fake_say(fault);
}

enum tamis_status operator_submit(struct operator* operator, enum statement_kind kind,
                                  json_t *predicate, const char *subject_name,
                                  const struct digest *subject, bool dry_run, uint64_t *index,
                                  json_t **result, struct fault *fault) {
  (void)operator;
  json_decref(fake.predicate);
  fake.submitted++;
  fake.kind = kind;
  fake.predicate = json_deep_copy(predicate);
  fake.subject = *subject;
  fake.dry_run = dry_run;
  snprintf(fake.subject_name, sizeof fake.subject_name, "%s", subject_name);
  *index = 41;
  if (result != NULL) *result = fake.result ? json_loads(fake.result, 0, NULL) : json_object();
  return fake_say(fault);
}

enum tamis_status operator_query(struct operator* operator, const char * name,
                                 size_t argument_count, const char *const *arguments, json_t **rows,
                                 struct fault *fault) {
  (void)operator;
  (void)argument_count;
  (void)arguments;
  for (size_t i = 0; fake.answer[i].name != NULL; i++) {
    if (strcmp(fake.answer[i].name, name) == 0)
      *rows = json_loads(fake.answer[i].json, JSON_DECODE_ANY, NULL);
  }
  if (*rows == NULL) *rows = json_array();
  return fake_say(fault);
}

enum tamis_status operator_put_file(struct operator* operator, const char * path,
                                    struct digest *digest, struct fault *fault) {
  (void)operator;
  *digest = digest_of(path, strlen(path));
  return fake_say(fault);
}

enum tamis_status operator_fetch_file(struct operator* operator, const struct digest * digest,
                                      const char *path, struct fault *fault) {
  (void)operator;
  (void)digest;
  (void)path;
  return fake_say(fault);
}

enum tamis_status operator_fetch(struct operator* operator, const struct digest * digest,
                                 size_t size_max, uint8_t **bytes, size_t *length,
                                 struct fault *fault) {
  (void)operator;
  (void)digest;
  (void)size_max;
  (void)bytes;
  (void)length;
  return fault_set(fault, TAMIS_NOT_FOUND, "no blobs here");
}

enum tamis_status operator_entries(struct operator* operator, uint64_t from, uint64_t count,
                                   enum tamis_status (*visit)(void *context, uint64_t index,
                                                              const char *envelope, size_t length),
                                   void *context, struct fault *fault) {
  (void)operator;
  enum tamis_status status = fake_say(fault);
  for (uint64_t i = from; status == TAMIS_OK && i < from + count && i < fake.entry_count; i++)
    status = visit(context, i, fake.entry[i], strlen(fake.entry[i]));
  return status;
}

enum tamis_status operator_watch(struct operator* operator, uint64_t from, uint32_t wait_ms,
                                 enum tamis_status (*visit)(void *context, uint64_t index,
                                                            const char *envelope, size_t length),
                                 void *context, struct fault *fault) {
  (void)wait_ms;
  enum tamis_status status =
      operator_entries(operator, from, FAKE_ENTRIES_MAX, visit, context, fault);
  return status == TAMIS_OK ? fault_set(fault, TAMIS_TIMED_OUT, "nothing new") : status;
}

enum tamis_status operator_checkpoint(struct operator* operator, char ** note, size_t *length,
                                      struct fault *fault) {
  (void)operator;
  if (fake.note == NULL) return fault_set(fault, TAMIS_NOT_FOUND, "no checkpoint here");
  *note = strdup(fake.note);
  *length = strlen(fake.note);
  return fake_say(fault);
}

enum tamis_status operator_ping(struct operator* operator, struct fault * fault) {
  (void)operator;
  return fake_say(fault);
}

static enum tamis_status fake_no_checkpoint(void *context, const char **note, size_t *length,
                                            struct fault *fault) {
  (void)context, (void)note, (void)length;
  return fault_set(fault, TAMIS_NOT_FOUND, "no checkpoint here");
}

void operator_bundle_source(struct operator* operator, struct bundle_remote * remote,
                            struct bundle_source *source) {
  (void)operator;
  *remote = (struct bundle_remote){.session = NULL};
  *source = (struct bundle_source){.checkpoint = fake_no_checkpoint};
}

const struct secret_key *operator_key(const struct operator* operator) {
  (void)operator;
  return NULL;
}

#endif
