/* SPDX-License-Identifier: Apache-2.0
 *
 * A generation made searchable: the mapped segments of the store's snapshot as index views, by
 * space. Built once a generation and shared by searches; the last user frees it.
 */
#include "engine/engine.h"

static const mgp_section *find_section(const mgp_segment_view *segment, uint32_t kind) {
  for (size_t i = 0; i < segment->section_count; i++)
    if (segment->sections[i].kind == kind) return &segment->sections[i];
  return NULL;
}

static mgp_space_view *space_of(mgp_index_view *view, const char *name) {
  for (size_t i = 0; i < view->space_count; i++)
    if (mgp_text_equal(view->spaces[i].name, name)) return &view->spaces[i];
  if (view->space_count == MGP_ENGINE_SPACES) return NULL;
  mgp_space_view *space = &view->spaces[view->space_count++];
  snprintf(space->name, sizeof space->name, "%s", name);
  return space;
}

const mgp_space_view *mgp_engine_view_space(const mgp_index_view *view, const char *name) {
  for (size_t i = 0; i < view->space_count; i++)
    if (mgp_text_equal(view->spaces[i].name, name)) return &view->spaces[i];
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

static magpie_status add_dense(magpie *ix, mgp_space_view *space, const mgp_segment_view *segment,
                               magpie_error *err) {
  const mgp_section *ids = find_section(segment, MGP_SECTION_IDS);
  const mgp_section *rows = find_section(segment, MGP_SECTION_VECTORS_F32);
  const size_t stride = mgp_dense_stride(space->dim);
  MGP_RETURN_IF(!ids || !rows || ids->size != segment->count * sizeof(uint64_t) ||
                    rows->size != segment->count * stride * sizeof(float),
                err, MAGPIE_CORRUPT, "%s: its sections do not hold %llu vectors of %zu numbers",
                segment->file, (unsigned long long)segment->count, space->dim);
  MGP_RETURN_IF(!MGP_GROW(ix->alloc, space->dense, space->capacity, space->count + 1), err,
                MAGPIE_NO_MEMORY, "no memory for the segments of %s", space->name);
  space->dense[space->count++] = (mgp_dense_view){.rows = rows->data,
                                                  .ids = ids->data,
                                                  .count = (size_t)segment->count,
                                                  .dim = space->dim,
                                                  .stride = stride};
  return MAGPIE_OK;
}

static void destroy_view(magpie *ix, mgp_index_view *view) {
  for (size_t i = 0; i < view->space_count; i++) {
    mgp_space_view *space = &view->spaces[i];
    for (size_t j = 0; space->is_lexical && j < space->count; j++)
      mgp_lexical_view_close(space->lexical[j]);
    mgp_free(ix->alloc, space->lexical);
    mgp_free(ix->alloc, space->dense);
  }
  mgp_snapshot_release(view->snapshot);
  mgp_free(ix->alloc, view);
}

static magpie_status fill_view(magpie *ix, mgp_index_view *view, magpie_error *err) {
  mgp_space *declared = NULL;
  size_t count = 0;
  MGP_FORWARD(mgp_store_spaces(ix->store, ix->alloc, &declared, &count, err));
  magpie_status status = MAGPIE_OK;
  for (size_t i = 0; i < count; i++) {
    mgp_space_view *space = space_of(view, declared[i].name);
    if (!space) break;
    space->dim = declared[i].dim;
    space->is_lexical = declared[i].dim == 0;
  }
  mgp_free(ix->alloc, declared);
  for (size_t i = 0; status == MAGPIE_OK && i < mgp_snapshot_segment_count(view->snapshot); i++) {
    const mgp_segment_view *segment = mgp_snapshot_segment(view->snapshot, i);
    mgp_space_view *space = space_of(view, segment->space);
    if (!space) continue;
    status = space->is_lexical ? add_lexical(ix, space, segment, err)
                               : add_dense(ix, space, segment, err);
  }
  return status;
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
