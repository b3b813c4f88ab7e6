/* SPDX-License-Identifier: Apache-2.0
 *
 * Merging: byte for byte what building the living items from nothing gives, within bounded memory,
 * and an end when the sink or the bytes say so.
 */
#include "index/lexical_file.h"
#include "index/merge.h"
#include "index_fixture.h"

/* ---- a sink that keeps all ------------------------------------------------------------------ */

typedef struct kept {
  mgp_buffer parts[5], aside;
  mgp_merge_part open;
  size_t writes, fail_at;
} kept;

static magpie_status kept_section(void *context, mgp_merge_part part, magpie_error *err) {
  (void)err;
  ((kept *)context)->open = part;
  return MAGPIE_OK;
}

static magpie_status kept_write(void *context, const void *bytes, size_t size, magpie_error *err) {
  kept *k = context;
  if (++k->writes == k->fail_at) return mgp_fail(err, MAGPIE_CANCELLED, "stop");
  mgp_buffer_add(&k->parts[k->open], bytes, size);
  return MAGPIE_OK;
}

static magpie_status kept_aside(void *context, const void *bytes, size_t size, magpie_error *err) {
  (void)err;
  mgp_buffer_add(&((kept *)context)->aside, bytes, size);
  return MAGPIE_OK;
}

static magpie_status kept_back(void *context, magpie_error *err) {
  kept *k = context;
  return kept_write(k, k->aside.data, k->aside.size, err);
}

static mgp_merge_sink sink_of(kept *k) {
  return (mgp_merge_sink){.context = k,
                          .section = kept_section,
                          .write = kept_write,
                          .aside = kept_aside,
                          .back = kept_back};
}

static void kept_free(kept *k) {
  for (size_t i = 0; i < 5; i++) mgp_buffer_fini(&k->parts[i]);
  mgp_buffer_fini(&k->aside);
  *k = (kept){0};
}

/* ---- corpora ----------------------------------------------------------------------------------
 */

static bool is_kept(const void *context, uint64_t id) {
  const unsigned of = *(const unsigned *)context; /* of ten */
  return (id * UINT64_C(0x9e3779b97f4a7c15) >> 32) % 10 < of;
}

/* The items of `c` for which `allow` holds. */
static corpus corpus_living(const corpus *c, const mgp_filter *live) {
  corpus left = {.word_count = c->word_count};
  left.ids = calloc(c->item_count + 1, sizeof *left.ids);
  left.starts = calloc(c->item_count + 1, sizeof *left.starts);
  left.tokens = calloc(c->starts[c->item_count] + 1, sizeof *left.tokens);
  for (size_t i = 0; i < c->item_count; i++) {
    if (!live->allow(live->context, c->ids[i])) continue;
    const size_t size = c->starts[i + 1] - c->starts[i], n = left.item_count++;
    left.ids[n] = c->ids[i];
    memcpy(left.tokens + left.starts[n], c->tokens + c->starts[i], size * sizeof *left.tokens);
    left.starts[n + 1] = left.starts[n] + size;
  }
  return left;
}

static void assert_same(const mgp_buffer *got, const mgp_bytes *expected, const char *what) {
  if (got->size != expected->size || (got->size && memcmp(got->data, expected->data, got->size)))
    fail_msg("%s: %zu bytes, expected %zu, or others", what, got->size, expected->size);
}

static void check_merge(built_segment *parts, size_t part_count, const corpus *c, unsigned of_ten) {
  const mgp_filter live = {.allow = is_kept, .context = &of_ten};
  mgp_lexical_view *views[64];
  for (size_t i = 0; i < part_count; i++) views[i] = parts[i].view;
  corpus left = corpus_living(c, &live);
  kept k = {0};
  const mgp_merge_sink sink = sink_of(&k);
  magpie_error err = {0};
  uint64_t count = 0;
  if (mgp_lexical_merge(NULL, views, part_count, &live, &sink, &count, &err))
    fail_msg("%s", err.message);
  assert_int_equal(count, left.item_count);
  if (count > 0) {
    built_segment fresh = segment_build(&left, 0, left.item_count);
    assert_same(&k.parts[MGP_MERGE_IDS], &fresh.sections[0], "ids");
    assert_same(&k.parts[MGP_MERGE_LENGTHS], &fresh.sections[1], "lengths");
    assert_same(&k.parts[MGP_MERGE_DICTIONARY], &fresh.sections[2], "dictionary");
    assert_same(&k.parts[MGP_MERGE_POSTINGS], &fresh.sections[3], "postings");
    segment_free(&fresh);
  } else {
    assert_int_equal(k.writes, 0);
  }
  corpus_free(&left);
  kept_free(&k);
}

