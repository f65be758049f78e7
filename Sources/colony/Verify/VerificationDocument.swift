import ColonyConformance

/// The answer of `colony verify --json`: the report on leases as it always was, and those on the other ports beside it.
struct VerificationDocument: Encodable {
    let reports: [ConformanceReport]

    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(_ port: ConformanceReport.Port) { self.stringValue = port.rawValue }
        init?(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        for report in self.reports {
            if report.port == .leases {
                try report.encode(to: encoder)
            } else {
                try container.encode(report, forKey: Key(report.port))
            }
        }
    }
}
