/* SPDX-License-Identifier: Apache-2.0
 *
 * All measures of rankings: a new one is its function and a line here.
 */
#include "eval/ranking_measures.h"

#define CUT MGP_TAKES_CUTOFF
#define MUST_CUT (MGP_TAKES_CUTOFF | MGP_NEEDS_CUTOFF)
#define REL MGP_TAKES_REL

static const mgp_measure_kind kinds[] = {
    {{"nDCG", "nDCG@10", "sum of gain_i / log2(i + 1), divided by that of the best ranking", true},
     CUT | MGP_TAKES_GAIN,
     mgp_measure_ndcg},
    {{"P", "P@5", "relevant hits among the first k, divided by k", true},
     MUST_CUT | REL,
     mgp_measure_precision},
    {{"R", "R@100", "relevant hits among the first k, divided by all relevant documents", true},
     CUT | REL,
     mgp_measure_recall},
    {{"R(all)", "R(all)@5", "1 if every relevant document is among the first k, else 0", true},
     CUT | REL,
     mgp_measure_recall_all},
    {{"Success", "Success@1", "1 if any relevant document is among the first k, else 0", true},
     MUST_CUT | REL,
     mgp_measure_success},
    {{"RR", "RR@10", "1 / rank of the first relevant hit; 0 if none is among the first k", true},
     CUT | REL,
     mgp_measure_reciprocal_rank},
    {{"AP", "AP", "sum of P@i at the ranks i of relevant hits, divided by all relevant documents",
      true},
     CUT | REL,
     mgp_measure_average_precision},
    {{"Rprec", "Rprec", "P@R, R the number of relevant documents", true},
     REL,
     mgp_measure_r_precision},
    {{"RBP", "RBP(p=0.8)", "(1 - p) x sum of p^(i - 1) at the ranks i of relevant hits", true},
     CUT | REL | MGP_TAKES_P,
     mgp_measure_rbp},
    {{"ERR", "ERR@20",
      "sum of s_i / i x product over j < i of (1 - s_j), s = (2^gain - 1) / 2^max, max 4", true},
     CUT | MGP_TAKES_MAX,
     mgp_measure_err},
    {{"Bpref", "Bpref",
      "mean over relevant documents of 1 - min(n, R) / min(N, R), n of N judged non-relevant ones "
      "before it; 0 for those not found",
      true},
     REL,
     mgp_measure_bpref},
    {{"Judged", "Judged@10", "judged hits among the first k, divided by the hits there", true},
     CUT,
     mgp_measure_judged},
    {{"NumRet", "NumRet", "hits of the query; with rel=N those whose gain is N or more", true},
     REL,
     mgp_measure_retrieved},
};

const mgp_measure_kind *mgp_measure_kind_at(size_t index) {
  return index < sizeof kinds / sizeof *kinds ? &kinds[index] : NULL;
}

const magpie_measure *magpie_measure_at(size_t index) {
  const mgp_measure_kind *kind = mgp_measure_kind_at(index);
  return kind ? &kind->face : NULL;
}
