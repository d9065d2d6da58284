# peload inspect: the hashes of what Authenticode signs are those of osslsigncode, for files that it
# signs here and for those of the corpus that are signed.
. "$(dirname "$0")/lib.sh"
need "$zlib" "$zlib32"
for tool in osslsigncode openssl python3; do
    if ! command -v $tool >/dev/null; then
        echo "SKIPPED: $tool is missing (tests/run installs it)"
        exit 77
    fi
done

# hash FILE sha1|sha256: as peload inspect says it
hash() {
    "$PELOAD" inspect --json --only hashes "$1" |
        python3 -c 'import json, sys; print(json.load(sys.stdin)["hashes"]["authenticode_" + sys.argv[1]])' "$2"
}

# compare FILE: the hash of a signed file against the one that osslsigncode calculates
compare() {
    osslsigncode verify "$1" >"$work/said" 2>&1
    kind=$(sed -n 's/^Message digest algorithm *: *//p' "$work/said" | head -n 1 | tr A-Z a-z)
    calculated=$(sed -n 's/^Calculated message digest *: *\([0-9A-F]*\).*/\1/p' "$work/said" | head -n 1 | tr A-F a-f)
    [ -n "$calculated" ] || return 0
    same "$kind of $1" "$calculated" "$(hash "$1" "$kind")"
    compared=$((compared + 1))
}

openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=test -days 1 -keyout "$work/key" -out "$work/certificate" 2>/dev/null
head -c 12345 /dev/zero | cat "$zlib" - >"$work/odd.dll"
compared=0
for file in "$zlib" "$zlib32" "$work/odd.dll"; do
    for kind in sha1 sha256; do
        rm -f "$work/signed.dll"
        osslsigncode sign -h $kind -certs "$work/certificate" -key "$work/key" -in "$file" -out "$work/signed.dll" >/dev/null
        before=$(hash "$file" $kind)
        compare "$work/signed.dll"
        same "$kind of $file before it was signed" "$calculated" "$before"
    done
done
same "files signed here" 6 "$compared"
for file in $(find "$corpus/npm" -size -4M \( -name '*.dll' -o -name '*.exe' -o -name '*.node' \) 2>/dev/null | head -n 40); do
    case $("$PELOAD" inspect --json --only certificates "$file") in
    *'"count": 0'*) ;;
    *) compare "$file" ;;
    esac
done
echo "$compared files compared"
finish
