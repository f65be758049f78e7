import ColonyCore

/// `access_log`: `off`, `text`, or `json` on standard output, or a mapping with a format and a file.
struct AccessLogDocument: Hashable, Sendable {
    enum Format: String, CaseIterable, Sendable { case text, json }

    var format = Format.text
    /// Where lines go; `nil` is standard output.
    var file: String?

    private static let keys: [SectionKey<AccessLogDocument>] = [
        .choice("format", \.format, Format.allCases.map { ($0.rawValue, $0) }), .text("file", \.file),
    ]

    static func read(_ value: SectionValue) throws(DaemonError) -> AccessLogDocument? {
        guard value.scalar != nil else { return try value.read(Self.keys, into: AccessLogDocument()) }
        let formats = Format.allCases.map { (name: $0.rawValue, value: $0 as Format?) }
        return try value.choice(formats + [("off", nil)]).map { AccessLogDocument(format: $0) }
    }
}
