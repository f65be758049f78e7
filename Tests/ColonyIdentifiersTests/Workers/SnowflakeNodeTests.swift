import ColonyCore
import ColonyIdentifiers
import ColonyMemory
import ColonySimulation
import Synchronization
import Testing

@Suite struct SnowflakeNodeTests {
    /// Four workers, so that they can be used up.
    private static func layout() throws(IdentifierError) -> SnowflakeLayout {
        try SnowflakeLayout(timeBits: 41, workerBits: 2, sequenceBits: 12, epoch: SnowflakeLayout.classic.epoch)
    }

    private static func node(
        in simulation: Simulation, _ label: String, workers: WorkerAssignment, moments: any SegmentEngine,
        layout: SnowflakeLayout? = nil, wallClock: (any WallClock)? = nil,
        configuration: SnowflakeNodeConfiguration = SnowflakeNodeConfiguration()
    ) throws -> SnowflakeNode {
        try SnowflakeNode(
            namespace: "orders", layout: layout ?? Self.layout(), workers: workers, moments: moments,
            configuration: configuration, wallClock: wallClock ?? NodeClock(simulation.clock), clock: simulation.clock,
            chance: simulation.generator(for: label))
    }

    @Test func aNodeLeasesANumberIssuesAndGivesItBack() throws {
        try Simulation(seed: 1).run { simulation in
            let leases = MemoryLeaseEngine(clock: simulation.clock)
            let node = try Self.node(
                in: simulation, "node", workers: .leased(from: leases), moments: MemorySegmentEngine())
            #expect(!node.isIssuing)
            let before = #expect(throws: IdentifierError.self) { try node.next() }
            #expect(before?.code == .workerLost)
            let running = simulation.spawn { try await node.run() }
            var last = try await node.next(waitingUpTo: .seconds(5))
            for _ in 0..<600 {
                try await simulation.clock.sleep(for: .seconds(1))
                let id = try node.next()
                #expect(id > last)
                last = id
            }
            let worker = try #require(node.status.worker)
            #expect(node.status.isLeased)
            #expect(try node.layout.parse(last).worker == worker)
            #expect(try await leases.heldCount() == 1)
            running.cancel()
            try await running.value
            #expect(try await leases.heldCount() == 0)
            #expect(!node.isIssuing)
            #expect(throws: IdentifierError.self) { try node.next() }
        }
    }

    /// Pitfall 2. A restart within the reserved seconds, on a clock that is earlier by a little or by a lot.
    @Test(arguments: [Duration.zero, .milliseconds(-1), .seconds(-1), .seconds(-3_600)])
    func rollbackAcrossRestart(step: Duration) throws {
        for pause in [Duration.zero, .milliseconds(500), .seconds(2), .seconds(60)] {
            try Simulation(seed: 2).run { simulation in
                let moments = MemorySegmentEngine()
                let wallClock = NodeClock(simulation.clock)
                var seen: Set<SnowflakeID> = []
                var last: SnowflakeID?
                for _ in 0..<3 {
                    let node = try Self.node(
                        in: simulation, "node", workers: .fixed(1), moments: moments, wallClock: wallClock)
                    let running = simulation.spawn { try await node.run() }
                    let first = try await node.next(waitingUpTo: .seconds(4_000 * 3))
                    for id in [first] + (try await node.next(5_000, waitingUpTo: .seconds(5))) {
                        #expect(seen.insert(id).inserted)
                        if let last { #expect(id > last) }
                        last = id
                    }
                    // Nothing is written at the end: what a kill leaves behind is what a cancellation leaves behind.
                    running.cancel()
                    try await running.value
                    try await simulation.clock.sleep(for: pause)
                    wallClock.step(by: step)
                }
            }
        }
    }

    @Test func aRestartOnAMuchEarlierClockFailsTyped() throws {
        try Simulation(seed: 3).run { simulation in
            let moments = MemorySegmentEngine()
            let wallClock = NodeClock(simulation.clock)
            let first = try Self.node(
                in: simulation, "node", workers: .fixed(1), moments: moments, wallClock: wallClock)
            let running = simulation.spawn { try await first.run() }
            _ = try await first.next(waitingUpTo: .seconds(1))
            running.cancel()
            try await running.value
            wallClock.step(by: .seconds(-3_600))
            let second = try Self.node(
                in: simulation, "node", workers: .fixed(1), moments: moments, wallClock: wallClock)
            let again = simulation.spawn { try await second.run() }
            let error = await #expect(throws: IdentifierError.self) {
                try await second.next(waitingUpTo: .seconds(10))
            }
            #expect(error?.code == .clockMovedBack)
            again.cancel()
        }
    }

