/* SPDX-License-Identifier: Apache-2.0
 *
 * Sentence borders of a UTF-8 text, one after the other.
 */
#ifndef MGP_SENTENCE_H
#define MGP_SENTENCE_H

#include <unicode/ubrk.h>

#include "text/text.h"

typedef struct mgp_sentences {
  const char *text;
  size_t size;
  size_t block, block_end; /* the part that ICU looks at */
  UBreakIterator *iterator;
  UText utext;
} mgp_sentences;

/* The text is lent until fini. */
magpie_status mgp_sentences_init(mgp_sentences *s, const char *text, size_t size,
                                 magpie_error *err);
/* The byte after the next sentence and its trailing space; false after the last. The last is
 * always `size`. */
bool mgp_sentences_next(mgp_sentences *s, size_t *end);
void mgp_sentences_fini(mgp_sentences *s);

#endif
