# The sample programs do what they say.
. "$(dirname "$0")/lib.sh"
need "$zlib" "$guests/plugin.dll"

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
finish