static void lexical_merge_of_ranges_then_equals_building_from_nothing(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 6; seed++) {
    corpus c = corpus_make(seed, 900, 40 * seed * seed);
    built_segment parts[9];
    for (size_t i = 0; i < 9; i++) parts[i] = segment_build(&c, i * 100, (i + 1) * 100);
    for (unsigned of_ten = 0; of_ten <= 10; of_ten += 2) check_merge(parts, 9, &c, of_ten);
    check_merge(parts, 1,
                &(corpus){.item_count = 100,
                          .word_count = c.word_count,
                          .ids = c.ids,
                          .starts = c.starts,
                          .tokens = c.tokens},
                7);
    for (size_t i = 0; i < 9; i++) segment_free(&parts[i]);
    corpus_free(&c);
  }
}

/* Every third item into each of three segments: ranges overlap, as after merges of some. */
static void lexical_merge_of_interleaved_items_then_equals_building_from_nothing(void **state) {
  (void)state;
  corpus c = corpus_make(77, 600, 300);
  built_segment parts[3];
  for (unsigned p = 0; p < 3; p++) {
    corpus some = {.word_count = c.word_count};
    some.ids = calloc(201, sizeof *some.ids);
    some.starts = calloc(202, sizeof *some.starts);
    some.tokens = calloc(c.starts[600] + 1, sizeof *some.tokens);
    for (size_t i = p; i < 600; i += 3) {
      const size_t size = c.starts[i + 1] - c.starts[i], n = some.item_count++;
      some.ids[n] = c.ids[i];
      memcpy(some.tokens + some.starts[n], c.tokens + c.starts[i], size * sizeof *c.tokens);
      some.starts[n + 1] = some.starts[n] + size;
    }
    parts[p] = segment_build(&some, 0, some.item_count);
    corpus_free(&some);
  }
  check_merge(parts, 3, &c, 10);
  check_merge(parts, 3, &c, 5);
  for (size_t i = 0; i < 3; i++) segment_free(&parts[i]);
  corpus_free(&c);
}

static void lexical_merge_of_one_item_twice_then_corrupt(void **state) {
  (void)state;
  corpus c = corpus_make(5, 50, 20);
  built_segment a = segment_build(&c, 0, 50), b = segment_build(&c, 49, 50);
  mgp_lexical_view *views[] = {a.view, b.view};
  kept k = {0};
  const mgp_merge_sink sink = sink_of(&k);
  magpie_error err = {0};
  uint64_t count = 0;
  assert_int_equal(mgp_lexical_merge(NULL, views, 2, NULL, &sink, &count, &err), MAGPIE_CORRUPT);
  kept_free(&k);
  segment_free(&a);
  segment_free(&b);
  corpus_free(&c);
}

static void lexical_merge_when_any_write_or_allocation_fails_then_ends_cleanly(void **state) {
  (void)state;
  corpus c = corpus_make(9, 60, 30);
  built_segment parts[2] = {segment_build(&c, 0, 30), segment_build(&c, 30, 60)};
  mgp_lexical_view *views[] = {parts[0].view, parts[1].view};
  magpie_error err = {0};
  uint64_t count = 0;
  magpie_status status = MAGPIE_CANCELLED;
  size_t n = 0;
  for (n = 1; status != MAGPIE_OK && n < 1000; n++) {
    kept k = {.fail_at = n};
    const mgp_merge_sink sink = sink_of(&k);
    status = mgp_lexical_merge(NULL, views, 2, NULL, &sink, &count, &err);
    assert_true(status == MAGPIE_OK || status == MAGPIE_CANCELLED);
    kept_free(&k);
  }
  assert_true(n > 80); /* each id, word, length and header */
  status = MAGPIE_NO_MEMORY;
  mgp_alloc *a = mgp_alloc_create(0);
  for (n = 1; status != MAGPIE_OK && n < 1000; n++) {
    kept k = {0};
    const mgp_merge_sink sink = sink_of(&k);
    mgp_alloc_fail_at(a, n);
    status = mgp_lexical_merge(a, views, 2, NULL, &sink, &count, &err);
    assert_true(status == MAGPIE_OK || status == MAGPIE_NO_MEMORY);
    assert_int_equal(mgp_alloc_used(a), 0);
    kept_free(&k);
  }
  assert_true(n > 10);
  mgp_alloc_destroy(a);
  segment_free(&parts[0]);
  segment_free(&parts[1]);
  corpus_free(&c);
}

