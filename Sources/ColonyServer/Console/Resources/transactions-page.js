/** The page of transactions: which are under way and how they stand, what stops those that are stuck, and deciding about them. */

import { explained, problemElement } from "./dialogs.js";
import { element, nameElement, replaceChildren, setAttribute, setText } from "./dom.js";
import { emptyTransactions } from "./empty-state.js";
import { Inquiry } from "./inquiry.js";
import { ListKeys } from "./list-keys.js";
import { Overview } from "./overview.js";
import { counted, formatCount, formatDuration } from "./text.js";
import { askToDecide } from "./transaction-dialogs.js";
import { TransactionPanel } from "./transaction-panel.js";
import { TransactionTable } from "./transaction-table.js";
import { pageLength, states, timeOf, TransactionsApi } from "./transactions-api.js";

/** Of so many that are stuck the reason is asked for. */
const explainedStuck = 3;

export class TransactionsPage {
    #context;
    #api;
    #table = new TransactionTable({ onOpen: (id) => this.#open(id, true) });
    #panel = new TransactionPanel({ onClose: () => this.#close(), onDecide: (verb) => this.#decide(verb) });
    #overview = new Overview({
        label: "Transactions that are stuck",
        onOpen: (id) => this.#open(id, true),
        onShowStuck: () => this.#choose("stuck"),
    });
    #problem = element("div", { class: "page-problem" });
    #filter = element("input", {
        type: "search", id: "filter", placeholder: "Name or identifier…", autocomplete: "off", spellcheck: "false",
        maxlength: "255", "aria-label": "Show names and identifiers that contain", "aria-keyshortcuts": "/",
    });
    #shares = element("div", { class: "shares", role: "group", "aria-label": "Which states" });
    #nothing = element("div", { class: "nothing" });
    #more = element("button", { type: "button", class: "plain more", hidden: true, on: { click: () => this.#showMore() } });
    #list;
    #state = null;
    #pages = 1;
    #found = null;
    #stuck = [];
    #reasons = new Map();
    #answeredDate = null;
    #inquiry;
    #keys;

    /** @param {object} context What the frame offers: `api`, `access`, `setTitle`, `setQuery`, `onLoaded`, `onFailed`. */
    constructor(context) {
        this.#context = context;
        this.#api = new TransactionsApi(context.api);
        for (const [key, label] of [["all", "All"], ...Object.entries(states)]) {
            this.#shares.append(element("button", {
                type: "button", "data-share": key, on: { click: () => this.#choose(key) },
            }, `${label} `, element("span", { class: "count" })));
        }
        this.#filter.addEventListener("input", () => this.#search());
        this.#filter.addEventListener("keydown", (event) => {
            const id = this.#filter.value.trim();
            if (event.key === "Enter" && id !== "") this.#open(id, true);
        });
        this.#inquiry = new Inquiry({
            load: () => this.#load(),
            onLoaded: () => this.#context.onLoaded(this.#answeredDate),
            onFailed: (error) => this.#failed(error),
        });
        this.#keys = new ListKeys({
            filter: this.#filter, table: this.#table, panel: this.#panel.element,
            opened: () => this.#panel.id,
            open: (id, withFocus) => this.#open(id, withFocus),
            close: () => this.#close(),
            empty: () => this.#search(),
            actions: { r: () => this.refresh() },
        });
        this.#list = element("section", { class: "list", "aria-label": "Transactions", hidden: true },
            element("div", { class: "toolbar" }, this.#filter, this.#shares),
            this.#table.element, this.#nothing, this.#more);
        this.element = element("div", { class: "transactions-page" },
            element("div", { class: "overview" }, this.#overview.totals, this.#overview.stuck, this.#problem),
            element("div", { class: "work" }, this.#list, this.#panel.element));
    }

    /** Shows what the address says, and asks the daemon. */
    start(query) {
        this.#state = query.get("state") in states ? query.get("state") : null;
        this.#filter.value = query.get("name") ?? "";
        const id = query.get("id");
        if (id !== null && id !== "") this.#panel.open(id);
        else this.#panel.close();
        this.#context.setTitle("Transactions");
        this.refresh();
    }

    stop() { this.#inquiry.stop(); }
    changed() { this.#inquiry.changed(); }
    refresh() { return this.#inquiry.refresh(); }

    /** Moves the clocks on. */
    tick() {
        if (this.#found === null) return;
        this.#table.tick(Date.now());
        this.#panel.tick(Date.now());
    }

    key(event) { return this.#keys.key(event); }
    escapeFromField() { this.#keys.escapeFromField(); }
    leaveFieldDown() { this.#keys.leaveFieldDown(); }

    async #load() {
        const found = await this.#api.list({ state: this.#state, pages: this.#pages });
        const stuck = this.#state === null || this.#state === "stuck" ? found.transactions
            : (found.counts.stuck ?? 0) === 0 ? []
                : (await this.#api.list({ state: "stuck", pages: 1 })).transactions;
        this.#stuck = stuck.filter(({ state }) => state === "stuck");
        await this.#explain();
        const { id } = this.#panel;
        let opened = null;
        let failure = null;
        try {
            opened = id === null ? null : await this.#api.transaction(id);
        } catch (error) {
            // The list does not depend on the one that is open, which may be one that this token does not show.
            if (error.code === "unreachable") throw error;
            failure = error;
        }
        if (this.#inquiry.isStopped) return;
        this.#found = found;
        this.#answeredDate = new Date();
        replaceChildren(this.#problem, failure === null ? null : problemElement(explained(failure)));
        this.#draw();
        if (failure === null && this.#panel.id !== null && this.#panel.id === id) this.#panel.update(opened, this.#context.access, Date.now());
    }

    /** Asks why the most urgent ones are stuck, unless it is known. */
    async #explain() {
        const told = this.#stuck.slice(0, explainedStuck);
        const keys = new Map(told.map((transaction) => [transaction.id, String(transaction.changed_at)]));
        for (const id of this.#reasons.keys()) if (!keys.has(id)) this.#reasons.delete(id);
        await Promise.all(told.map(async ({ id }) => {
            if (this.#reasons.get(id)?.key === keys.get(id)) return;
            try {
                const transaction = await this.#api.transaction(id);
                this.#reasons.set(id, { key: keys.get(id), trouble: transaction?.trouble });
            } catch (error) {
                // One that cannot be asked for is listed all the same; why it is stuck is then not told.
                if (error.code === "unreachable") throw error;
            }
        }));
    }

    #failed(error) {
        const problem = explained(error);
        const isOffered = problem.status !== 501 && problem.code !== "unsupported";
        if (!isOffered) this.#overview.tellTotals([{ text: "The store of this daemon keeps no transactions." }]);
        const isToldElsewhere = problem.status === 401 || problem.code === "unreachable";
        replaceChildren(this.#problem, isToldElsewhere ? null : problemElement(problem));
        this.#context.onFailed(problem);
    }

    /** What is shown of what was found. */
    get #shown() {
        const wanted = this.#filter.value.trim().toLowerCase();
        return this.#found.transactions.filter(({ id, name }) =>
            id.toLowerCase().includes(wanted) || name.toLowerCase().includes(wanted));
    }

    #draw() {
        if (this.#found === null) return;
        const { counts, hasMore, transactions } = this.#found;
        const total = Object.keys(states).reduce((sum, state) => sum + (counts[state] ?? 0), 0);
        const shown = this.#shown;
        this.#list.hidden = false;
        this.#list.classList.toggle("is-empty", total === 0);
        this.#table.update(shown, { opened: this.#panel.id, now: Date.now() });
        this.#table.element.hidden = shown.length === 0;
        for (const button of this.#shares.children) {
            const { share } = button.dataset;
            const count = share === "all" ? total : counts[share] ?? 0;
            setAttribute(button, "aria-pressed", String(share === (this.#state ?? "all")));
            setText(button.querySelector(".count"), formatCount(count));
            button.classList.toggle("some", share === "stuck" && count > 0);
        }
        this.#drawNothing(total === 0, shown.length === 0);
        this.#more.hidden = !hasMore;
        setText(this.#more, `Show ${pageLength} more than these ${formatCount(transactions.length)}`);
        this.#overview.tellTotals(heroSentence(total, counts));
        this.#overview.tellStuck(this.#stuck.map(({ id }) => id), (id) => this.#finding(id), this.#state === "stuck");
        const stuck = counts.stuck ?? 0;
        this.#context.setTitle(stuck > 0 ? `(${stuck}) Transactions` : "Transactions");
    }

    #finding(id) {
        const transaction = this.#stuck.find((other) => other.id === id);
        const trouble = this.#reasons.get(id)?.trouble;
        const way = trouble?.direction === "compensation" ? "the compensation of " : "";
        const since = formatDuration(Date.now() - timeOf(transaction.changed_at));
        return {
            reason: trouble === undefined ? `Stuck for ${since}.` : `Stuck at ${way}${trouble.step} for ${since}.`,
            advice: trouble?.reason ?? "",
        };
    }

    #drawNothing(isEmpty, isBlank) {
        const filter = this.#filter.value.trim();
        const kind = isEmpty ? "empty" : isBlank ? `${this.#state} ${filter}` : "";
        if (this.#nothing.dataset.kind === kind) return;
        this.#nothing.dataset.kind = kind;
        if (isEmpty) {
            replaceChildren(this.#nothing, emptyTransactions(location.origin));
        } else if (isBlank) {
            const { hasMore, transactions } = this.#found;
            const among = hasMore ? `None of the ${formatCount(transactions.length)} transactions that are loaded` : "No transaction";
            const what = this.#state === null || hasMore ? among : `No transaction that is ${states[this.#state].toLowerCase()}`;
            const showAll = () => {
                this.#filter.value = "";
                this.#choose("all");
            };
            replaceChildren(this.#nothing, element("p", { class: "no-match" },
                filter === "" ? `${what} is here now.` : [`${what} has `, nameElement(filter), " in its name or identifier."], " ",
                element("button", { type: "button", class: "link", on: { click: showAll } }, "Show all")));
        } else {
            this.#nothing.replaceChildren();
        }
    }

    #search() {
        this.#remember();
        this.#draw();
    }

    #choose(share) {
        this.#state = share === "all" ? null : share;
        this.#pages = 1;
        this.#remember();
        this.refresh();
    }

    #showMore() {
        this.#pages += 1;
        this.refresh();
    }

    #open(id, withFocus) {
        this.#panel.open(id);
        this.#table.mark(id);
        if (withFocus) this.#panel.focus();
        this.#remember();
        this.#draw();
        this.refresh();
    }

    #close() {
        const { id } = this.#panel;
        this.#panel.close();
        this.#remember();
        this.#draw();
        this.#keys.returnTo(id);
    }

    #decide(verb) {
        const { transaction } = this.#panel;
        if (transaction === null) return;
        askToDecide({
            api: this.#api, verb, transaction, tokenName: this.#context.access.name,
            onDone: (present) => {
                if (this.#panel.id === present.id) this.#panel.update(present, this.#context.access, Date.now());
                this.refresh();
            },
        });
    }

    #remember() {
        const query = new URLSearchParams();
        if (this.#filter.value !== "") query.set("name", this.#filter.value);
        if (this.#state !== null) query.set("state", this.#state);
        if (this.#panel.id !== null) query.set("id", this.#panel.id);
        this.#context.setQuery(query);
    }
}

/** How all transactions stand, as parts of a sentence. */
export function heroSentence(total, counts) {
    if (total === 0) return [{ text: "There are no transactions." }];
    const open = (counts.running ?? 0) + (counts.compensating ?? 0);
    const stuck = counts.stuck ?? 0;
    const sentence = open === 0
        ? [{ text: stuck === 0 ? "No transaction is under way." : "No transaction moves." }]
        : [{ text: counted(open, "transaction"), isStrong: true }, { text: open === 1 ? " is under way." : " are under way." }];
    if (stuck > 0) {
        sentence.push({ text: " " }, { text: formatCount(stuck), isStrong: true },
            { text: stuck === 1 ? " is stuck." : " are stuck." });
    }
    return sentence;
}
