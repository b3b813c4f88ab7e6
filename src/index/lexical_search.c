/* SPDX-License-Identifier: Apache-2.0
 *
 * Exact BM25 top k, item at a time with MaxScore pruning (Turtle, Flood, "Query evaluation:
 * strategies and optimizations", 1995): terms whose bounds together cannot lift an item over the
 * floor only confirm items that the other ("essential") terms propose. When one essential term is
 * left, its blocks are skipped by their own maxima (Ding, Suel, SIGIR 2011).
 *
 * Pruning never touches a score: an item that survives gets its contributions added up in the order
 * of the query, in double, from statistics of all views. So its score is the same bits in one
 * segment or in many, pruned or not. Bounds carry a slack that covers their own rounding, and an
 * item is dropped only when strictly below the floor, since a tie may still win by its id.
 */
#include <math.h>
#include <stdlib.h>

#include "index/lexical_file.h"

#define FORMS_MAX ((size_t)1 << 16)
#define WEIGHT_MAX 1e30
#define BOUND_SLACK 1e-9

typedef struct scored_term {
  size_t first_form, form_count; /* in the cursors; identical forms count once */
  double factor;                 /* weight x idf */
  double bound;                  /* >= its part of any score in this view, >= 0 */
  double part;                   /* of the score of the item at hand */
  uint32_t item;                 /* the lowest of its cursors */
} scored_term;

typedef struct lexical_query {
  mgp_lexical_view *const *views;
  size_t view_count;
  const mgp_filter *filter;
  mgp_topk *out;
  magpie_error *err;
  /* from the statistics of all views */
  double norm_base, norm_slope; /* k1 (1 - b), k1 b / avg */
  double slack;
  scored_term *terms;
  size_t term_count, form_count;
  mgp_lexical_term *found; /* [view][form] */
  /* of the view at hand */
  const mgp_lexical_view *view;
  mgp_posting_cursor *cursors; /* [form] */
  scored_term **order;         /* by ascending bound */
  double *prefix;              /* sums of bounds in that order, slack included */
  size_t order_count;
  size_t essential; /* order[essential..] propose items */
  float floor;
} lexical_query;

/* ---- statistics --------------------------------------------------------------------------------
 */

static bool form_seen_before(const mgp_query_term *t, size_t form) {
  for (size_t i = 0; i < form; i++)
    if (t->sizes[i] == t->sizes[form] && memcmp(t->forms[i], t->forms[form], t->sizes[i]) == 0)
      return true;
  return false;
}

/* Looks a form up in every view; its df over all of them. */
static magpie_status find_form(lexical_query *q, const char *form, size_t size, uint64_t *df) {
  *df = 0;
  for (size_t v = 0; v < q->view_count; v++) {
    mgp_lexical_term *found = &q->found[v * q->form_count + q->terms[q->term_count].first_form +
                                        q->terms[q->term_count].form_count];
    MGP_FORWARD(mgp_lexical_find(q->views[v], form, size, found, q->err));
    *df += found->df;
  }
  return MAGPIE_OK;
}

/* Adds a term to the query when any view holds a form of it. */
static magpie_status add_term(lexical_query *q, const mgp_query_term *t, double items,
                              size_t *form) {
  scored_term *term = &q->terms[q->term_count];
  *term = (scored_term){.first_form = *form};
  uint64_t most = 0;
  for (size_t i = 0; i < t->form_count; i++) {
    if (form_seen_before(t, i)) continue;
    uint64_t df = 0;
    MGP_FORWARD(find_form(q, t->forms[i], t->sizes[i], &df));
    if (df == 0) continue;
    if (df > most) most = df;
    term->form_count++;
  }
  if (term->form_count == 0) return MAGPIE_OK;
  const double n = (double)most;
  term->factor = t->weight * log(1.0 + (items - n + 0.5) / (n + 0.5));
  q->slack += BOUND_SLACK * fabs(term->factor);
  *form += term->form_count;
  q->term_count++;
  return MAGPIE_OK;
}

static magpie_status count_forms(const mgp_query_term *terms, size_t term_count, size_t *out,
                                 magpie_error *err) {
  *out = 0;
  for (size_t i = 0; i < term_count; i++) {
    MGP_RETURN_IF(!(fabs(terms[i].weight) <= WEIGHT_MAX), err, MAGPIE_INVALID,
                  "the weight of query term %zu is no number between -1e30 and 1e30", i);
    MGP_RETURN_IF(terms[i].form_count > FORMS_MAX - *out, err, MAGPIE_LIMIT,
                  "a query has more than %zu words", FORMS_MAX);
    *out += terms[i].form_count;
  }
  return MAGPIE_OK;
}

