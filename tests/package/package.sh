# Installs into a folder, moves it, and builds programs against it: with find_package and its three
# targets, with pkg-config and its two modules, and with the installed command.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
consumer=$PELOAD_SOURCE/tests/package/consumer
flags=
grep -q '^PELOAD_SANITIZE:BOOL=ON' "$PELOAD_BUILD/CMakeCache.txt" && flags=-fsanitize=address,undefined

cmake --install "$PELOAD_BUILD" --prefix "$work/first" >/dev/null
mv "$work/first" "$work/installed"

cmake -S "$consumer" -B "$work/build" -DCMAKE_PREFIX_PATH="$work/installed" \
    -DCMAKE_C_COMPILER="$PELOAD_CC" -DCMAKE_C_FLAGS="$flags" >/dev/null
cmake --build "$work/build" >/dev/null
for program in parser loader loader_static; do
    "$work/build/$program"
done

pc=$(dirname "$(find "$work/installed" -name peload.pc)")
lib=$(dirname "$pc")
export PKG_CONFIG_PATH="$pc" LD_LIBRARY_PATH="$lib"
# Word splitting is wanted.
"$PELOAD_CC" $flags "$consumer/loader.c" -o "$work/loader" $(pkg-config --cflags --libs peload)
"$work/loader"
"$PELOAD_CC" $flags "$consumer/parser.c" -o "$work/parser" $(pkg-config --cflags --libs peload-pe)
"$work/parser"
"$work/installed/bin/peload" --version
