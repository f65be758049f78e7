"""Identifiers: issuing some, taking one apart, the tags, and how the worker number stands."""

import pytest
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from test_layout import CONTRAST, WIDTHS


def open_page(page):
    page.open("/#/identifiers")
    page.until(lambda: page.find(".identifiers-page").is_displayed(), "the page never opened")
    return page


def facts(page, selector):
    """The labels and values of a list, read in one step."""
    return page.driver.execute_script(
        """
        return Object.fromEntries([...document.querySelectorAll(`${arguments[0]} .facts > div`)].map((row) =>
            [row.querySelector('dt').innerText, row.querySelector('dd').innerText]));
        """, selector)


def issue(page, kind, count=1, tag=None):
    Select(page.find("#kind")).select_by_value(kind)
    field = page.find("#count")
    field.send_keys(Keys.CONTROL, "a")
    field.send_keys(str(count))
    if tag is not None:
        field = page.find("#tag")
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys(tag)
    page.find("[aria-labelledby='issue-title'] button[type='submit']").click()


def ids(page):
    return page.driver.execute_script("return [...document.querySelectorAll('.ids .id')].map((id) => id.textContent)")


def tags(page):
    return page.driver.execute_script(
        "return [...document.querySelectorAll('.tags tbody tr')].map((row) => [...row.children].map((c) => c.innerText))")


def test_the_navigation_leads_there_and_back(page):
    page.open()
    page.find("#pages a[href='#/identifiers']").click()
    page.until(lambda: page.driver.title == "Identifiers · Colony", "the title is another page's")
    assert page.find("#pages a[aria-current='page']").text == "Identifiers"
    page.daemon.acquire("orders/42", "api-1")
    page.until(lambda: page.totals == "No worker number yet. The first Snowflake takes one.", "the state is not told")
    assert page.driver.title == "Identifiers · Colony"
    page.find("#pages a[href='#/locks']").click()
    page.wait_for_names(["orders/42"])
    assert page.driver.title == "Locks · Colony"


@pytest.mark.parametrize("kind, length", [("snowflake", None), ("uuid7", 36), ("uuid4", 36), ("ulid", 26)])
def test_some_of_each_kind_are_issued(page, kind, length):
    open_page(page)
    issue(page, kind, 5)
    page.until(lambda: len(ids(page)) == 5, "not five identifiers are shown")
    assert len(set(ids(page))) == 5
    if length is not None:
        assert all(len(id) == length for id in ids(page))


def test_the_worker_is_shown_once_it_is_taken(page):
    open_page(page)
    page.until(lambda: facts(page, ".node-facts").get("Worker") == "none", "the worker is not told")
    issue(page, "snowflake")
    page.until(lambda: "issues for colony." in page.totals, "the worker never issued")
    status = page.daemon.ask("GET", "/v1/ids")
    shown = facts(page, ".node-facts")
    assert shown["Worker"] == str(status["worker"])
    assert shown["Leased"].startswith("yes")
    assert shown["Reserved until"].endswith("UTC")
    assert shown["Last failure"] == "none"
    assert shown["Namespace"] == "colony" and shown["Layout"] == "classic" and shown["Datacenter"] == "0"


def test_numbers_of_a_tag_need_the_tag_which_is_then_listed(page):
    open_page(page)
    assert not page.find("#tag").is_displayed()
    page.until(lambda: page.find(".tag-list .no-match").is_displayed(), "the empty list is not told")
    issue(page, "segment", 3, "orders/eu")
    page.until(lambda: ids(page) == ["1", "2", "3"], "the numbers are not shown")
    page.until(lambda: [row[:3] for row in tags(page)] == [["orders/eu", "1,001", "1"]], "the tag is not listed")
    page.daemon.ask("POST", "/v1/segments/big/take", {"count": 1, "above": "9007199254740993", "scheme": "blue"})
    page.until(lambda: [row[0] for row in tags(page)] == ["big", "orders/eu"], "the other tag is not listed")
    assert tags(page)[0] == ["big", "9,007,199,254,740,995", "1", "blue"]


