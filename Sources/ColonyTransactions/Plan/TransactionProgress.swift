/// How far a transaction is, and what comes next: entries of the journal in, what is due out.
///
/// Nothing else decides about a transaction. Its coordinator adds what it learns, and one that takes over adds what it reads, so both
/// come to the same. It knows no clock and calls nobody.
package struct TransactionProgress: Sendable {
    package enum StepState: Hashable, Sendable {
        case idle
        /// The action may have been called.
        case started
        case completed
        case refused(leavesEffects: Bool)
        case compensated
    }

    /// A step that stopped the transaction.
    package struct Trouble: Hashable, Sendable {
        package var step: Int
        package var direction: StepDirection
        package var reason: String
    }

    /// An entry that does not follow from those before it.
    package struct Contradiction: Error, CustomStringConvertible {
        package let description: String
    }

    package let shape: TransactionShape
    package private(set) var steps: [StepState]
    package private(set) var outputs: [[UInt8]?]
    package private(set) var isTurnedBack = false
    package private(set) var turnBack: (cause: JournalEvent.TurnBack, reason: String)?
    package private(set) var trouble: Trouble?
    package private(set) var end: TransactionState?

    package init(_ shape: TransactionShape) {
        self.shape = shape
        self.steps = Array(repeating: .idle, count: shape.steps.count)
        self.outputs = Array(repeating: nil, count: shape.steps.count)
    }

    package var state: TransactionState {
        if let end { return end }
        if self.trouble != nil { return .stuck }
        return self.isTurnedBack ? .compensating : .running
    }

    // MARK: What was decided

    package mutating func apply(_ event: JournalEvent) throws(Contradiction) {
        if let end {
            throw Contradiction(description: "\(event) follows the end, \(end.rawValue)")
        }
        switch event {
        case .started(let step):
            try self.expect(step, to: "be started", .idle)
            self.steps[step] = .started
        case .completed(let step, let output):
            try self.expect(
                step, to: "be completed", .idle, .started, .refused(leavesEffects: false),
                .refused(leavesEffects: true))
            self.steps[step] = .completed
            self.outputs[step] = output
        case .refused(let step, _, let leavesEffects):
            try self.expect(step, to: "be refused", .started)
            self.steps[step] = .refused(leavesEffects: leavesEffects)
        case .failed(let step, _, _, _):
            try self.expect(step, to: "fail")
        case .turnedBack(let cause, let reason):
            self.isTurnedBack = true
            self.turnBack = (cause, reason)
        case .compensated(let step):
            try self.expect(step, to: "be compensated")
            self.steps[step] = .compensated
        case .stuck(let step, let direction, let reason):
            try self.expect(step, to: "be stuck")
            self.trouble = Trouble(step: step, direction: direction, reason: reason)
        case .intervened(let intervention, _, _):
            // A person has reason to believe that who refused will not refuse again.
            if intervention == .retry, let trouble, case .refused = self.steps[trouble.step] {
                self.steps[trouble.step] = .started
            }
            self.trouble = nil
        case .finished(let state):
            self.end = state
        }
    }

    private func expect(
        _ step: Int, to verb: String, _ states: StepState...
    ) throws(Contradiction) {
        guard self.steps.indices.contains(step) else {
            throw Contradiction(description: "step \(step) is to \(verb), and there are \(self.steps.count) steps")
        }
        guard states.isEmpty || states.contains(self.steps[step]) else {
            throw Contradiction(
                description: "the step \(self.shape.steps[step].name) is to \(verb), and it is \(self.steps[step])")
        }
    }

    // MARK: What is due

    /// Steps whose action can be called now; it is not before ``JournalEvent/started(step:)`` is written down, but for those that are
    /// computed.
    package var startable: [Int] {
        if self.isTurnedBack || self.end != nil { return [] }
        return self.steps.indices.filter { index in
            self.steps[index] == .idle
                && self.shape.steps[index].dependencies.allSatisfy { self.steps[$0] == .completed }
        }
    }

    /// Steps whose action was begun and has no known outcome.
    package var unanswered: [Int] {
        if self.isTurnedBack || self.end != nil { return [] }
        return self.steps.indices.filter { self.steps[$0] == .started }
    }

    /// Steps whose compensation can be called now: those after them have nothing to undo any more.
    package var compensable: [Int] {
        if !self.isTurnedBack || self.end != nil { return [] }
        return self.steps.indices.filter { index in
            self.mustCompensate(index) && !self.shape.successors[index].contains(where: self.mustCompensate)
        }
    }

    /// The end that has been reached, before it is written down.
    package var reachedEnd: TransactionState? {
        if self.end != nil { return nil }
        if self.isTurnedBack { return self.steps.indices.contains(where: self.mustCompensate) ? nil : .compensated }
        return self.steps.allSatisfy { $0 == .completed } ? .completed : nil
    }

    /// Whether what was done can still be undone: no step was begun that has no way back.
    package var mayTurnBack: Bool {
        if self.isTurnedBack || self.end != nil { return false }
        return zip(self.steps, self.shape.steps).allSatisfy { state, shape in
            switch (shape.kind, state) {
            case (.compensable, _), (.computed, _), (_, .idle): true
            // Who refuses a pivot has not passed it.
            case (.pivot, .refused): true
            default: false
            }
        }
    }

    private func mustCompensate(_ index: Int) -> Bool {
        guard self.shape.steps[index].hasCompensation else { return false }
        return switch self.steps[index] {
        case .started, .completed: true
        case .refused(let leavesEffects): leavesEffects || self.shape.steps[index].compensatesRefused
        case .idle, .compensated: false
        }
    }
}
