"""Queues: what is in them and passes through, what is stuck, messages and dead letters, and what an operator does."""

import base64
import hashlib
import json
import os
import urllib.parse

import pytest
from selenium.common.exceptions import NoSuchElementException, TimeoutException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from daemon import Refused
from test_layout import CONTRAST, WIDTHS

HOSTILE = "<img src=x onerror=window.wasRun=true>"


class Queues:
    """What programs do with queues, over HTTP."""

    def __init__(self, daemon):
        self.daemon = daemon

    def path(self, name, below=""):
        return f"/v1/queues/{urllib.parse.quote(name, safe='')}{below}"

    def declare(self, name, **settings):
        self.daemon.ask("PUT", self.path(name), settings)

    def publish(self, name, *bodies, **members):
        messages = [body if isinstance(body, dict) else {"body": body, **members} for body in bodies]
        return self.daemon.ask("POST", self.path(name, "/messages"), {"messages": messages})

    def receive(self, name, count=1, lease_ms=60_000):
        return self.daemon.ask("POST", self.path(name, "/receive"), {"max": count, "lease_ms": lease_ms})["messages"]

    def acknowledge(self, name, messages):
        self.daemon.ask("POST", self.path(name, "/settle"), {"ack": [message["receipt"] for message in messages]})

    def bury(self, name, count, reason="it broke"):
        """Makes dead letters of the next messages."""
        messages = self.receive(name, count)
        assert len(messages) == count
        self.daemon.ask("POST", self.path(name, "/settle"), {"reject": [
            {"receipt": message["receipt"], "dead_letter": True, "reason": reason} for message in messages]})

    def pause(self, name):
        self.daemon.ask("POST", self.path(name, "/pause"))

    def statistics(self, name):
        return self.daemon.ask("GET", self.path(name))["statistics"]

    def messages(self, name):
        return self.daemon.ask("GET", self.path(name, "/messages"))["messages"]

    def dead(self, name):
        return self.daemon.ask("GET", self.path(name, "/dead"))["dead_letters"]


@pytest.fixture
def queues(page):
    return Queues(page.daemon)


def open_page(page, **query):
    query = urllib.parse.urlencode(query, quote_via=urllib.parse.quote)
    page.open(f"/#/queues{'?' + query if query else ''}")
    return page


def names(page):
    return page.driver.execute_script(
        "return [...document.querySelectorAll('tr.queue')].map((row) => row.querySelector('.open').textContent)")


def row(page, name):
    """The cells of one row by column, or `None`, read in one step so that no update comes between."""
    cells = page.driver.execute_script(
        """
        for (const row of document.querySelectorAll('tr.queue')) {
            if (row.querySelector('.open').textContent !== arguments[0]) continue;
            const cells = Object.fromEntries([...row.querySelectorAll('td')].map((cell) =>
                [cell.className.match(/q-(\\w+)/)[1], cell.textContent]));
            return { ...cells, finding: row.querySelector('.finding').textContent, level: row.dataset.level ?? null };
        }
        return null;
        """, name)
    return cells and {key: value and value.replace("\u202f", " ") for key, value in cells.items()}


def wait_for_row(page, name, **cells):
    page.until(
        lambda: (found := row(page, name)) is not None and all(found[key] == str(value) for key, value in cells.items()),
        f"the row of {name} never showed {cells}")


def open_queue(page, name, tab=None):
    page.until(lambda: name in names(page), f"{name} is not in the table")
    next(button for button in page.all("tr.queue .open") if button.get_attribute("textContent") == name).click()
    page.until(lambda: page.find("#tab-now").is_displayed(), "the details never opened")
    if tab is not None:
        page.find(f"#tab-{tab}").click()


def press_action(page, action):
    page.until(lambda: page.find(f"[data-action='{action}']").is_enabled(), f"{action} is not offered")
    page.find(f"[data-action='{action}']").click()


def rows(page, view):
    """The text of each row of messages."""
    return page.driver.execute_script(
        "return [...document.querySelectorAll(`#view-${arguments[0]} .messages > li`)].map((row) => row.innerText)", view)


def unfold(page, place=0):
    """Opens one row of what is shown."""
    summary = [item for item in page.all(".messages summary") if item.is_displayed()][place]
    summary.click()
    page.until(lambda: summary.find_element(By.XPATH, "following-sibling::div").is_displayed(), "the row does not open")


def button(page, text, within=".panel"):
    """The button that is shown and says this."""
    for found in page.find(within).find_elements(By.TAG_NAME, "button"):
        if found.is_displayed() and found.text.startswith(text):
            return found
    raise NoSuchElementException(text)


