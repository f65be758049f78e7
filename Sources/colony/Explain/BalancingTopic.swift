extension Topic {
    static let balancing = Topic(
        name: "balancing",
        summary: "which endpoint takes the next call, and who is left alone for a while",
        text: """
            # Load balancing

            Spreading calls evenly is easy and not the point. The point is what happens when one endpoint is slow, new, or dead, and \
            the others are not.

              algorithm                looks at                        fits
              round-robin, random      nothing                         calls that are alike, endpoints that are alike
              weighted-…               weights                         the same, endpoints of different size
              least-request            calls under way, of two         most services; the default
              least-request-of-all     calls under way, of all         one caller alone
              peak-ewma                latency and calls, of two       endpoints that differ in speed
              ring-hash, maglev,       a key                           endpoints that remember something for a key
              rendezvous
              bounded-ring-hash        a key, then load                the same, with keys of very different weight
              ip-hash                  the caller's address            old protocols

            # Two choices are enough

            Of two endpoints that chance draws, take the one with fewer calls under way. It is nearly as good as looking at all of them, \
            costs as little as chance, and callers who do not know of each other do not all run to the one that was idle a moment ago.

            # Who fails fast looks idle

            An endpoint that refuses every call at once has nothing under way and answers in no time: whoever looks at load or latency \
            only sends it more and more. So calls that fail have to be judged as well. Ejection takes an endpoint out for a while when \
            its calls fail in a row, or much more often than those of the others, never more than a share of all.

            # Two kinds of health

            A check asks an endpoint by itself: it finds out before a call has to, and it asks a page that was made to be asked. Calls \
            ask for what is really needed. Neither knows everything, so an endpoint has to pass both.

            # When nobody is well

            Either fail at once, or ignore health and spread calls over all, because checks may be wrong and some calls get through. The \
            second is called panic. It is off unless you ask for it: --panic 0.5.

            # New endpoints are cold

            Caches are empty and code is not compiled. A slow start gives an endpoint its share little by little.

              colony proxy --listen 127.0.0.1:8080 --upstream 10.0.0.1:80 --upstream 10.0.0.2:80 --check http:/healthz

            # What is not promised

            Proxies do not tell each other what is under way: each sees its own calls. With many of them, two choices still work, because \
            chance spreads what they do not know.
            """
    )
}
