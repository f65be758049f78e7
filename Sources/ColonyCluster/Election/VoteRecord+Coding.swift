import ColonyCore

extension VoteRecord {
    /// `CLVR`, so that nobody takes another file for a record.
    private static let magic: [UInt8] = [0x43, 0x4C, 0x56, 0x52]
    /// The version that is written, and the only one that is read.
    private static let version: UInt8 = 1
    /// What a record has at the most.
    package static let maximumBytes = 65_536

    /// The record as bytes, with a checksum of all of them at the end.
    ///
    /// Numbers are big-endian; texts have their length in one byte before them.
    ///
    /// ```text
    /// record         "CLVR"  version:1  length:4  fields  checksum:4
    /// fields         cluster:text  node:text  term:8  hasVote:1 [vote:text]  configuration  starts:8  promise:8  revision:8
    /// configuration  term:8  version:8  count:1  member*
    /// member         role:1  priority:1  id:text
    /// ```
    ///
    /// - Complexity: O(*n*) in their number.
    public func encoded() -> [UInt8] {
        var fields = WireWriter(capacity: 256)
        fields.write(text: self.cluster.rawValue)
        fields.write(text: self.node.rawValue)
        fields.write(self.term)
        fields.write(UInt8(self.vote == nil ? 0 : 1))
        if let vote { fields.write(text: vote.rawValue) }
        fields.write(self.configuration)
        fields.write(self.starts)
        fields.write(UInt64(max(0, self.promise.clampedNanoseconds)))
        fields.write(self.revision)
        var writer = WireWriter(capacity: fields.bytes.count + 13)
        writer.write(bytes: Self.magic)
        writer.write(Self.version)
        writer.write(UInt32(fields.bytes.count))
        writer.write(bytes: fields.bytes)
        writer.write(Checksum.of(writer.bytes))
        return writer.bytes
    }

    /// Reads what ``encoded()`` gave.
    ///
    /// A record of which a byte is missing or another one is refused, never read as another one: nobody may vote on the word of half a record.
    ///
    /// - Throws: ``ClusterError`` with code `damagedRecord`, or `unsupportedVersion` for one of a newer program.
    public init(decoding bytes: [UInt8]) throws(ClusterError) {
        guard bytes.count <= Self.maximumBytes else {
            throw Self.damaged("it has \(bytes.count) bytes, and \(Self.maximumBytes) are the most")
        }
        guard bytes.starts(with: Self.magic), bytes.count >= 13 else {
            throw Self.damaged("its \(bytes.count) bytes do not begin as a record does")
        }
        guard bytes[4] == Self.version else {
            throw ClusterError(
                .unsupportedVersion,
                "the record of votes has version \(bytes[4]), and only version \(Self.version) is known")
        }
        let length = bytes[5..<9].reduce(0) { $0 << 8 | Int($1) }
        guard bytes.count == length + 13 else {
            throw Self.damaged("it has \(bytes.count) bytes, and should have \(length + 13)")
        }
        let sum = bytes.suffix(4).reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        guard Checksum.of(bytes.dropLast(4)) == sum else { throw Self.damaged("its checksum is wrong") }
        do throws(ClusterError) {
            var reader = WireReader(Array(bytes[9..<bytes.count - 4]))
            try self.init(&reader)
        } catch {
            throw Self.damaged(error.message)
        }
    }

    private init(_ reader: inout WireReader) throws(ClusterError) {
        let cluster = try reader.text("cluster")
        let node = try reader.nodeID("node")
        let term: UInt64 = try reader.number("term")
        let vote = try reader.flag("vote") ? try reader.nodeID("vote") : nil
        let configuration = try reader.configuration()
        let starts: UInt64 = try reader.number("number of starts")
        let promise: UInt64 = try reader.number("promise")
        let revision: UInt64 = try reader.number("revision")
        try reader.end(of: "a record")
        let name: ClusterName
        do {
            name = try ClusterName(cluster)
        } catch {
            throw ClusterError(.malformed, error.description)
        }
        self.init(
            cluster: name, node: node, term: term, vote: vote, configuration: configuration, starts: starts,
            promise: .nanoseconds(Int64(clamping: promise)), revision: revision)
    }

    private static func damaged(_ what: String) -> ClusterError {
        ClusterError(.damagedRecord, "the record of votes cannot be read: \(what)")
    }
}

// MARK: What records and packets have in common

extension WireWriter {
    mutating func write(_ configuration: VoterConfiguration) {
        self.write(configuration.stamp.term)
        self.write(configuration.stamp.version)
        self.write(UInt8(configuration.set.members.count))
        for member in configuration.set.members {
            self.write(member.role.rawValue)
            self.write(member.priority)
            self.write(text: member.id.rawValue)
        }
    }
}

extension WireReader {
    mutating func flag(_ what: String) throws(ClusterError) -> Bool {
        let flag: UInt8 = try self.number(what)
        guard flag <= 1 else { throw ClusterError(.malformed, "\(flag) says neither yes nor no to the \(what)") }
        return flag == 1
    }

    mutating func configuration() throws(ClusterError) -> VoterConfiguration {
        let term: UInt64 = try self.number("term of the voters")
        let version: UInt64 = try self.number("version of the voters")
        let count: UInt8 = try self.number("number of members")
        var members: [VotingMember] = []
        for _ in 0..<count {
            let number: UInt8 = try self.number("role of a member")
            guard let role = VotingMember.Role(rawValue: number) else {
                throw ClusterError(.malformed, "there is no role \(number) of members")
            }
            let priority: UInt8 = try self.number("priority of a member")
            members.append(VotingMember(try self.nodeID("member"), role: role, priority: priority))
        }
        guard !members.isEmpty else {
            guard term == 0, version == 0 else {
                throw ClusterError(.malformed, "a set of voters \(term).\(version) has no members")
            }
            return .unknown
        }
        // Two more must be possible: those of the next leader and of its first change.
        guard term < .max - 1, version < .max - 1 else {
            throw ClusterError(.malformed, "\(term).\(version) cannot number a set of voters: it is the last number")
        }
        do throws(ClusterError) {
            return VoterConfiguration(term: term, version: version, set: try VoterSet(members))
        } catch {
            throw ClusterError(.malformed, error.message)
        }
    }

    func end(of what: String) throws(ClusterError) {
        guard self.rest == 0 else {
            throw ClusterError(.malformed, "\(self.rest) bytes are left over after \(what)")
        }
    }
}
