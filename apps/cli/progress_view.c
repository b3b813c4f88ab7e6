/* SPDX-License-Identifier: Apache-2.0
 *
 * Long work as a person sees it: a bar on a terminal, a line every few seconds on a pipe, one JSON
 * event a line with --json.
 */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

#define BAR_INTERVAL 0.1
#define LINE_INTERVAL 5.0
#define BAR_WIDTH 24

volatile int cli_interrupted = 0;

static void on_interrupt(int number) {
  (void)number;
  static const char note[] =
      "\nstopping: what was read is still stored; Ctrl-C again ends at once\n";
  if (cli_interrupted) _exit(130);
  cli_interrupted = 1;
  if (write(STDERR_FILENO, note, sizeof note - 1) < 0) _exit(130);
}

void cli_catch_interrupt(void) {
  struct sigaction action = {.sa_handler = on_interrupt};
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
}

void cli_progress_init(cli_progress *p, const cli_common *common) {
  *p = (cli_progress){.json = common->json,
                      .quiet = common->quiet,
                      .noun = "files",
                      .is_terminal = isatty(STDERR_FILENO) != 0};
}

static const char *event_name(magpie_event_type type) {
  static const char *const names[] = {"walk", "file", "failed", "commit", "warning", "done"};
  return names[type];
}

static double part_done(const magpie_event *e) {
  if (e->bytes_total) return (double)e->bytes_done / (double)e->bytes_total;
  return e->files_total ? (double)e->files_done / (double)e->files_total : 0;
}

static double eta(const magpie_event *e) {
  const double done = part_done(e);
  return done > 0.001 && done <= 1 ? e->elapsed_s * (1 - done) / done : 0;
}

