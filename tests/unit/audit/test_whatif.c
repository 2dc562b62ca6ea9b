/* Claims about the questions that change nothing: what another rule would have made of a round,
 * and what a model would be without each of those who shaped it. */
#include "../aggregator/world.h"

#include "audit/blame.h"
#include "audit/descent.h"
#include "audit/replay.h"
#include "audit/variant.h"

#define assert_status(found, wanted)                                                               \
  assert_string_equal(tamis_status_name(found), tamis_status_name(wanted))

enum { CLIENTS = 8, ROUNDS = 4 };

struct scene {
  struct world world;
  char copy[256], vkey[KEY_VKEY_SIZE];
  struct archive *archive;
};

/* Four rounds of a federation in which c00 lies, nobody is turned away and everybody is needed. */
static struct scene *play_with(const char *rule, const char *optimiser, int clients) {
  struct scene *scene = calloc(1, sizeof *scene);
  struct archive_options options = {.keeps_rounds = true};
  world_open(&scene->world);
  world_enrol_clients(&scene->world, (size_t)clients);
  scene->world.optimiser = optimiser;
  assert_status(world_federation(&scene->world, WORLD_FEDERATION, rule, clients, 0, 0, ROUNDS,
                                 json_pack("{s:o}", "enforce", canonical_f64(0)), NULL),
                TAMIS_OK);
  world_play(&scene->world, ROUNDS, 1, WORLD_SIGN_FLIP);
  key_vkey_write(&scene->world.log_key.public, scene->vkey);
  snprintf(scene->copy, sizeof scene->copy, "%s/copy", scene->world.dir);
  world_copy(scene->world.state_dir, scene->copy);
  assert_status(archive_open(scene->copy, scene->vkey, &options, &scene->archive, NULL), TAMIS_OK);
  assert_status(archive_walk(scene->archive, NULL, NULL, NULL), TAMIS_OK);
  return scene;
}

static struct scene *play(const char *rule, const char *optimiser) {
  return play_with(rule, optimiser, CLIENTS);
}

static void leave(struct scene *scene) {
  archive_close(scene->archive);
  world_close(&scene->world);
  free(scene);
}

/* ---- replay ---- */

static struct replay_question about(int64_t round, const char *rule) {
  return (struct replay_question){
      .federation = WORLD_FEDERATION, .round = round, .rule = rule, .threads = 1};
}

static void the_rounds_own_rule_gives_the_logged_model(const char *rule, const char *optimiser) {
  struct scene *scene = play(rule, optimiser);
  for (int64_t round = 1; round <= ROUNDS; round++) {
    struct replay_question question = about(round, round % 2 ? rule : NULL);
    struct replay replay;
    struct fault fault;
    enum tamis_status status = replay_round(scene->archive, &question, &replay, &fault);
    if (status != TAMIS_OK) print_message("%s\n", fault.text);
    assert_status(status, TAMIS_OK);
    assert_true(replay.has_logged && digest_equal(&replay.candidate, &replay.logged));
    assert_true(replay.moves.length > 0 && replay.moves.length == replay.moves.other);
    assert_true(replay.moves.apart == 0 && fabs(replay.moves.cosine - 1) < 1e-12);
    assert_true(replay.margin == replay.logged_margin);
    assert_int_equal(replay.count, CLIENTS);
    for (size_t i = 0; i < replay.count; i++) {
      assert_string_equal(replay.row[i].client, scene->world.client[i].public.name);
      assert_true(replay.row[i].weight == replay.row[i].logged);
    }
    struct digest digest = digest_of(replay.file, replay.file_length);
    assert_true(digest_equal(&digest, &replay.logged));
    replay_close(&replay);
  }
  leave(scene);
}

static void replay_with_the_rounds_own_rule_gives_the_logged_digest(void **context) {
  (void)context;
  the_rounds_own_rule_gives_the_logged_model("mean", NULL);
  the_rounds_own_rule_gives_the_logged_model("nnm(f=1) | trimmed_mean(f=1)", "momentum");
  the_rounds_own_rule_gives_the_logged_model("multi_krum(f=1)", "adam(0.1)");
  the_rounds_own_rule_gives_the_logged_model("centered_clipping(tau=1)", NULL);
}

