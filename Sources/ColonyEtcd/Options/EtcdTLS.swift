#if Etcd
/// How the connections to etcd are protected by TLS.
public struct EtcdTLS: Hashable, Sendable {
    /// What is demanded of the server's certificate.
    public enum Verification: String, CaseIterable, Hashable, Sendable {
        /// That somebody who is trusted signed it, and that it is for this host. The default.
        case full
        /// That somebody who is trusted signed it, for whichever host.
        case chain
        /// Nothing: whoever is in between can read and change everything.
        case none
    }

    /// What is demanded of the server's certificate.
    public var verification = Verification.full
    /// A file of PEM certificates to trust, in place of those of the system.
    public var certificateFile: String?

    /// The defaults.
    public init() {}
}
#endif
