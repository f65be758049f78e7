import ArgumentParser
import ColonyCore
import ColonyMemory
import ColonyRedis
import ColonyRemote
import ColonyResilience
import ColonySQLite

extension StorePlace {
    /// The limits at this place. Nothing is opened yet, but the data directory is made.
    func makeLimitEngine() throws -> any RateLimitAdministration {
        switch self {
        case .file(let directory):
            try directory.create()
            return SQLiteRateLimitEngine(path: directory.store)
        case .url(let url) where url.scheme == "sqlite":
            return SQLiteRateLimitEngine(path: url.path)
        case .url(let url) where url.scheme == "memory":
            return MemoryRateLimitEngine()
        case .url(let url):
            if let engine = try Self.redisLimits(url) { return engine }
            if let entry = EngineCatalogue.entry(url.scheme) {
                throw Failure("invalid_request", "\(url) keeps \(entry.keeps), and no limits.", exitCode: .usage)
            }
            return try RemoteRateLimitEngine(url: url, token: Environment["COLONY_TOKEN"])
        }
    }

    /// The limits of a Redis; `nil` for another kind of server.
    static func redisLimits(_ url: EngineURL) throws -> RedisRateLimitEngine? {
        guard EngineCatalogue.entry(url.scheme)?.schemes.contains("redis") == true else { return nil }
        do {
            return try RedisRateLimitEngine(url: url)
        } catch {
            throw Failure("invalid_request", error.message, exitCode: .usage)
        }
    }
}

/// The name of a limit on the command line.
struct LimitNameArgument: ParsableArguments {
    @Argument(
        help: ArgumentHelp("The limit: 1 to 255 bytes of UTF-8 without control characters.", valueName: "name"),
        transform: { try RateLimitName($0) })
    var name: RateLimitName
}

extension ExitCode {
    /// What a failure of a limit means to a script. That the store did not answer is no permission.
    init(_ error: ResilienceError) {
        switch error.code {
        case .invalidConfiguration, .invalidRequest: self = .usage
        case .unavailable: self = .tryAgainLater
        default: self = .failure
        }
    }
}
