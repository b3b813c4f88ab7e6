/* SPDX-License-Identifier: Apache-2.0
 *
 * A sweep on the page: the curve of one setting, the heat map of two, and the best points of any.
 */
#include <math.h>
#include <stdlib.h>

#include "eval/report.h"

#define LISTED 20
#define MAP_SIDE 60 /* values of an axis; larger maps are only listed */

static bool is_lower_better(const mgp_mgeval *m) {
  for (size_t i = 0; i < m->measure_count; i++)
    if (strcmp(m->measures[i].name, m->sweep->measure) == 0)
      return !m->measures[i].higher_is_better;
  return false;
}

typedef struct ranked_point {
  const mgp_mgeval_point *point;
  double worth;
} ranked_point;

static int by_worth(const void *a, const void *b) {
  const ranked_point *p = a, *q = b;
  if (p->worth != q->worth) return p->worth > q->worth ? -1 : 1;
  return p->point < q->point ? -1 : p->point > q->point;
}

/* Points that were measured, the best first. */
static size_t rank_points(const mgp_mgeval *m, ranked_point *out) {
  const bool is_lower = is_lower_better(m);
  size_t count = 0;
  for (size_t i = 0; i < m->sweep->grid_count; i++) {
    const mgp_mgeval_point *point = &m->sweep->grid[i];
    if (isnan(point->mean)) continue;
    out[count++] = (ranked_point){point, is_lower ? -point->mean : point->mean};
  }
  qsort(out, count, sizeof *out, by_worth);
  return count;
}

/* ---- one setting ------------------------------------------------------------------------- */

static int by_first_value(const void *a, const void *b) {
  const ranked_point *p = a, *q = b;
  const double x = p->point->values[0], y = q->point->values[0];
  return (x > y) - (x < y);
}

static void draw_curve(mgp_buffer *b, const mgp_mgeval *m, ranked_point *points, size_t count) {
  const mgp_mgeval_point *best = points[0].point;
  double low = INFINITY, high = -INFINITY;
  for (size_t i = 0; i < count; i++) {
    low = fmin(low, points[i].point->mean);
    high = fmax(high, points[i].point->mean);
  }
  qsort(points, count, sizeof *points, by_first_value);
  const double first = points[0].point->values[0], last = points[count - 1].point->values[0];
  mgp_axis x, y;
  if (first > 0 && last > 20 * first) mgp_axis_init_log(&x, first, last);
  else mgp_axis_init(&x, first, last, 6);
  mgp_axis_init(&y, low, high, 5);
  x.start = 58, x.end = MGP_SVG_WIDTH - 20;
  y.start = 220, y.end = 10;
  mgp_svg_open(b, m->sweep->measure, "the measure over the values of the setting", 262);
  mgp_svg_axis_x(b, &x, 10, 220);
  mgp_svg_axis_y(b, &y, x.start, x.end);
  mgp_buffer_add_text(b, "<path class=\"curve\" d=\"");
  for (size_t i = 0; i < count; i++)
    mgp_buffer_printf(b, "%c%.1f %.1f", i == 0 ? 'M' : 'L',
                      mgp_axis_at(&x, points[i].point->values[0]),
                      mgp_axis_at(&y, points[i].point->mean));
  mgp_buffer_add_text(b, "\"/>\n");
  for (size_t i = 0; i < count; i++)
    mgp_svg_mark(b, mgp_axis_at(&x, points[i].point->values[0]),
                 mgp_axis_at(&y, points[i].point->mean),
                 points[i].point == best ? "better" : "same");
  mgp_svg_text(b, (x.start + x.end) / 2, 254, "middle", m->sweep->axes[0].name, 60);
  mgp_svg_close(b);
}

/* ---- two settings ------------------------------------------------------------------------ */

static size_t place_of(const mgp_mgeval_axis *axis, double value) {
  size_t i = 0;
  while (i < axis->count && axis->values[i] != value) i++;
  return i;
}

static void label_map(mgp_buffer *b, const mgp_mgeval_sweep *s, const double cell[2], double left,
                      double bottom) {
  const size_t every_x = (size_t)ceil(44 / cell[0]), every_y = (size_t)ceil(14 / cell[1]);
  char label[32];
  for (size_t i = 0; i < s->axes[0].count; i += every_x) {
    snprintf(label, sizeof label, "%.4g", s->axes[0].values[i]);
    mgp_svg_text(b, left + cell[0] * ((double)i + 0.5), bottom + 18, "middle", label, 12);
  }
  for (size_t i = 0; i < s->axes[1].count; i += every_y) {
    snprintf(label, sizeof label, "%.4g", s->axes[1].values[i]);
    mgp_svg_text(b, left - 6, bottom - cell[1] * ((double)i + 0.5) + 4, "end", label, 12);
  }
}

