/* Many devices in one process, a thread each, all through libtamis: the load for the crash test and the upload benchmark. Every
 * acknowledged update is one line `ack CLIENT FEDERATION ROUND INDEX` on standard output. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tamis/tamis.h>

enum { LINE_MAX_BYTES = 4096 };

struct load {
  const char *folder; /* of the clients' states */
  char *invitation;
  size_t number;
  uint64_t rounds;    /* stop after this many acknowledged updates */
};

struct load_source {
  uint64_t seed;
};

/* Small deterministic noise: position and seed alone decide, as submit_from demands. */
static int load_fill(void *context, uint64_t offset, float *values, size_t count) {
  const struct load_source *source = context;
  for (size_t i = 0; i < count; i++) {
    uint64_t x = (offset + i + 1) * 0x9e3779b97f4a7c15u + source->seed * 0xbf58476d1ce4e5b9u;
    x ^= x >> 29;
    x *= 0x94d049bb133111ebu;
    values[i] = (float)((double)(x >> 40) / (1 << 24) - 0.5) * 0.01f;
  }
  return 0;
}

static enum tamis_status load_round(struct tamis_client *client, const struct load *load) {
  struct tamis_task task;
  enum tamis_status status = tamis_client_next_task(client, NULL, 5000, &task);
  if (status != TAMIS_OK) return status;
  struct load_source source = {load->number * 1000003 + task.round};
  struct tamis_report report = {.struct_size = sizeof report, .examples = 10, .loss = 1};
  struct tamis_receipt receipt;
  status = tamis_client_submit_from(client, &task, load_fill, &source, &report, &receipt);
  if (status != TAMIS_OK) return status;
  flockfile(stdout);
  printf("ack %s %s %llu %llu\n", tamis_client_name(client), task.federation,
         (unsigned long long)task.round, (unsigned long long)receipt.index);
  fflush(stdout);
  funlockfile(stdout);
  return TAMIS_OK;
}

static void *load_run(void *context) {
  const struct load *load = context;
  char state[LINE_MAX_BYTES];
  snprintf(state, sizeof state, "%s/%zu", load->folder, load->number);
  struct tamis_options options = {.struct_size = sizeof options, .state_dir = state,
                                  .deadline_ms = 10000, .give_up_ms = 120000};
  struct tamis_client *client = NULL;
  enum tamis_status status = tamis_client_open(&options, &client);
  if (status == TAMIS_OK && !tamis_client_is_enrolled(client))
    status = tamis_client_enrol(client, load->invitation);
  uint64_t done = 0;
  while (done < load->rounds) {
    if (status != TAMIS_OK && status != TAMIS_TIMED_OUT)
      fprintf(stderr, "load %zu: %s: %s\n", load->number, tamis_status_name(status),
              tamis_client_error(client));
    if (status == TAMIS_CANCELLED || status == TAMIS_FORK || status == TAMIS_BAD_PROOF || !client)
      break;
    status = load_round(client, load);
    if (status == TAMIS_OK) done++;
  }
  if (client) tamis_client_close(client);
  return NULL;
}

/* load_clients STATES INVITATIONS-FILE ROUNDS: one client a line of the file. */
int main(int argc, char **argv) {
  if (argc != 4) {
    fprintf(stderr, "usage: load_clients STATES-FOLDER INVITATIONS-FILE ROUNDS\n");
    return 2;
  }
  FILE *file = fopen(argv[2], "r");
  if (!file) {
    fprintf(stderr, "load_clients: %s: %s\n", argv[2], strerror(errno));
    return 1;
  }
  enum { CLIENTS_MAX = 1024 };
  static struct load load[CLIENTS_MAX];
  static pthread_t thread[CLIENTS_MAX];
  char line[LINE_MAX_BYTES];
  size_t count = 0;
  while (count < CLIENTS_MAX && fgets(line, sizeof line, file)) {
    line[strcspn(line, "\n")] = '\0';
    load[count] = (struct load){.folder = argv[1], .invitation = strdup(line), .number = count,
                                .rounds = strtoull(argv[3], NULL, 10)};
    count++;
  }
  fclose(file);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 1 << 20);
  for (size_t i = 0; i < count; i++)
    if (pthread_create(&thread[i], &attributes, load_run, &load[i]) != 0) return 1;
  for (size_t i = 0; i < count; i++) {
    pthread_join(thread[i], NULL);
    free(load[i].invitation);
  }
  return 0;
}
