/// Where an engine is: `memory:`, `sqlite:colony.db`, `http://127.0.0.1:7400`, `redis://user:secret@a:6379,b:6379/0?tls=true`.
///
/// The text that people see never contains the password; see ``description``.
public struct EngineURL: Hashable, Sendable, CustomStringConvertible {
    /// What kind of engine, in lower case.
    public let scheme: String
    /// The user name, or `nil` if the URL has none.
    public let user: String?
    /// The password. Never print it; ``description`` does not.
    public let password: String?
    /// One or more `host` or `host:port`, as written; empty for engines in a file or in memory.
    public let hosts: [String]
    /// The rest without the query: a file for `sqlite`, a database or prefix for others. Percent-decoded.
    public let path: String
    /// The options after `?`, percent-decoded.
    public let options: [String: String]

    /// Reads a URL.
    ///
    /// `sqlite:relative.db`, `sqlite:/absolute.db`, and `sqlite:///absolute.db` are all accepted.
    ///
    /// - Throws: ``InvalidName``, which quotes the URL without its password.
    public init(_ text: String) throws(InvalidName) {
        func refused(_ reason: String) -> InvalidName {
            InvalidName(role: "store URL", value: Self.redacted(text), reason: reason)
        }
        guard let colon = text.firstIndex(of: ":") else {
            throw refused("it has no scheme; memory:, sqlite:FILE, and http://HOST:PORT are examples")
        }
        let scheme = text[..<colon].lowercased()
        let isScheme = scheme.utf8.allSatisfy { byte in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                || byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-")
        }
        guard isScheme, scheme.first?.isLetter == true else {
            throw refused("it does not start with a scheme such as sqlite:")
        }
        self.scheme = scheme

        var rest = text[text.index(after: colon)...]
        var options: [String: String] = [:]
        if let mark = rest.firstIndex(of: "?") {
            for pair in rest[rest.index(after: mark)...].split(separator: "&") {
                let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                guard let key = Self.percentDecoded(parts[0]),
                    let value = Self.percentDecoded(parts.count > 1 ? parts[1] : "")
                else { throw refused("an option is not well percent-encoded") }
                // The names of options are shown, and this is none but the end of a password with a question mark.
                if parts[0].contains("@") {
                    throw refused("the name of an option contains an @; write ? in a password as %3F")
                }
                options[key] = value
            }
            rest = rest[..<mark]
        }
        self.options = options

        var authority: Substring = ""
        if rest.hasPrefix("//") {
            rest = rest.dropFirst(2)
            let slash = rest.firstIndex(of: "/") ?? rest.endIndex
            authority = rest[..<slash]
            rest = rest[slash...]
        }
        var hosts = authority
        if let at = authority.lastIndex(of: "@") {
            let credentials = authority[..<at].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard let user = Self.percentDecoded(credentials[0]) else {
                throw refused("the user is not well percent-encoded")
            }
            self.user = user.isEmpty ? nil : user
            if credentials.count > 1 {
                guard let password = Self.percentDecoded(credentials[1]) else {
                    throw refused("the password is not well percent-encoded")
                }
                self.password = password
            } else {
                self.password = nil
            }
            hosts = authority[authority.index(after: at)...]
        } else {
            self.user = nil
            self.password = nil
        }
        for host in hosts.split(separator: ",") {
            if let defect = Self.defect(inHost: host) { throw refused(defect) }
        }
        self.hosts = hosts.split(separator: ",").map(String.init)
        guard let path = Self.percentDecoded(rest) else { throw refused("the path is not well percent-encoded") }
        // What looks like a password must not end up in the path, which is shown. File names may have any character.
        if rest.contains("@"), scheme != "sqlite" {
            throw refused(
                "an @ stands outside of USER:PASSWORD@HOST; write // before the user, and / in a password as %2F")
        }
        self.path = path
    }

    /// The URL with `***` in place of a password.
    public var description: String {
        var text = "\(self.scheme):"
        if !self.hosts.isEmpty || self.user != nil || self.password != nil {
            text += "//"
            if self.user != nil || self.password != nil {
                text += "\(self.user ?? "")\(self.password == nil ? "" : ":***")@"
            }
            text += self.hosts.joined(separator: ",")
        }
        text += self.path
        if !self.options.isEmpty {
            // An option may hold a secret of its own, so only the names are shown.
            text += "?" + self.options.keys.sorted().joined(separator: "&")
        }
        return text
    }

    /// `text` without what may be a secret: all between the scheme and the last `@`, and the values of options.
    private static func redacted(_ text: String) -> String {
        let mark = text.firstIndex(of: "?")
        var shown = text[..<(mark ?? text.endIndex)]
        let query = mark == nil ? "" : "?…"
        // A password with an unencoded question mark puts the `@` behind it.
        if let at = text.lastIndex(of: "@") {
            let scheme = text.firstRange(of: "://").map { text[..<$0.upperBound] } ?? ""
            shown = at < shown.endIndex ? text[at..<shown.endIndex] : "@…"
            return scheme.endIndex <= at ? "\(scheme)***\(shown)\(query)" : "***\(shown)\(query)"
        }
        return "\(shown)\(query)"
    }

    /// What is wrong with `HOST`, `HOST:PORT`, or `[IPV6]:PORT`, or `nil`.
    private static func defect(inHost host: Substring) -> String? {
        var port: Substring?
        if host.hasPrefix("[") {
            guard let bracket = host.firstIndex(of: "]") else { return "a host begins with [ and has no ]" }
            let rest = host[host.index(after: bracket)...]
            guard rest.isEmpty || rest.hasPrefix(":") else { return "something other than a port stands behind a host" }
            port = rest.isEmpty ? nil : rest.dropFirst()
        } else if let colon = host.firstIndex(of: ":") {
            port = host[host.index(after: colon)...]
        }
        guard let port else { return nil }
        guard port.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }), UInt16(port) != nil else {
            return "a port is not a number from 0 to 65535; a / in a user or password is written %2F, and a : %3A"
        }
        return nil
    }

    private static func percentDecoded(_ text: some StringProtocol) -> String? {
        var bytes: [UInt8] = []
        var iterator = text.utf8.makeIterator()
        while let byte = iterator.next() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard
                let high = iterator.next().flatMap({ Character(UnicodeScalar($0)).hexDigitValue }),
                let low = iterator.next().flatMap({ Character(UnicodeScalar($0)).hexDigitValue })
            else { return nil }
            bytes.append(UInt8(high * 16 + low))
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
