import ColonyCore
import ColonyWorkloads
import Foundation

/// `colony serve` in a folder of its own, with its defaults apart from the port and the folder.
final class RunningDaemon {
    let process: ChildProcess
    let port: UInt16
    private let log: String

    /// Starts the daemon and waits until it is ready.
    init(colony: String, folder: String, clock: any MonotonicClock) throws {
        self.port = try ClientSocket.freePort()
        self.log = "\(folder)/colony.log"
        self.process = try ChildProcess(
            colony, ["serve", "--data", "\(folder)/colony", "--http", "127.0.0.1:\(self.port)"], output: self.log)
        try self.waitUntilReady(clock: clock)
    }

    deinit {
        self.process.stop()
    }

    func stop() {
        self.process.stop()
    }

    private func waitUntilReady(clock: any MonotonicClock) throws {
        let deadline = clock.now.advanced(by: .seconds(20))
        while clock.now < deadline {
            if let client = try? HTTPClient(port: self.port), let answer = try? client.ask(HTTPMessage.get("/readyz")),
                answer.status == 200
            {
                return
            }
            if self.process.hasEnded { break }
            Pause.milliseconds(1)
        }
        let said = (try? String(contentsOfFile: self.log, encoding: .utf8)) ?? ""
        throw WorkloadError("the daemon was not ready within 20 seconds; it said: \(said.suffix(1_000))")
    }
}

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// A pause between two looks at something that another process does.
enum Pause {
    static func milliseconds(_ count: UInt32) {
        _ = usleep(count * 1_000)
    }
}
