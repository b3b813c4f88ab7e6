#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every header compiles alone: as C17, and as C++ where C++ may include it (the public ones, and
# those that a .cpp file names). A header that leans on what its user included breaks for the next.
set -eu
cd "$(dirname "$0")/.."
libraries='jansson sqlite3 libxxhash icu-uc vips poppler-glib libxml-2.0 libavformat libcurl'
flags="-Iinclude -Isrc -D_GNU_SOURCE"
for library in $libraries; do # one by one: an optional one may be missing
  flags="$flags $(pkg-config --cflags "$library" 2>/dev/null | sed 's/-I/-isystem /g' || true)"
done
warnings='-Wall -Wextra -Werror -Wno-unused-function -Wno-unused-const-variable'

compile() { # header language
  case $2 in
  c17) ${CC:-cc} -std=c17 -x c $warnings $flags -fsyntax-only -include "$1" /dev/null ;;
  c++) ${CXX:-c++} -std=c++17 -x c++ $warnings $flags -fsyntax-only -include "$1" /dev/null ;;
  esac || { echo "$1 does not compile alone as $2"; return 1; }
}

if [ $# -eq 2 ]; then # one header: how xargs calls this script below
  compile "$1" "$2"
  exit
fi
list=$(mktemp)
trap 'rm -f "$list"' EXIT
git ls-files -co --exclude-standard -- 'include/*.h' 'src/*.h' 'apps/*.h' | sed 's/$/ c17/' >"$list"
git ls-files -co --exclude-standard -- 'include/*.h' | sed 's/$/ c++/' >>"$list"
git ls-files -co --exclude-standard -- '*.cpp' | xargs -r grep -hoE '#include "[^"]+"' |
  sed 's/.*"\(.*\)"/src\/\1 c++/' | sort -u >>"$list"
xargs -r -P "$(nproc)" -L 1 "$0" <"$list"
echo "headers: $(wc -l <"$list") compiled alone"
