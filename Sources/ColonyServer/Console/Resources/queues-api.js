/** The daemon's HTTP interface to queues. */

import { Problem } from "./api.js";

/** The most queues that the page reads, and how many it asks for at once unless the daemon gives out fewer. */
const mostQueues = 2_000;
const pageOfQueues = 500;

/** Redriving, dropping, and purging answer when a request has taken as long as it may, or with what they have done. */
const workLimit = 120_000;

const root = "/v1/queues";

/** The path of a queue and of what is below it. */
function path(name, below = "") {
    // A browser takes a path of one or two dots for a step, also an encoded one; the daemon would be asked elsewhere.
    if (/^\.{1,2}$/.test(name)) {
        throw new Problem(0, "invalid_name", `A browser cannot ask for a queue named “${name}”; use the command line.`);
    }
    return `${root}/${encodeURIComponent(name)}${below}`;
}

/** The numbers of messages as JSON: they may be larger than a number of JavaScript that can be written. */
function selection(ids) {
    return ids === null ? '"all":true' : `"ids":[${ids.join(",")}]`;
}

export class QueuesApi {
    #api;
    #isLimited = true;

    /** @param {import("./api.js").Api} api */
    constructor(api) {
        this.#api = api;
    }

    /** All queues in the order of their names, as they stood after the last request to each. */
    async queues() {
        const queues = [];
        let after = null;
        do {
            const answer = await this.#page(root, after, pageOfQueues);
            queues.push(...answer.queues);
            after = answer.next ?? null;
        } while (after !== null && queues.length < mostQueues);
        return queues;
    }

    /** One queue as it stands now, with the age of its oldest message; `null` if there is none. */
    async queue(name) {
        try {
            return await this.#api.ask("GET", path(name));
        } catch (error) {
            if (error instanceof Problem && error.status === 404) return null;
            throw error;
        }
    }

    /** The first `count` messages that are not dead, in the order of publishing, and whether more may follow. */
    messages(name, count) {
        return this.#first(path(name, "/messages"), "messages", count);
    }

    /** The first `count` dead letters, and whether more may follow. */
    deadLetters(name, count) {
        return this.#first(path(name, "/dead"), "dead_letters", count);
    }

    /** Stores one message, and gives back what became of it. */
    async publish(name, message) {
        const answers = await this.#api.ask("POST", path(name, "/messages"), {
            body: JSON.stringify({ messages: [message] }),
        });
        return answers[0];
    }

    /** Takes a message back that is with no consumer. */
    cancel(name, id) {
        return this.#api.ask("DELETE", path(name, `/messages/${id}`));
    }

    /** Delivers nothing from the queue until told otherwise, or delivers again. */
    pause(name, isPaused) {
        return this.#api.ask("POST", path(name, isPaused ? "/pause" : "/resume"));
    }

    /** Removes a queue that has no messages. */
    remove(name) {
        return this.#api.ask("DELETE", path(name));
    }

    /** Removes what is with no consumer and not dead, as much as one request may; `more` if that was not all. */
    async purge(name, signal) {
        const { removed, more } = await this.#work("DELETE", path(name, "/messages"), undefined, signal);
        return { count: removed, more: more === true };
    }

    /** Removes dead letters for good: these, or all with `null`. */
    async drop(name, ids, signal) {
        const { removed, more } = await this.#work("POST", path(name, "/dead/drop"), `{${selection(ids)}}`, signal);
        return { count: removed, more: more === true };
    }

    /**
     * Delivers dead letters again: these, or all with `null`.
     *
     * @param {string} name
     * @param {Array<number|bigint>|null} ids
     * @param {{to: string|null, perSecond: number|null}} way Where to, `null` for where they came from, and how many a
     *     second.
     * @param {AbortSignal} signal
     */
    async redrive(name, ids, { to, perSecond }, signal) {
        const members = [selection(ids)];
        if (to !== null) members.push(`"to":${JSON.stringify(to)}`);
        if (perSecond !== null) members.push(`"per_second":${perSecond}`);
        const body = `{${members.join(",")}}`;
        const { moved, more } = await this.#work("POST", path(name, "/dead/redrive"), body, signal);
        return { count: moved, more: more === true };
    }

    #work(method, address, body, signal) {
        return this.#api.ask(method, address, { body, limit: workLimit, signal });
    }

    async #first(address, member, count) {
        const rows = [];
        let next = null;
        do {
            const answer = await this.#page(address, next, count - rows.length);
            rows.push(...answer[member]);
            next = answer.next ?? null;
        } while (next !== null && rows.length < count);
        return { rows, hasMore: next !== null };
    }

    async #page(address, after, limit) {
        const query = new URLSearchParams();
        if (this.#isLimited) query.set("limit", String(limit));
        if (after !== null) query.set("after", String(after));
        try {
            return await this.#api.ask("GET", query.size === 0 ? address : `${address}?${query}`);
        } catch (error) {
            const isAboutLimit = error.code === "invalid_request" && error.detail.startsWith("limit");
            if (!isAboutLimit || !this.#isLimited) throw error;
            // This daemon gives out fewer at a time; without a limit it gives what it likes.
            this.#isLimited = false;
            return this.#page(address, after, limit);
        }
    }
}
