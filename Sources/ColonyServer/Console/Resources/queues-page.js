/** The page of queues: which there are, what is in them and passes through, what is stuck, and what to do. */

import { announce, explained, problemElement } from "./dialogs.js";
import { element, nameElement, replaceChildren, setAttribute, setText } from "./dom.js";
import { emptyQueues } from "./empty-state.js";
import { Inquiry } from "./inquiry.js";
import { ListKeys } from "./list-keys.js";
import { Overview } from "./overview.js";
import { QueueBook, queueOrders, queueShares } from "./queue-book.js";
import {
    askToCancel, askToDelete, askToDrop, askToPublish, askToPurge, askToRedrive,
} from "./queue-dialogs.js";
import { QueuePanel } from "./queue-panel.js";
import { QueueRouting } from "./queue-routing.js";
import { QueueTable } from "./queue-table.js";
import { QueuesApi } from "./queues-api.js";
import { counted, formatCount } from "./text.js";

export class QueuesPage {
    #context;
    #api;
    #book = new QueueBook();
    #table = new QueueTable({ onOpen: (name) => this.#open(name, true), onSort: (order) => this.#sortBy(order) });
    #panel = new QueuePanel({
        onClose: () => this.#close(),
        onTab: () => this.#turnTab(),
        onAct: (action) => this.#act(action),
        onCancel: (name, id) => askToCancel({ api: this.#api, name, id, onDone: () => this.refresh() }),
        onRedrive: (name, ids) => this.#settle(askToRedrive, name, ids),
        onDrop: (name, ids) => this.#settle(askToDrop, name, ids),
    });
    #overview = new Overview({
        label: "Queues that need a look",
        onOpen: (name) => this.#open(name, true),
        onShowStuck: () => this.#show({ share: "stuck" }),
    });
    #routing;
    #problem = element("div", { class: "page-problem" });
    #filter = element("input", {
        type: "search", id: "filter", placeholder: "Names that contain…", autocomplete: "off", spellcheck: "false",
        maxlength: "255", "aria-label": "Show names that contain", "aria-keyshortcuts": "/",
    });
    #shares = element("div", { class: "shares", role: "group", "aria-label": "Which queues" });
    #order = element("select", { id: "order", "aria-label": "Order" });
    #nothing = element("div", { class: "nothing" });
    #list;
    #inquiry;
    #keys;

    /** @param {object} context What the frame offers: `api`, `access`, `setTitle`, `setQuery`, `onLoaded`, `onFailed`. */
    constructor(context) {
        this.#context = context;
        this.#api = new QueuesApi(context.api);
        this.#routing = new QueueRouting(context.api);
        for (const [key, { label }] of Object.entries(queueShares)) {
            this.#shares.append(element("button", {
                type: "button", "data-share": key, on: { click: () => this.#show({ share: key }) },
            }, `${label} `, element("span", { class: "count" })));
        }
        for (const [key, { label }] of Object.entries(queueOrders)) {
            this.#order.append(
                element("option", { value: key }, `${label}, rising`),
                element("option", { value: `-${key}` }, `${label}, falling`));
        }
        this.#filter.addEventListener("input", () => this.#show({ filter: this.#filter.value }));
        this.#order.addEventListener("change", () => {
            const { value } = this.#order;
            this.#show({ sort: value.replace(/^-/, ""), descending: value.startsWith("-") });
        });
        this.#inquiry = new Inquiry({
            load: () => this.#load(),
            onLoaded: () => this.#context.onLoaded(this.#book.answeredDate),
            onFailed: (error) => this.#failed(error),
        });
        this.#keys = new ListKeys({
            filter: this.#filter, table: this.#table, panel: this.#panel.element,
            opened: () => this.#panel.name,
            open: (name, withFocus) => this.#open(name, withFocus),
            close: () => this.#close(),
            empty: () => this.#show({ filter: "" }),
            actions: { p: () => this.#act("publish"), r: () => this.refresh() },
        });
        this.#list = element("section", { class: "list", "aria-label": "Queues", hidden: true },
            element("div", { class: "toolbar" }, this.#filter, this.#shares, this.#order),
            this.#table.element, this.#nothing, this.#routing.element);
        this.element = element("div", { class: "queues-page" },
            element("div", { class: "overview" }, this.#overview.totals, this.#overview.stuck, this.#problem),
            element("div", { class: "work" }, this.#list, this.#panel.element));
    }

    /** Shows what the address says, and asks the daemon. */
    start(query) {
        const sort = query.get("sort") ?? "name";
        this.#book.filter = query.get("name") ?? "";
        this.#book.sort = sort.replace(/^-/, "") in queueOrders ? sort.replace(/^-/, "") : "name";
        this.#book.descending = sort.startsWith("-");
        this.#book.share = query.get("show") in queueShares ? query.get("show") : "all";
        this.#filter.value = this.#book.filter;
        const name = query.get("queue");
        if (name !== null && name !== "") this.#panel.open(name, query.get("tab"));
        else this.#panel.close();
        this.#context.setTitle("Queues");
        this.refresh();
    }

    stop() { this.#inquiry.stop(); }
    changed() { this.#inquiry.changed(); }
    refresh() { return this.#inquiry.refresh(); }

    tick() {
        // What is shown are counts and ages of the last look, which comes again by itself.
    }

    key(event) { return this.#keys.key(event); }
    escapeFromField() { this.#keys.escapeFromField(); }
    leaveFieldDown() { this.#keys.leaveFieldDown(); }

    async #load() {
        const { name } = this.#panel;
        await this.#book.load(this.#api, name);
        if (this.#inquiry.isStopped) return;
        replaceChildren(this.#problem);
        this.#draw();
        await Promise.all([this.#panel.name === null ? null : this.#panel.load(this.#api), this.#routing.load()]);
    }

    #failed(error) {
        const problem = explained(error);
        const isToldElsewhere = problem.status === 401 || problem.code === "unreachable";
        replaceChildren(this.#problem, isToldElsewhere ? null : problemElement(problem));
        this.#context.onFailed(problem);
    }

    #draw() {
        const book = this.#book;
        if (book.answeredDate === null) return;
        this.#list.hidden = false;
        const { shown } = book;
        this.#table.update(shown, { sort: book.sort, descending: book.descending, opened: this.#panel.name });
        this.#order.value = `${book.descending ? "-" : ""}${book.sort}`;
        for (const button of this.#shares.children) {
            const { share } = button.dataset;
            setAttribute(button, "aria-pressed", String(share === book.share));
            setText(button.querySelector(".count"), formatCount(book.count(share)));
            button.classList.toggle("some", share === "stuck" && book.count(share) > 0);
        }
        const isEmpty = book.queues.length === 0;
        this.#list.classList.toggle("is-empty", isEmpty);
        this.#table.element.hidden = shown.length === 0;
        this.#drawNothing(isEmpty, shown.length === 0);
        this.#overview.tellTotals(heroSentence(book.queues.length, book.sums));
        const { stuck } = book;
        this.#overview.tellStuck(
            stuck.map((queue) => queue.name), (name) => book.find(name).finding, book.share === "stuck");
        this.#context.setTitle(stuck.length > 0 ? `(${stuck.length}) Queues` : "Queues");
        if (this.#panel.name !== null) this.#updatePanel();
    }

    #updatePanel() {
        const { name } = this.#panel;
        this.#panel.update(this.#book.find(name), this.#book.flow(name), this.#context.access);
    }

    #drawNothing(isEmpty, isBlank) {
        const kind = isEmpty ? "empty" : isBlank ? `${this.#book.share} ${this.#book.filter}` : "";
        if (this.#nothing.dataset.kind === kind) return;
        this.#nothing.dataset.kind = kind;
        if (isEmpty) {
            replaceChildren(this.#nothing, emptyQueues(location.origin));
        } else if (isBlank) {
            const { filter, share } = this.#book;
            const what = {
                all: "There is no queue", filled: "No queue has messages", stuck: "No queue needs a look",
            }[share];
            const showAll = () => {
                this.#filter.value = "";
                this.#show({ filter: "", share: "all" });
            };
            replaceChildren(this.#nothing, element("p", { class: "no-match" }, what,
                filter === "" ? "." : [" with ", nameElement(filter), " in its name."], " ",
                element("button", { type: "button", class: "link", on: { click: showAll } }, "Show all")));
        } else {
            this.#nothing.replaceChildren();
        }
    }

    #sortBy(order) {
        // Of ages and counts the greatest is the interesting one; names are read from A.
        this.#show({ sort: order, descending: order === this.#book.sort ? !this.#book.descending : order !== "name" });
    }

    #show(change) {
        Object.assign(this.#book, change);
        this.#remember();
        this.#draw();
    }

    #open(name, withFocus) {
        this.#panel.open(name);
        this.#table.mark(name);
        if (withFocus) this.#panel.focus();
        this.#remember();
        this.#draw();
        this.refresh();
    }

    #turnTab() {
        this.#remember();
        this.refresh();
    }

    #close() {
        const { name } = this.#panel;
        this.#panel.close();
        this.#remember();
        this.#draw();
        this.#keys.returnTo(name);
    }

    #act(action) {
        const { queue } = this.#panel;
        if (queue === null) return;
        const parts = { api: this.#api, queue, onDone: () => this.refresh() };
        switch (action) {
        case "publish":
            if (this.#context.access.refusal("write") === null) askToPublish(parts);
            break;
        case "purge": askToPurge(parts); break;
        case "remove": askToDelete(parts); break;
        default: this.#pause(queue);
        }
    }

    async #pause(queue) {
        try {
            await this.#api.pause(queue.name, !queue.is_paused);
            announce(queue.is_paused ? `${queue.name} delivers again.` : `${queue.name} is paused.`);
            this.#panel.tell(null);
            this.refresh();
        } catch (error) {
            this.#panel.tell(explained(error));
        }
    }

    #settle(ask, name, ids) {
        const { queue } = this.#panel;
        if (queue === null || queue.name !== name) return;
        ask({
            api: this.#api, queue, ids, names: this.#book.queues.map((other) => other.name),
            onDone: () => this.refresh(),
        });
    }

    #remember() {
        const { filter, sort, descending, share } = this.#book;
        const query = new URLSearchParams();
        if (filter !== "") query.set("name", filter);
        if (sort !== "name" || descending) query.set("sort", `${descending ? "-" : ""}${sort}`);
        if (share !== "all") query.set("show", share);
        if (this.#panel.name !== null) {
            query.set("queue", this.#panel.name);
            if (this.#panel.tab !== "now") query.set("tab", this.#panel.tab);
        }
        this.#context.setQuery(query);
    }
}

/** What is in all queues, as parts of a sentence. */
export function heroSentence(queues, { count, leased, dead }) {
    if (queues === 0) return [{ text: "There are no queues." }];
    const start = [{ text: counted(queues, "queue"), isStrong: true }];
    if (count === 0) return [...start, { text: ` ${queues === 1 ? "is" : "are"} empty.` }];
    const sentence = [
        ...start, { text: ` ${queues === 1 ? "holds" : "hold"} ` },
        { text: counted(count, "message"), isStrong: true },
    ];
    const are = (amount) => (amount === 1 ? "is" : "are");
    sentence.push({ text: "." });
    if (leased > 0) sentence.push({ text: ` ${formatCount(leased)} ${are(leased)} in flight${dead > 0 ? "," : "."}` });
    if (dead > 0) {
        sentence.push({ text: " " }, { text: formatCount(dead), isStrong: true }, { text: ` ${are(dead)} dead.` });
    }
    return sentence;
}
