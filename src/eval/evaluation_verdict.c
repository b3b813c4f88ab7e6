/* SPDX-License-Identifier: Apache-2.0
 *
 * The sentences that tell what a comparison shows. Better and worse are only said of what stays
 * significant after Holm's correction; what is not significant is not called equal.
 */
#include <math.h>

#include "eval/evaluation.h"

void mgp_verdict_p(double p, char out[16]) {
  if (p < 0.0001) snprintf(out, 16, "< 0.0001");
  else if (p < 0.001) snprintf(out, 16, "= %.4f", p);
  else snprintf(out, 16, "= %.3f", p);
}

/* Room for 15 characters before the point: values of files are bounded by 1e15. */
void mgp_verdict_number(double value, char out[32]) {
  const double size = fabs(value);
  const int decimals = size < 9.9995 ? 3 : size < 99.995 ? 2 : size < 9999.95 ? 1 : 0;
  snprintf(out, 32, "%.*f", decimals, value == 0 ? 0.0 : value);
  if (strspn(out, "-0.") == strlen(out)) snprintf(out, 32, "%.*f", decimals, 0.0);
}

static void add_signed(mgp_buffer *b, double value) {
  char text[32];
  mgp_verdict_number(value, text);
  if (value > 0 && strspn(text, "0.") != strlen(text)) mgp_buffer_add_char(b, '+');
  mgp_buffer_add_text(b, text);
}

void mgp_verdict_figures(mgp_buffer *b, const mgp_comparison *c) {
  char low[32], high[32], p[16], holm[16];
  mgp_verdict_number(c->low, low);
  mgp_verdict_number(c->high, high);
  mgp_verdict_p(c->p, p);
  mgp_verdict_p(c->p_holm, holm);
  add_signed(b, c->difference);
  mgp_buffer_printf(b, " [%s, %s], p %s (Holm %s)", low, high, p, holm[0] == '=' ? holm + 2 : holm);
}

void mgp_verdict_sentence(mgp_buffer *b, const mgp_verdict_pair *pair, const mgp_comparison *c) {
  const char *system = pair->system, *baseline = pair->baseline, *measure = pair->measure;
  if (c->n == 0) {
    mgp_buffer_printf(b, "%s and %s have no query in common.", system, baseline);
    return;
  }
  if (c->wins + c->losses == 0) {
    mgp_buffer_printf(b, "%s and %s are equal in %s on every query.", system, baseline, measure);
    return;
  }
  const int side = mgp_comparison_side(c, pair->higher_is_better);
  if (c->is_significant && side != 0)
    mgp_buffer_printf(b, "%s is %s than %s in %s: ", system, side > 0 ? "better" : "worse",
                      baseline, measure);
  else
    mgp_buffer_printf(b, "No significant difference between %s and %s in %s: ", system, baseline,
                      measure);
  mgp_verdict_figures(b, c);
  mgp_buffer_add_char(b, '.');
}

void mgp_verdict_small_sample(mgp_buffer *b, size_t n, size_t tests, double alpha) {
  if (n == 0 || n >= MGP_SMALL_SAMPLE) return;
  const double least = fmin(1, ldexp(1, 1 - (int)n) * (double)tests);
  mgp_buffer_printf(b, "Only %zu quer%s: ", n, n == 1 ? "y" : "ies");
  if (least > alpha)
    mgp_buffer_printf(b,
                      "no difference can be significant at %g with so few (the least p "
                      "possible%s is %.3g).",
                      alpha, tests > 1 ? " after Holm" : "", least);
  else
    mgp_buffer_add_text(b, "intervals are rough, and only large differences can be seen; no "
                           "significant difference does not mean equal.");
}