    /// Pitfall 3. With the coordinator down a remembered number is used only where the store of the moments, which all
    /// holders share, has verified the mark.
    @Test func coordinatorDownAtBoot() throws {
        try Simulation(seed: 4).run { simulation in
            let leases = NetworkLeases(MemoryLeaseEngine(clock: simulation.clock))
            leases.cutOff()
            func attempt(_ remembered: Int?, _ moments: StoredMoments) async throws -> (
                SnowflakeNode, Task<Void, any Error>
            ) {
                let node = try Self.node(
                    in: simulation, "node", workers: .leased(from: leases, remembered: remembered), moments: moments)
                let running = simulation.spawn { try await node.run() }
                try await simulation.clock.sleep(for: .seconds(30))
                return (node, running)
            }
            // Nothing is remembered.
            let (unknown, first) = try await attempt(nil, StoredMoments(reach: .network))
            #expect(!unknown.isIssuing)
            let silence = #expect(throws: IdentifierError.self) { try unknown.next() }
            #expect(silence?.code == .workerLost)
            #expect(silence?.message.contains("the network is cut") == true)
            first.cancel()
            // The moments are those of this host only: another host may hold the number and use the same ones.
            let (local, second) = try await attempt(2, StoredMoments(reach: .host))
            #expect(!local.isIssuing)
            second.cancel()
            // The mark cannot be verified.
            let broken = StoredMoments(reach: .network)
            broken.cutOff()
            let (unverified, third) = try await attempt(2, broken)
            #expect(!unverified.isIssuing)
            third.cancel()
            // Verified: two nodes that remember the same number, and neither repeats the other's.
            let shared = StoredMoments(reach: .network)
            let (one, fourth) = try await attempt(2, shared)
            let (other, fifth) = try await attempt(2, shared)
            #expect(one.status.worker == 2 && !one.status.isLeased)
            var seen: Set<SnowflakeID> = []
            var issued = 0
            for _ in 0..<2_000 {
                try await simulation.clock.sleep(for: .milliseconds(10))
                for node in [one, other] {
                    guard let id = try? node.next() else { continue }
                    issued += 1
                    #expect(seen.insert(id).inserted)
                }
            }
            #expect(issued > 1_000)
            // The coordinator comes back: both lease, and now they differ.
            leases.cutOff(false)
            try await simulation.clock.sleep(for: .seconds(30))
            #expect(one.status.isLeased && other.status.isLeased)
            #expect(one.status.worker != other.status.worker)
            for task in [fourth, fifth] { task.cancel() }
        }
    }

    /// Pitfall 4. Twice as many starts as numbers; live holders never share one; who is cut off stops before his number
    /// is another's. Here every node keeps its moments to itself, so that only the leases stand between them.
    @Test func workerIdUnique() throws {
        for seed in Seed(rawValue: 0x1D).followed(by: 20) {
            try Simulation(seed: seed).run { simulation in
                let engine = MemoryLeaseEngine(clock: simulation.clock)
                var nodes: [(node: SnowflakeNode, leases: NetworkLeases, task: Task<Void, any Error>)] = []
                for index in 0..<8 {
                    let leases = NetworkLeases(engine)
                    let node = try Self.node(
                        in: simulation, "node \(index)", workers: .leased(from: leases),
                        moments: StoredMoments(reach: .host),
                        wallClock: NodeClock(simulation.clock, offset: .milliseconds(index * 1_000 - 4_000)),
                        configuration: SnowflakeNodeConfiguration(clockDisagreement: .seconds(10)))
                    nodes.append((node, leases, simulation.spawn { try await node.run() }))
                }
                var chance = simulation.generator(for: "faults")
                var seen: Set<SnowflakeID> = []
                var workersSeen: Set<Int> = []
                var turns: Set<Int> = []
                for _ in 0..<6_000 {
                    try await simulation.clock.sleep(for: .milliseconds(100))
                    if chance.happens(withProbability: 0.02) {
                        nodes[Int.random(in: 0..<8, using: &chance)].leases.cutOff()
                    }
                    if chance.happens(withProbability: 0.02) {
                        nodes[Int.random(in: 0..<8, using: &chance)].leases.cutOff(false)
                    }
                    var issuing: Set<Int> = []
                    for (index, entry) in nodes.enumerated() where entry.node.isIssuing {
                        let worker = try #require(entry.node.status.worker)
                        #expect(issuing.insert(worker).inserted, "seed \(seed): two issue for \(worker)")
                        guard let id = try entry.node.tryNext() else { continue }
                        #expect(seen.insert(id).inserted, "seed \(seed): \(id) twice")
                        workersSeen.insert(worker)
                        turns.insert(index)
                    }
                }
                #expect(workersSeen.count == 4)
                #expect(turns.count > 4, "the cuts have handed numbers over")
                for entry in nodes { entry.task.cancel() }
            }
        }
    }

