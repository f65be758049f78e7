import ColonyCore

/// ``MembershipPacket`` as bytes, before it is sealed.
///
/// Numbers are big-endian; texts have their length in one byte before them, for none is longer than 255.
///
/// ```text
/// packet   version:1  kind:1  sender:text  [fields of the kind]  count:4  claim*
/// claim    state and flags:1  id:text  host:text  port:2  instance:8  incarnation:8  [accuser:text]  [length:2 metadata]
/// ```
///
/// A reader refuses a version that it does not know, a kind or a state that there is not, a name that is none, and bytes that are left over. It
/// takes no more memory than the bytes that it was given.
public enum PacketCoding {
    /// The version that is written, and the only one that is read.
    public static let version: UInt8 = 2

    enum Kind: UInt8 {
        case ping = 1, ack, nack, pingRequest, gossip, pull, push, fill
    }

    static let hasAccuser: UInt8 = 0x10
    static let hasMetadata: UInt8 = 0x20

    // MARK: Writing

    /// The bytes of a packet.
    ///
    /// - Complexity: O(*n*) in their number.
    public static func encode(_ packet: MembershipPacket) -> [UInt8] {
        var writer = WireWriter(capacity: self.size(of: packet))
        writer.write(self.version)
        writer.write(packet.message.kind.rawValue)
        writer.write(text: packet.sender.rawValue)
        switch packet.message {
        case .ping(let sequence, let target):
            writer.write(sequence)
            writer.write(text: target.rawValue)
        case .ack(let sequence, let digest):
            writer.write(sequence)
            writer.write(digest)
        case .nack(let sequence):
            writer.write(sequence)
        case .pingRequest(let sequence, let target, let address):
            writer.write(sequence)
            writer.write(text: target.rawValue)
            writer.write(text: address.host)
            writer.write(address.port)
        case .pull(let summary), .push(let summary):
            for part in summary.parts { writer.write(part) }
        case .gossip, .fill:
            break
        }
        writer.write(UInt32(packet.claims.count))
        for claim in packet.claims { self.write(claim, to: &writer) }
        return writer.bytes
    }

    private static func write(_ claim: MembershipClaim, to writer: inout WireWriter) {
        var head = claim.state.rawValue
        if claim.accuser != nil { head |= self.hasAccuser }
        if claim.metadata != nil { head |= self.hasMetadata }
        writer.write(head)
        writer.write(text: claim.id.rawValue)
        writer.write(text: claim.address.host)
        writer.write(claim.address.port)
        writer.write(claim.instance)
        writer.write(claim.incarnation)
        if let accuser = claim.accuser { writer.write(text: accuser.rawValue) }
        if let metadata = claim.metadata {
            writer.write(UInt16(metadata.count))
            writer.write(bytes: metadata)
        }
    }

    /// How many bytes a claim takes.
    static func size(of claim: MembershipClaim) -> Int {
        var size = 1 + self.size(of: claim.id.rawValue) + self.size(of: claim.address.host) + 2 + 8 + 8
        if let accuser = claim.accuser { size += self.size(of: accuser.rawValue) }
        if let metadata = claim.metadata { size += 2 + metadata.count }
        return size
    }

    /// How many bytes a packet takes.
    package static func size(of packet: MembershipPacket) -> Int {
        let fields =
            switch packet.message {
            case .ping(_, let target): 4 + self.size(of: target.rawValue)
            case .ack: 12
            case .nack: 4
            case .pingRequest(_, let target, let address):
                4 + self.size(of: target.rawValue) + self.size(of: address.host) + 2
            case .pull, .push: 8 * MembershipSummary.partCount
            case .gossip, .fill: 0
            }
        return 2 + self.size(of: packet.sender.rawValue) + fields + 4
            + packet.claims.reduce(0) { $0 + self.size(of: $1) }
    }

    private static func size(of text: String) -> Int { 1 + text.utf8.count }

    // MARK: Reading

