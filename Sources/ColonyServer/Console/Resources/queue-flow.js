/**
 * What has passed through a queue while the page looked: rates, and since when nothing has happened. The daemon counts
 * totals that only rise, and everything here is the difference of two looks.
 */

/** How far back the page remembers. */
export const remembered = 300_000;
/** The span of a rate: long enough not to flicker, short enough to follow. */
const rateSpan = 10_000;
/** Two looks closer together than this say nothing about a rate. */
const shortestSpan = 900;

/** Looks are remembered no closer together than this. */
const closestLooks = 1_900;

const counters = ["published", "delivered", "acknowledged", "dropped", "leases_lost"];

export class QueueFlow {
    #looks = [];
    #changed = {};

    /** Takes the totals of a look at `at`, in milliseconds of a clock that only moves forward. */
    add(at, totals) {
        const last = this.#looks.at(-1);
        // A queue that was deleted and declared again starts from zero.
        if (last !== undefined && counters.some((counter) => totals[counter] < last[counter])) this.#looks = [];
        if (this.#looks.length === 0) this.#changed = Object.fromEntries(counters.map((counter) => [counter, null]));
        else {
            for (const counter of counters) {
                if (totals[counter] > last[counter]) this.#changed[counter] = at;
            }
        }
        // A look that came early for an event is replaced by the next one, so that the memory is bounded.
        if (this.#looks.length > 1 && this.#looks.at(-2).at > at - closestLooks) this.#looks.pop();
        this.#looks.push({ at, ...totals });
        // One look older than what is remembered stays, so that the oldest step has a beginning.
        while (this.#looks.length > 2 && this.#looks[1].at < at - remembered) this.#looks.shift();
    }

    /** For how long the page has looked, in milliseconds. */
    get watched() {
        return this.#looks.length === 0 ? 0 : this.#looks.at(-1).at - this.#looks[0].at;
    }

    /** How many a second over the last ten seconds, by counter; `null` before the second look. */
    get rates() {
        const change = this.change(rateSpan);
        if (change.span < shortestSpan) return null;
        return Object.fromEntries(counters.map((counter) => [counter, change[counter] * 1_000 / change.span]));
    }

    /** How many in the last `span` milliseconds, or since the first look, by counter, and over how long. */
    change(span) {
        const last = this.#looks.at(-1);
        if (last === undefined) return { span: 0, ...Object.fromEntries(counters.map((counter) => [counter, 0])) };
        const first = this.#looks.find((look) => look.at >= last.at - span) ?? last;
        return {
            span: last.at - first.at,
            ...Object.fromEntries(counters.map((counter) => [counter, last[counter] - first[counter]])),
        };
    }

    /** For how many milliseconds a counter has not moved, as far as the page has looked. */
    quiet(counter) {
        const last = this.#looks.at(-1);
        return last === undefined ? 0 : last.at - (this.#changed[counter] ?? this.#looks[0].at);
    }

    /** What the judgement on a queue asks for, as a plain value. */
    get summary() {
        return {
            watched: this.watched,
            minute: this.change(60_000),
            quiet: { delivered: this.quiet("delivered"), acknowledged: this.quiet("acknowledged") },
            rates: this.rates,
        };
    }

    /**
     * Rates in `count` steps of `length` milliseconds up to the last look, the oldest first; `null` where the page did not
     * look yet.
     *
     * @returns {({published: number, acknowledged: number}|null)[]}
     */
    steps(count, length) {
        const last = this.#looks.at(-1);
        if (last === undefined) return Array(count).fill(null);
        return Array.from({ length: count }, (_, place) => {
            const end = last.at - (count - 1 - place) * length;
            const [from, to] = [this.#at(end - length), this.#at(end)];
            if (from === null || to === null) return null;
            return {
                published: (to.published - from.published) * 1_000 / length,
                acknowledged: (to.acknowledged - from.acknowledged) * 1_000 / length,
            };
        });
    }

    /** The totals at a moment, on the line between the two looks around it; `null` before the first. */
    #at(moment) {
        const place = this.#looks.findIndex((look) => look.at >= moment);
        if (place < 0 || this.#looks[place].at === moment) return this.#looks[place] ?? null;
        if (place === 0) return null;
        const [before, after] = [this.#looks[place - 1], this.#looks[place]];
        const share = (moment - before.at) / (after.at - before.at);
        const between = (counter) => before[counter] + (after[counter] - before[counter]) * share;
        return { published: between("published"), acknowledged: between("acknowledged") };
    }
}
