/** What the help says about the page of the cluster. */

/** The keys of this page, for the help. */
export const clusterKeys = [
    [["/"], "Filter by the start of the node"],
    [["r"], "Ask the daemon again"],
    [["Esc"], "Empty the filter, leave it"],
    [["?"], "This help"],
];

/** The words of this page, for the help. */
export const clusterMarks = [
    ["Alive", "The member answers."],
    ["Suspected", "It did not answer somebody, and is taken for failed unless it contradicts in time."],
    ["Failed", "It did not contradict in time. It comes back by itself if it was only unreachable."],
    ["Left", "It has said good-bye."],
    ["Incarnation", "How often the member has contradicted, or has said something new of itself."],
    ["Ignored", "What came from elsewhere and was not taken: with another key or name of a cluster, of another version, twice, "
        + "or for somebody else. The metrics count it by reason."],
];
