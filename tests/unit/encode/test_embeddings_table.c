/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows of an E5S1 file: their values, and every way in which the file can lie about its sizes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "encode/embeddings_table.h"

enum { DIM = 64, ROWS = 5, PIECES = 3, ROW_SIZE = DIM / 32 * 18 };

static char path[64];

static void put(mgp_buffer *b, uint64_t value, size_t size) {
  for (size_t i = 0; i < size; i++) mgp_buffer_add_char(b, i < 8 ? (char)(value >> (8 * i)) : 0);
}

/* Where the tests change things. */
typedef struct layout {
  size_t dim, rows, block, pieces, blob, map, tensors, offset, bytes, data;
} layout;

/* Scale 0.5 (0x3800) in every block; value j of row r has the nibble (r + j) % 16. */
static mgp_buffer make_file(layout *at) {
  mgp_buffer b;
  mgp_buffer_init(&b, NULL);
  mgp_buffer_add(&b, "E5S1", 4);
  put(&b, 1, 4);
  at->dim = b.size;
  put(&b, DIM, 4);
  put(&b, 0, 12);
  at->rows = b.size;
  put(&b, ROWS, 4);
  put(&b, 0, 8 + 4);
  at->block = b.size;
  put(&b, 32, 4);
  at->pieces = b.size;
  put(&b, PIECES, 4);
  put(&b, 0, 16);
  at->blob = b.size;
  put(&b, 6, 8);
  for (size_t i = 0; i < 4 * (PIECES + 1) + 4 * PIECES; i++) mgp_buffer_add_char(&b, 0);
  mgp_buffer_add(&b, "pieces", 6);
  put(&b, 0, 4);
  at->map = b.size;
  put(&b, 2, 4);
  put(&b, 0, 2);
  at->tensors = b.size;
  put(&b, 1, 4);
  put(&b, 4, 2);
  mgp_buffer_add(&b, "word", 4);
  put(&b, 2, 1);
  put(&b, DIM * ROWS, 4);
  at->offset = b.size;
  put(&b, b.size + 16, 8);
  at->bytes = b.size;
  put(&b, ROWS * ROW_SIZE, 8);
  at->data = b.size;
  for (unsigned r = 0; r < ROWS; r++)
    for (unsigned block = 0; block < DIM / 32; block++) {
      put(&b, 0x3800, 2);
      for (unsigned j = 0; j < 16; j++) {
        const unsigned low = (r + j) % 16, high = (r + j + 16) % 16;
        mgp_buffer_add_char(&b, (char)(low | high << 4));
      }
    }
  assert_false(b.failed);
  return b;
}

static magpie_status open_bytes(const void *data, size_t size, mgp_embeddings *out,
                                magpie_error *err) {
  assert_int_equal(mgp_file_write_durable(path, data, size, NULL), MAGPIE_OK);
  return mgp_embeddings_open(path, "word", out, err);
}

static int setup(void **state) {
  (void)state;
  snprintf(path, sizeof path, "/tmp/magpie-e5s1-XXXXXX");
  const int fd = mkstemp(path);
  return fd < 0 ? -1 : close(fd);
}

static int teardown(void **state) {
  (void)state;
  return unlink(path);
}

static void row_when_read_then_dequantised(void **state) {
  (void)state;
  layout at;
  mgp_buffer b = make_file(&at);
  mgp_embeddings t = {0};
  float row[DIM];
  assert_int_equal(open_bytes(b.data, b.size, &t, NULL), MAGPIE_OK);
  assert_int_equal(t.dim, DIM);
  assert_int_equal(t.count, ROWS);
  for (int r = 0; r < ROWS; r++) {
    assert_true(mgp_embeddings_row(&t, r, row));
    for (int j = 0; j < DIM; j++) assert_true(row[j] == 0.5F * (float)((r + j) % 16 - 8));
  }
  assert_false(mgp_embeddings_row(&t, -1, row));
  assert_false(mgp_embeddings_row(&t, ROWS, row));
  mgp_embeddings_close(&t);
  mgp_buffer_fini(&b);
}

