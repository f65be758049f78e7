/** The page of limits and switches: what is left of shared limits, how breakers stand in each process, and moving both. */

import { Problem } from "./api.js";
import { CoordinationPage } from "./coordination-page.js";
import { announce } from "./dialogs.js";
import { element, nameElement, replaceChildren, setAttribute, setText } from "./dom.js";
import { emptyResilience } from "./empty-state.js";
import { KeyedRows } from "./keyed-rows.js";
import { isTroubled, limits, positionWords, ruleText, standing, summary, switches } from "./resilience-api.js";
import { askToReset, askToSwitch } from "./resilience-dialogs.js";
import { counted, formatCount, formatDuration } from "./text.js";

const absence = "This daemon lists no limits, and its store keeps no switches.";
const actions = [["refusing", "Refuse all…"], ["passing", "Let all pass…"], ["automatic", "Automatic…"]];

export class ResiliencePage extends CoordinationPage {
    #empty = emptyResilience(location.origin);
    #none = element("p", { class: "no-match", hidden: true }, "No limit and no switch begins like this.");
    #switches;
    #switchRows;
    #noSwitches = element("p", { class: "section-note", hidden: true });
    #limits;
    #limitRows;
    #noLimits = element("p", { class: "section-note", hidden: true });
    #more = element("button", { type: "button", class: "plain", hidden: true, on: { click: () => this.#showMore() } },
        "Show more");
    #pages = 1;
    #hasSwitches = true;

    constructor(context) {
        super(context, { title: "Resilience", filterLabel: "Filter by the start of the name", absence });
        this.#switches = table("Switches", ["Switch", "Position", "Processes", "Calls"]);
        this.#switchRows = new KeyedRows(this.#switches, () => this.#makeSwitch());
        this.#limits = table("Limits", ["Limit", "Left", "Full in", "Switch"]);
        this.#limitRows = new KeyedRows(this.#limits, () => this.#makeLimit());
        this.#empty.hidden = true;
        replaceChildren(this.body, this.#empty, this.#none,
            section("switches-title", "Breakers and limits with a switch", this.#switches, this.#noSwitches),
            section("limits-title", "Limits that owe permits", this.#limits, this.#noLimits, this.#more));
    }

    async load() {
        const [owing, all] = await Promise.all([limits(this.api, this.prefix, this.#pages), switches(this.api)]);
        if (owing === null && all === null) throw new Problem(501, "not_offered", absence);
        this.#hasSwitches = all !== null;
        const shown = (all ?? []).filter(({ name }) => name.startsWith(this.prefix));
        const found = owing?.found ?? [];
        const isEmpty = found.length === 0 && shown.length === 0;
        const isOffered = owing !== null && all !== null;
        this.#empty.hidden = !isEmpty || this.prefix !== "" || !isOffered;
        this.#none.hidden = !isEmpty || this.prefix === "";
        for (const part of this.body.querySelectorAll(":scope > .tag-list")) part.hidden = isEmpty && isOffered;
        this.#tell(this.#switches, this.#noSwitches, shown, all === null
            ? "The store of this daemon keeps no records, and so no switches."
            : "Nothing has a switch yet: put a breaker on a Switchboard of its process, or switch a limit below.");
        this.#tell(this.#limits, this.#noLimits, found, owing === null
            ? "This daemon counts no limits, or cannot list them."
            : "No limit owes permits: all are full, or were never asked.");
        this.#more.hidden = !(owing?.hasMore ?? false);
        this.#switchRows.show(shown, ({ id }) => id);
        this.#limitRows.show(found, ({ name }) => name);
        replaceChildren(this.hero, isEmpty ? "No limit owes permits, and nothing has a switch." : sentence(found, shown));
    }

    #tell(rows, note, items, text) {
        rows.hidden = items.length === 0;
        note.hidden = items.length > 0;
        setText(note, text);
    }

    #showMore() {
        this.#pages += 1;
        this.refresh();
    }

    #makeSwitch() {
        let item = null;
        const position = element("span", { class: "position" });
        const reason = element("span", { class: "switch-reason" });
        const states = element("span", { class: "states" });
        const calls = element("span", {});
        const list = element("ul", { class: "members" });
        const nobody = element("p", { class: "member-facts" },
            "No process reports it. Those that have it and follow the store obey it all the same; so does this daemon for "
            + "its limits.");
        const rows = new KeyedRows(list, () => makeReport(() => item));
        const actions = this.#makeActions(() => item);
        const { row, open } = entry("switch",
            [["Position", [position, reason]], ["Processes", states], ["Calls", calls]],
            [list, nobody, actions.element]);
        return {
            element: row,
            update: (next) => {
                if (item === null) {
                    replaceChildren(open, nameElement(next.name, { split: true }), element("span", { class: "kind" }, next.kind));
                }
                if (item?.reason !== next.reason) {
                    replaceChildren(reason, next.reason === undefined ? null : nameElement(next.reason));
                }
                item = next;
                showPosition(position, next.position);
                const { states: text, isTroubled: isBad, successes, failures, refusals } = summary(next);
                setText(states, text);
                states.classList.toggle("troubled", isBad);
                setText(calls, next.reports.length === 0 ? ""
                    : `${formatCount(successes)} good, ${formatCount(failures)} failed, ${formatCount(refusals)} refused`);
                nobody.hidden = next.reports.length > 0;
                rows.show(next.reports, ({ node }) => node);
                actions.update(next);
            },
        };
    }

    #makeLimit() {
        let limit = null;
        const left = element("span", {});
        const bar = element("span", { class: "bar", "aria-hidden": "true" }, element("span", { class: "bar-fill" }));
        const rule = element("span", { class: "rule" });
        const end = element("span", {});
        const position = element("span", { class: "position" });
        const asSwitch = () => ({ kind: "limit", name: limit.name, position: limit.position });
        const resetButton = element("button", {
            type: "button", class: "danger quiet",
            on: {
                click: () => askToReset({
                    api: this.api, limit, onDone: () => this.#done(`The limit ${limit.name} is full again.`),
                }),
            },
        }, "Reset…");
        const actions = this.#makeActions(asSwitch, resetButton);
        const { row, open } = entry("limit",
            [["Left", [left, bar, rule]], ["Full in", end], ["Switch", position]], [actions.element]);
        return {
            element: row,
            update: (next) => {
                if (limit === null) {
                    replaceChildren(open, nameElement(next.name, { split: true }));
                    setAttribute(resetButton, "aria-label", `Reset… the limit ${next.name}`);
                }
                limit = next;
                const { left: present, fullIn } = standing(next);
                setText(left, `${formatCount(present)} of ${formatCount(next.burst)}`);
                bar.style.setProperty("--left", String(Math.min(1, present / next.burst)));
                bar.classList.toggle("low", present === 0);
                setText(rule, ruleText(next));
                setText(end, formatDuration(fullIn));
                showPosition(position, next.position);
                actions.update(asSwitch());
                this.#allow(resetButton, null);
            },
        };
    }

    /** The buttons that move a switch. The one of its position cannot be pressed. */
    #makeActions(item, ...others) {
        const buttons = actions.map(([to, word]) => [to, word, element("button", {
            type: "button", class: to === "automatic" ? "plain" : "danger quiet",
            on: {
                click: () => {
                    const { name } = item();
                    askToSwitch({
                        api: this.api, item: item(), to,
                        onDone: () => this.#done(`The switch of ${name} says “${positionWords[to]}” now.`),
                    });
                },
            },
        }, word)]);
        return {
            element: element("div", { class: "switch-actions" }, buttons.map(([, , button]) => button), others),
            update: ({ kind, name, position }) => {
                for (const [to, word, button] of buttons) {
                    setAttribute(button, "aria-label", `${word} ${kind} ${name}`);
                    this.#allow(button, !this.#hasSwitches ? "The store of this daemon keeps no switches."
                        : position === to ? `It stands at “${positionWords[to]}”.` : null);
                }
            },
        };
    }

    #allow(button, obstacle) {
        const refusal = this.access.refusal("admin") ?? obstacle;
        button.disabled = refusal !== null;
        setAttribute(button, "title", refusal);
    }

    #done(text) {
        announce(text);
        this.refresh();
    }
}

