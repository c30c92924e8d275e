"""A Voronka server of its own with an embedded database, the company that telephones, and what it knows of calls."""

import json
import os
import re
import subprocess
import urllib.error
import urllib.request
from collections import Counter

from parts import HOST, LINE, Failure, end, free_port, wait_for

EMAIL, PASSWORD = "admin@real.example", "a long enough password"
PHONES = {"101": "Anna", "102": "Ben", "103": "Cleo", "104": "Dirk", "105": "Eva", "106": "Fay"}
LINES = [LINE + phone for phone in PHONES] + [LINE + "001", LINE + "002", LINE + "006"]
# Whom the company knows: one who calls, and one who is called.
KNOWN = ["+31205550001", "+31205550102"]


class Office:
    def __init__(self, room, program, more=None):
        self.room, self.binary, self.server = room, program, None
        # One port for all its lives: that is what exchanges post to.
        self.url = f"http://{HOST}:{free_port()}"
        own = {name: value for name, value in os.environ.items() if not name.startswith("VORONKA_")}
        own.pop("DATABASE_URL", None)
        self.environment = own | {
            "VORONKA_DATA_DIR": str(room.path / "data"), "VORONKA_LISTEN": self.url.removeprefix("http://"),
            "VORONKA_ACCESS_TOKEN_SECONDS": "86400", "RUST_LOG": "warn,voronka=info"} | (more or {})
        self.token = None
        self.start()
        subprocess.run([program, "workspace", "create", "--name", "Real", "--currency", "EUR", "--time-zone",
                        "Europe/Amsterdam", "--admin-email", EMAIL, "--admin-password-stdin"],
                       env=self.environment, input=PASSWORD, text=True, check=True, stdout=subprocess.DEVNULL)
        self.token = self.post("/v1/auth/token", email=EMAIL, password=PASSWORD)["access_token"]
        self.users = {}
        for phone, name in PHONES.items():
            made = self.post("/v1/users", name=name, role="seller", email=f"{phone}@real.example")
            self.users[phone] = made["id"]
        self.names = {user: phone for phone, user in self.users.items()}
        self.client = self.post("/v1/clients", name="Alder Mill", phones=KNOWN)["id"]

    def start(self):
        self.server = self.room.start("server", [self.binary, "serve"], env=self.environment)
        wait_for("The server answers", self.answers)

    def stop(self):
        end(self.server)

    def answers(self):
        if self.server.poll() is not None:
            raise Failure(f"The server ended:\n{self.room.log('server')[-3000:]}")
        try:
            return self.get("/openapi.json")
        except urllib.error.URLError:
            return None

    def ask(self, path, body=None):
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        return self.send(urllib.request.Request(self.url + path, body and json.dumps(body).encode(), headers))

    def send(self, request):
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def get(self, path):
        return self.ask(path)

    def post(self, path, **body):
        return self.ask(path, body)

    def delete(self, path):
        headers = {"Authorization": f"Bearer {self.token}"}
        return self.send(urllib.request.Request(self.url + path, headers=headers, method="DELETE"))

    def all(self, path):
        """Everything of a list, page by page."""
        items, cursor = [], ""
        while cursor is not None:
            page = self.get(f"{path}{'&' if '?' in path else '?'}limit=200{cursor and f'&cursor={cursor}'}")
            items += page["items"]
            cursor = page["page"]["next_cursor"]
        return items

    def integration(self, name):
        made = self.post("/v1/integrations", adapter="asterisk", name=name, lines=LINES, extensions=self.users,
                         country="NL")
        return Integration(self, made["id"], made["secret"])


class Integration:
    def __init__(self, office, id_, secret):
        self.office, self.id, self.secret = office, id_, secret
        self.path = f"/webhooks/v1/telephony/{id_}"

    def calls(self):
        """The activities that its calls have become, in the order of their beginning."""
        mine = f"integration:{self.id}"
        found = self.office.all("/v1/activities?kind=call&sort=happened_at")
        return [one for one in found if (one["external_id"] or {}).get("source") == mine]

    def is_interpreted(self):
        return self.office.get(f"/v1/integrations/{self.id}/status")["waiting_since"] is None

    def troubles(self):
        """Why posts were refused or could not be interpreted."""
        status = self.office.get(f"/v1/integrations/{self.id}/status")
        failed = self.office.all(f"/v1/integrations/{self.id}/raw-events?state=failed")
        return [status[kind]["reason"] for kind in ("last_refusal", "last_failure") if status[kind]] + \
            [f"{post['reason']}: {post['body']}" for post in failed]

    def posted(self, number):
        """What the server has kept of a number's calls, as it came."""
        kept = self.office.all(f"/v1/integrations/{self.id}/raw-events")
        return [f"{post['state']} {post['body']}" for post in kept if number.strip("+") in post["body"]]

    def inbox(self):
        """How often each unknown number called or was called."""
        mine = [entry for entry in self.office.all("/v1/inbox") if entry["integration_id"] == self.id]
        return {entry["number"]: entry["calls"] for entry in mine}

    def call_backs(self):
        """How many tasks there are to call each number back. A call that was answered after all cancels its own."""
        tasks = self.office.all("/v1/tasks?kind=call_back")
        return Counter(re.search(r"\+\d+", task["title"])[0] for task in tasks if task["status"] != "cancelled")
