/* How the demo's clients train; chosen by lab_offline on MNIST, Dirichlet 0.5, 20 clients, 25
 * rounds of one local epoch. */
#ifndef TAMIS_LAB_DEMO_RECIPE_H
#define TAMIS_LAB_DEMO_RECIPE_H

#define RECIPE_LEARNING_RATE 0.1
#define RECIPE_MOMENTUM 0.9

enum { RECIPE_BATCH = 32, RECIPE_HIDDEN = 64 };

#endif
