/* The load of bench-upload: many devices in one process, a thread and a connection each, that send
 * the same bytes by the same code first to the bare server and then to tamisd. Bodies, digests,
 * signatures and sessions are made before a clock starts, receipts checked after it has stopped. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "client-sdk/client.h"
#include "client-sdk/model.h"
#include "proto/canonical.h"
#include "proto/envelope.h"
#include "proto/statement.h"
#include "robust/robust.h"
#include "tamis/v1/tamis.pb-c.h"

enum {
  LINE_SIZE = 4096,
  DEVICES_MAX = 1024,
  PATIENCE_MS = 120000,
  THREAD_STACK = 1 << 20,
  RIVALS_MAX = 2
};

struct device {
  size_t number;
  char state[LINE_SIZE], invitation[LINE_SIZE];
  struct tamis_client *client;
  struct channel *bare_channel[RIVALS_MAX];
  struct session bare[RIVALS_MAX];
  size_t rival; /* the bare server of this step */
  struct tamis_task task;
  uint8_t *body; /* of `size` bytes, made anew for every round */
  uint64_t size;
  struct digest digest;
  char *envelope, *receipt; /* of this round */
  size_t envelope_length, receipt_length;
  enum tamis_status status;
  const char *step;
};

struct crowd {
  size_t count;
  struct device device[DEVICES_MAX];
};

struct run {
  struct device *device;
  enum tamis_status (*step)(struct device *device);
  pthread_barrier_t *start;
};

/* Seconds by the clock on the wall, and of the processors: this process, and the server of the
 * step. */
struct span {
  double wall, load, server;
};

static double seconds_of(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static struct span span_now(pid_t server) {
  clockid_t clock = CLOCK_MONOTONIC;
  if (clock_getcpuclockid(server, &clock) != 0) {
    fprintf(stderr, "bench_upload: no process %ld\n", (long)server);
    exit(1);
  }
  return (struct span){seconds_of(CLOCK_MONOTONIC), seconds_of(CLOCK_PROCESS_CPUTIME_ID),
                       seconds_of(clock)};
}

static struct span span_since(struct span began, pid_t server) {
  struct span now = span_now(server);
  return (struct span){now.wall - began.wall, now.load - began.load, now.server - began.server};
}

static void *run_thread(void *context) {
  const struct run *run = context;
  pthread_barrier_wait(run->start);
  run->device->status = run->step(run->device);
  return NULL;
}

/* Every device takes the step at once; gives back the time from the start of the first to the
 * end of the last, with the work of `server` in it. */
static struct span everyone(struct crowd *crowd, const char *name,
                            enum tamis_status (*step)(struct device *device), pid_t server) {
  static pthread_t thread[DEVICES_MAX];
  static struct run run[DEVICES_MAX];
  pthread_barrier_t start;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, THREAD_STACK);
  pthread_barrier_init(&start, NULL, (unsigned)crowd->count + 1);
  for (size_t i = 0; i < crowd->count; i++) {
    run[i] = (struct run){&crowd->device[i], step, &start};
    if (pthread_create(&thread[i], &attributes, run_thread, &run[i]) != 0) {
      fprintf(stderr, "bench_upload: no thread for device %zu\n", i);
      exit(1);
    }
  }
  struct span began = span_now(server); /* before the barrier: nobody can have begun earlier */
  pthread_barrier_wait(&start);
  for (size_t i = 0; i < crowd->count; i++) pthread_join(thread[i], NULL);
  struct span span = span_since(began, server);
  pthread_barrier_destroy(&start);
  pthread_attr_destroy(&attributes);
  for (size_t i = 0; i < crowd->count; i++) {
    const struct device *device = &crowd->device[i];
    if (device->status == TAMIS_OK) continue;
    fprintf(stderr, "bench_upload: device %zu, %s: %s: %s\n", i, name,
            tamis_status_name(device->status),
            device->client ? tamis_client_error(device->client) : "");
    exit(1);
  }
  return span;
}

/* ---- Before the clock ---- */

static enum tamis_status enter(struct device *device) {
  struct tamis_options options = {.struct_size = sizeof options,
                                  .state_dir = device->state,
                                  .deadline_ms = PATIENCE_MS,
                                  .give_up_ms = PATIENCE_MS};
  enum tamis_status status = tamis_client_open(&options, &device->client);
  if (status == TAMIS_OK && !tamis_client_is_enrolled(device->client))
    status = tamis_client_enrol(device->client, device->invitation);
  return status;
}

