/* SPDX-License-Identifier: Apache-2.0
 *
 * Evaluation: judgements, runs, measures, significance, benchmarks. docs/metrics.md has every
 * formula and tie rule, docs/howto/evaluate.md the way from a question to a verdict.
 *
 *     magpie_qrels *judged = NULL;
 *     magpie_run *run = NULL;
 *     magpie_scores *scores = NULL;
 *     const char *measures[] = {"nDCG@10", "R@100"};
 *     magpie_qrels_read("qrels.txt", &judged, &err);
 *     magpie_run_read("bm25.run", &run, &err);
 *     magpie_evaluate(judged, run, measures, 2, NULL, &scores, &err);
 *     printf("%.4f\n", magpie_scores_mean(scores, 0));
 *
 * The rules of magpie.h hold here. Objects may be read from many threads at once; what adds to one
 * needs it alone. Ids are UTF-8 without white space, as TREC files need.
 */
#ifndef MAGPIE_EVAL_H
#define MAGPIE_EVAL_H

#include "magpie/magpie.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- judgements (qrels) ----------------------------------------------------------------- */

typedef struct magpie_qrels magpie_qrels;

MAGPIE_API magpie_status magpie_qrels_create(magpie_qrels **out, magpie_error *err);
/* Judges one document of one query. A pair judged again the same counts once; another gain for it
 * is an error (INVALID here, FORMAT in a file). gain: -1000000..1000000; below 1 is not relevant.
 */
MAGPIE_API magpie_status magpie_qrels_add(magpie_qrels *qrels, const char *query,
                                          const char *document, int64_t gain, magpie_error *err);
/* Reads TREC qrels ("query iteration document gain") or BEIR's ("query-id\tcorpus-id\tscore" with
 * its header line). FORMAT names file and line. */
MAGPIE_API magpie_status magpie_qrels_read(const char *file, magpie_qrels **out, magpie_error *err);
/* As TREC qrels; "-" is standard output. */
MAGPIE_API magpie_status magpie_qrels_write(const magpie_qrels *qrels, const char *file,
                                            magpie_error *err);
MAGPIE_API size_t magpie_qrels_query_count(const magpie_qrels *qrels);
MAGPIE_API size_t magpie_qrels_judgement_count(const magpie_qrels *qrels);
/* In the order of their first judgement; NULL past the last. */
MAGPIE_API const char *magpie_qrels_query(const magpie_qrels *qrels, size_t index);
/* The judged documents of a query, in the order given; 0 and NULL for a query without any. */
MAGPIE_API size_t magpie_qrels_documents(const magpie_qrels *qrels, const char *query,
                                         const char *const **documents, const int64_t **gains);
/* False: not judged. */
MAGPIE_API bool magpie_qrels_gain(const magpie_qrels *qrels, const char *query,
                                  const char *document, int64_t *gain);
MAGPIE_API void magpie_qrels_destroy(magpie_qrels *qrels);

/* ---- runs ------------------------------------------------------------------------------- */

typedef struct magpie_run magpie_run;

typedef struct magpie_run_hit {
  const char *document;
  float score;
} magpie_run_hit;

MAGPIE_API magpie_status magpie_run_create(magpie_run **out, magpie_error *err);
/* Adds a hit. Order of adding does not matter: as in trec_eval, hits rank by score (as a float),
 * ties by document id, the greater first (strcmp). A NaN score or a document twice in one query is
 * an error. */
MAGPIE_API magpie_status magpie_run_add(magpie_run *run, const char *query, const char *document,
                                        double score, magpie_error *err);
/* Notes a query that was asked, even if nothing was found, and how long it took; ms < 0: unknown.
 */
MAGPIE_API magpie_status magpie_run_asked(magpie_run *run, const char *query, double ms,
                                          magpie_error *err);
/* Reads TREC's six columns ("query Q0 document rank score tag"; the rank is not used) or
 * Tevatron's three ("query document score"). FORMAT names file and line. */
