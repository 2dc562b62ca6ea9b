/* Claims about the words that a person reads before and after a review, and about what is signed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/unit/cli/fake_operator.h"
#include "tests/unit/cli/typed.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static char folder[TYPED_FOLDER_SIZE];

static int set_up(void **state) {
  (void)state;
  fake_reset();
  typed_site_make(folder);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  return typed_folder_remove(folder);
}

static void answer(size_t i, const char *name, const char *json) {
  fake.answer[i].name = name;
  fake.answer[i].json = json;
}

#define ITEM(review)                                                                               \
  "[{\"federation\":\"digits\",\"round\":7,\"client\":\"phone-1\",\"organisation\":\"clinic\","    \
  "\"index\":4711,\"update\":\"" HEX "\",\"verdict\":\"hold\",\"risk\":0.625,\"sentence\":"        \
  "\"3.20 times the median distance (+4.5 spreads), cosine to the cohort 0.31\","                  \
  "\"review\":\"" review "\",\"decided\":4800,\"reviewer\":\"operator/bob\",\"reason\":\"odd\","   \
  "\"opinions\":0,\"standing\":\"quarantined\",\"strikes\":3,\"basis\":4690,\"dropped\":null}]"

static void world(const char *item) {
  answer(0, "reviews", item);
  answer(1, "round",
         "[{\"client\":\"phone-1\",\"verdict\":\"hold\",\"norm\":9.0,\"cosine\":0.31,"
         "\"neighbour\":\"phone-2\",\"neighbour_cosine\":0.5},"
         "{\"client\":\"phone-2\",\"verdict\":\"accept\",\"norm\":3.0,\"cosine\":0.5,"
         "\"neighbour\":\"phone-1\",\"neighbour_cosine\":0.5},"
         "{\"client\":\"phone-3\",\"verdict\":\"accept\",\"norm\":2.0,\"cosine\":0.5,"
         "\"neighbour\":\"phone-2\",\"neighbour_cosine\":0.25}]");
  answer(2, "clients",
         "[{\"client\":\"phone-1\",\"organisation\":\"clinic\",\"state\":\"quarantined\"},"
         "{\"client\":\"phone-2\",\"organisation\":\"clinic\",\"state\":\"trusted\",\"risk\":0.0,"
         "\"reputation\":0.9},{\"client\":\"phone-3\",\"organisation\":\"other\"}]");
  answer(3, "client-rounds",
         "[{\"round\":6,\"verdict\":\"accept\",\"risk\":0.1},"
         "{\"round\":7,\"verdict\":\"hold\",\"risk\":0.625}]");
  answer(4, "decisions",
         "[{\"index\":4600,\"item\":4500,\"round\":5,\"reviewer\":\"operator/ada\","
         "\"decision\":\"release\",\"opinion\":0,\"reason\":\"one class only\"}]");
}

static void the_card_says_it_all_within_80_columns(void **state) {
  (void)state;
  world(ITEM("open"));
  RUN(0, "review", "show", "4711");
  assert_non_null(strstr(said, "item          4711: the update of phone-1 in round 7 of digits\n"));
  assert_non_null(strstr(said, "verdict       hold, risk 0.625 of 1\n"));
  assert_non_null(
      strstr(said, "the client    quarantined now, of organisation clinic, with 3 strikes\n"));
  assert_non_null(strstr(
      said, "numbers                                     this one  the median  spreads off\n"
            "  length of the update                             9           3         +4.0\n"
            "  cosine with that centre                       0.31         0.5            -\n"
            "  cosine with its nearest other                  0.5         0.5            0\n"));
  assert_non_null(strstr(said, "last rounds   6 to 7\n  verdict     .h\n"));
  assert_non_null(strstr(said, "neighbours in the round\n"
                               "  its nearest is phone-2, cosine 0.5000\n"
                               "  nearest to it is phone-2, cosine 0.5000 (accept)\n"));
  assert_non_null(strstr(said, "others of the same organisation\n  phone-2 "));
  assert_null(strstr(said, "phone-3"));
  assert_non_null(strstr(said, "what people said\n"
                               "  round 5     release by operator/ada, entry 4600\n"
                               "              one class only\n"));
  assert_non_null(strstr(said, "  tamis review release 4711 --basis 4690 --reason '...'\n"));
  assert_non_null(strstr(said, "  tamis review exclude 4711 --basis 4690 --reason '...'\n"));
}

static void who_comes_second_is_told_that_it_is_an_opinion(void **state) {
  (void)state;
  world(ITEM("rejected"));
  RUN(0, "review", "show", "4711");
  assert_non_null(strstr(said, "review        rejected by operator/bob in entry 4800\n"));
  assert_non_null(strstr(said, "An opinion, for agreement: the decision stays."));
  RUN(0, "review", "release", "4711", "--reason", "honest");
  assert_string_equal(said, "review/4711 opinion noted\n");
  assert_int_equal(json_integer_value(json_object_get(fake.predicate, "opinion")), 1);
}

static void a_decision_names_what_it_is_based_on(void **state) {
  (void)state;
  world(ITEM("open"));
  RUN(0, "review", "reject", "4711", "--reason", "flips labels");
  assert_string_equal(said, "review/4711 rejected\n");
  assert_int_equal(fake.kind, STATEMENT_REVIEW);
  assert_string_equal(json_string_value(json_object_get(fake.predicate, "decision")), "reject");
  assert_string_equal(json_string_value(json_object_get(fake.predicate, "standing")),
                      "quarantined");
  assert_int_equal(json_integer_value(json_object_get(fake.predicate, "basis")), 4690);
  assert_int_equal(json_integer_value(json_object_get(fake.predicate, "opinion")), 0);
  RUN(0, "review", "reject", "4711", "--basis", "4000", "--reason", "seen then", "--dry-run");
  assert_int_equal(json_integer_value(json_object_get(fake.predicate, "basis")), 4000);
  assert_true(fake.dry_run);
  RUN(6, "review", "exclude", "4711", "--basis", "4000", "--reason", "seen then");
  assert_non_null(strstr(complained, "entry 4690 of the log says more"));
  assert_non_null(strstr(complained, "see: tamis review show 4711"));
}

/* Read by somebody who was not there. */
static void a_client_is_explained(void **state) {
  (void)state;
  world(ITEM("open"));
  answer(2, "clients",
         "[{\"client\":\"phone-1\",\"federation\":\"digits\",\"organisation\":\"clinic\","
         "\"state\":\"quarantined\",\"strikes\":3,\"sentence\":\"3 strikes, reputation 0.26\"}]");
  answer(5, "moves",
         "[{\"round\":5,\"from\":\"trusted\",\"to\":\"quarantined\",\"sentence\":\"3 strikes\"},"
         "{\"round\":6,\"from\":\"quarantined\",\"to\":\"watched\",\"sentence\":\"the hold of "
         "round 5 was found wrong in entry 4600: 2 strikes left, reputation 0.40\"},"
         "{\"round\":7,\"from\":\"watched\",\"to\":\"excluded\",\"sentence\":\"excluded by "
         "operator/ada: flips labels\"}]");
  RUN(0, "client", "show", "phone-1");
  assert_non_null(strstr(said, "moves\n"
                               "  round 5     trusted -> quarantined, by the judge\n"
                               "              3 strikes\n"
                               "  round 6     quarantined -> watched, by a reviewer\n"));
  assert_non_null(strstr(said, "  round 7     watched -> excluded, by a person\n"));
  assert_non_null(strstr(said, "what people said\n  round 5     release by operator/ada"));
  assert_non_null(strstr(said,
                         "what it means its updates are judged but held: they weigh nothing\n"
                         "what is next  clean rounds let it out; strikes in quarantine exclude it\n"
                         "\n"
                         "what you can do\n"
                         "  tamis client exclude phone-1 --federation digits --reason '...'\n"
                         "  tamis client rounds phone-1 digits\n"
                         "  tamis review show 4711      (its update of round 7)\n"));
}

