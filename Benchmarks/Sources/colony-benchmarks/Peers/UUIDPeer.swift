import ColonyWorkloads
import Foundation

/// The standard library of another language, making version 4 UUIDs on one thread.
enum UUIDPeer: String, CaseIterable {
    case python
    case java

    /// What the programs in `Peers/uuid` print.
    struct Outcome: Decodable {
        var ids_per_second: Double
        var version: String
    }

    /// Measures the peer, which warms up first.
    ///
    /// - Parameters:
    ///   - seconds: How long it makes ids after the warm-up.
    ///   - programs: The folder with the programs, `Benchmarks/Peers/uuid`.
    ///   - folder: A folder for what the program prints.
    /// - Throws: ``WorkloadError`` if the language is not installed or the program fails.
    func measure(seconds: Double, programs: String, folder: String) throws -> Outcome {
        let output = "\(folder)/uuid-\(self.rawValue).json"
        let command = [self.command, "\(programs)/\(self.program)", "\(seconds)"]
        let code = try ChildProcess("/usr/bin/env", command, output: output).wait()
        let text = try String(contentsOfFile: output, encoding: .utf8)
        switch code {
        case 0: break
        case 127: throw WorkloadError("\(self.command) is not installed (Debian's package is \(self.package))")
        default: throw WorkloadError("\(self.program) ended with \(code): \(text.suffix(500))")
        }
        // A virtual machine may print remarks of its own before the figure.
        let line = text.split(separator: "\n").last ?? ""
        return try JSONDecoder().decode(Outcome.self, from: Data(line.utf8))
    }

    private var command: String {
        switch self {
        case .python: "python3"
        case .java: "java"
        }
    }

    private var program: String {
        switch self {
        case .python: "peer.py"
        case .java: "Peer.java"
        }
    }

    private var package: String {
        switch self {
        case .python: "python3"
        case .java: "default-jdk-headless"
        }
    }
}
