import ColonyCore
import ColonyWorkloads
import Foundation

/// The layers beside those of resilience4j with the same settings: one right after the other, three times in turn.
///
/// The pair with the middle quotient is reported: a machine that is shared changes its speed while it is measured, and the middle one of
/// three quotients does not.
struct ResilienceComparison {
    private static let times = "times resilience4j"

    /// The folder with `Peer.class` and the classes of resilience4j.
    let classes: String

    var all: [Workload] {
        [.breaker, .take, .bulkhead, .pipeline].flatMap { load in
            [1, 2].map { self.comparison(load, threads: $0) }
        }
    }

    private func comparison(_ load: ResilienceLoad, threads: Int) -> Workload {
        Workload(
            name: "resilience4j-\(load.rawValue)-\(threads)",
            title: "\(load.rawValue) on \(threads) \(threads == 1 ? "thread" : "threads"), beside resilience4j",
            target: .atLeast(1, "times", of: Self.times)
        ) { [self] workload, options in
            let calls = options.count(load == .pipeline ? 400_000 : 4_000_000, atLeast: 1_000)
            var pairs: [(own: [Double], theirs: [Double])] = []
            for pair in 0..<3 {
                let own = try await Self.own(load, calls, threads, clock: options.clock)
                pairs.append((own, try self.theirs(load.rawValue, calls, threads, options)))
                options.progress(workload.name, Double(pair + 1) / 3)
            }
            pairs.sort { Median.of($0.own) / Median.of($0.theirs) < Median.of($1.own) / Median.of($1.theirs) }
            let ratios = pairs.map { Median.of($0.own) / Median.of($0.theirs) }
            let (own, theirs) = pairs[1]
            // A thread that hands its call over can leave it when its time is up.
            let pool =
                load == .pipeline
                ? [Median.of(try self.theirs("pipeline-pool", max(1, calls / 20), threads, options))] : []
            return Measurement(
                workload: workload.name, title: workload.title, figure: Median.of(own), unit: "calls/s",
                count: 15 * calls * threads, spread: (own.min() ?? 0)...(own.max() ?? 0),
                facts: [
                    .init("resilience4j", Median.of(theirs), "calls/s"),
                    .init("its slowest round", theirs.min() ?? 0, "calls/s"),
                    .init("its fastest round", theirs.max() ?? 0, "calls/s"),
                    .init(Self.times, ratios[1], "times"),
                    .init("the smallest of three pairs", ratios[0], "times"),
                    .init("the largest of three pairs", ratios[2], "times"),
                ] + pool.map { .init("resilience4j with the operation on a pool of threads", $0, "calls/s") },
                target: workload.target)
        }
    }

    /// New layers, one round unmeasured, and five rounds.
    private static func own(
        _ load: ResilienceLoad, _ calls: Int, _ threads: Int, clock: any MonotonicClock
    ) async throws -> [Double] {
        let layers = try ResilienceLayers()
        var rates: [Double] = []
        for round in 0..<6 {
            let start = clock.now
            try await load.run(calls * threads, tasks: threads, on: layers)
            let seconds = Double(clock.now.nanoseconds - start.nanoseconds) / 1e9
            if round > 0 { rates.append(Double(calls * threads) / seconds) }
        }
        return rates
    }

    private func theirs(
        _ load: String, _ calls: Int, _ threads: Int, _ options: WorkloadOptions
    ) throws -> [Double] {
        guard FileManager.default.fileExists(atPath: "\(self.classes)/Peer.class") else {
            throw WorkloadError("resilience4j is not there; Benchmarks/Peers/resilience4j/build makes it")
        }
        return try ScratchFolder.blocking(in: options.directory) { folder in
            let output = "\(folder)/resilience4j"
            let command = [
                "java", "-XX:+UseParallelGC", "-Xms1g", "-Xmx1g", "-cp",
                "\(self.classes):/usr/share/java/slf4j-api.jar:/usr/share/java/slf4j-nop.jar", "Peer", load,
                "\(threads)", "5", "\(calls)", "\(max(0.1, 2 * min(1, options.scale)))",
            ]
            let code = try ChildProcess("/usr/bin/env", command, output: output).wait()
            let text = try String(contentsOfFile: output, encoding: .utf8)
            guard code == 0 else { throw WorkloadError("Peer.java ended with \(code): \(text.suffix(500))") }
            // A virtual machine may print remarks of its own before the figures.
            return try JSONDecoder().decode([Double].self, from: Data((text.split(separator: "\n").last ?? "").utf8))
        }
    }
}
