"""peload scan says in a line what peload inspect says of each file.

    scan.py PELOAD FILE...

With items and contents the line is inspect's object; without them, each table has the same count and
status and no items.
"""
import json
import subprocess
import sys

PELOAD, FILES = sys.argv[1], sys.argv[2:]


def scan(*options):
    found = subprocess.run([PELOAD, "scan", *options, *FILES], capture_output=True, check=True)
    assert found.stderr == b"", found.stderr
    return found.stdout.splitlines()


def inspect(path):
    return subprocess.run([PELOAD, "inspect", "--json", path], capture_output=True).stdout.strip()


def summary(whole):
    """The tables of an object: name to count and status."""
    return {name: (part["count"], part["status"]) for name, part in whole.items()
            if isinstance(part, dict) and "count" in part and "status" in part}


failures = 0
whole, short = scan("--items", "--contents"), scan()
assert len(whole) == len(short) == len(FILES)
for path, line, brief in zip(FILES, whole, short):
    expected, brief = inspect(path), json.loads(brief)
    if line != expected:
        print(f"FAILED: {path}: scan --items --contents is not inspect --json")
        failures += 1
    counts = summary(json.loads(expected))
    for absent in ("decoded_resources", "symbols", "findings"):
        counts.pop(absent, None)
    found = summary(brief)
    found.pop("findings", None)
    if brief["file"] != path or found != counts or any('"items"' in str(t) for t in brief.values()):
        print(f"FAILED: {path}: {found} is not {counts}")
        failures += 1
print(f"{len(FILES)} files, {failures} failures")
sys.exit(failures != 0)
