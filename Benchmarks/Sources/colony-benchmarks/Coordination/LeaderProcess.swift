import ColonyCoordination
import ColonyCore
import ColonyWorkloads
import Foundation

/// A process that leads an election until it is killed: this program, started again.
struct LeaderProcess: Codable {
    /// The variable that makes the program a leader; its value is this type as JSON.
    static let variable = "COLONY_BENCH_LEADER"

    var url: String
    var name: String
    var leaseMilliseconds: Int
    /// The file that says that it leads.
    var sign: String

    /// Leads until the end of the process, if the program was started for that.
    static func runIfAsked() async throws {
        guard let text = ProcessInfo.processInfo.environment[Self.variable] else { return }
        let leader = try JSONDecoder().decode(Self.self, from: Data(text.utf8))
        let opened = try CoordinationKind.open(leader.url)
        let election = Election(
            try LeaseName(leader.name), on: opened.engine,
            configuration: LockConfiguration(duration: .milliseconds(leader.leaseMilliseconds)))
        guard let leadership = try await election.campaign(upTo: .seconds(30)) else {
            throw WorkloadError("another leads \(leader.name)")
        }
        try Data("\(leadership.term)\n".utf8).write(to: URL(filePath: leader.sign))
        let reason = try await leadership.waitUntilLost()
        throw WorkloadError("the leadership of \(leader.name) was lost: \(reason.map { "\($0)" } ?? "released")")
    }
}

/// One leader that is killed, and who comes after.
struct LeaderRound {
    let url: String
    let lease: Duration
    let folder: String
    let round: Int

    /// - Parameter pause: How long the leader leads before it is killed, while the next waits.
    /// - Returns: The time from just before the kill to just after the next candidate was told that it leads.
    func replacement(after pause: Duration, clock: any MonotonicClock) async throws -> Duration {
        let leader = LeaderProcess(
            url: self.url, name: "bench/election-\(self.round)",
            leaseMilliseconds: Int(self.lease.inSeconds * 1_000),
            sign: "\(self.folder)/leads-\(self.round)")
        let text = String(decoding: try JSONEncoder().encode(leader), as: UTF8.self)
        let log = "\(self.folder)/leader-\(self.round).log"
        // By its own path, because `env` would take the short one for itself.
        let program = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let process = try ChildProcess("/usr/bin/env", ["\(LeaderProcess.variable)=\(text)", program], output: log)
        defer { process.end() }
        let deadline = clock.now.advanced(by: .seconds(30))
        while !FileManager.default.fileExists(atPath: leader.sign) {
            guard clock.now < deadline, !process.hasEnded else {
                let said = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
                throw WorkloadError("the leader to be killed did not lead: \(said.suffix(300))")
            }
            try await clock.sleep(for: .milliseconds(5))
        }
        let opened = try CoordinationKind.open(self.url)
        let election = Election(
            try LeaseName(leader.name), on: opened.engine, configuration: LockConfiguration(duration: self.lease))
        let result: Result<MonotonicInstant, any Error>
        var killedAt = clock.now
        do {
            async let leads = Self.campaign(election, clock)
            try await clock.sleep(for: pause)
            killedAt = clock.now
            process.end()
            result = .success(try await leads)
        } catch {
            result = .failure(error)
        }
        await opened.close()
        let time = killedAt.duration(to: try result.get())
        guard time > .zero else { throw WorkloadError("a candidate led beside a leader that was alive") }
        return time
    }

    private static func campaign(_ election: Election, _ clock: any MonotonicClock) async throws -> MonotonicInstant {
        guard let leadership = try await election.campaign(upTo: .seconds(60)) else {
            throw WorkloadError("nobody led \(election.name) for a minute after its leader was killed")
        }
        let now = clock.now
        _ = try await leadership.resign()
        return now
    }
}
