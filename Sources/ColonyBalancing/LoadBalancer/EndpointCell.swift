import Synchronization

typealias CellPointer = UnsafeMutablePointer<EndpointCell>

/// What changes with every call of an endpoint, in memory of its own.
///
/// A cell lives as long as its endpoint is in the balancer or a call is under way. Both are kept in one word, so that whoever brings it to
/// "removed, and nothing under way" frees the cell, and a pick costs one atomic addition and no counting of references.
struct EndpointCell: ~Copyable {
    private static let removed: UInt64 = 1 << 63
    /// The share of a slow start in parts of this.
    static let fullShare: UInt32 = 1 << 16

    private let word = Atomic<UInt64>(0)
    let latency = Atomic<UInt64>(LatencyEstimate.unknown.word)
    /// How much of its weight counts, of ``fullShare``, while the endpoint starts slowly.
    let share = Atomic<UInt32>(EndpointCell.fullShare)
    /// Failures since the last success.
    let streak = Atomic<UInt32>(0)
    /// Failures to connect since the last call that was connected.
    let connectStreak = Atomic<UInt32>(0)
    let successes = Atomic<UInt64>(0)
    let failures = Atomic<UInt64>(0)
    let connectFailures = Atomic<UInt64>(0)
    let timeouts = Atomic<UInt64>(0)
    let cancellations = Atomic<UInt64>(0)
    /// Of the calls that ended without being cancelled, in nanoseconds, if calls are timed.
    let latencySum = Atomic<UInt64>(0)

    /// Unique in the process for ever.
    let number: UInt64
    let endpoint: Mutex<Endpoint>
    /// Held by the cell, but looked at without counting references, which threads would wait for each other with.
    private let settlement: Unmanaged<Settlement>

    private static let lastNumber = Atomic<UInt64>(0)

    private init(endpoint: Endpoint, settlement: Settlement) {
        self.number = Self.lastNumber.add(1, ordering: .relaxed).newValue
        self.endpoint = Mutex(endpoint)
        self.settlement = .passRetained(settlement)
    }

    /// Makes a cell on lines of its own: processors fetch lines in pairs.
    static func allocate(_ endpoint: Endpoint, settlement: Settlement) -> CellPointer {
        let memory = UnsafeMutableRawPointer.allocate(
            byteCount: (MemoryLayout<EndpointCell>.size + 127) & ~127, alignment: 128)
        let cell = memory.bindMemory(to: EndpointCell.self, capacity: 1)
        cell.initialize(to: EndpointCell(endpoint: endpoint, settlement: settlement))
        return cell
    }

    /// The calls that are under way.
    var underWay: Int { Int(self.word.load(ordering: .relaxed) & ~Self.removed) }

    /// Counts one more call.
    func begin() { self.word.wrappingAdd(1, ordering: .relaxed) }

    /// The endpoint has answered, or begins anew.
    func forgetStreaks() {
        self.streak.store(0, ordering: .relaxed)
        self.connectStreak.store(0, ordering: .relaxed)
    }

    /// Records the end of a call and gives its load back; frees the cell if it was the last call of an endpoint that is gone.
    static func end(_ cell: CellPointer, _ outcome: CallOutcome, start: Int64) {
        cell.pointee.settlement._withUnsafeGuaranteedRef { $0.record(cell, outcome, start: start) }
        let left = cell.pointee.word.wrappingSubtract(1, ordering: .acquiringAndReleasing).newValue
        if left == Self.removed { Self.free(cell) }
    }

    /// Says that no more picks will come. The caller must not use the cell any more.
    static func remove(_ cell: CellPointer) {
        let before = cell.pointee.word.bitwiseOr(Self.removed, ordering: .acquiringAndReleasing).oldValue
        if before == 0 { Self.free(cell) }
    }

    private static func free(_ cell: CellPointer) {
        let settlement = cell.pointee.settlement
        cell.deinitialize(count: 1)
        settlement.release()
        UnsafeMutableRawPointer(cell).deallocate()
    }
}
