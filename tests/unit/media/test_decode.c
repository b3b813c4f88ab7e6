/* SPDX-License-Identifier: Apache-2.0
 *
 * Every format against bad bytes: each valid file cut short at many places, and with bytes changed,
 * must end in items or an error, within its limits, without a leak and without a word printed.
 */
#include "picture_fixture.h"
#include "sound_fixture.h"

enum { CUTS = 60, CHANGES = 60 };

static const char *const texts[][2] = {
    {"v.txt", "Plain words. And some more of them, in two sentences.\n"},
    {"v.md", "---\ntitle: x\n---\n# One\n\ntext [a](b)\n\n```\ncode\n```\n\nTwo\n---\n\n* item\n"},
    {"v.csv", "name,age,\"a \"\"b\"\"\"\nada,36,\"x\ny\"\nbob,40,z\n"},
    {"v.jsonl",
     "{\"text\":\"one\",\"n\":1}\n{\"text\":\"\\u00e4\",\"l\":[1,\"a\",{\"b\":\"c\"}]}\n"},
    {"v.html",
     "<!DOCTYPE html><html lang=de><head><title>T</title><meta charset=utf-8></head><body>"
     "<main><h1>A</h1><p>b <a href=c>d</a> <img src=e alt='eff'></p><pre>x\n y</pre>"
     "<table><tr><td>1<td>2</table></main></body></html>"},
    {"v.svg",
     "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"64\" height=\"48\"><title>t</title>"
     "<circle cx=\"30\" cy=\"20\" r=\"9\"/><path d=\"M1 1L9 9z\"/></svg>"}};

static mgp_media_limits tight(void) {
  mgp_media_limits limits;
  mgp_media_limits_defaults(&limits);
  limits.max_seconds = 10;
  limits.max_pixels = 4000000;
  return limits;
}

/* Cuts and changes one file; what comes of it is checked by decode_with. */
static void torment(const char *name) {
  const mgp_media_limits limits = tight();
  size_t size = 0;
  unsigned char *data = read_bytes(at(name), &size);
  char bad[64];
  snprintf(bad, sizeof bad, "bad-%s", name);
  const size_t step = size / CUTS + 1;
  for (size_t cut = 0; cut < size; cut += step) {
    decoded *d = decode_with(write_bytes(bad, data, cut), &limits, 0);
    assert_true(cut > 0 || d->status == MAGPIE_FORMAT);
    forget(d);
  }
  uint32_t seed = 7;
  for (int i = 0; i < CHANGES; i++) {
    unsigned char *copy = malloc(size);
    memcpy(copy, data, size);
    for (int k = 0; k < 1 + i % 8; k++) {
      seed = seed * 1664525U + 1013904223U;
      copy[(seed >> 8) % size] = (unsigned char)(seed >> 24);
    }
    forget(decode_with(write_bytes(bad, copy, size), &limits, 0));
    free(copy);
  }
  mgp_free(NULL, data);
}

static void decode_when_text_is_cut_or_changed_then_ends(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    write_text(texts[i][0], texts[i][1]);
    torment(texts[i][0]);
  }
}

static void decode_when_pdf_is_cut_or_changed_then_ends(void **state) {
  (void)state;
  NEEDS("pdf");
  write_pdf("v.pdf");
  torment("v.pdf");
}

static void decode_when_picture_is_cut_or_changed_then_ends(void **state) {
  (void)state;
#if HAS_PICTURES
  static const char *const names[] = {"v.jpg", "v.png", "v.gif", "v.webp", "v.tif", "v.avif"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (save_picture(make_quarters(120, 90), names[i])) torment(names[i]);
#endif
}

static void decode_when_sound_is_cut_or_changed_then_ends(void **state) {
  (void)state;
#if HAS_SOUND
  static const char *const made[][2] = {
      {"v.ogg", "libvorbis"}, {"v.flac", "flac"}, {"v.mp3", "libmp3lame"}, {"v.m4a", "aac"},
      {"v.wav", "pcm_s16le"}, {"v.mka", "flac"},  {"v.aiff", "pcm_s16be"}, {"v.opus", "libopus"}};
  for (size_t i = 0; i < sizeof made / sizeof *made; i++)
    if (save_sound(made[i][0], made[i][1], 1.0, 48000, 1)) torment(made[i][0]);
#endif
}

/* Poppler writes this line itself when a font cannot be drawn, and has no switch for it. */
static void drop_known_line(char *printed) {
  static const char known[] = "some font thing failed\n";
  const size_t size = sizeof known - 1;
  size_t kept = 0;
  for (size_t i = 0; printed[i];) {
    const bool is_known = strncmp(printed + i, known, size) == 0;
    if (!is_known) printed[kept++] = printed[i];
    i += is_known ? size : 1;
  }
  printed[kept] = '\0';
}

/* The libraries print on their own unless each is told not to. */
static void decode_when_files_are_bad_then_nothing_is_printed(void **state) {
  (void)state;
  const int out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO);
  const int file = open(at("printed"), O_RDWR | O_CREAT | O_TRUNC, 0600);
  fflush(NULL);
  dup2(file, STDOUT_FILENO);
  dup2(file, STDERR_FILENO);
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    write_text(texts[i][0], texts[i][1]);
    torment(texts[i][0]);
  }
  write_pdf("w.pdf");
  torment("w.pdf");
#if HAS_PICTURES
  if (save_picture(make_quarters(120, 90), "w.jpg")) torment("w.jpg");
  if (save_picture(make_quarters(120, 90), "w.png")) torment("w.png");
  if (save_picture(make_quarters(120, 90), "w.tif")) torment("w.tif");
#endif
#if HAS_SOUND
  if (save_sound("w.ogg", "flac", 1.0, 48000, 1)) torment("w.ogg");
#endif
  fflush(NULL);
  dup2(out, STDOUT_FILENO);
  dup2(err, STDERR_FILENO);
  close(out);
  close(err);
  close(file);
  size_t size = 0;
  unsigned char *printed = read_bytes(at("printed"), &size);
  drop_known_line((char *)printed);
  assert_string_equal((char *)printed, "");
  mgp_free(NULL, printed);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(decode_when_text_is_cut_or_changed_then_ends),
      cmocka_unit_test(decode_when_pdf_is_cut_or_changed_then_ends),
      cmocka_unit_test(decode_when_picture_is_cut_or_changed_then_ends),
      cmocka_unit_test(decode_when_sound_is_cut_or_changed_then_ends),
      cmocka_unit_test(decode_when_files_are_bad_then_nothing_is_printed),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
