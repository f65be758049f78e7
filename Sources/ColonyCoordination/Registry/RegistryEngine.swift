public import ColonyCore

/// An engine that keeps small records in groups and tells when a group has changed. The port under service discovery,
/// watched configuration, latches, barriers, and what a leader says of itself.
///
/// A record is permanent, or it belongs to an owner and runs out unless that owner renews it. A group is what is read and
/// watched as a whole; it exists while it has records. Names of groups do not meet those of leases and permits.
public protocol RegistryEngine: LeaseEngine {
    /// Writes a record if its condition holds, in one atomic step, and wakes who waits for the group.
    ///
    /// A write replaces value, owner, and end of what was there. Repeating a write without condition is harmless; one with a
    /// condition finds its own work: compare the value of the conflict.
    ///
    /// - Returns: The record as it now is, or what stands in the way.
    /// - Throws: ``ColonyCore/LeaseError``; `invalidRequest` for a value of more than ``RegistryLimits/value`` bytes and for one
    ///   record too many in a group. After `cancelled` or `unavailable` the record may be written.
    /// - Complexity: One round trip, or a few where the store has no scripts.
    func put(_ write: RegistryWrite, in group: LeaseName) async throws(LeaseError) -> RegistryAnswer

    /// Extends a record of `owner` to `duration` from now if it has not run out, without a change that would wake anybody.
    ///
    /// - Returns: Whether it did. `false` means that the record is over or belongs to another: put it again.
    func renewRecord(
        _ key: LeaseName, in group: LeaseName, owner: OwnerID, for duration: Duration
    ) async throws(LeaseError) -> Bool

    /// Removes a record if the condition holds, in one atomic step, and wakes who waits for the group.
    ///
    /// - Returns: Whether this call removed it. Repeating it gives `false`.
    @discardableResult
    func removeRecord(
        _ key: LeaseName, from group: LeaseName, if condition: RegistryCondition
    ) async throws(LeaseError) -> Bool

    /// All records of a group that have not run out, as they were at one moment.
    ///
    /// - Complexity: One round trip where the store reads many at once; O(*n*) in the records of the group.
    func snapshot(of group: LeaseName) async throws(LeaseError) -> RegistrySnapshot

    /// Waits until the group is no longer as in a snapshot of `revision`: a record was put, was removed, or has run out.
    ///
    /// A change that has happened already ends the wait at once, so nothing is missed between a snapshot and this call. The
    /// wait may end early without reason; the caller looks again.
    ///
    /// - Parameter limit: The longest wait; zero or less returns at once.
    /// - Returns: `false` if the limit passed first.
    /// - Throws: ``ColonyCore/LeaseError``; `cancelled` as soon as the task is cancelled. Nothing is left behind.
    @discardableResult
    func waitForChange(
        in group: LeaseName, since revision: RegistryRevision, upTo limit: Duration
    ) async throws(LeaseError) -> Bool
}

/// The legal ranges of what a registry is asked for.
public enum RegistryLimits {
    /// The most bytes of a value.
    public static let value = 65_536
    /// The most records of a group.
    public static let records = 4_096
}

/// A record to be written.
public struct RegistryWrite: Hashable, Sendable {
    /// How long a record stays.
    public enum Lifetime: Hashable, Sendable {
        /// Until it is removed.
        case permanent
        /// Until its owner has not renewed it for `duration`, from ``ColonyCore/LeaseLimits/duration``.
        case ephemeral(owner: OwnerID, duration: Duration)
    }

    /// Under which key of its group.
    public let key: LeaseName
    /// At most ``RegistryLimits/value`` bytes.
    public let value: [UInt8]
    /// How long it stays.
    public let lifetime: Lifetime
    /// When it is written at all.
    public let condition: RegistryCondition

    /// Makes a write.
    public init(
        _ value: [UInt8], for key: LeaseName, lifetime: Lifetime = .permanent, if condition: RegistryCondition = .always
    ) {
        self.key = key
        self.value = value
        self.lifetime = lifetime
        self.condition = condition
    }

    /// Refuses a write that is out of range, with an error that quotes the value.
    public func check() throws(LeaseError) {
        if case .ephemeral(_, let duration) = self.lifetime { try LeaseLimits.check(duration) }
        guard self.value.count <= RegistryLimits.value else {
            throw LeaseError(
                .invalidRequest,
                "a value of \(self.value.count) bytes is too large for \(self.key): \(RegistryLimits.value) are the most"
            )
        }
    }
}

/// Under which condition a record is written or removed.
public enum RegistryCondition: Hashable, Sendable {
    /// In any case.
    case always
    /// If there is no record of the key, or it has run out.
    case absent
    /// If the record is still as it was in this version.
    case version(RegistryRevision)
    /// If the record belongs to this owner; for a write, also if there is none.
    case owner(OwnerID)

    /// Whether a write may go ahead.
    ///
    /// - Parameter present: The record that has not run out, or `nil` where there is none.
    package func isMet(by present: RegistryRecord?) -> Bool {
        switch self {
        case .always: true
        case .absent: present == nil
        case .version(let version): present?.version == version
        case .owner(let owner): present == nil || present?.owner == owner
        }
    }
}

/// A number that a registry gives to a state of a record or a group. A later state of the same one has a greater number.
public struct RegistryRevision: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The number.
    public let rawValue: UInt64

    /// Makes the answer of an engine.
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    /// Whether the state is earlier.
    public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

    public var description: String { "\(self.rawValue)" }
}

/// What a registry answers to a write.
public enum RegistryAnswer: Hashable, Sendable {
    /// The record as it now is.
    case written(RegistryRecord)
    /// The condition does not hold: the record that is there, or `nil` where there is none.
    case conflict(RegistryRecord?)
}

/// A record as it was at one moment.
public struct RegistryRecord: Hashable, Sendable {
    /// Under which key of its group.
    public let key: LeaseName
    /// What it says.
    public let value: [UInt8]
    /// Which state of the record it is; greater after every write, also after one that followed a removal.
    public let version: RegistryRevision
    /// To whom it belongs; `nil` for a permanent one.
    public let owner: OwnerID?

    /// Makes the answer of an engine.
    public init(key: LeaseName, value: [UInt8], version: RegistryRevision, owner: OwnerID?) {
        self.key = key
        self.value = value
        self.version = version
        self.owner = owner
    }
}

/// A group as it was at one moment.
public struct RegistrySnapshot: Hashable, Sendable {
    /// Its records in the byte order of their keys.
    public let records: [RegistryRecord]
    /// What to wait for the next change from; see ``RegistryEngine/waitForChange(in:since:upTo:)``.
    public let revision: RegistryRevision

    /// Makes the answer of an engine.
    public init(records: [RegistryRecord], revision: RegistryRevision) {
        self.records = records
        self.revision = revision
    }

    /// The record of a key, or `nil`.
    public subscript(key: LeaseName) -> RegistryRecord? { self.records.first { $0.key == key } }
}
