/* SPDX-License-Identifier: Apache-2.0
 *
 * The plots of a report: means with intervals, quality against latency, differences a query. Names
 * stand in a row or a column of their own each, so that they cannot meet whatever their number.
 */
#include <math.h>
#include <stdlib.h>

#include "eval/report.h"

#define ROW 24.0
#define RIVALS_DRAWN 24
#define BARS_MAX 400  /* above, differences are one outline */
#define OUTLINE 1100u /* points of it */

static magpie_status no_memory(magpie_error *err) {
  return mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for the plots of a report");
}

static void open_section(mgp_buffer *b, const char *id, const char *title, const char *note) {
  mgp_buffer_printf(b, "<section id=\"%s\"><h2>%s</h2><p class=\"note\">%s</p>", id, title, note);
  mgp_buffer_add_text(b, "<div class=\"plots\">\n");
}

static void close_section(mgp_buffer *b) {
  mgp_buffer_add_text(b, "</div></section>\n");
}

static double name_width(const mgp_mgeval *m) {
  size_t most = 4;
  for (size_t s = 0; s < m->system_count; s++) {
    const size_t columns = mgp_text_columns(m->systems[s].name);
    if (columns > most) most = columns;
  }
  if (most > MGP_SVG_NAME_COLUMNS) most = MGP_SVG_NAME_COLUMNS;
  return MGP_SVG_COLUMN * (double)(most + 2); /* names of wide letters, too */
}

/* ---- means with intervals ---------------------------------------------------------------- */

static bool mean_range(const mgp_mgeval *m, size_t measure, double *low, double *high) {
  *low = INFINITY;
  *high = -INFINITY;
  for (size_t s = 0; s < m->system_count; s++) {
    const mgp_mgeval_score *score = &m->systems[s].scores[measure];
    if (isnan(score->mean)) continue;
    *low = fmin(*low, fmin(score->low, score->mean));
    *high = fmax(*high, fmax(score->high, score->mean));
  }
  return *low <= *high;
}

static void draw_interval(mgp_buffer *b, const mgp_mgeval *m, size_t measure, size_t s,
                          const mgp_axis *axis, double y) {
  const mgp_mgeval_score *score = &m->systems[s].scores[measure];
  const char *kind = mgp_report_kind(m, measure, s);
  char mean[32] = "no query";
  mgp_svg_text(b, axis->start - 14, y + 4, "end", m->systems[s].name, MGP_SVG_NAME_COLUMNS);
  if (!isnan(score->mean)) {
    const double low = mgp_axis_at(axis, score->low), high = mgp_axis_at(axis, score->high);
    mgp_verdict_number(score->mean, mean);
    mgp_buffer_printf(b, "<path class=\"bar %s\" d=\"M%.1f %.1fv8m0 -4H%.1fm0 -4v8\"/>\n", kind,
                      low, y - 4, high);
    mgp_svg_mark(b, mgp_axis_at(axis, score->mean), y, kind);
  }
  mgp_svg_text(b, MGP_SVG_WIDTH - 2, y + 4, "end", mean, 12);
}

static void draw_measure(mgp_buffer *b, const mgp_mgeval *m, size_t measure) {
  double low, high;
  if (!mean_range(m, measure, &low, &high)) return;
  mgp_axis axis;
  const double bottom = ROW * (double)m->system_count + 6;
  const mgp_mgeval_measure *what = &m->measures[measure];
  mgp_axis_init(&axis, low, high, 5);
  axis.start = name_width(m) + 16;
  axis.end = MGP_SVG_WIDTH - 70;
  mgp_svg_open(b, what->name, what->name, bottom + 24);
  mgp_svg_axis_x(b, &axis, 4, bottom);
  const double base = mgp_axis_at(&axis, m->systems[m->baseline].scores[measure].mean);
  if (!isnan(m->systems[m->baseline].scores[measure].mean))
    mgp_buffer_printf(b, "<path class=\"baseline\" d=\"M%.1f 4V%.1f\"/>\n", base, bottom);
  for (size_t s = 0; s < m->system_count; s++)
    draw_interval(b, m, measure, s, &axis, 4 + ROW * ((double)s + 0.5));
  mgp_svg_close(b);
}

