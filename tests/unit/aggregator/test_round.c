/* The two passes over blobs: what is found, what it costs in memory, and what stops them. */
#include "world.h"

#include <sys/resource.h>
#include "aggregator/federation.h"
#include "aggregator/round.h"

#define assert_status(found, wanted)                                                               \
  assert_string_equal(tamis_status_name(found), tamis_status_name(wanted))

struct bench { /* a blob store, a base and rows; no state at all */
  char dir[64];
  struct blob_store *blobs;
  struct layout layout;
  struct work work;
};

static struct digest put(struct bench *bench, const float *values) {
  size_t size = layout_file_size(&bench->layout);
  uint8_t *file = malloc(size);
  struct digest digest;
  memcpy(file, bench->layout.header, bench->layout.header_size);
  memcpy(file + bench->layout.header_size, values, bench->layout.parameters * sizeof *values);
  assert_status(blob_put(bench->blobs, file, size, &digest, NULL), TAMIS_OK);
  free(file);
  return digest;
}

static void get(struct bench *bench, const struct digest *digest, float *values) {
  struct blob_view view;
  assert_status(blob_map(bench->blobs, digest, true, &view, NULL), TAMIS_OK);
  assert_int_equal(view.length, layout_file_size(&bench->layout));
  memcpy(values, view.bytes + bench->layout.header_size, bench->layout.parameters * sizeof *values);
  blob_unmap(&view);
}

static void bench_open(struct bench *bench, const char *rule, size_t n, size_t d) {
  struct tensor tensor = {.name = "w", .rank = 1, .shape = {d}};
  memset(bench, 0, sizeof *bench);
  snprintf(bench->dir, sizeof bench->dir, "/tmp/tamis-round-XXXXXX");
  assert_non_null(mkdtemp(bench->dir));
  assert_status(blob_store_open(bench->dir, 0, &bench->blobs, NULL), TAMIS_OK);
  assert_status(layout_make(&tensor, 1, &bench->layout, NULL), TAMIS_OK);
  struct work *work = &bench->work;
  work->kind = WORK_MEASURE;
  snprintf(work->rule, sizeof work->rule, "%s", rule);
  work->count = n;
  work->row = calloc(n, sizeof *work->row);
  work->counts = calloc(n, sizeof *work->counts);
  for (size_t i = 0; i < n; i++) work->row[i] = (struct work_row){.votes = true, .examples = 1};
}

/* From the evidence to the aggregate: these rows count. */
static void then_aggregate(struct bench *bench) {
  bench->work.kind = WORK_AGGREGATE;
  for (size_t i = 0; i < bench->work.count; i++) bench->work.accepted += bench->work.counts[i];
}

static void bench_close(struct bench *bench) {
  free(bench->work.row);
  free(bench->work.counts);
  free(bench->work.evidence);
  free(bench->work.weight);
  layout_close(&bench->layout);
  blob_store_close(bench->blobs);
  world_remove(bench->dir);
}

static void the_mean_of_accepted_rows_is_added_to_the_base(void **unused) {
  struct bench bench;
  const float base[3] = {1, 2, 3}, rows[4][3] = {{1, 0, 0}, {3, 0, 0}, {100, 100, 100}, {2, 3, -3}};
  float model[3];
  (void)unused;
  bench_open(&bench, "mean", 4, 3);
  bench.work.base = put(&bench, base);
  for (size_t i = 0; i < 4; i++) bench.work.row[i].update = put(&bench, rows[i]);
  bench.work.row[0].before = bench.work.row[1].update;
  round_work(bench.blobs, 1, &bench.work);
  assert_status(bench.work.status, TAMIS_OK);
  assert_true(bench.work.evidence[0].norm == 1 && bench.work.evidence[1].norm == 3);
  assert_true(bench.work.evidence[0].own_cosine == 1 && bench.work.evidence[1].own_cosine == 0);
  assert_int_equal(bench.work.evidence[0].neighbour, 1);
  assert_true(bench.work.evidence[2].distance > 10 * bench.work.evidence[3].distance);
  for (size_t i = 0; i < 4; i++) bench.work.counts[i] = i != 2;
  then_aggregate(&bench);
  round_work(bench.blobs, 1, &bench.work);
  assert_status(bench.work.status, TAMIS_OK);
  get(&bench, &bench.work.candidate, model);
  assert_true(model[0] == 3 && model[1] == 3 && model[2] == 2);
  assert_true(bench.work.weight[2] == 0);
  assert_true(fabs(bench.work.weight[0] - 1.0 / 3) < 1e-15);
  bench_close(&bench);
}

