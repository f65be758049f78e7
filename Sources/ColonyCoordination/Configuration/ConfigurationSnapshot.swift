public import ColonyCore

/// A watched configuration as it is known at one moment.
public struct ConfigurationSnapshot<Value: Sendable>: Sendable {
    /// Where the values come from.
    public enum Source: Hashable, Sendable {
        /// From the engine, in this run of the program.
        case engine
        /// From the file of the last known good values, because the engine has not answered since the start.
        case file(saved: WallTime, age: Duration)
    }

    /// The value of each key: the newest that could be decoded.
    public let values: [LeaseName: Value]
    /// The keys whose newest value could not be decoded, with the reason. Of these ``values`` has an earlier one, if any was ever
    /// good.
    public let defects: [LeaseName: String]
    /// Where the values come from.
    public let source: Source
    /// Whether the engine has just said so, or before it could not be reached any more.
    public let freshness: Freshness

    /// The value of a key, or `nil`.
    public subscript(key: LeaseName) -> Value? { self.values[key] }

    func stale(since instant: MonotonicInstant?) -> ConfigurationSnapshot {
        ConfigurationSnapshot(
            values: self.values, defects: self.defects, source: self.source, freshness: .stale(since: instant))
    }
}

/// What happens to a watched configuration, for logs and metrics.
public enum ConfigurationEvent: Sendable {
    /// A value could not be decoded; the last good one stays.
    case undecodable(LeaseName, reason: String)
    /// The engine cannot be reached; what is known stays.
    case unavailable(LeaseError)
    /// The last known good values were read from the file, because the engine did not answer.
    case restored(age: Duration)
    /// The last known good values could not be read from the file.
    case notRestored(reason: String)
    /// The last known good values could not be written to the file. It is tried again with the next change.
    case notSaved(reason: String)
}
