"""Runs schemathesis against a server of its own: every operation of the specification, with requests that
it allows and requests that it forbids.

    run.py SERVER [arguments of schemathesis run]
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
WORK = HERE.parents[1] / "target" / "fuzz-api"
EMAIL, PASSWORD = "admin@fuzz.example", "a long enough password"


def start(server, data):
    """A server with an embedded database of its own; its process and address."""
    founding = ["--name", "Fuzz", "--currency", "EUR", "--time-zone", "Europe/Amsterdam"]
    person = ["--admin-email", EMAIL, "--admin-password-stdin"]
    # No limits of rate or of logins, and a token that outlives the run.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("VORONKA_")}
    environment.pop("DATABASE_URL", None)
    environment |= {
        "VORONKA_DATA_DIR": str(data),
        "VORONKA_LISTEN": "127.0.0.1:0",
        "VORONKA_RATE_LIMIT": "100000000",
        "VORONKA_ACCESS_TOKEN_SECONDS": "86400",
        "RUST_LOG": "warn,voronka=info",
    }
    log = open(WORK / "server.log", "w+")
    process = subprocess.Popen([server, "serve"], env=environment, stdout=log, stderr=log)
    while not (said := re.search(r"http://(127\.0\.0\.1:\d+)", Path(log.name).read_text())):
        if process.poll() is not None:
            sys.exit(f"The server did not start:\n{Path(log.name).read_text()}")
    create = [server, "workspace", "create", *founding, *person]
    subprocess.run(create, env=environment, input=PASSWORD, text=True, check=True, stdout=subprocess.DEVNULL)
    return process, said[0]


class Api:
    def __init__(self, address):
        self.address, self.token = address, None
        self.token = self.post("/v1/auth/token", email=EMAIL, password=PASSWORD)["access_token"]

    def send(self, path, kind, body):
        headers = {"Content-Type": kind} | ({"Authorization": f"Bearer {self.token}"} if self.token else {})
        request = urllib.request.Request(self.address + path, body, headers)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def post(self, path, **body):
        return self.send(path, "application/json", json.dumps(body).encode())


def furnish(api):
    """One thing of every noun, as the paths and bodies call them; the ids by their nouns."""
    things = {}

    def make(noun, **body):
        things[noun] = [api.post(f"/v1/{noun}", **body)["id"]]
        return things[noun][0]

    department = make("departments", name="North")
    make("users", name="Anna", role="seller", email="anna@fuzz.example", department_id=department)
    make("api-keys", name="BI", scopes=["deals:read"])
    client = make("clients", name="Alder Mill")
    make("contacts", name="Joris", client_id=client)
    make("sources", name="Fair")
    make("competitors", name="Other")
    loss = make("loss-reasons", name="Price")
    make("custom-fields", entity="deal", key="delivery", name="Delivery", type="date")
    make("exchange-rates", currency="USD", day="2020-01-01", rate="0.9")
    make("products", name="Rack server")
    make("integrations", adapter="canonical", name="Office")
    make("segments", name="Open", entity="deal",
         condition={"field": "deal.status", "op": "eq", "value": "open"})
    deal_type = make("deal-types", name="Sale", mode="manual",
                     stages=[{"name": name} for name in ("Lead", "Meeting", "Offer")])
    for title in ("Open", "Won", "Lost"):
        deal = api.post("/v1/deals", title=title, deal_type_id=deal_type, client_id=client)["id"]
        things.setdefault("deals", []).append(deal)
    deal = things["deals"][0]
    make("tasks", title="Call", deal_id=deal)
    make("activities", kind="call", title="Call", deal_id=deal)
    invoice = make("documents", deal_id=deal, kind="invoice", number="1")
    make("payments", invoice_id=invoice, amount={"amount": "1", "currency": "EUR"})
    spec = {"kind": "deals", "deal_type_id": deal_type, "mapping": {"external_id": {"column": "id"}}}
    parts = {"spec": json.dumps(spec), "file": "id\n1\n"}
    form = "".join(f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'
                   for name, text in parts.items()) + "--b--\r\n"
    things["imports"] = [api.send("/v1/imports", "multipart/form-data; boundary=b", form.encode())["id"]]
    parts = {"object": json.dumps({"kind": "deal", "id": deal}), "file": "Our offer"}
    form = "".join(f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'
                   for name, text in parts.items()) + "--b--\r\n"
    things["files"] = [api.send("/v1/files", "multipart/form-data; boundary=b", form.encode())["id"]]
    api.post(f"/v1/deals/{things['deals'][1]}/transition", to="won")
    api.post(f"/v1/deals/{things['deals'][2]}/transition", to="lost", loss_reason_id=loss)
    return things


# Fields of bodies and parameters of queries, and the noun that they name.
FIELDS = {
    "deal_type_id": "deal-types", "client_id": "clients", "owner_id": "users", "department_id": "departments",
    "source_id": "sources", "loss_reason_id": "loss-reasons", "competitor_id": "competitors",
    "head_id": "users", "parent_id": "departments", "segment_id": "segments", "deal_id": "deals",
    "invoice_id": "documents", "product_id": "products", "responsible_id": "users", "user_id": "users",
}


def configuration(things):
    """The fixed part, and dictionaries: most ids that are asked for are those of things that exist."""
    lines = [(HERE / "schemathesis.toml").read_text()]
    for noun, ids in things.items():
        lines.append(f"[dictionaries.{noun}]\nvalues = {json.dumps(ids)}\n")
    bindings = [f'"body.{field}" = {{ dictionary = "{noun}", probability = 0.8 }}'
                for field, noun in FIELDS.items()]
    # Any version: or else nearly every write would stop at its precondition.
    lines.append("[dictionaries.any-version]\nvalues = [\"*\"]\n")
    bindings.append('"header.If-Match" = { dictionary = "any-version", probability = 0.9 }')
    lines.append("\n".join(["[parameters]", *bindings, ""]))
    lines.append('[[operations]]\ninclude-path-regex = "^/v1/reports/"\n'
                 '[operations.parameters]\n"query.deal_type_id" = { dictionary = "deal-types", probability = 0.9 }\n')
    lines.append(f'[dictionaries.email]\nvalues = ["{EMAIL}"]\n[dictionaries.password]\nvalues = ["{PASSWORD}"]\n'
                 '[[operations]]\ninclude-path = "/v1/auth/token"\n[operations.parameters]\n'
                 '"body.email" = { dictionary = "email", probability = 0.9 }\n'
                 '"body.password" = { dictionary = "password", probability = 0.9 }\n')
    for noun in things:
        lines.append(f'[[operations]]\ninclude-path-regex = "^/v1/{noun}/\\\\{{id\\\\}}"\n'
                     f'[operations.parameters]\n"path.id" = {{ dictionary = "{noun}", probability = 0.8 }}\n')
    return "\n".join(lines)


def main():
    server, *arguments = sys.argv[1:]
    data = WORK / "data"
    shutil.rmtree(data, ignore_errors=True)
    WORK.mkdir(parents=True, exist_ok=True)
    process, address = start(os.path.abspath(server), data)
    try:
        api = Api(address)
        configured = WORK / "schemathesis.toml"
        configured.write_text(configuration(furnish(api)))
        program = Path(sys.executable).with_name("schemathesis")
        command = [program, "--config-file", configured, "run", f"{address}/openapi.json", *arguments]
        environment = os.environ | {"VORONKA_TOKEN": api.token, "PYTHONPATH": str(HERE)}
        status = subprocess.run(command, env=environment, cwd=WORK).returncode
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()
        shutil.rmtree(data, ignore_errors=True)
    sys.exit(status)


if __name__ == "__main__":
    main()
