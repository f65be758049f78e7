import Synchronization

/// Which definition a step or a value was written in, so that the value of one is not taken for that of another one.
package struct DefinitionOrigin: Hashable, Sendable {
    private static let count = Atomic<UInt64>(0)

    private let number: UInt64

    private init(number: UInt64) {
        self.number = number
    }

    /// That of steps which use no values.
    package static let none = DefinitionOrigin(number: 0)

    /// Another one than all before.
    package static func unique() -> DefinitionOrigin {
        DefinitionOrigin(number: Self.count.wrappingAdd(1, ordering: .relaxed).newValue)
    }
}
