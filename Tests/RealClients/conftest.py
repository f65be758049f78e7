"""Real clients and real upstreams, with `colony proxy` between them.

Needs what dev/setup test installs, and a built proxy:

    swift build --product colony
    .venv/bin/python -m pytest Tests/RealClients

COLONY_BINARY names another program than .build/debug/colony.
"""

import os
import shutil

import pytest

import programs


def pytest_collection_modifyitems(items):
    for item in items:
        for marker in item.iter_markers("needs"):
            missing = [tool for tool in marker.args if not shutil.which(tool)]
            # Nobody reads what is skipped under CI.
            if missing and os.environ.get("CI") != "true":
                item.add_marker(pytest.mark.skip(f"not installed: {', '.join(missing)} (dev/setup test installs it)"))


def pytest_configure(config):
    config.addinivalue_line("markers", "needs(*tools): programs without which a test is skipped, except under CI")


@pytest.fixture
def start():
    """Starts programs that end with the test."""
    started = []

    def begin(program):
        started.append(program)
        return program.start()

    yield begin
    for program in reversed(started):
        program.end()


@pytest.fixture
def upstreams(tmp_path, start):
    return [start(programs.upstream(tmp_path, name)) for name in ("a", "b", "c")]


@pytest.fixture
def proxy(tmp_path, start, upstreams):
    return start(programs.proxy(tmp_path, upstreams, "--algorithm", "round-robin"))
