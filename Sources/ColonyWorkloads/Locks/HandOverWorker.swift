import ColonyCoordination
import ColonyCore
import ColonySQLite
import Foundation

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// One of several processes that hand one lock round through a SQLite file.
///
/// Whoever holds the lock reads from a small file when and by whom it was released before, and writes there when it
/// releases it itself. Only the holder touches the file, and the host's monotonic clock is the same in all processes, so
/// that the difference is the time of the hand-over.
struct HandOverWorker: Codable {
    /// The variable that makes a started program a worker; its value is this type as JSON.
    static let variable = "COLONY_BENCH_WORKER"

    var store: String
    var stamp: String
    var output: String
    var worker: Int
    var handOvers: Int

    static func runIfAsked() async throws -> Bool {
        guard let text = ProcessInfo.processInfo.environment[Self.variable] else { return false }
        try await JSONDecoder().decode(Self.self, from: Data(text.utf8)).run()
        return true
    }

    /// Takes turns until all workers together have handed over as often as they should.
    private func run() async throws {
        let clock = HostClock()
        let engine = SQLiteLeaseEngine(path: self.store)
        let lock = DistributedLock("bench/hand-over", on: engine)
        var samples: [Int64] = []
        var isDone = false
        while !isDone {
            guard let held = try await lock.acquire() else {
                throw WorkloadError("worker \(self.worker) did not get the lock within \(lock.configuration.waiting)")
            }
            let now = clock.now
            var stamp = try Stamp.read(from: self.stamp)
            // A process that hands over to itself says nothing about processes.
            if stamp.worker != self.worker, stamp.worker >= 0 {
                samples.append(now.nanoseconds - stamp.released)
                stamp.handOvers += 1
            }
            isDone = stamp.handOvers >= self.handOvers
            stamp.worker = self.worker
            stamp.released = clock.now.nanoseconds
            try stamp.write(to: self.stamp)
            try await held.release()
        }
        try JSONEncoder().encode(samples).write(to: URL(filePath: self.output))
    }

    /// What one holder leaves for the next.
    struct Stamp {
        var worker = -1
        var handOvers = 0
        var released: Int64 = 0

        static func read(from path: String) throws -> Stamp {
            let text = try String(contentsOfFile: path, encoding: .utf8)
            let fields = text.split(separator: " ").compactMap { Int64($0) }
            guard fields.count == 3 else { throw WorkloadError("the stamp of a hand-over is \(text)") }
            return Stamp(worker: Int(fields[0]), handOvers: Int(fields[1]), released: fields[2])
        }

        func write(to path: String) throws {
            try Data("\(self.worker) \(self.handOvers) \(self.released)".utf8).write(to: URL(filePath: path))
        }
    }
}
