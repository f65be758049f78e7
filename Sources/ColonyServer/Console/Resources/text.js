/** How numbers and durations read. A narrow no-break space keeps a number and its unit together. */

const space = "\u202F";
const number = new Intl.NumberFormat("en");

/** A count with its thousands set apart. */
export function formatCount(value) {
    return number.format(value);
}

/** A count and its noun: `1 lock`, `2,000 locks`. */
export function counted(value, one, many = `${one}s`) {
    return `${formatCount(value)} ${value === 1 ? one : many}`;
}

/**
 * A duration with at most two units: `0.4 s`, `12 s`, `2 min 14 s`, `3 h 12 min`, `4 d 3 h`.
 *
 * @param {number} milliseconds Less than zero counts as zero.
 */
export function formatDuration(milliseconds) {
    const ms = Math.max(0, milliseconds);
    if (ms === 0) return `0${space}s`;
    if (ms < 950) return `${(Math.max(1, Math.round(ms / 100)) / 10).toFixed(1)}${space}s`;
    const seconds = Math.round(ms / 1000);
    if (seconds < 60) return `${seconds}${space}s`;
    if (seconds < 3600) return pair(Math.floor(seconds / 60), "min", seconds % 60, "s");
    const minutes = Math.floor(seconds / 60);
    if (minutes < 1440) return pair(Math.floor(minutes / 60), "h", minutes % 60, "min");
    const hours = Math.floor(minutes / 60);
    return pair(Math.floor(hours / 24), "d", hours % 24, "h");
}

/** A duration of which milliseconds matter: `12 ms`, `0.4 s`, then as `formatDuration` has it. */
export function formatSpan(milliseconds) {
    const ms = Math.max(0, Math.round(milliseconds));
    if (ms < 1000) return `${ms}${space}ms`;
    return ms < 10_000 ? `${Math.round(ms / 100) / 10}${space}s` : formatDuration(ms);
}

function pair(large, largeUnit, small, smallUnit) {
    const head = `${large}${space}${largeUnit}`;
    return small === 0 ? head : `${head} ${small}${space}${smallUnit}`;
}

/** The time of day to the second, in the reader's own time zone. */
export function formatTimeOfDay(date) {
    return date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
}

/** A size in the unit that leaves the fewest digits: `512 bytes`, `3.4 KiB`, `256 MiB`. */
export function formatBytes(count) {
    let value = count;
    for (const unit of ["bytes", "KiB", "MiB", "GiB"]) {
        if (value < 1024) return `${unit === "bytes" ? value : Math.round(value * 10) / 10}${space}${unit}`;
        value /= 1024;
    }
    return `${Math.round(value * 10) / 10}${space}TiB`;
}

/** A share from 0 to 1 with one digit behind the point. One that is not all is never shown as all. */
export function formatPercent(share) {
    const thousandths = share >= 1 ? 1000 : Math.min(999, Math.round(share * 1000));
    return `${(thousandths / 10).toFixed(1)}${space}%`;
}

/** A rate per second, with one digit behind the point where it matters. Some is never shown as none. */
export function formatRate(perSecond) {
    if (perSecond === 0) return "0";
    if (perSecond < 0.05) return "<\u202F0.1";
    if (perSecond < 10) return String(Math.round(perSecond * 10) / 10);
    return number.format(Math.round(perSecond));
}

const reach = { process: "within one process", host: "on this host", network: "on the network" };
const survival = {
    nothing: "end with the process",
    processCrash: "outlive a crash of the process",
    powerLoss: "outlive a loss of power",
    serverLoss: "outlive the loss of a server",
};

/**
 * What a grant of this server is worth, as a sentence.
 *
 * @param {{reach: string, survival: string}|string|undefined} guarantee As the server tells it, or `(host, powerLoss)`.
 */
export function formatGuarantee(guarantee) {
    if (guarantee === undefined || guarantee === null) return "";
    if (typeof guarantee === "string") {
        const parts = /^\(?\s*(\w+)\s*,\s*(\w+)\s*\)?$/.exec(guarantee);
        return parts === null ? guarantee : formatGuarantee({ reach: parts[1], survival: parts[2] });
    }
    const camel = (word) => String(word).replace(/_(\w)/g, (_, letter) => letter.toUpperCase());
    const where = reach[camel(guarantee.reach)] ?? String(guarantee.reach);
    const how = survival[camel(guarantee.survival)] ?? `survive ${guarantee.survival}`;
    return `Grants are exclusive ${where} and ${how}.`;
}
