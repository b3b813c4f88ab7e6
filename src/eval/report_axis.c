/* SPDX-License-Identifier: Apache-2.0
 *
 * Axes of plots with round ticks: steps of 1, 2 or 5 times a power of ten (Heckbert, "Nice numbers
 * for graph labels", Graphics Gems, 1990).
 */
#include <math.h>

#include "eval/report.h"

static double round_step(double rough) {
  const double power = pow(10, floor(log10(rough)));
  const double share = rough / power;
  return power * (share <= 1.0000001 ? 1 : share <= 2.0000001 ? 2 : share <= 5.0000001 ? 5 : 10);
}

void mgp_axis_init(mgp_axis *a, double low, double high, size_t wanted) {
  if (!(high - low > 1e-9 * fmax(1, fmax(fabs(low), fabs(high))))) {
    const double room = fmax(0.05, 0.1 * fabs(low));
    const bool is_share = low >= 0 && high <= 1; /* most measures: none lies beyond */
    low = is_share ? fmax(0, low - room) : low - room;
    high = is_share ? fmin(1, high + room) : high + room;
  }
  const double step = round_step((high - low) / (double)wanted);
  a->is_log = false;
  a->low = floor(low / step + 1e-6) * step;
  a->high = ceil(high / step - 1e-6) * step;
  a->decimals = step < 1 ? (int)fmin(9, ceil(-log10(step) - 1e-6)) : 0;
  a->tick_count = 0;
  const double steps = round((a->high - a->low) / step);
  for (size_t i = 0; (double)i <= steps && i < MGP_TICKS_MAX; i++)
    a->ticks[a->tick_count++] = a->low + (double)i * step;
}

void mgp_axis_init_log(mgp_axis *a, double low, double high) {
  low = fmax(low, 1e-6);
  high = fmax(high, low * 1.01);
  const double first = floor(log10(low)), last = ceil(log10(high));
  static const double fine[] = {1, 2, 5};
  const bool is_fine = last - first <= 3;
  const double every = fmax(1, ceil((last - first) / (MGP_TICKS_MAX - 2)));
  a->is_log = true;
  a->decimals = 0;
  a->tick_count = 0;
  a->low = low / 1.15;
  a->high = high * 1.15;
  for (double decade = first; decade <= last; decade += is_fine ? 1 : every)
    for (size_t i = 0; i < (is_fine ? 3u : 1u); i++) {
      const double tick = fine[i] * pow(10, decade);
      if (tick >= a->low && tick <= a->high && a->tick_count < MGP_TICKS_MAX)
        a->ticks[a->tick_count++] = tick;
    }
}

double mgp_axis_at(const mgp_axis *a, double value) {
  double share =
      a->is_log ? (log10(fmax(value, a->low)) - log10(a->low)) / (log10(a->high) - log10(a->low))
                : (value - a->low) / (a->high - a->low);
  if (!(share > 0)) share = 0; /* NAN too */
  if (share > 1) share = 1;
  return a->start + share * (a->end - a->start);
}

void mgp_axis_label(const mgp_axis *a, double tick, char out[32]) {
  if (a->is_log || fabs(tick) >= 1e7) snprintf(out, 32, "%.6g", tick);
  else snprintf(out, 32, "%.*f", a->decimals, fabs(tick) < 1e-12 ? 0.0 : tick);
}
