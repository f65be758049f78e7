"""Limits and switches: what is left, how breakers stand in each process, and moving both on purpose."""

import hashlib
import json
import urllib.parse

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from test_layout import CONTRAST, WIDTHS


def limit_path(name, rest=""):
    return f"/v1/limits/{urllib.parse.quote(name, safe='')}{rest}"


def take(daemon, name, permits=1, rate=10, per_ms=3_600_000, **more):
    return daemon.ask("POST", limit_path(name, "/take"), {"permits": permits, "rate": rate, "per_ms": per_ms, **more})


def move(daemon, identity, position, **more):
    kind, name = identity.split("/", 1)
    return daemon.ask("PUT", f"/v1/switches/{kind}/{urllib.parse.quote(name, safe='')}", {"position": position, **more})


def switches(daemon):
    return {switch["id"]: switch for switch in daemon.ask("GET", "/v1/switches")["switches"]}


def report(daemon, node, *reports):
    """What the switchboard of a process writes."""
    entries = [
        {"id": identity, "position": position, "state": state, "successes": good, "failures": bad, "refusals": refused}
        for identity, position, state, good, bad, refused in reports]
    path = f"/v1/registry/switchboard%2Freports/records/{urllib.parse.quote(node, safe='')}"
    daemon.ask("PUT", path, {"value": json.dumps({"reports": entries}), "owner": node, "ttl_ms": 600_000})


def fill(daemon):
    take(daemon, "tenant/7", permits=8)
    take(daemon, "a/very/long/name/of/a/limit/that/goes/on/and/on/until/it/has/to/be/cut/somewhere", burst=20)
    report(daemon, "orders-1", ("breaker/payments", "automatic", "closed", 1200, 3, 0),
           ("breaker/search", "automatic", "closed", 5, 0, 0))
    report(daemon, "orders-2", ("breaker/payments", "automatic", "open", 800, 40, 17))
    move(daemon, "breaker/search", "passing", reason="the index is being built again <b>now</b>")


def open_page(page):
    page.open("/#/resilience")
    page.until(lambda: page.find(".coordination-page").is_displayed(), "the page never opened")
    return page


def rows(page, kind):
    """The cells of the rows of a table, read in one step."""
    return page.driver.execute_script(
        """
        return [...document.querySelectorAll(`.entry.${arguments[0]} > tr:first-child`)].map((row) =>
            [...row.children].map((cell) => cell.innerText.replaceAll('\\u202f', ' ').trim()));
        """, kind)


def entry(page, kind, name):
    page.until(lambda: any(row[0].startswith(name) for row in rows(page, kind)), f"{name} is not in the table")
    return next(found for found in page.all(f".entry.{kind}") if found.find_element(
        By.CSS_SELECTOR, ".open").get_attribute("textContent").startswith(name))


def open_entry(page, kind, name):
    found = entry(page, kind, name)
    found.find_element(By.CSS_SELECTOR, ".open").click()
    return found


def press(found, word):
    next(button for button in found.find_elements(By.CSS_SELECTOR, ".switch-actions button")
         if button.text == word).click()


def test_an_empty_page_says_how_to_begin(page):
    open_page(page)
    assert page.totals == "No limit owes permits, and nothing has a switch."
    text = page.text(".empty")
    assert f"curl {page.daemon.origin}/v1/limits/mails/take" in text and "Switchboard(" in text
    assert page.all(".coordination-body > .tag-list:not([hidden])") == []


def test_limits_and_switches_are_shown_and_follow_the_daemon(page):
    fill(page.daemon)
    open_page(page)
    expected = "2 breakers, 1 open, 2 limits with permits owed, 1 thing switched by hand."
    page.until(lambda: page.totals == expected, f"the sentence is {page.totals}")
    payments, search = rows(page, "switch")
    assert payments[0].startswith("payments") and "breaker" in payments[0]
    assert payments[1] == "automatic" and payments[2] == "1 closed, 1 open"
    assert payments[3] == "2,000 good, 43 failed, 17 refused"
    assert search[1].startswith("lets all pass") and "<b>now</b>" in search[1]
    tenant = next(row for row in rows(page, "limit") if row[0] == "tenant/7")
    assert tenant[1].startswith("2 of 10") and "10 per 1 h" in tenant[1]
    # What is owed has been falling since it was taken.
    assert tenant[2].startswith(("48 min", "47 min"))
    assert tenant[3] == "automatic"
    found = open_entry(page, "switch", "search")
    assert "orders-1" in found.text and "not followed yet" in found.text
    report(page.daemon, "orders-2", ("breaker/payments", "automatic", "half-open", 801, 40, 17))
    page.until(lambda: rows(page, "switch")[0][2] == "1 closed, 1 half-open", "the change is not shown")
    take(page.daemon, "tenant/7", permits=2)
    page.until(lambda: any(row[1].startswith("0 of 10") for row in rows(page, "limit")), "what was taken is not shown")