static void draw_cell(mgp_buffer *b, const mgp_mgeval_point *point, const double at[2],
                      const double cell[2], double share, bool is_best) {
  char mean[32];
  mgp_verdict_number(point->mean, mean);
  mgp_buffer_printf(b,
                    "<rect class=\"heat%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" "
                    "fill-opacity=\"%.3f\"><title>%.6g, %.6g: %s</title></rect>\n",
                    is_best ? " best" : "", at[0], at[1], cell[0] - 1, cell[1] - 1,
                    0.06 + 0.6 * share, point->values[0], point->values[1], mean);
  if (cell[0] >= 44 && cell[1] >= 18)
    mgp_svg_text(b, at[0] + cell[0] / 2, at[1] + cell[1] / 2 + 4, "middle", mean, 12);
}

static void draw_map(mgp_buffer *b, const mgp_mgeval *m, const ranked_point *points, size_t count) {
  const mgp_mgeval_sweep *s = m->sweep;
  const double left = 64, top = 8;
  const double cell[2] = {(MGP_SVG_WIDTH - left - 8) / (double)s->axes[0].count,
                          fmax(8, fmin(28, 300 / (double)s->axes[1].count))};
  const double bottom = top + cell[1] * (double)s->axes[1].count;
  const double best = points[0].worth, range = best - points[count - 1].worth;
  char about[200];
  mgp_svg_open(b, s->measure, "the measure over the values of two settings", bottom + 42);
  for (size_t i = 0; i < count; i++) {
    const mgp_mgeval_point *point = points[i].point;
    const size_t column = place_of(&s->axes[0], point->values[0]);
    const size_t row = place_of(&s->axes[1], point->values[1]);
    if (column == s->axes[0].count || row == s->axes[1].count) continue;
    const double at[2] = {left + cell[0] * (double)column, bottom - cell[1] * (double)(row + 1)};
    draw_cell(b, point, at, cell, range > 0 ? 1 - (best - points[i].worth) / range : 1, i == 0);
  }
  label_map(b, s, cell, left, bottom);
  snprintf(about, sizeof about, "across: %.60s, up: %.60s", s->axes[0].name, s->axes[1].name);
  mgp_svg_text(b, (left + MGP_SVG_WIDTH) / 2, bottom + 34, "middle", about, 80);
  mgp_svg_close(b);
}

/* ---- all --------------------------------------------------------------------------------- */

static void list_points(mgp_buffer *b, const mgp_mgeval *m, const ranked_point *points,
                        size_t count) {
  const mgp_mgeval_sweep *s = m->sweep;
  mgp_buffer_printf(b,
                    "</div><details><summary>the best %zu of %zu points</summary><div "
                    "class=\"wide\"><table class=\"sortable\"><thead><tr>",
                    count < LISTED ? count : (size_t)LISTED, count);
  for (size_t i = 0; i < s->axis_count; i++) {
    mgp_buffer_add_text(b, "<th scope=\"col\">");
    mgp_report_text(b, s->axes[i].name, MGP_SVG_NAME_COLUMNS);
    mgp_buffer_add_text(b, "</th>");
  }
  mgp_buffer_add_text(b, "<th scope=\"col\">");
  mgp_report_text(b, s->measure, MGP_SVG_NAME_COLUMNS);
  mgp_buffer_add_text(b, "</th></tr></thead><tbody>\n");
  for (size_t i = 0; i < count && i < LISTED; i++) {
    char mean[32];
    mgp_buffer_add_text(b, "<tr>");
    for (size_t j = 0; j < s->axis_count; j++)
      mgp_buffer_printf(b, "<td data-v=\"%.10g\">%.6g</td>", points[i].point->values[j],
                        points[i].point->values[j]);
    mgp_verdict_number(points[i].point->mean, mean);
    mgp_buffer_printf(b, "<td data-v=\"%.10g\">%s</td></tr>\n", points[i].point->mean, mean);
  }
  mgp_buffer_add_text(b, "</tbody></table></div></details>");
}

magpie_status mgp_report_sweep(mgp_buffer *b, const mgp_mgeval *m, magpie_error *err) {
  const mgp_mgeval_sweep *s = m->sweep;
  if (!s || s->grid_count == 0) return MAGPIE_OK;
  ranked_point *points = mgp_calloc(NULL, s->grid_count, sizeof *points);
  MGP_RETURN_IF(!points, err, MAGPIE_NO_MEMORY, "no memory for the plots of a report");
  const size_t count = rank_points(m, points);
  if (count > 0) {
    mgp_buffer_add_text(b, "<section id=\"sweep\"><h2>Sweep</h2><p class=\"note\">Every point of "
                           "the grid on the queries that chose; what the choice is worth is told "
                           "by the systems above.</p><div class=\"plots\">\n");
    if (s->axis_count == 2 && s->axes[0].count <= MAP_SIDE && s->axes[1].count <= MAP_SIDE)
      draw_map(b, m, points, count);
    if (s->axis_count == 1) draw_curve(b, m, points, count);
    rank_points(m, points);
    list_points(b, m, points, count);
    mgp_buffer_add_text(b, "</section>\n");
  }
  mgp_free(NULL, points);
  return MAGPIE_OK;
}
