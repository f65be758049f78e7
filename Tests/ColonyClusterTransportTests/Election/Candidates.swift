import ColonyCore
import Foundation
import RealServers
import Testing

/// Nodes of one election in processes of their own, on this host or on hosts of a network of theirs.
final class Candidates {
    let folder: TemporaryFolder
    let log: EventLog
    let processes: [String: ServerProcess]
    let network: PrivateNetwork?
    let names: [String]
    /// The election time-out.
    let timeout: Duration

    /// - Parameters:
    ///   - network: With so many hosts, or `nil` for all on the loopback address. On hosts they know each other by membership as well.
    ///   - timeout: Longer where it is checked that nobody is elected, which a machine that has no time for a leader does by itself.
    init(
        _ names: [String], on network: PrivateNetwork? = nil, timeout: Duration = .milliseconds(600)
    ) throws {
        self.folder = try TemporaryFolder("colony-votes")
        self.log = EventLog(path: "\(self.folder.path)/events")
        self.network = network
        self.names = names
        self.timeout = timeout
        let key = "\(self.folder.path)/key"
        try Data("AAECAwQFBgcICQoLDA0ODw==\n".utf8).write(to: URL(fileURLWithPath: key))
        // The products of the package lie beside the bundle of its tests.
        let tests = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
        let program = tests.deletingLastPathComponent().appendingPathComponent("colony-cluster-probe").path
        let ports = network == nil ? try FreePort.take(names.count) : names.map { _ in 7_410 }
        let hosts = network?.hosts.map(\.address) ?? names.map { _ in "127.0.0.1" }
        let voters = names.indices.map { "voter=\(names[$0])@\(hosts[$0]):\(ports[$0])" }
        var processes: [String: ServerProcess] = [:]
        for (index, name) in names.enumerated() {
            let directory = "\(self.folder.path)/\(name)"
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
            var words = [
                "elect", "name=\(name)", "directory=\(directory)", "key=\(key)", "events=\(self.log.path)",
                "timeout=\(timeout.components.attoseconds / 1_000_000_000_000_000)",
            ]
            words += voters
            if network != nil {
                words.append("member=\(hosts[index]):7946")
                words += hosts.map { "seed=\($0):7946" }
            }
            processes[name] = ServerProcess(
                name,
                .init(program, words, in: self.folder.path, namespace: network?.hosts[index].namespace))
        }
        self.processes = processes
        for process in processes.values { try process.start() }
    }

    deinit {
        for process in self.processes.values { process.kill() }
    }

    subscript(name: String) -> ServerProcess {
        get throws { try #require(self.processes[name]) }
    }

    func host(_ name: String) throws -> PrivateNetwork.Host {
        let index = try #require(self.names.firstIndex(of: name))
        return try #require(self.network?.hosts[index])
    }

    /// Waits for a leader in a later term than another one.
    func leader(after term: UInt64 = 0) async throws -> EventLog.Event {
        var found: EventLog.Event?
        try await self.eventually("a leader after term \(term)") {
            found = $0.beginnings.last { $0.term > term }
            return found != nil
        }
        return try #require(found)
    }

    /// Waits until all of some nodes follow the same leader, who leads.
    func agreement(of names: [String]? = nil) async throws -> EventLog.Event {
        var found: EventLog.Event?
        try await self.eventually("agreement of \(names ?? self.names) on a leader") { log in
            guard let latest = log.beginnings.last else { return false }
            found = latest
            return (names ?? self.names).allSatisfy {
                log.latest("sees", of: $0)?.rest == "\(latest.term) \(latest.name)"
            }
        }
        return try #require(found)
    }

    /// Waits until all of some nodes know exactly each other as members.
    func membership(of names: [String]? = nil) async throws {
        let names = names ?? self.names
        try await self.eventually("membership of \(names)") { log in
            names.allSatisfy { log.latest("knows", of: $0)?.rest == names.joined(separator: ",") }
        }
    }

    func eventually(_ what: String, _ condition: (EventLog) throws -> Bool) async throws {
        do {
            try await ColonyClusterTransportTests.eventually(what) {
                try self.log.read()
                return try condition(self.log)
            }
        } catch {
            let said = self.processes.values.map { "\($0.name): \($0.complaint)" }.joined(separator: "\n")
            let latest = self.log.events.filter { $0.word != "acts" }.suffix(40).map(\.description)
            throw NeverHappened(description: "\(error)\n\(latest.joined(separator: "\n"))\n\(said)")
        }
    }

    /// Looks for so long that nobody else begins to lead.
    func nobodyBegins(for duration: Duration, after leader: EventLog.Event) async throws {
        let clock = HostClock()
        let end = clock.now.advanced(by: duration)
        try await self.eventually("the end of \(duration)") { _ in clock.now >= end }
        let others = self.log.beginnings.filter { $0.term > leader.term }
        #expect(others.isEmpty, "\(leader) should lead on; \(others)")
    }
}
