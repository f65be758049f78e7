import ColonyCoordination
import ColonyCore
import ColonyIdentifiers
import ColonyMemory
import ColonyRemote
import ColonySQLite

/// A place where locks, and the worker numbers and series of identifiers, are kept.
enum StorePlace {
    /// The store in the data directory of this user.
    case file(DataDirectory)
    case url(EngineURL)

    private static let stores = ["memory", "sqlite"]
    private static let servers = ["http", "https"]

    /// How the URLs look that this build has engines for.
    static var forms: [String] {
        let others = EngineCatalogue.entries.filter { $0.make != nil }.map(\.example)
        return ["sqlite:FILE", "memory:", "http://HOST:PORT", "https://HOST:PORT"] + others
    }

    /// - Parameter origin: The option or variable that the text comes from, for the error.
    init(store text: String, origin: String) throws {
        try self.init(store: try Self.parse(text, origin: origin), origin: origin)
    }

    /// - Parameter origin: The option, variable, or setting that the URL comes from, for the error.
    init(store url: EngineURL, origin: String) throws {
        if !(Self.stores + Self.servers).contains(url.scheme), EngineCatalogue.entry(url.scheme)?.make == nil {
            let trait = EngineCatalogue.entry(url.scheme)?.trait
            throw Failure(
                "invalid_request",
                "\(origin) \(NameRules.quoted("\(url)")): this build has no engine for \(url.scheme). "
                    + (trait.map { "One that is built with --traits \($0) has. " } ?? "")
                    + "It has \(Self.forms.joined(separator: ", ")).",
                exitCode: .usage)
        }
        if url.scheme == "sqlite", url.path.isEmpty {
            throw Failure("invalid_request", "\(origin) \(NameRules.quoted("\(url)")) names no file.", exitCode: .usage)
        }
        self = .url(url)
    }

    init(server text: String, origin: String) throws {
        let url = try Self.parse(text, origin: origin)
        guard Self.servers.contains(url.scheme), url.hosts.count == 1 else {
            throw Failure(
                "invalid_request",
                "\(origin) \(NameRules.quoted("\(url)")) is not a daemon's address; http://127.0.0.1:7400 is one.",
                exitCode: .usage)
        }
        self = .url(url)
    }

    private static func parse(_ text: String, origin: String) throws -> EngineURL {
        do {
            return try EngineURL(text)
        } catch {
            throw Failure("invalid_request", "\(origin): \(error)", exitCode: .usage)
        }
    }

    /// Makes the engine. Nothing is opened yet, but the data directory is made.
    func makeEngine() throws -> any LeaseEngine {
        switch self {
        case .file(let directory):
            try directory.create()
            return SQLiteLeaseEngine(path: directory.store)
        case .url(let url) where url.scheme == "sqlite":
            return SQLiteLeaseEngine(path: url.path)
        case .url(let url) where url.scheme == "memory":
            return MemoryLeaseEngine()
        case .url(let url):
            if let opened = try self.openServer() { return opened.engine }
            return try RemoteLeaseEngine(url: url, token: Environment["COLONY_TOKEN"])
        }
    }

    /// The engine on a coordination server of others, or `nil` if this is another kind of place.
    func openServer() throws -> EngineCatalogue.Opened? {
        guard case .url(let url) = self, let make = EngineCatalogue.entry(url.scheme)?.make else { return nil }
        do {
            return try make(url)
        } catch {
            throw Failure("invalid_request", "\(error)", exitCode: .usage)
        }
    }
}

// MARK: Identifiers

extension StorePlace {
    /// What keeps the series of numbers and the moments of Snowflake identifiers here: the same file as the leases, so that
    /// a number and its moments are always of one store. Nothing is opened yet, but the data directory is made.
    func makeSegmentEngine() throws -> any SegmentEngine {
        switch self {
        case .file(let directory):
            try directory.create()
            return SQLiteSegmentEngine(path: directory.store)
        case .url(let url) where url.scheme == "sqlite":
            return SQLiteSegmentEngine(path: url.path)
        case .url(let url) where url.scheme == "memory":
            return MemorySegmentEngine()
        case .url(let url):
            if let engine = try self.openServer()?.engine { return try Self.segments(on: engine, url) }
            return try RemoteSegmentEngine(url: url, token: Environment["COLONY_TOKEN"])
        }
    }

    /// Segments in the registry of an engine.
    static func segments(on engine: any LeaseEngine, _ url: EngineURL) throws -> any SegmentEngine {
        guard let registry = engine as? any RegistryEngine else {
            throw Failure("invalid_request", "\(url) keeps locks, and no numbers.", exitCode: .usage)
        }
        return RegistrySegmentEngine(registry)
    }

    /// The daemon at this place, which issues identifiers itself, or `nil` for a store.
    func makeRemoteIdentifiers() throws -> RemoteIdentifiers? {
        guard case .url(let url) = self, Self.servers.contains(url.scheme) else { return nil }
        return try RemoteIdentifiers(url: url, token: Environment["COLONY_TOKEN"])
    }
}

extension StorePlace: CustomStringConvertible {
    var description: String {
        switch self {
        case .file(let directory): "sqlite:\(directory.store)"
        case .url(let url): "\(url)"
        }
    }
}
