/** The top of the locks page: how much there is, and what is stuck. */

import { diagnose } from "./diagnosis.js";
import { element, nameElement, replaceChildren, setText } from "./dom.js";
import { formatCount, formatDuration } from "./text.js";

/** How many stuck locks are told of; the rest is one click away. */
const toldStuck = 3;

export class Overview {
    #onOpen;
    #onShowStuck;
    #told = null;

    /** The totals, as a sentence. */
    totals = element("h1", { class: "hero" });
    /** What is stuck, why, and what to do. */
    stuck = element("section", { class: "stuck", "aria-label": "Locks that need a look", hidden: true });

    /**
     * @param {object} parts
     * @param {(name: string) => void} parts.onOpen The operator wants to see one lock.
     * @param {() => void} parts.onShowStuck The operator wants to see all that is stuck.
     */
    constructor({ onOpen, onShowStuck }) {
        this.#onOpen = onOpen;
        this.#onShowStuck = onShowStuck;
    }

    /** Says what the book says at this moment. */
    update(book) {
        if (book.answeredAt === null) return;
        this.#tellTotals(book);
        this.#tellStuck(book);
    }

    #tellTotals(book) {
        const parts = totalsSentence(book);
        if (this.totals.children.length !== parts.length) {
            replaceChildren(this.totals, parts.map(() => element("span")));
        }
        parts.forEach(({ text, isStrong }, place) => {
            const tag = isStrong ? "strong" : "span";
            const node = this.totals.children[place];
            if (node.localName === tag) setText(node, text);
            else node.replaceWith(element(tag, {}, text));
        });
    }

    #tellStuck(book) {
        const stuck = book.stuck;
        this.stuck.hidden = stuck.length === 0 || book.share === "stuck";
        if (this.stuck.hidden) return;
        const told = stuck.slice(0, toldStuck);
        const key = JSON.stringify([told.map((lock) => lock.name), stuck.length]);
        if (this.#told !== key) {
            this.#told = key;
            this.#rebuild(told, stuck.length);
        }
        const items = this.stuck.querySelectorAll(".stuck-item");
        told.forEach((lock, place) => {
            const { reason, advice } = diagnose(lock, book.elapsed);
            setText(items[place].querySelector(".reason"), reason);
            setText(items[place].querySelector(".advice"), advice);
        });
    }

    #rebuild(told, count) {
        const focused = document.activeElement?.closest?.(".stuck-item")?.lockName;
        replaceChildren(this.stuck,
            element("h2", {}, count === 1 ? "1 needs a look" : `${formatCount(count)} need a look`),
            element("ul", {}, told.map((lock) => this.#item(lock.name))),
            count > told.length && element("button", {
                type: "button", class: "link", on: { click: () => this.#onShowStuck() },
            }, `Show all ${formatCount(count)}`));
        for (const item of this.stuck.querySelectorAll(".stuck-item")) {
            if (focused !== undefined && item.lockName === focused) item.querySelector("button").focus();
        }
    }

    #item(name) {
        const open = element("button", { type: "button", class: "open", on: { click: () => this.#onOpen(name) } },
            nameElement(name, { split: true }));
        const item = element("li", { class: "stuck-item" },
            open, element("p", { class: "reason" }), element("p", { class: "advice" }));
        item.lockName = name;
        return item;
    }
}

function totalsSentence(book) {
    const held = book.locks.length;
    const under = `${book.prefix === "" ? "" : " under this name"}${book.batch === 1 ? "" : ` in part ${book.batch}`}`;
    if (held === 0) return [{ text: `No lock${under} is held.` }];
    const { count, longest } = book.waiting;
    const verb = held === 1 ? "is" : "are";
    const amount = `${formatCount(held)}${book.next === null ? "" : "+"} ${held === 1 ? "lock" : "locks"}`;
    const sentence = [{ text: amount, isStrong: true }, { text: `${under} ${verb} held. ` }];
    if (count === 0) return [...sentence, { text: "Nobody waits." }];
    // A no-break space: a number at the end of a line would stand apart from its verb.
    const wait = count === 1 ? "\u00A0waits, for " : "\u00A0wait, the oldest for ";
    return [...sentence, { text: formatCount(count), isStrong: true }, { text: `${wait}${formatDuration(longest)}.` }];
}
