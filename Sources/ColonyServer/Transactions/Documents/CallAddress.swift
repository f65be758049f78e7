import ColonyCore
import NIOCore

/// Where a participant is called: an `http` or `https` URL, taken apart once.
///
/// Nothing is guessed: a URL that two readers could understand differently is refused, since what is checked would not be what is called.
struct CallAddress: Hashable, Sendable {
    /// Why text is no such URL.
    struct Defect: Error {
        let reason: String
    }

    /// The most bytes of one.
    static let maximumBytes = 2_048

    /// The URL as it was given.
    let text: String
    let isSecure: Bool
    /// The name or the address, without the brackets of one of version 6.
    let host: String
    let port: Int
    /// The host and, if it was given, the port, for the `Host` header.
    let authority: String
    /// The path and the query, for the line of the request.
    let target: String

    init(_ text: String) throws(Defect) {
        guard text.utf8.count <= Self.maximumBytes else {
            throw Defect(reason: "it has \(text.utf8.count) bytes, and \(Self.maximumBytes) are the most")
        }
        guard text.utf8.allSatisfy({ (0x21...0x7E).contains($0) && !Self.unsafe.contains($0) }) else {
            throw Defect(reason: "only printable ASCII can stand in a URL; percent-encode the rest")
        }
        let scheme = text.prefix { $0 != ":" }.lowercased()
        guard scheme == "http" || scheme == "https", text.dropFirst(scheme.count).hasPrefix("://") else {
            throw Defect(reason: "only http:// and https:// are called")
        }
        let rest = text.dropFirst(scheme.count + 3)
        guard !rest.contains("#") else { throw Defect(reason: "a fragment is never sent; leave it out") }
        let authority = rest.prefix { $0 != "/" && $0 != "?" }
        guard !authority.contains("@") else {
            throw Defect(reason: "a user or a password cannot stand in it; sign the calls instead")
        }
        (self.host, self.port) = try Self.take(authority, standard: scheme == "https" ? 443 : 80)
        let target = rest.dropFirst(authority.count)
        self.text = text
        self.isSecure = scheme == "https"
        self.authority = String(authority)
        self.target = target.hasPrefix("/") ? String(target) : "/\(target)"
    }

    /// What browsers read as something else than other programs do.
    private static let unsafe = Set("\\\"<>^`{|}".utf8)

    /// The address, if the host is one and no name.
    var literal: SocketAddress? { try? SocketAddress(ipAddress: self.host, port: self.port) }

    private static func take(_ authority: Substring, standard: Int) throws(Defect) -> (String, Int) {
        var host = authority
        var port: Substring?
        if authority.hasPrefix("[") {
            guard let end = authority.firstIndex(of: "]") else { throw Defect(reason: "a bracket is not closed") }
            host = authority[..<end].dropFirst()
            let after = authority[authority.index(after: end)...]
            guard after.isEmpty || after.hasPrefix(":") else {
                throw Defect(reason: "only a port can follow an address in brackets")
            }
            if !after.isEmpty { port = after.dropFirst() }
            guard (try? SocketAddress(ipAddress: String(host), port: 0))?.protocol == .inet6 else {
                throw Defect(reason: "\(NameRules.quoted(String(host))) is no address of version 6")
            }
        } else {
            if let colon = authority.firstIndex(of: ":") {
                host = authority[..<colon]
                port = authority[authority.index(after: colon)...]
            }
            guard !host.isEmpty else { throw Defect(reason: "it has no host") }
            guard host.utf8.count <= 253, host.utf8.allSatisfy(Self.mayStandInName) else {
                throw Defect(
                    reason:
                        "\(NameRules.quoted(String(host))) is no host: letters, digits, dots, hyphens, and underscores")
            }
        }
        guard let port else { return (String(host), standard) }
        guard port.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(port),
            (1...65_535).contains(number)
        else {
            throw Defect(reason: "\(NameRules.quoted(String(port))) is no port: from 1 to 65535")
        }
        return (String(host), number)
    }

    private static func mayStandInName(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
