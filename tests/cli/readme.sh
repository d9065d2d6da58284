# The first C program of README.md compiles as it is, and does what it says.
. "$(dirname "$0")/lib.sh"
need "$zlib"

awk '/^```c$/ { inside = 1; next } /^```$/ { if (inside) exit } inside' \
    "$PELOAD_SOURCE/README.md" >"$work/example.c"
flags=
grep -q '^PELOAD_SANITIZE:BOOL=ON' "$PELOAD_BUILD/CMakeCache.txt" && flags=-fsanitize=address,undefined
cc -std=c17 -Wall -Wextra -Werror $flags -I"$PELOAD_BUILD/include" "$work/example.c" \
    -o "$work/example" "$PELOAD_BUILD/libpeload.a" -pthread -lm
same "the example compiles" 0 $?
cp "$zlib" "$work/zlib1.dll"
out=$(cd "$work" && ./example 2>&1)
same "the example's exit status" 0 $?
same "the example" "cbf43926" "$out"
finish
