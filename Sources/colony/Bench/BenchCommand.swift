import ArgumentParser
import ColonyCaches
import ColonyCore
import ColonyWorkloads

struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure how fast this machine is with Colony.",
        discussion: """
            Example: colony bench locks --directory /var/lib/app
            Example: colony bench locks --store redis://127.0.0.1:6379
            Example: colony bench caches --trace keys.txt.xz --size 1000

            Prints each figure with what it should reach. Run it on an idle machine; durable figures are those of the disk \
            under --directory.

            With --store, measures locks on a store that runs already: pairs of acquire and release from 64 tasks, and how long a \
            lock takes from one of several contenders to the next. Names begin with colony-bench/.

            With --trace, prints how often caches of each eviction policy would have hit, beside the optimum that no policy \
            can pass. A trace has one key a line, as plain text or compressed with gzip or xz.
            """
    )

    @Argument(
        help: ArgumentHelp(
            "What to measure: locks, ids, hashing, caches, queues, resilience, balancing. (default: everything)",
            valueName: "block"),
        completion: .list(BenchBlock.allCases.map(\.rawValue)))
    var blocks: [BenchBlock] = []

    @Option(help: ArgumentHelp("Only this workload. May be repeated. queue-depth runs only so.", valueName: "name"))
    var only: [String] = []

    @Option(help: ArgumentHelp("The share of a full run; below 1 the figures say little.", valueName: "factor"))
    var scale = 1.0

    @Option(help: ArgumentHelp("Where to write. What is written is removed again.", valueName: "dir"))
    var directory = "."

    @OptionGroup(title: "Stores (locks)") var store: MeasuredStoreOptions
    @OptionGroup(title: "Traces (caches)") var trace: TraceOptions

    @OptionGroup var output: OutputOptions

    mutating func validate() throws {
        guard self.scale > 0, self.scale.isFinite else {
            throw ValidationError("--scale must be greater than zero, not \(self.scale).")
        }
        try self.trace.check(for: self.blocks)
        try self.store.check(for: self.blocks)
        let names = self.store.names ?? BenchBlock.allCases.flatMap { $0.workloads + $0.onRequest }.map(\.name)
        for name in self.only where !names.contains(name) {
            throw ValidationError(
                "There is no workload \(NameRules.quoted(name)). There are \(names.joined(separator: ", ")).")
        }
    }

    mutating func run() async throws {
        if let file = self.trace.trace {
            let report = try self.trace.report(on: file)
            StandardOutput.write(self.output.json ? try JSONText.of(report) : TraceOptions.table(of: report))
            return
        }
        let workloads = try self.workloads()
        let progress = ProgressLine()
        let options = WorkloadOptions(scale: self.scale, directory: self.directory) { name, share in
            progress.show("\(name) \(Int(share * 100)) %")
        }
        let load = Machine.loadAverage
        var measurements: [Measurement] = []
        for workload in workloads {
            progress.show(workload.name)
            measurements.append(try await workload.run(options))
        }
        progress.clear()
        let words = CommandLine.arguments.dropFirst().joined(separator: " ")
        let report = BenchmarkReport(
            machine: .current(), versions: ["colony": Version.current], command: "colony \(words)", scale: self.scale,
            measurements: measurements, load: BenchmarkReport.Load(before: load, after: Machine.loadAverage))
        StandardOutput.write(self.output.json ? try JSONText.of(report) : report.table)
    }

    private func workloads() throws -> [Workload] {
        if let workloads = try self.store.workloads() {
            return workloads.filter { self.only.isEmpty || self.only.contains($0.name) }
        }
        let blocks = self.blocks.isEmpty ? BenchBlock.allCases : self.blocks
        return blocks.flatMap { self.workloads(of: $0) }
    }

    private func workloads(of block: BenchBlock) -> [Workload] {
        if self.only.isEmpty { return block.workloads }
        return (block.workloads + block.onRequest).filter { self.only.contains($0.name) }
    }
}

/// A block of Colony that has workloads.
enum BenchBlock: String, CaseIterable, ExpressibleByArgument {
    case locks
    case ids
    case hashing
    /// Traces only: it has no workload of its own.
    case caches
    case queues
    case resilience
    case balancing
    case transactions

    var workloads: [Workload] {
        switch self {
        case .locks: LockWorkloads.all
        case .ids: SnowflakeWorkload.all + UUIDWorkload.all + SegmentWorkload.all
        case .hashing: HashSpeedWorkload.all + PlacementWorkload.all
        case .caches: []
        case .queues: QueueWorkloads.all
        case .resilience: ResilienceWorkload.all
        case .balancing: PickWorkload.all + FleetTable.all
        case .transactions: TransactionWorkloads.all
        }
    }

    /// Those that take so much time or space that they are run only by name.
    var onRequest: [Workload] {
        switch self {
        case .queues: QueueWorkloads.onRequest
        case .locks, .ids, .hashing, .caches, .resilience, .balancing, .transactions: []
        }
    }
}
