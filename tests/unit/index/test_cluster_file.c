/* SPDX-License-Identifier: Apache-2.0
 *
 * The bytes of the clustered index: read as they were written, refused where they are not, named by
 * the check where they are whole but wrong.
 */
#include "graph_fixture.h"
#include "index/cluster_index.h"

#define COUNT 3000
#define DIM 20
#define HEADER 472
#define LADDER_AT 96
#define FIRST_BLOCK_AT 80
#define BLOCKS_AT 88
#define BLOCK_SIZE (4 * 64 + 384)

typedef struct fixture {
  cloud rows;
  unsigned char *bytes; /* a copy */
  size_t size;
} fixture;

static int make(void **state) {
  fixture *f = calloc(1, sizeof *f);
  f->rows = cloud_make(1, COUNT, DIM, 6, true);
  mgp_clusters *c = NULL;
  const mgp_cluster_options o = {.metric = MGP_GRAPH_DOT};
  assert_int_equal(mgp_clusters_build(&f->rows.rows, &o, NULL, NULL, &c, NULL), MAGPIE_OK);
  const void *data;
  mgp_clusters_bytes(c, &data, &f->size);
  f->bytes = malloc(f->size);
  memcpy(f->bytes, data, f->size);
  mgp_clusters_close(c);
  *state = f;
  return 0;
}

static int drop(void **state) {
  fixture *f = *state;
  cloud_free(&f->rows);
  free(f->bytes);
  free(f);
  return 0;
}

/* Both checksums made right again: what is wrong is the content alone. */
static void seal(fixture *f) {
  const uint64_t body = mgp_hash64(f->bytes + HEADER, f->size - HEADER);
  memcpy(f->bytes + HEADER - 16, &body, sizeof body);
  const uint64_t header = mgp_hash64(f->bytes, HEADER - 8);
  memcpy(f->bytes + HEADER - 8, &header, sizeof header);
}

static magpie_status open_bytes(const fixture *f, magpie_error *err) {
  mgp_clusters *c = NULL;
  const magpie_status status = mgp_clusters_open(f->bytes, f->size, &f->rows.rows, NULL, &c, err);
  mgp_clusters_close(c);
  return status;
}

static magpie_status check_bytes(const fixture *f, magpie_error *err) {
  return mgp_clusters_check(f->bytes, f->size, &f->rows.rows, NULL, err);
}

static void open_when_written_then_same_answers(void **state) {
  fixture *f = *state;
  mgp_clusters *c = NULL;
  mgp_cluster_searcher *s = NULL;
  assert_int_equal(mgp_clusters_open(f->bytes, f->size, &f->rows.rows, NULL, &c, NULL), MAGPIE_OK);
  assert_int_equal(mgp_clusters_verify(c, NULL), MAGPIE_OK);
  assert_int_equal(check_bytes(f, NULL), MAGPIE_OK);
  assert_int_equal(mgp_cluster_searcher_create(c, NULL, &s, NULL), MAGPIE_OK);
  for (size_t i = 0; i < COUNT; i += 100) {
    mgp_scored hit;
    size_t count = 0;
    const mgp_cluster_search_options o = {.k = 1};
    assert_int_equal(mgp_clusters_search(s, f->rows.values + i * DIM, &o, &hit, &count, NULL, NULL),
                     MAGPIE_OK);
    assert_int_equal(count, 1);
    assert_int_equal(hit.id, i);
  }
  mgp_cluster_searcher_destroy(s);
  mgp_clusters_close(c);
}

static void open_when_cut_or_of_other_rows_then_refused(void **state) {
  fixture *f = *state;
  const size_t size = f->size;
  for (f->size = 0; f->size < size; f->size += f->size < 600 ? 1 : 997)
    assert_int_equal(open_bytes(f, NULL), MAGPIE_CORRUPT);
  f->size = size;
  mgp_graph_rows *r = &f->rows.rows;
  r->count--;
  assert_int_equal(open_bytes(f, NULL), MAGPIE_INVALID);
  r->count++;
  r->dim--;
  assert_int_equal(open_bytes(f, NULL), MAGPIE_INVALID);
  r->dim++;
  assert_int_equal(open_bytes(f, NULL), MAGPIE_OK);
}

static void open_when_a_header_bit_is_flipped_then_refused(void **state) {
  fixture *f = *state;
  for (size_t i = 0; i < HEADER * 8; i++) {
    f->bytes[i / 8] ^= (unsigned char)(1 << i % 8);
    const magpie_status status = open_bytes(f, NULL);
    assert_true(status == MAGPIE_CORRUPT || status == MAGPIE_VERSION);
    f->bytes[i / 8] ^= (unsigned char)(1 << i % 8);
  }
  assert_int_equal(open_bytes(f, NULL), MAGPIE_OK);
}

