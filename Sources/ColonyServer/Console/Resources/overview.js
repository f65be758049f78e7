/** The top of a page: how much there is, and what is stuck. */

import { element, nameElement, replaceChildren, setText } from "./dom.js";
import { formatCount } from "./text.js";

/** How many stuck things are told of; the rest is one click away. */
const toldStuck = 3;

export class Overview {
    #onOpen;
    #onShowStuck;
    #told = null;

    /** The totals, as a sentence. */
    totals = element("h1", { class: "hero" });
    /** What is stuck, why, and what to do. */
    stuck;

    /**
     * @param {object} parts
     * @param {string} parts.label What the list of stuck things is called.
     * @param {(name: string) => void} parts.onOpen The operator wants to see one of them.
     * @param {() => void} parts.onShowStuck The operator wants to see all that is stuck.
     */
    constructor({ label, onOpen, onShowStuck }) {
        this.#onOpen = onOpen;
        this.#onShowStuck = onShowStuck;
        this.stuck = element("section", { class: "stuck", "aria-label": label, hidden: true });
    }

    /** Says the totals, as parts of a sentence, of which some stand out. */
    tellTotals(parts) {
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

    /**
     * Says what is stuck; nothing if the page shows it anyway.
     *
     * @param {string[]} names All that is stuck, the most urgent first.
     * @param {(name: string) => {reason: string, advice: string}} finding
     * @param {boolean} isShownAnyway
     */
    tellStuck(names, finding, isShownAnyway) {
        this.stuck.hidden = names.length === 0 || isShownAnyway;
        if (this.stuck.hidden) return;
        const told = names.slice(0, toldStuck);
        const key = JSON.stringify([told, names.length]);
        if (this.#told !== key) {
            this.#told = key;
            this.#rebuild(told, names.length);
        }
        const items = this.stuck.querySelectorAll(".stuck-item");
        told.forEach((name, place) => {
            const { reason, advice } = finding(name);
            setText(items[place].querySelector(".reason"), reason);
            setText(items[place].querySelector(".advice"), advice);
        });
    }

    #rebuild(told, count) {
        const focused = document.activeElement?.closest?.(".stuck-item")?.stuckName;
        replaceChildren(this.stuck,
            element("h2", {}, count === 1 ? "1 needs a look" : `${formatCount(count)} need a look`),
            element("ul", {}, told.map((name) => this.#item(name))),
            count > told.length && element("button", {
                type: "button", class: "link", on: { click: () => this.#onShowStuck() },
            }, `Show all ${formatCount(count)}`));
        for (const item of this.stuck.querySelectorAll(".stuck-item")) {
            if (focused !== undefined && item.stuckName === focused) item.querySelector("button").focus();
        }
    }

    #item(name) {
        const open = element("button", { type: "button", class: "open", on: { click: () => this.#onOpen(name) } },
            nameElement(name, { split: true }));
        const item = element("li", { class: "stuck-item" },
            open, element("p", { class: "reason" }), element("p", { class: "advice" }));
        item.stuckName = name;
        return item;
    }
}
