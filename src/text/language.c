/* SPDX-License-Identifier: Apache-2.0
 *
 * language: which language is this text in, or "" when not sure.
 *
 * CLD2 (quadgrams for Latin, Cyrillic, Arabic letters, words for CJK) where it is built in; scripts
 * that one language has for itself by counting otherwise, and for texts too short for CLD2. The
 * threshold is strict: a wrong stemmer hurts a search more than none (docs/decisions/0003).
 */
#include "text/language.h"

#include "text/characters.h"

enum {
  DETECT_BYTES = 4096,
  SHORT_LETTERS = 24, /* of a Latin text that is not judged */
  LONG_LETTERS = 120  /* from here on CLD2 is trusted */
};

static const char *const stemmed[] = {"ar", "ca", "da", "de", "el", "en", "es", "eu", "fi", "fr",
                                      "ga", "hi", "hu", "hy", "id", "it", "lt", "nb", "ne", "nl",
                                      "nn", "no", "pt", "ro", "ru", "sr", "sv", "ta", "tr", "yi"};

bool mgp_language_has_stemmer(const char *language) {
  if (!language) return false;
  for (size_t i = 0; i < sizeof stemmed / sizeof *stemmed; i++)
    if (strcmp(language, stemmed[i]) == 0) return true;
  return false;
}

typedef struct counts {
  size_t letters, accented, han, kana, hangul, arabic, persian, cyrillic, russian, ukrainian;
  size_t greek, thai, hebrew, devanagari;
} counts;

static void count_arabic_or_cyrillic(counts *n, uint32_t c) {
  if (c >= 0x0400 && c <= 0x052F) {
    n->cyrillic++;
    n->russian += c == 0x044B || c == 0x042B || c == 0x044D || c == 0x042D; /* yery, e */
    n->ukrainian += c == 0x0456 || c == 0x0457 || c == 0x0454 || c == 0x0406 || c == 0x0407 ||
                    c == 0x0404; /* i, yi, ye */
  } else {
    n->arabic++;
    /* peh, tcheh, jeh, gaf, keheh, farsi yeh, tteh: not Arabic */
    n->persian += c == 0x067E || c == 0x0686 || c == 0x0698 || c == 0x06AF || c == 0x06A9 ||
                  c == 0x06CC || c == 0x0679;
  }
}

static void count_script(counts *n, uint32_t c) {
  if (c < 0x80) {
    n->letters += (c | 32) >= 'a' && (c | 32) <= 'z';
    return;
  }
  n->accented += c < 0x250 && c > 0xA0; /* with the Spanish signs */
  if (!u_isalpha((UChar32)c)) return;
  n->letters++;
  if ((c >= 0x0400 && c <= 0x052F) || (c >= 0x0600 && c <= 0x06FF)) count_arabic_or_cyrillic(n, c);
  else if (c >= 0x0370 && c <= 0x03FF) n->greek++;
  else if (c >= 0x0590 && c <= 0x05FF) n->hebrew++;
  else if (c >= 0x0900 && c <= 0x097F) n->devanagari++;
  else if (c >= 0x0E00 && c <= 0x0E7F) n->thai++;
  else if (c >= 0xAC00 && c <= 0xD7AF) n->hangul++;
  else if ((c >= 0x3040 && c <= 0x30FF) || (c >= 0xFF66 && c <= 0xFF9D)) n->kana++;
  else if ((c >= 0x3400 && c <= 0x9FFF) || (c >= 0x20000 && c <= 0x3FFFD)) n->han++;
}

/* Four fifths of the letters must agree. Han alone could be Japanese while it is short. */
static const char *by_script(const counts *n) {
  const size_t most = n->letters - n->letters / 5;
  if (n->letters < 3) return "";
  if (n->hangul >= most) return "ko";
  if (n->kana + n->han >= most && n->kana * 10 >= n->letters) return "ja";
  if (n->han >= most && n->kana == 0 && n->han >= 8) return "zh";
  if (n->greek >= most) return "el";
  if (n->thai >= most) return "th";
  if (n->hebrew >= most) return "he";
  if (n->arabic >= most && n->persian == 0) return "ar";
  if (n->cyrillic >= most && n->russian > 0 && n->ukrainian == 0) return "ru";
  if (n->cyrillic >= most && n->ukrainian > 0 && n->russian == 0) return "uk";
  /* Devanagari is also Marathi's and Nepali's; a long text is most likely Hindi. */
  return n->devanagari >= most && n->devanagari >= 40 ? "hi" : "";
}

#if defined(MGP_WITH_CLD2)
/* CLD2 is sure too early. What it says is dropped where the letters speak against it, and for short
 * texts also where its usual mistakes lie: names make anything English, and Spanish Galician. */
static bool is_believable(const char *language, const counts *n) {
  if (strcmp(language, "ja") == 0) return n->kana > 0;
  if (strcmp(language, "fa") == 0 || strcmp(language, "ur") == 0) return n->persian > 0;
  const bool own_script = n->letters < 2 * (n->hangul + n->arabic + n->cyrillic + n->greek +
                                            n->thai + n->hebrew + n->devanagari + n->han + n->kana);
  if (own_script || n->letters >= LONG_LETTERS) return true;
  if (n->letters < SHORT_LETTERS || !mgp_language_has_stemmer(language)) return false;
  return strcmp(language, "en") != 0 || n->accented == 0;
}
#endif

const char *mgp_language_detect(const char *text, size_t size) {
  if (size > DETECT_BYTES) size = mgp_utf8_cut(text, DETECT_BYTES);
  counts n = {0};
  for (size_t i = 0; i < size;) count_script(&n, mgp_utf8_next(text, size, &i));
  if (n.letters == 0) return "";
#if defined(MGP_WITH_CLD2)
  const char *language = mgp_language_cld2(text, size);
  if (language[0] != '\0' && is_believable(language, &n)) return language;
#endif
  return by_script(&n);
}
