# The sample programs do what they say.
. "$(dirname "$0")/lib.sh"
need "$zlib" "$guests/plugin.dll" "$guests/dependent.dll"

out=$("$PELOAD_BUILD/samples/zlib_roundtrip" "$zlib" 2>&1)
same "zlib_roundtrip: exit status" 0 $?
same "zlib_roundtrip" "compress: 0, 65536 bytes become 1932
uncompress: 0, 65536 bytes, the same" "$out"

out=$("$PELOAD_BUILD/samples/load_plugin" "$guests/plugin.dll" 2>&1)
same "load_plugin: exit status" 0 $?
same "load_plugin" "loaded: plugin, a guest that calls its host
initialised: 1
host: the plugin asks about 1
host: the plugin asks about 2
host: the plugin asks about 3
sum of squares: 14
calls of this thread: 101" "$out"

out=$("$PELOAD_BUILD/samples/load_bundle" "$guests/dependent.dll" "$guests/dependency.dll" 2>&1)
same "load_bundle: exit status" 0 $?
same "load_bundle" "asked for dependency.dll
the answer is 42" "$out"

# One program stays while the other runs.
counter=$PELOAD_BUILD/samples/shared_counter name=peload-samples-$$
mkfifo "$work/hold"
"$counter" "$name" <"$work/hold" >"$work/first" &
exec 3>"$work/hold"
until [ -s "$work/first" ]; do sleep 0.05; done
out=$("$counter" "$name" </dev/null 2>&1)
exec 3>&-
wait $!
same "shared_counter: first" "made: number 1
there were 2" "$(cat "$work/first")"
same "shared_counter: second" "found: number 2
there were 2" "$out"
same "shared_counter: nothing is left" "made: number 1
there were 1" "$("$counter" "$name" </dev/null 2>&1)"
finish
