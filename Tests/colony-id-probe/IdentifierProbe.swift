import ColonyCore
import ColonyIdentifiers
import ColonySQLite

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// A process for the tests of identifiers across processes: it issues Snowflake identifiers of the classic layout as fast
/// as they come, and writes them to a file as 64-bit words in the order of the machine.
///
/// - `colony-id-probe leased STORE OUTPUT COUNT`: takes a worker number that nobody else holds.
/// - `colony-id-probe fixed STORE OUTPUT COUNT WORKER OFFSET`: uses the number `WORKER`, and a wall clock that is wrong by
///   `OFFSET` milliseconds. A word is written after it was issued, in one piece with the others of its batch.
@main
struct IdentifierProbe {
    static func main() async throws {
        let words = CommandLine.arguments
        guard words.count >= 5, let count = Int(words[4]), words[1] == "leased" || words.count == 7 else {
            exit(64)
        }
        let leases = SQLiteLeaseEngine(path: words[2])
        let moments = SQLiteSegmentEngine(path: words[2])
        var workers = WorkerAssignment.leased(from: leases)
        var wallClock: any WallClock = SystemWallClock()
        var configuration = SnowflakeNodeConfiguration()
        if words[1] == "fixed", let worker = Int(words[5]), let offset = Int64(words[6]) {
            workers = .fixed(worker)
            wallClock = WrongClock(offset: .milliseconds(offset))
            // A short reservation, so that the clock leaves the reserved moments often.
            configuration.reservation = .milliseconds(50)
        }
        let node = try SnowflakeNode(
            namespace: "probe", workers: workers, moments: moments, configuration: configuration, wallClock: wallClock)
        let output = open(words[3], O_WRONLY | O_CREAT | O_APPEND, 0o600)
        guard output >= 0 else { exit(73) }
        try await node.withNode { node in
            var missing = count
            while missing > 0 {
                let share = min(missing, 65_536)
                let ids = try await node.next(share, waitingUpTo: .seconds(30))
                Self.append(ids, to: output)
                missing -= share
            }
        }
        await leases.close()
        await moments.close()
    }

    private static func append(_ ids: [SnowflakeID], to output: CInt) {
        ids.withUnsafeBytes { bytes in
            var rest = bytes[...]
            while !rest.isEmpty {
                let written = write(output, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                guard written > 0 else { exit(74) }
                rest = rest.dropFirst(written)
            }
        }
    }
}

/// The wall clock of the host, wrong by a fixed span.
private struct WrongClock: WallClock {
    let offset: Duration
    private let host = SystemWallClock()

    init(offset: Duration) {
        self.offset = offset
    }

    var now: WallTime { self.host.now.advanced(by: self.offset) }
}
