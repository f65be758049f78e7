import ArgumentParser
import ColonyCaches
import ColonyCore
import ColonyWorkloads

/// What `colony bench caches` replays, and how.
struct TraceOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Replay this file: one key a line; plain, gzip, or xz.", valueName: "file"))
    var trace: String?

    @Option(
        help: ArgumentHelp(
            "Only this policy: \(EvictionPolicy.allCases.map(\.snakeCaseName).joined(separator: ", ")). May be repeated.",
            valueName: "name"))
    var policy: [String] = []

    @Option(
        help: ArgumentHelp(
            "A size of the cache, in entries. May be repeated. (default: 0.1 %, 1 %, and 10 % of the different keys)",
            valueName: "entries"))
    var size: [Int] = []

    @Option(help: ArgumentHelp("Read at most so many requests.", valueName: "requests"))
    var limit: Int?

    /// Checks the options, given the blocks that are asked for.
    func check(for blocks: [BenchBlock]) throws {
        if self.trace == nil {
            guard blocks.contains(.caches) || !self.policy.isEmpty || !self.size.isEmpty || self.limit != nil else {
                return
            }
            throw ValidationError("Caches are measured on a trace; name its file with --trace.")
        }
        guard blocks == [.caches] else {
            throw ValidationError("--trace goes with the block caches alone: colony bench caches --trace FILE.")
        }
        for name in self.policy where EvictionPolicy(snakeCaseName: name) == nil {
            let names = EvictionPolicy.allCases.map(\.snakeCaseName).joined(separator: ", ")
            throw ValidationError("There is no policy \(NameRules.quoted(name)). There are \(names).")
        }
        for size in self.size where size < 1 {
            throw ValidationError("--size must be at least 1, not \(size).")
        }
        if let limit, limit < 1 { throw ValidationError("--limit must be at least 1, not \(limit).") }
    }

    /// Reads and replays the trace.
    func report(on file: String) throws -> HitRatioReport {
        let progress = ProgressLine()
        defer { progress.clear() }
        progress.show("reading \(file)")
        let trace = try Trace(readingFrom: file, limit: self.limit)
        let policies = self.policy.compactMap { EvictionPolicy(snakeCaseName: $0) }
        return try HitRatioReport(
            of: trace, named: file, policies: policies.isEmpty ? EvictionPolicy.allCases : policies,
            sizes: self.size.isEmpty ? nil : self.size
        ) { what, share in
            progress.show("\(what) \(Int(share * 100)) %")
        }
    }

    /// The report for people: a row a policy, a column a size.
    static func table(of report: HitRatioReport) -> String {
        let names = EvictionPolicy.allCases.map(\.snakeCaseName) + [HitRatioReport.optimum]
        let present = names.filter { name in report.sizes.contains { $0.hitRatio[name] != nil } }
        var table = TextTable(
            [TextTable.Column("hit ratio in %")]
                + report.sizes.map { TextTable.Column("\($0.size) entries", isNumeric: true) })
        table.rows = present.map { name in
            let isDefault = name == report.defaultPolicy
            return [isDefault ? "\(name) (default)" : name]
                + report.sizes.map { $0.hitRatio[name].map(Self.percent) ?? "" }
        }
        let head = "\(report.trace): \(report.requests) requests for \(report.distinct) different keys"
        return ([head, ""] + table.lines).joined(separator: "\n")
    }

    private static func percent(_ ratio: Double) -> String {
        let hundredths = Int((ratio * 10_000).rounded())
        let rest = hundredths % 100
        return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest)"
    }
}
