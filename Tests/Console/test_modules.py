"""The parts of the console that decide, asked one by one inside the browser."""

import pytest

from console_page import ConsolePage
from daemon import Daemon


@pytest.fixture(scope="module")
def page(browser, tmp_path_factory):
    """One page for all of them: they change nothing."""
    daemon = Daemon(tmp_path_factory.mktemp("modules")).start()
    try:
        yield ConsolePage(browser, daemon).open()
        browser.get("about:blank")
    finally:
        daemon.stop()


def call(page, module, expression, *arguments):
    return page.driver.execute_async_script(
        """
        const [module, expression, ...rest] = [...arguments].slice(0, -1);
        const done = arguments[arguments.length - 1];
        import(`/console/${module}`).then((it) => {
            // The policy of the page forbids eval, so that an expression is a path: function, or class and steps.
            const [name, ...steps] = expression.split('.');
            if (steps.length === 0) return it[name](...rest);
            const object = new it[name]();
            return rest.map((argument) => object[steps[0]](argument));
        }).then((value) => done({ value }), (error) => done({ error: String(error) }));
        """, module, expression, *arguments)["value"]


@pytest.mark.parametrize("milliseconds, text", [
    (-5, "0 s"), (0, "0 s"), (1, "0.1 s"), (400, "0.4 s"), (949, "0.9 s"), (950, "1 s"), (59_499, "59 s"),
    (59_500, "1 min"), (61_000, "1 min 1 s"), (3_599_400, "59 min 59 s"), (3_600_000, "1 h"),
    (11_520_000, "3 h 12 min"), (86_400_000, "1 d"), (360_000_000, "4 d 4 h"),
])
def test_durations_have_at_most_two_units(page, milliseconds, text):
    assert call(page, "text.js", "formatDuration", milliseconds).replace("\u202f", " ") == text


def lock(**changes):
    return {
        "name": "n", "owner": "o", "token": 1, "ttl_ms": 30_000, "remaining_ms": 25_000, "age_ms": 60_000,
        "renewals": 6, "waiters": [], **changes,
    }


def waiting(count, age_ms):
    return [{"owner": f"w{place}", "age_ms": age_ms - place} for place in range(count)]


@pytest.mark.parametrize("case, expected", [
    (lock(), None),
    (lock(remaining_ms=10_000), None),
    (lock(remaining_ms=9_999), ("stuck", "unrenewed")),
    (lock(remaining_ms=9_999, renewals=0), ("note", "unrenewed")),
    (lock(remaining_ms=9_999, renewals=0, waiters=waiting(1, 5_000)), ("stuck", "unrenewed")),
    (lock(waiters=waiting(3, 29_999)), None),
    (lock(waiters=waiting(3, 30_000)), ("stuck", "blocking")),
    (lock(ttl_ms=120_000, remaining_ms=110_000, waiters=waiting(1, 60_000)), None),
    (lock(ttl_ms=120_000, remaining_ms=110_000, waiters=waiting(1, 120_000)), ("stuck", "blocking")),
    (lock(waiters=waiting(10, 50)), ("stuck", "queue")),
    (lock(age_ms=3_600_000, waiters=waiting(1, 50)), ("stuck", "held")),
    (lock(age_ms=3_600_000), None),
    (lock(age_ms=86_400_000), ("note", "held")),
])
def test_the_judgement_on_a_lock(page, case, expected):
    finding = call(page, "diagnosis.js", "diagnose", case)
    assert (finding and (finding["level"], finding["kind"])) == expected
    if finding is not None:
        assert finding["brief"] and finding["reason"].endswith(".") and finding["advice"].endswith(".")


def test_events_are_read_however_they_are_cut(page):
    stream = ": hello\n\nevent: locks\ndata: {}\n\nid: 3\ndata: a\ndata: b\r\n\r\n: heartbeat\n\nevent: locks\n\n"
    expected = [{"name": "locks", "data": "{}"}, {"name": "message", "data": "a\nb"}]
    for size in [1, 2, 3, 7, len(stream)]:
        pieces = [stream[start:start + size] for start in range(0, len(stream), size)]
        events = [event for batch in call(page, "live.js", "EventParser.push", *pieces) for event in batch]
        assert events == expected, f"cut every {size} characters"


def test_pauses_between_attempts_grow_to_a_limit(page):
    ranges = [(1, 200, 400), (2, 400, 800), (4, 1_600, 3_200), (6, 5_000, 10_000), (60, 5_000, 10_000)]
    for attempt, low, high in ranges:
        for _ in range(5):
            assert low <= call(page, "live.js", "pauseBefore", attempt) <= high