static void replay_with_another_rule_is_that_rule_on_those_bytes(void **context) {
  (void)context;
  struct scene *scene = play("mean", NULL);
  struct scene *other = play("multi_krum(f=1)", NULL); /* the same clients, the same round 1 */
  struct replay_question question = about(1, "multi_krum(f=1)");
  struct replay replay;
  assert_status(replay_round(scene->archive, &question, &replay, NULL), TAMIS_OK);
  const struct archive_round *round = descent_round(other->archive, WORLD_FEDERATION, 1);
  float found[WORLD_PARAMETERS], there[WORLD_PARAMETERS];
  memcpy(found, replay.file + scene->world.layout.header_size, sizeof found);
  world_get(&other->world, &round->candidate, there);
  /* Equal but for the order of the sums, which each log draws for itself. */
  for (size_t i = 0; i < WORLD_PARAMETERS; i++)
    assert_true(fabs((double)found[i] - there[i]) <= ldexp(fabs(there[i]), -23));
  assert_false(digest_equal(&replay.candidate, &replay.logged));
  assert_true(replay.row[0].logged == 0.125 && replay.row[0].weight == 0);
  assert_true(replay.moves.apart > 0 && replay.moves.cosine < 1);
  replay_close(&replay);
  leave(scene);
  leave(other);
}

static void replay_refuses_what_it_cannot_do(void **context) {
  (void)context;
  struct scene *scene = play("mean", NULL);
  struct replay replay;
  const struct {
    const char *federation;
    int64_t round;
    const char *rule, *optimiser;
    enum tamis_status status;
  } bad[] = {
      {"nobody", 1, "mean", NULL, TAMIS_UNKNOWN_FEDERATION},
      {WORLD_FEDERATION, 99, "mean", NULL, TAMIS_NOT_FOUND},
      {WORLD_FEDERATION, 0, "mean", NULL, TAMIS_NOT_FOUND},
      {WORLD_FEDERATION, -1, "mean", NULL, TAMIS_NOT_FOUND},
      {WORLD_FEDERATION, 1, "mean(", NULL, TAMIS_BAD_REQUEST},
      {WORLD_FEDERATION, 1, "fltrust", NULL, TAMIS_BAD_REQUEST},
      {WORLD_FEDERATION, 1, "foolsgold", NULL, TAMIS_BAD_REQUEST},
      {WORLD_FEDERATION, 1, "mean", "adam", TAMIS_BAD_REQUEST},
      {WORLD_FEDERATION, 1, "krum(f=4)", NULL, TAMIS_RULE_NOT_FEASIBLE},
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct replay_question question = {.federation = bad[i].federation,
                                       .round = bad[i].round,
                                       .rule = bad[i].rule,
                                       .optimiser = bad[i].optimiser};
    struct fault fault = {0};
    assert_status(replay_round(scene->archive, &question, &replay, &fault), bad[i].status);
    assert_true(fault.text[0] != '\0');
    replay_close(&replay);
  }
  leave(scene);
}

/* ---- blame ---- */

static struct blame blame_of(const struct scene *scene, struct blame_question question) {
  struct blame blame;
  struct fault fault;
  question.federation = WORLD_FEDERATION;
  enum tamis_status status = blame_model(scene->archive, &question, &blame, &fault);
  if (status != TAMIS_OK) print_message("%s\n", fault.text);
  assert_status(status, TAMIS_OK);
  return blame;
}

static const struct blame_row *row_of(const struct blame *blame, const char *client) {
  for (size_t i = 0; i < blame->count; i++)
    if (strcmp(blame->row[i].client, client) == 0) return &blame->row[i];
  fail_msg("no row of %s", client);
  return NULL;
}

static double norm_of(struct scene *scene, const struct digest *blob) {
  float values[WORLD_PARAMETERS];
  double sum = 0;
  world_get(&scene->world, blob, values);
  for (size_t i = 0; i < WORLD_PARAMETERS; i++) sum += (double)values[i] * values[i];
  return sqrt(sum);
}

