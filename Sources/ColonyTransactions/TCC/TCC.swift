import ColonyCore

/// Reservations in several services that are confirmed together or cancelled together: try, confirm, cancel.
///
/// ```swift
/// let transfer = try TCC<Transfer, Receipt>("transfer") { tcc in
///     let hold = tcc.branch("debit") { call in
///         try await bank.hold(call.input.amount, of: call.input.from, call.barrier)
///     } confirm: { call in
///         try await bank.take(call.output, call.barrier)
///     } cancel: { call in
///         try await bank.free(call.output, call.barrier)
///     }
///     tcc.branch("credit") { … } confirm: { … } cancel: { … }
///     return tcc.result { call in try Receipt(call[hold]) }
/// }
/// ```
///
/// **Order.** First every branch is asked to reserve what it needs. When all have done so, every branch is told to confirm, which is repeated
/// until it is done; if one refuses, or the time is over, or somebody cancels, every branch that was asked is told to cancel, which is
/// repeated until it is done as well. Between try and confirm others see that something is reserved, but not the effect: that is what TCC
/// has over a ``Saga``, at the price of participants that can reserve.
///
/// **A try that was refused is cancelled too.** Who refuses may have done a part of it that is in no database transaction, such as a call of
/// a third service; and a try whose answer was lost may still be on its way. So a cancel may come without a try, and a try after its cancel:
/// participants tell these with a barrier, ``BarrierDecision``.
///
/// **Guarantee.** That of a saga: once begun, it ends, in whatever process has its definition. It needs as many durable writes: *n* branches
/// one after the other take 2*n* + 1 at the most, and branches at the same time as few as 3.
///
/// - SeeAlso: P. Helland, *Life beyond distributed transactions: an apostate's opinion*, CIDR 2007; G. Pardon, C. Pautasso, *Atomic
///   distributed transactions: a RESTful design*, WWW 2014 companion.
public struct TCC<Input: Codable & Sendable, Result: Codable & Sendable>: Sendable {
    /// By what journals refer to it.
    public let key: DefinitionKey
    /// Within which time it is cancelled unless all tries are done; `nil` for no limit.
    public let timeout: Duration?

    let steps: [PlannedStep]
    let output: StepOutput<Result>

    /// Defines a TCC.
    ///
    /// - Parameters:
    ///   - name: What it is called in journals, 1 to 255 bytes.
    ///   - version: From 1. Give a definition whose branches change another version, and keep the former one until what was begun with it
    ///     has ended.
    ///   - timeout: Within which time it is cancelled unless all tries are done; greater than zero.
    ///   - order: Whether branches are asked at the same time or one after the other.
    ///   - build: Adds the branches, and returns what the TCC gives.
    /// - Throws: ``TransactionError`` with code `invalidDefinition`: a bad or double name, no branch at all, a version of less than 1.
    public init(
        _ name: String, version: Int = 1, timeout: Duration? = nil, order: TCCOrder = .parallel,
        _ build: (consuming TCCBranches<Input>) throws -> StepOutput<Result>
    ) throws {
        self.key = try DefinitionKey(checking: name, version: version)
        if let timeout, timeout <= .zero {
            throw TransactionError(
                .invalidDefinition, "a TCC cannot have a time of \(timeout): it must be greater than zero")
        }
        self.timeout = timeout
        let draft = TCCDraft(name: name, order: order)
        self.output = try build(TCCBranches(draft: draft))
        self.steps = try draft.finished(giving: self.output)
    }

    package var plan: TransactionPlan {
        TransactionPlan(steps: self.steps, timeout: self.timeout) { bytes in
            try JSONCoding.decode(Input.self, from: bytes)
        }
    }
}

/// In which order the branches of a ``TCC`` are asked.
public enum TCCOrder: String, Hashable, Sendable, CaseIterable {
    /// All at the same time; cancelled at the same time as well. The time it takes is that of the slowest.
    case parallel
    /// One after the other, so that a branch can use what earlier ones gave; cancelled in reverse. Confirms still go out at the same time.
    case sequential
}

extension TCC: TransactionDefining {
    /// The same for a coordinator.
    public var definition: ErasedDefinition {
        let plan = self.plan
        return ErasedDefinition(TransactionDefinition(self.key, .tcc) { _ in plan })
    }
}
