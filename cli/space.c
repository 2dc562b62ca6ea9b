/* `tamis space`: what the server's files take, by what they are for, and for how many rounds there
 * is room. */
#include "cli/command_run.h"
#include "cli/human.h"

static void print_bytes(struct context *context, const char *name, const json_t *data,
                        const char *key, const char *words) {
  char bytes[HUMAN_TEXT_SIZE];
  human_bytes((uint64_t)output_integer(data, key), bytes);
  output_field(context, name, "%s%s", bytes, words);
}

static void print_space(struct context *context, const json_t *data) {
  char bytes[HUMAN_TEXT_SIZE], words[96];
  snprintf(words, sizeof words, " in %lld that are kept",
           (long long)output_integer(data, "bodies"));
  print_bytes(context, "updates", data, "bodies_bytes", words);
  snprintf(words, sizeof words, " in %lld that the policy let go",
           (long long)output_integer(data, "dropped"));
  if (output_integer(data, "dropped") > 0)
    print_bytes(context, "dropped", data, "dropped_bytes", words);
  print_bytes(context, "models", data, "models_bytes",
              ", with optimiser state and Gram matrices: kept for ever");
  print_bytes(context, "manifests", data, "manifests_bytes", ": kept for ever");
  print_bytes(context, "journal", data, "journal_bytes", ": kept for ever");
  print_bytes(context, "index", data, "index_bytes", ": tiles, database, snapshot");
  print_bytes(context, "unfinished", data, "unfinished_bytes", " of uploads under way");
  print_bytes(context, "free", data, "free_bytes", "");
  print_bytes(context, "reserve", data, "reserve_bytes", " of it kept from uploads");
  if (output_flag(data, "full")) {
    output_field(context, "room", "none: uploads are refused and no round opens");
  } else if (output_integer(data, "round_bytes") > 0) {
    human_bytes((uint64_t)output_integer(data, "round_bytes"), bytes);
    output_field(context, "room", "%lld rounds at %s a round",
                 (long long)output_integer(data, "rounds_left"), bytes);
  }
}

enum tamis_status space_run(struct context *context, const struct arguments *arguments) {
  json_t *rows = NULL;
  (void)arguments;
  enum tamis_status status = context_query(context, "space", 0, NULL, &rows);
  if (status != TAMIS_OK) return status;
  output_thing(context, "space", "server", json_array_get(rows, 0), print_space);
  json_decref(rows);
  return TAMIS_OK;
}
