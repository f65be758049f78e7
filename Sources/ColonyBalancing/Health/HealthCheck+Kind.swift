import ColonyCore

extension HealthCheck {
    /// What a probe asks of an endpoint.
    public enum Kind: Hashable, Sendable {
        /// An answer to an HTTP/1.1 request, in the clear or over TLS.
        case http(HTTP)
        /// A connection.
        case tcp
        /// A connection and a TLS handshake.
        case tls(TLS)
        /// A program that ends with status 0.
        case command(Command)

        /// One word for logs and pages: `http`, `https`, `tcp`, `tls`, or `command`.
        public var label: String {
            switch self {
            case .http(let http): http.tls == nil ? "http" : "https"
            case .tcp: "tcp"
            case .tls: "tls"
            case .command: "command"
            }
        }
    }

    /// Which answer to which HTTP request is a success.
    public struct HTTP: Hashable, Sendable {
        /// The method, such as `GET`.
        public let method: String
        /// The path with its query, as it stands in the request.
        public let path: String
        /// The value of the `Host` header; `nil` is the endpoint's own address.
        public let host: String?
        /// The statuses that are a success.
        public let expectedStatuses: [ClosedRange<Int>]
        /// Bytes that must stand somewhere in the first 64 KiB of the body; `nil` does not read the body.
        public let expectedBody: String?
        /// How TLS is spoken; `nil` is plain HTTP.
        public let tls: TLS?

        /// The most bytes of an expected body.
        public static var longestExpectedBody: Int { 1_024 }
        /// The most bytes of a path.
        public static var longestPath: Int { 2_048 }

        /// Describes a request and its answer.
        ///
        /// - Parameters:
        ///   - path: Begins with `/` and has printable ASCII without spaces; others are percent-encoded by the caller.
        ///   - method: A token of RFC 9110, such as `GET` or `HEAD`.
        ///   - host: Printable ASCII without spaces.
        ///   - expectedStatuses: Within 200 to 599, at least one range. Every 2xx unless said otherwise: a redirect to a login page is no sign of
        ///     health.
        ///   - expectedBody: 1 to ``longestExpectedBody`` bytes. Not with the method `HEAD`, whose answers have no body.
        /// - Throws: ``BalancingError`` with code `invalidConfiguration`, which quotes the value.
        public init(
            path: String = "/", method: String = "GET", host: String? = nil,
            expectedStatuses: [ClosedRange<Int>] = [200...299], expectedBody: String? = nil, tls: TLS? = nil
        ) throws(BalancingError) {
            func refused(_ value: String, _ what: String) -> BalancingError {
                BalancingError(.invalidConfiguration, "\(NameRules.quoted(value)) is not possible as \(what)")
            }
            func isVisible(_ text: String) -> Bool { text.utf8.allSatisfy { (0x21...0x7E).contains($0) } }
            guard path.hasPrefix("/"), path.utf8.count <= Self.longestPath, isVisible(path) else {
                throw refused(path, "the path of a check: it begins with / and has no spaces")
            }
            guard !method.isEmpty, method.utf8.count <= 32, method.utf8.allSatisfy(Self.isTokenByte) else {
                throw refused(method, "the method of a check")
            }
            if let host {
                guard !host.isEmpty, host.utf8.count <= 255, isVisible(host) else {
                    throw refused(host, "the Host header of a check")
                }
            }
            guard !expectedStatuses.isEmpty else {
                throw BalancingError(.invalidConfiguration, "a check without an expected status never succeeds")
            }
            for range in expectedStatuses {
                guard range.lowerBound >= 200, range.upperBound <= 599 else {
                    throw refused("\(range)", "expected statuses: they lie within 200...599")
                }
            }
            if let expectedBody {
                guard (1...Self.longestExpectedBody).contains(expectedBody.utf8.count) else {
                    throw refused(
                        expectedBody, "an expected body: it has from 1 to \(Self.longestExpectedBody) bytes")
                }
                guard method != "HEAD" else {
                    throw refused(expectedBody, "an expected body with the method HEAD, whose answers have none")
                }
            }
            self.method = method
            self.path = path
            self.host = host
            self.expectedStatuses = expectedStatuses
            self.expectedBody = expectedBody
            self.tls = tls
        }

