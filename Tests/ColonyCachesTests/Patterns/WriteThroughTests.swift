import ColonyCaches
import Testing

@Suite("Write-through")
struct WriteThroughTests {
    private struct Refused: Error {}

    @Test("the store has a value before the cache shows it")
    func storeFirst() async throws {
        let committing = Checkpoint()
        let store = SharedValue<[String: Int]>([:])
        let users = WriteThrough(
            over: try Cache<String, Int>(capacity: 10),
            store: { key, value in
                await committing.pass()
                store.change { $0[key] = value }
            }, remove: { key in store.change { $0[key] = nil } })
        let write = Task { try await users.set("k", to: 1) }
        await committing.reached()
        #expect(users.get("k") == nil)
        committing.open()
        try await write.value
        #expect(users.get("k") == 1)
        #expect(store.value == ["k": 1])
        try await users.remove("k")
        #expect(users.get("k") == nil)
        #expect(store.value == [:])
        #expect(users.writingCount == 0)
    }

    @Test("after a store that threw the outcome is unknown, and the key is removed")
    func unknownOutcome() async throws {
        let users = WriteThrough(
            over: try Cache<String, Int>(capacity: 10),
            store: { _, value in if value == 2 { throw Refused() } }, remove: { _ in throw Refused() })
        try await users.set("k", to: 1)
        #expect(users.get("k") == 1)
        await #expect(throws: Refused.self) { try await users.set("k", to: 2) }
        #expect(users.get("k") == nil)
        try await users.set("k", to: 3)
        await #expect(throws: Refused.self) { try await users.remove("k") }
        #expect(users.get("k") == nil)
        #expect(users.writingCount == 0)
    }

    @Test("writes of one key are made in the order of their calls, those of others do not wait")
    func order() async throws {
        let first = Checkpoint()
        let written = SharedValue<[Int]>([])
        let users = WriteThrough(
            over: try Cache<String, Int>(capacity: 10),
            store: { key, value in
                if value == 0 { await first.pass() }
                if key == "k" { written.change { $0.append(value) } }
            }, remove: { _ in })
        var writes = [Task { try await users.set("k", to: 0) }]
        await first.reached()
        for value in 1..<10 {
            writes.append(Task { try await users.set("k", to: value) })
            while users.waitingCount(for: "k") < value { await Task.yield() }
        }
        try await users.set("other", to: 1)
        #expect(users.get("other") == 1)
        // One who waits and is cancelled writes nothing, and the others keep their order.
        writes[5].cancel()
        await #expect(throws: CancellationError.self) { try await writes[5].value }
        first.open()
        for (index, write) in writes.enumerated() where index != 5 { try await write.value }
        #expect(written.value == [0, 1, 2, 3, 4, 6, 7, 8, 9])
        #expect(users.get("k") == 9)
        #expect(users.writingCount == 0)
    }

    @Test("a load that a write has overtaken is not cached")
    func overtakenLoad() async throws {
        let users = WriteThrough(
            over: try Cache<String, Int>(capacity: 10), store: { _, _ in }, remove: { _ in })
        let loaded = Checkpoint()
        let reader = Task {
            await users.get("k") { _ in
                await loaded.pass()
                return 1
            }
        }
        await loaded.reached()
        try await users.set("k", to: 2)
        loaded.open()
        #expect(await reader.value == 1)
        #expect(users.get("k") == 2)
    }
}
