package import ColonyCore
import ColonyEtcd
import ColonyPostgres
import ColonyRedis
import ColonyRemote
import ColonySQLite
import ColonyZooKeeper

/// Makes the engine of a URL, by the schemes that the command line has.
package enum EngineUnderFaults {
    /// - Throws: ``NoSuchEngine``, or what the engine says of its URL.
    package static func make(_ text: String) throws -> any LeaseEngine {
        let url = try EngineURL(text)
        switch url.scheme {
        case "sqlite": return SQLiteLeaseEngine(path: url.path)
        case "http", "https": return try RemoteLeaseEngine(url: url)
        case "redis": return try RedisLeaseEngine(url: text)
        case "redlock": return try RedlockLeaseEngine(url: text)
        case "flawed": return try FlawedEngine(url)
        #if Postgres
        case "postgres": return try PostgresLeaseEngine(url: url)
        #endif
        #if Etcd
        case "etcd": return try EtcdLeaseEngine(url: url)
        #endif
        #if ZooKeeper
        case "zookeeper": return try ZooKeeperLeaseEngine(url: url)
        #endif
        default: throw NoSuchEngine(description: "there is no engine for \(url)")
        }
    }
}

/// A URL that stands for none of the engines.
package struct NoSuchEngine: Error, CustomStringConvertible {
    package let description: String
}
