/* SPDX-License-Identifier: Apache-2.0
 *
 * A generation made searchable: the mapped segments of the store's snapshot as index views, by
 * space. Built once a generation and shared by searches; the last user frees it. A space is
 * verified and opened when a search first asks it, so that opening an index costs nothing that
 * grows with its items. A segment that cannot be read is left out, and a warning says so: the
 * others still answer.
 */
#include "engine/dense_extra.h"
#include "engine/engine.h"

static const mgp_section *find_section(const mgp_segment_view *segment, uint32_t kind) {
  for (size_t i = 0; i < segment->section_count; i++)
    if (segment->sections[i].kind == kind) return &segment->sections[i];
  return NULL;
}

static magpie_status add_lexical(magpie *ix, mgp_space_view *space, const mgp_segment_view *segment,
                                 magpie_error *err) {
  static const uint32_t kinds[MGP_LEXICAL_SECTIONS] = {
      MGP_SECTION_IDS, MGP_SECTION_LENGTHS, MGP_SECTION_DICTIONARY, MGP_SECTION_POSTINGS};
  mgp_bytes sections[MGP_LEXICAL_SECTIONS];
  for (size_t i = 0; i < MGP_LEXICAL_SECTIONS; i++) {
    const mgp_section *section = find_section(segment, kinds[i]);
    MGP_RETURN_IF(!section, err, MAGPIE_CORRUPT, "%s: section %u is missing", segment->file,
                  kinds[i]);
    sections[i] = (mgp_bytes){.data = section->data, .size = section->size};
  }
  MGP_RETURN_IF(!MGP_GROW(ix->alloc, space->lexical, space->capacity, space->count + 1), err,
                MAGPIE_NO_MEMORY, "no memory for the segments of %s", space->name);
  MGP_FORWARD(mgp_lexical_view_open(ix->alloc, sections, &space->lexical[space->count], err));
  space->count++;
  return MAGPIE_OK;
}

static magpie_status note_damage(magpie *ix, mgp_index_view *view, const mgp_segment_view *segment,
                                 const magpie_error *why, const char *effect, magpie_error *err);

/* The sections that make the last segment faster. Without them it is read row by row. */
static magpie_status add_extra(magpie *ix, mgp_index_view *view, mgp_space_view *space,
                               size_t index, magpie_error *err) {
  const mgp_segment_view *segment = mgp_snapshot_segment(view->snapshot, index);
  const size_t last = space->count - 1;
  magpie_error why = {0};
  MGP_RETURN_IF(!MGP_GROW(ix->alloc, space->extras, space->extras_capacity, space->count), err,
                MAGPIE_NO_MEMORY, "no memory for the segments of %s", space->name);
  space->extras[last] = NULL;
  const magpie_status status = mgp_dense_extra_open(
      ix->alloc, view->snapshot, index, &space->dense[last], &space->extras[last], &why);
  if (status == MAGPIE_OK) return MAGPIE_OK;
  if (status != MAGPIE_NO_MEMORY && status != MAGPIE_LIMIT)
    return note_damage(ix, view, segment, &why, "vectors are compared one by one in", err);
  if (err) *err = why;
  return MAGPIE_NO_MEMORY;
}

static magpie_status add_dense(magpie *ix, mgp_space_view *space, const mgp_segment_view *segment,
                               magpie_error *err) {
  const mgp_section *ids = find_section(segment, MGP_SECTION_IDS);
  const mgp_section *rows = find_section(segment, MGP_SECTION_VECTORS_F32);
  const size_t stride = mgp_dense_stride(space->dim);
  const size_t width = stride * sizeof(float);
  /* Divided, not multiplied: a count that was made up would come round to the right size. */
  MGP_RETURN_IF(!ids || !rows || width == 0 || ids->size / sizeof(uint64_t) != segment->count ||
                    ids->size % sizeof(uint64_t) != 0 || rows->size / width != segment->count ||
                    rows->size % width != 0,
                err, MAGPIE_CORRUPT, "%s: its sections do not hold %llu vectors of %zu numbers",
                segment->file, (unsigned long long)segment->count, space->dim);
  MGP_RETURN_IF(!MGP_GROW(ix->alloc, space->dense, space->capacity, space->count + 1), err,
                MAGPIE_NO_MEMORY, "no memory for the segments of %s", space->name);
  space->dense[space->count++] = (mgp_dense_view){.rows = rows->data,
                                                  .ids = ids->data,
                                                  .count = (size_t)segment->count,
                                                  .dim = space->dim,
                                                  .stride = stride,
                                                  .is_l2 = space->is_l2};
  return MAGPIE_OK;
}

