import ColonyCaches
import ColonyCore

/// The hints of a journal in memory: by server, the oldest first, within limits.
struct HintIndex: Sendable {
    private var hints: [UInt64: Hint] = [:]
    /// The numbers for each server in rising order; those that are gone are passed over.
    private var order: [NodeID: [UInt64]] = [:]
    private var living: [NodeID: Int] = [:]
    private(set) var bytes = 0
    private let limits: HintLimits
    var nextNumber: UInt64 = 1

    init(_ limits: HintLimits) { self.limits = limits }

    var count: Int { self.hints.count }
    var counts: [NodeID: Int] { self.living }
    /// All hints, the oldest first.
    var all: [KeptHint] {
        self.hints.keys.sorted().compactMap { number in self.hints[number].map { KeptHint(number: number, hint: $0) } }
    }

    static func size(_ hint: Hint) -> Int { hint.bytes.count + hint.key.rawValue.utf8.count }

    /// Why these do not fit; `nil` if they do.
    func defect(adding more: [Hint]) -> QuorumError? {
        let bytes = self.bytes + more.reduce(0) { $0 + Self.size($1) }
        if self.hints.count + more.count <= self.limits.hints, bytes <= self.limits.bytes { return nil }
        return QuorumError(
            .overloaded,
            "the journal keeps \(self.hints.count) hints of \(self.bytes) bytes, and \(self.limits.hints) hints of "
                + "\(self.limits.bytes) bytes are the most")
    }

    mutating func add(_ hint: Hint) -> KeptHint {
        let kept = KeptHint(number: self.nextNumber, hint: hint)
        self.insert(kept)
        return kept
    }

    mutating func insert(_ kept: KeptHint) {
        guard self.hints.updateValue(kept.hint, forKey: kept.number) == nil else { return }
        self.nextNumber = max(self.nextNumber, kept.number + 1)
        self.order[kept.hint.server, default: []].append(kept.number)
        self.living[kept.hint.server, default: 0] += 1
        self.bytes += Self.size(kept.hint)
    }

    mutating func remove(_ number: UInt64) -> Bool {
        guard let hint = self.hints.removeValue(forKey: number) else { return false }
        self.bytes -= Self.size(hint)
        let left = (self.living[hint.server] ?? 1) - 1
        self.living[hint.server] = left > 0 ? left : nil
        if left <= 0 { self.order[hint.server] = nil }
        return true
    }

    mutating func oldest(for server: NodeID, limit: Int) -> [KeptHint] {
        var order = self.order[server] ?? []
        if order.count > 2 * (self.living[server] ?? 0) + 64 {
            order = order.filter { self.hints[$0] != nil }
            self.order[server] = order
        }
        var result: [KeptHint] = []
        for number in order where result.count < limit {
            if let hint = self.hints[number] { result.append(KeptHint(number: number, hint: hint)) }
        }
        return result
    }
}