    @Test func aFullNamespaceIsReportedAndJoinedLater() throws {
        try Simulation(seed: 5).run { simulation in
            let leases = MemoryLeaseEngine(clock: simulation.clock)
            let moments = MemorySegmentEngine()
            var tasks: [Task<Void, any Error>] = []
            for index in 0..<4 {
                let node = try Self.node(
                    in: simulation, "node \(index)", workers: .leased(from: leases), moments: moments)
                tasks.append(simulation.spawn { try await node.run() })
                _ = try await node.next(waitingUpTo: .seconds(5))
            }
            let fifth = try Self.node(in: simulation, "fifth", workers: .leased(from: leases), moments: moments)
            let task = simulation.spawn { try await fifth.run() }
            let error = await #expect(throws: IdentifierError.self) { try await fifth.next(waitingUpTo: .seconds(5)) }
            #expect(error?.code == .workerLost)
            #expect(fifth.status.failure?.code == .noWorkerFree)
            tasks[0].cancel()
            _ = try await fifth.next(waitingUpTo: .seconds(60))
            #expect(fifth.status.failure == nil)
            for task in tasks + [task] { task.cancel() }
        }
    }

    /// The store of the moments fails: what is reserved is still issued, and nothing beyond it.
    @Test func nothingIsIssuedBeyondTheReservation() throws {
        try Simulation(seed: 6).run { simulation in
            let moments = StoredMoments(reach: .process)
            let node = try Self.node(in: simulation, "node", workers: .fixed(0), moments: moments)
            let task = simulation.spawn { try await node.run() }
            _ = try await node.next(waitingUpTo: .seconds(1))
            moments.cutOff()
            let reserved = try #require(node.status.reservedThrough)
            var last: SnowflakeID?
            for _ in 0..<100 {
                try await simulation.clock.sleep(for: .milliseconds(100))
                if let id = try? node.next() { last = id }
            }
            #expect(try node.layout.parse(#require(last)).time <= reserved)
            let error = #expect(throws: IdentifierError.self) { try node.next() }
            #expect(error?.code == .workerLost)
            #expect(error?.message.contains("the disk is gone") == true)
            moments.cutOff(false)
            #expect(try await node.next(waitingUpTo: .seconds(30)) > #require(last))
            task.cancel()
        }
    }

    /// A clock that jumps ahead, and back, while the node runs.
    @Test func aJumpingClockRepeatsNothing() throws {
        for seed in Seed(rawValue: 0x1D7).followed(by: 50) {
            try Simulation(seed: seed).run { simulation in
                let wallClock = NodeClock(simulation.clock)
                let moments = MemorySegmentEngine()
                var chance = simulation.generator(for: "steps")
                let nodes = try (0..<2).map {
                    try Self.node(
                        in: simulation, "node \($0)", workers: .fixed(1), moments: moments, wallClock: wallClock)
                }
                let tasks = nodes.map { node in simulation.spawn { try await node.run() } }
                var seen: Set<SnowflakeID> = []
                for _ in 0..<500 {
                    try await simulation.clock.sleep(for: .milliseconds(Int64.random(in: 0...300, using: &chance)))
                    if chance.happens(withProbability: 0.2) {
                        wallClock.step(by: .milliseconds(Int64.random(in: -3_000...3_000, using: &chance)))
                    }
                    for node in nodes {
                        for _ in 0..<3 {
                            guard let id = try? node.next() else { continue }
                            #expect(seen.insert(id).inserted, "seed \(seed): \(id) twice")
                        }
                    }
                }
                #expect(seen.count > 50)
                for task in tasks { task.cancel() }
            }
        }
    }

