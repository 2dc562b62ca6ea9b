/* Who may do what: how many persons, holding which roles, must sign each kind of statement. The
 * matrix of trust.md 3.4 as one table; PROTOCOL.md 2 has the same one. */
#ifndef TAMIS_DUTIES_H
#define TAMIS_DUTIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "aggregator/state.h"
#include "proto/fault.h"
#include "proto/statement.h"

enum { DUTIES_SIGNERS_MAX = 3, DUTIES_WORDS_SIZE = 160 };

/* One kind's row. While the log is solo one operator signs everything, and any of role[0] what
 * wants one person. Once duties are separated `persons` different people sign in one envelope, the
 * first holding one of role[0], the second one of role[1], ... */
struct duty {
  size_t persons;                    /* 0: nobody's to sign */
  unsigned role[DUTIES_SIGNERS_MAX]; /* bits: 1u << ROLE_... */
};

/* "release-manager"; never NULL. */
const char *duties_role_name(enum duty_role role);
/* False for a word that names no role. */
bool duties_role_from_name(const char *name, enum duty_role *role);

/* Whoever runs by itself (service/NAME) and so stands for no person. */
bool duties_is_service(const char *name);

const struct duty *duties_of(enum statement_kind kind);
/* "an operator and a reviewer" */
void duties_words(const struct duty *duty, char words[DUTIES_WORDS_SIZE]);

/* Does the person hold the role now? `now_ms` is unix time: the moment's at the door, the log's own
 * (state->latest_ms) when the log is folded. While the log is solo an operator holds all roles. */
bool duties_may(const struct state *state, const char *person, enum duty_role role, int64_t now_ms);

/* What a statement takes here, once duties are separated: its kind's row, but an invitation of a
 * client that was here before takes two. */
struct duty duties_for(const struct state *state, const struct statement *statement);

/* Could every row be filled by the persons there are, once duties are separated? CONFLICT names the
 * first that could not. */
enum tamis_status duties_workable(const struct state *state, int64_t now_ms, struct fault *fault);

/* May these persons, whose signatures hold and no two of whom are the same, say this? `*first` is
 * which of them fills the first place: of several that could the first in the list.
 * COSIGNER_MISSING: they may, but another must too. DENIED. BAD_SIGNATURE: more than it takes.
 * With `break_glass` one operator does for all, loudly. */
enum tamis_status duties_check(const struct state *state, const struct statement *statement,
                               size_t count, const char *const *person, int64_t now_ms,
                               size_t *first, struct fault *fault);

#endif
