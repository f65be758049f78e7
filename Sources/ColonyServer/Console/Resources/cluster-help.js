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
    ["Keys", "The share of all keys that is the member's on the standard ring of those that are there."],
    ["Leader", "The one that a majority of the voters has elected. It knows that it leads no more before another one can."],
    ["Term", "The number of a leadership, greater than that of every one before: its fencing token."],
    ["Votes", "It elects the leader, and can be elected. One that looks on is only told."],
    ["Incarnation", "How often the member has contradicted, or has said something new of itself."],
    ["Ignored", "What came from elsewhere and was not taken: with another key or name of a cluster, of another version, twice, "
        + "or for somebody else. The metrics count it by reason."],
];
