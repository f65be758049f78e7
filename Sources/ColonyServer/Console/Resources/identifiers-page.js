/** The page of identifiers: issue some, take one apart, which tags there are, and how the daemon's worker number stands. */

import { explained, problemElement } from "./dialogs.js";
import { element, nameElement, replaceChildren } from "./dom.js";
import { factsElement, IssueForm, PartsForm, timeElement } from "./identifier-forms.js";
import { formatCount } from "./text.js";

/** Nothing announces a worker number or a range, so the page looks by itself while somebody looks at it. */
const lookPause = 2_000;

export class IdentifiersPage {
    #context;
    #issue;
    #parts;
    #hero = element("p", { class: "hero" });
    #facts = element("div", { class: "node-facts" });
    #shownFacts = "";
    #problem = element("div", { class: "page-problem" });
    #rows = element("tbody");
    #shownRows = "";
    #none = element("p", { class: "no-match", hidden: true },
        "No range was taken yet. Issue a number of a tag, and the tag appears here.");
    #table;
    #more = element("button", { type: "button", class: "plain", hidden: true, on: { click: () => this.#showMore() } },
        "Show more");
    #tags;
    #pages = 1;
    #loading = null;
    #again = null;
    #isStopped = false;

    /** @param {object} context What the frame offers: `api`, `setTitle`, `onLoaded`, `onFailed`. */
    constructor(context) {
        this.#context = context;
        this.#parts = new PartsForm({ api: context.api });
        this.#issue = new IssueForm({
            api: context.api,
            onIssued: () => this.refresh(),
            onOpen: (id) => this.#parts.open(id),
        });
        this.#table = element("table", { class: "tags" },
            element("thead", {}, element("tr", {},
                ["Tag", "Next", "Ranges taken", "Scheme"].map((label, place) =>
                    element("th", { scope: "col", class: place === 1 || place === 2 ? "numeric" : null }, label)))),
            this.#rows);
        this.#tags = element("section", { class: "tag-list", "aria-labelledby": "tags-title", hidden: true },
            element("h2", { id: "tags-title" }, "Tags"), this.#none, this.#table, this.#more);
        this.element = element("div", { class: "identifiers-page" },
            element("div", { class: "overview" }, this.#hero, this.#facts, this.#problem),
            element("div", { class: "cards" }, this.#issue.element, this.#parts.element),
            this.#tags);
    }

    /** Asks the daemon. */
    start() {
        this.#context.setTitle("Identifiers");
        this.refresh();
    }

    /** The page is left. */
    stop() {
        this.#isStopped = true;
        clearTimeout(this.#again);
    }

    changed() {
        // The daemon's events are about locks.
    }

    /** Asks the daemon now, unless an answer is under way. */
    async refresh() {
        if (this.#loading !== null || this.#isStopped) return;
        clearTimeout(this.#again);
        this.#loading = this.#load();
        try {
            await this.#loading;
            if (!this.#isStopped) this.#context.onLoaded(new Date());
        } catch (error) {
            if (!this.#isStopped) this.#failed(error);
        } finally {
            this.#loading = null;
            if (!this.#isStopped && !document.hidden) this.#again = setTimeout(() => this.refresh(), lookPause);
        }
    }

    tick() {
        // What is shown are moments and counts, which do not move between two answers.
    }

    /** The keys of this page. @returns {boolean} Whether the key meant something. */
    key(event) {
        const actions = {
            n: () => this.#issue.issue(),
            "/": () => this.#parts.focus(),
            r: () => this.refresh(),
        };
        const action = actions[event.key];
        if (action === undefined) return false;
        action();
        return true;
    }

    escapeFromField() {
        if (document.activeElement?.id === "identifier") this.#parts.escape();
        else document.activeElement?.blur();
    }

    leaveFieldDown() {
        // No list follows the fields.
    }

    async #load() {
        const { api } = this.#context;
        const status = await api.identifiers();
        this.#drawStatus(status);
        if (status.guarantee !== undefined) await this.#loadTags(api);
        replaceChildren(this.#problem);
    }

    async #loadTags(api) {
        const records = [];
        let next = null;
        for (let page = 0; page < this.#pages; page += 1) {
            const answer = await api.segments({ after: next });
            records.push(...answer.segments);
            next = answer.next ?? null;
            if (next === null) break;
        }
        this.#tags.hidden = false;
        this.#none.hidden = records.length > 0;
        this.#table.hidden = records.length === 0;
        this.#more.hidden = next === null;
        const shown = JSON.stringify(records);
        // Rows that have not changed stay, so that a selection in them does too.
        if (shown === this.#shownRows) return;
        this.#shownRows = shown;
        replaceChildren(this.#rows, records.map((record) => element("tr", {},
            element("th", { scope: "row" }, nameElement(record.tag)),
            element("td", { class: "numeric", "data-label": "Next" }, formatCount(BigInt(record.next))),
            element("td", { class: "numeric", "data-label": "Ranges taken" }, formatCount(record.segments)),
            element("td", { "data-label": "Scheme", class: record.scheme === undefined ? "blank" : null },
                record.scheme === undefined ? "none" : nameElement(record.scheme)))));
    }

    #showMore() {
        this.#pages += 1;
        this.refresh();
    }

    #failed(error) {
        const problem = explained(error);
        const isToldElsewhere = problem.status === 401 || problem.code === "unreachable";
        replaceChildren(this.#problem, isToldElsewhere ? null : problemElement(problem));
        this.#context.onFailed(problem);
    }

    #drawStatus(status) {
        this.#issue.setKinds(status.kinds);
        // Reservations move on all the time; the sentence and the other facts mostly stay.
        const shown = JSON.stringify(status);
        if (shown === this.#shownFacts) return;
        this.#shownFacts = shown;
        replaceChildren(this.#hero, heroSentence(status).map(({ text, isStrong }) =>
            isStrong ? element("strong", {}, text) : text));
        replaceChildren(this.#facts, factsElement(statusRows(status)));
    }
}

function heroSentence(status) {
    switch (status.state) {
    case undefined: return [{ text: "This daemon has no store of ranges: UUIDs and ULIDs only." }];
    case "issuing": return [
        { text: "Worker " }, { text: String(status.worker), isStrong: true }, { text: " issues for " },
        { text: status.namespace, isStrong: true }, { text: "." },
    ];
    case "idle": return [{ text: "No worker number yet. The first Snowflake takes one." }];
    case "stopped": return [{ text: "The daemon is shutting down." }];
    default: return [{ text: "No Snowflake can be issued: there is no worker number at present." }];
    }
}

function statusRows(status) {
    const rows = [
        ["Namespace", nameElement(status.namespace)], ["Layout", status.layout], ["Datacenter", String(status.datacenter)],
    ];
    if (status.state === undefined) return rows;
    rows.push(["Worker", status.worker === undefined ? "none" : String(status.worker)]);
    if (status.worker !== undefined) {
        rows.push(["Leased", status.leased ? "yes, and renewed while the daemon runs" : "no, the number is fixed"]);
    }
    if (status.reserved_until !== undefined) rows.push(["Reserved until", timeElement(status.reserved_until)]);
    const { failure } = status;
    rows.push(["Last failure", failure === undefined
        ? "none"
        : element("span", { class: "problem" }, failure.detail, " ", element("code", {}, failure.code))]);
    return rows;
}
