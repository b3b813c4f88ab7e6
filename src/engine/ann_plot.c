/* SPDX-License-Identifier: Apache-2.0
 *
 * Queries a second over recall as a picture of its own, with the style sheet in it. Recall is drawn
 * as ann-benchmarks may do it, by how much is missed: 0.9, 0.99 and 0.999 lie equally far apart.
 */
#include <math.h>

#include "engine/ann_bench.h"
#include "eval/report.h"

#define WIDTH 760.0
#define HEIGHT 440.0
#define TOP 40.0
#define BOTTOM 380.0
#define LEFT 70.0
#define RIGHT 580.0
#define MISSED_LEAST 1e-4 /* 0.9999 and more are drawn at the edge */
#define SERIES_MAX 16

static const char style[] =
    "<style>text{font:12px system-ui,sans-serif;fill:#222}.title{font-weight:600;font-size:14px}"
    ".grid{stroke:#ddd;stroke-width:1}.paper{fill:#fff}path{fill:none;stroke-width:2}"
    ".s0{stroke:#555}.s1{stroke:#c2571a}.s2{stroke:#8a6d00}.s3{stroke:#0a7a5a}.s4{stroke:#7b3fa0}"
    ".s5{stroke:#0b5fa5}@media(prefers-color-scheme:dark){text{fill:#ddd}.paper{fill:#16181b}"
    ".grid{stroke:#3a3d42}.s0{stroke:#aaa}.s1{stroke:#f08a4b}.s2{stroke:#d9b93b}"
    ".s3{stroke:#3fc49a}.s4{stroke:#c08be0}.s5{stroke:#5aa9f0}}</style>\n";

typedef struct plot {
  mgp_buffer *b;
  mgp_axis y;
  double worst; /* missed, at the left edge */
} plot;

static double missed(double recall) {
  return fmin(1, fmax(MISSED_LEAST, 1 - recall));
}

static double x_of(const plot *p, double recall) {
  const double span = log10(p->worst / MISSED_LEAST);
  return LEFT + (RIGHT - LEFT) * log10(p->worst / missed(recall)) / span;
}

static void draw_ticks(const plot *p) {
  static const double ticks[] = {0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999};
  for (size_t i = 0; i < sizeof ticks / sizeof *ticks; i++) {
    if (1 - ticks[i] > p->worst * 1.0001) continue;
    char label[16];
    snprintf(label, sizeof label, "%g", ticks[i]);
    const double x = x_of(p, ticks[i]);
    mgp_buffer_printf(p->b,
                      "<line class=\"grid\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>", x,
                      TOP, x, BOTTOM);
    mgp_svg_text(p->b, x, BOTTOM + 18, "middle", label, 12);
  }
  mgp_svg_text(p->b, RIGHT, BOTTOM + 18, "middle", "1", 12);
}

/* Its own shape, so that colour is not all that tells. */
static void draw_mark(const plot *p, size_t series, double x, double y) {
  static const char *const shapes[] = {"m-4 -4h8v8h-8z",       "m0 -5l5 9h-10z",
                                       "m0 5l5 -9h-10z",       "m0 -5l5 5l-5 5l-5 -5z",
                                       "m-4 -4l8 8m0 -8l-8 8", "m0 -4a4 4 0 1 0 0.1 0z"};
  mgp_buffer_printf(p->b, "<path class=\"s%zu\" d=\"M%.1f %.1f%s\"/>\n", series % 6, x, y,
                    shapes[series % 6]);
}

static void draw_series(const plot *p, size_t series, const json_t *system) {
  const json_t *points = json_object_get(system, "points"), *point = NULL;
  const char *name = json_string_value(json_object_get(system, "name"));
  size_t i;
  mgp_buffer_printf(p->b, "<path class=\"s%zu\" d=\"", series % 6);
  json_array_foreach(points, i, point)
      mgp_buffer_printf(p->b, "%c%.1f %.1f", i == 0 ? 'M' : 'L',
                        x_of(p, json_number_value(json_object_get(point, "recall"))),
                        mgp_axis_at(&p->y, json_number_value(json_object_get(point, "qps"))));
  mgp_buffer_add_text(p->b, "\"/>\n");
  json_array_foreach(points, i, point)
      draw_mark(p, series, x_of(p, json_number_value(json_object_get(point, "recall"))),
                mgp_axis_at(&p->y, json_number_value(json_object_get(point, "qps"))));
  const double y = TOP + 12 + 22 * (double)series;
  draw_mark(p, series, RIGHT + 24, y - 4);
  mgp_svg_text(p->b, RIGHT + 38, y, "start", name ? name : "", 18);
}

