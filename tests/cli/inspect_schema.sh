# peload inspect --json: what it prints of images of several kinds is what pe/inspect.schema.json says.
. "$(dirname "$0")/lib.sh"
need "$zlib" "$zlib32"
if ! python3 -c 'import jsonschema' 2>/dev/null; then
    echo "SKIPPED: python3-jsonschema is missing (tests/run installs it)"
    exit 77
fi
echo "not an image" >"$work/text"
head -c 20000 "$zlib" >"$work/cut.dll"
for file in "$zlib" "$zlib32" "$guests"/* "$work/text" "$work/cut.dll" "$work/absent"; do
    for only in "" --only=imports --only=headers,tls; do
        "$PELOAD" inspect --json $only "$file" 2>/dev/null >>"$work/lines"
    done
done
# The seeds of the fuzz target have what no file here has: a bit of everything, also broken.
mkdir "$work/seeds"
"$PELOAD_BUILD/fuzz/replay_image" --write "$work/seeds" >"$work/written"
for file in "$work"/seeds/*; do
    "$PELOAD" inspect --json "$file" 2>/dev/null >>"$work/lines"
done
python3 "$folder/validate.py" "$PELOAD_SOURCE/pe/inspect.schema.json" "$work/lines" || failures=1
finish
