"""What has to differ between two systems, written alike."""
import hashlib
import re

LARGE = 1 << 20

# What is found, and what stands for it.
ALWAYS = [
    (r"\r\n", "\n"),
    (r"\bZ:(?=/)", ""),   # Wine's name for the root
    (r"  +", "  "),       # columns, which differ in width where words do
    # A region in JSON, as in text, with what that does not say behind it.
    (r'"protect": "(\w+)", ("allocation_protect": "\w+"), "state": "(\w+)", ("type": "\w+"), '
     r'"backing": "(\w+)", ("section": )', r"\1  \3  \5  \2, \4, \6"),
]
# Where an image comes to lie, and what follows from that, unless its base is asked for.
ANY_BASE = [
    (r"bytes at 0x\w+, (preferred base 0x\w+), (?:not )?relocated "
     r"\(STATUS_(?:SUCCESS|IMAGE_NOT_AT_BASE)\)", r"bytes, \1"),
    (r'"status": "0x[04]000000[03]", "status_name": "STATUS_(?:SUCCESS|IMAGE_NOT_AT_BASE)", '
     r'"view": {"base": "0x\w+"(.*?), "relocated": \w+', r'"view": {\1'),
]


def text(output, scenario):
    found = output.decode("utf-8", "replace")
    for pattern, stands_for in ALWAYS + (ANY_BASE if "--base" not in scenario.words else []):
        found = re.sub(pattern, stands_for, found)
    return found


def written(content):
    """A file that a command has written: a line of hex for each 64 bytes, or its hash if large."""
    if len(content) > LARGE:
        return f"{len(content)} bytes, SHA-256 {hashlib.sha256(content).hexdigest()}"
    return "\n".join(content[at:at + 64].hex() for at in range(0, len(content), 64))
