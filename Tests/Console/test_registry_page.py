"""Elections and the registry: who leads, what it says, which records there are, and ending them on purpose."""

import json
import urllib.parse

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from daemon import Refused
from test_layout import CONTRAST, WIDTHS


def record_path(group, key):
    return f"/v1/registry/{urllib.parse.quote(group, safe='')}/records/{urllib.parse.quote(key, safe='')}"


def put(daemon, group, key, value, owner=None, ttl_ms=60_000):
    body = {"value": value if isinstance(value, str) else json.dumps(value)}
    if owner is not None:
        body |= {"owner": owner, "ttl_ms": ttl_ms}
    return daemon.ask("PUT", record_path(group, key), body)


def lead(daemon, name, candidate, metadata):
    grant = daemon.acquire(name, f"{candidate}/1f2e3d4c5b6a7980")
    put(daemon, f"election/{name}", "leader", {"term": grant["token"], "owner": grant["owner"], "metadata": metadata})
    return grant


def fill(daemon):
    lead(daemon, "scheduler", "host-a:812", "http://10.0.0.7:8080")
    for number in (1, 2):
        put(daemon, "service/orders", f"orders-{number}",
            {"id": f"orders-{number}", "address": f"10.0.0.{number}", "port": 8080, "zone": "eu-1", "health": "healthy"},
            owner=f"owner-{number}")
    put(daemon, "settings", "greeting", "hello " * 40)
    put(daemon, "a/very/long/name/of/a/group/that/goes/on/and/on/until/it/has/to/be/cut/somewhere", "k", "v")


def open_page(page):
    page.open("/#/registry")
    page.until(lambda: page.find(".coordination-page").is_displayed(), "the page never opened")
    return page


def entries(page, kind):
    """The cells of the rows of a table, read in one step."""
    return page.driver.execute_script(
        """
        return [...document.querySelectorAll(`.${arguments[0]} > tr:first-child`)].map((row) =>
            [...row.children].map((cell) => cell.innerText.replaceAll('\\u202f', ' ')));
        """, kind)


def open_entry(page, name):
    for button in page.all(".entry .open"):
        if button.get_attribute("textContent") == name:
            button.click()
            return
    raise AssertionError(f"{name} is not in a table")


def members(page):
    return page.driver.execute_script(
        "return [...document.querySelectorAll('.detail:not([hidden]) .members li')].map((item) => item.innerText)")


def test_an_empty_registry_says_how_to_begin(page):
    open_page(page)
    assert page.totals == "Nothing is registered, and nobody leads."
    assert "colony elect run" in page.text(".empty")
    assert page.driver.title == "Elections & registry · Colony"


def test_leaders_services_and_records_are_shown_and_follow_the_daemon(page):
    fill(page.daemon)
    open_page(page)
    page.until(lambda: page.totals == "1 leader of 1 election, 2 instances of 1 service, and 2 other groups.",
               f"the sentence is another: {page.totals}")
    name, leader, term, age, _ = entries(page, "election")[0]
    assert name == "scheduler"
    assert leader.split("\n") == ["host-a:812", "http://10.0.0.7:8080"]
    assert term == str(page.daemon.lock("scheduler")["token"])
    assert age.endswith("left")
    open_entry(page, "service/orders")
    page.until(lambda: len(members(page)) == 2, "the instances are not shown")
    assert "10.0.0.1:8080 · healthy · zone eu-1" in members(page)[0]
    put(page.daemon, "service/orders", "orders-3", {"address": "10.0.0.3", "port": 0}, owner="owner-3")
    page.until(lambda: len(members(page)) == 3, "the new instance is not shown")
    page.daemon.ask("DELETE", record_path("service/orders", "orders-1"))
    page.until(lambda: len(members(page)) == 2, "the instance that has gone is shown")


def test_what_a_former_leader_said_is_shown_to_nobody(page):
    grant = lead(page.daemon, "scheduler", "host-a:812", "old words")
    page.daemon.release(grant)
    page.daemon.acquire("scheduler", "host-b:9/00")
    open_page(page)
    page.until(lambda: entries(page, "election") and entries(page, "election")[0][1] == "host-b:9",
               "the leader is another")
    assert "old words" not in page.find(".coordination-page").text


def test_a_leadership_is_broken_only_with_consent(page):
    lead(page.daemon, "scheduler", "host-a:812", "here")
    open_page(page)
    page.until(lambda: len(page.all(".election .danger")) == 1, "there is no button")
    page.find(".election .danger").click()
    dialog = page.find("dialog.break")
    assert dialog.find_element(By.CSS_SELECTOR, ".danger").get_attribute("disabled") is not None
    page.confirm_break()
    page.wait_for_no_dialog()
    page.until(lambda: entries(page, "election")[0][1] == "nobody", "somebody still leads")
    with pytest.raises(Refused):
        page.daemon.lock("scheduler")


