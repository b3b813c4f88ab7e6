/* SPDX-License-Identifier: Apache-2.0
 *
 * Pieces of SVG that the plots of a report share. Colours are classes of the page's style sheet, so
 * that light and dark are one drawing; every mark has a shape of its own beside its colour.
 */
#include "eval/report.h"

void mgp_svg_open(mgp_buffer *b, const char *caption, const char *about, double height) {
  mgp_buffer_add_text(b, "<figure><figcaption>");
  mgp_report_text(b, caption, MGP_TITLE_COLUMNS);
  mgp_buffer_printf(b,
                    "</figcaption><svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f "
                    "%.0f\" role=\"img\" aria-label=\"",
                    MGP_SVG_WIDTH, height);
  mgp_text_escaped(b, about, MGP_TOOLTIP_COLUMNS);
  mgp_buffer_add_text(b, "\">\n");
}

void mgp_svg_close(mgp_buffer *b) {
  mgp_buffer_add_text(b, "</svg></figure>\n");
}

void mgp_svg_text(mgp_buffer *b, double x, double y, const char *anchor, const char *text,
                  size_t columns) {
  mgp_buffer_printf(b, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y, anchor);
  mgp_text_escaped(b, text, columns);
  if (mgp_text_columns(text) > columns) {
    mgp_buffer_add_text(b, "<title>");
    mgp_text_escaped(b, text, MGP_TOOLTIP_COLUMNS);
    mgp_buffer_add_text(b, "</title>");
  }
  mgp_buffer_add_text(b, "</text>\n");
}

static void add_line(mgp_buffer *b, const char *kind, const double from[2], const double to[2]) {
  mgp_buffer_printf(b, "<line class=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n",
                    kind, from[0], from[1], to[0], to[1]);
}

void mgp_svg_axis_x(mgp_buffer *b, const mgp_axis *a, double top, double bottom) {
  for (size_t i = 0; i < a->tick_count; i++) {
    char label[32];
    const double x = mgp_axis_at(a, a->ticks[i]);
    add_line(b, "grid", (double[]){x, top}, (double[]){x, bottom});
    mgp_axis_label(a, a->ticks[i], label);
    mgp_svg_text(b, x, bottom + 18, "middle", label, 12);
  }
}

void mgp_svg_axis_y(mgp_buffer *b, const mgp_axis *a, double left, double right) {
  for (size_t i = 0; i < a->tick_count; i++) {
    char label[32];
    const double y = mgp_axis_at(a, a->ticks[i]);
    add_line(b, "grid", (double[]){left, y}, (double[]){right, y});
    mgp_axis_label(a, a->ticks[i], label);
    mgp_svg_text(b, left - 6, y + 4, "end", label, 12);
  }
}

void mgp_svg_mark(mgp_buffer *b, double x, double y, const char *kind) {
  mgp_buffer_printf(b, "<path class=\"mark %s\" d=\"", kind);
  if (strcmp(kind, "better") == 0) mgp_buffer_printf(b, "M%.1f %.1fl6 10h-12z", x, y - 6);
  else if (strcmp(kind, "worse") == 0) mgp_buffer_printf(b, "M%.1f %.1fl6 -10h-12z", x, y + 6);
  else if (strcmp(kind, "base") == 0) mgp_buffer_printf(b, "M%.1f %.1fl6 6l-6 6l-6 -6z", x, y - 6);
  else mgp_buffer_printf(b, "M%.1f %.1fa5 5 0 1 0 0.1 0z", x, y - 5);
  mgp_buffer_add_text(b, "\"/>\n");
}

const char *mgp_report_kind(const mgp_mgeval *m, size_t measure, size_t system) {
  const int side = mgp_mgeval_side(m, measure, system);
  if (system == m->baseline) return "base";
  return side > 0 ? "better" : side < 0 ? "worse" : "same";
}
