/* Runs a fuzz target without libFuzzer: every file of its corpus, then mutations of them from a
 * fixed seed for about a second. The same command makes the same inputs in the same order. */
#include <dirent.h>
#include <string.h>
#include <time.h>
#include "fuzz.h"

enum { FILES_MAX = 256, INPUT_MAX = 1 << 16, BUDGET_MS = 1000, CHECK_EVERY = 64 };

struct input {
  uint8_t *bytes;
  size_t size;
};

static uint64_t next_random(uint64_t *state) { /* splitmix64 */
  uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return z ^ (z >> 31);
}

static int is_file(const struct dirent *entry) {
  return entry->d_name[0] != '.';
}

static struct input read_input(const char *folder, const char *name) {
  char path[4096];
  struct input input = {malloc(INPUT_MAX), 0};
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "rb");
  fuzz_must(file && input.bytes, path);
  input.size = fread(input.bytes, 1, INPUT_MAX, file);
  fclose(file);
  return input;
}

/* Sorted by name, so that the order does not depend on the file system. */
static size_t read_corpus(const char *folder, struct input inputs[FILES_MAX]) {
  struct dirent **entries = NULL;
  size_t count = 0;
  int found = scandir(folder, &entries, is_file, alphasort);
  fuzz_must(found > 0 && found <= FILES_MAX, "the corpus folder has 1 to 256 files");
  for (int i = 0; i < found; i++) {
    inputs[count++] = read_input(folder, entries[i]->d_name);
    free(entries[i]);
  }
  free(entries);
  return count;
}

static void mutate_once(struct input *input, const struct input *other, uint64_t *state) {
  uint64_t roll = next_random(state);
  size_t at = input->size ? (roll >> 8) % input->size : 0;
  size_t room = INPUT_MAX - input->size, tail = input->size - at;
  switch (roll % 6) {
  case 0: /* flip a bit */
    if (input->size) input->bytes[at] ^= (uint8_t)(1u << (roll >> 61));
    break;
  case 1: /* another byte */
    if (input->size) input->bytes[at] = (uint8_t)(roll >> 56);
    break;
  case 2: /* cut */ input->size = at; break;
  case 3: /* insert one byte */
    if (room < 1) break;
    memmove(input->bytes + at + 1, input->bytes + at, tail);
    input->bytes[at] = (uint8_t)(roll >> 56);
    input->size++;
    break;
  case 4: /* drop one byte */
    if (!input->size) break;
    memmove(input->bytes + at, input->bytes + at + 1, tail - 1);
    input->size--;
    break;
  case 5: /* go on as another file does from there */
    if (at >= other->size) break;
    memcpy(input->bytes + at, other->bytes + at, other->size - at);
    input->size = other->size;
    break;
  default: break;
  }
}

static long elapsed_ms(const struct timespec *start) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (now.tv_sec - start->tv_sec) * 1000 + (now.tv_nsec - start->tv_nsec) / 1000000;
}

/* A copy of exact size, so that a sanitizer sees the first byte read past the end. */
static void run(const struct input *input) {
  uint8_t *bytes = malloc(input->size ? input->size : 1);
  fuzz_must(bytes != NULL, "memory");
  memcpy(bytes, input->bytes, input->size);
  LLVMFuzzerTestOneInput(bytes, input->size);
  free(bytes);
}

int main(int argc, char **argv) {
  static struct input inputs[FILES_MAX];
  struct input mutant = {malloc(INPUT_MAX), 0};
  struct timespec start;
  uint64_t state = 1, runs = 0;
  if (argc != 2 || !mutant.bytes) return 2;
  size_t count = read_corpus(argv[1], inputs);
  for (size_t i = 0; i < count; i++, runs++) run(&inputs[i]);
  clock_gettime(CLOCK_MONOTONIC, &start);
  for (; runs % CHECK_EVERY != 0 || elapsed_ms(&start) < BUDGET_MS; runs++) {
    const struct input *from = &inputs[next_random(&state) % count];
    memcpy(mutant.bytes, from->bytes, from->size);
    mutant.size = from->size;
    for (uint64_t n = 1 + next_random(&state) % 4; n > 0; n--)
      mutate_once(&mutant, &inputs[next_random(&state) % count], &state);
    run(&mutant);
  }
  printf("%llu inputs from %zu files\n", (unsigned long long)runs, count);
  for (size_t i = 0; i < count; i++) free(inputs[i].bytes);
  free(mutant.bytes);
  return 0;
}
