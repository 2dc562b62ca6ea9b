/* A key that moves is at no moment in two places, whatever step the machine stops after. */
#include <sys/stat.h>
#include "bench.h"
#include "signer/move.h"
#include "signer/signd.h"

static void path_in(const struct bench *bench, const char *name, char path[160]) {
  snprintf(path, 160, "%s/%s", bench->folder, name);
}

static void sign_to(const struct bench *bench, const char *key_path, uint64_t size) {
  struct signd *signd;
  struct wire_answer answer;
  uint8_t bytes[WIRE_REQUEST_MAX];
  assert_status(signd_open(key_path, true, &signd, NULL), TAMIS_OK);
  uint64_t from = signd_mark(signd)->size;
  struct wire_request request = {WIRE_SIGN, bench_checkpoint(bench->tree, size),
                                 bench_proof(bench->tree, from, size)};
  signd_answer(signd, bytes, wire_request_encode(&request, bytes), &answer);
  assert_status(answer.fault.status, TAMIS_OK);
  signd_close(signd);
}

static bool signs(const char *key_path) {
  struct signd *signd;
  if (signd_open(key_path, false, &signd, NULL) != TAMIS_OK) return false;
  signd_close(signd);
  return true;
}

static void over_there_and_back(void **unused) {
  struct bench bench;
  struct mark mark;
  struct stat about;
  struct fault fault;
  char parcel[160], there[160];
  (void)unused;
  bench_open(&bench);
  path_in(&bench, "parcel", parcel);
  path_in(&bench, "there.key", there);
  sign_to(&bench, bench.key_path, 5);
  assert_status(move_hand_over(bench.key_path, parcel, &mark, NULL), TAMIS_OK);
  assert_int_equal(mark.size, 5);
  assert_int_equal(stat(parcel, &about), 0);
  assert_int_equal(about.st_mode & 0777, 0400);
  assert_int_not_equal(access(bench.key_path, F_OK), 0);
  assert_status(move_take_over(parcel, there, &mark, NULL), TAMIS_OK);
  assert_int_equal(mark.size, 5);
  assert_int_not_equal(access(parcel, F_OK), 0);
  assert_status(move_take_over(parcel, there, &mark, &fault), TAMIS_CONFLICT);
  assert_status(move_take_over(parcel, bench.key_path, &mark, &fault), TAMIS_NOT_FOUND);
  sign_to(&bench, there, 8);
  /* A copy of the key, put back where it was: that place remembers. */
  assert_status(key_file_write(bench.key_path, &bench.key, NULL), TAMIS_OK);
  struct signd *signd;
  assert_status(signd_open(bench.key_path, true, &signd, &fault), TAMIS_CONFLICT);
  assert_non_null(strstr(fault.text, "handed over"));
  assert_int_equal(unlink(bench.key_path), 0);
  /* And home again, which only goes forward. */
  assert_status(move_hand_over(there, parcel, &mark, NULL), TAMIS_OK);
  assert_status(move_take_over(parcel, bench.key_path, &mark, NULL), TAMIS_OK);
  assert_int_equal(mark.size, 8);
  sign_to(&bench, bench.key_path, 9);
  assert_false(signs(there));
  bench_close(&bench);
}

static void copy(const char *from, const char *to) {
  char command[512];
  snprintf(command, sizeof command, "cp -p %s %s", from, to);
  assert_int_equal(system(command), 0);
}

/* The states between the steps, made by hand: the same command again finishes, another is refused.
 */
static void a_move_that_stopped_half_way_goes_on(void **unused) {
  struct bench bench;
  struct mark mark;
  struct fault fault;
  char parcel[160], other[160], there[160], elsewhere[160], claimed[180], kept[160];
  (void)unused;
  bench_open(&bench);
  path_in(&bench, "parcel", parcel);
  path_in(&bench, "other", other);
  path_in(&bench, "there.key", there);
  path_in(&bench, "elsewhere.key", elsewhere);
  path_in(&bench, "kept", kept);
  snprintf(claimed, sizeof claimed, "%s.taking", there);
  sign_to(&bench, bench.key_path, 5);
  copy(bench.key_path, kept);
  assert_status(move_hand_over(bench.key_path, parcel, &mark, NULL), TAMIS_OK);
  copy(kept, bench.key_path); /* it stopped before the key was removed, */
  assert_status(move_hand_over(bench.key_path, other, &mark, &fault), TAMIS_CONFLICT);
  assert_int_equal(unlink(parcel), 0); /* or even before the file was written */
  assert_status(move_hand_over(bench.key_path, parcel, &mark, NULL), TAMIS_OK);
  assert_int_not_equal(access(bench.key_path, F_OK), 0);

  assert_int_equal(rename(parcel, claimed), 0); /* claimed, nothing else */
  assert_status(move_take_over(parcel, elsewhere, &mark, &fault), TAMIS_NOT_FOUND);
  copy(claimed, kept);
  assert_status(move_take_over(parcel, there, &mark, NULL), TAMIS_OK);
  copy(kept, claimed); /* mark and key made, the claim not yet removed */
  assert_status(move_take_over(parcel, there, &mark, NULL), TAMIS_OK);
  assert_int_equal(unlink(there), 0);
  copy(kept, claimed); /* the mark made, the key not */
  assert_status(move_take_over(parcel, there, &mark, NULL), TAMIS_OK);
  sign_to(&bench, there, 7);
  copy(kept, claimed); /* an old parcel after signing went on */
  assert_status(move_take_over(parcel, there, &mark, &fault), TAMIS_CONFLICT);
  bench_close(&bench);
}

