import ColonyCore

/// The last steps that were added, which the next one waits for.
///
/// Used while a saga is defined, by the one who defines it.
final class Frontier {
    var steps: [Int]
    /// Ends of branches that the next step waits for.
    private var joined: [Int]?

    init(_ steps: [Int]) {
        self.steps = steps
    }

    /// Where branches begin.
    func fork() -> [Int] { self.steps }

    /// Makes what comes next wait for a branch as well.
    func join(_ branch: Frontier) {
        let joined = (self.joined ?? []) + branch.steps
        self.joined = joined
        self.steps = Set(joined).sorted()
    }

    func move(to step: Int) {
        self.steps = [step]
        self.joined = nil
    }
}

/// The steps of a saga while it is defined.
final class SagaDraft {
    private let saga: String
    private let origin = DefinitionOrigin.unique()
    private var steps: [PlannedStep] = []
    private var failure: TransactionError?

    init(saga: String) {
        self.saga = saga
    }

    /// - Parameter output: What the saga gives.
    func finished(giving output: StepOutput<some Sendable>) throws(TransactionError) -> [PlannedStep] {
        if let failure { throw failure }
        guard self.steps.contains(where: { $0.shape.kind != .computed }) else {
            throw TransactionError(.invalidDefinition, "the saga \"\(self.saga)\" has no step")
        }
        guard self.steps.count <= TransactionLimits.steps else {
            throw TransactionError(
                .invalidDefinition,
                "the saga \"\(self.saga)\" has \(self.steps.count) steps: \(TransactionLimits.steps) at the most")
        }
        guard output.origin == self.origin else {
            throw TransactionError(
                .invalidDefinition,
                "the saga \"\(self.saga)\" gives what the step \"\(output.name)\" of another definition gives")
        }
        return self.steps
    }

    @discardableResult
    func add<Input: Codable & Sendable, Output: Codable & Sendable>(
        _ name: String, _ kind: StepOutline.Kind, _ policy: StepPolicy, after frontier: Frontier,
        _ action: @escaping @Sendable (StepCall<Input>) async throws -> Output,
        compensation: (@Sendable (RawCall) async throws -> Void)?
    ) -> StepOutput<Output> {
        self.add(name, kind, policy, after: frontier, compensation: compensation) { raw in
            let value = try await action(StepCall(raw))
            return StepResult(value, bytes: try JSONCoding.output(value))
        } decodeOutput: { bytes in
            try JSONCoding.decode(Output.self, from: bytes)
        }
    }

    func add<Input: Codable & Sendable>(
        _ name: String, _ kind: StepOutline.Kind, _ policy: StepPolicy, after frontier: Frontier,
        _ action: @escaping @Sendable (StepCall<Input>) async throws -> Void,
        compensation: (@Sendable (RawCall) async throws -> Void)?
    ) {
        let _: StepOutput<Void> = self.add(name, kind, policy, after: frontier, compensation: compensation) { raw in
            try await action(StepCall(raw))
            return StepResult((), bytes: [])
        } decodeOutput: { _ in
            ()
        }
    }

    /// Adds a value that follows from others.
    func compute<Input: Codable & Sendable, Value: Codable & Sendable>(
        _ name: String, after frontier: Frontier, _ make: @escaping @Sendable (StepCall<Input>) throws -> Value
    ) -> StepOutput<Value> {
        let compute: @Sendable (RawCall) throws -> StepResult = { raw in
            let value = try make(StepCall(raw))
            return StepResult(value, bytes: try JSONCoding.output(value))
        }
        return self.add(name, .computed, .standard, after: frontier, compute: compute, compensation: nil) { raw in
            try compute(raw)
        } decodeOutput: { bytes in
            try JSONCoding.decode(Value.self, from: bytes)
        }
    }

