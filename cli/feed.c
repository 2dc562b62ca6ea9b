/* `tamis feed`: what is known to be bad, shown and replaced. Each change is the whole list again
 * under the next version. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "aggregator/feed.h"
#include "cli/client_key.h"
#include "cli/command_run.h"
#include "proto/canonical.h"

/* ---- show ---- */

static const struct column columns[] = {
    {"LIST", "list", CELL_TEXT, false},
    {"DIGEST", "digest", CELL_DIGEST, false},
    {"SINCE", "since", CELL_COUNT, false},
    {"REASON", "reason", CELL_SENTENCE, false},
};
static const struct sheet sheet = {"known-bad", "Nothing is known to be bad: tamis feed add",
                                   sizeof columns / sizeof *columns, columns};

enum tamis_status feed_show(struct context *context, const struct arguments *arguments) {
  json_t *rows = NULL;
  (void)arguments;
  enum tamis_status status = context_query(context, "feed", 0, NULL, &rows);
  if (status == TAMIS_OK) output_rows(context, &sheet, rows);
  json_decref(rows);
  return status;
}

/* ---- a new version ---- */

static int by_digest(const void *left, const void *right) {
  const char *one = json_string_value(json_object_get(*(json_t *const *)left, "digest"));
  const char *other = json_string_value(json_object_get(*(json_t *const *)right, "digest"));
  return strcmp(one ? one : "", other ? other : "");
}

/* In the order that the manifest wants; what people write may have any. A new reference. */
static json_t *sorted(const json_t *list) {
  size_t count = json_array_size(list);
  json_t **element = calloc(count + 1, sizeof *element), *out = json_array();
  if (element == NULL) abort();
  for (size_t i = 0; i < count; i++) element[i] = json_array_get(list, i);
  qsort(element, count, sizeof(json_t *), by_digest);
  for (size_t i = 0; i < count; i++) json_array_append(out, element[i]);
  free(element);
  return out;
}

/* The blob goes over as a file; its name is gone afterwards. */
static enum tamis_status put_lists(struct context *context, const json_t *lists,
                                   struct digest *digest) {
  const char *folder = getenv("TMPDIR");
  char path[4096], *text = NULL;
  size_t length = 0;
  enum tamis_status status = canonical_encode(lists, &text, &length, &context->fault);
  if (status != TAMIS_OK) return status;
  snprintf(path, sizeof path, "%s/tamis-feed-XXXXXX", folder ? folder : "/tmp");
  int file = mkstemp(path);
  if (file < 0 || write(file, text, length) != (ssize_t)length)
    status = fault_set(&context->fault, TAMIS_IO, "cannot write %s", path);
  if (status == TAMIS_OK)
    status = operator_put_file(context->operator, path, digest, &context->fault);
  if (file >= 0) {
    close(file);
    unlink(path);
  }
  free(text);
  return status;
}

static enum tamis_status next_version(struct context *context, json_int_t *version) {
  json_t *rows = NULL;
  enum tamis_status status = context_query(context, "feeds", 0, NULL, &rows);
  if (status == TAMIS_OK) *version = (json_int_t)json_array_size(rows) + 1;
  json_decref(rows);
  return status;
}

/* `lists` is {"keys":[…],"updates":[…]}, each in any order. */
static enum tamis_status submit_lists(struct context *context, const struct arguments *arguments,
                                      const json_t *lists, const char *verbed) {
  bool dry_run = arguments_has(arguments, "dry-run");
  struct feed feed = {0};
  struct digest digest;
  uint64_t index = 0;
  json_int_t version = 0;
  json_t *result = NULL;
  json_t *whole = json_pack("{s:o, s:o}", "keys", sorted(json_object_get(lists, "keys")), "updates",
                            sorted(json_object_get(lists, "updates")));
  enum tamis_status status = feed_read(whole, &feed, &context->fault);
  if (status == TAMIS_OK) status = context_operator(context);
  if (status == TAMIS_OK) status = next_version(context, &version);
  if (status == TAMIS_OK) status = put_lists(context, whole, &digest);
  if (status == TAMIS_OK) {
    json_t *predicate = json_pack(
        "{s:I, s:I, s:I, s:s}", "version", version, "keys", (json_int_t)feed.count[FEED_KEYS],
        "updates", (json_int_t)feed.count[FEED_UPDATES], "note",
        arguments_text(arguments, "note", arguments_text(arguments, "reason", "")));
    status = operator_submit(context->operator, STATEMENT_KNOWN_BAD, predicate, "manifest", &digest,
                             dry_run, &index, &result, &context->fault);
    json_decref(predicate);
  }
  if (status == TAMIS_OK) {
    json_t *data = json_pack("{s:I, s:I, s:I, s:I, s:b, s:o*}", "version", version, "keys",
                             (json_int_t)feed.count[FEED_KEYS], "updates",
                             (json_int_t)feed.count[FEED_UPDATES], "index", (json_int_t)index,
                             "dry_run", dry_run, "result", result);
    output_change(context, "feed", "known-bad", verbed, dry_run, data);
    json_decref(data);
  }
  feed_close(&feed);
  json_decref(whole);
  return status;
}