def confirm(page, consent=True):
    if consent:
        page.find("#consent").click()
    page.find("dialog button[type='submit']").click()
    page.wait_for_no_dialog()


# Looking.

def test_without_queues_the_page_says_how_to_begin(page):
    open_page(page)
    assert page.totals == "There are no queues."
    assert "/v1/queues/orders/messages" in page.text(".empty")


def test_the_navigation_leads_there(page):
    page.open()
    page.find("#pages a[href='#/queues']").click()
    page.until(lambda: page.driver.title == "Queues · Colony", "the title is another page's")
    assert page.find("#pages a[aria-current='page']").text == "Queues"


def test_queues_are_listed_and_followed_live(page, queues):
    queues.declare("orders/new")
    queues.declare("mail", capacity=10)
    open_page(page)
    page.until(lambda: names(page) == ["mail", "orders/new"], "the queues are not listed")
    assert page.totals == "2 queues are empty."
    queues.publish("mail", "a", "b")
    queues.publish("mail", "later", delay_ms=3_600_000)
    queues.publish("orders/new", *[{"body": str(number), "key": "ada"} for number in range(3)])
    queues.receive("orders/new", 1)
    wait_for_row(page, "mail", ready=2, delayed=1, waiting=0, leased=0, dead=0, used="30.0 %")
    wait_for_row(page, "orders/new", ready=0, waiting=2, leased=1, dead=0)
    page.until(lambda: page.totals == "2 queues hold 6 messages. 1 is in flight.", "the sums are not told")
    page.until(lambda: row(page, "mail")["oldest"].endswith(" s"), "the age of the oldest is not told")
    assert row(page, "orders/new")["oldest"] == "–"
    queues.declare("third")
    page.until(lambda: names(page) == ["mail", "orders/new", "third"], "a new queue is not followed")
    page.daemon.ask("DELETE", queues.path("third"))
    page.until(lambda: names(page) == ["mail", "orders/new"], "a deleted queue stays")


def test_rates_come_from_the_totals(page, queues):
    queues.declare("busy")
    open_page(page, queue="busy")
    page.until(lambda: row(page, "busy") and row(page, "busy")["published"] == "0", "there is no rate")
    queues.publish("busy", *["x"] * 100)
    queues.acknowledge("busy", queues.receive("busy", 60))
    page.until(lambda: float(row(page, "busy")["published"]) >= 5, "what came is not told")
    page.until(lambda: float(row(page, "busy")["acknowledged"]) >= 3, "what was done is not told")
    assert float(row(page, "busy")["delivered"]) >= 3
    page.until(lambda: "came" in page.text(".rate-chart figcaption"), "the chart says nothing")
    page.until(lambda: page.find(".chart-published").get_attribute("d") != "", "the chart is empty")
    # When all is still, the rates come back to zero.
    page.until(lambda: row(page, "busy")["published"] == "0", "the rate stays")


def test_names_are_filtered_and_columns_sorted(page, queues):
    for name, count in [("a/mail", 1), ("b/mail", 3), ("c/other", 2)]:
        queues.declare(name)
        queues.publish(name, *["x"] * count)
    open_page(page)
    page.until(lambda: len(names(page)) == 3, "the queues are not listed")
    page.find("th.q-ready button").click()
    assert names(page) == ["b/mail", "c/other", "a/mail"]
    assert page.find("th.q-ready").get_attribute("aria-sort") == "descending"
    page.filter("MAIL")
    page.until(lambda: names(page) == ["b/mail", "a/mail"], "the filter does nothing")
    assert "sort=-ready" in page.driver.current_url and "name=MAIL" in page.driver.current_url
    page.driver.refresh()
    page.until(lambda: names(page) == ["b/mail", "a/mail"], "the address does not keep the view")
    page.filter("nothing like it")
    page.until(lambda: "There is no queue with nothing like it in its name." in page.text(".no-match"), "nobody says so")


@pytest.mark.parametrize("name", [HOSTILE, "a\u202eb", "a/b?c#d%2F", "k" * 200, "../up", "ä ö"])
def test_names_are_shown_and_never_run(page, queues, name):
    queues.declare(name)
    queues.publish(name, "hello")
    open_page(page)
    shown = name.replace("\u202e", "U+202E")
    page.until(lambda: names(page) == [shown], "the name is not shown")
    open_queue(page, shown, "messages")
    page.until(lambda: len(rows(page, "messages")) == 1, "its messages are not shown")
    assert page.text("#panel-title") == shown
    press_action(page, "purge")
    assert shown in page.text("dialog")
    confirm(page)
    page.until(lambda: queues.messages(name) == [], "it is not purged")
    assert page.driver.execute_script("return window.wasRun ?? null") is None


