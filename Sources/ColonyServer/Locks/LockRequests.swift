import ColonyCore
import NIOCore

/// The bodies that the lock routes take, read strictly.
struct AcquireRequest {
    var owner: OwnerID?
    var duration: Duration
    /// Zero asks once.
    var wait: Duration
    /// Whether to stand in the daemon's queue.
    var queues: Bool

    private static let members: [StaticString] = ["owner", "ttl_ms", "wait_ms", "queue"]

    init(_ body: ByteBuffer, limits: DaemonConfiguration.Limits) throws(Problem) {
        var owner: OwnerID?
        var duration: Duration?
        var wait: Duration = .zero
        var queues = true
        try body.readJSON(Self.members) { reader, index throws(JSONDefect) in
            switch index {
            case 0: owner = try reader.readOwner()
            case 1: duration = try reader.readDuration(in: LeaseLimits.duration)
            case 2: wait = try reader.readDuration(in: .zero...limits.wait)
            default: queues = try reader.readBool()
            }
        }
        guard let duration else { throw .missing("ttl_ms") }
        guard queues || wait == .zero else {
            throw Problem(
                .invalidRequest,
                "queue is false and wait_ms is \(wait.clampedMilliseconds), but only a request in the queue can wait")
        }
        self.owner = owner
        self.duration = duration
        self.wait = wait
        self.queues = queues
    }
}

struct RenewRequest {
    var owner: OwnerID
    var token: FencingToken
    var duration: Duration?

    private static let members: [StaticString] = ["owner", "token", "ttl_ms"]

    init(_ body: ByteBuffer) throws(Problem) {
        var owner: OwnerID?
        var token: FencingToken?
        var duration: Duration?
        try body.readJSON(Self.members) { reader, index throws(JSONDefect) in
            switch index {
            case 0: owner = try reader.readOwner()
            case 1: token = FencingToken(rawValue: try reader.readUnsigned())
            default: duration = try reader.readDuration(in: LeaseLimits.duration)
            }
        }
        guard let owner else { throw .missing("owner") }
        guard let token else { throw .missing("token") }
        self.owner = owner
        self.token = token
        self.duration = duration
    }
}

struct ReleaseRequest {
    var owner: OwnerID
    var token: FencingToken?

    private static let members: [StaticString] = ["owner", "token"]

    init(_ body: ByteBuffer) throws(Problem) {
        var owner: OwnerID?
        var token: FencingToken?
        try body.readJSON(Self.members) { reader, index throws(JSONDefect) in
            switch index {
            case 0: owner = try reader.readOwner()
            default: token = FencingToken(rawValue: try reader.readUnsigned())
            }
        }
        guard let owner else { throw .missing("owner") }
        self.owner = owner
        self.token = token
    }
}

struct RenewManyRequest {
    var leases: [Lease] = []

    private static let members: [StaticString] = ["leases"]
    private static let leaseMembers: [StaticString] = ["name", "owner", "token", "ttl_ms"]

    init(_ body: ByteBuffer, limits: DaemonConfiguration.Limits, now: MonotonicInstant) throws(Problem) {
        var leases: [Lease]?
        try body.readJSON(Self.members) { reader, _ throws(JSONDefect) in
            var list: [Lease] = []
            try reader.readArray(atMost: limits.batch) { reader throws(JSONDefect) in
                list.append(try Self.readLease(&reader, limits: limits, now: now))
            }
            leases = list
        }
        guard let leases else { throw .missing("leases") }
        self.leases = leases
    }

    private static func readLease(
        _ reader: inout JSONReader, limits: DaemonConfiguration.Limits, now: MonotonicInstant
    ) throws(JSONDefect) -> Lease {
        var name: LeaseName?
        var owner: OwnerID?
        var token: FencingToken?
        var duration: Duration?
        try reader.readObject(Self.leaseMembers) { reader, index throws(JSONDefect) in
            switch index {
            case 0: name = try reader.readLeaseName(atMost: limits.nameBytes)
            case 1: owner = try reader.readOwner()
            case 2: token = FencingToken(rawValue: try reader.readUnsigned())
            default: duration = try reader.readDuration(in: LeaseLimits.duration)
            }
        }
        guard let name else { throw reader.missing("name") }
        guard let owner else { throw reader.missing("owner") }
        guard let token else { throw reader.missing("token") }
        guard let duration else { throw reader.missing("ttl_ms") }
        return Lease(
            name: name, owner: owner, token: token, duration: duration, expiry: now.advanced(by: duration))
    }
}

extension ByteBuffer {
    /// Reads the buffer as one object; see ``JSONReader/readDocument(_:_:)``.
    func readJSON(
        _ members: [StaticString], _ member: (inout JSONReader, Int) throws(JSONDefect) -> Void
    ) throws(Problem) {
        let defect = self.withUnsafeReadableBytes { bytes -> JSONDefect? in
            var reader = JSONReader(bytes)
            do throws(JSONDefect) {
                try reader.readDocument(members, member)
                return nil
            } catch {
                return error
            }
        }
        if let defect { throw Problem(defect) }
    }
}

extension Problem {
    static func missing(_ member: String) -> Problem {
        Problem(.invalidRequest, "\(member) is missing")
    }
}

extension JSONReader {
    mutating func readOwner() throws(JSONDefect) -> OwnerID {
        let text = try self.readString()
        do throws(InvalidName) {
            return try OwnerID(text)
        } catch {
            throw .invalidName(path: self.currentPath, reason: error.description)
        }
    }

    fileprivate mutating func readLeaseName(atMost maximumBytes: Int) throws(JSONDefect) -> LeaseName {
        let text = try self.readString()
        guard text.utf8.count <= max(maximumBytes, 1) || text.utf8.count > NameRules.maximumBytes else {
            throw .invalidName(
                path: self.currentPath,
                reason: "\(NameRules.quoted(text)) has \(text.utf8.count) bytes, and this server takes \(maximumBytes)")
        }
        do throws(InvalidName) {
            return try LeaseName(text)
        } catch {
            throw .invalidName(path: self.currentPath, reason: error.description)
        }
    }

    mutating func readDuration(in range: ClosedRange<Duration>) throws(JSONDefect) -> Duration {
        let number = try self.readSigned()
        let bounds = range.lowerBound.clampedMilliseconds...range.upperBound.clampedMilliseconds
        guard bounds.contains(number) else {
            throw .outOfRange(
                path: self.currentPath,
                reason: "\(number) is not from \(bounds.lowerBound) to \(bounds.upperBound) milliseconds")
        }
        return .milliseconds(number)
    }

    func missing(_ member: String) -> JSONDefect {
        .missing(path: "\(self.currentPath).\(member)")
    }
}