/* Random bytes changed in dictionary and postings: an answer or CORRUPT, nothing read outside. */
static void lexical_merge_of_damaged_bytes_then_no_crash(void **state) {
  (void)state;
  corpus c = corpus_make(21, 200, 100);
  built_segment whole = segment_build(&c, 0, 150), other = segment_build(&c, 150, 200);
  uint64_t seed = 4;
  size_t refused = 0;
  for (int round = 0; round < 3000; round++) {
    mgp_bytes sections[MGP_LEXICAL_SECTIONS];
    void *copies[2];
    memcpy(sections, whole.sections, sizeof sections);
    for (size_t i = 0; i < 2; i++) {
      copies[i] = malloc(sections[2 + i].size);
      memcpy(copies[i], sections[2 + i].data, sections[2 + i].size);
      sections[2 + i].data = copies[i];
    }
    const size_t which = random_below(&seed, 2);
    ((unsigned char *)copies[which])[random_below(&seed, sections[2 + which].size)] ^=
        (unsigned char)(1 + random_below(&seed, 255));
    mgp_lexical_view *view = NULL;
    magpie_error err = {0};
    if (mgp_lexical_view_open(NULL, sections, &view, &err) == MAGPIE_OK) {
      mgp_lexical_view *views[] = {view, other.view};
      kept k = {0};
      const mgp_merge_sink sink = sink_of(&k);
      uint64_t count = 0;
      const magpie_status status = mgp_lexical_merge(NULL, views, 2, NULL, &sink, &count, &err);
      assert_true(status == MAGPIE_OK || status == MAGPIE_CORRUPT);
      refused += status != MAGPIE_OK;
      kept_free(&k);
      mgp_lexical_view_close(view);
    }
    free(copies[0]);
    free(copies[1]);
  }
  assert_true(refused > 100);
  segment_free(&whole);
  segment_free(&other);
  corpus_free(&c);
}

/* The bound that merge.h promises. */
static void lexical_merge_of_many_items_then_memory_stays_within_its_bound(void **state) {
  (void)state;
  corpus c = corpus_make(3, 20000, 5000);
  built_segment parts[20];
  mgp_lexical_view *views[20];
  for (size_t i = 0; i < 20; i++) {
    parts[i] = segment_build(&c, i * 1000, (i + 1) * 1000);
    views[i] = parts[i].view;
  }
  mgp_alloc *a = mgp_alloc_create(0);
  kept k = {0};
  const mgp_merge_sink sink = sink_of(&k);
  magpie_error err = {0};
  uint64_t count = 0;
  assert_int_equal(mgp_lexical_merge(a, views, 20, NULL, &sink, &count, &err), MAGPIE_OK);
  const uint64_t items = 16 * 20000, packed = 2 * 3 * 20000, words = 2 * 5000,
                 views_held = 20 * 400;
  print_message("peak %llu bytes for 20,000 items\n", (unsigned long long)mgp_alloc_peak(a));
  assert_true(mgp_alloc_peak(a) <= items + packed + words + views_held + 4096);
  kept_free(&k);
  mgp_alloc_destroy(a);
  for (size_t i = 0; i < 20; i++) segment_free(&parts[i]);
  corpus_free(&c);
}

/* Tables of 320 kB under a budget of 192 kB: without their files there is no merge. */
static void
lexical_merge_when_the_budget_is_small_then_spills_and_gives_the_same_bytes(void **state) {
  (void)state;
  corpus c = corpus_make(4, 20000, 3000);
  built_segment parts[20];
  mgp_lexical_view *views[20];
  for (size_t i = 0; i < 20; i++) {
    parts[i] = segment_build(&c, i * 1000, (i + 1) * 1000);
    views[i] = parts[i].view;
  }
  kept roomy = {0}, tight = {0}, refused = {0};
  mgp_alloc *a = mgp_alloc_create(192 << 10);
  magpie_error err = {0};
  uint64_t count = 0;
  mgp_merge_sink sink = sink_of(&roomy);
  assert_int_equal(mgp_lexical_merge(NULL, views, 20, NULL, &sink, &count, &err), MAGPIE_OK);
  sink = sink_of(&refused);
  assert_int_equal(mgp_lexical_merge(a, views, 20, NULL, &sink, &count, &err), MAGPIE_NO_MEMORY);
  sink = sink_of(&tight);
  sink.spill_folder = "/tmp";
  if (mgp_lexical_merge(a, views, 20, NULL, &sink, &count, &err)) fail_msg("%s", err.message);
  assert_int_equal(count, 20000);
  for (size_t i = 0; i < 5; i++) {
    const mgp_bytes expected = {.data = roomy.parts[i].data, .size = roomy.parts[i].size};
    assert_same(&tight.parts[i], &expected, "a section");
  }
  assert_true(mgp_alloc_peak(a) <= 192 << 10);
  assert_int_equal(mgp_alloc_used(a), 0);
  kept_free(&roomy);
  kept_free(&tight);
  kept_free(&refused);
  mgp_alloc_destroy(a);
  for (size_t i = 0; i < 20; i++) segment_free(&parts[i]);
  corpus_free(&c);
}

