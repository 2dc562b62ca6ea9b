/* A device against a server that keeps its word, and against one that does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "client-sdk/retry.h"
#include "client-sdk/tamis.h"
#include "support/fake_server.h"

enum { PARAMETERS = 100003 };

struct scene {
  char folder[64], state[80];
  struct fake_server *server;
  struct tamis_client *client;
  struct tamis_task task;
  float *model;
};

static struct tamis_client *open_client(const struct scene *scene, uint32_t deadline_ms,
                                        uint32_t give_up_ms) {
  struct tamis_options options = {.struct_size = sizeof options,
                                  .state_dir = scene->state,
                                  .deadline_ms = deadline_ms,
                                  .give_up_ms = give_up_ms};
  struct tamis_client *client = NULL;
  enum tamis_status status = tamis_client_open(&options, &client);
  if (status != TAMIS_OK) print_error("open: %s\n", tamis_client_error(NULL));
  assert_int_equal(status, TAMIS_OK);
  return client;
}

static void reopen(struct scene *scene) {
  tamis_client_close(scene->client);
  scene->client = open_client(scene, 5000, 10000);
}

#define assert_good(scene, call)                                                                   \
  do {                                                                                             \
    enum tamis_status got = (call);                                                                \
    if (got != TAMIS_OK)                                                                           \
      print_error("%s: %s\n", tamis_status_name(got), tamis_client_error((scene)->client));        \
    assert_int_equal(got, TAMIS_OK);                                                               \
  } while (0)

static int setup_sized(void **state, uint64_t parameters) {
  struct scene *scene = calloc(1, sizeof *scene);
  strcpy(scene->folder, "/tmp/tamis-sdk-XXXXXX");
  if (!mkdtemp(scene->folder)) return 1;
  snprintf(scene->state, sizeof scene->state, "%s/state", scene->folder);
  scene->server = fake_server_start(scene->folder, parameters);
  scene->client = open_client(scene, 5000, 10000);
  scene->model = malloc(parameters * sizeof *scene->model);
  *state = scene;
  return 0;
}

static int setup(void **state) {
  return setup_sized(state, PARAMETERS);
}

static int teardown(void **state) {
  struct scene *scene = *state;
  char command[128];
  tamis_client_close(scene->client);
  fake_server_stop(scene->server);
  free(scene->model);
  snprintf(command, sizeof command, "rm -r '%s'", scene->folder);
  int code = system(command);
  free(scene);
  return code;
}

static enum tamis_status next_task(struct scene *scene) {
  return tamis_client_next_task(scene->client, "fed", 2000, &scene->task);
}

static enum tamis_status fetch(struct scene *scene) {
  return tamis_client_fetch_model(scene->client, &scene->task, scene->model,
                                  scene->task.parameters);
}

static enum tamis_status submit(struct scene *scene, struct tamis_receipt *receipt) {
  struct tamis_report report = {sizeof report, 10, 0.5, 7};
  return tamis_client_submit(scene->client, &scene->task, scene->model, scene->task.parameters,
                             &report, receipt);
}

static void enrol(struct scene *scene) {
  assert_good(scene, tamis_client_enrol(scene->client, fake_server_invitation(scene->server)));
}

static void begin_round(struct scene *scene) {
  enrol(scene);
  fake_server_open_round(scene->server);
  assert_good(scene, next_task(scene));
}

static void assert_refused(struct scene *scene, enum tamis_status got, enum tamis_status wanted) {
  if (got != wanted)
    print_error("%s: %s\n", tamis_status_name(got), tamis_client_error(scene->client));
  assert_int_equal(got, wanted);
  assert_true(*tamis_client_error(scene->client) != '\0');
}

/* The round ends as it should, and the next one opens. */
static void go_on(struct scene *scene) {
  fake_server_decide(scene->server, &(struct fake_decision){.verdict = "accept", .weighs = true});
  fake_server_open_round(scene->server);
}

/* ---- All is well ---- */

