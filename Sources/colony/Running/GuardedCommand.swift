import ColonyCore
import Synchronization

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// A command that may run only while a lease is held.
///
/// It runs in a process group of its own, which is signalled as a whole, under a ``Guardian`` that ends it if this process
/// dies. At a terminal the group gets the foreground, so that an interactive command works as if it had been started
/// directly; in a pipeline it gets the foreground only when it asks for the keyboard, because a pager may need it.
///
/// - Important: While this process is stopped (SIGSTOP), nobody renews the lease and nobody watches the command. When it
///   goes on and the lease is over, the command is terminated at once; what it wrote in between only the check of the
///   fencing token at the resource can refuse.
final class GuardedCommand: Sendable {
    private enum Phase {
        case idle
        case running(Guardian, child: pid_t)
        case ended
    }

    private struct State {
        var phase = Phase.idle
        /// When the group is killed for good, once it has been asked to end.
        var killTime: MonotonicInstant?
    }

    private let words: [[UInt8]]
    private let grace: Duration
    private let usesTerminal: Bool
    private let mayGoOn: @Sendable () -> Bool
    private let clock: any MonotonicClock
    private let terminal: ControllingTerminal?
    private let state = Mutex(State())

    /// - Parameters:
    ///   - words: The command and its arguments; at least one.
    ///   - grace: How long after SIGTERM the group gets SIGKILL.
    ///   - usesTerminal: Whether the command may be given the keyboard. One that may not, because it is one of several at the same time, is
    ///     ended when it stops for it.
    ///   - mayGoOn: Whether the lease is held at this moment; asked before a command that was stopped is continued.
    init(
        words: [[UInt8]], grace: Duration, usesTerminal: Bool = true, clock: any MonotonicClock = HostClock(),
        mayGoOn: @escaping @Sendable () -> Bool
    ) {
        self.words = words
        self.grace = grace
        self.usesTerminal = usesTerminal
        self.terminal = usesTerminal ? ControllingTerminal() : nil
        self.mayGoOn = mayGoOn
        self.clock = clock
    }

    /// Finds the file to run, so that a command that does not exist is refused before the lock is taken.
    func locate() throws(Executable.Failure) -> [UInt8] {
        let environment = EnvironmentBytes.ofThisProcess()
        return try Executable.path(
            of: self.words[0], searchPath: EnvironmentBytes.value(of: "PATH", in: environment))
    }