MAGPIE_API magpie_status magpie_run_read(const char *file, magpie_run **out, magpie_error *err);
/* As TREC's six columns, ranked; "-" is standard output. */
MAGPIE_API magpie_status magpie_run_write(const magpie_run *run, const char *file, const char *tag,
                                          magpie_error *err);
MAGPIE_API size_t magpie_run_query_count(const magpie_run *run);
MAGPIE_API const char *magpie_run_query(const magpie_run *run, size_t index);
/* The hits of a query, best first; 0 and NULL if it has none. */
MAGPIE_API size_t magpie_run_hits(const magpie_run *run, const char *query,
                                  const magpie_run_hit **hits);
/* Milliseconds that a query took; -1 if unknown. */
MAGPIE_API double magpie_run_ms(const magpie_run *run, const char *query);
/* Reciprocal rank fusion (Cormack, Clarke, Buettcher, SIGIR 2009): score = sum of weight / (k +
 * rank), ranks from 1. `weights` NULL: 1 each; k is 60 in the paper; depth: hits kept a query, 0:
 * all. */
MAGPIE_API magpie_status magpie_run_fuse(const magpie_run *const *runs, const double *weights,
                                         size_t count, double k, size_t depth, magpie_run **out,
                                         magpie_error *err);
MAGPIE_API void magpie_run_destroy(magpie_run *run);

/* ---- measures of rankings --------------------------------------------------------------- */

/* A measure is written NAME(option=value,…)@k, in any case: "nDCG@10", "P@5", "R@100", "AP",
 * "RR@10", "RBP(p=0.8)", "nDCG(gain=exp)@10", "Success@1", "R(all)@5"; also trec_eval's names
 * ("ndcg_cut_10", "map", "recip_rank", "P_5"). */
typedef struct magpie_measure {
  const char *name;    /* "nDCG" */
  const char *example; /* "nDCG@10" */
  const char *formula; /* one line */
  bool higher_is_better;
} magpie_measure;
/* All that magpie_evaluate knows; NULL past the last. Static. */
MAGPIE_API const magpie_measure *magpie_measure_at(size_t index);
/* The canonical spelling of a measure ("ndcg_cut_10" -> "nDCG@10"); magpie_free it. INVALID names
 * the nearest known one. */
MAGPIE_API magpie_status magpie_measure_name(const char *measure, char **name, magpie_error *err);

typedef struct magpie_evaluate_options {
  size_t size;
  int64_t level;      /* gains from here on are relevant where a measure is binary; 0: 1 */
  bool only_answered; /* average over queries that the run has; else a missing one counts 0 */
} magpie_evaluate_options;

typedef struct magpie_scores magpie_scores; /* measures x judged queries */

/* Every judged query gets a row. A query without a relevant document scores 0, as in trec_eval. */
MAGPIE_API magpie_status magpie_evaluate(const magpie_qrels *qrels, const magpie_run *run,
                                         const char *const *measures, size_t count,
                                         const magpie_evaluate_options *options,
                                         magpie_scores **out, magpie_error *err);
MAGPIE_API size_t magpie_scores_query_count(const magpie_scores *scores);
MAGPIE_API const char *magpie_scores_query(const magpie_scores *scores, size_t index);
/* One value a query, in the order of magpie_scores_query; NULL past the last measure. */
MAGPIE_API const double *magpie_scores_values(const magpie_scores *scores, size_t measure);
MAGPIE_API double magpie_scores_mean(const magpie_scores *scores, size_t measure);
/* Judged queries that the run lacks, and queries of the run that nobody judged (left out). */
MAGPIE_API size_t magpie_scores_missing(const magpie_scores *scores);
MAGPIE_API size_t magpie_scores_unjudged(const magpie_scores *scores);
MAGPIE_API void magpie_scores_destroy(magpie_scores *scores);

/* ---- statistics ------------------------------------------------------------------------- */

