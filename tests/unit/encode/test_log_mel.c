/* SPDX-License-Identifier: Apache-2.0
 *
 * YAMNet's front end against the check values of the reference (a 440 Hz tone), and odd lengths.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "encode/encode.h"

#define BANDS 64

static float *tone(size_t count, double level) {
  float *pcm = malloc((count ? count : 1) * sizeof *pcm);
  for (size_t n = 0; n < count; n++)
    pcm[n] = (float)(level * sin(2 * M_PI * 440 * (double)n / 16000));
  return pcm;
}

static void log_mel_of_a_tone_equals_the_reference(void **state) {
  (void)state;
  static const float want[] = {-4.2103f, -2.8945f, -2.2898f, -2.1253f};
  float *pcm = tone(15600, 0.5), *mel = NULL;
  size_t frames = 0;
  assert_int_equal(mgp_log_mel(NULL, pcm, 15600, &mel, &frames, NULL), MAGPIE_OK);
  assert_int_equal(frames, 96);
  for (size_t i = 0; i < 4; i++)
    if (fabsf(mel[i] - want[i]) > 1e-4f) fail_msg("band %zu: %.5f, want %.5f", i, mel[i], want[i]);
  size_t loudest = 0;
  for (size_t i = 1; i < BANDS; i++)
    if (mel[i] > mel[loudest]) loudest = i;
  assert_int_equal(loudest, 8);
  assert_true(fabsf(mel[8] - 4.0890f) < 1e-3f);
  mgp_free(NULL, mel);
  free(pcm);
}

static void log_mel_of_silence_is_the_log_of_the_offset(void **state) {
  (void)state;
  float *pcm = tone(16000, 0), *mel = NULL;
  size_t frames = 0;
  assert_int_equal(mgp_log_mel(NULL, pcm, 16000, &mel, &frames, NULL), MAGPIE_OK);
  for (size_t i = 0; i < frames * BANDS; i++) assert_true(fabsf(mel[i] - logf(0.001f)) < 1e-5f);
  mgp_free(NULL, mel);
  free(pcm);
}

static void log_mel_of_odd_lengths_stays_finite(void **state) {
  (void)state;
  for (size_t count = 0; count < 40000; count = count * 3 + 1) {
    float *pcm = tone(count, 1.0), *mel = NULL;
    size_t frames = 0;
    const magpie_status status = mgp_log_mel(NULL, pcm, count, &mel, &frames, NULL);
    for (size_t i = 0; status == MAGPIE_OK && i < frames * BANDS; i++)
      assert_true(isfinite(mel[i]));
    if (status == MAGPIE_OK && count >= 400) assert_true(frames >= (count - 400) / 160 + 1);
    mgp_free(NULL, mel);
    free(pcm);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(log_mel_of_a_tone_equals_the_reference),
      cmocka_unit_test(log_mel_of_silence_is_the_log_of_the_offset),
      cmocka_unit_test(log_mel_of_odd_lengths_stays_finite),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
