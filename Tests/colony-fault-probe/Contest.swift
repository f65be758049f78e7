import ColonyCoordination
import ColonyCore

/// What is contended for: a lock, or the leadership of an election.
enum Contest: Sendable {
    case lock(DistributedLock)
    case election(Election)

    /// Waits for it in turn; `nil` if somebody else had it until the limit.
    func enter() async throws(CoordinationError) -> Tenure? {
        switch self {
        case .lock(let lock):
            guard let held = try await lock.acquire() else { return nil }
            return .lock(held)
        case .election(let election):
            guard let leadership = try await election.campaign() else { return nil }
            return .leadership(leadership)
        }
    }
}

/// The time for which a contender has what is contended for.
enum Tenure: Sendable {
    case lock(HeldLock)
    case leadership(Leadership)

    /// The fencing token, or the term, which is one too.
    var token: FencingToken {
        switch self {
        case .lock(let held): held.token
        case .leadership(let leadership): leadership.term
        }
    }

    var isHeld: Bool {
        switch self {
        case .lock(let held): held.isHeld
        case .leadership(let leadership): leadership.isLeader
        }
    }

    func giveBack() async throws(CoordinationError) -> Bool {
        switch self {
        case .lock(let held): try await held.release()
        case .leadership(let leadership): try await leadership.resign()
        }
    }
}