magpie_status mgp_report_intervals(mgp_buffer *b, const mgp_mgeval *m, magpie_error *err) {
  (void)err;
  open_section(b, "intervals", "Quality with intervals",
               m->system_count < 2
                   ? "Means and their bootstrap intervals."
                   : "Means and their bootstrap intervals. ◆ and the dashed line: the baseline; ▲ "
                     "significantly better, ▼ significantly worse, ○ neither. Intervals that "
                     "overlap can still belong to a significant difference: queries are paired.");
  for (size_t i = 0; i < m->measure_count; i++) draw_measure(b, m, i);
  close_section(b);
  return MAGPIE_OK;
}

/* ---- quality against latency ------------------------------------------------------------- */

/* A system with a time: where it lies and where its name stands. */
typedef struct spot {
  size_t system;
  double x, y, end, label, setting;
} spot;

static int by_height(const void *a, const void *b) {
  const spot *p = a, *q = b;
  if (p->y != q->y) return p->y < q->y ? -1 : 1;
  return p->system < q->system ? -1 : p->system > q->system;
}

static int by_setting(const void *a, const void *b) {
  const spot *p = a, *q = b;
  return (p->setting > q->setting) - (p->setting < q->setting);
}

/* Labels from top to bottom in the order of their points, a line apart, all inside. */
static void place_labels(spot *spots, size_t count, double top, double bottom) {
  const double line = 16;
  qsort(spots, count, sizeof *spots, by_height);
  double next = top;
  for (size_t i = 0; i < count; i++) {
    spots[i].label = fmax(next, spots[i].y);
    next = spots[i].label + line;
  }
  double last = bottom;
  for (size_t i = count; i-- > 0;) {
    spots[i].label = fmin(spots[i].label, last);
    last = spots[i].label - line;
  }
}

static void draw_spots(mgp_buffer *b, const mgp_mgeval *m, size_t measure, const spot *spots,
                       size_t count, double right) {
  for (size_t i = 0; i < count; i++) {
    const spot *p = &spots[i];
    mgp_buffer_printf(b,
                      "<path class=\"leader\" d=\"M%.1f %.1fL%.1f %.1fh8\"/>"
                      "<path class=\"bar same\" d=\"M%.1f %.1fH%.1f\"/>\n",
                      p->x, p->y, right + 12, p->label, p->x, p->y, p->end);
  }
  for (size_t i = 0; i < count; i++) {
    const spot *p = &spots[i];
    mgp_svg_mark(b, p->x, p->y, mgp_report_kind(m, measure, p->system));
    mgp_svg_text(b, right + 24, p->label + 4, "start", m->systems[p->system].name,
                 MGP_SVG_NAME_COLUMNS);
  }
}

static void draw_curve(mgp_buffer *b, spot *spots, size_t count) {
  qsort(spots, count, sizeof *spots, by_setting);
  mgp_buffer_add_text(b, "<path class=\"curve\" d=\"");
  for (size_t i = 0; i < count; i++)
    mgp_buffer_printf(b, "%c%.1f %.1f", i == 0 ? 'M' : 'L', spots[i].x, spots[i].y);
  mgp_buffer_add_text(b, "\"/>\n");
}

/* Systems that have both a time and a mean. */
static size_t list_spots(const mgp_mgeval *m, size_t measure, const double *settings, spot *spots,
                         double range[4]) {
  size_t count = 0;
  range[0] = range[2] = INFINITY;
  range[1] = range[3] = -INFINITY;
  for (size_t s = 0; s < m->system_count; s++) {
    const mgp_mgeval_system *system = &m->systems[s];
    const double mean = system->scores[measure].mean;
    if (!system->has_latency || isnan(mean)) continue;
    spots[count++] = (spot){.system = s, .setting = settings[s]};
    range[0] = fmin(range[0], system->p50);
    range[1] = fmax(range[1], fmax(system->p50, system->p95));
    range[2] = fmin(range[2], mean);
    range[3] = fmax(range[3], mean);
  }
  return count;
}

