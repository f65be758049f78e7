import ColonyCore
import ColonySimulation

/// Something has happened among members that must not.
struct MembershipViolation: Error, CustomStringConvertible {
    enum Kind: Hashable {
        /// A later incarnation is known than the member has spoken, or a start of its process that there never was.
        case slander
        /// A process speaks in an earlier incarnation than before.
        case wentBack
        /// It is known of a member what it has never said of itself.
        case saidOtherwise
        /// Events do not add up to who is there.
        case eventsDisagree
        /// A member is taken for one that has said good-bye, and has not.
        case leftWithoutWord
        /// A process that has said good-bye is there again.
        case cameBack
        /// What a member keeps contradicts itself.
        case miscounted
        /// A datagram is longer than it may be.
        case oversized
        /// After all was mended, members do not come to see the same.
        case divided
        /// A member that was there, and well but for stalls that are short enough, was taken for failed.
        case failedWithoutCause
        /// A member that has stopped is not noticed.
        case unnoticed
    }

    let kind: Kind
    let seed: Seed
    let at: MonotonicInstant
    let what: String

    var description: String { "seed \(self.seed), at \(self.at): \(self.what)" }
}
