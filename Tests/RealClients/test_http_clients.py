"""What clients of other people's making say and hear through the proxy."""

import asyncio
import hashlib
import http.client
import os
import socket

import aiohttp
import pytest

from programs import run, run_json

BODY = os.urandom(3_000_000)
DIGEST = hashlib.sha256(BODY).hexdigest()


@pytest.fixture
def url(proxy):
    return f"http://127.0.0.1:{proxy.port}"


@pytest.mark.needs("curl")
def test_curl_uploads_in_every_way(url, tmp_path):
    file = tmp_path / "body"
    file.write_bytes(BODY)
    whole = ["curl", "-sS", "--max-time", "60", "--data-binary", f"@{file}"]
    ways = [
        [],
        # The client waits for 100 Continue before it sends the body.
        ["-H", "Expect: 100-continue"],
        ["-H", "Transfer-Encoding: chunked"],
        ["-H", "Transfer-Encoding: chunked", "-H", "Expect: 100-continue"],
        ["--http1.0"],
    ]
    for way in ways:
        assert run_json(*whole, *way, f"{url}/digest") == {"count": len(BODY), "sha256": DIGEST, "method": "POST"}, way


@pytest.mark.needs("curl")
def test_curl_asks_for_heads_and_many_things_on_one_connection(url):
    head = run("curl", "-sS", "--max-time", "60", "-I", f"{url}/name").decode()
    assert head.startswith("HTTP/1.1 200") and "Content-Length: 1\r\n" in head
    out = run("curl", "-sS", "--max-time", "60", "-w", "%{num_connects}\n", *[f"{url}/name" for _ in range(6)]).decode()
    # The answers of three upstreams in turn, of which the first gave the head, and one connection for all of them.
    assert out.split("\n")[:6] == ["b1", "c0", "a0", "b0", "c0", "a0"]


@pytest.mark.needs("curl")
def test_curl_streams(url):
    out = run("curl", "-sS", "--max-time", "60", f"{url}/stream?count=5000001")
    assert out == (bytes(range(256)) * (5_000_001 // 256 + 1))[:5_000_001]


def test_http_client_of_python_keeps_its_connection(proxy):
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=60)
    names = []
    for _ in range(6):
        connection.request("GET", "/name")
        answer = connection.getresponse()
        assert answer.getheader("X-Seen-For") == "127.0.0.1"
        names.append(answer.read().decode())
    assert names == ["a", "b", "c", "a", "b", "c"]
    parts = [BODY[at:at + 70_000] for at in range(0, len(BODY), 70_000)]
    connection.request("POST", "/digest", body=iter(parts), encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
    assert DIGEST in connection.getresponse().read().decode()
    connection.close()


def test_aiohttp_asks_many_things_at_once(url):
    async def ask():
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
            async def one(number):
                if number % 10 == 0:
                    async with session.post(f"{url}/digest", data=BODY) as answer:
                        return (await answer.json())["sha256"] == DIGEST
                async with session.get(f"{url}/stream?count={number * 1000}") as answer:
                    return len(await answer.read()) == number * 1000
            return await asyncio.gather(*[one(number) for number in range(200)])

    assert all(asyncio.run(ask()))


def test_aiohttp_talks_over_a_websocket(url):
    async def talk():
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
            async with session.ws_connect(f"{url}/echo") as first, session.ws_connect(f"{url}/echo") as second:
                for number in range(50):
                    await first.send_str(f"{number}")
                    assert (await first.receive()).data == f"a: {number}"
                await second.send_bytes(BODY)
                assert (await second.receive()).data == BODY
                # A closing handshake passes both ways.
                await first.close()
                assert first.close_code == 1000

    asyncio.run(talk())


@pytest.mark.needs("wrk")
def test_wrk_gets_only_answers(url):
    out = run("wrk", "-t2", "-c50", "-d3s", f"{url}/name").decode()
    assert "Socket errors" not in out and "Non-2xx" not in out, out
    assert "requests in" in out


def test_a_client_that_goes_away_is_forgotten(proxy):
    """The upstream is not asked to go on for a client that has left, and the next client is served."""
    for _ in range(20):
        leaver = socket.create_connection(("127.0.0.1", proxy.port), timeout=60)
        leaver.sendall(b"GET /stream?count=1000000000 HTTP/1.1\r\nHost: a\r\n\r\n")
        assert leaver.recv(100).startswith(b"HTTP/1.1 200")
        leaver.close()
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=60)
    connection.request("GET", "/name")
    assert connection.getresponse().status == 200
