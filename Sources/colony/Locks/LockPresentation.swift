import ColonyCore
import ColonyRemote

/// How locks are shown to people.
enum LockPresentation {
    static func table(_ records: [LeaseRecord]) -> String {
        var table = TextTable([
            .init("NAME"), .init("OWNER"), .init("TOKEN", isNumeric: true), .init("HELD", isNumeric: true),
            .init("LEFT", isNumeric: true), .init("RENEWALS", isNumeric: true), .init("WAITING", isNumeric: true),
        ])
        table.rows = records.map { record in
            [
                record.name.rawValue, record.owner.rawValue, record.token.description, record.age.text,
                record.remaining.text, "\(record.renewals)", "\(record.waiters.count)",
            ]
        }
        return table.lines.joined(separator: "\n")
    }

    static func details(_ record: LeaseRecord) -> String {
        var lines = [
            "name      \(record.name)",
            "owner     \(record.owner)",
            "token     \(record.token)",
            "held for  \(record.age.text)",
            "left      \(record.remaining.text) of \(record.duration.text)",
            "renewals  \(record.renewals)",
        ]
        lines += record.waiters.map { "waiting   \($0.owner), for \($0.age.text)" }
        return lines.joined(separator: "\n")
    }
}

/// The answer of `colony lock list --json`: the same shape as that of the HTTP interface.
struct LockListDocument: Encodable {
    let locks: [LockDocument]

    init(_ records: [LeaseRecord]) {
        self.locks = records.map { LockDocument($0) }
    }
}
