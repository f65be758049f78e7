import ColonyCore

/// ``VotingPacket`` as bytes, before it is sealed or framed.
///
/// Numbers are big-endian; texts have their length in one byte before them. A configuration is as in ``VoteRecord/encoded()``.
///
/// ```text
/// packet           version:1  kind:1  sender:text  start:8  nonce:8  fields of the kind
/// vote request     kind:1  term:8  stamp
/// vote answer      kind:1  requestedTerm:8  isGranted:1  term:8  hasConfiguration:1 [configuration]
/// heartbeat        term:8  round:8  stamp  hasConfiguration:1 [configuration]
/// heartbeat answer term:8  round:8  stamp  promise:8  isWilling:1
/// stand now        term:8
/// stamp            term:8  version:8  fingerprint:8
/// ```
///
/// A reader refuses a version that it does not know, a kind that there is not, a name that is none, a term after which there is none, and bytes that are left over.
public enum VotingCoding {
    /// The version that is written, and the only one that is read.
    public static let version: UInt8 = 1

    private enum Kind: UInt8 {
        case voteRequest = 1, voteAnswer, heartbeat, heartbeatAnswer, standNow
    }

    // MARK: Writing

    /// The bytes of a packet.
    ///
    /// - Complexity: O(*n*) in their number.
    public static func encode(_ packet: VotingPacket) -> [UInt8] {
        var writer = WireWriter(capacity: 128)
        writer.write(self.version)
        writer.write(self.kind(of: packet.message).rawValue)
        writer.write(text: packet.sender.rawValue)
        writer.write(packet.start.number)
        writer.write(packet.start.nonce)
        switch packet.message {
        case .voteRequest(let request):
            writer.write(request.kind.rawValue)
            writer.write(request.term)
            self.write(request.configuration, to: &writer)
        case .voteAnswer(let answer):
            writer.write(answer.kind.rawValue)
            writer.write(answer.requestedTerm)
            writer.write(UInt8(answer.isGranted ? 1 : 0))
            writer.write(answer.term)
            self.write(answer.configuration, to: &writer)
        case .heartbeat(let heartbeat):
            writer.write(heartbeat.term)
            writer.write(heartbeat.round)
            self.write(heartbeat.stamp, to: &writer)
            self.write(heartbeat.configuration, to: &writer)
        case .heartbeatAnswer(let answer):
            writer.write(answer.term)
            writer.write(answer.round)
            self.write(answer.stamp, to: &writer)
            writer.write(UInt64(max(0, answer.promise.clampedNanoseconds)))
            writer.write(UInt8(answer.isWilling ? 1 : 0))
        case .standNow(let term):
            writer.write(term)
        }
        return writer.bytes
    }

    private static func kind(of message: VotingMessage) -> Kind {
        switch message {
        case .voteRequest: .voteRequest
        case .voteAnswer: .voteAnswer
        case .heartbeat: .heartbeat
        case .heartbeatAnswer: .heartbeatAnswer
        case .standNow: .standNow
        }
    }

    private static func write(_ stamp: VoterConfiguration.Stamp, to writer: inout WireWriter) {
        writer.write(stamp.term)
        writer.write(stamp.version)
        writer.write(stamp.fingerprint)
    }

    private static func write(_ configuration: VoterConfiguration?, to writer: inout WireWriter) {
        writer.write(UInt8(configuration == nil ? 0 : 1))
        if let configuration { writer.write(configuration) }
    }

    // MARK: Reading

    /// The packet that the bytes are.
    ///
    /// - Throws: ``ClusterError`` with code `unsupportedVersion` or `malformed`.
    /// - Complexity: O(*n*) in the number of bytes.
    public static func decode(_ bytes: some Collection<UInt8>) throws(ClusterError) -> VotingPacket {
        var reader = WireReader(Array(bytes))
        let version: UInt8 = try reader.number("version")
        guard version == self.version else {
            throw ClusterError(
                .unsupportedVersion,
                "a packet of votes of version \(version), and only version \(self.version) is known")
        }
        let number: UInt8 = try reader.number("kind")
        guard let kind = Kind(rawValue: number) else {
            throw ClusterError(.malformed, "there is no kind \(number) of packets of votes")
        }
        let sender = try reader.nodeID("sender")
        let start = VotingStart(number: try reader.number("start"), nonce: try reader.number("nonce"))
        let message = try self.message(kind, &reader)
        try reader.end(of: "a packet of votes")
        return VotingPacket(sender: sender, start: start, message: message)
    }

    private static func message(_ kind: Kind, _ reader: inout WireReader) throws(ClusterError) -> VotingMessage {
        switch kind {
        case .voteRequest:
            let kind = try self.requestKind(&reader)
            let term = try self.term(&reader)
            return .voteRequest(VoteRequest(kind: kind, term: term, configuration: try self.stamp(&reader)))
        case .voteAnswer:
            let kind = try self.requestKind(&reader)
            let requested = try self.term(&reader)
            let isGranted = try reader.flag("vote")
            let term = try self.term(&reader)
            return .voteAnswer(
                VoteAnswer(
                    kind: kind, requestedTerm: requested, isGranted: isGranted, term: term,
                    configuration: try self.configuration(&reader)))
        case .heartbeat:
            let term = try self.term(&reader)
            let round: UInt64 = try reader.number("round")
            let stamp = try self.stamp(&reader)
            return .heartbeat(
                LeaderHeartbeat(
                    term: term, round: round, stamp: stamp, configuration: try self.configuration(&reader)))
        case .heartbeatAnswer:
            let term = try self.term(&reader)
            let round: UInt64 = try reader.number("round")
            let stamp = try self.stamp(&reader)
            let promise: UInt64 = try reader.number("promise")
            let isWilling = try reader.flag("will")
            return .heartbeatAnswer(
                HeartbeatAnswer(
                    term: term, round: round, stamp: stamp, promise: .nanoseconds(Int64(clamping: promise)),
                    isWilling: isWilling))
        case .standNow:
            return .standNow(term: try self.term(&reader))
        }
    }

    /// One more must be possible, and one more than that, so that no sum of terms overflows. Whoever may speak in the name of a node can still claim
    /// the last term that is taken, after which nobody is elected any more.
    private static func term(_ reader: inout WireReader) throws(ClusterError) -> UInt64 {
        let term: UInt64 = try reader.number("term")
        guard term < .max - 1 else {
            throw ClusterError(.malformed, "\(term) cannot be a term: none could follow")
        }
        return term
    }

    private static func requestKind(_ reader: inout WireReader) throws(ClusterError) -> VoteRequest.Kind {
        let number: UInt8 = try reader.number("kind of request")
        guard let kind = VoteRequest.Kind(rawValue: number) else {
            throw ClusterError(.malformed, "there is no kind \(number) of requests for votes")
        }
        return kind
    }

    private static func stamp(_ reader: inout WireReader) throws(ClusterError) -> VoterConfiguration.Stamp {
        let term: UInt64 = try reader.number("term of the voters")
        let version: UInt64 = try reader.number("version of the voters")
        return VoterConfiguration.Stamp(
            term: term, version: version, fingerprint: try reader.number("fingerprint of the voters"))
    }

    private static func configuration(_ reader: inout WireReader) throws(ClusterError) -> VoterConfiguration? {
        try reader.flag("set of voters") ? try reader.configuration() : nil
    }
}
