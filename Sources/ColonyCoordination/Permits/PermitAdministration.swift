public import ColonyCore

/// An engine whose permits an operator can list. What a holder has is ended by
/// ``PermitEngine/returnPermits(_:owner:token:)`` in the holder's place.
public protocol PermitAdministration: PermitEngine {
    /// Names of which permits are held or claimed, in the byte order of the names.
    ///
    /// - Parameters:
    ///   - prefix: Only names that start with these bytes; empty for all.
    ///   - name: Only names after this one: the last of the page before.
    ///   - limit: How many at the most, from 1 to ``ColonyCore/LeaseLimits/batch``; others are refused with `invalidRequest`.
    /// - Throws: ``ColonyCore/LeaseError``.
    /// - Complexity: One round trip; O(*n*) in the holders and claims of all names.
    func permitRecords(
        withPrefix prefix: String, after name: LeaseName?, limit: Int
    ) async throws(LeaseError) -> [PermitRecord]
}
