# The parser needs no library but the functions on bytes that compilers bring or assume.
#
#   freestanding.sh LIBRARY
needed=$(nm --undefined-only "$1" | awk 'NF == 2 { print $2 }' | sort -u)
own=$(nm --defined-only "$1" | awk 'NF == 3 { print $3 }' | sort -u)
status=0
for name in $needed; do
    case $name in
    memcpy | memmove | memset | memcmp | memchr | _GLOBAL_OFFSET_TABLE_ | __asan_* | __ubsan_* | __stack_chk_fail) continue ;;
    esac
    if ! printf '%s\n' "$own" | grep -qx "$name"; then
        echo "pe/ needs $name"
        status=1
    fi
done
exit $status