static void a_device_lives_through_two_rounds(void **state) {
  struct scene *scene = *state;
  struct tamis_receipt receipt, again;
  assert_false(tamis_client_is_enrolled(scene->client));
  begin_round(scene);
  assert_string_equal(tamis_client_name(scene->client), "device-1");
  assert_string_equal(scene->task.federation, "fed");
  assert_string_equal(scene->task.rule, "mean");
  assert_string_equal(scene->task.state, "probation");
  assert_int_equal(scene->task.round, 1);
  assert_int_equal(scene->task.parameters, PARAMETERS);
  assert_good(scene, fetch(scene));
  for (uint64_t i = 0; i < PARAMETERS; i++) assert_true(scene->model[i] == fake_server_value(i));
  assert_good(scene, submit(scene, &receipt));
  assert_int_equal(receipt.log_size, receipt.index + 1);
  fake_server_grow(scene->server, 5);
  assert_good(scene, tamis_client_check_receipt(scene->client, "fed", 1, &again));
  assert_int_equal(again.index, receipt.index);
  assert_int_equal(again.log_size, receipt.log_size + 5);
  go_on(scene);
  assert_good(scene, next_task(scene));
  assert_int_equal(scene->task.round, 2);
  assert_good(scene, submit(scene, &receipt));
  assert_int_equal(fake_server_counts(scene->server).updates, 2);
}

static void a_device_remembers_across_restarts(void **state) {
  struct scene *scene = *state;
  begin_round(scene);
  reopen(scene);
  assert_true(tamis_client_is_enrolled(scene->client));
  assert_refused(scene, tamis_client_enrol(scene->client, fake_server_invitation(scene->server)),
                 TAMIS_CONFLICT);
  assert_good(scene, next_task(scene));
  assert_good(scene, submit(scene, NULL)); /* without a fetch: the header is fetched for it */
}

static void nothing_to_do_times_out_and_the_end_is_told(void **state) {
  struct scene *scene = *state;
  enrol(scene);
  uint64_t before = retry_now_ms();
  assert_refused(scene, tamis_client_next_task(scene->client, NULL, 200, &scene->task),
                 TAMIS_TIMED_OUT);
  assert_in_range(retry_now_ms() - before, 200, 1500);
  fake_server_mischief(scene->server)->finished = true;
  assert_refused(scene, next_task(scene), TAMIS_CANCELLED);
}

static void nan_may_be_submitted_but_not_as_loss(void **state) {
  struct scene *scene = *state;
  struct tamis_report report = {sizeof report, 10, NAN, 7};
  begin_round(scene);
  for (int i = 0; i < PARAMETERS; i++) scene->model[i] = NAN;
  assert_refused(
      scene,
      tamis_client_submit(scene->client, &scene->task, scene->model, PARAMETERS, &report, NULL),
      TAMIS_BAD_STATEMENT);
  assert_good(scene, submit(scene, NULL));
}

static void a_task_of_somebody_else_is_refused(void **state) {
  struct scene *scene = *state;
  begin_round(scene);
  scene->task.round = 9;
  assert_refused(scene, submit(scene, NULL), TAMIS_BAD_REQUEST);
  scene->task.round = 1;
  scene->task.parameters = 7;
  assert_refused(scene,
                 tamis_client_fetch_model(scene->client, &scene->task, scene->model, PARAMETERS),
                 TAMIS_BAD_REQUEST);
}

/* ---- Trouble on the way ---- */

static void an_upload_resumes_where_it_broke(void **state) {
  struct scene *scene = *state;
  begin_round(scene);
  assert_good(scene, fetch(scene));
  fake_server_mischief(scene->server)->break_upload_at = 123457; /* inside a float */
  assert_good(scene, submit(scene, NULL));
  struct fake_counts counts = fake_server_counts(scene->server);
  assert_int_equal(counts.offers, 2);
  assert_int_equal(counts.sessions, 2); /* the session was lost too */
  assert_int_equal(counts.uploads, 2);
  assert_int_equal(counts.updates, 1);
  assert_true(counts.upload_bytes < PARAMETERS * 4 + 4096); /* nothing was sent twice */
}

static void a_download_resumes_where_it_broke(void **state) {
  struct scene *scene = *state;
  begin_round(scene);
  fake_server_mischief(scene->server)->break_blob_at = 200000;
  assert_good(scene, fetch(scene));
  assert_int_equal(fake_server_counts(scene->server).fetches, 2);
  assert_true(scene->model[PARAMETERS - 1] == fake_server_value(PARAMETERS - 1));
}

static void a_restarted_server_is_found_again(void **state) {
  struct scene *scene = *state;
  begin_round(scene);
  fake_server_restart(scene->server);
  assert_good(scene, fetch(scene));
  fake_server_restart(scene->server);
  assert_good(scene, submit(scene, NULL));
  assert_int_equal(fake_server_counts(scene->server).sessions, 3);
}

