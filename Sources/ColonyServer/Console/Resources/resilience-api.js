/** What the page of limits and switches asks the daemon for. */

import { Problem } from "./api.js";
import { formatCount, formatDuration } from "./text.js";

/** What each position is called. */
export const positionWords = { automatic: "automatic", refusing: "refuses all", passing: "lets all pass" };

/** A name in a path. A browser takes one of one or two dots for a step, also an encoded one. */
function segment(name) {
    if (/^\.{1,2}$/.test(name)) throw new Problem(400, "invalid_name", `A browser cannot ask for “${name}”; use curl.`);
    return encodeURIComponent(name);
}

/** Some limits that owe permits, and whether there are more; `null` if this daemon lists none. */
export async function limits(api, prefix, pages) {
    const found = [];
    let next = null;
    try {
        for (let page = 0; page < pages; page += 1) {
            const query = new URLSearchParams();
            if (prefix !== "") query.set("prefix", prefix);
            if (next !== null) query.set("after", next);
            const answer = await api.ask("GET", `/v1/limits?${query}`);
            found.push(...answer.limits);
            next = answer.next ?? null;
            if (next === null) break;
        }
    } catch (error) {
        if (error instanceof Problem && error.status === 501) return null;
        throw error;
    }
    return { found, hasMore: next !== null };
}

/** All switches; `null` if the store of this daemon keeps none. */
export async function switches(api) {
    try {
        return (await api.ask("GET", "/v1/switches")).switches;
    } catch (error) {
        if (error instanceof Problem && error.status === 501) return null;
        throw error;
    }
}

/** Where a switch stands; one that nobody has moved and nobody reports is automatic. */
export async function position(api, { kind, name }) {
    const found = (await api.ask("GET", "/v1/switches")).switches
        .find((present) => present.kind === kind && present.name === name);
    return found?.position ?? "automatic";
}

/** Moves a switch. */
export function move(api, { kind, name }, to, reason) {
    const body = reason === "" || to === "automatic" ? { position: to } : { position: to, reason };
    return api.ask("PUT", `/v1/switches/${kind}/${segment(name)}`, { body: JSON.stringify(body) });
}

/** Makes a limit full again. */
export function reset(api, name) {
    return api.ask("DELETE", `/v1/limits/${segment(name)}`);
}

/** The rule of a limit in words: `100 per 1 s, at most 200 at once`. */
export function ruleText({ rate, per_ms: ms, per_ns: ns, burst }) {
    const period = ms === undefined ? `${formatCount(ns)}\u202Fns`
        : ms < 10_000 && ms % 1_000 !== 0 ? `${formatCount(ms)}\u202Fms` : formatDuration(ms);
    return `${formatCount(rate)} per ${period}${burst === rate ? "" : `, at most ${formatCount(burst)} at once`}`;
}

/**
 * What is left of a limit, and after how long it is full. The daemon tells what one more permit would be answered, with that
 * permit taken; a limit that is switched takes none.
 */
export function standing({ allowed, position: at, remaining, reset_after_ms: reset, rate, per_ms: ms, per_ns: ns }) {
    if (at !== "automatic" || !allowed) return { left: remaining, fullIn: reset };
    return { left: remaining + 1, fullIn: Math.max(0, reset - (ms ?? ns / 1e6) / rate) };
}

/** How a switch stands over all processes: how many are in each state, and what they have counted. */
export function summary({ reports }) {
    const states = new Map();
    const counts = { successes: 0, failures: 0, refusals: 0 };
    for (const report of reports) {
        states.set(report.state, (states.get(report.state) ?? 0) + 1);
        for (const key of Object.keys(counts)) counts[key] += report[key];
    }
    const text = reports.length === 0 ? "none reports it"
        : [...states].map(([state, count]) => `${formatCount(count)} ${state}`).join(", ");
    return { states: text, isTroubled: reports.some(({ state }) => isTroubled(state)), ...counts };
}

/** Whether calls are refused in this state of a breaker, all or most of them. */
export function isTroubled(state) {
    return state === "open" || state === "half-open" || state === "forced open";
}
