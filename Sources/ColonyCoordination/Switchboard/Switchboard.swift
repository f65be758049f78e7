public import ColonyCore
public import ColonyResilience
import Synchronization

/// Shows the breakers of a process, and whatever else is `Switchable`, to operators, and lets them be switched from outside.
///
/// Each process writes how they stand as one record that lives as long as the process does, and follows the
/// positions that operators set: the console of the daemon, or any program by ``SwitchOperator``. All processes that give a breaker the
/// same name share its switch.
///
/// ```swift
/// let board = try Switchboard(on: engine, node: "orders-7")
/// try board.add(payments)     // a CircuitBreaker
/// try await board.run()       // a task of the process, until it is cancelled
/// ```
///
/// What the processes count stays their own: a breaker opens by what its process has seen, and no network is asked when a call is made.
/// While the store cannot be reached, positions stay as they were last known.
///
/// - SeeAlso: <doc:Switchboards>
public final class Switchboard: Sendable {
    /// The name of this process among those that report.
    public let node: NodeID

    let engine: any RegistryEngine
    let keeper: LeaseKeeper
    let room: WaitingRoom
    let duration: Duration
    let interval: Duration
    let state = Mutex(State())

    struct State {
        var members: [SwitchID: any Switchable] = [:]
        var positions: [SwitchID: SwitchPosition] = [:]
        var isRunning = false
    }

    /// The most breakers of a process, so that its report stays below the largest record.
    public static let maximumMembers = 128

    /// The group of the reports: one record of each process, under the name of its node.
    public static let reports: LeaseName = "switchboard/reports"
    /// The group of the positions: one record of each switch that was moved, under its text, such as `breaker/payments`.
    public static let positions: LeaseName = "switchboard/positions"

    /// Makes a board on an engine. No I/O happens yet.
    ///
    /// - Parameters:
    ///   - engine: Where reports and positions are kept.
    ///   - node: The name of this process; another one with the same name takes its place.
    ///   - duration: How long the report stays after the process died. From ``ColonyCore/LeaseLimits/duration``.
    ///   - interval: How often a report that has changed is written; from 100 milliseconds. Two seconds are what a person who looks at a
    ///     console takes for now.
    ///   - keeper: On whose thread the report is kept alive.
    ///   - room: Whose clock, limits, and jitter count.
    /// - Throws: ``CoordinationError`` with code `invalidRequest`, which quotes the interval.
    public init(
        on engine: some RegistryEngine, node: NodeID, duration: Duration = .seconds(30),
        interval: Duration = .seconds(2), keeper: LeaseKeeper = .shared, room: WaitingRoom = .shared
    ) throws(CoordinationError) {
        guard interval >= .milliseconds(100) else {
            throw CoordinationError(
                .invalidRequest, "reports cannot be written each \(interval.text): from 100 milliseconds")
        }
        self.engine = engine
        self.node = node
        self.duration = duration
        self.interval = interval
        self.keeper = keeper
        self.room = room
    }

    /// Puts a breaker on the board, in the place of one with the same name. It takes the present position of its switch at once.
    ///
    /// - Throws: ``CoordinationError`` with code `invalidRequest` if ``maximumMembers`` are on the board.
    public func add(_ member: some Switchable) throws(CoordinationError) {
        let id = member.switchID
        let (isAdded, former) = self.state.withLock { state -> (Bool, (any Switchable)?) in
            guard state.members[id] != nil || state.members.count < Self.maximumMembers else { return (false, nil) }
            return (true, state.members.updateValue(member, forKey: id))
        }
        guard isAdded else {
            throw CoordinationError(
                .invalidRequest, "\(id) is one too many: \(Self.maximumMembers) are the most of a process")
        }
        if let former, !Self.isSame(former, member), self.position(of: id) != .automatic { former.apply(.automatic) }
        // A switch that is moved at the same moment may be applied by its mover before or after; the last word is what stands.
        var applied = SwitchPosition.automatic
        while true {
            let wanted = self.position(of: id)
            if wanted == applied { break }
            member.apply(wanted)
            applied = wanted
        }
    }

    private static func isSame(_ first: any Switchable, _ second: any Switchable) -> Bool {
        guard type(of: first) is AnyObject.Type, type(of: second) is AnyObject.Type else { return false }
        return (first as AnyObject) === (second as AnyObject)
    }

    /// Takes something off the board. It is automatic again.
    public func remove(_ id: SwitchID) {
        let member = self.state.withLock { $0.members.removeValue(forKey: id) }
        member?.apply(.automatic)
    }

    /// The position of a switch as it is known here.
    public func position(of id: SwitchID) -> SwitchPosition {
        self.state.withLock { $0.positions[id] ?? .automatic }
    }
}
