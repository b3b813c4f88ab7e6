/* SPDX-License-Identifier: Apache-2.0
 *
 * front_end_tool: what the models are fed, for tests/reference/test_front_end.py.
 *
 *   front_end_tool log_mel                                     f32 samples -> f32 [frames, 64]
 *   front_end_tool picture WIDTH HEIGHT FILTER RESIZE CROP     RGB bytes -> f32 [3, CROP, CROP]
 *
 * Standard input to standard output, raw values. Pictures are not normalised.
 */
#include <stdlib.h>

#include "encode/encode.h"

enum { INPUT_MAX = 1 << 28 };

static int report(const magpie_error *err) {
  fprintf(stderr, "front_end_tool: %s\n", err->message);
  return 1;
}

static int write_floats(const float *values, size_t count) {
  return fwrite(values, sizeof *values, count, stdout) == count ? 0 : 1;
}

static int log_mel(const mgp_buffer *input) {
  float *frames = NULL;
  size_t count = 0;
  magpie_error err = {0};
  const float *samples = (const float *)(const void *)input->data;
  if (mgp_log_mel(NULL, samples, input->size / sizeof(float), &frames, &count, &err))
    return report(&err);
  const int failed = write_floats(frames, count * 64);
  mgp_free(NULL, frames);
  return failed;
}

static int picture(const mgp_buffer *input, char **words) {
  const int width = atoi(words[0]), height = atoi(words[1]), crop = atoi(words[4]);
  const mgp_image_recipe recipe = {
      .resize = atoi(words[3]), .crop = crop, .filter = words[2], .scale = 1, .std = {1, 1, 1}};
  if (width < 1 || height < 1 || crop < 1 || crop > 4096 ||
      (size_t)width * (size_t)height * 3 != input->size) {
    fprintf(stderr, "front_end_tool: %zu bytes are not %d x %d pixels\n", input->size, width,
            height);
    return 2;
  }
  const size_t count = 3 * (size_t)crop * (size_t)crop;
  float *out = mgp_calloc(NULL, count, sizeof *out);
  magpie_error err = {.message = "no memory"};
  const int failed = !out || mgp_image_prepare(NULL, &recipe, (const unsigned char *)input->data,
                                               width, height, out, &err)
                         ? report(&err)
                         : write_floats(out, count);
  mgp_free(NULL, out);
  return failed;
}

int main(int argc, char **argv) {
  const bool is_sound = argc == 2 && strcmp(argv[1], "log_mel") == 0;
  const bool is_picture = argc == 7 && strcmp(argv[1], "picture") == 0;
  if (!is_sound && !is_picture) {
    fprintf(stderr, "usage: front_end_tool log_mel | picture WIDTH HEIGHT FILTER RESIZE CROP\n");
    return 2;
  }
  mgp_buffer input = {0};
  char block[65536];
  for (size_t n; (n = fread(block, 1, sizeof block, stdin)) > 0 && input.size < INPUT_MAX;)
    mgp_buffer_add(&input, block, n);
  const int failed = input.failed ? 1 : is_sound ? log_mel(&input) : picture(&input, argv + 2);
  mgp_buffer_fini(&input);
  return failed;
}
