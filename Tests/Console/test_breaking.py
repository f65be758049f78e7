"""Breaking a lock: asked for on purpose, told plainly, and felt by the holder."""

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from daemon import Refused


def test_breaking_ends_the_grant_and_the_old_holder_cannot_renew(page):
    grant = page.daemon.acquire("orders/42", "api-1")
    page.open()
    dialog = page.open_break_dialog("orders/42")
    assert "api-1" in dialog.text and str(grant["token"]) in dialog.text
    assert "does not stop the holder" in dialog.text
    assert "within 20" in dialog.text
    assert "fencing token" in dialog.text
    assert dialog.find_element(By.CSS_SELECTOR, ".danger").get_attribute("disabled") is not None
    page.confirm_break()
    page.wait_for_no_dialog()
    page.wait_for_names([])
    with pytest.raises(Refused) as refusal:
        page.daemon.renew(grant)
    assert (refusal.value.status, refusal.value.code) == (409, "lost")
    page.until(lambda: page.text(".panel-state") == "Nobody holds this lock now.",
               "the details do not tell that it is over")


def test_the_first_waiter_gets_a_broken_lock_with_a_greater_token(page):
    grant = page.daemon.acquire("orders/42", "api-1")
    page.daemon.wait_in_line("orders/42", "api-2")
    page.open()
    page.until(lambda: page.row("orders/42")["waiters"].startswith("1"), "the waiter is not shown")
    dialog = page.open_break_dialog("orders/42")
    assert "The one who waits gets it" in dialog.text
    page.confirm_break()
    row = page.wait_for_row("orders/42", holder="api-2", waiters="none")
    assert int(row["token"]) > grant["token"]
    page.until(lambda: "api-1" in page.text(".panel-changes") and "api-2" in page.text(".panel-changes"),
               "the details do not tell that the lock was passed on")


@pytest.mark.parametrize("way", ["cancel", "escape"])
def test_cancelling_does_nothing(page, way):
    grant = page.daemon.acquire("orders/42", "api-1")
    page.open()
    dialog = page.open_break_dialog("orders/42")
    page.find("#consent").click()
    if way == "cancel":
        dialog.find_element(By.CSS_SELECTOR, ".plain").click()
    else:
        page.press(Keys.ESCAPE)
    page.wait_for_no_dialog()
    assert page.daemon.lock("orders/42")["token"] == grant["token"]
    page.daemon.renew(grant)
    assert page.names() == ["orders/42"]


def test_without_consent_enter_breaks_nothing(page):
    grant = page.daemon.acquire("orders/42", "api-1")
    page.open()
    page.open_break_dialog("orders/42")
    page.find("#consent").send_keys(Keys.ENTER)
    assert page.has_dialog()
    assert page.daemon.lock("orders/42")["token"] == grant["token"]


def test_a_lock_that_was_passed_on_meanwhile_is_not_broken(page):
    grant = page.daemon.acquire("orders/42", "api-1")
    page.open()
    page.open_break_dialog("orders/42")
    page.daemon.release(grant)
    second = page.daemon.acquire("orders/42", "api-2")
    page.confirm_break()
    page.until(lambda: page.text("dialog .problem code") == "lost",
               "the dialog does not tell that the lock was passed on")
    assert "api-2" in page.text("dialog .problem")
    assert page.daemon.lock("orders/42")["token"] == second["token"]
    assert page.find("dialog.break .danger").get_attribute("disabled") is not None


def test_a_lock_that_ended_meanwhile_is_not_an_accident(page):
    grant = page.daemon.acquire("orders/42", "api-1")
    page.open()
    page.open_break_dialog("orders/42")
    page.daemon.release(grant)
    page.confirm_break()
    page.until(lambda: "Nothing was broken" in page.text("dialog .problem"),
               "the dialog does not tell that the lock ended")
