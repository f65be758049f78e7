extension Topic {
    static let hashing = Topic(
        name: "hashing",
        summary: "where a key belongs when servers come and go, and which way to find it",
        text: """
            # Placing keys

            The hash of a key modulo the number of servers moves nearly all keys when a server comes or goes. The ways below \
            move little more than the keys of that server, with no table that servers would have to agree on: whoever \
            knows the members computes the same place.

              way          a look-up     memory         weights   takes away
              HashRing     log of all    all points     yes       any server
              Rendezvous   all servers   none           yes       any server
              Maglev       one read      one table      yes       any server
              JumpHash     log n steps   none           no        the last only
              Ketama       log of all    all points     yes       any server

            - HashRing: the usual choice. Gives replicas on distinct servers and zones, and bounds loads.
            - Rendezvous: shares as even as chance makes them, without a table, for few servers.
            - Maglev: the fastest look-up, for balancers. A change moves a few keys more than it must.
            - JumpHash: for shards that are numbered and never lost, only added or taken off the end.
            - Ketama: where keys must be found that libmemcached placed. Not for new things.

            # Balance

            A point on a ring takes a share by chance. More points for a server make shares more even: about 160 bring the \
            fullest of a hundred servers within a quarter of the mean. One key that everybody asks for stays on one server \
            whatever the way; bounded loads hand the rest to the next one.

            # Hashes

            XXH3 is fast on long and short keys. None of these hashes is for passwords or signatures: who may choose the \
            keys can make them collide.

            Read on: D. Karger et al., "Consistent hashing and random trees", 1997. D. Thaler, C. Ravishankar, "Using \
            name-based mappings to increase hit rates", 1998. J. Lamping, E. Veach, "A fast, minimal memory, consistent \
            hash algorithm", 2014. D. Eisenbud et al., "Maglev", 2016. V. Mirrokni et al., "Consistent hashing with bounded \
            loads", 2018.
            """
    )
}