static void draw_latency(mgp_buffer *b, const mgp_mgeval *m, size_t measure, const char *swept,
                         const double *settings, spot *spots) {
  double range[4];
  mgp_axis x, y;
  const size_t count = list_spots(m, measure, settings, spots, range);
  if (count == 0) return;
  const double bottom = fmax(230, 16 * (double)count + 24);
  if (range[0] > 0 && range[1] > 8 * range[0]) mgp_axis_init_log(&x, range[0], range[1]);
  else mgp_axis_init(&x, fmin(range[0], 0), range[1], 5);
  mgp_axis_init(&y, range[2], range[3], 5);
  x.start = 58, x.end = MGP_SVG_WIDTH - name_width(m) - 30;
  y.start = bottom, y.end = 10;
  for (size_t i = 0; i < count; i++) {
    const mgp_mgeval_system *system = &m->systems[spots[i].system];
    spots[i].x = mgp_axis_at(&x, system->p50);
    spots[i].end = mgp_axis_at(&x, fmax(system->p50, system->p95));
    spots[i].y = mgp_axis_at(&y, system->scores[measure].mean);
  }
  mgp_svg_open(b, m->measures[measure].name, "quality against latency", bottom + 42);
  mgp_svg_axis_x(b, &x, 10, bottom);
  mgp_svg_axis_y(b, &y, x.start, x.end);
  mgp_svg_text(b, (x.start + x.end) / 2, bottom + 34, "middle",
               x.is_log ? "ms a query (logarithmic)" : "ms a query", 40);
  if (swept) draw_curve(b, spots, count);
  place_labels(spots, count, 14, bottom - 4);
  draw_spots(b, m, measure, spots, count, x.end);
  mgp_svg_close(b);
}

/* A measure of recall beside the deciding one, for the curve that the literature draws. */
static size_t recall_measure(const mgp_mgeval *m) {
  for (size_t i = 1; i < m->measure_count; i++)
    if (strncmp(m->measures[i].name, "R@", 2) == 0 || strncmp(m->measures[i].name, "R(", 2) == 0)
      return i;
  return 0;
}

magpie_status mgp_report_latency(mgp_buffer *b, const mgp_mgeval *m, magpie_error *err) {
  bool has_latency = false;
  for (size_t s = 0; s < m->system_count; s++)
    has_latency = has_latency || m->systems[s].has_latency;
  if (!has_latency) return MAGPIE_OK;
  double *settings = mgp_calloc(NULL, m->system_count, sizeof *settings);
  spot *spots = mgp_calloc(NULL, m->system_count, sizeof *spots);
  if (!settings || !spots) {
    mgp_free(NULL, settings);
    mgp_free(NULL, spots);
    return no_memory(err);
  }
  const char *swept = mgp_mgeval_swept(m, settings);
  open_section(b, "latency", "Quality against latency",
               "Up and to the left is better, where more of a measure is better. A mark stands at "
               "the median time of a query, its line reaches to p95.");
  draw_latency(b, m, 0, swept, settings, spots);
  if (recall_measure(m) > 0) draw_latency(b, m, recall_measure(m), swept, settings, spots);
  mgp_buffer_add_text(b, "</div>");
  if (swept) {
    mgp_buffer_add_text(b, "<p class=\"note\">The curve joins the systems in the order of ");
    mgp_report_text(b, swept, MGP_SVG_NAME_COLUMNS);
    mgp_buffer_add_text(b, ".</p>");
  }
  mgp_buffer_add_text(b, "</section>\n");
  mgp_free(NULL, settings);
  mgp_free(NULL, spots);
  return MAGPIE_OK;
}

/* ---- differences a query ----------------------------------------------------------------- */

typedef struct query_difference {
  double value;
  size_t query;
} query_difference;

static int by_value_down(const void *a, const void *b) {
  const query_difference *p = a, *q = b;
  if (p->value != q->value) return p->value > q->value ? -1 : 1;
  return p->query < q->query ? -1 : p->query > q->query;
}

static size_t list_differences(const mgp_mgeval *m, size_t system, query_difference *out) {
  const double *values = m->systems[system].scores[0].values;
  const double *base = m->systems[m->baseline].scores[0].values;
  size_t count = 0;
  for (size_t q = 0; q < m->query_count; q++)
    if (!isnan(values[q]) && !isnan(base[q]))
      out[count++] = (query_difference){.value = values[q] - base[q], .query = q};
  qsort(out, count, sizeof *out, by_value_down);
  return count;
}

static void draw_bars(mgp_buffer *b, const mgp_mgeval *m, const query_difference *d, size_t count,
                      const mgp_axis axes[2]) {
  const double zero = mgp_axis_at(&axes[1], 0);
  const double step = (axes[0].end - axes[0].start) / (double)count;
  const double bar = fmin(24, step * 0.9);
  for (size_t i = 0; i < count; i++) {
    char value[32];
    const double y = mgp_axis_at(&axes[1], d[i].value);
    if (d[i].value == 0) continue;
    mgp_verdict_number(d[i].value, value);
    mgp_buffer_printf(
        b, "<rect class=\"%s\" x=\"%.2f\" y=\"%.1f\" width=\"%.2f\" height=\"%.1f\"><title>",
        (d[i].value > 0) == m->measures[0].higher_is_better ? "better" : "worse",
        axes[0].start + step * ((double)i + 0.5) - bar / 2, fmin(y, zero), bar, fabs(y - zero));
    mgp_text_escaped(b, m->queries[d[i].query].id, MGP_TITLE_COLUMNS);
    mgp_buffer_printf(b, ": %s</title></rect>\n", value);
  }
}