/* Two-sided paired randomisation test of mean(a) = mean(b) (Fisher; Smucker, Allan, Carterette,
 * CIKM 2007): signs of the n differences flipped at random. Exact when 2^n <= rounds (n without
 * zero differences), else Monte Carlo with p = (hits + 1) / (rounds + 1). rounds 0: 10000. */
MAGPIE_API magpie_status magpie_randomisation_test(const double *a, const double *b, size_t n,
                                                   uint64_t rounds, uint64_t seed, double *p,
                                                   magpie_error *err);
/* Paired Student t-test, two-sided; n >= 2. All differences equal but for rounding: t is 0 and p 1,
 * or t infinite and p 0. */
MAGPIE_API magpie_status magpie_paired_t_test(const double *a, const double *b, size_t n, double *t,
                                              double *p, magpie_error *err);
/* Bootstrap interval of the mean, bias-corrected and accelerated (BCa; Efron 1987). confidence in
 * (0, 1), 0: 0.95; rounds 0: 10000. n = 1 or equal values: low = high = the mean. */
MAGPIE_API magpie_status magpie_bootstrap_mean(const double *values, size_t n, double confidence,
                                               uint64_t rounds, uint64_t seed, double *low,
                                               double *high, magpie_error *err);
/* Holm's step-down adjustment (1979) of `count` p-values; `adjusted` may be `p`. */
MAGPIE_API magpie_status magpie_holm(const double *p, size_t count, double *adjusted,
                                     magpie_error *err);
/* Cohen's d of paired differences: mean(a - b) / sd(a - b), the sample's sd; 0 when both are 0 or n
 * is below 2, infinite when only the sd is 0. */
MAGPIE_API double magpie_effect_size(const double *a, const double *b, size_t n);

/* ---- measures of answers ---------------------------------------------------------------- */

/* All take SQuAD's normalised text (lower case, no punctuation and English articles, single
 * spaces; Rajpurkar et al. 2016) and give the best over `count` right answers. */
MAGPIE_API magpie_status magpie_answer_exact(const char *answer, const char *const *right,
                                             size_t count, double *out, magpie_error *err);
MAGPIE_API magpie_status magpie_answer_f1(const char *answer, const char *const *right,
                                          size_t count, double *out, magpie_error *err);
/* Share of the right answer's tokens that the answer has (F1-Recall, S081). */
MAGPIE_API magpie_status magpie_answer_recall(const char *answer, const char *const *right,
                                              size_t count, double *out, magpie_error *err);
/* BLEU-1 against all right answers at once, with brevity penalty (Papineni et al. 2002), as NLTK's
 * sentence_bleu with weights (1, 0, 0, 0) and smoothing method 1. */
MAGPIE_API magpie_status magpie_answer_bleu1(const char *answer, const char *const *right,
                                             size_t count, double *out, magpie_error *err);
/* ROUGE-L F with beta 1 (Lin 2004). */
MAGPIE_API magpie_status magpie_answer_rouge_l(const char *answer, const char *const *right,
                                               size_t count, double *out, magpie_error *err);
/* PseudoRecall@k (S083): 1 if any right answer, normalised, is a part of one of the first k
 * passages, normalised; an answer of which nothing is left is part of none. */
MAGPIE_API magpie_status magpie_pseudo_recall(const char *const *passages, size_t k,
                                              const char *const *right, size_t count, double *out,
                                              magpie_error *err);

/* ---- measures of scores and choices ----------------------------------------------------- */

/* Expected calibration error (Guo et al. 2017): `bins` equal bins of [0, 1], weighted by their
 * share; probability 1 falls into the last. */
MAGPIE_API magpie_status magpie_ece(const double *probability, const unsigned char *label, size_t n,
                                    size_t bins, double *out, magpie_error *err);
/* Area under the ROC curve, ties counting one half (Mann-Whitney). INVALID without both labels. */
MAGPIE_API magpie_status magpie_auc(const double *score, const unsigned char *label, size_t n,
                                    double *out, magpie_error *err);
