# peload scan: a line for each file, in the order of the paths, whatever is in it.
. "$(dirname "$0")/lib.sh"
need "$zlib" "$zlib32"

mkdir -p "$work/files/sub" "$work/files/empty"
cp "$zlib" "$work/files/b.dll"
cp "$zlib32" "$work/files/sub/a.dll"
head -c 20000 "$zlib" >"$work/files/cut.dll"
echo "not an image" >"$work/files/a.txt"
: >"$work/files/nothing"
mkfifo "$work/files/pipe"
"$PELOAD_BUILD/fuzz/replay_image" --write "$work/files/sub" >"$work/written"

# what EXPRESSION: about the lines of $work/out, which are `j`.
lines() {
    python3 -c 'import json, sys; j = [json.loads(l) for l in open(sys.argv[1])]; print(eval("(" + sys.argv[2] + ")"))' \
        "$work/out" "$1" 2>&1
}

peload scan "$work/files"
same "folder: exit status" 0 "$status"
same "folder: nothing on stderr that is no terminal" "" "$err"
same "folder: files in it" "$(cd "$work/files" && find . -type f | wc -l | tr -d ' ')" "$(lines 'len(j)')"
same "folder: ordered by name" True "$(lines '[x["file"].split("/files/")[1] for x in j][:4] == ["a.txt", "b.dll", "cut.dll", "nothing"]')"
same "folder: not an image" STATUS_INVALID_IMAGE_NOT_MZ "$(lines 'j[0]["status_name"]')"
same "folder: imports of zlib1.dll" True "$(lines 'j[1]["imports"]["count"] > 20 and "items" not in j[1]["imports"]')"
same "folder: schema" peload.scan/1 "$(lines 'j[1]["schema"]')"
cp "$work/out" "$work/expected"

for jobs in 1 2 7; do
    peload scan --jobs $jobs "$work/files"
    same "--jobs $jobs: the same lines" "$(cat "$work/expected")" "$out"
done

find "$work/files" -name '*.dll' | sort >"$work/list"
"$PELOAD" scan --only imports,hashes - <"$work/list" >"$work/out"
same "list: lines" "$(wc -l <"$work/list")" "$(wc -l <"$work/out")"
same "list: only what was asked for" False "$(lines '"exports" in j[0]')"
same "list: import hash" True "$(lines 'j[0]["hashes"]["imphash"] is None or len(j[0]["hashes"]["imphash"]) == 32')"

peload scan "$work/absent" "$zlib" "$work/files/pipe" "$work/files/nothing"
same "bad files: exit status" 0 "$status"
same "bad files: each has a line" 4 "$(lines 'len(j)')"
same "bad files: absent" STATUS_NO_SUCH_FILE "$(lines 'j[0]["status_name"]')"
same "bad files: the next is not disturbed" STATUS_SUCCESS "$(lines 'j[1]["status_name"]')"
same "bad files: a pipe" STATUS_INVALID_FILE_FOR_SECTION "$(lines 'j[2]["status_name"]')"

# A file that is rewritten and cut off all the time: each line is one or another of its states, whole.
for i in $(seq 500); do echo "$work/files/changing"; done >"$work/list"
: >"$work/files/changing"
while [ -d "$work/files" ]; do
    cat "$zlib" >"$work/files/changing"
    : >"$work/files/changing"
done 2>"$work/ignored" &
writer=$!
"$PELOAD" scan - <"$work/list" >"$work/out" 2>"$work/err"
same "changing file: exit status" 0 "$?"
kill "$writer"
same "changing file: a line each time" 500 "$(lines 'len(j)')"
same "changing file: nothing on stderr" "" "$(cat "$work/err")"

for wrong in "--jobs 0" "--jobs many" "--only nothing"; do
    peload scan $wrong "$zlib"
    same "$wrong: exit status" 2 "$status"
done
peload scan
same "no paths: exit status" 2 "$status"

python3 "$folder/scan.py" "$PELOAD" "$zlib" "$zlib32" "$work/files/a.txt" "$work/files/cut.dll" \
    "$work"/files/sub/* || failures=$((failures + 1))
finish