static void a_round_is_explained(void **state) {
  (void)state;
  answer(0, "rounds",
         "[{\"round\":7,\"outcome\":\"promoted\",\"undone\":true,\"selected\":3,\"updates\":3,"
         "\"accepted\":2,\"held\":1,\"rejected\":0,\"refused\":0,\"rule\":\"krum(f=1)\"}]");
  answer(1, "round",
         "[{\"client\":\"phone-1\",\"index\":4711,\"verdict\":\"hold\",\"sentence\":\"3.20 times "
         "the median distance (+4.5 spreads), cosine to the cohort 0.31\"},"
         "{\"client\":\"phone-2\",\"verdict\":\"accept\",\"weight\":0.0},"
         "{\"client\":\"phone-3\",\"verdict\":\"accept\",\"weight\":1.0}]");
  RUN(0, "round", "show", "digits", "7");
  assert_non_null(
      strstr(said, "outcome       promoted: its model became the head, and was undone since\n"
                   "updates       3 of 3 clients asked: 2 accepted by the judge and aggregated by "
                   "krum(f=1), 1 held, 0 rejected, 0 refused at the door\n"
                   "\n"
                   "hold of phone-1, by the judge\n"
                   "              3.20 times the median distance (+4.5 spreads), cosine to the "
                   "cohort 0.31\n"
                   "  it weighs nothing; tamis review show 4711\n"
                   "\n"
                   "phone-2 was accepted and weighs nothing: the rule left it out\n"));
  RUN(0, "round", "show", "digits", "7", "-o", "json");
  assert_null(strstr(said, "outcome  "));
}