/* Group AUC (gAUC): mean of the groups' AUC weighted by size; groups with one label are left out
 * and counted in *left_out (may be NULL). */
MAGPIE_API magpie_status magpie_group_auc(const double *score, const unsigned char *label,
                                          const uint64_t *group, size_t n, double *out,
                                          size_t *left_out, magpie_error *err);
/* Pair accuracy (F18; MMVP): a pair counts if both of its members are right. A pair id must come
 * exactly twice. */
MAGPIE_API magpie_status magpie_pair_accuracy(const uint64_t *pair, const unsigned char *right,
                                              size_t n, double *out, magpie_error *err);
/* PMRP (Chun et al. 2021, PCME): `ranking` n x m document numbers best first, labels as n x bits
 * and m x bits multi-hot rows; relevant at zeta: Hamming distance <= zeta; R-precision with R =
 * their number; mean over zeta 0..2 and over queries with R > 0. */
MAGPIE_API magpie_status magpie_pmrp(const uint32_t *ranking, size_t n, size_t m,
                                     const unsigned char *query_labels,
                                     const unsigned char *document_labels, size_t bits, double *out,
                                     magpie_error *err);
/* MRV, mean rank variance (CCRK 2024): `ranks` n x k, rank of item n's answer in language k;
 * mean over n and k of (rank - its mean over k)^2. */
MAGPIE_API magpie_status magpie_mrv(const double *ranks, size_t n, size_t k, double *out,
                                    magpie_error *err);
/* Recall of kept evidence: share of `needed` that is among `kept`; 1 when nothing is needed. */
MAGPIE_API magpie_status magpie_kept_recall(const char *const *kept, size_t kept_count,
                                            const char *const *needed, size_t needed_count,
                                            double *out, magpie_error *err);
/* Modality importance (S030): performance n x 2^m with one column for each subset of m modalities
 * (bit j = modality j; column 0, the empty set, is not used). importance: n x m, mean over subsets
 * with j minus mean over non-empty subsets without j. */
MAGPIE_API magpie_status magpie_modality_importance(const double *performance, size_t n, size_t m,
                                                    double *importance, magpie_error *err);
/* Modality interference (S067): mean(clean) - mean(perturbed) over n paired outcomes. */
MAGPIE_API magpie_status magpie_modality_interference(const double *clean, const double *perturbed,
                                                      size_t n, double *out, magpie_error *err);
/* Modality preference (S059): shares of n choices for each of m options; they sum to 1. */
MAGPIE_API magpie_status magpie_modality_preference(const uint32_t *choice, size_t n, size_t m,
                                                    double *share, magpie_error *err);

/* ---- measures of spaces ----------------------------------------------------------------- */

/* x is n x dx, y is n x dy, row i of x is paired with row i of y; rows are normalised inside where
 * a definition asks for it. Sums are in double. */

/* Mutual-kNN alignment (Huh et al. 2024): mean over i of |kNN_x(i) and kNN_y(i)| / k, cosine
 * neighbours without i itself, ties to the lower row. k in 1..n-1. */
MAGPIE_API magpie_status magpie_mutual_knn(const float *x, size_t dx, const float *y, size_t dy,
                                           size_t n, size_t k, double *out, magpie_error *err);
/* Linear CKA (Kornblith et al. 2019) of column-centred x and y. */
MAGPIE_API magpie_status magpie_linear_cka(const float *x, size_t dx, const float *y, size_t dy,
                                           size_t n, double *out, magpie_error *err);
/* Modality gap (Liang et al. 2022): ||mean of normalised x - mean of normalised y||; nx and ny may
 * differ. */
MAGPIE_API magpie_status magpie_modality_gap(const float *x, size_t nx, const float *y, size_t ny,
                                             size_t dim, double *out, magpie_error *err);
