/* `tamis policy dry-run`: the report of audit/dryrun.h as tables, and as a file with one digest. */
#include <stdlib.h>
#include <string.h>

#include "audit/dryrun.h"
#include "cli/command_run.h"
#include "cli/durable_file.h"
#include "cli/policy_file.h"
#include "cli/progress.h"
#include "cli/site.h"
#include "proto/canonical.h"

enum { CHANGES_SHOWN = 20 };

/* ---- tables ---- */

static const struct column client_columns[] = {
    {"CLIENT", "client", CELL_TEXT, false},     {"UPDATES", "updates", CELL_COUNT, false},
    {"HELD", "held", CELL_TEXT, false},         {"REJECTED", "rejected", CELL_TEXT, false},
    {"ABSENT", "absent", CELL_COUNT, true},     {"STATE", "state", CELL_TEXT, false},
    {"WATCHED", "watched", CELL_TEXT, true},    {"QUARANTINED", "quarantined", CELL_TEXT, false},
    {"EXCLUDED", "excluded", CELL_TEXT, false},
};
static const struct sheet client_sheet = {"client", "No client would have fared otherwise.",
                                          sizeof client_columns / sizeof *client_columns,
                                          client_columns};

static const struct column round_columns[] = {
    {"ROUND", "round", CELL_COUNT, false},     {"POLICY", "policy_version", CELL_COUNT, true},
    {"UPDATES", "updates", CELL_COUNT, false}, {"ACCEPTED", "accepted", CELL_TEXT, false},
    {"HELD", "held", CELL_TEXT, false},        {"REJECTED", "rejected", CELL_TEXT, false},
    {"ABSENT", "absent", CELL_COUNT, false},   {"RULE", "rule", CELL_TEXT, false},
};
static const struct sheet round_sheet = {"round", "No round would have gone otherwise.",
                                         sizeof round_columns / sizeof *round_columns,
                                         round_columns};

/* "4", or "4/0": what would be, and what was where that is another. */
static void set_pair(json_t *row, const char *key, json_int_t would, json_int_t was) {
  char text[64];
  if (would == was)
    snprintf(text, sizeof text, "%lld", (long long)would);
  else
    snprintf(text, sizeof text, "%lld/%lld", (long long)would, (long long)was);
  json_object_set_new(row, key, json_string(text));
}

/* "7", "7/-": the round in which it would have begun, and did; "-": in none. */
static void set_when(json_t *row, const char *key, json_int_t would, json_int_t was) {
  char text[64], now[24] = "-", then[24] = "-";
  if (would > 0) snprintf(now, sizeof now, "%lld", (long long)would);
  if (was > 0) snprintf(then, sizeof then, "%lld", (long long)was);
  snprintf(text, sizeof text, would == was ? "%s" : "%s/%s", now, then);
  json_object_set_new(row, key, json_string(text));
}

static json_t *client_row(const json_t *client) {
  static const char *const counts[] = {"held", "rejected"};
  static const char *const states[] = {"watched", "quarantined", "excluded"};
  const json_t *was = json_object_get(client, "was"), *would = json_object_get(client, "would");
  char then[32], now[32], state[80];
  json_t *row =
      json_pack("{s:O, s:O, s:O}", "client", json_object_get(client, "client"), "updates",
                json_object_get(client, "updates"), "absent", json_object_get(would, "absent"));
  for (size_t i = 0; i < 2; i++)
    set_pair(row, counts[i], output_integer(would, counts[i]), output_integer(was, counts[i]));
  for (size_t i = 0; i < 3; i++)
    set_when(row, states[i], output_integer(would, states[i]), output_integer(was, states[i]));
  output_text(would, "state", now, sizeof now);
  output_text(was, "state", then, sizeof then);
  bool is_same = strcmp(now, then) == 0;
  snprintf(state, sizeof state, is_same ? "%s" : "%s/%s", now, then);
  json_object_set_new(row, "state", json_string(state));
  return row;
}

static void print_clients(struct context *context, const json_t *report) {
  const json_t *clients = json_object_get(report, "clients"), *client;
  json_t *rows = json_array();
  size_t i;
  json_array_foreach((json_t *)(uintptr_t)clients, i, client) {
    json_t *was = json_object_get(client, "was"), *would = json_object_get(client, "would");
    if (!json_equal(was, would)) json_array_append_new(rows, client_row(client));
  }
  if (json_array_size(rows) == 0)
    fputs("\nNo client would have fared otherwise.\n", context->out);
  else {
    fputs(
        "\nClients that would have fared otherwise (would/was; standings by their first round):\n",
        context->out);
    output_rows(context, &client_sheet, rows);
  }
  json_decref(rows);
}

static json_t *round_row(const json_t *round) {
  static const char *const counts[] = {"accepted", "held", "rejected"};
  const json_t *was = json_object_get(round, "was"), *would = json_object_get(round, "would");
  json_t *row =
      json_pack("{s:O, s:O, s:O, s:O, s:s}", "round", json_object_get(round, "round"),
                "policy_version", json_object_get(round, "policy_version"), "updates",
                json_object_get(round, "updates"), "absent", json_object_get(would, "absent"),
                "rule", output_flag(round, "feasible") ? "feasible" : "held");
  for (size_t i = 0; i < 3; i++)
    set_pair(row, counts[i], output_integer(would, counts[i]), output_integer(was, counts[i]));
  return row;
}

static void print_rounds(struct context *context, const json_t *report) {
  const json_t *rounds = json_object_get(report, "rounds"), *round;
  json_t *rows = json_array();
  size_t i;
  json_array_foreach((json_t *)(uintptr_t)rounds, i, round) {
    if (json_array_size(json_object_get(round, "changes")) > 0 || !output_flag(round, "feasible"))
      json_array_append_new(rows, round_row(round));
  }
  if (json_array_size(rows) > 0) {
    fputs("\nRounds that would have gone otherwise (would/was):\n", context->out);
    output_rows(context, &round_sheet, rows);
  }
  json_decref(rows);
}

