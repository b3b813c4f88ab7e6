/* SPDX-License-Identifier: Apache-2.0
 *
 * Folding of one word: compatibility and case before the stemmer, accents after it.
 */
#ifndef MGP_FOLD_H
#define MGP_FOLD_H

#include <unicode/unorm2.h>

#include "text/text.h"

enum {
  MGP_WORD_UNITS = 256, /* UTF-16 units of a word that are looked at; a term keeps 64 bytes */
  MGP_FOLD_UNITS = MGP_WORD_UNITS * 18 + 8 /* the longest NFKC_Casefold of one unit is 18 units */
};

typedef struct mgp_folder {
  const UNormalizer2 *casefold, *decompose; /* ICU's own, never freed */
  UChar a[MGP_FOLD_UNITS], b[MGP_FOLD_UNITS];
} mgp_folder;

magpie_status mgp_folder_init(mgp_folder *f, magpie_error *err);
/* NFKC_Casefold of `count` <= MGP_WORD_UNITS units as UTF-8; typographic apostrophes become "'".
 * Returns the bytes written, at most `capacity`; *ascii tells whether all of them are. */
size_t mgp_fold_case(mgp_folder *f, const UChar *units, int32_t count, char *out, size_t capacity,
                     bool *ascii);
/* Base letters of Latin, Greek, Cyrillic, Arabic and Hebrew; other scripts keep their marks, which
 * are vowels there. Reads `size` bytes of UTF-8, writes at most `capacity`. */
size_t mgp_fold_accents(mgp_folder *f, const char *word, size_t size, char *out, size_t capacity);

#endif
