import ColonyCore
import Foundation
import Testing

/// A temporary folder with a store of its own, and the program at work in it. Everything is removed afterwards.
struct Scene: Sendable {
    let folder: String
    /// Variables of the program beyond `PATH`, `HOME`, which is the folder, and `COLONY`, the path of the program.
    let variables: [String: String]

    static func run<Value>(_ body: (Scene) async throws -> Value) async throws -> Value {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("colony-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        return try await body(Scene(folder: folder, variables: ["COLONY_STORE": "sqlite:\(folder)/colony.db"]))
    }

    /// The same folder with other variables.
    func with(_ variables: [String: String]) -> Scene {
        Scene(folder: self.folder, variables: variables)
    }

    // MARK: Files

    func path(_ name: String) -> String { "\(self.folder)/\(name)" }

    func contents(of name: String) -> String? { try? String(contentsOfFile: self.path(name), encoding: .utf8) }

    /// The whole number in a file, once there is one.
    func number(in name: String) -> Int? {
        self.contents(of: name).flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
    }

    func write(_ text: String, to name: String) throws {
        try text.write(toFile: self.path(name), atomically: true, encoding: .utf8)
    }

    // MARK: Processes

    var environment: [String: String] {
        var values = ["HOME": self.folder, "COLONY": ColonyBinary.path, "DIR": self.folder]
        values["PATH"] = ProcessInfo.processInfo.environment["PATH"]
        return values.merging(self.variables) { $1 }
    }

    /// Runs `colony` to its end.
    func colony(_ words: String...) async throws -> Outcome {
        try await self.colony(words)
    }

    func colony(_ words: [String]) async throws -> Outcome {
        try await self.finish([ColonyBinary.path] + words)
    }

    /// Runs a shell script to its end; `$COLONY` is the program and `$DIR` the folder.
    func shell(_ script: String) async throws -> Outcome {
        try await self.finish(["/bin/sh", "-c", script])
    }

    private func finish(_ words: [String]) async throws -> Outcome {
        try await self.during(words.map { Array($0.utf8) }) { _ in }.1
    }

    /// Runs `colony` while `body` watches and signals it.
    func during<Value>(
        colony words: String..., body: (ChildProcess) async throws -> Value
    ) async throws -> (Value, Outcome) {
        try await self.during(([ColonyBinary.path] + words).map { Array($0.utf8) }, body: body)
    }

    /// Starts `colony`. The caller waits for its end.
    func start(_ words: String...) throws -> ChildProcess {
        try ChildProcess(
            ([ColonyBinary.path] + words).map { Array($0.utf8) }, environment: self.environment, in: self.folder,
            as: "process-\(UUID().uuidString)", input: "/dev/null")
    }

    /// Runs any program while `body` watches and signals it. If the body fails, the program is killed.
    func during<Value>(
        _ words: [[UInt8]], input: String = "/dev/null", body: (ChildProcess) async throws -> Value
    ) async throws -> (Value, Outcome) {
        let child = try ChildProcess(
            words, environment: self.environment, in: self.folder, as: "process-\(UUID().uuidString)", input: input)
        do {
            let value = try await body(child)
            return (value, await child.end())
        } catch {
            await child.destroy()
            throw error
        }
    }
}

/// Something that a script waits for, without looking again and again, until the test lets it go on: a named pipe.
struct Gate: Sendable {
    private let scene: Scene

    fileprivate init(_ scene: Scene, name: String) throws {
        self.scene = scene
        guard mkfifo(scene.path(name), 0o600) == 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
    }

    /// Lets one script go on that reads a line from the gate, or will.
    func open() async throws {
        _ = try await self.scene.shell("echo > $DIR/gate")
    }
}

extension Scene {
    /// Makes `$DIR/gate`.
    func makeGate() throws -> Gate { try Gate(self, name: "gate") }
}

extension Scene {
    /// Whether anybody holds the lock.
    func isHeld(_ name: String) async throws -> Bool {
        try await self.colony("lock", "inspect", name).code == 0
    }
}

/// Looks again and again until `condition` holds, and fails the test if that takes longer than `limit`.
func eventually(
    _ comment: Comment, within limit: Duration = .seconds(30), sourceLocation: SourceLocation = #_sourceLocation,
    _ condition: () async throws -> Bool
) async throws {
    let clock = HostClock()
    let deadline = clock.now.advanced(by: limit)
    while try await !condition() {
        try #require(clock.now < deadline, comment, sourceLocation: sourceLocation)
        try await clock.sleep(for: .milliseconds(5))
    }
}

/// Whether any process of the group is there.
func isAlive(group: pid_t) -> Bool { kill(-group, 0) == 0 }
