/* `tamis rollback` and `tamis rebuild`: the plan, the question, and then the statement. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "audit/preview.h"
#include "cli/command_run.h"
#include "cli/human.h"
#include "cli/model_find.h"
#include "cli/whatif.h"

enum { SHOWN_ROUNDS = 60, SHOWN_CLIENTS = 8, LOOK_MS = 300 };

/* What is to be said, and how it is called. */
struct undo {
  struct context *context;
  const struct arguments *arguments;
  const char *federation;
  enum statement_kind kind;
  json_t *predicate;   /* owned */
  struct digest model; /* the subject */
  json_t *plan;        /* owned; the answer to print */
};

static bool is_offline(const struct arguments *arguments) {
  return arguments_has(arguments, "state") || arguments_has(arguments, "evaluate");
}

static void undo_close(struct undo *undo) {
  json_decref(undo->predicate);
  json_decref(undo->plan);
}

/* ---- the plan ---- */

static enum tamis_status ask_server(struct undo *undo, bool dry_run, uint64_t *index,
                                    json_t **result) {
  return operator_submit(undo->context->operator, undo->kind, undo->predicate, "model",
                         &undo->model, dry_run, index, result, &undo->context->fault);
}

/* The server's words into the answer; what it counted comes under its own names. */
static void take_plan(struct undo *undo, const json_t *counted) {
  char hex[DIGEST_HEX_SIZE];
  digest_to_hex(&undo->model, hex);
  undo->plan = json_pack("{s:s, s:s}", "federation", undo->federation, "model", hex);
  if (json_is_object(counted)) json_object_update(undo->plan, (json_t *)(uintptr_t)counted);
}

static enum tamis_status plan_online(struct undo *undo) {
  json_t *result = NULL;
  uint64_t index = 0;
  enum tamis_status status = ask_server(undo, true, &index, &result);
  if (status == TAMIS_OK) take_plan(undo, json_object_get(result, "plan"));
  json_decref(result);
  return status;
}

static enum tamis_status plan_offline(struct undo *undo) {
  struct context *context = undo->context;
  struct whatif whatif;
  json_t *counted = NULL;
  if (!arguments_has(undo->arguments, "dry-run")) {
    fault_set(&context->fault, TAMIS_BAD_REQUEST, "a state folder can be looked at, not changed");
    return context_hint(context, TAMIS_BAD_REQUEST,
                        "add --dry-run, or leave out --state and --evaluate");
  }
  enum tamis_status status = whatif_open(context, undo->arguments, &whatif);
  const struct federation *federation =
      status == TAMIS_OK ? state_federation_find(archive_state(whatif.archive), undo->federation)
                         : NULL;
  if (status == TAMIS_OK && !federation)
    status =
        fault_set(&context->fault, TAMIS_UNKNOWN_FEDERATION, "no federation %s", undo->federation);
  if (status == TAMIS_OK) {
    int64_t to = whatif_round(undo->arguments, "to", federation->head_round);
    bool is_there = to <= federation->last_round;
    undo->model = is_there ? federation->past[to].model : (struct digest){{0}};
    status = preview_undo(whatif.archive, undo->kind, undo->predicate, &undo->model,
                          whatif.evaluator, whatif.threads, &counted, &context->fault);
  }
  if (status == TAMIS_OK) take_plan(undo, counted);
  json_decref(counted);
  whatif_close(&whatif);
  return status;
}

/* ---- the plan for people ---- */

static void print_rounds(struct context *context, const char *label, const json_t *rounds,
                         json_int_t count, bool passed_only) {
  const json_t *each;
  size_t i, shown = 0;
  fprintf(context->err, "  %-7s %lld round%s", label, (long long)count, count == 1 ? "" : "s");
  json_array_foreach(rounds, i, each) {
    if (passed_only && !output_flag(each, "passed_over")) continue;
    if (shown == SHOWN_ROUNDS) {
      fprintf(context->err, ", ...");
      break;
    }
    const char *gap = shown == 0 ? ": " : shown % 12 == 0 ? ",\n          " : ", ";
    fprintf(context->err, "%s%lld", gap, (long long)output_integer(each, "round"));
    shown++;
  }
  fputc('\n', context->err);
}

