/// The budgets in which a call counts already, so that it counts once in each, whichever layers share it.
///
/// The first one has a place of its own, so that a call with a single budget allocates nothing.
struct CountedBudgets: Sendable {
    private var first: RetryBudget?
    private var others: [RetryBudget] = []

    /// Those of the hedges around the current task; those of the retries are in ``RetryAttempt``.
    @TaskLocal static var ofHedges = CountedBudgets()

    func contains(_ budget: RetryBudget) -> Bool {
        self.first === budget || self.others.contains { $0 === budget }
    }

    mutating func insert(_ budget: RetryBudget) {
        guard !self.contains(budget) else { return }
        if self.first == nil { self.first = budget } else { self.others.append(budget) }
    }

    /// Whether the call of the current task counts in a budget.
    static func areCounting(_ budget: RetryBudget) -> Bool {
        RetryAttempt.current?.counted.contains(budget) == true || Self.ofHedges.contains(budget)
    }
}
