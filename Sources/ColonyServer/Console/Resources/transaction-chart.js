/** The timeline of one transaction: a row for each step, with what comes after what, and bars on an axis of time. */

import { element, nameElement, replaceChildren, setAttribute, setText } from "./dom.js";
import { jsonText } from "./transactions-api.js";
import { counted, formatSpan } from "./text.js";

const namespace = "http://www.w3.org/2000/svg";
/** The measures of the drawing that tells what comes after what, in pixels. */
const laneWidth = 14;
const dotPlace = 19;
const bend = 38;
/** With more branches than this the lines would take the room of the bars. */
const mostLanes = 8;

const kindWords = {
    compensable: "", read: "reads", pivot: "pivot", retryable: "repeated until done",
};

/** What a row says of each state, besides what its bars tell. */
const marks = {
    done: "✓", skipped: "✓", refused: "✕", stuck: "!", compensated: "↺", unknown: "?",
};

function drawing(tag, attributes, ...children) {
    const node = document.createElementNS(namespace, tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.append(...children);
    return node;
}

export class TransactionChart {
    #rows = element("ol", { class: "steps" });
    #axis = element("div", { class: "time-axis", "aria-hidden": "true" });
    #note = element("p", { class: "note axis-note" });
    #opened = new Set();
    #drawn = new Map();
    #shape = null;

    #key = element("figcaption", { class: "key", "aria-hidden": "true" });

    element = element("figure", { class: "timeline" }, this.#rows, this.#axis, this.#key, this.#note);

    /** Forgets what was opened: another transaction is shown. */
    reset() {
        this.#opened.clear();
        this.#drawn.clear();
        this.#shape = null;
        this.#rows.replaceChildren();
    }

    /**
     * Shows a timeline.
     *
     * @param {ReturnType<typeof import("./transaction-timeline.js").timelineOf>} timeline
     */
    update(timeline) {
        const { rows, axis } = timeline;
        const lanes = Math.max(...rows.map(({ lane }) => lane), 0) + 1;
        const shape = JSON.stringify(rows.map(({ name, lane, joins, forks, passes }) => [name, lane, joins, forks, passes]));
        if (shape !== this.#shape) {
            this.#shape = shape;
            this.#drawn.clear();
            replaceChildren(this.#rows, rows.map((row) => this.#makeRow(row, lanes)));
        }
        const width = lanes > mostLanes ? 0 : lanes * laneWidth;
        this.element.style.setProperty("--lanes", `${width}px`);
        for (const row of rows) this.#drawn.get(row.name).update(row, timeline);
        this.#drawAxis(axis);
        this.#drawKey(timeline);
    }

    #makeRow(row, lanes) {
        const id = `step-${crypto.getRandomValues(new Uint32Array(1))[0]}`;
        const state = element("span", { class: "step-state" });
        const track = element("span", { class: "track", "aria-hidden": "true" });
        const detail = element("div", { class: "step-detail", id, hidden: !this.#opened.has(row.name) });
        const open = element("button", {
            type: "button", class: "step-open", "aria-controls": id, "aria-expanded": String(this.#opened.has(row.name)),
            on: { click: () => this.#toggle(row.name, open, detail) },
        }, element("span", { class: "step-name" }, nameElement(row.name)),
            element("span", { class: "step-kind" }, kindWords[row.step.kind] ?? row.step.kind), state, track);
        const item = element("li", { class: "step" },
            element("span", { class: "lane-cell" }, lanes > mostLanes ? null : laneDrawing(row, lanes)), element("div", { class: "step-body" }, open, detail));
        const shown = {};
        this.#drawn.set(row.name, {
            update: (next, timeline) => {
                const { word, mark } = standing(next, timeline);
                setAttribute(item, "data-mark", mark);
                setText(state, word);
                drawBars(track, next, timeline, shown);
                const facts = detailKey(next);
                if (shown.detail === facts) return;
                shown.detail = facts;
                replaceChildren(detail, detailOf(next));
            },
        });
        return item;
    }

    #toggle(name, open, detail) {
        detail.hidden = !detail.hidden;
        setAttribute(open, "aria-expanded", String(!detail.hidden));
        if (detail.hidden) this.#opened.delete(name);
        else this.#opened.add(name);
    }

    /** What the bars that are there stand for. */
    #drawKey({ rows, turnedAt }) {
        const bars = rows.flatMap((row) => row.bars);
        const has = (outcome) => bars.some((calls) => calls.outcome === outcome);
        const roles = (way) => [...new Set(bars.map(({ role }) => role).filter((role) => wayOf(role) === way))].join(", ");
        const items = [
            ["forth", roles("forth")], ["back", roles("back")], ["no", has("refused") ? "refused" : ""],
            ["what", has("unknown") ? "no answer" : ""], ["turn", turnedAt === null ? "" : "turned back"],
        ].filter(([, text]) => text !== "");
        const shown = JSON.stringify(items);
        if (this.#key.dataset.shown === shown) return;
        this.#key.dataset.shown = shown;
        replaceChildren(this.#key, items.map(([name, text]) => element("span", {}, element("i", { class: name }), text)));
    }

    #drawAxis(axis) {
        const ticks = axis.ticks;
        const key = JSON.stringify(ticks.map(({ at }) => at));
        if (this.#axis.dataset.ticks !== key) {
            this.#axis.dataset.ticks = key;
            replaceChildren(this.#axis, ticks.map(({ at }) => element("span", {}, formatSpan(at))));
        }
        ticks.forEach(({ share }, place) => this.#axis.children[place].style.setProperty("--at", String(share)));
        const cut = axis.breaks.reduce((sum, { length }) => sum + length, 0);
        this.#note.hidden = cut === 0;
        setText(this.#note, `Dashed lines stand for the ${formatSpan(cut)} in which it was stuck.`);
    }
}

/** Where a row stands, in words and as a mark. */
function standing(row, { axis }) {
    const latest = row.bars.at(-1);
    if (latest === undefined) return { word: "waits", mark: "waiting" };
    const { role, outcome, start, end, attempts, by } = latest;
    const tries = attempts === 0 ? "" : `, ${attempts > 1 ? "at least " : ""}${counted(attempts, "failed attempt")}`;
    const what = role === "action" ? "" : `${role} `;
    if (outcome === null) {
        const span = (axis.share(Infinity) - axis.share(start)) * axis.length;
        return { word: `${what}under way for ${formatSpan(span)}${tries}`, mark: "open" };
    }
    const took = ` in ${formatSpan(end - start)}`;
    const words = {
        done: `${what}done${took}${tries}`, compensated: `${role === "cancel" ? "cancelled" : "undone"}${took}${tries}`,
        refused: `${what}refused`, stuck: `stuck${tries}`, skipped: `taken for done by ${by ?? "somebody"}`,
        unknown: `${what}left without an answer${tries}`,
    };
    return { word: words[outcome], mark: outcome };
}

function drawBars(track, row, { axis, turnedAt }, shown) {
    const key = JSON.stringify(row.bars.map(({ role, outcome, failures }) => [role, outcome, failures.length]))
        + axis.breaks.length + String(turnedAt !== null);
    if (shown.bars !== key) {
        shown.bars = key;
        replaceChildren(track,
            turnedAt === null ? null : element("i", { class: "turned" }),
            axis.breaks.map(() => element("i", { class: "cut" })),
            row.bars.map(({ role, outcome, failures }) => element("span", {
                class: "call", "data-way": wayOf(role), "data-outcome": outcome ?? "open",
            }, failures.map(() => element("i", { class: "failure" })),
                outcome === null ? null : element("b", { class: "mark" }, marks[outcome]))));
    }
    track.querySelector(".turned")?.style.setProperty("--at", String(axis.share(turnedAt ?? 0)));
    track.querySelectorAll(".cut").forEach((cut, place) => cut.style.setProperty("--at", String(axis.breaks[place].share)));
    track.querySelectorAll(".call").forEach((node, place) => {
        const { start, end, failures } = row.bars[place];
        const [from, to] = [axis.share(start), axis.share(end ?? Infinity)];
        node.style.setProperty("--from", String(from));
        node.style.setProperty("--length", String(to - from));
        node.querySelectorAll(".failure").forEach((failure, number) => failure.style.setProperty(
            "--at", String(to === from ? 0 : (axis.share(failures[number].at) - from) / (to - from))));
    });
}

/** Whether a call does or undoes something. */
function wayOf(role) {
    return role === "compensation" || role === "cancel" || role === "abort" ? "back" : "forth";
}

function detailKey(row) {
    return JSON.stringify([row.bars, (row.parts ?? [row.step]).map(({ state, output }) => [state, jsonText(output ?? null, 0)])]);
}

/** What is told of a step when it is opened. */
function detailOf(row) {
    const time = (at) => new Date(at).toLocaleString([], {
        dateStyle: "short", timeStyle: "medium", hourCycle: "h23",
    });
    const after = row.step.after.length === 0 ? "the start" : row.step.after.join(", ");
    const calls = row.bars.map(({ role, start, end, outcome, reason, failures, by }) => element("div", { class: "call-facts" },
        element("h4", {}, `${role.charAt(0).toUpperCase()}${role.slice(1)}`),
        element("dl", { class: "facts" },
            fact("Called from", time(start)),
            end === null ? null : fact("Ended", time(end)),
            fact("Outcome", outcomeWord(outcome, by)),
            reason === null || reason === "" ? null : fact("Because", nameElement(reason))),
        failures.length === 0 ? null : element("ol", { class: "failures" }, failures.map(({ at, attempt, reason: why }) =>
            element("li", {}, element("span", {}, `Attempt ${attempt}`), element("time", {}, time(at)),
                element("span", { class: "failure-reason" }, nameElement(why)))))));
    const outputs = (row.parts ?? [row.step]).filter(({ output, output_base64: base64 }) => output !== undefined
        || base64 !== undefined);
    return [
        element("dl", { class: "facts" }, fact("Comes after", nameElement(after)),
            fact("Kind", row.step.kind === "compensable" ? "can be undone" : kindWords[row.step.kind] || row.step.kind)),
        calls,
        outputs.map(({ output, output_base64: base64 }) => element("div", { class: "body" },
            element("h4", {}, "Output"),
            element("pre", { tabindex: "0" }, element("code", {}, base64 ?? jsonText(output))))),
    ];
}

function outcomeWord(outcome, by) {
    return {
        done: "done", compensated: "undone", refused: "refused: it has done nothing", stuck: "stuck",
        skipped: `taken for done by ${by ?? "somebody"}`, unknown: "not known: it may have been done",
    }[outcome] ?? "not known yet";
}

function fact(label, value) {
    return element("div", {}, element("dt", {}, label), element("dd", {}, value));
}

/** The lines of the row: what it comes after, itself, what comes after it, and what passes by. */
function laneDrawing({ lane, joins, forks, passes }, lanes) {
    const x = (place) => place * laneWidth + laneWidth / 2;
    const straight = (place, from, to) => drawing("line", { x1: x(place), x2: x(place), y1: from, y2: to });
    const parts = [];
    for (const place of new Set(passes)) parts.push(straight(place, 0, "100%"));
    for (const place of new Set(joins)) {
        parts.push(place === lane ? straight(place, 0, dotPlace) : drawing("path", {
            d: `M${x(place)} 0C${x(place)} ${dotPlace * 0.7} ${x(lane)} ${dotPlace * 0.3} ${x(lane)} ${dotPlace}`,
        }));
    }
    for (const place of new Set(forks)) {
        if (place === lane) {
            parts.push(straight(place, dotPlace, "100%"));
            continue;
        }
        const middle = (dotPlace + bend) / 2;
        parts.push(drawing("path", {
            d: `M${x(lane)} ${dotPlace}C${x(lane)} ${middle} ${x(place)} ${middle} ${x(place)} ${bend}`,
        }), straight(place, bend, "100%"));
    }
    parts.push(drawing("circle", { cx: x(lane), cy: dotPlace, r: 4.5 }));
    return drawing("svg", {
        class: "lanes", width: lanes * laneWidth, height: "100%", "aria-hidden": "true", focusable: "false",
    }, ...parts);
}