static void row_when_scale_is_special_then_value_of_half(void **state) {
  (void)state;
  static const struct {
    unsigned half;
    float value;
  } cases[] = {
      {0x3C00, 1.0F},     {0xC000, -2.0F},    {0x0001, 0x1p-24F}, {0x83FF, -1023 * 0x1p-24F},
      {0x7BFF, 65504.0F}, {0x7C00, INFINITY}, {0x0000, 0.0F}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    layout at;
    mgp_buffer b = make_file(&at);
    b.data[at.data] = (char)cases[i].half;
    b.data[at.data + 1] = (char)(cases[i].half >> 8);
    b.data[at.data + 2] = 9; /* nibble 9 stands for 1 */
    mgp_embeddings t = {0};
    float row[DIM];
    assert_int_equal(open_bytes(b.data, b.size, &t, NULL), MAGPIE_OK);
    assert_true(mgp_embeddings_row(&t, 0, row));
    assert_true(row[0] == cases[i].value);
    mgp_embeddings_close(&t);
    mgp_buffer_fini(&b);
  }
}

static void open_when_cut_anywhere_then_model_error(void **state) {
  (void)state;
  layout at;
  mgp_buffer b = make_file(&at);
  for (size_t size = 0; size < b.size; size += size < at.data ? 1 : 13) {
    mgp_embeddings t = {0};
    magpie_error err = {0};
    assert_int_equal(open_bytes(b.data, size, &t, &err), MAGPIE_MODEL);
    assert_non_null(strstr(err.message, path));
    assert_null(t.rows);
  }
  mgp_buffer_fini(&b);
}

static void open_when_a_number_lies_then_model_error(void **state) {
  (void)state;
  layout at;
  mgp_buffer b = make_file(&at);
  const size_t places[] = {0,       at.dim, at.rows,    at.block,  at.pieces,
                           at.blob, at.map, at.tensors, at.offset, at.bytes};
  static const uint64_t values[] = {0, 1, 0x7FFFFFFF, 0xFFFFFFFF, UINT64_MAX};
  for (size_t p = 0; p < sizeof places / sizeof *places; p++)
    for (size_t v = 0; v < sizeof values / sizeof *values; v++) {
      char *copy = mgp_malloc(NULL, b.size);
      memcpy(copy, b.data, b.size);
      const bool is_wide = places[p] == at.blob || places[p] >= at.offset;
      memcpy(copy + places[p], &values[v], is_wide ? 8 : 4);
      mgp_embeddings t = {0};
      magpie_error err = {0};
      const bool is_honest = memcmp(copy, b.data, b.size) == 0;
      const bool is_inside = places[p] == at.tensors && values[v] != 0;
      const bool is_shifted = places[p] == at.offset && values[v] <= 1; /* still in the file */
      const magpie_status status = open_bytes(copy, b.size, &t, &err);
      if (!is_honest && !is_inside && !is_shifted) assert_int_equal(status, MAGPIE_MODEL);
      if (status == MAGPIE_OK) {
        float row[DIM];
        for (int64_t r = 0; r < ROWS; r++) assert_true(mgp_embeddings_row(&t, r, row));
        mgp_embeddings_close(&t);
      }
      mgp_free(NULL, copy);
    }
  mgp_buffer_fini(&b);
}

static void open_when_tensor_is_absent_then_named(void **state) {
  (void)state;
  layout at;
  mgp_buffer b = make_file(&at);
  mgp_embeddings t = {0};
  magpie_error err = {0};
  assert_int_equal(open_bytes(b.data, b.size, &t, NULL), MAGPIE_OK);
  mgp_embeddings_close(&t);
  assert_int_equal(mgp_embeddings_open(path, "emb.word", &t, &err), MAGPIE_MODEL);
  assert_non_null(strstr(err.message, "emb.word"));
  mgp_buffer_fini(&b);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
  const struct CMUnitTest tests[] = {
      TEST(row_when_read_then_dequantised),
      TEST(row_when_scale_is_special_then_value_of_half),
      TEST(open_when_cut_anywhere_then_model_error),
      TEST(open_when_a_number_lies_then_model_error),
      TEST(open_when_tensor_is_absent_then_named),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
