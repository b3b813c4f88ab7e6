/* SPDX-License-Identifier: Apache-2.0
 *
 * magpie help, and the man page, from the command table.
 */
#include <string.h>

#include "cli.h"

static const char overview[] =
    "magpie finds things in folders of mixed media: texts, web pages, PDFs, tables, code, "
    "pictures\n"
    "and sounds, with any mix of text, picture, sound and earlier results.\n";

static void print_option(const cli_option *o) {
  char left[64];
  const int size = snprintf(left, sizeof left, "  %c%c%s--%s%s%s", o->letter ? '-' : ' ',
                            o->letter ? o->letter : ' ', o->letter ? ", " : "  ", o->name,
                            o->value ? " " : "", o->value ? o->value : "");
  printf("%s%*s%s\n", left, size < 26 ? 26 - size : 1, "", o->what);
}

static void print_wrapped(const char *text) {
  int column = 0;
  while (*text) {
    const size_t word = strcspn(text, " ");
    if (column && column + 1 + (int)word > 90) {
      putchar('\n');
      column = 0;
    } else if (column) {
      putchar(' ');
      column++;
    }
    printf("%.*s", (int)word, text);
    column += (int)word;
    text += word;
    while (*text == ' ') text++;
  }
  putchar('\n');
}

static void print_command(const cli_command *c) {
  printf("magpie %s [OPTIONS] %s\n\n", c->name, c->arguments);
  print_wrapped(c->details[0] ? c->details : c->summary);
  if (c->options->name) puts("\nOptions:");
  for (const cli_option *o = c->options; o->name; o++) print_option(o);
  puts("\nFor every command:");
  for (const cli_option *o = cli_common_options; o->name; o++) print_option(o);
  printf("\nExample: %s\n", c->example);
}

static void print_overview(void) {
  fputs(overview, stdout);
  puts("\nCommands:");
  for (const cli_command *c = cli_commands; c->name; c++)
    printf("  %-10s %s\n", c->name, c->summary);
  puts("\nFirst steps:\n  magpie index ~/Pictures ~/Documents\n  magpie search \"red bus at "
       "night\"\n");
  puts(
      "`magpie help COMMAND` says more. Exit codes: 0 fine, 1 nothing found or some files failed,\n"
      "2 wrong usage, 3 damaged index.");
}

/* ---- man
 * ------------------------------------------------------------------------------------------ */

static void man_text(const char *text) {
  for (; *text; text++) {
    if (*text == '\\') fputs("\\e", stdout);
    else if (*text == '-') fputs("\\-", stdout);
    else putchar(*text);
  }
}

static void man_option(const cli_option *o) {
  fputs(".TP\n.B ", stdout);
  if (o->letter) printf("\\-%c, ", o->letter);
  fputs("\\-\\-", stdout);
  man_text(o->name);
  if (o->value) printf(" \\fI%s\\fR", o->value);
  putchar('\n');
  man_text(o->what);
  putchar('\n');
}

static void print_man(void) {
  printf(".TH MAGPIE 1 \"\" \"magpie %s\" \"User Commands\"\n", magpie_version());
  puts(".SH NAME\nmagpie \\- search folders of mixed media\n.SH SYNOPSIS\n.B magpie\n.I COMMAND\n"
       "[\\fIOPTIONS\\fR] [\\fIARGUMENTS\\fR]\n.SH DESCRIPTION");
  man_text(overview);
  puts(".SH COMMANDS");
  for (const cli_command *c = cli_commands; c->name; c++) {
    printf(".SS magpie %s ", c->name);
    man_text(c->arguments);
    putchar('\n');
    man_text(c->details[0] ? c->details : c->summary);
    putchar('\n');
    for (const cli_option *o = c->options; o->name; o++) man_option(o);
    fputs(".PP\nExample: \\fB", stdout);
    man_text(c->example);
    puts("\\fR");
  }
  puts(".SH OPTIONS OF EVERY COMMAND");
  for (const cli_option *o = cli_common_options; o->name; o++) man_option(o);
  puts(".SH EXIT STATUS\n.TP\n.B 0\nfine\n.TP\n.B 1\nnothing found, some files failed, stopped, or "
       "the machine failed\n.TP\n.B 2\nwrong usage\n.TP\n.B 3\nthe index is damaged");
  puts(".SH ENVIRONMENT\n.TP\n.B MAGPIE_INDEX\nthe default index\n.TP\n.B MAGPIE_PACKS\nfolders "
       "with "
       "model packs\n.TP\n.B MAGPIE_RECIPES\nthe recipes that build packs\n.TP\n.B MAGPIE_ORT\nthe "
       "ONNX Runtime library\n.TP\n.B MAGPIE_HUB\nbase URL of "
       "a model hub\n.TP\n.B MAGPIE_CPU\nhighest processor tier to use: plain, avx2, avx512, neon\n"
       ".TP\n.B NO_COLOR\nno colours");
}

int cli_help(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], "--man") == 0) {
    print_man();
    return EXIT_OK;
  }
  if (argc < 2) {
    print_overview();
    return EXIT_OK;
  }
  const cli_command *command = cli_command_find(argv[1]);
  if (!command) {
    fprintf(stderr, "magpie help: there is no command \"%s\"\n", argv[1]);
    return EXIT_USAGE;
  }
  print_command(command);
  return EXIT_OK;
}
