"""Who holds what, who waits, and what is stuck, as it changes."""

import json
import re

import pytest
from selenium.webdriver.common.keys import Keys


def test_an_empty_store_shows_three_ways_to_make_the_first_lock(page):
    page.open()
    assert page.totals == "No lock is held."
    ways = [plain_code(code.text) for code in page.all(".way code")]
    assert "colony lock run demo" in ways[0] and "-- sleep 60" in ways[0]
    assert ways[1].startswith(f"curl {page.daemon.origin}/v1/locks/demo/acquire")
    assert 'DistributedLock(' in ways[2] and page.daemon.origin in ways[2]


def test_the_curl_command_of_the_empty_state_makes_a_lock(page):
    page.open()
    command = page.all(".way code")[1].text
    path = re.search(r"http://[^/]+(\S+)", command).group(1)
    body = re.search(r"-d '([^']*)'", command).group(1)
    status, _, _ = page.daemon.raw("POST", path, json.loads(body))
    assert status == 200
    page.wait_for_names(["demo"])


def test_a_lock_shows_its_holder_token_remaining_and_renewals(page):
    grant = page.daemon.acquire("orders/42", "api-1", ttl_ms=60_000)
    page.open()
    row = page.wait_for_row("orders/42", holder="api-1", token=grant["token"], renewals=0, lease="of 1 min")
    assert 50 <= seconds(row["left"]) <= 60
    assert 0.8 < row["bar"] <= 1
    page.daemon.renew(grant)
    page.wait_for_row("orders/42", renewals=1, token=grant["token"])


def test_the_remaining_time_counts_down_between_answers(page):
    page.daemon.acquire("orders/42", "api-1", ttl_ms=60_000)
    page.open()
    first = seconds(page.wait_for_row("orders/42")["left"])
    page.until(lambda: seconds(page.row("orders/42")["left"]) < first - 1, "the clock stands still")


def test_waiters_appear_in_order_and_their_list_opens(page):
    page.daemon.acquire("orders/42", "api-1")
    page.daemon.wait_in_line("orders/42", "api-2")
    page.daemon.wait_in_line("orders/42", "api-3")
    page.open()
    page.until(lambda: page.row("orders/42")["waiters"].startswith("2"), "the two waiters are not counted")
    assert "2 wait, the oldest for" in page.totals
    toggle = page.find(".waiters-toggle")
    assert toggle.get_attribute("aria-expanded") == "false"
    toggle.click()
    assert toggle.get_attribute("aria-expanded") == "true"
    page.until(lambda: [name.text for name in page.all(".waiters-row .name")] == ["api-2", "api-3"],
               "the waiters are not listed in their order")
    page.find('[data-share="waited"]').click()
    assert page.names() == ["orders/42"]


def test_changes_appear_without_a_reload(page):
    page.open()
    page.driver.execute_script("window.wasNotReloaded = true")
    grant = page.daemon.acquire("live/1", "api-1")
    page.wait_for_names(["live/1"])
    page.daemon.acquire("live/0", "api-2")
    page.wait_for_names(["live/0", "live/1"])
    page.daemon.wait_in_line("live/1", "api-3")
    page.daemon.release(grant)
    row = page.wait_for_row("live/1", holder="api-3", waiters="none")
    assert int(row["token"]) > grant["token"]
    page.until(lambda: page.totals.startswith("2 locks are held."), "the totals do not follow")
    assert page.driver.execute_script("return window.wasNotReloaded") is True
    assert "held" in page.driver.execute_script("return document.getElementById('announcement').textContent")


def test_a_lease_that_runs_out_leaves_the_table(page):
    page.daemon.acquire("short", "api-1", ttl_ms=1_500)
    page.daemon.acquire("long", "api-1", ttl_ms=60_000)
    page.open()
    page.wait_for_names(["long", "short"])
    page.wait_for_names(["long"])


def test_a_holder_that_stopped_renewing_needs_a_look(page):
    grant = page.daemon.acquire("tenants/acme", "worker-7", ttl_ms=6_000)
    page.daemon.renew(grant)
    page.open()
    page.until(lambda: (page.row("tenants/acme") or {}).get("level") == "stuck", "the silent holder is not found")
    assert page.row("tenants/acme")["finding"].startswith("not renewed for")
    assert page.text(".stuck .reason").startswith("Not renewed for")
    assert "ends by itself" in page.text(".stuck .advice")
    assert page.driver.title.startswith("(1) Locks")
    page.find(".stuck .open").click()
    assert page.text("#panel-title") == "tenants/acme"


def test_the_header_tells_who_serves_and_what_a_grant_is_worth(page):
    page.open()
    facts = page.text("#server-facts")
    assert f"on 127.0.0.1:{page.daemon.port}" in facts
    assert re.search(r"colony \d+\.\d+\.\d+", facts)
    assert "up " in facts
    assert "Grants are exclusive on the network" in facts


