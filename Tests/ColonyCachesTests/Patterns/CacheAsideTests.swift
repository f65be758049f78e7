import ColonyCaches
import ColonyCore
import ColonySimulation
import Testing

@Suite("Cache-aside")
struct CacheAsideTests {
    private struct Refused: Error {}

    @Test("a reader that loads old, a writer that commits and deletes, a reader that stores: the update is not lost")
    func asideRaceLosesNoUpdate() async throws {
        let aside = CacheAside(over: try Cache<String, Int>(capacity: 10))
        let store = SharedValue(1)
        let loaded = Checkpoint()
        let reader = Task {
            await aside.get("k") { _ in
                let value = store.value
                await loaded.pass()
                return value
            }
        }
        await loaded.reached()
        await aside.write("k") { store.change { $0 = 2 } }
        loaded.open()
        // The reader asked before the write and may get what it loaded; it must not leave it behind.
        #expect(await reader.value == 1)
        #expect(aside.cache.peek("k") == nil)
        #expect(await aside.get("k") { _ in store.value } == 2)
        #expect(aside.cache.peek("k") == 2)
        #expect(aside.loadingCount == 0)
    }

    @Test("a reader that stores before the delete is undone by it")
    func storeBeforeDelete() async throws {
        let aside = CacheAside(over: try Cache<String, Int>(capacity: 10))
        let ticket = aside.ticket(for: "k")
        let committed = Checkpoint()
        let writer = Task { await aside.write("k") { await committed.pass() } }
        await committed.reached()
        #expect(aside.fill(ticket, with: 1))
        committed.open()
        await writer.value
        #expect(aside.cache.peek("k") == nil)
    }

    @Test("what was loaded after the delete is kept, also when an older load ends later")
    func olderLoadEndsLater() throws {
        let aside = CacheAside(over: try Cache<String, Int>(capacity: 10))
        let old = aside.ticket(for: "k")
        aside.invalidate("k")
        let new = aside.ticket(for: "k")
        #expect(aside.fill(new, with: 2))
        #expect(!aside.fill(old, with: 1))
        #expect(aside.cache.peek("k") == 2)
        #expect(!old.isValid && new.isValid)
    }

    @Test("a write that throws or is cancelled invalidates all the same, since its outcome is unknown")
    func failedWrite() async throws {
        let aside = CacheAside(over: try Cache<String, Int>(capacity: 10))
        _ = await aside.get("k") { _ in 1 }
        let ticket = aside.ticket(for: "k")
        await #expect(throws: Refused.self) { try await aside.write("k") { throw Refused() } }
        #expect(aside.cache.peek("k") == nil)
        #expect(!aside.fill(ticket, with: 1))
    }

    @Test("other keys keep their tickets; all lose them when everything is invalidated")
    func otherKeys() throws {
        let aside = CacheAside(over: try Cache<String, Int>(capacity: 10))
        let tickets = ["a", "b", "c"].map { aside.ticket(for: $0) }
        aside.invalidate("a")
        #expect(tickets.map(\.isValid) == [false, true, true])
        aside.invalidateAll()
        #expect(tickets.map(\.isValid) == [false, false, false])
        #expect(!aside.fill(tickets[1], with: 1))
        #expect(aside.cache.count == 0)
    }

    @Test("an absence and an error leave nothing in the cache and no ticket out")
    func nothingToStore() async throws {
        let aside = CacheAside(over: try Cache<String, Int>(capacity: 10))
        #expect(await aside.get("k") { _ in nil } == nil)
        await #expect(throws: Refused.self) { try await aside.get("k") { _ in throw Refused() } }
        #expect(aside.cache.count == 0)
        #expect(aside.loadingCount == 0)
    }

    @Test("no interleaving of readers and writers leaves an old value", arguments: 0..<200 as Range<UInt64>)
    func interleavings(seed: UInt64) throws {
        var random = SeededGenerator(seed: Seed(rawValue: seed))
        let aside = CacheAside(over: try Cache<Int, Int>(capacity: 4))
        var store = [0, 0, 0]
        // Writers that have committed and not invalidated yet; until they have, an old value may be seen.
        var owed: [Int] = []
        var loads: [(ticket: FillTicket<Int>, value: Int)] = []
        for step in 1...1_000 {
            let key = Int.random(in: 0..<3, using: &random)
            switch Int.random(in: 0..<5, using: &random) {
            case 0:
                let ticket = aside.ticket(for: key)
                loads.append((ticket, store[key]))
            case 1 where !loads.isEmpty:
                let load = loads.remove(at: Int.random(in: 0..<loads.count, using: &random))
                aside.fill(load.ticket, with: load.value)
            case 2:
                store[key] = step
                owed.append(key)
            case 3 where !owed.isEmpty:
                aside.invalidate(owed.remove(at: Int.random(in: 0..<owed.count, using: &random)))
            default:
                if let value = aside.cache.get(key), !owed.contains(key) {
                    #expect(value == store[key], "seed \(seed), step \(step)")
                }
            }
        }
        loads = []
        #expect(aside.loadingCount == 0)
        #expect(aside.cache.defect() == nil)
    }

    @Test("threads that read and write one key never see it go back")
    func threads() async throws {
        let aside = CacheAside(over: try Cache<Int, Int>(capacity: 4))
        let store = SharedValue(0)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<2 {
                group.addTask {
                    for _ in 0..<5_000 { await aside.write(1) { store.change { $0 += 1 } } }
                }
                group.addTask {
                    for _ in 0..<5_000 { _ = await aside.get(1) { _ in store.value } }
                }
            }
        }
        let value = await aside.get(1) { _ in store.value }
        #expect(value == 10_000)
        #expect(aside.loadingCount == 0)
    }
}
