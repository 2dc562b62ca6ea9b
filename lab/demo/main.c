/* tamis-lab: experiments on a whole federation, and what a model is worth. */
#include <stdio.h>
#include <string.h>
#include "lab/demo/demo.h"
#include "lab/demo/evaluate.h"

int main(int argc, char **argv) {
  if (argc >= 2 && strcmp(argv[1], "demo") == 0) return demo_main(argc - 1, argv + 1);
  if (argc >= 2 && strcmp(argv[1], "evaluate") == 0) return evaluate_main(argc - 1, argv + 1);
  fprintf(argc >= 2 && strcmp(argv[1], "--help") == 0 ? stdout : stderr,
          "usage: tamis-lab demo [OPTION...]   (tamis-lab demo --help lists them)\n"
          "       tamis-lab evaluate --data DIR MODEL\n");
  return argc >= 2 && strcmp(argv[1], "--help") == 0 ? 0 : 2;
}
