/** How one queue stands: what is in it, how full it is, what passes through, and what it has counted. */

import { element, setText } from "./dom.js";
import { meanLateness } from "./queue-diagnosis.js";
import { RateChart } from "./queue-chart.js";
import { formatBytes, formatCount, formatDuration, formatPercent, formatRate } from "./text.js";

/** Where a message can stand, in the order of the strip. */
const standings = {
    ready: ["Ready", "can be delivered"],
    leased: ["In flight", "with consumers"],
    waiting: ["Waiting", "behind an earlier message of their key"],
    delayed: ["Delayed", "until their time, or resting after a failure"],
    dead: ["Dead", "parked for a decision"],
};

const totals = {
    published: "Published", delivered: "Handed out", acknowledged: "Acknowledged", leases_lost: "Leases lost",
    dropped: "Dropped for room",
};

export class QueueNow {
    #figures = {};
    #strip = element("div", { class: "strip", "aria-hidden": "true" });
    #rates = {};
    #chart = new RateChart();
    #room = {};
    #facts = element("dl", { class: "facts" });
    #values = {};

    constructor() {
        const figures = element("dl", { class: "standings" });
        for (const [standing, [label, meaning]] of Object.entries(standings)) {
            this.#figures[standing] = element("dd", {});
            figures.append(element("div", { "data-standing": standing, title: `${label}: ${meaning}` },
                element("dt", {}, label), this.#figures[standing]));
            this.#strip.append(element("span", { "data-standing": standing }));
        }
        const rates = element("dl", { class: "rates" });
        for (const [counter, label] of [
            ["published", "Come a second"], ["delivered", "Handed out"], ["acknowledged", "Done a second"],
        ]) {
            this.#rates[counter] = element("dd", {});
            rates.append(element("div", { "data-rate": counter }, element("dt", {}, label), this.#rates[counter]));
        }
        for (const [key, label] of [
            ["oldest", "Oldest"], ["lateness", "Delays end"], ...Object.entries(totals),
        ]) {
            this.#values[key] = element("dd", {});
            this.#facts.append(element("div", { "data-fact": key }, element("dt", {}, label), this.#values[key]));
        }
        this.element = element("div", { class: "queue-now" },
            figures, this.#strip,
            element("div", { class: "room" }, this.#roomBar("count"), this.#roomBar("bytes")),
            rates, this.#chart.element,
            element("h3", {}, "Since it was declared"), this.#facts);
    }

    /** Shows the queue, and what has passed through it while the page looked. */
    update(queue, flow) {
        const { statistics, settings } = queue;
        for (const [standing, figure] of Object.entries(this.#figures)) {
            setText(figure, formatCount(statistics[standing]));
            figure.parentElement.classList.toggle("none", statistics[standing] === 0);
        }
        for (const part of this.#strip.children) {
            part.style.setProperty("--count", String(statistics[part.dataset.standing]));
            part.hidden = statistics[part.dataset.standing] === 0;
        }
        this.#showRoom("count", statistics.count / settings.capacity,
            `${formatCount(statistics.count)} of ${formatCount(settings.capacity)} messages`);
        this.#showRoom("bytes", statistics.bytes / settings.capacity_bytes,
            `${formatBytes(statistics.bytes)} of ${formatBytes(settings.capacity_bytes)}`);
        const { rates } = flow;
        for (const [counter, value] of Object.entries(this.#rates)) {
            setText(value, rates === null ? "…" : formatRate(rates[counter]));
        }
        this.#chart.update(flow);
        for (const counter of Object.keys(totals)) setText(this.#values[counter], formatCount(queue.totals[counter]));
        setText(this.#values.oldest, queue.oldest_age_ms === undefined
            ? "nothing can be delivered" : `ready for delivery, published ${formatDuration(queue.oldest_age_ms)} ago`);
        const lateness = meanLateness(queue);
        setText(this.#values.lateness, lateness === null
            ? "none has ended yet"
            : `${lateness < 0.5 ? "on time" : `${formatLateness(lateness)} late`} on average, of `
                + formatCount(queue.totals.undelayed));
    }

    #roomBar(key) {
        const text = element("span", {});
        const share = element("span", { class: "room-share" });
        const bar = element("span", { class: "bar", "aria-hidden": "true" }, element("span", { class: "bar-fill" }));
        this.#room[key] = { text, share, bar };
        return element("div", {}, element("p", {}, text, share), bar);
    }

    #showRoom(key, share, sentence) {
        const { text, share: percent, bar } = this.#room[key];
        setText(text, sentence);
        setText(percent, share > 0 && share < 0.0005 ? "<\u202F0.1\u202F%" : formatPercent(Math.min(1, share)));
        bar.style.setProperty("--left", String(Math.min(1, share)));
        bar.classList.toggle("low", share >= 0.8);
    }
}

/** Lateness is mostly of milliseconds. */
function formatLateness(milliseconds) {
    return milliseconds < 950 ? `${Math.round(milliseconds)}\u202Fms` : formatDuration(milliseconds);
}

const overflows = {
    wait: "publishers wait", reject: "publishers are refused", drop_oldest: "the oldest is given up",
};
const orders = {
    per_key: "one at a time per key, in the order of publishing", priority: "by priority, then by publishing",
    fair: "by priority, each key in turn", fair_per_key: "one at a time per key, each key in turn",
};

/** What a queue was declared with, as rows of a list. */
export function settingsRows({ settings }) {
    return [
        ["Capacity", `${formatCount(settings.capacity)} messages, ${formatBytes(settings.capacity_bytes)}`],
        ["When full", overflows[settings.overflow] ?? settings.overflow],
        ["Order", orders[settings.order] ?? settings.order],
        ["Deliveries", `up to ${formatCount(settings.delivery_limit)}, then a dead letter`],
        ["Lease", formatDuration(settings.lease_ms)],
        ["Rest after failure", `${formatDuration(settings.backoff.initial_ms)}, growing to `
            + formatDuration(settings.backoff.maximum_ms)],
        ["Kept for", settings.retention_ms === undefined ? "ever" : formatDuration(settings.retention_ms)],
        ["Deduplication", settings.deduplication_window_ms === 0
            ? "none" : `repeats are known for ${formatDuration(settings.deduplication_window_ms)}`],
    ];
}
