import ColonyCaches
import ColonyCore

/// What a server holds under a key. The version is known only where it was asked for.
struct HeldEntry: Sendable {
    let value: [UInt8]
    let version: CacheVersion?

    init(_ value: [UInt8], version: CacheVersion? = nil) {
        self.value = value
        self.version = version
    }

    init(_ entry: CachedBytes) { self.init(entry.value, version: entry.version) }
}

/// What a server has said to a request.
enum LaneAnswer: Sendable {
    /// What is there.
    case entry(HeldEntry?)
    /// A rank that what is there is not above; ranks are times of stamps.
    case rank(EntryRank)
    /// The change is done.
    case stored
    /// The change is not done, because this is there.
    case conflict(HeldEntry?)
}

/// Who asked a lane for something, and is told what became of it. Answers come on any task, one call for each request.
protocol LaneClient: AnyObject, Sendable {
    func answered(_ answer: Result<LaneAnswer, ReplicaFailure>, at position: Int)
    /// There is no answer yet after the time in which one is expected; it may still come.
    func isSlow(at position: Int)
}

/// A question about a key.
struct LaneLook: LineRequest {
    let key: CacheKey
    let deadline: MonotonicInstant
    let client: any LaneClient
    let position: Int
}

/// An entry to be stored.
struct LaneChange: LineRequest {
    let entry: CacheWrite
    /// What must be there; not looked at where ranks decide.
    var version: CacheVersion?
    let deadline: MonotonicInstant
    let client: any LaneClient
    let position: Int
}
