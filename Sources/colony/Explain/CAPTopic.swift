extension Topic {
    static let cap = Topic(
        name: "cap",
        summary: "what a store must give up while the network is cut",
        text: """
            # CAP

            A store that runs on several servers can be cut in two: both halves run, and no message passes between them. CAP \
            says what is possible then. A request that reaches one half can be answered without knowing what the other half \
            does, or it can be refused. It cannot be answered with certainty. So during a cut a store keeps one of two \
            promises:

            - C, consistency: every answer is as if there were one copy (linearizability). The half that cannot know refuses.
            - A, availability: every server that is up answers every request. Some answers are stale, or are undone later.

            P, the cut, is not a choice. Networks do fail: a switch, a firewall rule, a pause of a virtual machine that looks \
            the same from outside. "CA" therefore only says that a system was not built with a cut in mind.

            # What it means for locks

            A lock that two can hold is no lock, so a lock service chooses C. Where the majority of its servers is, it works; \
            elsewhere it refuses, and holders there lose their leases. etcd, ZooKeeper, and Consul are built so. Redis is not: \
            its replicas are written after the answer, so a failover may forget a lock that was granted.

            # What it does not say

            - Nothing about the time when the network is whole. Then the choice is between latency and consistency: the \
            quorum's round trips are paid on every write. (PACELC: if Partition, A or C; Else, Latency or Consistency.)
            - Nothing about one machine. The SQLite file of Colony is on one host: no network can cut it in two, and no \
            network can reach it while the host is down.
            - Nothing about clients. One that is cut off from the store for longer than its lease has lost it, whatever the \
            store chose; see: colony explain fencing.

            # In Colony

            An engine states its guarantee as a value, reach and survival, and code can demand one:

              try DistributedLock("orders/42", on: engine, requiring: .linearizable)

            fails when it is configured on an engine that cannot keep the promise, with a sentence that says why.

            Read on: S. Gilbert, N. Lynch, "Brewer's conjecture and the feasibility of consistent, available, \
            partition-tolerant web services", 2002. M. Kleppmann, "A critique of the CAP theorem", 2015. D. Abadi, \
            "Consistency tradeoffs in modern distributed database system design", 2012 (PACELC).
            """
    )
}
