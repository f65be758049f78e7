import Synchronization

/// Which attempt of a call the current task makes, for headers and logs.
///
/// ```swift
/// request.headers["Attempt"] = RetryAttempt.current.map { "\($0.number)" }
/// ```
public struct RetryAttempt: Sendable {
    /// The number of the attempt, from 1, in the innermost ``Retry``.
    public let number: Int
    /// The most attempts that layer makes.
    public let maximum: Int
    /// The name of that layer.
    public let layer: String

    let allowance: RetryAllowance
    /// The budgets in which the call counts, in whichever layer.
    let counted: CountedBudgets

    /// The attempt within which the current task runs; `nil` outside of every ``Retry``. Child tasks inherit it.
    @TaskLocal public static var current: RetryAttempt?
}

/// How many attempts may still be added to a call, by all layers that it passes.
///
/// Retries multiply when layers know nothing of each other. The outermost layer opens an allowance of as many retries as it has, and
/// the layers within it take from the same one: whoever is nearest to the failure retries first, and the others then do without.
final class RetryAllowance: Sendable {
    private let remaining: Atomic<Int>
    /// That of the layer that opened the allowance, for layers without one.
    let budget: RetryBudget?

    init(retries: Int, budget: RetryBudget?) {
        self.remaining = Atomic(retries)
        self.budget = budget
    }

    /// Whether anything is left.
    var isEmpty: Bool { self.remaining.load(ordering: .relaxed) <= 0 }

    /// Takes one retry out; `false` if none is left.
    func take() -> Bool {
        // Below zero it stays below zero: nothing is ever put back.
        self.remaining.wrappingSubtract(1, ordering: .relaxed).oldValue > 0
    }
}