static void check_when_a_body_byte_is_changed_then_corrupt(void **state) {
  fixture *f = *state;
  for (size_t i = HEADER; i < f->size; i += 1009) {
    f->bytes[i] ^= 1;
    assert_int_equal(check_bytes(f, NULL), MAGPIE_CORRUPT);
    f->bytes[i] ^= 1;
  }
  assert_int_equal(check_bytes(f, NULL), MAGPIE_OK);
}

static uint32_t *number_at(fixture *f, uint64_t at) {
  return (uint32_t *)(void *)(f->bytes + at);
}

static uint64_t offset_at(const fixture *f, size_t at) {
  uint64_t offset;
  memcpy(&offset, f->bytes + at, sizeof offset);
  return offset;
}

/* The checksums are right: only looking at the content can tell. */
static void check_when_content_is_wrong_then_named(void **state) {
  fixture *f = *state;
  const uint64_t blocks = offset_at(f, BLOCKS_AT);
  uint32_t *row = number_at(f, blocks + BLOCK_SIZE - 128);
  uint32_t *other = number_at(f, blocks + BLOCK_SIZE - 124);
  magpie_error err = {0};
  static const char *const said[] = {"names row", "twice", "do not name"};
  const uint32_t wrong[] = {COUNT, *other, UINT32_MAX};
  for (size_t i = 0; i < 3; i++) {
    const uint32_t kept = *row;
    *row = wrong[i];
    seal(f);
    assert_int_equal(open_bytes(f, NULL), MAGPIE_OK);
    assert_int_equal(check_bytes(f, &err), MAGPIE_CORRUPT);
    if (i < 2) assert_non_null(strstr(err.message, said[i]));
    *row = kept;
  }
  uint32_t *scale = number_at(f, blocks + BLOCK_SIZE - 256);
  for (size_t i = 0; i < 32; i++) scale[i] ^= UINT32_C(1) << 30;
  seal(f);
  const magpie_status status = check_bytes(f, &err);
  bool has_checked_row = false; /* every 61st is coded again */
  for (size_t i = 0; i < 32; i++) has_checked_row = has_checked_row || row[i] % 61 == 0;
  assert_int_equal(status, has_checked_row ? MAGPIE_CORRUPT : MAGPIE_OK);
  for (size_t i = 0; i < 32; i++) scale[i] ^= UINT32_C(1) << 30;
  uint32_t *first = number_at(f, offset_at(f, FIRST_BLOCK_AT));
  first[1] += 100000;
  seal(f);
  assert_int_equal(open_bytes(f, &err), MAGPIE_CORRUPT);
  first[1] -= 100000;
  float *recall = (float *)(void *)(f->bytes + LADDER_AT);
  *recall = NAN;
  seal(f);
  assert_int_equal(open_bytes(f, &err), MAGPIE_CORRUPT);
}

/* Whatever the body holds, a search ends and names rows that there are. */
static void search_when_the_body_is_noise_then_rows_that_exist(void **state) {
  fixture *f = *state;
  uint64_t random = 5;
  for (size_t round = 0; round < 30; round++) {
    const uint64_t from = round % 3 == 0 ? 512 : offset_at(f, BLOCKS_AT);
    const uint64_t tables = offset_at(f, FIRST_BLOCK_AT), blocks = offset_at(f, BLOCKS_AT);
    for (size_t i = 0; i < 2000; i++) {
      const uint64_t at = from + random_next(&random) % (f->size - from);
      if (at < tables || at >= blocks) f->bytes[at] = (unsigned char)random_next(&random);
    }
    seal(f);
    mgp_clusters *c = NULL;
    mgp_cluster_searcher *s = NULL;
    assert_int_equal(mgp_clusters_open(f->bytes, f->size, &f->rows.rows, NULL, &c, NULL),
                     MAGPIE_OK);
    assert_int_equal(mgp_cluster_searcher_create(c, NULL, &s, NULL), MAGPIE_OK);
    mgp_scored hits[50];
    for (size_t q = 0; q < 10; q++) {
      size_t count = 0;
      const mgp_cluster_search_options o = {.k = q % 2 ? 50 : 5};
      assert_int_equal(
          mgp_clusters_search(s, f->rows.values + q * DIM, &o, hits, &count, NULL, NULL),
          MAGPIE_OK);
      assert_true(count <= o.k);
      for (size_t i = 0; i < count; i++) assert_true(hits[i].id < COUNT);
    }
    mgp_cluster_searcher_destroy(s);
    mgp_clusters_close(c);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(open_when_written_then_same_answers, make, drop),
      cmocka_unit_test_setup_teardown(open_when_cut_or_of_other_rows_then_refused, make, drop),
      cmocka_unit_test_setup_teardown(open_when_a_header_bit_is_flipped_then_refused, make, drop),
      cmocka_unit_test_setup_teardown(check_when_a_body_byte_is_changed_then_corrupt, make, drop),
      cmocka_unit_test_setup_teardown(check_when_content_is_wrong_then_named, make, drop),
      cmocka_unit_test_setup_teardown(search_when_the_body_is_noise_then_rows_that_exist, make,
                                      drop),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
