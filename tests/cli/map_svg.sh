# peload map --svg: a picture of the view that says what the view is.
. "$(dirname "$0")/lib.sh"
need "$zlib" "$guests/fixed.dll"
exec python3 "$folder/map_svg.py" "$PELOAD" "$work" "$zlib" "$zlib32" "$guests/fixed.dll"
