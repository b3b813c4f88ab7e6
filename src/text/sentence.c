/* SPDX-License-Identifier: Apache-2.0
 *
 * sentence: borders by ICU's sentence break iterator (Unicode UAX #29), straight over UTF-8.
 *
 * ICU counts in 32 bits and gets slow on one endless text, so it is fed blocks of a mebibyte that
 * end at a line end where there is one. A block that ends elsewhere is no sentence border.
 */
#include "text/sentence.h"

enum { BLOCK_BYTES = 1 << 20 };

static size_t block_end(const char *text, size_t start, size_t size) {
  if (size - start <= BLOCK_BYTES) return size;
  const char *newline = memrchr(text + start, '\n', BLOCK_BYTES);
  if (newline) return (size_t)(newline - text) + 1;
  const size_t cut = mgp_utf8_cut(text + start, BLOCK_BYTES);
  return start + (cut > 0 ? cut : BLOCK_BYTES);
}

static bool next_block(mgp_sentences *s) {
  UErrorCode status = U_ZERO_ERROR;
  s->block = s->block_end;
  if (s->block >= s->size) return false;
  s->block_end = block_end(s->text, s->block, s->size);
  utext_openUTF8(&s->utext, s->text + s->block, (int64_t)(s->block_end - s->block), &status);
  ubrk_setUText(s->iterator, &s->utext, &status);
  return !U_FAILURE(status) && ubrk_first(s->iterator) != UBRK_DONE;
}

magpie_status mgp_sentences_init(mgp_sentences *s, const char *text, size_t size,
                                 magpie_error *err) {
  UErrorCode status = U_ZERO_ERROR;
  const UText blank = UTEXT_INITIALIZER;
  *s = (mgp_sentences){.text = text, .size = size, .utext = blank};
  s->iterator = ubrk_open(UBRK_SENTENCE, "en", NULL, 0, &status);
  if (U_FAILURE(status)) {
    s->iterator = NULL;
    return mgp_fail(err, MAGPIE_INTERNAL, "ICU cannot break sentences: %s; is its data installed?",
                    u_errorName(status));
  }
  next_block(s);
  return MAGPIE_OK;
}

bool mgp_sentences_next(mgp_sentences *s, size_t *end) {
  while (s->block < s->size) {
    const int32_t at = ubrk_next(s->iterator);
    if (at == UBRK_DONE) {
      if (!next_block(s)) return false;
      continue;
    }
    *end = s->block + (size_t)at;
    const bool artificial = *end == s->block_end && *end < s->size && s->text[*end - 1] != '\n';
    if (!artificial) return true;
  }
  return false;
}

void mgp_sentences_fini(mgp_sentences *s) {
  if (s->iterator) ubrk_close(s->iterator);
  utext_close(&s->utext);
  s->iterator = NULL;
}
