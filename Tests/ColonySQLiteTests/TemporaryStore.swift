import ColonyCore
import ColonySQLite
import Foundation
import Testing

/// A folder of its own for each test, which is removed when the test is over.
final class TemporaryFolder: Sendable {
    let path: String

    /// - Parameter inMemory: Whether it is on a disk in memory, if the system has one: for many stores of which none has to last.
    init(inMemory: Bool = false) throws {
        let memory = URL(fileURLWithPath: "/dev/shm")
        let isInMemory = inMemory && FileManager.default.isWritableFile(atPath: memory.path)
        let url = (isInMemory ? memory : FileManager.default.temporaryDirectory)
            .appendingPathComponent("colony-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        self.path = url.path
    }

    deinit {
        try? FileManager.default.removeItem(atPath: self.path)
    }

    func path(of name: String) -> String { self.path + "/" + name }

    var store: String { self.path(of: "colony.db") }
}

/// Gives engines that stand for one process each: they share the file and nothing else.
struct SimulatedHost {
    let path: String
    let clock: any MonotonicClock
    var boot = BootIdentity("boot-1")
    var configuration = SQLiteStoreConfiguration()

    func process() -> SQLiteLeaseEngine {
        SQLiteLeaseEngine(
            path: self.path, configuration: self.configuration, clock: self.clock, boot: self.boot,
            registry: StoreRegistry())
    }
}

/// Waits until `condition` holds, for 30 seconds at the most.
func eventually(
    _ what: String, within limit: Duration = .seconds(30), _ condition: () async throws -> Bool
) async throws {
    let clock = HostClock()
    let deadline = clock.now.advanced(by: limit)
    while clock.now < deadline {
        if try await condition() { return }
        await Task.yield()
    }
    Issue.record("\(what) did not come about within \(limit)")
}
