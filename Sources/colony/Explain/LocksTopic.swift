extension Topic {
    /// Whether this build has an engine for a scheme, in the width of the table.
    private static func here(_ scheme: String) -> String {
        EngineCatalogue.entry(scheme)?.make == nil ? "no " : "yes"
    }

    static let locks = Topic(
        name: "locks",
        summary: "what a lock among machines is, and which store gives what",
        text: """
            # Locks

            A lock among processes is a lease: the store grants a name to one owner for a while, and the owner renews it. It \
            has to be a lease, because a holder that dies cannot give anything back. The price is that a lease may end while \
            its holder is still at work: it was paused, or could not reach the store. Colony renews at a third of the lease, \
            counts the lease as lost a tenth before its end, cancels the work then, and numbers every grant, so that the \
            resource can refuse a late writer; see: colony explain fencing.

            # Which store gives what

            Reach says among whom a grant is exclusive. Survival says what a grant that was acknowledged outlives.

              store                reach     survives          in this build
              memory               process   nothing           yes   memory:
              SQLite file          host      loss of power     yes   sqlite:FILE
              Colony daemon        network   as its store      yes   http://HOST:PORT
              etcd                 network   loss of servers   \(here("etcd"))   etcd://HOST:PORT
              ZooKeeper            network   loss of servers   \(here("zookeeper"))   zookeeper://HOST:PORT
              PostgreSQL           network   loss of power     \(here("postgres"))   postgres://USER@HOST/DATABASE
              Redis, one server    network   nothing, or more  \(here("redis"))   redis://HOST:PORT
              Redis, replicas      network   nothing, or more  \(here("redis+cluster"))   redis+cluster://HOST:PORT
              Redlock, 3 or more   network   see below         \(here("redlock"))   redlock://HOST:PORT,HOST:PORT,HOST:PORT
              Consul               network   loss of servers   no

            A build with --traits AllEngines has all that can be had.

            - memory: tasks of one process. The reference, and for tests.
            - SQLite file: all processes of one host that open the file, on a local disk. A grant is on the disk (fsync) \
            before it is acknowledged. Time is counted from boot: a change of the wall clock neither ends nor prolongs a lease.
            - Colony daemon: every program that can reach it. One process on one host: while that host is down nobody gets a \
            lock, and holders lose theirs when they run out.
            - etcd and ZooKeeper agree by majority (Raft, Zab) before they answer; a minority of servers may be lost for ever. \
            The revision or the zxid of a grant is a fencing token. etcd's leader counts leases on its own clock; ZooKeeper \
            ends a session by the leader's clock. Colony takes etcd's and Curator's own layouts, so etcdctl lock, kazoo, and \
            Curator contend for the same locks.
            - PostgreSQL, one server: a grant is committed before it is acknowledged, and counted on the server's clock. With \
            ?mode=advisory, locks are those of pg_advisory_lock, which other programs may hold. Replicas that are not \
            synchronous may lose a grant in a failover.
            - Consul agrees by majority too (Raft), and gives LockIndex as a token. After a holder's session is declared dead it \
            refuses the lock to others for 15 seconds, the lock-delay, to let a stale holder notice.
            - Redis: the key of the published pattern, so redis-py's Lock contends for it; such a holder has no token. A \
            crash keeps a grant only if the append-only file is synced at each write (appendfsync always). Replicas are written after the answer, so a failover may grant \
            a lock that is held. Expiry is by the wall clock of the server. Redlock, several servers by majority, still \
            counts on clocks that do not jump and pauses that are short. The check of the token at the resource is what keeps \
            a stale holder out.

            # Choosing

            - One host: the SQLite file. Nothing to install, nothing to run.
            - Several hosts, and minutes without locks while one host restarts do no harm: the Colony daemon.
            - Several hosts, and a PostgreSQL that everything depends on anyway: PostgreSQL. One thing less to run.
            - Several hosts, and locks must outlive the loss of a server: etcd or ZooKeeper.
            - To do the same work less often, where twice does no harm: any of them, also Redis.

            Measure what a place really gives with: colony verify URL

            Read on: M. Burrows, "The Chubby lock service for loosely-coupled distributed systems", 2006. C. Gray, D. \
            Cheriton, "Leases", 1989. M. Kleppmann, "How to do distributed locking", 2016, and S. Sanfilippo's answer, "Is \
            Redlock safe?".
            """
    )
}
