import ColonyCore

/// A sequence of local transactions in several services, each undone by another one if a later step is refused.
///
/// ```swift
/// let placeOrder = try Saga<Order, Confirmation>("place-order") { saga in
///     let reservation = saga.step("stock") { call in
///         try await stock.reserve(call.input.items, key: call.idempotencyKey)
///     } compensation: { call in
///         try await stock.release(call.actionKey, key: call.idempotencyKey)
///     }
///     let (payment, rest) = saga.pivot("payment") { call in
///         try await bank.charge(call.input.total, for: call[reservation].id, key: call.idempotencyKey)
///     }
///     rest.retryable("mail") { call in try await mail.confirm(call.input, key: call.idempotencyKey) }
///     return rest.result { call in try Confirmation(call[reservation], call[payment]) }
/// }
/// ```
///
/// **Order.** Steps that can be undone come first, then at most one pivot, which decides, then steps that are repeated until they are
/// done. The compiler refuses another order: after ``SagaSteps/pivot(_:policy:_:)`` there are no more steps that could be undone.
///
/// **Guarantee.** A saga that was started ends, in whatever process has its definition: all of its steps are done, or none has an effect
/// any more, or a person is told where it is stuck. Each step is called at least once, with one key; participants make it once. In between
/// others see what is done so far: a saga is not isolated.
///
/// - SeeAlso: H. Garcia-Molina, K. Salem, *Sagas*, SIGMOD 1987; pivots and retryable steps after C. Richardson, *Microservices Patterns*,
///   2018, section 4.3.
public struct Saga<Input: Codable & Sendable, Result: Codable & Sendable>: Sendable {
    /// By what journals refer to it.
    public let key: DefinitionKey
    /// Within which time it turns back, unless the pivot was begun; `nil` for no limit.
    public let timeout: Duration?

    let steps: [PlannedStep]
    let output: StepOutput<Result>

    /// Defines a saga.
    ///
    /// - Parameters:
    ///   - name: What it is called in journals, 1 to 255 bytes.
    ///   - version: From 1. Give a definition whose steps change another version, and keep the former one until what was begun with it
    ///     has ended.
    ///   - timeout: Within which time it turns back, unless the pivot was begun; greater than zero.
    ///   - build: Adds the steps, and returns what the saga gives.
    /// - Throws: ``TransactionError`` with code `invalidDefinition`: a bad or double name, no step at all, a version of less than 1,
    ///   a result that is a step of another definition.
    public init(
        _ name: String, version: Int = 1, timeout: Duration? = nil,
        _ build: (consuming SagaSteps<Input>) throws -> StepOutput<Result>
    ) throws {
        self.key = try DefinitionKey(checking: name, version: version)
        if let timeout, timeout <= .zero {
            throw TransactionError(
                .invalidDefinition, "a saga cannot have a time of \(timeout): it must be greater than zero")
        }
        self.timeout = timeout
        let draft = SagaDraft(saga: name)
        self.output = try build(SagaSteps(draft: draft, frontier: Frontier([])))
        self.steps = try draft.finished(giving: self.output)
    }

    /// Whether each of its steps can be undone, so that it can be a part of what another saga undoes.
    public var isCompensable: Bool {
        self.steps.allSatisfy { $0.shape.kind == .compensable || $0.shape.kind == .computed }
    }

    package var plan: TransactionPlan {
        TransactionPlan(steps: self.steps, timeout: self.timeout) { bytes in
            try JSONCoding.decode(Input.self, from: bytes)
        }
    }
}
