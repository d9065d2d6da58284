# peload call --perf-map: the file in which perf looks for names, and perf itself where it may count.
. "$(dirname "$0")/lib.sh"
need "$zlib"

# The number of a process that has ended, to find its file by.
"$PELOAD" call --perf-map "$zlib" crc32 0 str:123456789 9 >"$work/out" 2>"$work/err" &
process=$!
wait "$process"
same "exit status" 0 "$?"
same "what is printed" 0xcbf43926 "$(head -n 1 "$work/out")"
map=/tmp/perf-$process.map
same "only the user can read it" 600 "$(stat -c %a "$map")"
same "lines that are not ADDRESS SIZE NAME" 0 \
    "$(grep -c -v -E '^[0-9a-f]+ [0-9a-f]+ zlib1![!-~]+$' "$map")"
same "exports" 3 "$(grep -c -E ' zlib1!(crc32|compress|uncompress)$' "$map")"
same "addresses that come twice" "" "$(cut -d ' ' -f 1 "$map" | sort | uniq -d)"
rm -f "$map"

# What somebody has put there is not followed.
cat >"$work/trap.sh" <<'SCRIPT'
echo "$$" >"$1/process"
ln -s "$1/victim" "/tmp/perf-$$.map"
exec "$2" call --perf-map "$3" crc32 0 str:123456789 9
SCRIPT
echo untouched >"$work/victim"
sh "$work/trap.sh" "$work" "$PELOAD" "$zlib" >"$work/out" 2>"$work/err"
map=/tmp/perf-$(cat "$work/process").map
same "behind a link" untouched "$(cat "$work/victim")"
same "a link becomes a file" "regular file" "$(stat -c %F "$map")"
rm -f "$map"

head -c 400000 /dev/urandom | od -An -tx1 >"$work/text"
if perf record -q -e cpu-clock -o "$work/data" "$PELOAD" call --perf-map "$zlib" \
    compress buf:3000000 u32:3000000 "file:$work/text" 1000000 >"$work/out" 2>"$work/err"; then
    perf report -i "$work/data" --stdio >"$work/report" 2>/dev/null
    has "what perf reports" "zlib1!" "$(cat "$work/report")"
else
    echo "perf is missing or may not count: only its file was looked at"
fi
find /tmp -maxdepth 1 -name 'perf-*.map' -user "$(id -u)" -newer "$work/victim" -delete
finish
