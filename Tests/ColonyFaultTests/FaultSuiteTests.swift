import ColonyCore
import ColonySimulation
import FaultHarness
import FaultHistory
import Foundation
import RealServers
import Testing

/// The short form of the fault suite: every engine for a few seconds of faults. `dev/faults` is the long one.
@Suite("Faults", .atATime(3), .timeLimit(.minutes(10)))
struct FaultSuiteTests {
    /// The programs lie in the build directory, beside the bundle of the tests.
    static let programs: String = {
        let bundle = Bundle.allBundles.map(\.bundleURL).first { $0.pathExtension == "xctest" }
        let tests = bundle ?? URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
        return tests.deletingLastPathComponent().path
    }()

    static func canRun(_ store: StoreUnderTest) -> Bool {
        guard let obstacle = store.obstacle, !InstalledPrograms.isMissingAnError else { return true }
        print("skipped: faults on \(store.name): \(obstacle)")
        return false
    }

    private func run(_ store: StoreUnderTest, _ change: (inout FaultRun) -> Void = { _ in }) async throws -> FaultReport
    {
        let seed = Seed(rawValue: UInt64.random(in: 1...999_999))
        var run = FaultRun(store, seed: seed, length: .seconds(4), programs: Self.programs)
        change(&run)
        print("faults on \(store.name): seed \(seed.rawValue)")
        let report = try await run.run()
        print(report)
        return report
    }

    @Test(arguments: StoreUnderTest.all.filter(canRun))
    func `an engine keeps its promises under faults`(store: StoreUnderTest) async throws {
        let report = try await self.run(store) { $0.wantsNetwork = true }
        if store.isNetworked, let obstacle = PrivateNetwork.obstacle {
            print("skipped: partitions on \(store.name): \(obstacle)")
            #expect(!InstalledPrograms.isMissingAnError, "there were no partitions: \(obstacle)")
        }
        #expect(report.violations.isEmpty, "\(report)")
        // A run in which nothing happens shows nothing.
        #expect(report.acquisitions > 4)
        #expect(report.acceptedWrites > 0)
    }

    @Test
    func `an election has one leader a term under faults`() async throws {
        let report = try await self.run(.sqlite) { $0.isElection = true }
        #expect(report.violations.isEmpty, "\(report)")
        #expect(report.acquisitions > 4)
    }

    @Test(arguments: ["grants-to-two", "reuses-token", "promises-more"])
    func `an engine that breaks a promise of safety is caught`(flaw: String) async throws {
        let report = try await self.run(.flawed(flaw)) {
            $0.end = .atBreach
            $0.length = .seconds(30)
        }
        let expected: HistoryRule = flaw == "reuses-token" ? .oneOwnerPerToken : .oneHolderAtATime
        #expect(report.violations.contains { $0.rule == expected }, "\(report)")
    }

    @Test(arguments: ["none", "never-runs-out"])
    func `an engine whose leases do not run out is caught when its holder dies`(flaw: String) async throws {
        let scene = try FaultScene(programs: Self.programs)
        let url = "flawed:\(scene.path)/locks.db?flaw=\(flaw)"
        try scene.start("1.0", on: url, lease: .milliseconds(500))
        try await scene.waitForGrant(to: "1.0")
        try scene.start("2.0", on: url, lease: .milliseconds(500))
        try await scene.wait(until: "the second one asks") { try scene.history().contains { $0.who == "2.0" } }
        scene.kill("1.0")
        try scene.heal()
        let bound = Duration.seconds(5)
        let clock = HostClock()
        let end = clock.now.advanced(by: bound)
        try await scene.wait(until: "the second one has the lock, or its time is up") {
            try clock.now > end || scene.history().contains { $0.who == "2.0" && $0.kind == .acquired }
        }
        let check = try await scene.finish()
        let violations = check.progressViolations(of: ["2"], within: bound.clampedNanoseconds)
        #expect(violations.isEmpty == (flaw == "none"), "\(violations)")
    }

    @Test
    func `the engine of the broken ones passes without a flaw, so the flaws alone are caught`() async throws {
        let report = try await self.run(.flawed("none")) { $0.length = .seconds(10) }
        #expect(report.violations.isEmpty, "\(report)")
        #expect(report.acquisitions > 4)
    }

    @Test(arguments: [true, false])
    func `a stale write is refused by a register that checks tokens, and caught where it is taken`(isGuarded: Bool)
        async throws
    {
        let scene = try FaultScene(programs: Self.programs)
        let url = "sqlite:\(scene.path)/locks.db"
        try scene.start("1.0", on: url, lease: .milliseconds(500), isSleeper: true, isGuarded: isGuarded)
        try await scene.waitForGrant(to: "1.0")
        try scene.start("2.0", on: url, lease: .milliseconds(500), isGuarded: isGuarded)
        try await scene.waitForWrite(of: "1.0", after: "2.0")
        let check = try await scene.finish()
        let rules = check.safetyViolations().map(\.rule)
        #expect(Set(rules) == (isGuarded ? [] : [.staleWritesAreRefused]), "\(check.safetyViolations())")
        #expect((check.refusedWrites > 0) == isGuarded)
    }

    @Test(arguments: LostGrant.allCases.filter(canPlay))
    func `a grant that the engine has lost has two holders, and the token tells them apart`(scene: LostGrant)
        async throws
    {
        let check = try await scene.play(programs: Self.programs)
        let rules = Set(check.safetyViolations().map(\.rule))
        #expect(rules == [.oneHolderAtATime], "\(check.safetyViolations())")
        #expect(check.refusedWrites > 0)
    }

    @Test
    func `the program of the long runs says what it does not know`() async throws {
        let folder = try TemporaryFolder("colony-faults")
        let process = ServerProcess(
            "colony-faults", ServerProcess.Command("\(Self.programs)/colony-faults", ["mongodb"], in: folder.path))
        try process.start()
        let clock = HostClock()
        let deadline = clock.now.advanced(by: .seconds(30))
        while process.isRunning, clock.now < deadline { try await clock.sleep(for: .milliseconds(5)) }
        #expect(process.ending == 64)
        #expect(process.complaint.contains("mongodb is none of sqlite"))
    }

    private static func canPlay(_ scene: LostGrant) -> Bool {
        guard let obstacle = scene.obstacle, !InstalledPrograms.isMissingAnError else { return true }
        print("skipped: \(scene.rawValue): \(obstacle)")
        return false
    }
}

extension StoreUnderTest: CustomTestStringConvertible {
    package var testDescription: String { self.name }
}
