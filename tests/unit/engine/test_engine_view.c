/* SPDX-License-Identifier: Apache-2.0
 *
 * Damaged segments: left out with a warning that names them, while the others answer.
 */
#include "engine_fixture.h"

#include "index/index.h"

/* Two segments of words: one of the birds, one of a later file. */
static void make_two_segments(fixture *f) {
  magpie *ix = NULL;
  write_birds(f);
  assert_ok(open_index(f, false, 0, &ix, err));
  assert_ok(add_folder(f, ix, "files", NULL, err));
  write_text(f, "files/late.txt", "Late boats come home.");
  assert_ok(add_folder(f, ix, "files", NULL, err));
  assert_int_equal(count_hits(ix, "boats"), 3);
  magpie_close(&ix);
}

static void flip_byte(const char *path, long at) {
  FILE *file = fopen(path, "r+b");
  assert_non_null(file);
  assert_int_equal(fseek(file, at, SEEK_SET), 0);
  const int byte = fgetc(file);
  assert_int_not_equal(byte, EOF);
  assert_int_equal(fseek(file, at, SEEK_SET), 0);
  assert_int_equal(fputc(byte ^ 0x5a, file), byte ^ 0x5a);
  assert_int_equal(fclose(file), 0);
}

/* The search answers with so many hits and one warning that holds all of these. */
static void check_answer(fixture *f, size_t hits, const char *file, const char *space) {
  magpie *ix = NULL;
  magpie_result *result = NULL;
  assert_ok(open_index(f, true, 0, &ix, err));
  for (int turn = 0; turn < 2; turn++) { /* the second one uses the view of the first */
    assert_ok(search_text(ix, "boats", &result, err));
    assert_int_equal(magpie_result_count(result), hits);
    const char *warning = magpie_result_warning(result, 0);
    assert_non_null(warning);
    assert_non_null(strstr(warning, file));
    assert_non_null(strstr(warning, space));
    assert_non_null(strstr(warning, "magpie repair"));
    assert_null(magpie_result_warning(result, 1));
    magpie_result_destroy(result);
  }
  magpie_close(&ix);
}

static void search_when_bytes_of_a_segment_flip_then_the_others_answer(void **state) {
  fixture *f = *state;
  static const long places[] = {0, 20, 70, 193}; /* magic, sections, table, ids */
  make_two_segments(f);
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
    flip_byte(path_in(f, "t.mgp/segments/000000000002.seg"), places[i]);
    check_answer(f, 2, "segments/000000000002.seg", "space words");
    flip_byte(path_in(f, "t.mgp/segments/000000000002.seg"), places[i]);
  }
  flip_byte(path_in(f, "t.mgp/segments/000000000001.seg"), 193);
  check_answer(f, 1, "segments/000000000001.seg", "space words");
}

/* Adds a segment whose checksums are right and whose structure is not. */
static void add_segment(fixture *f, const mgp_space *space, const mgp_section *sections,
                        size_t count) {
  mgp_store *s = open_writer(f);
  assert_ok(mgp_store_begin(s, err));
  assert_ok(mgp_store_space_declare(s, space, err));
  assert_ok(mgp_store_segment_add(s, space->name, 1, sections, count, err));
  assert_ok(mgp_store_commit(s, NULL, err));
  mgp_store_close(&f->store);
}

static void search_when_a_words_structure_is_wrong_then_the_others_answer(void **state) {
  fixture *f = *state;
  const uint64_t id = 1;
  const uint32_t length = 5;
  const mgp_section sections[] = {{MGP_SECTION_IDS, &id, sizeof id},
                                  {MGP_SECTION_LENGTHS, &length, sizeof length},
                                  {MGP_SECTION_DICTIONARY, "not a dictionary", 16},
                                  {MGP_SECTION_POSTINGS, "not postings", 12}};
  const mgp_space words = {.name = "words", .metric = "bm25"};
  make_two_segments(f);
  add_segment(f, &words, sections, 4);
  check_answer(f, 3, "segments/000000000003.seg", "space words");
}

static void search_when_a_section_is_missing_then_the_others_answer(void **state) {
  fixture *f = *state;
  const uint64_t id = 1;
  const mgp_section sections[] = {{MGP_SECTION_IDS, &id, sizeof id}};
  const mgp_space words = {.name = "words", .metric = "bm25"};
  make_two_segments(f);
  add_segment(f, &words, sections, 1);
  check_answer(f, 3, "segments/000000000003.seg", "space words");
}

static void search_when_vectors_have_another_size_then_the_others_answer(void **state) {
  fixture *f = *state;
  const uint64_t id = 1;
  const float vector[3] = {1, 2, 3};
  const mgp_section sections[] = {{MGP_SECTION_IDS, &id, sizeof id},
                                  {MGP_SECTION_VECTORS_F32, vector, sizeof vector}};
  const mgp_space space = test_space("text");
  make_two_segments(f);
  add_segment(f, &space, sections, 2);
  check_answer(f, 3, "segments/000000000003.seg", "space text");
}

/* The headers of this one are right: the damage shows when a term is looked up. */
static void search_when_a_dictionary_block_is_wrong_then_words_are_left_out(void **state) {
  fixture *f = *state;
  const mgp_space words = {.name = "words", .metric = "bm25"};
  mgp_lexical_builder *builder = NULL;
  mgp_bytes parts[MGP_LEXICAL_SECTIONS];
  make_two_segments(f);
  assert_ok(mgp_lexical_builder_create(NULL, &builder, err));
  assert_ok(mgp_lexical_builder_begin(builder, 1, err));
  assert_ok(mgp_lexical_builder_term(builder, "boat", 4, err));
  assert_ok(mgp_lexical_builder_finish(builder, parts, err));
  char *dictionary = malloc(parts[2].size);
  memcpy(dictionary, parts[2].data, parts[2].size);
  memset(dictionary + 48, 0xff, parts[2].size - 48); /* header 32, one index entry 16 */
  const mgp_section sections[] = {{MGP_SECTION_IDS, parts[0].data, parts[0].size},
                                  {MGP_SECTION_LENGTHS, parts[1].data, parts[1].size},
                                  {MGP_SECTION_DICTIONARY, dictionary, parts[2].size},
                                  {MGP_SECTION_POSTINGS, parts[3].data, parts[3].size}};
  add_segment(f, &words, sections, 4);
  check_answer(f, 0, "lexical segment", "space words");
  free(dictionary);
  mgp_lexical_builder_destroy(builder);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      store_test(search_when_bytes_of_a_segment_flip_then_the_others_answer),
      store_test(search_when_a_words_structure_is_wrong_then_the_others_answer),
      store_test(search_when_a_section_is_missing_then_the_others_answer),
      store_test(search_when_a_dictionary_block_is_wrong_then_words_are_left_out),
      store_test(search_when_vectors_have_another_size_then_the_others_answer)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
