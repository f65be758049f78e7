extension Topic {
    static let resilience = Topic(
        name: "resilience",
        summary: "what to put around a call that may fail, and in which order",
        text: """
            # Resilience

            A call to another machine can fail, take too long, or have happened although it seemed to fail. What is put around \
            it decides whether one slow dependency stays one slow dependency, or takes everything down that calls it.

              layer                  answers the question                      refuses with
              Deadline, Timeout      how long may this take?                   deadline exceeded
              Retry                  is it worth to try again?                 the last error
              CircuitBreaker         is it worth to try at all?                circuit open, when to come back
              RateLimiter            how often may I?                          rate limited, when to come back
              Bulkhead               how many at a time may I?                 bulkhead full
              AdaptiveConcurrency    how many at a time can it take?           bulkhead full
              LoadShedder            which of my callers matter most now?      shed
              Hedge                  is a second copy quicker than this one?   –
              Failover, Fallback     who else can answer, and with what?       none available
              Idempotency            has this been done already?               the stored outcome

            # The order, from the outside

            1. A timeout for the whole call, retries included.
            2. Retry. Each attempt passes what follows.
            3. Circuit breaker, so that it sees each attempt, and an open one is not asked before its wait is over.
            4. Rate limiter, which counts each attempt.
            5. Bulkhead, so that nobody waits or sleeps with a place in it.
            6. A timeout for one attempt.

            A shedder stands outermost, on the side of the server: what is refused should have cost nothing. A fallback stands \
            around everything.

            # Retries make outages

            Three layers that try three times each make 27 calls of one, just when the other side can take the least. So:

            - One layer retries, the one nearest to the failure.
            - A budget bounds what retries add, such as a fifth of the calls. When everything fails, nothing is repeated.
            - Waits grow, and are drawn by chance, so that those who failed together do not come back together.
            - Only what is safe is repeated: what was certainly not done, or has the same effect once and twice.
            - A deadline ends it all. Nobody works for a caller who has gone away.

            # What a failure says

            Refused is not failed: a breaker, a limiter, and a full bulkhead have not started the call. A time-out is not a failure \
            either: the call may have had its effect. Whoever repeats it needs an idempotency key, or an operation that does \
            not mind.

            # Limits that many processes share

            One process counts in its memory, in nanoseconds. To hold one limit over many processes, ask a store each time, or \
            lease a few permits and grant them locally; then state by how much the limit may be exceeded. Decide before the \
            outage what happens when the store is down: let through (a limit that protects a quota), or refuse (one that \
            protects a thing that breaks).

              colony limit take mail --rate 100 --per 60s --burst 20 && ./send-mail

            # What is not promised

            - That a breaker knows what others have seen: each process counts for itself. An operator can move all of them \
            at once, in the console.
            - That cancelling stops work elsewhere: the other side learns it only if it looks at the deadline that it was sent.
            - That a limit smooths: a burst is allowed as such. A leaky bucket spaces calls evenly.

            Read on: M. Nygard, "Release It!", 2nd edition, 2018. B. Beyer et al., "Site Reliability Engineering", chapters 21 \
            and 22, 2016. M. Brooker, "Exponential Backoff And Jitter", 2015. J. Dean, L. Barroso, "The Tail at Scale", 2013.
            """
    )
}
