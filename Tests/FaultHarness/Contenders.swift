import ColonyCore
import FaultHistory
import Foundation
import RealServers
import Synchronization

/// The contenders of a run: processes that take the lock again and again. The last of them is the sleeper, which does not renew and
/// writes on after it has lost the lock.
final class Contenders: Sendable {
    struct Plan: Sendable {
        let url: String
        let program: String
        let folder: String
        let count: Int
        let hasSleeper: Bool
        let isElection: Bool
        let lease: Duration
        let seed: UInt64
        let hosts: [PrivateNetwork.Host]
        let clocks: [WallClockShim.Clock]
    }

    private struct Slot {
        var process: ServerProcess
        var incarnation = 0
    }

    private let plan: Plan
    private let slots = Mutex<[Slot]>([])
    let historyFile: String

    init(_ plan: Plan) {
        self.plan = plan
        self.historyFile = "\(plan.folder)/history.jsonl"
    }

    var names: [String] { (1...self.plan.count).map(String.init) }

    func start() throws {
        for index in 0..<self.plan.count {
            let process = self.makeProcess(index, incarnation: 0)
            try process.start()
            self.slots.withLock { $0.append(Slot(process: process)) }
        }
    }

    private func makeProcess(_ index: Int, incarnation: Int) -> ServerProcess {
        let who = "\(index + 1).\(incarnation)"
        var words = [
            self.plan.url, "orders/42", "--who", who, "--register", "\(self.plan.folder)/register.db", "--history",
            self.historyFile, "--ttl", "\(self.plan.lease.clampedMilliseconds)", "--seed",
            "\(self.plan.seed &+ UInt64(index) &* 1_000 &+ UInt64(incarnation))",
        ]
        if self.plan.hasSleeper, index == self.plan.count - 1 { words.append("--sleeper") }
        if self.plan.isElection { words.append("--election") }
        return ServerProcess(
            "contender-\(who)",
            ServerProcess.Command(
                self.plan.program, words,
                environment: self.plan.clocks.isEmpty ? [:] : self.plan.clocks[index].environment,
                in: self.plan.folder, namespace: self.plan.hosts.isEmpty ? nil : self.plan.hosts[index].namespace))
    }

    func process(_ index: Int) -> ServerProcess { self.slots.withLock { $0[index].process } }

    func kill(_ index: Int) { self.process(index).kill() }

    /// Starts a new process in the place of a killed one.
    func replace(_ index: Int) throws {
        let incarnation = self.slots.withLock { slots -> Int in
            slots[index].incarnation += 1
            return slots[index].incarnation
        }
        let process = self.makeProcess(index, incarnation: incarnation)
        self.slots.withLock { $0[index].process = process }
        try process.start()
    }

    func clock(_ index: Int) -> WallClockShim.Clock? { self.plan.clocks.isEmpty ? nil : self.plan.clocks[index] }

    /// Fails if a contender has ended that nobody has killed.
    func checkAlive() throws {
        for process in self.slots.withLock({ $0.map(\.process) }) {
            if let ending = process.ending {
                throw ServerFailure("\(process.name) ended by itself with \(ending): \(process.complaint)")
            }
        }
    }

    /// Asks all to end, and kills who does not within `limit`.
    func stop(within limit: Duration) async throws {
        let processes = self.slots.withLock { $0.map(\.process) }
        for process in processes {
            process.resume()
            process.terminate()
        }
        let clock = HostClock()
        let deadline = clock.now.advanced(by: limit)
        while processes.contains(where: \.isRunning), clock.now < deadline {
            try await clock.sleep(for: .milliseconds(20))
        }
        let crashed = processes.first { $0.ending.map { $0 != 0 } ?? false }
        let complaint = crashed.map { "\($0.name) ended with \($0.ending ?? 0): \($0.complaint)" }
        for process in processes { process.kill() }
        if let complaint { throw ServerFailure(complaint) }
    }

    func history() throws -> [HistoryEvent] {
        FileManager.default.fileExists(atPath: self.historyFile) ? try HistoryFile.read(self.historyFile) : []
    }
}
