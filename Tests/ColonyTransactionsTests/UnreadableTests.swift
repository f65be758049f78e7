import ColonyCore
import ColonySimulation
import ColonyTransactions
import Testing

@Suite("A transaction that cannot be read")
struct UnreadableTests {
    /// What was told until a transaction has ended.
    private static func told(
        in events: AsyncStream<TransactionEvent>, until last: TransactionID
    ) async -> (unreadable: [TransactionID], beyond: [Int]) {
        var (unreadable, beyond): ([TransactionID], [Int]) = ([], [])
        for await event in events {
            switch event {
            case .unreadable(let id, _): unreadable.append(id)
            case .unreadableBeyond(let count): beyond.append(count)
            case .finished(last, _, _): return (unreadable, beyond)
            default: break
            }
        }
        return (unreadable, beyond)
    }

    @Test func `keeps nobody from those that were claimed with it, and is not looked for for ever`() throws {
        try Stage.play { stage in
            let order = try stage.participants.order()
            stage.participants.answerAlways("payment", .hang)
            let first = try stage.coordinator([order])
            try await first.run {
                for id: TransactionID in ["o-1", "o-2"] { _ = try await first.start(order, "a", id: id) }
                try await stage.simulation.clock.sleep(for: .seconds(1))
            }
            stage.participants.answerAlways("payment", .done)
            let journal = ForgetfulJournal(stage.journal)
            journal.lose(1, of: "claim")
            journal.damage("o-1")
            let second = try stage.coordinator([order], on: journal)
            let events = second.events()
            try await second.run {
                try await stage.simulation.clock.sleep(for: .seconds(60))
                let state = try await journal.read("o-2")?.summary.state
                #expect(state == .completed)
                let looks = journal.listCount
                #expect(looks > 0)
                try await stage.simulation.clock.sleep(for: .seconds(60))
                #expect(journal.listCount == looks, "it looks for ever")
                _ = try await second.execute(order, "a", id: "o-3")
            }
            let listening = stage.simulation.spawn { await Self.told(in: events, until: "o-3") }
            let told = try await listening.value
            #expect(told.unreadable == ["o-1"] && told.beyond == [])
        }
    }

    @Test func `is told of once as long as it is found, and again if it was mended; of too many the number`() throws {
        try Stage.play { stage in
            let order = try stage.participants.order()
            let journal = ForgetfulJournal(stage.journal)
            let coordinator = try stage.coordinator([order], on: journal)
            let events = coordinator.events()
            let many = try (0..<130).map { try TransactionID("many-\($0)") }
            let rounds: [[TransactionID]] = [["o-1"], [], ["o-1"], many]
            try await coordinator.run {
                for ids in rounds {
                    journal.find(unreadable: ids)
                    try await stage.simulation.clock.sleep(for: .seconds(5))
                }
                _ = try await coordinator.execute(order, "a", id: "o-9")
            }
            let listening = stage.simulation.spawn { await Self.told(in: events, until: "o-9") }
            let told = try await listening.value
            #expect(told.unreadable == ["o-1", "o-1"] + many.prefix(100))
            #expect(told.beyond == [30])
        }
    }
}
