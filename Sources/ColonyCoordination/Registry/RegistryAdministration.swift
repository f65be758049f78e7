public import ColonyCore

/// An engine whose groups an operator can list, and that tells how long records still stay.
public protocol RegistryAdministration: RegistryEngine {
    /// Groups that have records, in the byte order of their names.
    ///
    /// - Parameters:
    ///   - prefix: Only names that start with these bytes; empty for all.
    ///   - name: Only groups after this one: the last of the page before.
    ///   - limit: How many at the most, from 1 to ``ColonyCore/LeaseLimits/batch``; others are refused with `invalidRequest`.
    /// - Throws: ``ColonyCore/LeaseError``.
    /// - Complexity: One round trip; O(*n*) in the groups and records that are looked at.
    func groups(
        withPrefix prefix: String, after name: LeaseName?, limit: Int
    ) async throws(LeaseError) -> [RegistryGroupSummary]

    /// A group as ``RegistryEngine/snapshot(of:)`` tells it, with what is left of its ephemeral records at that moment.
    ///
    /// - Throws: ``ColonyCore/LeaseError``.
    /// - Complexity: One round trip; O(*n*) in the records of the group.
    func standing(of group: LeaseName) async throws(LeaseError) -> RegistryStanding
}

/// A group in a list.
public struct RegistryGroupSummary: Hashable, Sendable {
    /// Which group.
    public let name: LeaseName
    /// How many records it has; at least one.
    public let records: Int

    /// Makes the answer of an engine.
    public init(name: LeaseName, records: Int) {
        self.name = name
        self.records = records
    }
}

/// A group with what is left of its records.
public struct RegistryStanding: Hashable, Sendable {
    /// The group as it was at one moment.
    public let snapshot: RegistrySnapshot
    /// How much longer each ephemeral record stays unless it is renewed, greater than zero; permanent ones are not in it.
    public let remaining: [LeaseName: Duration]

    /// Makes the answer of an engine.
    public init(snapshot: RegistrySnapshot, remaining: [LeaseName: Duration]) {
        self.snapshot = snapshot
        self.remaining = remaining
    }
}
