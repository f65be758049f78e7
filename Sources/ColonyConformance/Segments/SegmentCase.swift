import ColonyCore
public import ColonyIdentifiers

/// One promise of the segment port, as a sentence and a test of it.
public struct SegmentCase: Sendable, CustomStringConvertible {
    /// What an engine promises, by subject.
    public enum Property: String, Hashable, Sendable, CaseIterable, Codable {
        case disjointness, floor, scheme, limits, inspection, listing, cancellation, survival
    }

    /// The promise as a sentence; unique among the cases.
    public let name: String
    /// The subject of the promise.
    public let property: Property
    let body: @Sendable (SegmentCaseContext) async throws -> Void

    /// Makes a case of your own, to be run with the others.
    ///
    /// - Parameter body: Uses only tags that its context makes, and throws ``ConformanceFailure``, by ``expect(_:_:)``, if
    ///   the engine breaks the promise.
    public init(
        _ name: String, _ property: Property, body: @escaping @Sendable (SegmentCaseContext) async throws -> Void
    ) {
        self.name = name
        self.property = property
        self.body = body
    }

    public var description: String { self.name }

    /// Runs the case on fresh clients, with tags of its own.
    ///
    /// - Parameter limit: The longest that it may take in real time; then it counts as failed, and what it started is
    ///   cancelled and left to itself.
    public func run(
        on harness: any SegmentHarness, limit: Duration = .seconds(120)
    ) async -> ConformanceReport.Outcome {
        if Task.isCancelled { return .skipped("the run was cancelled") }
        do {
            let context = SegmentCaseContext(
                engine: try await harness.makeEngine(), other: try await harness.makeEngine(), harness: harness,
                prefix: "conformance-\(OwnerID.unique().rawValue)/")
            let task = LeaseCaseTask { try await self.body(context) }
            let result = await task.outcome(within: limit)
            task.cancel()
            guard let result else { return .failed("it did not end within \(limit.text) of real time") }
            try result.get()
            return .passed
        } catch {
            return .failed("\(error)")
        }
    }
}

/// What the body of a ``SegmentCase`` works with: two clients of one store, and tags that nobody else uses.
public struct SegmentCaseContext: Sendable {
    /// One client of the store.
    public let engine: any SegmentEngine
    /// Another client of the same store.
    public let other: any SegmentEngine
    /// What made the clients.
    public let harness: any SegmentHarness
    /// What all tags of this run of the case begin with, so that cases can share a store that is in use.
    public let prefix: String

    /// Makes the context of one run of one case.
    ///
    /// - Parameter prefix: Used by no other run, and at most 100 bytes.
    public init(engine: any SegmentEngine, other: any SegmentEngine, harness: any SegmentHarness, prefix: String) {
        self.engine = engine
        self.other = other
        self.harness = harness
        self.prefix = prefix
    }

    /// A tag of this case.
    public func tag(_ text: String = "orders") throws -> SegmentTag {
        try SegmentTag(self.prefix + text)
    }

    /// The full amount of something, reduced to the effort of the harness.
    public func amount(_ full: Int, atLeast minimum: Int = 1) -> Int {
        max(minimum, Int(Double(full) * self.harness.effort))
    }

    /// A range that has to be given, of the right tag and size.
    @discardableResult
    public func take(
        _ tag: SegmentTag, _ count: Int64, above floor: Int64 = 0, scheme: String? = nil,
        on engine: (any SegmentEngine)? = nil
    ) async throws -> Range<Int64> {
        let request = SegmentRequest(tag, count: count, above: floor, scheme: scheme)
        let segment = try await (engine ?? self.engine).takeSegment(request)
        try expect(segment.tag == tag, "the range is of \(segment.tag), and \(tag) was asked for")
        try expect(
            segment.range.count == Int(count), "the range \(segment.range) has not the \(count) numbers asked for")
        try expect(
            segment.range.lowerBound > floor, "the range \(segment.range) does not lie above \(floor), as asked for")
        return segment.range
    }

    /// Fails unless a request is refused with `code` and leaves what is known of the tag as it was.
    public func expectRefusal(_ code: IdentifierError.Code, _ request: SegmentRequest) async throws {
        let before = try await self.engine.inspect(request.tag)
        do {
            let segment = try await self.engine.takeSegment(request)
            throw ConformanceFailure("\(request) was given \(segment.range), and had to be refused with \(code)")
        } catch let error as IdentifierError {
            try expect(
                error.code == code,
                "\(request) was refused with \(error.code), and \(code) was expected: \(error.message)")
        }
        let after = try await self.other.inspect(request.tag)
        try expect(
            before == after,
            "a refused request changed \(String(describing: before)) to \(String(describing: after))")
    }
}
