import ColonyCore
import ColonyWorkloads
import Foundation

/// A single etcd with its default settings, its data beside the daemon's, driven by etcd's own client.
struct EtcdPeer {
    /// What `Peers/etcd-locks` prints.
    struct Outcome: Decodable {
        var mode: String
        var pairs: Int
        var pairs_per_second: Double
        var median_us: Double
        var p99_us: Double
    }

    let server: String
    let client: String

    /// Finds etcd and the client that `make bench` builds.
    init(client: String) throws {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        let places = path.split(separator: ":").map { "\($0)/etcd" }
        guard let server = places.first(where: { FileManager.default.isExecutableFile(atPath: $0) }) else {
            throw WorkloadError("etcd is not installed (Debian's package is etcd-server)")
        }
        guard FileManager.default.isExecutableFile(atPath: client) else {
            throw WorkloadError("\(client) is not built; make bench builds it with Go")
        }
        self.server = server
        self.client = client
    }

    /// Measures acquire and release from `clients` clients in one mode.
    func measure(mode: String, clients: Int, seconds: Double, folder: String, clock: any MonotonicClock) throws
        -> Outcome
    {
        let port = try ClientSocket.freePort()
        let peerPort = try ClientSocket.freePort()
        let data = "\(folder)/etcd-\(mode)-\(port)"
        let etcd = try ChildProcess(
            self.server,
            [
                "--data-dir", data, "--log-level", "error",
                "--listen-client-urls", "http://127.0.0.1:\(port)",
                "--advertise-client-urls", "http://127.0.0.1:\(port)",
                "--listen-peer-urls", "http://127.0.0.1:\(peerPort)",
                "--initial-advertise-peer-urls", "http://127.0.0.1:\(peerPort)",
                "--initial-cluster", "default=http://127.0.0.1:\(peerPort)",
            ], output: "\(folder)/etcd.log")
        defer { etcd.stop() }
        try self.waitUntilHealthy(port, etcd, clock: clock)
        let output = "\(folder)/etcd-locks-\(mode)-\(port).json"
        let load = try ChildProcess(
            self.client,
            ["-endpoint", "127.0.0.1:\(port)", "-clients", "\(clients)", "-seconds", "\(seconds)", "-mode", mode],
            output: output)
        let code = load.wait()
        let text = try String(contentsOfFile: output, encoding: .utf8)
        guard code == 0 else { throw WorkloadError("etcd-locks ended with \(code): \(text.suffix(500))") }
        return try JSONDecoder().decode(Outcome.self, from: Data(text.utf8))
    }

    private func waitUntilHealthy(_ port: UInt16, _ etcd: ChildProcess, clock: any MonotonicClock) throws {
        let deadline = clock.now.advanced(by: .seconds(20))
        while clock.now < deadline, !etcd.hasEnded {
            if let client = try? HTTPClient(port: port), let answer = try? client.ask(HTTPMessage.get("/health")),
                answer.status == 200
            {
                return
            }
            Pause.milliseconds(10)
        }
        throw WorkloadError("etcd was not healthy within 20 seconds")
    }
}
