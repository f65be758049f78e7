extension TransactionCoordinator {
    /// Begins a transaction whose definition makes its steps of the input, and returns when it is durable that it will come to its end.
    ///
    /// - Parameters:
    ///   - label: What it is called in lists.
    ///   - input: What the definition is worked on with, as the journal keeps it.
    /// - Throws: ``TransactionError``, as the other ways to begin do.
    package func begin(
        _ id: TransactionID, of key: DefinitionKey, label: DefinitionName, input: [UInt8]
    ) async throws(TransactionError) {
        _ = try await self.start(id, key, label: label, input: input)
    }

    /// Cancels a transaction that is worked on here.
    ///
    /// - Returns: Whether it is worked on here.
    @discardableResult
    package func cancel(_ id: TransactionID, reason: String) -> Bool {
        self.turnBack(id, .cancelled, reason: RunWork.reason(reason))
    }
}
