/* SPDX-License-Identifier: Apache-2.0
 *
 * magpie COMMAND …: finds the command in the table and runs it.
 */
#include <locale.h>
#include <malloc.h>
#include <signal.h>
#include <string.h>

#include "cli.h"

#define KEPT_HEAP (64 << 20)
#define LARGEST_KEPT (32 << 20) /* the most that malloc takes */

int main(int argc, char **argv) {
  /* Language detection frees 150 kB after each text: given back to the system and taken again, that
   * costs as much as the detection. */
  mallopt(M_TRIM_THRESHOLD, KEPT_HEAP);
  /* The tensors of a model are taken and given back at each run; mapped anew each time, they would
   * cost a quarter of the run. Near its budget the library gives back what is kept. */
  mallopt(M_MMAP_THRESHOLD, LARGEST_KEPT);
  setlocale(LC_CTYPE, "");
  signal(SIGPIPE, SIG_IGN); /* `magpie search … | head` is no failure */
  if (argc < 2) {
    char *help[] = {argv[0], NULL};
    cli_help(1, help);
    return EXIT_USAGE;
  }
  const char *name = argv[1];
  if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) name = "help";
  if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) name = "version";
  const cli_command *command = cli_command_find(name);
  if (!command) {
    fprintf(stderr, "magpie: there is no command \"%s\"; `magpie help` lists them\n", name);
    return EXIT_USAGE;
  }
  return command->run(argc - 1, argv + 1);
}
