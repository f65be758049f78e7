"""The cluster: who is there, as a daemon sees it."""

from daemon import Daemon, free_port
from test_layout import WIDTHS


def settings(name, port, join=None, voters=None):
    lines = ["cluster:", "  name: orders", f"  node: {name}", f"  port: {port}"]
    if join is not None:
        lines += ["  join:", f"    - 127.0.0.1:{join}"]
    if voters is not None:
        lines += ["  election_timeout: 500ms", "  voters:"]
        lines += [f"    - {voter}=127.0.0.1:{port}" for voter, port in voters.items()]
    return "\n".join(lines) + "\n"


def rows(page):
    return page.driver.execute_script(
        """
        return [...document.querySelectorAll('.cluster[aria-label=Members] .entry > tr')].map((row) =>
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


def table(page, label):
    return page.driver.execute_script(
        """
        return [...document.querySelectorAll(`.cluster[aria-label=${arguments[0]}] .entry > tr`)].map((row) =>
            [...row.children].map((cell) => cell.innerText.replaceAll('\\u202f', ' ').trim()));
        """, label)


def test_the_leader_its_terms_and_a_hand_over_before_the_reader(page, tmp_path):
    ports = [free_port() for _ in range(4)]
    voters = dict(zip("ab", ports[2:]))
    page.daemon.stop()
    page.daemon.configuration = settings("a", ports[0], voters=voters)
    page.daemon.start()
    folder = tmp_path / "b"
    folder.mkdir()
    other = Daemon(folder, settings("b", ports[1], join=ports[0], voters=voters))
    try:
        open_page(page)
        page.until(lambda: "Nobody leads" in page.text(".cluster-leader"), "a leader without a majority")
        other.start()
        page.until(
            lambda: " in term " in page.text(".cluster-leader"), f"the sentence is {page.text('.cluster-leader')}")
        # Whoever leads: first the daemon of this page.
        if "This daemon leads" not in page.text(".cluster-leader"):
            other.ask("POST", "/v1/cluster/leader", {"node": "a"})
        page.until(lambda: "This daemon leads" in page.text(".cluster-leader"), "it never leads")
        assert [row[1] for row in table(page, "Voters")] == ["Leads", "Votes"]
        shares = [row[4] for row in rows(page)]
        assert all(share.endswith("%") for share in shares), shares
        for width in WIDTHS:
            page.resize(width, 800)
            assert page.overflow() <= 0, width
        page.until(lambda: table(page, "Voters")[1][3] == "Yes", f"voters: {table(page, 'Voters')}")
        page.find("button[aria-label='Have b lead']").click()
        page.until(lambda: page.text(".cluster-leader").startswith("b leads"), "b never leads")
        terms = table(page, "Terms")
        assert [row[1] for row in terms[:2]] == ["b", "a"] and terms[1][4] == "it handed over", terms
        assert not page.find("button[aria-label='Have b lead']").is_displayed()
    finally:
        other.stop()
