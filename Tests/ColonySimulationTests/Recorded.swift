import Synchronization

/// A value that several tasks of a test write to; unlike a `Mutex` it can be captured by any of them.
final class Recorded<Value: Sendable>: Sendable {
    private let storage: Mutex<Value>

    init(_ value: Value) { self.storage = Mutex(value) }

    var value: Value { self.storage.withLock { $0 } }

    func withLock<Result: Sendable>(_ body: (inout Value) -> Result) -> Result {
        self.storage.withLock { value in body(&value) }
    }
}
