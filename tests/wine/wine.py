"""Runs oracle.exe under Wine, without a display, in a prefix of its own that is empty."""
import json
import os
import shutil
import subprocess

BATCH, BATCH_SECONDS = 100, 180


def find(name):
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/lib/wine")  # Debian's place


class Wine:
    def __init__(self, oracle, folder):
        self.oracle, self.folder = oracle, folder
        self.images = 0
        self.latest = None, b""  # path and bytes of the view that was asked for last
        prefix = os.path.join(folder, "prefix")
        os.mkdir(prefix)
        # Wine is not to copy its 700 MB of DLLs there: with WINEBOOTSTRAPMODE it does without.
        with open(os.path.join(prefix, ".update-timestamp"), "w") as mark:
            mark.write("disable\n")
        self.environment = {key: value for key, value in os.environ.items()
                            if not key.startswith("WINE") and key not in ("DISPLAY", "LD_PRELOAD")}
        self.environment.update(WINEPREFIX=prefix, WINEBOOTSTRAPMODE="1", WINEDEBUG="-all",
                                WINEDLLOVERRIDES="winemenubuilder.exe=d")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server("-k")

    def server(self, what):
        program = find("wineserver64") or find("wineserver")
        subprocess.run([program, what], env=self.environment, check=False)

    def begin(self, *command):
        """Keeps the server, which could end between two programs and keep the second from starting,
        and runs a first program: what Wine starts with it would hold the pipes of one whose output
        is read, for as long as others run.
        """
        self.server("-p")
        subprocess.run([find("wine64"), *command], env=self.environment, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       timeout=BATCH_SECONDS, check=False)

    def starts(self):
        return self.run([])[0] == 0

    def link(self, path):
        """A name that Wine does not know: of a file that is one of its modules and has the name of
        one, it maps the module that is installed.
        """
        self.images += 1
        link = os.path.join(self.folder, f"image{self.images}")
        os.symlink(os.path.abspath(path), link)
        return link

    def run(self, links, *arguments):
        """Exit status and lines of the oracle; fewer lines than links if it did not get through."""
        paths = [os.path.join(self.folder, name) for name in ("list", "lines")]
        with open(paths[0], "w") as names:
            names.writelines(windows_path(link) + "\n" for link in links)
        command = [find("wine64"), self.oracle, windows_path(paths[0]), *arguments]
        with open(paths[1], "w+b") as lines:
            try:
                status = subprocess.run(command, env=self.environment, stdout=lines,
                                        stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
                                        timeout=BATCH_SECONDS, check=False).returncode
            except subprocess.TimeoutExpired:
                status = None
            lines.seek(0)
            return status, [line for line in lines if line.endswith(b"\n")]

    def program(self, path, folder, *arguments):
        """Exit status and lines of another program that runs in a folder."""
        command = [find("wine64"), windows_path(path), *arguments]
        ended = subprocess.run(command, env=self.environment,
                               cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, timeout=BATCH_SECONDS, check=False)
        return ended.returncode, text_lines(ended.stdout)

    def lines(self, paths):
        """What the oracle tells of each path, None where Wine did not survive the image."""
        links = [self.link(path) for path in paths]
        while links:
            batch = links[:BATCH]
            told = self.run(batch)[1]
            yield from (json.loads(line) for line in told)
            if len(told) < len(batch):
                yield None
            links = links[min(len(told) + 1, len(batch)):]

    def contents(self, path):
        """The bytes of an image's view."""
        if self.latest[0] != path:
            out = os.path.join(self.folder, "view")
            self.run([self.link(path)], windows_path(out))
            with open(out, "rb") as view:
                self.latest = path, view.read()
        return self.latest[1]


def windows_path(path):
    """Without the limit of 260 characters."""
    return "\\\\?\\Z:" + os.path.abspath(path).replace("/", "\\")


def text_lines(output):
    return output.decode("utf-8", "replace").replace("\r", "").splitlines()
