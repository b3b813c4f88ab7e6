/* SPDX-License-Identifier: Apache-2.0
 *
 * The long check: fine for what the builder makes; a byte changed anywhere is refused unless it is
 * one that no number of the segment depends on.
 */
#include "index/lexical_check.h"
#include "index/lexical_file.h"
#include "index_fixture.h"

static magpie_status check_sections(const mgp_bytes sections[MGP_LEXICAL_SECTIONS]) {
  mgp_lexical_view *view = NULL;
  const magpie_status status = mgp_lexical_view_open(NULL, sections, &view, NULL);
  if (status != MAGPIE_OK) return status;
  const magpie_status checked = mgp_lexical_check(NULL, view, NULL);
  mgp_lexical_view_close(view);
  return checked;
}

static void check_when_built_then_fine(void **state) {
  (void)state;
  static const size_t sizes[] = {0, 1, 17, 129, 600};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    corpus c = corpus_make(31 + i, 600, 90);
    built_segment s = segment_build(&c, 0, sizes[i]);
    assert_int_equal(check_sections(s.sections), MAGPIE_OK);
    segment_free(&s);
    corpus_free(&c);
  }
}

/* Counts, lengths and borders are all said twice; only the letters of a term are not. */
static void check_when_a_byte_is_changed_then_refused(void **state) {
  (void)state;
  corpus c = corpus_make(41, 200, 40);
  built_segment s = segment_build(&c, 0, c.item_count);
  for (size_t section = 1; section < MGP_LEXICAL_SECTIONS; section++) {
    const size_t size = s.sections[section].size;
    unsigned char *copy = malloc(size);
    memcpy(copy, s.sections[section].data, size);
    mgp_bytes sections[MGP_LEXICAL_SECTIONS];
    memcpy(sections, s.sections, sizeof sections);
    sections[section].data = copy;
    size_t refused = 0;
    for (size_t at = 0; at < size; at++) {
      copy[at] ^= 0x01;
      const magpie_status status = check_sections(sections);
      assert_true(status == MAGPIE_OK || status == MAGPIE_CORRUPT || status == MAGPIE_VERSION);
      refused += status != MAGPIE_OK;
      copy[at] ^= 0x01;
    }
    assert_true(section == 1 ? refused == size : refused * 10 > size * 6);
    free(copy);
  }
  segment_free(&s);
  corpus_free(&c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(check_when_built_then_fine),
      cmocka_unit_test(check_when_a_byte_is_changed_then_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