/* ---- dense ------------------------------------------------------------------------------------
 */

static void dense_merge_of_overlapping_views_then_rows_follow_the_ids(void **state) {
  (void)state;
  enum { COUNT = 9000, DIM = 5 };
  const size_t stride = mgp_dense_stride(DIM);
  mgp_dense_view views[3] = {{0}};
  float *rows[3];
  uint64_t *ids[3];
  uint64_t seed = 8;
  for (size_t v = 0; v < 3; v++) {
    rows[v] = calloc(COUNT, stride * sizeof(float));
    ids[v] = calloc(COUNT, sizeof(uint64_t));
    views[v] = (mgp_dense_view){.rows = rows[v], .ids = ids[v], .dim = DIM, .stride = stride};
  }
  for (uint64_t id = 1; id <= COUNT; id++) { /* long runs first, then a mix */
    const size_t v = id <= COUNT / 2 ? id / 2000 % 3 : random_below(&seed, 3);
    const size_t at = views[v].count++;
    ids[v][at] = id;
    for (size_t d = 0; d < DIM; d++) rows[v][at * stride + d] = (float)id + (float)d / 8;
  }
  for (unsigned of_ten = 0; of_ten <= 10; of_ten += 5) {
    const mgp_filter live = {.allow = is_kept, .context = &of_ten};
    kept k = {0};
    const mgp_merge_sink sink = sink_of(&k);
    magpie_error err = {0};
    uint64_t count = 0, expected = 0;
    assert_int_equal(mgp_dense_merge(NULL, views, 3, &live, &sink, &count, &err), MAGPIE_OK);
    const uint64_t *got = (const uint64_t *)k.parts[MGP_MERGE_IDS].data;
    const float *values = (const float *)k.parts[MGP_MERGE_VECTORS].data;
    for (uint64_t id = 1; id <= COUNT; id++) {
      if (!is_kept(&of_ten, id)) continue;
      assert_int_equal(got[expected], id);
      for (size_t d = 0; d < stride; d++)
        assert_true(values[expected * stride + d] == (d < DIM ? (float)id + (float)d / 8 : 0));
      expected++;
    }
    assert_int_equal(count, expected);
    assert_int_equal(k.parts[MGP_MERGE_VECTORS].size, count * stride * sizeof(float));
    kept_free(&k);
  }
  for (size_t v = 0; v < 3; v++) {
    free(rows[v]);
    free(ids[v]);
  }
}

static void dense_merge_of_other_dimensions_then_invalid(void **state) {
  (void)state;
  const mgp_dense_view views[] = {{.dim = 4, .stride = 16}, {.dim = 8, .stride = 16}};
  kept k = {0};
  const mgp_merge_sink sink = sink_of(&k);
  magpie_error err = {0};
  uint64_t count = 0;
  assert_int_equal(mgp_dense_merge(NULL, views, 2, NULL, &sink, &count, &err), MAGPIE_INVALID);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(lexical_merge_of_ranges_then_equals_building_from_nothing),
      cmocka_unit_test(lexical_merge_of_interleaved_items_then_equals_building_from_nothing),
      cmocka_unit_test(lexical_merge_of_one_item_twice_then_corrupt),
      cmocka_unit_test(lexical_merge_when_any_write_or_allocation_fails_then_ends_cleanly),
      cmocka_unit_test(lexical_merge_of_damaged_bytes_then_no_crash),
      cmocka_unit_test(lexical_merge_of_many_items_then_memory_stays_within_its_bound),
      cmocka_unit_test(lexical_merge_when_the_budget_is_small_then_spills_and_gives_the_same_bytes),
      cmocka_unit_test(dense_merge_of_overlapping_views_then_rows_follow_the_ids),
      cmocka_unit_test(dense_merge_of_other_dimensions_then_invalid),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
