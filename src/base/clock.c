/* SPDX-License-Identifier: Apache-2.0
 *
 * Clocks: one that only goes forward, for durations; the wall clock, for dates.
 */
#include <time.h>

#include "base/base.h"

double mgp_clock_seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

int64_t mgp_clock_unix_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}
