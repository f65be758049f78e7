import ColonyCore
import ColonyWorkloads
import Foundation

/// A Redis without persistence, and its own load generator.
final class RedisServer {
    let port: Int
    private let process: ChildProcess

    init(folder: String, clock: any MonotonicClock) throws {
        let port = Int(try ClientSocket.freePort())
        self.port = port
        self.process = try ChildProcess(
            "/usr/bin/env",
            [
                "redis-server", "--bind", "127.0.0.1", "--port", "\(port)", "--save", "", "--appendonly", "no", "--dir",
                folder,
            ], output: "\(folder)/redis.log")
        let deadline = clock.now.advanced(by: .seconds(20))
        while clock.now < deadline, !self.process.hasEnded {
            if (try? ClientSocket(port: UInt16(port))) != nil { return }
            Pause.milliseconds(10)
        }
        self.process.stop()
        throw WorkloadError("redis-server did not answer within 20 seconds (Debian's package is redis-server)")
    }

    /// Nothing of it is kept, so it is not asked.
    func stop() { self.process.end() }

    /// The rate that `redis-benchmark` prints, with sixteen commands under way on one connection.
    ///
    /// - Parameters:
    ///   - count: Rounded down to whole sixteens, as it breaks off in the middle of a rest.
    ///   - command: A command, or one of its own tests.
    func benchmark(_ command: [String], count: Int, folder: String) throws -> Double {
        let output = "\(folder)/redis-benchmark.csv"
        try? FileManager.default.removeItem(atPath: output)
        let code = try ChildProcess(
            "/usr/bin/env",
            [
                "redis-benchmark", "-h", "127.0.0.1", "-p", "\(self.port)", "-P", "16", "-c", "1", "-n",
                "\(max(1, count / 16) * 16)",
                "--csv",
            ] + command, output: output
        ).wait()
        let text = try String(contentsOfFile: output, encoding: .utf8)
        guard code == 0 else {
            throw WorkloadError(
                "redis-benchmark ended with \(code) (Debian's package is redis-tools): \(text.suffix(300))")
        }
        // "GET","123456.78",… below a heading.
        if let line = text.split(separator: "\n").last {
            let fields = line.split(separator: ",").map { $0.trimmingCharacters(in: CharacterSet(charactersIn: "\"")) }
            if fields.count > 1, let rate = Double(fields[1]) { return rate }
        }
        throw WorkloadError("redis-benchmark printed no rate: \(text.suffix(300))")
    }
}
