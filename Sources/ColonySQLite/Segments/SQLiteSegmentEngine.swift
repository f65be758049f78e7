public import ColonyCore
public import ColonyIdentifiers

/// Ranges of numbers from an SQLite file: disjoint among the processes of a host, and as durable as its disk, with
/// nothing to install.
///
/// ```swift
/// let orders = SegmentIDGenerator("orders", on: .sqlite(path: "colony.db"))
/// ```
///
/// **Guarantee.** A range is told only after `fsync` has returned, so no crash of a process and no loss of power brings
/// it back: what was told is never told again. A crash between the write and the answer loses that range, and repeats
/// none.
///
/// **Cost.** Requests of all tasks of a process, and those of the other engines on the same file, share commits. One
/// range costs one durable write at most; ask for ranges and not for single numbers.
///
/// - Important: If somebody deletes the file, or puts an older copy of it in its place, numbers are given again. After
///   either, ask above the largest number in use: ``SegmentRequest/floor``.
/// - Important: The file must be on a disk of this host. A second host that opens it through a network file system
///   takes it over; the first one notices at its next operation and refuses to go on with `storageFailed`.
///
/// All engines of a process that name the same file share one connection and one writer, whose limits are those of the
/// first. Making an engine does no I/O; the first call opens the file, and creates it if its directory exists.
public final class SQLiteSegmentEngine: SegmentEngine {
    private let membership: StoreMembership

    /// Makes an engine on a file.
    ///
    /// - Parameters:
    ///   - path: The file; it is created on first use, its directory is not. A relative path is taken from the working
    ///     directory of that moment.
    ///   - configuration: The limits of the store, if this engine is the first on its file.
    ///   - wall: Only dates the creation of the file, for operators.
    public convenience init(
        path: String, configuration: SQLiteStoreConfiguration = SQLiteStoreConfiguration(),
        wall: any WallClock = SystemWallClock()
    ) {
        self.init(path: path, configuration: configuration, wall: wall, boot: .current, registry: .shared)
    }

    /// - Parameters:
    ///   - boot: Which boot of which host this is.
    ///   - registry: With whom the engine shares its store; a registry of its own makes it stand for another process.
    package init(
        path: String, configuration: SQLiteStoreConfiguration = SQLiteStoreConfiguration(),
        wall: any WallClock = SystemWallClock(), boot: BootIdentity, registry: StoreRegistry
    ) {
        self.membership = StoreMembership(
            path: path, configuration: configuration, wall: wall, boot: boot, registry: registry)
    }

    /// The file as it was named.
    public var path: String { self.membership.path }

    /// Disjoint on one host; survives the loss of power.
    public var guarantee: Guarantee { Guarantee(reach: .host, survival: .powerLoss) }

    /// Takes the next range in one durable transaction.
    ///
    /// - Throws: ``IdentifierError``. After `cancelled` nothing was done: an operation that has begun is carried through.
    ///   After `unavailable` because the disk failed during a commit it is unknown; the range is lost at worst.
    /// - Complexity: At most one `fsync`, shared with the operations that wait at the same time; O(log *n*).
    public func takeSegment(_ request: SegmentRequest) async throws(IdentifierError) -> Segment {
        try request.check()
        let result: Result<Segment, IdentifierError>
        do throws(StoreError) {
            result = try await self.membership.store().write(.singleStatement) { transaction throws(StoreError) in
                try SegmentTable.take(request, in: transaction)
            }
        } catch {
            throw IdentifierError(error)
        }
        return try result.get()
    }

    /// What was committed last of a tag.
    public func inspect(_ tag: SegmentTag) async throws(IdentifierError) -> SegmentRecord? {
        try await self.read { connection throws(StoreError) in
            try SegmentTable.record(tag, on: connection)
        }
    }

    public func records(after tag: SegmentTag?, limit: Int) async throws(IdentifierError) -> [SegmentRecord] {
        try SegmentLimits.check(page: limit)
        return try await self.read { connection throws(StoreError) in
            try SegmentTable.records(after: tag, limit: limit, on: connection)
        }
    }

    /// Ends the engine: refuses what comes later with `closed`, finishes what is queued, and closes the file unless other
    /// engines of the process use it.
    ///
    /// Closing again does nothing.
    public func close() async {
        await self.membership.close()
    }

    private func read<Value: Sendable>(
        _ body: @escaping @Sendable (Connection) throws(StoreError) -> Value
    ) async throws(IdentifierError) -> Value {
        do throws(StoreError) {
            return try await self.membership.store().read(body)
        } catch {
            throw IdentifierError(error)
        }
    }

    /// The store behind the engine, opened for it if nobody has yet.
    package var storeForTesting: Store {
        get throws { try self.membership.store() }
    }
}

extension SegmentEngine where Self == SQLiteSegmentEngine {
    /// Ranges from the SQLite file at `path`, shared with the other processes of this host.
    public static func sqlite(path: String) -> SQLiteSegmentEngine {
        SQLiteSegmentEngine(path: path)
    }
}