    /// The packet that the bytes are.
    ///
    /// - Throws: ``ClusterError`` with code `unsupportedVersion` or `malformed`.
    /// - Complexity: O(*n*) in the number of bytes.
    public static func decode(_ bytes: some Collection<UInt8>) throws(ClusterError) -> MembershipPacket {
        var reader = WireReader(Array(bytes))
        let version: UInt8 = try reader.number("version")
        guard version == self.version else {
            throw ClusterError(
                .unsupportedVersion, "a packet of version \(version), and only version \(self.version) is known")
        }
        let number: UInt8 = try reader.number("kind")
        guard let kind = Kind(rawValue: number) else {
            throw ClusterError(.malformed, "there is no kind \(number) of packets")
        }
        let sender = try reader.nodeID("sender")
        let message: MembershipMessage
        switch kind {
        case .ping:
            message = .ping(sequence: try reader.number("sequence"), target: try reader.nodeID("target"))
        case .ack: message = .ack(sequence: try reader.number("sequence"), digest: try reader.number("digest"))
        case .nack: message = .nack(sequence: try reader.number("sequence"))
        case .pingRequest:
            message = .pingRequest(
                sequence: try reader.number("sequence"), target: try reader.nodeID("target"),
                address: try reader.address("target"))
        case .gossip: message = .gossip
        case .pull: message = .pull(try self.summary(&reader))
        case .push: message = .push(try self.summary(&reader))
        case .fill: message = .fill
        }
        let count: UInt32 = try reader.number("count of claims")
        var claims: [MembershipClaim] = []
        // What the count says is not believed before the claims have been seen.
        claims.reserveCapacity(min(Int(count), reader.rest / 24))
        for _ in 0..<count { claims.append(try self.claim(&reader)) }
        guard reader.rest == 0 else {
            throw ClusterError(.malformed, "\(reader.rest) bytes are left over after a packet")
        }
        return MembershipPacket(sender: sender, message: message, claims: claims)
    }

    private static func summary(_ reader: inout WireReader) throws(ClusterError) -> MembershipSummary {
        var parts: [UInt64] = []
        for _ in 0..<MembershipSummary.partCount { parts.append(try reader.number("summary")) }
        return MembershipSummary(parts: parts)
    }

    private static func claim(_ reader: inout WireReader) throws(ClusterError) -> MembershipClaim {
        let head: UInt8 = try reader.number("state")
        guard let state = MemberState(rawValue: head & 0x0F), head & 0xC0 == 0 else {
            throw ClusterError(.malformed, "there is no state \(head) of members")
        }
        let id = try reader.nodeID("member")
        let address = try reader.address("member")
        let instance: UInt64 = try reader.number("instance")
        let incarnation: UInt64 = try reader.number("incarnation")
        // One more must be possible: with the greatest number nobody could be contradicted.
        guard incarnation < .max else {
            throw ClusterError(.malformed, "\(incarnation) cannot be an incarnation: it is the last number")
        }
        let accuser = head & self.hasAccuser != 0 ? try reader.nodeID("accuser") : nil
        var metadata: [UInt8]?
        if head & self.hasMetadata != 0 {
            let length: UInt16 = try reader.number("length of metadata")
            guard Int(length) <= MembershipLimits.metadataBytes else {
                throw ClusterError(
                    .malformed,
                    "metadata of \(length) bytes is too long: \(MembershipLimits.metadataBytes) at the most")
            }
            metadata = try reader.bytes(Int(length), of: "metadata")
        }
        return MembershipClaim(
            id: id, address: address, instance: instance, incarnation: incarnation, state: state, accuser: accuser,
            metadata: metadata)
    }
}

extension MembershipMessage {
    var kind: PacketCoding.Kind {
        switch self {
        case .ping: .ping
        case .ack: .ack
        case .nack: .nack
        case .pingRequest: .pingRequest
        case .gossip: .gossip
        case .pull: .pull
        case .push: .push
        case .fill: .fill
        }
    }
}
