import ArgumentParser
import ColonyCaches
import ColonyCore
import ColonyMemcached
import ColonyRedis
import ColonyRemote

/// Where the cache is: the options that every command about caches has.
struct CacheStoreOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Work on Redis or memcached directly, such as redis://127.0.0.1:6379 or memcached://10.0.0.5,10.0.0.6. "
                + "(default: $COLONY_STORE, if it is one of these)", valueName: "url"))
    var store: String?

    @Option(
        help: ArgumentHelp(
            "Ask a daemon, with the token in $COLONY_TOKEN if it wants one. "
                + "(default: $COLONY_SERVER, or \(CachePlace.defaultServer))", valueName: "url"))
    var server: String?

    mutating func validate() throws {
        if self.store != nil, self.server != nil {
            throw ValidationError("--store and --server exclude each other: give the one that has the cache.")
        }
    }

    /// The place that the options, or else the environment, name.
    func place() throws -> CachePlace {
        if let store { return try CachePlace(store: store, origin: "--store") }
        if let server { return try CachePlace(server: server, origin: "--server") }
        let server = Environment["COLONY_SERVER"]
        // The store of the locks is most often a file, in which there is no cache.
        if let store = Environment["COLONY_STORE"], CachePlace.isStore(store) {
            guard server == nil else {
                throw Failure(
                    "invalid_request",
                    "COLONY_STORE and COLONY_SERVER both name a cache. Unset one, or give --store or --server.",
                    exitCode: .usage)
            }
            return try CachePlace(store: store, origin: "COLONY_STORE")
        }
        return try CachePlace(
            server: server ?? CachePlace.defaultServer, origin: server == nil ? "the default" : "COLONY_SERVER")
    }

    /// Runs `body` with the cache at that place, and closes the connections to it afterwards.
    func withTier<Value>(_ body: (any CacheTier) async throws -> Value) async throws -> Value {
        let tier = try await self.place().makeTier()
        do {
            let value = try await body(tier)
            await tier.close()
            return value
        } catch {
            await tier.close()
            throw error
        }
    }
}

/// A place where entries are cached.
enum CachePlace {
    case daemon(EngineURL)
    case redis(RedisCacheTierOptions)
    case memcached(MemcachedOptions)

    static let defaultServer = "http://127.0.0.1:7400"

    private static let redisSchemes = ["redis", "rediss", "redis+cluster", "rediss+cluster"]
    private static let daemonSchemes = ["http", "https"]

    /// Whether a URL names a cache and not only a store of locks.
    static func isStore(_ text: String) -> Bool {
        let scheme = text.prefix { $0 != ":" }.lowercased()
        return (self.redisSchemes + self.daemonSchemes + ["memcached"]).contains(scheme)
    }

    /// - Parameter origin: The option or variable that the text comes from, for the error.
    init(store text: String, origin: String) throws {
        let url = try Self.parse(text, origin: origin)
        switch url.scheme {
        case _ where Self.daemonSchemes.contains(url.scheme):
            try self.init(server: text, origin: origin)
        case _ where Self.redisSchemes.contains(url.scheme):
            do {
                var options = try RedisCacheTierOptions(url: text)
                options.readsTimeToLive = true
                self = .redis(options)
            } catch {
                throw Failure("invalid_request", "\(origin): \(error.message)", exitCode: .usage)
            }
        case "memcached":
            self = .memcached(try Self.memcached(url, origin: origin))
        default:
            throw Failure(
                "invalid_request",
                "\(origin) \(NameRules.quoted("\(url)")): there is no cache in \(url.scheme). Caches are redis://HOST:PORT, "
                    + "rediss://HOST:PORT, redis+cluster://HOST:PORT, memcached://HOST:PORT, and http://HOST:PORT.",
                exitCode: .usage)
        }
    }

    init(server text: String, origin: String) throws {
        let url = try Self.parse(text, origin: origin)
        guard Self.daemonSchemes.contains(url.scheme), url.hosts.count == 1 else {
            throw Failure(
                "invalid_request",
                "\(origin) \(NameRules.quoted("\(url)")) is not a daemon's address; \(Self.defaultServer) is one.",
                exitCode: .usage)
        }
        self = .daemon(url)
    }

    private static func parse(_ text: String, origin: String) throws -> EngineURL {
        do {
            return try EngineURL(text)
        } catch {
            throw Failure("invalid_request", "\(origin): \(error)", exitCode: .usage)
        }
    }

    private static func memcached(_ url: EngineURL, origin: String) throws -> MemcachedOptions {
        func refused(_ reason: String) -> Failure {
            Failure("invalid_request", "\(origin) \(NameRules.quoted("\(url)")): \(reason)", exitCode: .usage)
        }
        guard url.user == nil, url.password == nil, url.path.isEmpty || url.path == "/", url.options.isEmpty else {
            throw refused("memcached://HOST:PORT,HOST:PORT has nothing but servers.")
        }
        let servers = try url.hosts.map { host in
            let isBracketed = host.hasPrefix("[")
            let colon = host.lastIndex(of: ":")
            guard let colon, !isBracketed || host[..<colon].hasSuffix("]") else {
                return MemcachedServer(isBracketed ? String(host.dropFirst().dropLast()) : host)
            }
            guard let port = UInt16(host[host.index(after: colon)...]), port > 0 else {
                throw refused("\(NameRules.quoted(host)) is not HOST or HOST:PORT with a port from 1.")
            }
            let name = host[..<colon]
            return MemcachedServer(String(isBracketed ? name.dropFirst().dropLast() : name), port: port)
        }
        guard !servers.isEmpty else { throw refused("it names no server.") }
        return MemcachedOptions(servers: servers)
    }

    /// The cache at this place. A daemon is asked what it takes.
    func makeTier() async throws -> any CacheTier {
        do throws(CacheError) {
            switch self {
            case .daemon: return try await self.makeRemoteTier()
            case .redis(let options): return try RedisCacheTier(options)
            case .memcached(let options): return try MemcachedCacheTier(options)
            }
        } catch {
            throw error
        }
    }

    /// The cache of the daemon at this place.
    ///
    /// - Throws: ``CacheError`` with `invalidRequest` for a place that is no daemon.
    func makeRemoteTier() async throws(CacheError) -> RemoteCacheTier {
        guard case .daemon(let url) = self else {
            throw CacheError(
                .invalidRequest,
                "statistics are a daemon's: give --server, and ask Redis and memcached with their own tools")
        }
        return try await RemoteCacheTier.connect(to: url, token: Environment["COLONY_TOKEN"])
    }
}