/* Small deterministic noise: a device's deltas of two rounds have nothing in common. */
static int noise(void *context, uint64_t offset, float *values, size_t count) {
  uint64_t seed = *(const uint64_t *)context;
  for (size_t i = 0; i < count; i++) {
    uint64_t x = (offset + i + 1) * 0x9e3779b97f4a7c15u + seed * 0xbf58476d1ce4e5b9u;
    x ^= x >> 29;
    x *= 0x94d049bb133111ebu;
    values[i] = (float)((double)(x >> 40) / (1 << 24) - 0.5) * 0.01f;
  }
  return 0;
}

static enum tamis_status make_body(struct device *device, const struct lineage *lineage) {
  struct model_writer writer = {0};
  struct fault *fault = &device->client->fault;
  uint64_t seed = device->number * 1000003 + device->task.round;
  enum tamis_status status = model_writer_open(&writer, &lineage->layout, noise, &seed, fault);
  if (status != TAMIS_OK) return status;
  struct transfer_body body = model_writer_body(&writer);
  if (!device->body) device->body = malloc(body.size);
  device->size = body.size;
  for (uint64_t at = 0; device->body && status == TAMIS_OK && at < body.size;) {
    uint64_t left = body.size - at;
    size_t length = left < (1 << 20) ? (size_t)left : 1 << 20;
    status = body.read(body.context, at, device->body + at, length, fault);
    at += length;
  }
  model_writer_close(&writer);
  device->digest = digest_of(device->body, device->size);
  return device->body ? status : TAMIS_NO_MEMORY;
}

/* PROTOCOL.md: the statement of an update. */
static enum tamis_status make_envelope(struct device *device, const struct plan *plan) {
  struct tamis_client *client = device->client;
  const char *subject_name = "update";
  char nonce[33], base[DIGEST_HEX_SIZE], root[DIGEST_HEX_SIZE];
  snprintf(nonce, sizeof nonce, "%016zx%016llx", device->number, (unsigned long long)plan->round);
  digest_to_hex(&plan->base, base);
  digest_to_hex(&client->trust.kept.root, root);
  json_t *predicate =
      json_pack("{s:s, s:I, s:s, s:s, s:I, s:I, s:o, s:I, s:s, s:I, s:s}", "federation",
                plan->federation, "round", (json_int_t)plan->round, "base", base, "client",
                client->key.public.name, "size", (json_int_t)device->size, "examples",
                (json_int_t)10, "loss", canonical_f64(1), "train_ms", (json_int_t)0, "nonce", nonce,
                "checkpoint_size", (json_int_t)client->trust.kept.size, "checkpoint_root", root);
  free(device->envelope);
  device->envelope = NULL;
  enum tamis_status status = statement_sign(
      client->trust.log_key.name, STATEMENT_UPDATE, predicate, 1, &subject_name, &device->digest,
      &client->key, &device->envelope, &device->envelope_length, &client->fault);
  json_decref(predicate);
  return status;
}

static enum tamis_status prepare(struct device *device) {
  struct tamis_client *client = device->client;
  struct lineage *lineage = NULL;
  enum tamis_status status = tamis_client_next_task(client, NULL, PATIENCE_MS, &device->task);
  if (status == TAMIS_OK) status = client_lineage_of(client, &device->task, &lineage);
  if (status == TAMIS_OK) status = task_layout(client, lineage);
  if (status == TAMIS_OK) status = make_body(device, lineage);
  if (status == TAMIS_OK) status = make_envelope(device, &lineage->plan);
  return status;
}

/* ---- While it runs ---- */

static enum tamis_status read_body(void *context, uint64_t offset, uint8_t *bytes, size_t length,
                                   struct fault *fault) {
  const struct device *device = context;
  (void)fault;
  memcpy(bytes, device->body + offset, length);
  return TAMIS_OK;
}

static enum tamis_status send_body(struct device *device, struct session *session,
                                   const char *method, const void *name, size_t name_length,
                                   uint64_t offset, struct unpack_arena *arena, void **reply) {
  const struct transfer_body body = {device->size, read_body, device};
  uint64_t sent;
  return transfer_send(session, method, name, name_length, &body, &device->digest, offset, &sent,
                       &tamis__v1__upload_reply__descriptor, arena, reply, &device->client->fault);
}

static enum tamis_status upload_bare(struct device *device) {
  struct unpack_arena arena;
  void *reply;
  unpack_arena_open(&arena, CHANNEL_REPLY_BUDGET);
  enum tamis_status status =
      send_body(device, &device->bare[device->rival], "/tamis.bench.Bare/Count",
                device->digest.byte, DIGEST_SIZE, 0, &arena, &reply);
  unpack_arena_close(&arena);
  return status;
}

