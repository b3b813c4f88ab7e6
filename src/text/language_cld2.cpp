/* SPDX-License-Identifier: Apache-2.0
 *
 * language_cld2: C door to Compact Language Detector 2. Its tables are read-only, so any number of
 * threads may call. It is C++ because CLD2 is.
 */
#if defined(MGP_WITH_CLD2)
#include <cstdio> /* compact_lang_det.h uses FILE without it */
#include <cstring>

#include <cld2/public/compact_lang_det.h>
#include <cld2/public/encodings.h>

#include "text/language.h"

/* Below this share of the text the "main" language is a mixture. */
static const int kMinPercent = 70;

/* CLD2's codes are mostly ISO 639-1; these are old, or name a script as well. */
static const char *iso_code(const char *code) {
  static const struct {
    const char *from, *to;
  } renamed[] = {{"iw", "he"}, {"jw", "jv"}, {"mo", "ro"}, {"in", "id"}, {"zh-Hant", "zh"}};
  for (const auto &r : renamed)
    if (std::strcmp(code, r.from) == 0) return r.to;
  return std::strlen(code) == 2 ? code : "";
}

extern "C" const char *mgp_language_cld2(const char *text, size_t size) {
  CLD2::Language languages[3];
  int percents[3], text_bytes = 0, valid = 0;
  double scores[3];
  bool reliable = false;
  const CLD2::CLDHints hints = {nullptr, nullptr, CLD2::UNKNOWN_ENCODING, CLD2::UNKNOWN_LANGUAGE};
  CLD2::ExtDetectLanguageSummaryCheckUTF8(text, static_cast<int>(size), true, &hints, 0, languages,
                                          percents, scores, nullptr, &text_bytes, &reliable,
                                          &valid);
  if (!reliable || languages[0] == CLD2::UNKNOWN_LANGUAGE || percents[0] < kMinPercent) return "";
  return iso_code(CLD2::LanguageCode(languages[0]));
}
#endif
