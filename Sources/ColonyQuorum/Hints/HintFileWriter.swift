import ColonyCore
import Synchronization

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// The file of a journal with what it holds in memory. Calls that touch the file block, and run on a thread of their
/// own.
final class HintFileWriter: Sendable {
    private struct State {
        var index: HintIndex
        var descriptor: Int32
        /// Records that are in the index and not in the file yet.
        var unwritten: [UInt8] = []
        /// Bytes in the file, and how many of its records are of no use any more.
        var fileBytes = 0
        var staleRecords = 0
        /// What made the file unusable; its end is then not known, and nothing more is promised.
        var failure: QuorumError?
        var isClosed = false
    }

    private let path: String
    private let state: Mutex<State>

    init(path: String, limits: HintLimits) throws(QuorumError) {
        self.path = path
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Self.refused("cannot be opened", path) }
        var isKept = false
        defer { if !isKept { _ = Self.closeFile(descriptor) } }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            throw QuorumError(
                .invalidConfiguration,
                "the journal \(NameRules.quoted(path)) is used by another process, or cannot be locked")
        }
        var state = State(index: HintIndex(limits), descriptor: descriptor)
        let bytes = try Self.content(descriptor, path)
        if bytes.isEmpty {
            guard Self.append(HintRecord.header, to: descriptor), flushToMedium(descriptor), Self.flushFolder(of: path)
            else {
                throw Self.refused("cannot be written", path)
            }
            state.fileBytes = HintRecord.header.count
        } else {
            guard bytes.starts(with: HintRecord.header) else {
                throw QuorumError(.invalidConfiguration, "the file \(NameRules.quoted(path)) is no journal of hints")
            }
            let (records, end) = HintRecord.read(bytes)
            for record in records {
                switch record {
                case .kept(let kept): state.index.insert(kept)
                case .removed(let number):
                    _ = state.index.remove(number)
                    state.staleRecords += 2
                }
            }
            // What does not fit was never acknowledged, and must not stand before what comes.
            if end < bytes.count, ftruncate(descriptor, off_t(end)) != 0 { throw Self.refused("cannot be cut", path) }
            guard lseek(descriptor, 0, SEEK_END) == off_t(end) else { throw Self.refused("has no end", path) }
            state.fileBytes = end
        }
        isKept = true
        self.state = Mutex(state)
    }

    deinit {
        let descriptor = self.state.withLock { $0.isClosed ? -1 : $0.descriptor }
        if descriptor >= 0 { _ = Self.closeFile(descriptor) }
    }

    var counts: [NodeID: Int] { self.state.withLock(\.index.counts) }

    func hints(for server: NodeID, limit: Int) -> [KeptHint] {
        self.state.withLock { $0.index.oldest(for: server, limit: limit) }
    }

    func enter(_ hints: [Hint]) throws(QuorumError) {
        let defect = self.state.withLock { state -> QuorumError? in
            if state.isClosed { return QuorumError(.closed, "the journal \(NameRules.quoted(self.path)) was closed") }
            if let failure = state.failure ?? state.index.defect(adding: hints) { return failure }
            for hint in hints { HintRecord.kept(state.index.add(hint)).write(to: &state.unwritten) }
            return nil
        }
        if let defect { throw defect }
    }

    /// Writes and flushes what was entered. Blocks.
    func flush() -> QuorumError? {
        let (bytes, descriptor, failure) = self.state.withLock { state in
            defer { state.unwritten = [] }
            return (state.unwritten, state.descriptor, state.failure)
        }
        if let failure { return failure }
        if bytes.isEmpty { return nil }
        // After a failed flush the system may take what was not written for written, so the file is not used any more.
        guard Self.append(bytes, to: descriptor), flushToMedium(descriptor) else {
            let failure = QuorumError(
                .unavailable, "the journal \(NameRules.quoted(self.path)) cannot be written: \(Self.reason)")
            self.state.withLock { $0.failure = failure }
            return failure
        }
        self.state.withLock { $0.fileBytes += bytes.count }
        return nil
    }

    /// Forgets hints, without a flush: one that comes back after a crash is delivered once more. Blocks.
    func remove(_ numbers: [UInt64]) -> QuorumError? {
        let mustShrink = self.state.withLock { state in
            for number in numbers where state.index.remove(number) {
                HintRecord.removed(number).write(to: &state.unwritten)
                state.staleRecords += 2
            }
            return state.staleRecords > 1_024 && state.staleRecords > 2 * state.index.count
        }
        return mustShrink ? self.shrink() : self.flush()
    }

    /// Replaces the file by one with what is left.
    private func shrink() -> QuorumError? {
        if let failure = self.flush() { return failure }
        let temporary = "\(self.path).new"
        let fresh = open(temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard fresh >= 0, flock(fresh, LOCK_EX | LOCK_NB) == 0 else {
            if fresh >= 0 { _ = Self.closeFile(fresh) }
            // The old file is as good as before, only larger.
            return nil
        }
        // What is entered meanwhile waits in memory, and goes to the new file.
        let old = self.state.withLock { state -> Int32? in
            var bytes = HintRecord.header
            for kept in state.index.all { HintRecord.kept(kept).write(to: &bytes) }
            guard Self.append(bytes, to: fresh), flushToMedium(fresh), rename(temporary, self.path) == 0,
                Self.flushFolder(of: self.path)
            else { return nil }
            let old = state.descriptor
            state.descriptor = fresh
            state.unwritten = []
            state.fileBytes = bytes.count
            state.staleRecords = 0
            return old
        }
        _ = Self.closeFile(old ?? fresh)
        return nil
    }

    func close() {
        _ = self.flush()
        let descriptor = self.state.withLock { state -> Int32 in
            defer { state.isClosed = true }
            return state.isClosed ? -1 : state.descriptor
        }
        if descriptor >= 0 { _ = Self.closeFile(descriptor) }
    }

    // MARK: The system's calls

    private static var reason: String { String(cString: strerror(errno)) }

    private static func refused(_ what: String, _ path: String) -> QuorumError {
        QuorumError(.invalidConfiguration, "the journal \(NameRules.quoted(path)) \(what): \(self.reason)")
    }

    private static func closeFile(_ descriptor: Int32) -> Int32 {
        // A process that is being started has a copy of the descriptor for a moment, and would hold the lock.
        _ = flock(descriptor, LOCK_UN)
        return self.closeDescriptor(descriptor)
    }

    private static func closeDescriptor(_ descriptor: Int32) -> Int32 {
        #if canImport(Darwin)
        Darwin.close(descriptor)
        #elseif canImport(Musl)
        Musl.close(descriptor)
        #else
        Glibc.close(descriptor)
        #endif
    }

    private static func append(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                return false
            }
            rest = rest.dropFirst(count)
        }
        return true
    }

    private static func content(_ descriptor: Int32, _ path: String) throws(QuorumError) -> [UInt8] {
        var content: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = buffer.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
            if count == 0 { return content }
            if count < 0 {
                if errno == EINTR { continue }
                throw Self.refused("cannot be read", path)
            }
            content.append(contentsOf: buffer[..<count])
        }
    }

    private static func flushFolder(of path: String) -> Bool {
        let slash = path.lastIndex(of: "/")
        let folder = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let descriptor = open(folder, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { _ = Self.closeFile(descriptor) }
        return flushToMedium(descriptor)
    }
}
