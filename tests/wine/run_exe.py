"""Runs a Windows program under Wine and ends with its exit status.

    run_exe.py PROGRAM [ARGUMENT]...

The program runs in a new folder below its own, which is removed afterwards, and its output is
passed on. Exit status 77 when Wine or the program is missing.
"""
import os
import subprocess
import sys
import tempfile

from wine import Wine, find, windows_path

SECONDS = 280


def main(path, *arguments):
    if find("wine64") is None or not os.path.exists(path):
        print(f"SKIPPED: wine64 or {os.path.basename(path)} is missing "
              "(tests/run installs and builds them)")
        return 77
    place = os.path.dirname(os.path.abspath(path))
    with tempfile.TemporaryDirectory(dir=place) as folder, Wine(None, folder) as wine:
        work = os.path.join(folder, "work")
        os.mkdir(work)
        command = [find("wine64"), windows_path(path), *arguments]
        try:
            status = subprocess.run(command, env=wine.environment, cwd=work,
                                    stdin=subprocess.DEVNULL, timeout=SECONDS,
                                    check=False).returncode
        except subprocess.TimeoutExpired:
            print(f"FAILED: {os.path.basename(path)} ran for {SECONDS} seconds")
            return 1
    # What looks like a skipped test is none: the program has run.
    return status if status != 77 else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
