/* SPDX-License-Identifier: Apache-2.0
 *
 * How much of a query the index has words for: the share of its idf mass that lies on terms with at
 * least one item. A term that no item has gets the idf of df = 0, the largest there is. A question
 * in a language that the index does not hold comes out near 0, and its few accidental matches
 * (names, numbers, words spelled alike) then weigh little beside the vectors.
 */
#include <math.h>

#include "index/lexical_file.h"

/* The largest df of a term's forms, as search counts it. */
static magpie_status term_df(mgp_lexical_view *const *views, size_t view_count,
                             const mgp_query_term *term, uint64_t *out, magpie_error *err) {
  *out = 0;
  for (size_t f = 0; f < term->form_count; f++) {
    uint64_t df = 0;
    for (size_t v = 0; v < view_count; v++) {
      mgp_lexical_term found = {0};
      MGP_FORWARD(mgp_lexical_find(views[v], term->forms[f], term->sizes[f], &found, err));
      df += found.df;
    }
    if (df > *out) *out = df;
  }
  return MAGPIE_OK;
}

magpie_status mgp_lexical_coverage(mgp_lexical_view *const *views, size_t view_count,
                                   const mgp_query_term *terms, size_t term_count, double *out,
                                   double *mass, magpie_error *err) {
  double items = 0, held = 0, all = 0;
  for (size_t v = 0; v < view_count; v++) items += (double)mgp_lexical_view_count(views[v]);
  for (size_t t = 0; t < term_count; t++) {
    uint64_t df = 0;
    MGP_FORWARD(term_df(views, view_count, &terms[t], &df, err));
    const double n = (double)df;
    const double part = fabs(terms[t].weight) * log(1.0 + (items - n + 0.5) / (n + 0.5));
    all += part;
    if (df > 0) held += part;
  }
  *mass = held;
  *out = all > 0 ? held / all : 0;
  return MAGPIE_OK;
}
