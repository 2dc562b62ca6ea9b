/* `tamis log fork`: what a client's fork evidence shows, and whether a log that one has at hand
 * mends it. Asks no server. */
#include <stdlib.h>
#include <string.h>

#include "cli/command_run.h"
#include "cli/human.h"
#include "cli/site.h"
#include "client-sdk/journal_reader.h"
#include "proto/fork.h"

struct forking {
  struct context *context;
  struct fork_evidence evidence;
  struct checkpoint kept, shown;
  enum fork_finding finding;
  struct merkle_tree *tree; /* of the log at hand; NULL: none is */
  bool key_known;           /* from somewhere else than the file itself */
};

static const char *const finding_names[] = {
    [FORK_NONE] = "none", [FORK_PROVED] = "proved", [FORK_UNLINKED] = "unlinked"};

static enum tamis_status read_evidence(struct forking *forking, const char *path) {
  struct fault *fault = &forking->context->fault;
  char *text = malloc(FORK_SIZE_MAX + 1);
  FILE *file = fopen(path, "re");
  enum tamis_status status = TAMIS_OK;
  if (!text)
    status = fault_plain(fault, TAMIS_NO_MEMORY);
  else if (!file)
    status = fault_set(fault, TAMIS_NOT_FOUND, "cannot open %s", path);
  else
    status = fork_read(text, fread(text, 1, FORK_SIZE_MAX + 1, file), &forking->evidence, fault);
  if (status == TAMIS_OK)
    status =
        fork_judge(&forking->evidence, &forking->finding, &forking->kept, &forking->shown, fault);
  if (file) fclose(file);
  free(text);
  return status;
}

/* A file vouches for its own key; whoever knows better says so. */
static enum tamis_status check_key(struct forking *forking, const struct arguments *arguments) {
  struct context *context = forking->context;
  struct public_key key;
  const char *vkey;
  enum tamis_status status = site_log_key(context, arguments, &vkey, &key);
  forking->key_known = status == TAMIS_OK;
  if (status != TAMIS_OK && !arguments_has(arguments, "log-key")) return TAMIS_OK;
  if (status != TAMIS_OK) return status;
  if (strcmp(key.name, forking->evidence.log_key.name) == 0 &&
      memcmp(key.byte, forking->evidence.log_key.byte, KEY_PUBLIC_SIZE) == 0)
    return TAMIS_OK;
  return fault_set(&context->fault, TAMIS_BAD_PROOF,
                   "the evidence is about a log with another key, %s",
                   forking->evidence.log_key.name);
}

static enum tamis_status add_leaf(void *tree, uint64_t index, const char *envelope, size_t length) {
  struct digest leaf = merkle_leaf(envelope, length);
  (void)index;
  merkle_tree_append(tree, &leaf);
  return TAMIS_OK;
}

static enum tamis_status read_log(struct forking *forking, const struct arguments *arguments) {
  char *folder = NULL, *journal = NULL;
  uint64_t torn_bytes;
  if (!arguments_has(arguments, "state")) return TAMIS_OK;
  enum tamis_status status = site_state(forking->context, arguments, &folder);
  if (status != TAMIS_OK) return status;
  forking->tree = merkle_tree_new();
  status = asprintf(&journal, "%s/journal", folder) < 0
               ? fault_plain(&forking->context->fault, TAMIS_NO_MEMORY)
               : journal_reader_walk(journal, add_leaf, forking->tree, &torn_bytes,
                                     &forking->context->fault);
  free(journal);
  free(folder);
  return status;
}

/* "holds", "differs" or "ends before"; NULL without a log. */
static const char *place_of(const struct forking *forking, const struct checkpoint *checkpoint) {
  if (!forking->tree) return NULL;
  if (checkpoint->size > merkle_tree_size(forking->tree)) return "ends before";
  struct digest root = merkle_tree_root(forking->tree, checkpoint->size);
  return digest_equal(&root, &checkpoint->root) ? "holds" : "differs";
}

static bool is_held(const char *place) {
  return place && strcmp(place, "holds") == 0;
}

static json_t *note_json(const struct forking *forking, const struct checkpoint *checkpoint) {
  char root[DIGEST_HEX_SIZE];
  digest_to_hex(&checkpoint->root, root);
  return json_pack("{s:I, s:s, s:s*}", "size", (json_int_t)checkpoint->size, "root", root, "log",
                   place_of(forking, checkpoint));
}

static void print_note(struct context *context, const char *label, const json_t *note) {
  char root[OUTPUT_CELL_SIZE], log[OUTPUT_CELL_SIZE];
  bool is_held_against = json_object_get(note, "log") != NULL;
  output_field(context, label, "%lld entries, root %s", (long long)output_integer(note, "size"),
               output_text(note, "root", root, sizeof root));
  if (is_held_against)
    output_field(context, "", "the log at hand %s it", output_text(note, "log", log, sizeof log));
}

static void print_fork(struct context *context, const json_t *data) {
  char a[OUTPUT_CELL_SIZE];
  output_text(data, "finding", a, sizeof a);
  if (strcmp(a, "proved") == 0)
    fprintf(context->out, "PROVED: the log's key signed two roots for one size\n");
  else
    fprintf(context->out,
            "UNLINKED: the log's key signed both; what the server answered does not link them\n");
  output_field(context, "log", "%s", output_text(data, "log_key", a, sizeof a));
  print_note(context, "kept", json_object_get(data, "kept"));
  print_note(context, "shown", json_object_get(data, "shown"));
  output_field(context, "answer", "%s", output_text(data, "answer", a, sizeof a));
  output_text(data, "finding", a, sizeof a);
  if (strcmp(a, "unlinked") == 0)
    output_paragraph(context, "The operator owes a consistency proof between the two sizes. There "
                              "is none if the log was cut, restored from a backup or rewritten.");
}

static enum tamis_status tell(const struct forking *forking) {
  struct context *context = forking->context;
  char vkey[KEY_VKEY_SIZE];
  if (forking->finding == FORK_NONE)
    return fault_set(&context->fault, TAMIS_BAD_PROOF,
                     "no fork: the two notes are of one history of the log");
  if (is_held(place_of(forking, &forking->kept)) && is_held(place_of(forking, &forking->shown)))
    return fault_set(
        &context->fault, TAMIS_BAD_PROOF,
        "no fork: the log at hand holds both trees. The server that the client met did "
        "not: it came from an old backup, say");
  key_vkey_write(&forking->evidence.log_key, vkey);
  if (!forking->key_known)
    context_say(context, "The key is the file's own: compare it with the one you know.");
  json_t *data =
      json_pack("{s:s, s:s, s:s, s:o, s:o}", "finding", finding_names[forking->finding], "log_key",
                vkey, "answer", tamis_status_name(forking->evidence.answer), "kept",
                note_json(forking, &forking->kept), "shown", note_json(forking, &forking->shown));
  output_thing(context, "fork", forking->evidence.log_key.name, data, print_fork);
  json_decref(data);
  return TAMIS_OK;
}

enum tamis_status log_fork(struct context *context, const struct arguments *arguments) {
  struct forking forking = {.context = context};
  if (key_library_start() != TAMIS_OK)
    return fault_set(&context->fault, TAMIS_INTERNAL, "libsodium does not start");
  enum tamis_status status = read_evidence(&forking, arguments->word[0]);
  if (status == TAMIS_OK) status = check_key(&forking, arguments);
  if (status == TAMIS_OK) status = read_log(&forking, arguments);
  if (status == TAMIS_OK) status = tell(&forking);
  fork_close(&forking.evidence);
  merkle_tree_free(forking.tree);
  return status;
}
