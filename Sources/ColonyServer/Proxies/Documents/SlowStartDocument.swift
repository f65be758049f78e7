import ColonyBalancing
import ColonyCore

/// `slow_start`: how new endpoints get their share.
struct SlowStartDocument: Sendable {
    var window = Duration.seconds(30)
    var aggression = 1.0
    var minimumShare = 0.1

    private static let keys: [SectionKey<SlowStartDocument>] = [
        .duration("window", \.window), .number("aggression", \.aggression), .number("minimum_share", \.minimumShare),
    ]

    static func read(_ value: SectionValue) throws(DaemonError) -> SlowStart {
        try value.make(Self.keys, from: SlowStartDocument()) { try $0.options() }
    }

    private func options() throws(BalancingError) -> SlowStart {
        try SlowStart(window: self.window, aggression: self.aggression, minimumShare: self.minimumShare)
    }
}