    private func add<Output: Sendable>(
        _ name: String, _ kind: StepOutline.Kind, _ policy: StepPolicy, after frontier: Frontier,
        compute: (@Sendable (RawCall) throws -> StepResult)? = nil,
        compensation: (@Sendable (RawCall) async throws -> Void)?,
        action: @escaping @Sendable (RawCall) async throws -> StepResult,
        decodeOutput: @escaping @Sendable ([UInt8]) throws -> any Sendable
    ) -> StepOutput<Output> {
        let name = self.checked(name)
        if kind == .pivot || kind == .retryable, policy.exhaustion == .turnBack {
            self.fail("the step \"\(name)\" cannot turn back: it is a \(kind.rawValue) step; have it be stuck")
        }
        let shape = StepOutline(
            name, kind, after: frontier.steps, hasCompensation: compensation != nil,
            compensatesRefused: policy.compensatesRefused)
        return StepOutput(
            step: self.append(
                PlannedStep(
                    shape: shape, policy: policy, origin: self.origin, action: action, compute: compute,
                    compensation: compensation, decodeOutput: decodeOutput), frontier), name: name,
            origin: self.origin)
    }

    private func append(_ step: PlannedStep, _ frontier: Frontier) -> Int {
        self.steps.append(step)
        frontier.move(to: self.steps.count - 1)
        return self.steps.count - 1
    }

    private func checked(_ text: String) -> StepName {
        do throws(InvalidName) {
            let name = try StepName(text)
            if self.steps.contains(where: { $0.shape.name == name }) {
                self.fail("the saga \"\(self.saga)\" has two steps of the name \"\(name)\"")
            }
            return name
        } catch {
            self.fail("\(error)")
            return "invalid"
        }
    }

    private func fail(_ reason: String) {
        self.failure = self.failure ?? TransactionError(.invalidDefinition, reason)
    }
}

// MARK: - Branches and nesting

extension SagaDraft {
    func branch<Input: Codable & Sendable, Value>(
        of fork: [Int], joining frontier: Frontier, _ build: (SagaBranch<Input>) -> Value
    ) -> Value {
        let own = Frontier(fork)
        let value = build(SagaBranch(draft: self, frontier: own))
        frontier.join(own)
        return value
    }

    func branch<Input: Codable & Sendable, Value>(
        of fork: [Int], joining frontier: Frontier, _ build: (ForwardSteps<Input>) -> Value
    ) -> Value {
        let own = Frontier(fork)
        let value = build(ForwardSteps(draft: self, frontier: own))
        frontier.join(own)
        return value
    }

    /// Adds the steps of a saga as those of this one: its input as a value of its own, and each step one further.
    func nest<Input: Codable & Sendable, ChildInput, Value>(
        _ name: String, _ saga: Saga<ChildInput, Value>, after frontier: Frontier,
        _ input: @escaping @Sendable (StepCall<Input>) throws -> ChildInput
    ) -> StepOutput<Value> {
        if !saga.isCompensable {
            self.fail("the saga \(saga.key) cannot be a part of \"\(self.saga)\": it has steps that cannot be undone")
        }
        // Time runs for the whole, and there is no moment at which only a part of it could be turned back.
        if let timeout = saga.timeout {
            self.fail(
                "the saga \(saga.key) has a time of \(timeout), which it cannot have as a part of \"\(self.saga)\": give the time to "
                    + "the whole, or to its steps")
        }
        let given = self.compute("\(name)/input", after: frontier, input)
        let offset = given.step + 1
        var ends = Set(frontier.steps)
        for step in saga.steps {
            var step = step
            let isFirst = step.shape.dependencies.isEmpty
            step.shape.dependencies = isFirst ? [given.step] : step.shape.dependencies.map { $0 + offset }
            step.shape.name = self.checked("\(name)/\(step.shape.name)")
            step.frame += offset
            ends.subtract(step.shape.dependencies)
            self.steps.append(step)
            ends.insert(self.steps.count - 1)
        }
        frontier.steps = ends.sorted()
        let place = offset + saga.output.step
        return StepOutput(step: place, name: self.steps[place].shape.name, origin: self.origin)
    }
}