def test_bodies_are_shown_and_never_run(page, queues):
    queues.declare("q")
    binary = bytes(range(256))
    queues.publish(
        "q", {"body": f"{HOSTILE}\u202e\u0000", "key": HOSTILE, "headers": {"x": HOSTILE}},
        {"body_base64": base64.b64encode(binary).decode()}, {"body": '{"order":42,"of":[1,2]}'}, {"body": ""},
        {"body": '{"rounded":12345678901234567890}'}, {"body": "z" * 40_000})
    open_page(page, queue="q", tab="messages")
    page.until(lambda: len(rows(page, "messages")) == 6, "the messages are not shown")
    previews = [text.splitlines()[-1] for text in rows(page, "messages")]
    assert previews[0].startswith(HOSTILE)
    assert previews[1].startswith("00 01 02 03") and previews[3] == "empty"
    for place in range(6):
        unfold(page, place)
    page.until(lambda: len(page.all(".message-details")) == 6, "the messages do not open")
    bodies = page.driver.execute_script(
        "return [...document.querySelectorAll('.message-details')].map((part) => part.textContent)")
    assert HOSTILE in bodies[0] and "U+202E" in bodies[0] and "U+0000" in bodies[0]
    assert "Not UTF-8, 256 bytes" in bodies[1].replace("\u202f", " ")
    assert "0040  40 41 42" in bodies[1] and "@ABCDEFGHIJKLMNO" in bodies[1]
    assert base64.b64encode(binary).decode() in bodies[1]
    assert '"order": 42,\n  "of": [\n' in bodies[2]
    assert "The body is empty." in bodies[3]
    assert '{"rounded":12345678901234567890}' in bodies[4], "a number that JavaScript rounds is shown as it came"
    assert "z" * 40_000 not in bodies[5]
    button(page, "Show all 40000").click()
    assert "z" * 40_000 in page.find("#view-messages").get_attribute("textContent")
    assert page.driver.execute_script("return window.wasRun ?? null") is None


def test_what_is_open_stays_open_while_the_queue_moves(page, queues):
    queues.declare("q")
    queues.publish("q", *[f"m{number}" for number in range(30)])
    open_page(page, queue="q", tab="messages")
    page.until(lambda: len(rows(page, "messages")) == 20, "the messages are not shown")
    unfold(page, 1)
    page.until(lambda: len(page.all(".message-details")) == 1, "the message does not open")
    queues.acknowledge("q", queues.receive("q", 1))
    page.until(lambda: rows(page, "messages")[0].splitlines()[0].startswith("2"), "the first message stays")
    assert "m1" in page.text("#view-messages details[open]")
    button(page, "Show more").click()
    page.until(lambda: len(rows(page, "messages")) == 29, "more are not shown")
    queues.receive("q", 1)
    page.until(lambda: "in flight" in rows(page, "messages")[0], "the delivery is not followed")
    assert not button(page, "Take it back").is_enabled()


def test_dead_letters_tell_why_and_what_they_carry(page, queues):
    queues.declare("q", delivery_limit=2)
    queues.publish("q", {"body": '{"n":1}', "key": "ada"})
    for attempt in range(2):
        message, = queues.receive("q")
        page.daemon.ask("POST", queues.path("q", "/settle"), {"reject": [
            {"receipt": message["receipt"], "reason": f"failure {attempt} {HOSTILE}", "delay_ms": 0}]})
    open_page(page, queue="q", tab="dead")
    page.until(lambda: len(rows(page, "dead")) == 1, "the dead letter is not shown")
    assert "2 attempts" in rows(page, "dead")[0] and f"failure 1 {HOSTILE}" in rows(page, "dead")[0]
    unfold(page)
    page.until(lambda: page.find(".history").is_displayed(), "the history is not shown")
    history = [item.text for item in page.all(".history li")]
    assert len(history) == 2 and "Attempt 1" in history[0] and "failure 0" in history[0]
    assert '"n": 1' in page.text(".body pre")
    assert page.driver.execute_script("return window.wasRun ?? null") is None