/* Alignment (Wang and Isola 2020): mean ||x_i - y_i||^alpha of normalised rows; alpha 0: 2. */
MAGPIE_API magpie_status magpie_alignment(const float *x, const float *y, size_t n, size_t dim,
                                          double alpha, double *out, magpie_error *err);
/* Uniformity (Wang and Isola 2020): log mean over pairs i < j of exp(-t ||x_i - x_j||^2); t 0: 2.
 */
MAGPIE_API magpie_status magpie_uniformity(const float *x, size_t n, size_t dim, double t,
                                           double *out, magpie_error *err);

/* ---- benchmarks ------------------------------------------------------------------------- */

/* Queries, judgements and a corpus in one of the field's layouts (docs/howto/benchmarks.md):
 * "magpie" (queries.jsonl, corpus.jsonl, qrels), "beir", "tevatron", "mmeb", "mbeir", "mixbench",
 * and "mbeir-instructed", whose queries begin with the set's prompts. */
typedef struct magpie_benchmark magpie_benchmark;

/* Owned by its benchmark. */
typedef struct magpie_benchmark_query {
  const char *id;
  const magpie_part *parts; /* paths are absolute */
  size_t part_count;
  const char *modality;          /* "text", "image", "sound", "text+image", … */
  const char *const *candidates; /* only these may be ranked; NULL: the whole corpus */
  size_t candidate_count;
} magpie_benchmark_query;

/* `format` NULL: told by the layout. `split` NULL: "test", else "dev", else the only one. A bad
 * line fails with FORMAT naming file and line. */
MAGPIE_API magpie_status magpie_benchmark_open(const char *path, const char *format,
                                               const char *split, magpie_benchmark **out,
                                               magpie_error *err);
/* Queries and judgements from single files: JSON Lines {"id","parts"…,"positives"} (BEIR's
 * {"_id","text"} too) and qrels; `qrels` may be NULL when every query has positives. */
MAGPIE_API magpie_status magpie_benchmark_open_files(const char *queries, const char *qrels,
                                                     magpie_benchmark **out, magpie_error *err);
MAGPIE_API const char *magpie_benchmark_format(const magpie_benchmark *benchmark);
/* What its authors report, such as "nDCG@10" or "Success@1"; never NULL. */
MAGPIE_API const char *magpie_benchmark_measure(const magpie_benchmark *benchmark);
MAGPIE_API size_t magpie_benchmark_query_count(const magpie_benchmark *benchmark);
MAGPIE_API const magpie_benchmark_query *
magpie_benchmark_query_at(const magpie_benchmark *benchmark, size_t index);
MAGPIE_API const magpie_qrels *magpie_benchmark_qrels(const magpie_benchmark *benchmark);
/* Writes the benchmark into `folder` in the layout `format`: "magpie" (corpus.jsonl for `magpie
 * import`, queries.jsonl, qrels.tsv), "beir" or "tevatron". A tevatron set read and written again
 * is the same bytes. UNSUPPORTED when the layout cannot hold it. */
MAGPIE_API magpie_status magpie_benchmark_write(const magpie_benchmark *benchmark,
                                                const char *folder, const char *format,
                                                magpie_error *err);
MAGPIE_API void magpie_benchmark_destroy(magpie_benchmark *benchmark);

/* ---- evaluations: systems compared ------------------------------------------------------ */

/* Several systems on the same judgements: means with intervals, every pair with the baseline
 * tested, per-query values, latencies, the hits themselves. docs/format/mgeval.md is its JSON. */
typedef struct magpie_evaluation magpie_evaluation;

typedef struct magpie_evaluation_options {
  size_t size;
  const char *const *measures; /* the first one decides; default nDCG@10, RR@10, R@100 */
  size_t measure_count;
  const char *baseline; /* name of a system; NULL: the first */
  double alpha;         /* significance level after Holm's correction; 0: 0.05 */
  double confidence;    /* of the intervals; 0: 0.95 */
  uint64_t rounds;      /* of randomisation and bootstrap; 0: 10000 */
  uint64_t seed;
  size_t hits; /* hits kept a query; 0: 10 */
  int64_t level;
  bool only_answered;
  const char *name; /* of the data, for people */
} magpie_evaluation_options;

