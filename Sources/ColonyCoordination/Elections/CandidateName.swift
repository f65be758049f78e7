import ColonyCore

/// How the name of a candidate becomes part of the owner of its lease: `NAME/UNIQUE`.
///
/// The owner differs from campaign to campaign, because a campaign that failed gives back by owner, and that request may
/// arrive when the same candidate leads again.
enum CandidateName {
    private static let maximumBytes = 200

    static func owner(_ name: String?) throws(CoordinationError) -> OwnerID {
        let unique = OwnerID.unique()
        guard let name else { return unique }
        guard name.utf8.count <= Self.maximumBytes else {
            throw CoordinationError(
                .invalidRequest,
                "the name of a candidate has \(name.utf8.count) bytes, and \(Self.maximumBytes) are the most")
        }
        do {
            return try OwnerID("\(name)/\(unique)")
        } catch {
            throw CoordinationError(.invalidRequest, "the name of a candidate: \(error)", cause: error)
        }
    }

    static func name(of owner: OwnerID) -> String? {
        guard let slash = owner.rawValue.lastIndex(of: "/") else { return nil }
        return String(owner.rawValue[..<slash])
    }
}
