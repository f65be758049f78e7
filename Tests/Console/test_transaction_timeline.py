"""What entries of a journal come to on the timeline, asked inside the browser."""

import pytest

from test_modules import call, page  # noqa: F401: the fixture, which one page for all of them is enough for

START = 1_700_000_000_000


def step(name, kind="compensable", after=(), state="waiting"):
    return {"name": name, "kind": kind, "after": list(after), "state": state}


def entry(at, event, **members):
    return {"at": START + at, "event": event, **members}


def transaction(steps, entries, state="running", kind="saga"):
    return {"id": "t", "kind": kind, "name": "n", "state": state, "started_at": START, "steps": steps, "entries": entries}


def timeline(page, document, now=START + 10_000):
    return call(page, "transaction-timeline.js", "timelineOf", document, now)


def bars(row):
    return [(bar["role"], bar["start"] - START, bar["end"] and bar["end"] - START, bar["outcome"]) for bar in row["bars"]]


def test_a_compensation_begins_when_it_is_due(page):
    steps = [step("a", state="compensated"), step("b", after=["a"], state="compensated"),
             step("c", "pivot", ["b"], "refused")]
    shown = timeline(page, transaction(steps, [
        entry(0, "started", step="a"), entry(100, "completed", step="a"), entry(100, "started", step="b"),
        entry(200, "completed", step="b"), entry(200, "started", step="c"),
        entry(300, "refused", step="c", reason="no"), entry(310, "turned_back", cause="refused", reason="no"),
        entry(400, "compensated", step="b"), entry(450, "compensated", step="a"), entry(450, "finished", state="compensated"),
    ], "compensated"))
    rows = {row["name"]: row for row in shown["rows"]}
    assert bars(rows["b"]) == [("action", 100, 200, "done"), ("compensation", 310, 400, "compensated")]
    # What comes before is undone after what comes later.
    assert bars(rows["a"]) == [("action", 0, 100, "done"), ("compensation", 400, 450, "compensated")]
    assert bars(rows["c"]) == [("action", 200, 300, "refused")]


def test_an_action_without_an_answer_is_left_when_it_turns_back(page):
    shown = timeline(page, transaction([step("a", state="compensating")], [
        entry(0, "started", step="a"), entry(50, "failed", step="a", direction="action", attempt=1, reason="500"),
        entry(80, "turned_back", cause="cancelled", reason=""),
    ], "compensating"))
    assert bars(shown["rows"][0]) == [("action", 0, 80, "unknown"), ("compensation", 80, None, None)]


def test_the_time_in_which_it_was_stuck_is_cut_out(page):
    shown = timeline(page, transaction([step("a", "retryable", state="done")], [
        entry(0, "started", step="a"), entry(100, "refused", step="a", reason="no"),
        entry(100, "stuck", step="a", direction="action", reason="no"),
        entry(1_000_100, "intervened", by="ann", decision="retry"),
        entry(1_000_200, "completed", step="a"), entry(1_000_200, "finished", state="completed"),
    ], "completed"))
    assert shown["axis"]["length"] == 200
    assert [(cut["share"], cut["length"]) for cut in shown["axis"]["breaks"]] == [(0.5, 1_000_000)]
    assert bars(shown["rows"][0]) == [("action", 0, 1_000_200, "done")]


def test_a_step_that_was_taken_for_done_says_by_whom(page):
    shown = timeline(page, transaction([step("a", "retryable", state="done")], [
        entry(0, "started", step="a"), entry(100, "stuck", step="a", direction="action", reason="no"),
        entry(900, "intervened", by="ann", decision="skip"), entry(900, "completed", step="a"),
        entry(900, "finished", state="completed"),
    ], "completed"))
    assert bars(shown["rows"][0]) == [("action", 0, 100, "skipped")]
    assert shown["rows"][0]["bars"][0]["by"] == "ann"


def test_a_clock_that_was_set_back_bends_no_bar(page):
    shown = timeline(page, transaction([step("a", "retryable", state="done")], [
        entry(500, "started", step="a"), entry(100, "completed", step="a"), entry(100, "finished", state="completed"),
    ], "completed"))
    assert bars(shown["rows"][0]) == [("action", 500, 500, "done")]


def test_branches_get_lanes_of_their_own_until_they_come_together(page):
    steps = [step("a"), step("b1", after=["a"]), step("b2", after=["b1"]), step("c1", after=["a"]), step("d1", after=["a"]),
             step("e", "pivot", ["b2", "c1", "d1"]), step("f", "retryable", ["e"])]
    rows = timeline(page, transaction(steps, []))["rows"]
    assert [row["lane"] for row in rows] == [0, 0, 0, 1, 2, 0, 0]
    assert rows[0]["forks"] == [0, 1, 2]
    assert rows[5]["joins"] == [0, 1, 2]
    assert rows[2]["passes"] == [1, 2]


def test_a_computed_step_is_passed_over_and_a_tcc_has_a_row_for_each_branch(page):
    steps = [step("a/try"), step("b/try"), step("a/confirm", "retryable", ["a/try", "b/try"]),
             step("b/confirm", "retryable", ["a/try", "b/try"]), step("result", "computed", ["a/confirm", "b/confirm"])]
    shown = timeline(page, transaction(steps, [
        entry(0, "started", step="a/try"), entry(0, "started", step="b/try"), entry(10, "completed", step="a/try"),
        entry(20, "completed", step="b/try"), entry(20, "started", step="a/confirm"),
        entry(30, "completed", step="a/confirm"),
    ], kind="tcc"))
    assert [row["name"] for row in shown["rows"]] == ["a", "b"]
    assert bars(shown["rows"][0]) == [("try", 0, 10, "done"), ("confirm", 20, 30, "done")]


@pytest.mark.parametrize("least, step_length", [
    (0.3, 1), (3, 5), (250, 500), (11_000, 15_000), (50 * 60_000, 3_600_000), (100_000_000, 172_800_000),
])
def test_ticks_are_round(page, least, step_length):
    assert call(page, "transaction-timeline.js", "roundStep", least) == step_length


@pytest.mark.parametrize("kind, state, expected", [
    ("compensable", "started", True), ("pivot", "waiting", True), ("pivot", "refused", True), ("pivot", "started", False),
    ("retryable", "waiting", True), ("retryable", "refused", False),
])
def test_only_what_can_be_undone_may_turn_back(page, kind, state, expected):
    document = transaction([step("a", kind, state=state)], [], "stuck")
    assert call(page, "transaction-timeline.js", "mayTurnBack", document) is expected
