import ColonyCore
import Synchronization

extension TransactionCoordinator {
    /// A saga that was begun before, here or in another process, to wait for its end by its name alone.
    ///
    /// It needs no input and begins nothing. What it waits for is decided when it is asked: ``TransactionHandle/outcome(upTo:)`` throws
    /// ``TransactionError`` with `unknownTransaction` if the journal has none of this name, and with `conflict` if it is one of another
    /// definition or version.
    public func handle<Input, Output>(of saga: Saga<Input, Output>, id: TransactionID) -> TransactionHandle<Output> {
        self.handle(of: saga.key, saga.output, id)
    }

    /// A TCC that was begun before, here or in another process.
    ///
    /// - SeeAlso: The same of a saga.
    public func handle<Input, Output>(of tcc: TCC<Input, Output>, id: TransactionID) -> TransactionHandle<Output> {
        self.handle(of: tcc.key, tcc.output, id)
    }

    private func handle<Output: Decodable & Sendable>(
        of key: DefinitionKey, _ output: StepOutput<Output>, _ id: TransactionID
    ) -> TransactionHandle<Output> {
        let run = self.state.withLock { $0.runs[id] }
        // One of another definition is found out by the journal.
        return TransactionHandle(
            id: id, key: key, coordinator: self, run: run?.key == key ? run : nil, output: output
        ) { bytes in
            try JSONCoding.decode(Output.self, from: bytes)
        }
    }

    /// Cancels a transaction wherever it is worked on: at once if that is here, and otherwise as soon as its coordinator renews its lease, a
    /// third of ``CoordinatorOptions/lease`` at the latest. What was done is undone, unless the pivot was begun.
    ///
    /// The wish is in the journal when this returns, so it outlives this coordinator, also where the transaction is worked on here.
    ///
    /// - Returns: Whether there is such a transaction that has not ended. That it will turn back is not said by that.
    /// - Throws: ``TransactionError``. Repeating it is harmless.
    @discardableResult
    public func requestCancellation(of id: TransactionID) async throws(TransactionError) -> Bool {
        let isOpen = try await self.journal.requestCancellation(of: id)
        if isOpen { self.cancel(id) }
        return isOpen
    }
}