/* False where there is no point to draw. */
static bool find_range(const json_t *systems, double *low, double *high, double *worst) {
  const json_t *system = NULL, *point = NULL;
  size_t i, j, count = 0;
  *low = INFINITY, *high = 0, *worst = 10 * MISSED_LEAST;
  json_array_foreach(systems, i, system)
      json_array_foreach(json_object_get(system, "points"), j, point) {
    const double rate = json_number_value(json_object_get(point, "qps"));
    const double recall = json_number_value(json_object_get(point, "recall"));
    if (!isfinite(rate) || !(rate > 0) || !isfinite(recall)) return false;
    *low = fmin(*low, rate), *high = fmax(*high, rate);
    *worst = fmax(*worst, missed(recall));
    count++;
  }
  return count > 0 && i <= SERIES_MAX;
}

static void draw_title(mgp_buffer *b, const json_t *all) {
  char title[160];
  const json_t *base = json_object_get(all, "base");
  const char *space = json_string_value(json_object_get(all, "space"));
  snprintf(title, sizeof title, "%lld × %lld, %.20s, k = %lld, %lld thread%s: queries a second",
           (long long)json_integer_value(json_object_get(base, "rows")),
           (long long)json_integer_value(json_object_get(base, "dim")), space ? space : "",
           (long long)json_integer_value(json_object_get(all, "k")),
           (long long)json_integer_value(json_object_get(all, "threads")),
           json_integer_value(json_object_get(all, "threads")) == 1 ? "" : "s");
  mgp_buffer_printf(b, "<text class=\"title\" x=\"%.0f\" y=\"22\">", LEFT);
  mgp_text_escaped(b, title, 120);
  mgp_buffer_add_text(b, "</text>\n");
}

static magpie_status draw(const json_t *all, mgp_buffer *b, magpie_error *err) {
  plot p = {.b = b};
  double low, high;
  const json_t *systems = json_object_get(all, "systems"), *system = NULL;
  MGP_RETURN_IF(!find_range(systems, &low, &high, &p.worst), err, MAGPIE_FORMAT,
                "there is no point to draw in this JSON of bench-ann");
  mgp_axis_init_log(&p.y, low, high);
  p.y.start = BOTTOM, p.y.end = TOP;
  mgp_buffer_printf(
      b,
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" "
      "width=\"%.0f\" height=\"%.0f\" role=\"img\" aria-label=\"queries a second over "
      "recall\">\n",
      WIDTH, HEIGHT, WIDTH, HEIGHT);
  mgp_buffer_add_text(b, style);
  mgp_buffer_add_text(b, "<rect class=\"paper\" width=\"100%\" height=\"100%\"/>\n");
  draw_title(b, all);
  draw_ticks(&p);
  mgp_svg_axis_y(b, &p.y, LEFT, RIGHT);
  mgp_svg_text(b, (LEFT + RIGHT) / 2, BOTTOM + 44, "middle", "recall", 20);
  size_t i;
  json_array_foreach(systems, i, system) draw_series(&p, i, system);
  mgp_buffer_add_text(b, "</svg>\n");
  return MAGPIE_OK;
}

magpie_status magpie_ann_svg(const char *json, char **svg, magpie_error *err) {
  MGP_RETURN_IF(!json || !svg, err, MAGPIE_INVALID, "magpie_ann_svg: an argument is NULL");
  *svg = NULL;
  json_t *all = NULL;
  MGP_FORWARD(mgp_json_parse("the figures of bench-ann", json, strlen(json), &all, err));
  mgp_buffer b;
  mgp_buffer_init(&b, NULL);
  magpie_status status = draw(all, &b, err);
  json_decref(all);
  if (status == MAGPIE_OK && b.failed)
    status = mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for the picture");
  if (status == MAGPIE_OK) *svg = mgp_buffer_take(&b);
  else mgp_buffer_fini(&b);
  return status;
}
