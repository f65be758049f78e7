extension Topic {
    static let ids = Topic(
        name: "ids",
        summary: "which kind of identifier for what, and what none of them promises",
        text: """
            # Identifiers

            An identifier that is made without asking anybody has to be unique by chance or by a number that only its maker \
            has. One that begins with the time sorts by age and fills an index from one end, and tells everybody its age.

              kind        bits   order                 guessable   asks
              uuid4       128    none                  no          nobody
              uuid7       128    time, per process     hardly      nobody
              ulid        128    time, per process     the next    nobody
              snowflake    63    time, per worker      yes         a store, every second or so
              segment      63    by range              yes         a store, once for each range

            - uuid4: 122 bits of chance. The choice if the age is nobody's business, or if guessing must be hopeless.
            - uuid7: milliseconds and chance (RFC 9562, section 5.7). Those of one process rise strictly, also within a \
            millisecond and when the clock steps back. The choice for the key of a table, if 16 bytes do no harm.
            - ulid: the same idea in 26 letters that sort as the number does. Those of one millisecond are consecutive.
            - snowflake: 8 bytes: time, datacenter, worker, sequence. The classic layout gives 4,096 in a millisecond for \
            each of 1,024 workers (32 datacenters of 32), and ends in 2093.
            - segment: 1, 2, 3 … in ranges, for people who read numbers. Gaps stay where a process ended within its range.

            No identifier is a secret. Who may guess the next one must be refused by a check of rights.

            # JavaScript

            A number in JavaScript has 53 bits, and JSON.parse rounds what is longer without a word. So Colony writes a snowflake \
            in JSON as text. The layout javascript-safe stays within 53 bits: 64 workers of 102,400 ids a second.

            # Worker numbers

            Two nodes with one worker number would issue the same snowflakes. Colony leases the number from a store, stops \
            in the last tenth of a lease that was not renewed, and gives it back at the end. Numbers are used again, so that \
            containers that come and go do not use them up.

            # When the clock goes back

            A node counts on within its last tick over a small step, and refuses after a large one. The moments that it will \
            use are reserved in the store before: a restart on an earlier clock, or a second holder of the number, finds \
            none that was used. The clock sets the order of identifiers, never their uniqueness.

            # What is not promised

            - Order among nodes: their clocks differ, so a later snowflake may be the smaller one.
            - Numbers without gaps: a crash, a lost answer, a quiet tick leave some out.
            - Uniqueness among namespaces of snowflakes, among tags of segments, or after the store was lost or restored \
            from an old copy.

            Try: colony id new --kind uuid7, and colony id parse with what it printed.

            Read on: RFC 9562, "Universally Unique IDentifiers", 2024. Twitter, "Announcing Snowflake", 2010. Meituan, \
            "Leaf", 2017.
            """
    )
}
