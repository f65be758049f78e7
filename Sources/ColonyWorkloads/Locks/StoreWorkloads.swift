public import ColonyCore

/// The workloads of locks on a store that runs already, whatever it is: what `colony bench locks --store URL` measures.
///
/// They use names of their own below `colony-bench/`, so that they may run beside other users of the store, and leave nothing
/// there but what the engine keeps of names that are free.
public struct StoreWorkloads: Sendable {
    /// An engine, and how what it holds open is closed.
    public struct Opened: Sendable {
        /// The engine.
        public let engine: any LeaseEngine
        /// Closes it. Called once, when nothing is under way.
        public let close: @Sendable () async -> Void

        /// Puts the two together.
        public init(_ engine: any LeaseEngine, close: @escaping @Sendable () async -> Void = {}) {
            self.engine = engine
            self.close = close
        }
    }

    private let open: @Sendable () throws -> Opened
    private let handingOver: Int

    /// Describes the store.
    ///
    /// - Parameters:
    ///   - contenders: Among how many a lock is handed over, each with an engine of its own; at least two. Fewer for a store
    ///     that takes few connections.
    ///   - open: Makes one more engine on the store, without I/O.
    public init(contenders: Int = EngineLoad.clients, open: @escaping @Sendable () throws -> Opened) {
        precondition(contenders >= 2, "a lock is handed over among at least two, not \(contenders)")
        self.handingOver = contenders
        self.open = open
    }

    /// The names of the workloads.
    public static let names = ["store-pairs", "store-hand-over"]

    /// Every workload, in the order in which a report lists them.
    public var all: [Workload] { [self.pairs, self.handOver] }

    private var pairs: Workload {
        Workload(
            name: Self.names[0],
            title:
                "the store, acquire and release through the port, \(EngineLoad.clients) tasks on one engine, a name each"
        ) { workload, options in
            let opened = try self.open()
            return try await Self.closing([opened]) {
                let folder = Self.folder()
                func round(_ milliseconds: Int) async throws -> EngineLoad.Pairs {
                    try await EngineLoad.pairs(
                        for: .milliseconds(options.milliseconds(milliseconds)), under: folder, on: opened.engine,
                        clock: options.clock)
                }
                _ = try await round(500)
                var rounds: [EngineLoad.Pairs] = []
                for number in 0..<Rounds.full {
                    options.progress(workload.name, Double(number) / Double(Rounds.full))
                    rounds.append(try await round(2_000))
                }
                let rates = rounds.map(\.rate).sorted()
                return Measurement(
                    workload: workload.name, title: workload.title, figure: rates[rates.count / 2], unit: "pairs/s",
                    count: rounds.reduce(0) { $0 + $1.count }, latency: Percentiles(rounds.flatMap(\.samples)),
                    spread: rates[0]...rates[rates.count - 1])
            }
        }
    }

    private var handOver: Workload {
        Workload(
            name: Self.names[1],
            title: "the store, one lock, \(self.handingOver) contenders with an engine each: "
                + "from just before a release to just after the next grant, p99"
        ) { workload, options in
            let opened = try (0..<self.handingOver).map { _ in try self.open() }
            return try await Self.closing(opened) {
                options.progress(workload.name, 0)
                let samples = try await EngineLoad.handOvers(
                    for: .milliseconds(options.milliseconds(5_000)), of: try LeaseName("\(Self.folder())/hand-over"),
                    on: opened.map(\.engine), clock: options.clock)
                return LockWorkloads.handOver(of: workload, samples)
            }
        }
    }

    /// What the names of one run begin with.
    private static func folder() -> String {
        "colony-bench/\(NameRules.hexadecimal(UInt64.random(in: 0 ... .max), digits: 16).lowercased())"
    }

    private static func closing<Value>(
        _ opened: [Opened], _ body: () async throws -> Value
    ) async throws -> Value {
        do {
            let value = try await body()
            for each in opened { await each.close() }
            return value
        } catch {
            for each in opened { await each.close() }
            throw error
        }
    }
}