def test_settings_and_counters_are_told(page, queues):
    queues.declare("parking")
    queues.declare("q", capacity=1_000, overflow="drop_oldest", lease_ms=5_000, retention_ms=86_400_000,
                   dead_letter_queue="parking", order="priority", delivery_limit=7)
    queues.publish("q", "a", "b")
    queues.acknowledge("q", queues.receive("q", 1))
    open_page(page, queue="q", tab="settings")
    page.until(lambda: "go to parking" in page.text("#view-settings"), "the settings are not shown")
    text = page.text("#view-settings")
    for part in ["1,000 messages", "the oldest is given up", "by priority", "up to 7", "5 s", "1 d"]:
        assert part in text
    page.find("#tab-now").click()
    page.until(lambda: "Published\n2" in page.text("#view-now"), "the totals are not shown")
    assert "Acknowledged\n1" in page.text("#view-now")
    assert "1 of 1,000 messages" in page.text("#view-now")


# What is stuck.

def test_what_is_stuck_is_told_with_what_to_do(page, queues):
    for name in ["dead", "full", "paused", "well"]:
        queues.declare(name, **({"capacity": 3, "overflow": "reject"} if name == "full" else {}))
        queues.publish(name, "a", "b", "c")
    queues.bury("dead", 2)
    queues.acknowledge("dead", queues.receive("dead", 1))
    queues.pause("paused")
    queues.acknowledge("well", queues.receive("well", 3))
    open_page(page)
    page.until(lambda: "3 need a look" in page.text(".stuck h2"), "what is stuck is not told")
    told = page.text(".stuck")
    assert "Full, by messages: publishers are refused." in told
    assert "Paused by an operator while 3 messages wait" in told and "Resume it" in told
    assert "2 dead letters wait for a decision." in told
    assert row(page, "well")["level"] is None
    assert page.driver.title == "(3) Queues · Colony"
    page.find("[data-share='stuck']").click()
    page.until(lambda: names(page) == ["dead", "full", "paused"], "the share is not shown")


def test_a_queue_that_nobody_consumes_is_told(page, queues):
    queues.declare("alone")
    queues.publish("alone", "a", "b")
    open_page(page, queue="alone")
    page.until(lambda: (row(page, "alone") or {}).get("finding", "").startswith("nothing consumes"), "nobody says so")
    assert "Nothing consumes: 2 messages wait" in page.text(".panel-advice")
    queues.acknowledge("alone", queues.receive("alone", 2))
    page.until(lambda: row(page, "alone")["level"] is None, "the finding stays")


def test_consumers_that_die_are_told(page, queues):
    queues.declare("q")
    queues.publish("q", "a")
    open_page(page)
    page.until(lambda: names(page) == ["q"], "the queue is not listed")
    queues.receive("q", 1, lease_ms=100)
    page.until(lambda: "1 lease lost" in row(page, "q")["finding"], "the lost lease is not told")


# Acting.

def test_one_chosen_and_all_dead_letters_are_redriven(page, queues):
    queues.declare("q")
    queues.publish("q", *[f"m{number}" for number in range(6)])
    queues.bury("q", 6)
    open_page(page, queue="q", tab="dead")
    page.until(lambda: len(rows(page, "dead")) == 6, "the dead letters are not shown")
    unfold(page)
    button(page, "Redrive it").click()
    assert page.text("dialog h2") == f"Redrive dead letter {queues.dead('q')[0]['id']}?"
    confirm(page, consent=False)
    page.until(lambda: len(rows(page, "dead")) == 5, "the dead letter stays")
    assert [message["body"] for message in queues.messages("q")] == ["m0"]
    for box in page.all(".letter > input")[:2]:
        box.click()
    button(page, "Redrive 2").click()
    confirm(page, consent=False)
    page.until(lambda: queues.statistics("q")["dead"] == 3, "the chosen ones are not redriven")
    assert [message["body"] for message in queues.messages("q")] == ["m0", "m1", "m2"]
    page.until(lambda: button(page, "Redrive all 3"), "all are not offered")
    button(page, "Redrive all 3").click()
    confirm(page, consent=False)
    page.until(lambda: queues.statistics("q")["ready"] == 6, "not all are redriven")
    page.until(lambda: "No dead letter" in page.text("#view-dead"), "the page still shows some")


