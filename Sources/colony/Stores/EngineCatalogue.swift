import ColonyCore
import ColonyRedis

#if Etcd
import ColonyEtcd
#endif
#if Postgres
import ColonyPostgres
#endif
#if ZooKeeper
import ColonyZooKeeper
#endif

/// The coordination servers of others that this program can work on: which URL leads to which engine.
enum EngineCatalogue {
    /// One kind of server.
    struct Entry: Sendable {
        /// The schemes of its URLs.
        let schemes: [String]
        /// A URL as one writes it.
        let example: String
        /// The package trait that a build needs for it; `nil` if every build has it.
        let trait: String?
        /// What it has of this program's, for those who ask for something else.
        var keeps = "locks and numbers"
        /// Makes the engine without I/O; `nil` if this build has none.
        let make: (@Sendable (EngineURL) throws -> Opened)?
    }

    /// An engine, and how what it holds open is closed.
    struct Opened: Sendable {
        let engine: any LeaseEngine
        let close: @Sendable () async -> Void
    }

    static let entries: [Entry] = [
        Entry(
            schemes: ["redis", "rediss", "redis+cluster", "rediss+cluster"], example: "redis://HOST:PORT", trait: nil,
            make: { url in
                let engine = try RedisLeaseEngine(url: url)
                return Opened(engine: engine) { await engine.close() }
            }),
        Entry(
            schemes: ["redlock"], example: "redlock://HOST:PORT,HOST:PORT,HOST:PORT", trait: nil, keeps: "locks",
            make: { url in
                let engine = try RedlockLeaseEngine(url: url)
                return Opened(engine: engine) { await engine.close() }
            }),
        Entry(schemes: ["zookeeper"], example: "zookeeper://HOST:PORT", trait: "ZooKeeper", make: Self.zookeeper),
        Entry(schemes: ["etcd", "etcds"], example: "etcd://HOST:PORT", trait: "Etcd", make: Self.etcd),
        Entry(
            schemes: ["postgres", "postgresql"], example: "postgres://USER@HOST:PORT/DATABASE", trait: "Postgres",
            make: Self.postgres),
    ]

    /// The kind of server that a scheme is of.
    static func entry(_ scheme: String) -> Entry? { Self.entries.first { $0.schemes.contains(scheme) } }

    #if ZooKeeper
    private static let zookeeper: (@Sendable (EngineURL) throws -> Opened)? = { url in
        let engine = try ZooKeeperLeaseEngine(url: url)
        return Opened(engine: engine) { await engine.close() }
    }
    #else
    private static let zookeeper: (@Sendable (EngineURL) throws -> Opened)? = nil
    #endif

    #if Etcd
    private static let etcd: (@Sendable (EngineURL) throws -> Opened)? = { url in
        let engine = try EtcdLeaseEngine(url: url)
        return Opened(engine: engine) { engine.close() }
    }
    #else
    private static let etcd: (@Sendable (EngineURL) throws -> Opened)? = nil
    #endif

    #if Postgres
    private static let postgres: (@Sendable (EngineURL) throws -> Opened)? = { url in
        let engine = try PostgresOptions.leaseEngine(at: url)
        return Opened(engine: engine) {
            await (engine as? PostgresLeaseEngine)?.close()
            await (engine as? PostgresAdvisoryLeaseEngine)?.close()
        }
    }
    #else
    private static let postgres: (@Sendable (EngineURL) throws -> Opened)? = nil
    #endif
}
