"""A real Asterisk, from Debian 11 in a chroot, since later ones have none; and what its machine runs beside it."""

import os
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

from parts import HERE, HOST, LINE, Failure, Missing, Sipp, filled, free_port, need, wait_for

CACHE = Path(os.environ.get("VORONKA_REAL_CACHE") or Path.home() / ".cache/voronka-real")
ROOT = CACHE / "bullseye"


def install():
    """Once; two or three minutes."""
    print(f"Installing Asterisk into {ROOT}; this takes a few minutes.", flush=True)
    shutil.rmtree(half := CACHE / "bullseye.half", ignore_errors=True)
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "install.log", "w") as log:
        def run(*command):
            if subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log).returncode:
                raise Missing(f"Asterisk could not be installed: see {CACHE / 'install.log'}")
        run("debootstrap", "--variant=minbase", "bullseye", half)
        # No service is started in there.
        (half / "usr/sbin/policy-rc.d").write_text("#!/bin/sh\nexit 101\n")
        (half / "usr/sbin/policy-rc.d").chmod(0o755)
        run("chroot", half, "apt-get", "install", "-y", "--no-install-recommends", "asterisk", "asterisk-modules")
        run("chroot", half, "apt-get", "clean")
    half.rename(ROOT)


class Asterisk:
    name = "asterisk"

    @staticmethod
    def ready():
        need({"sipp": "sip-tester", "curl": "curl"})
        if (ROOT / "usr/sbin/asterisk").exists() and os.geteuid() == 0:
            return
        need({"debootstrap": "debootstrap"})
        if os.geteuid() != 0:
            raise Missing("debootstrap and chroot want root")
        install()

    @staticmethod
    def home():
        # Where both the chroot and the machine around it see it.
        return ROOT / "tmp"

    def __init__(self, room, office):
        self.integration = office.integration("Asterisk")
        self.room, self.sipp, self.port = room, Sipp(room), free_port(socket.SOCK_DGRAM)
        self.spool = room.path / "spool"
        self.spool.mkdir()
        (room.path / "etc").mkdir()
        inside, manager = Path("/", room.path.relative_to(ROOT)), free_port()
        password = os.urandom(8).hex()
        for template in (HERE / "asterisk").glob("*.conf"):
            filled(template, room.path / "etc" / template.name, HOST=HOST, SIP=self.port, PHONES=self.sipp.port,
                   LINE=LINE, ROOM=inside, SPOOL=inside / "spool", MANAGER=manager, PASSWORD=password)
        # It asks for its machine's name at each call, and waits for the answer.
        (ROOT / "etc/hosts").write_text(f"{HOST} localhost {socket.gethostname()}\n")
        curlrc = room.path / "curlrc"
        curlrc.touch(mode=0o600)
        curlrc.write_text(f'url = "{office.url}{self.integration.path}"\nuser = "voronka:{self.integration.secret}"\n')
        room.start("voronka-post", [HERE / "asterisk/voronka-post", self.spool, curlrc, "1"])
        self.program = room.start("asterisk", ["chroot", ROOT, "asterisk", "-f", "-C", inside / "etc/asterisk.conf"])
        self.manager = None
        wait_for("Asterisk answers", lambda: self.log_in(manager, password))
        wait_for("Asterisk has booted", lambda: "fully booted" in self.cli("core waitfullybooted").lower())

    def log_in(self, port, password):
        if self.program.poll() is not None:
            raise Failure(f"Asterisk ended:\n{self.room.log('asterisk')[-3000:]}")
        try:
            self.manager = socket.create_connection((HOST, port), timeout=20)
        except OSError:
            return False
        self.manager.recv(200)
        return "Success" in self.act("Login", Username="real", Secret=password, Events="off")

    def act(self, action, **fields):
        """What the manager answers."""
        lines = [f"Action: {action}", *(f"{name}: {value}" for name, value in fields.items())]
        self.manager.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            got = self.manager.recv(65536)
            if not got:
                raise Failure(f"Asterisk's manager hung up:\n{self.room.log('asterisk')[-3000:]}")
            answer += got
        return answer.decode()

    def cli(self, command):
        return self.act("Command", Command=command)

    def channel(self, phone, state="Up"):
        """The channel of a phone that talks, or rings."""
        for line in self.cli("core show channels concise").splitlines():
            found = re.match(rf"(?:Output: )?(PJSIP/{phone}-[0-9a-f]+)!.*!{state}!", line)
            if found:
                return found[1]
        return None

    def waiting(self):
        return len(list(self.spool.iterdir()))

    def is_idle(self):
        return "0 active channels" in self.cli("core show channels count") and self.waiting() == 0

    def more(self, single):
        """What a proxy has no part in."""
        single("a ring group", "+31205550021", LINE + "001", ("in", "answered", "102"), 3.0)
        single("a queue", "+31205550022", LINE + "002", ("in", "answered", "101"), lasts=6, during=self.queued)
        single("a queue, and nobody comes", "+31205550023", LINE + "006", ("in", "missed", None))
        single("a blind transfer", "+31205550024", LINE + "101", ("in", "answered", "102"), lasts=8, during=self.blind)
        # By keys in mid-call. Asterisk takes their time from the sound, so the phone that is heard does it.
        single("an attended transfer", "+31205550025", LINE + "106", ("in", "answered", "102"), lasts=16,
               during=self.attended)

    def queued(self, caller):
        """How long the talk lasts after the wait in the queue."""
        wait_for("101 talks", lambda: self.channel("101"))
        since = time.monotonic()
        caller.wait(60)
        return int(time.monotonic() - since)

    def passes_on(self, phone, action):
        """The phone passes the call on to 102: its channel, from when till when it talked, since when 102 does."""
        first = wait_for(f"{phone} talks", lambda: self.channel(phone))
        begun = time.monotonic()
        # A talk, and no waiting for something.
        time.sleep(2)
        answer = self.act(action, Channel=first, Context="office", Exten="102")
        if "Success" not in answer:
            raise Failure(f"{action}: {answer}")
        passed = time.monotonic()
        wait_for("102 talks", lambda: self.channel("102"))
        return first, begun, passed, time.monotonic()

    def blind(self, caller):
        _, begun, passed, since = self.passes_on("101", "BlindTransfer")
        caller.wait(60)
        return int(passed - begun) + int(time.monotonic() - since)

    def attended(self, caller):
        first, begun, _, since = self.passes_on("106", "Atxfer")
        # It tells 102 who calls, and hangs up: for that long both of them talk.
        time.sleep(2)
        self.act("Hangup", Channel=first)
        over = time.monotonic()
        caller.wait(60)
        return int(over - begun) + int(time.monotonic() - since)
