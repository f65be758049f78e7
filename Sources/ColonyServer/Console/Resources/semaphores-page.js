/** The page of semaphores: who holds permits, of how many, and who waits. */

import { askToEvict, askToEvictWaiter } from "./coordination-dialogs.js";
import { CoordinationPage } from "./coordination-page.js";
import { announce } from "./dialogs.js";
import { element, nameElement, replaceChildren, setAttribute, setText } from "./dom.js";
import { emptySemaphores } from "./empty-state.js";
import { KeyedRows } from "./keyed-rows.js";
import { counted, formatCount, formatDuration } from "./text.js";

export class SemaphoresPage extends CoordinationPage {
    #empty = emptySemaphores(location.origin);
    #none = element("p", { class: "no-match", hidden: true }, "No semaphore that is in use begins like this.");
    #table;
    #rows;
    #more = element("button", { type: "button", class: "plain", hidden: true, on: { click: () => this.#showMore() } },
        "Show more");
    #pages = 1;

    constructor(context) {
        super(context, { title: "Semaphores", filterLabel: "Filter by the start of the name" });
        this.#table = element("table", { class: "tags semaphores", hidden: true, "aria-label": "Semaphores" },
            element("thead", {}, element("tr", {}, ["Semaphore", "In use", "Holders", "Waiters"].map((label) =>
                element("th", { scope: "col" }, label)))));
        this.#rows = new KeyedRows(this.#table, () => this.#makeRow());
        this.#empty.hidden = true;
        replaceChildren(this.body, this.#empty, this.#none,
            element("section", { class: "tag-list" }, this.#table, this.#more));
    }

    async load() {
        const semaphores = [];
        let next = null;
        for (let page = 0; page < this.#pages; page += 1) {
            const query = new URLSearchParams();
            if (this.prefix !== "") query.set("prefix", this.prefix);
            if (next !== null) query.set("after", next);
            const answer = await this.api.ask("GET", `/v1/semaphores?${query}`);
            semaphores.push(...answer.semaphores);
            next = answer.next ?? null;
            if (next === null) break;
        }
        const isEmpty = semaphores.length === 0;
        this.#empty.hidden = !isEmpty || this.prefix !== "";
        this.#none.hidden = !isEmpty || this.prefix === "";
        this.#table.hidden = isEmpty;
        this.#more.hidden = next === null;
        this.#rows.show(semaphores, ({ name }) => name);
        const held = semaphores.reduce((sum, semaphore) => sum + semaphore.held, 0);
        const waiting = semaphores.reduce((sum, semaphore) => sum + semaphore.waiters.length, 0);
        replaceChildren(this.hero, isEmpty ? "No permits are held." : [
            element("strong", {}, counted(held, "permit")), ` of ${counted(semaphores.length, "semaphore")} held, `,
            waiting === 0 ? "nobody waits." : [element("strong", {}, counted(waiting, "waiter")), "."],
        ]);
    }

    #showMore() {
        this.#pages += 1;
        this.refresh();
    }

    #makeRow() {
        let semaphore = null;
        const id = `semaphore-${crypto.getRandomValues(new Uint32Array(1))[0]}`;
        const open = element("button", {
            type: "button", class: "open", "aria-expanded": "false", "aria-controls": id,
            on: { click: () => toggle() },
        });
        const use = element("span", {});
        const bar = element("span", { class: "bar", "aria-hidden": "true" }, element("span", { class: "bar-fill" }));
        const holders = element("span", {});
        const waiters = element("span", {});
        const holderList = element("ul", { class: "members" });
        const waiterTitle = element("h3", {}, "Waiters, the first in turn first");
        const waiterList = element("ul", { class: "members" });
        const holderRows = new KeyedRows(holderList, () => this.#makeHolder(() => semaphore.name));
        const waiterRows = new KeyedRows(waiterList, () => this.#makeWaiter(() => semaphore.name));
        const detail = element("tr", { class: "detail", id, hidden: true }, element("td", { colspan: "4" },
            element("h3", {}, "Holders"), holderList, waiterTitle, waiterList));
        const toggle = () => {
            detail.hidden = !detail.hidden;
            setAttribute(open, "aria-expanded", String(!detail.hidden));
        };
        const rows = element("tbody", { class: "entry" },
            element("tr", {},
                element("th", { scope: "row" }, open),
                element("td", { "data-label": "In use" }, use, bar),
                element("td", { "data-label": "Holders" }, holders),
                element("td", { "data-label": "Waiters" }, waiters)),
            detail);
        return {
            element: rows,
            update: (item) => {
                if (semaphore === null) replaceChildren(open, nameElement(item.name, { split: true }));
                semaphore = item;
                const { limit, held } = item;
                setText(use, limit === undefined ? formatCount(held) : `${formatCount(held)} of ${formatCount(limit)}`);
                bar.hidden = limit === undefined;
                bar.style.setProperty("--left", String(limit === undefined ? 0 : Math.min(1, held / limit)));
                bar.classList.toggle("low", limit !== undefined && held >= limit && item.waiters.length > 0);
                setText(holders, formatCount(item.holders.length));
                setText(waiters, item.waiters.length === 0 ? "none"
                    : `${formatCount(item.waiters.length)}, for ${formatDuration(item.waiters[0].age_ms)}`);
                holderRows.show(item.holders, ({ owner, token }) => `${token} ${owner}`);
                waiterRows.show(item.waiters, ({ owner }) => owner);
                waiterTitle.hidden = item.waiters.length === 0;
            },
        };
    }

    #makeHolder(name) {
        return this.#makeMember("Evict…", (holder) => askToEvict({
            api: this.api, name: name(), holder, onDone: () => this.#ended(`${holder.owner} was evicted.`),
        }), ({ permits, token, age_ms: age, remaining_ms: remaining }) =>
            `${counted(permits, "permit")} · token ${token} · for ${formatDuration(age)} · `
                + `${formatDuration(remaining)} left`);
    }

    #makeWaiter(name) {
        return this.#makeMember("Take its place away…", (waiter) => askToEvictWaiter({
            api: this.api, name: name(), waiter, onDone: () => this.#ended(`${waiter.owner} has no place any more.`),
        }), ({ permits, age_ms: age }) => `${counted(permits, "permit")} · waits for ${formatDuration(age)}`);
    }

    #makeMember(word, onAct, facts) {
        let member = null;
        const name = element("span", { class: "member-name" });
        const text = element("span", { class: "member-facts" });
        const act = element("button", { type: "button", class: "danger quiet", on: { click: () => onAct(member) } }, word);
        return {
            element: element("li", {}, name, text, act),
            update: (item) => {
                if (member === null) {
                    replaceChildren(name, nameElement(item.owner));
                    setAttribute(act, "aria-label", `${word} ${item.owner}`);
                }
                member = item;
                setText(text, facts(item));
                const refusal = this.access.refusal("admin");
                act.disabled = refusal !== null;
                setAttribute(act, "title", refusal);
            },
        };
    }

    #ended(sentence) {
        announce(sentence);
        this.refresh();
    }
}