def test_redriving_goes_to_another_queue_at_a_rate(page, queues):
    queues.declare("q")
    queues.declare("other")
    queues.publish("q", *["m"] * 20)
    queues.bury("q", 20)
    open_page(page, queue="q", tab="dead")
    page.until(lambda: len(rows(page, "dead")) == 20, "the dead letters are not shown")
    button(page, "Redrive all").click()
    page.find("#redrive-to").send_keys("nowhere")
    page.find("dialog button[type='submit']").click()
    page.until(lambda: page.text("dialog .problem code") == "unknown_queue", "the refusal is not told")
    page.find("#redrive-to").clear()
    page.find("#redrive-to").send_keys("other")
    page.find("#redrive-rate").send_keys("1")
    page.find("dialog button[type='submit']").click()
    page.until(lambda: 0 < queues.statistics("other")["ready"] < 20, "it does not begin, or does not take its time")
    # Whoever has seen enough stops it, at the daemon too; what is not moved by then stays.
    button(page, "Stop", "dialog").click()
    page.until(lambda: button(page, "Cancel", "dialog"), "it does not stop")
    moved = queues.statistics("other")["ready"]
    with pytest.raises(TimeoutException):
        page.until(lambda: queues.statistics("other")["ready"] > moved + 1, "as it should be", limit=4)
    moved = queues.statistics("other")["ready"]
    assert moved < 20 and moved + queues.statistics("q")["dead"] == 20


def test_dropping_asks_and_removes_for_good(page, queues):
    queues.declare("q")
    queues.publish("q", *[f"m{number}" for number in range(3)])
    queues.bury("q", 3)
    open_page(page, queue="q", tab="dead")
    page.until(lambda: len(rows(page, "dead")) == 3, "the dead letters are not shown")
    unfold(page, 1)
    button(page, "Drop it").click()
    assert not page.find("dialog .danger").is_enabled()
    assert page.driver.switch_to.active_element.text == "Keep them"
    page.press(Keys.ESCAPE)
    page.wait_for_no_dialog()
    assert queues.statistics("q")["dead"] == 3
    button(page, "Drop it").click()
    confirm(page)
    page.until(lambda: [letter["body"] for letter in queues.dead("q")] == ["m0", "m2"], "the one is not dropped")
    page.find("#all-letters").click()
    page.until(lambda: button(page, "Drop 2"), "the two are not chosen")
    page.find("#all-letters").click()
    button(page, "Drop all 2").click()
    confirm(page)
    page.until(lambda: queues.statistics("q")["count"] == 0, "not all are dropped")


def test_a_queue_is_paused_and_resumed(page, queues):
    queues.declare("q")
    queues.publish("q", "a")
    open_page(page, queue="q")
    press_action(page, "pause")
    page.until(lambda: page.text("[data-action='pause']") == "Resume", "it is not paused")
    assert queues.receive("q") == []
    page.until(lambda: row(page, "q")["finding"] == "paused, 1 wait", "the table does not tell")
    press_action(page, "pause")
    page.until(lambda: page.text("[data-action='pause']") == "Pause", "it is not resumed")
    assert len(queues.receive("q")) == 1


def test_purging_names_the_queue_and_leaves_what_it_says(page, queues):
    queues.declare("orders")
    queues.publish("orders", "dead", "leased", "a", "b")
    queues.bury("orders", 1)
    queues.receive("orders", 1)
    queues.publish("orders", "later", delay_ms=60_000)
    open_page(page, queue="orders")
    press_action(page, "purge")
    text = page.text("dialog")
    assert "3 messages: 2 ready, 0 waiting, 1 delayed" in text and "1 in flight, 1 dead letter" in text
    assert "I want the messages of orders removed for good." in text
    assert not page.find("dialog .danger").is_enabled()
    confirm(page)
    statistics = queues.statistics("orders")
    assert (statistics["ready"], statistics["delayed"], statistics["leased"], statistics["dead"]) == (0, 0, 1, 1)


def test_a_message_is_taken_back(page, queues):
    queues.declare("q")
    queues.publish("q", "a", "b")
    open_page(page, queue="q", tab="messages")
    page.until(lambda: len(rows(page, "messages")) == 2, "the messages are not shown")
    unfold(page)
    button(page, "Take it back").click()
    confirm(page, consent=False)
    page.until(lambda: len(rows(page, "messages")) == 1, "the message stays")
    assert [message["body"] for message in queues.messages("q")] == ["b"]


def test_a_message_that_a_consumer_has_got_meanwhile_is_not_taken_back(page, queues):
    queues.declare("q")
    queues.publish("q", "a")
    open_page(page, queue="q", tab="messages")
    page.until(lambda: len(rows(page, "messages")) == 1, "the message is not shown")
    unfold(page)
    button(page, "Take it back").click()
    queues.receive("q")
    page.find("dialog button[type='submit']").click()
    page.until(lambda: page.text("dialog .problem code") == "not_found", "the refusal is not told")
    assert queues.statistics("q")["leased"] == 1


