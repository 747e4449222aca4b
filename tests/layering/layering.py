"""The rules of the house that a machine can check, over a checkout and without a build.

Arrows between rooms: what mesg_module declares, what the sources include, and which way it points.
Third-party headers: only in the room that adapts the library. Types: one definition for each name,
which the linker would not notice. Documents: the code map of
ARCHITECTURE.md, a README for every room, links that lead somewhere. Text: nothing that only makes
sense on one machine.

    layering.py [ROOT]      prints every breach as FILE:LINE: what is wrong; exits 1 when there is any
"""

import os
import pathlib
import re
import subprocess
import sys
from typing import NamedTuple

# From the roof to the ground. A room may depend on the rooms below it, never on those above.
ROOMS = ["daemon", "cli", "api", "market", "network", "runtime", "broker", "engine", "store", "app",
         "model", "base"]

# A room that is an interface: its implementations, the modules in its subfolders, are named only
# where everything is wired together.
INTERFACES = {"store": {"store", "daemon"}}

# What stands on the wire instead of on the rooms between.
APART = {"cli": {"cli", "proto", "base"}, "sdk": {"sdk", "proto", "base"}}

# Generated code: include prefix -> the target that brings it.
GENERATED = {"mesg/stored/": "stored", "mesg/": "proto", "google/rpc/": "proto",
             "classic/": "classic_proto"}

# Whole-program tests and benchmarks stand outside the house: they may look at anything.
OUTSIDE = ("tests/", "bench/")

# What `mesg service init` writes out: a project of its user's, built outside this one.
TEMPLATES = "src/cli/templates/"


class Adapter(NamedTuple):
    """The folders that may see the headers of a library, directly or through a header of ours."""
    prefixes: tuple
    folders: tuple


ADAPTERS = [
    Adapter(("rocksdb/",), ("src/store/rocksdb/",)),
    Adapter(("grpcpp/", "grpc/"), ("src/api/", "src/cli/client", "sdk/")),
    Adapter(("google/protobuf/",), ("src/api/", "src/cli/", "src/model/", "sdk/")),
    Adapter(("yaml-cpp/",), ("src/model/", "src/app/", "src/daemon/", "src/cli/")),
    Adapter(("simdjson",), ("src/base/", "src/model/", "src/app/", "src/runtime/",
                          "sdk/cpp/mesg/json", "services/", "examples/")),
    Adapter(("re2/",), ("src/model/", "src/app/")),
    Adapter(("CLI/",), ("src/cli/", "services/", "examples/")),
    Adapter(("archive", "git2"), ("src/runtime/", "libexec/")),
    Adapter(("curl/",), ("src/runtime/", "libexec/", "services/", "src/market/",
                          "examples/")),
    Adapter(("boost/",), ("src/api/http/", "src/network/", "src/app/expression/number", "services/")),
    Adapter(("date/",), ("src/base/schedule/",)),
    Adapter(("prometheus/",), ("src/api/http/",)),
    Adapter(("jq.h", "jv.h"), ("libexec/",)),
]

# What nobody but the author could follow. The patterns are written so as not to match themselves.
UNWANTED = [
    (re.compile(r"(?<![\w.~$-])/wor[k]/"), "a path of one machine"),
    (re.compile(r"/(?:home|Users)/(?!you/)[a-z]\w*/"), "a path in one person's home"),
    (re.compile(r"registry\.npmjs|deb\.debian|security\.debian|proxy\.golang|pypi\.org", re.I),
     "the host name of a package registry: name the package instead"),
]
UNFINISHED = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X)\b")

SOURCES = (".h", ".cc")
UNREAD = (".png", ".ico", ".gz", ".tgz", ".zip", ".woff2", ".wasm", ".bin")
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')

# As clang-format writes them: what stands at the margin is outside every type and function.
NAMESPACE = re.compile(r"^namespace ?([\w:]*) \{$")
NAMESPACE_END = re.compile(r"^\}  // namespace")
TYPE = re.compile(r"^(?:struct|class|enum class) ([\w:]+)(?: final)?(?: : .*)? \{")


class Module(NamedTuple):
    name: str
    folder: str  # "src/store/rocksdb/"
    file: str
    line: int
    depends: tuple  # of ours, without "mesg::"
    test_depends: tuple

    @property
    def room(self):
        return self.folder.split("/")[1] if self.folder.startswith("src/") else "sdk"


def files(root):
    """Relative paths of what git tracks or would add; of everything where there is no git."""
    if (root / ".git").exists():
        listed = subprocess.run(
            ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others",
             "--exclude-standard"], cwd=root, check=True, capture_output=True).stdout
        names = {name.decode() for name in listed.split(b"\0") if name}
        return sorted(name for name in names if (root / name).is_file())
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in (".git", "build", "node_modules")]
        found += [(pathlib.Path(folder) / name).relative_to(root).as_posix() for name in names]
    return sorted(found)


