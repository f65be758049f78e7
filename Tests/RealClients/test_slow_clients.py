"""Many clients that are slow on purpose, as slowhttptest makes them, and one that is not."""

import http.client
import subprocess

import pytest

from programs import eventually

COUNT = 300


def ask(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/name")
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


@pytest.mark.needs("slowhttptest")
@pytest.mark.parametrize("kind, flags", [
    ("heads that never end", ["-H", "-i", "1"]),
    ("bodies that never end", ["-B", "-i", "1", "-s", "100000"]),
    ("answers that nobody takes", ["-X", "-w", "1", "-y", "2", "-n", "5", "-z", "1", "-k", "1"]),
])
def test_slow_clients_hold_up_nobody(proxy, tmp_path, kind, flags):
    path = "/stream?count=100000000" if flags[0] == "-X" else "/digest"
    with open(tmp_path / "slowhttptest.log", "wb") as log:
        attack = subprocess.Popen(
            ["slowhttptest", *flags, "-c", str(COUNT), "-r", str(COUNT), "-l", "8", "-p", "3", "-u",
             f"http://127.0.0.1:{proxy.port}{path}"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=tmp_path)
    try:
        # All the time that the others are there, requests are answered.
        asked = 0
        while attack.poll() is None:
            assert ask(proxy.port) == 200
            asked += 1
        assert asked >= 5
    finally:
        if attack.poll() is None:
            attack.kill()
        attack.wait()
    assert "service available:   NO" not in (tmp_path / "slowhttptest.log").read_text(errors="replace")
    # Nothing of them is left.
    eventually("an answer", lambda: ask(proxy.port) == 200)
