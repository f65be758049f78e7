"""Three real upstreams, of which one is killed, one is slow, and one comes and goes, and clients that see nothing of it."""

import asyncio
import signal
import time

import aiohttp
import pytest

import programs


async def load(port, seconds, tasks=16, session_for_each=False):
    """Asks all the time from several tasks, and gives how many requests were answered and what went wrong."""
    end = time.monotonic() + seconds
    good, bad = 0, []

    async def one(session):
        nonlocal good
        try:
            async with session.get(f"http://127.0.0.1:{port}/name") as answer:
                text = await answer.text()
                if answer.status == 200:
                    good += 1
                else:
                    bad.append(f"{answer.status} {text}")
        except Exception as error:
            bad.append(repr(error))

    async def client():
        timeout = aiohttp.ClientTimeout(total=20)
        if session_for_each:
            while time.monotonic() < end:
                async with aiohttp.ClientSession(timeout=timeout) as session:
                    await one(session)
        else:
            async with aiohttp.ClientSession(timeout=timeout) as session:
                while time.monotonic() < end:
                    await one(session)

    await asyncio.gather(*[client() for _ in range(tasks)])
    return good, bad


def under_load(port, seconds, events, **more):
    """Runs `events`, pairs of a time and a function, while requests are made."""
    async def both():
        async def happen():
            for wait, act in events:
                await asyncio.sleep(wait)
                await asyncio.get_running_loop().run_in_executor(None, act)
        (good, bad), _ = await asyncio.gather(load(port, seconds, **more), happen())
        return good, bad

    return asyncio.run(both())


def test_one_killed_one_slow_one_flapping(tmp_path, start):
    killed, slow, flapping = (
        start(programs.upstream(tmp_path, name, delay)) for name, delay in (("killed", 0), ("slow", 0.2), ("flapping", 0)))
    proxy = start(programs.proxy(
        tmp_path, [killed, slow, flapping], "--check", "http:/name", "--check-interval", "500ms"))

    def flap():
        flapping.kill()
        time.sleep(0.5)
        flapping.start()

    good, bad = under_load(proxy.port, 8, [(1, killed.kill), (0.5, flap), (0.5, flap), (0.5, flap)])
    assert bad == []
    assert good > 200


def test_a_stopped_upstream_is_left_out(tmp_path, start, upstreams):
    proxy = start(programs.proxy(tmp_path, upstreams, "--check", "http:/name", "--check-interval", "300ms"))
    upstreams[0].signal(signal.SIGSTOP)

    def others_only():
        good, bad = asyncio.run(load(proxy.port, 0.5, tasks=1))
        return good > 0 and bad == []

    # Requests that were already sent to it hang until it goes on, which no proxy can see; later ones go elsewhere.
    programs.eventually("answers of the others alone", others_only)
    upstreams[0].signal(signal.SIGCONT)


@pytest.mark.parametrize("kind", ["clients that keep their connections", "a connection for each request"])
def test_an_upgrade_of_the_proxy_loses_no_request(tmp_path, start, upstreams, kind):
    """The next process listens at the same port before the last one ends, several times."""
    first = start(programs.proxy(tmp_path, upstreams, "--share-port", name="proxy-0"))
    running = [first]

    def hand_over():
        following = start(programs.proxy(
            tmp_path, upstreams, "--share-port", name=f"proxy-{len(running)}", port=first.port))
        assert running[-1].end() == 0
        running.append(following)

    good, bad = under_load(first.port, 8, [(0.5, hand_over)] * 4, session_for_each=kind.startswith("a connection"))
    assert bad == []
    assert good > 200
