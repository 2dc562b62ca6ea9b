/* What libtamis.so shows to the world: the functions of tamis.h, and nothing that could collide. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const public[] = {
    "tamis_client_check_receipt", "tamis_client_check_verdict",
    "tamis_client_close",         "tamis_client_enrol",
    "tamis_client_error",         "tamis_client_fetch_model",
    "tamis_client_is_enrolled",   "tamis_client_name",
    "tamis_client_next_task",     "tamis_client_open",
    "tamis_client_stream_model",  "tamis_client_submit",
    "tamis_client_submit_from",   "tamis_status_name",
    "tamis_status_words",         "tamis_version",
};
enum { PUBLIC_COUNT = sizeof public / sizeof *public };

static void only_the_public_functions_are_exported(void **state) {
  char line[256], type;
  size_t count = 0;
  (void)state;
  FILE *nm = popen("LC_ALL=C nm -D --defined-only --without-symbol-versions -P '" TAMIS_BINARY_DIR
                   "/lib/libtamis.so' | LC_ALL=C sort",
                   "r");
  assert_non_null(nm);
  while (fgets(line, sizeof line, nm)) {
    char name[200];
    assert_int_equal(sscanf(line, "%199s %c", name, &type), 2);
    if (type == 'A') continue; /* the version's own name */
    assert_true(count < PUBLIC_COUNT);
    assert_string_equal(name, public[count++]);
  }
  assert_int_equal(pclose(nm), 0);
  assert_int_equal(count, PUBLIC_COUNT);
}

static void it_has_its_soname(void **state) {
  (void)state;
  assert_int_equal(system("LC_ALL=C readelf -d '" TAMIS_BINARY_DIR
                          "/lib/libtamis.so' | grep -q 'SONAME.*\\[libtamis.so.1\\]'"),
                   0);
}

int main(void) {
  const struct CMUnitTest claims[] = {
      cmocka_unit_test(only_the_public_functions_are_exported),
      cmocka_unit_test(it_has_its_soname),
  };
  return cmocka_run_group_tests(claims, NULL, NULL);
}
