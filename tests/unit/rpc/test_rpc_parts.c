/* Claims about the small parts behind the door: sessions, tallies, the gate, the bell, offers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "aggregator/rpc/bell.h"
#include "aggregator/rpc/gate.h"
#include "aggregator/rpc/offers.h"
#include "aggregator/rpc/pool.h"
#include "aggregator/rpc/session.h"
#include "aggregator/rpc/tally.h"

static void every_flipped_bit_ends_a_session(void **state) {
  struct session_secret secret;
  struct session session = {"operator/boss", true}, found;
  uint8_t token[SESSION_TOKEN_MAX];
  (void)state;
  session_secret_make(1000, &secret);
  size_t length = session_token(&secret, 5000, &session, token);
  assert_int_equal(session_open(&secret, 5999, token, length, &found, NULL), TAMIS_OK);
  assert_string_equal(found.principal, "operator/boss");
  assert_true(found.is_operator);
  assert_int_equal(session_open(&secret, 6000, token, length, &found, NULL), TAMIS_NO_SESSION);
  for (size_t bit = 0; bit < 8 * length; bit++) {
    token[bit / 8] ^= (uint8_t)(1 << bit % 8);
    assert_int_equal(session_open(&secret, 5001, token, length, &found, NULL), TAMIS_NO_SESSION);
    token[bit / 8] ^= (uint8_t)(1 << bit % 8);
  }
  for (size_t cut = 0; cut < length; cut++)
    assert_int_equal(session_open(&secret, 5001, token, cut, &found, NULL), TAMIS_NO_SESSION);
}

static void challenges_age_and_belong_to_one_process(void **state) {
  struct session_secret secret, other;
  uint8_t challenge[SESSION_CHALLENGE_SIZE];
  (void)state;
  session_secret_make(1000, &secret);
  session_secret_make(1000, &other);
  session_challenge(&secret, 1000, challenge);
  assert_true(session_challenge_holds(&secret, 1000, challenge, sizeof challenge));
  assert_false(session_challenge_holds(&other, 1000, challenge, sizeof challenge));
  assert_false(session_challenge_holds(&secret, 1000 + SESSION_CHALLENGE_MS, challenge, 56));
  assert_false(session_challenge_holds(&secret, 1000, challenge, 55));
}

static void nobody_takes_more_than_its_share(void **state) {
  const uint32_t most[TALLY_KINDS] = {2, 1};
  struct tally *tally = tally_new(most);
  (void)state;
  assert_int_equal(tally_enter(tally, "a", TALLY_STREAMS, NULL), TAMIS_OK);
  assert_int_equal(tally_enter(tally, "a", TALLY_STREAMS, NULL), TAMIS_OK);
  assert_int_equal(tally_enter(tally, "a", TALLY_STREAMS, NULL), TAMIS_RATE_LIMITED);
  assert_int_equal(tally_enter(tally, "b", TALLY_UPLOADS, NULL), TAMIS_OK);
  assert_int_equal(tally_enter(tally, "b", TALLY_UPLOADS, NULL), TAMIS_RATE_LIMITED);
  assert_int_equal(tally_principals(tally), 2);
  tally_leave(tally, "a", TALLY_STREAMS);
  assert_int_equal(tally_enter(tally, "a", TALLY_STREAMS, NULL), TAMIS_OK);
  tally_leave(tally, "a", TALLY_STREAMS);
  tally_leave(tally, "a", TALLY_STREAMS);
  tally_leave(tally, "b", TALLY_UPLOADS);
  assert_int_equal(tally_principals(tally), 0);
  tally_free(tally);
}

static int entered;

static void note_enter(struct gate_seat *seat) {
  (void)seat;
  entered++;
}

static void the_line_moves_in_order(void **state) {
  struct gate *gate = gate_new(1);
  struct gate_seat first = {.enter = note_enter}, second = {.enter = note_enter};
  (void)state;
  assert_true(gate_try(gate));
  assert_false(gate_enter(gate, &first));
  assert_false(gate_enter(gate, &second));
  assert_true(gate_has_line(gate));
  gate_leave(gate);
  assert_int_equal(entered, 1);
  assert_null(first.link);
  assert_false(gate_try(gate));
  assert_true(gate_leave_line(gate, &second));
  assert_false(gate_leave_line(gate, &second));
  gate_leave(gate);
  assert_int_equal(entered, 1);
  assert_true(gate_try(gate));
  gate_leave(gate);
  assert_int_equal(gate_taken(gate), 0);
  gate_free(gate);
}

static atomic_int woken;

static void note_wake(struct bell_seat *seat) {
  (void)seat;
  atomic_fetch_add(&woken, 1);
}

static void no_ring_is_missed(void **state) {
  struct bell *bell = NULL;
  struct bell_seat seats[3] = {{.wake = note_wake}, {.wake = note_wake}, {.wake = note_wake}};
  (void)state;
  assert_int_equal(bell_open(1, &bell, NULL), TAMIS_OK);
  uint64_t before = bell_count(bell);
  bell_ring(bell);
  assert_false(bell_sit(bell, &seats[0], before));
  for (int i = 0; i < 3; i++) assert_true(bell_sit(bell, &seats[i], bell_count(bell)));
  bool was_waiting = bell_rise(bell, &seats[0]); /* the ring before may still be on its way */
  bell_ring(bell);
  for (int i = 0; i < 2000 && atomic_load(&woken) < 3 - was_waiting; i++) usleep(1000);
  assert_int_equal(atomic_load(&woken), 3 - was_waiting);
  assert_true(bell_sit(bell, &seats[1], bell_count(bell)));
  bell_stop(bell);
  assert_false(bell_sit(bell, &seats[2], bell_count(bell)));
  bell_close(bell);
  assert_int_equal(atomic_load(&woken), 4 - was_waiting);
}