static void an_ended_session_is_renewed(void **state) {
  struct scene *scene = *state;
  enrol(scene);
  fake_server_open_round(scene->server);
  fake_server_mischief(scene->server)->no_session = 2;
  assert_good(scene, next_task(scene));
  assert_int_equal(fake_server_counts(scene->server).sessions, 3);
}

static void told_to_wait_it_waits(void **state) {
  struct scene *scene = *state;
  begin_round(scene);
  fake_server_mischief(scene->server)->rate_limited = 3;
  assert_good(scene, submit(scene, NULL));
  assert_int_equal(fake_server_counts(scene->server).offers, 4);
}

static void a_server_that_never_answers_is_given_up(void **state) {
  struct scene *scene = *state;
  enrol(scene);
  tamis_client_close(scene->client);
  scene->client = open_client(scene, 150, 400);
  fake_server_mischief(scene->server)->stall_ms = 400;
  uint64_t before = retry_now_ms();
  assert_refused(scene, next_task(scene), TAMIS_TIMED_OUT);
  assert_in_range(retry_now_ms() - before, 150, 3000);
}

static void a_server_that_is_gone_is_given_up(void **state) {
  struct scene *scene = *state;
  struct tamis_options options = {.struct_size = sizeof options,
                                  .state_dir = scene->state,
                                  .address = "127.0.0.1:1",
                                  .give_up_ms = 300};
  enrol(scene);
  tamis_client_close(scene->client);
  assert_int_equal(tamis_client_open(&options, &scene->client), TAMIS_OK);
  assert_refused(scene, next_task(scene), TAMIS_UNAVAILABLE);
}

static void plain_text_stays_on_this_machine(void **state) {
  struct scene *scene = *state;
  static const char *const address[] = {"192.0.2.1:7443", "127.0.0.1.example:7443",
                                        "localhost.example:1", "[::2]:1"};
  enrol(scene);
  for (size_t i = 0; i < sizeof address / sizeof *address; i++) {
    struct tamis_options options = {
        .struct_size = sizeof options, .state_dir = scene->state, .address = address[i]};
    tamis_client_close(scene->client);
    assert_int_equal(tamis_client_open(&options, &scene->client), TAMIS_OK);
    assert_refused(scene, next_task(scene), TAMIS_BAD_CONFIG);
  }
}

static void a_forked_child_is_told_to_open_its_own(void **state) {
  struct scene *scene = *state;
  begin_round(scene);
  pid_t child = fork();
  if (child == 0)
    _exit(tamis_client_check_receipt(scene->client, "fed", 1, NULL) == TAMIS_CONFLICT ? 0 : 1);
  int code = -1;
  waitpid(child, &code, 0);
  assert_int_equal(code, 0);
}

/* ---- A server that lies ---- */

static void a_plan_by_another_key_is_refused(void **state) {
  struct scene *scene = *state;
  enrol(scene);
  fake_server_mischief(scene->server)->wrong_aggregator = true;
  fake_server_open_round(scene->server);
  assert_refused(scene, next_task(scene), TAMIS_BAD_PROOF);
}

static void a_forged_receipt_is_refused(void **state) {
  struct scene *scene = *state;
  fake_server_mischief(scene->server)->forged_receipt = true;
  assert_refused(scene, tamis_client_enrol(scene->client, fake_server_invitation(scene->server)),
                 TAMIS_BAD_PROOF);
  assert_false(tamis_client_is_enrolled(scene->client));
  fake_server_mischief(scene->server)->forged_receipt = false;
  begin_round(scene); /* the interrupted enrolment can be taken up, with the same key */
  fake_server_mischief(scene->server)->forged_receipt = true;
  assert_refused(scene, submit(scene, NULL), TAMIS_BAD_PROOF);
}

static void a_receipt_of_another_entry_is_refused(void **state) {
  struct scene *scene = *state;
  begin_round(scene);
  fake_server_mischief(scene->server)->other_entry = true;
  assert_refused(scene, submit(scene, NULL), TAMIS_BAD_PROOF);
  assert_refused(scene, tamis_client_check_receipt(scene->client, "fed", 1, NULL), TAMIS_BAD_PROOF);
}