static enum tamis_status keep_receipt(struct device *device, const Tamis__V1__UploadReply *reply) {
  device->receipt = malloc(reply->receipt.len);
  if (!device->receipt) return TAMIS_NO_MEMORY;
  memcpy(device->receipt, reply->receipt.data, reply->receipt.len);
  device->receipt_length = reply->receipt.len;
  return TAMIS_OK;
}

static enum tamis_status upload_update(struct device *device) {
  struct tamis_client *client = device->client;
  Tamis__V1__OfferRequest request = TAMIS__V1__OFFER_REQUEST__INIT;
  struct unpack_arena arena;
  void *reply = NULL;
  request.envelope = (ProtobufCBinaryData){device->envelope_length, (uint8_t *)device->envelope};
  unpack_arena_open(&arena, CHANNEL_REPLY_BUDGET);
  enum tamis_status status =
      session_call(&client->session, "/tamis.v1.Client/Offer", &request.base, 0,
                   &tamis__v1__offer_reply__descriptor, &arena, &reply, &client->fault);
  if (status == TAMIS_OK) {
    const Tamis__V1__OfferReply *offer = reply;
    status = send_body(device, &client->session, "/tamis.v1.Client/Upload", offer->upload.data,
                       offer->upload.len, offer->offset, &arena, &reply);
  }
  if (status == TAMIS_OK) status = keep_receipt(device, reply);
  unpack_arena_close(&arena);
  return status;
}

/* ---- After it ---- */

static enum tamis_status check(struct device *device) {
  struct tamis_client *client = device->client;
  struct lineage *lineage = NULL;
  struct checkpoint checkpoint;
  uint64_t index;
  enum tamis_status status =
      trust_receipt(&client->trust, &client->session, device->receipt, device->receipt_length,
                    device->envelope, device->envelope_length, &index, &checkpoint, &client->fault);
  if (status == TAMIS_OK) status = client_lineage_of(client, &device->task, &lineage);
  if (status == TAMIS_OK) lineage->done_round = device->task.round;
  free(device->receipt);
  device->receipt = NULL;
  return status;
}

/* ---- What no server that keeps the bytes can save ---- */

enum { SAMPLES = 16, PIECE = 64 << 10 };

/* Seconds of one processor for the digest of a body. */
static double cost_of_hashing(const struct device *device) {
  double began = seconds_of(CLOCK_THREAD_CPUTIME_ID);
  for (int i = 0; i < SAMPLES; i++) {
    struct digest digest = digest_of(device->body, device->size);
    if (!digest_equal(&digest, &device->digest)) exit(1);
  }
  return (seconds_of(CLOCK_THREAD_CPUTIME_ID) - began) / SAMPLES;
}

static void write_body(const struct device *device, const char *path) {
  int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  for (uint64_t at = 0; at < device->size; at += PIECE) {
    size_t length = device->size - at < PIECE ? (size_t)(device->size - at) : PIECE;
    if (pwrite(descriptor, device->body + at, length, (off_t)at) != (ssize_t)length) {
      fprintf(stderr, "bench_upload: cannot write %s\n", path);
      exit(1);
    }
  }
  close(descriptor);
}

/* Seconds of one processor for a body into the page cache, and no further. */
static double cost_of_writing(const struct device *device, const char *folder) {
  char path[LINE_SIZE];
  double began = seconds_of(CLOCK_THREAD_CPUTIME_ID);
  for (int i = 0; i < SAMPLES; i++) {
    snprintf(path, sizeof path, "%s/body-%d", folder, i);
    write_body(device, path);
  }
  double seconds = seconds_of(CLOCK_THREAD_CPUTIME_ID) - began;
  for (int i = 0; i < SAMPLES; i++) {
    snprintf(path, sizeof path, "%s/body-%d", folder, i);
    unlink(path);
  }
  return seconds / SAMPLES;
}

/* ---- The whole ---- */

static uint64_t crowd_bytes(const struct crowd *crowd) {
  uint64_t bytes = 0;
  for (size_t i = 0; i < crowd->count; i++) bytes += crowd->device[i].size;
  return bytes;
}

/* What the judge's tiles take in tamisd for this crowd. */
static size_t crowd_scratch(const struct crowd *crowd) {
  return robust_gram_scratch_bytes(crowd->count, crowd->device[0].task.parameters,
                                   (int)sysconf(_SC_NPROCESSORS_ONLN));
}

static void print_span(struct span span) {
  printf(" %.6f %.6f %.6f", span.wall, span.load, span.server);
}

/* A rival's process and where it listens. */
struct rival {
  const char *address;
  pid_t process;
};

static struct span bare_upload(struct crowd *crowd, size_t rival, pid_t process) {
  for (size_t i = 0; i < crowd->count; i++) crowd->device[i].rival = rival;
  return everyone(crowd, "bare upload", upload_bare, process);
}

