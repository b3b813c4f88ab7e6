/* SPDX-License-Identifier: Apache-2.0
 *
 * Reports made of stored evaluations: a checked reading of .mgeval, text for pages and terminals,
 * the parts of the page. A stored file is untrusted: whatever passes mgp_mgeval_read is finite, of
 * the right length and names only what is there; its texts are still anybody's.
 */
#ifndef MGP_EVAL_REPORT_H
#define MGP_EVAL_REPORT_H

#include "eval/evaluation.h"

/* ---- a stored evaluation (mgeval_read.c, mgeval_parts.c) --------------------------------- */

#define MGP_MGEVAL_VERSION 1
#define MGP_NUMBER_MAX 1e15

typedef struct mgp_mgeval_measure {
  const char *name;
  bool higher_is_better;
} mgp_mgeval_measure;

typedef struct mgp_mgeval_query {
  const char *id, *text, *modality; /* text and modality may be NULL */
  int64_t relevant;                 /* -1: unknown */
} mgp_mgeval_query;

typedef struct mgp_mgeval_score {
  double mean, low, high; /* NAN: no query was answered */
  double *values;         /* a query; NAN: left out */
} mgp_mgeval_score;

typedef struct mgp_mgeval_hit {
  const char *document;
  double score;
  bool is_judged;
  int64_t gain;
} mgp_mgeval_hit;

typedef struct mgp_mgeval_hits {
  mgp_mgeval_hit *hits;
  size_t count;
} mgp_mgeval_hits;

typedef struct mgp_mgeval_confusion {
  const char **rows, **columns;
  double *counts; /* rows x columns */
  size_t row_count, column_count;
} mgp_mgeval_confusion;

typedef struct mgp_mgeval_system {
  const char *name;
  const json_t *settings;   /* an object or NULL */
  mgp_mgeval_score *scores; /* a measure */
  bool has_latency;
  double p50, p95, p99, per_second; /* ms; per_second NAN: unknown */
  mgp_mgeval_hits *hits;            /* a query; NULL: not kept */
  mgp_mgeval_confusion *confusion;  /* NULL: none */
  const json_t *causes;             /* diagnosis: object of counts, or NULL */
} mgp_mgeval_system;

typedef struct mgp_mgeval_change {
  size_t query;
  double system, baseline;
} mgp_mgeval_change;

typedef struct mgp_mgeval_comparison {
  size_t measure, system, baseline;
  double difference, low, high, p, p_holm;
  size_t wins, losses, ties;
  bool is_significant;
  mgp_mgeval_change *changed;
  size_t changed_count;
} mgp_mgeval_comparison;

typedef struct mgp_mgeval_axis {
  const char *name;
  double *values;
  size_t count;
} mgp_mgeval_axis;

typedef struct mgp_mgeval_point {
  const double *values; /* an axis */
  double mean;          /* NAN: not measured */
} mgp_mgeval_point;

typedef struct mgp_mgeval_sweep {
  const char *measure;
  mgp_mgeval_axis *axes;
  size_t axis_count;
  mgp_mgeval_point *grid;
  size_t grid_count;
} mgp_mgeval_sweep;

typedef struct mgp_mgeval {
  json_t *root; /* owns the texts */
  mgp_arena *arena;
  const char *name; /* of the data; "evaluation" if it has none */
  const char *created, *magpie;
  int64_t judgements; /* -1: unknown */
  double alpha, confidence;
  bool leaves_out;
  mgp_mgeval_measure *measures;
  size_t measure_count;
  mgp_mgeval_query *queries;
  size_t query_count;
  mgp_id_table query_ids; /* numbers are places in `queries` */
  mgp_mgeval_system *systems;
  size_t system_count, baseline;
  mgp_mgeval_comparison *comparisons;
  size_t comparison_count;
  const mgp_mgeval_comparison **compared; /* by measure, then system; NULL: none */
  const char **verdict;
  size_t verdict_count;
  mgp_mgeval_sweep *sweep; /* NULL: none */
  const json_t *documents; /* an object or NULL; members are objects */
} mgp_mgeval;

/* `name` stands before places in errors. VERSION for a newer one, FORMAT with the place in the
 * JSON for what does not follow docs/format/mgeval.md. mgp_mgeval_fini also after a failure. */
magpie_status mgp_mgeval_read(const char *name, const char *text, mgp_mgeval *out,
                              magpie_error *err);
void mgp_mgeval_fini(mgp_mgeval *m);
/* NULL: the baseline itself, or not compared. */
const mgp_mgeval_comparison *mgp_mgeval_compared(const mgp_mgeval *m, size_t measure,
                                                 size_t system);
/* 1 significantly better than the baseline, -1 worse, else 0. */
int mgp_mgeval_side(const mgp_mgeval *m, size_t measure, size_t system);
/* The setting in which the systems differ, if they differ in one number only ("k"); its value in
 * each system into `values`. NULL: they do not. */
const char *mgp_mgeval_swept(const mgp_mgeval *m, double *values);

/* What reading shares: where in the JSON it is. */
typedef struct mgp_mgeval_reader {
  mgp_mgeval *m;
  const char *name;
  magpie_error *err;
} mgp_mgeval_reader;
/* FORMAT: "`where` `what`", with name and `where` as the place. */
magpie_status mgp_mgeval_bad(const mgp_mgeval_reader *r, const char *where, const char *what);
/* A number of at most MGP_NUMBER_MAX, or null for NAN if `or_null`. */
magpie_status mgp_mgeval_number(const mgp_mgeval_reader *r, const json_t *value, bool or_null,
                                const char *where, double *out);
