/* SPDX-License-Identifier: Apache-2.0
 *
 * The tables of a report: systems, confusion, causes, what changed with its hits side by side, all
 * queries. Cells to sort by carry their value in data-v; a cell without one sorts last.
 */
#include <math.h>

#include "eval/report.h"

#define QUERIES_LISTED 2000
#define CELLS_LISTED 60000 /* of the table of queries: systems x measures x queries */
#define RIVALS_LISTED 24
#define CAUSES_MAX 16

static void add_number(mgp_buffer *b, double value) {
  char text[32];
  mgp_verdict_number(value, text);
  mgp_buffer_add_text(b, text);
}

static void add_signed(mgp_buffer *b, double value) {
  if (value > 0) mgp_buffer_add_char(b, '+');
  add_number(b, value);
}

/* A cell of a number that may not be there. */
static void add_value_cell(mgp_buffer *b, double value) {
  if (isnan(value)) {
    mgp_buffer_add_text(b, "<td>–</td>");
    return;
  }
  mgp_buffer_printf(b, "<td data-v=\"%.10g\">", value);
  add_number(b, value);
  mgp_buffer_add_text(b, "</td>");
}

static void add_heading(mgp_buffer *b, const char *text) {
  mgp_buffer_add_text(b, "<th scope=\"col\">");
  mgp_report_text(b, text, MGP_SVG_NAME_COLUMNS);
  mgp_buffer_add_text(b, "</th>");
}

/* ---- systems x measures ------------------------------------------------------------------ */

static void add_score(mgp_buffer *b, const mgp_mgeval *m, size_t system, size_t measure) {
  const mgp_mgeval_score *score = &m->systems[system].scores[measure];
  const mgp_mgeval_comparison *c = mgp_mgeval_compared(m, measure, system);
  const int side = mgp_mgeval_side(m, measure, system);
  if (isnan(score->mean)) {
    mgp_buffer_add_text(b, "<td>–</td>");
    return;
  }
  mgp_buffer_printf(b, "<td data-v=\"%.10g\"><b>", score->mean);
  add_number(b, score->mean);
  mgp_buffer_add_text(b, "</b> <span class=\"dim\">[");
  add_number(b, score->low);
  mgp_buffer_add_text(b, ", ");
  add_number(b, score->high);
  mgp_buffer_add_text(b, "]</span>");
  if (side != 0)
    mgp_buffer_add_text(b, side > 0 ? " <span class=\"better\" title=\"significantly better\">▲"
                                      "</span>"
                                    : " <span class=\"worse\" title=\"significantly worse\">▼"
                                      "</span>");
  if (c) {
    char p[16];
    mgp_verdict_p(c->p_holm, p);
    mgp_buffer_add_text(b, "<br><small>");
    add_signed(b, c->difference);
    mgp_buffer_add_text(b, ", p ");
    mgp_text_escaped(b, p, sizeof p);
    mgp_buffer_add_text(b, "</small>");
  }
  mgp_buffer_add_text(b, "</td>");
}

static void add_time(mgp_buffer *b, bool is_known, double value) {
  if (!is_known || isnan(value)) {
    mgp_buffer_add_text(b, "<td>–</td>");
    return;
  }
  const int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  mgp_buffer_printf(b, "<td data-v=\"%.10g\">%.*f</td>", value, decimals, value);
}

void mgp_report_systems(mgp_buffer *b, const mgp_mgeval *m) {
  mgp_buffer_add_text(b, "<section><h2>Systems</h2><div class=\"wide\"><table id=\"systems\" "
                         "class=\"sortable\"><thead><tr><th scope=\"col\">system</th>");
  for (size_t i = 0; i < m->measure_count; i++) add_heading(b, m->measures[i].name);
  mgp_buffer_add_text(b, "<th scope=\"col\">p50 ms</th><th scope=\"col\">p95 ms</th><th "
                         "scope=\"col\">p99 ms</th><th scope=\"col\">queries/s</th></tr></thead>"
                         "<tbody>\n");
  for (size_t s = 0; s < m->system_count; s++) {
    const mgp_mgeval_system *system = &m->systems[s];
    mgp_buffer_add_text(b, "<tr><th scope=\"row\">");
    mgp_report_text(b, system->name, 32);
    if (s == m->baseline && m->system_count > 1)
      mgp_buffer_add_text(b, "<br><small>baseline</small>");
    mgp_buffer_add_text(b, "</th>");
    for (size_t i = 0; i < m->measure_count; i++) add_score(b, m, s, i);
    add_time(b, system->has_latency, system->p50);
    add_time(b, system->has_latency, system->p95);
    add_time(b, system->has_latency, system->p99);
    add_time(b, system->has_latency, system->per_second);
    mgp_buffer_add_text(b, "</tr>\n");
  }
  mgp_buffer_printf(b, "</tbody></table></div><p class=\"note\">Mean, [%g %% interval]; ",
                    100 * m->confidence);
  if (m->comparison_count > 0)
    mgp_buffer_printf(b,
                      "below, the difference to the baseline and its p after Holm's correction; ▲ "
                      "and ▼: significantly better and worse (p ≤ %g); ",
                      m->alpha);
  mgp_buffer_add_text(b, "percentiles of time by nearest rank, queries/s of one client that asks "
                         "one query after the other.</p></section>\n");
}

