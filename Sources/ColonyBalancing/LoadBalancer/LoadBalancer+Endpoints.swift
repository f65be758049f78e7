import ColonyCore
import ColonyHashing
import Synchronization

// Everything here makes a new roster and hands it to the picks. Afterwards no new call goes to an endpoint that was taken out; calls that are
// under way go on, and their ends are counted.

extension LoadBalancer {
    /// What listeners are told: what, of which endpoint, and why.
    typealias Change = (BalancerEvent.Kind, EndpointName, String)

    // MARK: Who is there

    /// The endpoints, in the order in which they were given.
    public var endpoints: [Endpoint] {
        self.control.withLock { control in control.members.map(\.endpoint) }
    }

    /// Puts other endpoints in the place of the present ones.
    ///
    /// An endpoint that is in both with the same name and address keeps its load, its health, and what operators said of it, also if its
    /// weight, zone, or priority is another. Of a subset, only the chosen endpoints are used.
    ///
    /// - Throws: ``BalancingError`` with code `duplicateEndpoint` or `tooManyEndpoints`; nothing changes then.
    /// - Complexity: O(*n*), and for algorithms by key the making of rings or tables in which endpoints have changed.
    public func setEndpoints(_ endpoints: [Endpoint]) throws(BalancingError) {
        let chosen = self.options.subset?.chosen(of: endpoints) ?? endpoints
        guard chosen.count <= Self.endpointLimit else {
            throw BalancingError(
                .tooManyEndpoints,
                "\(chosen.count) endpoints are more than the \(Self.endpointLimit) that a balancer takes")
        }
        var positions: [EndpointName: Int] = [:]
        for (position, endpoint) in chosen.enumerated()
        where positions.updateValue(position, forKey: endpoint.name) != nil {
            throw BalancingError(.duplicateEndpoint, "two endpoints have the name \"\(endpoint.name)\"")
        }
        try self.change { control throws(BalancingError) in
            var added: [Change] = []
            var kept = Set<UInt64>()
            let members = chosen.map { endpoint -> Control.Member in
                if let position = control.positions[endpoint.name],
                    control.members[position].endpoint.address == endpoint.address
                {
                    var member = control.members[position]
                    member.endpoint = endpoint
                    kept.insert(member.cell.pointee.number)
                    return member
                }
                added.append((.added, endpoint.name, ""))
                var member = Control.Member(
                    cell: EndpointCell.allocate(endpoint, settlement: self.settlement), endpoint: endpoint)
                self.start(&member)
                return member
            }
            let gone = control.members.filter { !kept.contains($0.cell.pointee.number) }
            let fresh = members.filter { !kept.contains($0.cell.pointee.number) }
            var next = control
            next.members = members
            next.positions = positions
            // What was held against an endpoint does not follow its name to another address.
            var decisions = gone.flatMap { next.detector?.remove($0.endpoint.name) ?? [] }
            decisions += next.detector?.setEndpoints(chosen.map(\.name)) ?? []
            let restored = self.carryOut(decisions, on: &next)
            do throws(BalancingError) {
                try self.renew(&next)
            } catch {
                for member in fresh { EndpointCell.remove(member.cell) }
                throw error
            }
            control = next
            for member in members {
                member.cell.pointee.endpoint.withLock { $0 = member.endpoint }
            }
            for member in gone { EndpointCell.remove(member.cell) }
            return gone.map { (.removed, $0.endpoint.name, "") } + added + restored
        }
    }

    // MARK: Who is in health