const char *mgp_engine_view_damage(mgp_index_view *view, size_t index) {
  size_t files = 0;
  for (const char *damage; (damage = mgp_snapshot_damage(view->snapshot, files)) != NULL; files++)
    if (files == index) return damage;
  pthread_mutex_lock(&view->lock);
  const char *damage = index - files < view->damage_count ? view->damages[index - files] : NULL;
  pthread_mutex_unlock(&view->lock);
  return damage;
}

/* As the store says it of a file that is damaged. */
static magpie_status note_damage(magpie *ix, mgp_index_view *view, const mgp_segment_view *segment,
                                 const magpie_error *why, const char *effect, magpie_error *err) {
  mgp_buffer b;
  mgp_buffer_init(&b, ix->alloc);
  mgp_buffer_printf(&b, "%s%s%s; its %llu %s the space %s; `magpie repair` rebuilds them",
                    strstr(why->message, segment->file) ? "" : segment->file,
                    strstr(why->message, segment->file) ? "" : ": ", why->message,
                    (unsigned long long)segment->count, effect, segment->space);
  char *text = mgp_buffer_take(&b);
  if (!text || !MGP_GROW(ix->alloc, view->damages, view->damage_capacity, view->damage_count + 1)) {
    mgp_free(ix->alloc, text);
    return mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for the segments of %s", segment->space);
  }
  view->damages[view->damage_count++] = text;
  return MAGPIE_OK;
}

static magpie_status add_segment(magpie *ix, mgp_index_view *view, mgp_space_view *space,
                                 size_t index, magpie_error *err) {
  const mgp_segment_view *segment = mgp_snapshot_segment(view->snapshot, index);
  magpie_error why = {0};
  magpie_status status = mgp_snapshot_segment_verify(view->snapshot, index, &why);
  if (status == MAGPIE_OK)
    status = space->is_lexical ? add_lexical(ix, space, segment, &why)
                               : add_dense(ix, space, segment, &why);
  if (status == MAGPIE_OK && !space->is_lexical) return add_extra(ix, view, space, index, err);
  if (status == MAGPIE_OK) return MAGPIE_OK;
  if (status != MAGPIE_NO_MEMORY)
    return note_damage(ix, view, segment, &why, "items are left out of", err);
  if (err) *err = why;
  return status;
}

static void close_space(magpie *ix, mgp_space_view *space) {
  for (size_t i = 0; space->is_lexical && i < space->count; i++)
    mgp_lexical_view_close(space->lexical[i]);
  for (size_t i = 0; space->extras && i < space->count; i++)
    mgp_dense_extra_close(space->extras[i]);
  mgp_free(ix->alloc, space->lexical);
  mgp_free(ix->alloc, space->dense);
  mgp_free(ix->alloc, space->extras);
  space->lexical = NULL;
  space->dense = NULL;
  space->extras = NULL;
  space->count = space->capacity = space->extras_capacity = 0;
}

/* Under the lock of the view. */
static magpie_status make_ready(magpie *ix, mgp_index_view *view, mgp_space_view *space,
                                magpie_error *err) {
  for (size_t i = 0; !space->is_ready && i < mgp_snapshot_segment_count(view->snapshot); i++) {
    if (!mgp_text_equal(mgp_snapshot_segment(view->snapshot, i)->space, space->key)) continue;
    const magpie_status status = add_segment(ix, view, space, i, err);
    if (status == MAGPIE_OK) continue;
    close_space(ix, space); /* for want of memory: the next search tries again */
    return status;
  }
  space->is_ready = true;
  return MAGPIE_OK;
}

