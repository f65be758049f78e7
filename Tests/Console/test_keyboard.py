"""The whole of an operator's work without a mouse."""

from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys


def test_keys_filter_move_open_break_and_close(page):
    for name in ["orders/1", "orders/2", "reports/1"]:
        page.daemon.acquire(name, "api-1")
    page.open()
    page.wait_for_names(["orders/1", "orders/2", "reports/1"])
    body = page.driver.find_element(By.TAG_NAME, "body")
    body.send_keys("/")
    assert page.driver.switch_to.active_element.get_attribute("id") == "filter"
    page.press("orders/")
    page.wait_for_names(["orders/1", "orders/2"])
    page.press(Keys.ARROW_DOWN)
    assert page.active_name() == "orders/1"
    page.press("j")
    assert page.active_name() == "orders/2"
    page.press(Keys.ARROW_UP)
    assert page.active_name() == "orders/1"
    page.press("k")
    assert page.active_name() == "orders/1"
    page.press("j", Keys.ENTER)
    page.until(lambda: page.text("#panel-title") == "orders/2", "Enter does not open the lock")
    assert page.driver.switch_to.active_element.get_attribute("id") == "panel-title"
    page.press("b")
    assert page.has_dialog()
    assert page.driver.switch_to.active_element.text == "Cancel"
    page.press(Keys.ESCAPE)
    page.wait_for_no_dialog()
    page.press(Keys.ESCAPE)
    page.until(lambda: not page.find(".panel").is_displayed(), "Escape does not close the details")
    assert page.active_name() == "orders/2"
    page.press("b")
    page.press(Keys.SHIFT + Keys.TAB + Keys.NULL)
    page.press(Keys.SPACE)
    page.press(Keys.TAB)
    page.press(Keys.TAB)
    assert page.driver.switch_to.active_element.text == "Break the lock"
    page.press(Keys.ENTER)
    page.wait_for_no_dialog()
    page.wait_for_names(["orders/1"])


def test_b_without_a_chosen_lock_does_nothing(page):
    page.daemon.acquire("orders/1", "api-1")
    page.open()
    page.wait_for_names(["orders/1"])
    page.driver.find_element(By.TAG_NAME, "body").send_keys("b")
    assert not page.has_dialog()


def test_the_question_mark_explains_the_keys_and_gives_the_focus_back(page):
    page.daemon.acquire("orders/1", "api-1")
    page.open()
    page.wait_for_names(["orders/1"])
    page.driver.find_element(By.TAG_NAME, "body").send_keys("j")
    page.press("?")
    assert "Filter by the start of the name" in page.find("dialog.help").text
    page.press(Keys.ESCAPE)
    page.wait_for_no_dialog()
    assert page.active_name() == "orders/1"


def test_the_focus_is_visible_and_survives_updates(page):
    page.daemon.acquire("b", "api-1")
    page.open()
    page.wait_for_names(["b"])
    page.driver.find_element(By.TAG_NAME, "body").send_keys("j")
    style = page.driver.execute_script(
        "const s = getComputedStyle(document.activeElement); return s.outlineStyle + s.outlineWidth")
    assert style == "solid2px"
    page.daemon.acquire("a", "api-1")
    page.daemon.acquire("c", "api-1")
    page.wait_for_names(["a", "b", "c"])
    assert page.active_name() == "b"


def test_w_shows_who_waits(page):
    page.daemon.acquire("orders/1", "api-1")
    page.daemon.wait_in_line("orders/1", "api-2")
    page.open()
    page.until(lambda: (page.row("orders/1") or {"waiters": ""})["waiters"].startswith("1"), "the waiter is not shown")
    page.driver.find_element(By.TAG_NAME, "body").send_keys("j")
    page.press("w")
    page.until(lambda: page.text(".waiters-row .name") == "api-2", "the waiters are not shown")


def test_every_control_has_a_name(page):
    page.daemon.acquire("orders/1", "api-1")
    page.open()
    page.wait_for_names(["orders/1"])
    page.open_lock("orders/1")
    nameless = page.driver.execute_script(
        """
        return [...document.querySelectorAll('button, input, select, a')].filter((control) =>
            control.checkVisibility() && !(control.getAttribute('aria-label') || control.textContent.trim()
                || control.labels?.length)).map((control) => control.outerHTML)
        """)
    assert nameless == []
    assert page.find("#announcement").get_attribute("aria-live") == "polite"
