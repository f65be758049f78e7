"""Semaphores: who holds permits of how many, who waits, and evicting on purpose."""

import urllib.parse

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from daemon import Refused
from test_layout import CONTRAST, WIDTHS


def path(name, rest=""):
    return f"/v1/semaphores/{urllib.parse.quote(name, safe='')}{rest}"


def take(daemon, name, owner, permits=1, limit=2, **more):
    body = {"owner": owner, "permits": permits, "limit": limit, "ttl_ms": 60_000, **more}
    return daemon.ask("POST", path(name, "/acquire"), body)


def claim(daemon, name, owner, permits=1, limit=2):
    with pytest.raises(Refused):
        take(daemon, name, owner, permits, limit, claim_ms=60_000)


def fill(daemon):
    take(daemon, "uploads", "host-a:812:1f2e3d4c")
    take(daemon, "uploads", "host-b:77:5b6a7980")
    claim(daemon, "uploads", "host-c:9:00112233", 2)
    take(daemon, "a/very/long/name/of/a/semaphore/that/goes/on/and/on/until/it/has/to/be/cut/somewhere", "o", 3, 10)


def open_page(page):
    page.open("/#/semaphores")
    page.until(lambda: page.find(".coordination-page").is_displayed(), "the page never opened")
    return page


def rows(page):
    return page.driver.execute_script(
        """
        return [...document.querySelectorAll('.entry > tr:first-child')].map((row) =>
            [...row.children].map((cell) => cell.innerText.replaceAll('\\u202f', ' ').trim()));
        """)


def members(page):
    return page.driver.execute_script(
        "return [...document.querySelectorAll('.detail:not([hidden]) .members li')].map((item) => "
        "item.innerText.replaceAll('\\u202f', ' '))")


def open_entry(page, name):
    page.until(lambda: any(row[0] == name for row in rows(page)), f"{name} is not in the table")
    for button in page.all(".entry .open"):
        if button.get_attribute("textContent") == name:
            button.click()


def test_an_empty_page_says_how_to_begin(page):
    open_page(page)
    assert page.totals == "No permits are held."
    assert "colony semaphore run" in page.text(".empty")


def test_permits_are_shown_of_how_many_and_follow_the_daemon(page):
    fill(page.daemon)
    open_page(page)
    page.until(lambda: page.totals == "5 permits of 2 semaphores held, 1 waiter.", f"the sentence is {page.totals}")
    uploads = next(row for row in rows(page) if row[0] == "uploads")
    assert uploads[1] == "2 of 2" and uploads[2] == "2" and uploads[3].startswith("1, for ")
    open_entry(page, "uploads")
    page.until(lambda: len(members(page)) == 3, "holders and waiters are not shown")
    assert "host-a:812:1f2e3d4c" in members(page)[0] and "1 permit · token" in members(page)[0]
    assert "2 permits · waits for" in members(page)[2]
    page.daemon.ask("POST", path("uploads", "/release"), {"owner": "host-a:812:1f2e3d4c"})
    page.until(lambda: len(members(page)) == 2, "the holder that has gone is shown")


def test_a_holder_is_evicted_only_with_consent(page):
    grant = take(page.daemon, "uploads", "host-a")
    open_page(page)
    open_entry(page, "uploads")
    page.until(lambda: len(members(page)) == 1, "the holder is not shown")
    page.find(".detail:not([hidden]) .danger").click()
    dialog = page.find("dialog.break")
    assert "host-a" in dialog.text and "does not stop the holder" in dialog.text
    assert dialog.find_element(By.CSS_SELECTOR, ".danger").get_attribute("disabled") is not None
    page.find("#consent").send_keys(Keys.ENTER)
    assert page.has_dialog()
    page.confirm_break()
    page.wait_for_no_dialog()
    page.until(lambda: page.totals == "No permits are held.", "the holder is still shown")
    with pytest.raises(Refused) as refusal:
        page.daemon.ask(
            "POST", path("uploads", "/renew"), {"owner": "host-a", "token": grant["token"], "ttl_ms": 60_000})
    assert refusal.value.code == "lost"


def test_a_later_grant_of_the_same_owner_is_not_ended(page):
    take(page.daemon, "uploads", "host-a")
    open_page(page)
    open_entry(page, "uploads")
    page.until(lambda: len(members(page)) == 1, "the holder is not shown")
    page.find(".detail:not([hidden]) .danger").click()
    page.daemon.ask("POST", path("uploads", "/release"), {"owner": "host-a"})
    second = take(page.daemon, "uploads", "host-a")
    page.confirm_break()
    page.until(lambda: page.text("dialog .problem code") == "not_found", "the dialog does not tell of the change")
    assert page.daemon.ask("GET", path("uploads"))["holders"][0]["token"] == second["token"]


def test_a_waiter_loses_its_place_only_while_it_waits(page):
    take(page.daemon, "uploads", "host-a", 1, 1)
    claim(page.daemon, "uploads", "host-b", 1, 1)
    open_page(page)
    open_entry(page, "uploads")
    page.until(lambda: len(members(page)) == 2, "the waiter is not shown")
    page.all(".members .danger")[1].click()
    page.confirm_break()
    page.wait_for_no_dialog()
    page.until(lambda: len(members(page)) == 1, "the waiter is still shown")
    assert page.daemon.ask("GET", path("uploads"))["waiters"] == []


def test_rows_keep_the_focus_while_they_change(page):
    take(page.daemon, "b", "o")
    open_page(page)
    page.until(lambda: len(rows(page)) == 1, "the semaphore is not shown")
    page.driver.find_element(By.TAG_NAME, "body").send_keys("j")
    assert page.driver.switch_to.active_element.text == "b"
    take(page.daemon, "a", "o")
    take(page.daemon, "c", "o")
    page.until(lambda: [row[0] for row in rows(page)] == ["a", "b", "c"], "the others are not shown")
    assert page.driver.switch_to.active_element.text == "b"


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_scrolls_sideways(page, width):
    fill(page.daemon)
    page.resize(width, 900)
    open_page(page)
    open_entry(page, "uploads")
    page.until(lambda: len(members(page)) == 3, "holders and waiters are not shown")
    assert page.overflow() <= 0
    page.find(".detail:not([hidden]) .danger").click()
    assert page.overflow() <= 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(page, scheme):
    page.prefer(scheme)
    fill(page.daemon)
    open_page(page)
    open_entry(page, "uploads")
    page.until(lambda: len(members(page)) == 3, "holders and waiters are not shown")
    assert page.driver.execute_script(CONTRAST) == []
