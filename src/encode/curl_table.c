/* SPDX-License-Identifier: Apache-2.0
 *
 * Loading libcurl. Its binary interface has been 4 since 2006; distributions build it with one
 * library for TLS or another, under names of their own.
 */
#if defined(MGP_WITH_CURL)
#include "encode/curl_table.h"

#include <dlfcn.h>
#include <pthread.h>

static const char *const names[] = {
#if defined(__APPLE__)
    "libcurl.4.dylib",
#else
    "libcurl.so.4",
    "libcurl-gnutls.so.4",
#endif
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static mgp_curl_table table;
static magpie_error load_error;

static bool take(void *library, const char *name, void *function) {
  void *symbol = dlsym(library, name);
  memcpy(function, &symbol, sizeof symbol); /* ISO C has no cast for it */
  return symbol != NULL;
}

static bool take_all(void *library) {
  return take(library, "curl_global_init", &table.global_init) &&
         take(library, "curl_easy_init", &table.init) &&
         take(library, "curl_easy_setopt", &table.setopt) &&
         take(library, "curl_easy_perform", &table.perform) &&
         take(library, "curl_easy_getinfo", &table.getinfo) &&
         take(library, "curl_easy_cleanup", &table.cleanup) &&
         take(library, "curl_easy_strerror", &table.strerror);
}

static void load(void) {
  void *library = NULL;
  for (size_t i = 0; i < sizeof names / sizeof *names && !library; i++)
    library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
  if (!library || !take_all(library)) {
    const char *why = dlerror();
    mgp_fail(&load_error, MAGPIE_UNSUPPORTED,
             "nothing can be fetched: libcurl cannot be loaded (%s); install it (Debian: libcurl4)",
             why ? why : "no reason given");
    return;
  }
  const CURLcode code = table.global_init(CURL_GLOBAL_DEFAULT);
  if (code != CURLE_OK)
    mgp_fail(&load_error, MAGPIE_UNSUPPORTED, "nothing can be fetched: libcurl: %s",
             table.strerror(code));
}

magpie_status mgp_curl_load(const mgp_curl_table **out, magpie_error *err) {
  pthread_once(&once, load);
  *out = &table;
  if (load_error.code != MAGPIE_OK && err) *err = load_error;
  return load_error.code;
}
#else
typedef int mgp_without_curl; /* a file has at least one declaration */
#endif
