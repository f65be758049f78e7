import ColonyCore

/// The branches of a TCC while it is defined, and the plan that they come to: the tries of all, the confirms of all, and the result.
package final class TCCDraft {
    private struct Branch {
        var name: StepName
        var attempt: PlannedStep
        var confirmPolicy: StepPolicy
        var confirm: @Sendable (RawCall, _ place: Int) async throws -> Void
    }

    private struct Outcome {
        var compute: @Sendable (RawCall) throws -> StepResult
        var decodeOutput: @Sendable ([UInt8]) throws -> any Sendable
    }

    private let name: String
    private let origin = DefinitionOrigin.unique()
    private let order: TCCOrder
    private var branches: [Branch] = []
    private var outcome: Outcome?
    private var failure: TransactionError?

    package init(name: String, order: TCCOrder) {
        self.name = name
        self.order = order
    }

    package func add<Output: Sendable>(
        _ name: String, _ policy: StepPolicy, _ confirmPolicy: StepPolicy,
        attempt: @escaping @Sendable (RawCall) async throws -> StepResult,
        decodeOutput: @escaping @Sendable ([UInt8]) throws -> any Sendable,
        confirm: @escaping @Sendable (RawCall, _ place: Int) async throws -> Void,
        cancel: @escaping @Sendable (RawCall) async throws -> Void
    ) -> StepOutput<Output> {
        let branch = self.checked(name)
        if confirmPolicy.exhaustion == .turnBack {
            self.fail("the confirm of \"\(branch)\" cannot turn back; have it be stuck")
        }
        let place = self.branches.count
        let dependencies = self.order == .sequential && place > 0 ? [place - 1] : []
        let shape = StepOutline(
            self.stepName(branch, "try"), .compensable, after: dependencies, hasCompensation: true,
            compensatesRefused: true)
        let step = PlannedStep(
            shape: shape, policy: policy, origin: self.origin,
            action: { raw in try await attempt(raw.at(branch, .try)) },
            compensation: { raw in try await cancel(raw.at(branch, .cancel)) }, decodeOutput: decodeOutput)
        self.branches.append(Branch(name: branch, attempt: step, confirmPolicy: confirmPolicy, confirm: confirm))
        return StepOutput(step: place, name: shape.name, origin: self.origin)
    }

    /// The result comes after all steps that are there.
    func setResult<Value: Sendable>(
        _ compute: @escaping @Sendable (RawCall) throws -> StepResult,
        decodeOutput: @escaping @Sendable ([UInt8]) throws -> any Sendable
    ) -> StepOutput<Value> {
        self.outcome = Outcome(compute: compute, decodeOutput: decodeOutput)
        return StepOutput(step: self.branches.count * 2, name: "result", origin: self.origin)
    }

    /// - Parameter output: What the TCC gives.
    func finished(giving output: StepOutput<some Sendable>) throws(TransactionError) -> [PlannedStep] {
        guard self.failure != nil || output.origin == self.origin else {
            throw TransactionError(
                .invalidDefinition,
                "the TCC \"\(self.name)\" gives what the step \"\(output.name)\" of another definition gives")
        }
        return try self.finished()
    }

    package func finished() throws(TransactionError) -> [PlannedStep] {
        if let failure { throw failure }
        let count = self.branches.count
        guard count > 0 else {
            throw TransactionError(.invalidDefinition, "the TCC \"\(self.name)\" has no branch")
        }
        guard count * 2 + 1 <= TransactionLimits.steps else {
            throw TransactionError(
                .invalidDefinition,
                "the TCC \"\(self.name)\" has \(count) branches: \((TransactionLimits.steps - 1) / 2) at the most")
        }
        var steps = self.branches.map(\.attempt)
        for (index, branch) in self.branches.enumerated() {
            let shape = StepOutline(self.stepName(branch.name, "confirm"), .retryable, after: Array(0..<count))
            let (confirm, name) = (branch.confirm, branch.name)
            steps.append(
                PlannedStep(
                    shape: shape, policy: branch.confirmPolicy, origin: self.origin,
                    action: { raw in
                        try await confirm(raw.at(name, .confirm), index + 1)
                        return StepResult((), bytes: [])
                    }, decodeOutput: { _ in () }))
        }
        if let outcome {
            let compute = outcome.compute
            steps.append(
                PlannedStep(
                    shape: StepOutline("result", .computed, after: Array(count..<count * 2)), policy: .standard,
                    origin: self.origin, action: { raw in try compute(raw) }, compute: compute,
                    decodeOutput: outcome.decodeOutput))
        }
        return steps
    }

    private func checked(_ text: String) -> StepName {
        do throws(InvalidName) {
            let name = try StepName(text)
            _ = try StepName("\(text)/confirm")
            if self.branches.contains(where: { $0.name == name }) {
                self.fail("the TCC \"\(self.name)\" has two branches of the name \"\(name)\"")
            }
            return name
        } catch {
            self.fail("\(error)")
            return "invalid"
        }
    }

    /// A name that was checked with the longest ending.
    private func stepName(_ branch: StepName, _ ending: String) -> StepName {
        StepName(stringLiteral: "\(branch)/\(ending)")
    }

    private func fail(_ reason: String) {
        self.failure = self.failure ?? TransactionError(.invalidDefinition, reason)
    }
}

extension RawCall {
    /// The same call, known to barriers as that of a branch.
    fileprivate func at(_ branch: StepName, _ operation: BarrierCall.Operation) -> RawCall {
        var call = self
        call.barrier = BarrierCall(transaction: self.transaction, branch: branch, operation: operation)
        return call
    }
}
