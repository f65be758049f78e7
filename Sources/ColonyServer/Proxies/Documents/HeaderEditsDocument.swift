import ColonyCore
import ColonyProxy

/// `request` and `response` of a rewrite: what is changed in header fields.
struct HeaderEditsDocument: Sendable {
    var set: [HeaderEdits.Field] = []
    var add: [HeaderEdits.Field] = []
    var remove: [String] = []

    private static let keys: [SectionKey<HeaderEditsDocument>] = [
        SectionKey("set") { value, edits throws(DaemonError) in edits.set = try Self.fields(value) },
        SectionKey("add") { value, edits throws(DaemonError) in edits.add = try Self.fields(value) },
        .texts("remove", \.remove),
    ]

    static func read(_ value: SectionValue) throws(DaemonError) -> HeaderEdits {
        try value.make(Self.keys, from: HeaderEditsDocument()) { document in
            try HeaderEdits(set: document.set, add: document.add, remove: document.remove)
        }
    }

    private static func fields(_ value: SectionValue) throws(DaemonError) -> [HeaderEdits.Field] {
        var fields: [HeaderEdits.Field] = []
        for member in try value.members() {
            for text in try member.value.texts() { fields.append(HeaderEdits.Field(member.key, text)) }
        }
        return fields
    }
}