static magpie_status gather(lexical_query *q, const mgp_query_term *terms, size_t term_count,
                            const mgp_bm25 *bm25, mgp_arena *arena) {
  double items = 0, tokens = 0;
  for (size_t v = 0; v < q->view_count; v++) {
    items += (double)q->views[v]->count;
    tokens += (double)q->views[v]->tokens;
  }
  q->terms = mgp_arena_calloc(arena, term_count, sizeof *q->terms);
  q->order = mgp_arena_calloc(arena, term_count, sizeof *q->order);
  q->prefix = mgp_arena_calloc(arena, term_count, sizeof *q->prefix);
  q->cursors = mgp_arena_calloc(arena, q->form_count, sizeof *q->cursors);
  const bool fits = q->view_count <= SIZE_MAX / q->form_count;
  if (fits) q->found = mgp_arena_calloc(arena, q->view_count * q->form_count, sizeof *q->found);
  MGP_RETURN_IF(!q->terms || !q->order || !q->prefix || !q->cursors || !q->found, q->err,
                MAGPIE_NO_MEMORY, "no memory for a query of %zu words", q->form_count);
  if (tokens == 0) return MAGPIE_OK;
  q->norm_base = bm25->k1 * (1 - bm25->b);
  q->norm_slope = bm25->k1 * bm25->b * items / tokens;
  size_t form = 0;
  for (size_t i = 0; i < term_count; i++) MGP_FORWARD(add_term(q, &terms[i], items, &form));
  return MAGPIE_OK;
}

/* ---- terms in one view -------------------------------------------------------------------------
 */

static double norm_of(const lexical_query *q, uint32_t length) {
  return q->norm_base + q->norm_slope * (double)length;
}

static double bound_of(const lexical_query *q, const scored_term *t, double tf, uint32_t length) {
  return t->factor > 0 && tf > 0 ? t->factor * (tf / (tf + norm_of(q, length))) : 0;
}

static void find_lowest(const lexical_query *q, scored_term *t) {
  t->item = MGP_LEXICAL_END;
  for (size_t i = 0; i < t->form_count; i++) {
    const uint32_t item = q->cursors[t->first_form + i].item;
    if (item < t->item) t->item = item;
  }
}

static magpie_status open_term(lexical_query *q, size_t view, scored_term *t) {
  double tf = 0;
  uint32_t length = UINT32_MAX;
  for (size_t i = t->first_form; i < t->first_form + t->form_count; i++) {
    const mgp_lexical_term *found = &q->found[view * q->form_count + i];
    MGP_FORWARD(mgp_posting_cursor_init(&q->cursors[i], q->view, found, q->err));
    if (found->df == 0) continue;
    tf += found->tf_max;
    if (found->length_min < length) length = found->length_min;
  }
  t->bound = bound_of(q, t, tf, length);
  find_lowest(q, t);
  return MAGPIE_OK;
}

static magpie_status seek_term(lexical_query *q, scored_term *t, uint32_t target) {
  for (size_t i = 0; i < t->form_count; i++)
    MGP_FORWARD(mgp_posting_cursor_seek(&q->cursors[t->first_form + i], target, q->err));
  find_lowest(q, t);
  return MAGPIE_OK;
}

/* Moves a term past the item at hand. */
static magpie_status next_term(lexical_query *q, scored_term *t) {
  if (t->form_count == 1) {
    mgp_posting_cursor *c = &q->cursors[t->first_form];
    MGP_FORWARD(mgp_posting_cursor_next(c, q->err));
    t->item = c->item;
    return MAGPIE_OK;
  }
  return seek_term(q, t, t->item + 1);
}

static double part_of(const lexical_query *q, const scored_term *t, double norm) {
  double tf = 0;
  for (size_t i = 0; i < t->form_count; i++) {
    const mgp_posting_cursor *c = &q->cursors[t->first_form + i];
    if (c->item == t->item) tf += c->tf;
  }
  return t->factor * (tf / (tf + norm));
}

/* ---- pruning -----------------------------------------------------------------------------------
 */

static bool reaches(const lexical_query *q, double bound) {
  return (float)bound >= q->floor;
}

static int compare_bounds(const void *a, const void *b) {
  const scored_term *left = *(scored_term *const *)a, *right = *(scored_term *const *)b;
  if (left->bound != right->bound) return left->bound < right->bound ? -1 : 1;
  return (left > right) - (left < right);
}

static void raise_floor(lexical_query *q) {
  q->floor = mgp_topk_floor(q->out);
  while (q->essential < q->order_count && !reaches(q, q->prefix[q->essential])) q->essential++;
}

static magpie_status open_view(lexical_query *q, size_t view) {
  q->view = q->views[view];
  q->order_count = q->essential = 0;
  for (size_t i = 0; i < q->term_count; i++) {
    q->terms[i].part = 0;
    MGP_FORWARD(open_term(q, view, &q->terms[i]));
    if (q->terms[i].item != MGP_LEXICAL_END) q->order[q->order_count++] = &q->terms[i];
  }
  if (q->order_count > 0) qsort(q->order, q->order_count, sizeof *q->order, compare_bounds);
  double sum = q->slack;
  for (size_t i = 0; i < q->order_count; i++) q->prefix[i] = sum += q->order[i]->bound;
  raise_floor(q);
  return MAGPIE_OK;
}

