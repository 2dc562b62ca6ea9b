/* `tamis-lab evaluate`: what a model is worth, as one number for programs that ask. */
#ifndef TAMIS_LAB_EVALUATE_H
#define TAMIS_LAB_EVALUATE_H

/* argv[0] is the word "evaluate". Exit code of the process. */
int evaluate_main(int argc, char **argv);

#endif
