/** The page of caches: how many look-ups hit, how full it is, what has left and why, and which keys are asked for most. */

import { CacheCurve } from "./caches-curve.js";
import { explained, problemElement } from "./dialogs.js";
import { element, nameElement, replaceChildren, setText } from "./dom.js";
import { emptyCache } from "./empty-state.js";
import { factsElement } from "./identifier-forms.js";
import { counted, formatBytes, formatCount, formatPercent } from "./text.js";

/** Look-ups are announced to nobody, so the page looks by itself while somebody looks at it. */
const lookPause = 2_000;

const causeWords = {
    evicted: ["Evicted", "Room was needed."],
    expired: ["Expired", "Their time was over."],
    replaced: ["Replaced", "Another value was stored under the key."],
    removed: ["Deleted", "A client deleted them."],
    overweight: ["Too heavy", "They were heavier than the whole cache may be."],
};

export class CachesPage {
    #context;
    #hero = element("h1", { class: "hero" });
    #advice = element("p", { class: "cache-advice", hidden: true });
    #facts = element("div", { class: "node-facts" });
    #problem = element("div", { class: "page-problem" });
    #curve = new CacheCurve();
    #causes = element("dl", { class: "causes" });
    #rows = element("tbody");
    #noKeys = element("p", { class: "no-match", hidden: true }, "Nothing was asked for yet.");
    #table;
    #empty = element("div");
    #shown = new Map();
    #loading = null;
    #again = null;
    #isStopped = false;

    /** @param {object} context What the frame offers: `api`, `setTitle`, `onLoaded`, `onFailed`. */
    constructor(context) {
        this.#context = context;
        this.#table = element("table", { class: "hottest" },
            element("thead", {}, element("tr", {},
                element("th", { scope: "col" }, "Key"),
                element("th", { scope: "col", class: "numeric" }, "Look-ups"))),
            this.#rows);
        this.element = element("div", { class: "caches-page", hidden: true },
            element("div", { class: "overview" }, this.#hero, this.#advice, this.#facts, this.#problem),
            element("section", { class: "card", "aria-labelledby": "curve-title" },
                element("h2", { id: "curve-title" }, "Hit ratio"), this.#curve.element),
            element("div", { class: "cards" },
                element("section", { class: "card", "aria-labelledby": "causes-title" },
                    element("h2", { id: "causes-title" }, "What has left"), this.#causes),
                element("section", { class: "card", "aria-labelledby": "hottest-title" },
                    element("h2", { id: "hottest-title" }, "Hottest keys"), this.#noKeys, this.#table)),
            this.#empty);
    }

    /** Asks the daemon. */
    start() {
        this.#context.setTitle("Caches");
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
        // What is shown are counts, which do not move between two answers.
    }

    /** The keys of this page. @returns {boolean} Whether the key meant something. */
    key(event) {
        if (event.key !== "r") return false;
        this.refresh();
        return true;
    }

    escapeFromField() {
        document.activeElement?.blur();
    }

    leaveFieldDown() {
        // There are no fields.
    }

    async #load() {
        const statistics = await this.#context.api.cache();
        replaceChildren(this.#problem);
        this.element.hidden = false;
        this.#once("hero", heroSentence(statistics), (sentence) => replaceChildren(this.#hero,
            sentence.map(({ text, isStrong }) => isStrong ? element("strong", {}, text) : text)));
        const advice = adviceOn(statistics);
        this.#advice.hidden = advice === null;
        setText(this.#advice, advice ?? "");
        this.#once("facts", factRows(statistics), (rows) => replaceChildren(this.#facts, factsElement(rows)));
        this.#curve.update(statistics.history);
        this.#once("causes", statistics.removals, (removals) => this.#drawCauses(removals));
        this.#once("hottest", statistics.hottest, (hottest) => this.#drawHottest(hottest));
        const isUntouched = statistics.writes === 0 && statistics.hits + statistics.misses === 0;
        this.#once("empty", isUntouched, () =>
            replaceChildren(this.#empty, isUntouched ? emptyCache(location.origin) : null));
    }

    /** Draws a part only when it has changed, so that a selection in it stays. */
    #once(part, value, draw) {
        const text = JSON.stringify(value);
        if (this.#shown.get(part) === text) return;
        this.#shown.set(part, text);
        draw(value);
    }

    #drawCauses(removals) {
        const most = Math.max(1, ...Object.values(removals));
        const known = Object.keys(causeWords).filter((cause) => cause in removals);
        replaceChildren(this.#causes, known.map((cause) => {
            const [label, meaning] = causeWords[cause];
            const bar = element("span", { class: "cause-bar", "aria-hidden": "true" });
            bar.style.setProperty("--share", String(removals[cause] / most));
            return element("div", { "data-cause": cause },
                element("dt", {}, label, element("span", {}, meaning)),
                element("dd", {}, bar, formatCount(removals[cause])));
        }));
    }

    #drawHottest(hottest) {
        this.#noKeys.hidden = hottest.length > 0;
        this.#table.hidden = hottest.length === 0;
        replaceChildren(this.#rows, hottest.map(({ key, lookups, error }) => element("tr", {},
            element("th", { scope: "row" }, nameElement(key)),
            element("td", {
                class: "numeric",
                title: error > 0 ? `${formatCount(error)} of them may have been for another key` : null,
            }, error > 0 ? "≤\u202F" : "", formatCount(lookups)))));
    }

    #failed(error) {
        const problem = explained(error);
        const isToldElsewhere = problem.status === 401 || problem.code === "unreachable";
        this.element.hidden = false;
        replaceChildren(this.#problem, isToldElsewhere ? null : problemElement(problem));
        this.#context.onFailed(problem);
    }
}

/** The state of the cache as a sentence. */
export function heroSentence({ entries, bytes, capacity_bytes: capacity, hit_ratio: ratio }) {
    const size = entries === 0
        ? [{ text: "The cache is empty. " }]
        : [
            { text: counted(entries, "entry", "entries"), isStrong: true }, { text: ` ${entries === 1 ? "takes" : "take"} ` },
            { text: formatBytes(bytes), isStrong: true }, { text: ` of ${formatBytes(capacity)}. ` },
        ];
    return ratio === undefined
        ? [...size, { text: "Nothing was asked for yet." }]
        : [...size, { text: formatPercent(ratio), isStrong: true }, { text: " of the look-ups hit." }];
}

/** What an operator could do, or `null`. */
export function adviceOn({ entries, bytes, capacity_bytes: capacity, hit_ratio: ratio = 1, removals }) {
    if (removals.overweight > 0) {
        return "Some values are heavier than the whole cache and were not kept: raise cache.bytes.";
    }
    if (removals.evicted > entries && bytes > capacity * 0.9 && ratio < 0.8) {
        return "The cache is full and gives up entries that are asked for again: raise cache.bytes, or store less.";
    }
    return null;
}

function factRows(statistics) {
    return [
        ["Policy", statistics.policy],
        ["Largest value", formatBytes(statistics.value_bytes)],
        ["Look-ups", formatCount(statistics.hits + statistics.misses)],
        ["Writes", formatCount(statistics.writes)],
        ["Listeners", formatCount(statistics.listeners)],
    ];
}
