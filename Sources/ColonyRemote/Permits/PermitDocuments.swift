package import ColonyCoordination
import ColonyCore

/// A semaphore as JSON: the shape that the HTTP interface and the command line share.
package struct SemaphoreDocument: Codable, Sendable {
    package struct Holder: Codable, Sendable {
        package var owner: String
        package var permits: Int
        package var token: UInt64
        package var remainingMilliseconds: Int64
        package var ageMilliseconds: Int64

        enum CodingKeys: String, CodingKey {
            case owner, permits, token
            case remainingMilliseconds = "remaining_ms"
            case ageMilliseconds = "age_ms"
        }
    }

    package struct Waiter: Codable, Sendable {
        package var owner: String
        package var permits: Int
        package var ageMilliseconds: Int64

        enum CodingKeys: String, CodingKey {
            case owner, permits
            case ageMilliseconds = "age_ms"
        }
    }

    package var name: String
    package var held: Int
    package var holders: [Holder]
    package var waiters: [Waiter]

    package init(_ record: PermitRecord) {
        self.name = record.name.rawValue
        self.held = record.held
        self.holders = record.holders.map {
            Holder(
                owner: $0.owner.rawValue, permits: $0.permits, token: $0.token.rawValue,
                remainingMilliseconds: $0.remaining.clampedMilliseconds, ageMilliseconds: $0.age.clampedMilliseconds)
        }
        self.waiters = record.claims.map {
            Waiter(owner: $0.owner.rawValue, permits: $0.permits, ageMilliseconds: $0.age.clampedMilliseconds)
        }
    }

    func record() throws(LeaseError) -> PermitRecord {
        do {
            return PermitRecord(
                name: try LeaseName(self.name),
                holders: try self.holders.map {
                    PermitHolder(
                        owner: try OwnerID($0.owner), permits: $0.permits, token: FencingToken(rawValue: $0.token),
                        // What is left is cut to whole milliseconds on the way, and a holder has something left.
                        remaining: max(.nanoseconds(1), .milliseconds($0.remainingMilliseconds)),
                        age: .milliseconds($0.ageMilliseconds))
                },
                claims: try self.waiters.map {
                    PermitClaim(
                        owner: try OwnerID($0.owner), permits: $0.permits, age: .milliseconds($0.ageMilliseconds))
                })
        } catch {
            throw LeaseError(.unavailable, "the daemon described a semaphore that cannot be: \(error)")
        }
    }
}

struct SemaphorePageDocument: Decodable {
    var semaphores: [SemaphoreDocument]
}

struct AcquirePermitsDocument: Encodable {
    var owner: String
    var permits: Int
    var limit: Int
    var ttl_ms: Int64
    var claim_ms: Int64

    init(_ request: PermitRequest) {
        self.owner = request.owner.rawValue
        self.permits = request.permits
        self.limit = request.limit
        self.ttl_ms = request.duration.clampedMilliseconds
        self.claim_ms = request.claim?.clampedMilliseconds ?? 0
    }
}

struct PermitsHeldDocument: Decodable {
    var holder: String
    var token: UInt64
    var remaining_ms: Int64
    var available: Int

    func value() throws(LeaseError) -> PermitRefusal {
        do {
            return PermitRefusal(
                available: self.available,
                holder: LeaseHolder(
                    owner: try OwnerID(self.holder), token: FencingToken(rawValue: self.token),
                    remaining: .milliseconds(self.remaining_ms)))
        } catch {
            throw LeaseError(.unavailable, "the daemon named a holder that cannot be: \(error)")
        }
    }
}

struct FreePermitsDocument: Decodable {
    var free: Bool
}