/** What the top of the page says. */
function sentence(found, shown) {
    const breakers = shown.filter(({ kind }) => kind === "breaker");
    const open = breakers.filter((breaker) => summary(breaker).isTroubled).length;
    const moved = shown.filter(({ position }) => position !== "automatic").length;
    return [
        element("strong", {}, counted(breakers.length, "breaker")),
        breakers.length === 0 ? ", " : open === 0 ? ", none open, " : [", ", element("strong", {}, `${formatCount(open)} open`), ", "],
        `${counted(found.length, "limit")} with permits owed, `,
        moved === 0 ? "nothing switched by hand."
            : [element("strong", {}, counted(moved, "thing")), " switched by hand."],
    ];
}

/** The row of a process below a switch. */
function makeReport(item) {
    const node = element("span", { class: "member-name" });
    const facts = element("span", { class: "member-facts" });
    const lag = element("span", { class: "lag" });
    let isNamed = false;
    return {
        element: element("li", {}, node, facts, lag),
        update: (report) => {
            if (!isNamed) replaceChildren(node, nameElement(report.node));
            isNamed = true;
            setText(facts, `${report.state} · ${formatCount(report.successes)} good · `
                + `${formatCount(report.failures)} failed · ${formatCount(report.refusals)} refused`);
            facts.classList.toggle("troubled", isTroubled(report.state));
            setText(lag, report.position === item().position ? "" : "not followed yet");
        },
    };
}

function showPosition(node, position) {
    setText(node, positionWords[position] ?? position);
    node.classList.toggle("moved", position !== "automatic");
}

/** A row of a table that opens. */
function entry(kind, cells, content) {
    const id = `${kind}-${crypto.getRandomValues(new Uint32Array(1))[0]}`;
    const detail = element("tr", { class: "detail", id, hidden: true }, element("td", { colspan: "4" }, content));
    const open = element("button", {
        type: "button", class: "open", "aria-expanded": "false", "aria-controls": id,
        on: {
            click: () => {
                detail.hidden = !detail.hidden;
                setAttribute(open, "aria-expanded", String(!detail.hidden));
            },
        },
    });
    const row = element("tbody", { class: `entry ${kind}` },
        element("tr", {}, element("th", { scope: "row" }, open),
            cells.map(([label, value]) => element("td", { "data-label": label }, value))), detail);
    return { row, open };
}

function table(label, columns) {
    return element("table", { class: "tags resilience", "aria-label": label }, element("thead", {}, element("tr", {},
        columns.map((column) => element("th", { scope: "col" }, column)))));
}

function section(id, title, ...content) {
    return element("section", { class: "tag-list", "aria-labelledby": id, hidden: true },
        element("h2", { id }, title), content);
}
