extension Topic {
    static let caches = Topic(
        name: "caches",
        summary: "what to keep at hand, how it goes stale, and what a shared cache promises",
        text: """
            # Caches

            A cache keeps answers near, so that the store behind it is asked less often. What it holds may be old, and it may \
            be gone at any moment: whatever must not be lost belongs in the store.

              where          a look-up       shared by            gone with
              Cache          30 nanoseconds  one process          the process
              daemon         100 microsec.   all programs         the daemon
              Redis          100 microsec.   all programs         its configuration says
              memcached      100 microsec.   all programs         its server

            - Cache: in the memory of a Swift program, bounded by count or weight. The first choice.
            - TieredCache: that, in front of one of the others, told by it of what other programs change.
            - daemon: GET, PUT, and DELETE /v1/cache/KEY, in any language, with entity tags to compare and set.

            # What goes when there is no room

            LRU gives up what was not used for longest; a single scan over many keys empties it. LFU keeps what was used most, \
            also long after. W-TinyLFU and S3-FIFO let newcomers prove themselves first. Which does best depends on what is asked for; the \
            default watches and follows, and colony bench caches measures all on a trace of your own.

            # When entries end

            Give every entry a time to live, if only a long one: it bounds how long a mistake lasts. Entries that were stored \
            together end together, and the store behind is asked for all at once; a little chance in each time spreads them.

            # When the store changes

            - Cache-aside: write the store, then delete the entry. Do not write the entry: two writers may do it in \
            the other order. A reader that loaded before the change may still store what it loaded, unless it compares.
            - Write-through: both in one call, the store first. Write-behind: the store later, and a crash loses what waits.
            - An entry that many want and nobody has is loaded once, and the others wait: single-flight. Between hosts a \
            lock does the same.

            # What is not promised

            - That what was stored is found: it may be given up at any moment.
            - That two caches agree: a message of a change takes time, and after a gap in the messages everything is in doubt.
            - Order between a cache and the store behind it, unless writers compare versions.

            Try: colony cache set greeting hello --ttl 10m, then colony cache get greeting.

            Read on: G. Einziger, R. Friedman, B. Manes, "TinyLFU", 2017. J. Yang et al., "FIFO queues are all you need for \
            cache eviction", 2023. R. Nishtala et al., "Scaling Memcache at Facebook", 2013.
            """
    )
}