magpie_status mgp_engine_view_space(magpie *ix, mgp_index_view *view, const char *name,
                                    const mgp_space_view **out, magpie_error *err) {
  *out = NULL;
  for (size_t i = 0; i < view->space_count; i++) {
    mgp_space_view *space = &view->spaces[i];
    if (!mgp_text_equal(space->name, name)) continue;
    pthread_mutex_lock(&view->lock);
    const magpie_status status = make_ready(ix, view, space, err);
    pthread_mutex_unlock(&view->lock);
    if (status == MAGPIE_OK) *out = space;
    return status;
  }
  return MAGPIE_OK;
}

static void destroy_view(magpie *ix, mgp_index_view *view) {
  for (size_t i = 0; i < view->space_count; i++) close_space(ix, &view->spaces[i]);
  for (size_t i = 0; i < view->damage_count; i++) mgp_free(ix->alloc, view->damages[i]);
  mgp_free(ix->alloc, view->damages);
  mgp_snapshot_release(view->snapshot);
  pthread_mutex_destroy(&view->lock);
  mgp_free(ix->alloc, view);
}

static magpie_status fill_view(magpie *ix, mgp_index_view *view, magpie_error *err) {
  mgp_space *declared = NULL;
  size_t count = 0;
  MGP_FORWARD(mgp_store_spaces(ix->store, ix->alloc, &declared, &count, err));
  for (size_t i = 0; i < count && view->space_count < MGP_ENGINE_SPACES; i++) {
    mgp_space_view *space = &view->spaces[view->space_count++];
    snprintf(space->name, sizeof space->name, "%s", declared[i].name);
    snprintf(space->key, sizeof space->key, "%s", declared[i].key);
    space->dim = declared[i].dim;
    space->is_cosine = mgp_text_equal(declared[i].metric, "cosine");
    space->is_l2 = mgp_text_equal(declared[i].metric, "l2");
    space->is_lexical = declared[i].dim == 0;
  }
  mgp_free(ix->alloc, declared);
  return MAGPIE_OK;
}

static magpie_status build_view(magpie *ix, mgp_snapshot *snapshot, mgp_index_view **out,
                                magpie_error *err) {
  mgp_index_view *view = mgp_calloc(ix->alloc, 1, sizeof *view);
  if (!view) {
    mgp_snapshot_release(snapshot);
    return mgp_fail(err, MAGPIE_NO_MEMORY, "no memory to read the index");
  }
  view->snapshot = snapshot;
  atomic_init(&view->users, 1);
  pthread_mutex_init(&view->lock, NULL);
  const magpie_status status = fill_view(ix, view, err);
  if (status != MAGPIE_OK) destroy_view(ix, view);
  else *out = view;
  return status;
}

/* Under view_lock. */
static magpie_status refresh_view(magpie *ix, magpie_error *err) {
  mgp_snapshot *snapshot = NULL;
  MGP_FORWARD(mgp_snapshot_get(ix->store, &snapshot, err));
  if (ix->view && ix->view->snapshot == snapshot) {
    mgp_snapshot_release(snapshot);
    return MAGPIE_OK;
  }
  mgp_index_view *fresh = NULL;
  MGP_FORWARD(build_view(ix, snapshot, &fresh, err));
  mgp_index_view *old = ix->view;
  ix->view = fresh;
  if (old) mgp_engine_view_release(ix, old);
  return MAGPIE_OK;
}

magpie_status mgp_engine_view_get(magpie *ix, mgp_index_view **out, magpie_error *err) {
  pthread_mutex_lock(&ix->view_lock);
  const magpie_status status = refresh_view(ix, err);
  if (status == MAGPIE_OK) {
    atomic_fetch_add(&ix->view->users, 1);
    *out = ix->view;
  }
  pthread_mutex_unlock(&ix->view_lock);
  return status;
}

void mgp_engine_view_release(magpie *ix, mgp_index_view *view) {
  if (view && atomic_fetch_sub(&view->users, 1) == 1) destroy_view(ix, view);
}