def test_only_an_empty_queue_is_deleted(page, queues):
    queues.declare("q")
    queues.publish("q", "a")
    open_page(page, queue="q")
    page.until(lambda: page.find("[data-action='remove']").get_attribute("title") != "", "no reason is given")
    assert not page.find("[data-action='remove']").is_enabled()
    queues.acknowledge("q", queues.receive("q"))
    press_action(page, "remove")
    queues.publish("q", "late")
    page.find("#consent").click()
    page.find("dialog button[type='submit']").click()
    page.until(lambda: page.text("dialog .problem code") == "queue_not_empty", "the refusal is not told")
    page.press(Keys.ESCAPE)
    page.wait_for_no_dialog()
    queues.acknowledge("q", queues.receive("q"))
    press_action(page, "remove")
    confirm(page)
    page.until(lambda: page.text(".panel-state") == "There is no queue of this name.", "the details do not tell")
    with pytest.raises(Refused):
        queues.statistics("q")


def test_a_test_message_is_published(page, queues):
    queues.declare("q")
    open_page(page, queue="q")
    press_action(page, "publish")
    page.find("#publish-body").send_keys("\u0001\u0002")
    page.find("#publish-body").clear()
    page.find("#publish-body").send_keys("AP8=")
    page.find("#publish-base64").click()
    page.find("#publish-key").send_keys("ada")
    page.find("#publish-priority").send_keys("9")
    page.find("#publish-headers").send_keys("a: 1", Keys.ENTER, "no colon")
    page.find("dialog button[type='submit']").click()
    page.until(lambda: "has no colon" in page.text("dialog .problem"), "the defect is not told")
    page.find("#publish-headers").clear()
    page.find("#publish-headers").send_keys("a: 1", Keys.ENTER, "b: 2:3")
    confirm(page, consent=False)
    message, = queues.messages("q")
    assert message["body_base64"] == "AP8=" and message["key"] == "ada" and message["priority"] == 9
    assert message["headers"] == {"a": "1", "b": "2:3"}
    wait_for_row(page, "q", ready=1)


def test_a_token_that_may_only_look_is_told_why(make_daemon, make_page):
    tokens = [("operator", "let-me-in-9f2c", ["admin"]), ("watcher", "only-looking-77", ["locks:read"]),
              ("worker", "at-work-3b", ["locks:write"])]
    daemon = make_daemon(json.dumps({"tokens": [
        {"name": name, "sha256": hashlib.sha256(token.encode()).hexdigest(), "scopes": scopes}
        for name, token, scopes in tokens]}), token=tokens[0][1])
    queues = Queues(daemon)
    queues.declare("q")
    queues.publish("q", "a", "b")
    queues.bury("q", 1)
    page = make_page(daemon)
    open_page_with(page, tokens[1][1], "/#/queues?queue=q&tab=dead")
    page.until(lambda: "this needs admin" in page.text(".queue-panel .note"), "no reason is given")
    page.until(lambda: len(rows(page, "dead")) == 1, "looking is refused too")
    for control in ["publish", "pause", "purge", "remove"]:
        assert not page.find(f"[data-action='{control}']").is_enabled()
    assert not button(page, "Redrive it").is_enabled() and not button(page, "Drop it").is_enabled()
    assert "watcher" in page.find("[data-action='publish']").get_attribute("title")
    page.find("body").send_keys("p")
    assert not page.has_dialog()
    open_page_with(page, tokens[2][1], "/#/queues?queue=q")
    page.until(lambda: page.find("[data-action='publish']").is_enabled(), "publishing is not allowed")
    assert not page.find("[data-action='purge']").is_enabled()


def open_page_with(page, token, address):
    page.driver.get(page.daemon.origin + "/console/icon.svg")
    page.driver.execute_script("sessionStorage.setItem('colony.token', arguments[0])", token)
    page.open(address)


# What publishes into queues besides programs.

