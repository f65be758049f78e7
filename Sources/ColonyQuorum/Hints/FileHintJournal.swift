// A file that is only appended to
//
// A record is a length, a checksum, a kind, and what belongs to it. A crash may cut off or spoil the last records,
// never those before them, because each append is flushed before anybody hears of it. So reading stops at the first
// record that does not fit, and the file is cut there: what follows was never acknowledged. When most of the file is of
// hints that are gone, the rest is written to a new file, which takes the name of the old one after it was flushed.

public import ColonyCore
import Synchronization

/// A journal in a file, which outlives the process and the loss of power.
///
/// Appends that come at the same time share one flush. One process at a time may use a path; a lock on the file sees to
/// it.
///
/// - Complexity: An append is one write and one flush; all else is in memory, within the limits.
public final class FileHintJournal: HintJournal {
    /// The file.
    public let path: String
    private let writer: HintFileWriter
    private let executor = DedicatedExecutor(named: "colony-hints")

    /// Opens a journal, and makes it if there is none.
    ///
    /// - Important: It reads the file before it returns.
    /// - Throws: ``QuorumError`` with `invalidConfiguration` if the file cannot be opened, is used by another process,
    ///   or is no journal; the message quotes the path.
    public init(path: String, limits: HintLimits = HintLimits()) throws(QuorumError) {
        self.path = path
        self.writer = try HintFileWriter(path: path, limits: limits)
    }

    /// Keeps hints; they are on the disk when it returns.
    public func append(_ hints: [Hint]) async throws(QuorumError) {
        try self.writer.enter(hints)
        // Who comes first flushes for all that were entered until then; the others find it done.
        let writer = self.writer
        let failure = await Task(executorPreference: self.executor) { writer.flush() }.value
        if let failure { throw failure }
    }

    /// The oldest hints for a server.
    public func hints(for server: NodeID, limit: Int) async throws(QuorumError) -> [KeptHint] {
        self.writer.hints(for: server, limit: limit)
    }

    /// Forgets hints, without a flush: one that comes back after a crash is delivered once more.
    public func remove(_ numbers: [UInt64]) async throws(QuorumError) {
        let writer = self.writer
        let failure = await Task(executorPreference: self.executor) { writer.remove(numbers) }.value
        if let failure { throw failure }
    }

    /// How many hints there are for each server that has some.
    public func counts() async throws(QuorumError) -> [NodeID: Int] { self.writer.counts }

    /// Ends the journal, and lets another process use the file.
    public func close() async {
        let writer = self.writer
        await Task(executorPreference: self.executor) { writer.close() }.value
    }
}
