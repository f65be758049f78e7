/** What the page of elections and the registry asks the daemon for. */

import { Problem } from "./api.js";

/** The groups that the blocks of Colony keep, by the beginning of their names. */
export const electionPrefix = "election/";
export const servicePrefix = "service/";

/** How many elections are looked at, each of which takes two requests; others are shown as groups. */
const mostElections = 100;

/** Which groups are shown as elections, and which as groups. */
export function split(found) {
    const led = found.filter(({ group }) => isElection(group)).slice(0, mostElections);
    const chosen = new Set(led);
    return { led, others: found.filter((group) => !chosen.has(group)) };
}

/** Anybody may write a group that only begins like that of an election, and the address of a lock takes no such name. */
function isElection(group) {
    return group.startsWith(electionPrefix) && !["", ".", ".."].includes(group.slice(electionPrefix.length));
}

/** Some groups in the order of their names, and whether there are more. */
export async function groups(api, prefix, pages) {
    const found = [];
    let next = null;
    for (let page = 0; page < pages; page += 1) {
        const query = new URLSearchParams();
        if (prefix !== "") query.set("prefix", prefix);
        if (next !== null) query.set("after", next);
        const answer = await api.ask("GET", `/v1/registry?${query}`);
        found.push(...answer.groups);
        next = answer.next ?? null;
        if (next === null) break;
    }
    return { found, hasMore: next !== null };
}

/** The records of a group. */
export async function records(api, group) {
    return (await api.ask("GET", `/v1/registry/${encodeURIComponent(group)}`)).records;
}

/**
 * Who leads the elections of some groups: the lease tells who and in which term, the record what the leader says.
 *
 * One that this token may not look at is unknown, and none of the others for that.
 */
export function elections(api, found) {
    return Promise.all(found.map(async ({ group }) => {
        const name = group.slice(electionPrefix.length);
        try {
            const [lease, said] = await Promise.all([api.lock(name), records(api, group)]);
            return { name, group, isKnown: true, ...judge(lease, said) };
        } catch (error) {
            if (!(error instanceof Problem) || error.status === 401 || error.status >= 500) throw error;
            return { name, group, isKnown: false, lease: null, metadata: null };
        }
    }));
}

/**
 * Who leads, as far as a lease and the records of its group tell.
 *
 * What is said of another term is what a former leader left behind, and is shown to nobody.
 */
export function judge(lease, said) {
    if (lease === null) return { lease: null, metadata: null };
    const record = said.find(({ key }) => key === "leader");
    const document = record === undefined ? null : parsed(record);
    const isOfTerm = document !== null && String(document.term) === String(lease.token);
    return { lease, metadata: isOfTerm ? document.metadata ?? null : null };
}

/** The name under which a leader campaigned, or its owner if it gave none. */
export function candidateName(owner) {
    const slash = owner.lastIndexOf("/");
    return slash < 0 ? owner : owner.slice(0, slash);
}

/** The value of a record as JSON, or `null` if it is none. */
export function parsed({ value }) {
    if (value === undefined) return null;
    try {
        const document = JSON.parse(value);
        return typeof document === "object" ? document : null;
    } catch {
        return null;
    }
}
