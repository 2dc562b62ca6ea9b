/* A whole device: enrols once, then fits a plane to 64 points of its own, round after round.
 * usage: minimal STATE_DIR ADDRESS ROUNDS [INVITATION] */
#include <stdio.h>
#include <stdlib.h>
#include <tamis/tamis.h>

/* Weight 0 is the bias; the others meet inputs made up from the point's number. */
static double input(unsigned point, size_t i) {
  return i == 0 ? 1 : (double)((point * 2654435761u * (unsigned)i) >> 16 & 255) / 255 - 0.5;
}

/* One epoch of gradient descent on base + delta; gives the mean loss. */
static double train(const float *base, float *delta, size_t count, unsigned seed) {
  double loss = 0;
  for (unsigned point = 64 * seed + 1; point <= 64 * seed + 64; point++) {
    double error = 0;
    for (size_t i = 0; i < count; i++)
      error += (base[i] + delta[i] - (i == 0 ? 1.0 : 0.5)) * input(point, i);
    for (size_t i = 0; i < count; i++) delta[i] -= (float)(0.05 * error * input(point, i));
    loss += error * error / 64;
  }
  return loss;
}

static enum tamis_status take_part(struct tamis_client *client, unsigned seed) {
  struct tamis_task task;
  struct tamis_receipt receipt;
  enum tamis_status status = tamis_client_next_task(client, NULL, 60000, &task);
  if (status != TAMIS_OK) return status;
  float *base = calloc(task.parameters, sizeof *base);
  float *delta = calloc(task.parameters, sizeof *delta);
  status = base && delta ? tamis_client_fetch_model(client, &task, base, task.parameters)
                         : TAMIS_NO_MEMORY;
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
  return status;
}

int main(int argc, char **argv) {
  if (argc < 4) return fprintf(stderr, "usage: %s STATE ADDRESS ROUNDS [INVITATION]\n", argv[0]), 2;
  struct tamis_options options = {
      .struct_size = sizeof options, .state_dir = argv[1], .address = argv[2]};
  struct tamis_client *client;
  enum tamis_status status = tamis_client_open(&options, &client);
  if (status == TAMIS_OK && argc > 4 && !tamis_client_is_enrolled(client))
    status = tamis_client_enrol(client, argv[4]);
  for (int round = 0; status == TAMIS_OK && round < atoi(argv[3]); round++)
    status = take_part(client, (unsigned)round);
  if (status != TAMIS_OK)
    fprintf(stderr, "%s: %s\n", tamis_status_name(status), tamis_client_error(client));
  tamis_client_close(client);
  return status == TAMIS_OK || status == TAMIS_CANCELLED ? 0 : 1; /* CANCELLED: it has finished */
}
