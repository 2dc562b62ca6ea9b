/* Casting: the same seed gives the same liars, the same shares, the same batches. */
#include "lab/demo/cast.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "lab/demo/recipe.h"
#include "lab/partition.h"
#include "lab/random.h"
#include "lab/share.h"

enum { SEED_LIARS = 0x11a5, SEED_PARTITION = 0x9a57, SHARE_MIN = 100 };

bool cast_open(struct cast *cast, const struct demo_options *options) {
  size_t count = options->clients;
  *cast = (struct cast){.count = count};
  cast->name = calloc(count, sizeof *cast->name);
  cast->liar = calloc(count, sizeof *cast->liar);
  char *names = calloc(count, CAST_NAME_SIZE);
  uint32_t *order = calloc(count, sizeof *order);
  if (!cast->name || !cast->liar || !names || !order) {
    free(names);
    free(order);
    return false;
  }
  for (size_t i = 0; i < count; i++) {
    cast->name[i] = names + i * CAST_NAME_SIZE;
    snprintf(names + i * CAST_NAME_SIZE, CAST_NAME_SIZE, "device-%02zu", i + 1);
    order[i] = (uint32_t)i;
  }
  struct random random;
  random_seed(&random, random_mix(options->seed, SEED_LIARS));
  random_shuffle(&random, order, count);
  bool attacked = strcmp(options->attack, "none") != 0;
  for (size_t i = 0; attacked && i < options->attackers; i++) cast->liar[order[i]] = true;
  free(order);
  return true;
}

void cast_close(struct cast *cast) {
  if (cast->name && cast->count) free((void *)(uintptr_t)cast->name[0]);
  free(cast->name);
  free(cast->liar);
}

static bool cast_folder(char *path) {
  if (mkdir(path, 0700) == 0) return true;
  fprintf(stderr, "demo: cannot make %s: %s\n", path, strerror(errno));
  return false;
}

bool cast_share(const struct cast *cast, const struct demo_options *options,
                const struct dataset *train, struct stage *stage) {
  struct partition partition;
  uint64_t seed = random_mix(options->seed, SEED_PARTITION);
  size_t least = train->count / cast->count < SHARE_MIN ? 1 : SHARE_MIN;
  bool cut = options->alpha > 0 ? partition_dirichlet(&partition, train->labels, train->count,
                                                      cast->count, options->alpha, least, seed)
                                : partition_iid(&partition, train->count, cast->count, seed);
  if (!cut) {
    fprintf(stderr, "demo: %zu examples cannot be cut into %zu shares\n", train->count,
            cast->count);
    return false;
  }
  char path[STAGE_PATH_MAX];
  stage_path(path, "%s/devices", stage->folder);
  bool written = cast_folder(path);
  for (size_t i = 0; written && i < cast->count; i++) {
    stage_path(path, "%s/devices/%s", stage->folder, cast->name[i]);
    written = cast_folder(path);
    stage_path(path, "%s/devices/%s/data", stage->folder, cast->name[i]);
    written = written && cast_folder(path) &&
              share_write(path, train, partition.members + partition.start[i],
                          partition_share(&partition, i));
  }
  partition_free(&partition);
  return written;
}

static char *cast_invite(struct stage *stage, const char *name) {
  const char *const arguments[] = {"-o", "json",           "client", "invite",
                                   name, "--organisation", "demo",   NULL};
  char *output = NULL;
  json_t *answer = NULL;
  if (stage_tamis(stage, &output, arguments) == 0 && output)
    answer = json_loads(output, JSON_REJECT_DUPLICATES, NULL);
  const char *line =
      json_string_value(json_object_get(json_object_get(answer, "data"), "invitation"));
  char *copy = line ? strdup(line) : NULL;
  if (!copy)
    fprintf(stderr, "demo: `tamis client invite %s` failed: %s\n", name, output ? output : "");
  json_decref(answer);
  free(output);
  return copy;
}

static bool cast_start(const struct cast *cast, size_t index, const struct demo_options *options,
                       struct stage *stage, const char *invitation) {
  char state[STAGE_PATH_MAX], data[STAGE_PATH_MAX];
  char client[24], seed[24], rate[32], momentum[32], batch[24], hidden[24], strength[32];
  stage_path(state, "%s/devices/%s/state", stage->folder, cast->name[index]);
  stage_path(data, "%s/devices/%s/data", stage->folder, cast->name[index]);
  snprintf(client, sizeof client, "%zu", index);
  snprintf(seed, sizeof seed, "%" PRIu64, options->seed);
  snprintf(rate, sizeof rate, "%g", RECIPE_LEARNING_RATE);
  snprintf(momentum, sizeof momentum, "%g", RECIPE_MOMENTUM);
  snprintf(batch, sizeof batch, "%d", RECIPE_BATCH);
  snprintf(hidden, sizeof hidden, "%d", RECIPE_HIDDEN);
  snprintf(strength, sizeof strength, "%.17g", options->strength);
  const char *attack = cast->liar[index] ? options->attack : "none";
  const char *const arguments[] = {
      "--state",  state,  "--data",          data,   "--invitation", invitation, "--client", client,
      "--seed",   seed,   "--learning-rate", rate,   "--momentum",   momentum,   "--batch",  batch,
      "--hidden", hidden, "--attack",        attack, "--strength",   strength,   NULL};
  return stage_start_device(stage, index, cast->name[index], arguments);
}

bool cast_enter(const struct cast *cast, const struct demo_options *options, struct stage *stage) {
  for (size_t i = 0; i < cast->count; i++) {
    char *invitation = cast_invite(stage, cast->name[i]);
    bool started = invitation && cast_start(cast, i, options, stage, invitation);
    free(invitation);
    if (!started) return false;
  }
  return true;
}
