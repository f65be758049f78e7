import ColonyCore
import ColonyEtcd
import ColonyPostgres
import ColonyRedis
import ColonyWorkloads
import ColonyZooKeeper

/// A kind of server that has an engine.
enum CoordinationKind: String, CaseIterable, Codable, Sendable {
    case redis
    case postgres
    case etcd
    case zookeeper

    /// How people write it.
    var title: String {
        switch self {
        case .redis: "Redis"
        case .postgres: "PostgreSQL"
        case .etcd: "etcd"
        case .zookeeper: "ZooKeeper"
        }
    }

    /// The least share of the raw client's pairs.
    var share: Double {
        switch self {
        case .redis, .postgres: 60
        case .etcd, .zookeeper: 70
        }
    }

    /// The longest hand-over in all but one of a hundred cases, in milliseconds.
    var handOverMilliseconds: Double {
        switch self {
        case .redis, .postgres: 10
        case .etcd, .zookeeper: 20
        }
    }

    /// Makes an engine on a URL, without I/O.
    static func open(_ text: String) throws -> StoreWorkloads.Opened {
        let url = try EngineURL(text)
        switch url.scheme {
        case "redis":
            let engine = try RedisLeaseEngine(url: url)
            return StoreWorkloads.Opened(engine) { await engine.close() }
        case "postgres":
            let engine = try PostgresLeaseEngine(url: url)
            return StoreWorkloads.Opened(engine) { await engine.close() }
        case "etcd":
            let engine = try EtcdLeaseEngine(url: url)
            return StoreWorkloads.Opened(engine) { engine.close() }
        case "zookeeper":
            let engine = try ZooKeeperLeaseEngine(url: url)
            return StoreWorkloads.Opened(engine) { await engine.close() }
        default:
            throw WorkloadError("there is no engine for \(text)")
        }
    }
}
