import ColonyCore
import ColonyQueues
import ColonySQLite
import ColonySimulation
import Foundation
import Testing

/// Delays by the thousand on one file, and a table of when each is due.
private final class DelayedCrowd {
    let folder: TemporaryFolder
    let clock = ManualClock()
    let wall = ManualWallClock()
    let queue: QueueName = "delayed"
    private(set) var engine: SQLiteQueueEngine
    /// By number: an instant on the host's clock in nanoseconds, or a civil time in milliseconds.
    private var instants: [Int64]
    private var appointments: [Int64]
    private var isDelivered: [Bool]
    private(set) var deliveredCount = 0
    /// The last times at which everything that was due had been delivered.
    private var lastInstant = Int64.min
    private var lastCivil = Int64.min
    private let count: Int

    init(count: Int) throws {
        self.count = count
        self.folder = try TemporaryFolder()
        self.instants = Array(repeating: .min, count: count)
        self.appointments = Array(repeating: .min, count: count)
        self.isDelivered = Array(repeating: false, count: count)
        self.engine = Self.engine(self.folder, self.clock, self.wall)
    }

    private static func engine(
        _ folder: TemporaryFolder, _ clock: ManualClock, _ wall: ManualWallClock
    ) -> SQLiteQueueEngine {
        SQLiteQueueEngine(
            path: folder.store, clock: clock, wall: wall, boot: BootIdentity("boot-1"), registry: StoreRegistry())
    }

    /// 2³² milliseconds, at which a counter of 32 bits would begin again.
    static let wrap: Int64 = 4_294_967_296

    func publish(using generator: inout SeededGenerator) async throws {
        try await self.engine.declare(self.queue, QueueSettings())
        for start in stride(from: 0, to: self.count, by: 1_000) {
            let messages = (start..<min(start + 1_000, self.count)).map { number in
                let body = withUnsafeBytes(of: Int64(number)) { Array($0) }
                let milliseconds: Int64
                switch number % 8 {
                case 0..<4: milliseconds = Int64.random(in: 1...600_000, using: &generator)
                case 4, 5: milliseconds = Int64.random(in: 1...86_400_000, using: &generator)
                case 6: milliseconds = Self.wrap + Int64.random(in: -5_000...5_000, using: &generator)
                default:
                    let time = self.wall.now.advanced(
                        by: .milliseconds(Int64.random(in: 1...600_000, using: &generator)))
                    self.appointments[number] = time.millisecondsSince1970
                    return OutgoingMessage(body, availability: .at(time))
                }
                self.instants[number] = self.clock.now.advanced(by: .milliseconds(milliseconds)).nanoseconds
                return OutgoingMessage(body, availability: .after(.milliseconds(milliseconds)))
            }
            let outcomes = try await self.engine.publish(messages, to: self.queue)
            #expect(outcomes.allSatisfy { if case .stored = $0 { true } else { false } })
        }
    }

    /// Ends the process and begins another on the same host.
    func restart() async {
        await self.engine.close()
        self.engine = Self.engine(self.folder, self.clock, self.wall)
    }

    func pass(_ duration: Duration, civil: Duration) {
        self.clock.advance(by: duration)
        self.wall.step(by: civil)
    }

    /// Takes everything that can be delivered, and demands that it is what has become due since the last time, and all of that.
    func drain() async throws {
        let (now, civil) = (self.clock.now.nanoseconds, self.wall.now.millisecondsSince1970)
        while true {
            let deliveries = try await self.engine.receive(1_000, from: self.queue, lease: .seconds(3_600))
            if deliveries.isEmpty { break }
            for delivery in deliveries {
                let number = Int(delivery.body.withUnsafeBytes { $0.loadUnaligned(as: Int64.self) })
                if self.isDelivered[number] { Issue.record("\(number) came twice") }
                self.isDelivered[number] = true
                if self.appointments[number] == .min {
                    if self.instants[number] > now { Issue.record("\(number) came early") }
                    if self.instants[number] <= self.lastInstant { Issue.record("\(number) came late") }
                } else {
                    if self.appointments[number] > civil { Issue.record("\(number) came before its civil time") }
                    if self.appointments[number] <= self.lastCivil {
                        Issue.record("\(number) came after its civil time")
                    }
                }
            }
            self.deliveredCount += deliveries.count
            let outcomes = try await self.engine.settle(
                deliveries.map { Settlement($0.receipt, .acknowledge) }, in: self.queue)
            #expect(outcomes.allSatisfy { $0 == .settled })
        }
        self.lastInstant = max(self.lastInstant, now)
        self.lastCivil = max(self.lastCivil, civil)
    }
}

