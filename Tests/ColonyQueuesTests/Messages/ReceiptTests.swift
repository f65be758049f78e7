import ColonyCore
import ColonyQueues
import Testing

@Suite("Receipts and messages")
struct ReceiptTests {
    @Test("a receipt has one spelling", arguments: [0, 1, 0xC0FFEE, UInt64.max])
    func roundTrip(nonce: UInt64) {
        let receipt = Receipt(message: MessageID(rawValue: 17), attempt: 2, nonce: nonce)
        #expect(Receipt(receipt.description) == receipt)
    }

    @Test(
        "what is no receipt is refused",
        arguments: [
            "", "-", "17-2", "0-1-0000000000000000", "17-0-0000000000000000", "17-2-000000000000000",
            "+17-2-0000000000000000",
            "17-2-00000000000000zz", "17-2-0000000000000000-", "017-2-0000000000000000", "17-2-00000000C0FFEE00",
            String(repeating: "1", count: 10_000),
        ])
    func refused(text: String) {
        #expect(Receipt(text) == nil)
    }

    @Test("a message that no queue takes is refused with its value")
    func limits() {
        func code(_ message: OutgoingMessage) -> QueueError.Code? {
            do {
                try message.validate()
                return nil
            } catch {
                return error.code
            }
        }
        #expect(code(OutgoingMessage([])) == nil)
        #expect(code(OutgoingMessage([UInt8](repeating: 0, count: MessageLimits.bodyBytes))) == nil)
        #expect(code(OutgoingMessage([UInt8](repeating: 0, count: MessageLimits.bodyBytes + 1))) == .tooLarge)
        #expect(code(OutgoingMessage([], priority: 10)) == .invalidRequest)
        #expect(code(OutgoingMessage([], priority: -1)) == .invalidRequest)
        #expect(code(OutgoingMessage([], key: "")) == .invalidRequest)
        #expect(code(OutgoingMessage([], deduplicationID: "a\nb")) == .invalidRequest)
        #expect(code(OutgoingMessage([], availability: .after(.seconds(-1)))) == .invalidRequest)
        #expect(code(OutgoingMessage([], availability: .after(MessageLimits.delay + .seconds(1)))) == .invalidRequest)
        #expect(code(OutgoingMessage([], headers: ["": "x"])) == .invalidRequest)
        #expect(code(OutgoingMessage([], headers: ["x": String(repeating: "x", count: 20_000)])) == .tooLarge)
    }

    @Test("settings that cannot work are refused with their value")
    func settings() throws {
        try QueueSettings().validate()
        let broken: [(inout QueueSettings) -> Void] = [
            { $0.capacity = 0 }, { $0.capacityBytes = -1 }, { $0.deliveryLimit = 0 }, { $0.deliveryLimit = 1_001 },
            { $0.lease = .zero }, { $0.retention = .zero }, { $0.deduplicationWindow = .seconds(-1) },
        ]
        for change in broken {
            var settings = QueueSettings()
            change(&settings)
            let error = #expect(throws: QueueError.self) { try settings.validate() }
            #expect(error?.code == .invalidConfiguration)
        }
    }
}
