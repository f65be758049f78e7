/**
 * What publishes into queues besides programs: exchanges with their bindings, topics, schedules. A section is there only
 * if the daemon has its route.
 */

import { Problem } from "./api.js";
import { element, nameElement, replaceChildren, setText } from "./dom.js";
import { timeElement } from "./identifier-forms.js";
import { counted, formatBytes, formatCount, formatDuration } from "./text.js";

/** How many rows of each are shown. */
const mostRows = 100;
/** How long an answer is good enough. */
const lookPause = 4_000;

const sections = {
    exchanges: {
        title: "Exchanges", member: "exchanges", columns: ["Exchange", "Kind", "Goes to"],
        row: ({ name, kind, alternate, bindings = [] }) => [
            nameElement(name),
            [kind, alternate === undefined ? null : [", else ", nameElement(alternate)]],
            bindings.length === 0 ? "nowhere" : element("ul", { class: "bindings" }, bindings.map(bindingElement)),
        ],
    },
    topics: {
        title: "Topics", member: "retentions", columns: ["Topics", "Kept for", "Kept now"],
        row: ({ pattern, retention_ms: duration, retention_bytes: most, messages, bytes }) => [
            nameElement(pattern), `${formatDuration(duration)}, up to ${formatBytes(most)}`,
            `${counted(messages, "message")}, ${formatBytes(bytes)}`,
        ],
    },
    subscriptions: {
        title: "Subscriptions", route: "topics", member: "subscriptions", columns: ["Topics", "Queue"],
        row: ({ pattern, queue }) => [nameElement(pattern), nameElement(queue)],
    },
    schedules: {
        title: "Schedules", member: "schedules", columns: ["Schedule", "When", "Next tick", "Last tick", "Queue"],
        row: ({ name, cron, zone, queue, next, last, is_paused: isPaused }) => [
            nameElement(name), [element("code", {}, cron), ` ${zone}`],
            isPaused ? "paused" : next === undefined ? "none" : timeElement(next),
            last === undefined ? "none yet" : timeElement(last), nameElement(queue),
        ],
    },
};

function bindingElement({ queue, exchange, key, pattern, headers, match }) {
    const condition = key !== undefined ? ["key ", nameElement(key)]
        : pattern !== undefined ? ["pattern ", nameElement(pattern)]
            : headers !== undefined ? [match === "any" ? "any of " : "all of ", Object.entries(headers).map(
                ([name, value], place) => [place === 0 ? "" : ", ", nameElement(`${name}: ${value}`)])]
                : null;
    return element("li", {}, queue !== undefined ? nameElement(queue) : ["exchange ", nameElement(exchange)],
        condition === null ? null : element("span", { class: "condition" }, condition));
}

export class QueueRouting {
    #api;
    #parts = {};
    #nextLook = 0;
    /** Routes that this daemon does not have. */
    #notOffered = new Set();

    element = element("div", { class: "routing" });

    /** @param {import("./api.js").Api} api */
    constructor(api) {
        this.#api = api;
        for (const [key, { title, columns }] of Object.entries(sections)) {
            const rows = element("tbody", {});
            const more = element("p", { class: "note", hidden: true });
            const section = element("section", { "aria-labelledby": `${key}-title`, hidden: true },
                element("h2", { id: `${key}-title` }, title),
                element("table", { class: "tags" },
                    element("thead", {}, element("tr", {},
                        columns.map((column) => element("th", { scope: "col" }, column)))),
                    rows), more);
            this.#parts[key] = { section, rows, more, shown: null };
            this.element.append(section);
        }
    }

    /** Asks the daemon again for what it has the routes of. */
    async load() {
        // People change these, not messages.
        if (performance.now() < this.#nextLook) return;
        this.#nextLook = performance.now() + lookPause;
        await Promise.all(["exchanges", "topics", "schedules"].map((route) => this.#load(route)));
    }

    async #load(route) {
        if (this.#notOffered.has(route)) return;
        let answer;
        try {
            answer = await this.#api.ask("GET", `/v1/${route}`);
        } catch (error) {
            if (!(error instanceof Problem) || error.status === 401) throw error;
            // This daemon does not have it, or the token is not for it: there is nothing to show.
            this.#notOffered.add(route);
            answer = {};
        }
        for (const [key, section] of Object.entries(sections)) {
            if ((section.route ?? key) !== route) continue;
            this.#draw(key, answer[section.member] ?? [], answer.next !== undefined);
        }
    }

    #draw(key, records, hasMore) {
        const { row, columns } = sections[key];
        const part = this.#parts[key];
        part.section.hidden = records.length === 0;
        const shown = JSON.stringify(records);
        // Rows that have not changed stay, so that a selection in them does too.
        if (shown === part.shown) return;
        part.shown = shown;
        replaceChildren(part.rows, records.slice(0, mostRows).map((record) => element("tr", {}, row(record).map(
            (content, place) => element(place === 0 ? "th" : "td",
                place === 0 ? { scope: "row" } : { "data-label": columns[place] }, content)))));
        part.more.hidden = records.length <= mostRows && !hasMore;
        setText(part.more, `The first ${formatCount(Math.min(mostRows, records.length))} are shown.`);
    }
}
