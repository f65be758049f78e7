import ColonyHashing

// Using a part of the endpoints.
//
// When a thousand callers each keep connections to a thousand endpoints, a million connections and their health checks do nothing most of
// the time. Each caller then uses some of the endpoints only. Which ones must differ from caller to caller, must stay the same for one caller,
// and must change little when endpoints come and go. So every endpoint gets a hash with the caller's name, and the lowest hashes win: an
// endpoint that goes is replaced by one other, and nothing else moves.
//
// Deviation. Subsets made of turns, as in the book below, spread callers exactly evenly, but need every caller's number and all of them to
// agree on how many there are. Hashes need neither, and pay with a spread: with subsets of 20, an endpoint has ± 22 % of the mean number
// of callers, as chance has it.
//
// Reference: gRFC A68, "Random subsetting with rendezvous hashing LB policy"; Site Reliability Engineering, chapter 20, 2016.

/// Which endpoints a caller uses, if not all of them.
public struct EndpointSubset: Hashable, Sendable {
    /// How many endpoints of each priority are used, from 1.
    public let size: Int
    /// What tells callers apart: the name of the host or the process. Callers with the same name use the same endpoints.
    public let caller: String

    /// Describes a subset.
    ///
    /// - Throws: ``BalancingError`` with code `invalidConfiguration`.
    public init(size: Int, caller: String) throws(BalancingError) {
        guard size >= 1 else {
            throw BalancingError(.invalidConfiguration, "a subset of \(size) endpoints is not possible: from 1 on")
        }
        self.size = size
        self.caller = caller
    }

    /// The endpoints that the caller uses, in the order in which they were given: as many of each priority, so that there are some to fall back on.
    ///
    /// - Complexity: O(*n* log *n*).
    public func chosen(of endpoints: [Endpoint]) -> [Endpoint] {
        let seed = self.hash(self.caller, seed: 0)
        let ranked = endpoints.indices.map { (rank: self.hash(endpoints[$0].name.rawValue, seed: seed), position: $0) }
        var taken: [Int: Int] = [:]
        return ranked.sorted { ($0.rank, $0.position) < ($1.rank, $1.position) }
            .map(\.position)
            .filter { position in
                taken[endpoints[position].priority, default: 0] += 1
                return taken[endpoints[position].priority, default: 0] <= self.size
            }
            .sorted().map { endpoints[$0] }
    }

    private func hash(_ text: String, seed: UInt64) -> UInt64 {
        var text = text
        return text.withUTF8 { XXH64.hash(UnsafeRawBufferPointer($0), seed: seed) }
    }
}