/* ---- confusion --------------------------------------------------------------------------- */

static void add_map(mgp_buffer *b, const mgp_mgeval_system *s) {
  const mgp_mgeval_confusion *c = s->confusion;
  mgp_buffer_add_text(b, "<table class=\"map\"><caption>");
  mgp_report_text(b, s->name, 40);
  mgp_buffer_add_text(b, "</caption><thead><tr><th scope=\"col\" class=\"dim\">query \\ hit</th>");
  for (size_t j = 0; j < c->column_count; j++) add_heading(b, c->columns[j]);
  mgp_buffer_add_text(b, "</tr></thead><tbody>\n");
  for (size_t i = 0; i < c->row_count; i++) {
    const double *row = c->counts + i * c->column_count;
    double sum = 0;
    for (size_t j = 0; j < c->column_count; j++) sum += row[j];
    mgp_buffer_add_text(b, "<tr><th scope=\"row\">");
    mgp_report_text(b, c->rows[i], MGP_SVG_NAME_COLUMNS);
    mgp_buffer_add_text(b, "</th>");
    for (size_t j = 0; j < c->column_count; j++) {
      const double share = sum > 0 ? row[j] / sum : 0;
      mgp_buffer_printf(b, "<td style=\"--v:%.3f\">%.0f %%<br><small>%.0f</small></td>", share,
                        100 * share, row[j]);
    }
    mgp_buffer_add_text(b, "</tr>\n");
  }
  mgp_buffer_add_text(b, "</tbody></table>\n");
}

void mgp_report_confusion(mgp_buffer *b, const mgp_mgeval *m) {
  bool has_any = false;
  for (size_t s = 0; s < m->system_count; s++) has_any = has_any || m->systems[s].confusion;
  if (!has_any) return;
  mgp_buffer_add_text(b, "<section id=\"confusion\"><h2>Modality of the query, kind of the hit</h2>"
                         "<p class=\"note\">Of all kept hits of queries of a modality, the share "
                         "and the number that are of each kind.</p><div class=\"maps\">\n");
  for (size_t s = 0; s < m->system_count; s++)
    if (m->systems[s].confusion) add_map(b, &m->systems[s]);
  mgp_buffer_add_text(b, "</div></section>\n");
}

/* ---- where misses were lost -------------------------------------------------------------- */

static const char *cause_words(const char *cause) {
  static const char *const words[][2] = {{"found", "found"},
                                         {"not_indexed", "not indexed"},
                                         {"not_recalled", "recalled by no space"},
                                         {"lost_in_fusion", "lost in fusion"},
                                         {"lost_in_rerank", "lost in reranking"},
                                         {"filtered", "removed by the filter"}};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (strcmp(words[i][0], cause) == 0) return words[i][1];
  return cause;
}

/* Causes of all systems in the order of their first mention. */
static size_t list_causes(const mgp_mgeval *m, const char *causes[CAUSES_MAX]) {
  size_t count = 0;
  for (size_t s = 0; s < m->system_count; s++) {
    const char *name;
    const json_t *value;
    json_object_foreach((json_t *)(uintptr_t)m->systems[s].causes, name, value) {
      size_t i = 0;
      while (i < count && strcmp(causes[i], name) != 0) i++;
      if (i == count && count < CAUSES_MAX) causes[count++] = name;
    }
  }
  return count;
}

void mgp_report_causes(mgp_buffer *b, const mgp_mgeval *m) {
  const char *causes[CAUSES_MAX];
  const size_t count = list_causes(m, causes);
  if (count == 0) return;
  mgp_buffer_add_text(b, "<section id=\"causes\"><h2>Where relevant documents were lost</h2>"
                         "<div class=\"wide\"><table class=\"sortable\"><thead><tr><th "
                         "scope=\"col\">system</th>");
  for (size_t i = 0; i < count; i++) add_heading(b, cause_words(causes[i]));
  mgp_buffer_add_text(b, "</tr></thead><tbody>\n");
  for (size_t s = 0; s < m->system_count; s++) {
    if (!m->systems[s].causes) continue;
    mgp_buffer_add_text(b, "<tr><th scope=\"row\">");
    mgp_report_text(b, m->systems[s].name, 40);
    mgp_buffer_add_text(b, "</th>");
    for (size_t i = 0; i < count; i++) {
      const json_t *value = json_object_get(m->systems[s].causes, causes[i]);
      const long long number = (long long)json_integer_value(value);
      mgp_buffer_printf(b, "<td data-v=\"%lld\">%lld</td>", number, number);
    }
    mgp_buffer_add_text(b, "</tr>\n");
  }
  mgp_buffer_add_text(b, "</tbody></table></div></section>\n");
}

