public import ColonyCore
import ColonyHashing
import Synchronization

/// Chooses which of several endpoints takes the next call.
///
/// It knows which endpoints there are, who is in health, and what is under way, and it knows nothing of sockets: the same object serves a
/// client library and the proxy. Endpoints, their health, and what operators say of them change while calls go on; each pick sees one state or
/// the next, never half of one.
///
/// ```swift
/// let balancer = try LoadBalancer([Endpoint("10.0.0.1:8080"), Endpoint("10.0.0.2:8080", weight: 3)])
/// let pick = try balancer.pick()
/// let answer = try await ask(pick.endpoint.address)
/// pick.succeed()
/// ```
///
/// The load that picks make is counted at once, before a connection is there: calls to an endpoint that is slow to accept are calls under way
/// (envoyproxy/envoy#44989).
///
/// Any thread may use it. Picks do not wait for each other or for changes; see `PickStripes` for how.
public final class LoadBalancer: Sendable {
    /// The most endpoints of a balancer; more than a proxy has connections for. ``EndpointSubset`` is the way to use a part of more.
    public static var endpointLimit: Int { 10_000 }

    /// How it chooses and what it does when endpoints fail.
    public let options: BalancerOptions

    let clock: any MonotonicClock
    let settlement: Settlement
    let control: Mutex<Control>
    let hub = ListenerHub<BalancerEvent>()
    private let stripes: PickStripes
    private let isTimed: Bool

    /// Makes a balancer.
    ///
    /// - Parameters:
    ///   - endpoints: May be empty until discovery has found some; picks then throw `noEndpoints`.
    ///   - clock: What latency, ejection, and slow starts are counted on.
    ///   - generator: Where chance comes from; one with a seed repeats its choices as long as one thread picks.
    /// - Throws: As ``setEndpoints(_:)``.
    public init(
        _ endpoints: [Endpoint], options: BalancerOptions = .standard, clock: any MonotonicClock = HostClock(),
        generator: some RandomNumberGenerator = SystemRandomNumberGenerator()
    ) throws(BalancingError) {
        self.options = options
        self.clock = clock
        self.settlement = Settlement(options, clock: clock)
        self.isTimed = self.settlement.isTimed
        let roster: Roster
        do throws(PlacementError) {
            roster = try Roster([], options, refusal: "", homes: [:])
        } catch {
            throw BalancingError(.invalidConfiguration, error.message, cause: error)
        }
        var generator = generator
        self.stripes = PickStripes(table: roster.table, generator: &generator)
        self.control = Mutex(
            Control(
                roster: roster, options, now: clock.now, generator: StripeChance(state: generator.next())))
        self.settlement.connect(to: self)
        try self.setEndpoints(endpoints)
    }

    deinit {
        self.stripes.deallocate()
        self.control.withLock { control in
            for member in control.members { EndpointCell.remove(member.cell) }
        }
    }

    /// Chooses an endpoint and counts the call as its load.
    ///
    /// Nothing is awaited, and nothing is allocated.
    ///
    /// - Throws: ``BalancingError`` with code `noEndpoints` or `noneAvailable`; nothing is picked then.
    /// - Complexity: As ``BalancingAlgorithm`` says.
    public func pick() throws(BalancingError) -> Pick {
        try self.pick(hash: nil)
    }

    /// Chooses an endpoint for a call of which something is known, and counts the call as its load.
    ///
    /// - Throws: ``BalancingError`` with code `noEndpoints`, or `noneAvailable` if all endpoints are out or to be avoided.
    /// - Complexity: As ``BalancingAlgorithm`` says; O(*n*) if endpoints are to be avoided.
    public func pick(_ context: borrowing PickContext) throws(BalancingError) -> Pick {
        if context.isPlain { return try self.pick(hash: context.hash) }
        return try self.pickWithCare(context)
    }

