/** The page that answers: who holds what, who waits and for how long, what is stuck, what to do. */

import { askToBreak, announce, explained, problemElement } from "./dialogs.js";
import { element, nameElement, replaceChildren, setAttribute, setText } from "./dom.js";
import { emptyState } from "./empty-state.js";
import { Inquiry } from "./inquiry.js";
import { ListKeys } from "./list-keys.js";
import { LockBook, orders, rowsPerPage, shares } from "./lock-book.js";
import { tellOverview } from "./lock-overview.js";
import { LockPanel } from "./lock-panel.js";
import { LockTable } from "./lock-table.js";
import { Overview } from "./overview.js";
import { counted, formatCount } from "./text.js";

/** How long the operator may pause within a prefix before it counts. */
const typingPause = 150;

export class LocksPage {
    #context;
    #book = new LockBook();
    #table = new LockTable({ onOpen: (name) => this.#open(name, true), onSort: (order) => this.#sortBy(order) });
    #panel = new LockPanel({ onClose: () => this.#close(), onBreak: (lock) => this.#break(lock) });
    #inquiry;
    #keys;
    #known = null;

    #overview = new Overview({
        label: "Locks that need a look",
        onOpen: (name) => this.#open(name, true),
        onShowStuck: () => this.#show({ share: "stuck", page: 0 }),
    });
    #problem = element("div", { class: "page-problem" });
    #filter = element("input", {
        type: "search", id: "filter", placeholder: "Names that start with…", autocomplete: "off", spellcheck: "false",
        maxlength: "255", "aria-label": "Show names that start with", "aria-keyshortcuts": "/",
    });
    #shares = element("div", { class: "shares", role: "group", "aria-label": "Which locks" });
    #order = element("select", { id: "order", "aria-label": "Order" });
    #range = element("span", { class: "range" });
    // Made once: a button that is replaced between press and release loses the click.
    #previous = this.#pageButton(-1, "Previous");
    #next = this.#pageButton(1, "Next");
    #pager = element("div", { class: "pager", hidden: true }, this.#range, this.#previous, this.#next);
    #empty = element("div", { class: "nothing" });
    #list;

    /**
     * @param {object} context What the frame offers: `api`, `setTitle`, `setQuery`, `onLoaded`, `onFailed`.
     */
    constructor(context) {
        this.#context = context;
        for (const [key, { label }] of Object.entries(shares)) {
            this.#shares.append(element("button", {
                type: "button", "data-share": key, on: { click: () => this.#show({ share: key, page: 0 }) },
            }, `${label} `, element("span", { class: "count" })));
        }
        for (const [key, { label }] of Object.entries(orders)) {
            this.#order.append(
                element("option", { value: key }, `${label}, rising`),
                element("option", { value: `-${key}` }, `${label}, falling`));
        }
        let typing = null;
        this.#filter.addEventListener("input", () => {
            clearTimeout(typing);
            typing = setTimeout(() => this.#prefix(this.#filter.value), typingPause);
        });
        this.#order.addEventListener("change", () => {
            const { value } = this.#order;
            this.#show({ sort: value.replace(/^-/, ""), descending: value.startsWith("-"), page: 0 });
        });
        this.#inquiry = new Inquiry({
            load: () => this.#load(),
            onLoaded: () => this.#context.onLoaded(this.#book.answeredDate),
            onFailed: (error) => this.#failed(error),
            changePause: 100,
            // Renewals and leases that run out are announced by nobody.
            lookPause: () => Math.max(1_000, this.#book.freshFor - this.#book.elapsed),
        });
        this.#keys = new ListKeys({
            filter: this.#filter, table: this.#table, panel: this.#panel.element,
            opened: () => this.#panel.name,
            open: (name, withFocus) => this.#open(name, withFocus),
            close: () => this.#close(),
            empty: () => this.#prefix(""),
            actions: {
                w: () => this.#table.toggleWaiters(),
                // Only a lock that the operator has turned to: a row with the focus, or the one whose details are open.
                b: () => this.#break(this.#panel.lock ?? this.#focusedLock),
                r: () => this.refresh(),
            },
        });
        this.#list = element("section", { class: "list", "aria-label": "Locks", hidden: true },
            element("div", { class: "toolbar" }, this.#filter, this.#shares, this.#order),
            this.#table.element, this.#empty, this.#pager);
        this.element = element("div", { class: "locks-page" },
            element("div", { class: "overview" }, this.#overview.totals, this.#overview.stuck, this.#problem),
            element("div", { class: "work" }, this.#list, this.#panel.element));
    }

    /** Shows what the address says, and asks the daemon. */
    start(query) {
        const sort = query.get("sort") ?? "name";
        this.#book.restart(query.get("prefix") ?? "");
        this.#book.sort = sort.replace(/^-/, "") in orders ? sort.replace(/^-/, "") : "name";
        this.#book.descending = sort.startsWith("-");
        this.#book.share = query.get("show") in shares ? query.get("show") : "all";
        this.#filter.value = this.#book.prefix;
        const name = query.get("lock");
        if (name !== null && name !== "") this.#panel.open(name);
        else this.#panel.close();
        this.refresh();
    }

    stop() { this.#inquiry.stop(); }
    changed() { this.#inquiry.changed(); }
    refresh() { return this.#inquiry.refresh(); }

    /** Once a second: the clocks move on. */
    tick() {
        const { elapsed } = this.#book;
        this.#table.tick(elapsed);
        this.#panel.tick(elapsed);
        tellOverview(this.#overview, this.#book);
    }

    key(event) { return this.#keys.key(event); }
    escapeFromField() { this.#keys.escapeFromField(); }
    leaveFieldDown() { this.#keys.leaveFieldDown(); }

    get #focusedLock() {
        return this.#table.hasFocus ? this.#book.find(this.#table.current) : null;
    }

    async #load() {
        const isCurrent = await this.#book.load(this.#context.api);
        if (!isCurrent) {
            this.refresh();
            return;
        }
        if (this.#inquiry.isStopped) return;
        const { name } = this.#panel;
        if (name !== null) {
            const listed = this.#book.find(name);
            const lock = listed ?? await this.#context.api.lock(name);
            if (this.#panel.name === name) this.#panel.update(lock, listed === null ? 0 : this.#book.elapsed);
        }
        if (this.#inquiry.isStopped) return;
        replaceChildren(this.#problem);
        this.#announceChanges();
        this.#draw();
    }

    #failed(error) {
        const problem = explained(error);
        this.#book.isFrozen = true;
        this.tick();
        const isToldElsewhere = problem.status === 401 || problem.code === "unreachable";
        replaceChildren(this.#problem, isToldElsewhere ? null : problemElement(problem));
        this.#context.onFailed(problem);
    }

    #draw() {
        const book = this.#book;
        if (book.answeredAt === null) return;
        this.#list.hidden = false;
        const shown = book.shown;
        this.#table.update(shown, {
            sort: book.sort, descending: book.descending, elapsed: book.elapsed, opened: this.#panel.name,
        });
        this.#order.value = `${book.descending ? "-" : ""}${book.sort}`;
        for (const button of this.#shares.children) {
            const { share } = button.dataset;
            setAttribute(button, "aria-pressed", String(share === book.share));
            setText(button.querySelector(".count"), formatCount(book.count(share)));
            button.classList.toggle("some", share === "stuck" && book.count(share) > 0);
        }
        const isEmpty = book.locks.length === 0 && book.prefix === "" && !book.isPart;
        this.#list.classList.toggle("is-empty", isEmpty);
        this.#table.element.hidden = shown.length === 0;
        this.#drawNothing(isEmpty, shown.length === 0);
        this.#drawPager();
        tellOverview(this.#overview, this.#book);
        const stuck = book.count("stuck");
        this.#context.setTitle(stuck > 0 ? `(${stuck}) Locks` : "Locks");
    }

    #drawNothing(isEmpty, isBlank) {
        const kind = isEmpty ? "empty" : isBlank ? `${this.#book.share} ${this.#book.prefix}` : "";
        if (this.#empty.dataset.kind === kind) return;
        this.#empty.dataset.kind = kind;
        if (isEmpty) {
            replaceChildren(this.#empty, emptyState(location.origin));
        } else if (isBlank) {
            const { prefix, share } = this.#book;
            const what = {
                all: "No lock is held", waited: "No lock is waited for", stuck: "No lock needs a look",
            }[share];
            const showAll = () => {
                this.#filter.value = "";
                this.#prefix("", { share: "all" });
            };
            replaceChildren(this.#empty, element("p", { class: "no-match" }, what,
                prefix === "" ? "." : [" under ", nameElement(prefix), "."], " ",
                element("button", { type: "button", class: "link", on: { click: showAll } }, "Show all")));
        } else {
            this.#empty.replaceChildren();
        }
    }

    #drawPager() {
        const book = this.#book;
        const total = book.count(book.share);
        this.#pager.hidden = total <= rowsPerPage && !book.isPart;
        if (this.#pager.hidden) return;
        const first = book.page * rowsPerPage + 1;
        const last = Math.min(total, first + rowsPerPage - 1);
        const range = total === 0 ? "None" : `${formatCount(first)}–${formatCount(last)} of ${formatCount(total)}`;
        const part = book.isPart ? ` in part ${book.batch}${book.next === null ? ", the last" : "; more follow"}` : "";
        setText(this.#range, range + part);
        this.#previous.disabled = !book.hasPrevious;
        this.#next.disabled = !book.hasNext;
    }

    #pageButton(step, label) {
        return element("button", {
            type: "button", class: "plain", "data-step": step, on: { click: () => this.#turn(step) },
        }, label);
    }

    #announceChanges() {
        const known = new Map(this.#book.locks.map((lock) => [lock.name, lock.token]));
        const before = this.#known;
        this.#known = { prefix: this.#book.prefix, batch: this.#book.batch, known };
        if (before === null || before.prefix !== this.#book.prefix || before.batch !== this.#book.batch) return;
        const taken = [...known].filter(([name, token]) => before.known.get(name) !== token).length;
        const ended = [...before.known].filter(([name, token]) => known.get(name) !== token).length;
        if (taken + ended === 0) return;
        announce(`${counted(taken, "lock")} taken, ${formatCount(ended)} ended. ${formatCount(known.size)} held.`);
    }

    #prefix(prefix, change = {}) {
        if (prefix !== this.#book.prefix) this.#book.restart(prefix);
        Object.assign(this.#book, change);
        this.#remember();
        this.refresh();
    }

    #sortBy(order) {
        // Of ages and counts the greatest is the interesting one; names are read from A.
        const first = order !== "name" && order !== "holder" && order !== "remaining";
        this.#show({ sort: order, descending: order === this.#book.sort ? !this.#book.descending : first, page: 0 });
    }

    #show(change) {
        Object.assign(this.#book, change);
        this.#remember();
        this.#draw();
    }

    #turn(step) {
        if (this.#book.turn(step)) this.refresh();
        else this.#draw();
        this.#list.scrollIntoView({ block: "start" });
    }

    #open(name, withFocus) {
        this.#panel.open(name);
        this.#table.mark(name);
        const lock = this.#book.find(name);
        if (lock !== null) this.#panel.update(lock, this.#book.elapsed);
        else this.refresh();
        if (withFocus) this.#panel.focus();
        this.#remember();
        this.#draw();
    }

    #close() {
        const { name } = this.#panel;
        this.#panel.close();
        this.#remember();
        this.#draw();
        this.#keys.returnTo(name);
    }

    #break(lock) {
        if (lock === null) return;
        askToBreak({
            api: this.#context.api,
            lock,
            onBroken: (broken) => {
                announce(`Broken: ${broken.name}, token ${broken.token}.`);
                this.refresh();
            },
        });
    }

    #remember() {
        const { prefix, sort, descending, share } = this.#book;
        const query = new URLSearchParams();
        if (prefix !== "") query.set("prefix", prefix);
        if (sort !== "name" || descending) query.set("sort", `${descending ? "-" : ""}${sort}`);
        if (share !== "all") query.set("show", share);
        if (this.#panel.name !== null) query.set("lock", this.#panel.name);
        this.#context.setQuery(query);
    }
}
