/* SPDX-License-Identifier: Apache-2.0
 *
 * magpie models: packs listed, shown, checked, fetched, added and removed, and the model of an
 * index changed.
 */
#include <string.h>

#include "cli.h"

static const char *text_of(const json_t *object, const char *name) {
  const char *text = json_string_value(json_object_get(object, name));
  return text ? text : "";
}

static unsigned long long number_of(const json_t *object, const char *name) {
  return (unsigned long long)json_integer_value(json_object_get(object, name));
}

static void print_models(const json_t *list) {
  size_t i;
  const json_t *row;
  char size[32];
  json_array_foreach(list, i, row) {
    const bool installed = json_is_true(json_object_get(row, "installed"));
    printf("%s%-28s%s %-9s %s%s\n", cli_style(stdout, "bold"), text_of(row, "name"),
           cli_style(stdout, "off"),
           installed
               ? cli_bytes_text(size, (double)json_integer_value(json_object_get(row, "bytes")))
               : "offered",
           text_of(row, "problem")[0] ? "PROBLEM: " : "",
           text_of(row, "problem")[0] ? text_of(row, "problem") : text_of(row, "description"));
  }
  if (json_array_size(list) == 0) puts("no packs; `make setup` in the source tree fetches them");
}

static void print_checks(const json_t *list) {
  size_t i;
  const json_t *row;
  json_array_foreach(list, i, row) {
    const bool ok = json_is_true(json_object_get(row, "ok"));
    printf("%s%s%s %s/%s %s\n", cli_style(stdout, ok ? "green" : "red"), ok ? "ok    " : "WRONG ",
           cli_style(stdout, "off"), text_of(row, "pack"), text_of(row, "file"),
           text_of(row, "reason"));
  }
}

static int pull_model(const cli_common *common, const char *name) {
  magpie_add_options options;
  cli_progress progress;
  magpie_error err = {0};
  magpie_add_options_defaults(&options);
  cli_progress_init(&progress, common);
  cli_catch_interrupt();
  options.progress = cli_progress_event;
  options.progress_context = &progress;
  options.cancel = &cli_interrupted;
  if (magpie_models_pull(common->packs, name, &options, &err)) return cli_report_error(&err);
  if (!common->json) printf("%s is installed\n", name);
  return EXIT_OK;
}

/* ---- use
 * ------------------------------------------------------------------------------------------- */

typedef struct use_options {
  bool rollback, forget;
} use_options;

static void print_lost(const json_t *report) {
  const unsigned long long lost = number_of(report, "lost_count");
  size_t i;
  const json_t *row;
  if (lost == 0) return;
  printf("%llu without a vector of this model:\n", lost);
  json_array_foreach(json_object_get(report, "lost"), i, row) {
    if (i == 10) {
      printf("  … and %llu more (--json lists %zu)\n", lost - i,
             json_array_size(json_object_get(report, "lost")));
      break;
    }
    printf("  %s %s: %s\n", text_of(row, "id"), text_of(row, "source"), text_of(row, "what"));
  }
}

static void print_use(const json_t *report) {
  char a[32], b[32], c[32];
  if (json_object_get(report, "spaces_dropped")) {
    printf("%llu spaces that were not in use are gone, with their files\n",
           number_of(report, "spaces_dropped"));
    return;
  }
  if (number_of(report, "generation") == 0) {
    printf("nothing to do: the index has vectors of %s\n", text_of(report, "pack"));
    print_lost(report);
    return;
  }
  printf("the index has vectors of %s now: %s items, %s encoded", text_of(report, "pack"),
         cli_count_text(a, number_of(report, "items")),
         cli_count_text(b, number_of(report, "encoded")));
  if (number_of(report, "from_thumbnails"))
    printf(", %s pictures of them from thumbnails",
           cli_count_text(c, number_of(report, "from_thumbnails")));
  putchar('\n');
  print_lost(report);
  puts("`magpie models use --rollback` goes back, `magpie models use --forget` frees the vectors "
       "of the model before");
}

static void print_use_event(const char *json) {
  json_t *report = json_loads(json, 0, NULL);
  json_object_set_new(report, "event", json_string("report"));
  json_dumpf(report, stdout, JSON_COMPACT);
  fputc('\n', stdout);
  json_decref(report);
}

