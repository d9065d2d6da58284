# peload inspect --json says what llvm-readobj says, over real images.
. "$(dirname "$0")/lib.sh"
need "$corpus"
exec python3 "$folder/readobj.py" "$PELOAD" "$corpus"
