extension Topic {
    static let queues = Topic(
        name: "queues",
        summary: "what a message queue promises, and RabbitMQ, Kafka, RocketMQ, Redis Streams, and Pulsar beside it",
        text: """
            # Queues

            A queue takes work from programs that have no time for it and gives it to programs that do, later, once more after a \
            failure, and never to two at the same time. Between them either may crash.

              engine          reach        a confirmed message outlives
              memory:         one process  nothing
              sqlite:FILE     one host     a loss of power
              http://HOST     the network  a loss of power of the daemon's host

            # What delivery means

            - At most once: forget before the work. A crash loses the message.
            - At least once: forget after the work. A crash, or a lease that ran out, repeats it. This is what Colony gives.
            - Exactly once does not exist between a queue and a foreign system; at least once and work that may be repeated do. Keep the \
            number of the message with what was done, in the same transaction, and skip what is there.

            A consumer has a message for the time of a lease, which is extended while it works. A receipt is good for one delivery: who \
            comes late is refused. Attempts count when a message is handed out, so that one that kills its process is found out too, and \
            after the delivery limit it is a dead letter, with the reason and the history, and waits for a person.

            Order and speed pull apart: whole queues in order have one worker. Order per key is the usual answer, and messages of \
            one customer wait for each other and for nobody else. Where keys take turns (fair), a customer with very many messages keeps \
            nobody waiting either.

            # Others

              system          order                  delay                  tried again
              Colony          per key, or priority   any, to a century      after a rest that grows, counted
              RabbitMQ        of a queue             TTL or a plugin        at once, counted by quorum queues
              Kafka           of a partition         no                     share groups: counted; else by offset
              RocketMQ        of a message group     to 24 h by default     after a rest that grows, counted
              Redis Streams   of a stream            no                     another consumer claims it, counted
              Pulsar          of a partition or key  any, shared types      after a rest, counted

              system          dead letters           replay       confirmed means, by default
              Colony          with reason, history   topics       fsync on one disk
              RabbitMQ        an exchange, if named  streams      quorum queues: on most nodes' disks
              Kafka           share groups, if set   yes          on all replicas in sync, fsync later
              RocketMQ        a topic per group      yes          in memory of the broker, fsync later
              Redis Streams   by yourself            yes          in memory, fsync as configured
              Pulsar          a topic, if set        yes          fsync on several bookies

            RabbitMQ drops what exceeds its delivery limit, 20 by default for quorum queues, unless a dead-letter exchange is \
            named. Kafka has queues by record, share groups, since 4.0, ready for production since 4.2. RocketMQ stretches \
            its 24 hours by configuration. Pulsar delays for subscriptions of the types shared and key-shared.

            # How fast

            Logs that are read in order, Kafka, Pulsar, and RocketMQ, reach millions of messages a second on several hosts. Brokers that \
            settle each message by itself, RabbitMQ and Colony, reach tens to hundreds of thousands on one; Redis about as much in memory. \
            colony bench queues measures yours.

            # What to take

            - Jobs of one service, or of one host: the embedded engine. There is nothing to install and nothing to lose.
            - Programs in several languages on a few hosts: the daemon.
            - A log that many read again for years, or a cluster that must go on without any one of its hosts: Kafka or Pulsar.
            - Routing by rules among many teams: RabbitMQ, or exchanges.

            Try: echo hello | colony queue publish demo, then colony queue consume demo --count 1 -- cat.

            Read on: P. Helland, "Life beyond Distributed Transactions", 2007. J. Kreps, "The Log", 2013. Y. Huang, H. Garcia-Molina, \
            "Exactly-once semantics in a replicated messaging system", 2001. The documentation of each system.
            """
    )
}