static void offers_are_bounded_and_private(void **state) {
  struct offers *offers = offers_new();
  struct core_offer terms = {.size = 5};
  struct digest upload, first = {{0}};
  struct offer found;
  char envelope[16];
  (void)state;
  for (int i = 0; i <= OFFERS_PER_CLIENT_MAX; i++) {
    int length = snprintf(envelope, sizeof envelope, "envelope %d", i);
    assert_int_equal(offers_put(offers, "a", &terms, envelope, (size_t)length, &upload, NULL), 0);
    if (i == 0) first = upload;
  }
  assert_int_equal(offers_get(offers, "a", upload.byte, 32, &found, NULL), TAMIS_OK);
  assert_string_equal(found.envelope, envelope);
  offer_close(&found);
  assert_int_equal(offers_get(offers, "a", first.byte, 32, &found, NULL), TAMIS_NOT_FOUND);
  assert_int_equal(offers_get(offers, "b", upload.byte, 32, &found, NULL), TAMIS_NOT_FOUND);
  assert_int_equal(offers_get(offers, "a", upload.byte, 31, &found, NULL), TAMIS_BAD_REQUEST);
  offers_drop(offers, &upload);
  assert_int_equal(offers_get(offers, "a", upload.byte, 32, &found, NULL), TAMIS_NOT_FOUND);
  offers_free(offers);
}

struct counted {
  struct pool_job job;
  atomic_int *count;
};

static void count_job(struct pool_job *job) {
  atomic_fetch_add(((struct counted *)(void *)job)->count, 1);
}

static void the_pool_runs_everything_before_it_closes(void **state) {
  static struct counted jobs[1000];
  struct pool *pool = NULL;
  atomic_int count = 0;
  (void)state;
  assert_int_equal(pool_open(3, &pool, NULL), TAMIS_OK);
  for (int i = 0; i < 1000; i++) {
    jobs[i] = (struct counted){{count_job, NULL}, &count};
    pool_submit(pool, &jobs[i].job);
  }
  pool_close(pool);
  assert_int_equal(atomic_load(&count), 1000);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_flipped_bit_ends_a_session),
      cmocka_unit_test(challenges_age_and_belong_to_one_process),
      cmocka_unit_test(nobody_takes_more_than_its_share),
      cmocka_unit_test(the_line_moves_in_order),
      cmocka_unit_test(no_ring_is_missed),
      cmocka_unit_test(offers_are_bounded_and_private),
      cmocka_unit_test(the_pool_runs_everything_before_it_closes),
  };
  return key_library_start() || cmocka_run_group_tests(tests, NULL, NULL);
}
