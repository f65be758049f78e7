import ColonyCore
import ColonyProxy

/// `key` of a route, and of a limit: `client`, `path`, or a mapping with `header`, `cookie`, or `query`.
struct PickKeyDocument: Sendable {
    var keys: [PickKey] = []

    private static let keys: [SectionKey<PickKeyDocument>] = [
        SectionKey("header") { value, key throws(DaemonError) in key.keys.append(.header(try value.text())) },
        SectionKey("cookie") { value, key throws(DaemonError) in key.keys.append(.cookie(try value.text())) },
        SectionKey("query") { value, key throws(DaemonError) in key.keys.append(.query(try value.text())) },
    ]

    static func read(_ value: SectionValue) throws(DaemonError) -> PickKey {
        if value.scalar != nil { return try value.choice([("client", .clientAddress), ("path", .path)]) }
        let found = try value.read(Self.keys, into: PickKeyDocument()).keys
        guard let key = found.first, found.count == 1 else {
            throw value.refused("\(value.path) has not exactly one of header, cookie, and query")
        }
        return key
    }
}
