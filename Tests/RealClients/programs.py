"""Programs that a test starts and stops by their process ids, with what they say in a folder of the test."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("COLONY_BINARY", str(ROOT / ".build/debug/colony"))
LIMIT = 40


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def eventually(what, condition, limit=LIMIT):
    """Waits until the condition holds, and fails with a sentence if it does not in time."""
    end = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < end, f"{what}: not within {limit} s"
        time.sleep(0.02)


def answers(port):
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Program:
    """Something that listens on a port."""

    def __init__(self, folder, name, words, port, announces=None):
        self.folder, self.name, self.words, self.port = folder, name, words, port
        # What it says when it listens; needed where another program may listen at the same port.
        self.announces = announces
        self.process = None

    @property
    def said(self):
        return (self.folder / f"{self.name}.log").read_text(errors="replace")

    def start(self):
        environment = {key: value for key, value in os.environ.items() if not key.startswith("COLONY_")}
        with open(self.folder / f"{self.name}.log", "ab") as log:
            self.process = subprocess.Popen(
                [str(word) for word in self.words], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment,
                cwd=self.folder)
        eventually(f"{self.name} on port {self.port}", self.is_ready)
        return self

    def is_ready(self):
        assert self.process.poll() is None, self.said
        return answers(self.port) if self.announces is None else self.announces in self.said

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def end(self):
        """Asks it to end and gives its exit code."""
        if self.process.poll() is None:
            # One that is stopped hears nothing.
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(LIMIT)
            except subprocess.TimeoutExpired:
                self.kill()
        return self.process.returncode


def upstream(folder, name, delay=0):
    port = free_port()
    script = pathlib.Path(__file__).with_name("upstream.py")
    return Program(folder, name, [sys.executable, script, port, name, delay], port)


def proxy(folder, upstreams, *flags, name="proxy", port=None):
    port = port or free_port()
    words = [BINARY, "proxy", "--listen", f"127.0.0.1:{port}", *flags]
    for each in upstreams:
        words += ["--upstream", f"127.0.0.1:{each.port},name={each.name}"]
    return Program(folder, name, words, port, announces="passes on")


def run(*words, limit=120, **more):
    """Runs a program to its end and gives what it printed."""
    result = subprocess.run([str(word) for word in words], capture_output=True, timeout=limit, **more)
    assert result.returncode == 0, f"{words}: {result.returncode} {result.stdout[-500:]} {result.stderr[-500:]}"
    return result.stdout


def run_json(*words, **more):
    return json.loads(run(*words, **more))
