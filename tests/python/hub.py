"""A hub as a child process on a free port, and what can be seen of it from outside."""

import base64
import hashlib
import hmac
import json
import os
import re
import signal
import ssl
import subprocess
import threading
import time
import urllib.request
from pathlib import Path

# The most that anything is waited for, in seconds.
PATIENCE = 30

SECRET = "a secret that only these tests know, of some length"
AUDIENCE = "https://hub.example"
ACCESS = f"""
[access]
audience = "{AUDIENCE}"
hosts = ["hub.example"]
origins = ["https://app.example"]
anonymous = {{ subscribe = ["public/**"] }}

[[access.keys]]
id = "main"
algorithm = "HS256"
secret = "{SECRET}"
"""


class Hub:
    """A running hub on memory storage, killed with `stop`."""

    def __init__(self, folder: Path, config: str = ""):
        program = os.environ.get("HEADWATER_BIN") or Path(__file__).parents[2] / "target/debug/headwater"
        file = folder / "headwater.toml"
        file.write_text(config)
        self.log: list[str] = []
        self.process = subprocess.Popen(
            [program, "serve", "--config", file, "--data", ":memory:", "--listen", "127.0.0.1:0"],
            cwd=folder,
            env={"PATH": os.environ["PATH"]},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
        self._collect(self.process.stderr)
        first = self.process.stdout.readline()
        found = re.search(r"(https?)://(127\.0\.0\.1):(\d+)", first)
        if not found:
            self.stop()
            raise AssertionError(f"the hub did not say where it listens: {first!r} {self.log}")
        self._collect(self.process.stdout)
        self.scheme, self.host, self.port = found[1], found[2], int(found[3])
        self.url = f"{self.scheme}://{self.host}:{self.port}"

    def _collect(self, stream):
        def run():
            for line in stream:
                self.log.append(line.rstrip())

        threading.Thread(target=run, daemon=True).start()

    def get(self, path: str, headers: dict | None = None) -> str:
        request = urllib.request.Request(self.url + path, headers=headers or {})
        # Its certificate was made for the test.
        trust = ssl._create_unverified_context()
        with urllib.request.urlopen(request, timeout=PATIENCE, context=trust) as answer:
            return answer.read().decode()

    def figure(self, name: str) -> float:
        """The sum of a metric over its labels."""
        values = [line.rsplit(" ", 1) for line in self.get("/metrics", bearer(ADMIN)).splitlines()]
        return sum(float(pair[1]) for pair in values if len(pair) == 2 and pair[0].split("{")[0] == name)

    def resident(self) -> int:
        """Resident memory in bytes."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", text)[1]) << 10

    def cpu(self) -> float:
        """CPU seconds it has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")

    def check(self):
        """It is alive, and nothing in it has panicked."""
        assert self.process.poll() is None, f"the hub ended with {self.process.returncode}: {self.log[-20:]}"
        assert self.get("/healthz") == "ok\n"
        assert not [line for line in self.log if "panic" in line.lower()], self.log

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE)


def token(rights: dict, **claims) -> str:
    """A token of these rights that lasts for an hour."""
    part = lambda value: base64.urlsafe_b64encode(value).rstrip(b"=")
    body = {"sub": "tester", "aud": AUDIENCE, "exp": int(time.time()) + 3600, "headwater": rights, **claims}
    head = {"alg": "HS256", "kid": "main", "typ": "JWT"}
    signed = b".".join(part(json.dumps(piece).encode()) for piece in (head, body))
    mac = hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()
    return (signed + b"." + part(mac)).decode()


def bearer(text: str) -> dict:
    return {"Authorization": f"Bearer {text}"}


ADMIN = token({"subscribe": ["**"], "publish": ["**"], "admin": True})
READER = token({"subscribe": ["orders/**"], "publish": [], "admin": False})