    /// Pitfall 10, first half.
    @Test func layoutMismatchDetected() throws {
        let classic = SnowflakeLayout.classic
        let others = [
            SnowflakeLayout.javaScriptSafe,
            try SnowflakeLayout(timeBits: 41, datacenterBits: 4, workerBits: 6, sequenceBits: 12, epoch: classic.epoch),
            try SnowflakeLayout(
                timeBits: 41, datacenterBits: 5, workerBits: 5, sequenceBits: 12,
                epoch: classic.epoch.advanced(by: .milliseconds(1))),
        ]
        for other in others {
            try Simulation(seed: 7).run { simulation in
                let leases = MemoryLeaseEngine(clock: simulation.clock)
                let moments = MemorySegmentEngine()
                let first = try Self.node(
                    in: simulation, "first", workers: .leased(from: leases), moments: moments, layout: classic)
                let running = simulation.spawn { try await first.run() }
                _ = try await first.next(waitingUpTo: .seconds(1))
                let second = try Self.node(
                    in: simulation, "second", workers: .leased(from: leases), moments: moments, layout: other)
                let error = await #expect(throws: IdentifierError.self) { try await second.run() }
                #expect(error?.code == .schemeMismatch)
                #expect(error?.message.contains(classic.scheme) == true)
                #expect(error?.message.contains(other.scheme) == true)
                #expect(!second.isIssuing)
                // Who waits for the refused one is told why, and at once.
                let began = simulation.clock.now
                let refusal = await #expect(throws: IdentifierError.self) {
                    try await second.withNode { try await $0.next(waitingUpTo: .seconds(60)) }
                }
                #expect(refusal?.code == .schemeMismatch)
                #expect(simulation.clock.now == began)
                // Who was there first is not disturbed.
                _ = try first.next()
                running.cancel()
            }
        }
    }

    @Test(arguments: ["", "a\u{7}b", String(repeating: "n", count: 201)])
    func badNamespacesAreRefused(namespace: String) {
        let error = #expect(throws: IdentifierError.self) {
            try SnowflakeNode(namespace: namespace, workers: .fixed(0), moments: MemorySegmentEngine())
        }
        #expect(error?.code == .invalidRequest)
    }

    @Test func badConfigurationsAreRefused() {
        for configuration in [
            SnowflakeNodeConfiguration(leaseDuration: .zero), SnowflakeNodeConfiguration(reservation: .milliseconds(1)),
            SnowflakeNodeConfiguration(clockDisagreement: .seconds(-1)), SnowflakeNodeConfiguration(callLimit: .zero),
        ] {
            let error = #expect(throws: IdentifierError.self) {
                try SnowflakeNode(
                    namespace: "orders", workers: .fixed(0), moments: MemorySegmentEngine(),
                    configuration: configuration)
            }
            #expect(error?.code == .invalidRequest)
        }
        #expect(throws: IdentifierError.self) {
            try SnowflakeNode(namespace: "orders", workers: .fixed(32), moments: MemorySegmentEngine())
        }
    }

    @Test func anAddressGivesItsLowBits() throws {
        let layout = SnowflakeLayout.sonyflake
        let node = try SnowflakeNode(
            namespace: "orders", layout: layout, workers: .derived(fromIPv4: "10.0.3.7", for: layout),
            moments: MemorySegmentEngine())
        _ = node
        for text in ["10.0.3", "10.0.3.256", "10.0.3.07", "10.0.3.7.1", "", "a.b.c.d", "10.0.3.-1"] {
            let error = #expect(throws: IdentifierError.self) {
                try WorkerAssignment.derived(fromIPv4: text, for: layout)
            }
            #expect(error?.message.contains("\"\(text)\"") == true)
        }
    }

    @Test func theScopedFormRunsTheNodeAndGivesTheNumberBack() throws {
        try Simulation(seed: 8).run { simulation in
            let leases = MemoryLeaseEngine(clock: simulation.clock)
            let node = try Self.node(
                in: simulation, "node", workers: .leased(from: leases), moments: MemorySegmentEngine())
            let id = try await node.withNode { try await $0.next(waitingUpTo: .seconds(10)) }
            #expect(id.rawValue > 0)
            #expect(try await leases.heldCount() == 0)
            // What ends the run is what the caller hears of.
            let other = try Self.node(
                in: simulation, "other", workers: .fixed(1), moments: StoredMoments(reach: .process))
            await #expect(throws: CancellationError.self) {
                try await other.withNode { _ in throw CancellationError() }
            }
            #expect(!other.isIssuing)
        }
    }
}