def test_exchanges_topics_and_schedules_are_shown(page, queues):
    queues.declare("orders")
    ask = page.daemon.ask
    ask("PUT", "/v1/exchanges/events", {"kind": "topic", "alternate": "unrouted"})
    ask("POST", "/v1/exchanges/events/bindings", {"queue": "orders", "pattern": "order.*"})
    ask("PUT", f"/v1/exchanges/{urllib.parse.quote(HOSTILE, safe='')}", {"kind": "fanout"})
    ask("PUT", "/v1/topics/prices.%23/retention", {"retention_ms": 86_400_000, "retention_bytes": 1 << 20})
    ask("PUT", "/v1/topics/prices.eur/subscriptions/orders")
    ask("PUT", "/v1/schedules/nightly", {
        "cron": "30 2 * * *", "zone": "Europe/Berlin", "queue": "orders", "message": {"body": "x"}})
    open_page(page)
    page.until(lambda: "nightly" in page.text(".routing"), "the schedules are not shown")
    text = page.text(".routing")
    assert "topic, else unrouted" in text and "pattern order.*" in text and HOSTILE in text
    assert "prices.#" in text and "1 d, up to 1 MiB" in text and "0 messages, 0 bytes" in text
    assert "prices.eur" in text and "30 2 * * * Europe/Berlin" in text and "none yet" in text
    assert page.driver.execute_script("return window.wasRun ?? null") is None
    ask("DELETE", "/v1/schedules/nightly")
    page.until(lambda: "nightly" not in page.text(".routing"), "a schedule that is gone stays")


# The keyboard, the help, the looks.

def test_keys_filter_move_open_turn_and_close(page, queues):
    for name in ["a/1", "a/2", "b"]:
        queues.declare(name)
        queues.publish(name, "x")
    open_page(page)
    page.until(lambda: names(page) == ["a/1", "a/2", "b"], "the queues are not listed")
    body = page.find("body")
    active = lambda: page.driver.execute_script(
        "return document.activeElement.closest('tr.queue')?.querySelector('.open').textContent ?? null")
    body.send_keys("/")
    page.press("a/")
    page.until(lambda: names(page) == ["a/1", "a/2"], "the filter does nothing")
    page.press(Keys.ARROW_DOWN)
    assert active() == "a/1"
    page.press("j")
    assert active() == "a/2"
    page.press("k", "j", Keys.ENTER)
    page.until(lambda: page.text("#panel-title") == "a/2", "Enter does not open the queue")
    assert page.driver.switch_to.active_element.get_attribute("id") == "panel-title"
    page.until(lambda: page.find("#tab-now").is_displayed(), "the details are empty")
    page.find("#tab-now").send_keys(Keys.ARROW_RIGHT)
    assert page.driver.switch_to.active_element.get_attribute("id") == "tab-messages"
    page.until(lambda: len(rows(page, "messages")) == 1, "the messages are not shown")
    page.press(Keys.ARROW_LEFT, Keys.ARROW_LEFT)
    assert page.driver.switch_to.active_element.get_attribute("id") == "tab-settings"
    page.press("p")
    assert page.has_dialog() and page.driver.switch_to.active_element.get_attribute("id") == "publish-body"
    page.press(Keys.ESCAPE)
    page.wait_for_no_dialog()
    page.press(Keys.ESCAPE)
    page.until(lambda: not page.find(".panel").is_displayed(), "Escape does not close the details")
    assert active() == "a/2"
    page.press("?")
    assert "Next queue" in page.text("dialog.help") and "Leases lost" in page.text("dialog.help")


def test_every_control_has_a_name(page, queues):
    queues.declare("q")
    queues.publish("q", "a", "b")
    queues.bury("q", 1)
    for tab in ["now", "messages", "dead", "settings"]:
        open_page(page, queue="q", tab=tab)
        page.until(lambda: page.find(f"#view-{tab}").is_displayed(), "the view is not shown")
        if tab in ("messages", "dead"):
            page.until(lambda: len(rows(page, tab)) == 1, "nothing is listed")
            unfold(page)
        nameless = page.driver.execute_script(
            """
            return [...document.querySelectorAll('button, input, select, a, textarea')].filter((control) =>
                control.checkVisibility() && !(control.getAttribute('aria-label') || control.textContent.trim()
                    || control.labels?.length)).map((control) => control.outerHTML)
            """)
        assert nameless == []


def test_the_page_goes_on_after_an_outage(page, queues):
    queues.declare("q")
    queues.publish("q", "a")
    open_page(page)
    wait_for_row(page, "q", ready=1)
    page.daemon.kill()
    page.wait_for_connection("offline", limit=60)
    page.daemon.start()
    page.find("#connection").click()
    page.wait_for_connection("live", limit=60)
    queues.publish("q", "b")
    wait_for_row(page, "q", ready=2)