enum tamis_status feed_set(struct context *context, const struct arguments *arguments) {
  json_error_t error;
  json_t *lists = json_load_file(arguments->word[0], JSON_REJECT_DUPLICATES, &error);
  if (lists == NULL)
    return fault_set(&context->fault, TAMIS_BAD_REQUEST, "%s, line %d: %.100s", arguments->word[0],
                     error.line, error.text);
  enum tamis_status status = submit_lists(context, arguments, lists, "set");
  json_decref(lists);
  return status;
}

/* ---- one more, one less ---- */

/* The lists of now, as a manifest has them. */
static enum tamis_status lists_now(struct context *context, json_t **lists) {
  json_t *rows = NULL, *row;
  size_t i;
  enum tamis_status status = context_query(context, "feed", 0, NULL, &rows);
  if (status != TAMIS_OK) return status;
  *lists = json_pack("{s:[], s:[]}", "keys", "updates");
  json_array_foreach(rows, i, row) {
    const char *list = json_string_value(json_object_get(row, "list"));
    json_array_append_new(json_object_get(*lists, list ? list : ""),
                          json_pack("{s:O, s:O}", "digest", json_object_get(row, "digest"),
                                    "reason", json_object_get(row, "reason")));
  }
  json_decref(rows);
  return TAMIS_OK;
}

static void put_item(json_t *lists, enum feed_list list, const char *hex, const char *reason) {
  json_array_append_new(json_object_get(lists, feed_list_name(list)),
                        json_pack("{s:s, s:s}", "digest", hex, "reason", reason));
}

static enum tamis_status add_update(struct context *context, const struct arguments *arguments,
                                    const char *client, json_t *lists) {
  char number[24];
  json_t *rows = NULL;
  snprintf(number, sizeof number, "%llu",
           (unsigned long long)arguments_count(arguments, "from-round", 0));
  const char *asked[] = {arguments_text(arguments, "federation", ""), number, client};
  enum tamis_status status = context_query_federation(context, "updates", 3, asked, &rows);
  const char *hex = json_string_value(json_object_get(json_array_get(rows, 0), "update"));
  if (status == TAMIS_OK && hex == NULL)
    status = fault_set(&context->fault, TAMIS_NOT_FOUND, "%.64s sent nothing in round %s of %.64s",
                       client, number, asked[0]);
  if (status == TAMIS_OK)
    put_item(lists, FEED_UPDATES, hex, arguments_text(arguments, "reason", ""));
  json_decref(rows);
  return status;
}

static enum tamis_status add_key(struct context *context, const struct arguments *arguments,
                                 const char *client, json_t *lists) {
  struct digest key;
  char hex[DIGEST_HEX_SIZE];
  enum tamis_status status = client_key_find(context, client, &key);
  digest_to_hex(&key, hex);
  if (status == TAMIS_OK) put_item(lists, FEED_KEYS, hex, arguments_text(arguments, "reason", ""));
  return status;
}

enum tamis_status feed_add(struct context *context, const struct arguments *arguments) {
  const char *client = arguments_text(arguments, "client", "");
  bool has_round = arguments_has(arguments, "from-round"),
       has_key = arguments_has(arguments, "key");
  json_t *lists = NULL;
  if (!has_round && !has_key) {
    fault_set(&context->fault, TAMIS_BAD_REQUEST, "what of %.64s is bad is not said", client);
    return context_hint(context, TAMIS_BAD_REQUEST,
                        "its update of a round: --federation F --from-round R; its key: --key");
  }
  enum tamis_status status = lists_now(context, &lists);
  if (status == TAMIS_OK && has_round) status = add_update(context, arguments, client, lists);
  if (status == TAMIS_OK && has_key) status = add_key(context, arguments, client, lists);
  if (status == TAMIS_OK) status = submit_lists(context, arguments, lists, "extended");
  json_decref(lists);
  return status;
}

enum tamis_status feed_withdraw(struct context *context, const struct arguments *arguments) {
  const char *digest = arguments->word[0];
  json_t *lists = NULL;
  size_t withdrawn = 0;
  enum tamis_status status = lists_now(context, &lists);
  for (int list = 0; list < FEED_LISTS && status == TAMIS_OK; list++) {
    json_t *items = json_object_get(lists, feed_list_name((enum feed_list)list));
    for (size_t i = json_array_size(items); i-- > 0;) {
      const char *hex = json_string_value(json_object_get(json_array_get(items, i), "digest"));
      if (hex && strcmp(hex, digest) == 0) withdrawn += json_array_remove(items, i) == 0;
    }
  }
  if (status == TAMIS_OK && withdrawn == 0)
    status = fault_set(&context->fault, TAMIS_NOT_FOUND, "%.64s is not on the feed", digest);
  if (status == TAMIS_OK) status = submit_lists(context, arguments, lists, "shortened");
  json_decref(lists);
  return status;
}
