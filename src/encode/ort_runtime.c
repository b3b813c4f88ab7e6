/* SPDX-License-Identifier: Apache-2.0
 *
 * Finds and loads ONNX Runtime. dlopen and not linking, because the product starts and searches
 * words without it. The library stays loaded: its threads and statics do not survive a dlclose.
 * Lock: load_lock guards the one instance; after it is ready it is only read.
 */
#include "encode/ort_runtime.h"
#include "encode/ort_memory.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>

static pthread_mutex_t load_lock = PTHREAD_MUTEX_INITIALIZER;
static mgp_runtime instance;
static bool is_ready;

typedef void (*any_function)(void);

/* OrtApiBase: the one exported symbol returns this. */
typedef struct api_base {
  const any_function *(*get_api)(uint32_t version);
  const char *(*version)(void);
} api_base;

/* The runtime would write to stderr; what matters comes back as a status. */
static void drop_message(void *context, unsigned severity, const char *category, const char *id,
                         const char *place, const char *message) {
  (void)context, (void)severity, (void)category, (void)id, (void)place, (void)message;
}

magpie_status mgp_runtime_check(const mgp_runtime *runtime, OrtStatus *status, magpie_error *err,
                                const char *format, ...) {
  if (!status) return MAGPIE_OK;
  char what[384];
  va_list args;
  va_start(args, format);
  vsnprintf(what, sizeof what, format, args);
  va_end(args);
  char reason[320];
  snprintf(reason, sizeof reason, "%s", runtime->ort.GetErrorMessage(status));
  runtime->ort.ReleaseStatus(status);
  return mgp_fail(err, MAGPIE_MODEL, "%s: %s", what, reason);
}

static magpie_status fill_table(void *library, const char *path, mgp_runtime *r,
                                magpie_error *err) {
  void *symbol = dlsym(library, "OrtGetApiBase");
  MGP_RETURN_IF(!symbol, err, MAGPIE_MODEL, "%s is not ONNX Runtime: it exports no OrtGetApiBase",
                path);
  const api_base *(*get_base)(void) = NULL;
  memcpy(&get_base, &symbol, sizeof get_base); /* POSIX: a symbol's address is a function's */
  const api_base *base = get_base();
  snprintf(r->version, sizeof r->version, "%s", base->version());
  const any_function *table = base->get_api(MGP_ORT_API_VERSION);
  MGP_RETURN_IF(!table, err, MAGPIE_MODEL,
                "%s is ONNX Runtime %s, too old: 1.%u or newer is needed; run `make setup`", path,
                r->version, MGP_ORT_API_VERSION);
#define FILL(slot, name, returns, parameters) r->ort.name = (returns(*) parameters)table[slot];
  MGP_ORT_SLOTS(FILL)
#undef FILL
  return MAGPIE_OK;
}

static magpie_status start(void *library, const char *path, magpie_error *err) {
  mgp_runtime r = {0};
  MGP_FORWARD(fill_table(library, path, &r, err));
  MGP_FORWARD(mgp_runtime_check(
      &r, r.ort.CreateEnvWithCustomLogger(drop_message, NULL, MGP_ORT_LOG_FATAL, "magpie", &r.env),
      err, "%s did not start", path));
  magpie_status status = mgp_runtime_check(
      &r, r.ort.CreateCpuMemoryInfo(MGP_ORT_ALLOCATOR_DEVICE, MGP_ORT_MEMORY_DEFAULT, &r.memory),
      err, "%s has no CPU memory", path);
  if (status == MAGPIE_OK)
    status = mgp_runtime_check(&r, r.ort.GetAllocatorWithDefaultOptions(&r.allocator), err,
                               "%s has no allocator", path);
  if (status == MAGPIE_OK)
    status = mgp_runtime_check(&r, r.ort.RegisterAllocator(r.env, mgp_ort_allocator(r.memory)), err,
                               "%s takes no allocator", path);
  if (status != MAGPIE_OK) {
    if (r.memory) r.ort.ReleaseMemoryInfo(r.memory);
    r.ort.ReleaseEnv(r.env);
    return status;
  }
  instance = r;
  is_ready = true;
  return MAGPIE_OK;
}

/* OK also when there is no such library: then is_ready stays false. A library that is there and
 * does not work is an error: another one would hide it. */
static magpie_status try_library(const char *path, bool must_exist, magpie_error *err) {
  const bool is_file = strchr(path, '/') != NULL;
  if (is_file && !must_exist && !mgp_file_exists(path)) return MAGPIE_OK;
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char *reason = dlerror();
    if (!is_file && !must_exist) return MAGPIE_OK;
    return mgp_fail(err, MAGPIE_MODEL, "cannot load ONNX Runtime %s: %s; run `make setup`", path,
                    reason ? reason : "no reason given");
  }
  const magpie_status status = start(library, path, err);
  if (status != MAGPIE_OK) dlclose(library);
  return status;
}

static magpie_status try_folder(const char *folder, size_t size, magpie_error *err) {
  static const char *const names[] = {"libonnxruntime.so.1", "libonnxruntime.so"};
  for (size_t i = 0; i < sizeof names / sizeof *names && !is_ready; i++) {
    char path[4096];
    const int n = snprintf(path, sizeof path, "%.*s/runtime/%s", (int)size, folder, names[i]);
    if (n > 0 && (size_t)n < sizeof path) MGP_FORWARD(try_library(path, false, err));
  }
  return MAGPIE_OK;
}

/* Under load_lock. */
static magpie_status load(const char *pack_path, magpie_error *err) {
  const char *chosen = getenv("MAGPIE_ORT");
  if (chosen && chosen[0]) return try_library(chosen, true, err);
  char *folders = NULL;
  MGP_FORWARD(mgp_pack_path_default(NULL, pack_path, &folders, err));
  magpie_status status = MAGPIE_OK;
  for (const char *at = folders; status == MAGPIE_OK && !is_ready && *at;) {
    const size_t size = strcspn(at, ":");
    if (size > 0 && size < 4096) status = try_folder(at, size, err);
    at += size + (at[size] == ':');
  }
  if (status == MAGPIE_OK && !is_ready) status = try_library("libonnxruntime.so.1", false, err);
  if (status == MAGPIE_OK && !is_ready) status = try_library("libonnxruntime.so", false, err);
  if (status == MAGPIE_OK && !is_ready)
    status =
        mgp_fail(err, MAGPIE_MODEL,
                 "ONNX Runtime was not found (looked for runtime/libonnxruntime.so.1 in %s and "
                 "on the system); run `make setup`, or set MAGPIE_ORT to the library's path",
                 folders);
  mgp_free(NULL, folders);
  return status;
}

magpie_status mgp_runtime_get(const char *pack_path, const mgp_runtime **out, magpie_error *err) {
  pthread_mutex_lock(&load_lock);
  const magpie_status status = is_ready ? MAGPIE_OK : load(pack_path, err);
  pthread_mutex_unlock(&load_lock);
  if (status == MAGPIE_OK) *out = &instance;
  return status;
}

const char *mgp_runtime_version(const mgp_runtime *runtime) {
  return runtime->version;
}
