/** The queues as the daemon told them last, what has passed through them meanwhile, and which are shown. */

import { diagnoseQueue, usedShare } from "./queue-diagnosis.js";
import { QueueFlow } from "./queue-flow.js";

/** The list does not know how old messages are, so those that have some are asked for one by one, so many at a look. */
const inspectedAtOnce = 24;

/** The orders that the table offers. */
export const queueOrders = {
    name: { label: "Name", compare: (a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0) },
    ready: { label: "Ready", compare: by((queue) => queue.statistics.ready) },
    waiting: { label: "Waiting", compare: by((queue) => queue.statistics.waiting) },
    delayed: { label: "Delayed", compare: by((queue) => queue.statistics.delayed) },
    leased: { label: "In flight", compare: by((queue) => queue.statistics.leased) },
    dead: { label: "Dead", compare: by((queue) => queue.statistics.dead) },
    oldest: { label: "Oldest", compare: by((queue) => queue.oldest_age_ms ?? -1) },
    published: { label: "In/s", compare: byRate("published") },
    delivered: { label: "Out/s", compare: byRate("delivered") },
    acknowledged: { label: "Done/s", compare: byRate("acknowledged") },
    used: { label: "Used", compare: by(usedShare) },
};

/** The shares of the queues that the page offers. */
export const queueShares = {
    all: { label: "All", includes: () => true },
    filled: { label: "With messages", includes: (queue) => queue.statistics.count > 0 },
    stuck: { label: "Needs a look", includes: (queue) => queue.finding?.level === "stuck" },
};

function by(value) {
    return (a, b) => value(a) - value(b);
}

function byRate(counter) {
    return by((queue) => queue.flow.rates?.[counter] ?? -1);
}

export class QueueBook {
    #queues = [];
    #flows = new Map();
    #turn = 0;

    /** When the daemon answered last, for people; `null` before the first answer. */
    answeredDate = null;
    filter = "";
    sort = "name";
    descending = false;
    share = "all";

    /** Asks the daemon again. Every queue gets its `flow`, a summary of what has moved, and its `finding`. */
    async load(api, opened) {
        const listed = await api.queues();
        const details = new Map();
        await Promise.all(this.#chosenForDetails(listed, opened).map(async ({ name }) => {
            details.set(name, await api.queue(name));
        }));
        const at = performance.now();
        // What is gone since the list was told is not shown.
        this.#queues = listed.map((queue) => details.has(queue.name) ? details.get(queue.name) : this.#aged(queue))
            .filter((queue) => queue !== null);
        const names = new Set(this.#queues.map((queue) => queue.name));
        for (const name of this.#flows.keys()) {
            if (!names.has(name)) this.#flows.delete(name);
        }
        for (const queue of this.#queues) {
            const flow = this.flow(queue.name);
            flow.add(at, queue.totals);
            queue.flow = flow.summary;
            queue.finding = diagnoseQueue(queue, queue.flow);
        }
        this.answeredDate = new Date();
    }

    /** What has passed through a queue while the page looked. */
    flow(name) {
        if (!this.#flows.has(name)) this.#flows.set(name, new QueueFlow());
        return this.#flows.get(name);
    }

    get queues() {
        return this.#queues;
    }

    /** The chosen queues in the chosen order. */
    get shown() {
        const { compare } = queueOrders[this.sort];
        const sign = this.descending ? -1 : 1;
        const wanted = this.filter.toLowerCase();
        return this.#queues
            .filter((queue) => queueShares[this.share].includes(queue) && queue.name.toLowerCase().includes(wanted))
            .sort((a, b) => sign * compare(a, b) || queueOrders.name.compare(a, b));
    }

    /** How many queues a share has. */
    count(share) {
        return this.#queues.filter(queueShares[share].includes).length;
    }

    find(name) {
        return this.#queues.find((queue) => queue.name === name) ?? null;
    }

    /** The queues that need a look, the most urgent kinds first. */
    get stuck() {
        return this.#queues.filter(queueShares.stuck.includes)
            .sort((a, b) => urgency(a) - urgency(b) || b.statistics.count - a.statistics.count);
    }

    /** How much there is in all queues together. */
    get sums() {
        const sums = { ready: 0, waiting: 0, delayed: 0, leased: 0, dead: 0, count: 0 };
        for (const { statistics } of this.#queues) {
            for (const part of Object.keys(sums)) sums[part] += statistics[part];
        }
        return sums;
    }

    /** The opened queue, and of those with messages some in turn. */
    #chosenForDetails(listed, opened) {
        const filled = listed.filter((queue) => queue.statistics.count > queue.statistics.dead);
        const first = filled.length <= inspectedAtOnce ? 0 : this.#turn % filled.length;
        this.#turn = first + inspectedAtOnce;
        const chosen = [...filled.slice(first), ...filled.slice(0, first)].slice(0, inspectedAtOnce);
        const isMissing = opened !== null && chosen.every((queue) => queue.name !== opened);
        return isMissing ? [...chosen, ...listed.filter((queue) => queue.name === opened)] : chosen;
    }

    /** A queue that was not asked for by itself keeps the age that it had when it was. */
    #aged(queue) {
        const before = this.find(queue.name);
        return before?.oldest_age_ms === undefined || queue.statistics.ready === 0
            ? queue : { ...queue, oldest_age_ms: before.oldest_age_ms };
    }
}

const kinds = ["dropping", "full", "paused", "dying", "idle", "failing", "hanging", "behind", "dead"];

function urgency({ finding }) {
    return kinds.indexOf(finding.kind);
}
