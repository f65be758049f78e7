/// An engine did not do what its port promises.
public struct ConformanceFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// What was expected and what was found, as a sentence.
    public let message: String

    /// - Parameter message: What was expected and what was found, with the values.
    public init(_ message: String) {
        self.message = message
    }

    public var description: String { self.message }
}

/// The machine was so slow that a case could prove nothing: a lease that had to be alive may have run out by then.
///
/// It says nothing against the engine. The case is run again, with longer leases; after three tries it is skipped.
public struct Inconclusive: Error, Hashable, Sendable, CustomStringConvertible {
    /// What was over too soon.
    public let message: String

    /// - Parameter message: What was over too soon.
    public init(_ message: String) {
        self.message = message
    }

    public var description: String { self.message }
}

/// Fails the case unless `condition` holds.
///
/// - Parameter message: What was expected and what was found.
/// - Throws: ``ConformanceFailure``.
public func expect(_ condition: Bool, _ message: @autoclosure () -> String) throws {
    if !condition { throw ConformanceFailure(message()) }
}

/// Fails the case if there is nothing.
///
/// - Throws: ``ConformanceFailure``.
public func require<Value>(_ value: Value?, _ message: @autoclosure () -> String) throws -> Value {
    guard let value else { throw ConformanceFailure(message()) }
    return value
}
