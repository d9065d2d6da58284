#!/bin/sh
# walk.sh WALK MODE [PRELOAD]: runs WALK over Wine's x64 modules in $PELOAD_CORPUS and some of all other
# images there, and judges the figures. Exit status 77 where there are none.
set -eu
walk=$1 mode=$2 preload=${3-}
folder=${PELOAD_CORPUS:-$PELOAD_SOURCE/build/corpus}
list=$(mktemp)
trap 'rm -f "$list"' EXIT
[ -d "$folder" ] && find "$folder" -path '*/libwine/*' -type f | sort >"$list"
[ -d "$folder" ] && find "$folder" -type f -size -4096k ! -path '*/libwine*' | sort |
    head -n 400 >>"$list"
if ! [ -s "$list" ]; then
    echo "SKIPPED: no images in $folder (tests/run --corpus fetches Wine's)"
    exit 77
fi
set --
while read -r file; do
    set -- "$@" "$file"
done <"$list"
figures=$(LD_PRELOAD=$preload "$walk" "$mode" "$@") || {
    echo "$figures"
    exit 1
}
echo "$figures"
if [ "$mode" = memory ]; then
    kib=$(echo "$figures" | sed 's/.*allocations, \([0-9]*\) KiB.*/\1/')
    [ "$kib" -lt 3072 ] || { echo "more than 3 MiB"; exit 1; }
fi