/* What the two ways may differ by. The Gram matrix is of rows whose coordinates were rounded to
 * 2^-22 of the largest of their tile (gram.h), so row i is off by at most 2^-22 sqrt(d) |x_i|, and
 * weights differ by at most 1 in any: in all 2^-22 sqrt(d) sum |x_i|. The models that the other way
 * subtracts were rounded to float twice, as aggregate and as sum: 2^-24 of |a| and of |M| each, on
 * both sides, where |a| <= sum |x_i| for weights of at most 1. */
static double rounding_of(struct scene *scene, int64_t round) {
  const struct archive_round *its = descent_round(scene->archive, WORLD_FEDERATION, round);
  double rows = 0, model = norm_of(scene, &its->candidate), base = norm_of(scene, &its->base);
  for (size_t i = 0; i < its->aggregate->count; i++)
    rows += norm_of(scene, &its->aggregate->row[i].update);
  return ldexp(sqrt(WORLD_PARAMETERS) * rows, -22) + ldexp(2 * rows + model + base + rows, -24);
}

static void gram_and_vectors_agree_for(const char *rule) {
  struct scene *scene = play(rule, NULL);
  for (int64_t round = 1; round <= ROUNDS; round++) {
    struct blame_question question = {.since = round, .round = round, .threads = 1};
    struct blame light = blame_of(scene, question);
    question.never_by_gram = true;
    struct blame heavy = blame_of(scene, question);
    double bound = rounding_of(scene, round);
    assert_true(light.by_gram && !heavy.by_gram);
    assert_true(light.count == CLIENTS && heavy.count == CLIENTS && light.rounds == 1);
    assert_true(fabs(light.length - heavy.length) <= bound);
    for (size_t i = 0; i < light.count; i++) {
      const struct blame_row *a = &light.row[i], *b = row_of(&heavy, a->client);
      assert_true(fabs(a->influence - b->influence) <= bound);
      assert_int_equal(a->skipped, b->skipped);
      if (a->influence < 1e3 * bound) continue;
      /* The angle of a vector of that length that is off by the bound, times two for both. */
      assert_true(fabs(a->direction - b->direction) <=
                  2 * bound / a->influence + 2 * bound / light.length);
    }
    blame_close(&light);
    blame_close(&heavy);
  }
  leave(scene);
}

static void blame_by_the_gram_matrix_is_blame_by_the_vectors(void **context) {
  (void)context;
  gram_and_vectors_agree_for("mean");
  gram_and_vectors_agree_for("multi_krum(f=2)");
  gram_and_vectors_agree_for("clip(1.0) | nnm(f=1) | geometric_median");
}

/* By hand: without one of n the mean moves by (x_c - mean of the others) / n. */
static void leaving_one_out_of_a_mean_is_what_the_definition_says(void **context) {
  (void)context;
  struct scene *scene = play("mean", NULL);
  struct blame blame = blame_of(scene, (struct blame_question){.since = 1, .round = 1});
  const struct work *work = descent_round(scene->archive, WORLD_FEDERATION, 1)->aggregate;
  float update[CLIENTS][WORLD_PARAMETERS];
  for (size_t i = 0; i < CLIENTS; i++) world_get(&scene->world, &work->row[i].update, update[i]);
  for (size_t c = 0; c < CLIENTS; c++) {
    double squared = 0, product = 0, length = 0;
    for (size_t k = 0; k < WORLD_PARAMETERS; k++) {
      double all = 0;
      for (size_t i = 0; i < CLIENTS; i++) all += update[i][k];
      double step = all / CLIENTS - (all - update[c][k]) / (CLIENTS - 1);
      squared += step * step;
      product += step * all / CLIENTS;
      length += all / CLIENTS * (all / CLIENTS);
    }
    const struct blame_row *row = row_of(&blame, scene->world.client[c].public.name);
    assert_true(fabs(row->influence - sqrt(squared)) <= rounding_of(scene, 1));
    assert_true(fabs(row->direction - product / sqrt(squared * length)) < 1e-3);
    assert_true(fabs(row->share - sqrt(squared / length)) < 1e-3);
  }
  assert_string_equal(blame.row[0].client, "c00");
  blame_close(&blame);
  leave(scene);
}

