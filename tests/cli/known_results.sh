# Real DLLs, built by others with MSVC and mingw, give the results that they give on Windows.
# Each loads only if its DllMain ran and succeeded. The large ones are fetched by tests/run --corpus.
#
#   known_results.sh DLL [anywhere | beside | traced]
#
# anywhere: at ten random bases, each call. beside: as the second view, while the first one is mapped
# where the DLL wants to be. call_again.c makes these calls. traced: with --trace.
. "$(dirname "$0")/lib.sh"
postgres=$corpus/npm/@embedded-postgres+windows-x64@18.4.0-beta.17/package/native/bin
sodium=$corpus/npm/sodium-native@2.4.9/package/prebuilds/win32-x64/libsodium.dll
lzma=$corpus/npm/lzma-native@4.0.6/package/deps/bin_x86-64/liblzma.dll
mingw=$corpus/deb/gcc-mingw-w64-x86-64-win32-runtime/usr/lib/gcc/x86_64-w64-mingw32/12-win32
input=$work/input
mode=${2-}
if [ "$mode" = anywhere ] || [ "$mode" = beside ]; then
    PELOAD=$PELOAD_BUILD/tests/cli/call_again
fi
if [ "$mode" = anywhere ]; then
    seed=${PELOAD_SEED:-$(od -An -N6 -tu8 /dev/urandom | tr -d ' ')}
    echo "PELOAD_SEED=$seed"
fi

# 64 KiB in which byte i is (i * 7) >> 5.
python3 -c 'import sys; sys.stdout.buffer.write(bytes((i * 7 >> 5) & 255 for i in range(65536)))' \
    >"$input"

# make_call ARG...: `peload call`, in the way of $mode.
make_call() {
    case $mode in
    anywhere) peload anywhere "$seed" 10 "$dll" "$@" ;;
    beside) peload beside "$dll" "$@" ;;
    traced) peload call --trace "$work/trace" "$@" ;;
    *) peload call "$@" ;;
    esac
}

# call EXPECTED [--ret TYPE] EXPORT ARG...: the result, of $dll, is the first line of output.
call() {
    expected=$1
    shift
    type=u64
    [ "$1" = --ret ] && type=$2 && shift 2
    export=$1
    shift
    make_call --ret "$type" "$dll" "$export" "$@"
    same "$(basename "$dll") $export: exit status ($(head -n 1 "$work/err"))" 0 "$status"
    same "$(basename "$dll") $export" "$expected" "$(head -n 1 "$work/out")"
}

# argument N: what the last call left in its Nth argument.
argument() {
    sed -n "s/^argument $1 ([^)]*): //p" "$work/out"
}

# keep N SIZE FILE: writes the first SIZE bytes of the Nth argument's buffer to a file.
keep() {
    argument "$1" | head -c $(($2 * 2)) |
        python3 -c 'import sys; sys.stdout.buffer.write(bytes.fromhex(sys.stdin.read()))' >"$3"
}

# the_input N: the Nth argument's buffer holds the input again.
the_input() {
    keep "$1" 65536 "$work/back"
    same "$(basename "$dll"): what comes back" "" "$(cmp "$input" "$work/back" 2>&1)"
}

zlib() { # VERSION
    call "$1" --ret str zlibVersion
    call 0xcbf43926 crc32 0 str:123456789 9
    call 0x11e60398 adler32 1 str:Wikipedia 9
    call 1013 --ret uint compressBound 1000
    call 0 --ret int compress buf:65536 u32:65536 "file:$input" 65536
    same "compressed size" 0x78c "$(argument 2)"
    keep 1 1932 "$work/packed"
    call 0xcbc0dc19 crc32 0 "file:$work/packed" 1932
    call 0 --ret int uncompress buf:65536 u32:65536 "file:$work/packed" 1932
    the_input 1
}

