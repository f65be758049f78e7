import ColonyCore
public import ColonyResilience

/// What a step gives, for the steps after it.
///
/// It stands for a value that is there once the step is done: `call[reservation]`.
public struct StepOutput<Value: Sendable>: Sendable {
    /// The place of the step in the definition it was written in.
    let step: Int
    let name: StepName
    let origin: DefinitionOrigin
}

/// What an action is called with.
public struct StepCall<Input: Sendable>: Sendable {
    let raw: RawCall

    /// What the saga was started with.
    public let input: Input

    init(_ raw: RawCall) throws {
        self.raw = raw
        self.input = try raw.input()
    }

    /// Which transaction it is.
    public var transaction: TransactionID { self.raw.transaction }
    /// Which step it is.
    public var step: StepName { self.raw.step }
    /// How often it was called by this coordinator, from 1.
    public var attempt: Int { self.raw.attempt }
    /// When the call is given up; then its outcome is unknown, and it is called again.
    public var deadline: Deadline { Deadline(self.raw.deadline) }
    /// What tells this action from every other one, the same each time that it is called. Hand it to the participant, which does what
    /// it is asked once for each key.
    public var idempotencyKey: IdempotencyKey { self.raw.idempotencyKey }
    /// The same for a barrier in the participant's database, such as that of ColonySQLite or ColonyPostgres.
    public var barrier: BarrierCall { self.raw.barrier }

    /// What an earlier step gave.
    ///
    /// - Throws: ``TransactionError`` with code `invalidDefinition` if the step is not before this one, or is one of another definition.
    public subscript<Value: Sendable>(_ output: StepOutput<Value>) -> Value {
        get throws { try self.raw.value(of: output) }
    }
}

/// What a compensation is called with.
public struct CompensationCall<Input: Sendable, Output: Sendable>: Sendable {
    let raw: RawCall

    /// What the saga was started with.
    public let input: Input
    /// What the action gave; `nil` if its outcome is not known. Then it may have been done, not done, or may still be done: the
    /// participant must refuse an action that comes after its compensation.
    public let output: Output?

    init(_ raw: RawCall) throws {
        self.raw = raw
        self.input = try raw.input()
        self.output = raw.values[raw.place] as? Output
    }

    /// Which transaction it is.
    public var transaction: TransactionID { self.raw.transaction }
    /// Which step it is.
    public var step: StepName { self.raw.step }
    /// How often it was called by this coordinator, from 1.
    public var attempt: Int { self.raw.attempt }
    /// When the call is given up and repeated.
    public var deadline: Deadline { Deadline(self.raw.deadline) }
    /// What tells this compensation from every other call, the same each time.
    public var idempotencyKey: IdempotencyKey { self.raw.idempotencyKey }
    /// The key with which the action was called, for a participant that finds what it did by it.
    public var actionKey: IdempotencyKey { self.raw.key(.action) }
    /// What a barrier in the participant's database tells this compensation by.
    public var barrier: BarrierCall { self.raw.barrier }

    /// What an earlier step gave.
    ///
    /// - Throws: ``TransactionError`` with code `invalidDefinition` if the step is not before this one, or is one of another definition.
    public subscript<Value: Sendable>(_ output: StepOutput<Value>) -> Value {
        get throws { try self.raw.value(of: output) }
    }
}

extension RawCall {
    package var idempotencyKey: IdempotencyKey { self.key(self.direction) }

    package func key(_ direction: StepDirection) -> IdempotencyKey {
        do {
            return try IdempotencyKey("\(self.transaction):\(self.step):\(direction.rawValue)")
        } catch {
            preconditionFailure("the limits of its parts keep a key short, and this is none: \(error)")
        }
    }

    func input<Input: Sendable>() throws -> Input {
        guard let input = self.values[self.frame] as? Input else {
            throw TransactionError(
                .undecodable,
                "the step \"\(self.step)\" of \(self.transaction) needs an input of type \(Input.self), and there is another"
            )
        }
        return input
    }

    func value<Value: Sendable>(of output: StepOutput<Value>) throws -> Value {
        guard output.origin == self.origin else {
            throw TransactionError(
                .invalidDefinition,
                "the step \"\(self.step)\" uses what \"\(output.name)\" of another definition gives; a nested saga gives one value, which "
                    + "`nested` returns")
        }
        let place = self.frame + 1 + output.step
        guard place < self.values.count, let value = self.values[place] as? Value else {
            throw TransactionError(
                .invalidDefinition,
                "the step \"\(self.step)\" uses what \"\(output.name)\" gives, which is not done before it")
        }
        return value
    }
}