static void an_old_round_is_not_taken_for_a_new_one(void **state) {
  struct scene *scene = *state;
  begin_round(scene);
  assert_good(scene, submit(scene, NULL));
  go_on(scene);
  assert_good(scene, next_task(scene));
  fake_server_mischief(scene->server)->old_plan = true;
  assert_refused(scene, next_task(scene), TAMIS_BAD_PROOF);
}

static bool has_file(const struct scene *scene, const char *name) {
  char path[200];
  snprintf(path, sizeof path, "%s/%s", scene->state, name);
  return access(path, R_OK) == 0;
}

static void two_histories_end_it_for_good(void **state) {
  struct scene *scene = *state;
  begin_round(scene);
  fake_server_rewrite(scene->server);
  fake_server_grow(scene->server, 3);
  assert_refused(scene, submit(scene, NULL), TAMIS_FORK);
  assert_true(has_file(scene, "fork-evidence"));
  assert_refused(scene, submit(scene, NULL), TAMIS_FORK);
  reopen(scene);
  assert_refused(scene, next_task(scene), TAMIS_FORK);
}

static void another_tree_of_the_same_size_is_a_fork(void **state) {
  struct scene *scene = *state;
  begin_round(scene);
  fake_server_rewrite(scene->server);
  assert_refused(scene, next_task(scene), TAMIS_FORK);
  assert_true(has_file(scene, "fork-evidence"));
}

static enum tamis_status verdict_of(struct scene *scene, struct tamis_verdict *verdict) {
  return tamis_client_check_verdict(scene->client, "fed", 1, verdict);
}

static void a_verdict_is_read_from_the_log(void **state) {
  struct scene *scene = *state;
  struct tamis_receipt receipt;
  struct tamis_verdict verdict;
  begin_round(scene);
  assert_good(scene, submit(scene, &receipt));
  assert_good(scene, verdict_of(scene, &verdict));
  assert_string_equal(verdict.outcome, "open");
  assert_string_equal(verdict.verdict, "");
  fake_server_decide(scene->server, &(struct fake_decision){.verdict = "accept", .weighs = true});
  assert_good(scene, verdict_of(scene, &verdict));
  assert_string_equal(verdict.outcome, "promoted");
  assert_string_equal(verdict.verdict, "accept");
  assert_string_equal(verdict.sentence, "so it was found");
  assert_true(verdict.weight == 0.25);
  assert_int_equal(verdict.index, receipt.index);
  assert_true(verdict.verdicts_index > receipt.index &&
              verdict.aggregate_index > verdict.verdicts_index);
  assert_false(has_file(scene, "omission-evidence"));
}

static void a_rejected_update_weighs_nothing(void **state) {
  struct scene *scene = *state;
  struct tamis_verdict verdict;
  begin_round(scene);
  assert_good(scene, submit(scene, NULL));
  fake_server_decide(scene->server, &(struct fake_decision){.verdict = "reject"});
  assert_good(scene, verdict_of(scene, &verdict));
  assert_string_equal(verdict.verdict, "reject");
  assert_true(verdict.weight == 0);
}

static void an_update_that_got_no_verdict_is_evidence(void **state) {
  struct scene *scene = *state;
  struct tamis_verdict verdict;
  begin_round(scene);
  assert_good(scene, submit(scene, NULL));
  fake_server_decide(scene->server, &(struct fake_decision){.verdict = "accept", .omits = true});
  assert_refused(scene, verdict_of(scene, &verdict), TAMIS_BAD_PROOF);
  assert_true(has_file(scene, "omission-evidence"));
}

static void decisions_that_do_not_add_up_are_refused(void **state) {
  struct scene *scene = *state;
  static const struct fake_decision decision[] = {
      {.verdict = "accept"},                                    /* and does not weigh */
      {.verdict = "hold", .weighs = true},                      /* and does */
      {.verdict = "accept", .weighs = true, .stranger = true}}; /* signed by nobody we know */
  struct tamis_verdict verdict;
  begin_round(scene);
  assert_good(scene, submit(scene, NULL));
  for (size_t i = 0; i < sizeof decision / sizeof *decision; i++) {
    fake_server_decide(scene->server, &decision[i]);
    assert_refused(scene, verdict_of(scene, &verdict), TAMIS_BAD_PROOF);
    assert_string_equal(verdict.verdict, "");
  }
}