def test_a_daemon_that_lists_few_at_a_time_is_read_to_the_end(make_daemon, make_page):
    daemon = make_daemon(json.dumps({"limits": {"batch": 10}}))
    queues = Queues(daemon)
    for number in range(23):
        queues.declare(f"few/{number:02}")
    queues.publish("few/00", *["x"] * 10)
    queues.publish("few/00", *["x"] * 10)
    page = open_page(make_page(daemon))
    page.until(lambda: len(names(page)) == 23, "not all queues are listed")
    open_queue(page, "few/00", "messages")
    page.until(lambda: len(rows(page, "messages")) == 20, "not all messages are listed")


def fill(queues):
    queues.declare("invoices/pdf")
    queues.publish("invoices/pdf", {"body": '{"invoice":2207,"total":"12.50"}', "key": "acme"},
                   {"body_base64": base64.b64encode(bytes(range(64))).decode()})
    queues.bury("invoices/pdf", 2, "connection refused: pdf-renderer:8080")
    queues.declare("mail/outgoing", capacity=10, overflow="reject")
    queues.publish("mail/outgoing", *["Dear customer,\nyour order has left.\n"] * 10)
    queues.declare("orders/new")
    queues.publish("orders/new", *[
        {"body": json.dumps({"order": 1_000 + number, "customer": "Ada Lovelace"}), "key": f"customer-{number % 7}"}
        for number in range(30)])
    queues.receive("orders/new", 3)
    queues.declare("reports/nightly")
    queues.publish("reports/nightly", "a", "b")
    queues.pause("reports/nightly")
    queues.declare("a/very/long/path/of/a/name/that/goes/on/and/on/until/it/has/to/be/cut/somewhere")
    queues.declare("n" * 120)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_scrolls_sideways_and_text_stands_out(page, queues, width, scheme):
    page.prefer(scheme)
    page.resize(width, 900)
    open_page(page)
    assert page.overflow() <= 0
    fill(queues)
    page.until(lambda: len(names(page)) == 6, "the queues are not listed")
    page.until(lambda: len(page.all(".stuck-item")) == 3, "what is stuck is not told")
    assert page.overflow() <= 0
    assert page.driver.execute_script(CONTRAST) == []
    for name, tab in [("invoices/pdf", "dead"), ("orders/new", "messages"), ("orders/new", "now"), ("orders/new", "settings")]:
        page.driver.execute_script("location.hash = arguments[0]", f"#/queues?queue={urllib.parse.quote(name, safe='')}&tab={tab}")
        page.until(lambda: page.text("#panel-title") == name and page.find(f"#view-{tab}").is_displayed(), "nothing opens")
        if tab in ("dead", "messages"):
            page.until(lambda: len(rows(page, tab)) >= 2, "nothing is listed")
            unfold(page)
        assert page.overflow() <= 0
        assert page.driver.execute_script(
            "const p = document.querySelector('.panel'); return p.scrollWidth - p.clientWidth") <= 0
        assert page.driver.execute_script(CONTRAST) == []
    press_action(page, "publish")
    assert page.driver.execute_script(
        "const d = document.querySelector('dialog'); return d.scrollWidth - d.clientWidth") <= 0
    assert page.driver.execute_script(CONTRAST) == []


def test_a_narrow_page_shows_every_value_with_its_label(page, queues):
    fill(queues)
    page.resize(400, 900)
    open_page(page)
    page.until(lambda: len(names(page)) == 6, "the queues are not listed")
    labels = page.driver.execute_script(
        """
        return [...document.querySelector('tr.queue').querySelectorAll('td')].filter((cell) => cell.checkVisibility())
            .map((cell) => getComputedStyle(cell, '::before').content);
        """)
    assert len(labels) == 10 and '"In flight"' in labels
    assert page.find("#order").is_displayed()


@pytest.mark.skipif(os.environ.get("COLONY_SCREENSHOTS") != "1", reason="COLONY_SCREENSHOTS is not 1")
def test_screenshots_for_the_documentation(page, queues, images):
    fill(queues)
    page.daemon.ask("DELETE", queues.path("n" * 120))
    page.prefer("light", motion="reduce")
    page.resize(1600, 1000)
    open_page(page, queue="invoices/pdf", tab="dead")
    page.until(lambda: len(rows(page, "dead")) == 2, "the dead letters are not shown")
    unfold(page)
    page.until(lambda: (row(page, "orders/new") or {}).get("published") == "0", "there are no rates yet")
    assert page.driver.save_screenshot(str(images / "console-queues-light.png"))
    assert (images / "console-queues-light.png").stat().st_size < 250_000
