public import ColonyCluster
import ColonyCoordination
public import ColonyCore
import Synchronization

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// The record of votes of one node, on its disk: `votes` in a directory that no other process uses.
///
/// It is replaced as a whole. After a crash at any moment it is the old one or the new one; one whose checksum is wrong has gone bad on the disk, and is
/// refused. A lock on `votes.lock` keeps a second process out, until ``close()`` or the end of this value.
///
/// - Important: The calls block. They run on a thread of their own.
public final class VoteFile: Sendable {
    private static let fileName = "votes"
    private static let lockName = "votes.lock"

    private let path: String
    private let file: SafeFile
    /// `nil` after it was given up.
    private let lock: Mutex<Int32?>

    /// Opens the file of a directory, which is there. Nothing is read yet.
    ///
    /// - Throws: ``ClusterError`` with code `invalidConfiguration` if another process has it, and `unavailable` if the directory cannot be written to.
    public init(directory: String) throws(ClusterError) {
        let lockPath = "\(directory)/\(Self.lockName)"
        let lock = open(lockPath, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard lock >= 0 else {
            throw ClusterError(
                .unavailable,
                "the file \(NameRules.quoted(lockPath)) cannot be made: \(String(cString: strerror(errno)))")
        }
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            _ = closeDescriptor(lock)
            throw ClusterError(
                .invalidConfiguration,
                "another process votes with \(NameRules.quoted(directory)); each node needs a directory of its own")
        }
        self.lock = Mutex(lock)
        self.path = "\(directory)/\(Self.fileName)"
        self.file = SafeFile(path: self.path)
    }

    deinit { self.close() }

    /// Lets another process vote with the directory. Nothing can be written after that.
    public func close() {
        self.lock.withLock { lock in
            // Closing it gives up the lock.
            if let lock { _ = closeDescriptor(lock) }
            lock = nil
        }
    }

    /// What is written down; `nil` if nothing ever was.
    ///
    /// - Throws: ``ClusterError`` with code `foreignRecord` if it is the record of another node, `damagedRecord` or `unsupportedVersion` if it cannot be
    ///   understood, and `unavailable` if it cannot be read at present.
    public func read(cluster: ClusterName, node: NodeID) throws(ClusterError) -> VoteRecord? {
        let bytes: [UInt8]?
        do {
            bytes = try self.file.read()
        } catch {
            throw ClusterError(.unavailable, "the record of votes cannot be read: \(error)")
        }
        guard let bytes else { return nil }
        let record = try VoteRecord(decoding: bytes)
        try record.check(cluster: cluster, node: node)
        return record
    }

    /// Writes a record down, and has it synced when it returns.
    ///
    /// - Throws: ``ClusterError`` with code `unavailable`. What the disk has is not known then, and the node must end.
    public func write(_ record: VoteRecord) throws(ClusterError) {
        guard self.lock.withLock({ $0 != nil }) else {
            throw ClusterError(.unavailable, "the record of votes was closed, and another process may have it")
        }
        do {
            try self.file.write(record.encoded())
        } catch {
            throw ClusterError(.unavailable, "the record of votes cannot be written: \(error)")
        }
    }
}

/// `close` of the system, which is hidden where a method has its name.
private func closeDescriptor(_ descriptor: Int32) -> Int32 { close(descriptor) }