static void a_round_that_another_followed_must_have_an_end(void **state) {
  struct scene *scene = *state;
  struct tamis_verdict verdict;
  begin_round(scene);
  assert_good(scene, submit(scene, NULL));
  fake_server_decide(scene->server, &(struct fake_decision){.verdict = "reject", .hides = true});
  assert_good(scene, verdict_of(scene, &verdict)); /* it might not have ended yet */
  fake_server_open_round(scene->server);
  assert_refused(scene, next_task(scene), TAMIS_BAD_PROOF);
  assert_refused(scene, verdict_of(scene, &verdict), TAMIS_BAD_PROOF);
  assert_false(has_file(scene, "omission-evidence"));
  fake_server_abandon(scene->server, 1); /* late, but the log adds up */
  assert_good(scene, next_task(scene));
}

/* ---- What the client looks back at by itself ---- */

static void assert_wanted(const struct scene *scene, const char *text) {
  char path[200], found[1024] = "";
  snprintf(path, sizeof path, "%s/verdicts-wanted", scene->state);
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  found[fread(found, 1, sizeof found - 1, file)] = '\0';
  fclose(file);
  assert_string_equal(found, text);
}

static void evidence_removed_by_hand(const struct scene *scene) {
  char path[200];
  snprintf(path, sizeof path, "%s/omission-evidence", scene->state);
  assert_int_equal(unlink(path), 0);
}

static void the_round_before_is_looked_at_with_the_next_task(void **state) {
  struct scene *scene = *state;
  begin_round(scene);
  assert_good(scene, submit(scene, NULL));
  assert_wanted(scene, "[{\"federation\":\"fed\",\"round\":1}]");
  assert_int_equal(fake_server_counts(scene->server).queries, 0);
  go_on(scene);
  assert_good(scene, next_task(scene));
  assert_wanted(scene, "[]");
  assert_good(scene, next_task(scene)); /* once is enough */
  assert_int_equal(fake_server_counts(scene->server).queries, 1);
  assert_false(has_file(scene, "omission-evidence"));
}

static void the_last_round_is_looked_at_when_all_is_over(void **state) {
  struct scene *scene = *state;
  begin_round(scene);
  assert_good(scene, submit(scene, NULL));
  fake_server_decide(scene->server, &(struct fake_decision){.verdict = "reject"});
  fake_server_mischief(scene->server)->finished = true;
  assert_refused(scene, next_task(scene), TAMIS_CANCELLED);
  assert_wanted(scene, "[]");
}

static void an_omitted_update_stops_the_client_until_a_human_looked(void **state) {
  struct scene *scene = *state;
  struct tamis_task untouched = {.round = 77};
  begin_round(scene);
  assert_good(scene, submit(scene, NULL));
  reopen(scene); /* it remembers */
  fake_server_decide(scene->server, &(struct fake_decision){.verdict = "accept", .omits = true});
  fake_server_open_round(scene->server);
  scene->task = untouched;
  for (int i = 0; i < 4; i++) {
    assert_refused(scene, next_task(scene), TAMIS_BAD_PROOF);
    assert_int_equal(scene->task.round, 77);
    assert_true(has_file(scene, "omission-evidence"));
    if (i == 1) reopen(scene);
  }
  assert_int_equal(fake_server_counts(scene->server).queries, 1); /* the file says it all */
  evidence_removed_by_hand(scene);
  assert_good(scene, next_task(scene));
  assert_int_equal(scene->task.round, 2);
}

static void an_omission_shows_at_the_end_too(void **state) {
  struct scene *scene = *state;
  begin_round(scene);
  assert_good(scene, submit(scene, NULL));
  fake_server_decide(scene->server, &(struct fake_decision){.verdict = "accept", .omits = true});
  fake_server_mischief(scene->server)->finished = true;
  assert_refused(scene, next_task(scene), TAMIS_BAD_PROOF);
  assert_true(has_file(scene, "omission-evidence"));
}

static void an_abandoned_round_owes_nothing(void **state) {
  struct scene *scene = *state;
  begin_round(scene);
  assert_good(scene, submit(scene, NULL));
  fake_server_abandon(scene->server, 1);
  fake_server_open_round(scene->server);
  assert_good(scene, next_task(scene));
  assert_wanted(scene, "[]");
}

