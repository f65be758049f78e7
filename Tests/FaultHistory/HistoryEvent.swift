/// One thing that happened in a run under faults: what a contender saw, or what was done to the servers and contenders.
///
/// All processes of a run are on one host, so their times are of one clock and can be compared.
package struct HistoryEvent: Codable, Hashable, Sendable {
    package enum Kind: String, Codable, Sendable {
        /// A contender begins to ask for the lock.
        case asked
        /// The lock was granted with a token.
        case acquired
        /// Somebody else had it until the limit of the wait.
        case refused
        /// A write to the register, with a token, was accepted or refused.
        case wrote
        /// The holder was told that the lock is lost.
        case lost
        /// The lock was given back, and was held until then or not.
        case released
        /// A call failed.
        case failed
        /// The contender has ended as it was asked to.
        case ended
        /// A fault was put in or taken out.
        case fault
        /// From here on nothing is wrong any more.
        case healed
    }

    /// Nanoseconds on the host's monotonic clock.
    package var at: Int64
    /// `CONTENDER.INCARNATION`, such as `2.1` for the first replacement of the second contender; `nemesis` for faults.
    package var who: String
    package var kind: Kind
    /// Which attempt of this incarnation it belongs to, from 1.
    package var turn: Int?
    package var token: UInt64?
    /// Of an acquisition: whether the lock counted as held after ``at`` was read.
    package var isHeld: Bool?
    /// Of a write: the latest moment, before it, after which the lock still counted as held; none if it did not.
    package var checked: Int64?
    /// Of a write: whether the register took it. Of a release: whether the lock was held until then.
    package var isAccepted: Bool?
    /// Of an accepted write: its place among all accepted writes, as the register counts.
    package var order: Int64?
    package var text: String?

    package init(
        at: Int64, who: String, _ kind: Kind, turn: Int? = nil, token: UInt64? = nil, isHeld: Bool? = nil,
        checked: Int64? = nil, isAccepted: Bool? = nil, order: Int64? = nil, text: String? = nil
    ) {
        self.at = at
        self.who = who
        self.kind = kind
        self.turn = turn
        self.token = token
        self.isHeld = isHeld
        self.checked = checked
        self.isAccepted = isAccepted
        self.order = order
        self.text = text
    }

    /// Who it is over all its incarnations.
    package var contender: Substring { self.who.prefix { $0 != "." } }

    /// The grant that it is about, if it is about one.
    package var grant: String? { self.turn.map { "\(self.who)#\($0)" } }
}
