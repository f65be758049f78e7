import ColonyCoordination
import ColonyCore
import FaultHarness
import FaultHistory
import RealServers
import Synchronization
import Testing

/// What goes wrong with locks and elections elsewhere, put to every engine with its real servers.
@Suite("Pitfalls of coordination on every engine", .atATime(3), .timeLimit(.minutes(15)))
struct EnginePitfallTests {
    private static let stores = StoreUnderTest.all.filter(FaultSuiteTests.canRun)
    /// Those whose servers can be stopped and started.
    private static let served = Self.stores.filter { $0.name != "sqlite" }

    @Test(arguments: Self.stores)
    func pausedHolderCannotWrite(store: StoreUnderTest) async throws {
        let (scene, running) = try await Self.scene(store)
        defer { for server in running.servers { server.kill() } }
        // One that writes on whatever it hears.
        try scene.start("1.0", on: running.url, lease: store.lease, isSleeper: true)
        try await scene.waitForGrant(to: "1.0")
        try scene.start("2.0", on: running.url, lease: store.lease)
        try await Self.waitForRequest(of: "2.0", in: scene)
        try await scene.suspend("1.0")
        try await scene.waitForGrant(to: "2.0")
        scene.resume("1.0")
        try await scene.wait(until: "the late write is refused") {
            try scene.history().contains { $0.who == "1.0" && $0.kind == .wrote && $0.isAccepted == false }
        }
        scene.kill("1.0")
        // One that hears of the loss, and stops.
        try scene.start("3.0", on: running.url, lease: store.lease)
        try await Self.waitForRequest(of: "3.0", in: scene)
        try await scene.suspend("2.0")
        try await scene.waitForGrant(to: "3.0")
        scene.resume("2.0")
        try await scene.wait(until: "the holder hears of its loss, or sees it and gives back what it has not") {
            try scene.history().contains {
                $0.who == "2.0" && ($0.kind == .lost || $0.kind == .released && $0.isAccepted == false)
            }
        }
        let check = try await scene.finish()
        #expect(check.safetyViolations().isEmpty, "\(check.safetyViolations())")
    }

    @Test(arguments: Self.stores)
    func waiterChecksOwnLease(store: StoreUnderTest) async throws {
        let (scene, running) = try await Self.scene(store)
        defer { for server in running.servers { server.kill() } }
        try scene.start("1.0", on: running.url, lease: store.lease)
        try await scene.waitForGrant(to: "1.0")
        try scene.start("2.0", on: running.url, lease: store.lease)
        try await Self.waitForRequest(of: "2.0", in: scene)
        try await scene.suspend("2.0")
        try scene.start("3.0", on: running.url, lease: store.lease)
        try await Self.waitForRequest(of: "3.0", in: scene)
        scene.kill("1.0")
        try await scene.waitForGrant(to: "3.0")
        // Its place has passed it by, and it must not take it for its turn.
        scene.resume("2.0")
        let turn = HostClock().now
        try await scene.wait(until: "the holder works on beside it for two leases") {
            turn.duration(to: HostClock().now) > store.lease * 2
        }
        scene.kill("3.0")
        try await scene.waitForGrant(to: "2.0")
        let check = try await scene.finish()
        #expect(check.safetyViolations().isEmpty, "\(check.safetyViolations())")
    }