    /// Says what a check found. An endpoint is in health as long as no check says otherwise; checks do not know of each other.
    ///
    /// Saying the same again changes nothing but the reason.
    ///
    /// - Parameters:
    ///   - check: The name of the check, which keeps its state apart from that of others on the same endpoint.
    ///   - reason: What the check saw, for people.
    /// - Throws: ``BalancingError`` with code `unknownEndpoint`.
    public func setHealth(
        of name: EndpointName, isHealthy: Bool, by check: String, reason: String = ""
    ) throws(BalancingError) {
        try self.change { control throws(BalancingError) in
            let position = try control.position(of: name)
            let before = control.members[position].failingChecks
            if isHealthy {
                let decision = control.detector?.recordPassingCheck(name, by: check)
                let restored = self.carryOut(decision.map { [$0] } ?? [], on: &control)
                guard before[check] != nil || !restored.isEmpty else { return [] }
                control.members[position].failingChecks[check] = nil
                if control.members[position].isHealthy { self.start(&control.members[position]) }
                try self.renew(&control)
                return (before[check] == nil ? [] : [(.recovered(check: check), name, reason)]) + restored
            } else {
                control.members[position].failingChecks[check] = reason
                guard before[check] == nil else { return [] }
            }
            try self.renew(&control)
            return [(.failed(check: check), name, reason)]
        }
    }

    /// Forgets what a check said, for all endpoints: it is no longer made.
    public func forgetHealth(by check: String) throws(BalancingError) {
        try self.change { control throws(BalancingError) in
            var events: [Change] = []
            for position in control.members.indices
            where control.members[position].failingChecks.removeValue(forKey: check) != nil {
                if control.members[position].isHealthy { self.start(&control.members[position]) }
                events.append(
                    (.recovered(check: check), control.members[position].endpoint.name, "the check has ended"))
            }
            if !events.isEmpty { try self.renew(&control) }
            return events
        }
    }

    // MARK: What operators say

    /// Takes an endpoint out of new calls, or puts it back.
    ///
    /// - Throws: ``BalancingError`` with code `unknownEndpoint`.
    public func setState(_ state: AdministrativeState, of name: EndpointName) throws(BalancingError) {
        try self.change { control throws(BalancingError) in
            let position = try control.position(of: name)
            guard control.members[position].administrative != state else { return [] }
            if state == .active { self.start(&control.members[position]) }
            control.members[position].administrative = state
            try self.renew(&control)
            return [(.administered(state), name, "")]
        }
    }

    // MARK: Changing

    /// Makes a roster of what is known now, and hands it to the picks.
    func renew(_ control: inout Control) throws(BalancingError) {
        let old = control.roster
        let entries = control.entries(self.options)
        let homes = self.homes(of: old, thatFit: entries)
        do throws(PlacementError) {
            control.roster = try Roster(entries, self.options, refusal: control.refusal, homes: homes)
        } catch {
            throw BalancingError(.invalidConfiguration, error.message, cause: error)
        }
        self.spreadStarts(control)
        self.publish(control.roster)
        // Until the new one was published, picks may have read the old roster.
        withExtendedLifetime(old) {}
    }

    /// The rings and tables that need not be made anew, because the same endpoints with the same weights are in the level.
    private func homes(of old: Roster, thatFit entries: [Roster.Entry]) -> [Roster.LevelKey: KeyedHome] {
        guard self.options.algorithm.isByKey else { return [:] }
        var homes: [Roster.LevelKey: KeyedHome] = [:]
        for level in old.levels {
            let before = level.entries.map { old.entries[$0].endpoint }
            let after = entries.filter { $0.level == level.key }.map(\.endpoint)
            let isSame =
                before.count == after.count
                && zip(before, after).allSatisfy { $0.name == $1.name && $0.weight == $1.weight }
            if isSame { homes[level.key] = level.home }
        }
        return homes
    }

    /// Changes what is known, and tells who listens. Events are sent under the lock, so that they come in the order of the changes.
    func change(
        _ body: (inout Control) throws(BalancingError) -> [Change]
    ) throws(BalancingError) {
        let result = self.control.withLock { control -> Result<Void, BalancingError> in
            do throws(BalancingError) {
                self.tell(try body(&control))
                return .success(())
            } catch {
                return .failure(error)
            }
        }
        try result.get()
    }

    /// Tells who listens.
    func tell(_ changes: [Change]) {
        for (kind, name, reason) in changes {
            self.hub.send(BalancerEvent(kind: kind, endpoint: name, reason: reason, instant: self.clock.now))
        }
    }
}
