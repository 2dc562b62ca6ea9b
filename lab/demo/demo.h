/* `tamis-lab demo`: a whole federation among liars on one machine. */
#ifndef TAMIS_LAB_DEMO_H
#define TAMIS_LAB_DEMO_H

/* argv[0] is the word "demo". Exit code of the process. */
int demo_main(int argc, char **argv);

#endif
