"""Caches: the hit ratio and its curve, the size, what has left and why, and the hottest keys."""

import urllib.parse

import pytest

from test_layout import CONTRAST, WIDTHS
from test_modules import call


def open_page(page):
    page.open("/#/caches")
    page.until(lambda: page.find(".caches-page").is_displayed(), "the page never opened")
    return page


def store(daemon, key, value, ttl_ms=None):
    entry = {"key": key, "value": value} | ({} if ttl_ms is None else {"ttl_ms": ttl_ms})
    daemon.ask("POST", "/v1/cache", {"set": [entry]})


def look(daemon, key, times=1):
    for _ in range(times):
        daemon.raw("GET", f"/v1/cache/{urllib.parse.quote(key, safe='')}")


def causes(page):
    """How many entries have left, by cause, read in one step."""
    return page.driver.execute_script(
        """
        return Object.fromEntries([...document.querySelectorAll('.causes > div')].map((row) =>
            [row.dataset.cause, row.querySelector('dd').innerText.trim()]));
        """)


def hottest(page):
    return page.driver.execute_script(
        "return [...document.querySelectorAll('.hottest tbody tr')].map((row) => [...row.children].map((c) => c.innerText))")


def test_an_untouched_cache_says_how_to_begin(page):
    open_page(page)
    assert page.totals == "The cache is empty. Nothing was asked for yet."
    page.until(lambda: len(page.all(".empty .way")) == 3, "the ways are not shown")
    assert "colony cache set" in page.text(".empty")
    assert page.text(".curve-times") == "5 min ago\nnow"
    assert page.text(".curve figcaption") == "Nothing was asked for in the last half hour."
    assert page.text(".caches-page .no-match") == "Nothing was asked for yet."


def test_the_navigation_leads_there(page):
    page.open()
    page.find("#pages a[href='#/caches']").click()
    page.until(lambda: page.driver.title == "Caches · Colony", "the title is another page's")
    assert page.find("#pages a[aria-current='page']").text == "Caches"


def test_what_happens_is_followed_live(page):
    open_page(page)
    store(page.daemon, "user/42", "ann")
    store(page.daemon, "user/43", "bob")
    look(page.daemon, "user/42", 3)
    look(page.daemon, "none")
    page.until(lambda: page.totals.startswith("2 entries take"), "the entries are not counted")
    page.until(lambda: page.totals.endswith("75.0 % of the look-ups hit."), "the ratio is not told")
    page.until(lambda: hottest(page) == [["user/42", "3"], ["none", "1"]], "the hottest keys are not shown")
    assert page.all(".empty") == []
    assert page.find(".curve-ratio").get_attribute("d").startswith("M")
    assert "75.0 %" in page.text(".curve figcaption")
    store(page.daemon, "user/42", "eve")
    page.daemon.ask("DELETE", "/v1/cache/user%2F43")
    page.until(lambda: causes(page) == {
        "evicted": "0", "expired": "0", "replaced": "1", "removed": "1", "overweight": "0"}, "the causes are not shown")
    page.until(lambda: page.totals.startswith("1 entry takes"), "the deletion is not followed")


@pytest.mark.parametrize("key", ["<img src=x onerror=window.wasRun=true>", "a\u202eb", "a/b?c#d", "k" * 250])
def test_keys_are_shown_and_never_run(page, key):
    look(page.daemon, key)
    open_page(page)
    page.until(lambda: len(hottest(page)) == 1, "the key is not shown")
    assert hottest(page)[0][0] == key.replace("\u202e", "U+202E")
    assert page.driver.execute_script("return window.wasRun ?? null") is None


def test_a_cache_that_is_too_small_is_told_of(make_daemon, make_page):
    page = make_page(make_daemon("cache:\n  bytes: 8192\n  value_bytes: 512\n"))
    for number in range(60):
        store(page.daemon, f"k{number}", "v" * 500)
        look(page.daemon, f"k{(number * 7) % 60}")
    open_page(page)
    page.until(lambda: int(causes(page).get("evicted", 0)) > 20, "the evictions are not shown")
    page.until(lambda: "raise cache.bytes" in page.text(".cache-advice"), "there is no advice")


