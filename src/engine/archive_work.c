/* SPDX-License-Identifier: Apache-2.0
 *
 * One bar over all that an export or an import does: checks, checksums and packing are each a
 * reading of all bytes.
 */
#include "engine/archive_work.h"

#include "engine/replace_index.h"

#define TELL_INTERVAL 0.1 /* seconds between two that only count bytes */

void magpie_archive_options_defaults(magpie_archive_options *options) {
  *options = (magpie_archive_options){.size = sizeof *options};
}

void mgp_archive_work_begin(mgp_archive_work *w) {
  w->started = mgp_clock_seconds();
  mgp_archive_work_tell(w, MAGPIE_EVENT_WALK, NULL);
}

void mgp_archive_work_tell(mgp_archive_work *w, magpie_event_type type, const char *name) {
  if (!w->options->progress) return;
  const double elapsed = mgp_clock_seconds() - w->started;
  if (type == MAGPIE_EVENT_WALK && elapsed - w->event.elapsed_s < TELL_INTERVAL) return;
  w->event.type = type;
  w->event.path = name;
  w->event.elapsed_s = elapsed;
  w->options->progress(w->options->progress_context, &w->event);
}

magpie_status mgp_archive_work_add(mgp_archive_work *w, uint64_t bytes, magpie_error *err) {
  const uint64_t room = w->event.bytes_total - w->event.bytes_done;
  w->event.bytes_done += bytes < room ? bytes : room;
  MGP_RETURN_IF(w->options->cancel && *w->options->cancel, err, MAGPIE_CANCELLED,
                "stopped on request; nothing was left");
  return MAGPIE_OK;
}

/* The check tells of segments; here its bytes count. */
static void on_check(void *context, const magpie_event *event) {
  mgp_archive_work *w = context;
  if (event->type == MAGPIE_EVENT_DONE) return;
  const uint64_t done = w->base + event->bytes_done;
  w->event.bytes_done = done < w->event.bytes_total ? done : w->event.bytes_total;
  mgp_archive_work_tell(w, MAGPIE_EVENT_WALK, NULL);
}

magpie_status mgp_archive_work_check(mgp_archive_work *w, mgp_store *store, const char *shown,
                                     const char *done, const char *advice, uint64_t bytes,
                                     magpie_error *err) {
  mgp_check k = {.alloc = w->alloc,
                 .store = store,
                 .progress = on_check,
                 .progress_context = w,
                 .cancel = w->options->cancel};
  w->base = w->event.bytes_done;
  MGP_FORWARD(mgp_index_verify(&k, shown, done, advice, err));
  w->event.bytes_done = w->base;
  return mgp_archive_work_add(w, bytes, err);
}

void mgp_archive_work_report(const mgp_archive_head *head, uint64_t archive_bytes,
                             magpie_archive_report *report) {
  if (!report) return;
  *report = (magpie_archive_report){.generation = head->generation,
                                    .items = head->items,
                                    .files = head->files,
                                    .bytes = head->bytes,
                                    .archive_bytes = archive_bytes};
  memcpy(report->version, head->magpie, sizeof report->version);
  memcpy(report->created, head->created, sizeof report->created);
}
