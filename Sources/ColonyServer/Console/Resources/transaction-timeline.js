/**
 * What the entries of a transaction come to: for each step when it was called, for how long, how often, and how it ended, as plain
 * functions of what the daemon tells.
 *
 * While a transaction is stuck nothing happens, so that time is cut out of the axis. An entry is dated by the clock of who wrote it;
 * one that seems to come before the one that it follows is shown at the same place.
 */

import { hasEnded, timeOf } from "./transactions-api.js";

/**
 * The calls of one kind to one participant.
 *
 * @typedef {{role: string, start: number, end: number|null, outcome: string|null, attempts: number, reason: string|null,
 *     failures: Array<{at: number, attempt: number, reason: string}>, by: string|null}} Bar
 */

/** What a direction is called, by what it belongs to. */
const roles = {
    saga: { action: "action", compensation: "compensation" },
    tcc: { action: "try", compensation: "cancel", confirm: "confirm" },
    two_phase: { action: "commit", compensation: "abort" },
};

function bar(role, start) {
    return { role, start, end: null, outcome: null, attempts: 0, reason: null, failures: [], by: null };
}

/** Reads entry after entry, and knows what each says about the bars. */
class Reading {
    constructor(transaction) {
        this.words = roles[transaction.kind] ?? roles.saga;
        this.rows = new Map(transaction.steps.map((step) => [step.name, { step, action: null, compensation: null }]));
        this.successors = successorsOf(transaction.steps);
        this.turnedAt = null;
        this.stuckAt = null;
        this.cuts = [];
        this.decision = null;
        this.latest = timeOf(transaction.started_at);
        for (const entry of transaction.entries) this.#read(entry);
    }

    #read(entry) {
        const at = Math.max(this.latest, timeOf(entry.at));
        this.latest = at;
        const row = this.rows.get(entry.step);
        switch (entry.event) {
        case "turned_back": this.turnedAt = at; break;
        case "intervened": this.#decided(entry, at); break;
        case "started": if (row !== undefined) row.action ??= bar(this.words.action, at); break;
        case "completed": this.#ended(row, "action", at, "done"); break;
        case "refused": this.#ended(row, "action", at, "refused", entry.reason); break;
        case "compensated": this.#ended(row, "compensation", at, "compensated"); break;
        case "failed": this.#failed(row, entry, at); break;
        case "stuck": this.#stuck(row, entry, at); break;
        default: break;
        }
        if (entry.event !== "intervened") this.decision = null;
    }

    #barOf(row, direction, at) {
        if (row[direction] === null) {
            row[direction] = bar(this.words[direction], direction === "action" ? at : Math.min(at, this.dueAt(row)));
        }
        return row[direction];
    }

    #ended(row, direction, at, outcome, reason = null) {
        if (row === undefined) return;
        const calls = this.#barOf(row, direction, at);
        const isSkipped = this.decision?.decision === "skip";
        Object.assign(calls, {
            end: isSkipped && calls.end !== null ? calls.end : at, outcome: isSkipped ? "skipped" : outcome, reason,
            by: isSkipped ? this.decision.by : null,
        });
    }

    #failed(row, entry, at) {
        if (row === undefined) return;
        const calls = this.#barOf(row, entry.direction ?? "action", at);
        calls.attempts = entry.attempt ?? calls.attempts + 1;
        calls.failures.push({ at, attempt: calls.attempts, reason: entry.reason ?? "" });
        calls.reason = entry.reason ?? null;
    }

    #stuck(row, entry, at) {
        this.stuckAt ??= at;
        if (row === undefined) return;
        Object.assign(this.#barOf(row, entry.direction ?? "action", at), {
            end: at, outcome: "stuck", reason: entry.reason ?? null,
        });
    }

    #decided(entry, at) {
        this.decision = entry;
        if (this.stuckAt !== null) this.cuts.push({ from: this.stuckAt, to: at, entry });
        this.stuckAt = null;
        if (entry.decision !== "retry") return;
        for (const row of this.rows.values()) {
            for (const calls of [row.action, row.compensation]) {
                if (calls?.outcome === "stuck") Object.assign(calls, { end: null, outcome: null });
            }
        }
    }

    /** From when on the compensation of a step could be called: no entry says when it was. */
    dueAt(row) {
        let due = this.turnedAt ?? this.latest;
        for (const name of this.successors.get(row.step.name)) {
            const end = this.rows.get(name)?.compensation?.end;
            if (end !== null && end !== undefined) due = Math.max(due, end);
        }
        return due;
    }
}

/** For each step those that come after it, also over others. */
function successorsOf(steps) {
    const successors = new Map(steps.map((step) => [step.name, new Set()]));
    for (const step of [...steps].reverse()) {
        for (const earlier of step.after) {
            const later = successors.get(earlier);
            if (later === undefined) continue;
            later.add(step.name);
            for (const name of successors.get(step.name)) later.add(name);
        }
    }
    return successors;
}

/**
 * The rows of a timeline with their bars, and the axis under them.
 *
 * @param {object} transaction As the daemon tells it.
 * @param {number} now In milliseconds since 1970.
 */
export function timelineOf(transaction, now) {
    const reading = new Reading(transaction);
    const isOpen = transaction.state === "running" || transaction.state === "compensating";
    const end = isOpen ? Math.max(now, reading.latest) : reading.latest;
    const rows = [];
    for (const row of reading.rows.values()) {
        // What is computed calls nobody.
        if (row.step.kind === "computed") continue;
        if (row.step.state === "compensating") row.compensation ??= bar(reading.words.compensation, reading.dueAt(row));
        close(row, reading, end);
        rows.push({ ...row, name: row.step.name, bars: [row.action, row.compensation].filter((calls) => calls !== null) });
    }
    const shown = transaction.kind === "tcc" ? branchesOf(rows) : rows;
    return {
        rows: withLanes(shown, transaction.steps),
        axis: new Axis(timeOf(transaction.started_at), end, reading.cuts),
        turnedAt: reading.turnedAt,
    };
}