static void a_running_signer_is_not_moved(void **unused) {
  struct bench bench;
  struct signd *signd;
  struct mark mark;
  struct fault fault;
  char parcel[160];
  (void)unused;
  bench_open(&bench);
  path_in(&bench, "parcel", parcel);
  assert_status(signd_open(bench.key_path, true, &signd, NULL), TAMIS_OK);
  assert_status(move_hand_over(bench.key_path, parcel, &mark, &fault), TAMIS_CONFLICT);
  signd_close(signd);
  assert_true(signs(bench.key_path));
  assert_status(move_hand_over(bench.key_path, bench.key_path, &mark, &fault), TAMIS_CONFLICT);
  assert_status(move_hand_over(bench.key_path, "/nowhere/parcel", &mark, &fault), TAMIS_NOT_FOUND);
  assert_true(signs(bench.key_path));
  bench_close(&bench);
}

static void a_forged_parcel_is_refused(void **unused) {
  struct bench bench;
  struct mark mark;
  struct fault fault;
  char parcel[160], there[160];
  char text[1200];
  (void)unused;
  bench_open(&bench);
  path_in(&bench, "parcel", parcel);
  path_in(&bench, "there.key", there);
  sign_to(&bench, bench.key_path, 5);
  assert_status(move_hand_over(bench.key_path, parcel, &mark, NULL), TAMIS_OK);
  FILE *file = fopen(parcel, "r");
  size_t length = fread(text, 1, sizeof text, file);
  fclose(file);
  for (size_t i = 0; i < length; i += 7) {
    char claimed[180];
    unlink(parcel);
    text[i] ^= 2;
    file = fopen(parcel, "w");
    assert_int_equal(fwrite(text, 1, length, file), length);
    fclose(file);
    text[i] ^= 2;
    assert_int_not_equal(move_take_over(parcel, there, &mark, &fault), TAMIS_OK);
    assert_int_not_equal(access(there, F_OK), 0);
    snprintf(claimed, sizeof claimed, "%s.taking", there);
    assert_int_equal(unlink(claimed), 0);
  }
  bench_close(&bench);
}

static void an_older_log_is_adopted_by_its_own_checkpoint(void **unused) {
  struct bench bench;
  struct mark mark;
  struct fault fault;
  struct secret_key stranger;
  char path[160], *note;
  size_t length;
  (void)unused;
  bench_open(&bench);
  path_in(&bench, "checkpoint", path);
  key_generate(BENCH_ORIGIN, &stranger);
  for (int is_ours = 0; is_ours < 2; is_ours++) {
    struct checkpoint checkpoint = bench_checkpoint(bench.tree, 11);
    checkpoint_sign(&checkpoint, is_ours ? &bench.key : &stranger, &note, &length);
    FILE *file = fopen(path, "w");
    assert_int_equal(fwrite(note, 1, length, file), length);
    fclose(file);
    free(note);
    assert_status(move_adopt(bench.key_path, path, &mark, &fault),
                  is_ours ? TAMIS_OK : TAMIS_BAD_PROOF);
    assert_int_equal(signs(bench.key_path), is_ours);
  }
  assert_int_equal(mark.size, 11);
  assert_status(move_adopt(bench.key_path, path, &mark, &fault), TAMIS_CONFLICT);
  sign_to(&bench, bench.key_path, 12);
  bench_close(&bench);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(over_there_and_back),
      cmocka_unit_test(a_move_that_stopped_half_way_goes_on),
      cmocka_unit_test(a_running_signer_is_not_moved),
      cmocka_unit_test(a_forged_parcel_is_refused),
      cmocka_unit_test(an_older_log_is_adopted_by_its_own_checkpoint),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