def test_a_refusal_asks_for_a_token(make_daemon, make_page):
    digest = "1a4ae7fad58cf31ff23a13a7a0d5ae0b3b2a2f0f9b9d0c7f9bb9f3e0e8c1a111"
    page = make_page(make_daemon(
        f"tokens:\n  - name: reader\n    sha256: {digest}\n    scopes: [locks:read]\n", token="none"))
    page.open("/#/caches", live=False)
    page.until(page.has_dialog, "nobody asks for a token")


def test_the_page_goes_on_after_an_outage(page):
    open_page(page)
    look(page.daemon, "a")
    page.until(lambda: "0.0 % of the look-ups hit." in page.totals, "the look-up is not told")
    page.daemon.kill()
    page.wait_for_connection("offline", limit=60)
    page.daemon.start()
    page.find("#connection").click()
    page.wait_for_connection("live", limit=60)
    page.until(lambda: page.totals.endswith("Nothing was asked for yet."), "the new daemon is not shown")


def test_the_help_explains_the_page(page):
    open_page(page)
    page.find("body").send_keys("?")
    page.until(page.has_dialog, "the help never opened")
    assert "Hottest keys" in page.text("dialog")


@pytest.mark.parametrize("steps, ratio, lookups", [
    ([], "", ""),
    ([{"hits": 0, "misses": 0}], "", ""),
    ([{"hits": 1, "misses": 0}], "M29 0H30", "M29 100V60H30V100Z"),
    ([{"hits": 1, "misses": 3}, {"hits": 2, "misses": 0}], "M28 75H29V0H30",
     "M28 100V60H29V100ZM29 100V80H30V100Z"),
    ([{"hits": 1, "misses": 1}, {"hits": 0, "misses": 0}, {"hits": 0, "misses": 2}], "M27 50H28M29 100H30",
     "M27 100V60H28V100ZM29 100V60H30V100Z"),
])
def test_the_curve_has_gaps_where_nobody_asked(page, steps, ratio, lookups):
    page.open()
    assert call(page, "caches-curve.js", "curvePaths", steps, 30) == {"ratio": ratio, "lookups": lookups}


@pytest.mark.parametrize("module, function, value, text", [
    ("text.js", "formatPercent", 0.99999, "99.9 %"), ("text.js", "formatPercent", 1, "100.0 %"),
    ("text.js", "formatBytes", 1023, "1023 bytes"), ("text.js", "formatBytes", 1536, "1.5 KiB"),
    ("text.js", "formatBytes", 268435456, "256 MiB"),
])
def test_sizes_and_shares_are_short(page, module, function, value, text):
    page.open()
    assert call(page, module, function, value).replace("\u202f", " ") == text


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_scrolls_sideways_and_text_stands_out(page, width, scheme):
    page.prefer(scheme)
    page.resize(width, 900)
    open_page(page)
    page.until(lambda: len(page.all(".empty .way")) == 3, "the ways are not shown")
    assert page.overflow() <= 0
    for key in ["user/42", "k" * 250, "a/very/long/path/of/a/key/that/goes/on/and/on/until/it/has/to/be/cut/somewhere"]:
        store(page.daemon, key, "v" * 1000)
        look(page.daemon, key, 2)
    look(page.daemon, "none")
    page.until(lambda: len(hottest(page)) == 4, "nothing is shown")
    assert page.overflow() <= 0
    assert page.driver.execute_script(CONTRAST) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_curve_stands_out_from_its_ground(page, scheme):
    page.prefer(scheme)
    look(page.daemon, "a")
    open_page(page)
    page.until(lambda: page.find(".curve-ratio").get_attribute("d") != "", "there is no curve")
    stroke, ground = page.driver.execute_script(
        """
        const style = (selector) => getComputedStyle(document.querySelector(selector));
        return [style('.curve-ratio').stroke, style('.curve-field').backgroundColor];
        """)
    assert stroke != ground and stroke != "none"
