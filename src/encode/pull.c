/* SPDX-License-Identifier: Apache-2.0
 *
 * mgp_pull: a URL goes to the hub; a name of the catalogue is built from its registry package by
 * the recipe script, which calls the registry's own client. The library itself knows no registry.
 */
#include "encode/pull.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

#define SCRIPT "build_pack.py"
#define OUTPUT_MAX 4096

/* MAGPIE_RECIPES, the source tree, then where `make install` puts them. */
static char *find_script(mgp_arena *arena) {
  const char *const folders[] = {getenv("MAGPIE_RECIPES"), MGP_SOURCE_RECIPES,
                                 "/usr/local/share/magpie/recipes", "/usr/share/magpie/recipes"};
  for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
    if (!folders[i] || !*folders[i]) continue;
    char *path = mgp_arena_printf(arena, "%s/" SCRIPT, folders[i]);
    if (path && mgp_file_exists(path)) return path;
  }
  return NULL;
}

static bool is_offered(const char *name) {
  const json_t *catalogue = NULL;
  if (mgp_catalogue_get(&catalogue, NULL) != MAGPIE_OK) return false;
  size_t i;
  const json_t *offer;
  json_array_foreach(json_object_get(catalogue, "packs"), i,
                     offer) if (mgp_text_equal(mgp_json_text(offer, "name", ""), name)) return true;
  return false;
}

/* Runs the script with its output in a pipe; the last line of it explains a failure. */
static magpie_status run_script(char *const *argv, char *last, size_t last_size, int *code,
                                magpie_error *err) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return mgp_fail_errno(err, errno, "a pipe cannot be made");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 2);
  pid_t child = 0;
  const int why = posix_spawnp(&child, argv[0], &actions, NULL, argv, environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  FILE *output = why == 0 ? fdopen(ends[0], "r") : NULL;
  char line[OUTPUT_MAX];
  while (output && fgets(line, sizeof line, output))
    if (line[0] != '\n') snprintf(last, last_size, "%.*s", (int)strcspn(line, "\n"), line);
  if (output) fclose(output);
  else close(ends[0]);
  if (why != 0) return mgp_fail_errno(err, why, "python3, which builds packs, cannot be started");
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  *code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return MAGPIE_OK;
}

static magpie_status build_pack(mgp_arena *arena, char *packs, char *name, magpie_error *err) {
  char *script = find_script(arena);
  MGP_RETURN_IF(
      !script, err, MAGPIE_NOT_FOUND,
      "the recipes of packs are not installed; set MAGPIE_RECIPES to the folder packs/ of "
      "the source tree");
  char *const argv[] = {"python3", "-B", script, name, "--out", packs, NULL};
  char last[512] = "no reason given";
  int code = 0;
  MGP_FORWARD(run_script(argv, last, sizeof last, &code, err));
  MGP_RETURN_IF(code != 0, err, MAGPIE_NETWORK, "the pack %s could not be built: %s", name, last);
  return MAGPIE_OK;
}

magpie_status mgp_pull(mgp_alloc *a, const char *pack_path, const char *name,
                       const magpie_add_options *options, magpie_error *err) {
  mgp_arena *arena = mgp_arena_create(a);
  MGP_RETURN_IF(!arena, err, MAGPIE_NO_MEMORY, "no memory to pull %s", name);
  char *packs = mgp_arena_strndup(arena, pack_path, strcspn(pack_path, ":"));
  char *copy = mgp_arena_strdup(arena, name);
  const char *hub = getenv("MAGPIE_HUB");
  magpie_status status = packs && copy ? mgp_directory_make(packs, err)
                                       : mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for a path");
  if (status != MAGPIE_OK) {
  } else if (strstr(name, "://")) {
    status = mgp_pull_hub(a, packs, name, options, err);
  } else if (is_offered(name)) {
    status = build_pack(arena, packs, copy, err);
  } else if (strchr(name, '/') && hub && *hub) {
    char *url = mgp_arena_printf(arena, "%s/%s", hub, name);
    status = url ? mgp_pull_hub(a, packs, url, options, err)
                 : mgp_fail(err, MAGPIE_NO_MEMORY, "no memory for a URL");
  } else {
    status =
        mgp_fail(err, MAGPIE_NOT_FOUND,
                 "the catalogue has no pack %s; `magpie models list` shows what it has. A model "
                 "of a hub is named BASE-URL/ORG/NAME",
                 name);
  }
  mgp_arena_destroy(arena);
  return status;
}
