import Synchronization

/// A number that tasks count on.
final class Tally: Sendable {
    private let value = Atomic(0)

    var count: Int { self.value.load(ordering: .sequentiallyConsistent) }

    func add(_ number: Int) {
        self.value.add(number, ordering: .sequentiallyConsistent)
    }
}