static void print_clients(struct context *context, const json_t *plan) {
  const json_t *clients = json_object_get(plan, "clients"), *each;
  json_int_t count = output_integer(plan, "client_count");
  char name[OUTPUT_CELL_SIZE];
  size_t i;
  fprintf(context->err, "  drops   %lld update%s\n",
          (long long)output_integer(plan, "updates_dropped"),
          output_integer(plan, "updates_dropped") == 1 ? "" : "s");
  json_array_foreach(clients, i, each) {
    if (i == SHOWN_CLIENTS) break;
    fprintf(context->err, "          %s: weight %.4g in %lld round%s\n",
            output_text(each, "client", name, sizeof name), output_real(each, "weight"),
            (long long)output_integer(each, "rounds"),
            output_integer(each, "rounds") == 1 ? "" : "s");
  }
  if (count > SHOWN_CLIENTS)
    fprintf(context->err, "          and %lld more\n", (long long)count - SHOWN_CLIENTS);
}

static void print_cost(struct context *context, const json_t *plan) {
  char read[HUMAN_TEXT_SIZE], written[HUMAN_TEXT_SIZE];
  human_bytes((uint64_t)output_integer(plan, "bytes_read"), read);
  human_bytes((uint64_t)output_integer(plan, "bytes_written"), written);
  context_say(context, "  needs   %s more on disk; reads %s, in about %.0f s", written, read,
              output_real(plan, "seconds"));
  context_say(context, "  result  approximate: later updates were computed on the old models");
}

static void print_plan(const struct undo *undo) {
  struct context *context = undo->context;
  const json_t *plan = undo->plan, *rounds = json_object_get(plan, "rounds");
  long long from = output_integer(plan, "from_round"), to = output_integer(plan, "to_round");
  bool is_rebuild = undo->kind == STATEMENT_REBUILD;
  if (context->quiet || !rounds) return;
  if (is_rebuild)
    context_say(context, "Plan for %s: the head, round %lld, again from round %lld on",
                undo->federation, from, (long long)to);
  else
    context_say(context, "Plan for %s: the head goes %s from round %lld to round %lld",
                undo->federation, to > from ? "forward" : "back", from, to);
  if (!is_rebuild)
    context_say(context, "  then    %s", json_string_value(json_object_get(plan, "model")));
  print_rounds(context, is_rebuild ? "again" : "undone", rounds,
               output_integer(plan, "round_count"), false);
  if (is_rebuild) {
    context_say(context, "  as      round %lld and on",
                (long long)output_integer(plan, "first_number"));
    if (output_integer(plan, "passed_over") > 0)
      print_rounds(context, "passed", rounds, output_integer(plan, "passed_over"), true);
  } else if (output_integer(plan, "restored") > 0) {
    context_say(context, "  again   %lld round%s, undone before",
                (long long)output_integer(plan, "restored"),
                output_integer(plan, "restored") == 1 ? "" : "s");
  }
  print_clients(context, plan);
  if (is_rebuild) print_cost(context, plan);
  if (json_object_get(plan, "before"))
    context_say(context, "  worth   %.6g now, %.6g then", output_real(plan, "before"),
                output_real(plan, "after"));
}

/* ---- doing it ---- */

static enum tamis_status confirm(const struct undo *undo) {
  struct context *context = undo->context;
  char answer[16] = "";
  bool is_rebuild = undo->kind == STATEMENT_REBUILD;
  if (!isatty(STDIN_FILENO) || !context->err_terminal) {
    fault_set(&context->fault, TAMIS_BAD_REQUEST, "a %s wants to be confirmed",
              is_rebuild ? "rebuild" : "rollback");
    return context_hint(context, TAMIS_BAD_REQUEST, "add --yes; or --dry-run to see the plan only");
  }
  fprintf(context->err, is_rebuild ? "Rebuild %s? [y/N] " : "Roll %s back? [y/N] ",
          undo->federation);
  fflush(context->err);
  if (fgets(answer, sizeof answer, stdin) != NULL &&
      (strcmp(answer, "y\n") == 0 || strcmp(answer, "yes\n") == 0))
    return TAMIS_OK;
  return fault_set(&context->fault, TAMIS_CANCELLED, "not confirmed: nothing was changed");
}

static enum tamis_status submit(struct undo *undo) {
  json_t *result = NULL;
  uint64_t index = 0;
  enum tamis_status status = ask_server(undo, false, &index, &result);
  if (status != TAMIS_OK) return status;
  json_object_set_new(undo->plan, "index", json_integer((json_int_t)index));
  if (result != NULL) json_object_set_new(undo->plan, "result", result);
  return TAMIS_OK;
}

