/* The story from invitation to verification, told by real programs: this one only casts, watches,
 * measures and types what an operator would type. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "client-sdk/operator.h"
#include "lab/demo/audience.h"
#include "lab/demo/board.h"
#include "lab/demo/cast.h"
#include "lab/demo/demo.h"
#include "lab/demo/options.h"
#include "lab/demo/recipe.h"
#include "lab/demo/report.h"
#include "lab/demo/show.h"
#include "lab/demo/stage.h"
#include "lab/digits.h"
#include "lab/idx.h"
#include "proto/tensor.h"

enum { DEMO_SILENCE_MS = 120000, SEED_MODEL = 0x30de1, SEED_DIGITS = 0xd161 };

static const char *const demo_federation[BOARD_FEDERATIONS] = {"robust", "plain"};

struct demo {
  struct demo_options options;
  char rule[256];
  struct stage stage;
  struct show show;
  struct cast cast;
  struct board board;
  struct audience audience;
  struct dataset train, test;
  struct mlp_shape shape;
  struct operator* watcher, *reader; /* one follows the log while the other fetches */
};

/* ---- The set ---- */

static bool demo_load(struct demo *demo) {
  const char *folder = demo->options.data_dir;
  struct idx_error error;
  if (!folder) {
    uint64_t seed = demo->options.seed + SEED_DIGITS;
    return digits_draw(&demo->train, DIGITS_TRAIN_COUNT, seed) &&
           digits_draw(&demo->test, DIGITS_TEST_COUNT, seed + 1);
  }
  if (idx_load(&demo->train, folder, IDX_TRAIN, &error) == IDX_OK &&
      idx_load(&demo->test, folder, IDX_TEST, &error) == IDX_OK)
    return true;
  fprintf(stderr, "demo: %s\n", error.text);
  return false;
}

/* The first model, written as any operator could: a safetensors file. */
static bool demo_write_model(const struct demo *demo, const char *path) {
  struct mlp_tensor parts[MLP_TENSORS];
  struct tensor tensors[MLP_TENSORS] = {0};
  mlp_layout(demo->shape, parts);
  for (size_t i = 0; i < MLP_TENSORS; i++) {
    snprintf(tensors[i].name, sizeof tensors[i].name, "%s", parts[i].name);
    tensors[i].rank = parts[i].columns ? 2 : 1;
    tensors[i].shape[0] = parts[i].rows;
    tensors[i].shape[1] = parts[i].columns;
  }
  struct fault fault = {0};
  struct layout layout = {0};
  if (layout_make(tensors, MLP_TENSORS, &layout, &fault) != TAMIS_OK) {
    fprintf(stderr, "demo: %s\n", fault.text);
    return false;
  }
  size_t count = mlp_parameter_count(demo->shape);
  float *values = calloc(count, sizeof *values);
  FILE *file = fopen(path, "wb");
  bool written = values && file;
  if (written) {
    mlp_init(demo->shape, demo->options.seed + SEED_MODEL, values);
    written = fwrite(layout.header, layout.header_size, 1, file) == 1 &&
              fwrite(values, sizeof *values, count, file) == count;
  }
  if (file && fclose(file) != 0) written = false;
  free(values);
  layout_close(&layout);
  return written;
}

static bool demo_prepare(struct demo *demo) {
  if (!demo_load(demo)) return false;
  demo->shape =
      (struct mlp_shape){dataset_image_size(&demo->train), RECIPE_HIDDEN, DATASET_CLASSES};
  mlp_use_one_thread();
  return cast_open(&demo->cast, &demo->options) &&
         audience_open(&demo->audience, demo->shape, &demo->test) &&
         board_open(&demo->board, demo_federation[BOARD_ROBUST], demo_federation[BOARD_PLAIN],
                    demo->options.rounds) &&
         stage_open(&demo->stage, demo->options.folder, demo->cast.count) &&
         cast_share(&demo->cast, &demo->options, &demo->train, &demo->stage);
}

/* ---- The operator's part ---- */

static bool demo_type(struct demo *demo, const char *const *arguments) {
  show_command(&demo->show, arguments);
  if (stage_tamis(&demo->stage, NULL, arguments) == 0) return true;
  fprintf(stderr, "demo: that command failed\n");
  return false;
}

static bool demo_found(struct demo *demo) {
  const char *const init[] = {
      "-q", "init", demo->stage.home, "--origin", "demo.tamis/log", "--listen", demo->stage.address,
      NULL};
  return demo_type(demo, init) && stage_start_server(&demo->stage);
}