/* One side of zero as an area; of very many queries every so-manieth. */
static void draw_outline(mgp_buffer *b, const query_difference *d, size_t count,
                         const mgp_axis axes[2], bool is_above, const char *kind) {
  const double zero = mgp_axis_at(&axes[1], 0), width = axes[0].end - axes[0].start;
  const size_t points = count < OUTLINE ? count : OUTLINE;
  mgp_buffer_printf(b, "<path class=\"%s\" d=\"M%.1f %.1f", kind, axes[0].start, zero);
  for (size_t i = 0; i < points; i++) {
    const size_t at = i * count / points;
    const double value = is_above ? fmax(0, d[at].value) : fmin(0, d[at].value);
    mgp_buffer_printf(b, "L%.1f %.1f", axes[0].start + width * ((double)at + 0.5) / (double)count,
                      mgp_axis_at(&axes[1], value));
  }
  mgp_buffer_printf(b, "L%.1f %.1fz\"/>\n", axes[0].end, zero);
}

static void draw_differences(mgp_buffer *b, const mgp_mgeval *m, size_t system,
                             query_difference *d) {
  const size_t count = list_differences(m, system, d);
  if (count == 0) return;
  size_t up = 0, down = 0;
  for (size_t i = 0; i < count; i++) up += d[i].value > 1e-12, down += d[i].value < -1e-12;
  const bool is_higher = m->measures[0].higher_is_better;
  mgp_axis axes[2] = {{.start = 52, .end = MGP_SVG_WIDTH - 6}};
  mgp_axis_init(&axes[1], fmin(0, d[count - 1].value), fmax(0, d[0].value), 4);
  axes[1].start = 170, axes[1].end = 8;
  mgp_svg_open(b, m->systems[system].name, "differences to the baseline, a bar a query", 200);
  mgp_svg_axis_y(b, &axes[1], axes[0].start, axes[0].end);
  if (count <= BARS_MAX) {
    draw_bars(b, m, d, count, axes);
  } else {
    draw_outline(b, d, count, axes, true, is_higher ? "better" : "worse");
    draw_outline(b, d, count, axes, false, is_higher ? "worse" : "better");
  }
  mgp_buffer_printf(b, "<path class=\"zero\" d=\"M%.1f %.1fH%.1f\"/>\n", axes[0].start,
                    mgp_axis_at(&axes[1], 0), axes[0].end);
  char note[120];
  snprintf(note, sizeof note, "%zu better, %zu worse, %zu equal", is_higher ? up : down,
           is_higher ? down : up, count - up - down);
  mgp_svg_text(b, (axes[0].start + axes[0].end) / 2, 194, "middle", note, 80);
  mgp_svg_close(b);
}

magpie_status mgp_report_differences(mgp_buffer *b, const mgp_mgeval *m, magpie_error *err) {
  if (m->system_count < 2) return MAGPIE_OK;
  query_difference *d = mgp_calloc(NULL, m->query_count, sizeof *d);
  if (!d) return no_memory(err);
  mgp_buffer_add_text(b, "<section id=\"differences\"><h2>Differences to ");
  mgp_report_text(b, m->systems[m->baseline].name, MGP_SVG_NAME_COLUMNS);
  mgp_buffer_add_text(b, ", query by query</h2><p class=\"note\">");
  mgp_report_text(b, m->measures[0].name, MGP_SVG_NAME_COLUMNS);
  mgp_buffer_add_text(b, " of each system minus the baseline's, sorted.");
  if (m->system_count > RIVALS_DRAWN + 1)
    mgp_buffer_printf(b, " Only the first %d systems are drawn.", RIVALS_DRAWN);
  mgp_buffer_add_text(b, "</p><div class=\"plots\">\n");
  size_t drawn = 0;
  for (size_t s = 0; s < m->system_count && drawn < RIVALS_DRAWN; s++) {
    if (s == m->baseline) continue;
    draw_differences(b, m, s, d);
    drawn++;
  }
  close_section(b);
  mgp_free(NULL, d);
  return MAGPIE_OK;
}
