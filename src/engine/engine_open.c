/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening and closing the one object a user holds. Encoders, thread pools for reading and views are
 * made on first use, so that opening costs a few milliseconds.
 */
#include <stdlib.h>
#include <unistd.h>

#include "engine/engine.h"

/* Of the first release: what comes after may be missing. */
#define OPTIONS_SIZE_MIN offsetof(magpie_open_options, durability)
#define DEFAULT_MEMORY_LIMIT (512ull << 20)
/* For what malloc keeps of freed blocks, and for stacks. */
#define SLACK_SHARE 8

void magpie_open_options_defaults(magpie_open_options *options) {
  *options = (magpie_open_options){.size = sizeof *options};
}

void magpie_add_options_defaults(magpie_add_options *options) {
  *options = (magpie_add_options){.size = sizeof *options};
}

void magpie_query_defaults(magpie_query *query) {
  *query = (magpie_query){.size = sizeof *query, .k = 10};
}

static magpie_status open_parts(magpie *ix, const char *path, const magpie_open_options *options,
                                magpie_error *err) {
  MGP_FORWARD(mgp_pool_create(ix->threads, &ix->pool, err));
  ix->threads = mgp_pool_threads(ix->pool);
  MGP_FORWARD(mgp_pack_path_default(ix->alloc, options->pack_path, &ix->pack_path, err));
  if (options->text_pack) {
    ix->wanted_text_pack = mgp_strdup(ix->alloc, options->text_pack);
    MGP_RETURN_IF(!ix->wanted_text_pack, err, MAGPIE_NO_MEMORY, "no memory to open %s", path);
  }
  MGP_FORWARD(mgp_store_open(ix->alloc, path, options->read_only, &ix->store, err));
  return mgp_store_durability_set(ix->store, options->durability, err);
}

magpie_status magpie_open(const char *path, const magpie_open_options *options, magpie **out,
                          magpie_error *err) {
  magpie_open_options taken;
  magpie_open_options_defaults(&taken);
  MGP_RETURN_IF(!out, err, MAGPIE_INVALID, "magpie_open: out is NULL");
  *out = NULL;
  MGP_RETURN_IF(!path || !*path, err, MAGPIE_INVALID, "magpie_open: the path of an index is empty");
  MGP_RETURN_IF(options && options->size < OPTIONS_SIZE_MIN, err, MAGPIE_INVALID,
                "magpie_open: options.size is %zu, expected %zu; use magpie_open_options_defaults",
                options->size, sizeof taken);
  /* A caller built before an option was added has the default of it. */
  if (options) memcpy(&taken, options, options->size < sizeof taken ? options->size : sizeof taken);
  options = &taken;
  const uint64_t limit = options->memory_limit ? options->memory_limit : DEFAULT_MEMORY_LIMIT;
  mgp_alloc *alloc = mgp_alloc_create(limit);
  const bool has_slack = mgp_alloc_reserve(alloc, limit / SLACK_SHARE);
  magpie *ix = alloc && has_slack ? mgp_calloc(alloc, 1, sizeof *ix) : NULL;
  if (!ix) {
    mgp_alloc_destroy(alloc);
    return mgp_fail(err, MAGPIE_NO_MEMORY, "no memory to open %s", path);
  }
  ix->alloc = alloc;
  ix->threads = options->threads;
  ix->lock_wait_ms = options->lock_wait_ms;
  ix->read_only = options->read_only;
  pthread_mutex_init(&ix->encoder_lock, NULL);
  pthread_mutex_init(&ix->view_lock, NULL);
  pthread_mutex_init(&ix->analyzer_lock, NULL);
  const magpie_status status = open_parts(ix, path, options, err);
  if (status != MAGPIE_OK) magpie_close(&ix);
  *out = ix;
  return status;
}

void magpie_close(magpie **handle) {
  if (!handle || !*handle) return;
  magpie *ix = *handle;
  *handle = NULL;
  if (ix->view) mgp_engine_view_release(ix, ix->view);
  for (size_t i = 0; i < ix->analyzer_count; i++) mgp_analyzer_destroy(ix->analyzers[i]);
  mgp_engine_encoders_close(ix);
  mgp_store_close(&ix->store);
  mgp_pool_destroy(ix->decode_pool);
  mgp_pool_destroy(ix->pool);
  mgp_free(ix->alloc, ix->pack_path);
  mgp_free(ix->alloc, ix->wanted_text_pack);
  pthread_mutex_destroy(&ix->encoder_lock);
  pthread_mutex_destroy(&ix->view_lock);
  pthread_mutex_destroy(&ix->analyzer_lock);
  mgp_alloc *alloc = ix->alloc;
  mgp_free(alloc, ix);
  mgp_alloc_destroy(alloc);
}

magpie_status magpie_default_path(char **path, magpie_error *err) {
  MGP_RETURN_IF(!path, err, MAGPIE_INVALID, "magpie_default_path: path is NULL");
  *path = NULL;
  const char *named = getenv("MAGPIE_INDEX");
  const char *data = getenv("XDG_DATA_HOME");
  const char *home = getenv("HOME");
  mgp_buffer b;
  mgp_buffer_init(&b, NULL);
  if (named && *named) {
    mgp_buffer_add_text(&b, named);
  } else if (data && data[0] == '/') {
    mgp_buffer_printf(&b, "%s/magpie/default.mgp", data);
  } else if (home && *home) {
    mgp_buffer_printf(&b, "%s/.local/share/magpie/default.mgp", home);
  } else {
    return mgp_fail(err, MAGPIE_INVALID,
                    "no place for the index: HOME is not set; set MAGPIE_INDEX or use -x");
  }
  *path = mgp_buffer_take(&b);
  MGP_RETURN_IF(!*path, err, MAGPIE_NO_MEMORY, "no memory for a path");
  return MAGPIE_OK;
}

magpie_status magpie_path_text(const char *path, char **text, magpie_error *err) {
  MGP_RETURN_IF(!path || !text, err, MAGPIE_INVALID, "magpie_path_text: an argument is NULL");
  *text = mgp_path_escape(NULL, path);
  MGP_RETURN_IF(!*text, err, MAGPIE_NO_MEMORY, "no memory for a path");
  return MAGPIE_OK;
}

magpie_status magpie_path_bytes(const char *text, char **path, magpie_error *err) {
  MGP_RETURN_IF(!text || !path, err, MAGPIE_INVALID, "magpie_path_bytes: an argument is NULL");
  *path = mgp_path_unescape(NULL, text);
  MGP_RETURN_IF(!*path, err, MAGPIE_NO_MEMORY, "no memory for a path");
  return MAGPIE_OK;
}
