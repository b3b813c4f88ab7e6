/* SPDX-License-Identifier: Apache-2.0
 *
 * Scores against labels: area under the ROC curve as the Mann-Whitney statistic, the same within
 * groups (gAUC, as in recommendation), and pairs that count only whole (F18).
 */
#include <math.h>
#include <stdlib.h>

#include "eval/measures.h"

typedef struct scored_label {
  double score;
  uint64_t group;
  unsigned char label;
} scored_label;

static int compare_scored(const void *a, const void *b) {
  const scored_label *x = a, *y = b;
  if (x->group != y->group) return x->group < y->group ? -1 : 1;
  return (x->score > y->score) - (x->score < y->score);
}

/* Of items sorted by score: positives x negatives that stand right, ties one half. False: all
 * labels are the same. */
static bool area(const scored_label *items, size_t n, double *out) {
  double below = 0, right = 0, positives = 0;
  for (size_t i = 0; i < n;) {
    double here[2] = {0, 0};
    const double score = items[i].score;
    for (; i < n && items[i].score == score; i++) here[items[i].label]++;
    right += here[1] * (below + here[0] / 2);
    below += here[0];
    positives += here[1];
  }
  if (below == 0 || positives == 0) return false;
  *out = right / (below * positives);
  return true;
}

static magpie_status sort_scores(const double *score, const unsigned char *label,
                                 const uint64_t *group, size_t n, scored_label **out,
                                 magpie_error *err) {
  MGP_FORWARD(mgp_check_values("score", score, n, err));
  MGP_FORWARD(mgp_check_labels("label", label, n, err));
  scored_label *items = mgp_calloc(NULL, n, sizeof *items);
  MGP_RETURN_IF(!items, err, MAGPIE_NO_MEMORY, "no memory for %zu scores", n);
  for (size_t i = 0; i < n; i++)
    items[i] = (scored_label){.score = score[i], .label = label[i], .group = group ? group[i] : 0};
  qsort(items, n, sizeof *items, compare_scored);
  *out = items;
  return MAGPIE_OK;
}

magpie_status magpie_auc(const double *score, const unsigned char *label, size_t n, double *out,
                         magpie_error *err) {
  MGP_RETURN_IF(!out, err, MAGPIE_INVALID, "the area has nowhere to go");
  scored_label *items = NULL;
  MGP_FORWARD(sort_scores(score, label, NULL, n, &items, err));
  const bool has_both = area(items, n, out);
  mgp_free(NULL, items);
  MGP_RETURN_IF(!has_both, err, MAGPIE_INVALID,
                "all %zu labels are %d: the area under the curve needs both", n, label[0]);
  return MAGPIE_OK;
}

magpie_status magpie_group_auc(const double *score, const unsigned char *label,
                               const uint64_t *group, size_t n, double *out, size_t *left_out,
                               magpie_error *err) {
  MGP_RETURN_IF(!out || !group, err, MAGPIE_INVALID, "group AUC needs groups and an output");
  scored_label *items = NULL;
  MGP_FORWARD(sort_scores(score, label, group, n, &items, err));
  double sum = 0, weight = 0;
  size_t skipped = 0;
  for (size_t i = 0; i < n;) {
    size_t end = i;
    while (end < n && items[end].group == items[i].group) end++;
    double value = 0;
    if (area(items + i, end - i, &value)) {
      sum += value * (double)(end - i);
      weight += (double)(end - i);
    } else {
      skipped++;
    }
    i = end;
  }
  mgp_free(NULL, items);
  MGP_RETURN_IF(weight == 0, err, MAGPIE_INVALID, "none of the %zu groups has both labels",
                skipped);
  *out = sum / weight;
  if (left_out) *left_out = skipped;
  return MAGPIE_OK;
}

magpie_status magpie_pair_accuracy(const uint64_t *pair, const unsigned char *right, size_t n,
                                   double *out, magpie_error *err) {
  MGP_RETURN_IF(!out || !pair, err, MAGPIE_INVALID, "pair accuracy needs pairs and an output");
  MGP_FORWARD(mgp_check_count("pair", n, err));
  MGP_FORWARD(mgp_check_labels("right", right, n, err));
  scored_label *items = mgp_calloc(NULL, n, sizeof *items);
  MGP_RETURN_IF(!items, err, MAGPIE_NO_MEMORY, "no memory for %zu pairs", n);
  for (size_t i = 0; i < n; i++) items[i] = (scored_label){.group = pair[i], .label = right[i]};
  qsort(items, n, sizeof *items, compare_scored);
  size_t whole = 0, i = 0;
  for (; i < n; i += 2) {
    const uint64_t id = items[i].group;
    if (i + 1 == n || items[i + 1].group != id || (i + 2 < n && items[i + 2].group == id)) break;
    whole += items[i].label && items[i + 1].label;
  }
  const uint64_t odd = i < n ? items[i].group : 0;
  mgp_free(NULL, items);
  MGP_RETURN_IF(i < n, err, MAGPIE_INVALID, "pair %llu does not come exactly twice",
                (unsigned long long)odd);
  *out = (double)whole / ((double)n / 2);
  return MAGPIE_OK;
}