def calls(text):
    """Every mesg_module(...) call of a CMakeLists as (line, words); comments are not code."""
    text = re.sub(r"#[^\n]*", "", text)
    for match in re.finditer(r"\bmesg_module\s*\(([^)]*)\)", text):
        yield text.count("\n", 0, match.start()) + 1, match.group(1).split()


def parse_module(folder, file, line, words):
    lists = {}
    current = None
    for word in words[1:]:
        if re.fullmatch(r"[A-Z][A-Z_]+", word):
            current = lists.setdefault(word, [])
        elif current is not None:
            current.append(word)

    def ours(key):
        return tuple(w[len("mesg::"):] for w in lists.get(key, []) if w.startswith("mesg::"))

    return Module(words[0], folder, file, line, ours("DEPENDS"), ours("TEST_DEPENDS"))


def is_test(path):
    return re.search(r"_(test|bench|fuzz)\.(h|cc)$", path) is not None


def types(text):
    """(line, full name) of every type that other files can see; not those of unnamed namespaces."""
    inside = []
    for number, line in enumerate(text.splitlines(), 1):
        if match := NAMESPACE.match(line):
            inside.append(match.group(1))
        elif NAMESPACE_END.match(line) and inside:
            inside.pop()
        elif (match := TYPE.match(line)) and "" not in inside:
            yield number, "::".join([*inside, match.group(1)])


