/* tamis-device: one client of the demo as a process of its own. It knows its own share of the data,
 * an invitation, and libtamis; whether it is honest is between it and its command line. */
#include <argp.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "client-sdk/tamis.h"
#include "lab/attack.h"
#include "lab/idx.h"
#include "lab/mlp.h"
#include "lab/random.h"

struct device_options {
  const char *state_dir, *invitation, *data_dir, *attack_name;
  double strength, learning_rate, momentum;
  uint64_t seed;
  uint32_t client, hidden, batch, epochs, attack_from;
};

struct device {
  const struct device_options *options;
  const struct attack *attack;
  struct tamis_client *client;
  struct dataset data;
  uint32_t *members;
  uint8_t *lying_labels;
  struct mlp_shape shape;
  struct mlp *learner;
  float *base, *model; /* `model` becomes the delta */
};

static volatile sig_atomic_t device_stopped;

static void device_stop(int signal_number) {
  (void)signal_number;
  device_stopped = 1;
}

static int64_t device_now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool device_open(struct device *device, const struct device_options *options) {
  struct idx_error error;
  if (idx_load(&device->data, options->data_dir, IDX_TRAIN, &error) != IDX_OK) {
    fprintf(stderr, "tamis-device: %s\n", error.text);
    return false;
  }
  size_t count = device->data.count;
  device->shape =
      (struct mlp_shape){dataset_image_size(&device->data), options->hidden, DATASET_CLASSES};
  size_t parameters = mlp_parameter_count(device->shape);
  device->members = calloc(count, sizeof *device->members);
  device->lying_labels = malloc(count);
  device->base = calloc(parameters, sizeof *device->base);
  device->model = calloc(parameters, sizeof *device->model);
  device->learner = mlp_new(device->shape, options->batch);
  if (!device->members || !device->lying_labels || !device->base || !device->model ||
      !device->learner) {
    fprintf(stderr, "tamis-device: out of memory\n");
    return false;
  }
  for (size_t i = 0; i < count; i++) device->members[i] = (uint32_t)i;
  memcpy(device->lying_labels, device->data.labels, count);
  attack_labels(device->attack, device->lying_labels, count);
  return true;
}

static void device_close(struct device *device) {
  if (device->client) tamis_client_close(device->client);
  mlp_free(device->learner);
  free(device->model);
  free(device->base);
  free(device->lying_labels);
  free(device->members);
  dataset_free(&device->data);
}

static bool device_join(struct device *device, const struct device_options *options) {
  struct tamis_options sdk = {.struct_size = sizeof sdk, .state_dir = options->state_dir};
  enum tamis_status status = tamis_client_open(&sdk, &device->client);
  if (status == TAMIS_OK && !tamis_client_is_enrolled(device->client))
    status = tamis_client_enrol(device->client, options->invitation);
  if (status == TAMIS_OK) return true;
  fprintf(stderr, "tamis-device: %s: %s\n", tamis_status_name(status),
          tamis_client_error(device->client));
  return false;
}

/* A federation's name is part of the seed: the same device trains on other batches in each. */
static uint64_t device_round_seed(const struct device *device, const struct tamis_task *task) {
  uint64_t seed = random_mix(device->options->seed, device->options->client);
  for (const char *c = task->federation; *c; c++)
    seed = random_mix(seed, (uint64_t)(unsigned char)*c);
  return random_mix(seed, task->round);
}

/* One local training from the base: leaves the (possibly dishonest) delta in device->model and
 * gives the mean loss back. */
static double device_train(struct device *device, const struct tamis_task *task) {
  const struct device_options *options = device->options;
  size_t parameters = mlp_parameter_count(device->shape);
  bool lying = task->round >= options->attack_from;
  const uint8_t *labels = lying ? device->lying_labels : device->data.labels;
  struct mlp_training training = {options->learning_rate, options->momentum, options->batch};
  struct random random;
  random_seed(&random, device_round_seed(device, task));
  memcpy(device->model, device->base, parameters * sizeof *device->model);
  for (uint32_t epoch = 0; epoch < options->epochs; epoch++)
    mlp_train_epoch(device->learner, device->model, &device->data, device->members, labels,
                    device->data.count, training, &random);
  double loss = mlp_evaluate(device->learner, device->model, &device->data).loss;
  for (size_t i = 0; i < parameters; i++) device->model[i] -= device->base[i];
  if (lying) {
    struct attack_turn turn = {.seed = options->seed,
                               .client = options->client,
                               .round = (uint32_t)task->round,
                               .strength = options->strength};
    attack_delta(device->attack, turn, device->model, parameters);
  }
  return isfinite(loss) ? loss : 0;
}

static enum tamis_status device_serve(struct device *device, const struct tamis_task *task) {
  uint64_t parameters = mlp_parameter_count(device->shape);
  if (task->parameters != parameters) {
    fprintf(stderr, "tamis-device: %s has %llu parameters, this learner %llu\n", task->federation,
            (unsigned long long)task->parameters, (unsigned long long)parameters);
    return TAMIS_WRONG_LAYOUT;
  }
  enum tamis_status status =
      tamis_client_fetch_model(device->client, task, device->base, parameters);
  if (status != TAMIS_OK) return status;
  int64_t began = device_now_ms();
  double loss = device_train(device, task);
  struct tamis_report report = {.struct_size = sizeof report,
                                .examples = (int64_t)device->data.count,
                                .loss = loss,
                                .train_ms = device_now_ms() - began};
  struct tamis_receipt receipt;
  status = tamis_client_submit(device->client, task, device->model, parameters, &report, &receipt);
  if (status == TAMIS_OK)
    printf("%s round %llu: loss %.4f, update is entry %llu\n", task->federation,
           (unsigned long long)task->round, loss, (unsigned long long)receipt.index);
  return status;
}

