/* SPDX-License-Identifier: Apache-2.0
 *
 * Merging vectors: two walks over the living rows, one for the ids and one that copies the rows.
 * Rows that follow each other in one view are handed on as one block.
 */
#include "index/merge.h"

#define BLOCK_ROWS ((size_t)4096)

static magpie_status write_ids(const mgp_dense_view *views, mgp_merge_rows *rows,
                               const mgp_merge_sink *sink, uint64_t *count, magpie_error *err) {
  bool more = true;
  size_t list = 0, row = 0;
  *count = 0;
  MGP_FORWARD(mgp_merge_rows_next(rows, &more, &list, &row, err));
  if (more) MGP_FORWARD(sink->section(sink->context, MGP_MERGE_IDS, err));
  while (more) {
    MGP_FORWARD(sink->write(sink->context, &views[list].ids[row], sizeof(uint64_t), err));
    ++*count;
    MGP_FORWARD(mgp_merge_rows_next(rows, &more, &list, &row, err));
  }
  return MAGPIE_OK;
}

static magpie_status write_block(const mgp_dense_view *view, size_t first, size_t count,
                                 const mgp_merge_sink *sink, magpie_error *err) {
  return sink->write(sink->context, view->rows + first * view->stride,
                     count * view->stride * sizeof(float), err);
}

static magpie_status write_rows(const mgp_dense_view *views, mgp_merge_rows *rows,
                                const mgp_merge_sink *sink, magpie_error *err) {
  bool more = true;
  size_t list = 0, row = 0, block_list = 0, block_first = 0, block = 0;
  MGP_FORWARD(sink->section(sink->context, MGP_MERGE_VECTORS, err));
  MGP_FORWARD(mgp_merge_rows_next(rows, &more, &list, &row, err));
  while (more) {
    if (block == BLOCK_ROWS || (block > 0 && (list != block_list || row != block_first + block))) {
      MGP_FORWARD(write_block(&views[block_list], block_first, block, sink, err));
      block = 0;
    }
    if (block == 0) {
      block_list = list;
      block_first = row;
    }
    block++;
    MGP_FORWARD(mgp_merge_rows_next(rows, &more, &list, &row, err));
  }
  return block ? write_block(&views[block_list], block_first, block, sink, err) : MAGPIE_OK;
}

magpie_status mgp_dense_merge(mgp_alloc *a, const mgp_dense_view *views, size_t view_count,
                              const mgp_filter *live, const mgp_merge_sink *sink, uint64_t *count,
                              magpie_error *err) {
  *count = 0;
  for (size_t i = 1; i < view_count; i++)
    MGP_RETURN_IF(views[i].dim != views[0].dim || views[i].stride != views[0].stride, err,
                  MAGPIE_INVALID, "merging segments: vectors of %zu and of %zu numbers",
                  views[0].dim, views[i].dim);
  mgp_id_list *lists = mgp_calloc(a, view_count ? view_count : 1, sizeof *lists);
  MGP_RETURN_IF(!lists, err, MAGPIE_NO_MEMORY, "no memory to merge %zu segments", view_count);
  for (size_t i = 0; i < view_count; i++)
    lists[i] = (mgp_id_list){.ids = views[i].ids, .count = views[i].count};
  mgp_merge_rows *rows = NULL;
  magpie_status status = mgp_merge_rows_create(a, lists, view_count, live, &rows, err);
  if (status == MAGPIE_OK) status = write_ids(views, rows, sink, count, err);
  mgp_merge_rows_destroy(rows);
  rows = NULL;
  if (status == MAGPIE_OK && *count > 0) {
    status = mgp_merge_rows_create(a, lists, view_count, live, &rows, err);
    if (status == MAGPIE_OK) status = write_rows(views, rows, sink, err);
    mgp_merge_rows_destroy(rows);
  }
  mgp_free(a, lists);
  return status;
}