static struct operator* demo_operator(struct demo *demo) {
  char path[STAGE_PATH_MAX], key[STAGE_PATH_MAX];
  stage_path(path, "%s/operator/server.json", demo->stage.home);
  stage_path(key, "%s/operator/operator.key", demo->stage.home);
  json_t *server = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
  struct operator_options options = {
      .address = json_string_value(json_object_get(server, "address")),
      .log_vkey = json_string_value(json_object_get(server, "log_vkey")),
      .operator_key_path = key};
  struct fault fault = {0};
  struct operator* operator= NULL;
  if (!options.address || !options.log_vkey ||
      operator_open(&options, &operator, & fault) != TAMIS_OK) {
    fprintf(stderr, "demo: cannot reach the server as its operator: %s\n", fault.text);
    operator= NULL;
  }
  json_decref(server);
  return operator;
}

static size_t demo_enrolled(struct demo *demo) {
  json_t *rows = NULL;
  struct fault fault = {0};
  size_t enrolled = 0;
  if (operator_query(demo->reader, "status", 0, NULL, &rows, &fault) == TAMIS_OK)
    enrolled = (size_t)json_integer_value(json_object_get(json_array_get(rows, 0), "clients"));
  json_decref(rows);
  return enrolled;
}

static bool demo_wait_enrolled(struct demo *demo) {
  for (int waited = 0; waited < DEMO_SILENCE_MS; waited += 50) {
    size_t enrolled = demo_enrolled(demo);
    if (demo->show.terminal) printf("\r\033[K   %zu of %zu enrolled", enrolled, demo->cast.count);
    fflush(stdout);
    if (enrolled == demo->cast.count) {
      printf(demo->show.terminal ? "\r\033[K   %zu clients enrolled\n"
                                 : "   %zu clients enrolled\n",
             enrolled);
      return true;
    }
    if (!stage_server_lives(&demo->stage)) return false;
    nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
  }
  fprintf(stderr, "demo: not all clients enrolled; see %s/devices/*.log\n", demo->stage.folder);
  return false;
}

/* Half of the clients, or as many as a rule with f = the liars needs, if the honest alone can be
 * that many. */
static uint32_t demo_quorum(const struct demo_options *options) {
  uint32_t half = (options->clients + 1) / 2, needed = 2 * options->attackers + 1;
  uint32_t honest = options->clients - options->attackers;
  if (needed > honest) needed = honest;
  return half > needed ? half : needed;
}

static bool demo_create(struct demo *demo, int which, const char *model) {
  char quorum[24], rounds[24];
  snprintf(quorum, sizeof quorum, "%u", demo_quorum(&demo->options));
  snprintf(rounds, sizeof rounds, "%u", demo->options.rounds);
  const char *rule = which == BOARD_ROBUST ? demo->rule : "mean";
  const char *enforce = which == BOARD_ROBUST ? "enforce=1" : "enforce=0";
  const char *const create[] = {"-q",         "federation", "create",     demo_federation[which],
                                "--model",    model,        "--rule",     rule,
                                "--quorum",   quorum,       "--rounds",   rounds,
                                "--deadline", "60s",        "--norm-max", "1000000",
                                "--policy",   enforce,      NULL};
  return demo_type(demo, create);
}

static bool demo_set_up(struct demo *demo) {
  char model[STAGE_PATH_MAX];
  stage_path(model, "%s/first-model.safetensors", demo->stage.folder);
  if (strcmp(demo->options.attack, "none") == 0)
    show_heading(&demo->show, "A server, its keys, and %u honest clients", demo->options.clients);
  else
    show_heading(&demo->show, "A server, its keys, and %u clients of which %u %s (%s)",
                 demo->options.clients, demo->options.attackers,
                 demo->options.attackers == 1 ? "lies" : "lie", demo->options.attack);
  if (!demo_found(demo)) return false;
  demo->watcher = demo_operator(demo);
  demo->reader = demo_operator(demo);
  if (!demo->watcher || !demo->reader) return false;
  printf("   each client is a process: invited, enrolled with its own key, holding its own data\n");
  if (!cast_enter(&demo->cast, &demo->options, &demo->stage) || !demo_wait_enrolled(demo))
    return false;
  return demo_write_model(demo, model) && demo_create(demo, BOARD_ROBUST, model) &&
         demo_create(demo, BOARD_PLAIN, model);
}

/* ---- Watching ---- */

static void demo_measure(struct demo *demo, int which, uint64_t number) {
  struct board_round *round = board_round(&demo->board, which, number);
  if (!round || !round->closed || round->accuracy >= 0) return;
  const struct board_round *before = board_round(&demo->board, which, number - 1);
  if (!round->promoted && before) {
    round->accuracy = before->accuracy;
    return;
  }
  round->accuracy = audience_measure(&demo->audience, demo->reader, &round->model);
}

