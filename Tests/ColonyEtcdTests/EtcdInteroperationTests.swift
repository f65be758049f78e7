#if Etcd
import ColonyCore
import ColonyEtcd
import Foundation
import Testing

@Suite(
    "etcdctl and the engine share locks", .enabled(if: EtcdProcess.isAvailable), .serialized, .timeLimit(.minutes(5)))
struct EtcdInteroperationTests {
    /// Waits until etcdctl holds the name: it then prints its key.
    private func expectHeld(by tool: RunningTool, _ name: String) async throws {
        try await eventually("etcdctl holds \(name)") { tool.text.contains("\(name)/") }
    }

    @Test("what etcdctl holds is refused, and passes on when it is ended", arguments: ["job", "orders/42"])
    func excluded(_ text: String) async throws {
        let server = try await EtcdProcess()
        let engine = try server.engine()
        let name = try LeaseName(text)
        let tool = try server.lock(text)
        try await self.expectHeld(by: tool, text)
        guard case .held(let holder) = try await engine.tryAcquire(name, owner: "me", for: .seconds(30)) else {
            throw Disappointment(description: "what etcdctl holds was granted")
        }
        #expect(holder.owner.rawValue.hasPrefix("etcd:"))
        #expect(holder.remaining > .zero && holder.remaining <= .seconds(5))
        let record = try #require(try await engine.inspect(name))
        #expect(record.token == holder.token && record.duration == .seconds(5))
        #expect(try await engine.records(withPrefix: "", after: nil, limit: 10).map(\.name) == [name])
        let waiting = Task { try await engine.acquire(name, owner: "me", for: .seconds(30), upTo: .seconds(60)) }
        try await eventually("it stands in the queue") { try await engine.inspect(name)?.waiters.count == 1 }
        tool.signal(SIGINT)
        let lease = try #require(try await waiting.value.lease)
        #expect(lease.token > holder.token)
        try await tool.waitForEnd()
    }

    @Test("what the engine holds is refused to etcdctl, and passes on when it is released or runs out")
    func excludes() async throws {
        let server = try await EtcdProcess()
        let engine = try server.engine()
        for isReleased in [true, false] {
            let duration = isReleased ? Duration.seconds(600) : .seconds(3)
            let lease = try #require(try await engine.tryAcquire("job", owner: "me", for: duration).lease)
            let tool = try server.lock("job")
            try await eventually("etcdctl stands in the queue") {
                try await engine.inspect("job")?.waiters.count == 1
            }
            #expect(!tool.text.contains("job/"))
            if isReleased { #expect(try await engine.release("job", owner: "me", token: lease.token)) }
            try await self.expectHeld(by: tool, "job")
            #expect(try await engine.renew(lease, for: .seconds(60)) == nil)
            tool.signal(SIGINT)
            try await tool.waitForEnd()
            try await eventually("the name is free") { try await engine.inspect("job") == nil }
        }
    }

    @Test("what etcdctl holds can be broken")
    func broken() async throws {
        let server = try await EtcdProcess()
        let engine = try server.engine()
        let tool = try server.lock("job")
        try await self.expectHeld(by: tool, "job")
        #expect(try await engine.breakLease("job") != nil)
        #expect(try await engine.tryAcquire("job", owner: "me", for: .seconds(30)).lease != nil)
        tool.signal(SIGKILL)
        try await tool.waitForEnd()
    }

    @Test("a name and deeper names do not stand in each other's way, however they are held")
    func deeperNames() async throws {
        let server = try await EtcdProcess()
        let engine = try server.engine()
        let deeper = try #require(try await engine.tryAcquire("a/b", owner: "one", for: .seconds(600)).lease)
        // The server cannot decide `a` in one step while `a/b` is held.
        let upper = try #require(try await engine.tryAcquire("a", owner: "two", for: .seconds(600)).lease)
        #expect(upper.token > deeper.token)
        guard case .held(let holder) = try await engine.tryAcquire("a", owner: "three", for: .seconds(600)) else {
            throw Disappointment(description: "a held name was granted")
        }
        #expect(holder.owner == "two")
        #expect(try await engine.inspect("a")?.waiters.isEmpty == true)
        let waiting = Task { try await engine.acquire("a", owner: "four", for: .seconds(600), upTo: .seconds(60)) }
        try await eventually("four waits") { try await engine.inspect("a")?.waiters.map(\.owner) == ["four"] }
        #expect(try await engine.release("a", owner: "two", token: upper.token))
        #expect(try await waiting.value.lease?.owner == "four")
        #expect(try await engine.inspect("a/b")?.token == deeper.token)
    }
}
#endif