/* The one essential term left has just entered a block: while the block's maxima with the bounds of
 * all others cannot reach the floor, go on to the next one, without unpacking. */
static magpie_status skip_weak_blocks(lexical_query *q) {
  scored_term *t = q->order[q->essential];
  mgp_posting_cursor *c = &q->cursors[t->first_form];
  if (t->form_count != 1 || c->position != 0) return MAGPIE_OK;
  const double others = q->essential > 0 ? q->prefix[q->essential - 1] : q->slack;
  uint32_t target = t->item, block = c->block;
  for (; block < c->block_count; block++) {
    const mgp_posting_block most = mgp_posting_cursor_block(c, block);
    if (reaches(q, others + bound_of(q, t, most.tf_max, most.length_min))) break;
    if (most.last >= target) target = most.last + 1;
  }
  MGP_FORWARD(mgp_posting_cursor_seek(c, target, q->err));
  t->item = c->item;
  return MAGPIE_OK;
}

/* ---- items -------------------------------------------------------------------------------------
 */

/* The next item that any essential term holds. */
static magpie_status propose(lexical_query *q, uint32_t *item) {
  *item = MGP_LEXICAL_END;
  if (q->essential == q->order_count) return MAGPIE_OK;
  if (q->essential + 1 == q->order_count) MGP_FORWARD(skip_weak_blocks(q));
  for (size_t i = q->essential; i < q->order_count; i++)
    if (q->order[i]->item < *item) *item = q->order[i]->item;
  return MAGPIE_OK;
}

/* The non-essential terms, strongest first; false as soon as the item cannot reach the floor. */
static magpie_status confirm(lexical_query *q, uint32_t item, double norm, double sum,
                             bool *survives) {
  *survives = false;
  for (size_t i = q->essential; i-- > 0;) {
    if (!reaches(q, sum + q->prefix[i])) return MAGPIE_OK;
    scored_term *t = q->order[i];
    if (t->item < item) MGP_FORWARD(seek_term(q, t, item));
    t->part = t->item == item ? part_of(q, t, norm) : 0;
    sum += t->part;
  }
  *survives = true;
  return MAGPIE_OK;
}

/* Adds up in the order of the query: this is where a score comes from. */
static void keep(lexical_query *q, uint32_t item) {
  double sum = 0;
  for (size_t i = 0; i < q->term_count; i++) sum += q->terms[i].part;
  const float score = (float)sum;
  if (!(score > 0) || score < q->floor) return;
  const uint64_t id = q->view->ids[item];
  if (q->filter && !q->filter->allow(q->filter->context, id)) return;
  mgp_topk_push(q->out, score, id);
  raise_floor(q);
}

static magpie_status search_view(lexical_query *q, size_t view) {
  MGP_FORWARD(open_view(q, view));
  for (;;) {
    uint32_t item = 0;
    MGP_FORWARD(propose(q, &item));
    if (item == MGP_LEXICAL_END) return MAGPIE_OK;
    const double norm = norm_of(q, q->view->lengths[item]);
    double sum = 0;
    for (size_t i = q->essential; i < q->order_count; i++) {
      scored_term *t = q->order[i];
      t->part = 0;
      if (t->item != item) continue;
      sum += t->part = part_of(q, t, norm);
      MGP_FORWARD(next_term(q, t));
    }
    bool survives = false;
    MGP_FORWARD(confirm(q, item, norm, sum, &survives));
    if (survives) keep(q, item);
  }
}

static bool is_sound(const mgp_bm25 *p) {
  return p && p->k1 >= 0 && p->k1 <= WEIGHT_MAX && p->b >= 0 && p->b <= 1;
}

magpie_status mgp_lexical_search(mgp_lexical_view *const *views, size_t view_count,
                                 const mgp_query_term *terms, size_t term_count,
                                 const mgp_bm25 *bm25, const mgp_filter *filter, mgp_alloc *a,
                                 mgp_topk *out, magpie_error *err) {
  MGP_RETURN_IF((!views && view_count > 0) || (!terms && term_count > 0) || !out, err,
                MAGPIE_INVALID, "lexical search: views, terms or out is NULL");
  MGP_RETURN_IF(!is_sound(bm25), err, MAGPIE_INVALID, "BM25 needs k1 >= 0 and 0 <= b <= 1");
  lexical_query q = {.views = views,
                     .view_count = view_count,
                     .filter = filter && filter->allow ? filter : NULL,
                     .out = out,
                     .err = err};
  MGP_FORWARD(count_forms(terms, term_count, &q.form_count, err));
  if (q.form_count == 0 || view_count == 0 || out->k == 0) return MAGPIE_OK;
  mgp_arena *arena = mgp_arena_create(a);
  MGP_RETURN_IF(!arena, err, MAGPIE_NO_MEMORY, "no memory for a query of %zu words", q.form_count);
  magpie_status status = gather(&q, terms, term_count, bm25, arena);
  for (size_t v = 0; status == MAGPIE_OK && v < view_count; v++) status = search_view(&q, v);
  mgp_arena_destroy(arena);
  return status;
}
