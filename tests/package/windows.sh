# windows.sh SOURCE_FOLDER: installs the preset `windows` into a folder, moves it, builds programs
# against it with find_package and its three targets, and runs them under Wine.
set -eu
build=$1/build/windows
compiler=x86_64-w64-mingw32-gcc
if [ ! -e "$build/libpeload.dll" ] || ! command -v "$compiler" >/dev/null; then
    echo "SKIPPED: build/windows or $compiler is missing (tests/run installs and builds them)"
    exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cmake --install "$build" --prefix "$work/first" >/dev/null
mv "$work/first" "$work/installed"

cmake -S "$1/tests/package/consumer" -B "$work/build" -DCMAKE_SYSTEM_NAME=Windows \
    -DCMAKE_C_COMPILER="$compiler" -Dpeload_DIR="$work/installed/lib/cmake/peload" >/dev/null
cmake --build "$work/build" >/dev/null
cp "$work/installed/bin/libpeload.dll" "$work/build"
for program in parser loader loader_static; do
    python3 "$1/tests/wine/run_exe.py" "$work/build/$program.exe"
done
python3 "$1/tests/wine/run_exe.py" "$work/installed/bin/peload.exe" --version
