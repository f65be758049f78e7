import ColonyBalancing

/// `subset`: which part of the endpoints is used.
struct SubsetDocument: Sendable {
    var size = 20
    var caller = ""

    private static let keys: [SectionKey<SubsetDocument>] = [.integer("size", \.size), .text("caller", \.caller)]

    static func read(_ value: SectionValue) throws(DaemonError) -> EndpointSubset {
        try value.make(Self.keys, from: SubsetDocument()) { try EndpointSubset(size: $0.size, caller: $0.caller) }
    }
}