/* ---- queries that changed most ----------------------------------------------------------- */

static void add_hit(mgp_buffer *b, const mgp_mgeval *m, const mgp_mgeval_hit *hit) {
  const json_t *document = json_object_get(m->documents, hit->document);
  const char *title = mgp_json_text(document, "title", NULL);
  const char *kind = mgp_json_text(document, "kind", NULL);
  const bool is_relevant = hit->is_judged && hit->gain > 0;
  mgp_buffer_printf(b, "<li%s>", is_relevant ? " class=\"relevant\"" : "");
  if (is_relevant) mgp_buffer_printf(b, "<mark>gain %lld</mark> ", (long long)hit->gain);
  else if (hit->is_judged) mgp_buffer_printf(b, "<i>gain %lld</i> ", (long long)hit->gain);
  mgp_report_text(b, title && *title ? title : hit->document, MGP_TITLE_COLUMNS);
  mgp_buffer_add_text(b, " <small>");
  if (kind) mgp_report_text(b, kind, MGP_SVG_NAME_COLUMNS);
  if (kind) mgp_buffer_add_text(b, " · ");
  if (title && *title) mgp_report_text(b, hit->document, 40);
  if (title && *title) mgp_buffer_add_text(b, " · ");
  if (isfinite(hit->score)) mgp_buffer_printf(b, "%.4g", hit->score);
  mgp_buffer_add_text(b, "</small></li>\n");
}

static void add_hits(mgp_buffer *b, const mgp_mgeval *m, size_t system, size_t query,
                     double value) {
  const mgp_mgeval_system *s = &m->systems[system];
  mgp_buffer_add_text(b, "<div><h4>");
  mgp_report_text(b, s->name, 40);
  mgp_buffer_add_text(b, " <span class=\"dim\">");
  add_number(b, value);
  mgp_buffer_add_text(b, "</span></h4>");
  if (!s->hits) {
    mgp_buffer_add_text(b, "<p class=\"note\">hits were not kept</p></div>");
    return;
  }
  if (s->hits[query].count == 0) {
    mgp_buffer_add_text(b, "<p class=\"note\">nothing found</p></div>");
    return;
  }
  mgp_buffer_add_text(b, "<ol>\n");
  for (size_t i = 0; i < s->hits[query].count; i++) add_hit(b, m, &s->hits[query].hits[i]);
  mgp_buffer_add_text(b, "</ol></div>");
}

static void add_change(mgp_buffer *b, const mgp_mgeval *m, const mgp_mgeval_comparison *c,
                       const mgp_mgeval_change *change) {
  const mgp_mgeval_query *query = &m->queries[change->query];
  const double difference = change->system - change->baseline;
  const bool is_better = (difference > 0) == m->measures[c->measure].higher_is_better;
  mgp_buffer_printf(b, "<details class=\"change\"><summary><span class=\"%s\">%s ",
                    is_better ? "better" : "worse", is_better ? "▲" : "▼");
  add_signed(b, difference);
  mgp_buffer_add_text(b, "</span> ");
  if (query->text) mgp_report_text(b, query->text, MGP_TITLE_COLUMNS);
  mgp_buffer_add_text(b, " <small>");
  mgp_report_text(b, query->id, 40);
  if (query->modality) mgp_buffer_add_text(b, " · ");
  if (query->modality) mgp_report_text(b, query->modality, MGP_SVG_NAME_COLUMNS);
  if (query->relevant >= 0) mgp_buffer_printf(b, " · %lld relevant", (long long)query->relevant);
  mgp_buffer_add_text(b, "</small></summary><div class=\"sides\">\n");
  add_hits(b, m, c->baseline, change->query, change->baseline);
  add_hits(b, m, c->system, change->query, change->system);
  mgp_buffer_add_text(b, "</div></details>\n");
}

