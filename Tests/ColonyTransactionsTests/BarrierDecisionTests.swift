import ColonyTransactions
import Testing

@Suite("The decision of a barrier")
struct BarrierDecisionTests {
    /// A table of marks, as a database holds it, and what was done behind it.
    private struct Table {
        var marks: [BarrierCall.Operation: BarrierCall.Operation] = [:]
        var done: [BarrierCall.Operation] = []

        mutating func call(_ operation: BarrierCall.Operation) -> BarrierDecision {
            let authors = BarrierDecision.marks(of: operation).map { mark -> BarrierCall.Operation? in
                let present = self.marks[mark]
                if present == nil { self.marks[mark] = operation }
                return present
            }
            let decision = BarrierDecision(operation, authors: authors)
            if decision == .proceed { self.done.append(operation) }
            return decision
        }
    }

    /// All sequences of so many calls.
    private static func sequences(_ length: Int) -> [[BarrierCall.Operation]] {
        if length == 0 { return [[]] }
        return Self.sequences(length - 1).flatMap { head in BarrierCall.Operation.allCases.map { head + [$0] } }
    }

    @Test func `does each work once, none after its cancel, and no cancel without its try, in all orders of six calls`()
    {
        for sequence in Self.sequences(6) {
            var table = Table()
            var seen: [BarrierCall.Operation: BarrierDecision] = [:]
            for operation in sequence {
                let decision = table.call(operation)
                // Whoever asks again is told the same, but that the work was done before.
                if let before = seen[operation] {
                    #expect(decision == (before == .proceed ? .repeated : before), "\(sequence)")
                } else {
                    seen[operation] = decision
                }
            }
            for operation in BarrierCall.Operation.allCases {
                #expect(table.done.filter { $0 == operation }.count <= 1, "\(sequence)")
            }
            let (attempt, cancel) = (sequence.firstIndex(of: .try), sequence.firstIndex(of: .cancel))
            #expect(table.done.contains(.cancel) == (attempt ?? .max < cancel ?? -1), "\(sequence)")
            #expect(table.done.contains(.try) == (attempt ?? .max < cancel ?? .max), "\(sequence)")
            #expect(table.done.contains(.confirm) == sequence.contains(.confirm))
        }
    }

    @Test func `is answered with a success where there is nothing to cancel, and with a refusal after a cancel`() throws
    {
        #expect(try BarrierOutcome.done(1).get() == 1)
        #expect(try BarrierOutcome.repeated(1).get() == 1)
        #expect(throws: Refusal.self) { try BarrierOutcome<Int>.hanging.get() }
        #expect(throws: Refusal.self) { try BarrierOutcome<Int>.empty.get() }
        try BarrierOutcome<Void>.empty.get()
        #expect(throws: Refusal.self) { try BarrierOutcome<Void>.hanging.get() }
    }
}
