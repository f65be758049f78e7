/** What the pages of semaphores, the registry, and resilience have in common: a filter, the keys, and when the daemon is asked. */

import { explained, problemElement } from "./dialogs.js";
import { element, replaceChildren } from "./dom.js";

/** What other processes do to the store is announced by nobody, so the page looks by itself while somebody looks at it. */
const lookPause = 2_000;

export class CoordinationPage {
    #context;
    #title;
    #absence;
    #key = null;
    #problem = element("div", { class: "page-problem" });
    #filter;
    #loading = null;
    #isStale = false;
    #again = null;
    #isStopped = false;

    hero = element("p", { class: "hero" });
    /** What stands below the filter. */
    body = element("div", { class: "coordination-body" });

    /**
     * @param {object} context What the frame offers.
     * @param {{title: string, filterLabel: string, absence: string}} words `absence` is said over a store without them.
     */
    constructor(context, { title, filterLabel, absence }) {
        this.#context = context;
        this.#title = title;
        this.#absence = absence;
        this.#filter = element("input", {
            type: "search", id: "filter", placeholder: filterLabel, "aria-label": filterLabel, autocomplete: "off",
            spellcheck: "false", "aria-keyshortcuts": "/", on: { input: () => this.#filtered() },
        });
        this.element = element("div", { class: "coordination-page" },
            element("div", { class: "overview" }, this.hero, this.#problem),
            element("div", { class: "toolbar" }, this.#filter), this.body);
    }

    get api() { return this.#context.api; }
    get access() { return this.#context.access; }
    /** The beginning of the names that are looked for. */
    get prefix() { return this.#filter.value; }

    /** Asks the daemon for what the page shows, and shows it. Pages have one of their own. */
    async load() {
        throw new Error("a page loads what it shows");
    }

    start(query) {
        this.#context.setTitle(this.#title);
        this.#filter.value = query.get("prefix") ?? "";
        this.refresh();
    }

    stop() {
        this.#isStopped = true;
        clearTimeout(this.#again);
    }

    changed() {
        this.refresh();
    }

    /** Asks the daemon now, or once more as soon as the answer that is under way has come. */
    async refresh() {
        if (this.#isStopped) return;
        if (this.#loading !== null) {
            this.#isStale = true;
            return;
        }
        clearTimeout(this.#again);
        this.#isStale = false;
        try {
            this.#loading = this.load();
            await this.#loading;
            this.body.hidden = false;
            replaceChildren(this.#problem);
            if (!this.#isStopped) this.#context.onLoaded(new Date());
        } catch (error) {
            if (!this.#isStopped) this.#failed(error);
        } finally {
            this.#loading = null;
            if (this.#isStale) queueMicrotask(() => this.refresh());
            else if (!this.#isStopped && !document.hidden) {
                this.#again = setTimeout(() => this.refresh(), lookPause);
            }
        }
    }

    tick() {
        // Ages and ends are asked for often enough.
    }

    /** The keys of these pages. @returns {boolean} Whether the key meant something. */
    key(event) {
        const actions = {
            "/": () => this.#filter.focus(),
            r: () => this.refresh(),
            j: () => this.#move(1),
            ArrowDown: () => this.#move(1),
            k: () => this.#move(-1),
            ArrowUp: () => this.#move(-1),
        };
        const action = actions[event.key];
        if (action === undefined) return false;
        action();
        return true;
    }

    escapeFromField() {
        if (this.#filter.value === "") this.#filter.blur();
        else {
            this.#filter.value = "";
            this.#filtered();
        }
    }

    leaveFieldDown() {
        this.#filter.blur();
        this.#move(1);
    }

    #filtered() {
        const query = new URLSearchParams();
        if (this.prefix !== "") query.set("prefix", this.prefix);
        this.#context.setQuery(query);
        this.refresh();
    }

    #move(step) {
        const rows = [...this.body.querySelectorAll(".open")].filter((row) => row.checkVisibility());
        const at = rows.indexOf(document.activeElement?.closest?.(".entry")?.querySelector(".open"));
        const next = at < 0 ? (step > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, at + step));
        rows[next]?.focus();
    }

    #failed(error) {
        const problem = explained(error);
        // Nothing else would ever be said on a page of what the store has not got.
        if (problem.status === 501) {
            replaceChildren(this.hero, this.#absence);
            this.body.hidden = true;
        }
        const isToldElsewhere = problem.status === 401 || problem.code === "unreachable";
        replaceChildren(this.#problem, isToldElsewhere ? null : problemElement(problem));
        this.#context.onFailed(problem);
    }
}
