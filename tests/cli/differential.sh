# peload inspect --json says what pefile says, over real images.
. "$(dirname "$0")/lib.sh"
need "$corpus"
exec python3 "$folder/differential.py" "$PELOAD" "$corpus"
