# peload run: a program from Go's own tests, linked by mingw.
. "$(dirname "$0")/lib.sh"
program=$corpus/deb/golang-1.19-src/usr/share/go-1.19/src/debug/pe/testdata/gcc-amd64-mingw-exec
need "$program"

peload run "$program"
same "exit status" 0 "$status"
same "output" "hello, world" "$(printf %s "$out" | tr -d '\r')"
finish
