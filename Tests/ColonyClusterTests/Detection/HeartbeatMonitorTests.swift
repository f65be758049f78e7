import ColonyCluster
import ColonyCore
import ColonySimulation
import Testing

@Suite struct HeartbeatMonitorTests {
    @Test("A sender that falls silent is suspected, and trusted with its next heartbeat")
    func silenceIsTold() async throws {
        let clock = ManualClock()
        let monitor = try HeartbeatMonitor(try .init(expectedInterval: .seconds(1)), clock: clock)
        var changes = monitor.changes().makeAsyncIterator()
        let running = Task { try await monitor.run() }
        defer { running.cancel() }
        for _ in 0..<10 {
            try monitor.heartbeat(from: "a")
            try monitor.heartbeat(from: "b")
            try await clock.waitForSleepers(1)
            clock.advance(by: .seconds(1))
        }
        #expect(await changes.next() == .trusted("a"))
        #expect(await changes.next() == .trusted("b"))
        for _ in 0..<10 {
            try monitor.heartbeat(from: "b")
            try await clock.waitForSleepers(1)
            clock.advance(by: .seconds(1))
        }
        guard case .suspected("a", let phi) = await changes.next() else {
            Issue.record("a was not suspected")
            return
        }
        #expect(phi >= 8)
        #expect(monitor.suspected == ["a"])
        let level = try #require(monitor.phi(of: "b"))
        #expect(level < 8)
        try monitor.heartbeat(from: "a")
        #expect(await changes.next() == .trusted("a"))
        #expect(monitor.suspected.isEmpty)
        monitor.forget("a")
        #expect(await changes.next() == .forgotten("a"))
        #expect(monitor.phi(of: "a") == nil)
    }

    @Test("A monitor that runs with nobody to watch is woken by the first heartbeat")
    func firstHeartbeatWakes() async throws {
        let clock = ManualClock()
        let monitor = try HeartbeatMonitor(try .init(expectedInterval: .seconds(1)), clock: clock)
        var changes = monitor.changes().makeAsyncIterator()
        let running = Task { try await monitor.run() }
        defer { running.cancel() }
        try monitor.heartbeat(from: "a")
        #expect(await changes.next() == .trusted("a"))
        try await clock.waitForSleepers(1)
        clock.advance(by: .seconds(60))
        guard case .suspected("a", _) = await changes.next() else {
            Issue.record("a was not suspected")
            return
        }
    }
}
