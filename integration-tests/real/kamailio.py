"""A real Kamailio that tells Voronka of the calls that go through it."""

import base64
import re
import socket
import subprocess

from parts import HERE, HOST, LINE, Failure, Sipp, filled, free_port, need, wait_for


class Kamailio:
    name = "kamailio"

    @staticmethod
    def ready():
        need({"kamailio": "kamailio", "kamcmd": "kamailio", "sipp": "sip-tester",
              "/usr/lib*/*/kamailio/modules/http_client.so": "kamailio-utils-modules"})

    @staticmethod
    def home():
        return None

    def __init__(self, room, office):
        self.integration = office.integration("Kamailio")
        self.room, self.sipp, self.port = room, Sipp(room), free_port(socket.SOCK_DGRAM)
        self.control = f"unix:{room.path}/kamailio.ctl"
        basic = base64.b64encode(f"voronka:{self.integration.secret}".encode()).decode()
        configured = room.path / "kamailio.cfg"
        configured.touch(mode=0o600)
        filled(HERE / "kamailio.cfg", configured, HOST=HOST, SIP=self.port, PHONES=self.sipp.port, LINE=LINE,
               HOOK=office.url + self.integration.path, BASIC=basic, CONTROL=self.control)
        self.program = room.start("kamailio", ["kamailio", "-f", configured, "-DD", "-E", "-Y", room.path, "-m", 64])
        wait_for("Kamailio answers", self.is_up)

    def is_up(self):
        if self.program.poll() is not None:
            raise Failure(f"Kamailio ended:\n{self.room.log('kamailio')[-3000:]}")
        return self.ask("core.uptime")

    def ask(self, *words):
        asked = subprocess.run(["kamcmd", "-s", self.control, *words], capture_output=True, text=True, timeout=20)
        return asked.stdout if asked.returncode == 0 and "error" not in asked.stdout else ""

    def waiting(self):
        """Posts that are not taken yet."""
        queued = re.search(r"size: (\d+)", self.ask("mqueue.get_size", "posts"))
        held = re.search(r"value: (\d+)|: (\d+)", self.ask("pv.shvGet", "holds"))
        return int(queued[1]) + int(held[1] or held[2])

    def is_idle(self):
        # One that is just being fetched is in neither place: a second look sees it.
        return "all: 0" in self.ask("dlg.stats_active") and self.waiting() == 0 and self.waiting() == 0