static enum tamis_status demo_see(void *context, uint64_t index, const char *bytes, size_t length) {
  struct demo *demo = context;
  struct fault fault = {0};
  struct envelope envelope = {0};
  struct statement statement = {0};
  int which;
  uint64_t round;
  enum tamis_status status = envelope_open(bytes, length, &envelope, &fault);
  if (status == TAMIS_OK)
    status = statement_read(envelope.payload, envelope.payload_length,
                            operator_origin(demo->watcher), &statement, &fault);
  envelope_close(&envelope);
  if (status != TAMIS_OK) return status;
  board_apply(&demo->board, index, &statement, &which, &round);
  statement_close(&statement);
  if (which >= 0) demo_measure(demo, which, round);
  show_rounds(&demo->show, &demo->board);
  show_progress(&demo->show, &demo->board);
  return board_is_finished(&demo->board) ? TAMIS_CANCELLED : TAMIS_OK;
}

static bool demo_watch(struct demo *demo) {
  show_heading(&demo->show, "%u rounds, %s against the plain mean", demo->options.rounds,
               demo->rule);
  while (!board_is_finished(&demo->board)) {
    struct fault fault = {0};
    uint64_t before = demo->board.next_index;
    enum tamis_status status =
        operator_watch(demo->watcher, before, DEMO_SILENCE_MS, demo_see, demo, &fault);
    if (status == TAMIS_CANCELLED) continue;
    bool stuck = status == TAMIS_TIMED_OUT && demo->board.next_index == before;
    if (!stage_server_lives(&demo->stage) || stuck ||
        (status != TAMIS_TIMED_OUT && status != TAMIS_UNAVAILABLE && status != TAMIS_OK)) {
      fprintf(stderr, "demo: nothing more to see: %s %s; logs are in %s\n",
              tamis_status_name(status), fault.text, demo->stage.folder);
      return false;
    }
  }
  return true;
}

/* ---- Afterwards ---- */

static bool demo_verdicts(struct demo *demo) {
  show_heading(&demo->show, "What the judge came to think of each client");
  const char *const arguments[] = {demo_federation[BOARD_ROBUST]};
  json_t *rows = NULL;
  struct fault fault = {0};
  if (operator_query(demo->reader, "clients", 1, arguments, &rows, &fault) != TAMIS_OK) {
    fprintf(stderr, "demo: %s\n", fault.text);
    return false;
  }
  show_verdicts(&demo->show, rows, demo->cast.count, demo->cast.name, demo->cast.liar);
  json_decref(rows);
  return true;
}

/* What the judge did by itself, the operator confirms under their own name. */
static bool demo_exclude(struct demo *demo) {
  bool heading = false;
  for (size_t i = 0; i < demo->cast.count; i++) {
    const char *name = demo->cast.name[i];
    if (!board_was_moved(&demo->board.federation[BOARD_ROBUST], name, "excluded")) continue;
    if (!heading) show_heading(&demo->show, "The operator confirms, signed");
    heading = true;
    const char *const exclude[] = {"client",
                                   "exclude",
                                   name,
                                   "--federation",
                                   demo_federation[BOARD_ROBUST],
                                   "--reason",
                                   "confirmed: the evidence of the judge",
                                   NULL};
    if (!demo_type(demo, exclude)) return false;
  }
  return true;
}

static bool demo_head(struct demo *demo, char hex[DIGEST_HEX_SIZE]) {
  json_t *rows = NULL, *row;
  size_t at;
  struct fault fault = {0};
  bool found = false;
  if (operator_query(demo->reader, "federations", 0, NULL, &rows, &fault) == TAMIS_OK)
    json_array_foreach(rows, at, row) {
      const char *name = json_string_value(json_object_get(row, "federation"));
      const char *head = json_string_value(json_object_get(row, "head"));
      if (!name || !head || strcmp(name, demo_federation[BOARD_ROBUST]) != 0) continue;
      snprintf(hex, DIGEST_HEX_SIZE, "%s", head);
      found = true;
    }
  json_decref(rows);
  return found;
}

