/* SPDX-License-Identifier: Apache-2.0
 *
 * mgp_module_load. A module shares structs with its loader, so it must be of the same version.
 */
#include "plugin/module_loader.h"

#include <dlfcn.h>

/* Beside the file that this code lies in: libmagpie, or a program that is linked with its parts. */
static char *module_path(const char *file) {
  Dl_info here = {0};
  static const char mark;
  if (dladdr(&mark, &here) == 0 || !here.dli_fname) return mgp_strdup(NULL, file);
  const char *name = mgp_path_name(here.dli_fname);
  mgp_buffer b;
  mgp_buffer_init(&b, NULL);
  if (name == here.dli_fname) mgp_buffer_add_text(&b, "./");
  else mgp_buffer_add(&b, here.dli_fname, (size_t)(name - here.dli_fname));
  mgp_buffer_add_text(&b, file);
  return mgp_buffer_take(&b);
}

static const void *load_from(const mgp_module_request *request, const char *path,
                             magpie_error *err) {
  void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  void *symbol = module ? dlsym(module, request->symbol) : NULL;
  if (!symbol) {
    mgp_fail(err, MAGPIE_UNSUPPORTED, "%s: %s; %s", request->lost, dlerror(), request->advice);
    return NULL;
  }
  const void *(*get)(void) = NULL;
  memcpy(&get, &symbol, sizeof get); /* ISO C has no cast for it */
  const void *table = get();
  const char *version = *(const char *const *)table;
  if (strcmp(version, MGP_VERSION_TEXT) == 0) return table;
  mgp_fail(err, MAGPIE_VERSION,
           "%s: %s is of magpie %s, this is magpie %s; install magpie again, as a whole",
           request->lost, path, version, MGP_VERSION_TEXT);
  return NULL;
}

const void *mgp_module_load(const mgp_module_request *request, magpie_error *err) {
  char *path = module_path(request->file);
  const void *table = path ? load_from(request, path, err) : NULL;
  if (!path) mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for a path");
  mgp_free(NULL, path);
  return table;
}
