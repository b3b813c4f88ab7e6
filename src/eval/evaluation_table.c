/* SPDX-License-Identifier: Apache-2.0
 *
 * A stored evaluation as a table for the terminal: columns that do not fit beside the names go into
 * further blocks, so that no line wraps. Texts are made plain first: a name of a file could
 * otherwise move the cursor.
 */
#include <math.h>

#include "eval/report.h"

#define GAP 2
#define NAME_COLUMNS_MIN 12
#define NAME_COLUMNS_MAX 40
#define WIDTH_MIN 20
#define LATENCY_COLUMNS 4
#define CELL_SIZE 112

static const char bold[] = "\x1b[1m", green[] = "\x1b[32m", red[] = "\x1b[31m", plain[] = "\x1b[0m";

/* Columns are the measures, then p50, p95, p99 and queries a second if any system has times. */
typedef struct table {
  const mgp_mgeval *m;
  mgp_buffer *out;
  size_t width; /* SIZE_MAX: any */
  bool colour;
  size_t name_width, column_count;
  size_t *widths; /* a column */
} table;

static void add_spaces(mgp_buffer *b, size_t count) {
  for (size_t i = 0; i < count; i++) mgp_buffer_add_char(b, ' ');
}

static void heading(const table *t, size_t column, char out[CELL_SIZE]) {
  static const char *const names[] = {"p50 ms", "p95 ms", "p99 ms", "q/s"};
  const size_t measures = t->m->measure_count;
  mgp_buffer b;
  mgp_buffer_init(&b, NULL);
  if (column < measures) mgp_text_plain(&b, t->m->measures[column].name, 24);
  else mgp_buffer_add_text(&b, names[column - measures]);
  snprintf(out, CELL_SIZE, "%s", b.data ? b.data : "");
  mgp_buffer_fini(&b);
}

static void score_cell(const table *t, size_t system, size_t measure, char out[CELL_SIZE]) {
  const mgp_mgeval_score *score = &t->m->systems[system].scores[measure];
  char mean[32], low[32], high[32];
  const int side = mgp_mgeval_side(t->m, measure, system);
  if (isnan(score->mean)) {
    snprintf(out, CELL_SIZE, "-");
    return;
  }
  mgp_verdict_number(score->mean, mean);
  mgp_verdict_number(score->low, low);
  mgp_verdict_number(score->high, high);
  snprintf(out, CELL_SIZE, "%s [%s, %s]%s", mean, low, high,
           side > 0   ? " +"
           : side < 0 ? " -"
                      : "  ");
}

static void cell(const table *t, size_t system, size_t column, char out[CELL_SIZE]) {
  const mgp_mgeval_system *s = &t->m->systems[system];
  const size_t measures = t->m->measure_count;
  if (column < measures) {
    score_cell(t, system, column, out);
    return;
  }
  const double values[] = {s->p50, s->p95, s->p99, s->per_second};
  const double value = s->has_latency ? values[column - measures] : NAN;
  if (isnan(value)) snprintf(out, CELL_SIZE, "-");
  else snprintf(out, CELL_SIZE, value < 10 ? "%.2f" : value < 100 ? "%.1f" : "%.0f", value);
}

static bool has_latency(const mgp_mgeval *m) {
  for (size_t i = 0; i < m->system_count; i++)
    if (m->systems[i].has_latency) return true;
  return false;
}

static bool measure_columns(table *t) {
  char text[CELL_SIZE];
  t->column_count = t->m->measure_count + (has_latency(t->m) ? LATENCY_COLUMNS : 0);
  t->widths = mgp_calloc(NULL, t->column_count, sizeof *t->widths);
  if (!t->widths) return false;
  t->name_width = strlen("system");
  size_t most = t->width / 3;
  if (most < NAME_COLUMNS_MIN) most = NAME_COLUMNS_MIN;
  if (most > NAME_COLUMNS_MAX) most = NAME_COLUMNS_MAX;
  for (size_t s = 0; s < t->m->system_count; s++) {
    const size_t columns = mgp_text_columns(t->m->systems[s].name);
    if (columns > t->name_width) t->name_width = columns < most ? columns : most;
  }
  for (size_t c = 0; c < t->column_count; c++) {
    heading(t, c, text);
    t->widths[c] = mgp_text_columns(text);
    for (size_t s = 0; s < t->m->system_count; s++) {
      cell(t, s, c, text);
      if (strlen(text) > t->widths[c]) t->widths[c] = strlen(text);
    }
  }
  return true;
}

/* Measures stand left, numbers of times right. The marks of the last column leave no spaces. */
static void add_cell(const table *t, size_t column, const char *text, const char *colour) {
  const bool is_left = column < t->m->measure_count;
  const size_t columns = mgp_text_columns(text), room = t->widths[column] - columns;
  add_spaces(t->out, GAP);
  if (!is_left) add_spaces(t->out, room);
  if (t->colour && colour) mgp_buffer_add_text(t->out, colour);
  mgp_buffer_add_text(t->out, text);
  if (t->colour && colour) mgp_buffer_add_text(t->out, plain);
  if (is_left) add_spaces(t->out, room);
}

