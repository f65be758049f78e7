extension Topic {
    static let base = Topic(
        name: "base",
        summary: "what is left when a system answers first and agrees later",
        text: """
            # BASE

            Basically available, soft state, eventually consistent: a name, chosen as the opposite of ACID, for systems that \
            answer first and agree later.

            - Basically available: each part answers from what it has. The failure of one part does not stop the others.
            - Soft state: what a part holds may change without a request to it, because news from other parts arrives.
            - Eventually consistent: when writes stop, all parts come to hold the same. It does not say when, nor what a \
            reader sees until then.

            # What it costs

            Two readers may see two states. A writer may not see its own write. Of two writes at the same time one may vanish \
            without a word, unless the data is made so that both can be kept: sets that only grow, counters per writer \
            (CRDTs), or versions that the application merges. Rules over several records ("no seat is sold twice") cannot be \
            kept by merging; they need one place that decides.

            # What makes it bearable

            - Idempotence: the same message twice has the effect of one. Deliveries do repeat.
            - Session guarantees: read your own writes, and never go back in time, by staying with one replica or carrying a \
            version along.
            - Compensation: what cannot be rolled back is made good by a further step (a saga).
            - A bound: "eventually" that is measured and alarmed on is worth much more than the word.

            # BASE or a lock?

            Use a lock, or another decision by one place, when being wrong cannot be repaired: money sent twice, a seat sold \
            twice, two nightly jobs writing one file. Use BASE when a stale answer is better than none and a merge is \
            possible: a shopping basket, a counter of views, a cache. Many systems do both: one small lock or ledger that is \
            exact, and much around it that only follows.

              colony lock run settle-accounts -- ./settle.sh

            Read on: D. Pritchett, "BASE: an ACID alternative", ACM Queue, 2008. W. Vogels, "Eventually consistent", 2009. \
            P. Bailis, A. Ghodsi, "Eventual consistency today: limitations, extensions, and beyond", 2013.
            """
    )
}