static void print_event_json(const magpie_event *e) {
  char *path = NULL;
  json_t *row = json_pack(
      "{s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:f,s:f}", "event", event_name(e->type),
      "files_done", (json_int_t)e->files_done, "files_total", (json_int_t)e->files_total,
      "files_failed", (json_int_t)e->files_failed, "files_unchanged",
      (json_int_t)e->files_unchanged, "files_still_failed", (json_int_t)e->files_still_failed,
      "bytes_done", (json_int_t)e->bytes_done, "bytes_total", (json_int_t)e->bytes_total, "items",
      (json_int_t)e->items, "generation", (json_int_t)e->generation, "elapsed_s", e->elapsed_s,
      "eta_s", eta(e));
  if (e->path && magpie_path_text(e->path, &path, NULL) == MAGPIE_OK)
    json_object_set_new(row, "path", json_string(path));
  magpie_free(path);
  if (e->message) json_object_set_new(row, "message", json_string(e->message));
  json_dumpf(row, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
  fputc('\n', stdout);
  fflush(stdout);
  json_decref(row);
}

static void print_counts(const cli_progress *p, const magpie_event *e) {
  char a[32], b[32], c[32], d[32];
  const double seconds = e->elapsed_s > 0.001 ? e->elapsed_s : 0.001;
  fprintf(stderr, "%s", cli_count_text(a, e->files_done));
  if (e->files_total) fprintf(stderr, " of %s", cli_count_text(b, e->files_total));
  fprintf(stderr, " %s, %.1f %s/s", p->noun, (double)e->files_done / seconds, p->noun);
  if (e->items || e->bytes_done)
    fprintf(stderr, ", %s items, %s/s", cli_count_text(c, e->items),
            cli_bytes_text(d, (double)e->bytes_done / seconds));
  if (eta(e) > 0) fprintf(stderr, ", %s left", cli_seconds_text(a, eta(e)));
  if (e->files_failed) fprintf(stderr, ", %s failed", cli_count_text(b, e->files_failed));
}

static void draw_bar(cli_progress *p, const magpie_event *e) {
  const double done = part_done(e);
  const int filled = (int)(done * BAR_WIDTH + 0.5);
  fputs("\r\033[K", stderr);
  if (!e->files_total && !e->bytes_total) {
    fprintf(stderr, "looking for %s…", p->noun);
  } else {
    fprintf(stderr, "%s", cli_style(stderr, "green"));
    for (int i = 0; i < BAR_WIDTH; i++) fputs(i < filled ? "█" : "░", stderr);
    fprintf(stderr, "%s %3.0f %% ", cli_style(stderr, "off"), done * 100);
    print_counts(p, e);
  }
  fflush(stderr);
  p->has_bar = true;
}

static void clear_bar(cli_progress *p) {
  if (p->has_bar) fputs("\r\033[K", stderr);
  p->has_bar = false;
}

static void print_message(cli_progress *p, const magpie_event *e) {
  char *path = NULL;
  clear_bar(p);
  fprintf(stderr, "%s%s%s ", cli_style(stderr, e->type == MAGPIE_EVENT_FAILED ? "red" : "bold"),
          e->type == MAGPIE_EVENT_FAILED ? "failed:" : "warning:", cli_style(stderr, "off"));
  if (e->path && magpie_path_text(e->path, &path, NULL) == MAGPIE_OK) fprintf(stderr, "%s: ", path);
  magpie_free(path);
  if (e->message) cli_print_clean(stderr, e->message, strlen(e->message));
  fputc('\n', stderr);
}

void cli_progress_event(void *context, const magpie_event *event) {
  cli_progress *p = context;
  if (p->json) {
    print_event_json(event);
    return;
  }
  if (event->type == MAGPIE_EVENT_WARNING || (event->type == MAGPIE_EVENT_FAILED && !p->quiet))
    print_message(p, event);
  if (p->quiet) return;
  const bool is_last = event->type == MAGPIE_EVENT_DONE;
  const double interval = p->is_terminal ? BAR_INTERVAL : LINE_INTERVAL;
  if (!is_last && event->elapsed_s - p->last_draw < interval) return;
  p->last_draw = event->elapsed_s;
  if (is_last) {
    clear_bar(p);
  } else if (p->is_terminal) {
    draw_bar(p, event);
  } else if (event->files_done) {
    print_counts(p, event);
    fputc('\n', stderr);
  }
}

static void print_report_json(const magpie_report *r, magpie_status status,
                              const magpie_error *err) {
  json_t *row = json_pack(
      "{s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "event", "report", "files_seen",
      (json_int_t)r->files_seen, "files_added", (json_int_t)r->files_added, "files_changed",
      (json_int_t)r->files_changed, "files_moved", (json_int_t)r->files_moved, "files_unchanged",
      (json_int_t)r->files_unchanged, "files_removed", (json_int_t)r->files_removed, "files_failed",
      (json_int_t)r->files_failed, "files_skipped", (json_int_t)r->files_skipped,
      "files_still_failed", (json_int_t)r->files_still_failed, "items_added",
      (json_int_t)r->items_added, "items_removed", (json_int_t)r->items_removed, "generation",
      (json_int_t)r->generation);
  if (status) json_object_set_new(row, "error", json_string(err->message));
  json_dumpf(row, stdout, JSON_COMPACT);
  fputc('\n', stdout);
  json_decref(row);
}

static void print_part(const char *what, uint64_t count, bool *any) {
  char text[32];
  if (!count) return;
  printf("%s%s %s", *any ? ", " : "", cli_count_text(text, count), what);
  *any = true;
}

static void print_still_failed(uint64_t count) {
  char text[32];
  if (!count) return;
  printf("%s %s: `magpie failures` says why, `magpie failures --retry` tries again.\n",
         cli_count_text(text, count), count == 1 ? "file still fails" : "files still fail");
}

int cli_print_report(const cli_common *common, const char *verb, const magpie_report *r,
                     magpie_status status, const magpie_error *err) {
  if (common->json) {
    print_report_json(r, status, err);
  } else if (status == MAGPIE_OK || r->generation) {
    bool any = false;
    printf("%s: ", verb);
    print_part("new", r->files_added, &any);
    print_part("changed", r->files_changed, &any);
    print_part("moved", r->files_moved, &any);
    print_part("unchanged", r->files_unchanged, &any);
    print_part("removed", r->files_removed, &any);
    print_part("failed", r->files_failed, &any);
    print_part("skipped", r->files_skipped, &any);
    print_part("items added", r->items_added, &any);
    print_part("items removed", r->items_removed, &any);
    puts(any ? "" : "nothing to do");
    if (r->files_failed) puts("`magpie failures` says why files failed.");
    print_still_failed(r->files_still_failed);
  }
  if (common->durability == MAGPIE_DURABILITY_OFF)
    fputs(
        "magpie: durability off: this run is safe on disk only from here on; had the power failed "
        "during it, the index may need `magpie repair`\n",
        stderr);
  if (status && !common->json) return cli_report_error(err);
  if (status)
    return status == MAGPIE_INVALID                               ? EXIT_USAGE
           : status == MAGPIE_CORRUPT || status == MAGPIE_VERSION ? EXIT_DAMAGED
                                                                  : EXIT_NOTHING;
  return r->files_failed ? EXIT_NOTHING : EXIT_OK;
}
