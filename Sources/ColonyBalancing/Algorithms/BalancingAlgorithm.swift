/// How a balancer chooses among the endpoints that may be picked.
///
/// | Algorithm | Chooses by | Costs | Fits |
/// | --- | --- | --- | --- |
/// | ``roundRobin`` | turn | O(1) | equal endpoints, equal calls |
/// | ``weightedRoundRobin`` | turn, in proportion to weights, smoothly | O(1) | endpoints of different size |
/// | ``random`` | chance | O(1) | many callers who do not know of each other |
/// | ``weightedRandom`` | chance in proportion to weights | O(1) | the same, endpoints of different size |
/// | ``leastRequest(_:)`` | calls under way, of two or of all | O(1) or O(*n*) | calls of different length; the default |
/// | ``peakEWMA(decay:)`` | latency times calls under way, of two | O(1) | endpoints of different or changing speed |
/// | ``addressHash`` | the caller's address | O(1) | old protocols with state in the server |
/// | ``ringHash(loadFactor:)`` | the key, on a ring; with bounded loads if wanted | O(1) expected | caches whose endpoints come and go |
/// | ``maglev`` | the key, in a table | O(1) | caches with rare changes |
/// | ``rendezvous`` | the key, by highest weight | O(*n*) | few endpoints, least disruption |
///
/// The algorithms by key need ``PickContext/hash``; a call without one is given to an endpoint by chance.
public enum BalancingAlgorithm: Hashable, Sendable {
    /// Which endpoints are compared by the calls that are under way.
    public enum Comparison: Hashable, Sendable {
        /// Two that chance chooses, in proportion to their weights: "the power of two choices". It is nearly as good as comparing all, and
        /// callers who do not know of each other do not run to the same endpoint.
        case two
        /// All of them.
        case all
    }

    /// One after the other, whatever their weights are.
    case roundRobin
    /// In turn and in proportion to weights, spread as evenly as can be: weights 5, 1, 1 give a a b a c a a. If a cycle would be longer than
    /// 16,384 turns, or than 4,000,000 divided by the number of endpoints, chance gives the same shares.
    case weightedRoundRobin
    /// By chance, whatever the weights are.
    case random
    /// By chance, in proportion to weights.
    case weightedRandom
    /// The fewest calls under way in proportion to the weight.
    case leastRequest(Comparison)
    /// Of two that chance chooses, the one with the lower product of latency and calls under way. Latency is a moving average that rises
    /// to every peak at once and falls over the time `decay`, 10 s if in doubt.
    case peakEWMA(decay: Duration)
    /// By the hash of the caller's address, in proportion to weights. When the number of endpoints changes, most callers change theirs;
    /// that is what the name promises elsewhere, too. The other hashes do better.
    case addressHash
    /// The next endpoint on a ring of hashes. With a load factor, which is above 1, an endpoint that has more than that many times its share
    /// of the calls under way is passed over.
    case ringHash(loadFactor: Double?)
    /// The endpoint of the key's slot in a table that the endpoints filled in turn.
    case maglev
    /// The endpoint with the highest product of weight and hash of key and name.
    case rendezvous

    /// The legal times over which a peak of latency is forgotten.
    public static var decays: ClosedRange<Duration> { .milliseconds(10)...(.seconds(3_600)) }
    /// The legal load factors.
    public static var loadFactors: ClosedRange<Double> { 1.01...1_000 }

    /// Whether calls need a key to be placed.
    public var isByKey: Bool {
        switch self {
        case .addressHash, .ringHash, .maglev, .rendezvous: true
        default: false
        }
    }

    func check() throws(BalancingError) {
        switch self {
        case .peakEWMA(let decay): try SettingBounds.check(decay, in: Self.decays, "the decay of latency")
        case .ringHash(let factor?): try SettingBounds.check(factor, in: Self.loadFactors, "the load factor of a ring")
        default: return
        }
    }
}

// MARK: - Names

extension BalancingAlgorithm: CustomStringConvertible {
    /// The algorithms by the names that configuration files and the command line use.
    public static var named: [(name: String, algorithm: BalancingAlgorithm)] {
        [
            ("round-robin", .roundRobin), ("weighted-round-robin", .weightedRoundRobin), ("random", .random),
            ("weighted-random", .weightedRandom), ("least-request", .leastRequest(.two)),
            ("least-request-of-all", .leastRequest(.all)), ("peak-ewma", .peakEWMA(decay: .seconds(10))),
            ("ip-hash", .addressHash), ("ring-hash", .ringHash(loadFactor: nil)),
            ("bounded-ring-hash", .ringHash(loadFactor: 1.25)), ("maglev", .maglev), ("rendezvous", .rendezvous),
        ]
    }

    /// Reads the name of an algorithm.
    ///
    /// - Throws: ``BalancingError`` with code `invalidConfiguration`, which quotes the text and lists the names.
    public init(_ text: String) throws(BalancingError) {
        guard let known = Self.named.first(where: { $0.name == text }) else {
            throw BalancingError(
                .invalidConfiguration,
                "there is no algorithm \"\(text)\"; there are \(Self.named.map(\.name).joined(separator: ", "))")
        }
        self = known.algorithm
    }

    /// The name that configuration files use.
    public var description: String {
        switch self {
        case .roundRobin: "round-robin"
        case .weightedRoundRobin: "weighted-round-robin"
        case .random: "random"
        case .weightedRandom: "weighted-random"
        case .leastRequest(.two): "least-request"
        case .leastRequest(.all): "least-request-of-all"
        case .peakEWMA: "peak-ewma"
        case .addressHash: "ip-hash"
        case .ringHash(nil): "ring-hash"
        case .ringHash: "bounded-ring-hash"
        case .maglev: "maglev"
        case .rendezvous: "rendezvous"
        }
    }
}
