import ColonyCore
import Crypto
import HTTPTypes

/// Decides who may do what.
///
/// With tokens, a request shows one as `Authorization: Bearer …`. Without tokens everybody who reaches the socket may
/// do everything, which is sound on loopback for programs but not for a browser: any web page may send requests to
/// 127.0.0.1, and a page whose host name was rebound to 127.0.0.1 may read the answers too. So without tokens the
/// `Host` header must name this host, and a request that a page of another origin sent is refused.
struct Gatekeeper: Sendable {
    private let tokens: [AccessToken]
    private let checksHost: Bool

    init(tokens: [AccessToken], isLoopback: Bool) {
        self.tokens = tokens
        self.checksHost = isLoopback && tokens.isEmpty
    }

    /// Whether requests need a token.
    var needsTokens: Bool { !self.tokens.isEmpty }

    /// Lets a request pass, or says why not.
    ///
    /// - Returns: What the token allows, or `nil` where no token is needed.
    func admit(_ head: HTTPRequest, to route: Route) throws(Problem) -> AccessToken? {
        if self.tokens.isEmpty {
            if route != .healthz && route != .readyz { try self.checkBrowser(head) }
            return nil
        }
        guard let scope = route.scope else { return nil }
        let token = try self.authenticate(head)
        try token.demand(scope)
        return token
    }

    private func authenticate(_ head: HTTPRequest) throws(Problem) -> AccessToken {
        guard let header = head.headerFields[.authorization] else {
            throw Problem(.unauthorized, "the request has no Authorization header; send Authorization: Bearer TOKEN")
        }
        let parts = header.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else {
            throw Problem(.unauthorized, "the Authorization header is not of the form Bearer TOKEN")
        }
        let digest = Array(SHA256.hash(data: Array(parts[1].utf8)))
        // Every entry is compared to its end, so that the time says nothing about which one was nearly right.
        var found: AccessToken?
        for token in self.tokens {
            var difference: UInt8 = 0
            for index in 0..<32 { difference |= token.digest[index] ^ digest[index] }
            if difference == 0, found == nil { found = token }
        }
        guard let found else { throw Problem(.unauthorized, "the token is not known") }
        return found
    }

    private func checkBrowser(_ head: HTTPRequest) throws(Problem) {
        if self.checksHost {
            guard let host = head.authority, Self.isLoopbackName(host) else {
                throw Problem(
                    .hostRefused,
                    "the Host header \(NameRules.quoted(head.authority ?? "")) is not a loopback name such as localhost "
                        + "or 127.0.0.1; configure tokens to serve other names")
            }
        }
        if let origin = head.headerFields[.origin] {
            let authority = head.authority ?? ""
            guard origin == "http://\(authority)" || origin == "https://\(authority)" else {
                throw Problem(
                    .originRefused,
                    "a web page of \(NameRules.quoted(origin)) sent this request; configure tokens to allow such requests"
                )
            }
        }
        if let site = head.headerFields[Self.fetchSite], site == "cross-site" || site == "same-site" {
            let isVisit = head.headerFields[Self.fetchMode] == "navigate" && head.method == .get
            guard isVisit else {
                throw Problem(.originRefused, "a web page of another site sent this request (Sec-Fetch-Site: \(site))")
            }
        }
    }

    private static let fetchSite = HTTPField.Name("Sec-Fetch-Site")!
    private static let fetchMode = HTTPField.Name("Sec-Fetch-Mode")!

    /// Whether a `Host` header, with or without a port, names the loopback interface.
    static func isLoopbackName(_ authority: String) -> Bool {
        var host = authority[...]
        if host.first == "[" {
            guard let end = host.firstIndex(of: "]") else { return false }
            host = host[host.index(after: host.startIndex)..<end]
        } else if let colon = host.lastIndex(of: ":") {
            host = host[..<colon]
        }
        return Self.isLoopbackHost(String(host))
    }

    /// Whether a host, without a port, is the loopback interface.
    static func isLoopbackHost(_ host: String) -> Bool {
        let host = host.lowercased()
        if host == "localhost" || host == "localhost." || host == "::1" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }
}

extension AccessToken {
    /// Refuses what the token's scopes do not allow.
    func demand(_ scope: Scope) throws(Problem) {
        guard self.scopes.contains(where: { $0 >= scope }) else {
            let scopes = self.scopes.map(\.rawValue).sorted().joined(separator: ", ")
            throw Problem(
                .forbidden,
                "token \(NameRules.quoted(self.name)) has the scopes \(scopes), and \(scope.rawValue) is needed")
        }
    }

    /// Refuses a name that none of the token's prefixes covers.
    func check(_ name: LeaseName) throws(Problem) {
        try self.check(name.rawValue)
    }

    /// Whether one of the token's prefixes covers a name.
    func covers(_ name: String) -> Bool {
        self.prefixes.isEmpty || self.prefixes.contains { Self.bytes(name, startWith: $0) }
    }

    /// Refuses the name of a lock, a tag, or a cache key that none of the token's prefixes covers.
    func check(_ name: String) throws(Problem) {
        guard self.covers(name) else {
            throw Problem(
                .forbidden, "token \(NameRules.quoted(self.name)) is for other names than \(NameRules.quoted(name))")
        }
    }

    /// The prefixes to list so that exactly the names that are asked for and allowed are seen, in byte order.
    func visiblePrefixes(of asked: String) -> [String] {
        guard !self.prefixes.isEmpty else { return [asked] }
        var visible: Set<String> = []
        for allowed in self.prefixes {
            if Self.bytes(allowed, startWith: asked) {
                visible.insert(allowed)
            } else if Self.bytes(asked, startWith: allowed) {
                visible.insert(asked)
            }
        }
        // A prefix within another one would list its names twice.
        return
            visible
            .filter { one in !visible.contains { other in other != one && Self.bytes(one, startWith: other) } }
            .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    private static func bytes(_ text: String, startWith prefix: String) -> Bool {
        text.utf8.starts(with: prefix.utf8)
    }
}