def test_a_record_is_removed_only_in_the_version_that_was_seen(page):
    put(page.daemon, "settings", "greeting", "hello")
    open_page(page)
    page.until(lambda: len(page.all(".group .open")) == 1, "the group is not shown")
    open_entry(page, "settings")
    page.until(lambda: len(members(page)) == 1, "the record is not shown")
    page.find(".members .danger").click()
    put(page.daemon, "settings", "greeting", "goodbye")
    page.confirm_break()
    page.until(lambda: page.text("dialog .problem code") == "not_found", "the dialog does not tell of the change")
    page.press(Keys.ESCAPE)
    page.wait_for_no_dialog()
    page.until(lambda: "goodbye" in members(page)[0], "the new value is not shown")
    page.find(".members .danger").click()
    page.confirm_break()
    page.wait_for_no_dialog()
    page.until(lambda: page.totals == "Nothing is registered, and nobody leads.", "the record is still shown")


def test_names_and_values_are_shown_and_never_run(page):
    evil = "<img src=x onerror=window.wasRun=true>"
    put(page.daemon, evil, evil, evil)
    open_page(page)
    page.until(lambda: len(page.all(".group .open")) == 1, "the group is not shown")
    open_entry(page, evil)
    page.until(lambda: len(members(page)) == 1 and members(page)[0].count(evil) == 2, "the record is not shown")
    assert page.driver.execute_script("return window.wasRun ?? null") is None


def test_the_keyboard_filters_moves_and_opens(page):
    for group in ("a/1", "a/2", "b"):
        put(page.daemon, group, "k", "v")
    open_page(page)
    page.until(lambda: len(entries(page, "group")) == 3, "the groups are not shown")
    page.driver.find_element(By.TAG_NAME, "body").send_keys("/")
    page.press("a/")
    page.until(lambda: [row[0] for row in entries(page, "group")] == ["a/1", "a/2"], "the filter does nothing")
    page.press(Keys.ARROW_DOWN)
    page.press("j")
    assert page.driver.switch_to.active_element.text == "a/2"
    page.press(Keys.ENTER)
    page.until(lambda: len(members(page)) == 1, "Enter does not open the group")
    assert page.driver.switch_to.active_element.get_attribute("aria-expanded") == "true"
    page.press("?")
    assert "Filter by the start of the group" in page.find("dialog.help").text


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_scrolls_sideways(page, width):
    fill(page.daemon)
    page.resize(width, 900)
    open_page(page)
    page.until(lambda: len(entries(page, "group")) == 3, "the groups are not shown")
    open_entry(page, "settings")
    page.until(lambda: len(members(page)) == 1, "the record is not shown")
    assert page.overflow() <= 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(page, scheme):
    page.prefer(scheme)
    fill(page.daemon)
    open_page(page)
    page.until(lambda: len(entries(page, "group")) == 3, "the groups are not shown")
    open_entry(page, "service/orders")
    page.until(lambda: len(members(page)) == 2, "the instances are not shown")
    assert page.driver.execute_script(CONTRAST) == []


def test_every_control_has_a_name(page):
    fill(page.daemon)
    open_page(page)
    page.until(lambda: len(entries(page, "group")) == 3, "the groups are not shown")
    open_entry(page, "settings")
    page.until(lambda: len(members(page)) == 1, "the record is not shown")
    nameless = page.driver.execute_script(
        """
        return [...document.querySelectorAll('button, input, select, a')].filter((control) =>
            control.checkVisibility() && !(control.getAttribute('aria-label') || control.textContent.trim()
                || control.labels?.length)).map((control) => control.outerHTML)
        """)
    assert nameless == []


def test_one_odd_group_hides_no_other(page):
    daemon = page.daemon
    fill(daemon)
    put(daemon, "election/", "x", "1")
    put(daemon, "election/.", "x", "1")
    put(daemon, "service/odd", "odd-1", {"address": "a", "health": 5, "zone": {"of": "numbers"}})
    open_page(page)
    page.until(lambda: [row[0] for row in entries(page, "election")] == ["scheduler"], "the election is not shown")
    names = [row[0] for row in entries(page, "group")]
    assert "election/" in names and "election/." in names
    open_entry(page, "service/odd")
    page.until(lambda: "a · 5" in page.find(".member-value").text, "the record is not shown")
