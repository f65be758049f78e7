import ColonyCore

/// Somebody in this process who waits, for the end of a grant or for its turn.
///
/// - Note: `@unchecked Sendable` because its variables, and those of its subclasses, are read and written only under the
///   lock of the ``LeaseDesk`` that keeps them.
class DeskWait: @unchecked Sendable {
    let name: LeaseName
    /// The engine that was asked, which may be closed before the others on the same store.
    let engine: ObjectIdentifier
    let deadline: MonotonicInstant
    var isOver = false
    /// Why it should end although nothing came of it: cancelled, or its engine is being closed.
    var interruption: LeaseError?

    init(_ name: LeaseName, engine: ObjectIdentifier, deadline: MonotonicInstant) {
        self.name = name
        self.engine = engine
        self.deadline = deadline
    }
}

/// One that waits for the end of a grant.
///
/// - Note: `@unchecked Sendable` as its base: its variables are used only under the lock of the ``LeaseDesk``.
final class ChangeWait: DeskWait, @unchecked Sendable {
    let token: Int64
    var limit: LeaseDesk.Alarms.Entry?
    var continuation: CheckedContinuation<Result<Bool, LeaseError>, Never>?

    init(
        _ name: LeaseName, token: Int64, engine: ObjectIdentifier, deadline: MonotonicInstant
    ) {
        self.token = token
        super.init(name, engine: engine, deadline: deadline)
    }
}

/// One that stands in the queue of a name.
///
/// - Note: `@unchecked Sendable` as its base: its variables are used only under the lock of the ``LeaseDesk``.
final class TurnWait: DeskWait, @unchecked Sendable {
    enum Phase {
        /// Its first request is on the way: it may get the name at once, or a place.
        case entering
        /// It has a place and sleeps. Next: `asking` or `leaving`.
        case waiting
        /// It asks for its turn. `again`: something has changed since. Next: `waiting`, `leaving`, or over.
        case asking(again: Bool)
        /// It gives back its place, or the name. Next: over.
        case leaving
    }

    let owner: OwnerID
    let duration: Int64
    let since: Int64
    var phase = Phase.entering
    var limit: LeaseDesk.Alarms.Entry?
    /// Its place, once it has one.
    var ticket: Int64?
    var hasTimedOut = false
    /// The request that is on the way, to take it back.
    var job: WriteJob?
    var continuation: CheckedContinuation<Result<Acquisition, LeaseError>, Never>?

    init(
        _ name: LeaseName, owner: OwnerID, duration: Int64, since: MonotonicInstant, engine: ObjectIdentifier,
        deadline: MonotonicInstant
    ) {
        self.owner = owner
        self.duration = duration
        self.since = since.nanoseconds
        super.init(name, engine: engine, deadline: deadline)
    }
}
