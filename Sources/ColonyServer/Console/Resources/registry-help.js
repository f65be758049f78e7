/** What the help says about the page of elections and of the registry. */

/** The keys of this page, for the help. */
export const registryKeys = [
    [["/"], "Filter by the start of the group"],
    [["j", "↓"], "Next election or group"],
    [["k", "↑"], "Previous election or group"],
    [["Enter"], "Go to the lease of the election, or show the records"],
    [["r"], "Ask the daemon again"],
    [["Esc"], "Empty the filter, leave it"],
    [["?"], "This help"],
];

/** The words of this page, for the help. */
export const registryMarks = [
    ["Leader", "Who holds the lease of the election now, and what it says of itself in this term. What a former leader "
        + "has said is not shown."],
    ["Term", "The fencing token of the lease: greater for every leader. A resource that refuses an older one keeps a "
        + "former leader out."],
    ["Group", "Records that are read and watched as a whole: the instances of a service, configuration, latches and "
        + "barriers. It is there while it has records. Only elections whose leader has said something are listed."],
    ["Permanent", "The record stays until it is removed. Others belong to an owner, and run out unless it renews them."],
    ["Version", "Greater after every write of a record. A record is removed only in the version that is shown."],
];
