/* SPDX-License-Identifier: Apache-2.0
 *
 * One file over HTTP, resumed, bounded and checked. Without libcurl every transfer says so.
 */
#include "encode/pull.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEXT_MAX (8u << 20)
#define FILE_MAX (16ll << 30)

#if defined(MGP_WITH_CURL)
#include "encode/curl_table.h"

#define CONNECT_SECONDS 20L
#define STALL_SECONDS 60L

typedef struct transfer {
  const mgp_curl_table *calls;
  CURL *curl;
  FILE *file;       /* or */
  mgp_buffer *text; /* one of the two */
  int64_t start, limit;
  bool is_refused; /* the server knows no ranges */
  const magpie_add_options *options;
  magpie_event event;
  double told;
} transfer;

static size_t take_bytes(char *bytes, size_t size, size_t count, void *context) {
  transfer *t = context;
  const size_t total = size * count;
  if ((int64_t)t->event.bytes_done + (int64_t)total > t->limit) return 0;
  t->event.bytes_done += total;
  if (t->file) return fwrite(bytes, 1, total, t->file);
  mgp_buffer_add(t->text, bytes, total);
  return t->text->failed ? 0 : total;
}

static int tell(void *context, curl_off_t total, curl_off_t now, curl_off_t up_total,
                curl_off_t up) {
  (void)up_total, (void)up;
  transfer *t = context;
  const magpie_add_options *o = t->options;
  if (o && o->cancel && *o->cancel) return 1;
  const double clock = mgp_clock_seconds();
  if (!o || !o->progress || clock - t->told < 0.2) return 0;
  t->told = clock;
  magpie_event event = {.type = MAGPIE_EVENT_WALK, .path = t->event.path};
  event.bytes_done = (uint64_t)(now + t->start);
  event.bytes_total = total > 0 ? (uint64_t)(total + t->start) : 0;
  o->progress(o->progress_context, &event);
  return 0;
}

