/* SPDX-License-Identifier: Apache-2.0
 *
 * YAMNet's front end: 25 ms periodic Hann windows every 10 ms, magnitudes of a 512-point Fourier
 * transform, 64 mel bands from 125 to 7,500 Hz, ln(x + 0.001).
 *
 * The transform is a plain radix-2 one over 256 complex numbers that hold the 512 real ones
 * (Press et al., Numerical Recipes, "FFT of single real function"), in double: a frame costs some
 * 15 us, a fiftieth of the network behind it, and no library is needed.
 */
#include "encode/encode.h"

#include <math.h>
#include <pthread.h>

enum {
  RATE = 16000,
  WINDOW = 400,
  HOP = 160,
  FFT = 512,
  HALF = FFT / 2,
  BINS = HALF + 1,
  BANDS = 64,
  MEL_WEIGHTS_MAX = 1024
};

static const double LOW_HZ = 125, HIGH_HZ = 7500, LOG_OFFSET = 0.001;

/* The tables, filled once. */
static struct {
  double hann[WINDOW];
  double cosine[HALF], sine[HALF]; /* of 2 pi k / 512 */
  int reversed[HALF];              /* bit reversal of 8 bits */
  int first[BANDS], count[BANDS];  /* bins of each band */
  float weight[MEL_WEIGHTS_MAX];   /* band after band */
} tables;
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

static double mel(double hz) {
  return 1127 * log(1 + hz / 700);
}

static void fill_bands(void) {
  const double low = mel(LOW_HZ), step = (mel(HIGH_HZ) - low) / (BANDS + 1);
  size_t used = 0;
  for (int b = 0; b < BANDS; b++) {
    const double left = low + b * step, centre = left + step, right = centre + step;
    for (int k = 1; k < BINS; k++) { /* bin 0 has no weight in any band */
      const double m = mel((double)RATE * k / FFT);
      const double w = fmin((m - left) / (centre - left), (m - right) / (centre - right));
      if (w <= 0) continue;
      if (tables.count[b] == 0) tables.first[b] = k;
      tables.count[b]++;
      tables.weight[used++] = (float)w;
    }
  }
}

static void fill_tables(void) {
  const double turn = 2 * acos(-1.0);
  for (int n = 0; n < WINDOW; n++) tables.hann[n] = 0.5 - 0.5 * cos(turn * n / WINDOW);
  for (int k = 0; k < HALF; k++) {
    tables.cosine[k] = cos(turn * k / FFT);
    tables.sine[k] = sin(turn * k / FFT);
    for (int bit = 0; bit < 8; bit++) tables.reversed[k] |= (k >> bit & 1) << (7 - bit);
  }
  fill_bands();
}

/* 256 complex numbers in bit-reversed order -> their transform, in place. */
static void transform(double *re, double *im) {
  for (int size = 2; size <= HALF; size *= 2) {
    const int half = size / 2, stride = FFT / size;
    for (int k = 0; k < half; k++) {
      const double c = tables.cosine[k * stride], s = -tables.sine[k * stride];
      for (int i = k; i < HALF; i += size) {
        const int j = i + half;
        const double x = re[j] * c - im[j] * s, y = re[j] * s + im[j] * c;
        re[j] = re[i] - x, im[j] = im[i] - y;
        re[i] += x, im[i] += y;
      }
    }
  }
}

/* Magnitudes of the bins of one window. */
static void spectrum(const float *pcm, double magnitude[BINS]) {
  double re[HALF] = {0}, im[HALF] = {0};
  for (int n = 0; n < WINDOW;
       n += 2) { /* even samples are the real parts, odd ones the imaginary */
    const int at = tables.reversed[n / 2];
    re[at] = (double)pcm[n] * tables.hann[n];
    im[at] = (double)pcm[n + 1] * tables.hann[n + 1];
  }
  transform(re, im);
  magnitude[0] = fabs(re[0] + im[0]);
  magnitude[HALF] = fabs(re[0] - im[0]);
  for (int k = 1; k < HALF; k++) {
    const int m = HALF - k;
    const double even_re = (re[k] + re[m]) / 2, even_im = (im[k] - im[m]) / 2;
    const double odd_re = (im[k] + im[m]) / 2, odd_im = (re[m] - re[k]) / 2;
    const double c = tables.cosine[k], s = -tables.sine[k];
    const double x = even_re + odd_re * c - odd_im * s, y = even_im + odd_re * s + odd_im * c;
    magnitude[k] = sqrt(x * x + y * y);
  }
}

static void to_bands(const double magnitude[BINS], float *out) {
  const float *weight = tables.weight;
  for (int b = 0; b < BANDS; b++) {
    double sum = 0;
    for (int i = 0; i < tables.count[b]; i++) sum += magnitude[tables.first[b] + i] * *weight++;
    out[b] = (float)log(sum + LOG_OFFSET);
  }
}

magpie_status mgp_log_mel(mgp_alloc *a, const float *pcm, size_t count, float **out, size_t *frames,
                          magpie_error *err) {
  MGP_RETURN_IF(!pcm || count < WINDOW, err, MAGPIE_INVALID,
                "a sound of %zu samples is shorter than one window of %d", pcm ? count : 0, WINDOW);
  pthread_once(&tables_once, fill_tables);
  const size_t made = (count - WINDOW) / HOP + 1;
  float *bands = mgp_calloc(a, made, BANDS * sizeof *bands);
  MGP_RETURN_IF(!bands, err, MAGPIE_NO_MEMORY, "no memory for %zu frames of sound", made);
  double magnitude[BINS];
  for (size_t f = 0; f < made; f++) {
    spectrum(pcm + f * HOP, magnitude);
    to_bands(magnitude, bands + f * BANDS);
  }
  *out = bands;
  *frames = made;
  return MAGPIE_OK;
}