static void examples_weigh_only_in_the_mean_and_only_when_the_policy_says_so(void **unused) {
  struct bench bench;
  const float base[1] = {0}, rows[5][1] = {{1}, {2}, {3}, {4}, {5}};
  float model[1];
  (void)unused;
  for (int turn = 0; turn < 2; turn++) {
    bench_open(&bench, turn ? "median" : "mean", 5, 1);
    bench.work.base = put(&bench, base);
    bench.work.weigh_by_examples = true;
    for (size_t i = 0; i < 5; i++) {
      bench.work.row[i].update = put(&bench, rows[i]);
      bench.work.row[i].examples = i == 4 ? 6 : 1;
      bench.work.counts[i] = true;
    }
    round_work(bench.blobs, 1, &bench.work);
    then_aggregate(&bench);
    round_work(bench.blobs, 1, &bench.work);
    assert_status(bench.work.status, TAMIS_OK);
    get(&bench, &bench.work.candidate, model);
    assert_true(model[0] == (turn ? 3.0f : 4.0f));
    bench_close(&bench);
  }
}

static void finding_keeps_nothing(void **unused) {
  struct bench bench;
  struct found found;
  const float base[1] = {1}, rows[3][1] = {{1}, {2}, {6}};
  (void)unused;
  bench_open(&bench, "mean", 3, 1);
  bench.work.base = put(&bench, base);
  for (size_t i = 0; i < 3; i++) {
    bench.work.row[i].update = put(&bench, rows[i]);
    bench.work.counts[i] = true;
  }
  round_find(bench.blobs, 1, &bench.work, &found);
  assert_status(bench.work.status, TAMIS_OK);
  assert_int_equal(found.count, 2);
  assert_false(blob_exists(bench.blobs, &bench.work.gram));
  assert_false(blob_exists(bench.blobs, &bench.work.sketches));
  assert_status(found_keep(&found, bench.blobs, NULL), TAMIS_OK);
  assert_true(blob_exists(bench.blobs, &bench.work.gram));
  assert_true(blob_exists(bench.blobs, &bench.work.sketches));
  found_close(&found);
  then_aggregate(&bench);
  round_find(bench.blobs, 1, &bench.work, &found);
  assert_status(bench.work.status, TAMIS_OK);
  assert_false(blob_exists(bench.blobs, &bench.work.candidate));
  const struct found_file *file = found_file(&found, &bench.work.candidate);
  assert_non_null(file);
  float model;
  memcpy(&model, file->bytes + bench.layout.header_size, sizeof model);
  assert_true(model == 4);
  found_close(&found);
  bench_close(&bench);
}

static void who_does_not_vote_is_measured_all_the_same(void **unused) {
  struct bench bench;
  const float base[1] = {0}, rows[4][1] = {{1}, {1}, {1}, {-50}};
  (void)unused;
  bench_open(&bench, "mean", 4, 1);
  bench.work.base = put(&bench, base);
  for (size_t i = 0; i < 4; i++) bench.work.row[i].update = put(&bench, rows[i]);
  bench.work.row[3].votes = false;
  round_work(bench.blobs, 1, &bench.work);
  assert_true(bench.work.evidence[0].distance < 1e-9);
  assert_true(fabs(bench.work.evidence[3].distance - 51) < 1e-9);
  assert_true(fabs(bench.work.evidence[3].cosine + 1) < 1e-12);
  bench_close(&bench);
}

static void an_infeasible_rule_says_so(void **unused) {
  struct bench bench;
  const float base[1] = {0}, rows[4][1] = {{1}, {2}, {3}, {4}};
  (void)unused;
  bench_open(&bench, "trimmed_mean(f=2)", 4, 1);
  bench.work.base = put(&bench, base);
  for (size_t i = 0; i < 4; i++) bench.work.row[i].update = put(&bench, rows[i]);
  for (size_t i = 0; i < 4; i++) bench.work.counts[i] = true;
  round_work(bench.blobs, 1, &bench.work);
  assert_status(bench.work.status, TAMIS_OK);
  then_aggregate(&bench);
  round_work(bench.blobs, 1, &bench.work);
  assert_status(bench.work.status, TAMIS_RULE_NOT_FEASIBLE);
  assert_non_null(strstr(bench.work.fault.text, "trimmed_mean"));
  bench_close(&bench);
}

static void a_flipped_byte_stops_the_round(void **unused) {
  struct bench bench;
  const float base[2] = {0}, row[2] = {1, 2}, other[2] = {2, 1};
  char path[512];
  (void)unused;
  bench_open(&bench, "mean", 2, 2);
  bench.work.base = put(&bench, base);
  bench.work.row[0].update = put(&bench, row);
  bench.work.row[1].update = put(&bench, other);
  blob_path(bench.blobs, &bench.work.row[1].update, path, sizeof path);
  chmod(path, 0600);
  FILE *file = fopen(path, "r+b");
  assert_non_null(file);
  fseek(file, -1, SEEK_END);
  fputc(0x41, file);
  fclose(file);
  round_work(bench.blobs, 1, &bench.work);
  assert_status(bench.work.status, TAMIS_CORRUPT);
  bench_close(&bench);
}

