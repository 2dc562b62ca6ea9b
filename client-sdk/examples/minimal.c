/* A whole device: enrols once, then learns y = w.x + b from data of its own, round after round.
 * minimal STATE_DIR ADDRESS ROUNDS [INVITATION] */
#include <stdio.h>
#include <stdlib.h>
#include <tamis/tamis.h>

static int fail(const struct tamis_client *client, const char *what, enum tamis_status status) {
  fprintf(stderr, "%s: %s: %s\n", what, tamis_status_name(status), tamis_client_error(client));
  return 1;
}

/* One pass over 64 points of a fixed plane; the delta is what the weights moved by. */
static double train(const float *base, float *delta, size_t count, unsigned seed) {
  double loss = 0;
  for (size_t i = 0; i < count; i++) delta[i] = 0;
  for (int point = 0; point < 64; point++) {
    double truth = 1, guess = base[0] + delta[0]; /* the first weight is the bias */
    unsigned row = seed * 64 + (unsigned)point + 1;
    for (size_t i = 1; i < count; i++) {
      double x = (double)((row * 2654435761u * (unsigned)i) >> 16 & 255) / 255 - 0.5;
      truth += 0.5 * x;
      guess += (base[i] + delta[i]) * x;
    }
    double error = guess - truth;
    loss += error * error / 64;
    delta[0] -= (float)(0.05 * error);
    for (size_t i = 1; i < count; i++) {
      double x = (double)((row * 2654435761u * (unsigned)i) >> 16 & 255) / 255 - 0.5;
      delta[i] -= (float)(0.05 * error * x);
    }
  }
  return loss;
}

static int take_part(struct tamis_client *client, unsigned seed) {
  struct tamis_task task;
  struct tamis_receipt receipt;
  enum tamis_status status = tamis_client_next_task(client, NULL, 60000, &task);
  if (status != TAMIS_OK) return fail(client, "next task", status);
  float *base = calloc(task.parameters, sizeof *base),
        *delta = calloc(task.parameters, sizeof *delta);
  if (!base || !delta) return fail(client, "a model this large", TAMIS_NO_MEMORY);
  status = tamis_client_fetch_model(client, &task, base, task.parameters);
  if (status == TAMIS_OK) {
    double loss = train(base, delta, task.parameters, seed);
    struct tamis_report report = {sizeof report, 64, loss, 1};
    status = tamis_client_submit(client, &task, delta, task.parameters, &report, &receipt);
    if (status == TAMIS_OK)
      printf("%s round %llu: loss %.6f, entry %llu of the log\n", task.federation,
             (unsigned long long)task.round, loss, (unsigned long long)receipt.index);
  }
  free(delta);
  free(base);
  return status == TAMIS_OK ? 0 : fail(client, "round", status);
}

int main(int argc, char **argv) {
  if (argc < 4) return fprintf(stderr, "usage: minimal STATE_DIR ADDRESS ROUNDS [INVITATION]\n"), 2;
  struct tamis_options options = {
      .struct_size = sizeof options, .state_dir = argv[1], .address = argv[2]};
  struct tamis_client *client;
  enum tamis_status status = tamis_client_open(&options, &client);
  if (status != TAMIS_OK) return fail(NULL, argv[1], status);
  int code = 0;
  if (argc > 4 && !tamis_client_is_enrolled(client) &&
      (status = tamis_client_enrol(client, argv[4])) != TAMIS_OK)
    code = fail(client, "enrol", status);
  for (int round = 0; round < atoi(argv[3]) && code == 0; round++)
    code = take_part(client, (unsigned)round);
  tamis_client_close(client);
  return code;
}