static magpie_status change_model(magpie *ix, const char *name, const use_options *use,
                                  const magpie_add_options *options, char **json,
                                  magpie_error *err) {
  if (use->rollback) return magpie_model_rollback(ix, options, json, err);
  if (use->forget) return magpie_model_forget(ix, json, err);
  return magpie_model_use(ix, name, options, json, err);
}

static int run_use(const cli_common *common, const char *name, const use_options *use) {
  magpie *ix = NULL;
  int code = cli_open(common, true, &ix); /* opening for writing would make a missing index */
  magpie_close(&ix);
  cli_common changed = *common;
  changed.text_pack = NULL; /* what the index has does not matter here */
  if (code == EXIT_OK) code = cli_open(&changed, false, &ix);
  if (code != EXIT_OK) return code;
  magpie_add_options options;
  magpie_error err = {0};
  cli_progress progress;
  char *json = NULL;
  magpie_add_options_defaults(&options);
  cli_progress_init(&progress, common);
  progress.noun = "items";
  cli_catch_interrupt();
  options.progress = cli_progress_event;
  options.progress_context = &progress;
  options.cancel = &cli_interrupted;
  const magpie_status status = change_model(ix, name, use, &options, &json, &err);
  magpie_close(&ix);
  if (status) return cli_report_error(&err);
  if (common->json) {
    print_use_event(json);
  } else {
    json_t *report = json_loads(json, 0, NULL);
    print_use(report);
    json_decref(report);
  }
  magpie_free(json);
  return EXIT_OK;
}

static int run_models(const cli_arguments *a, const char *verb, const char *name) {
  const char *packs = a->common.packs;
  magpie_error err = {0};
  char *json = NULL;
  magpie_status status = MAGPIE_OK;
  if (strcmp(verb, "list") == 0) {
    if (magpie_models_list(packs, &json, &err)) return cli_report_error(&err);
    return cli_print_json(&a->common, json, print_models);
  }
  if (strcmp(verb, "verify") == 0) {
    status = magpie_models_verify(packs, name, &json, &err);
    if (json) cli_print_json(&a->common, json, print_checks);
    return status ? cli_report_error(&err) : EXIT_OK;
  }
  if (strcmp(verb, "prepare") == 0)
    return magpie_models_prepare(packs, &err) ? cli_report_error(&err) : EXIT_OK;
  if (!name) return cli_usage(a, "%s needs the name of a pack", verb);
  if (strcmp(verb, "show") == 0) {
    if (magpie_models_show(packs, name, &json, &err)) return cli_report_error(&err);
    return cli_print_json(&a->common, json, NULL);
  }
  if (strcmp(verb, "pull") == 0) return pull_model(&a->common, name);
  if (strcmp(verb, "add") == 0) status = magpie_models_add(packs, name, &err);
  else if (strcmp(verb, "remove") == 0) status = magpie_models_remove(packs, name, &err);
  else
    return cli_usage(
        a, "there is no `models %s`; list, show, verify, add, pull, prepare, remove, use", verb);
  return status ? cli_report_error(&err) : EXIT_OK;
}

static int run_use_verb(const cli_arguments *a, const char *name, const use_options *use) {
  const int ways = (name != NULL) + use->rollback + use->forget;
  if (ways != 1) return cli_usage(a, "use needs the name of a pack, or --rollback, or --forget");
  return run_use(&a->common, name, use);
}

int cli_models(int argc, char **argv) {
  cli_arguments a;
  use_options use = {0};
  cli_arguments_init(&a, "models", argc, argv);
  for (const char *option; (option = cli_arguments_next(&a));) {
    if (strcmp(option, "rollback") == 0) use.rollback = true;
    if (strcmp(option, "forget") == 0) use.forget = true;
  }
  const int left = argc - a.next;
  const char *verb = left > 0 ? argv[a.next] : "", *name = left == 2 ? argv[a.next + 1] : NULL;
  int code;
  if (left < 1 || left > 2)
    code = cli_usage(&a, "expected list, show, verify, add, pull, prepare, remove or use");
  else if (strcmp(verb, "use") == 0) code = run_use_verb(&a, name, &use);
  else if (use.rollback || use.forget)
    code = cli_usage(&a, "--rollback and --forget belong to `models use`");
  else code = run_models(&a, verb, name);
  cli_arguments_fini(&a);
  return code;
}