static void a_server_that_will_not_say_stops_no_training(void **state) {
  struct scene *scene = *state;
  begin_round(scene);
  assert_good(scene, submit(scene, NULL));
  fake_server_mischief(scene->server)->no_tables = true;
  for (unsigned round = 2; round <= 6; round++) {
    go_on(scene);
    assert_good(scene, next_task(scene));
    assert_int_equal(scene->task.round, round);
    assert_int_equal(fake_server_counts(scene->server).queries, round - 1); /* one try, no more */
    assert_good(scene, submit(scene, NULL));
  }
  assert_wanted(scene,
                "[{\"federation\":\"fed\",\"round\":3},{\"federation\":\"fed\",\"round\":4},"
                "{\"federation\":\"fed\",\"round\":5},{\"federation\":\"fed\",\"round\":6}]");
  reopen(scene);
  fake_server_mischief(scene->server)->no_tables = false;
  fake_server_decide(scene->server, &(struct fake_decision){.verdict = "accept", .omits = true});
  fake_server_open_round(scene->server);
  assert_refused(scene, next_task(scene), TAMIS_BAD_PROOF);
  evidence_removed_by_hand(scene);
  assert_good(scene, next_task(scene)); /* the other three are as they should be */
  assert_wanted(scene, "[]");
}

static void a_server_that_never_answers_about_it_stops_no_training(void **state) {
  struct scene *scene = *state;
  begin_round(scene);
  assert_good(scene, submit(scene, NULL));
  go_on(scene);
  tamis_client_close(scene->client);
  scene->client = open_client(scene, 1000, 10000);
  fake_server_mischief(scene->server)->tables_stall_ms = 1300;
  assert_good(scene, next_task(scene));
  assert_int_equal(scene->task.round, 2);
  assert_wanted(scene, "[{\"federation\":\"fed\",\"round\":1}]");
}

static void tables_without_an_end_stop_no_training(void **state) {
  struct scene *scene = *state;
  begin_round(scene);
  assert_good(scene, submit(scene, NULL));
  go_on(scene);
  fake_server_mischief(scene->server)->endless_tables = true;
  assert_good(scene, next_task(scene));
  assert_true(fake_server_counts(scene->server).queries <= 4097);
}

static void a_spoilt_list_is_told_and_not_guessed(void **state) {
  struct scene *scene = *state;
  static const char *const spoilt[] = {"",
                                       "{}",
                                       "[1]",
                                       "[{\"federation\":\"fed\"}]",
                                       "[{\"federation\":\"Fed\",\"round\":1}]",
                                       "[{\"federation\":\"fed\",\"round\":0}]",
                                       "[{\"federation\":\"fed\",\"round\":1}] "};
  struct tamis_options options = {.struct_size = sizeof options, .state_dir = scene->state};
  char path[200];
  enrol(scene);
  tamis_client_close(scene->client);
  snprintf(path, sizeof path, "%s/verdicts-wanted", scene->state);
  for (size_t i = 0; i < sizeof spoilt / sizeof *spoilt; i++) {
    FILE *file = fopen(path, "w");
    fputs(spoilt[i], file);
    fclose(file);
    assert_int_equal(tamis_client_open(&options, &scene->client), TAMIS_CORRUPT);
    assert_non_null(strstr(tamis_client_error(NULL), "take it away"));
  }
}

static void what_was_verified_is_cosigned_once(void **state) {
  struct scene *scene = *state;
  struct tamis_receipt receipt;
  begin_round(scene);
  struct fake_counts counts = fake_server_counts(scene->server);
  assert_int_equal(counts.cosigned, 1);
  assert_good(scene, submit(scene, &receipt));
  counts = fake_server_counts(scene->server);
  assert_int_equal(counts.cosigned, 2);
  assert_int_equal(counts.cosigned_size, receipt.log_size);
  assert_good(scene, tamis_client_check_receipt(scene->client, "fed", 1, NULL));
  assert_int_equal(fake_server_counts(scene->server).cosigned, 2); /* nothing new */
}

static void a_checkpoint_that_a_round_waits_for_is_cosigned_at_once(void **state) {
  struct scene *scene = *state;
  begin_round(scene);
  assert_good(scene, submit(scene, NULL));
  fake_server_grow(scene->server, 4);
  fake_server_mischief(scene->server)->asks_cosign = true;
  assert_refused(scene, tamis_client_next_task(scene->client, "fed", 0, &scene->task),
                 TAMIS_TIMED_OUT);
  struct fake_counts counts = fake_server_counts(scene->server);
  assert_int_equal(counts.cosigned, 3);
  assert_true(counts.cosigned_size > 4);
}

