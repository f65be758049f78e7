import ColonyHashing

/// Where the key of a request stands in its head.
enum KeySource: Sendable {
    case header([UInt8])
    case cookie([UInt8])
    case query([UInt8])
    case path

    /// `nil` for the address of the client, which stands in no head.
    init?(_ key: PickKey) {
        switch key {
        case .clientAddress: return nil
        case .header(let name): self = .header(name.utf8.map { ByteScan.lower($0) })
        case .cookie(let name): self = .cookie(Array(name.utf8))
        case .query(let name): self = .query(Array(name.utf8))
        case .path: self = .path
        }
    }

    /// The hash of the key; `nil` if the request has none.
    func hash(_ parser: borrowing RequestHeadParser, _ bytes: UnsafeRawBufferPointer) -> UInt64? {
        switch self {
        case .header(let name):
            guard let index = parser.fields.firstSent(named: name, in: bytes) else { return nil }
            return XXH64.hash(parser.fields[index].value.bytes(in: bytes), seed: 0)
        case .cookie(let name):
            return CookieReading.value(of: name, parser, bytes).map { XXH64.hash($0, seed: 0) }
        case .query(let name):
            return Self.parameter(name, in: parser.head.query.bytes(in: bytes)).map { XXH64.hash($0, seed: 0) }
        case .path:
            let path = parser.head.path
            return path.isEmpty ? nil : XXH64.hash(path.bytes(in: bytes), seed: 0)
        }
    }

    /// The value of the first parameter with a name.
    private static func parameter(_ name: [UInt8], in query: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        var start = 0
        while start < query.count {
            var end = start
            while end < query.count, query[end] != UInt8(ascii: "&") { end += 1 }
            let mark = start + name.count
            if mark < end, query[mark] == UInt8(ascii: "="), query[start..<mark].elementsEqual(name) {
                return UnsafeRawBufferPointer(rebasing: query[(mark + 1)..<end])
            }
            start = end + 1
        }
        return nil
    }
}

/// Finds a cookie in the head of a request (RFC 6265, section 4.2.1).
enum CookieReading {
    /// The value of the first cookie with a name, without quotes around it; nothing is copied.
    static func value(
        of name: [UInt8], _ parser: borrowing RequestHeadParser, _ bytes: UnsafeRawBufferPointer
    ) -> UnsafeRawBufferPointer? {
        var index = parser.fields.firstIndex(of: .cookie)
        while let found = index {
            if let value = Self.value(of: name, in: parser.fields[found].value.bytes(in: bytes)) { return value }
            index = parser.fields.firstIndex(of: .cookie, from: found + 1)
        }
        return nil
    }

    private static func value(of name: [UInt8], in cookies: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        var start = 0
        while start < cookies.count {
            while start < cookies.count, cookies[start] == UInt8(ascii: " ") { start += 1 }
            var end = start
            while end < cookies.count, cookies[end] != UInt8(ascii: ";") { end += 1 }
            let mark = start + name.count
            if mark < end, cookies[mark] == UInt8(ascii: "="), cookies[start..<mark].elementsEqual(name) {
                var value = cookies[(mark + 1)..<end]
                if value.count >= 2, value.first == UInt8(ascii: "\""), value.last == UInt8(ascii: "\"") {
                    value = value.dropFirst().dropLast()
                }
                return UnsafeRawBufferPointer(rebasing: value)
            }
            start = end + 1
        }
        return nil
    }
}
