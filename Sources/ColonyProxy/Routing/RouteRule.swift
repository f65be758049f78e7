/// The conditions of a route but for its hosts, as bytes.
struct RouteRule: Sendable {
    enum Path: Sendable {
        case any
        case exact([UInt8])
        /// Without a slash at its end: the one for all paths is empty.
        case prefix([UInt8])
    }

    private struct Header: Sendable {
        let name: [UInt8]
        let test: Test
    }

    private enum Test: Sendable {
        case present, absent
        case exact([UInt8])
        case prefix([UInt8])
        case contains([UInt8])
    }

    let path: Path
    /// The first segment that a path must have, if there is just one.
    let firstSegment: [UInt8]?
    private let methods: [[UInt8]]
    private let headers: [Header]
    private let isSecure: Bool?

    init(_ match: RouteMatch) {
        self.path =
            switch match.path {
            case .any: .any
            case .exact(let text): .exact(Self.reading(text))
            case .prefix(let text):
                .prefix(Array(Self.reading(text).reversed().drop { $0 == UInt8(ascii: "/") }.reversed()))
            }
        self.firstSegment =
            switch self.path {
            case .any: nil
            case .exact(let path): Array(path.dropFirst().prefix { $0 != UInt8(ascii: "/") })
            case .prefix(let path):
                path.isEmpty ? nil : Array(path.dropFirst().prefix { $0 != UInt8(ascii: "/") })
            }
        self.methods = match.methods.map { Array($0.utf8) }
        self.headers = match.headers.map { header in
            let test: Test =
                switch header.test {
                case .present: .present
                case .absent: .absent
                case .exact(let value): .exact(Array(value.utf8))
                case .prefix(let value): .prefix(Array(value.utf8))
                case .contains(let value): .contains(Array(value.utf8))
                }
            return Header(name: header.name.utf8.map { ByteScan.lower($0) }, test: test)
        }
        self.isSecure = match.isSecure
    }

    private static func reading(_ path: String) -> [UInt8] {
        var bytes = Array(path.utf8)
        let count = bytes.withUnsafeMutableBytes { PathReading.normalise($0) }
        return Array(bytes.prefix(count ?? bytes.count))
    }

    var readsPath: Bool { if case .any = self.path { false } else { true } }

    /// Whether each request is meant that has come so far.
    var isUnconditional: Bool {
        !self.readsPath && self.methods.isEmpty && self.headers.isEmpty && self.isSecure == nil
    }

    /// How many bytes of a path that matches are its prefix.
    var prefixCount: Int { if case .prefix(let path) = self.path { path.count } else { 0 } }

    /// - Parameters:
    ///   - path: As ``PathReading`` reads it; empty if the request has none.
    ///   - bytes: The head that `parser` has found complete.
    func matches(
        path: UnsafeRawBufferPointer, _ parser: borrowing RequestHeadParser, _ bytes: UnsafeRawBufferPointer,
        isSecure: Bool
    ) -> Bool {
        switch self.path {
        case .any: break
        case .exact(let wanted): guard wanted.elementsEqual(path) else { return false }
        case .prefix(let wanted):
            guard path.count > 0, path.starts(with: wanted),
                path.count == wanted.count || path[wanted.count] == UInt8(ascii: "/")
            else { return false }
        }
        if let wanted = self.isSecure, wanted != isSecure { return false }
        if !self.methods.isEmpty {
            let method = parser.head.methodName.bytes(in: bytes)
            guard self.methods.contains(where: { $0.elementsEqual(method) }) else { return false }
        }
        for header in self.headers where !Self.holds(header, parser, bytes) { return false }
        return true
    }

    private static func holds(
        _ header: Header, _ parser: borrowing RequestHeadParser, _ bytes: UnsafeRawBufferPointer
    ) -> Bool {
        var index = parser.fields.firstSent(named: header.name, in: bytes)
        switch header.test {
        case .present: return index != nil
        case .absent: return index == nil
        case .exact, .prefix, .contains: break
        }
        while let found = index {
            let value = parser.fields[found].value.bytes(in: bytes)
            switch header.test {
            case .present, .absent: break
            case .exact(let wanted): if wanted.elementsEqual(value) { return true }
            case .prefix(let wanted): if value.starts(with: wanted) { return true }
            case .contains(let wanted): if Self.has(wanted, in: value) { return true }
            }
            index = parser.fields.firstSent(named: header.name, in: bytes, from: found + 1)
        }
        return false
    }

    private static func has(_ wanted: [UInt8], in value: UnsafeRawBufferPointer) -> Bool {
        guard value.count >= wanted.count else { return false }
        return (0...(value.count - wanted.count)).contains { value[$0...].starts(with: wanted) }
    }
}