def test_an_identifier_is_taken_apart(page):
    open_page(page)
    field = page.find("#identifier")
    field.send_keys("01ARZ3NDEKTSV4RRFFQ69G5FAV", Keys.ENTER)
    page.until(lambda: facts(page, ".parts") == {"Kind": "ULID", "Time": "2016-07-30 23:54:10.259 UTC"}, "no parts")
    field.send_keys(Keys.CONTROL, "a")
    field.send_keys("017F22E2-79B0-7CC3-98C4-DC0C0C07398F", Keys.ENTER)
    page.until(lambda: facts(page, ".parts").get("Version") == "7", "no version")
    assert facts(page, ".parts")["Variant"] == "RFC 9562"
    issue(page, "snowflake")
    page.until(lambda: len(ids(page)) == 1, "nothing was issued")
    page.find(".ids .link").click()
    page.until(lambda: facts(page, ".parts").get("Kind") == "Snowflake", "the parts of the new one are not shown")
    assert facts(page, ".parts")["Worker"] == str(page.daemon.ask("GET", "/v1/ids")["worker"])
    assert page.text(".parts-id") == ids(page)[0]


@pytest.mark.parametrize("text", ["hello", "..", "<img src=x onerror=window.wasRun=true>", "a/b?c#d", "8" + "Z" * 25])
def test_what_is_no_identifier_is_refused_and_never_run(page, text):
    open_page(page)
    page.find("#identifier").send_keys(text, Keys.ENTER)
    page.until(lambda: page.text(".card .problem code") == "malformed_id", "the refusal is not shown")
    assert text in page.text(".card .problem")
    assert page.driver.execute_script("return window.wasRun ?? null") is None


def test_a_refusal_is_shown_where_it_was_asked_for(page):
    page.daemon.ask("POST", "/v1/segments/orders/take", {"count": 1, "scheme": "blue"})
    open_page(page)
    issue(page, "segment", 1, "orders")
    page.until(lambda: page.text(".card .problem code") == "scheme_mismatch", "the refusal is not shown")
    assert "blue" in page.text(".card .problem")


def test_the_last_failure_is_shown(page):
    for worker in range(32):
        page.daemon.acquire(f"snowflake/colony/0/{worker}", "another", ttl_ms=600_000)
    open_page(page)
    issue(page, "snowflake")
    page.until(lambda: "no_worker_free" in facts(page, ".node-facts").get("Last failure", ""), "no failure is shown")
    page.until(lambda: page.text(".card .problem code") == "no_worker_free", "the refusal is not shown")
    assert page.totals == "No Snowflake can be issued: there is no worker number at present."


def test_the_keys_issue_and_find_the_field(page):
    open_page(page)
    page.find("body").send_keys("n")
    page.until(lambda: len(ids(page)) == 1, "n issues nothing")
    page.find("body").send_keys("/")
    page.until(lambda: page.driver.switch_to.active_element.get_attribute("id") == "identifier", "/ leads elsewhere")
    page.press("abc", Keys.ESCAPE)
    assert page.find("#identifier").get_attribute("value") == ""
    page.press(Keys.ESCAPE)
    assert page.driver.switch_to.active_element.get_attribute("id") != "identifier"
    page.find("body").send_keys("?")
    page.until(page.has_dialog, "the help never opened")
    assert "Reserved until" in page.text("dialog")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_scrolls_sideways_and_text_stands_out(page, width, scheme):
    for tag in ["orders", "n" * 255, "a/very/long/path/of/a/tag/that/goes/on/and/on/until/it/has/to/be/cut/somewhere"]:
        page.daemon.ask("POST", f"/v1/segments/{tag.replace('/', '%2F')}/take", {"count": 1, "scheme": "s" * 200})
    page.prefer(scheme)
    page.resize(width, 900)
    open_page(page)
    issue(page, "uuid7", 3)
    page.until(lambda: len(ids(page)) == 3 and len(tags(page)) == 3, "nothing is shown")
    page.find(".ids .link").click()
    page.until(lambda: facts(page, ".parts").get("Version") == "7", "no parts")
    assert page.overflow() <= 0
    assert page.driver.execute_script(CONTRAST) == []