MAGPIE_API magpie_status magpie_evaluation_create(const magpie_qrels *qrels,
                                                  const magpie_evaluation_options *options,
                                                  magpie_evaluation **out, magpie_error *err);
/* What a person should read for a query or a document; modality as in magpie_benchmark_query, a
 * document's is its kind. Optional, once each; a query that nobody judged is passed over. */
MAGPIE_API magpie_status magpie_evaluation_describe_query(magpie_evaluation *evaluation,
                                                          const char *query, const char *text,
                                                          const char *modality, magpie_error *err);
MAGPIE_API magpie_status magpie_evaluation_describe_document(magpie_evaluation *evaluation,
                                                             const char *document,
                                                             const char *title, const char *kind,
                                                             magpie_error *err);
/* Adds a system and its run, which is copied as far as it is kept. settings_json: an object or
 * NULL. extra_json: further members of the system's JSON ("diagnosis", "exact_recall"), or NULL. */
MAGPIE_API magpie_status magpie_evaluation_add(magpie_evaluation *evaluation, const char *system,
                                               const magpie_run *run, const char *settings_json,
                                               const char *extra_json, magpie_error *err);
/* The whole as JSON (the .mgeval format); magpie_free it. */
MAGPIE_API magpie_status magpie_evaluation_json(const magpie_evaluation *evaluation, char **json,
                                                magpie_error *err);
MAGPIE_API void magpie_evaluation_destroy(magpie_evaluation *evaluation);

/* A self-contained page with sortable tables and plots (SVG) of an .mgeval text. magpie_free it. */
MAGPIE_API magpie_status magpie_evaluation_html(const char *mgeval, char **html, magpie_error *err);
/* The same for a terminal: a row a system with intervals, marks of significance and latencies, then
 * the verdict. Blocks of at most `width` columns (0: any); `colour`: with ANSI escapes. No other
 * escape passes. magpie_free it. */
MAGPIE_API magpie_status magpie_evaluation_table(const char *mgeval, int width, bool colour,
                                                 char **text, magpie_error *err);
/* Compares the systems of the same name in two .mgeval texts, query by query: JSON with one
 * comparison a system and measure; *fell tells whether any measure fell significantly (Holm over
 * all, level alpha, 0: 0.05). The queries must be the same, else INVALID. */
MAGPIE_API magpie_status magpie_evaluation_diff(const char *before, const char *after, double alpha,
                                                char **json, bool *fell, magpie_error *err);

/* ---- evaluating an index ---------------------------------------------------------------- */

/* A way to ask: the query's k, depth, kinds and space weights; its parts are not used. */
typedef struct magpie_system {
  const char *name;
  magpie_query query;
} magpie_system;

typedef struct magpie_index_evaluation_options {
  size_t size;
  magpie_evaluation_options evaluation;
  bool explain;           /* say of every miss where it was lost */
  const char *run_folder; /* also write NAME.run there; NULL: do not */
  magpie_progress progress;
  void *progress_context;
  const volatile int *cancel;
} magpie_index_evaluation_options;

/* Asks every judged query of the benchmark in every system, one query at a time, and evaluates
 * the answers by record. Queries alternate between the systems, so that all meet the same machine.
 * *json is an .mgeval text; magpie_free it. */
MAGPIE_API magpie_status magpie_evaluate_index(magpie *ix, const magpie_benchmark *benchmark,
                                               const magpie_system *systems, size_t count,
                                               const magpie_index_evaluation_options *options,
                                               char **json, magpie_error *err);

