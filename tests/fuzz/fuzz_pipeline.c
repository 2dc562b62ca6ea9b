/* Pipelines, which an operator's statement carries as text: what is read prints in one canonical
 * spelling, which reads as itself. */
#include <stdlib.h>
#include <string.h>
#include "fuzz.h"
#include "robust/robust.h"

static struct robust_pipeline *parse(const char *text) {
  struct robust_pipeline *pipeline = NULL;
  struct robust_error error = {{0}};
  bool is_good = robust_pipeline_parse(text, &pipeline, &error) == ROBUST_OK;
  fuzz_must(is_good || error.text[0] != '\0', "a refusal says why");
  return is_good ? pipeline : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *text = malloc(size + 1), first[4096], second[4096];
  fuzz_must(text != NULL, "memory");
  memcpy(text, data, size);
  text[size] = '\0';
  struct robust_pipeline *pipeline = parse(text), *again = NULL;
  if (pipeline && robust_pipeline_print(pipeline, first, sizeof first) < sizeof first) {
    for (size_t n = 1; n < 64; n += 7) robust_pipeline_check(pipeline, n, NULL);
    again = parse(first);
    fuzz_must(again != NULL, "what we print we read");
    robust_pipeline_print(again, second, sizeof second);
    fuzz_must(strcmp(first, second) == 0, "one canonical spelling");
  }
  robust_pipeline_free(again);
  robust_pipeline_free(pipeline);
  free(text);
  return 0;
}
