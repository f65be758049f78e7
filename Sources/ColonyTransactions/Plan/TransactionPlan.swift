package import ColonyCore

/// What a definition comes to: steps that wait for others, with what is called for each.
package struct TransactionPlan: Sendable {
    /// What is called may be wrapped; what the steps are stays.
    package var steps: [PlannedStep]
    /// The same as a graph, made once and not for each transaction.
    package let shape: TransactionShape
    /// Within which time it turns back; `nil` for no limit.
    package var timeout: Duration?
    /// Whether what its steps have done is worth no sync: if that is forgotten they are called again, which costs a call and changes
    /// nothing, because they give nothing that others use and nothing can turn back. Its beginning alone is its decision.
    package var isDecidedAtOnce: Bool
    /// Makes a value of the input of the transaction.
    package var decodeInput: @Sendable ([UInt8]) throws -> any Sendable

    package init(
        steps: [PlannedStep], timeout: Duration?, isDecidedAtOnce: Bool = false,
        decodeInput: @escaping @Sendable ([UInt8]) throws -> any Sendable
    ) {
        self.steps = steps
        self.isDecidedAtOnce = isDecidedAtOnce
        self.shape = TransactionShape(steps.map(\.shape))
        self.timeout = timeout
        self.decodeInput = decodeInput
    }
}

/// One step of a plan.
package struct PlannedStep: Sendable {
    package var shape: StepOutline
    package var policy: StepPolicy
    /// Where the values begin that the step sees: its input, and after that the outputs of the definition it was written in.
    package var frame: Int
    /// Which definition it was written in.
    package var origin: DefinitionOrigin
    package var action: @Sendable (RawCall) async throws -> StepResult
    /// What gives the value of a step that is computed.
    package var compute: (@Sendable (RawCall) throws -> StepResult)?
    package var compensation: (@Sendable (RawCall) async throws -> Void)?
    /// Makes a value of what the action gave in another process.
    package var decodeOutput: @Sendable ([UInt8]) throws -> any Sendable

    package init(
        shape: StepOutline, policy: StepPolicy, frame: Int = 0, origin: DefinitionOrigin = .none,
        action: @escaping @Sendable (RawCall) async throws -> StepResult,
        compute: (@Sendable (RawCall) throws -> StepResult)? = nil,
        compensation: (@Sendable (RawCall) async throws -> Void)? = nil,
        decodeOutput: @escaping @Sendable ([UInt8]) throws -> any Sendable
    ) {
        self.shape = shape
        self.policy = policy
        self.frame = frame
        self.origin = origin
        self.action = action
        self.compute = compute
        self.compensation = compensation
        self.decodeOutput = decodeOutput
    }
}

/// The steps of a plan as a graph.
package struct TransactionShape: Hashable, Sendable {
    package let steps: [StepOutline]
    /// For each step those that come after it, also over others.
    package let successors: [[Int]]

    package init(_ steps: [StepOutline]) {
        self.steps = steps
        var successors = [Set<Int>](repeating: [], count: steps.count)
        for index in steps.indices.reversed() {
            for earlier in steps[index].dependencies {
                successors[earlier].insert(index)
                successors[earlier].formUnion(successors[index])
            }
        }
        self.successors = successors.map { $0.sorted() }
    }
}

/// What a call gave: the value for the steps of this process, and the bytes for the journal.
package struct StepResult: Sendable {
    package var value: any Sendable
    package var bytes: [UInt8]

    package init(_ value: any Sendable, bytes: [UInt8]) {
        self.value = value
        self.bytes = bytes
    }
}

/// What a participant is called with.
package struct RawCall: Sendable {
    package var transaction: TransactionID
    package var step: StepName
    package var direction: StepDirection
    package var attempt: Int
    /// When the call is given up.
    package var deadline: MonotonicInstant
    /// The input, and after it what the steps gave; nothing for those that are not done.
    package var values: [(any Sendable)?]
    /// Where the values of the definition begin that the step was written in.
    package var frame: Int
    /// Which definition the step was written in.
    package var origin: DefinitionOrigin
    /// The place of the step's own output in ``values``.
    package var place: Int
    /// By what the participant's barrier tells it from other calls.
    package var barrier: BarrierCall

    package init(
        transaction: TransactionID, step: StepName, direction: StepDirection, attempt: Int,
        deadline: MonotonicInstant, values: [(any Sendable)?], frame: Int, origin: DefinitionOrigin = .none, place: Int
    ) {
        self.transaction = transaction
        self.step = step
        self.direction = direction
        self.attempt = attempt
        self.deadline = deadline
        self.values = values
        self.frame = frame
        self.origin = origin
        self.place = place
        self.barrier = BarrierCall(
            transaction: transaction, branch: step, operation: direction == .action ? .try : .cancel)
    }
}