static void a_server_that_disowns_its_tree_is_looked_at_again(void **state) {
  struct scene *scene = *state;
  begin_round(scene);
  fake_server_mischief(scene->server)->disowns = true;
  assert_good(scene, submit(scene, NULL)); /* what it shows is one history: no evidence, no fork */
  assert_false(has_file(scene, "fork-evidence"));
  go_on(scene);
  fake_server_mischief(scene->server)->disowns = false;
  assert_good(scene, next_task(scene));
}

static void an_idle_client_sees_a_rewritten_log(void **state) {
  struct scene *scene = *state;
  begin_round(scene);
  assert_good(scene, submit(scene, NULL));
  fake_server_cut(scene->server, 2);
  reopen(scene);
  fake_server_mischief(scene->server)->finished = true;
  assert_refused(scene, tamis_client_next_task(scene->client, "fed", 0, &scene->task), TAMIS_FORK);
  assert_true(has_file(scene, "fork-evidence"));
}

static void a_log_that_was_cut_is_noticed(void **state) {
  struct scene *scene = *state;
  enrol(scene);
  fake_server_grow(scene->server, 3);
  fake_server_open_round(scene->server);
  assert_good(scene, next_task(scene));
  assert_good(scene, submit(scene, NULL));
  fake_server_cut(scene->server, 1);
  fake_server_mischief(scene->server)->old_plan = true;
  reopen(scene); /* which forgets what round it was, but not the checkpoint */
  assert_refused(scene, next_task(scene), TAMIS_FORK);
  assert_true(has_file(scene, "fork-evidence"));
}

static void wrong_bytes_are_never_handed_over(void **state) {
  struct scene *scene = *state;
  begin_round(scene);
  fake_server_mischief(scene->server)->flip_blob_at = 300007;
  assert_refused(scene, fetch(scene), TAMIS_DIGEST_MISMATCH);
  for (int i = 0; i < PARAMETERS; i++) assert_true(scene->model[i] == 0);
}

static void a_wrong_header_is_refused_at_once(void **state) {
  struct scene *scene = *state;
  begin_round(scene);
  fake_server_mischief(scene->server)->flip_blob_at = 20;
  assert_refused(scene, fetch(scene), TAMIS_WRONG_LAYOUT);
  assert_refused(scene, submit(scene, NULL), TAMIS_WRONG_LAYOUT);
}

static void a_model_that_ends_early_is_refused(void **state) {
  struct scene *scene = *state;
  begin_round(scene);
  fake_server_mischief(scene->server)->end_blob_at = 1000;
  assert_refused(scene, fetch(scene), TAMIS_TRUNCATED);
}

static int fickle(void *context, uint64_t offset, float *values, size_t count) {
  int *calls = context;
  for (size_t i = 0; i < count; i++) values[i] = (float)(++*calls) + (float)offset;
  return 0;
}

static void a_source_that_changes_its_mind_is_told(void **state) {
  struct scene *scene = *state;
  struct tamis_report report = {sizeof report, 10, 0.5, 7};
  int calls = 0;
  begin_round(scene);
  assert_refused(
      scene, tamis_client_submit_from(scene->client, &scene->task, fickle, &calls, &report, NULL),
      TAMIS_BAD_REQUEST);
}

/* ---- Memory ---- */

