import ColonyCore
import ColonyTransactions

/// Lays the steps of a request out in a row, each after those that it waits for, and refuses what cannot work.
///
/// The order is that of every saga: steps that can be undone or change nothing, then at most one that decides, then those that are
/// repeated until they are done. A saga in another order could come to where it can go neither forward nor back.
struct SagaLayout {
    private enum Phase { case before, after(pivot: String) }

    let rules: AddressRules
    private var steps: [HTTPStep] = []
    private var names: Set<String> = []
    private var phase = Phase.before
    /// The places of the steps that the next one waits for.
    private var frontier: [Int] = []

    init(rules: AddressRules) {
        self.rules = rules
    }

    mutating func add(_ written: [SagaRequest.Written], inBranch: Bool = false) throws(Problem) {
        for step in written {
            if let branches = step.branches {
                try self.addBranches(branches, of: step)
            } else {
                try self.addStep(step, inBranch: inBranch)
            }
        }
    }

    func finished() throws(Problem) -> [HTTPStep] {
        guard !self.steps.isEmpty else { throw Problem(.invalidRequest, "steps is refused: a saga needs a step") }
        return self.steps
    }

    private mutating func addBranches(
        _ branches: [[SagaRequest.Written]], of step: SagaRequest.Written
    ) throws(Problem) {
        if let member = step.member {
            throw Problem(.invalidRequest, "\(step.path) has branches in parallel, and beside them there is \(member)")
        }
        guard !branches.isEmpty, branches.allSatisfy({ !$0.isEmpty }) else {
            throw Problem(.invalidRequest, "\(step.path).parallel is refused: each branch needs a step")
        }
        let fork = self.frontier
        var ends: Set<Int> = []
        for branch in branches {
            self.frontier = fork
            try self.add(branch, inBranch: true)
            ends.formUnion(self.frontier)
        }
        self.frontier = ends.sorted()
    }

    private mutating func addStep(_ written: SagaRequest.Written, inBranch: Bool) throws(Problem) {
        guard let text = written.name else { throw .missing("\(written.path).name") }
        do throws(InvalidName) {
            _ = try StepName(text)
        } catch {
            throw Problem(.invalidName, "\(written.path).name is refused: \(error)")
        }
        let shown = "the step \(NameRules.quoted(text))"
        guard self.names.insert(text).inserted else {
            throw Problem(
                .invalidRequest, "\(written.path).name is refused: there are two steps \(NameRules.quoted(text))")
        }
        guard self.steps.count < TransactionLimits.steps else {
            throw Problem(.invalidRequest, "steps is refused: there are more than \(TransactionLimits.steps)")
        }
        guard let action = written.action else {
            throw Problem(.invalidRequest, "\(written.path).action is missing: \(shown) has nothing to call")
        }
        let kind = try self.kind(of: written, shown, inBranch: inBranch)
        try self.rules.check(action, as: "action", of: shown)
        if let compensation = written.compensation {
            try self.rules.check(compensation, as: "compensation", of: shown)
        }
        try HTTPRetry.check(written.timeout, written.retry, of: shown)
        self.steps.append(
            HTTPStep(
                name: text, kind: kind, after: self.frontier, action: action, compensation: written.compensation,
                timeout: written.timeout, retry: written.retry, outputs: written.outputs))
        self.frontier = [self.steps.count - 1]
    }

    private mutating func kind(
        of written: SagaRequest.Written, _ shown: String, inBranch: Bool
    ) throws(Problem) -> HTTPStep.Kind {
        func refused(_ reason: String) -> Problem { Problem(.invalidRequest, "\(written.path): \(shown) \(reason)") }
        let name = written.name ?? ""
        switch (written.compensation != nil, written.reads, written.isRetryable) {
        case (true, true, _):
            throw refused("only reads, and has a compensation: there is nothing to undo")
        case (_, true, true):
            throw refused("is said to read and to be retryable: one of them")
        case (true, _, true):
            throw refused("is retryable and has a compensation: what is repeated until it is done is never undone")
        case (false, false, true):
            if case .before = self.phase { self.phase = .after(pivot: name) }
            return .retryable
        case (let canBeUndone, let reads, false):
            if case .after(let pivot) = self.phase {
                throw refused(
                    "comes after \(NameRules.quoted(pivot)), from which on nothing is undone: say \"retryable\": true, "
                        + "or move it before that")
            }
            if canBeUndone { return .compensable }
            if reads { return .read }
            guard !inBranch else {
                throw refused(
                    "has no compensation, and others are worked on at the same time: give it one, or move it out of "
                        + "the branches")
            }
            self.phase = .after(pivot: name)
            return .pivot
        }
    }
}

extension AddressRules {
    /// Refuses a URL that cannot be called, as far as it can be seen before.
    func check(_ text: String, as member: String, of shown: String) throws(Problem) {
        let address: CallAddress
        do throws(CallAddress.Defect) {
            address = try CallAddress(text)
        } catch {
            throw Problem(
                .invalidRequest, "\(shown) cannot call \(NameRules.quoted(text)) as its \(member): \(error.reason)")
        }
        if let literal = address.literal, let defect = self.defect(of: literal) {
            throw Problem(
                .invalidRequest, "\(shown) may not call \(NameRules.quoted(text)) as its \(member): \(defect)")
        }
    }
}

extension HTTPRetry {
    /// Refuses numbers that do not go together.
    static func check(_ timeout: Int64?, _ retry: HTTPRetry?, of shown: String) throws(Problem) {
        if let initial = retry?.initial, let maximum = retry?.maximum, initial > maximum {
            throw Problem(
                .invalidRequest,
                "\(shown) waits at least initial_ms \(initial) and at most maximum_ms \(maximum): the first is greater")
        }
    }
}
