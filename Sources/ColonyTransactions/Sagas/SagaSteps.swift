import ColonyCore
import Synchronization

/// The steps of a ``Saga`` up to its pivot.
///
/// It cannot be copied, and the pivot consumes it, so that no step that can be undone comes after the one that cannot.
public struct SagaSteps<Input: Codable & Sendable>: ~Copyable {
    let draft: SagaDraft
    let frontier: Frontier

    /// Adds a step that can be undone.
    ///
    /// - Parameters:
    ///   - name: What it is called in journals and keys; once in a saga.
    ///   - policy: How it is called.
    ///   - action: Does it. Throws ``Refusal`` if the participant says no.
    ///   - compensation: Undoes it. It is called also for an action whose outcome is unknown, is repeated until it succeeds, and
    ///     is not cancelled with the saga.
    /// - Returns: What the action gives, for later steps.
    @discardableResult
    public func step<Output: Codable & Sendable>(
        _ name: String, policy: StepPolicy = .standard,
        _ action: @escaping @Sendable (StepCall<Input>) async throws -> Output,
        compensation: @escaping @Sendable (CompensationCall<Input, Output>) async throws -> Void
    ) -> StepOutput<Output> {
        self.draft.add(name, .compensable, policy, after: self.frontier, action) { raw in
            try await compensation(CompensationCall(raw))
        }
    }

    /// Adds a step that can be undone and gives nothing.
    public func step(
        _ name: String, policy: StepPolicy = .standard,
        _ action: @escaping @Sendable (StepCall<Input>) async throws -> Void,
        compensation: @escaping @Sendable (CompensationCall<Input, Void>) async throws -> Void
    ) {
        self.draft.add(name, .compensable, policy, after: self.frontier, action) { raw in
            try await compensation(CompensationCall(raw))
        }
    }

    /// Adds a step that changes nothing, such as a question, so that there is nothing to undo.
    @discardableResult
    public func read<Output: Codable & Sendable>(
        _ name: String, policy: StepPolicy = .standard,
        _ action: @escaping @Sendable (StepCall<Input>) async throws -> Output
    ) -> StepOutput<Output> {
        self.draft.add(name, .compensable, policy, after: self.frontier, action, compensation: nil)
    }

    /// Adds branches that are worked on at the same time; what comes after waits for all of them.
    ///
    /// - Returns: What each branch returned.
    public func parallel<each Value>(_ branches: repeat (SagaBranch<Input>) -> each Value) -> (repeat each Value) {
        let fork = self.frontier.fork()
        return (repeat self.draft.branch(of: fork, joining: self.frontier, each branches))
    }

    /// Adds all steps of another saga, each of which can be undone. They are called after it: `name/step`.
    ///
    /// The other one must have no time limit of its own: that of the whole counts.
    ///
    /// - Parameter input: What it is worked on with.
    /// - Returns: What it gives.
    @discardableResult
    public func nested<ChildInput, Value>(
        _ name: String, _ saga: Saga<ChildInput, Value>,
        input: @escaping @Sendable (StepCall<Input>) throws -> ChildInput
    ) -> StepOutput<Value> {
        self.draft.nest(name, saga, after: self.frontier, input)
    }

    /// Adds the step that decides: if it is done, the saga is completed; if it is refused, what came before is undone.
    ///
    /// - Returns: What it gives, and where the steps after it are added.
    public consuming func pivot<Output: Codable & Sendable>(
        _ name: String, policy: StepPolicy = .standard,
        _ action: @escaping @Sendable (StepCall<Input>) async throws -> Output
    ) -> (StepOutput<Output>, ForwardSteps<Input>) {
        let output = self.draft.add(name, .pivot, policy, after: self.frontier, action, compensation: nil)
        return (output, ForwardSteps(draft: self.draft, frontier: self.frontier))
    }

    /// Adds the step that decides, and gives nothing.
    public consuming func pivot(
        _ name: String, policy: StepPolicy = .standard,
        _ action: @escaping @Sendable (StepCall<Input>) async throws -> Void
    ) -> ForwardSteps<Input> {
        self.draft.add(name, .pivot, policy, after: self.frontier, action, compensation: nil)
        return ForwardSteps(draft: self.draft, frontier: self.frontier)
    }

