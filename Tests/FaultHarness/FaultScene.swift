import ColonyCore
package import FaultHistory
import Foundation
import RealServers
import Synchronization

/// A played scene: contenders that are started one by one while a test does exactly what it wants to the servers. For what an engine does
/// not hold, which chance shows too seldom.
package final class FaultScene: Sendable {
    let folder: TemporaryFolder
    private let programs: String
    private let contenders = Mutex<[String: ServerProcess]>([:])
    private let clock = HostClock()

    package init(programs: String) throws {
        self.programs = programs
        self.folder = try TemporaryFolder("colony-scene", owner: InstalledPrograms.postgres == nil ? nil : "postgres")
    }

    deinit {
        for contender in self.contenders.withLock({ Array($0.values) }) { contender.kill() }
    }

    /// The folder of this scene; what is in it goes with it.
    package var path: String { self.folder.path }

    private var historyFile: String { "\(self.folder.path)/history.jsonl" }

    /// Starts a contender whose shortest work under the lock is longer than the scene.
    ///
    /// - Parameters:
    ///   - isSleeper: Whether it does not renew, and writes on after it has lost the lock.
    ///   - isGuarded: Whether the register checks its tokens.
    ///   - environment: What it has beside the environment of this process, such as a wall clock of its own.
    package func start(
        _ who: String, on url: String, lease: Duration, isSleeper: Bool = false, isGuarded: Bool = true,
        environment: [String: String] = [:]
    ) throws {
        let process = ServerProcess(
            "contender-\(who)",
            ServerProcess.Command(
                "\(self.programs)/colony-fault-probe",
                [
                    url, "orders/42", "--who", who, "--register", "\(self.folder.path)/register.db", "--history",
                    self.historyFile, "--ttl", "\(lease.clampedMilliseconds)", "--hold", "1000000",
                ] + (isSleeper ? ["--sleeper"] : []) + (isGuarded ? [] : ["--unguarded"]), environment: environment,
                in: self.folder.path))
        try process.start()
        self.contenders.withLock { $0[who] = process }
    }

    package func kill(_ who: String) {
        self.contenders.withLock { $0[who] }?.kill()
    }

    /// Stops a contender where it is, but in the middle of a write to a file that others write to as well.
    package func suspend(_ who: String) async throws {
        guard let number = self.contenders.withLock({ $0[who] })?.number else {
            throw ServerFailure("\(who) does not run, and cannot be stopped")
        }
        try await StoppedProcess.stop(number)
    }

    /// Lets it go on.
    package func resume(_ who: String) { self.contenders.withLock { $0[who] }?.resume() }

    /// Writes to the history that from here on nothing is wrong any more.
    package func heal() throws {
        try HistoryFile(self.historyFile).append(
            HistoryEvent(at: self.clock.now.nanoseconds, who: "nemesis", .healed))
    }

    package func history() throws -> [HistoryEvent] {
        FileManager.default.fileExists(atPath: self.historyFile) ? try HistoryFile.read(self.historyFile) : []
    }

    /// Looks again and again until the condition holds.
    package func wait(
        until expectation: String, within limit: Duration = .seconds(45), _ condition: () throws -> Bool
    ) async throws {
        let deadline = self.clock.now.advanced(by: limit)
        while try !condition() {
            guard self.clock.now < deadline else {
                throw ServerFailure("this did not happen in \(limit): \(expectation)")
            }
            try await self.clock.sleep(for: .milliseconds(10))
        }
    }

    /// Waits until `who` has the lock.
    package func waitForGrant(to who: String) async throws {
        try await self.wait(until: "\(who) gets the lock") {
            try self.history().contains { $0.who == who && $0.kind == .acquired }
        }
    }

    /// Waits until `who` has written to the register after `other` had, or was refused.
    ///
    /// A contender notes a write when it is done, so the first note after that of `other` may be of a write that came before. The second
    /// is of one that began after the first was noted.
    package func waitForWrite(of who: String, after other: String) async throws {
        try await self.wait(until: "\(who) writes after \(other)") {
            let writes = try self.history().filter { $0.kind == .wrote }
            guard let first = writes.first(where: { $0.who == other }) else { return false }
            return writes.count { $0.who == who && $0.at > first.at } > 1
        }
    }

    /// Ends all contenders and looks at what they saw.
    package func finish() async throws -> HistoryCheck {
        for contender in self.contenders.withLock({ Array($0.values) }) { contender.kill() }
        return HistoryCheck(try self.history())
    }
}
