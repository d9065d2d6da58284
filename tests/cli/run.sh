# peload run: a whole program, its output, arguments and exit status.
. "$(dirname "$0")/lib.sh"
need "$guests/hello.exe"
hello=$guests/hello.exe

peload run "$hello"
same "exit status" 0 "$status"
same "output" "hello from a Windows program" "$(printf %s "$out" | tr -d '\r')"

peload run "$hello" 7 "two words" 'a"quote' --json
same "exit status of the program" 7 "$status"
same "arguments" "hello from a Windows program
argv[1] = 7
argv[2] = two words
argv[3] = a\"quote
argv[4] = --json" "$(printf %s "$out" | tr -d '\r')"

peload run --json "$hello" 3
same "--json: exit status" 3 "$status"
tail -n 1 "$work/out" >"$work/last" && mv "$work/last" "$work/out"
same "--json: the last line" 3 "$(json 'j["exit_code"]')"

peload run "$hello" 256
same "an exit code whose low byte is 0 is no success" 1 "$status"

finish