def test_the_filter_keeps_names_that_start_with_the_text(page):
    for name in ["orders/1", "orders/2", "reports/1"]:
        page.daemon.acquire(name, "api-1")
    page.open()
    page.wait_for_names(["orders/1", "orders/2", "reports/1"])
    page.filter("orders/")
    page.wait_for_names(["orders/1", "orders/2"])
    assert page.totals.startswith("2 locks under this name are held.")
    assert "prefix=orders" in page.driver.current_url
    page.filter("nothing")
    page.until(lambda: "No lock is held under" in page.text(".no-match"), "no word about an empty answer")
    page.press(Keys.ESCAPE)
    page.wait_for_names(["orders/1", "orders/2", "reports/1"])


def test_the_address_keeps_filter_order_and_lock(page):
    for name in ["orders/1", "orders/2", "reports/1"]:
        page.daemon.acquire(name, "api-1")
    page.open("/#/locks?prefix=orders%2F&sort=-name&lock=orders%2F1")
    page.wait_for_names(["orders/2", "orders/1"])
    page.until(lambda: page.text("#panel-title") == "orders/1", "the details are not open")
    assert page.find("#filter").get_attribute("value") == "orders/"


def test_columns_sort_both_ways(page):
    for name, owner in [("b", "1"), ("a", "3"), ("c", "2")]:
        page.daemon.acquire(name, owner)
    page.open()
    page.wait_for_names(["a", "b", "c"])
    page.find("thead .c-holder button").click()
    assert page.names() == ["b", "c", "a"]
    assert page.find("thead .c-holder").get_attribute("aria-sort") == "ascending"
    page.find("thead .c-holder button").click()
    assert page.names() == ["a", "c", "b"]
    page.find("thead .c-age button").click()
    assert page.names() == ["b", "a", "c"]


def test_more_than_a_thousand_locks_are_counted_and_paged(page):
    for number in range(1_130):
        page.daemon.acquire(f"many/{number:04}", "api-1", ttl_ms=3_600_000)
    page.open()
    page.until(lambda: page.totals.startswith("1,130 locks are held."), "not all locks are counted")
    assert len(page.names()) == 100
    assert page.text(".pager .range") == "1–100 of 1,130"
    page.find('.pager [data-step="1"]').click()
    assert page.names()[0] == "many/0100"
    page.find("thead .c-name button").click()
    assert page.names()[0] == "many/1129"
    page.find('.pager [data-step="1"]').click()
    page.find('.pager [data-step="-1"]').click()
    assert page.find('.pager [data-step="-1"]').get_attribute("disabled") is not None


HOSTILE = [
    '<img src=x onerror="window.wasRun=true">',
    "<script>window.wasRun=true</script>",
    "javascript:window.wasRun=true",
    "' onmouseover='window.wasRun=true",
    "n" * 255,
    "مرحبا/بالعالم",
    "🔐/👩‍👩‍👧‍👦/naïve",
    "../../etc/passwd?x=%2F#y",
    "__proto__",
    "  spaced  out  ",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_shown_and_never_run(page, name):
    grant = page.daemon.acquire(name, name)
    page.daemon.wait_in_line(name, "w" + name[:200] if len(name.encode()) > 200 else "w" + name)
    page.open()
    page.until(lambda: page.names() == [name], "the name is not shown as it is")
    page.resize(400, 800)
    assert page.overflow() <= 0
    page.open_lock(name)
    page.until(lambda: page.find("#panel-title").get_attribute("textContent") == name, "the details show another name")
    assert page.overflow() <= 0
    page.find(".panel .danger").click()
    assert page.overflow() <= 0
    page.confirm_break()
    page.wait_for_no_dialog()
    page.until(lambda: page.daemon.fence(name) > grant["token"], "the lock was not broken")
    assert page.driver.execute_script("return window.wasRun ?? null") is None
    assert page.all("main img, main script, dialog img") == []


def test_characters_that_deceive_are_spelled_out(page):
    page.daemon.acquire("safe\u202egnp.exe", "a\u200bpi")
    page.open()
    page.until(lambda: page.names() == ["safeU+202Egnp.exe"], "the override is not spelled out")
    assert page.row("safeU+202Egnp.exe")["holder"] == "aU+200Bpi"


def seconds(text):
    """The seconds of `1 min 5 s`, `12 s`, `0.4 s`."""
    units = {"h": 3600, "min": 60, "s": 1}
    return sum(float(number) * units[unit] for number, unit in re.findall(r"([\d.]+) (h|min|s)", text))


def plain_code(text):
    return text.replace("\\\n", "").strip()
