import ColonyCore
import ColonyWorkloads
import Foundation

/// A single RabbitMQ on loopback, its data beside the daemon's, driven by its client library for C.
///
/// Its settings are Debian's, which are RabbitMQ's own, apart from `raft.segment_max_entries`, which its guide to persistence
/// recommends for small messages. No plugin is on, so that no statistics are gathered for a console.
struct RabbitMQPeer {
    /// What `Peers/rabbitmq-queues` prints.
    struct Outcome: Decodable {
        var mode: String
        var type: String
        var connections: Int
        var messages: Int
        var messages_per_second: Double
        var median_us: Double
        var p99_us: Double
    }

    static let server = "/usr/lib/rabbitmq/bin/rabbitmq-server"
    static let portMapper = "/usr/bin/epmd"
    static let settings = "raft.segment_max_entries = 32768\n"

    let client: String

    /// Finds the server and the client that `make bench` builds.
    init(client: String) throws {
        for program in [Self.server, Self.portMapper] where !FileManager.default.isExecutableFile(atPath: program) {
            throw WorkloadError("\(program) is missing (Debian's package is rabbitmq-server)")
        }
        guard FileManager.default.isExecutableFile(atPath: client) else {
            throw WorkloadError("\(client) is not built; make bench builds it with cc and librabbitmq-dev")
        }
        self.client = client
    }

    /// Starts a server with nothing in it, runs `body`, and stops it.
    func withServer<Result>(
        in folder: String, clock: any MonotonicClock, _ body: (_ port: UInt16) throws -> Result
    ) throws -> Result {
        let home = "\(folder)/rabbitmq"
        try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true)
        try Data(Self.settings.utf8).write(to: URL(filePath: "\(home)/rabbitmq.conf"))
        let port = try ClientSocket.freePort()
        let mapperPort = try ClientSocket.freePort()
        // Started here, because the one that Erlang starts by itself outlives it.
        let mapper = try ChildProcess(
            Self.portMapper, ["-port", "\(mapperPort)", "-address", "127.0.0.1"], output: "\(home)/epmd.log")
        defer { mapper.stop() }
        let environment = [
            "HOME=\(home)", "ERL_EPMD_ADDRESS=127.0.0.1", "ERL_EPMD_PORT=\(mapperPort)",
            "RABBITMQ_NODENAME=colony-bench-\(port)@localhost", "RABBITMQ_NODE_IP_ADDRESS=127.0.0.1",
            "RABBITMQ_NODE_PORT=\(port)", "RABBITMQ_DIST_PORT=\(try ClientSocket.freePort())",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1}",
            "RABBITMQ_MNESIA_BASE=\(home)/data", "RABBITMQ_LOG_BASE=\(home)/log", "RABBITMQ_PID_FILE=\(home)/pid",
            "RABBITMQ_ENABLED_PLUGINS_FILE=\(home)/plugins", "RABBITMQ_CONF_ENV_FILE=\(home)/env.conf",
            "RABBITMQ_CONFIG_FILE=\(home)/rabbitmq.conf",
        ]
        let output = "\(home)/output.log"
        let server = try ChildProcess("/usr/bin/env", environment + [Self.server], output: output)
        defer { server.stop() }
        try self.waitUntilReady(port, server, output, clock: clock)
        return try body(port)
    }

    /// Publishes with confirmations, so many outstanding over all connections.
    func publish(
        type: String, connections: Int, outstanding: Int, seconds: Double, port: UInt16, folder: String
    ) throws -> Outcome {
        try self.run(
            [
                "-mode", "publish", "-connections", "\(connections)", "-outstanding", "\(outstanding)", "-seconds",
                "\(seconds)",
            ],
            type: type, port: port, folder: folder)
    }

    /// Takes a backlog with one consumer, 1,000 messages ahead, and acknowledges each hundred at once.
    func consume(type: String, messages: Int, port: UInt16, folder: String) throws -> Outcome {
        try self.run(
            ["-mode", "consume", "-prefetch", "1000", "-ack-every", "100", "-messages", "\(messages)"], type: type,
            port: port, folder: folder)
    }

    private func run(_ arguments: [String], type: String, port: UInt16, folder: String) throws -> Outcome {
        let output = "\(folder)/rabbitmq-queues-\(UUID().uuidString).json"
        let load = try ChildProcess(self.client, ["-port", "\(port)", "-type", type] + arguments, output: output)
        let code = load.wait()
        let text = try String(contentsOfFile: output, encoding: .utf8)
        guard code == 0 else { throw WorkloadError("rabbitmq-queues ended with \(code): \(text.suffix(500))") }
        return try JSONDecoder().decode(Outcome.self, from: Data(text.utf8))
    }

    /// It listens once it has started everything else.
    private func waitUntilReady(
        _ port: UInt16, _ server: ChildProcess, _ output: String, clock: any MonotonicClock
    ) throws {
        let deadline = clock.now.advanced(by: .seconds(60))
        while clock.now < deadline, !server.hasEnded {
            if (try? ClientSocket(port: port)) != nil { return }
            Pause.milliseconds(50)
        }
        let said = (try? String(contentsOfFile: output, encoding: .utf8)) ?? ""
        throw WorkloadError("RabbitMQ was not ready within 60 seconds; it said: \(said.suffix(1_000))")
    }
}
