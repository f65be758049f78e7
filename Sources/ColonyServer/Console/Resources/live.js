/**
 * A stream of server-sent events that comes back by itself.
 *
 * The server sends a comment every 15 seconds; a connection that shows nothing for longer than `silenceLimit` is taken
 * for dead, because a cable that was pulled never says so. After a failure the next attempt waits longer each time,
 * with jitter, so that a restarted daemon is not met by all consoles at once.
 */

const silenceLimit = 40_000;
const firstPause = 400;
const longestPause = 10_000;
/** After so many attempts in a row without an answer the state is no longer a hiccup. */
const offlineAfter = 4;
/** A connection that lived this long was a real one: the count of failures starts again. */
const settledAfter = 3_000;

/** How long to wait before attempt `attempt` (from 1): half fixed, half by chance. */
export function pauseBefore(attempt, random = Math.random) {
    const ceiling = Math.min(longestPause, firstPause * 2 ** (attempt - 1));
    return ceiling / 2 + (ceiling / 2) * random();
}

/**
 * Splits a stream of text into events, as the specification of server-sent events says. Comments count as life and
 * yield no event.
 */
export class EventParser {
    #rest = "";
    #name = "";
    #data = [];

    /** Takes the next piece of text and gives back the events that it completes, as `{name, data}`. */
    push(text) {
        const events = [];
        this.#rest += text;
        // A carriage return at the end may be half of a line end.
        const lines = this.#rest.split(/\r\n|\n|\r(?!$)/);
        this.#rest = lines.pop();
        for (const line of lines) {
            if (line === "") {
                if (this.#data.length > 0) events.push({ name: this.#name || "message", data: this.#data.join("\n") });
                this.#name = "";
                this.#data = [];
                continue;
            }
            const colon = line.indexOf(":");
            const field = colon < 0 ? line : line.slice(0, colon);
            const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
            if (field === "event") this.#name = value;
            if (field === "data") this.#data.push(value);
        }
        return events;
    }
}

export class LiveUpdates {
    #open;
    #onEvent;
    #onState;
    #attempt = 0;
    #connection = null;
    #wake = null;
    #refused = false;

    /**
     * @param {object} parts
     * @param {(signal: AbortSignal) => Promise<ReadableStream<Uint8Array>>} parts.open Opens the stream.
     * @param {(event: {name: string, data: string}) => void} parts.onEvent
     * @param {(state: "connecting"|"live"|"reconnecting"|"offline"|"refused", error: Error|null) => void} parts.onState
     *     `refused`: the server answered, and the answer was no; it is asked again only after `retry()`.
     */
    constructor({ open, onEvent, onState }) {
        this.#open = open;
        this.#onEvent = onEvent;
        this.#onState = onState;
    }

    /** Connects, and stays connected for as long as the page lives. */
    async run() {
        this.#onState("connecting", null);
        for (;;) {
            let failure = null;
            try {
                await this.#listen();
            } catch (error) {
                failure = error;
            }
            this.#refused = failure?.status === 401 || failure?.status === 403;
            if (this.#refused) {
                this.#onState("refused", failure);
                await new Promise((resolve) => { this.#wake = resolve; });
                this.#onState("connecting", null);
                continue;
            }
            this.#attempt += 1;
            this.#onState(this.#attempt >= offlineAfter ? "offline" : "reconnecting", failure);
            await this.#pause(pauseBefore(this.#attempt));
        }
    }

    /** Ends a pause, or a connection that may be dead, and tries again at once. */
    retry() {
        this.#connection?.abort();
        this.#wake?.();
    }

    async #listen() {
        const connection = new AbortController();
        this.#connection = connection;
        let watchdog = setTimeout(() => connection.abort(), silenceLimit);
        let settled = () => false;
        try {
            const reader = (await this.#open(connection.signal)).getReader();
            const decoder = new TextDecoder();
            const parser = new EventParser();
            const opened = performance.now();
            settled = () => performance.now() - opened > settledAfter;
            this.#onState("live", null);
            for (;;) {
                const { done, value } = await reader.read();
                if (done) return;
                clearTimeout(watchdog);
                watchdog = setTimeout(() => connection.abort(), silenceLimit);
                for (const event of parser.push(decoder.decode(value, { stream: true }))) this.#onEvent(event);
            }
        } finally {
            clearTimeout(watchdog);
            this.#connection = null;
            if (settled()) this.#attempt = 0;
        }
    }

    #pause(milliseconds) {
        return new Promise((resolve) => {
            const timer = setTimeout(resolve, milliseconds);
            this.#wake = () => {
                clearTimeout(timer);
                resolve();
            };
        });
    }
}
