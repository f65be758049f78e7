extension TransactionCoordinator {
    /// Begins a TCC, and returns when it is durable that it will come to its end.
    ///
    /// - Parameters:
    ///   - input: What it is worked on with.
    ///   - id: Its name. With one of your own, starting again finds what was begun before; one that was begun with another input or
    ///     definition is a conflict. Without, a name is made. Which inputs are the same is told where sagas are started.
    /// - Returns: What tells how it ended.
    /// - Throws: ``TransactionError``: `unknownDefinition`, `tooLarge`, `conflict`, `overloaded`, `notRunning`; after `unavailable`
    ///   or `cancelled` it may or may not have begun: start it again with the same name.
    public func start<Input, Output>(
        _ tcc: TCC<Input, Output>, _ input: Input, id: TransactionID? = nil
    ) async throws(TransactionError) -> TransactionHandle<Output> {
        try await self.begin(tcc.key, tcc.output, input, id)
    }

    /// Begins a TCC, and waits for its result. If the calling task is cancelled before all tries are done, every branch is cancelled
    /// before this returns.
    ///
    /// - Returns: What the TCC gives.
    /// - Throws: ``TransactionFailure`` if it was cancelled or is stuck, ``TransactionError`` if it was not begun.
    public func execute<Input, Output>(
        _ tcc: TCC<Input, Output>, _ input: Input, id: TransactionID? = nil
    ) async throws -> Output {
        try await self.result(of: self.start(tcc, input, id: id))
    }
}
