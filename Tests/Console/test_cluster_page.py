"""The cluster: who is there, as a daemon sees it."""

from daemon import Daemon, free_port
from test_layout import WIDTHS


def settings(name, port, join=None):
    lines = ["cluster:", "  name: orders", f"  node: {name}", f"  port: {port}"]
    if join is not None:
        lines += ["  join:", f"    - 127.0.0.1:{join}"]
    return "\n".join(lines) + "\n"


def rows(page):
    return page.driver.execute_script(
        """
        return [...document.querySelectorAll('.cluster .entry > tr')].map((row) =>
            [...row.children].map((cell) => cell.innerText.replaceAll('\\u202f', ' ').trim()));
        """)


def open_page(page):
    page.open("/#/cluster")
    page.until(lambda: page.find(".coordination-page").is_displayed(), "the page never opened")
    return page


def test_a_daemon_by_itself_says_how_to_begin(page):
    open_page(page)
    page.until(lambda: page.totals == "This daemon is in no cluster.", f"the sentence is {page.totals}")
    assert "colony serve --cluster" in page.text(".empty")


def test_members_come_fail_and_leave_before_the_reader(page, tmp_path):
    ports = [free_port() for _ in range(3)]
    page.daemon.stop()
    page.daemon.configuration = settings("a", ports[0])
    page.daemon.start()
    others = []
    try:
        for name, port in zip("bc", ports[1:]):
            folder = tmp_path / name
            folder.mkdir()
            others.append(Daemon(folder, settings(name, port, join=ports[0])).start())
        open_page(page)
        page.until(lambda: page.totals == "3 members of orders, all well.", f"the sentence is {page.totals}")
        page.until(lambda: all(row[3].startswith("http://127.0.0.1:") for row in rows(page)), f"addresses: {rows(page)}")
        assert rows(page)[0][:2] == ["a (this daemon)", "Alive"] and rows(page)[0][2] == f"127.0.0.1:{ports[0]}"
        for width in WIDTHS:
            page.resize(width, 800)
            assert page.overflow() <= 0, width
        # One says good-bye, and one is killed.
        others[0].ask("POST", "/v1/cluster/leave")
        page.until(lambda: [row[1] for row in rows(page)] == ["Alive", "Left", "Alive"], f"states: {rows(page)}")
        others[1].kill()
        page.until(
            lambda: [row[1] for row in rows(page)] == ["Alive", "Left", "Failed"], f"states: {rows(page)}", limit=60)
        assert page.totals == "1 member of orders, 1 failed."
    finally:
        for other in others:
            other.stop()