/* A whole number from 0. */
magpie_status mgp_mgeval_count(const mgp_mgeval_reader *r, const json_t *value, const char *where,
                               size_t *out);
/* A text that is there and not empty. */
magpie_status mgp_mgeval_text(const mgp_mgeval_reader *r, const json_t *value, const char *where,
                              const char **out);
/* mgeval_parts.c; `where` is the place of `value`, which may be NULL (absent) or null. */
magpie_status mgp_mgeval_read_hits(const mgp_mgeval_reader *r, const json_t *value,
                                   const char *where, mgp_mgeval_hits **out);
magpie_status mgp_mgeval_read_confusion(const mgp_mgeval_reader *r, const json_t *value,
                                        const char *where, mgp_mgeval_confusion **out);
magpie_status mgp_mgeval_read_sweep(const mgp_mgeval_reader *r, const json_t *value);
magpie_status mgp_mgeval_read_comparisons(const mgp_mgeval_reader *r, const json_t *value);

/* ---- text (report_text.c) ---------------------------------------------------------------- */

/* Columns of a terminal that UTF-8 takes: 2 for wide East Asian characters and emoji, 0 for
 * combining ones. */
size_t mgp_text_columns(const char *text);
/* The text with at most `columns` columns, "…" for what is cut; characters that would act instead
 * of being shown (controls, direction overrides) become U+FFFD. */
void mgp_text_plain(mgp_buffer *b, const char *text, size_t columns);
/* The same for HTML and SVG, escaped for text and quoted attributes. */
void mgp_text_escaped(mgp_buffer *b, const char *text, size_t columns);

/* ---- parts of the page ------------------------------------------------------------------- */

#define MGP_TITLE_COLUMNS 90    /* of titles and texts in tables */
#define MGP_TOOLTIP_COLUMNS 600 /* of what hovering shows */

/* <bdi title="…">text</bdi>, both cut. */
void mgp_report_text(mgp_buffer *b, const char *text, size_t columns);
/* report_tables.c */
void mgp_report_systems(mgp_buffer *b, const mgp_mgeval *m);
void mgp_report_confusion(mgp_buffer *b, const mgp_mgeval *m);
void mgp_report_causes(mgp_buffer *b, const mgp_mgeval *m);
void mgp_report_changed(mgp_buffer *b, const mgp_mgeval *m);
void mgp_report_queries(mgp_buffer *b, const mgp_mgeval *m);
/* report_plots.c: sections with one <svg> a panel */
magpie_status mgp_report_intervals(mgp_buffer *b, const mgp_mgeval *m, magpie_error *err);
magpie_status mgp_report_latency(mgp_buffer *b, const mgp_mgeval *m, magpie_error *err);
magpie_status mgp_report_differences(mgp_buffer *b, const mgp_mgeval *m, magpie_error *err);
/* report_sweep.c */
magpie_status mgp_report_sweep(mgp_buffer *b, const mgp_mgeval *m, magpie_error *err);

/* ---- axes (report_axis.c) ---------------------------------------------------------------- */

#define MGP_TICKS_MAX 12

typedef struct mgp_axis {
  double low, high;  /* of the data, widened to what is drawn */
  double start, end; /* pixels */
  bool is_log;       /* base 10; low > 0 */
  double ticks[MGP_TICKS_MAX];
  size_t tick_count;
  int decimals; /* of tick labels; ignored when is_log */
} mgp_axis;

/* An axis over [low, high] with round ticks, about `wanted` of them; equal ends are widened. A
 * logarithmic one has 1, 2 and 5 of each decade, or the decades only. */
void mgp_axis_init(mgp_axis *a, double low, double high, size_t wanted);
void mgp_axis_init_log(mgp_axis *a, double low, double high);
/* Where a value lies; always finite and between start and end. */
double mgp_axis_at(const mgp_axis *a, double value);
void mgp_axis_label(const mgp_axis *a, double tick, char out[32]);

/* ---- drawing (report_svg.c) -------------------------------------------------------------- */

#define MGP_SVG_WIDTH 620.0
#define MGP_SVG_COLUMN 7.6 /* pixels that a column of text takes, in a wide font */
#define MGP_SVG_NAME_COLUMNS 20

/* <figure><figcaption>caption</figcaption><svg …>; `about` tells a screen reader what is drawn. */
void mgp_svg_open(mgp_buffer *b, const char *caption, const char *about, double height);
void mgp_svg_close(mgp_buffer *b);
/* anchor: "start", "middle" or "end". What is cut has the whole as its title. */
void mgp_svg_text(mgp_buffer *b, double x, double y, const char *anchor, const char *text,
                  size_t columns);
/* Ticks with lines across the plot, labels below or at the left. */
void mgp_svg_axis_x(mgp_buffer *b, const mgp_axis *a, double top, double bottom);
void mgp_svg_axis_y(mgp_buffer *b, const mgp_axis *a, double left, double right);
/* The mark of a system at a point: class "better", "worse", "base" or "same", each its own shape.
 */
void mgp_svg_mark(mgp_buffer *b, double x, double y, const char *kind);
const char *mgp_report_kind(const mgp_mgeval *m, size_t measure, size_t system);

#endif
