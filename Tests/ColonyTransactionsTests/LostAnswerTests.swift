import ColonyCore
import ColonyMemory
import ColonySimulation
import ColonyTransactions
import Synchronization
import Testing

@Suite("A journal whose answers get lost")
struct LostAnswerTests {
    @Test func `begins a transaction that its coordinator works on when it is started again`() throws {
        try Stage.play { stage in
            let order = try stage.participants.order()
            let journal = ForgetfulJournal(stage.journal)
            let coordinator = try stage.coordinator([order], on: journal)
            try await coordinator.run {
                let error = await #expect(throws: TransactionError.self) {
                    try await coordinator.start(order, "a", id: "o-1")
                }
                #expect(error?.code == .unavailable)
                #expect(try await stage.journal.read("o-1") != nil)
                let result = try await coordinator.start(order, "a", id: "o-1").result(upTo: .seconds(60))
                #expect(result == "a-reserved 7")
            }
            #expect(stage.participants.calls == ["stock", "payment", "parcel", "mail"])
        }
    }
}
