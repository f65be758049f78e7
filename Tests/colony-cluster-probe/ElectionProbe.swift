import ColonyCluster
import ColonyClusterTransport
import ColonyCoordination
import ColonyCore

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// A node of an election in a process of its own, which leads whenever it can, and does something as the leader every few milliseconds.
///
/// It is told what to do in words such as `name=a`:
///
/// ```text
/// name=NAME directory=FOLDER key=FILE events=FILE timeout=MILLISECONDS voter=NAME@HOST:PORT…    what there has to be
/// member=HOST:PORT seed=HOST:PORT                                                               a membership beside the election
/// ```
///
/// What happens is in the file of events:
///
/// ```text
/// begins TERM     it leads from here on
/// acts TERM       it did something as the leader; the time is one at which it led by its own clock, from before it looked whether it does
/// ends TERM       it knows that it does not lead any more
/// sees TERM NAME  that one leads, as far as it has heard; `-` for nobody
/// knows NAME,…    these are members, as far as it knows
/// ```
struct ElectionProbe {
    /// How often a leader does something.
    private static let interval: Duration = .milliseconds(2)

    private var words: [String: [String]] = [:]
    private let events: EventFile

    init(_ arguments: some Collection<String>) {
        for argument in arguments {
            let parts = argument.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2 else { exit(64) }
            self.words[parts[0], default: []].append(parts[1])
        }
        guard let events = self.words["events"]?.first, let name = self.words["name"]?.first else { exit(64) }
        self.events = EventFile(path: events, name: name)
    }

    private func word(_ key: String) -> String { self.words[key]?.first ?? "" }

    func run() async throws {
        let keyring = try ClusterKeyring(file: self.word("key"))
        let name = try NodeID(self.word("name"))
        let node = ElectionNode(try self.configuration(name, keyring))
        try await withThrowingTaskGroup(of: Void.self) { group in
            let standings = node.standings()
            group.addTask { try await node.run() }
            group.addTask { try await self.lead(node, as: name) }
            group.addTask { await self.watch(standings) }
            if let member = try self.member(name, keyring) {
                let changes = member.changes()
                group.addTask { try await member.run() }
                group.addTask { await self.watch(member, changes) }
            }
            // The first one that ends, ends all.
            try await group.next()
            group.cancelAll()
        }
    }

    private func configuration(_ name: NodeID, _ keyring: ClusterKeyring) throws -> ElectionNodeConfiguration {
        var addresses: [NodeID: MemberAddress] = [:]
        for voter in self.words["voter"] ?? [] {
            let parts = voter.split(separator: "@").map(String.init)
            addresses[try NodeID(parts[0])] = try MemberAddress(parts[1])
        }
        guard let own = addresses[name], let timeout = Int(self.word("timeout")) else { exit(64) }
        return try ElectionNodeConfiguration(
            election: "scheduler", cluster: "orders", node: name,
            beginning: .founding(try VoterSet(voters: addresses.keys)), addresses: addresses, host: own.host,
            port: Int(own.port), directory: self.word("directory"), protection: .keyring(keyring),
            settings: try VotingSettings(electionTimeout: .milliseconds(timeout)))
    }

    private func member(_ name: NodeID, _ keyring: ClusterKeyring) throws -> ClusterNode? {
        guard let own = self.words["member"]?.first else { return nil }
        let address = try MemberAddress(own)
        return ClusterNode(
            try ClusterNodeConfiguration(
                cluster: "orders", name: name, host: address.host, port: Int(address.port),
                protection: .keyring(keyring), seeds: try (self.words["seed"] ?? []).map { try MemberAddress($0) },
                membership: try ClusterProbe.settings()))
    }

    private func lead(_ node: ElectionNode, as name: NodeID) async throws {
        let clock = HostClock()
        while true {
            try await node.election().lead(
                as: name.rawValue, backoff: Backoff(initial: .milliseconds(20), maximum: .milliseconds(100))
            ) { leadership in
                self.events.note("begins \(leadership.term)")
                defer { self.events.note("ends \(leadership.term)") }
                while true {
                    let now = clock.now
                    guard leadership.isLeader else { return }
                    self.events.note("acts \(leadership.term)", at: now)
                    try await clock.sleep(for: Self.interval)
                }
            }
        }
    }

    private func watch(_ standings: AsyncStream<ElectionStanding>) async {
        var latest = ""
        for await standing in standings {
            let seen = "sees \(standing.term) \(standing.leader?.rawValue ?? "-")"
            if seen != latest { self.events.note(seen) }
            latest = seen
        }
    }

    private func watch(_ member: ClusterNode, _ changes: AsyncStream<ClusterChange>) async {
        for await _ in changes {
            let names = member.members.filter(\.state.isPresent).map(\.id.rawValue)
            self.events.note("knows \(names.joined(separator: ","))")
        }
    }
}
