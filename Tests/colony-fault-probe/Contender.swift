import ColonyCoordination
import ColonyCore
import ColonySQLite
import ColonySimulation
import EngineUnderFaults
import FaultHistory
import Synchronization

/// Takes the lock again and again until its task is cancelled.
final class Contender: Sendable {
    private let arguments: ProbeArguments
    private let contest: Contest
    private let register: FencedRegister
    private let diary: Diary
    private let clock = HostClock()

    init(_ arguments: ProbeArguments) throws {
        self.arguments = arguments
        let diary = Diary(arguments.who, try HistoryFile(arguments.history))
        self.diary = diary
        self.register = try FencedRegister(arguments.register, isGuarded: arguments.isGuarded)
        let configuration = LockConfiguration(
            duration: arguments.ttl, waiting: arguments.wait ?? arguments.ttl * 10,
            renewsAutomatically: !arguments.isSleeper,
            onEvent: { event in
                if case .lost(let lease, let reason) = event { diary.lost(lease, reason) }
            })
        let (name, engine) = (try LeaseName(arguments.lock), try EngineUnderFaults.make(arguments.url))
        self.contest =
            arguments.isElection
            ? .election(Election(name, on: engine, configuration: configuration))
            : .lock(DistributedLock(name, on: engine, configuration: configuration))
    }

    func run() async {
        var generator = SeededGenerator(seed: Seed(rawValue: self.arguments.seed))
        while !Task.isCancelled {
            let turn = self.diary.ask()
            do throws(CoordinationError) {
                guard let held = try await self.contest.enter() else {
                    self.diary.note(.refused, turn)
                    continue
                }
                let at = self.clock.now
                self.diary.acquired(turn, held.token, at: at, isHeld: held.isHeld)
                await self.work(turn, held, &generator)
                let wasHeld = try await held.giveBack()
                self.diary.note(.released, turn, token: held.token, isAccepted: wasHeld)
            } catch {
                self.diary.note(.failed, turn, text: "\(error)")
                // Long enough not to fill the history while a server is down.
                try? await self.clock.sleep(for: .milliseconds(50))
            }
            // Some of the others shall be first.
            try? await self.clock.sleep(for: .milliseconds(Int64.random(in: 0...20, using: &generator)))
        }
        self.diary.note(.ended, nil)
    }

    /// Writes to the register for a while; one in four works for long enough to need renewals.
    private func work(_ turn: Int, _ held: Tenure, _ generator: inout SeededGenerator) async {
        let longest =
            self.arguments.hold ?? (self.arguments.isSleeper ? self.arguments.ttl * 3 : self.arguments.ttl * 1.5)
        let isLong = Int.random(in: 0..<4, using: &generator) == 0
        let share =
            isLong ? Double.random(in: 0.6...1, using: &generator) : Double.random(in: 0.02...0.2, using: &generator)
        let end = self.clock.now.advanced(by: longest * share)
        while !Task.isCancelled, self.clock.now < end {
            // Read before the look, so that the lock was held at this time if it is held at the look.
            let checked = self.clock.now
            let isHeld = held.isHeld
            if !isHeld, !self.arguments.isSleeper { return }
            await self.write(turn, held.token, checked: isHeld ? checked : nil)
            try? await self.clock.sleep(for: .milliseconds(Int64.random(in: 5...40, using: &generator)))
        }
    }

    private func write(_ turn: Int, _ token: FencingToken, checked: MonotonicInstant?) async {
        do {
            let order = try await self.register.write(token, by: self.arguments.who)
            self.diary.note(.wrote, turn, token: token, checked: checked, isAccepted: true, order: order)
        } catch is StaleToken {
            self.diary.note(.wrote, turn, token: token, checked: checked, isAccepted: false)
        } catch {
            // The register is the measure here and not under test: one that cannot be written ends the process with a report.
            guard Task.isCancelled else { preconditionFailure("the register failed: \(error)") }
        }
    }
}

/// Writes the events of one contender.
final class Diary: Sendable {
    private let who: String
    private let file: HistoryFile
    private let clock = HostClock()
    private let turns = Mutex<(last: Int, byToken: [FencingToken: Int])>((0, [:]))

    init(_ who: String, _ file: HistoryFile) {
        self.who = who
        self.file = file
    }

    /// Begins a turn.
    func ask() -> Int {
        let turn = self.turns.withLock { turns -> Int in
            turns.last += 1
            return turns.last
        }
        self.note(.asked, turn)
        return turn
    }

    func acquired(_ turn: Int, _ token: FencingToken, at: MonotonicInstant, isHeld: Bool) {
        self.turns.withLock { $0.byToken[token] = turn }
        self.file.append(
            HistoryEvent(
                at: at.nanoseconds, who: self.who, .acquired, turn: turn, token: token.rawValue, isHeld: isHeld))
    }

    func lost(_ lease: Lease, _ reason: LockLossReason) {
        // The loss may be told before the acquisition has returned; then the turn is the present one.
        let turn = self.turns.withLock { $0.byToken[lease.token] ?? $0.last }
        self.note(.lost, turn, token: lease.token, text: "\(reason)")
    }

    func note(
        _ kind: HistoryEvent.Kind, _ turn: Int?, token: FencingToken? = nil, checked: MonotonicInstant? = nil,
        isAccepted: Bool? = nil, order: Int64? = nil, text: String? = nil
    ) {
        self.file.append(
            HistoryEvent(
                at: self.clock.now.nanoseconds, who: self.who, kind, turn: turn, token: token?.rawValue,
                checked: checked?.nanoseconds, isAccepted: isAccepted, order: order, text: text))
    }
}
