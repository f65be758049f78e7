/**
 * What the console knows of the locks: the last answer of the daemon, and the view that the operator chose.
 *
 * The daemon gives out at most 1,000 locks at a time. The book follows `next` until it has `batchLocks` of them, so
 * that totals, the search for what is stuck, and any order hold for all of them; a store with more is walked batch
 * by batch, and the page says so.
 */

import { atPresent, diagnose } from "./diagnosis.js";

const batchLocks = 5_000;

/** How many rows are shown at once: enough to scan, few enough to stay quick. */
export const rowsPerPage = 100;

/** The orders that the table offers; the first is the default. A token may be a BigInt, which does not subtract. */
export const orders = {
    name: { label: "Name", compare: (a, b) => compareText(a.name, b.name) },
    holder: { label: "Holder", compare: (a, b) => compareText(a.owner, b.owner) },
    age: { label: "Age", compare: (a, b) => a.age_ms - b.age_ms },
    remaining: { label: "Remaining", compare: (a, b) => a.remaining_ms - b.remaining_ms },
    renewals: { label: "Renewals", compare: (a, b) => a.renewals - b.renewals },
    token: { label: "Token", compare: (a, b) => (a.token < b.token ? -1 : a.token > b.token ? 1 : 0) },
    waiters: {
        label: "Waiters, oldest",
        compare: (a, b) => a.waiters.length - b.waiters.length || oldest(a) - oldest(b),
    },
};

/** The shares of the locks that the page offers. */
export const shares = {
    all: { label: "All", includes: () => true },
    waited: { label: "Waited for", includes: (lock) => lock.waiters.length > 0 },
    stuck: { label: "Needs a look", includes: (lock) => diagnose(lock)?.level === "stuck" },
};

function compareText(a, b) {
    return a < b ? -1 : a > b ? 1 : 0;
}

function oldest(lock) {
    return atPresent(lock, 0).oldestWait;
}

export class LockBook {
    /** Held locks of this batch, in the order in which the daemon gave them out. */
    locks = [];
    /** Where the next batch starts, or `null` if this one is the last. */
    next = null;
    /** When the daemon answered, on the page's own monotonic clock; `null` before the first answer. */
    answeredAt = null;
    /** The same moment for people. */
    answeredDate = null;
    /** The `after` of each batch on the way to this one. */
    #trail = [null];
    #counts = null;

    prefix = "";
    sort = "name";
    descending = false;
    share = "all";
    /** The page of rows that is shown, from 0. */
    page = 0;

    /**
     * Whether the clocks stand still at the moment of the last answer: while the daemon does not answer, nobody knows
     * whether a holder renewed, and a countdown would be an invention.
     */
    isFrozen = false;

    /** Milliseconds since the daemon answered. */
    get elapsed() {
        return this.answeredAt === null || this.isFrozen ? 0 : performance.now() - this.answeredAt;
    }

    /** Asks the daemon for the batch again. The answer is thrown away if the view has moved on meanwhile. */
    async load(api) {
        const { prefix } = this;
        const start = this.#trail.at(-1);
        const locks = [];
        let after = start;
        let answeredAt = null;
        do {
            const asked = performance.now();
            const answer = await api.locks({ prefix, after });
            // Half the round trip is the best guess for when the answer was true. All ages count from the first page.
            const told = (asked + performance.now()) / 2;
            answeredAt ??= told;
            const late = told - answeredAt;
            for (const lock of answer.locks) locks.push(late === 0 ? lock : earlier(lock, late));
            after = answer.next ?? null;
        } while (after !== null && locks.length < batchLocks);
        if (prefix !== this.prefix || start !== this.#trail.at(-1)) return false;
        this.locks = locks;
        this.next = after;
        this.answeredAt = answeredAt;
        this.answeredDate = new Date();
        this.isFrozen = false;
        this.#counts = null;
        this.page = Math.min(this.page, this.lastPage);
        return true;
    }

    /** Starts again at the first lock, for another prefix. */
    restart(prefix) {
        this.prefix = prefix;
        this.page = 0;
        this.#trail = [null];
    }

    /** The chosen locks in the chosen order. */
    get chosen() {
        const { compare } = orders[this.sort];
        const { includes } = shares[this.share];
        const sign = this.descending ? -1 : 1;
        const chosen = this.locks.filter(includes);
        // Equal locks keep the order of their names in both directions.
        return this.sort === "name" && !this.descending ? chosen : chosen.sort((a, b) => sign * compare(a, b));
    }

    /** The locks on the page of rows that is shown. */
    get shown() {
        return this.chosen.slice(this.page * rowsPerPage, (this.page + 1) * rowsPerPage);
    }

    get lastPage() {
        return Math.max(0, Math.ceil(this.count(this.share) / rowsPerPage) - 1);
    }

    /** How many locks a share of this batch has. */
    count(share) {
        this.#counts ??= Object.fromEntries(
            Object.entries(shares).map(([key, { includes }]) => [key, this.locks.filter(includes).length]));
        return this.#counts[share];
    }

    /** Whether this is one of several batches. */
    get isPart() {
        return this.next !== null || this.#trail.length > 1;
    }

    get batch() {
        return this.#trail.length;
    }

    get hasNext() {
        return this.page < this.lastPage || this.next !== null;
    }

    get hasPrevious() {
        return this.page > 0 || this.#trail.length > 1;
    }

    /** Moves by one page of rows. @returns {boolean} Whether another batch has to be loaded. */
    turn(step) {
        const target = this.page + step;
        if (target >= 0 && target <= this.lastPage) {
            this.page = target;
            return false;
        }
        if (step > 0 && this.next !== null) {
            this.#trail.push(this.next);
            this.page = 0;
            return true;
        }
        if (step < 0 && this.#trail.length > 1) {
            this.#trail.pop();
            this.page = 0;
            return true;
        }
        return false;
    }

    find(name) {
        return this.locks.find((lock) => lock.name === name) ?? null;
    }

    /** The longest wait and the number of waiters in this batch. */
    get waiting() {
        let count = 0;
        let longest = 0;
        for (const lock of this.locks) {
            count += lock.waiters.length;
            longest = Math.max(longest, oldest(lock));
        }
        return { count, longest: count === 0 ? 0 : longest + this.elapsed };
    }

    /** The stuck locks, the longest wait first. */
    get stuck() {
        return this.locks.filter(shares.stuck.includes)
            .sort((a, b) => oldest(b) - oldest(a) || a.remaining_ms - b.remaining_ms);
    }

    /**
     * How many milliseconds an answer stays worth showing: until the first lock would need a look, or would be over,
     * unless it is renewed; from 1 to 5 seconds.
     */
    get freshFor() {
        let soonest = 5_000;
        for (const { ttl_ms: lease, remaining_ms: remaining } of this.locks) {
            soonest = Math.min(soonest, remaining > lease / 3 ? remaining - lease / 3 : remaining);
        }
        return Math.max(1_000, soonest + 30);
    }
}

/** A lock that was told `late` milliseconds after the batch began, as it was when the batch began. */
function earlier(lock, late) {
    return {
        ...lock,
        remaining_ms: lock.remaining_ms + late,
        age_ms: lock.age_ms - late,
        waiters: lock.waiters.map((waiter) => ({ ...waiter, age_ms: waiter.age_ms - late })),
    };
}
