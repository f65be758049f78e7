public import ColonyCaches

/// The hit ratios of eviction policies on a trace, beside the optimum.
public struct HitRatioReport: Sendable, Encodable {
    /// The hit ratios of one size of cache.
    public struct Row: Sendable, Encodable {
        /// How many entries the cache has.
        public let size: Int
        /// The share of hits, from 0 to 1, by the name of the policy; `optimum` is ``BeladyOptimum``.
        public let hitRatio: [String: Double]

        enum CodingKeys: String, CodingKey {
            case size
            case hitRatio = "hit_ratio"
        }
    }

    /// What the trace is called, such as the path of its file.
    public let trace: String
    /// How many requests there are.
    public let requests: Int
    /// How many different keys they ask for.
    public let distinct: Int
    /// The name of the policy that a cache has unless it is told otherwise.
    public let defaultPolicy: String
    /// One row a size, in the order asked for.
    public let sizes: [Row]

    enum CodingKeys: String, CodingKey {
        case trace, requests, distinct, sizes
        case defaultPolicy = "default_policy"
    }

    /// The name of the optimum among the hit ratios.
    public static let optimum = "optimum"

    /// Replays a trace with each policy at each size.
    ///
    /// - Parameters:
    ///   - name: What the trace is called.
    ///   - sizes: In entries, each from 1; `nil` for ``Trace/usualSizes``.
    ///   - progress: Is told what runs, and how much of the whole is done, from 0 to 1.
    /// - Throws: ``TraceError`` with `invalidSize`, or with `empty` for a trace without requests.
    /// - Complexity: About 0.1 µs per request, policy, and size, and 0.3 µs for the optimum.
    public init(
        of trace: Trace, named name: String, policies: [EvictionPolicy] = EvictionPolicy.allCases, sizes: [Int]? = nil,
        progress: (_ what: String, _ share: Double) -> Void = { _, _ in }
    ) throws(TraceError) {
        let sizes = sizes ?? trace.usualSizes
        if let size = sizes.first(where: { $0 < 1 }) {
            throw TraceError(.invalidSize, "a cache has at least 1 entry, not \(size)")
        }
        if trace.keys.isEmpty { throw TraceError(.empty, "the trace \(name) has no requests") }
        let optimum = BeladyOptimum(trace)
        let steps = Double(sizes.count * (policies.count + 1))
        var rows: [Row] = []
        var done = 0.0
        for size in sizes {
            var ratios: [String: Double] = [:]
            for policy in policies {
                progress("\(policy.snakeCaseName) at \(size)", done / steps)
                var replay = TraceReplay(policy, capacity: size, distinct: trace.distinct)
                replay.run(trace.keys)
                ratios[policy.snakeCaseName] = Double(replay.hits) / Double(replay.requests)
                done += 1
            }
            progress("optimum at \(size)", done / steps)
            ratios[Self.optimum] = Double(optimum.hits(size: size)) / Double(trace.keys.count)
            done += 1
            rows.append(Row(size: size, hitRatio: ratios))
        }
        self.trace = name
        self.requests = trace.keys.count
        self.distinct = trace.distinct
        self.defaultPolicy = EvictionPolicy.adaptive.snakeCaseName
        self.sizes = rows
    }
}

extension EvictionPolicy {
    /// The name in documents and on the command line, such as `s3_fifo`.
    public var snakeCaseName: String {
        switch self {
        case .fifo: "fifo"
        case .lru: "lru"
        case .lfu: "lfu"
        case .sieve: "sieve"
        case .s3FIFO: "s3_fifo"
        case .windowTinyLFU: "window_tinylfu"
        case .adaptive: "adaptive"
        }
    }

    /// The policy of such a name; `nil` if there is none.
    public init?(snakeCaseName name: String) {
        guard let policy = Self.allCases.first(where: { $0.snakeCaseName == name }) else { return nil }
        self = policy
    }
}