    @Test(arguments: Self.stores)
    func noRenewAfterUnlock(store: StoreUnderTest) async throws {
        let stage = try await PitfallStage(store)
        let engine = try stage.engine()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<4 {
                group.addTask {
                    let name = try LeaseName("job-\(task)")
                    for round in 0..<25 {
                        let owner = OwnerID.unique()
                        let lease = try await stage.grant(name, to: owner, for: .seconds(7), on: engine)
                        let renewals = (0..<2).map { _ in Task { try? await engine.renew(lease, for: .seconds(8)) } }
                        for _ in 0..<(round % 5) { await Task.yield() }
                        try await engine.release(name, owner: owner, token: lease.token)
                        for renewal in renewals { _ = await renewal.value }
                        #expect(try await engine.renew(lease, for: .seconds(8)) == nil)
                        let record = try await engine.inspect(name)
                        #expect(record == nil, "\(store.name): a renewal brought \(lease) back")
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    @Test(arguments: Self.stores)
    func renewalSurvivesReconnect(store: StoreUnderTest) async throws {
        let stage = try await PitfallStage(store)
        let engine = try stage.engine()
        let configuration = LockConfiguration(duration: .seconds(8), waiting: .seconds(45))
        let held = try #require(try await Self.lock("job", on: engine, configuration).acquire())
        if let server = stage.servers.first {
            server.kill()
            try stage.start()
            let restart = stage.clock.now
            try await stage.eventually("it is renewed after the restart") {
                try stage.start()
                #expect(held.isHeld, "\(store.name): the lock was lost")
                return held.lease.expiry > restart.advanced(by: .seconds(8)) || !held.isHeld
            }
        }
        #expect(try await held.release())
        // A lease that ran out, and the same name anew.
        let brief = LockConfiguration(duration: .seconds(1), waiting: .seconds(45), renewsAutomatically: false)
        let lost = try #require(try await Self.lock("job", on: engine, brief).acquire())
        #expect(try await lost.waitUntilLost() != nil)
        let lasting = LockConfiguration(duration: .seconds(3), waiting: .seconds(45))
        let again = try #require(try await Self.lock("job", on: engine, lasting).acquire())
        let first = again.lease.expiry
        try await stage.eventually("it is renewed") { again.lease.expiry > first }
        #expect(again.isHeld && again.token > lost.token)
        #expect(try await again.release())
    }

    @Test(arguments: Self.stores)
    func onlyOwnerReleases(store: StoreUnderTest) async throws {
        let stage = try await PitfallStage(store)
        let (engine, other) = (try stage.engine(), try stage.engine())
        let owner = OwnerID.unique()
        let former = try await stage.grant("job", to: owner, for: .milliseconds(100), on: engine)
        let next = try await stage.grant("job", for: .seconds(8), on: other)
        #expect(try await !engine.release("job", owner: owner, token: former.token))
        #expect(try await !engine.release("job", owner: owner, token: nil))
        #expect(try await other.inspect("job")?.token == next.token)
        // Cancelling who gives back does not keep the lock.
        let held = try #require(
            try await Self.lock("other", on: engine, LockConfiguration(duration: .seconds(8))).acquire())
        let release = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try? await held.release()
        }
        _ = await release.value
        try await stage.eventually("it is given back", within: .seconds(5)) {
            try await engine.inspect("other") == nil
        }
    }

    @Test(arguments: Self.served)
    func leaderStopsFirst(store: StoreUnderTest) async throws {
        let stage = try await PitfallStage(store)
        let contest = PitfallContest(lease: store.lease, stay: store.lease * 1.5)
        try await Self.play(contest, on: stage) {
            for share in [0.4, 0.9, 1.6] {
                let leaders = contest.tenures.count
                for server in stage.servers { server.suspend() }
                try await stage.clock.sleep(for: store.lease * share)
                for server in stage.servers { server.resume() }
                try await stage.eventually("somebody leads", within: store.progressBound * 2) {
                    contest.tenures.count > leaders
                }
            }
        }
        #expect(contest.breaches.isEmpty, "\(store.name): \(contest.breaches)")
    }

    @Test(arguments: Self.stores)
    func expiryUsesLocalObservation(store: StoreUnderTest) async throws {
        if let obstacle = WallClockShim.obstacle {
            print("skipped: wall clocks that are apart: \(obstacle)")
            #expect(!InstalledPrograms.isMissingAnError, "\(obstacle)")
            return
        }
        let shim = try WallClockShim()
        let (scene, running) = try await Self.scene(store)
        defer { for server in running.servers { server.kill() } }
        let clocks = [try shim.makeClock("early"), try shim.makeClock("late")]
        try clocks[0].set(secondsOff: -5 * 3_600)
        try clocks[1].set(secondsOff: 5 * 3_600)
        try scene.start("1.0", on: running.url, lease: store.lease, environment: clocks[0].environment)
        try await scene.waitForGrant(to: "1.0")
        try scene.start("2.0", on: running.url, lease: store.lease, environment: clocks[1].environment)
        try await Self.waitForRequest(of: "2.0", in: scene)
        let start = HostClock().now
        try await scene.wait(until: "three leases have passed") {
            start.duration(to: HostClock().now) > store.lease * 3
        }
        // Forth and back under the holder.
        try clocks[0].set(secondsOff: 86_400)
        try clocks[1].set(secondsOff: -86_400)
        try await scene.wait(until: "five leases have passed") {
            start.duration(to: HostClock().now) > store.lease * 5
        }
        #expect(try !scene.history().contains { $0.who == "2.0" && $0.kind == .acquired }, "\(store.name)")
        #expect(try !scene.history().contains { $0.who == "1.0" && $0.kind == .lost }, "\(store.name)")
        scene.kill("1.0")
        try await scene.waitForGrant(to: "2.0")
        let check = try await scene.finish()
        #expect(check.safetyViolations().isEmpty, "\(check.safetyViolations())")
    }

    @Test(arguments: Self.served)
    func reconnectStormOneLeader(store: StoreUnderTest) async throws {
        let stage = try await PitfallStage(store)
        let contest = PitfallContest(lease: store.lease, stay: .milliseconds(100))
        try await Self.play(contest, on: stage) {
            for round in 0..<3 {
                let leaders = contest.tenures.count
                let server = stage.servers[round % stage.servers.count]
                server.kill()
                try await stage.eventually("leaders follow one another", within: store.progressBound * 2) {
                    try server.start()
                    return contest.tenures.count >= leaders + 3
                }
            }
        }
        #expect(contest.breaches.isEmpty, "\(store.name): \(contest.breaches)")
        #expect(Set(contest.tenures.map(\.term)).count == contest.tenures.count)
    }

    @Test(arguments: Self.stores)
    func tokenMonotonicForever(store: StoreUnderTest) async throws {
        let stage = try await PitfallStage(store)
        var tokens: [FencingToken] = []
        for round in 0..<2 {
            let engine = try stage.engine()
            let owner = OwnerID.unique()
            let released = try await stage.grant("job", to: owner, for: .seconds(8), on: engine)
            tokens.append(released.token)
            try await engine.release("job", owner: owner, token: released.token)
            // One that runs out, with its key.
            tokens.append(try await stage.grant("job", for: .milliseconds(100), on: engine).token)
            tokens.append(try await stage.grant("job", for: .milliseconds(100), on: engine).token)
            guard round == 0 else { break }
            for server in stage.servers { server.kill() }
        }
        #expect(zip(tokens, tokens.dropFirst()).allSatisfy { $0 < $1 }, "\(store.name): \(tokens)")
    }

    @Test(arguments: Self.stores)
    func deadWaiterBounded(store: StoreUnderTest) async throws {
        let (scene, running) = try await Self.scene(store)
        defer { for server in running.servers { server.kill() } }
        try scene.start("1.0", on: running.url, lease: store.lease)
        try await scene.waitForGrant(to: "1.0")
        for who in ["2.0", "3.0"] {
            try scene.start(who, on: running.url, lease: store.lease)
            try await Self.waitForRequest(of: who, in: scene)
        }
        scene.kill("2.0")
        scene.kill("1.0")
        let death = HostClock().now
        try await scene.waitForGrant(to: "3.0")
        #expect(death.duration(to: HostClock().now) < store.progressBound, "\(store.name)")
        let check = try await scene.finish()
        #expect(check.safetyViolations().isEmpty, "\(check.safetyViolations())")
    }
}

extension EnginePitfallTests {
    @Test("deadWaiterBounded: a semaphore never exceeds its limit and never leaks a permit", arguments: Self.stores)
    func semaphore(store: StoreUnderTest) async throws {
        let stage = try await PitfallStage(store)
        guard try stage.engine() is any PermitEngine else { return }
        let holders = HolderCount()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<6 {
                let engine = try #require(try stage.engine() as? any PermitEngine)
                group.addTask {
                    for _ in 0..<4 {
                        try await Self.pool(on: engine).withPermit { _ in
                            holders.enter()
                            defer { holders.leave() }
                            await Task.yield()
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(holders.most <= 2, "\(store.name)")
        // What its holder never gives back comes back by itself.
        let engine = try #require(try stage.engine() as? any PermitEngine)
        _ = try await engine.takePermits(
            PermitRequest(2, of: "pool", limit: 2, owner: .unique(), for: .milliseconds(500)))
        try await stage.eventually("both permits are there again") {
            let request = PermitRequest(2, of: "pool", limit: 2, owner: "last", for: .seconds(8))
            return (try? await engine.takePermits(request).lease) != nil
        }
        try await engine.returnPermits("pool", owner: "last", token: nil)
        #expect(try await engine.inspectPermits("pool").holders.isEmpty)
    }

    private static func pool(on engine: some PermitEngine) -> ColonyCoordination.Semaphore {
        ColonyCoordination.Semaphore(
            "pool", permits: 2, on: engine,
            configuration: LockConfiguration(duration: .seconds(8), waiting: .seconds(60)))
    }

    private static func lock(
        _ name: LeaseName, on engine: some LeaseEngine, _ configuration: LockConfiguration
    ) -> DistributedLock {
        DistributedLock(name, on: engine, configuration: configuration)
    }

    /// Servers of the engine, started, for processes that contend.
    private static func scene(_ store: StoreUnderTest) async throws -> (FaultScene, RunningStore) {
        let scene = try FaultScene(programs: FaultSuiteTests.programs)
        let running = try store.launch(Stage(folder: scene.path, programs: FaultSuiteTests.programs))
        for server in running.servers { try server.start() }
        return (scene, running)
    }

    private static func waitForRequest(of who: String, in scene: FaultScene) async throws {
        try await scene.wait(until: "\(who) asks") {
            try scene.history().contains { $0.who == who && $0.kind == .asked }
        }
    }

    /// Three candidates while `nemesis` does what it does.
    private static func play(
        _ contest: PitfallContest, on stage: PitfallStage, nemesis: () async throws -> Void
    ) async throws {
        let candidates = try (0..<3).map { _ in
            let engine = try stage.engine()
            return Task { await contest.takePart(on: engine) }
        }
        do {
            try await stage.eventually("somebody has led") { !contest.tenures.isEmpty }
            try await nemesis()
        } catch {
            for candidate in candidates { candidate.cancel() }
            contest.stop()
            for candidate in candidates { await candidate.value }
            throw error
        }
        contest.stop()
        for candidate in candidates { await candidate.value }
    }
}

/// How many hold permits at a time.
private final class HolderCount: Sendable {
    private let state = Mutex((now: 0, most: 0))

    var most: Int { self.state.withLock(\.most) }

    func enter() {
        self.state.withLock { state in
            state.now += 1
            state.most = max(state.most, state.now)
        }
    }

    func leave() { self.state.withLock { $0.now -= 1 } }
}
