/// A definition as a coordinator looks it up: what the steps of a transaction of its kind are.
package struct TransactionDefinition: Sendable {
    package let key: DefinitionKey
    package let kind: TransactionKind
    /// The steps of a transaction with this input.
    package let plan: @Sendable (_ input: [UInt8]) throws -> TransactionPlan

    package init(
        _ key: DefinitionKey, _ kind: TransactionKind, plan: @escaping @Sendable ([UInt8]) throws -> TransactionPlan
    ) {
        self.key = key
        self.kind = kind
        self.plan = plan
    }
}

/// Something that a ``TransactionCoordinator`` can work on, such as a ``Saga``.
public protocol TransactionDefining: Sendable {
    /// By what journals refer to it.
    var key: DefinitionKey { get }
    /// The same for the coordinator.
    var definition: ErasedDefinition { get }
}

/// What a definition comes to for a coordinator; only this module makes them.
public struct ErasedDefinition: Sendable {
    package let value: TransactionDefinition

    package init(_ value: TransactionDefinition) {
        self.value = value
    }
}

extension Saga: TransactionDefining {
    /// The same for a coordinator.
    public var definition: ErasedDefinition {
        let plan = self.plan
        return ErasedDefinition(TransactionDefinition(self.key, .saga) { _ in plan })
    }
}
