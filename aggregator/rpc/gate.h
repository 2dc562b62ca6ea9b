/* The memory that uploads may fill: who wants to read a part takes a slot first, and waits in line
 * when none is free. */
#ifndef TAMIS_GATE_H
#define TAMIS_GATE_H

#include <stdbool.h>
#include <stdint.h>

struct gate;

/* Embedded in what waits. */
struct gate_seat {
  void (*enter)(struct gate_seat *seat); /* on the thread that left; the slot is the seat's */
  struct gate_seat *next, **link;        /* link NULL: not in the line */
};

struct gate *gate_new(uint32_t slots);
void gate_free(struct gate *gate);

/* True: the slot is taken. False: none is free or others wait. */
bool gate_try(struct gate *gate);
/* True: taken. False: in the line; `enter` will be called, unless gate_leave_line says otherwise.
 */
bool gate_enter(struct gate *gate, struct gate_seat *seat);
/* True when the seat was still in the line. */
bool gate_leave_line(struct gate *gate, struct gate_seat *seat);
/* Gives a slot back; the first in the line has it. */
void gate_leave(struct gate *gate);
bool gate_has_line(struct gate *gate);
uint32_t gate_taken(struct gate *gate);

#endif
