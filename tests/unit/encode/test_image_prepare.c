/* SPDX-License-Identifier: Apache-2.0
 *
 * Resize, crop and normalise: values that can be told without a resampler, and awkward sizes.
 * Equality with Pillow is tests/reference/test_encoder.py's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "encode/encode.h"

static const mgp_image_recipe recipe = {.resize = 32,
                                        .crop = 24,
                                        .filter = "bicubic",
                                        .scale = 1,
                                        .mean = {127, 127, 127},
                                        .std = {128, 128, 128}};

static void a_flat_picture_stays_flat_at_any_size(void **state) {
  (void)state;
  static const int sizes[][2] = {{1, 1},   {1, 500},  {500, 1}, {3, 7},
                                 {24, 24}, {640, 31}, {33, 900}};
  float out[3 * 24 * 24];
  for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
    const int width = sizes[s][0], height = sizes[s][1];
    unsigned char *rgb = malloc((size_t)(3 * width * height));
    for (int i = 0; i < width * height; i++) memcpy(rgb + 3 * i, (unsigned char[]){255, 127, 0}, 3);
    assert_int_equal(mgp_image_prepare(NULL, &recipe, rgb, width, height, out, NULL), MAGPIE_OK);
    for (size_t i = 0; i < 24 * 24; i++) {
      assert_true(fabsf(out[i] - 1.0f) < 1e-6f);                       /* (255 - 127) / 128 */
      assert_true(fabsf(out[24 * 24 + i]) < 1e-6f);                    /* (127 - 127) / 128 */
      assert_true(fabsf(out[2 * 24 * 24 + i] + 127.0f / 128) < 1e-6f); /* (0 - 127) / 128 */
    }
    free(rgb);
  }
}

/* At the recipe's own size nothing is resampled: the crop is the middle of the picture, exactly. */
static void a_picture_of_the_right_size_is_only_cropped(void **state) {
  (void)state;
  unsigned char rgb[32 * 32 * 3];
  float out[3 * 24 * 24];
  for (size_t i = 0; i < sizeof rgb; i++) rgb[i] = (unsigned char)(i * 37 % 251);
  assert_int_equal(mgp_image_prepare(NULL, &recipe, rgb, 32, 32, out, NULL), MAGPIE_OK);
  for (size_t c = 0; c < 3; c++)
    for (size_t y = 0; y < 24; y++)
      for (size_t x = 0; x < 24; x++) {
        const float want = ((float)rgb[((y + 4) * 32 + x + 4) * 3 + c] - 127) / 128;
        assert_true(fabsf(out[(c * 24 + y) * 24 + x] - want) < 1e-6f);
      }
}

static void bad_sizes_are_refused(void **state) {
  (void)state;
  unsigned char rgb[3] = {0};
  float out[3 * 24 * 24];
  magpie_error err;
  assert_int_not_equal(mgp_image_prepare(NULL, &recipe, rgb, 0, 1, out, &err), MAGPIE_OK);
  assert_int_not_equal(mgp_image_prepare(NULL, &recipe, rgb, 1, -1, out, &err), MAGPIE_OK);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_flat_picture_stays_flat_at_any_size),
      cmocka_unit_test(a_picture_of_the_right_size_is_only_cropped),
      cmocka_unit_test(bad_sizes_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