static void repeat(struct crowd *crowd, int number, pid_t server, const struct rival *rivals,
                   size_t rival_count) {
  struct span bare[RIVALS_MAX];
  everyone(crowd, "before the round", prepare, server);
  double bytes = (double)crowd_bytes(crowd);
  for (size_t i = 0; i < rival_count; i++) bare[i] = bare_upload(crowd, i, rivals[i].process);
  struct span round = everyone(crowd, "upload", upload_update, server);
  everyone(crowd, "receipt", check, server);
  printf("%d %.0f %zu", number, bytes, crowd_scratch(crowd));
  print_span(round);
  for (size_t i = 0; i < rival_count; i++) print_span(bare[i]);
  printf("\n");
  fflush(stdout);
}

static enum tamis_status crowd_open(struct crowd *crowd, const char *folder,
                                    const char *invitations) {
  FILE *file = fopen(invitations, "r");
  if (!file) return TAMIS_NOT_FOUND;
  for (; crowd->count < DEVICES_MAX; crowd->count++) {
    struct device *device = &crowd->device[crowd->count];
    if (!fgets(device->invitation, sizeof device->invitation, file)) break;
    device->invitation[strcspn(device->invitation, "\n")] = '\0';
    device->number = crowd->count;
    snprintf(device->state, sizeof device->state, "%s/%zu", folder, crowd->count);
  }
  fclose(file);
  return crowd->count > 0 ? TAMIS_OK : TAMIS_NOT_FOUND;
}

static enum tamis_status bare_open(struct crowd *crowd, size_t rival, const char *address,
                                   struct fault *fault) {
  const struct channel_options options = {.address = address};
  enum tamis_status status = TAMIS_OK;
  for (size_t i = 0; i < crowd->count && status == TAMIS_OK; i++) {
    struct device *device = &crowd->device[i];
    status = channel_open(&options, &device->bare_channel[rival], fault);
    device->bare[rival] = (struct session){.channel = device->bare_channel[rival],
                                           .deadline_ms = PATIENCE_MS,
                                           .give_up_ms = PATIENCE_MS};
  }
  return status;
}

static void crowd_close(struct crowd *crowd) {
  for (size_t i = 0; i < crowd->count; i++) {
    struct device *device = &crowd->device[i];
    tamis_client_close(device->client);
    for (size_t k = 0; k < RIVALS_MAX; k++) channel_close(device->bare_channel[k]);
    free(device->envelope);
    free(device->body);
  }
}

/* bench_upload STATES INVITATIONS REPETITIONS PID [ADDRESS PID]...: one line `NUMBER BYTES
 * SCRATCH-BYTES` a repetition, with the seconds (wall, load, server) of the round's upload to
 * tamisd, which is the first PID, and of the same bytes to each bare server; number 0 only warms
 * up. Then a line `cost BYTES` with the seconds of one processor that these take to hash and to
 * copy into the page cache. */
int main(int argc, char **argv) {
  static struct crowd crowd;
  struct rival rivals[RIVALS_MAX] = {{0}};
  struct fault fault = {TAMIS_OK, ""};
  if (argc < 5 || argc > 5 + 2 * RIVALS_MAX || argc % 2 == 0) {
    fprintf(stderr, "usage: bench_upload STATES INVITATIONS REPETITIONS PID [ADDRESS PID]...\n");
    return 2;
  }
  size_t rival_count = (size_t)(argc - 5) / 2;
  enum tamis_status status = key_library_start();
  if (status == TAMIS_OK) status = crowd_open(&crowd, argv[1], argv[2]);
  for (size_t i = 0; i < rival_count && status == TAMIS_OK; i++) {
    rivals[i] = (struct rival){argv[5 + 2 * i], (pid_t)atol(argv[6 + 2 * i])};
    status = bare_open(&crowd, i, rivals[i].address, &fault);
  }
  if (status != TAMIS_OK) {
    fprintf(stderr, "bench_upload: %s %s\n", tamis_status_name(status), fault.text);
    return 1;
  }
  pid_t server = (pid_t)atol(argv[4]);
  everyone(&crowd, "enrolment", enter, server);
  for (int i = 0; i <= atoi(argv[3]); i++) repeat(&crowd, i, server, rivals, rival_count);
  everyone(&crowd, "the next round", prepare, server); /* the last one was judged and promoted */
  printf("cost %" PRIu64 " %.6f %.6f\n", crowd.device[0].size, cost_of_hashing(&crowd.device[0]),
         cost_of_writing(&crowd.device[0], argv[1]));
  crowd_close(&crowd);
  return 0;
}