/* Refusals are told and lived with: the device asks for the next round. Only a log that contradicts
 * itself, or the end of every federation, ends it. */
static int device_loop(struct device *device) {
  while (!device_stopped) {
    struct tamis_task task;
    enum tamis_status status = tamis_client_next_task(device->client, NULL, 20000, &task);
    if (status == TAMIS_OK) status = device_serve(device, &task);
    if (status == TAMIS_OK || status == TAMIS_TIMED_OUT) continue;
    if (status == TAMIS_CANCELLED) return 0;
    printf("%s: %s\n", tamis_status_name(status), tamis_client_error(device->client));
    fflush(stdout);
    if (status == TAMIS_FORK || status == TAMIS_BAD_PROOF || status == TAMIS_WRONG_LAYOUT) return 1;
    nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
  }
  return 0;
}

enum { KEY_STRENGTH = 0x100, KEY_RATE, KEY_MOMENTUM, KEY_HIDDEN, KEY_BATCH, KEY_EPOCHS, KEY_FROM };

static error_t device_option(int key, char *argument, struct argp_state *state) {
  struct device_options *options = state->input;
  switch (key) {
  case 's': options->state_dir = argument; break;
  case 'i': options->invitation = argument; break;
  case 'd': options->data_dir = argument; break;
  case 'a': options->attack_name = argument; break;
  case 'n': options->client = (uint32_t)strtoul(argument, NULL, 10); break;
  case 'S': options->seed = strtoull(argument, NULL, 10); break;
  case KEY_STRENGTH: options->strength = strtod(argument, NULL); break;
  case KEY_RATE: options->learning_rate = strtod(argument, NULL); break;
  case KEY_MOMENTUM: options->momentum = strtod(argument, NULL); break;
  case KEY_HIDDEN: options->hidden = (uint32_t)strtoul(argument, NULL, 10); break;
  case KEY_BATCH: options->batch = (uint32_t)strtoul(argument, NULL, 10); break;
  case KEY_EPOCHS: options->epochs = (uint32_t)strtoul(argument, NULL, 10); break;
  case KEY_FROM: options->attack_from = (uint32_t)strtoul(argument, NULL, 10); break;
  case ARGP_KEY_END:
    if (!options->state_dir || !options->data_dir || !options->invitation)
      argp_error(state, "--state, --data and --invitation are needed");
    if (options->batch == 0 || options->hidden == 0)
      argp_error(state, "--batch and --hidden must be at least 1");
    break;
  default: return ARGP_ERR_UNKNOWN;
  }
  return 0;
}

static const struct argp_option device_argp_options[] = {
    {"state", 's', "DIR", 0, "The client's key and checkpoint", 0},
    {"invitation", 'i', "LINE", 0, "What the operator gave", 0},
    {"data", 'd', "DIR", 0, "Folder with train-*-ubyte of this client", 0},
    {"client", 'n', "NUMBER", 0, "For seeds", 0},
    {"seed", 'S', "SEED", 0, "For batches and attacks", 0},
    {"attack", 'a', "NAME", 0, "none, sign_flip, gaussian, scale, label_flip, nan", 0},
    {"strength", KEY_STRENGTH, "X", 0, "Of the attack; 0: its default", 0},
    {"attack-from", KEY_FROM, "ROUND", 0, "First dishonest round (1)", 0},
    {"learning-rate", KEY_RATE, "X", 0, NULL, 0},
    {"momentum", KEY_MOMENTUM, "X", 0, NULL, 0},
    {"hidden", KEY_HIDDEN, "N", 0, "Hidden units (64)", 0},
    {"batch", KEY_BATCH, "N", 0, "Examples a step (32)", 0},
    {"epochs", KEY_EPOCHS, "N", 0, "Local epochs a round (1)", 0},
    {0},
};

int main(int argc, char **argv) {
  struct device_options options = {.attack_name = "none",
                                   .learning_rate = 0.1,
                                   .momentum = 0,
                                   .hidden = 64,
                                   .batch = 32,
                                   .epochs = 1,
                                   .attack_from = 1};
  static const struct argp argp = {
      device_argp_options, device_option, NULL, "One client of the Tamis demo.", NULL, NULL, NULL};
  argp_parse(&argp, argc, argv, 0, NULL, &options);
  struct device device = {.options = &options, .attack = attack_find_plain(options.attack_name)};
  if (!device.attack) {
    fprintf(stderr, "tamis-device: there is no attack '%s'\n", options.attack_name);
    return 2;
  }
  struct sigaction stop = {.sa_handler = device_stop};
  sigaction(SIGTERM, &stop, NULL);
  sigaction(SIGINT, &stop, NULL);
  mlp_use_one_thread();
  setvbuf(stdout, NULL, _IOLBF, 0);
  int code = 1;
  if (device_open(&device, &options) && device_join(&device, &options)) code = device_loop(&device);
  device_close(&device);
  return code;
}
