/* SPDX-License-Identifier: Apache-2.0
 *
 * The magpie command: a thin face of the library. Only <magpie/magpie.h> is used, and jansson to
 * read the JSON that the library gives.
 */
#ifndef MAGPIE_CLI_H
#define MAGPIE_CLI_H

#include <getopt.h>
#include <jansson.h>
#include <magpie/magpie.h>
#include <stdio.h>

/* Exit codes; `magpie help exit` and the man page list them. */
#define EXIT_OK 0
#define EXIT_NOTHING 1 /* nothing found, some files failed, stopped, or an error of the machine */
#define EXIT_USAGE 2
#define EXIT_DAMAGED 3

/* ---- commands (command_table.c) ------------------------------------------------------------- */

typedef struct cli_option {
  char letter;       /* 0: long form only */
  const char *name;  /* "index" */
  const char *value; /* "DIR", or NULL for a switch */
  const char *what;
} cli_option;

typedef struct cli_command {
  const char *name;
  const char *arguments;     /* "PATH…" */
  const char *summary;       /* one line */
  const char *details;       /* paragraphs for help and man */
  const cli_option *options; /* of its own; name NULL ends; the common ones come on top */
  const char *example;
  int (*run)(int argc, char **argv);
} cli_command;

extern const cli_command cli_commands[]; /* name NULL ends */
extern const cli_option cli_common_options[];
const cli_command *cli_command_find(const char *name);

int cli_index(int argc, char **argv);
int cli_search(int argc, char **argv);
int cli_import(int argc, char **argv);
int cli_bench_ann(int argc, char **argv);
int cli_status(int argc, char **argv);
int cli_failures(int argc, char **argv);
int cli_get(int argc, char **argv);
int cli_remove(int argc, char **argv);
int cli_check(int argc, char **argv);
int cli_repair(int argc, char **argv);
int cli_merge(int argc, char **argv);
int cli_restore(int argc, char **argv);
int cli_snapshot(int argc, char **argv);
int cli_export(int argc, char **argv);
int cli_models(int argc, char **argv);
int cli_version(int argc, char **argv);
int cli_eval(int argc, char **argv);
int cli_help(int argc, char **argv);

/* ---- arguments (arguments.c) -------------------------------------------------------------------
 */

/* What every command takes. */
typedef struct cli_common {
  const char *index;
  bool json, quiet;
  int threads;
  uint64_t memory;
  int wait_ms;
  magpie_durability durability;
  const char *packs, *text_pack;
} cli_common;

/* Walks the options of a command. Returns the option's name ("kind"), with its value in *value;
 * NULL at the end, when argv[*next..] are the arguments. An unknown option exits with EXIT_USAGE.
 * Common options are taken into *common and not returned. */
typedef struct cli_arguments {
  const cli_command *command;
  int argc, next;
  char **argv;
  cli_common common;
  const char *value;
  struct option *table;
  char letters[128];
} cli_arguments;
void cli_arguments_init(cli_arguments *a, const char *command, int argc, char **argv);
const char *cli_arguments_next(cli_arguments *a);
void cli_arguments_fini(cli_arguments *a);
/* Prints "magpie COMMAND: message" with a pointer to the help; returns EXIT_USAGE. */
int cli_usage(const cli_arguments *a, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A number of bytes: 512M, 2G, 1048576. False if it is none. */
bool cli_parse_bytes(const char *text, uint64_t *out);
bool cli_parse_count(const char *text, long min, long max, long *out);

/* `import --archive`; 0 max_bytes: what the disk has free. (archive_command.c) */
int cli_import_archive(const cli_common *common, const char *file, bool replace,
                       uint64_t max_bytes);

/* Prints JSON that the library gave, as it is or through `print` (NULL: as it is), and frees it.
 * (look_command.c) */
int cli_print_json(const cli_common *common, char *json, void (*print)(const json_t *));

/* Opens the index that the options name. EXIT_OK or an exit code with the error printed. */
int cli_open(const cli_common *common, bool read_only, magpie **out);
/* Prints an error of the library and gives the exit code that fits it. */
int cli_report_error(const magpie_error *err);

/* Of a file that vectors come in, by its ending? Of the command: imports it. (vectors_command.c) */
bool cli_is_vector_file(const char *file);
typedef struct cli_vector_options {
  const char *space, *ids, *metric; /* or NULL */
} cli_vector_options;
int cli_import_vectors(const cli_common *common, const char *file,
                       const cli_vector_options *options);

/* ---- the terminal (terminal.c)
 * --------------------------------------------------------------------- */

bool cli_is_colour(FILE *out);
int cli_width(FILE *out);
const char *cli_style(FILE *out,
                      const char *name); /* "bold" "dim" "red" "green" "match" "off"; "" */
/* Text for a terminal: control characters replaced. Returns a static-free buffer owned by caller.
 */
void cli_print_clean(FILE *out, const char *text, size_t size);
/* "1.4 GB", "23 s", "1,204" into a small buffer of the caller. */
const char *cli_bytes_text(char out[32], double bytes);
const char *cli_seconds_text(char out[32], double seconds);
const char *cli_count_text(char out[32], uint64_t count);

/* ---- progress (progress_view.c)
 * --------------------------------------------------------------------- */

typedef struct cli_progress {
  bool json, quiet, is_terminal;
  const char *noun; /* of what is counted: "files", "queries" */
  double last_draw;
  uint64_t bytes_known;
  bool has_bar;
} cli_progress;
void cli_progress_init(cli_progress *p, const cli_common *common);
/* A magpie_progress callback; context is a cli_progress. */
void cli_progress_event(void *context, const magpie_event *event);
/* Becomes 1 on the first Ctrl-C; the second one ends the process. */
extern volatile int cli_interrupted;
void cli_catch_interrupt(void);
/* What was done, as text or as the last JSON event. Returns the exit code. */
int cli_print_report(const cli_common *common, const char *verb, const magpie_report *report,
                     magpie_status status, const magpie_error *err);

/* ---- results (result_view.c, result_page.c)
 * ----------------------------------------------------------- */

void cli_print_hits(const magpie_result *result, const char *question);
/* Writes a self-contained page; with `add`, another section into an existing one. */
int cli_write_page(magpie *ix, const magpie_result *result, const char *question, const char *file,
                   bool add);

#endif