static bool is_liar(const void *context, uint32_t client) {
  return strcmp(((const struct state *)context)->client[client].name, "c00") == 0;
}

static void blame_over_rounds_is_the_head_less_the_lineage_without_the_client(void **context) {
  (void)context;
  struct scene *scene = play("trimmed_mean(f=1)", "momentum");
  struct blame blame = blame_of(scene, (struct blame_question){.round = DESCENT_HEAD});
  struct descent descent;
  assert_status(descent_open(scene->archive, WORLD_FEDERATION, 0, DESCENT_HEAD, &descent, NULL),
                TAMIS_OK);
  assert_int_equal(descent.count, ROUNDS);
  struct variant variant = variant_at(descent.round[0]->aggregate);
  for (size_t k = 0; k < descent.count; k++)
    assert_status(variant_round(&variant, archive_blobs(scene->archive), 1,
                                descent.round[k]->aggregate, is_liar, archive_state(scene->archive),
                                NULL, NULL),
                  TAMIS_OK);
  struct blob_view view;
  float head[WORLD_PARAMETERS];
  double squared = 0;
  assert_status(variant_model(&variant, archive_blobs(scene->archive), &view, NULL), TAMIS_OK);
  const float *without = (const void *)(view.bytes + scene->world.layout.header_size);
  world_get(&scene->world, &descent.round[ROUNDS - 1]->candidate, head);
  for (size_t i = 0; i < WORLD_PARAMETERS; i++)
    squared += ((double)head[i] - without[i]) * ((double)head[i] - without[i]);
  assert_true(row_of(&blame, "c00")->influence == sqrt(squared));
  assert_int_equal(blame.rounds, ROUNDS);
  assert_false(blame.by_gram);
  variant_close(&variant);
  descent_close(&descent);
  blame_close(&blame);
  leave(scene);
}

/* A variant that leaves nobody out is the logged lineage. */
static void a_variant_without_nobody_ends_at_the_head(void **context) {
  (void)context;
  struct scene *scene = play("centered_clipping(tau=1)", "adam(0.1)");
  struct descent descent;
  assert_status(descent_open(scene->archive, WORLD_FEDERATION, 2, DESCENT_HEAD, &descent, NULL),
                TAMIS_OK);
  struct variant variant = variant_at(descent.round[0]->aggregate);
  for (size_t k = 0; k < descent.count; k++) {
    assert_status(variant_round(&variant, archive_blobs(scene->archive), 2,
                                descent.round[k]->aggregate, NULL, NULL, NULL, NULL),
                  TAMIS_OK);
    assert_true(digest_equal(&variant.head, &descent.round[k]->candidate));
  }
  struct digest head = world_head(&scene->world);
  assert_true(digest_equal(&variant.head, &head));
  variant_close(&variant);
  descent_close(&descent);
  leave(scene);
}

/* What a variant holds in memory is what the server then writes; and a rebuilt line can be asked
 * like any other. */
