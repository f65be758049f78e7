package import ColonyCore

/// A held lock as JSON: the shape that the HTTP interface and the command line share.
package struct LockDocument: Codable, Sendable {
    package struct Waiter: Codable, Sendable {
        package var owner: String
        package var ageMilliseconds: Int64

        enum CodingKeys: String, CodingKey {
            case owner
            case ageMilliseconds = "age_ms"
        }
    }

    package var name: String
    package var owner: String
    package var token: UInt64
    package var durationMilliseconds: Int64
    package var remainingMilliseconds: Int64
    package var ageMilliseconds: Int64
    package var renewals: UInt64
    package var waiters: [Waiter]

    enum CodingKeys: String, CodingKey {
        case name, owner, token, renewals, waiters
        case durationMilliseconds = "ttl_ms"
        case remainingMilliseconds = "remaining_ms"
        case ageMilliseconds = "age_ms"
    }

    package init(_ record: LeaseRecord) {
        self.name = record.name.rawValue
        self.owner = record.owner.rawValue
        self.token = record.token.rawValue
        self.durationMilliseconds = record.duration.clampedMilliseconds
        self.remainingMilliseconds = record.remaining.clampedMilliseconds
        self.ageMilliseconds = record.age.clampedMilliseconds
        self.renewals = record.renewals
        self.waiters = record.waiters.map {
            Waiter(owner: $0.owner.rawValue, ageMilliseconds: $0.age.clampedMilliseconds)
        }
    }

    func record() throws(LeaseError) -> LeaseRecord {
        do {
            return LeaseRecord(
                name: try LeaseName(self.name), owner: try OwnerID(self.owner),
                token: FencingToken(rawValue: self.token),
                duration: .milliseconds(self.durationMilliseconds),
                // What is left is cut to whole milliseconds on the way, and a record has something left.
                remaining: max(.nanoseconds(1), .milliseconds(self.remainingMilliseconds)),
                age: .milliseconds(self.ageMilliseconds), renewals: self.renewals,
                waiters: try self.waiters.map {
                    LeaseWaiter(owner: try OwnerID($0.owner), age: .milliseconds($0.ageMilliseconds))
                })
        } catch {
            throw LeaseError(.unavailable, "the daemon described a lock that cannot be: \(error)")
        }
    }
}

struct LockPageDocument: Decodable {
    var locks: [LockDocument]
}

struct AcquireRequest: Encodable {
    var owner: String
    var ttl_ms: Int64
    var wait_ms: Int64?
    var queue: Bool

    /// - Parameter wait: How long to stand in the queue; `nil` passes it by.
    init(owner: OwnerID, duration: Duration, wait: Duration?) {
        self.owner = owner.rawValue
        self.ttl_ms = duration.clampedMilliseconds
        self.wait_ms = wait?.clampedMilliseconds
        self.queue = wait != nil
    }
}

struct RenewRequest: Encodable {
    var name: String?
    var owner: String
    var token: UInt64
    var ttl_ms: Int64

    init(owner: OwnerID, token: FencingToken, duration: Duration) {
        self.owner = owner.rawValue
        self.token = token.rawValue
        self.ttl_ms = duration.clampedMilliseconds
    }
}

struct BatchRenewRequest: Encodable {
    var leases: [RenewRequest]

    init(_ leases: [Lease]) {
        self.leases = leases.map { lease in
            var request = RenewRequest(owner: lease.owner, token: lease.token, duration: lease.duration)
            request.name = lease.name.rawValue
            return request
        }
    }
}

struct BatchRenewDocument: Decodable {
    var renewed: [Bool]
}

struct ReleaseRequest: Encodable {
    var owner: String
    var token: UInt64?

    init(owner: OwnerID, token: FencingToken?) {
        self.owner = owner.rawValue
        self.token = token?.rawValue
    }
}

struct GrantDocument: Decodable {
    var token: UInt64
    var ttl_ms: Int64
    /// How long after the arrival of the request the lease was granted, if the daemon says so.
    var waited_ms: Int64?

    /// - Parameter sentAt: When the request left. The grant cannot be older than that and the wait together.
    func lease(_ name: LeaseName, _ owner: OwnerID, sentAt: MonotonicInstant) -> Lease {
        let duration: Duration = .milliseconds(self.ttl_ms)
        return Lease(
            name: name, owner: owner, token: FencingToken(rawValue: self.token), duration: duration,
            expiry: sentAt.advanced(by: .milliseconds(self.waited_ms ?? 0)).advanced(by: duration))
    }
}

struct HeldDocument: Decodable {
    var holder: String
    var token: UInt64
    var remaining_ms: Int64

    func value() throws(LeaseError) -> LeaseHolder {
        do {
            return LeaseHolder(
                owner: try OwnerID(self.holder), token: FencingToken(rawValue: self.token),
                remaining: .milliseconds(self.remaining_ms))
        } catch {
            throw LeaseError(.unavailable, "the daemon named a holder that cannot be: \(error)")
        }
    }
}

struct ChangeDocument: Decodable {
    var changed: Bool
}

struct ProblemDocument: Decodable {
    var code: String?
    /// Which queue has no room, and what it does then.
    var queue: String?
    var overflow: String?
    var title: String?
    var detail: String?
}

struct ServerDocument: Decodable {
    struct GuaranteeDocument: Decodable {
        var survival: String

        /// Whatever the store under it reaches, the daemon itself is reached through the network, and decides alone.
        var value: Guarantee {
            // A word that this build does not know is taken for the least.
            Guarantee(
                reach: .network,
                survival: Guarantee.Survival.allCases.first { "\($0)" == self.survival } ?? .nothing)
        }
    }

    var guarantee: GuaranteeDocument
    /// The longest lease that the store gives; a daemon of an earlier version does not say.
    var longest_lease_ms: Int64?
}