/* Until the federation is no longer being rebuilt, which goes on by itself whoever waits. */
static enum tamis_status wait_for_head(const struct undo *undo) {
  const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000L};
  json_int_t first = output_integer(undo->plan, "first_number");
  struct progress progress;
  enum tamis_status status = TAMIS_OK;
  bool is_done = false;
  progress_begin(&progress, undo->context, "rebuilding", "rounds",
                 (uint64_t)output_integer(undo->plan, "round_count"));
  while (status == TAMIS_OK && !is_done) {
    json_t *row = NULL;
    char phase[OUTPUT_CELL_SIZE];
    status = context_find(undo->context, "federations", NULL, "federation", undo->federation,
                          TAMIS_UNKNOWN_FEDERATION, &row);
    is_done = strcmp(output_text(row, "phase", phase, sizeof phase), "rebuilding") != 0;
    json_int_t round = output_integer(row, "round");
    if (round >= first) progress_step(&progress, (uint64_t)(round - first) + 1);
    if (is_done && status == TAMIS_OK)
      json_object_set(undo->plan, "head_round", json_object_get(row, "head_round"));
    json_decref(row);
    if (!is_done) nanosleep(&pause, NULL);
  }
  progress_end(&progress);
  if (status != TAMIS_OK || output_integer(undo->plan, "head_round") >= first) return status;
  fault_set(&undo->context->fault, TAMIS_CONFLICT, "the head of %s did not move", undo->federation);
  return context_hint(undo->context, TAMIS_CONFLICT, "tamis round list says why");
}

static enum tamis_status undo_run(struct undo *undo) {
  struct context *context = undo->context;
  bool dry_run = arguments_has(undo->arguments, "dry-run");
  bool is_rebuild = undo->kind == STATEMENT_REBUILD;
  enum tamis_status status = is_offline(undo->arguments) ? plan_offline(undo) : plan_online(undo);
  if (status != TAMIS_OK) return status;
  if (output_is_for_people(context)) print_plan(undo);
  json_object_set_new(undo->plan, "dry_run", json_boolean(dry_run));
  if (!dry_run && !arguments_has(undo->arguments, "yes")) status = confirm(undo);
  if (status == TAMIS_OK && !dry_run) status = submit(undo);
  if (status == TAMIS_OK && !dry_run && is_rebuild && !arguments_has(undo->arguments, "no-wait"))
    status = wait_for_head(undo);
  if (status == TAMIS_OK)
    output_change(context, "federation", undo->federation, is_rebuild ? "rebuilt" : "rolled back",
                  dry_run, undo->plan);
  return status;
}

enum tamis_status undo_rollback_run(struct context *context, const struct arguments *arguments) {
  struct undo undo = {.context = context,
                      .arguments = arguments,
                      .federation = arguments->word[0],
                      .kind = STATEMENT_ROLLBACK};
  uint64_t to = arguments_count(arguments, "to", 0);
  enum tamis_status status = TAMIS_OK;
  if (!is_offline(arguments)) status = model_find(context, undo.federation, &to, &undo.model);
  undo.predicate = json_pack("{s:s, s:I, s:s}", "federation", undo.federation, "to_round",
                             (json_int_t)to, "reason", arguments_text(arguments, "reason", ""));
  if (status == TAMIS_OK) status = undo_run(&undo);
  undo_close(&undo);
  return status;
}

static int by_name(const void *left, const void *right) {
  return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* In the order that the statement wants; a name typed twice is one. */
static json_t *names_without(const struct arguments *arguments) {
  const char *name[ARGUMENTS_VALUES_MAX];
  size_t count = 0;
  json_t *names = json_array();
  for (size_t i = 0; i < arguments->value_count; i++)
    if (strcmp(arguments->value[i].row->name, "without") == 0)
      name[count++] = arguments->value[i].text;
  qsort(name, count, sizeof *name, by_name);
  for (size_t i = 0; i < count; i++)
    if (i == 0 || strcmp(name[i - 1], name[i]) != 0)
      json_array_append_new(names, json_string(name[i]));
  return names;
}

enum tamis_status undo_rebuild_run(struct context *context, const struct arguments *arguments) {
  struct undo undo = {.context = context,
                      .arguments = arguments,
                      .federation = arguments->word[0],
                      .kind = STATEMENT_REBUILD};
  enum tamis_status status = TAMIS_OK;
  if (!is_offline(arguments)) status = model_find(context, undo.federation, NULL, &undo.model);
  undo.predicate =
      json_pack("{s:s, s:I, s:o, s:s}", "federation", undo.federation, "since",
                (json_int_t)arguments_count(arguments, "since", 0), "without",
                names_without(arguments), "reason", arguments_text(arguments, "reason", ""));
  if (status == TAMIS_OK) status = undo_run(&undo);
  undo_close(&undo);
  return status;
}