static long resident_kib(void) {
  long pages = 0, ignored;
  FILE *file = fopen("/proc/self/statm", "r");
  if (!file || fscanf(file, "%ld %ld", &ignored, &pages) != 2) pages = 0;
  if (file) fclose(file);
  return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SANITIZER 1
#elif defined(__has_feature)
#define HAS_SANITIZER (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define HAS_SANITIZER 0
#endif

/* A sanitizer keeps what was freed, so its figure says nothing; the bytes are compared all the
 * same. */
static const long growth_max_kib = HAS_SANITIZER ? 1 << 30 : 24 << 10;
static long highest_kib;

static int counting_sink(void *context, uint64_t offset, const float *values, size_t count) {
  uint64_t *good = context;
  long now = resident_kib();
  if (now > highest_kib) highest_kib = now;
  for (size_t i = 0; i < count; i++) *good += values[i] == fake_server_value(offset + i);
  return 0;
}

static int counting_source(void *context, uint64_t offset, float *values, size_t count) {
  (void)context;
  long now = resident_kib();
  if (now > highest_kib) highest_kib = now;
  for (size_t i = 0; i < count; i++) values[i] = fake_server_value(offset + i);
  return 0;
}

static int setup_large(void **state) {
  return setup_sized(state, (uint64_t)16 << 20);
}

/* 64 MiB each way; the figure holds both ends, as the server is in this process. */
static void a_large_model_passes_through_a_little_memory(void **state) {
  struct scene *scene = *state;
  struct tamis_report report = {sizeof report, 10, 0.5, 7};
  uint64_t good = 0;
  begin_round(scene);
  long before = highest_kib = resident_kib();
  assert_good(scene, tamis_client_stream_model(scene->client, &scene->task, counting_sink, &good));
  assert_int_equal(good, scene->task.parameters);
  assert_good(scene, tamis_client_submit_from(scene->client, &scene->task, counting_source, NULL,
                                              &report, NULL));
  print_message("64 MiB down and up: resident memory grew by %ld KiB\n", highest_kib - before);
  assert_true(highest_kib - before < growth_max_kib);
}

#define CLAIM(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  const struct CMUnitTest claims[] = {
      CLAIM(a_device_lives_through_two_rounds),
      CLAIM(a_device_remembers_across_restarts),
      CLAIM(nothing_to_do_times_out_and_the_end_is_told),
      CLAIM(nan_may_be_submitted_but_not_as_loss),
      CLAIM(a_task_of_somebody_else_is_refused),
      CLAIM(an_upload_resumes_where_it_broke),
      CLAIM(a_download_resumes_where_it_broke),
      CLAIM(a_restarted_server_is_found_again),
      CLAIM(an_ended_session_is_renewed),
      CLAIM(told_to_wait_it_waits),
      CLAIM(a_server_that_never_answers_is_given_up),
      CLAIM(a_server_that_is_gone_is_given_up),
      CLAIM(plain_text_stays_on_this_machine),
      CLAIM(a_forked_child_is_told_to_open_its_own),
      CLAIM(a_plan_by_another_key_is_refused),
      CLAIM(a_forged_receipt_is_refused),
      CLAIM(a_receipt_of_another_entry_is_refused),
      CLAIM(an_old_round_is_not_taken_for_a_new_one),
      CLAIM(two_histories_end_it_for_good),
      CLAIM(another_tree_of_the_same_size_is_a_fork),
      CLAIM(a_log_that_was_cut_is_noticed),
      CLAIM(a_verdict_is_read_from_the_log),
      CLAIM(a_rejected_update_weighs_nothing),
      CLAIM(an_update_that_got_no_verdict_is_evidence),
      CLAIM(decisions_that_do_not_add_up_are_refused),
      CLAIM(a_round_that_another_followed_must_have_an_end),
      CLAIM(the_round_before_is_looked_at_with_the_next_task),
      CLAIM(the_last_round_is_looked_at_when_all_is_over),
      CLAIM(an_omitted_update_stops_the_client_until_a_human_looked),
      CLAIM(an_omission_shows_at_the_end_too),
      CLAIM(an_abandoned_round_owes_nothing),
      CLAIM(a_server_that_will_not_say_stops_no_training),
      CLAIM(a_server_that_never_answers_about_it_stops_no_training),
      CLAIM(tables_without_an_end_stop_no_training),
      CLAIM(a_spoilt_list_is_told_and_not_guessed),
      CLAIM(what_was_verified_is_cosigned_once),
      CLAIM(a_checkpoint_that_a_round_waits_for_is_cosigned_at_once),
      CLAIM(a_server_that_disowns_its_tree_is_looked_at_again),
      CLAIM(an_idle_client_sees_a_rewritten_log),
      CLAIM(wrong_bytes_are_never_handed_over),
      CLAIM(a_wrong_header_is_refused_at_once),
      CLAIM(a_model_that_ends_early_is_refused),
      CLAIM(a_source_that_changes_its_mind_is_told),
      cmocka_unit_test_setup_teardown(a_large_model_passes_through_a_little_memory, setup_large,
                                      teardown),
  };
  return cmocka_run_group_tests(claims, NULL, NULL);
}
