"""Where the images come from that are compared."""
import os
import subprocess


def written_cases(program, folder):
    os.mkdir(folder)
    subprocess.run([program, folder], check=True)
    return sorted(entry.path for entry in os.scandir(folder))


def found_images(folder):
    paths = sorted(os.path.join(place, name) for place, _, names in os.walk(folder)
                   for name in names)
    for path in paths:
        with open(path, "rb") as file:
            if file.read(2) == b"MZ":
                yield path
