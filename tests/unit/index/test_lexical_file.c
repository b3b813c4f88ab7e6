/* SPDX-License-Identifier: Apache-2.0
 *
 * Damaged sections: every byte changed, every length cut. Each lies in a block of its exact size,
 * so that under ASan a read past its end is seen. They are refused, or give no more hits than
 * items.
 */
#include "index/lexical_file.h"
#include "index_fixture.h"

#define WORDS 40

/* Copies of the sections, each in its own block. */
typedef struct copies {
  unsigned char *data[MGP_LEXICAL_SECTIONS];
  mgp_bytes sections[MGP_LEXICAL_SECTIONS];
} copies;

static copies copies_make(const mgp_bytes sections[MGP_LEXICAL_SECTIONS], size_t section,
                          size_t size) {
  copies c = {0};
  for (size_t i = 0; i < MGP_LEXICAL_SECTIONS; i++) {
    const size_t wanted = i == section ? size : sections[i].size;
    c.data[i] = malloc(wanted ? wanted : 1);
    memcpy(c.data[i], sections[i].data, wanted);
    c.sections[i] = (mgp_bytes){.data = c.data[i], .size = wanted};
  }
  return c;
}

static void copies_free(copies *c) {
  for (size_t i = 0; i < MGP_LEXICAL_SECTIONS; i++) free(c->data[i]);
}

static bool is_refusal(magpie_status status) {
  return status == MAGPIE_CORRUPT || status == MAGPIE_VERSION;
}

/* Opens and asks for every word, alone and all together. True if anything was refused. */
static bool read_all(const copies *c) {
  mgp_lexical_view *view = NULL;
  magpie_status status = mgp_lexical_view_open(NULL, c->sections, &view, NULL);
  if (status != MAGPIE_OK) {
    assert_true(is_refusal(status));
    return true;
  }
  char texts[WORDS][32];
  const char *forms[WORDS];
  size_t sizes[WORDS];
  mgp_query_term terms[WORDS];
  for (unsigned i = 0; i < WORDS; i++) {
    sizes[i] = word_text(i, texts[i]);
    forms[i] = texts[i];
    terms[i] =
        (mgp_query_term){.forms = &forms[i], .sizes = &sizes[i], .form_count = 1, .weight = 1};
  }
  static const mgp_bm25 usual = {.k1 = 1.2, .b = 0.75};
  bool refused = false;
  for (size_t i = 0; i <= WORDS; i++) {
    mgp_scored storage[16];
    mgp_topk top;
    mgp_topk_init(&top, storage, i % 2 ? 2 : 16);
    status = i < WORDS ? mgp_lexical_search(&view, 1, &terms[i], 1, &usual, NULL, NULL, &top, NULL)
                       : mgp_lexical_search(&view, 1, terms, WORDS, &usual, NULL, NULL, &top, NULL);
    assert_true(status == MAGPIE_OK || is_refusal(status));
    refused = refused || status != MAGPIE_OK;
    assert_true(top.count <= mgp_lexical_view_count(view));
  }
  mgp_lexical_view_close(view);
  return refused;
}

static void open_when_any_byte_is_changed_then_bounded(void **state) {
  (void)state;
  static const unsigned char masks[] = {0x01, 0x80, 0xff};
  corpus c = corpus_make(21, 180, WORDS);
  built_segment s = segment_build(&c, 0, c.item_count);
  size_t refused = 0;
  for (size_t section = 0; section < MGP_LEXICAL_SECTIONS; section++) {
    copies damaged = copies_make(s.sections, MGP_LEXICAL_SECTIONS, 0);
    for (size_t at = 0; at < s.sections[section].size; at++) {
      for (size_t m = 0; m < sizeof masks; m++) {
        damaged.data[section][at] ^= masks[m];
        refused += read_all(&damaged);
        damaged.data[section][at] ^= masks[m];
      }
    }
    assert_false(read_all(&damaged));
    copies_free(&damaged);
  }
  assert_true(refused > 100);
  segment_free(&s);
  corpus_free(&c);
}

