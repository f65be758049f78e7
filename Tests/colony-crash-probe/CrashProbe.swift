import ColonyCoordination
import ColonyCore
import ColonyIdentifiers
import ColonyResilience
import ColonySQLite
import ColonyTransactions

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// A process for the tests of the embedded engine to kill: it says on its standard output what it was told by the
/// engine.
///
/// - `churn FILE PREFIX`: grants itself one name after the other, from 16 tasks at once, and prints each name with its
///   token when the grant was acknowledged. Never ends.
/// - `blocks FILE PREFIX`: takes permits of one name after the other and writes a record for each in a group of the same name,
///   from 8 tasks at once, and prints the name with both numbers when both were acknowledged. Never ends.
/// - `turn FILE NAME OWNER COUNT`: takes its turn of a name so many times, and prints the instant of each grant.
/// - `stand FILE NAME OWNER`: stands in the queue of a name, and prints its token should it get the name.
/// - `segments FILE TAG COUNT`: takes one range of so many numbers after the other, and prints each. Never ends.
/// - `numbers FILE TAG`: draws batches of numbers from a generator, from four tasks at once, and prints them as ranges.
///   Never ends.
/// - `limits FILE NAME COUNT`: takes permits of a limit of so many in a thousand hours, one by one from eight tasks at once, and
///   prints a line for each that was granted. Never ends.
/// - `sagas FILE COUNT`: begins so many sagas, the same in each process, and works on whatever it can claim; prints the name of the saga and
///   of the step for each call of a participant, with a sign before those that undo. Every third saga is refused. Ends when all have.
@main
struct CrashProbe {
    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count >= 4 else {
            say("usage: colony-crash-probe churn|blocks|turn|stand|segments|numbers|limits|sagas FILE …")
            exit(64)
        }
        let engine = SQLiteLeaseEngine.sqlite(path: arguments[2])
        switch arguments[1] {
        case "churn": try await Self.churn(engine, prefix: arguments[3])
        case "blocks": try await Self.holdBlocks(engine, prefix: arguments[3])
        case "turn":
            try await Self.turn(
                engine, LeaseName(arguments[3]), owner: OwnerID(arguments[4]), count: Int(arguments[5]) ?? 1)
        case "segments":
            try await Self.takeSegments(
                .sqlite(path: arguments[2]), SegmentTag(arguments[3]), count: Int64(arguments[4]) ?? 1)
        case "numbers": try await Self.drawNumbers(.sqlite(path: arguments[2]), SegmentTag(arguments[3]))
        case "limits":
            try await Self.takeLimits(
                .sqlite(path: arguments[2]), RateLimitName(arguments[3]), count: Int(arguments[4]) ?? 1)
        case "sagas": try await SagaProbe.run(.sqlite(path: arguments[2]), count: Int(arguments[3]) ?? 1)
        case "stand": try await Self.stand(engine, LeaseName(arguments[3]), owner: OwnerID(arguments[4]))
        default: exit(64)
        }
        await engine.close()
    }

    private static func churn(_ engine: SQLiteLeaseEngine, prefix: String) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<16 {
                group.addTask {
                    for number in 0... {
                        let name = try LeaseName("\(prefix)-\(task)-\(number)")
                        guard let lease = try await engine.tryAcquire(name, owner: "probe", for: .seconds(3_600)).lease
                        else { continue }
                        say("\(name) \(lease.token)")
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    private static func holdBlocks(_ engine: SQLiteLeaseEngine, prefix: String) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<8 {
                group.addTask {
                    for number in 0... {
                        let name = try LeaseName("\(prefix)-\(task)-\(number)")
                        let request = PermitRequest(2, of: name, limit: 3, owner: "probe", for: .seconds(3_600))
                        guard let lease = try await engine.takePermits(request).lease else { continue }
                        let write = RegistryWrite(
                            Array(name.rawValue.utf8), for: "key",
                            lifetime: .ephemeral(owner: "probe", duration: .seconds(3_600)))
                        guard case .written(let record) = try await engine.put(write, in: name) else { continue }
                        say("\(name) \(lease.token) \(record.version)")
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    private static func turn(
        _ engine: SQLiteLeaseEngine, _ name: LeaseName, owner: OwnerID, count: Int
    ) async throws {
        let clock = HostClock()
        for _ in 0..<count {
            guard let lease = try await engine.acquire(name, owner: owner, for: .seconds(30), upTo: .seconds(60)).lease
            else { exit(75) }
            let granted = clock.now
            // Held for a moment, so that the others stand in the queue by then.
            try await clock.sleep(for: .milliseconds(20))
            let released = clock.now
            try await engine.release(name, owner: owner, token: lease.token)
            say("\(lease.token) \(granted.nanoseconds) \(released.nanoseconds)")
        }
    }

    private static func stand(_ engine: SQLiteLeaseEngine, _ name: LeaseName, owner: OwnerID) async throws {
        let answer = try await engine.acquire(name, owner: owner, for: .seconds(3_600), upTo: .seconds(3_600))
        if let lease = answer.lease { say("\(name) \(lease.token)") }
    }

    private static func takeSegments(_ engine: SQLiteSegmentEngine, _ tag: SegmentTag, count: Int64) async throws {
        while true {
            let range = try await engine.takeSegment(SegmentRequest(tag, count: count)).range
            say("\(range.lowerBound) \(range.upperBound)")
        }
    }

    private static func takeLimits(_ engine: SQLiteRateLimitEngine, _ name: RateLimitName, count: Int) async throws {
        let rule = try RateLimitRule(count, per: .seconds(3_600_000))
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    while true {
                        if try await engine.take(RateLimitRequest(name, rule: rule)).isAllowed {
                            say("granted")
                        } else {
                            try await HostClock().sleep(for: .milliseconds(5))
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    private static func drawNumbers(_ engine: SQLiteSegmentEngine, _ tag: SegmentTag) async throws {
        let generator = SegmentIDGenerator(
            tag, on: engine,
            configuration: SegmentIDConfiguration(initialStep: 50, minimumStep: 10, maximumStep: 200))
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 1...4 {
                group.addTask {
                    while true {
                        var numbers = try await generator.next(count: task * 5)[...]
                        while let first = numbers.first {
                            var end = first
                            while numbers.first == end {
                                numbers.removeFirst()
                                end += 1
                            }
                            say("\(first) \(end)")
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
    }
}

/// Writes a line at once and in one piece.
func say(_ line: String) {
    let bytes = Array((line + "\n").utf8)
    _ = bytes.withUnsafeBytes { write(STDOUT_FILENO, $0.baseAddress, $0.count) }
}
