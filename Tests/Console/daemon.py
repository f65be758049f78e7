"""A real daemon on a free port of the loopback interface, and a plain HTTP client for it."""

import http.client
import json
import os
import pathlib
import random
import socket
import subprocess
import threading
import urllib.parse

from selenium.webdriver.support.ui import WebDriverWait

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("COLONY_BINARY", str(ROOT / ".build/debug/colony"))
START_LIMIT = 40
STOP_LIMIT = 30


class Refused(Exception):
    """An answer other than 2xx: its status and its problem document."""

    def __init__(self, status, problem):
        super().__init__(f"{status} {problem}")
        self.status = status
        self.code = problem.get("code")


class Daemon:
    """`colony serve`, started and stopped by its process id."""

    def __init__(self, folder, configuration=None, token=None):
        self.folder = folder
        self.port = free_port()
        self.token = token
        self.configuration = configuration
        self.process = None
        self.waiting = []

    @property
    def origin(self):
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        command = [BINARY, "serve", "--http", f"127.0.0.1:{self.port}", "--data", "data"]
        if self.configuration is not None:
            file = self.folder / "colony.yaml"
            file.write_text(self.configuration, encoding="utf-8")
            command += ["--config", str(file)]
        # The daemon reads its own settings from variables of this kind, and must not see those of the test.
        environment = {key: value for key, value in os.environ.items() if not key.startswith("COLONY_")}
        with open(self.folder / "daemon.log", "ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, cwd=self.folder)
        WebDriverWait(self, START_LIMIT, 0.02).until(Daemon.is_ready, f"the daemon is not ready: {command}")
        return self

    def is_ready(self):
        if self.process.poll() is not None:
            log = (self.folder / "daemon.log").read_text(encoding="utf-8", errors="replace")
            raise AssertionError(f"the daemon ended with {self.process.returncode}:\n{log}")
        try:
            return self.raw("GET", "/readyz")[0] == 200
        except OSError:
            return False

    def stop(self):
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            for thread in self.waiting:
                thread.join(STOP_LIMIT)

    def kill(self):
        self.process.kill()
        self.process.wait()

    # What clients do.

    def raw(self, method, path, body=None, token=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=90)
        try:
            headers = {"accept": "application/json"}
            if token or self.token:
                headers["authorization"] = f"Bearer {token or self.token}"
            payload = None
            if body is not None:
                headers["content-type"] = "application/json"
                payload = json.dumps(body).encode()
            connection.request(method, path, payload, headers)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def ask(self, method, path, body=None):
        status, _, content = self.raw(method, path, body)
        document = json.loads(content) if content else {}
        if not 200 <= status < 300:
            raise Refused(status, document)
        return document

    def lock_path(self, name, action=""):
        return f"/v1/locks/{urllib.parse.quote(name, safe='')}{action}"

    def acquire(self, name, owner, ttl_ms=60_000, wait_ms=0):
        body = {"owner": owner, "ttl_ms": ttl_ms, "wait_ms": wait_ms}
        return self.ask("POST", self.lock_path(name, "/acquire"), body)

    def renew(self, grant):
        body = {"owner": grant["owner"], "token": grant["token"]}
        return self.ask("POST", self.lock_path(grant["name"], "/renew"), body)

    def release(self, grant):
        body = {"owner": grant["owner"], "token": grant["token"]}
        return self.ask("POST", self.lock_path(grant["name"], "/release"), body)

    def lock(self, name):
        return self.ask("GET", self.lock_path(name))

    def fence(self, name):
        """The token under which a lock is held, or none in the moment between two holders."""
        try:
            return self.lock(name)["token"]
        except Refused as refusal:
            if refusal.status != 404:
                raise
            return 0

    def wait_in_line(self, name, owner, ttl_ms=60_000):
        """Stands in the queue of `name` in the background until the lock is granted or the daemon ends."""

        def stand():
            try:
                self.acquire(name, owner, ttl_ms=ttl_ms, wait_ms=60_000)
            except (Refused, OSError, http.client.HTTPException):
                # The test ended first, and with it the daemon.
                return

        thread = threading.Thread(target=stand, daemon=True)
        thread.start()
        self.waiting.append(thread)
        WebDriverWait(self, START_LIMIT, 0.02).until(
            lambda daemon: any(waiter["owner"] == owner for waiter in daemon.lock(name)["waiters"]),
            f"{owner} does not wait for {name}")


def free_port():
    """A port below those that systems give to outgoing connections, of which a browser makes many."""
    while True:
        port = random.randrange(15_000, 30_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