/* One setting and the values to try: "weights.NAME" of a space, "k", "depth" or "rrf_k". */
typedef struct magpie_sweep_axis {
  const char *name;
  const double *values;
  size_t count;
} magpie_sweep_axis;

/* Tries every point of the grid, then compares `base` with the point that the first measure likes
 * best: an evaluation of the systems "base" and "tuned" with a member "sweep". No query judges its
 * own choice: with `train` (another split) the point is chosen there; without it by `folds`-fold
 * cross-validation (0: 5), each query being answered with the point chosen on the other folds.
 * A grid has at most 10,000 points. *json is an .mgeval text; magpie_free it. */
MAGPIE_API magpie_status magpie_sweep_index(magpie *ix, const magpie_benchmark *benchmark,
                                            const magpie_benchmark *train, const magpie_query *base,
                                            const magpie_sweep_axis *axes, size_t axis_count,
                                            size_t folds,
                                            const magpie_index_evaluation_options *options,
                                            char **json, magpie_error *err);

/* Systems by their words: "lexical" (words alone), "dense" (every space but words), "fused" (the
 * defaults), or NAME=SETTING,… with the settings words=0, text=0.5 (weights of spaces), k, depth,
 * rrf_k, kind=image+page and the name of a preset: "mine=fused,text=0.5". INVALID says what there
 * is. */
MAGPIE_API magpie_status magpie_system_parse(magpie *ix, const char *text, size_t k,
                                             magpie_system **out, magpie_error *err);
MAGPIE_API void magpie_system_destroy(magpie_system *system);

/* Share of the first k hits of `exact` that `run` has among its own first k, averaged over the
 * queries of `exact` that have hits: the recall of an approximate search against the exact one. */
MAGPIE_API magpie_status magpie_run_recall(const magpie_run *run, const magpie_run *exact, size_t k,
                                           double *out, magpie_error *err);

/* ---- measures of files ------------------------------------------------------------------ */

/* Measures over the rows of a JSON Lines file; docs/metrics.md has the formulas, docs/json.md the
 * fields. Measures and what they need in every row:
 *   em f1 answer_recall bleu1 rouge_l {"prediction":text,"answers":[text…]}
 *   pseudo_recall@K                   {"passages":[text…],"answers":[text…]}
 *   kept_recall                       {"kept":[id…],"needed":[id…]}
 *   ece@BINS                          {"probability":number,"label":0|1}
 *   auc, gauc                         {"score":number,"label":0|1}, gauc also {"group":id}
 *   pair_accuracy                     {"pair":id,"right":true|false}
 *   mrv                               {"ranks":[number…]}, as many in each row
 *   modality_importance               {"performance":{"text":0|1,"image":0|1,"text+image":0|1}}
 *   interference                      {"clean":number,"perturbed":number}
 *   preference                        {"choice":id}
 *   pmrp                              {"ranking":[id…],"labels":[id…]} a query, and
 *                                     {"document":id,"labels":[id…]} a document
 * *json: {"rows":N,"measures":{name:{"value","low","high","n"}}}; low and high (95 %, BCa) only of
 * measures that are means. modality_importance and preference have one such object for each
 * modality or choice in "parts". A line that does not fit is FORMAT with file and line; magpie_free
 * the JSON. */
MAGPIE_API magpie_status magpie_measure_rows(const char *file, const char *const *measures,
                                             size_t count, char **json, magpie_error *err);
/* Measures of two files of vectors, .npy (f4 or f8, C order, two dimensions) or JSON Lines
 * {"vector":[…]}: gap, alignment, uniformity_x, uniformity_y, mutual_knn@k (k 0: 10), linear_cka.
 * *json: {"x":{"rows","dimensions"},"y":…,"measures":{name:{"value"}}}; a value that these vectors
 * do not allow is null with a "reason". */
MAGPIE_API magpie_status magpie_measure_vectors(const char *x_file, const char *y_file, size_t k,
                                                char **json, magpie_error *err);

#ifdef __cplusplus
}
#endif
#endif
