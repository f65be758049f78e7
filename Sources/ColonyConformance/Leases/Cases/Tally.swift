import Synchronization

/// A number that several tasks count up and down.
final class Tally: Sendable {
    private let count = Atomic<Int>(0)

    var value: Int { self.count.load(ordering: .sequentiallyConsistent) }

    @discardableResult
    func increment() -> Int { self.add(1) }

    /// - Parameter amount: What is added; less than zero to count down.
    /// - Returns: The number after it.
    @discardableResult
    func add(_ amount: Int) -> Int {
        self.count.wrappingAdd(amount, ordering: .sequentiallyConsistent).newValue
    }
}
