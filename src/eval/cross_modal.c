/* SPDX-License-Identifier: Apache-2.0
 *
 * Measures of answers across modalities and languages: PMRP (PCME, Chun et al., CVPR 2021), mean
 * rank variance (CCRK, 2024), recall of kept evidence, and what each modality is worth: importance
 * (S030), interference (S067), preference (S059).
 */
#include <math.h>
#include <stdlib.h>

#include "eval/measures.h"

#define ZETAS 3
#define MODALITIES_MAX 16
#define BITS_MAX 1000000

/* ---- PMRP -------------------------------------------------------------------------------- */

typedef struct label_rows {
  uint64_t *words;
  size_t width; /* words a row */
} label_rows;

static magpie_status pack_labels(const char *name, const unsigned char *labels, size_t n,
                                 size_t bits, label_rows *out, magpie_error *err) {
  size_t size = 0;
  out->width = (bits + 63) / 64;
  MGP_FORWARD(mgp_check_product(n, bits, &size, err));
  MGP_FORWARD(mgp_check_labels(name, labels, size, err));
  out->words = mgp_calloc(NULL, n * out->width, sizeof *out->words);
  MGP_RETURN_IF(!out->words, err, MAGPIE_NO_MEMORY, "no memory for %zu rows of labels", n);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < bits; j++)
      out->words[i * out->width + j / 64] |= (uint64_t)labels[i * bits + j] << (j % 64);
  return MAGPIE_OK;
}

/* Hamming distance, told apart only up to ZETAS. */
static unsigned label_distance(const uint64_t *a, const uint64_t *b, size_t width) {
  unsigned differ = 0;
  for (size_t i = 0; i < width && differ < ZETAS; i++)
    for (uint64_t bits = a[i] ^ b[i]; bits && differ < ZETAS; bits &= bits - 1) differ++;
  return differ;
}

/* distance[d] for every document, and R for every zeta. */
static void label_distances(const uint64_t *query, const label_rows *documents, size_t m,
                            unsigned char *distance, size_t relevant[ZETAS]) {
  memset(relevant, 0, ZETAS * sizeof *relevant);
  for (size_t d = 0; d < m; d++) {
    distance[d] = (unsigned char)label_distance(query, documents->words + d * documents->width,
                                                documents->width);
    for (unsigned zeta = distance[d]; zeta < ZETAS; zeta++) relevant[zeta]++;
  }
}

/* Precision in the first R; what a short ranking leaves out is not relevant. */
static double r_precision(const uint32_t *row, size_t size, const unsigned char *distance,
                          size_t relevant, unsigned zeta) {
  size_t found = 0;
  for (size_t i = 0; i < size && i < relevant; i++) found += distance[row[i]] <= zeta;
  return (double)found / (double)relevant;
}

/* Every number below m, none twice in a row; `seen` holds m zeroes and gets them back. */
static magpie_status check_ranking(const uint32_t *row, size_t size, size_t m, size_t query,
                                   unsigned char *seen, magpie_error *err) {
  for (size_t i = 0; i < size; i++) {
    MGP_RETURN_IF(row[i] >= m, err, MAGPIE_INVALID,
                  "ranking of query %zu, rank %zu: document %u of %zu", query, i + 1, row[i], m);
    MGP_RETURN_IF(seen[row[i]], err, MAGPIE_INVALID, "ranking of query %zu has document %u twice",
                  query, row[i]);
    seen[row[i]] = 1;
  }
  for (size_t i = 0; i < size; i++) seen[row[i]] = 0;
  return MAGPIE_OK;
}

static magpie_status mean_r_precision(const uint32_t *ranking, const size_t *offset, size_t n,
                                      size_t m, const label_rows *queries,
                                      const label_rows *documents, unsigned char *distance,
                                      double *out, magpie_error *err) {
  double sums[ZETAS] = {0}, total = 0;
  size_t asked[ZETAS] = {0}, zetas = 0;
  for (size_t q = 0; q < n; q++) {
    const uint32_t *row = ranking + offset[q];
    const size_t size = offset[q + 1] - offset[q];
    memset(distance, 0, m);
    MGP_FORWARD(check_ranking(row, size, m, q, distance, err));
    size_t relevant[ZETAS];
    label_distances(queries->words + q * queries->width, documents, m, distance, relevant);
    for (unsigned zeta = 0; zeta < ZETAS; zeta++) {
      if (relevant[zeta] == 0) continue;
      sums[zeta] += r_precision(row, size, distance, relevant[zeta], zeta);
      asked[zeta]++;
    }
  }
  for (unsigned zeta = 0; zeta < ZETAS; zeta++)
    if (asked[zeta] > 0) total += sums[zeta] / (double)asked[zeta], zetas++;
  MGP_RETURN_IF(zetas == 0, err, MAGPIE_INVALID,
                "no document is within %d labels of any of the %zu queries", ZETAS - 1, n);
  *out = total / (double)zetas;
  return MAGPIE_OK;
}

