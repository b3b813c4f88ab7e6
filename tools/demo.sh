#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The main job on real files: takes a mixed collection out of Debian packages, indexes it, asks eight
# questions and writes demo.html. `make demo` runs it after set-up and build. Run it again: it only
# looks for changes.
set -eu
cd "$(dirname "$0")/.."
magpie=${MAGPIE:-build/magpie}
index=demo/demo.mgp
cache=${XDG_CACHE_HOME:-$HOME/.cache}/magpie/demo

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }

# ---- the collection ---------------------------------------------------------------------------------

fetch() { # NAME SHA256: the .deb of a package in the cache
  deb=$(ls "$cache/$1"_*.deb 2>/dev/null | tail -n 1)
  if [ -z "$deb" ]; then
    (cd "$cache" && apt-get download -q "$1" >/dev/null 2>"$cache/apt.log") || {
      echo "demo: the package $1 could not be fetched:"; cat "$cache/apt.log"
      echo "Check the network and run \`make demo\` again."; exit 1; }
    deb=$(ls "$cache/$1"_*.deb | tail -n 1)
  fi
  # apt has checked the archive's signature; another sum means that Debian has updated the package.
  echo "$2  $deb" | sha256sum -c --quiet >/dev/null 2>&1 ||
    echo "demo: note: $1 is not the version that the demo was made with; answers may differ"
  dpkg-deb -x "$deb" "$unpacked/$1"
}

collect() {
  say "Fetching a mixed collection out of Debian packages (190 MB, once)"
  mkdir -p "$cache"
  unpacked=$(mktemp -d)
  trap 'rm -rf "$unpacked"' EXIT
  [ -n "$(apt-cache madison debian-faq 2>/dev/null)" ] || apt-get update -q >/dev/null
  grep -v '^#' tools/demo-packages.txt | while read -r name sum; do fetch "$name" "$sum"; done
  rm -rf demo/collection.new
  mkdir -p demo/collection.new/docs demo/collection.new/pictures demo/collection.new/sounds/music
  stamps=$unpacked/tuxpaint-stamps-default/usr/share/tuxpaint/stamps
  # pictures keep their folders; sounds are the real noises, not the spoken names in 40 languages
  (cd "$stamps" && find . \( -name '*.png' -o -name '*.svg' \) | tar -c -T - -f -) |
    tar -x -C demo/collection.new/pictures
  (cd "$stamps" && find . -name '*.ogg' ! -name '*_desc*' |
    grep -vE '_[a-z]{2,3}(_[A-Za-z]{2})?\.ogg$' | tar -c -T - -f -) |
    tar -x -C demo/collection.new/sounds
  cp "$unpacked"/sonic-pi-samples/usr/share/sonic-pi/samples/*.flac demo/collection.new/sounds/music
  for package in debian-faq debian-faq-de debian-faq-fr debian-faq-ja debian-faq-zh-cn maint-guide \
    maint-guide-de maint-guide-es maint-guide-fr developers-reference distro-info-data; do
    to=demo/collection.new/docs/$package
    mkdir -p "$to"
    find "$unpacked/$package" \( -name '*.html' -o -name '*.pdf' -o -name '*.csv' -o -name copyright \) \
      -type f -exec cp {} "$to" \;
  done
  mv demo/collection.new demo/collection
}

# ---- the questions ------------------------------------------------------------------------------------

number=0
ask() { # TITLE, then the arguments of magpie search
  number=$((number + 1))
  title=$1; shift
  say "$number. $title"
  printf 'magpie search'
  for word in "$@"; do case $word in *' '*) printf ' "%s"' "$word";; *) printf ' %s' "$word";; esac; done
  echo
  [ "$number" = 1 ] && page=--html || page=--html-add
  "$magpie" search -x "$index" -k "${hits:-3}" "$page" demo.html "$@"
}

[ -d demo/collection ] || { mkdir -p demo; collect; }
files=$(find demo/collection -type f | wc -l)
say "Indexing demo/collection: $files files"
start=$(date +%s)
"$magpie" index -x "$index" demo/collection || [ $? = 1 ] # 1: some files failed, which is fine here
echo "indexed in $(($(date +%s) - start)) s"
"$magpie" status -x "$index"

pictures=demo/collection/pictures
sounds=demo/collection/sounds
ask "Text to pictures" "a musical instrument" --kind image
ask "Text to sounds" "insects buzzing" --kind sound
ask "A picture to pictures like it" -i "$pictures/animals/birds/adelaide-rosella.png" --kind image
ask "A sound to sounds like it" -a "$sounds/animals/insects/bee.ogg" --kind sound
ask "A Spanish question to passages in any language" "¿Qué significa software libre?" --kind passage
ask "Text and picture together" -t "christmas" -i "$pictures/animals/birds/penguin.png" --kind image
ask "A page of a PDF" "How do I write the changelog of a package?" --kind page
ask "Only rows of tables" "release of Debian bookworm" --kind row

say "demo.html shows these answers with pictures and sounds: open it in a browser."
cat <<END
Next, a folder of your own:
  $magpie index ~/Pictures ~/Documents
  $magpie search "red bus at night"
  $magpie help
END
