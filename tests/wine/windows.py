"""peload.exe under Wine against peload: what `inspect` says of the same files, byte by byte.

    windows.py PELOAD PELOAD_EXE WRITE_CASES FOLDER

The files are the cases that WRITE_CASES makes, the images of FOLDER ($PELOAD_CORPUS if set) up to
IMAGES of them, spread evenly, and some that are none. Exit status 77 without Wine or PELOAD_EXE.
"""
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

from images import found_images, written_cases
from wine import Wine, find, windows_path

IMAGES, CASES, SECONDS = 60, 90, 120
FORMS = (["--json"], [])


def spread(paths, count):
    step = max(1, len(paths) // count)
    return paths[::step][:count]


def odd_files(folder):
    """An empty one, a folder, one that is not there, one with a name that is not ASCII."""
    os.mkdir(os.path.join(folder, "a folder"))
    for name, content in (("empty", b""), ("text", b"no image"), ("\u00fcn\u00ef.dll", b"MZ")):
        with open(os.path.join(folder, name), "wb") as file:
            file.write(content)
    return ["empty", "text", "\u00fcn\u00ef.dll", "a folder", "missing"]


def ask(command, name, form, folder, environment):
    """Exit status, stdout, and stderr without the line ends of Windows."""
    ended = subprocess.run([*command, "inspect", *form, name], cwd=folder, env=environment,
                           stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS,
                           check=False)
    return ended.returncode, ended.stdout, ended.stderr.replace(b"\r\n", b"\n")


def compare(peload, exe, name, wine):
    """Which forms of the answer differ, as text."""
    under_wine = [find("wine64"), windows_path(exe)]
    return [f"{name}: inspect {' '.join(form)}: {ours[0]} {ours[2]!r}, under Wine {theirs[0]} {theirs[2]!r}"
            for form in FORMS
            if (ours := ask([peload], name, form, wine.folder, os.environ)) !=
               (theirs := ask(under_wine, name, form, wine.folder, wine.environment))]


def main(peload, exe, write_cases, corpus):
    if find("wine64") is None or not os.path.exists(exe):
        print("SKIPPED: wine64 or peload.exe is missing (tests/run installs and builds them)")
        return 77
    with tempfile.TemporaryDirectory(dir=os.path.dirname(exe)) as folder, Wine(exe, folder) as wine:
        images = list(found_images(os.environ.get("PELOAD_CORPUS", corpus)))
        paths = spread(written_cases(write_cases, os.path.join(folder, "cases")), CASES) + \
            spread(images, IMAGES)
        names = [os.path.basename(wine.link(path)) for path in paths] + odd_files(folder)
        with ThreadPoolExecutor(8) as pool:
            failures = [line for lines in
                        pool.map(lambda name: compare(peload, exe, name, wine), names)
                        for line in lines]
    print(*failures, sep="\n")
    print(f"{len(names)} files, {len(failures)} differences")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