@Suite("Pitfalls of delays on the embedded engine", .timeLimit(.minutes(30)))
struct DelayPitfallTests {
    /// A million with COLONY_FULL=1; fewer otherwise, because a debug build spends minutes on a million.
    private static let count = ProcessInfo.processInfo.environment["COLONY_FULL"] == "1" ? 1_000_000 : 100_000

    @Test(
        "a crowd of pending delays, restarts, steps of the civil clock both ways, and more than 2³² ms: none early, none lost, none late"
    )
    func delayNeverEarlyNeverLost() async throws {
        var generator = SeededGenerator(seed: Seed(rawValue: 7))
        let crowd = try DelayedCrowd(count: Self.count)
        try await crowd.publish(using: &generator)
        try await crowd.drain()
        #expect(crowd.deliveredCount == 0)
        var steps = (0..<30).map { _ in Int64.random(in: 1...30_000, using: &generator) }
        steps += (0..<8).map { _ in Int64.random(in: 1...21_600_000, using: &generator) }
        let passed = steps.reduce(0, +)
        steps.append(max(0, 86_400_000 - passed))
        // Around the end of 32 bits second by second.
        steps.append(DelayedCrowd.wrap - max(passed, 86_400_000) - 6_000)
        steps += Array(repeating: 1_000, count: 13)
        for (number, step) in steps.enumerated() {
            // The civil clock steps by up to two hours either way, every other time.
            let correction = number % 2 == 0 ? 0 : Int64.random(in: -7_200_000...7_200_000, using: &generator)
            crowd.pass(.milliseconds(step), civil: .milliseconds(step + correction))
            if number % 7 == 5 { await crowd.restart() }
            try await crowd.drain()
        }
        #expect(crowd.deliveredCount == Self.count)
        await crowd.engine.close()
    }

    @Test("a restart of the host makes no delay early and loses none")
    func hostRestart() async throws {
        let folder = try TemporaryFolder()
        let clock = HostClock()
        func engine(_ boot: String) -> SQLiteQueueEngine {
            SQLiteQueueEngine(path: folder.store, boot: BootIdentity(boot), registry: StoreRegistry())
        }
        let first = engine("boot-1")
        try await first.declare("q", QueueSettings())
        var due: [MonotonicInstant] = []
        let delays = (0..<300).map { Duration.milliseconds(($0 * 37) % 1_000 + 1) }
        for delay in delays {
            due.append(clock.now.advanced(by: delay))
        }
        let messages = delays.enumerated().map { number, delay in
            OutgoingMessage(Array(String(number).utf8), availability: .after(delay))
        }
        _ = try await first.publish(messages, to: "q")
        await first.close()
        let second = engine("boot-2")
        var missing = Set(0..<300)
        let limit = clock.now.advanced(by: .seconds(30))
        while !missing.isEmpty, clock.now < limit {
            let seen = try await second.waitForChange(of: "q", since: 0, upTo: .zero)
            let deliveries = try await second.receive(1_000, from: "q", lease: .seconds(60))
            for delivery in deliveries {
                let number = try #require(Int(String(decoding: delivery.body, as: UTF8.self)))
                #expect(missing.remove(number) != nil, "\(number) came twice")
                #expect(due[number] <= clock.now, "\(number) came early")
            }
            if deliveries.isEmpty { _ = try await second.waitForChange(of: "q", since: seen, upTo: .seconds(1)) }
        }
        #expect(missing.isEmpty)
        await second.close()
    }
}
