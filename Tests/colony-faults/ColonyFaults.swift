import ColonyCore
import ColonySimulation
import FaultHarness
import FaultHistory
import Foundation
import RealServers

/// Runs the fault suite for as long as one likes; see `dev/faults`.
///
/// ```text
/// colony-faults [ENGINE…] [--election] [--minutes N] [--seed N] [--verbose]
/// ```
///
/// Exits with 1 if an engine broke a promise, and with 64 if it was not told properly what to do.
@main
struct ColonyFaults {
    static func main() async {
        var names: [String] = []
        var minutes = 1.0
        var generator = SystemRandomNumberGenerator()
        var seed = Seed(rawValue: UInt64.random(in: 1...999_999, using: &generator))
        var isVerbose = false
        var isElection = false
        var words = CommandLine.arguments.dropFirst()
        while let word = words.popFirst() {
            switch word {
            case "--minutes":
                guard let number = words.popFirst().flatMap(Double.init), number > 0 else { Self.refuse("--minutes N") }
                minutes = number
            case "--seed":
                guard let number = words.popFirst().flatMap(UInt64.init) else { Self.refuse("--seed N") }
                seed = Seed(rawValue: number)
            case "--election": isElection = true
            case "--verbose": isVerbose = true
            case _ where Self.known.contains(word): names.append(word)
            default: Self.refuse("\(word) is none of \(Self.known.joined(separator: ", "))")
            }
        }
        let programs = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
            .deletingLastPathComponent().path
        let stores = names.isEmpty ? StoreUnderTest.all : StoreUnderTest.all.filter { names.contains($0.name) }
        if let obstacle = PrivateNetwork.obstacle { print("no partitions: \(obstacle)") }
        if let obstacle = WallClockShim.obstacle { print("no steps of wall clocks: \(obstacle)") }
        var isBroken = false
        for store in stores {
            if let obstacle = store.obstacle {
                print("\(store.name): skipped: \(obstacle)")
                continue
            }
            var run = FaultRun(store, seed: seed, length: .seconds(minutes * 60), programs: programs)
            run.wantsNetwork = true
            run.isElection = isElection
            if isVerbose { run.announce = { print("  \(store.name): \($0)") } }
            do {
                let report = try await run.run()
                print(report)
                if !report.hasHeld { isBroken = true }
            } catch {
                print("\(store.name), seed \(seed): the run failed: \(error)")
                isBroken = true
            }
            print(
                "  again: dev/faults \(store.name)\(isElection ? " --election" : "") --minutes \(minutes) --seed \(seed.rawValue)"
            )
        }
        for scene in LostGrant.allCases where names.isEmpty || names.contains(scene.rawValue) {
            await Self.play(scene, programs: programs)
        }
        exit(isBroken ? 1 : 0)
    }

    /// What can be named: engines, and scenes of what engines do not hold.
    private static let known = StoreUnderTest.all.map(\.name) + LostGrant.allCases.map(\.rawValue)

    private static func play(_ scene: LostGrant, programs: String) async {
        if let obstacle = scene.obstacle {
            print("\(scene.rawValue): skipped: \(obstacle)")
            return
        }
        do {
            let check = try await scene.play(programs: programs)
            let violations = check.safetyViolations()
            print("\(scene.rawValue): not promised, and seen: \(violations.map(\.description).joined(separator: "; "))")
            print("  writes accepted \(check.acceptedWrites), refused by the fencing token \(check.refusedWrites)")
        } catch {
            print("\(scene.rawValue): could not be played: \(error)")
        }
    }

    private static func refuse(_ reason: String) -> Never {
        print("usage: colony-faults [ENGINE…] [--election] [--minutes N] [--seed N] [--verbose]\n\(reason)")
        exit(64)
    }
}