static void agreement_is_counted_over_what_both_saw(void **state) {
  (void)state;
  answer(0, "decisions",
         "[{\"item\":1,\"reviewer\":\"ada\",\"decision\":\"release\",\"opinion\":0},"
         "{\"item\":1,\"reviewer\":\"bob\",\"decision\":\"release\",\"opinion\":1},"
         "{\"item\":2,\"reviewer\":\"bob\",\"decision\":\"reject\",\"opinion\":0},"
         "{\"item\":2,\"reviewer\":\"ada\",\"decision\":\"reject\",\"opinion\":1},"
         "{\"item\":3,\"reviewer\":\"ada\",\"decision\":\"reject\",\"opinion\":0}]");
  RUN(0, "review", "agreement");
  assert_string_equal(said, "FIRST  SECOND     ITEMS  AGREE  KAPPA\n"
                            "ada    the-judge      3  0.667      -\n"
                            "bob    the-judge      2  0.500      -\n"
                            "ada    bob            2  1.000  1.000\n");
  answer(0, "decisions", "[{}, null, 7, {\"reviewer\":{}}]");
  RUN(0, "review", "agreement");
}

static void a_hostile_server_cannot_move_the_cursor(void **state) {
  static const char *const hostile[] = {
      "[{}]", "[{\"index\":\"x\",\"review\":7,\"client\":\"a\\u001b[2J\",\"standing\":[]}]",
      "[{\"client\":\"a\\u001b[2J\",\"neighbour\":\"a\\u001b[2J\",\"organisation\":\"\\u001b\"}]"};
  (void)state;
  for (size_t h = 0; h < sizeof hostile / sizeof *hostile; h++) {
    static const char *const names[] = {"reviews", "round",     "clients",
                                        "moves",   "decisions", "client-rounds"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) answer(i, names[i], hostile[h]);
    typed((const char *[]){"review", "show", "1", NULL});
    for (const char *at = said; *at != '\0'; at++)
      assert_true((*at >= 0x20 && *at < 0x7f) || *at == '\n');
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(the_card_says_it_all_within_80_columns, set_up, tear_down),
      cmocka_unit_test_setup_teardown(who_comes_second_is_told_that_it_is_an_opinion, set_up,
                                      tear_down),
      cmocka_unit_test_setup_teardown(a_decision_names_what_it_is_based_on, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_client_is_explained, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_round_is_explained, set_up, tear_down),
      cmocka_unit_test_setup_teardown(agreement_is_counted_over_what_both_saw, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_hostile_server_cannot_move_the_cursor, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