static void set_options(transfer *t, const char *url) {
  CURL *c = t->curl;
  CURLcode (*set)(CURL *, CURLoption, ...) = t->calls->setopt;
  set(c, CURLOPT_URL, url);
  set(c, CURLOPT_FOLLOWLOCATION, 1L);
  set(c, CURLOPT_MAXREDIRS, 8L);
  set(c, CURLOPT_PROTOCOLS_STR, "http,https");
  set(c, CURLOPT_FAILONERROR, 1L);
  set(c, CURLOPT_NOSIGNAL, 1L);
  set(c, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
  set(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
  set(c, CURLOPT_LOW_SPEED_TIME, STALL_SECONDS);
  set(c, CURLOPT_USERAGENT, "magpie");
  set(c, CURLOPT_WRITEFUNCTION, take_bytes);
  set(c, CURLOPT_WRITEDATA, t);
  set(c, CURLOPT_NOPROGRESS, 0L);
  set(c, CURLOPT_XFERINFOFUNCTION, tell);
  set(c, CURLOPT_XFERINFODATA, t);
  if (t->start > 0) set(c, CURLOPT_RESUME_FROM_LARGE, (curl_off_t)t->start);
}

static magpie_status run(transfer *t, const char *url, magpie_error *err) {
  MGP_FORWARD(mgp_curl_load(&t->calls, err));
  t->curl = t->calls->init();
  MGP_RETURN_IF(!t->curl, err, MAGPIE_NO_MEMORY, "no memory for a transfer");
  set_options(t, url);
  const CURLcode code = t->calls->perform(t->curl);
  long http = 0;
  t->calls->getinfo(t->curl, CURLINFO_RESPONSE_CODE, &http);
  t->calls->cleanup(t->curl);
  t->is_refused = code == CURLE_RANGE_ERROR;
  if (code == CURLE_OK) return MAGPIE_OK;
  if (code == CURLE_ABORTED_BY_CALLBACK)
    return mgp_fail(err, MAGPIE_CANCELLED, "stopped on request; the same command goes on");
  if (http == 404) return mgp_fail(err, MAGPIE_NOT_FOUND, "%s: the server has no such file", url);
  return mgp_fail(err, MAGPIE_NETWORK, "%s: %s; run the same command again to go on", url,
                  code == CURLE_WRITE_ERROR ? "more bytes than allowed, or the disk is full"
                                            : t->calls->strerror(code));
}
#endif

magpie_status mgp_transfer_text(const char *url, char **out, size_t *size, magpie_error *err) {
  *out = NULL;
#if defined(MGP_WITH_CURL)
  mgp_buffer text;
  mgp_buffer_init(&text, NULL);
  transfer t = {.text = &text, .limit = TEXT_MAX};
  const magpie_status status = run(&t, url, err);
  *size = text.size;
  *out = mgp_buffer_take(&text);
  if (status == MAGPIE_OK && *out) return MAGPIE_OK;
  mgp_free(NULL, *out);
  *out = NULL;
  return status != MAGPIE_OK ? status : mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for %s", url);
#else
  *size = 0;
  return mgp_fail(err, MAGPIE_UNSUPPORTED, "%s: this build has no libcurl", url);
#endif
}

/* The whole .part file against what was promised. */
static magpie_status check_file(const mgp_remote_file *remote, const char *part,
                                magpie_error *err) {
  char sum[65];
  uint64_t size = 0;
  MGP_FORWARD(mgp_sha256_file(part, sum, &size, err));
  const bool good_size = remote->size < 0 || (uint64_t)remote->size == size;
  const bool good_sum = !remote->sum[0] || mgp_text_equal(remote->sum, sum);
  if (good_size && good_sum) return MAGPIE_OK;
  unlink(part);
  if (!good_size)
    return mgp_fail(err, MAGPIE_NETWORK, "%s has %llu bytes, expected %lld; it was removed",
                    remote->url, (unsigned long long)size, (long long)remote->size);
  return mgp_fail(err, MAGPIE_NETWORK, "%s has sha256 %s, expected %s; it was removed", remote->url,
                  sum, remote->sum);
}

#if defined(MGP_WITH_CURL)
static magpie_status fetch_part(const mgp_remote_file *remote, const char *part,
                                const magpie_add_options *options, magpie_error *err) {
  struct stat st;
  const int64_t have = stat(part, &st) == 0 ? (int64_t)st.st_size : 0;
  if (remote->size >= 0 && have == remote->size) return MAGPIE_OK;
  FILE *file = fopen(part, have > 0 ? "r+be" : "wbe");
  if (!file) return mgp_fail_errno(err, errno, "%s cannot be written", part);
  transfer t = {.file = file, .start = have, .options = options, .limit = FILE_MAX};
  t.event.path = remote->url;
  magpie_status status = MAGPIE_OK;
  if (have > 0 && fseek(file, 0, SEEK_END) != 0)
    status = mgp_fail_errno(err, errno, "%s cannot be read", part);
  if (status == MAGPIE_OK) status = run(&t, remote->url, err);
  if (t.is_refused && ftruncate(fileno(file), 0) == 0 && fseek(file, 0, SEEK_SET) == 0) {
    t.start = 0; /* then the whole file again */
    status = run(&t, remote->url, err);
  }
  if (fclose(file) != 0 && status == MAGPIE_OK)
    status = mgp_fail_errno(err, errno, "%s cannot be written", part);
  return status;
}
#endif

magpie_status mgp_transfer_file(const mgp_remote_file *remote, const char *path,
                                const magpie_add_options *options, magpie_error *err) {
#if defined(MGP_WITH_CURL)
  mgp_buffer name;
  mgp_buffer_init(&name, NULL);
  mgp_buffer_printf(&name, "%s.part", path);
  char *part = mgp_buffer_take(&name);
  MGP_RETURN_IF(!part, err, MAGPIE_NO_MEMORY, "no memory for a path");
  magpie_status status = fetch_part(remote, part, options, err);
  if (status == MAGPIE_OK) status = check_file(remote, part, err);
  if (status == MAGPIE_OK && rename(part, path) != 0)
    status = mgp_fail_errno(err, errno, "%s cannot be renamed", part);
  mgp_free(NULL, part);
  return status;
#else
  (void)path, (void)options, (void)check_file;
  return mgp_fail(err, MAGPIE_UNSUPPORTED, "%s: this build has no libcurl", remote->url);
#endif
}
