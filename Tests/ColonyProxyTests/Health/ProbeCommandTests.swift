import ColonyBalancing
import ColonyCore
import ColonyProxy
import Foundation
import Testing

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
@preconcurrency import Musl
#else
@preconcurrency import Glibc
#endif

@Suite("Commands as probes")
struct ProbeCommandTests {
    private static let clock = HostClock()

    private static func ask(
        _ script: String, _ arguments: [String] = [], address: String = "10.1.2.3:8080",
        within timeout: Duration = .seconds(30), port: Int? = nil
    ) async throws -> HealthProbeResult {
        try await self.ask(.init("/bin/sh", arguments: ["-c", script, "sh"] + arguments), address, timeout, port)
    }

    private static func ask(
        _ command: HealthCheck.Command, _ address: String = "10.1.2.3:8080", _ timeout: Duration = .seconds(30),
        _ port: Int? = nil
    ) async throws -> HealthProbeResult {
        let check = try HealthCheck("test", .command(command), timeout: timeout, port: port)
        return await NetworkProbe().probe(
            try Endpoint(address, name: "first"), with: check, deadline: self.clock.now.advanced(by: timeout))
    }

    /// A file that a command writes to.
    private static func withFile(_ body: (String) async throws -> Void) async throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("colony-command-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: file) }
        try await body(file.path)
    }

    private static func numbers(in file: String) -> [pid_t] {
        (try? String(contentsOfFile: file, encoding: .utf8))?.split(whereSeparator: \.isWhitespace).compactMap {
            pid_t($0)
        } ?? []
    }

    /// Whether there is such a process, one that is dead and was not taken included.
    private static func exists(_ process: pid_t) -> Bool { kill(process, 0) == 0 || errno == EPERM }

    @Test("a command says by its status whether an endpoint works")
    func statuses() async throws {
        let good = try await Self.ask("exit 0")
        #expect(good.reason == "the command ended with status 0")
        let failed = try await Self.ask("exit 3")
        #expect(!failed.isSuccess)
        #expect(failed.reason == "the command ended with status 3")
        let ended = try await Self.ask("kill -TERM $$")
        #expect(ended.reason == "the command was ended by signal 15")
        let missing = try await Self.ask(.init("/nowhere/check"))
        #expect(missing.reason == "the command could not be started: no such file or directory")
    }

    @Test("a command is told the endpoint, gets its arguments as they are, and no descriptors of this process")
    func surroundings() async throws {
        let script = "test \"$COLONY_ENDPOINT_HOST|$COLONY_ENDPOINT_PORT|$COLONY_ENDPOINT_NAME|$1\" = \"$2\""
        let told = try await Self.ask(script, ["a b$(c)", "10.1.2.3|8080|first|a b$(c)"])
        #expect(told.isSuccess)
        let toldOtherPort = try await Self.ask(script, ["", "10.1.2.3|9000|first|"], port: 9_000)
        #expect(toldOtherPort.isSuccess)
        let toldSocket = try await Self.ask(script, ["", "unix:/run/x||first|"], address: "unix:/run/x")
        #expect(toldSocket.isSuccess)
        let searching = try await Self.ask("test -n \"$PATH\"")
        #expect(searching.isSuccess)
        let open = open("/dev/null", O_RDONLY)
        defer { close(open) }
        let descriptors = try await Self.ask(
            "! test -e /proc/self/fd/$1 && test \"$(readlink /proc/self/fd/2)\" = /dev/null", ["\(open)"]
        )
        #expect(descriptors.isSuccess)
    }

    @Test("a command that overruns is killed with all that it has started, and nothing is left of it")
    func overrun() async throws {
        try await Self.withFile { file in
            let script = "trap '' TERM INT HUP; sleep 300 & echo $$ $! > \"$1\"; wait"
            // A busy machine may need longer than a second to start it.
            for seconds in [1, 4, 16] where Self.numbers(in: file).isEmpty {
                let result = try await Self.ask(script, [file], within: .seconds(seconds))
                #expect(result.reason == "the command did not end within \(seconds) s")
                #expect((Duration.seconds(seconds)..<Duration.seconds(60)).contains(result.latency))
            }
            let processes = Self.numbers(in: file)
            #expect(processes.count == 2)
            #expect(processes.first.map(Self.exists) == false, "it is gone, and was taken")
            try await eventually("an end of what it had started") { !processes.contains(where: Self.exists) }
        }
    }

    @Test("what a command leaves behind is killed when it ends")
    func leftovers() async throws {
        try await Self.withFile { file in
            let parent = try await Self.ask("sleep 300 & echo $$ $! > \"$1\"", [file])
            #expect(parent.isSuccess)
            let processes = Self.numbers(in: file)
            #expect(processes.count == 2)
            try await eventually("an end of what it had started") { !processes.contains(where: Self.exists) }
        }
    }

    @Test("a command is killed when its probe is cancelled, also before it has begun")
    func cancellation() async throws {
        try await Self.withFile { file in
            let task = Task { try await Self.ask("echo $$ > \"$1\"; exec sleep 300", [file], within: .seconds(250)) }
            try await eventually("a start of the command") { !Self.numbers(in: file).isEmpty }
            task.cancel()
            let result = try await task.value
            #expect(result.reason == "the command was ended by signal 9")
            #expect(!Self.numbers(in: file).contains(where: Self.exists))
        }
        let early = Task { try await Self.ask("sleep 300", within: .seconds(250)) }
        early.cancel()
        #expect(try await early.value.isSuccess == false)
    }

    @Test("many commands run side by side")
    func manyAtOnce() async throws {
        let results = try await withThrowingTaskGroup(of: (Int, HealthProbeResult).self) { group in
            for number in 0..<24 {
                group.addTask { (number, try await Self.ask("exit $1", ["\(number % 3)"])) }
            }
            return try await group.reduce(into: [:]) { $0[$1.0] = $1.1.reason }
        }
        #expect(results.count == 24)
        #expect(results.allSatisfy { $1 == "the command ended with status \($0 % 3)" })
    }
}