def test_a_switch_is_moved_with_a_reason_and_only_with_consent(page):
    report(page.daemon, "orders-1", ("breaker/payments", "automatic", "closed", 1, 0, 0))
    open_page(page)
    found = open_entry(page, "switch", "payments")
    automatic = found.find_elements(By.CSS_SELECTOR, ".switch-actions button")[2]
    assert automatic.text == "Automatic…" and automatic.get_attribute("disabled") is not None
    press(found, "Refuse all…")
    dialog = page.find("dialog.break")
    assert "payments" in dialog.text and "Every call is refused at once" in dialog.text
    page.find("#reason").send_keys("the bank is down", Keys.ENTER)
    assert page.has_dialog() and switches(page.daemon)["breaker/payments"]["position"] == "automatic"
    page.confirm_break()
    page.wait_for_no_dialog()
    page.until(lambda: rows(page, "switch")[0][1].startswith("refuses all"), "the position is not shown")
    assert "the bank is down" in rows(page, "switch")[0][1]
    assert switches(page.daemon)["breaker/payments"]["reason"] == "the bank is down"
    press(found, "Automatic…")
    assert "the bank is down" in page.find("dialog.break").text and page.all("#reason") == []
    page.confirm_break()
    page.wait_for_no_dialog()
    page.until(lambda: rows(page, "switch")[0][1] == "automatic", "the position is not shown")


def test_a_switch_that_somebody_else_has_moved_is_left(page):
    report(page.daemon, "orders-1", ("breaker/payments", "automatic", "closed", 1, 0, 0))
    open_page(page)
    press(open_entry(page, "switch", "payments"), "Let all pass…")
    move(page.daemon, "breaker/payments", "refusing")
    page.confirm_break()
    page.until(lambda: page.text("dialog .problem code") == "lost", "the dialog does not tell of the change")
    assert switches(page.daemon)["breaker/payments"]["position"] == "refusing"


def test_a_limit_is_switched_and_reset(page):
    take(page.daemon, "mails", permits=10)
    open_page(page)
    found = open_entry(page, "limit", "mails")
    press(found, "Let all pass…")
    page.confirm_break()
    page.wait_for_no_dialog()
    page.until(lambda: rows(page, "limit")[0][3] == "lets all pass", "the position is not shown")
    assert take(page.daemon, "mails")["allowed"]
    assert rows(page, "limit")[0][1].startswith("0 of 10")
    assert rows(page, "switch")[0][0].startswith("mails")
    press(found, "Reset…")
    assert "full at once" in page.find("dialog.break").text
    page.confirm_break()
    page.wait_for_no_dialog()
    page.until(lambda: rows(page, "limit") == [], "the limit that is full is still shown")
    press(open_entry(page, "switch", "mails"), "Automatic…")
    page.confirm_break()
    page.wait_for_no_dialog()
    page.until(lambda: page.totals == "No limit owes permits, and nothing has a switch.", "something is still shown")


def test_the_keyboard_and_the_filter(page):
    take(page.daemon, "mails")
    report(page.daemon, "orders-1", ("breaker/mail-server", "automatic", "closed", 1, 0, 0),
           ("breaker/payments", "automatic", "closed", 1, 0, 0))
    open_page(page)
    page.until(lambda: len(rows(page, "switch")) == 2 and len(rows(page, "limit")) == 1, "not all is shown")
    page.driver.find_element(By.TAG_NAME, "body").send_keys("j")
    assert page.driver.switch_to.active_element.text.startswith("mail-server")
    page.press("j", "j")
    assert page.driver.switch_to.active_element.text == "mails"
    page.press(Keys.ENTER)
    page.until(lambda: len(page.all(".limit .detail:not([hidden])")) == 1, "the limit is not open")
    page.filter("pay")
    page.until(lambda: len(rows(page, "switch")) == 1 and rows(page, "limit") == [], "it is not filtered")
    page.filter("nothing")
    page.until(lambda: page.find(".no-match").is_displayed(), "nothing is said")
    assert "prefix=nothing" in page.driver.current_url


def test_a_token_without_the_scope_moves_nothing(make_daemon, make_page):
    digest = hashlib.sha256(b"worker").hexdigest()
    daemon = make_daemon(f"tokens:\n  - name: worker\n    sha256: {digest}\n    scopes: [locks:write]\n", token="worker")
    take(daemon, "mails")
    page = make_page(daemon)
    page.open("/#/resilience", live=False)
    page.until(lambda: page.find("#token").is_displayed(), "nobody asks for a token")
    page.find("#token").send_keys("worker", Keys.ENTER)
    found = open_entry(page, "limit", "mails")
    page.until(lambda: all(button.get_attribute("disabled") is not None for button in
                           found.find_elements(By.CSS_SELECTOR, ".switch-actions button")), "a button can be pressed")
    assert "this needs admin" in found.find_element(By.CSS_SELECTOR, ".switch-actions button").get_attribute("title")
    page.driver.execute_script("sessionStorage.clear()")


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_scrolls_sideways(page, width):
    fill(page.daemon)
    page.resize(width, 900)
    open_page(page)
    found = open_entry(page, "switch", "payments")
    open_entry(page, "limit", "tenant/7")
    assert page.overflow() <= 0
    press(found, "Refuse all…")
    assert page.overflow() <= 0
    assert page.driver.execute_script(
        "const d = document.querySelector('dialog'); return d.scrollWidth - d.clientWidth") <= 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(page, scheme):
    page.prefer(scheme)
    fill(page.daemon)
    open_page(page)
    open_entry(page, "switch", "search")
    open_entry(page, "limit", "tenant/7")
    assert page.driver.execute_script(CONTRAST) == []