    /// Runs the command to its end.
    ///
    /// When the task is cancelled, the group gets SIGTERM, and SIGKILL after the grace. The call returns after the command
    /// has ended, and in that case after its group has.
    ///
    /// - Parameters:
    ///   - variables: What is added to the environment.
    ///   - input: What the command has as its standard input; without it, that of this process.
    /// - Throws: ``Executable/Failure`` if the command could not be started.
    func run(
        adding variables: [(name: String, value: String)], input: CommandInput? = nil
    ) async throws(Executable.Failure) -> CommandEnd {
        let path = try self.locate()
        try self.start(path, adding: variables, input)
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                startThread(named: "colony-command") { continuation.resume(returning: self.waitForEnd()) }
            }
        } onCancel: {
            self.terminate()
        }
    }

    /// Passes a signal on to the group.
    ///
    /// - Returns: `false` if the command does not run.
    func pass(on signal: CInt) -> Bool {
        self.signal { group in kill(-group, signal) }
    }

    // MARK: Starting

    private func start(
        _ path: [UInt8], adding variables: [(name: String, value: String)], _ input: CommandInput?
    ) throws(Executable.Failure) {
        let guardian = try Guardian()
        var spawn = Spawn(
            path: path, words: self.words,
            environment: EnvironmentBytes.setting(variables, in: EnvironmentBytes.ofThisProcess()),
            group: guardian.group, descriptors: input.map { [(here: $0.descriptor, there: CInt(0))] } ?? [],
            signals: SignalRelay.inherited)
        // Before the start, so that the command's first read finds the terminal ready.
        if isatty(STDIN_FILENO) == 1, isatty(STDOUT_FILENO) == 1 { _ = self.terminal?.lend(to: guardian.group) }
        // Under the lock, so that a signal that arrives right after the start finds the command running.
        let failure = self.state.withLock { state -> Spawn.SpawnError? in
            var result = spawn.start()
            if case .failure(let error) = result, error.number == ENOEXEC {
                // A script without a first line that names its interpreter is run by the shell, as every shell does.
                spawn.words = [Array("sh".utf8), path] + self.words.dropFirst()
                spawn.path = Array("/bin/sh".utf8)
                result = spawn.start()
            }
            switch result {
            case .success(let child):
                state.phase = .running(guardian, child: child)
                return nil
            case .failure(let error):
                return error
            }
        }
        if let failure {
            self.terminal?.takeBack(from: guardian.group)
            guardian.dismiss()
            throw .notStarted(path: String(decoding: path, as: UTF8.self), errorNumber: failure.number)
        }
    }

    // MARK: Signalling

    /// Calls `body` while the numbers of the command and its group are certain to be theirs.
    private func signal(_ body: (_ group: pid_t) -> CInt) -> Bool {
        self.state.withLock { state in
            guard case .running(let guardian, let child) = state.phase else { return false }
            _ = body(guardian.group)
            // An interactive shell makes a group of its own. It is reached as well as long as it is that shell's.
            if getpgid(child) == child { _ = body(child) }
            return true
        }
    }

    /// Asks the group to end, and ends it when the grace is over.
    private func terminate() {
        let killTime = self.clock.now.advanced(by: self.grace)
        self.state.withLock { $0.killTime = $0.killTime ?? killTime }
        let isRunning = self.signal { group in
            kill(-group, SIGTERM)
            // A stopped process does not see the request before it goes on.
            return kill(-group, SIGCONT)
        }
        guard isRunning else { return }
        Task {
            // Nobody cancels this task, so the sleep cannot throw.
            try? await self.clock.sleep(until: killTime, tolerance: nil)
            _ = self.signal { group in kill(-group, SIGKILL) }
        }
    }

    // MARK: Waiting

    private func waitForEnd() -> CommandEnd {
        guard case .running(let guardian, let child) = self.state.withLock({ $0.phase }) else {
            preconditionFailure("a command is waited for while it runs")
        }
        let modes = self.terminal?.modes
        while true {
            // The end is seen here and taken under the lock, so that nobody signals a number that is no longer the command's.
            var information = siginfo_t()
            if waitid(P_PID, id_t(child), &information, WEXITED | WSTOPPED | WNOWAIT) == -1, errno != EINTR {
                preconditionFailure("the command's process is not a child: error \(errno)")
            }
            var stopSignal: CInt?
            let end = self.state.withLock { state -> CommandEnd? in
                var status: CInt = 0
                guard waitpid(child, &status, WNOHANG | WUNTRACED) == child else { return nil }
                guard let end = CommandEnd(waitStatus: status) else {
                    stopSignal = (status >> 8) & 0xFF
                    return nil
                }
                state.phase = .ended
                return end
            }
            if let stopSignal { self.stopped(by: stopSignal, guardian.group) }
            guard let end else { continue }
            self.terminal?.takeBack(from: guardian.group)
            if case .killed = end, let modes, self.terminal?.isOurs == true { self.terminal?.restore(modes) }
            self.finish(guardian)
            return end
        }
    }

    /// Lets what is left of a terminated group have the rest of its grace, then ends it.
    private func finish(_ guardian: Guardian) {
        guardian.dismiss()
        guard let killTime = self.state.withLock({ $0.killTime }) else { return }
        // Nothing tells when a group that is not ours becomes empty, so it is looked at.
        while kill(-guardian.group, 0) == 0, self.clock.now < killTime {
            usleep(10_000)
        }
        _ = kill(-guardian.group, SIGKILL)
    }

    /// The command was stopped: by the stop key, because it wants the terminal, or by somebody's SIGSTOP.
    private func stopped(by signal: CInt, _ group: pid_t) {
        if signal == SIGSTOP { return }
        if !self.usesTerminal { return self.terminate() }
        guard let terminal = self.terminal else { return }
        let wantsTerminal = signal == SIGTTIN || signal == SIGTTOU
        if !(wantsTerminal && terminal.isOurs) {
            // The shell must see its job stop. This process goes on when the shell continues it. The signal goes to this very
            // thread, so that it stops here and not some steps later.
            terminal.takeBack(from: group)
            raise(SIGSTOP)
        }
        // If the lease ran out in the meantime, the cancellation that ends the command is under way.
        guard self.mayGoOn() else { return }
        _ = terminal.lend(to: group)
        _ = self.signal { group in kill(-group, SIGCONT) }
    }
}