static void an_overflowing_candidate_is_no_model(void **unused) {
  struct bench bench;
  const float base[1] = {3e38f}, rows[1][1] = {{3e38f}};
  (void)unused;
  bench_open(&bench, "mean", 1, 1);
  bench.work.base = put(&bench, base);
  bench.work.row[0].update = put(&bench, rows[0]);
  bench.work.counts[0] = true;
  round_work(bench.blobs, 1, &bench.work);
  then_aggregate(&bench);
  round_work(bench.blobs, 1, &bench.work);
  assert_status(bench.work.status, TAMIS_NOT_FINITE);
  bench_close(&bench);
}

static void the_bits_do_not_depend_on_the_threads(void **unused) {
  enum { N_ROWS = 9, D = 20011 };
  struct digest gram[2], candidate[2];
  float *row = malloc(D * sizeof *row);
  (void)unused;
  for (int threads = 1; threads <= 2; threads++) {
    struct bench bench;
    uint64_t seed = 5;
    bench_open(&bench, "multi_krum(f=2)", N_ROWS, D);
    for (size_t i = 0; i <= N_ROWS; i++) {
      for (size_t k = 0; k < D; k++) row[k] = (float)world_normal(&seed);
      struct digest digest = put(&bench, row);
      if (i == N_ROWS)
        bench.work.base = digest;
      else
        bench.work.row[i].update = digest, bench.work.counts[i] = i != 4;
    }
    round_work(bench.blobs, threads, &bench.work);
    assert_status(bench.work.status, TAMIS_OK);
    then_aggregate(&bench);
    round_work(bench.blobs, threads, &bench.work);
    assert_status(bench.work.status, TAMIS_OK);
    gram[threads - 1] = bench.work.gram;
    candidate[threads - 1] = bench.work.candidate;
    bench_close(&bench);
  }
  assert_true(digest_equal(&gram[0], &gram[1]));
  assert_true(digest_equal(&candidate[0], &candidate[1]));
  free(row);
}

static long resident_kib(void) {
  long pages = 0, ignored;
  FILE *file = fopen("/proc/self/statm", "r");
  assert_non_null(file);
  assert_int_equal(fscanf(file, "%ld %ld", &ignored, &pages), 2);
  fclose(file);
  return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { WATCHED_MEMORY = 0 };
#else
enum { WATCHED_MEMORY = 1 };
#endif

/* 48 rows of 4 MiB are 192 MiB; the peak must not know. */
static void resident_memory_does_not_grow_with_the_clients(void **unused) {
  enum { N_ROWS = 48, D = 1 << 20 };
  struct bench bench;
  struct rusage usage;
  uint64_t seed = 6;
  float *row = malloc(D * sizeof *row);
  (void)unused;
  bench_open(&bench, "multi_krum(f=9)", N_ROWS, D);
  for (size_t i = 0; i <= N_ROWS; i++) {
    for (size_t k = 0; k < D; k++) row[k] = (float)(world_random(&seed) >> 40) * 1e-6f;
    struct digest digest = put(&bench, row);
    if (i == N_ROWS)
      bench.work.base = digest;
    else
      bench.work.row[i].update = digest, bench.work.counts[i] = true;
    if (i < N_ROWS) bench.work.row[i].before = digest;
  }
  free(row);
  long before = resident_kib();
  FILE *reset = fopen("/proc/self/clear_refs", "w"); /* the peak starts anew */
  if (reset) fputs("5", reset), fclose(reset);
  round_work(bench.blobs, 2, &bench.work);
  assert_status(bench.work.status, TAMIS_OK);
  then_aggregate(&bench);
  round_work(bench.blobs, 2, &bench.work);
  assert_status(bench.work.status, TAMIS_OK);
  getrusage(RUSAGE_SELF, &usage);
  print_message("resident: %ld MiB before, %ld MiB at the peak\n", before / 1024,
                usage.ru_maxrss / 1024);
  if (WATCHED_MEMORY) assert_true(usage.ru_maxrss < before + 1024 * (64 + 2 * 4));
  bench_close(&bench);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_mean_of_accepted_rows_is_added_to_the_base),
      cmocka_unit_test(examples_weigh_only_in_the_mean_and_only_when_the_policy_says_so),
      cmocka_unit_test(finding_keeps_nothing),
      cmocka_unit_test(who_does_not_vote_is_measured_all_the_same),
      cmocka_unit_test(an_infeasible_rule_says_so),
      cmocka_unit_test(a_flipped_byte_stops_the_round),
      cmocka_unit_test(an_overflowing_candidate_is_no_model),
      cmocka_unit_test(the_bits_do_not_depend_on_the_threads),
      cmocka_unit_test(resident_memory_does_not_grow_with_the_clients),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
