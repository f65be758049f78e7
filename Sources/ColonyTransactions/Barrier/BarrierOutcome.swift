/// What became of a call at a barrier.
public enum BarrierOutcome<Value: Sendable>: Sendable {
    /// The work was done, and gave this.
    case done(Value)
    /// The work had been done before, and gave this then.
    case repeated(Value)
    /// There was nothing to cancel. That is now on record, so that a try which comes later is refused. No work was done.
    case empty
    /// It came after its cancel. No work was done, nor ever will be.
    case hanging

    /// What the work gave, for the answer to a try or a confirm.
    ///
    /// - Throws: ``Refusal`` if the call came after its cancel, or had nothing to cancel.
    public func get() throws(Refusal) -> Value {
        switch self {
        case .done(let value), .repeated(let value): return value
        case .empty: throw Refusal("there was nothing to cancel, so there is no value")
        case .hanging: throw Refusal("it comes after its cancel")
        }
    }
}

extension BarrierOutcome where Value == Void {
    /// Whether the call can be answered with a success: it can, also if there was nothing to cancel.
    ///
    /// - Throws: ``Refusal`` if the call came after its cancel.
    public func get() throws(Refusal) {
        if case .hanging = self { throw Refusal("it comes after its cancel") }
    }
}

extension BarrierOutcome: Equatable where Value: Equatable {}
