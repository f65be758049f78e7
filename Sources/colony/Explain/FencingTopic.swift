extension Topic {
    static let fencing = Topic(
        name: "fencing",
        summary: "how to keep a holder that was asleep from writing",
        text: """
            # Fencing

            A lease does not stop its holder. The holder looks at the clock, sees that the lease is good, and is then paused: \
            by the scheduler, a full disk, a virtual machine that is moved. It wakes after the lease has ended and another \
            owner has started, and writes. No check on the holder's side helps, because the pause can come after any check.

            # The token

            Every grant in Colony carries a number, the fencing token, greater than that of every earlier grant of the same \
            name, for ever: over releases, expiries, crashes, and restarts. The holder sends it with every write. The resource \
            remembers the highest it has seen, and refuses a lower one:

              holder A gets token 33, and is paused
              the lease ends; holder B gets token 34, and writes with 34
              A wakes and writes with 33: refused

            The compare and the write must be one atomic step at the resource; to look first and write later leaves the gap open.

            # How

            - A command: colony lock run exports COLONY_FENCING_TOKEN.
            - HTTP: send the header Colony-Fencing-Token, and let the server compare.
            - SQL, in the transaction that also writes:

              UPDATE fence SET token = :token WHERE name = :name AND token <= :token;
              -- no row changed: roll back, the lock was lost

            - Swift and SQLite: FencedResource of ColonySQLite does this inside your own GRDB transaction.
            - Files: write to a new name that contains the token, and let readers take the highest.

            # What it cannot do

            - A resource that cannot compare (a printer, a mail server, somebody else's API) cannot be fenced. Then make the \
            action idempotent, with a key of its own, or accept that it may happen twice.
            - Two resources are fenced one by one: between them a stale holder may still have written to the first.
            - Colony's SQLite store counts in its file. If the file is deleted, the count starts again, and a resource that \
            remembers higher tokens refuses them: that is the safe side, and somebody must then decide.

            # Without it

            colony lock run tells its command to end a tenth of the lease before anybody else can start, and kills it after \
            --grace. That covers most cases, and not the paused one. If twice does harm, fence.

            Read on: M. Kleppmann, "How to do distributed locking", 2016. M. Burrows, "The Chubby lock service", 2006, section \
            2.4 (sequencers).
            """
    )
}
