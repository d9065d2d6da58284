# Relocated images are what a linker makes for that base: LLVM's links the same objects twice, for
# two bases, and peload moves the one to where the other is. x64, i386, ARM and ARM64.
. "$(dirname "$0")/lib.sh"
here=0x30000000
there=0x47810000

# link MACHINE BASE: the DLL, under the same name in a folder of its own; what the linker says.
link() {
    mkdir -p "$work/$1-$2"
    lld-link /nologo /dll /noentry /nodefaultlib /timestamp:0 "/machine:$1" "/base:$2" \
        "/out:$work/$1-$2/a.dll" "$work/$1.obj" 2>&1
}

# image DLL OPTION...: its bytes as a view are in $work/image.
image() {
    dll=$1
    shift
    peload map --platform any --dump "$work/image" "$@" "$dll"
    same "$dll: exit status" 0 "$status"
}

# base_field BYTES: the offset of ImageBase in `cmp -l`, which counts from 1, and its width.
base_field() {
    python3 -c '
import struct, sys
data = open(sys.argv[1], "rb").read()
optional = struct.unpack_from("<I", data, 0x3C)[0] + 24
is_64 = struct.unpack_from("<H", data, optional)[0] == 0x20B
print(optional + (25 if is_64 else 29), 8 if is_64 else 4)' "$1"
}

# check MACHINE TARGET TYPE...: the image has relocations of these types, and moves as it should.
check() {
    machine=$1
    target=$2
    shift 2
    clang --target="$target-pc-windows-msvc" -O1 -c "$folder/relocated.c" -o "$work/$machine.obj"
    same "$machine: the linker" "" "$(link "$machine" "$here"; link "$machine" "$there")"
    image "$work/$machine-$there/a.dll" --no-relocate
    mv "$work/image" "$work/linked"
    image "$work/$machine-$here/a.dll" --base "$there"
    same "$machine: bytes that differ but for ImageBase" "" "$(cmp -l "$work/linked" "$work/image" |
        awk -v field="$(base_field "$work/image")" \
            '{ split(field, f) } $1 < f[1] || $1 >= f[1] + f[2]')"
    peload inspect --json --only relocations "$dll"
    for type; do
        has "$machine: types" "$type" "$out"
    done
}

check x64 x86_64 DIR64
check x86 i686 HIGHLOW
check arm thumbv7 THUMB_MOV32 HIGHLOW
check arm64 aarch64 DIR64
finish
