public import ColonyCore

/// The cases of a port that an engine of leases may have beside that of leases.
///
/// What is put to the test is reached through a ``LeaseHarness``; an engine that has not got the port is skipped.
public protocol ConformanceSuite: Sendable {
    /// The port, as an existential.
    associatedtype Engine: Sendable
    /// What the port promises, by subject; what the table of guarantees lists.
    associatedtype Property: RawRepresentable<String>, Hashable, Sendable, CaseIterable

    /// What its reports are called.
    static var port: ConformanceReport.Port { get }
    /// What an engine without the port has not got, for the reason why its cases are skipped.
    static var power: String { get }
    /// All cases, in the order in which they are run: what everything else rests on comes first.
    static var cases: [SuiteCase<Self>] { get }
    /// The engine as one of the port; `nil` if it is none.
    static func client(_ engine: any LeaseEngine) -> Engine?
    /// Ends what a case has left behind.
    static func cleanUp(_ context: CaseContext<Engine>) async throws
}

extension ConformanceSuite {
    /// Runs cases one after another.
    ///
    /// A case that fails does not end the run, nor does an engine that never answers: each case has a limit in real time.
    /// A cancelled run skips the cases that are left.
    ///
    /// - Parameters:
    ///   - harness: Makes the clients and lets time pass.
    ///   - title: What the report calls the engine; without it, the name of its type.
    ///   - cases: All, unless fewer are given.
    ///   - limit: The longest that a case may take in real time.
    ///   - reporting: Told of each beginning and end, from the calling task.
    public static func run(
        on harness: any LeaseHarness, title: String? = nil, cases: [SuiteCase<Self>] = Self.cases,
        limit: Duration = .seconds(120), reporting: (ConformanceProgress) -> Void = { _ in }
    ) async -> ConformanceReport {
        let engine = try? await harness.makeEngine()
        let entries = await ConformanceRun.entries(cases, reporting: reporting) {
            ($0.name, $0.property.rawValue)
        } run: {
            await $0.run(on: harness, limit: limit).outcome
        }
        return ConformanceReport(
            port: Self.port, engine: title ?? engine.map { "\(type(of: $0))" } ?? "an engine that could not be made",
            guarantee: engine.map { "\($0.guarantee)" } ?? "unknown",
            capabilities: engine.map { $0.capabilities.map(\.name).sorted() } ?? [], entries: entries)
    }
}

/// One promise of a port, as a sentence and a test of it.
public struct SuiteCase<Suite: ConformanceSuite>: Sendable, CustomStringConvertible {
    /// The promise as a sentence; unique among the cases.
    public let name: String
    /// The subject of the promise.
    public let property: Suite.Property
    private let body: @Sendable (CaseContext<Suite.Engine>) async throws -> Void

    /// Makes a case of your own, to be run with the others.
    ///
    /// - Parameter body: Uses only names and owners that its context makes, and throws ``ConformanceFailure``, by
    ///   ``expect(_:_:)``, if the engine breaks the promise.
    public init(
        _ name: String, _ property: Suite.Property,
        body: @escaping @Sendable (CaseContext<Suite.Engine>) async throws -> Void
    ) {
        self.name = name
        self.property = property
        self.body = body
    }

    public var description: String { self.name }

    /// Runs the case on fresh clients, with names of its own, and ends what it has left behind.
    ///
    /// - Parameter limit: The longest that it may take in real time; then it counts as failed, and what it started is
    ///   cancelled and left to itself.
    /// - Returns: The outcome. On an engine that has not got the port it is skipped, with the reason.
    public func run(on harness: any LeaseHarness, limit: Duration = .seconds(120)) async -> ConformanceReport.Entry {
        await CaseRun.entry(
            self.name, self.property.rawValue, on: harness, limit: limit,
            admit: { engine in
                if let client = Suite.client(engine) {
                    .admitted(client)
                } else {
                    .skipped("the engine has no \(Suite.power)")
                }
            },
            body: self.body, cleanUp: { try await Suite.cleanUp($0) })
    }
}
