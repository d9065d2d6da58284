# What is no image, or not one for here: one clear line, exit status 1, and JSON where asked for.
. "$(dirname "$0")/lib.sh"
need "$zlib" "$zlib32"

printf 'MZ is how this file begins, and nothing else in it is right.%0512d' 0 >"$work/garbage.dll"
printf 'no image at all' >"$work/text.dll"
head -c 700 "$zlib" >"$work/in_headers.dll"
head -c 60000 "$zlib" >"$work/in_sections.dll"
: >"$work/empty.dll"
mkdir "$work/folder.dll"
printf 'x' >"$work/secret.dll"

refuse() { # FILE PART
    for command in inspect map "call --" run; do
        export=
        [ "$command" = "call --" ] && export=nothing
        # Word splitting is wanted.
        peload $command "$1" $export
        fails_clearly "$command $(basename "$1")" "$2"
        has "$command $(basename "$1"): the file's name" "$(basename "$1")" "$err"
        peload ${command%% *} --json "$1" $export
        same "$command --json $(basename "$1"): exit status" 1 "$status"
        has "$command --json $(basename "$1")" "$1 STATUS_" \
            "$(json 'j["file"] + " " + j["status_name"]')"
    done
}

refuse_cut_off() { # FILE: inspect shows what is there all the same
    peload inspect "$1"
    same "inspect $(basename "$1"): exit status" 1 "$status"
    has "inspect $(basename "$1"): stderr" "STATUS_INVALID_IMAGE_FORMAT" "$err"
    for command in map "call --" run; do
        export=
        [ "$command" = "call --" ] && export=nothing
        peload $command "$1" $export
        fails_clearly "$command $(basename "$1")" "STATUS_INVALID_IMAGE_FORMAT"
    done
}

refuse "$work/garbage.dll" "STATUS_INVALID_IMAGE"
refuse "$work/text.dll" "STATUS_INVALID_IMAGE_NOT_MZ"
refuse "$work/empty.dll" "STATUS_INVALID"
refuse "$work/folder.dll" "not a regular file"
refuse "$work/missing.dll" "no such file"
refuse /dev/zero "not a regular file"
refuse_cut_off "$work/in_headers.dll"
refuse_cut_off "$work/in_sections.dll"

peload call "$zlib32" crc32 0 str:1 1
fails_clearly "call of a PE32 image" "another machine"
peload run "$zlib"
fails_clearly "run of a DLL" "not an executable"
peload call "$zlib" no_such_function
fails_clearly "call of what is not exported" "no such export"
peload call "$zlib" '#9999'
fails_clearly "call of an ordinal that is not exported" "no such export"
peload call "$zlib" crc32 "file:$work/missing.bin"
fails_clearly "an argument from a missing file" "no such file"
finish
