"""A gateway and a sandbox, started as an operator starts them, with private data and free ports.

The programs are those of the build directory. Everything ends with the stage.
"""

import base64
import contextlib
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.parse
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[2]
ADMIN_KEY = "an-admin-key-of-the-contract-tests-0123456789"
KICK_SCOPES = [
    "user:read", "channel:read", "channel:write", "channel:rewards:read", "channel:rewards:write", "chat:write",
    "streamkey:read", "events:subscribe", "moderation:ban", "moderation:chat_message:manage", "kicks:read", "ads:read",
    "ads:write",
]
USERS = [(1001, "nova"), (1002, "pixel"), (1003, "comet"), (2001, "vega"), (2002, "quasar")]
START_SECONDS = 60


class Stage:
    """The running programs, and what every test begins with: tenants, keys and logins."""

    # The one that the tests of this process use.
    running: "Stage"

    def __init__(self, programs: Path):
        # Not under the home directory: started as root, PostgreSQL runs as a user that may not look into it.
        self.directory = Path(tempfile.mkdtemp(prefix="kick-gateway-contract-", dir="/tmp"))
        self.directory.chmod(0o711)
        self.processes: list[subprocess.Popen] = []
        self.gateway_log = self.directory / "gateway.log"
        self.secrets = {ADMIN_KEY, "sandbox-secret"}
        port = free_port()
        self.gateway = f"http://127.0.0.1:{port}"
        try:
            self._start_sandbox(programs, port)
            self._start_gateway(programs, port)
        except BaseException:
            self.close()
            raise
        self.admin = httpx.Client(
            base_url=self.gateway + "/admin/v1", headers={"Authorization": f"Bearer {ADMIN_KEY}"}, timeout=30)
        self.control = httpx.Client(base_url=self.sandbox + "/sandbox", timeout=30)

    # MARK: Programs

    def _start_sandbox(self, programs: Path, port: int) -> None:
        users = self.directory / "users.json"
        users.write_text(json.dumps([{"id": id, "username": name} for id, name in USERS]))
        process = subprocess.Popen(
            [
                programs / "kick-sandbox", "--listen", "127.0.0.1:0", "--state", self.directory / "sandbox.json",
                "--redirect-uri", f"http://localhost:{port}/auth/kick/callback",
                "--webhook-url", f"{self.gateway}/webhooks/kick", "--users", users,
                "--record-secrets", self.directory / "secrets",
            ],
            stdout=subprocess.PIPE, stderr=(self.directory / "sandbox.log").open("wb"), env={"PATH": "/usr/bin:/bin"})
        self.processes.append(process)
        self.sandbox = json.loads(process.stdout.readline() or b"{}").get("url")
        if not self.sandbox:
            raise RuntimeError("the sandbox did not start: " + (self.directory / "sandbox.log").read_text())

    def _start_gateway(self, programs: Path, port: int) -> None:
        environment = {
            "PATH": "/usr/bin:/bin", "GATEWAY_LISTEN": f"127.0.0.1:{port}",
            "GATEWAY_PUBLIC_URL": f"http://localhost:{port}", "GATEWAY_DATA_DIR": str(self.directory / "data"),
            "GATEWAY_ENCRYPTION_KEYS": "k1:" + base64.b64encode(bytes([7]) * 32).decode(),
            "GATEWAY_ADMIN_KEY": ADMIN_KEY, "GATEWAY_RESOURCES": str(ROOT), "GATEWAY_LOG_LEVEL": "info",
            "KICK_CLIENT_ID": "sandbox-client", "KICK_CLIENT_SECRET": "sandbox-secret", "KICK_API_URL": self.sandbox,
            "KICK_ID_URL": self.sandbox,
            # What is tested is not how fast a key may ask.
            "GATEWAY_KEY_RATE": "0",
        }
        log = self.gateway_log.open("wb")
        process = subprocess.Popen([programs / "kick-gateway", "serve"], stdout=log, stderr=log, env=environment)
        self.processes.append(process)
        deadline = time.monotonic() + START_SECONDS
        while True:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the gateway did not start: " + self.gateway_log.read_text()[-4000:])
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(self.gateway + "/health/ready").status_code == 200:
                    return
            time.sleep(0.1)

    def close(self) -> None:
        for process in reversed(self.processes):
            process.terminate()
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    def errors(self) -> list[str]:
        """What the gateway logged as an error: none of its own may happen, whatever is sent to it."""
        lines = self.gateway_log.read_text(errors="replace").splitlines()
        return [line for line in lines if '"level":"error"' in line]

    def leaks(self) -> list[str]:
        """P6: nothing that the gateway wrote holds a token, a code, a secret or a key. What is known of them is added to
        the file of KICK_GATEWAY_TEST_SECRETS, for what the tests themselves print."""
        known = self.secrets | set((self.directory / "secrets").read_text().splitlines())
        # What is shorter is nonsense that was sent on purpose, and is found in any text.
        known = {secret for secret in known if len(secret) >= 16}
        if collected := os.environ.get("KICK_GATEWAY_TEST_SECRETS"):
            with open(collected, "a") as file:
                file.writelines(f"{secret}\n" for secret in sorted(known))
        log = self.gateway_log.read_text(errors="replace")
        return [f"P6 the gateway's log holds a secret that ends with {secret[-4:]}" for secret in known if secret in log]

    # MARK: What tests begin with

    def tenant(self, name: str) -> str:
        return self._made(self.admin.post("/tenants", json={"name": name}))["id"]

    def key(self, tenant: str, name: str = "all scopes", scopes: list[str] | None = None) -> dict:
        """A new API key; its secret is in `secret`."""
        key = self._made(
            self.admin.post(f"/tenants/{tenant}/keys", json={"name": name, "scopes": scopes or key_scopes()}))
        self.secrets.add(key["secret"])
        return key

    def api(self, secret: str) -> httpx.Client:
        return httpx.Client(base_url=self.gateway, headers={"Authorization": f"Bearer {secret}"}, timeout=30)

    def connect(self, api: httpx.Client, user: int, scopes: list[str] | None = None) -> dict:
        """Logs a broadcaster in, as a browser does it; the login."""
        link = self._made(api.post("/v1/connect-links", json={"scopes": scopes or KICK_SCOPES}))
        self.consent(link["url"], user)
        return next(login for login in api.get("/v1/logins").json()["data"] if login["kick_user_id"] == user)

    def consent(self, url: str, user: int) -> None:
        """Opens a connect link, clicks Allow at the sandbox, and comes back."""
        with httpx.Client(timeout=30) as browser:
            begun = browser.get(url)
            assert begun.status_code == 303, begun.text
            asked = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(begun.headers["location"]).query))
            allowed = browser.post(
                self.sandbox + "/oauth/authorize", data={**asked, "user_id": str(user), "decision": "allow"})
            assert allowed.is_redirect, allowed.text
            done = browser.get(allowed.headers["location"])
            assert done.status_code == 200, done.text

    @staticmethod
    def _made(response: httpx.Response) -> dict:
        assert response.status_code in (200, 201), response.text
        return response.json()


def key_scopes() -> list[str]:
    """All scopes that a key can have, as the contract names them."""
    return contract()["components"]["schemas"]["KeyScope"]["enum"]


def contract() -> dict:
    return json.loads((ROOT / "openapi/openapi.json").read_text())


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