static void end_line(const table *t) {
  while (t->out->size > 0 && t->out->data[t->out->size - 1] == ' ') t->out->size--;
  mgp_buffer_add_char(t->out, '\n');
}

static void add_name(const table *t, const char *name) {
  const size_t before = t->out->size;
  mgp_text_plain(t->out, name, t->name_width);
  size_t columns = 0;
  for (size_t at = before; at < t->out->size;) {
    /* measured as written: what was cut or replaced takes other columns than the name */
    char one[8] = "";
    const size_t start = at;
    mgp_utf8_next(t->out->data, t->out->size, &at);
    memcpy(one, t->out->data + start, at - start);
    columns += mgp_text_columns(one);
  }
  if (columns < t->name_width) add_spaces(t->out, t->name_width - columns);
}

static void add_block(const table *t, size_t first, size_t past) {
  char text[CELL_SIZE];
  add_name(t, "system");
  for (size_t c = first; c < past; c++) {
    heading(t, c, text);
    add_cell(t, c, text, bold);
  }
  end_line(t);
  for (size_t s = 0; s < t->m->system_count; s++) {
    add_name(t, t->m->systems[s].name);
    for (size_t c = first; c < past; c++) {
      const int side = c < t->m->measure_count ? mgp_mgeval_side(t->m, c, s) : 0;
      cell(t, s, c, text);
      add_cell(t, c, text, side > 0 ? green : side < 0 ? red : NULL);
    }
    end_line(t);
  }
}

static void add_blocks(const table *t) {
  for (size_t first = 0; first < t->column_count;) {
    size_t used = t->name_width, past = first;
    while (past < t->column_count && (past == first || used + GAP + t->widths[past] <= t->width))
      used += GAP + t->widths[past++];
    if (first > 0) mgp_buffer_add_char(t->out, '\n');
    add_block(t, first, past);
    first = past;
  }
}

/* Words of a sentence over lines of the width, the later ones indented. */
static void add_sentence(const table *t, const char *text) {
  mgp_buffer b;
  mgp_buffer_init(&b, NULL);
  mgp_text_plain(&b, text, 2000);
  size_t column = 0;
  for (char *word = b.data, *next; word && *word; word = next) {
    next = word + strcspn(word, " ");
    if (*next) *next++ = '\0';
    const size_t columns = mgp_text_columns(word);
    if (column > 0 && column + 1 + columns > t->width) {
      mgp_buffer_add_text(t->out, "\n  ");
      column = 2;
    } else if (column > 0) {
      mgp_buffer_add_char(t->out, ' ');
      column++;
    }
    mgp_buffer_add_text(t->out, word);
    column += columns;
  }
  mgp_buffer_add_char(t->out, '\n');
  if (b.failed) t->out->failed = true;
  mgp_buffer_fini(&b);
}

static void add_legend(const table *t) {
  mgp_buffer b;
  mgp_buffer_init(&b, NULL);
  mgp_buffer_printf(&b, "[low, high]: %g %% interval", 100 * t->m->confidence);
  if (t->m->comparison_count > 0) {
    mgp_buffer_add_text(&b, "; +/-: significantly better/worse than ");
    mgp_text_plain(&b, t->m->systems[t->m->baseline].name, NAME_COLUMNS_MAX);
    mgp_buffer_printf(&b, " (Holm, p <= %g)", t->m->alpha);
  }
  add_sentence(t, b.data ? b.data : "");
  mgp_buffer_fini(&b);
}

magpie_status magpie_evaluation_table(const char *mgeval, int width, bool colour, char **text,
                                      magpie_error *err) {
  MGP_RETURN_IF(!text, err, MAGPIE_INVALID, "evaluation: text is NULL");
  *text = NULL;
  mgp_mgeval m;
  mgp_buffer b;
  mgp_buffer_init(&b, NULL);
  table t = {.m = &m, .out = &b, .width = SIZE_MAX, .colour = colour};
  if (width > 0) t.width = width < WIDTH_MIN ? WIDTH_MIN : (size_t)width;
  magpie_status status = MAGPIE_OK;
  MGP_TRY(mgp_mgeval_read("evaluation", mgeval, &m, err));
  if (!measure_columns(&t)) MGP_TRY(mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for a table"));
  add_blocks(&t);
  add_legend(&t);
  if (m.verdict_count > 0) mgp_buffer_add_char(&b, '\n');
  for (size_t i = 0; i < m.verdict_count; i++) add_sentence(&t, m.verdict[i]);
  *text = mgp_buffer_take(&b);
  if (!*text) status = mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for a table");
done:
  mgp_buffer_fini(&b);
  mgp_free(NULL, t.widths);
  mgp_mgeval_fini(&m);
  return status;
}