lz4() {
    call 11000 --ret int LZ4_versionNumber
    call 1019 --ret int LZ4_compressBound 1000
    call 4672 --ret int LZ4_compress_default "file:$input" buf:70000 65536 70000
    keep 2 4672 "$work/packed"
    call 65536 --ret int LZ4_decompress_safe "file:$work/packed" buf:65536 4672 65536
    the_input 2
}

zstd() {
    call 10507 --ret uint ZSTD_versionNumber
    call 1.5.7 --ret str ZSTD_versionString
    call 5366 --ret i64 ZSTD_compress buf:70000 70000 "file:$input" 65536 3
    keep 1 5366 "$work/packed"
    call 65536 --ret i64 ZSTD_decompress buf:65536 65536 "file:$work/packed" 5366
    the_input 1
    call "Data corruption detected" --ret str ZSTD_getErrorName -20
}

libsodium() {
    zeros=0000000000000000000000000000000000000000000000000000000000000000
    call 0 --ret int sodium_init
    call 1.0.17 --ret str sodium_version_string
    call 0 --ret int crypto_hash_sha256 buf:32 str:abc 3
    same "SHA-256 of abc" ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad \
        "$(argument 1)"
    call 0 --ret int crypto_generichash buf:32 32 str:abc 3 0 0
    same "BLAKE2b-256 of abc" bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319 \
        "$(argument 1)"
    call 0 --ret int crypto_sign_seed_keypair buf:32 buf:64 "hex:$zeros"
    same "Ed25519 key of seed 0" 3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29 \
        "$(argument 1)"
}

liblzma() {
    call 5.2.3 --ret str lzma_version_string
    call 0xcbf43926 lzma_crc32 str:123456789 9 0
    call 0x995dc9bbdf1939fa lzma_crc64 str:123456789 9 0
    call 0 --ret int lzma_easy_buffer_encode 6 4 0 "file:$input" 65536 buf:70000 u64:0 70000
    same "encoded size" 0x2b0 "$(argument 7)"
    keep 6 688 "$work/packed"
    call 0 --ret int lzma_stream_buffer_decode u64:0x10000000 0 0 "file:$work/packed" u64:0 688 \
        buf:65536 u64:0 65536
    the_input 7
}

libatomic() {
    call 40 --ret i64 __atomic_fetch_add_8 u64:40 2 5
    same "after the addition" 0x2a "$(argument 1)"
    [ "$mode" = anywhere ] && return # what lies above the low byte depends on the base
    make_call "$dll" __atomic_is_lock_free 8 0
    same "__atomic_is_lock_free (a bool: the low byte counts)" 01 "$(tail -c 3 "$work/out")"
}

libgcc() {
    call 8 --ret int __popcountdi2 255
    call 63 --ret int __clzdi2 1
    call 3.375 --ret f64 __powidf2 1.5f64 3
}

libstdcxx() {
    call "std::vector<int, std::allocator<int> >::push_back(int const&)" --ret str \
        __cxa_demangle str:_ZNSt6vectorIiSaIiEE9push_backERKi 0 0 u32:1
    same "status of __cxa_demangle" 0x0 "$(argument 4)"
}

# of DLL CHECK ARG...
of() {
    dll=$1
    shift
    need "$dll"
    "$@"
}

case $1 in
zlib) of "$zlib" zlib 1.2.13 ;;
libatomic) of "$mingw/libatomic-1.dll" libatomic ;;
libgcc) of "$mingw/libgcc_s_seh-1.dll" libgcc ;;
libstdcxx) of "$mingw/libstdc++-6.dll" libstdcxx ;;
postgres_zlib) of "$postgres/zlib1.dll" zlib 1.3.2 ;;
liblz4) of "$postgres/liblz4.dll" lz4 ;;
libzstd) of "$postgres/libzstd.dll" zstd ;;
libsodium) of "$sodium" libsodium ;;
liblzma) of "$lzma" liblzma ;;
*) same "the DLL's name" "one of the above" "$1" ;;
esac
finish
