/* SPDX-License-Identifier: Apache-2.0
 *
 * What a terminal can show: colours, width, and numbers for people.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli.h"

bool cli_is_colour(FILE *out) {
  const char *off = getenv("NO_COLOR");
  const char *term = getenv("TERM");
  if (off && *off) return false;
  return isatty(fileno(out)) && term && strcmp(term, "dumb") != 0;
}

int cli_width(FILE *out) {
  struct winsize size;
  if (isatty(fileno(out)) && ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col >= 20)
    return size.ws_col;
  return 100;
}

const char *cli_style(FILE *out, const char *name) {
  static const char *const styles[][2] = {
      {"bold", "\033[1m"},  {"dim", "\033[2m"},      {"red", "\033[31m"}, {"green", "\033[32m"},
      {"blue", "\033[34m"}, {"match", "\033[1;33m"}, {"off", "\033[0m"}};
  if (!cli_is_colour(out)) return "";
  for (size_t i = 0; i < sizeof styles / sizeof *styles; i++)
    if (strcmp(styles[i][0], name) == 0) return styles[i][1];
  return "";
}

/* An escape sequence inside a file's text must not reach the terminal. C1 controls (C2 80..9F) too.
 */
void cli_print_clean(FILE *out, const char *text, size_t size) {
  for (size_t i = 0; i < size; i++) {
    const unsigned char c = (unsigned char)text[i];
    if (c == 0xC2 && i + 1 < size && (unsigned char)text[i + 1] < 0xA0) {
      fputc('?', out);
      i++;
    } else {
      fputc(c < 0x20 || c == 0x7F ? ' ' : c, out);
    }
  }
}

const char *cli_bytes_text(char out[32], double bytes) {
  static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
  size_t unit = 0;
  while (bytes >= 1000 && unit < 4) {
    bytes /= 1000;
    unit++;
  }
  snprintf(out, 32, unit && bytes < 10 ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
  return out;
}

const char *cli_seconds_text(char out[32], double seconds) {
  if (seconds < 60) snprintf(out, 32, seconds < 10 ? "%.1f s" : "%.0f s", seconds);
  else if (seconds < 3600) snprintf(out, 32, "%d min %02d s", (int)seconds / 60, (int)seconds % 60);
  else snprintf(out, 32, "%d h %02d min", (int)(seconds / 3600), (int)(seconds / 60) % 60);
  return out;
}

const char *cli_count_text(char out[32], uint64_t count) {
  char digits[24];
  const int size = snprintf(digits, sizeof digits, "%llu", (unsigned long long)count);
  int at = 0;
  for (int i = 0; i < size; i++) {
    if (i > 0 && (size - i) % 3 == 0) out[at++] = ',';
    out[at++] = digits[i];
  }
  out[at] = '\0';
  return out;
}
