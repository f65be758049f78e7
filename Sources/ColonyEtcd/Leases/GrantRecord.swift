#if Etcd
internal import ColonyCore
internal import FoundationEssentials

/// A moment as two clocks show it.
///
/// The monotonic reading is exact for every process of one host since its boot. Readers elsewhere have the wall clock, which
/// is good enough to show.
struct Moment: Sendable, Hashable {
    var wall: WallTime
    var monotonic: MonotonicInstant

    func advanced(by duration: Duration) -> Moment {
        Moment(wall: self.wall.advanced(by: duration), monotonic: self.monotonic.advanced(by: duration))
    }
}

/// What the value of a contender's key says: who, since when, and how long.
///
/// It is one line of words, so that `etcdctl get --prefix NAME/` shows it. Keys of other clients have no such value.
struct GrantRecord: Sendable, Hashable {
    enum State: String {
        /// In the queue.
        case waiting
        /// Granted.
        case held
        /// A place among those who ask for permits, which lapses unless it is asked for again.
        case claimed
    }

    var owner: OwnerID
    var state: State
    var duration: Duration
    /// When it was granted, or began to wait.
    var since: Moment
    /// When the grant is over unless it is renewed.
    var end: Moment
    var renewals: UInt64 = 0
    /// How many permits, where it is about permits.
    var permits = 1
    /// The boot of the host whose monotonic clock was read.
    var host: String
    /// The engine that ends the grant when its time has come.
    var custodian: String

    private static let mark = "colony1"

    var data: Data {
        let words = [
            Self.mark, self.permits == 1 ? self.state.rawValue : "\(self.state.rawValue)*\(self.permits)",
            "\(self.duration.clampedNanoseconds)",
            "\(self.since.wall.millisecondsSince1970)", "\(self.since.monotonic.nanoseconds)",
            "\(self.end.wall.millisecondsSince1970)", "\(self.end.monotonic.nanoseconds)", "\(self.renewals)",
            self.host, self.custodian, self.owner.rawValue,
        ]
        return Data(words.joined(separator: " ").utf8)
    }

    init(
        owner: OwnerID, state: State, duration: Duration, since: Moment, end: Moment, host: String, custodian: String
    ) {
        self.owner = owner
        self.state = state
        self.duration = duration
        self.since = since
        self.end = end
        self.host = host
        self.custodian = custodian
    }

    /// Reads a value; `nil` if it is somebody else's.
    init?(_ data: Data) {
        guard let text = String(validating: data, as: UTF8.self) else { return nil }
        // By bytes: a combining character at the beginning of an owner would swallow the space before it.
        let words = text.utf8.split(separator: UInt8(ascii: " "), maxSplits: 10, omittingEmptySubsequences: false)
            .map { String(Substring($0)) }
        guard words.count == 11, words[0] == Self.mark else { return nil }
        let parts = words[1].split(separator: "*", maxSplits: 1).map(String.init)
        guard let first = parts.first, let state = State(rawValue: first),
            let permits = parts.count == 1 ? 1 : Int(parts[1]),
            let duration = Int64(words[2]), let sinceWall = Int64(words[3]), let since = Int64(words[4]),
            let endWall = Int64(words[5]), let end = Int64(words[6]), let renewals = UInt64(words[7]),
            let owner = try? OwnerID(words[10])
        else { return nil }
        self.owner = owner
        self.state = state
        self.duration = .nanoseconds(duration)
        self.since = Moment(
            wall: WallTime(millisecondsSince1970: sinceWall), monotonic: MonotonicInstant(nanoseconds: since))
        self.end = Moment(
            wall: WallTime(millisecondsSince1970: endWall), monotonic: MonotonicInstant(nanoseconds: end))
        self.renewals = renewals
        self.permits = permits
        self.host = words[8]
        self.custodian = words[9]
    }

    /// How long ago it began, at `now` on `host`.
    func age(at now: Moment, on host: String) -> Duration {
        if host == self.host { return max(.zero, self.since.monotonic.duration(to: now.monotonic)) }
        let (milliseconds, overflow) = now.wall.millisecondsSince1970
            .subtractingReportingOverflow(self.since.wall.millisecondsSince1970)
        return overflow ? .zero : max(.zero, .milliseconds(milliseconds))
    }

    /// How much of it is left, at `now` on `host`: exact on the host of the grant, an estimate elsewhere, which is never a reason to
    /// think that it is over.
    func remaining(at now: Moment, on host: String) -> Duration {
        if host == self.host { return now.monotonic.duration(to: self.end.monotonic) }
        let (milliseconds, overflow) = self.end.wall.millisecondsSince1970
            .subtractingReportingOverflow(now.wall.millisecondsSince1970)
        return overflow ? self.duration : min(max(.milliseconds(1), .milliseconds(milliseconds)), self.duration)
    }

    /// Whether it is known to be over: on the host of the grant its clock tells. Elsewhere whoever ends it does so by deleting
    /// its key.
    func isOver(at now: Moment, on host: String) -> Bool {
        self.state != .waiting && host == self.host && self.end.monotonic <= now.monotonic
    }
}
#endif
