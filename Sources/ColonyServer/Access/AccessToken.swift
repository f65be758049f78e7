import ColonyCore
import Crypto

/// What a token allows. `admin` allows everything; `write` allows what `read` does.
public enum Scope: String, CaseIterable, Sendable, Comparable {
    /// Looking: lists, single locks, tags, identifiers, entries of the cache, events, metrics.
    case read = "locks:read"
    /// Acquiring, renewing, and releasing; issuing identifiers and taking ranges; storing in the cache and deleting there.
    case write = "locks:write"
    /// Breaking what others hold; emptying the cache.
    case admin

    private var rank: Int {
        switch self {
        case .read: 0
        case .write: 1
        case .admin: 2
        }
    }

    public static func < (first: Self, second: Self) -> Bool { first.rank < second.rank }
}

/// A bearer token as the configuration knows it: never the token itself, but its SHA-256.
public struct AccessToken: Sendable, Hashable {
    /// What logs and errors call the token.
    public let name: String
    /// The SHA-256 of the token, 32 bytes.
    public let digest: [UInt8]
    /// What the token allows; at least one.
    public let scopes: Set<Scope>
    /// The beginnings of the names of locks and tags, and of cache keys, that the token may be used for; empty for all names.
    public let prefixes: [String]

    /// Makes a token from what a configuration holds.
    ///
    /// - Parameter sha256: The SHA-256 of the token in 64 hexadecimal digits, as `printf %s TOKEN | sha256sum` prints
    ///   it.
    /// - Throws: ``DaemonError`` with code `invalidConfiguration`, which names the token and never quotes the digest.
    public init(name: String, sha256: String, scopes: Set<Scope>, prefixes: [String] = []) throws(DaemonError) {
        guard let digest = Self.bytes(hexadecimal: sha256), digest.count == 32 else {
            throw DaemonError(
                .invalidConfiguration,
                "the sha256 of token \(NameRules.quoted(name)) is not 64 hexadecimal digits; "
                    + "printf %s TOKEN | sha256sum prints them")
        }
        guard !scopes.isEmpty else {
            let known = Scope.allCases.map(\.rawValue).joined(separator: ", ")
            throw DaemonError(
                .invalidConfiguration, "token \(NameRules.quoted(name)) has no scopes; the known ones are \(known)")
        }
        self.name = name
        self.digest = digest
        self.scopes = scopes
        self.prefixes = prefixes
    }

    /// Makes a token from its text, for programs that embed the daemon, and for tests.
    public init(name: String, token: String, scopes: Set<Scope>, prefixes: [String] = []) {
        precondition(!scopes.isEmpty, "token \(name) has no scopes")
        self.name = name
        self.digest = Array(SHA256.hash(data: Array(token.utf8)))
        self.scopes = scopes
        self.prefixes = prefixes
    }

    private static func bytes(hexadecimal text: String) -> [UInt8]? {
        let digits = text.utf8.map(hexadecimalValue)
        guard digits.count.isMultiple(of: 2), digits.allSatisfy({ $0 != nil }) else { return nil }
        return stride(from: 0, to: digits.count, by: 2).map { digits[$0]! << 4 | digits[$0 + 1]! }
    }
}
