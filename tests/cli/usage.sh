# Wrong usage: exit status 2, said on stderr, with the usage.
. "$(dirname "$0")/lib.sh"

wrong() { # PART ARG...
    part=$1
    shift
    peload "$@"
    same "peload $*: exit status" 2 "$status"
    same "peload $*: stdout" "" "$out"
    has "peload $*: stderr" "$part" "$err"
    has "peload $*: stderr" "usage:" "$err"
}

wrong "usage:"
wrong "no such command: frobnicate" frobnicate
wrong "too few" inspect
wrong "too many" inspect a b
wrong "no such option: --frob" inspect --frob a
wrong "takes no value" inspect --json=1 a
wrong "value is missing" map a --dump
wrong "value is missing" map a --svg
wrong "not an address: elsewhere" map --base elsewhere a
wrong "no such profile: win95" map --profile win95 a
wrong "too few" call a
wrong "no such type: u16" call --ret u16 a b
wrong "not refuse or stub" call --missing maybe a b
wrong "not lazy or eager" run --delay never a
wrong "not an argument: 12x" call a b 12x
wrong "not an argument: hex:123" call a b hex:123
wrong "not an argument: hex:zz" call a b hex:zz
wrong "not an argument: u32:0x100000000" call a b u32:0x100000000
wrong "not an argument: 0x10000000000000000" call a b 0x10000000000000000
wrong "not an argument: buf:-1" call a b buf:-1
wrong "not an argument: 1.5" call a b 1.5
wrong "too few" run

peload --help
same "--help: exit status" 0 "$status"
all=$out
for command in inspect map call run; do
    has "--help" "peload $command " "$all"
    peload "$command" --help
    same "$command --help: exit status" 0 "$status"
    has "$command --help" "peload $command " "$out"
done
peload --version
has "--version" "peload 0." "$out"
finish