/* Moves the head to the model of `round` and insists on its digest. */
static bool demo_roll(struct demo *demo, const struct board_round *round, const char *reason) {
  char number[24], expected[DIGEST_HEX_SIZE], head[DIGEST_HEX_SIZE] = "";
  snprintf(number, sizeof number, "%" PRIu64, round->round);
  const char *const rollback[] = {"-q",   "rollback", demo_federation[BOARD_ROBUST],
                                  "--to", number,     "--reason",
                                  reason, "--yes",    NULL};
  digest_to_hex(&round->model, expected);
  if (!demo_type(demo, rollback) || !demo_head(demo, head)) return false;
  bool same = strcmp(expected, head) == 0;
  printf("   round %s promoted %.16s..., the head is now %.16s...: %s\n", number, expected, head,
         same ? "the same" : "NOT THE SAME");
  return same;
}

static const struct board_round *demo_promoted_before(struct demo *demo, uint64_t limit) {
  for (uint64_t number = limit; number >= 1; number--) {
    const struct board_round *round = board_round(&demo->board, BOARD_ROBUST, number);
    if (round && round->promoted) return round;
  }
  return NULL;
}

static bool demo_undo(struct demo *demo) {
  const struct board_round *last = demo_promoted_before(demo, demo->options.rounds);
  const struct board_round *middle = demo_promoted_before(demo, (demo->options.rounds + 1) / 2);
  if (!last || !middle || last == middle) return true;
  show_heading(&demo->show, "Back to round %" PRIu64 " and forward again", middle->round);
  return demo_roll(demo, middle, "demonstration: back") &&
         demo_roll(demo, last, "demonstration: forward again");
}

static bool demo_verify(struct demo *demo, const char **verdict) {
  show_heading(&demo->show, "Nobody has to trust the server: check its log");
  char blobs[STAGE_PATH_MAX];
  stage_path(blobs, "%s/state/blobs", demo->stage.home);
  const char *const verify[] = {"verify", "--blobs", blobs, NULL};
  const char *const audit[] = {"audit", NULL};
  bool good = demo_type(demo, verify) && demo_type(demo, audit);
  *verdict = good ? "ok" : "failed";
  return good;
}

static void demo_epilogue(struct demo *demo) {
  const struct stage *stage = &demo->stage;
  show_heading(&demo->show, "Where everything lies, and what to type next");
  printf("   %s\n", stage->folder);
  printf("     home/          keys, configuration, the server's state: journal, blobs, tamis.db\n");
  printf("     devices/       each client's data, key, checkpoint and log\n");
  printf("     tamisd.log     what the server said\n\n");
  const char *tamis = stage->binaries;
  if (demo->options.keep) {
    printf("   the server runs on %s (process %d); end it with: kill %d\n", stage->address,
           (int)stage->server, (int)stage->server);
  } else {
    printf("   start the server again:  %s/tamisd --config %s/tamisd.yaml\n", tamis, stage->home);
  }
  printf("   %s/tamis --home %s round list robust\n", tamis, stage->home);
  printf("   %s/tamis --home %s client show %s --federation robust\n", tamis, stage->home,
         demo->cast.name[0]);
  printf("   %s/tamis --home %s log show --count 5\n", tamis, stage->home);
}

static bool demo_play(struct demo *demo, const char **verdict) {
  return demo_prepare(demo) && demo_set_up(demo) && demo_watch(demo) && demo_verdicts(demo) &&
         demo_exclude(demo) && demo_undo(demo) && demo_verify(demo, verdict);
}

static void demo_close(struct demo *demo, bool keep) {
  if (demo->watcher) operator_close(demo->watcher);
  if (demo->reader) operator_close(demo->reader);
  stage_close(&demo->stage, keep);
  audience_close(&demo->audience);
  board_close(&demo->board);
  cast_close(&demo->cast);
  dataset_free(&demo->train);
  dataset_free(&demo->test);
}

int demo_main(int argc, char **argv) {
  struct demo demo = {.stage.server = -1};
  const char *verdict = "not reached";
  options_parse(argc, argv, &demo.options);
  if (demo.options.rule) {
    snprintf(demo.rule, sizeof demo.rule, "%s", demo.options.rule);
  } else {
    snprintf(demo.rule, sizeof demo.rule, "multi_krum(f=%u)", demo.options.attackers);
  }
  show_open(&demo.show);
  time_t began = time(NULL);
  bool good = demo_play(&demo, &verdict);
  stage_stop_devices(&demo.stage);
  if (good) demo_epilogue(&demo);
  if (demo.options.json_path && demo.board.next_index > 0)
    good = report_write(demo.options.json_path, &demo.options, &demo.board, &demo.cast, verdict) &&
           good;
  if (good) printf("   (%ld s in all)\n", (long)(time(NULL) - began));
  demo_close(&demo, good && demo.options.keep);
  return good ? 0 : 1;
}
