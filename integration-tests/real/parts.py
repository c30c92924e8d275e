"""What the parts of the run share: programs that are started and ended, templates, ports, and waiting."""

import glob
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
HOST = "127.0.0.1"
# The company's numbers begin so: a phone's own is this and the phone.
LINE = "+31201110"
PATIENCE = 60 if not os.environ.get("CI") else 180


class Failure(Exception):
    """Something is not as it must be."""


class Missing(Exception):
    """Something that the run needs is not installed."""


def need(packages):
    """Programs, or files by a pattern, and the Debian packages that bring them."""
    absent = [package for what, package in packages.items()
              if not (glob.glob(what) if "/" in what else shutil.which(what))]
    if absent:
        names = " ".join(dict.fromkeys(absent))
        raise Missing(f"not installed: {names} (apt-get install --no-install-recommends {names})")


def wait_for(what, condition, patience=PATIENCE):
    """What the condition comes to, once that is something."""
    until = time.monotonic() + patience
    while not (found := condition()):
        if time.monotonic() > until:
            raise Failure(f"{what}: not within {patience} seconds")
        time.sleep(0.1)
    return found


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


def filled(template, path, **values):
    """Writes a template with its @NAMES@ replaced."""
    text = template.read_text()
    for name, value in values.items():
        text = text.replace(f"@{name}@", str(value))
    path.write_text(text)


class Room:
    """A directory of its own, and programs that end with it."""

    def __init__(self, under=None):
        self.path = Path(tempfile.mkdtemp(prefix="voronka-real-", dir=under))
        self.programs = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for program in reversed(self.programs):
            end(program)
        shutil.rmtree(self.path, ignore_errors=True)

    def start(self, name, command, **more):
        """Starts a program that logs into the room."""
        with open(self.path / f"{name}.log", "a") as log:
            program = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=log,
                                       stderr=subprocess.STDOUT, start_new_session=True, **more)
        self.programs.append(program)
        return program

    def log(self, name):
        path = self.path / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""


def end(program):
    """Ends a program, politely at first, and what it has started."""
    for signal, patience in ((15, 20), (9, 5)):
        if program.poll() is None:
            program.send_signal(signal)
            try:
                program.wait(patience)
            except subprocess.TimeoutExpired:
                continue
    try:
        os.killpg(program.pid, 9)
    except ProcessLookupError:
        pass


class Sipp:
    """Everybody with a telephone: who calls, and who is called."""

    def __init__(self, room):
        self.room, self.port, self.calls = room, free_port(socket.SOCK_DGRAM), 0
        (room.path / "silence.ulaw").write_bytes(b"\xff" * 8000)
        self.base = ["-i", HOST, "-nostdin"]
        command = ["sipp", "-sf", HERE / "sipp/anybody.xml", *self.base, "-p", self.port,
                   "-mp", free_port(socket.SOCK_DGRAM)]
        self.phones = room.start("phones", command, cwd=room.path, env=os.environ | {"TERM": "dumb"})

    def call(self, exchange_port, rows, rate=1, talk=3.0):
        """Rows of (caller, called) call, so many in a second; answers the program that does it."""
        self.calls += 1
        table = self.room.path / f"calls-{self.calls}.csv"
        table.write_text("SEQUENTIAL\n" + "".join(f"{caller};{called};\n" for caller, called in rows))
        port = free_port(socket.SOCK_DGRAM)
        command = ["sipp", f"{HOST}:{exchange_port}", "-sf", HERE / "sipp/caller.xml", "-inf", table, *self.base,
                   "-p", port, "-mp", free_port(socket.SOCK_DGRAM), "-m", len(rows), "-r", rate, "-l", len(rows),
                   "-d", int(talk * 1000), "-timeout", 120, "-timeout_error"]
        return self.room.start(f"calls-{self.calls}", command, env=os.environ | {"TERM": "dumb"})

    def done(self, program, patience=150):
        """The calls are over, and went as they should for SIP."""
        try:
            code = program.wait(patience)
        except subprocess.TimeoutExpired:
            code = "none"
        if code != 0:
            raise Failure(f"sipp ended with {code}:\n{self.room.log(f'calls-{self.calls}')[-1500:]}")
        if self.phones.poll() is not None:
            raise Failure(f"The phones ended:\n{self.room.log('phones')[-1500:]}")