magpie_status mgp_pmrp_rows(const uint32_t *ranking, const size_t *offset, size_t n, size_t m,
                            const unsigned char *query_labels, const unsigned char *document_labels,
                            size_t bits, double *out, magpie_error *err) {
  MGP_FORWARD(mgp_check_count("queries", n, err));
  MGP_FORWARD(mgp_check_count("documents", m, err));
  MGP_RETURN_IF(bits == 0 || bits > BITS_MAX, err, MAGPIE_INVALID, "%zu labels are not in 1..%d",
                bits, BITS_MAX);
  label_rows queries = {0}, documents = {0};
  unsigned char *distance = NULL;
  magpie_status status = MAGPIE_OK;
  MGP_TRY(pack_labels("query labels", query_labels, n, bits, &queries, err));
  MGP_TRY(pack_labels("document labels", document_labels, m, bits, &documents, err));
  distance = mgp_calloc(NULL, m, 1);
  if (!distance) MGP_TRY(mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for %zu documents", m));
  status = mean_r_precision(ranking, offset, n, m, &queries, &documents, distance, out, err);
done:
  mgp_free(NULL, distance);
  mgp_free(NULL, queries.words);
  mgp_free(NULL, documents.words);
  return status;
}

magpie_status magpie_pmrp(const uint32_t *ranking, size_t n, size_t m,
                          const unsigned char *query_labels, const unsigned char *document_labels,
                          size_t bits, double *out, magpie_error *err) {
  MGP_RETURN_IF(!out || !ranking, err, MAGPIE_INVALID, "PMRP needs rankings and an output");
  MGP_FORWARD(mgp_check_count("queries", n, err));
  MGP_FORWARD(mgp_check_count("documents", m, err));
  size_t size = 0;
  MGP_FORWARD(mgp_check_product(n, m, &size, err));
  size_t *offset = mgp_calloc(NULL, n + 1, sizeof *offset);
  MGP_RETURN_IF(!offset, err, MAGPIE_NO_MEMORY, "no memory for %zu queries", n);
  for (size_t i = 0; i <= n; i++) offset[i] = i * m;
  const magpie_status status =
      mgp_pmrp_rows(ranking, offset, n, m, query_labels, document_labels, bits, out, err);
  mgp_free(NULL, offset);
  return status;
}

/* ---- languages --------------------------------------------------------------------------- */

magpie_status magpie_mrv(const double *ranks, size_t n, size_t k, double *out, magpie_error *err) {
  size_t size = 0;
  MGP_RETURN_IF(!out, err, MAGPIE_INVALID, "the rank variance has nowhere to go");
  MGP_RETURN_IF(k == 0, err, MAGPIE_INVALID, "rank variance needs at least one language");
  MGP_FORWARD(mgp_check_product(n, k, &size, err));
  MGP_FORWARD(mgp_check_values("ranks", ranks, size, err));
  double sum = 0;
  for (size_t i = 0; i < n; i++) {
    const double *row = ranks + i * k, mean = mgp_mean(row, k);
    for (size_t j = 0; j < k; j++) sum += (row[j] - mean) * (row[j] - mean);
  }
  *out = sum / (double)size;
  return MAGPIE_OK;
}

/* ---- evidence ---------------------------------------------------------------------------- */

static int compare_texts(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static magpie_status sorted_texts(const char *name, const char *const *texts, size_t count,
                                  const char ***out, magpie_error *err) {
  MGP_RETURN_IF(count > MGP_VALUES_MAX, err, MAGPIE_LIMIT, "%s: %zu ids are more than %d", name,
                count, MGP_VALUES_MAX);
  for (size_t i = 0; i < count; i++)
    MGP_RETURN_IF(!texts || !texts[i], err, MAGPIE_INVALID, "%s[%zu] is not given", name, i);
  *out = mgp_calloc(NULL, count + 1, sizeof **out);
  MGP_RETURN_IF(!*out, err, MAGPIE_NO_MEMORY, "no memory for %zu ids", count);
  for (size_t i = 0; i < count; i++) (*out)[i] = texts[i];
  qsort(*out, count, sizeof **out, compare_texts);
  return MAGPIE_OK;
}

magpie_status magpie_kept_recall(const char *const *kept, size_t kept_count,
                                 const char *const *needed, size_t needed_count, double *out,
                                 magpie_error *err) {
  MGP_RETURN_IF(!out, err, MAGPIE_INVALID, "the recall has nowhere to go");
  const char **have = NULL, **want = NULL;
  magpie_status status = MAGPIE_OK;
  MGP_TRY(sorted_texts("kept", kept, kept_count, &have, err));
  MGP_TRY(sorted_texts("needed", needed, needed_count, &want, err));
  size_t found = 0, all = 0;
  for (size_t i = 0; i < needed_count; i++) {
    if (i > 0 && strcmp(want[i - 1], want[i]) == 0) continue; /* needed twice is needed once */
    all++;
    found += bsearch(&want[i], have, kept_count, sizeof *have, compare_texts) != NULL;
  }
  *out = all ? (double)found / (double)all : 1;
done:
  mgp_free(NULL, have);
  mgp_free(NULL, want);
  return status;
}

/* ---- modalities -------------------------------------------------------------------------- */

magpie_status magpie_modality_importance(const double *performance, size_t n, size_t m,
                                         double *importance, magpie_error *err) {
  MGP_RETURN_IF(!importance, err, MAGPIE_INVALID, "the importance has nowhere to go");
  MGP_RETURN_IF(m == 0 || m > MODALITIES_MAX, err, MAGPIE_INVALID,
                "%zu modalities are not in 1..%d", m, MODALITIES_MAX);
  const size_t subsets = (size_t)1 << m;
  size_t size = 0;
  MGP_FORWARD(mgp_check_product(n, subsets, &size, err));
  MGP_FORWARD(mgp_check_count("performance", size, err));
  MGP_RETURN_IF(!performance, err, MAGPIE_INVALID, "performance: no array is given");
  for (size_t i = 0; i < n; i++)
    for (size_t s = 1; s < subsets; s++)
      MGP_RETURN_IF(!(fabs(performance[i * subsets + s]) <= MGP_VALUE_MAX), err, MAGPIE_INVALID,
                    "performance[%zu][%zu] is not a finite number", i, s);
  /* 2^(m-1) subsets have modality j, and as many less the empty one have not */
  const size_t half = subsets / 2; /* the subsets that hold one modality */
  const double with_count = (double)half, without_count = with_count - 1;
  for (size_t i = 0; i < n; i++) {
    for (size_t j = 0; j < m; j++) {
      double sums[2] = {0, 0};
      for (size_t s = 1; s < subsets; s++) sums[s >> j & 1] += performance[i * subsets + s];
      importance[i * m + j] =
          sums[1] / with_count - (without_count > 0 ? sums[0] / without_count : 0);
    }
  }
  return MAGPIE_OK;
}

magpie_status magpie_modality_interference(const double *clean, const double *perturbed, size_t n,
                                           double *out, magpie_error *err) {
  MGP_RETURN_IF(!out, err, MAGPIE_INVALID, "the interference has nowhere to go");
  MGP_FORWARD(mgp_check_values("clean", clean, n, err));
  MGP_FORWARD(mgp_check_values("perturbed", perturbed, n, err));
  *out = mgp_mean(clean, n) - mgp_mean(perturbed, n);
  return MAGPIE_OK;
}

magpie_status magpie_modality_preference(const uint32_t *choice, size_t n, size_t m, double *share,
                                         magpie_error *err) {
  MGP_RETURN_IF(!share || !choice, err, MAGPIE_INVALID, "preference needs choices and an output");
  MGP_FORWARD(mgp_check_count("choice", n, err));
  MGP_FORWARD(mgp_check_count("options", m, err));
  for (size_t i = 0; i < n; i++)
    MGP_RETURN_IF(choice[i] >= m, err, MAGPIE_INVALID, "choice[%zu] is %u of %zu options", i,
                  choice[i], m);
  memset(share, 0, m * sizeof *share);
  for (size_t i = 0; i < n; i++) share[choice[i]] += 1;
  for (size_t j = 0; j < m; j++) share[j] /= (double)n;
  return MAGPIE_OK;
}
