# peload inspect tells nothing odd of real images but what is odd about them.
. "$(dirname "$0")/lib.sh"
need "$corpus"
exec python3 "$folder/findings.py" "$PELOAD" "$corpus"
