/** What the help says about the page of queues. */

/** The keys of this page, for the help. */
export const queuesKeys = [
    [["/"], "Filter by a part of the name"],
    [["j", "↓"], "Next queue"],
    [["k", "↑"], "Previous queue"],
    [["Enter"], "Open the queue"],
    [["←", "→"], "Turn between what is shown of a queue, on its tabs"],
    [["p"], "Publish a message to the opened queue"],
    [["r"], "Ask the daemon again"],
    [["Esc"], "Close the details, empty the filter"],
    [["?"], "This help"],
];

/** The words of this page, for the help. */
export const queuesMarks = [
    ["Ready", "Can be delivered now. Oldest is the age of the oldest of them."],
    ["Waiting", "Behind an earlier message of their key, which is in flight or rests after a failure."],
    ["Delayed", "Until the time they were published for, or resting after a failed attempt."],
    ["In flight", "With a consumer, until it acknowledges, rejects, or loses its lease."],
    ["Dead", "Given up, with the reason, and parked until somebody redrives or drops them. They take room in the queue."],
    ["Used", "Of the capacity in messages or in bytes, whichever is more."],
    ["In/s, Out/s, Done/s", "Published, delivered, and acknowledged a second over the last ten seconds, from the totals that "
        + "the page has seen. Out counts every attempt."],
    ["Leases lost", "Deliveries that ran out of time without a word: consumers that died, or were too slow."],
];
