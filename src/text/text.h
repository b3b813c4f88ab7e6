/* SPDX-License-Identifier: Apache-2.0
 *
 * text: from bytes to clean UTF-8, words, model tokens, sentences and passages. Knows no media
 * type, no model and no index.
 */
#ifndef MGP_TEXT_H
#define MGP_TEXT_H

#include "base/base.h"

/* ---- encodings (charset.c) --------------------------------------------------------------- */

/* To clean UTF-8: byte order marks, UTF-16 with or without one, UTF-8, else `hint` (a
 * charset name; NULL or one that ICU does not know: none), else Windows-1252. Broken sequences
 * become U+FFFD and are counted. NUL and C0 controls but \t \n become spaces, \r\n and \r become
 * \n. `*out` is NUL-terminated, yours to mgp_free. */
magpie_status mgp_text_to_utf8(mgp_alloc *a, const void *bytes, size_t size, const char *hint,
                               char **out, size_t *out_size, const char **charset, size_t *replaced,
                               magpie_error *err);
/* Does this look like text at all (few controls, valid in some charset above)? For sniffing. */
bool mgp_text_plausible(const void *bytes, size_t size);

/* ---- model tokens (tokenizer.c, wordpiece.c, sentencepiece.c, e5s1.c, clip_bpe.c)
 * ----------------------------- */

/* Immutable after open, so one may be used by many threads. */
typedef struct mgp_tokenizer mgp_tokenizer;
typedef struct mgp_tokenizer_options {
  const char *kind; /* "wordpiece" | "unigram" | "e5s1" | "clip-bpe" */
  const char *file; /* vocab.txt / tokenizer.json / SentencePiece .model / E5S1 file / vocab.json */
  const char *file2; /* merges.txt for clip-bpe; else NULL */
  bool lowercase;    /* wordpiece: uncased (lower-case and strip accents) */
} mgp_tokenizer_options;
magpie_status mgp_tokenizer_open(mgp_alloc *a, const mgp_tokenizer_options *options,
                                 mgp_tokenizer **out, magpie_error *err);
/* Content ids only, no special tokens: ids[0..*count) with at most `capacity` (the rest is cut;
 * then *cut is true). Text need not be NUL-terminated. */
magpie_status mgp_tokenizer_encode(const mgp_tokenizer *t, const char *text, size_t size,
                                   int32_t *ids, size_t capacity, size_t *count, bool *cut,
                                   magpie_error *err);
/* Special ids by role: "bos"/"cls", "eos"/"sep", "pad", "unk"; -1 if there is none. */
int32_t mgp_tokenizer_special(const mgp_tokenizer *t, const char *role);
size_t mgp_tokenizer_vocabulary(const mgp_tokenizer *t);
void mgp_tokenizer_close(mgp_tokenizer *t);

/* ---- words (analyzer.c, language.c) -------------------------------------------------------- */

/* ISO 639-1 code ("en", "zh", ...), or "" when not sure. Static string. Looks at up to 4 KiB. */
const char *mgp_language_detect(const char *text, size_t size);

/* One index term of a text. */
typedef struct mgp_term {
  const char *text; /* folded and stemmed bytes, not NUL-terminated, valid during the call */
  size_t size;
  size_t start, length; /* bytes of the source text that it stands for */
  uint32_t position;    /* counts words */
} mgp_term;
typedef void (*mgp_term_sink)(void *context, const mgp_term *term);

/* ICU word segmentation; NFKC case folding; Snowball stemming by `language` ("" for none; French,
 * Italian and Catalan also lose elided articles: l'eau); then accents are folded to base letters in
 * Latin, Greek, Cyrillic, Arabic and Hebrew, so that "Zurich" finds "Zürich"; other scripts keep
 * their marks, which are vowels there. Runs of Han, Kana and Hangul become overlapping bigrams (a
 * lone character stays itself). Terms are cut to 64 bytes. No stop words are removed. A
 * mgp_analyzer holds break iterators and stemmers: one a thread. */
typedef struct mgp_analyzer mgp_analyzer;
magpie_status mgp_analyzer_create(mgp_alloc *a, mgp_analyzer **out, magpie_error *err);
magpie_status mgp_analyzer_run(mgp_analyzer *an, const char *text, size_t size,
                               const char *language, mgp_term_sink sink, void *context,
                               magpie_error *err);
void mgp_analyzer_destroy(mgp_analyzer *an);
/* Has Snowball a stemmer for this language? */
bool mgp_language_has_stemmer(const char *language);

/* ---- sentences and passages (sentence.c, passage.c) ----------------------------------------- */

/* A cut of the text: [start, start + size), lines counted from 1. */
typedef struct mgp_passage {
  size_t start, size;
  int64_t first_line, last_line;
} mgp_passage;
/* Cuts at sentence borders into passages of about `target` words-ish tokens (0: 200), estimated
 * without a model (a CJK character counts 1, a word 1.4), never above 1.5 * target: an endless
 * sentence is cut at a space, an endless word at a code point. A tail under a quarter of the target
 * joins its neighbour. Blank-line paragraph borders are preferred when they fall in the last third.
 * *out is one block, yours to mgp_free. */
magpie_status mgp_passages_cut(mgp_alloc *a, const char *text, size_t size, size_t target,
                               mgp_passage **out, size_t *count, magpie_error *err);
/* The estimate used above; a word of more than 12 letters counts one more for every 4. */
size_t mgp_token_estimate(const char *text, size_t size);

/* ---- answers (answer_text.c) --------------------------------------------------------------- */

/* SQuAD's normalisation of an answer (Rajpurkar et al. 2016): lower case, no ASCII punctuation, no
 * "a", "an", "the", words between single spaces. NULL: no memory. mgp_free it. */
char *mgp_text_answer(mgp_alloc *a, const char *text, size_t size, size_t *out_size);

#endif
