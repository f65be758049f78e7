import ColonyCore
public import ColonyResilience

/// What a confirm of a ``TCC`` is called with.
public struct ConfirmCall<Input: Sendable, Output: Sendable>: Sendable {
    let raw: RawCall

    /// What the TCC was started with.
    public let input: Input
    /// What the try of this branch gave.
    public let output: Output

    /// - Parameter place: Where the value of the try is.
    init(_ raw: RawCall, _ place: Int) throws {
        self.raw = raw
        self.input = try raw.input()
        guard let output = raw.values[place] as? Output else {
            throw TransactionError(
                .undecodable, "the step \"\(raw.step)\" of \(raw.transaction) needs what its try gave: a \(Output.self)"
            )
        }
        self.output = output
    }

    /// Which transaction it is.
    public var transaction: TransactionID { self.raw.transaction }
    /// Which branch it is.
    public var branch: StepName { self.raw.barrier.branch }
    /// How often it was called by this coordinator, from 1.
    public var attempt: Int { self.raw.attempt }
    /// When the call is given up and repeated.
    public var deadline: Deadline { Deadline(self.raw.deadline) }
    /// What tells this confirm from every other call, the same each time that it is called.
    public var idempotencyKey: IdempotencyKey { self.raw.idempotencyKey }
    /// The same for a barrier in the participant's database.
    public var barrier: BarrierCall { self.raw.barrier }

    /// What another branch gave.
    ///
    /// - Throws: ``TransactionError`` with code `invalidDefinition` for a value of another definition.
    public subscript<Value: Sendable>(_ output: StepOutput<Value>) -> Value {
        get throws { try self.raw.value(of: output) }
    }
}
