/* SPDX-License-Identifier: Apache-2.0
 *
 * Property: opening and searching lexical sections never leaves them, whatever they hold.
 * Input: the first byte even: sizes of ids, lengths and dictionary (u16 each), then all sections'
 * bytes, the postings last. Odd: edits (section u8, offset u16, byte u8) of a sound segment, which
 * reach deeper than bytes made of nothing. Each section lies in a block of its exact size.
 */
// links: mgp_index
#include <stdlib.h>

#include "index/index.h"

#define ITEMS 300
#define WORDS 24

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t word_text(unsigned word, char out[16]) {
  return (size_t)snprintf(out, 16, "%s%u", word % 2 ? "prefix" : "w", word);
}

static void must(bool is_true) {
  if (!is_true) abort();
}

/* Word w is in every (w + 1)th item: blocks from full to single. */
static mgp_lexical_builder *sound_segment(mgp_bytes sections[MGP_LEXICAL_SECTIONS]) {
  mgp_lexical_builder *b = NULL;
  must(mgp_lexical_builder_create(NULL, &b, NULL) == MAGPIE_OK);
  for (unsigned i = 0; i < ITEMS; i++) {
    must(mgp_lexical_builder_begin(b, i * 2, NULL) == MAGPIE_OK);
    for (unsigned w = 0; w < WORDS; w++) {
      char text[16];
      const size_t length = word_text(w, text);
      for (unsigned tf = 0; i % (w + 1) == 0 && tf < 1 + i % 3; tf++)
        must(mgp_lexical_builder_term(b, text, length, NULL) == MAGPIE_OK);
    }
  }
  must(mgp_lexical_builder_finish(b, sections, NULL) == MAGPIE_OK);
  return b;
}

static void copy_section(mgp_bytes *out, const void *data, size_t size) {
  void *block = malloc(size ? size : 1);
  must(block != NULL);
  if (size) memcpy(block, data, size);
  *out = (mgp_bytes){.data = block, .size = size};
}

static void sections_of_edits(const uint8_t *data, size_t size,
                              mgp_bytes sections[MGP_LEXICAL_SECTIONS]) {
  static mgp_bytes sound[MGP_LEXICAL_SECTIONS];
  static mgp_lexical_builder *owner = NULL; /* lives as long as the process */
  if (!owner) owner = sound_segment(sound);
  for (size_t i = 0; i < MGP_LEXICAL_SECTIONS; i++)
    copy_section(&sections[i], sound[i].data, sound[i].size);
  for (; size >= 4; data += 4, size -= 4) {
    const mgp_bytes *section = &sections[data[0] % MGP_LEXICAL_SECTIONS];
    const size_t offset = (size_t)data[1] << 8 | data[2];
    ((uint8_t *)section->data)[offset % section->size] = data[3];
  }
}

static void sections_of_bytes(const uint8_t *data, size_t size,
                              mgp_bytes sections[MGP_LEXICAL_SECTIONS]) {
  size_t wanted[MGP_LEXICAL_SECTIONS] = {0};
  for (size_t i = 0; i + 1 < MGP_LEXICAL_SECTIONS && size >= 2; i++, data += 2, size -= 2)
    wanted[i] = (size_t)data[0] << 8 | data[1];
  for (size_t i = 0; i < MGP_LEXICAL_SECTIONS; i++) {
    const size_t take = i + 1 == MGP_LEXICAL_SECTIONS || wanted[i] > size ? size : wanted[i];
    copy_section(&sections[i], data, take);
    data += take;
    size -= take;
  }
}

static void search_all(mgp_lexical_view *view) {
  char texts[WORDS][16];
  const char *forms[WORDS];
  size_t sizes[WORDS];
  mgp_query_term terms[WORDS];
  for (unsigned w = 0; w < WORDS; w++) {
    sizes[w] = word_text(w, texts[w]);
    forms[w] = texts[w];
    /* A term of two forms takes the next word along. */
    const size_t count = w + 1 < WORDS ? 1 + w % 2 : 1;
    terms[w] =
        (mgp_query_term){.forms = &forms[w], .sizes = &sizes[w], .form_count = count, .weight = 1};
  }
  static const mgp_bm25 usual = {.k1 = 1.2, .b = 0.75};
  for (size_t count = 1; count <= WORDS; count += count < 4 ? 1 : 10) {
    for (size_t first = 0; first + count <= WORDS; first += count) {
      mgp_scored storage[8];
      mgp_topk top;
      mgp_topk_init(&top, storage, 8);
      (void)mgp_lexical_search(&view, 1, terms + first, count, &usual, NULL, NULL, &top, NULL);
      must(top.count <= mgp_lexical_view_count(view));
    }
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0) return 0;
  mgp_bytes sections[MGP_LEXICAL_SECTIONS];
  if (data[0] % 2) sections_of_edits(data + 1, size - 1, sections);
  else sections_of_bytes(data + 1, size - 1, sections);
  mgp_lexical_view *view = NULL;
  if (mgp_lexical_view_open(NULL, sections, &view, NULL) == MAGPIE_OK) search_all(view);
  mgp_lexical_view_close(view);
  for (size_t i = 0; i < MGP_LEXICAL_SECTIONS; i++) free((void *)(uintptr_t)sections[i].data);
  return 0;
}
