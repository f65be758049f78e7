/// What a read may return, and what a write must have reached.
///
/// | | a read sees | a write |
/// | --- | --- | --- |
/// | ``strong`` | every write that was acknowledged before it began, and whatever any earlier strong read saw | is after all that was acknowledged before it began |
/// | ``causal(_:)`` | what its session wrote and saw | is after what its session saw of the key, and as an eventual one |
/// | ``eventual`` | some state of the servers that answered first | arrives at all servers some time; with a strict quorum and 2 W > N it is after all that was acknowledged before it began |
///
/// ``strong`` is linearizable for strong reads and strong writes of one key, by the construction of Attiya, Bar-Noy,
/// and Dolev with the stamps of Lynch and Shvartsman: a write asks a read quorum before it chooses its stamp, and a read
/// does not answer before a write quorum holds what it returns. It is *not* linearizable for read-modify-write, which no quorum
/// of registers can be; nor over several keys. It ends where its premise ends: servers that forget what they
/// acknowledged, by eviction, by a restart without a disk, or by a failover to a replica that is behind.
///
/// - SeeAlso: H. Attiya, A. Bar-Noy, D. Dolev, *Sharing Memory Robustly in Message-Passing Systems*, J. ACM 42, 1995;
///   N. Lynch, A. Shvartsman, *Robust Emulation of Shared Memory Using Dynamic Quorum-Acknowledged Broadcasts*, FTCS
///   1997; D. Terry et al., *Session Guarantees for Weakly Consistent Replicated Data*, PDIS 1994, for ``causal(_:)``.
public enum ConsistencyLevel: Sendable {
    /// Linearizable for each key; needs a strict quorum with R + W > N and 2 W > N.
    case strong
    /// Read your writes, monotonic reads, and writes that follow reads, within a session that may go from process to
    /// process.
    case causal(QuorumSession)
    /// Nothing but that all servers agree some time after the last write.
    case eventual
}
