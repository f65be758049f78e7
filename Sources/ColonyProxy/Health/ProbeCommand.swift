import ColonyBalancing
import ColonyCore
import Synchronization

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
@preconcurrency import Musl
#else
@preconcurrency import Glibc
#endif

/// One run of the command of a check.
///
/// The command gets a process group of its own, so that its end, or that of its time, is the end of all that it has started. A thread waits for it,
/// because the system's call for that blocks. The wait looks without taking: while the dead process has not been taken, its number cannot belong
/// to anybody else, and the group can be killed by it.
final class ProbeCommand: Sendable {
    private enum Phase {
        case idle
        case running(pid_t)
        case over
    }

    private struct State {
        var phase = Phase.idle
        /// Whether it is to be killed as soon as it runs.
        var isUnwanted = false
        var hasOverrun = false
    }

    private enum End: Sendable {
        case notStarted(CInt)
        case exited(CInt)
        case killed(signal: CInt)
        case unknown(CInt)
    }

    private let command: HealthCheck.Command
    private let additions: [(name: String, value: String)]
    private let state = Mutex(State())

    init(_ command: HealthCheck.Command, _ endpoint: Endpoint, port: Int?) {
        self.command = command
        let place: [(String, String)] =
            switch endpoint.address.kind {
            case .host(let host, let ownPort):
                [("COLONY_ENDPOINT_HOST", host), ("COLONY_ENDPOINT_PORT", "\(port ?? ownPort)")]
            case .socket(let path): [("COLONY_ENDPOINT_HOST", "unix:\(path)"), ("COLONY_ENDPOINT_PORT", "")]
            }
        self.additions = place + [("COLONY_ENDPOINT_NAME", endpoint.name.rawValue)]
    }

    /// Runs the command to its end, which comes at the deadline at the latest.
    ///
    /// - Parameter timeout: The time as the settings have it, for the sentence that says that it is over.
    func run(
        until deadline: MonotonicInstant, on clock: any MonotonicClock, timeout: Duration
    ) async -> ProbeVerdict {
        let end = await withTaskCancellationHandler {
            await withTaskGroup(of: End?.self) { group in
                group.addTask { await self.runToEnd() }
                group.addTask {
                    do { try await clock.sleep(until: deadline, tolerance: nil) } catch { return nil }
                    self.kill(isOverrun: true)
                    return nil
                }
                var end: End?
                for await event in group {
                    guard let event else { continue }
                    end = event
                    group.cancelAll()
                }
                return end
            }
        } onCancel: {
            self.kill(isOverrun: false)
        }
        if self.state.withLock(\.hasOverrun) {
            return .bad("the command did not end within \(timeout.text)")
        }
        return switch end {
        case .exited(0): .good("the command ended with status 0")
        case .exited(let status): .bad("the command ended with status \(status)")
        case .killed(let signal): .bad("the command was ended by signal \(signal)")
        case .notStarted(let error): .bad("the command could not be started: \(Self.text(error))")
        case .unknown(let error): .bad("what became of the command is not known: \(Self.text(error))")
        case nil: .bad("what became of the command is not known")
        }
    }

    private static func text(_ error: CInt) -> String { String(cString: strerror(error)).lowercased() }

    private func kill(isOverrun: Bool) {
        self.state.withLock { state in
            if case .over = state.phase { return }
            if !state.isUnwanted { state.hasOverrun = isOverrun }
            state.isUnwanted = true
            if case .running(let process) = state.phase { _ = signalGroup(process) }
        }
    }

    private func runToEnd() async -> End? {
        await withCheckedContinuation { continuation in
            startThread(named: "colony-check") { continuation.resume(returning: self.runOnThisThread()) }
        }
    }

    private func runOnThisThread() -> End {
        let started = self.state.withLock { state -> Result<pid_t, SpawnFailure> in
            if state.isUnwanted { return .failure(SpawnFailure(number: ECANCELED)) }
            let result = CommandSpawn.start(self.command, adding: self.additions)
            if case .success(let process) = result { state.phase = .running(process) }
            return result
        }
        let process: pid_t
        switch started {
        case .success(let number): process = number
        case .failure(let failure):
            self.state.withLock { $0.phase = .over }
            return .notStarted(failure.number)
        }
        var information = siginfo_t()
        while waitid(P_PID, id_t(process), &information, WEXITED | WNOWAIT) == -1, errno == EINTR {}
        return self.state.withLock { state in
            // What the command has left behind goes with it.
            _ = signalGroup(process)
            state.phase = .over
            var status: CInt = 0
            while waitpid(process, &status, 0) == -1 {
                if errno != EINTR { return .unknown(errno) }
            }
            return status & 0x7F == 0 ? .exited((status >> 8) & 0xFF) : .killed(signal: status & 0x7F)
        }
    }
}