    private func pick(hash: UInt64?) throws(BalancingError) -> Pick {
        let start = self.isTimed ? self.clock.now.nanoseconds : 0
        let stripe = self.stripes.take()
        let cell = stripe.pointee.choose(self.options.algorithm, hash: hash, settlement: self.settlement, now: start)
        // The load is counted before the stripe is given back, because afterwards the endpoint may be taken out.
        guard let cell else { throw self.refuse(stripe, avoiding: 0) }
        self.begin(cell)
        stripe.pointee.giveBack()
        return Pick(cell, start: start, isSticky: false)
    }

    private func pickWithCare(_ context: borrowing PickContext) throws(BalancingError) -> Pick {
        let start = self.isTimed ? self.clock.now.nanoseconds : 0
        let stripe = self.stripes.take()
        var cell: CellPointer?
        var isSticky = false
        if let name = context.sticky, let bound = stripe.pointee.cell(boundTo: name),
            !context.avoiding.contains(bound.pointee.number)
        {
            (cell, isSticky) = (bound, true)
        } else {
            cell = stripe.pointee.choose(
                self.options.algorithm, hash: context.hash, settlement: self.settlement, now: start)
            if let chosen = cell, context.avoiding.contains(chosen.pointee.number) {
                cell = stripe.pointee.another(avoiding: context.avoiding)
            }
        }
        guard let cell else { throw self.refuse(stripe, avoiding: context.avoiding.count) }
        self.begin(cell)
        stripe.pointee.giveBack()
        return Pick(cell, start: start, isSticky: isSticky)
    }

    @inline(__always)
    private func begin(_ cell: CellPointer) {
        cell.pointee.begin()
        self.settlement.loads?.add(1)
    }

    /// Gives the stripe back, and says why nothing was picked.
    private func refuse(_ stripe: UnsafeMutablePointer<PickStripe>, avoiding count: Int) -> BalancingError {
        let refusal = stripe.pointee.refusal
        stripe.pointee.giveBack()
        guard let refusal, !refusal.isEmpty else {
            return BalancingError(.noEndpoints, "the balancer has no endpoints")
        }
        return BalancingError(.noneAvailable, count == 0 ? refusal : "\(refusal), or is to be avoided")
    }

    /// Hands a new roster to all picks. Under the lock of the control; when it returns, no pick uses the one before.
    func publish(_ roster: Roster) {
        self.settlement.loads?.adapt(toEndpoints: roster.entries.count)
        self.stripes.publish(roster.table)
    }

    /// The changes from now on, with room for `limit` that were not looked at yet; the oldest are dropped.
    public func events(buffering limit: Int = 64) -> AsyncStream<BalancerEvent> {
        self.hub.listen(keepingNewest: limit)
    }
}

// MARK: - What is rarely asked

extension PickStripe {
    /// What a pick is told that finds no endpoint; empty if there are none at all.
    var refusal: String? { self.table.pointee.roster?._withUnsafeGuaranteedRef { $0.refusal } }

    /// The endpoint that a session is bound to, if it still takes calls of sessions.
    func cell(boundTo name: EndpointName) -> CellPointer? {
        self.table.pointee.roster?._withUnsafeGuaranteedRef { roster in
            roster.byName[name].map { roster.entries[$0] }.flatMap { $0.isHealthy && $0.takesSticky ? $0.cell : nil }
        } ?? nil
    }

    /// Some endpoint that may be picked and is not to be avoided, from a place that chance chooses, in the first level that has one, also if that
    /// level gets no other calls.
    mutating func another(avoiding numbers: [UInt64]) -> CellPointer? {
        for number in 0..<self.table.pointee.levelCount {
            let level = self.table.pointee.levels + number
            guard level.pointee.count > 0 else { continue }
            let count = Int(level.pointee.count)
            let start = Int(self.chance.next(below: level.pointee.count))
            for offset in 0..<count {
                let cell = level.pointee.candidates[(start + offset) % count].cell
                if !numbers.contains(cell.pointee.number) { return cell }
            }
        }
        return nil
    }
}
