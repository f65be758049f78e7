import ColonyWorkloads
import Foundation

/// Caffeine under the same load, in a Java virtual machine of its own that warms up first.
struct CaffeinePeer {
    /// Who does Caffeine's maintenance.
    enum Executor: String, CaseIterable {
        /// The common pool: Caffeine's default.
        case pool
        /// The thread that caused it.
        case caller
    }

    /// What `Peers/caffeine/Peer.java` prints.
    struct Outcome: Decodable {
        /// One rate for each round, in operations per second.
        var rates: [Double]
        var hit_ratio: Double
        var keys: String
        var version: String

        var median: Double { Median.of(self.rates) }
    }

    /// The parallel collector, because throughput is what is measured; a fixed heap that holds everything many times.
    static let machineOptions = ["-XX:+UseParallelGC", "-Xms1g", "-Xmx1g"]

    /// `caffeine.jar`, and the folder with the program.
    let library: String
    let program: String

    func measure(
        _ load: CacheLoad, threads: Int, executor: Executor, rounds: Int, operations: Int, warmUpSeconds: Double,
        folder: String
    ) throws -> Outcome {
        guard FileManager.default.fileExists(atPath: self.library) else {
            throw WorkloadError("\(self.library) is not there (Debian's package is libcaffeine-java)")
        }
        let output = "\(folder)/caffeine-\(load.rawValue)-\(threads)-\(executor.rawValue)"
        try? FileManager.default.removeItem(atPath: output)
        let command =
            ["java"] + Self.machineOptions + [
                "-cp", self.library, "\(self.program)/Peer.java", load.rawValue, "\(threads)", executor.rawValue,
                "\(rounds)", "\(operations)", "\(warmUpSeconds)",
            ]
        let code = try ChildProcess("/usr/bin/env", command, output: output).wait()
        let text = try String(contentsOfFile: output, encoding: .utf8)
        switch code {
        case 0: break
        case 127: throw WorkloadError("java is not installed (Debian's package is default-jdk-headless)")
        default: throw WorkloadError("Peer.java ended with \(code): \(text.suffix(500))")
        }
        // A virtual machine may print remarks of its own before the figure.
        let line = text.split(separator: "\n").last ?? ""
        return try JSONDecoder().decode(Outcome.self, from: Data(line.utf8))
    }
}

/// The middle one of several figures.
enum Median {
    static func of(_ figures: [Double]) -> Double {
        precondition(!figures.isEmpty, "a median needs at least one figure")
        return figures.sorted()[(figures.count - 1) / 2]
    }
}
