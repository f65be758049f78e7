"""Staying in touch with the daemon: tokens, outages, restarts."""

import hashlib
import http.client
import json

from selenium.webdriver.common.keys import Keys

TOKEN = "let-me-in-9f2c"
READ_TOKEN = "only-looking-77"


def configuration():
    entries = [("operator", TOKEN, ["admin"]), ("watcher", READ_TOKEN, ["locks:read"])]
    return json.dumps({"tokens": [
        {"name": name, "sha256": hashlib.sha256(token.encode()).hexdigest(), "scopes": scopes}
        for name, token, scopes in entries]})


def test_a_restarted_daemon_is_found_again(page):
    page.daemon.acquire("before", "api-1", ttl_ms=3_600_000)
    page.open()
    page.wait_for_names(["before"])
    page.driver.execute_script("window.wasNotReloaded = true")
    page.daemon.kill()
    page.until(lambda: page.connection in ("reconnecting", "offline"), "the outage is not shown")
    page.until(lambda: page.driver.execute_script("return document.documentElement.classList.contains('stale')"),
               "what is out of date does not look so")
    page.wait_for_connection("offline")
    assert "cannot be reached" in page.text("#notice")
    assert page.names() == ["before"]
    page.daemon.start()
    page.daemon.acquire("after", "api-2")
    page.wait_for_connection("live")
    page.wait_for_names(["after", "before"])
    assert not page.find("#notice").is_displayed()
    page.until(lambda: not page.driver.execute_script("return document.documentElement.classList.contains('stale')"),
               "what is fresh still looks out of date")
    page.daemon.acquire("live again", "api-3")
    page.wait_for_names(["after", "before", "live again"])
    assert page.driver.execute_script("return window.wasNotReloaded") is True


def test_without_a_stream_of_events_the_page_asks_now_and_then(make_daemon, make_page):
    daemon = make_daemon(json.dumps({"limits": {"streams": 1}}))
    other = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=30)
    other.request("GET", "/v1/events", headers={"accept": "text/event-stream"})
    assert other.getresponse().status == 200
    page = make_page(daemon).open(live=False)
    page.wait_for_connection("polling")
    daemon.acquire("orders/42", "api-1")
    page.wait_for_names(["orders/42"])
    assert page.connection == "polling"
    other.close()
    page.wait_for_connection("live")


def test_a_daemon_that_lists_few_at_a_time_is_read_to_the_end(make_daemon, make_page):
    daemon = make_daemon(json.dumps({"limits": {"batch": 10}}))
    for number in range(35):
        daemon.acquire(f"few/{number:02}", "api-1")
    page = make_page(daemon).open()
    page.until(lambda: page.totals.startswith("35 locks are held."), "not all locks are counted")


def test_pressing_the_indicator_tries_at_once(page):
    page.open()
    page.daemon.kill()
    page.wait_for_connection("offline")
    page.daemon.start()
    page.find("#connection").click()
    page.wait_for_connection("live")


def test_a_daemon_with_tokens_asks_for_one(make_daemon, make_page):
    daemon = make_daemon(configuration(), token=TOKEN)
    daemon.acquire("orders/42", "api-1")
    page = make_page(daemon).open(live=False)
    page.until(page.has_dialog, "no token is asked for")
    assert page.names() == []
    page.find("#token").send_keys("wrong-one", Keys.ENTER)
    page.until(lambda: page.text("dialog .problem code") == "unauthorized", "a wrong token is not refused")
    page.press(Keys.ESCAPE)
    assert page.has_dialog()
    page.find("#token").send_keys(Keys.CONTROL, "a")
    page.find("#token").send_keys(TOKEN, Keys.ENTER)
    page.wait_for_no_dialog()
    page.wait_for_names(["orders/42"])
    page.wait_for_connection("live")
    daemon.acquire("orders/43", "api-1")
    page.wait_for_names(["orders/42", "orders/43"])
    # The token is for this tab, and nowhere but in its session storage.
    assert page.driver.execute_script("return Object.values(sessionStorage)") == [TOKEN]
    assert TOKEN not in json.dumps(page.driver.execute_script("return Object.values(localStorage)"))
    assert TOKEN not in page.driver.current_url
    page.driver.refresh()
    page.wait_for_names(["orders/42", "orders/43"])
    assert not page.has_dialog()
    page.find("#help").click()
    page.driver.execute_script(
        "[...document.querySelectorAll('dialog button')].find((b) => b.textContent === 'Forget the token').click()")
    page.until(lambda: len(page.all("#token")) == 1, "a forgotten token is not asked for again")
    assert page.driver.execute_script("return Object.values(sessionStorage)") == []


def test_a_token_that_may_only_look_is_told_so_when_it_breaks(make_daemon, make_page):
    daemon = make_daemon(configuration(), token=TOKEN)
    grant = daemon.acquire("orders/42", "api-1")
    page = make_page(daemon).open(live=False)
    page.until(page.has_dialog, "no token is asked for")
    page.find("#token").send_keys(READ_TOKEN, Keys.ENTER)
    page.wait_for_no_dialog()
    page.open_break_dialog("orders/42")
    page.confirm_break()
    page.until(lambda: page.text("dialog .problem code") == "forbidden", "the refusal is not shown")
    assert "admin" in page.text("dialog .problem")
    assert daemon.lock("orders/42")["token"] == grant["token"]
