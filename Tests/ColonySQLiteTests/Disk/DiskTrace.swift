import Synchronization

/// What was done to the files of a store, in order: the material of which every state after a crash can be made.
///
/// A disk keeps what was synced. Of what was written since, any part may have arrived, in any order, and torn at the borders of
/// sectors. A process that is killed leaves everything that it wrote, because the page cache outlives it.
final class DiskTrace: Sendable {
    enum Event {
        case write(file: String, offset: Int64, bytes: [UInt8])
        case truncate(file: String, size: Int64)
        case sync(file: String)
        /// A sync that failed: what was written before may be lost for good, although later syncs succeed.
        case failedSync(file: String)
        case delete(file: String)
        /// What the program under test was told, such as a confirmation.
        case mark(String)
    }

    /// What can be made to go wrong.
    enum Fault: Hashable, Sendable {
        case write, sync, full
    }

    private struct State {
        var events: [Event] = []
        /// How many writes and syncs there were since a fault was set.
        var (writes, syncs) = (0, 0)
        var fault: (Fault, range: Range<Int>)?
    }

    /// The folder whose files are traced, with a slash at the end.
    let folder: String
    private let state = Mutex(State())

    init(folder: String) {
        self.folder = folder + "/"
    }

    var events: [Event] { self.state.withLock { $0.events } }

    func mark(_ text: String) {
        self.state.withLock { $0.events.append(.mark(text)) }
    }

    func note(_ event: Event) {
        self.state.withLock { $0.events.append(event) }
    }

    /// Lets the writes or the syncs of these numbers, counted from now on, fail.
    func fail(_ fault: Fault?, _ range: Range<Int> = 0..<0) {
        self.state.withLock { state in
            state.fault = fault.map { ($0, range) }
            (state.writes, state.syncs) = (0, 0)
        }
    }

    /// Counts a write or a sync.
    ///
    /// - Returns: What goes wrong with it.
    func begins(isSync: Bool) -> Fault? {
        self.state.withLock { state in
            let number = isSync ? state.syncs : state.writes
            if isSync { state.syncs += 1 } else { state.writes += 1 }
            guard let (fault, range) = state.fault, (fault == .sync) == isSync else { return nil }
            return range.contains(number) ? fault : nil
        }
    }
}
