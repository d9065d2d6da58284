"""A guest of this folder prints and returns what it should, and the same under Wine.

    compare.py PELOAD GUEST [EXPECTED [OPTION OF PELOAD RUN...]]

What it should print is in the folder EXPECTED (expected/), by name: a line `> ARGUMENTS = EXIT
STATUS` for each run, and what that prints. Where Wine is not Windows, NAME.wine there is what Wine
prints; nothing at all where Wine does not have what the guest is about.
"""
import os
import subprocess
import sys
import tempfile

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "wine"))
from wine import Wine, find  # noqa: E402

SECONDS = 120
EXPECTED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "expected")


def runs_of(path):
    """Pairs of a line `> ...` and what follows it."""
    with open(path, encoding="utf-8") as lines:
        runs = []
        for line in lines:
            if line.startswith(">"):
                runs.append([line.rstrip("\n"), ""])
            else:
                runs[-1][1] += line
    return runs


def text_of(command, environment=None):
    """What a run prints on stdout, and its exit status; -1 if it does not end."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              stdin=subprocess.DEVNULL, timeout=SECONDS, env=environment,
                              check=False)
    except subprocess.TimeoutExpired as late:
        return (late.stdout or b"").decode("utf-8", "replace").replace("\r", ""), -1
    return done.stdout.decode("utf-8", "replace").replace("\r", ""), done.returncode


def check(who, command, path, environment=None):
    """How many runs differ."""
    failures = 0
    for head, expected in runs_of(path):
        arguments = head[1:head.rindex("=")].split()
        text, status = text_of(command + arguments, environment)
        found = " ".join([">", *arguments, "=", str(status)]) + "\n" + text
        if found != head + "\n" + expected:
            failures += 1
            print(f"FAILED under {who}\n--- expected\n{head}\n{expected}--- found\n{found}---")
    return failures


def check_wine(guest, path):
    if find("wine64") is None:
        print("wine64 is missing (Debian: wine64): not compared with Wine")
        return 0
    with tempfile.TemporaryDirectory() as folder, Wine(guest, folder) as wine:
        return check("Wine", [find("wine64"), guest], path, wine.environment)


def main():
    peload, guest, *rest = sys.argv[1:]
    folder, options = (rest[0], rest[1:]) if rest else (EXPECTED, [])
    if not os.path.exists(guest):
        print(f"SKIPPED: {guest} is missing (needs mingw-w64, clang and lld)")
        return 77
    path = os.path.join(folder, os.path.splitext(os.path.basename(guest))[0])
    failures = check("peload", [peload, "run", *options, guest], path + ".txt")
    if options:
        return failures != 0
    wine = path + ".wine"
    failures += check_wine(guest, wine if os.path.exists(wine) else path + ".txt")
    return failures != 0


sys.exit(main())
