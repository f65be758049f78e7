"""The judgement on a queue and the drawing of its rates, asked one by one inside the browser."""

import pytest

from test_modules import call, page  # noqa: F401: the fixture, which one page for all of them is enough for


def queue(**changes):
    statistics = {"ready": 0, "waiting": 0, "delayed": 0, "leased": 0, "dead": 0, "bytes": 0}
    statistics |= {key: changes.pop(key) for key in list(changes) if key in statistics}
    statistics["count"] = sum(value for key, value in statistics.items() if key != "bytes")
    settings = {"capacity": 1_000, "capacity_bytes": 1 << 20, "overflow": "wait", "lease_ms": 30_000, "delivery_limit": 5}
    settings |= {key: changes.pop(key) for key in list(changes) if key in settings}
    totals = {"undelayed": 0, "lateness_ms": 0}
    totals |= {key: changes.pop(key) for key in list(changes) if key in totals}
    return {"name": "q", "is_paused": False, "settings": settings, "statistics": statistics, "totals": totals, **changes}


def flow(watched=0, delivered=0, acknowledged=0, lost=0, dropped=0, quiet=None, rates=None):
    minute = {"span": min(watched, 60_000), "published": 0, "delivered": delivered, "acknowledged": acknowledged,
              "leases_lost": lost, "dropped": dropped}
    still = watched if quiet is None else quiet
    return {"watched": watched, "minute": minute, "quiet": {"delivered": still, "acknowledged": still}, "rates": rates}


@pytest.mark.parametrize("case, moved, expected", [
    (queue(), flow(), None),
    (queue(ready=5, oldest_age_ms=1_000), flow(), None),
    (queue(ready=5, oldest_age_ms=1_000), flow(watched=9_999), None),
    (queue(ready=5, oldest_age_ms=1_000), flow(watched=10_000), ("stuck", "idle")),
    (queue(ready=5, oldest_age_ms=60_000), flow(), ("stuck", "idle")),
    (queue(ready=5, leased=1, oldest_age_ms=60_000), flow(), None),
    (queue(ready=5, oldest_age_ms=1_000), flow(watched=60_000, delivered=9, acknowledged=9, quiet=500), None),
    (queue(is_paused=True), flow(), ("note", "paused")),
    (queue(is_paused=True, ready=1), flow(), ("stuck", "paused")),
    (queue(ready=1_000), flow(), ("stuck", "full")),
    (queue(bytes=1 << 20, leased=1), flow(), ("stuck", "full")),
    (queue(ready=1_000, overflow="drop_oldest"), flow(watched=9_000, dropped=3), ("stuck", "full")),
    (queue(ready=900, leased=1, overflow="drop_oldest"), flow(watched=9_000, dropped=3), ("stuck", "dropping")),
    (queue(leased=3), flow(watched=30_000, lost=2), ("stuck", "dying")),
    (queue(delayed=2), flow(watched=60_000, delivered=5, quiet=3_000), ("stuck", "failing")),
    (queue(delayed=2), flow(watched=60_000, delivered=4, quiet=3_000), None),
    (queue(leased=5), flow(watched=60_000, delivered=5, quiet=3_000), None),
    (queue(leased=1), flow(watched=59_999), None),
    (queue(leased=1), flow(watched=60_000), ("stuck", "hanging")),
    (queue(leased=1, lease_ms=120_000), flow(watched=60_000), None),
    (queue(dead=1), flow(), ("stuck", "dead")),
    (queue(ready=9, leased=1, oldest_age_ms=60_000), flow(
        watched=60_000, delivered=60, acknowledged=60, quiet=0, rates={"published": 2, "acknowledged": 1}), ("stuck", "behind")),
    (queue(ready=9, leased=1, oldest_age_ms=60_000), flow(
        watched=60_000, delivered=60, acknowledged=60, quiet=0, rates={"published": 1, "acknowledged": 2}), ("note", "behind")),
    (queue(delayed=800), flow(), ("note", "nearlyFull")),
    (queue(waiting=3, delayed=1), flow(), ("note", "blocked")),
    (queue(undelayed=10, lateness_ms=9_990), flow(), None),
    (queue(undelayed=10, lateness_ms=10_000), flow(), ("note", "late")),
])
def test_the_judgement_on_a_queue(page, case, moved, expected):
    finding = call(page, "queue-diagnosis.js", "diagnoseQueue", case, moved)
    assert (finding and (finding["level"], finding["kind"])) == expected
    if finding is not None:
        assert finding["brief"] and finding["reason"].endswith(".") and finding["advice"].endswith(".")


@pytest.mark.parametrize("rates, most, path", [
    ([], 1, ""), ([None, None], 1, ""), ([0, 1], 1, "M0 100H1V0H2"), ([None, 5, None, 10], 10, "M1 50H2M3 0H4"),
])
def test_the_chart_has_gaps_where_the_page_did_not_look(page, rates, most, path):
    assert call(page, "queue-chart.js", "ratePath", rates, most) == path


LOOKS = [
    {"published": 0, "delivered": 0, "acknowledged": 0, "dropped": 0, "leases_lost": 0},
    {"published": 40, "delivered": 20, "acknowledged": 10, "dropped": 0, "leases_lost": 0},
]


def test_rates_are_differences_of_two_looks(page):
    summary = page.driver.execute_async_script(
        """
        const [first, second, done] = arguments;
        import('/console/queue-flow.js').then(({ QueueFlow }) => {
            const flow = new QueueFlow();
            const seen = [flow.summary];
            flow.add(1000, first);
            seen.push(flow.summary);
            flow.add(5000, second);
            seen.push(flow.summary);
            flow.add(17000, second);
            seen.push(flow.summary, flow.steps(4, 4000));
            // A queue that was deleted and declared again starts from zero.
            flow.add(18000, first);
            seen.push(flow.summary);
            done(seen);
        });
        """, *LOOKS)
    none, one, two, still, steps, again = summary
    assert none["rates"] is None and one["rates"] is None and one["watched"] == 0
    assert two["rates"] == {"published": 10, "delivered": 5, "acknowledged": 2.5, "dropped": 0, "leases_lost": 0}
    assert two["quiet"] == {"delivered": 0, "acknowledged": 0}
    assert still["quiet"] == {"delivered": 12_000, "acknowledged": 12_000}
    assert still["minute"]["span"] == 16_000 and still["minute"]["delivered"] == 20
    assert steps == [{"published": 10, "acknowledged": 2.5}] + [{"published": 0, "acknowledged": 0}] * 3
    assert again["rates"] is None and again["watched"] == 0


@pytest.mark.parametrize("rate, text", [
    (0, "0"), (0.01, "< 0.1"), (0.25, "0.3"), (9.94, "9.9"), (12.4, "12"), (1234.5, "1,235"),
])
def test_rates_are_short(page, rate, text):
    assert call(page, "text.js", "formatRate", rate).replace("\u202f", " ") == text
