import ColonyCoordination
import ColonyCore
import NIOCore

/// The bodies and parameters that the routes of semaphores take, read strictly.
struct AcquirePermitsRequest {
    var owner: OwnerID?
    var permits: Int
    var limit: Int
    var duration: Duration
    /// Zero asks once.
    var wait: Duration
    /// For how long a refused request keeps its place; `nil` for no place.
    var claim: Duration?

    /// For how long the place of a request that waits here outlives its last sign of life, unless the request says otherwise:
    /// so long does a daemon that died in the middle of a wait hold up the others.
    static let usualClaim: Duration = .seconds(3)

    private static let members: [StaticString] = ["owner", "permits", "limit", "ttl_ms", "wait_ms", "claim_ms"]

    init(_ body: ByteBuffer, limits: DaemonConfiguration.Limits) throws(Problem) {
        var owner: OwnerID?
        var permits = 1
        var limit: Int?
        var duration: Duration?
        var wait: Duration = .zero
        var claim: Duration??
        try body.readJSON(Self.members) { reader, index throws(JSONDefect) in
            switch index {
            case 0: owner = try reader.readOwner()
            case 1: permits = Int(try reader.readNumber(in: 1...Int64(PermitLimits.permits)))
            case 2: limit = Int(try reader.readNumber(in: 1...Int64(PermitLimits.permits)))
            case 3: duration = try reader.readDuration(in: LeaseLimits.duration)
            case 4: wait = try reader.readDuration(in: .zero...limits.wait)
            default: claim = .some(try reader.readClaim())
            }
        }
        guard let limit else { throw .missing("limit") }
        guard let duration else { throw .missing("ttl_ms") }
        guard permits <= limit else { throw .beyond(permits, limit) }
        self.owner = owner
        self.permits = permits
        self.limit = limit
        self.duration = duration
        self.wait = wait
        self.claim = claim ?? (wait > .zero ? Self.usualClaim : nil)
    }

    func request(of name: LeaseName, owner: OwnerID) -> PermitRequest {
        PermitRequest(
            self.permits, of: name, limit: self.limit, owner: owner, for: self.duration, claim: self.claim)
    }
}

struct RenewPermitsRequest {
    var owner: OwnerID
    var token: FencingToken
    var duration: Duration

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
        guard let duration else { throw .missing("ttl_ms") }
        self.owner = owner
        self.token = token
        self.duration = duration
    }
}

/// Whether permits would be granted, and how long to wait until they would.
struct FreePermitsQuery {
    var request: PermitRequest
    var wait: Duration

    init(_ query: Substring.UTF8View, of name: LeaseName, limits: DaemonConfiguration.Limits) throws(Problem) {
        let parameters = try QueryParameters(query, known: ["owner", "permits", "limit", "wait_ms"])
        guard let limit = try parameters.integer("limit", in: 1...PermitLimits.permits) else {
            throw .missing("limit")
        }
        let permits = try parameters.integer("permits", in: 1...PermitLimits.permits) ?? 1
        guard permits <= limit else { throw .beyond(permits, limit) }
        let wait = try parameters.integer("wait_ms", in: 0...limits.wait.clampedMilliseconds) ?? 0
        let owner: OwnerID
        do throws(InvalidName) {
            owner = if let text = parameters["owner"] { try OwnerID(text) } else { .unique() }
        } catch {
            throw Problem(error)
        }
        self.wait = .milliseconds(wait)
        // Nothing is granted, so the duration means nothing.
        self.request = PermitRequest(
            permits, of: name, limit: limit, owner: owner, for: LeaseLimits.duration.upperBound)
    }
}

extension Problem {
    static func beyond(_ permits: Int, _ limit: Int) -> Problem {
        Problem(.invalidRequest, "permits is refused: \(permits) is not from 1 to the limit of \(limit)")
    }
}

extension JSONReader {
    /// Reads for how long a place is kept; zero stands for none.
    fileprivate mutating func readClaim() throws(JSONDefect) -> Duration? {
        let bounds = LeaseLimits.duration
        let number = try self.readSigned()
        if number == 0 { return nil }
        guard (bounds.lowerBound.clampedMilliseconds...bounds.upperBound.clampedMilliseconds).contains(number) else {
            throw .outOfRange(
                path: self.currentPath,
                reason: "\(number) is neither 0 nor from \(bounds.lowerBound.clampedMilliseconds) to "
                    + "\(bounds.upperBound.clampedMilliseconds) milliseconds")
        }
        return .milliseconds(number)
    }
}