class House:
    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.files = files(self.root)
        self.breaches = []
        self.modules = []
        for path in self.files:
            if path.endswith("CMakeLists.txt") and path.startswith(("src/", "sdk/cpp/")):
                folder = path[:-len("CMakeLists.txt")]
                for line, words in calls(self.read(path)):
                    self.modules.append(parse_module(folder, path, line, words))
        self.by_name = {module.name: module for module in self.modules}
        self.includes = {path: [(number, match.group(1), match.group(2))
                                for number, line in enumerate(self.read(path).splitlines(), 1)
                                if (match := INCLUDE.match(line))]
                         for path in self.files if path.endswith(SOURCES)}
        self.brought = {}  # header of ours -> the third-party headers it brings along

    def read(self, path):
        return (self.root / path).read_text(encoding="utf-8", errors="replace")

    def breach(self, path, line, what):
        self.breaches.append(f"{path}:{line}: {what}")

    def module_of(self, path):
        """The module whose folder holds the file most closely."""
        holding = [m for m in self.modules if path.startswith(m.folder)]
        return max(holding, key=lambda m: len(m.folder), default=None)

    def check(self):
        self.check_arrows()
        for path in self.files:
            if path.endswith(SOURCES) and not path.startswith(TEMPLATES):
                self.check_source(path)
        self.check_types()
        self.check_documents()
        self.check_text()
        return self.breaches

    def check_arrows(self):
        for module in self.modules:
            if module.room not in ROOMS + list(APART):
                self.breach(module.file, module.line,
                            f"src/{module.room} is not a room; the rooms are {', '.join(ROOMS)}")
                continue
            for name in module.depends:
                self.check_arrow(module, name)

    def check_arrow(self, module, name):
        known = self.by_name.get(name)
        if known is None and name not in GENERATED.values():
            self.breach(module.file, module.line, f"mesg::{name} is not declared by any mesg_module")
            return
        target = known.room if known else name
        if module.room in APART:
            if target not in APART[module.room]:
                self.breach(module.file, module.line,
                            f"{module.room} may depend on {', '.join(sorted(APART[module.room]))} "
                            f"only, not on {name}")
        elif known and (target not in ROOMS or ROOMS.index(target) < ROOMS.index(module.room)):
            self.breach(module.file, module.line,
                        f"{module.room} may not depend on {name}: arrows point down, and "
                        f"{target} is above {module.room}")
        elif known and name != target and module.room not in INTERFACES.get(target, {module.room}):
            self.breach(module.file, module.line,
                        f"{module.room} may depend on {target}, not on its implementation {name}")

    def check_source(self, path):
        text = self.read(path)
        if path.endswith(".h") and "#pragma once" not in text:
            self.breach(path, 1, "a header starts with #pragma once")
        for number, mark, include in self.includes[path]:
            self.check_third_party(path, number, include)
            if mark == '"' or include.startswith(tuple(GENERATED)):
                self.check_include(path, number, include)

    def check_types(self):
        """Two types of one name that meet in a program are undefined behaviour."""
        first = {}
        for path in self.files:
            if not path.endswith(SOURCES) or path.startswith((TEMPLATES, *OUTSIDE)):
                continue
            for number, name in types(self.read(path)):
                there = first.setdefault(name, f"{path}:{number}")
                if there != f"{path}:{number}":
                    self.breach(path, number, f"{name} is another type in {there}")

    def find(self, path, include):
        """The file of ours that an #include in `path` means, or None."""
        beside = path.rsplit("/", 1)[0] + "/"
        for folder in ("src/", "sdk/cpp/", "sdk/cpp/include/", beside, ""):
            if folder + include in self.includes:
                return folder + include
        return None

    def check_include(self, path, number, include):
        module = self.module_of(path)
        if module is None:
            return
        allowed = {module.name, *module.depends}
        if is_test(path):
            allowed |= set(module.test_depends)

        found = self.find(path, include)
        if found is None:
            name = next((target for prefix, target in GENERATED.items()
                         if include.startswith(prefix)), None)
            if name is None:
                return  # Written into the build folder; the compiler knows whether it is there.
        elif found.startswith("src/") and found != "src/" + include:
            self.breach(path, number, f'include "{found[len("src/"):]}", the path from src/')
            return
        else:
            target = self.module_of(found)
            name = target.name if target else found.split("/")[1]
        if name not in allowed:
            self.breach(path, number,
                        f"{include} belongs to mesg::{name}, which {module.file} does not declare "
                        f"in DEPENDS")

    def brings(self, header):
        """The third-party headers that including `header` (ours) brings along."""
        if header not in self.brought:
            self.brought[header] = set()  # Ends a circle.
            for _, _, include in self.includes[header]:
                found = self.find(header, include)
                self.brought[header] |= self.brings(found) if found else {include}
        return self.brought[header]

    def check_third_party(self, path, number, include):
        if path.startswith(OUTSIDE) or is_test(path):
            return
        found = self.find(path, include)
        for third_party in sorted(self.brings(found)) if found else [include]:
            adapter = next((a for a in ADAPTERS if third_party.startswith(a.prefixes)), None)
            if adapter and not path.startswith(adapter.folders):
                through = f", and {include} brings it along" if found else ""
                self.breach(path, number, f"{third_party} may be seen only by "
                                          f"{', '.join(adapter.folders)}{through}")
                return

    def check_documents(self):
        rooms = {path.split("/")[1] for path in self.files
                 if path.startswith("src/") and path.count("/") > 1}
        with_code = {path.rsplit("/", 1)[0] for path in self.files
                     if path.startswith("src/") and path.endswith(SOURCES)}
        for room in sorted({folder.split("/")[1] for folder in with_code if "/" in folder}):
            if f"src/{room}/README.md" not in self.files:
                self.breach(f"src/{room}", 0, "a room needs a README.md that says what it is for")
        if "ARCHITECTURE.md" not in self.files:
            self.breach("ARCHITECTURE.md", 0, "is missing")
            return
        text = self.read("ARCHITECTURE.md")
        section = re.search(r"^## Code map$(.*?)(?=^## |\Z)", text, re.M | re.S)
        mapped = set(re.findall(r"^src/([a-z0-9_]+)/", section.group(1), re.M)) if section else set()
        for room in sorted(rooms - mapped):
            self.breach("ARCHITECTURE.md", 0, f"the code map does not list src/{room}/")
        for room in sorted(mapped - rooms):
            self.breach("ARCHITECTURE.md", 0, f"the code map lists src/{room}/, which is not there")

    def check_links(self, path, number, line):
        """Links of a page to other files of the checkout lead somewhere. A lambda in C++, [&](...), is none."""
        for target in re.findall(r"(?<!\[&)\]\(([^)#\s]+)[^)]*\)", line):
            if re.match(r"[a-z]+:", target):
                continue
            there = self.root / path.rsplit("/", 1)[0] if "/" in path else self.root
            if not (there / target).exists():
                self.breach(path, number, f"links to {target}, which is not there")

    def check_text(self):
        for path in self.files:
            if path.endswith(UNREAD):
                continue
            code = path.endswith((".h", ".cc", ".ts", ".js", ".py", ".sh", ".cmake", ".proto"))
            for number, line in enumerate(self.read(path).splitlines(), 1):
                for pattern, what in UNWANTED:
                    if pattern.search(line) and not is_test(path):
                        self.breach(path, number, what)
                if path.endswith(".md"):
                    self.check_links(path, number, line)
                if code and UNFINISHED.search(line):
                    self.breach(path, number, "unfinished work is an issue, not a comment")


def check(root):
    """Every breach in the checkout at `root`, as text; empty when the house is in order."""
    return House(root).check()


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2]
    breaches = check(root)
    for breach in breaches:
        print(breach)
    print(f"layering: {len(breaches)} breaches")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
