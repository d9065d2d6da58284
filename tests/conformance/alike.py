"""What has to differ between two systems, written alike."""
import re

# What is found, and what stands for it.
TEXT = [
    (r"\r\n", "\n"),
    (r"Z:(?=/)", ""),                                         # Wine's name for the root
    (r'("base": |"segment": {"base": )"0x[0-9a-f]+"', r'\1"BASE"'),
]


def text(output):
    found = output.decode("utf-8", "replace")
    for pattern, stands_for in TEXT:
        found = re.sub(pattern, stands_for, found)
    return found


def written(content):
    """A file that a command has written, a line of hex for each 64 bytes."""
    return "\n".join(content[at:at + 64].hex() for at in range(0, len(content), 64))
