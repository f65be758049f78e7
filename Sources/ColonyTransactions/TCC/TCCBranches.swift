/// The branches of a ``TCC`` while it is defined.
///
/// It cannot be copied, and what the TCC gives is said last, because the value is made when all branches are confirmed.
public struct TCCBranches<Input: Codable & Sendable>: ~Copyable {
    let draft: TCCDraft

    /// Adds a branch that gives something when it has reserved.
    ///
    /// - Parameters:
    ///   - name: What it is called; once in a TCC. Its steps are `name/try` and `name/confirm`, so it has 8 bytes less than a step name.
    ///   - policy: How try and cancel are called. With `exhaustion: .turnBack` a participant that does not answer is given up, and
    ///     cancelled.
    ///   - confirmPolicy: How confirm is called. It cannot turn back.
    ///   - attempt: Reserves. Throws ``Refusal`` if the participant says no.
    ///   - confirm: Makes the reservation good. It must not refuse: what was reserved is there.
    ///   - cancel: Gives the reservation back. Its ``CompensationCall/output`` is `nil` if the try was refused or its outcome is not known.
    ///     It succeeds also if there is nothing to give back.
    /// - Returns: What the try gives, for the result, and for later branches of a sequential TCC.
    @discardableResult
    public func branch<Output: Codable & Sendable>(
        _ name: String, policy: StepPolicy = .standard, confirmPolicy: StepPolicy = .standard,
        try attempt: @escaping @Sendable (StepCall<Input>) async throws -> Output,
        confirm: @escaping @Sendable (ConfirmCall<Input, Output>) async throws -> Void,
        cancel: @escaping @Sendable (CompensationCall<Input, Output>) async throws -> Void
    ) -> StepOutput<Output> {
        self.draft.add(name, policy, confirmPolicy) { raw in
            let value = try await attempt(StepCall(raw))
            return StepResult(value, bytes: try JSONCoding.output(value))
        } decodeOutput: { bytes in
            try JSONCoding.decode(Output.self, from: bytes)
        } confirm: { raw, place in
            try await confirm(ConfirmCall(raw, place))
        } cancel: { raw in
            try await cancel(CompensationCall(raw))
        }
    }

    /// Adds a branch that gives nothing.
    public func branch(
        _ name: String, policy: StepPolicy = .standard, confirmPolicy: StepPolicy = .standard,
        try attempt: @escaping @Sendable (StepCall<Input>) async throws -> Void,
        confirm: @escaping @Sendable (ConfirmCall<Input, Void>) async throws -> Void,
        cancel: @escaping @Sendable (CompensationCall<Input, Void>) async throws -> Void
    ) {
        let _: StepOutput<Void> = self.draft.add(name, policy, confirmPolicy) { raw in
            try await attempt(StepCall(raw))
            return StepResult((), bytes: [])
        } decodeOutput: { _ in
            ()
        } confirm: { raw, place in
            try await confirm(ConfirmCall(raw, place))
        } cancel: { raw in
            try await cancel(CompensationCall(raw))
        }
    }

    /// What the TCC gives, made of what its tries gave when all is confirmed.
    public consuming func result<Value: Codable & Sendable>(
        _ make: @escaping @Sendable (StepCall<Input>) throws -> Value
    ) -> StepOutput<Value> {
        self.draft.setResult { raw in
            let value = try make(StepCall(raw))
            return StepResult(value, bytes: try JSONCoding.output(value))
        } decodeOutput: { bytes in
            try JSONCoding.decode(Value.self, from: bytes)
        }
    }
}
