public import ColonyCluster
import ColonyCore
import Synchronization

/// The keys of a cluster: one that seals, and others that open as well, so that a key can be replaced while the cluster runs.
///
/// A key is replaced in three steps, each at all members before the next one begins: ``add(_:)`` the new key, ``use(_:)`` it, ``remove(_:)`` the old one. At every
/// moment each member can then open what any other one seals.
///
/// All methods may be called from anywhere, and take effect with the next packet.
public final class ClusterKeyring: Sendable, CustomStringConvertible {
    /// The most keys: each one that a packet might be sealed with is tried.
    public static let mostKeys = 16

    /// The first one seals.
    private let state: Mutex<[ClusterKey]>

    /// Makes a keyring.
    ///
    /// - Parameters:
    ///   - primary: The key that seals.
    ///   - others: Keys that only open; those that are there twice count once.
    /// - Throws: ``ClusterError`` with code `invalidConfiguration` if there are more than ``mostKeys``.
    public init(_ primary: ClusterKey, others: [ClusterKey] = []) throws(ClusterError) {
        self.state = Mutex(try Self.checked([primary] + others))
    }

    /// Reads keys from a file: one on each line in base 64 or hexadecimal digits, the first of which seals. Empty lines and those that begin
    /// with `#` are skipped.
    ///
    /// - Throws: ``ClusterError`` with code `invalidConfiguration`, with the file and the line, and without anything of what is in it.
    public convenience init(file path: String) throws(ClusterError) {
        let keys = try KeyFile.keys(path)
        try self.init(keys[0], others: Array(keys.dropFirst()))
    }

    /// Has the keys of a file instead, as after it was changed. If it cannot be read the keyring stays as it is.
    ///
    /// - Throws: ``ClusterError`` with code `invalidConfiguration`.
    public func reload(file path: String) throws(ClusterError) {
        let keys = try Self.checked(KeyFile.keys(path))
        self.state.withLock { $0 = keys }
    }

    /// All keys, the one that seals first.
    public var keys: [ClusterKey] { self.state.withLock { $0 } }

    /// The key that seals.
    public var primary: ClusterKey { self.state.withLock { $0[0] } }

    /// Opens with another key as well. One that is there already stays where it is.
    ///
    /// - Throws: ``ClusterError`` with code `overloaded` if there are ``mostKeys``.
    public func add(_ key: ClusterKey) throws(ClusterError) {
        let isAdded = self.state.withLock { keys in
            if keys.contains(key) { return true }
            guard keys.count < Self.mostKeys else { return false }
            keys.append(key)
            return true
        }
        guard isAdded else {
            throw ClusterError(
                .overloaded, "the key \(key.identifier) is one more than the \(Self.mostKeys) of a keyring")
        }
    }

    /// Seals with a key that is in the keyring.
    ///
    /// - Throws: ``ClusterError`` with code `invalidConfiguration` if it is not: members that do not have it yet could not open what is sealed with it.
    public func use(_ key: ClusterKey) throws(ClusterError) {
        let isUsed = self.state.withLock { keys in
            guard let place = keys.firstIndex(of: key) else { return false }
            keys.insert(keys.remove(at: place), at: 0)
            return true
        }
        guard isUsed else {
            throw ClusterError(
                .invalidConfiguration, "the key \(key.identifier) is not in the keyring: add it at all members first")
        }
    }

    /// Opens with a key no more. One that is not there is gone already.
    ///
    /// - Throws: ``ClusterError`` with code `invalidConfiguration` if it is the one that seals.
    public func remove(_ key: ClusterKey) throws(ClusterError) {
        let isPrimary = self.state.withLock { keys in
            guard keys[0] != key else { return true }
            keys.removeAll { $0 == key }
            return false
        }
        if isPrimary {
            throw ClusterError(
                .invalidConfiguration, "the key \(key.identifier) seals, so it cannot be removed: use another one first"
            )
        }
    }

    /// The identifiers, never the keys.
    public var description: String { "ClusterKeyring(\(self.keys.map(\.identifier).joined(separator: ", ")))" }

    /// Those that an envelope with this tag may have been sealed with: one nearly always.
    func keys(tagged tag: UInt32) -> [ClusterKey] { self.keys.filter { $0.tag == tag } }

    private static func checked(_ keys: [ClusterKey]) throws(ClusterError) -> [ClusterKey] {
        var seen: Set<ClusterKey> = []
        let distinct = keys.filter { seen.insert($0).inserted }
        if let defect = SettingRange.defect(of: distinct.count, in: 1...Self.mostKeys, as: "the number of cluster keys")
        {
            throw ClusterError(.invalidConfiguration, defect)
        }
        return distinct
    }
}