        /// - SeeAlso: RFC 9110, section 5.6.2.
        private static func isTokenByte(_ byte: UInt8) -> Bool {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "a")...UInt8(ascii: "z"):
                true
            default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
            }
        }
    }

    /// How a probe speaks TLS.
    public struct TLS: Hashable, Sendable {
        /// Whether the certificate and its name are checked.
        public let verifies: Bool
        /// The name that is asked for and that the certificate must have; `nil` is the endpoint's host. A certificate for the numeric address
        /// to which the connection goes is taken as well.
        public let serverName: String?
        /// A file with the certificates, in PEM, that are trusted in place of the system's.
        public let trustRootsFile: String?

        /// Describes how TLS is spoken.
        ///
        /// - Parameters:
        ///   - verifies: True: calls that follow would fail at a bad certificate, so a check that overlooks it says nothing.
        ///   - serverName: 1 to 255 bytes of printable ASCII.
        ///   - trustRootsFile: It is read when the first probe needs it.
        /// - Throws: ``BalancingError`` with code `invalidConfiguration`, which quotes the value.
        public init(
            verifies: Bool = true, serverName: String? = nil, trustRootsFile: String? = nil
        ) throws(BalancingError) {
            if let serverName {
                guard (1...255).contains(serverName.utf8.count),
                    serverName.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
                else {
                    throw BalancingError(
                        .invalidConfiguration, "\(NameRules.quoted(serverName)) is not possible as a server name")
                }
            }
            if let trustRootsFile, trustRootsFile.isEmpty || trustRootsFile.utf8.contains(0) {
                throw BalancingError(
                    .invalidConfiguration,
                    "\(NameRules.quoted(trustRootsFile)) is not possible as a file of certificates")
            }
            self.verifies = verifies
            self.serverName = serverName
            self.trustRootsFile = trustRootsFile
        }
    }

    /// A program that says whether an endpoint works.
    ///
    /// It is told the endpoint by `COLONY_ENDPOINT_NAME`, `COLONY_ENDPOINT_HOST`, and `COLONY_ENDPOINT_PORT` in its environment; for a
    /// socket the host is `unix:` and its path, and the port is empty. Its output goes nowhere. It runs in a process group of its own, which
    /// is killed when its time is over, or when the program itself has ended.
    public struct Command: Hashable, Sendable {
        /// The file, as an absolute path.
        public let path: String
        /// Its arguments, without its own name.
        public let arguments: [String]

        /// The most arguments.
        public static var mostArguments: Int { 256 }

        /// Describes a command. No shell is involved.
        ///
        /// - Parameters:
        ///   - path: Absolute, because a search path differs between a terminal and a service.
        ///   - arguments: At most ``mostArguments``, each without a zero byte.
        /// - Throws: ``BalancingError`` with code `invalidConfiguration`, which quotes the value.
        public init(_ path: String, arguments: [String] = []) throws(BalancingError) {
            guard path.hasPrefix("/"), path.utf8.count <= 4_095, !path.utf8.contains(0) else {
                throw BalancingError(
                    .invalidConfiguration,
                    "\(NameRules.quoted(path)) is not possible as the command of a check: its path is absolute")
            }
            try SettingBounds.check(arguments.count, in: 0...Self.mostArguments, "the count of arguments")
            for argument in arguments {
                guard !argument.utf8.contains(0), argument.utf8.count <= 4_096 else {
                    throw BalancingError(
                        .invalidConfiguration, "\(NameRules.quoted(argument)) is not possible as an argument")
                }
            }
            self.path = path
            self.arguments = arguments
        }
    }
}