static void open_when_any_section_is_cut_then_refused(void **state) {
  (void)state;
  corpus c = corpus_make(22, 150, WORDS);
  built_segment s = segment_build(&c, 0, c.item_count);
  for (size_t section = 0; section < MGP_LEXICAL_SECTIONS; section++) {
    for (size_t size = 0; size < s.sections[section].size; size++) {
      copies cut = copies_make(s.sections, section, size);
      /* The dictionary's last entries and the last postings may be unasked for; the rest shows. */
      const bool refused = read_all(&cut);
      if (section < 2 || size < 64) assert_true(refused);
      copies_free(&cut);
    }
  }
  segment_free(&s);
  corpus_free(&c);
}

static void open_when_bytes_are_random_behind_good_heads_then_bounded(void **state) {
  (void)state;
  corpus c = corpus_make(23, 300, WORDS);
  built_segment s = segment_build(&c, 0, c.item_count);
  uint64_t seed = 77;
  for (int round = 0; round < 2000; round++) {
    copies damaged = copies_make(s.sections, MGP_LEXICAL_SECTIONS, 0);
    const size_t section = 2 + random_below(&seed, 2), head = section == 2 ? 32 : 16;
    const size_t spread = damaged.sections[section].size - head;
    const size_t from = head + random_below(&seed, spread);
    for (size_t i = 0; i < 1 + random_below(&seed, 60); i++)
      if (from + i < damaged.sections[section].size)
        damaged.data[section][from + i] = (unsigned char)random_next(&seed);
    (void)read_all(&damaged);
    copies_free(&damaged);
  }
  segment_free(&s);
  corpus_free(&c);
}

static void open_when_version_is_newer_then_says_version(void **state) {
  (void)state;
  corpus c = corpus_make(24, 5, WORDS);
  built_segment s = segment_build(&c, 0, c.item_count);
  for (size_t section = 2; section < MGP_LEXICAL_SECTIONS; section++) {
    copies newer = copies_make(s.sections, MGP_LEXICAL_SECTIONS, 0);
    newer.data[section][4] = 2;
    mgp_lexical_view *view = NULL;
    magpie_error err = {0};
    assert_int_equal(mgp_lexical_view_open(NULL, newer.sections, &view, &err), MAGPIE_VERSION);
    assert_non_null(strstr(err.message, "version 2"));
    assert_null(view);
    copies_free(&newer);
  }
  segment_free(&s);
  corpus_free(&c);
}

static void open_when_ids_do_not_ascend_then_corrupt(void **state) {
  (void)state;
  corpus c = corpus_make(25, 5, WORDS);
  built_segment s = segment_build(&c, 0, c.item_count);
  copies same = copies_make(s.sections, MGP_LEXICAL_SECTIONS, 0);
  memcpy(same.data[0] + 8, same.data[0], 8);
  mgp_lexical_view *view = NULL;
  assert_int_equal(mgp_lexical_view_open(NULL, same.sections, &view, NULL), MAGPIE_CORRUPT);
  copies_free(&same);
  segment_free(&s);
  corpus_free(&c);
}

static void varint_when_written_then_read_back(void **state) {
  (void)state;
  static const uint64_t values[] = {0, 1, 127, 128, 16383, 16384, UINT32_MAX, UINT64_MAX};
  mgp_buffer out;
  mgp_buffer_init(&out, NULL);
  for (size_t i = 0; i < 8; i++) mgp_lexical_put_varint(&out, values[i]);
  const unsigned char *at = (const unsigned char *)out.data, *end = at + out.size;
  uint64_t value = 0;
  for (size_t i = 0; i < 8; i++) {
    assert_true(mgp_lexical_get_varint(&at, end, &value));
    assert_true(value == values[i]);
  }
  assert_false(mgp_lexical_get_varint(&at, end, &value));
  static const unsigned char endless[11] = {255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1};
  at = endless;
  assert_false(mgp_lexical_get_varint(&at, endless + 11, &value));
  mgp_buffer_fini(&out);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(open_when_any_byte_is_changed_then_bounded),
      cmocka_unit_test(open_when_any_section_is_cut_then_refused),
      cmocka_unit_test(open_when_bytes_are_random_behind_good_heads_then_bounded),
      cmocka_unit_test(open_when_version_is_newer_then_says_version),
      cmocka_unit_test(open_when_ids_do_not_ascend_then_corrupt),
      cmocka_unit_test(varint_when_written_then_read_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