/* Of the deciding measure; a system a group, open while there are few. */
void mgp_report_changed(mgp_buffer *b, const mgp_mgeval *m) {
  size_t groups = 0;
  for (size_t s = 0; s < m->system_count && groups < RIVALS_LISTED; s++) {
    const mgp_mgeval_comparison *c = mgp_mgeval_compared(m, 0, s);
    if (!c || c->changed_count == 0) continue;
    if (groups++ == 0) {
      mgp_buffer_add_text(b, "<section id=\"changed\"><h2>Queries that changed most</h2><p "
                             "class=\"note\">By the difference in ");
      mgp_report_text(b, m->measures[0].name, MGP_SVG_NAME_COLUMNS);
      mgp_buffer_add_text(b, "; open a query to see its hits side by side.</p>\n");
    }
    mgp_buffer_printf(b, "<details class=\"group\"%s><summary>", groups <= 2 ? " open" : "");
    mgp_report_text(b, m->systems[s].name, 40);
    mgp_buffer_add_text(b, " against ");
    mgp_report_text(b, m->systems[c->baseline].name, 40);
    mgp_buffer_printf(b, " <small>%zu better, %zu worse, %zu equal</small></summary>\n", c->wins,
                      c->losses, c->ties);
    for (size_t i = 0; i < c->changed_count; i++) add_change(b, m, c, &c->changed[i]);
    mgp_buffer_add_text(b, "</details>\n");
  }
  if (groups > 0) mgp_buffer_add_text(b, "</section>\n");
}

/* ---- all queries ------------------------------------------------------------------------- */

static void add_query_row(mgp_buffer *b, const mgp_mgeval *m, size_t q, size_t measures) {
  const mgp_mgeval_query *query = &m->queries[q];
  mgp_buffer_add_text(b, "<tr><th scope=\"row\">");
  mgp_report_text(b, query->id, 40);
  mgp_buffer_add_text(b, "</th><td class=\"text\">");
  if (query->text) mgp_report_text(b, query->text, 60);
  mgp_buffer_add_text(b, "</td><td class=\"text\">");
  if (query->modality) mgp_report_text(b, query->modality, MGP_SVG_NAME_COLUMNS);
  mgp_buffer_add_text(b, "</td>");
  if (query->relevant >= 0)
    mgp_buffer_printf(b, "<td data-v=\"%lld\">%lld</td>", (long long)query->relevant,
                      (long long)query->relevant);
  else mgp_buffer_add_text(b, "<td>–</td>");
  for (size_t i = 0; i < measures; i++)
    for (size_t s = 0; s < m->system_count; s++)
      add_value_cell(b, m->systems[s].scores[i].values[q]);
  mgp_buffer_add_text(b, "</tr>\n");
}

static void add_query_headings(mgp_buffer *b, const mgp_mgeval *m, size_t measures) {
  mgp_buffer_add_text(b, "<thead><tr><th scope=\"col\">query</th><th scope=\"col\">text</th><th "
                         "scope=\"col\">modality</th><th scope=\"col\">relevant</th>");
  for (size_t i = 0; i < measures; i++)
    for (size_t s = 0; s < m->system_count; s++) {
      mgp_buffer_add_text(b, "<th scope=\"col\">");
      mgp_report_text(b, m->systems[s].name, MGP_SVG_NAME_COLUMNS);
      mgp_buffer_add_text(b, "<br><small>");
      mgp_report_text(b, m->measures[i].name, MGP_SVG_NAME_COLUMNS);
      mgp_buffer_add_text(b, "</small></th>");
    }
  mgp_buffer_add_text(b, "</tr></thead>");
}

void mgp_report_queries(mgp_buffer *b, const mgp_mgeval *m) {
  const size_t measures = m->system_count * m->measure_count <= 12 ? m->measure_count : 1;
  size_t rows = m->query_count < QUERIES_LISTED ? m->query_count : QUERIES_LISTED;
  const size_t fitting = CELLS_LISTED / (measures * m->system_count);
  if (rows > fitting) rows = fitting;
  mgp_buffer_add_text(b, "<section id=\"queries\"><h2>All queries</h2>");
  if (rows < m->query_count)
    mgp_buffer_printf(b,
                      "<p class=\"note\">Cut: the first %zu of %zu queries; the stored "
                      "evaluation has them all.</p>",
                      rows, m->query_count);
  if (measures < m->measure_count)
    mgp_buffer_add_text(b, "<p class=\"note\">The deciding measure only.</p>");
  mgp_buffer_printf(b,
                    "<details><summary>%zu quer%s</summary><div class=\"wide\"><table "
                    "id=\"query-values\" class=\"sortable\">",
                    rows, rows == 1 ? "y" : "ies");
  add_query_headings(b, m, measures);
  mgp_buffer_add_text(b, "<tbody>\n");
  for (size_t q = 0; q < rows; q++) add_query_row(b, m, q, measures);
  mgp_buffer_add_text(b, "</tbody></table></div></details></section>\n");
}