static void a_rebuild_is_the_variant_without_the_client(void **context) {
  (void)context;
  struct scene *scene = play("trimmed_mean(f=1)", "momentum");
  struct archive_options options = {.keeps_rounds = true};
  struct archive *after;
  struct descent descent, rebuilt;
  struct digest head = world_head(&scene->world);
  const char *const out[] = {"c00"};
  assert_status(world_rebuild(&scene->world, 2, 1, out, &head, NULL), TAMIS_OK);
  assert_true(world_wait(&scene->world, "head_round", 2 * ROUNDS - 1));
  world_stop(&scene->world);
  assert_status(archive_open(scene->world.state_dir, scene->vkey, &options, &after, NULL),
                TAMIS_OK);
  assert_status(archive_walk(after, NULL, NULL, NULL), TAMIS_OK);
  assert_status(descent_open(after, WORLD_FEDERATION, ROUNDS + 1, DESCENT_HEAD, &rebuilt, NULL),
                TAMIS_OK);
  assert_status(descent_open(scene->archive, WORLD_FEDERATION, 2, ROUNDS, &descent, NULL),
                TAMIS_OK);
  assert_int_equal(rebuilt.count, descent.count);
  struct variant variant = variant_at(descent.round[0]->aggregate);
  for (size_t k = 0; k < descent.count; k++) {
    assert_status(variant_round(&variant, archive_blobs(scene->archive), 1,
                                descent.round[k]->aggregate, is_liar, archive_state(scene->archive),
                                NULL, NULL),
                  TAMIS_OK);
    assert_int_equal(rebuilt.round[k]->of, descent.round[k]->number);
    assert_true(digest_equal(&variant.head, &rebuilt.round[k]->candidate));
    struct replay_question question = about(rebuilt.round[k]->number, NULL);
    struct replay replay;
    assert_status(replay_round(after, &question, &replay, NULL), TAMIS_OK);
    assert_true(digest_equal(&replay.candidate, &rebuilt.round[k]->candidate));
    assert_int_equal(replay.count, CLIENTS - 1);
    replay_close(&replay);
  }
  struct blame_question question = {
      .federation = WORLD_FEDERATION, .since = ROUNDS + 1, .round = DESCENT_HEAD};
  struct blame blame;
  assert_status(blame_model(after, &question, &blame, NULL), TAMIS_OK);
  assert_int_equal(blame.count, CLIENTS - 1);
  for (size_t i = 0; i < blame.count; i++) assert_string_not_equal(blame.row[i].client, "c00");
  blame_close(&blame);
  variant_close(&variant);
  descent_close(&descent);
  descent_close(&rebuilt);
  archive_close(after);
  leave(scene);
}

static void threads_and_memory_change_no_bit_of_blame(void **context) {
  (void)context;
  struct scene *scene = play("nnm(f=1) | trimmed_mean(f=1)", "momentum");
  struct blame one = blame_of(scene, (struct blame_question){.round = 4, .threads = 1});
  struct blame two = blame_of(
      scene, (struct blame_question){.round = 4, .threads = 3, .memory_bytes = 1}); /* one by one */
  assert_int_equal(one.count, two.count);
  assert_true(one.length == two.length);
  for (size_t i = 0; i < one.count; i++) {
    assert_string_equal(one.row[i].client, two.row[i].client);
    assert_memory_equal(&one.row[i].influence, &two.row[i].influence, sizeof(double));
    assert_memory_equal(&one.row[i].direction, &two.row[i].direction, sizeof(double));
  }
  blame_close(&one);
  blame_close(&two);
  leave(scene);
}

/* With seven updates multi_krum(f=3) can just promise; with six it cannot. */
static void rounds_that_cannot_do_without_a_client_are_skipped(void **context) {
  (void)context;
  struct scene *scene = play_with("multi_krum(f=3)", NULL, 7);
  struct blame light = blame_of(scene, (struct blame_question){.since = 2, .round = 2});
  struct blame heavy =
      blame_of(scene, (struct blame_question){.since = 2, .round = 2, .never_by_gram = true});
  for (size_t i = 0; i < light.count; i++) {
    assert_true(light.row[i].skipped == 1 && heavy.row[i].skipped == 1);
    assert_true(fabs(light.row[i].share - 1) < 1e-6 && heavy.row[i].share == 1);
  }
  blame_close(&light);
  blame_close(&heavy);
  leave(scene);
}

/* Minus the distance to where all honest clients want to go. */
static enum tamis_status nearness(void *context, const uint8_t *file, size_t length, double *value,
                                  struct fault *fault) {
  const struct world *world = context;
  const float *at = (const void *)(file + world->layout.header_size);
  double squared = 0;
  (void)fault;
  assert_int_equal(length, layout_file_size(&world->layout));
  for (size_t i = 0; i < WORLD_PARAMETERS; i++)
    squared += ((double)at[i] - 1) * ((double)at[i] - 1);
  *value = -sqrt(squared);
  return TAMIS_OK;
}

