/// What an operator can look at and switch while a process runs, such as a ``CircuitBreaker``. Shared limits are switched in the daemon.
///
/// The decision stays in the process. A switch only takes it over for a while: until it is `automatic` again.
public protocol Switchable: Sendable {
    /// Which switch moves it.
    var switchID: SwitchID { get }

    /// How it stands now.
    var switchReport: SwitchReport { get }

    /// Puts it into a position. Repeating a position changes nothing.
    func apply(_ position: SwitchPosition)
}

/// What a switch does.
public enum SwitchPosition: String, CaseIterable, Codable, Hashable, Sendable {
    /// The layer decides by itself.
    case automatic
    /// Every call is refused.
    case refusing
    /// Every call is let through, and nothing is counted.
    case passing
}

/// How something that can be switched stands in one process.
public struct SwitchReport: Codable, Hashable, Sendable {
    /// Which switch moves it.
    public var id: SwitchID
    /// The position it was put into.
    public var position: SwitchPosition
    /// Its state in its own words, such as `half-open`.
    public var state: String
    /// Calls that succeeded since the process started.
    public var successes: UInt64
    /// Calls that failed since the process started.
    public var failures: UInt64
    /// Calls that were refused since the process started.
    public var refusals: UInt64

    /// Makes a report.
    public init(
        id: SwitchID, position: SwitchPosition, state: String, successes: UInt64 = 0, failures: UInt64 = 0,
        refusals: UInt64 = 0
    ) {
        self.id = id
        self.position = position
        self.state = state
        self.successes = successes
        self.failures = failures
        self.refusals = refusals
    }
}
