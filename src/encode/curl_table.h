/* SPDX-License-Identifier: Apache-2.0
 *
 * libcurl, loaded by the first transfer. It brings some thirty shared libraries along, which every
 * start of a process would pay for, and only `models pull` uses it.
 */
#ifndef MGP_ENCODE_CURL_TABLE_H
#define MGP_ENCODE_CURL_TABLE_H

#include <curl/curl.h>

#include "base/base.h"

/* Named without `curl_easy_`, as curl.h has macros of those names. */
typedef struct mgp_curl_table {
  CURLcode (*global_init)(long flags);
  CURL *(*init)(void);
  CURLcode (*setopt)(CURL *handle, CURLoption option, ...);
  CURLcode (*perform)(CURL *handle);
  CURLcode (*getinfo)(CURL *handle, CURLINFO info, ...);
  void (*cleanup)(CURL *handle);
  const char *(*strerror)(CURLcode code);
} mgp_curl_table;

/* Loads and starts it once for the process. UNSUPPORTED where it is not installed. */
magpie_status mgp_curl_load(const mgp_curl_table **out, magpie_error *err);

#endif