static void with_an_evaluator_clients_are_ranked_by_what_is_gained_without_them(void **context) {
  (void)context;
  struct scene *scene = play("mean", NULL);
  struct evaluator *evaluator;
  assert_status(evaluator_of_function(nearness, &scene->world, &evaluator, NULL), TAMIS_OK);
  struct blame blame =
      blame_of(scene, (struct blame_question){.round = DESCENT_HEAD, .evaluator = evaluator});
  assert_true(blame.is_evaluated && !blame.by_gram);
  assert_string_equal(blame.row[0].client, "c00");
  assert_true(blame.row[0].gain > 0);
  for (size_t i = 0; i < blame.count; i++) {
    assert_true(blame.row[i].gain == blame.row[i].value - blame.value);
    assert_true(i == 0 || blame.row[i].gain <= blame.row[i - 1].gain);
  }
  assert_int_equal(evaluator_asked(evaluator), CLIENTS + 1);
  blame_close(&blame);
  evaluator_free(evaluator);
  leave(scene);
}

/* Honest for two rounds, then a liar: it leads since the third. */
static void since_when_is_the_first_round_of_an_unbroken_lead(void **context) {
  (void)context;
  struct scene *scene = calloc(1, sizeof *scene);
  struct archive_options options = {.keeps_rounds = true};
  int64_t since;
  world_open(&scene->world);
  world_enrol_clients(&scene->world, CLIENTS);
  assert_status(world_federation(&scene->world, WORLD_FEDERATION, "mean", CLIENTS, 0, 0, ROUNDS,
                                 json_pack("{s:o}", "enforce", canonical_f64(0)), NULL),
                TAMIS_OK);
  world_play(&scene->world, 2, 0, WORLD_HONEST);
  world_play(&scene->world, ROUNDS, 1, WORLD_SCALE);
  key_vkey_write(&scene->world.log_key.public, scene->vkey);
  assert_status(archive_open(scene->world.state_dir, scene->vkey, &options, &scene->archive, NULL),
                TAMIS_OK);
  assert_status(archive_walk(scene->archive, NULL, NULL, NULL), TAMIS_OK);
  struct blame_question question = {.federation = WORLD_FEDERATION, .round = ROUNDS};
  assert_status(blame_since(scene->archive, &question, "c00", &since, NULL), TAMIS_OK);
  assert_int_equal(since, 3);
  assert_status(blame_since(scene->archive, &question, "c01", &since, NULL), TAMIS_OK);
  assert_int_equal(since, 0);
  leave(scene);
}

static void blame_refuses_what_has_no_answer(void **context) {
  (void)context;
  struct scene *scene = play("mean", NULL);
  struct blame blame;
  const struct {
    const char *federation;
    int64_t since, round;
    enum tamis_status status;
  } bad[] = {{"nobody", 0, DESCENT_HEAD, TAMIS_UNKNOWN_FEDERATION},
             {WORLD_FEDERATION, 0, 99, TAMIS_NOT_FOUND},
             {WORLD_FEDERATION, 0, 0, TAMIS_BAD_REQUEST},
             {WORLD_FEDERATION, 3, 2, TAMIS_BAD_REQUEST}};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct blame_question question = {
        .federation = bad[i].federation, .since = bad[i].since, .round = bad[i].round};
    assert_status(blame_model(scene->archive, &question, &blame, NULL), bad[i].status);
    blame_close(&blame);
  }
  leave(scene);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(replay_with_the_rounds_own_rule_gives_the_logged_digest),
      cmocka_unit_test(replay_with_another_rule_is_that_rule_on_those_bytes),
      cmocka_unit_test(replay_refuses_what_it_cannot_do),
      cmocka_unit_test(blame_by_the_gram_matrix_is_blame_by_the_vectors),
      cmocka_unit_test(leaving_one_out_of_a_mean_is_what_the_definition_says),
      cmocka_unit_test(blame_over_rounds_is_the_head_less_the_lineage_without_the_client),
      cmocka_unit_test(a_variant_without_nobody_ends_at_the_head),
      cmocka_unit_test(a_rebuild_is_the_variant_without_the_client),
      cmocka_unit_test(threads_and_memory_change_no_bit_of_blame),
      cmocka_unit_test(rounds_that_cannot_do_without_a_client_are_skipped),
      cmocka_unit_test(with_an_evaluator_clients_are_ranked_by_what_is_gained_without_them),
      cmocka_unit_test(since_when_is_the_first_round_of_an_unbroken_lead),
      cmocka_unit_test(blame_refuses_what_has_no_answer),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
