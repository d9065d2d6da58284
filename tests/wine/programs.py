"""peload run against Wine: what guest programs print, line by line, and their exit status.

    programs.py PELOAD FOLDER

FOLDER holds the programs; each runs once under Wine and once under peload, in a new folder that the
two runs do not share. A line that differs is a failure unless a row of PROGRAM_LINES in
differences.py says why, and so is a row that explains none. Exit status 77 without Wine or
programs.
"""
import itertools
import os
import subprocess
import sys
import tempfile

import differences
from wine import Wine, find, text_lines

PROGRAMS = ["start", "instances", "exchange", "grow", "copy", "coherent", "base", "sharing",
            "errors", "folders"]
SECONDS = 120


def run_peload(peload, path, folder):
    ended = subprocess.run([peload, "run", path], cwd=folder, stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=SECONDS,
                           check=False)
    if ended.stderr:
        print(ended.stderr.decode("utf-8", "replace"), end="")
    return ended.returncode, text_lines(ended.stdout)


def compare(name, ours, theirs, explained):
    """The differences that no row explains, as text."""
    failures = []
    if ours[0] != theirs[0]:
        failures.append(f"{name}: exit status {ours[0]}, under Wine {theirs[0]}")
    for pair in itertools.zip_longest(ours[1], theirs[1]):
        if pair[0] == pair[1]:
            continue
        row = next((row for row in differences.PROGRAM_LINES
                    if row.program == name and (row.windows, row.wine) == pair), None)
        if row is None:
            failures.append(f"{name}:\n  peload: {pair[0]}\n  Wine:   {pair[1]}")
        else:
            explained.add(row)
    return failures


def main(peload, programs):
    paths = {name: os.path.join(programs, name + ".exe") for name in PROGRAMS}
    if find("wine64") is None or not all(map(os.path.exists, paths.values())):
        print("SKIPPED: wine64 or the cross compiler is missing (tests/run installs them)")
        return 77
    failures, explained, lines = [], set(), 0
    with tempfile.TemporaryDirectory(dir=programs) as folder, Wine(None, folder) as wine:
        for name, path in paths.items():
            places = [os.path.join(folder, f"{name}.{by}", "work") for by in ("peload", "wine")]
            for place in places:
                os.makedirs(place)
            ours = run_peload(peload, path, places[0])
            lines += len(ours[1])
            failures += compare(name, ours, wine.program(path, places[1]), explained)
    for row in differences.PROGRAM_LINES:
        if row in explained:
            print(f"  {row.rule:4} {row.program}: {row.windows}; Wine: {row.wine}: {row.why}")
        else:
            failures.append(f"the row of {row.rule} explains nothing: {row.windows}")
    print(f"{len(paths)} programs, {lines} lines")
    for failure in failures:
        print("FAILED:", failure)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
