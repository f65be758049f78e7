extension Topic {
    static let transactions = Topic(
        name: "transactions",
        summary: "saga, TCC, two-phase commit, outbox: which one when",
        text: """
            # Transactions across services

            A database transaction ends at the border of its database. Beyond it nobody can promise at the same time that all \
            or nothing happens, that nobody sees half of it, and that nobody waits for anybody. Each way gives one of the three up.

              way                all or nothing       seen half done?    who is held up meanwhile
              saga               undone afterwards    yes                nobody
              TCC                reserved first       no, reserved       who wants what is reserved
              two-phase commit   by the databases     for a moment       who wants the rows, also after a crash
              outbox + inbox     one way only         until it arrives   nobody

            # Which one when

            - One database has it all: a transaction of that database. Move the data together if you can.
            - Something has to be told to others, and they cannot refuse it: an outbox. The message is stored in the \
            transaction that it tells of, and a relay brings it to a queue; the inbox at the other end drops repeats.
            - Several services, each of which may refuse, and what was done can be undone: a saga.
            - Several services, and half of it must not be seen, such as seats and money: TCC, if the services can reserve.
            - Several databases of one owner, and transactions of milliseconds: two-phase commit, and only there.

            # A saga

            Steps in a row or in parallel, each with a compensation that undoes it. One step may be the pivot, the point of no \
            return: before it every refusal turns the saga back, after it every step is repeated until it is done.

            - Refused is an answer: the participant has done nothing. A time-out is none: it may have been done, so it is asked \
            again with the same key, and nothing is undone on a guess.
            - Compensations are repeated until they are done. One that is refused needs a person: the saga is stuck.
            - Others see what is done so far. Lock what must not be seen, or mark it as pending.

              colony saga list --state stuck
              colony saga inspect order-4711
              colony saga retry order-4711 --note "the bank is back"

            # What a participant has to do

            - Once for each key: the same call comes again after every doubt. What it answered is stored with what it did.
            - Undo what may never have come: a compensation may be called for an action that never arrived.
            - Refuse an action that arrives after its compensation. The barrier of Colony does these three in one \
            transaction of SQLite or PostgreSQL.

            # What is not promised

            - Isolation. Between its steps a saga is in plain sight.
            - That compensation restores the world: a mail that was sent can only be followed by another one.
            - That it ends without people: what nobody can undo or do waits for a decision, and says so.

            Read on: H. Garcia-Molina, K. Salem, "Sagas", 1987. P. Helland, "Life beyond Distributed Transactions", 2007. G. \
            Pardon, C. Pautasso, "Atomic Distributed Transactions: A RESTful Design", 2014. J. Gray, "Notes on Data Base \
            Operating Systems", 1978.
            """
    )
}