    /// Goes on with steps that are repeated until they are done: what was done before stands from the first of them on.
    public consuming func pointOfNoReturn() -> ForwardSteps<Input> {
        ForwardSteps(draft: self.draft, frontier: self.frontier)
    }

    /// What the saga gives, made of what its steps gave.
    public func result<Value: Codable & Sendable>(
        _ make: @escaping @Sendable (StepCall<Input>) throws -> Value
    ) -> StepOutput<Value> {
        self.draft.compute("result", after: self.frontier, make)
    }
}

/// One of several branches that are worked on at the same time; its steps come one after the other.
public struct SagaBranch<Input: Codable & Sendable> {
    let draft: SagaDraft
    let frontier: Frontier

    /// Adds a step that can be undone, as ``SagaSteps/step(_:policy:_:compensation:)-(_,_,_->Output,_)`` does.
    @discardableResult
    public func step<Output: Codable & Sendable>(
        _ name: String, policy: StepPolicy = .standard,
        _ action: @escaping @Sendable (StepCall<Input>) async throws -> Output,
        compensation: @escaping @Sendable (CompensationCall<Input, Output>) async throws -> Void
    ) -> StepOutput<Output> {
        SagaSteps(draft: self.draft, frontier: self.frontier)
            .step(name, policy: policy, action, compensation: compensation)
    }

    /// Adds a step that can be undone and gives nothing.
    public func step(
        _ name: String, policy: StepPolicy = .standard,
        _ action: @escaping @Sendable (StepCall<Input>) async throws -> Void,
        compensation: @escaping @Sendable (CompensationCall<Input, Void>) async throws -> Void
    ) {
        SagaSteps(draft: self.draft, frontier: self.frontier)
            .step(name, policy: policy, action, compensation: compensation)
    }

    /// Adds a step that changes nothing.
    @discardableResult
    public func read<Output: Codable & Sendable>(
        _ name: String, policy: StepPolicy = .standard,
        _ action: @escaping @Sendable (StepCall<Input>) async throws -> Output
    ) -> StepOutput<Output> {
        SagaSteps(draft: self.draft, frontier: self.frontier).read(name, policy: policy, action)
    }

    /// Adds branches within this one.
    public func parallel<each Value>(_ branches: repeat (SagaBranch<Input>) -> each Value) -> (repeat each Value) {
        SagaSteps(draft: self.draft, frontier: self.frontier).parallel(repeat each branches)
    }

    /// Adds all steps of another saga, each of which can be undone.
    @discardableResult
    public func nested<ChildInput, Value>(
        _ name: String, _ saga: Saga<ChildInput, Value>,
        input: @escaping @Sendable (StepCall<Input>) throws -> ChildInput
    ) -> StepOutput<Value> {
        self.draft.nest(name, saga, after: self.frontier, input)
    }
}

/// The steps of a ``Saga`` after its pivot, each repeated until it is done.
public struct ForwardSteps<Input: Codable & Sendable> {
    let draft: SagaDraft
    let frontier: Frontier

    /// Adds a step that is repeated until it is done.
    @discardableResult
    public func retryable<Output: Codable & Sendable>(
        _ name: String, policy: StepPolicy = .standard,
        _ action: @escaping @Sendable (StepCall<Input>) async throws -> Output
    ) -> StepOutput<Output> {
        self.draft.add(name, .retryable, policy, after: self.frontier, action, compensation: nil)
    }

    /// Adds a step that is repeated until it is done, and gives nothing.
    public func retryable(
        _ name: String, policy: StepPolicy = .standard,
        _ action: @escaping @Sendable (StepCall<Input>) async throws -> Void
    ) {
        self.draft.add(name, .retryable, policy, after: self.frontier, action, compensation: nil)
    }

    /// Adds branches that are worked on at the same time; what comes after waits for all of them.
    public func parallel<each Value>(_ branches: repeat (ForwardSteps<Input>) -> each Value) -> (repeat each Value) {
        let fork = self.frontier.fork()
        return (repeat self.draft.branch(of: fork, joining: self.frontier, each branches))
    }

    /// What the saga gives, made of what its steps gave.
    public func result<Value: Codable & Sendable>(
        _ make: @escaping @Sendable (StepCall<Input>) throws -> Value
    ) -> StepOutput<Value> {
        self.draft.compute("result", after: self.frontier, make)
    }
}
