/* SPDX-License-Identifier: Apache-2.0
 *
 * Matrices in files: every type read exactly, every break named with its byte.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "eval/matrix_file.h"

static size_t put_npy(unsigned char *out, const char *type, const char *shape, const void *body,
                      size_t size) {
  char header[200];
  const int length =
      snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': False, 'shape': %s, }\n",
               type, shape);
  memcpy(out, "\x93NUMPY\x01\x00", 8);
  out[8] = (unsigned char)length, out[9] = 0;
  memcpy(out + 10, header, (size_t)length);
  memcpy(out + 10 + length, body, size);
  return 10 + (size_t)length + size;
}

static void npy_when_of_any_type_then_floats(void **state) {
  (void)state;
  static const float f4[] = {1, -2, 0.5f, 3e38f, NAN, -INFINITY};
  static const double f8[] = {1, -2, 0.5, 3e38, NAN, -INFINITY};
  static const uint16_t f2[] = {0x3c00, 0xc000, 0x3800, 0x7bff, 0x7e00, 0xfc00};
  static const uint16_t small[] = {0x0001, 0x8001, 0x03ff, 0x0400, 0x0000, 0x8000};
  static const signed char i1[] = {1, -2, 0, 127, -128, 5};
  static const unsigned char u1[] = {1, 254, 0, 127, 128, 5};
  static const int32_t i4[] = {1, -2, 0, INT32_MAX, INT32_MIN, 5};
  static const struct {
    const char *type;
    const void *body;
    size_t size;
    float expected[6];
  } cases[] = {{"<f4", f4, sizeof f4, {1, -2, 0.5f, 3e38f, NAN, -INFINITY}},
               {"<f8", f8, sizeof f8, {1, -2, 0.5f, 3e38f, NAN, -INFINITY}},
               {"<f2", f2, sizeof f2, {1, -2, 0.5f, 65504, NAN, -INFINITY}},
               {"<f2",
                small,
                sizeof small,
                {5.9604645e-8f, -5.9604645e-8f, 6.0975552e-5f, 6.1035156e-5f, 0, -0.0f}},
               {"|i1", i1, sizeof i1, {1, -2, 0, 127, -128, 5}},
               {"|u1", u1, sizeof u1, {1, 254, 0, 127, 128, 5}},
               {"<i4", i4, sizeof i4, {1, -2, 0, 2147483648.0f, -2147483648.0f, 5}}};
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
    unsigned char bytes[400];
    const size_t size = put_npy(bytes, cases[c].type, "(2, 3)", cases[c].body, cases[c].size);
    mgp_matrix m;
    magpie_error err = {0};
    assert_int_equal(mgp_matrix_parse("x.npy", bytes, size, &m, &err), MAGPIE_OK);
    assert_int_equal(m.n, 2);
    assert_int_equal(m.dim, 3);
    float rows[6];
    mgp_matrix_row(&m, 0, rows);
    mgp_matrix_row(&m, 1, rows + 3);
    for (size_t i = 0; i < 6; i++)
      if (isnan(cases[c].expected[i])) assert_true(isnan(rows[i]));
      else if (rows[i] != cases[c].expected[i])
        fail_msg("%s %zu: %.9g, not %.9g", cases[c].type, i, (double)rows[i],
                 (double)cases[c].expected[i]);
    for (size_t cut = 0; cut < size; cut++) /* no prefix is a file */
      assert_int_equal(mgp_matrix_parse("x.npy", bytes, cut, &m, &err), MAGPIE_FORMAT);
  }
}

static void vecs_when_sound_then_rows(void **state) {
  (void)state;
  const int32_t ivecs[] = {2, 7, -1, 2, 8, 9};
  const unsigned char bvecs[] = {3, 0, 0, 0, 1, 2, 255};
  float row[3];
  mgp_matrix m;
  magpie_error err = {0};
  assert_int_equal(
      mgp_matrix_parse("a.IVECS", (const unsigned char *)ivecs, sizeof ivecs, &m, &err), MAGPIE_OK);
  assert_int_equal(m.n, 2);
  mgp_matrix_row(&m, 1, row);
  assert_true(row[0] == 8 && row[1] == 9);
  assert_int_equal(mgp_matrix_parse("a.bvecs", bvecs, sizeof bvecs, &m, &err), MAGPIE_OK);
  mgp_matrix_row(&m, 0, row);
  assert_true(row[0] == 1 && row[2] == 255);
  assert_null(mgp_matrix_floats(&m));
  const float fvecs[] = {0, 1.5f, -2, 0, 3, 4}; /* the lengths follow */
  unsigned char bytes[sizeof fvecs];
  memcpy(bytes, fvecs, sizeof bytes);
  bytes[0] = bytes[12] = 2;
  assert_int_equal(mgp_matrix_parse("a.fvecs", bytes, sizeof bytes, &m, &err), MAGPIE_OK);
  mgp_matrix_row(&m, 1, row);
  assert_true(row[0] == 3 && row[1] == 4);
}

static void vecs_when_broken_then_the_byte_is_named(void **state) {
  (void)state;
  const int32_t uneven[] = {2, 7, -1, 3, 8, 9}, none[] = {0, 1}, negative[] = {-1, 1},
                huge[] = {INT32_MAX, 1};
  const struct {
    const int32_t *data;
    size_t size;
    const char *said;
  } cases[] = {{uneven, sizeof uneven, "byte 12"},
               {none, sizeof none, "byte 0"},
               {negative, sizeof negative, "byte 0"},
               {huge, sizeof huge, "byte 0"},
               {uneven, 11, "cut short"},
               {uneven, 14, "byte 12"},
               {uneven, 0, "no vectors"},
               {uneven, 3, "no vectors"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    mgp_matrix m;
    magpie_error err = {0};
    assert_int_equal(
        mgp_matrix_parse("a.ivecs", (const unsigned char *)cases[i].data, cases[i].size, &m, &err),
        MAGPIE_FORMAT);
    if (!strstr(err.message, cases[i].said)) fail_msg("%zu: %s", i, err.message);
  }
  mgp_matrix m;
  magpie_error err = {0};
  assert_int_equal(mgp_matrix_parse("a.parquet", (const unsigned char *)"PAR1", 4, &m, &err),
                   MAGPIE_FORMAT);
  assert_non_null(strstr(err.message, "own-vectors.md"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(npy_when_of_any_type_then_floats),
      cmocka_unit_test(vecs_when_sound_then_rows),
      cmocka_unit_test(vecs_when_broken_then_the_byte_is_named),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
