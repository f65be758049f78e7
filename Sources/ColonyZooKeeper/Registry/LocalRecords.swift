#if ZooKeeper
import ColonyCoordination
import ColonyCore

/// The records that this engine has written into its present session, and until when it keeps them, as a value.
struct LocalRecords {
    struct Entry {
        let group: LeaseName
        let key: LeaseName
        /// `nil` if a write went unanswered: then whatever of this session is there ends at `expiry`.
        let version: RegistryRevision?
        let session: ObjectIdentifier
        var expiry: MonotonicInstant
        var alarm: UInt64

        /// Whether it keeps a record of this version.
        func keeps(_ present: RegistryRevision, at now: MonotonicInstant) -> Bool {
            now < self.expiry && (self.version.map { $0 == present } ?? true)
        }
    }

    /// By the paths of their nodes.
    private(set) var entries: [String: Entry] = [:]

    subscript(path: String) -> Entry? { self.entries[path] }

    mutating func put(_ entry: Entry, at path: String) { self.entries[path] = entry }

    /// - Returns: The alarm that need not ring any more; zero for none.
    mutating func forget(_ path: String) -> UInt64 { self.entries.removeValue(forKey: path)?.alarm ?? 0 }

    /// Forgets everything of a session that is over.
    ///
    /// - Returns: The alarms that need not ring any more.
    mutating func forgetAll(of session: ObjectIdentifier) -> [UInt64] {
        let gone = self.entries.filter { $0.value.session == session }
        return gone.keys.map { self.forget($0) }
    }
}
#endif
