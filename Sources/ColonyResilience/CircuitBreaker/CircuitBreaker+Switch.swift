import ColonyCore

extension CircuitBreaker: Switchable {
    /// The switch of the breaker's ``name``. Control characters in the name are left out, and it ends after
    /// ``SwitchID/maximumNameBytes``, so that a name that was made from a key always has a switch.
    public var switchID: SwitchID {
        var name = ""
        for scalar in self.name.unicodeScalars where scalar.properties.generalCategory != .control {
            guard name.utf8.count + scalar.utf8.count <= SwitchID.maximumNameBytes else { break }
            name.unicodeScalars.append(scalar)
        }
        do throws(ResilienceError) {
            return try SwitchID(.breaker, name)
        } catch {
            return Self.unnamed
        }
    }

    /// The state with the figures of the process.
    public var switchReport: SwitchReport {
        let snapshot = self.snapshot
        let position: SwitchPosition =
            switch snapshot.state {
            case .forcedOpen: .refusing
            case .disabled: .passing
            case .closed, .open, .halfOpen: .automatic
            }
        return SwitchReport(
            id: self.switchID, position: position, state: snapshot.state.description,
            successes: snapshot.totalSuccesses, failures: snapshot.totalFailures, refusals: snapshot.totalRefusals)
    }

    /// Forces the state, or lets the breaker decide by itself again: closed, with an empty window. A repeat changes nothing.
    public func apply(_ position: SwitchPosition) {
        switch position {
        case .refusing: self.forceOpen()
        case .passing: self.disable()
        case .automatic: self.endForce()
        }
    }

    private static let unnamed: SwitchID = {
        do throws(ResilienceError) {
            return try SwitchID(.breaker, "unnamed")
        } catch {
            preconditionFailure(error.message)
        }
    }()
}