/** A call that nobody waits for any more did not end, it was left. */
function close(row, reading, end) {
    const { action } = row;
    if (action !== null && action.end === null && reading.turnedAt !== null) {
        Object.assign(action, { end: Math.min(end, reading.turnedAt), outcome: "unknown" });
    }
}

/** Of a TCC the try and the confirm of a branch are two steps, and one row. */
function branchesOf(rows) {
    const branches = new Map();
    for (const row of rows) {
        const [, name, role] = /^(.*)\/(try|confirm)$/.exec(row.name) ?? [null, row.name, "try"];
        const present = branches.get(name);
        if (present === undefined) {
            branches.set(name, { ...row, name, confirm: null, parts: [row.step] });
        } else if (role === "confirm") {
            const confirm = row.action === null ? null : { ...row.action, role: roles.tcc.confirm };
            Object.assign(present, {
                confirm, parts: [...present.parts, row.step],
                bars: [present.action, confirm, present.compensation].filter((calls) => calls !== null),
            });
        }
    }
    return [...branches.values()];
}

/**
 * Where the lines run that show what comes after what: each row gets a lane, and what enters and leaves it.
 *
 * A step goes on in the lane of the one before it; of several that come after one, the others get lanes of their own, which they
 * keep until they come together.
 */
function withLanes(rows, steps) {
    const after = new Map(steps.map((step) => [step.name, step.after]));
    const places = new Map(rows.flatMap((row, place) => (row.parts ?? [row.step]).map((step) => [step.name, place])));
    const before = rows.map((row, place) => [...shownBefore(row.step.after, after, places)].filter((other) => other < place));
    const lanes = rows.map(() => null);
    const taken = new Set();
    const free = () => {
        let lane = 0;
        while (taken.has(lane)) lane += 1;
        taken.add(lane);
        return lane;
    };
    rows.forEach((_, place) => { if (before[place].length === 0) lanes[place] = free(); });
    rows.forEach((_, place) => {
        if (before[place].length > 1) {
            const joined = before[place].map((other) => lanes[other]);
            lanes[place] ??= Math.min(...joined);
            for (const lane of joined) if (lane !== lanes[place]) taken.delete(lane);
        }
        let isContinued = false;
        rows.forEach((__, later) => {
            if (before[later].length !== 1 || before[later][0] !== place) {
                if (before[later].includes(place)) isContinued = true;
                return;
            }
            lanes[later] = isContinued ? free() : lanes[place];
            isContinued = true;
        });
    });
    return rows.map((row, place) => ({
        ...row, lane: lanes[place],
        joins: before[place].map((other) => Math.max(lanes[other], lanes[place])),
        forks: rows.flatMap((_, later) => (before[later].includes(place) ? [Math.max(lanes[place], lanes[later])] : [])),
        passes: rows.flatMap((_, later) => (later <= place ? [] : before[later]
            .filter((other) => other < place).map((other) => Math.max(lanes[other], lanes[later])))),
    }));
}

/** The rows before a step; what is computed is passed over. */
function shownBefore(names, after, places, found = new Set()) {
    for (const name of names) {
        if (places.has(name)) found.add(places.get(name));
        else shownBefore(after.get(name) ?? [], after, places, found);
    }
    return found;
}

/** Time from left to right, without what was cut out. */
export class Axis {
    #start;
    #cuts;
    /** How long it is, in milliseconds. */
    length;
    /** Where something was cut out, as shares of the length. */
    breaks;

    constructor(start, end, cuts) {
        this.#start = start;
        this.#cuts = cuts;
        this.length = Math.max(1, this.#worked(end));
        this.breaks = cuts.map(({ from, to, entry }) => ({ share: this.share(from), length: to - from, entry }));
    }

    /** Where a time lies, from 0 to 1. */
    share(at) {
        return Math.min(1, Math.max(0, this.#worked(at) / this.length));
    }

    /** Round times along the axis, as milliseconds and shares. */
    get ticks() {
        const step = roundStep(this.length / 4);
        const ticks = [];
        for (let at = 0; at <= this.length * 0.97; at += step) ticks.push({ at, share: at / this.length });
        return ticks;
    }

    #worked(at) {
        let passed = at - this.#start;
        for (const { from, to } of this.#cuts) passed -= Math.max(0, Math.min(at, to) - from);
        return passed;
    }
}

const minute = 60_000;
const roundSteps = [
    1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 15_000, 30_000, minute, 2 * minute, 5 * minute,
    10 * minute, 15 * minute, 30 * minute, 60 * minute, 120 * minute, 360 * minute, 720 * minute, 1440 * minute,
];

/** A round number of milliseconds that is not below `least`. */
export function roundStep(least) {
    const day = roundSteps.at(-1);
    return roundSteps.find((step) => step >= least) ?? Math.ceil(least / day) * day;
}

/** Whether no step was begun that cannot be undone. */
export function mayTurnBack({ steps, entries, state }) {
    if (hasEnded({ state }) || entries.some(({ event }) => event === "turned_back")) return false;
    return steps.every((step) => {
        if (step.kind === "pivot") return step.state === "waiting" || step.state === "refused";
        return step.kind !== "retryable" || step.state === "waiting";
    });
}

/** The decisions of people, the latest first. */
export function decisionsOf({ entries }) {
    return entries.filter(({ event }) => event === "intervened").reverse();
}
