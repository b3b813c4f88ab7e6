/* SPDX-License-Identifier: Apache-2.0
 *
 * Options of a command, from the table; the common ones are taken here.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

#define LONG_ONLY 256

static int count_options(const cli_option *list) {
  int count = 0;
  while (list[count].name) count++;
  return count;
}

static void add_options(cli_arguments *a, const cli_option *list, int *at) {
  for (; list->name; list++) {
    a->table[*at] = (struct option){.name = list->name,
                                    .has_arg = list->value ? required_argument : no_argument,
                                    .val = list->letter ? list->letter : LONG_ONLY + *at};
    (*at)++;
    const size_t size = strlen(a->letters);
    if (list->letter && size + 3 < sizeof a->letters) {
      a->letters[size] = list->letter;
      a->letters[size + 1] = list->value ? ':' : '\0';
      a->letters[size + 2] = '\0';
    }
  }
}

void cli_arguments_init(cli_arguments *a, const char *command, int argc, char **argv) {
  *a = (cli_arguments){.command = cli_command_find(command), .argc = argc, .argv = argv};
  const int count = count_options(a->command->options) + count_options(cli_common_options);
  a->table = calloc((size_t)count + 1, sizeof *a->table);
  if (!a->table) {
    fputs("magpie: no memory\n", stderr);
    exit(EXIT_NOTHING);
  }
  int at = 0;
  a->letters[0] = ':';
  add_options(a, a->command->options, &at);
  add_options(a, cli_common_options, &at);
  optind = 1;
  opterr = 0;
}

void cli_arguments_fini(cli_arguments *a) {
  free(a->table);
}

int cli_usage(const cli_arguments *a, const char *format, ...) {
  va_list args;
  va_start(args, format);
  fprintf(stderr, "magpie %s: ", a->command->name);
  vfprintf(stderr, format, args);
  fprintf(stderr, "\nTry `magpie help %s`.\n", a->command->name);
  va_end(args);
  return EXIT_USAGE;
}

bool cli_parse_count(const char *text, long min, long max, long *out) {
  char *end = NULL;
  errno = 0;
  const long value = strtol(text, &end, 10);
  if (errno || end == text || *end || value < min || value > max) return false;
  *out = value;
  return true;
}

bool cli_parse_bytes(const char *text, uint64_t *out) {
  char *end = NULL;
  errno = 0;
  const double value = strtod(text, &end);
  if (errno || end == text || !(value >= 0)) return false;
  static const char units[] = "KMGT";
  double scale = 1;
  if (*end) {
    const char *unit = strchr(units, *end >= 'a' ? *end - 32 : *end);
    if (!unit) return false;
    for (const char *u = units; u <= unit; u++) scale *= 1024;
    end++;
    if (*end == 'i') end++;
    if (*end == 'B' || *end == 'b') end++;
    if (*end) return false;
  }
  if (value * scale >= 9e18) return false;
  *out = (uint64_t)(value * scale);
  return true;
}

static void fail_usage(const cli_arguments *a, const char *format, const char *detail) {
  exit(cli_usage(a, format, detail));
}

static bool parse_durability(const char *text, magpie_durability *out) {
  static const char *const names[] = {"full", "batched", "off"};
  for (int i = 0; i < 3; i++) {
    if (strcmp(text, names[i]) != 0) continue;
    *out = (magpie_durability)i;
    return true;
  }
  return false;
}

static bool take_common(cli_arguments *a, const char *name, const char *value) {
  cli_common *c = &a->common;
  long number = 0;
  if (strcmp(name, "index") == 0) {
    c->index = value;
  } else if (strcmp(name, "json") == 0) {
    c->json = true;
  } else if (strcmp(name, "quiet") == 0) {
    c->quiet = true;
  } else if (strcmp(name, "packs") == 0) {
    c->packs = value;
  } else if (strcmp(name, "threads") == 0) {
    if (!cli_parse_count(value, 1, 256, &number))
      fail_usage(a, "--threads %s: expected 1 to 256", value);
    c->threads = (int)number;
  } else if (strcmp(name, "memory") == 0) {
    if (!cli_parse_bytes(value, &c->memory) || c->memory < (64u << 20))
      fail_usage(a, "--memory %s: expected a size of at least 64M, such as 512M", value);
  } else if (strcmp(name, "durability") == 0) {
    if (!parse_durability(value, &c->durability))
      fail_usage(a, "--durability %s: expected full, batched or off", value);
  } else if (strcmp(name, "wait") == 0) {
    if (!cli_parse_count(value, 0, 86400, &number))
      fail_usage(a, "--wait %s: expected seconds, 0 to 86400", value);
    c->wait_ms = (int)number * 1000;
  } else if (strcmp(name, "help") == 0) {
    char *argv[] = {"help", (char *)(uintptr_t)a->command->name, NULL};
    exit(cli_help(2, argv));
  } else {
    return false;
  }
  return true;
}

const char *cli_arguments_next(cli_arguments *a) {
  for (;;) {
    int index = -1;
    const int got = getopt_long(a->argc, a->argv, a->letters, a->table, &index);
    if (got == -1) {
      a->next = optind;
      return NULL;
    }
    if (got == ':') fail_usage(a, "%s needs a value", a->argv[optind - 1]);
    if (got == '?') fail_usage(a, "there is no option %s", a->argv[optind - 1]);
    const struct option *found = a->table;
    while (found->name && found->val != got) found++;
    a->value = optarg;
    if (!take_common(a, found->name, optarg)) return found->name;
  }
}

int cli_report_error(const magpie_error *err) {
  fprintf(stderr, "%smagpie: ", cli_style(stderr, "red"));
  if (err->place[0] && !strstr(err->message, err->place)) {
    cli_print_clean(stderr, err->place, strlen(err->place));
    fputs(": ", stderr);
  }
  cli_print_clean(stderr, err->message, strlen(err->message));
  fprintf(stderr, "%s\n", cli_style(stderr, "off"));
  switch (err->code) {
  case MAGPIE_INVALID:
    return EXIT_USAGE;
  case MAGPIE_CORRUPT:
  case MAGPIE_VERSION:
    return EXIT_DAMAGED;
  default:
    return EXIT_NOTHING;
  }
}

int cli_open(const cli_common *common, bool read_only, magpie **out) {
  magpie_error err = {0};
  magpie_open_options options;
  magpie_open_options_defaults(&options);
  options.read_only = read_only;
  options.memory_limit = common->memory;
  options.threads = common->threads;
  options.lock_wait_ms = common->wait_ms;
  options.pack_path = common->packs;
  options.text_pack = common->text_pack;
  options.durability = common->durability;
  char *path = NULL;
  if (!common->index && magpie_default_path(&path, &err)) return cli_report_error(&err);
  const magpie_status status =
      magpie_open(common->index ? common->index : path, &options, out, &err);
  magpie_free(path);
  return status ? cli_report_error(&err) : EXIT_OK;
}
