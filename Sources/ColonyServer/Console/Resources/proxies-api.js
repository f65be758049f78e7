/** What the page of proxies asks the daemon for, and what it makes of the counts. */

import { Problem } from "./api.js";

/** What the states of an endpoint are called. */
export const stateWords = {
    in_service: "in service", unhealthy: "out of health", ejected: "ejected", draining: "draining", maintenance: "in maintenance",
};

/** A name in a path. A browser takes one of one or two dots for a step, also an encoded one. */
function segment(name) {
    if (/^\.{1,2}$/.test(name)) throw new Problem(400, "invalid_name", `A browser cannot ask for “${name}”; use curl.`);
    return encodeURIComponent(name);
}

/** The proxies whose names begin like this, each with all that is known of it, and how many there are in all. */
export async function proxies(api, prefix) {
    const { proxies: all } = await api.ask("GET", "/v1/proxies");
    const found = await Promise.all(all.filter(({ name }) => name.startsWith(prefix)).map(async ({ name }) => {
        try {
            return await api.ask("GET", `/v1/proxies/${segment(name)}`);
        } catch (error) {
            // It was taken out of the file meanwhile.
            if (error instanceof Problem && error.status === 404) return null;
            throw error;
        }
    }));
    return { count: all.length, found: found.filter((proxy) => proxy !== null) };
}

function place(proxy, upstream) {
    return `/v1/proxies/${segment(proxy)}/upstreams/${segment(upstream)}`;
}

/** Says whether an endpoint gets calls: `enabled`, `drain`, or `maintenance`. */
export function setState(api, proxy, upstream, endpoint, state) {
    return api.ask("PATCH", `${place(proxy, upstream)}/endpoints/${segment(endpoint)}`, { body: JSON.stringify({ state }) });
}

/** Why a call would go where it goes. `by` is `key` or `client`; an empty text is a call of which nothing is known. */
export function explain(api, proxy, upstream, by, text) {
    const query = text === "" ? "" : `?${new URLSearchParams({ [by]: text })}`;
    return api.ask("GET", `${place(proxy, upstream)}/explain${query}`);
}

/** Reads the configuration file again. */
export function reload(api) {
    return api.ask("POST", "/v1/proxies/reload");
}

/** Turns counts that only grow into rates. */
export class Rates {
    #seen = new Map();

    /**
     * How fast a count has grown since it was seen before, for each second; `null` if it is seen for the first time.
     *
     * @param {string} key What is counted.
     * @param {number} count
     * @param {number} at When, in milliseconds on the daemon's clock.
     */
    of(key, count, at) {
        const before = this.#seen.get(key);
        // Two looks in one moment say nothing, and a daemon that was restarted counts from zero again.
        if (before !== undefined && at - before.at < 250 && count >= before.count && at >= before.at) return before.rate;
        const isUsable = before !== undefined && at > before.at && count >= before.count;
        const rate = isUsable ? (count - before.count) * 1_000 / (at - before.at) : null;
        this.#seen.set(key, { count, at, rate });
        return rate;
    }
}
