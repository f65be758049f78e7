import ColonyCoordination
import ColonyCore

/// The records of one group, as a value.
struct RegistryGroup: Sendable {
    struct Entry: Sendable {
        var value: [UInt8]
        var version: RegistryRevision
        var owner: OwnerID?
        var expiry: MonotonicInstant?
    }

    private(set) var entries: [LeaseName: Entry] = [:]
    /// The state of the group: the number of its latest change.
    private(set) var revision: RegistryRevision

    init(revision: RegistryRevision) { self.revision = revision }

    var isEmpty: Bool { self.entries.isEmpty }

    /// When the next record is over by itself.
    var earliestEnd: MonotonicInstant? { self.entries.values.lazy.compactMap(\.expiry).min() }

    /// Forgets what has run out.
    ///
    /// - Parameter next: The number of the change, if there is one.
    /// - Returns: Whether anything had run out.
    mutating func sweep(at now: MonotonicInstant, _ next: () -> RegistryRevision) -> Bool {
        let kept = self.entries.filter { entry in entry.value.expiry.map { $0 > now } ?? true }
        guard kept.count < self.entries.count else { return false }
        self.entries = kept
        self.revision = next()
        return true
    }

    func record(_ key: LeaseName) -> RegistryRecord? {
        self.entries[key].map {
            RegistryRecord(key: key, value: $0.value, version: $0.version, owner: $0.owner)
        }
    }

    /// Whether a write under `condition` may go ahead.
    func meets(_ condition: RegistryCondition, _ key: LeaseName) -> Bool {
        condition.isMet(by: self.record(key))
    }

    mutating func put(_ write: RegistryWrite, _ revision: RegistryRevision, at now: MonotonicInstant) {
        var entry = Entry(value: write.value, version: revision)
        if case .ephemeral(let owner, let duration) = write.lifetime {
            entry.owner = owner
            entry.expiry = now.advanced(by: duration)
        }
        self.entries[write.key] = entry
        self.revision = revision
    }

    mutating func remove(_ key: LeaseName, _ revision: RegistryRevision) {
        self.entries[key] = nil
        self.revision = revision
    }

    mutating func renew(_ key: LeaseName, owner: OwnerID, for duration: Duration, at now: MonotonicInstant) -> Bool {
        guard let entry = self.entries[key], entry.owner == owner, let expiry = entry.expiry, expiry > now else {
            return false
        }
        self.entries[key]?.expiry = max(expiry, now.advanced(by: duration))
        return true
    }
}
