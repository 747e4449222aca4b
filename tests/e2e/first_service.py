"""Keeps docs/services true: what the pages show of a file is what examples/guestbook has, and that works.

A real Core in a temporary folder runs the service while the guestbook is killed and opened again.

  first_service.py quotes SOURCE
  first_service.py play SOURCE --mesg PROGRAM (--sdk FOLDER | --program FILE)
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

TOKEN = "open-sesame"
PAGES = {"first-service-javascript.md": "javascript", "first-service-cpp.md": "cpp"}


def check_quotes(source):
    """Each "FILE:" in front of a block of code names a file of the example that has just this text."""
    example = source / "examples/guestbook"
    for page, language in PAGES.items():
        text = (source / "docs/services" / page).read_text()
        blocks = re.findall(r"^`guestbook/([\w.]+)`:\n\n```\w*\n(.*?)^```$", text, re.M | re.S)
        blocks += [("../" + name, body) for name, body in
                   re.findall(r"^`(app\.yml)`:\n\n```\w*\n(.*?)^```$", text, re.M | re.S)]
        names = {name for name, _ in blocks}
        expected = {"javascript": "index.js", "cpp": "main.cc"}[language]
        missing = {"mesg.yml", expected, "../app.yml"} - names
        if missing:
            sys.exit(f"docs/services/{page}: expected it to show {sorted(missing)}")
        for name, body in blocks:
            file = (example / language / name).resolve()
            if file.read_text() != body:
                sys.exit(f"docs/services/{page}: {name} differs from {file.relative_to(source)}")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as held:
        return held.getsockname()[1]


def eventually(what, condition, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            sys.exit(f"waited in vain until {what}")
        time.sleep(0.05)


class Guestbook:
    """The outside, in a process of its own that keeps its port and its file over restarts."""

    def __init__(self, server, folder):
        self.port = free_port()
        self.file = folder / "guestbook.txt"
        self.command = ["node", str(server), str(self.port), str(self.file)]
        self.process = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def open(self):
        self.process = subprocess.Popen(self.command, env={**os.environ, "TOKEN": TOKEN})
        eventually("the guestbook is open", self.is_open)

    def is_open(self):
        try:
            self.ask()
            return True
        except (urllib.error.URLError, ConnectionError):
            return False

    def ask(self, text=None):
        request = urllib.request.Request(self.url + "/entries", text and text.encode(),
                                         {"Authorization": f"Bearer {TOKEN}"})
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.read().decode()

    def texts(self):
        return [json.loads(line)["text"] for line in self.file.read_text().splitlines()]

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()


class Core:
    def __init__(self, program, folder):
        self.program = program
        address = f"127.0.0.1:{free_port()}"
        self.environment = {**os.environ, "MESG_HOME": str(folder / "core"), "TOKEN": TOKEN,
                            "MESG_GRPC_ADDRESS": address, "MESG_ENDPOINT": address}

    def mesg(self, *arguments, text=None, fails=False):
        done = subprocess.run([self.program, *arguments], env=self.environment, input=text,
                              capture_output=True, text=True, timeout=200, check=False)
        if (done.returncode != 0) != fails:
            sys.exit(f"mesg {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def entries(self, service):
        """The texts of all events, oldest first."""
        listed = json.loads(self.mesg("event", "list", service, "--oldest-first", "--limit", "1000", "--json"))
        return [event["data"]["text"] for event in listed["events"]]


def play(core, guestbook, folder):
    service = str(folder / "guestbook")
    unknown = core.mesg("service", "deploy", service, "--start", fails=True)
    assert "TOKEN" in unknown, unknown
    guestbook.open()
    guestbook.ask("written before")
    core.mesg("service", "deploy", service, "--start", "--env", "TOKEN", "--env", f"URL={guestbook.url}")
    eventually("the entry is an event", lambda: core.entries("guestbook") == ["written before"])

    core.mesg("service", "execute", "guestbook", "write", "--data", "text=from a task")
    refused = core.mesg("service", "execute", "guestbook", "write", "--data", "text= ", fails=True)
    assert "expected 1 to 1000 characters" in refused, refused

    guestbook.kill()
    eventually("its health says so", lambda: "no answer from" in core.mesg("service", "list"))
    assert TOKEN not in core.mesg("service", "show", "guestbook")
    with guestbook.file.open("a") as file:
        file.write('{"id":"away","text":"written meanwhile"}\n')
    guestbook.open()
    expected = ["written before", "from a task", "written meanwhile"]
    eventually("nothing is missing", lambda: core.entries("guestbook") == expected)
    eventually("its health is well again", lambda: "no answer from" not in core.mesg("service", "list"))

    core.mesg("stop")
    guestbook.ask("written without Core")
    core.mesg("start")
    expected.append("written without Core")
    eventually("Core knows it", lambda: core.entries("guestbook") == expected)
    core.mesg("service", "delete", "guestbook", "--yes")

    core.mesg("secret", "set", "guestbook", text=TOKEN)
    app = folder / "app.yml"
    app.write_text(app.read_text().replace("env: {", f"env: {{ URL: {guestbook.url},"))
    core.mesg("app", "deploy", str(app))
    eventually("each entry is answered",
               lambda: sum(text.startswith("Welcome! You wrote: ") for text in guestbook.texts()) == 4)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", choices=["quotes", "play"])
    parser.add_argument("source", type=pathlib.Path)
    parser.add_argument("--mesg")
    parser.add_argument("--sdk", type=pathlib.Path, help="the built library: plays the one in JavaScript")
    parser.add_argument("--program", type=pathlib.Path, help="the one in C++")
    options = parser.parse_args()
    source = options.source.resolve()
    if options.mode == "quotes":
        return check_quotes(source)

    example = source / "examples/guestbook"
    folder = pathlib.Path(tempfile.mkdtemp(prefix="mesg-first-service-"))
    service = folder / "guestbook"
    shutil.copytree(example / ("javascript" if options.sdk else "cpp"), service)
    shutil.copy(example / "app.yml", folder)
    if options.sdk:
        package = {"private": True, "scripts": {"start": "node index.js"},
                   "dependencies": {"@mesg/sdk": f"file:{options.sdk.resolve()}"}}
        (service / "package.json").write_text(json.dumps(package))
        (service / ".npmrc").write_text("install-links=false\naudit=false\nfund=false\n")
    else:
        (service / "bin").mkdir()
        shutil.copy(options.program, service / "bin/guestbook")
    core = Core(options.mesg, folder)
    guestbook = Guestbook(example / "server.js", folder)
    core.mesg("start")
    try:
        play(core, guestbook, folder)
    finally:
        subprocess.run([options.mesg, "stop"], env=core.environment, check=False, capture_output=True)
        guestbook.kill()
        shutil.rmtree(folder, ignore_errors=True)


main()
