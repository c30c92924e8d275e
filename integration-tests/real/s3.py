"""A store of files that speaks S3: moto, which is no S3, but is asked as one."""

import hashlib
import os
import re
import socket
import subprocess
import sys
import urllib.error
import urllib.request
import uuid
from pathlib import Path

from office import Office
from parts import HERE, HOST, Failure, Missing, end, free_port, wait_for

BUCKET = "voronka"
CACHE = Path(os.environ.get("VORONKA_REAL_CACHE", Path.home() / ".cache/voronka-real"))
# Several parts, and no multiple of one.
LARGE = bytes(range(251)) * 50_001


class Store:
    """The server of objects, as somebody sees it who passes Voronka by."""

    def __init__(self, room):
        self.room, self.port = room, free_port()
        self.url = f"http://{HOST}:{self.port}"
        self.program = room.start("moto", [CACHE / "moto/bin/moto_server", "-H", HOST, "-p", self.port])
        wait_for("The store answers", lambda: self.ask("GET", "/", quietly=True))
        self.ask("PUT", f"/{BUCKET}")
        self.environment = {"AWS_ACCESS_KEY_ID": "somebody", "AWS_SECRET_ACCESS_KEY": "a secret",
                            "AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL": self.url, "AWS_ALLOW_HTTP": "true"}

    def ask(self, method, path, quietly=False):
        request = urllib.request.Request(self.url + path, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.read().decode() or " "
        except urllib.error.URLError:
            if quietly:
                return None
            raise

    def keys(self, prefix):
        return re.findall(r"<Key>([^<]*)</Key>", self.ask("GET", f"/{BUCKET}?list-type=2&prefix={prefix}/"))

    def unfinished(self):
        return self.ask("GET", f"/{BUCKET}?uploads").count("<UploadId>")


class Beside:
    """Another server on the same database, with a store of its own choice."""

    def __init__(self, office, name, files):
        self.office, self.name = office, name
        self.url = f"http://{HOST}:{free_port()}"
        data = office.room.path / "data"
        if (data / "cluster").exists():
            data = Path((data / "cluster").read_text().strip())
        lines = (data / "postgres/postmaster.pid").read_text().split("\n")
        database = f"postgresql://voronka_server@/voronka?host={lines[4]}&port={lines[3]}"
        self.environment = office.environment | {
            "DATABASE_URL": database, "VORONKA_FILES": files, "VORONKA_LISTEN": self.url.removeprefix("http://"),
            "VORONKA_DATA_DIR": str(office.room.path / name)}

    def run(self, command):
        """What a command says, and how it ends."""
        done = subprocess.run([self.office.binary, command], env=self.environment, capture_output=True, text=True,
                              timeout=60)
        return done.returncode, done.stdout + done.stderr

    def start(self):
        program = self.office.room.start(self.name, [self.office.binary, "serve"], env=self.environment)

        def answers():
            if program.poll() is not None:
                raise Failure(f"It ended:\n{self.office.room.log(self.name)[-3000:]}")
            try:
                return urllib.request.urlopen(self.url + "/readyz", timeout=5)
            except urllib.error.URLError:
                return None
        wait_for("The other server answers", answers)
        return program


def upload(office, deal, name, content):
    edge = uuid.uuid4().hex
    parts = [f'--{edge}\r\nContent-Disposition: form-data; name="object"\r\n\r\n{{"kind":"deal","id":"{deal}"}}\r\n',
             f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n']
    body = "".join(parts).encode() + content + f"\r\n--{edge}--\r\n".encode()
    headers = {"Content-Type": f"multipart/form-data; boundary={edge}", "Authorization": f"Bearer {office.token}"}
    return office.send(urllib.request.Request(office.url + "/v1/files", body, headers))


def content(office, file, url=None):
    request = urllib.request.Request(f"{url or office.url}/v1/files/{file}/content",
                                     headers={"Authorization": f"Bearer {office.token}"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read()


def cut_off(office, deal):
    """An upload that hangs up after its first parts."""
    head = (f"POST /v1/files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {office.token}\r\n"
            "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 30000000\r\n\r\n"
            f'--b\r\nContent-Disposition: form-data; name="object"\r\n\r\n{{"kind":"deal","id":"{deal}"}}\r\n'
            '--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n')
    connection = socket.create_connection(office.url.removeprefix("http://").split(":"))
    connection.sendall(head.encode() + LARGE)
    return connection


class S3:
    name = "s3"

    @staticmethod
    def ready():
        if (CACHE / "moto/bin/moto_server").exists():
            return
        CACHE.mkdir(parents=True, exist_ok=True)
        for command in ([sys.executable, "-m", "venv", CACHE / "moto"],
                        [CACHE / "moto/bin/pip", "install", "-q", "--disable-pip-version-check", "-r",
                         HERE / "requirements.txt"]):
            if subprocess.run(command, capture_output=True).returncode:
                raise Missing("moto cannot be installed (python3-venv, and PyPI)")

    @staticmethod
    def run(room, server, report):
        store = Store(room)
        office = Office(room, server, store.environment | {"VORONKA_FILES": f"s3://{BUCKET}/files"})
        say = lambda what, faults, got="": report(S3.name, what, faults, got)
        deal = office.post("/v1/deals", title="Pumps", deal_type_id=office.post(
            "/v1/deal-types", name="Sale", mode="manual", stages=[{"name": "first"}])["id"])["id"]
        say("the store has its marker", [] if store.keys("files") == ["files/voronka-store"] else [store.keys("files")])

        kept = {}
        for what, given in [("a small file", b"our offer"), ("an empty file", b""), ("a file of several parts", LARGE)]:
            file = upload(office, deal, f"{what}.txt", given)
            kept[file["id"]] = given
            faults = [] if content(office, file["id"]) == given else ["it came back otherwise"]
            faults += [] if file["sha256"] == hashlib.sha256(given).hexdigest() else ["its digest is another one"]
            say(f"{what} goes and comes", faults, f"{file['size']} bytes")

        with cut_off(office, deal):
            wait_for("Its first parts are sent", store.unfinished)
        wait_for("They are given up", lambda: not store.unfinished())
        say("an upload that is cut off leaves no parts", [] if len(store.keys("files")) == 4 else [store.keys("files")])

        other = Beside(office, "other", f"s3://{BUCKET}/files")
        program = other.start()
        faults = [f"{file} came otherwise" for file, given in kept.items() if content(office, file, other.url) != given]
        say("another server with the same store has the files", faults)
        code, said = other.run("check-config")
        say("check-config knows the store", [] if code == 0 and "is store" in said else [f"{code}: {said}"])
        end(program)

        wrong = Beside(office, "wrong", f"s3://{BUCKET}/elsewhere")
        for command in ("serve", "check-config"):
            code, said = wrong.run(command)
            fine = code != 0 and "is no store of files yet" in said and "VORONKA_FILES" in said
            say(f"{command} with another store ends", [] if fine else [f"{code}: {said}"])
        say("nothing was made there", [] if not store.keys("elsewhere") else [store.keys("elsewhere")])

        for file in kept:
            office.delete(f"/v1/files/{file}")
        wait_for("The store has only its marker", lambda: store.keys("files") == ["files/voronka-store"])
        say("deleted files go from the store", [])

        file = upload(office, deal, "late.txt", b"late")["id"]
        end(store.program)
        faults = []
        for what, ask in [("a download", lambda: content(office, file)), ("an upload", lambda: upload(office, deal, "a", b"a"))]:
            try:
                ask()
                faults.append(f"{what} went well without a store")
            except urllib.error.HTTPError as error:
                if error.code != 503:
                    faults.append(f"{what} was answered {error.code}")
        if office.get(f"/v1/files/{file}")["name"] != "late.txt":
            faults.append("what is known of a file was not answered")
        say("while the store is away it is 503, and only for bytes", faults)
