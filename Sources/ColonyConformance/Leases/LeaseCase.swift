public import ColonyCore

/// One promise of the lease port, as a sentence and a test of it.
public struct LeaseCase: Sendable, CustomStringConvertible {
    /// What an engine promises, by subject; what the table of guarantees lists.
    public enum Property: String, Hashable, Sendable, CaseIterable, Codable {
        case exclusivity, tokens, expiry, renewal, ownership, waiting, names, limits, inspection
        case administration, batchRenewal = "batch renewal", fairness, observation
    }

    /// The promise as a sentence; unique among the cases.
    public let name: String
    /// The subject of the promise.
    public let property: Property
    /// Without these powers of the engine the case is skipped.
    public let requires: Set<Capability>
    let body: @Sendable (LeaseCaseContext) async throws -> Void

    /// Makes a case of your own, to be run with the others.
    ///
    /// - Parameter body: Uses only names and owners that its context makes, and throws ``ConformanceFailure``, by
    ///   ``expect(_:_:)``, if the engine breaks the promise.
    public init(
        _ name: String, _ property: Property, requires: Set<Capability> = [],
        body: @escaping @Sendable (LeaseCaseContext) async throws -> Void
    ) {
        self.name = name
        self.property = property
        self.requires = requires
        self.body = body
    }

    public var description: String { self.name }
}
