/* SPDX-License-Identifier: Apache-2.0
 *
 * wav: a sound as a file that every player opens: RIFF, PCM, 16 bits, one channel.
 *
 *   0 "RIFF" size-8 "WAVE"   12 "fmt " 16   20 format 1, channels 1, rate, bytes/s, block 2, bits
 * 16 36 "data" bytes           44 samples, little-endian
 */
#include "media/media_job.h"

#include <math.h>

enum { WAV_HEADER = 44, WAV_PCM = 1, WAV_BITS = 16 };

static void put16(unsigned char *p, uint32_t v) {
  p[0] = (unsigned char)(v & 255);
  p[1] = (unsigned char)((v >> 8) & 255);
}

static void put32(unsigned char *p, uint32_t v) {
  put16(p, v & 0xFFFF);
  put16(p + 2, v >> 16);
}

magpie_status mgp_media_wav(mgp_alloc *a, const float *pcm, size_t count, int rate, void **out,
                            size_t *size, magpie_error *err) {
  MGP_RETURN_IF(count > (UINT32_MAX - WAV_HEADER) / 2 || rate <= 0, err, MAGPIE_INVALID,
                "%zu samples at %d Hz do not fit a WAV file", count, rate);
  const size_t total = WAV_HEADER + 2 * count;
  unsigned char *w = mgp_malloc(a, total);
  MGP_RETURN_IF(!w, err, MAGPIE_NO_MEMORY, "no memory for a WAV of %zu bytes", total);
  memcpy(w, "RIFF", 4);
  put32(w + 4, (uint32_t)(total - 8));
  memcpy(w + 8, "WAVEfmt ", 8);
  put32(w + 16, 16);
  put16(w + 20, WAV_PCM);
  put16(w + 22, 1);
  put32(w + 24, (uint32_t)rate);
  put32(w + 28, (uint32_t)rate * 2);
  put16(w + 32, 2);
  put16(w + 34, WAV_BITS);
  memcpy(w + 36, "data", 4);
  put32(w + 40, (uint32_t)(2 * count));
  for (size_t i = 0; i < count; i++) {
    const float clamped = fminf(1.0F, fmaxf(-1.0F, pcm[i]));
    put16(w + WAV_HEADER + 2 * i, (uint32_t)(int32_t)lrintf(clamped * 32767.0F) & 0xFFFF);
  }
  *out = w;
  *size = total;
  return MAGPIE_OK;
}
