/** The daemon's HTTP interface to transactions, and the words for what it tells. */

import { Problem } from "./api.js";

const root = "/v1/sagas";
/** So many are asked for at once. */
export const pageLength = 100;

/** The states in the order in which an operator wants to see them. */
export const states = {
    stuck: "Stuck", running: "Running", compensating: "Undoing", completed: "Completed", compensated: "Undone",
};

/** What each kind is called in a sentence. */
export const kinds = { saga: "saga", tcc: "TCC", two_phase: "two-phase commit" };

/** Whether nothing changes any more. */
export function hasEnded({ state }) {
    return state === "completed" || state === "compensated";
}

/** A time as the daemon writes it, in milliseconds since 1970. */
export function timeOf(value) {
    return typeof value === "number" ? value : Date.parse(value);
}

/** The path of a transaction and of what is below it. */
function path(id, below = "") {
    // A browser takes a path of one or two dots for a step, also an encoded one; the daemon would be asked elsewhere.
    if (/^\.{1,2}$/.test(id)) {
        throw new Problem(0, "invalid_name", `A browser cannot ask for a transaction named “${id}”; use the command line.`);
    }
    return `${root}/${encodeURIComponent(id)}${below}`;
}

export class TransactionsApi {
    #api;

    /** @param {import("./api.js").Api} api */
    constructor(api) {
        this.#api = api;
    }

    /**
     * The first pages of a list, how many there are in each state, and whether there are more.
     *
     * @param {{state: string|null, pages: number}} wanted `state` is `null` for all.
     */
    async list({ state, pages }) {
        const transactions = [];
        let counts = {};
        let next = null;
        for (let page = 0; page < pages; page += 1) {
            const query = new URLSearchParams({ limit: String(pageLength) });
            if (state !== null) query.set("state", state);
            if (next !== null) query.set("after", String(next));
            const answer = await this.#api.ask("GET", `${root}?${query}`);
            transactions.push(...answer.transactions);
            ({ counts } = answer);
            next = answer.next ?? null;
            if (next === null) break;
        }
        return { transactions, counts, hasMore: next !== null };
    }

    /** Everything about one transaction, or `null` if there is none of this identifier. */
    async transaction(id) {
        try {
            // What it carries is of others: whole numbers stay as they are.
            return await this.#api.ask("GET", path(id), { isExact: true });
        } catch (error) {
            if (error instanceof Problem && error.status === 404) return null;
            throw error;
        }
    }

    /**
     * Decides about a transaction, and gives it back as it then is.
     *
     * @param {string} id
     * @param {"retry"|"skip"|"turn-back"|"resolve"|"cancel"} verb
     * @param {{by: string, note: string, output?: string, state?: string}} decision `output` is JSON.
     */
    decide(id, verb, { by, note, output, state }) {
        const members = [];
        const add = (name, value) => members.push(`${JSON.stringify(name)}:${value}`);
        if (by !== "") add("by", JSON.stringify(by));
        if (note !== "") add("note", JSON.stringify(note));
        if (output !== undefined && output !== "") add("output", output);
        if (state !== undefined) add("state", JSON.stringify(state));
        return this.#api.ask("POST", path(id, `/${verb}`), { body: `{${members.join(",")}}`, isExact: true });
    }
}

/** JSON that came from the daemon, as text: set out over lines, and every whole number as it was. */
export function jsonText(value, space = 2) {
    return JSON.stringify(value, (_, part) => (typeof part === "bigint" ? exactly(part) : part), space);
}

/** A browser that cannot write such a number as one shows its digits in quotes. */
function exactly(number) {
    return JSON.rawJSON?.(String(number)) ?? String(number);
}
