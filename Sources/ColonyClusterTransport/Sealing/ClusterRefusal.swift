/// Why bytes from elsewhere were ignored. Nobody is told; they are counted by kind in ``ClusterStatistics``.
public enum ClusterRefusal: String, Error, Hashable, Sendable, CaseIterable, CustomStringConvertible {
    /// It is nothing that a member of any cluster has sent.
    case alien
    /// It is of a version that this program does not know. Update the older one of the two.
    case wrongVersion
    /// It is sealed with a key that is not in the keyring, or is sealed and there is no keyring.
    case wrongKey
    /// It came over a connection without TLS, or whose certificate is of another authority, is not valid at present, or has another name than the sender's. Only
    /// where nodes know each other by certificates.
    case wrongCertificate
    /// It is not sealed, and has to be.
    case unsealed
    /// It is of a cluster of another name.
    case wrongCluster
    /// It is for another purpose, such as a frame of an election that came as a datagram.
    case wrongPurpose
    /// It claims a key that is known, and was not sealed with it, or was changed on the way.
    case forged
    /// It came before, or is so old that it may have.
    case replayed
    /// It is meant for another member, or for this one before it was started again. Who sent it is told, and greets again.
    case misdirected
    /// It was sealed by a member, and is no packet all the same.
    case undecodable
    /// It is longer than what is taken.
    case oversized
    /// More came from one address than is taken.
    case rateLimited

    public var description: String { self.rawValue }

    /// Whether somebody should look at it: it is what a mistake in the configuration looks like.
    var isMisconfiguration: Bool {
        switch self {
        case .wrongVersion, .wrongKey, .wrongCertificate, .unsealed, .wrongCluster: true
        case .alien, .wrongPurpose, .forged, .replayed, .misdirected, .undecodable, .oversized, .rateLimited: false
        }
    }
}