/// Kills the process group that bears the number of its first process.
private func signalGroup(_ process: pid_t) -> CInt { kill(-process, SIGKILL) }

/// Why a program could not be started.
struct SpawnFailure: Error {
    let number: CInt
}

/// Starts a command with nothing but the environment and three descriptors that lead nowhere.
private enum CommandSpawn {
    static func start(
        _ command: HealthCheck.Command, adding values: [(name: String, value: String)]
    ) -> Result<pid_t, SpawnFailure> {
        var attributes = posix_spawnattr_t.empty
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF
        #if canImport(Darwin)
        flags |= POSIX_SPAWN_CLOEXEC_DEFAULT
        #endif
        posix_spawnattr_setflags(&attributes, Int16(flags))
        posix_spawnattr_setpgroup(&attributes, 0)
        var held = sigset_t()
        sigemptyset(&held)
        posix_spawnattr_setsigmask(&attributes, &held)
        // Network code switches SIGPIPE off, and a program that inherits that does not end when its output is gone.
        var restored = sigset_t()
        sigemptyset(&restored)
        for signal in 1...31 where CInt(signal) != SIGKILL && CInt(signal) != SIGSTOP {
            sigaddset(&restored, CInt(signal))
        }
        posix_spawnattr_setsigdefault(&attributes, &restored)

        var actions = posix_spawn_file_actions_t.empty
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        #if !canImport(Darwin)
        // Connections of this process would stay open for as long as the command has them. What another thread opens between here and the
        // start is inherited all the same, for as long as the command may take.
        for descriptor in Self.openDescriptors() {
            posix_spawn_file_actions_addclose(&actions, descriptor)
        }
        #endif

        let words = Self.copied([command.path] + command.arguments)
        let environment = Self.environment(adding: values)
        defer { for string in words + environment { free(string) } }
        var process: pid_t = 0
        let status = posix_spawn(&process, command.path, &actions, &attributes, words, environment)
        return status == 0 ? .success(process) : .failure(SpawnFailure(number: status))
    }

    #if !canImport(Darwin)
    /// All above the three that every program has.
    private static func openDescriptors() -> [CInt] {
        guard let folder = opendir("/proc/self/fd") else { return [] }
        defer { closedir(folder) }
        var descriptors: [CInt] = []
        while let entry = readdir(folder) {
            let number = withUnsafePointer(to: &entry.pointee.d_name) { name in
                name.withMemoryRebound(to: CChar.self, capacity: 256) { CInt(String(cString: $0)) }
            }
            if let number, number > 2 { descriptors.append(number) }
        }
        return descriptors
    }
    #endif

    private static func copied(_ strings: [String]) -> [UnsafeMutablePointer<CChar>?] {
        strings.map { strdup($0) } + [nil]
    }

    /// The environment of this process, byte by byte, because values need not be UTF-8, with some values set.
    private static func environment(
        adding values: [(name: String, value: String)]
    ) -> [UnsafeMutablePointer<CChar>?] {
        var entries: [UnsafeMutablePointer<CChar>?] = []
        #if canImport(Darwin)
        var entry: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = _NSGetEnviron().pointee
        #else
        var entry: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = environ
        #endif
        while let place = entry, let text = place.pointee {
            let isReplaced = values.contains { strncmp(text, "\($0.name)=", $0.name.utf8.count + 1) == 0 }
            if !isReplaced { entries.append(strdup(text)) }
            entry = place + 1
        }
        return entries + values.map { strdup("\($0.name)=\($0.value)") } + [nil]
    }
}

#if canImport(Darwin)
extension Optional where Wrapped == OpaquePointer {
    fileprivate static var empty: Self { nil }
}
#else
extension posix_spawnattr_t {
    fileprivate static var empty: Self { Self() }
}
extension posix_spawn_file_actions_t {
    fileprivate static var empty: Self { Self() }
}
#endif
