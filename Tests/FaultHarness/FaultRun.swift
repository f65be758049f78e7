import ColonyCore
package import ColonySimulation
import FaultHistory
import Foundation
import RealServers

/// One run: servers and contenders of their own, faults from a seed for a while, healing, and a verdict on the history.
package struct FaultRun: Sendable {
    /// When faults are no more brought about; in any case when the length of the run has passed.
    package enum End: Sendable {
        case atItsTime
        /// At the first breach of a promise of safety that is found.
        case atBreach
    }

    package let store: StoreUnderTest
    package let seed: Seed
    /// How long faults are brought about.
    package var length: Duration
    package var contenders = 4
    /// Whether the last contender writes on after it has lost the lock.
    package var hasSleeper = true
    /// Whether they campaign in an election instead of taking a lock.
    package var isElection = false
    /// Whether contenders and servers get a network of their own, if that can be had here.
    package var wantsNetwork = false
    /// What ends the run before its time, if anything does.
    package var end = End.atItsTime
    /// The folder of the programs of this package.
    package var programs: String
    /// Told of each fault as it comes.
    package var announce: @Sendable (String) -> Void = { _ in }

    private let clock = HostClock()

    package init(_ store: StoreUnderTest, seed: Seed, length: Duration, programs: String) {
        self.store = store
        self.seed = seed
        self.length = length
        self.programs = programs
    }

    /// How long everything may take to start on a busy machine.
    private static let startLimit = Duration.seconds(90)

    package func run() async throws -> FaultReport {
        let folder = try TemporaryFolder("colony-faults", owner: InstalledPrograms.postgres == nil ? nil : "postgres")
        let network = self.isNetworked ? try PrivateNetwork(3 + self.contenders) : nil
        let hosts = network?.hosts ?? []
        let shim = WallClockShim.obstacle == nil ? try WallClockShim() : nil
        let running = try self.store.launch(
            Stage(folder: folder.path, programs: self.programs, hosts: Array(hosts.prefix(3))))
        let clocks =
            try shim.map { shim in try (0..<self.contenders).map { try shim.makeClock("contender\($0)") } } ?? []
        let contenders = Contenders(
            Contenders.Plan(
                url: running.url, program: "\(self.programs)/colony-fault-probe", folder: folder.path,
                count: self.contenders, hasSleeper: self.hasSleeper, isElection: self.isElection,
                lease: self.store.lease, seed: self.seed.rawValue, hosts: Array(hosts.dropFirst(3)), clocks: clocks))
        let nemesis = Nemesis(
            servers: running.servers, contenders: contenders, network: network, hosts: hosts,
            diary: try HistoryFile(contenders.historyFile), announce: self.announce)
        do {
            let report = try await self.run(
                running, contenders, nemesis, isNetworked: network != nil, hasClocks: shim != nil)
            for server in running.servers { server.kill() }
            return report
        } catch {
            for server in running.servers { server.kill() }
            try? await contenders.stop(within: .zero)
            throw error
        }
    }

    private var isNetworked: Bool {
        self.wantsNetwork && self.store.isNetworked && PrivateNetwork.obstacle == nil
    }

    private func run(
        _ running: RunningStore, _ contenders: Contenders, _ nemesis: Nemesis, isNetworked: Bool, hasClocks: Bool
    ) async throws -> FaultReport {
        for server in running.servers { try server.start() }
        try contenders.start()
        try await self.warmUp(running, contenders)

        var schedule = FaultSchedule(
            seed: self.seed.derived(for: self.store.name),
            scope: FaultScope(
                servers: running.servers.count, contenders: self.contenders, hasNetwork: isNetworked,
                hasWallClocks: hasClocks, lease: self.store.lease))
        let end = self.clock.now.advanced(by: self.length)
        var faults: [String] = []
        while self.clock.now < end {
            let step = schedule.next()
            try await self.clock.sleep(for: step.pause)
            try contenders.checkAlive()
            faults.append("\(step.fault) for \(step.length.clampedMilliseconds) ms")
            try nemesis.begin(step.fault)
            try await self.clock.sleep(for: step.length)
            try nemesis.end(step.fault)
            if self.isOver(try contenders.history()) { break }
        }
        try nemesis.healEverything()
        try await self.waitForProgress(running, contenders, nemesis)
        try await contenders.stop(within: .seconds(20))
        return try self.judge(running, contenders, faults, isNetworked: isNetworked)
    }

    private func isOver(_ history: [HistoryEvent]) -> Bool {
        switch self.end {
        case .atItsTime: false
        case .atBreach: !HistoryCheck(history).safetyViolations().isEmpty
        }
    }

    /// Waits until every contender has had the lock once, which also shows that the servers have started.
    private func warmUp(_ running: RunningStore, _ contenders: Contenders) async throws {
        let deadline = self.clock.now.advanced(by: Self.startLimit)
        while true {
            try contenders.checkAlive()
            for server in running.servers where server.ending != nil {
                throw ServerFailure("\(server.name) ended by itself: \(server.complaint)")
            }
            let history = try contenders.history()
            let served = Set(history.filter { $0.kind == .acquired }.map(\.contender))
            if served.count == self.contenders { return }
            if self.isOver(history) { return }
            guard self.clock.now < deadline else {
                let last = history.last { $0.kind == .failed }?.text ?? "no call has failed"
                throw ServerFailure("only \(served.count) contenders got the lock in \(Self.startLimit); \(last)")
            }
            try await self.clock.sleep(for: .milliseconds(50))
        }
    }

    private func waitForProgress(_ running: RunningStore, _ contenders: Contenders, _ nemesis: Nemesis) async throws {
        let bound = self.store.progressBound
        let deadline = self.clock.now.advanced(by: bound + .milliseconds(200))
        while self.clock.now < deadline {
            try contenders.checkAlive()
            // A server may refuse to start while the kernel still cleans up after the one before.
            for server in running.servers { try server.start() }
            let check = HistoryCheck(try contenders.history())
            if check.progressViolations(of: contenders.names, within: bound.clampedNanoseconds).isEmpty { return }
            try await self.clock.sleep(for: .milliseconds(50))
        }
    }

    private func judge(
        _ running: RunningStore, _ contenders: Contenders, _ faults: [String], isNetworked: Bool
    ) throws -> FaultReport {
        let history = try contenders.history()
        let check = HistoryCheck(history)
        let found =
            check.safetyViolations()
            + check.progressViolations(of: contenders.names, within: self.store.progressBound.clampedNanoseconds)
        let healed = history.last { $0.kind == .healed }?.at ?? .max
        let firsts = contenders.names.compactMap { name in
            history.first { $0.kind == .acquired && $0.contender == name && $0.at > healed }?.at
        }
        let recovery = firsts.count == self.contenders ? firsts.max().map { Duration.nanoseconds($0 - healed) } : nil
        return FaultReport(
            store: self.store.name + (self.isElection ? ", election" : ""), version: running.version, seed: self.seed,
            isNetworked: isNetworked, faults: faults,
            acquisitions: check.acquisitions, acceptedWrites: check.acceptedWrites, refusedWrites: check.refusedWrites,
            losses: check.losses, failures: check.failures, recovery: recovery,
            violations: found.filter { !self.store.unpromised.contains($0.rule) },
            unpromised: found.filter { self.store.unpromised.contains($0.rule) })
    }
}
