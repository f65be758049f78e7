import ArgumentParser
import ColonyCoordination
import ColonyCore
import ColonyRemote
import Synchronization

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// One `colony lock run`, `colony semaphore run`, or `colony elect run`: waits for the lock, the permits, or the leadership, runs
/// the command under it, and gives it back.
final class LockSession: Sendable {
    /// What the command runs under.
    enum Purpose: Sendable {
        case lock
        /// The leadership of an election, of which this is told to observers.
        case leadership(metadata: String?)
        /// Some of the permits that a semaphore has in all.
        case permits(Int, of: Int, on: any PermitEngine)

        /// What a person calls the thing that is waited for.
        var noun: String {
            switch self {
            case .lock: "lock"
            case .leadership: "leadership"
            case .permits: "semaphore"
            }
        }

        /// The variable in which the command finds the name.
        fileprivate var nameVariable: String {
            switch self {
            case .lock: "COLONY_LOCK_NAME"
            case .leadership: "COLONY_ELECTION_NAME"
            case .permits: "COLONY_SEMAPHORE_NAME"
            }
        }
    }

    private struct State {
        /// The lease as it was last heard of.
        var lease: Lease?
        /// The signal that asked this program to end before the command ran.
        var interruption: CInt?
        var end: CommandEnd?
        var work: Task<Void, any Error>?
    }

    private let purpose: Purpose
    private let name: LeaseName
    private let engine: any LeaseEngine
    private let words: [[UInt8]]
    private let ttl: Duration
    private let wait: Duration?
    private let grace: Duration
    private let report: LockReport
    private let clock = HostClock()
    private let state = Mutex(State())

    /// Longer than any engine or program lives.
    private static let forEver: Duration = .seconds(100 * 365 * 86_400)

    init(
        _ purpose: Purpose = .lock, name: LeaseName, engine: any LeaseEngine, words: [[UInt8]], ttl: Duration,
        wait: Duration?, grace: Duration,
        report: LockReport
    ) {
        self.purpose = purpose
        self.name = name
        self.engine = engine
        self.words = words
        self.ttl = ttl
        self.wait = wait
        self.grace = grace
        self.report = report
    }

    /// - Returns: The exit code of the whole.
    /// - Throws: ``Failure``, `CoordinationError`, or ``Executable/Failure``.
    func run() async throws -> CInt {
        let command = GuardedCommand(words: self.words, grace: self.grace) {
            self.state.withLock { $0.lease.map { self.clock.now < $0.expiry } ?? false }
        }
        SignalRelay.start { self.received($0, command) }
        do {
            // A command that does not exist should not make others wait.
            _ = try command.locate()
            try await self.checkReach()
            let progress = Task { await self.report.showWait(on: self.engine) }
            let work = Task { try await self.runUnderLock(command, progress) }
            self.state.withLock { $0.work = work }
            if self.state.withLock({ $0.interruption != nil }) { work.cancel() }
            defer { progress.cancel() }
            try await work.value
        } catch let failure as Executable.Failure {
            throw Failure("command_not_run", "\(failure)", exitCode: .init(failure.exitCode))
        } catch let error as CoordinationError where error.code == .timedOut {
            throw Failure(
                "held", await self.report.busySentence(on: self.engine, wait: self.wait), exitCode: .tryAgainLater)
        } catch let error as CoordinationError where error.code == .leaseLost {
            throw Failure("lost", self.report.lossSentence(error, end: self.state.withLock { $0.end }))
        } catch {
            if let signal = self.state.withLock({ $0.interruption }) { return 128 + signal }
            throw error
        }
        return self.state.withLock { state in
            state.interruption.map { 128 + $0 } ?? state.end?.exitCode ?? 1
        }
    }

    /// Who would wait for ever should hear of a daemon that is not there. A limited wait goes on asking instead, because a
    /// daemon may be restarting.
    private func checkReach() async throws {
        guard self.wait == nil, self.engine is RemoteLeaseEngine else { return }
        do throws(LeaseError) {
            _ = try await self.engine.inspect(self.name)
        } catch {
            if error.code == .unavailable { throw error }
        }
    }

    private func runUnderLock(_ command: GuardedCommand, _ progress: Task<Void, Never>) async throws {
        let configuration = LockConfiguration(duration: self.ttl) { event in
            switch event {
            case .acquired(let lease, _), .renewed(let lease): self.state.withLock { $0.lease = lease }
            default: break
            }
            self.report.note(event)
        }
        var generator = SystemRandomNumberGenerator()
        let name = try OwnerID.ofThisCommand(using: &generator)
        let limit = self.wait ?? Self.forEver
        switch self.purpose {
        case .lock:
            let lock = DistributedLock(self.name, on: self.engine, configuration: configuration)
            try await lock.withLock(waiting: limit, as: LockOwner(id: name)) { lease in
                try await self.run(command, lease.token, progress)
            }
        case .permits(let count, let permits, let engine):
            let semaphore = Semaphore(self.name, permits: permits, on: engine, configuration: configuration)
            try await semaphore.withPermits(count, waiting: limit, as: LockOwner(id: name)) { lease in
                try await self.run(command, lease.token, progress)
            }
        case .leadership(let metadata):
            let election = Election(self.name, on: self.engine, configuration: configuration)
            let campaign = try await election.campaign(upTo: limit, as: name.rawValue, proclaiming: metadata)
            guard let leadership = campaign else {
                throw CoordinationError(.timedOut, "another leads \(self.name)")
            }
            let result = await Self.result {
                try await leadership.whileLeader { try await self.run(command, $0.term, progress) }
            }
            _ = try? await leadership.resign()
            try result.get()
        }
    }

    private func run(
        _ command: GuardedCommand, _ token: FencingToken, _ progress: Task<Void, Never>
    ) async throws {
        progress.cancel()
        await progress.value
        try Task.checkCancellation()
        let end = try await command.run(adding: [
            (FencingToken.environmentVariable, token.description), (self.purpose.nameVariable, self.name.rawValue),
        ])
        self.state.withLock { $0.end = end }
    }

    private static func result(_ body: () async throws -> Void) async -> Result<Void, any Error> {
        do {
            return .success(try await body())
        } catch {
            return .failure(error)
        }
    }

    /// A signal is the command's business if there is one; before it runs, it ends the wait.
    private func received(_ signal: CInt, _ command: GuardedCommand) {
        if command.pass(on: signal) { return }
        if signal == SIGTSTP {
            raise(SIGSTOP)
            return
        }
        if signal == SIGUSR1 || signal == SIGUSR2 { return }
        self.state.withLock { state in
            state.interruption = state.interruption ?? signal
            return state.work
        }?.cancel()
    }
}

extension OwnerID {
    /// Who an operator sees as the holder: the host, the process, and some chance so that no two are the same.
    static func ofThisCommand(using generator: inout some RandomNumberGenerator) throws -> OwnerID {
        var host = [CChar](repeating: 0, count: 256)
        gethostname(&host, host.count - 1)
        let name = String(decoding: host.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let chance = NameRules.hexadecimal(generator.next() as UInt32, digits: 8).lowercased()
        return try OwnerID("\(name.prefix(100)):\(getpid()):\(chance)")
    }
}
