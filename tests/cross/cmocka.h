/* SPDX-License-Identifier: Apache-2.0
 *
 * As much of cmocka's interface as the kernels' tests use, for a cross build whose system has no
 * cmocka (tools/test_neon.sh). The first failure ends the process.
 */
#ifndef MGP_TESTS_CROSS_CMOCKA_H
#define MGP_TESTS_CROSS_CMOCKA_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct CMUnitTest {
  const char *name;
  void (*run)(void **state);
};

#define cmocka_unit_test(test)                                                                     \
  { #test, test }
#define print_message(...) printf(__VA_ARGS__)
#define fail_msg(...)                                                                              \
  (fprintf(stderr, "%s:%d: ", __FILE__, __LINE__), fprintf(stderr, __VA_ARGS__),                   \
   fputs("\n", stderr), exit(1))
#define assert_true(what)                                                                          \
  do {                                                                                             \
    if (!(what)) fail_msg("%s", #what);                                                            \
  } while (0)
#define assert_int_equal(a, b) assert_true((unsigned long long)(a) == (unsigned long long)(b))
#define assert_string_equal(a, b) assert_true(strcmp((a), (b)) == 0)
#define assert_null(a) assert_true(!(a))
#define cmocka_run_group_tests(tests, setup, teardown)                                             \
  mgp_run_tests(tests, sizeof(tests) / sizeof *(tests))

static inline int mgp_run_tests(const struct CMUnitTest *tests, size_t count) {
  for (size_t i = 0; i < count; i++) {
    void *state = NULL;
    tests[i].run(&state);
    printf("ok %s\n", tests[i].name);
  }
  return 0;
}

#endif
