/// How well a member itself is doing, judged by what it hears: Lifeguard's local health multiplier.
///
/// A member that is starved of processor time or network gets its answers late, and would suspect others for it. Here it first
/// suspects itself: each sign that it is slow makes it more patient, by stretching its time-outs, and each answer in time
/// makes it less so.
///
/// - SeeAlso: A. Dadgar, J. Phillips, J. Currey, *Lifeguard: Local Health Awareness for More Accurate Failure Detection*,
///   DSN-W 2018, section IV-A.
struct LocalHealth: Hashable, Sendable {
    /// What may tell of a slow member.
    enum Sign {
        /// A ping was answered.
        case answer
        /// A ping was not answered, directly or through others.
        case missingAnswer
        /// Another member was asked to ping, and did not even say that it could not.
        case missingNack
        /// Others suspected this member, which is well enough to contradict.
        case suspectedByOthers
    }

    /// From 0, well, to the maximum.
    private(set) var score = 0
    let maximum: Int

    init(maximum: Int) {
        self.maximum = maximum
    }

    mutating func note(_ sign: Sign) {
        let change =
            switch sign {
            case .answer: -1
            case .missingAnswer, .missingNack, .suspectedByOthers: 1
            }
        self.score = min(self.maximum, max(0, self.score + change))
    }

    /// A time-out as long as this member should wait at present.
    func stretched(_ duration: Duration) -> Duration { duration * (self.score + 1) }
}