static void print_change(struct context *context, const json_t *round, const json_t *change) {
  char client[80], was[32], would[32], sentence[OUTPUT_CELL_SIZE], line[2 * OUTPUT_CELL_SIZE];
  output_text(change, "client", client, sizeof client);
  output_text(change, "was", was, sizeof was);
  output_text(change, "would", would, sizeof would);
  output_text(change, "sentence", sentence, sizeof sentence);
  snprintf(line, sizeof line, "round %lld: %s %s, not %s: %s",
           (long long)output_integer(round, "round"), client, would, was, sentence);
  output_item(context, line);
}

static void print_changes(struct context *context, const json_t *report) {
  const json_t *rounds = json_object_get(report, "rounds"), *round, *change;
  size_t i, k, shown = 0, all = 0;
  json_array_foreach((json_t *)(uintptr_t)rounds, i, round) {
    json_array_foreach(json_object_get(round, "changes"), k, change) {
      if (all++ >= CHANGES_SHOWN) continue;
      if (shown++ == 0) fputs("\nVerdicts that would have been others:\n", context->out);
      print_change(context, round, change);
    }
  }
  if (all > shown) fprintf(context->out, "and %zu more: -o json\n", all - shown);
}

static json_int_t sum_of(const json_t *report, const char *side, const char *key) {
  const json_t *rounds = json_object_get(report, "rounds"), *round;
  json_int_t sum = 0;
  size_t i;
  json_array_foreach((json_t *)(uintptr_t)rounds, i, round) {
    sum += output_integer(json_object_get(round, side), key);
  }
  return sum;
}

static void print_sums(struct context *context, const json_t *report) {
  static const char *const keys[] = {"accepted", "held", "rejected", "absent"};
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
    json_int_t would = sum_of(report, "would", keys[i]), was = sum_of(report, "was", keys[i]);
    if (would == 0 && was == 0) continue;
    output_field(context, keys[i], "%lld updates, in truth %lld", (long long)would, (long long)was);
  }
}

static void print_report(struct context *context, const json_t *data) {
  const json_t *report = json_object_get(data, "report"), *limit;
  char a[OUTPUT_CELL_SIZE];
  size_t i;
  output_field(context, "federation", "%s", output_text(report, "federation", a, sizeof a));
  output_field(context, "policy", "%s", output_text(report, "policy_digest", a, sizeof a));
  output_field(context, "rounds", "%lld judged again, %lld measured again for other voters",
               (long long)output_integer(report, "judged"),
               (long long)output_integer(report, "remeasured"));
  print_sums(context, report);
  output_field(context, "report", "%s", output_text(data, "digest", a, sizeof a));
  print_clients(context, report);
  print_rounds(context, report);
  print_changes(context, report);
  fputs("\nWhat this cannot know:\n", context->out);
  json_array_foreach(json_object_get(report, "limits"), i, limit) {
    output_item(context, json_string_value(limit));
  }
}

/* ---- the run ---- */

static void step(void *opaque, uint64_t entries, uint64_t total) {
  struct progress *progress = opaque;
  progress->total = total > entries ? total : entries;
  progress_step(progress, entries);
}

static enum tamis_status keep_report(struct context *context, const char *path,
                                     const json_t *report) {
  struct durable_draft draft = {0};
  char *text = NULL;
  size_t length = 0;
  enum tamis_status status = canonical_encode(report, &text, &length, &context->fault);
  if (status == TAMIS_OK) status = durable_draft_open(path, length, &draft, &context->fault);
  if (status == TAMIS_OK) {
    memcpy(draft.bytes, text, length);
    status = durable_draft_commit(&draft, &context->fault);
  }
  durable_draft_close(&draft);
  free(text);
  return status;
}

static enum tamis_status tell(struct context *context, const struct arguments *arguments,
                              json_t *report) {
  const char *path = arguments_text(arguments, "report", NULL);
  struct digest digest;
  char hex[DIGEST_HEX_SIZE];
  enum tamis_status status = canonical_digest(report, &digest, &context->fault);
  if (status == TAMIS_OK && path != NULL) status = keep_report(context, path, report);
  if (status != TAMIS_OK) return status;
  digest_to_hex(&digest, hex);
  json_t *data = json_pack("{s:s, s:O}", "digest", hex, "report", report);
  output_thing(context, "policy", arguments_text(arguments, "federation", ""), data, print_report);
  json_decref(data);
  return TAMIS_OK;
}

enum tamis_status policy_dry_run(struct context *context, const struct arguments *arguments) {
  struct progress progress;
  struct dryrun_question question = {.federation = arguments_text(arguments, "federation", ""),
                                     .progress = step,
                                     .context = &progress};
  json_t *policy = NULL, *report = NULL;
  const char *vkey = NULL;
  char *folder = NULL;
  enum tamis_status status = policy_file_read_good(arguments->word[0], &policy, &context->fault);
  question.policy = policy;
  if (status == TAMIS_OK)
    status = context_rounds(context, arguments, &question.first, &question.last);
  if (status == TAMIS_OK) status = site_log_key(context, arguments, &vkey, NULL);
  if (status == TAMIS_OK) status = site_state(context, arguments, &folder);
  if (status == TAMIS_OK) {
    progress_begin(&progress, context, "reading", "entries", 0);
    status = dryrun(folder, vkey, &question, &report, &context->fault);
    progress_end(&progress);
  }
  if (status == TAMIS_OK) status = tell(context, arguments, report);
  json_decref(report);
  json_decref(policy);
  free(folder);
  return status;
}
