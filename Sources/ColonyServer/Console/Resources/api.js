/** The daemon's HTTP interface, as far as the console needs it. */

const tokenKey = "colony.token";

/** An answer that says no: `application/problem+json`, or whatever stands in for it. */
export class Problem extends Error {
    constructor(status, code, detail, members = {}) {
        super(detail);
        this.name = "Problem";
        /** The HTTP status. */
        this.status = status;
        /** The stable, snake-case code. */
        this.code = code;
        /** What the server says about this very request. */
        this.detail = detail;
        /** The other members of the problem, such as `holder`. */
        this.members = members;
    }
}

/** No answer came: the daemon is down, unreachable, or too slow. */
export class Unreachable extends Error {
    constructor(detail, options) {
        super(detail, options);
        this.name = "Unreachable";
        this.code = "unreachable";
        this.detail = detail;
    }
}

/** The most locks that one request may list, unless the daemon is configured to less. */
const pageLimit = 1000;

/** Longer than any honest answer takes, shorter than an operator's patience. */
const answerLimit = 10_000;

export class Api {
    #token;
    #pageLimit = pageLimit;

    constructor() {
        try {
            this.#token = sessionStorage.getItem(tokenKey);
        } catch {
            this.#token = null;
        }
    }

    /** Whether a bearer token is set for this tab. */
    get hasToken() {
        return this.#token !== null;
    }

    /** Sets the bearer token for this tab, or forgets it with `null`. It is kept until the tab closes, nowhere else. */
    setToken(token) {
        this.#token = token;
        try {
            if (token === null) sessionStorage.removeItem(tokenKey);
            else sessionStorage.setItem(tokenKey, token);
        } catch {
            return;
        }
    }

    /** Who serves, and what its grants are worth. */
    server() {
        return this.#json("GET", "/v1/server");
    }

    /** One page of held locks in the order of their names. `next` in the answer is the `after` of the next page. */
    async locks({ prefix = "", after = null } = {}) {
        const query = new URLSearchParams();
        if (this.#pageLimit !== null) query.set("limit", String(this.#pageLimit));
        if (prefix !== "") query.set("prefix", prefix);
        if (after !== null) query.set("after", after);
        try {
            return await this.#json("GET", `/v1/locks?${query}`);
        } catch (error) {
            const isAboutLimit = error.code === "invalid_request" && error.detail.startsWith("limit");
            if (!isAboutLimit || this.#pageLimit === null) throw error;
            // This daemon gives out fewer at a time; without a limit it gives what it likes.
            this.#pageLimit = null;
            return this.locks({ prefix, after });
        }
    }

    /** One held lock, or `null` if nobody holds the name. */
    async lock(name) {
        try {
            return await this.#json("GET", `/v1/locks/${encodeURIComponent(name)}`);
        } catch (error) {
            if (error instanceof Problem && error.status === 404 && error.code === "not_found") return null;
            throw error;
        }
    }

    /** Breaks the lock whoever holds it, and gives back what was broken. */
    breakLock(name) {
        return this.#json("DELETE", `/v1/locks/${encodeURIComponent(name)}`);
    }

    /** Which identifiers the daemon issues, and how its worker number stands. */
    identifiers() {
        return this.#json("GET", "/v1/ids");
    }

    /** How the daemon's cache does. */
    cache() {
        return this.#json("GET", "/v1/cache");
    }

    /** New identifiers; `tag` for numbers of a segment, `null` for the other kinds. */
    issue(kind, count, tag = null) {
        const query = new URLSearchParams({ count: String(count) });
        if (tag !== null) query.set("tag", tag);
        return this.#json("POST", `/v1/ids/${encodeURIComponent(kind)}?${query}`);
    }

    /** The parts of an identifier. */
    identifier(text) {
        // A browser takes a path of one or two dots for a step, also an encoded one; the daemon would be asked elsewhere.
        if (/^\.{1,2}$/.test(text)) throw new Problem(400, "malformed_id", `"${text}" is no identifier`);
        return this.#json("GET", `/v1/ids/${encodeURIComponent(text)}`);
    }

    /** One page of tags in the order of their names. `next` in the answer is the `after` of the next page. */
    segments({ after = null } = {}) {
        return this.#json("GET", `/v1/segments${after === null ? "" : `?${new URLSearchParams({ after })}`}`);
    }

    /**
     * Opens the stream of events.
     *
     * `EventSource` can send no header and so no token; hence `fetch`.
     *
     * @param {AbortSignal} signal Ends the stream.
     * @returns {Promise<ReadableStream<Uint8Array>>}
     */
    async events(signal) {
        const response = await this.#send("GET", "/v1/events", signal, { accept: "text/event-stream" });
        if (!(response.headers.get("content-type") ?? "").startsWith("text/event-stream")) {
            throw new Unreachable("the answer to /v1/events is not a stream of events");
        }
        return response.body;
    }

    /**
     * Asks for one document of JSON, for the parts of the interface that have a file of their own.
     *
     * @param {string} method
     * @param {string} path
     * @param {object} [options]
     * @param {string} [options.body] Sent as JSON.
     * @param {number} [options.limit] How long the answer may take, in milliseconds.
     * @param {AbortSignal} [options.signal] Ends the request, and with it what the daemon does for it.
     * @param {boolean} [options.isExact] Every whole number that would be rounded is a `BigInt`, not only those of names that are known.
     */
    ask(method, path, options = {}) {
        return this.#json(method, path, options);
    }

    async #json(method, path, { body, limit = answerLimit, signal, isExact = false } = {}) {
        const timeout = AbortSignal.timeout(limit);
        const ends = signal === undefined ? timeout : AbortSignal.any([timeout, signal]);
        const headers = { accept: "application/json" };
        if (body !== undefined) headers["content-type"] = "application/json";
        const response = await this.#send(method, path, ends, headers, body);
        try {
            return JSON.parse(await response.text(), isExact ? wholeNumber : exactNumber);
        } catch (error) {
            throw new Unreachable(`the answer to ${method} ${path} broke off or is not JSON`, { cause: error });
        }
    }

    async #send(method, path, signal, headers, body) {
        if (this.#token !== null) headers.authorization = `Bearer ${this.#token}`;
        let response;
        try {
            response = await fetch(path, {
                method, headers, body, signal, cache: "no-store", credentials: "same-origin",
            });
        } catch (error) {
            throw new Unreachable(
                error.name === "TimeoutError"
                    ? `no answer to ${method} ${path} in time`
                    : `the daemon at ${location.host} cannot be reached`);
        }
        if (response.ok) return response;
        throw await problem(response);
    }
}

/** What is a number of 64 bits, of which a JavaScript number holds 53: tokens, the numbers of messages, and versions. */
const exactMembers = new Set(["token", "id", "next", "version", "revision"]);

/** Keeps such a number exact. */
function exactNumber(key, value, context) {
    const isRounded = exactMembers.has(key) && typeof value === "number" && !Number.isSafeInteger(value);
    return isRounded && context?.source !== undefined ? BigInt(context.source) : value;
}

/** Keeps every whole number exact, whatever it is called. */
function wholeNumber(_, value, context) {
    const isRounded = typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value);
    return isRounded && /^-?\d+$/.test(context?.source ?? "") ? BigInt(context.source) : value;
}

async function problem(response) {
    let body = {};
    try {
        body = await response.json();
    } catch {
        // A proxy on the way may answer with a page of its own; the status is then all there is.
        body = {};
    }
    const { code = `http_${response.status}`, detail, title } = body ?? {};
    return new Problem(response.status, String(code), String(detail ?? title ?? response.statusText), body ?? {});
}
