/// What threads did to one key of a cache, and when.
struct CacheHistory {
    enum Action: Equatable {
        case get(Int?)
        case set(Int)
        case remove(Int?)
        /// Adds one to what is there, 0 if nothing is, and returns the sum.
        case increment(Int)
    }

    /// An operation with the moments of its call and its return on a counter that all threads share.
    struct Operation {
        let action: Action
        let called: Int
        let returned: Int
    }

    var operations: [Operation]

    /// Whether there is an order of the operations that explains every answer and keeps those in their order that did not
    /// overlap: the definition of linearizability (Herlihy and Wing, TOPLAS 12(3), 1990), decided by trying (Wing and Gong,
    /// 1993) with what was tried remembered (Lowe, 2017).
    func isLinearizable(from initial: Int? = nil) -> Bool {
        precondition(self.operations.count <= 64, "a set of operations is a word")
        struct State: Hashable {
            var done: UInt64
            var value: Int?
        }
        let all: UInt64 = self.operations.count == 64 ? ~0 : (1 << UInt64(self.operations.count)) - 1
        var seen: Set<State> = []
        var open = [State(done: 0, value: initial)]
        while let state = open.popLast() {
            if state.done == all { return true }
            guard seen.insert(state).inserted else { continue }
            let waiting = self.operations.indices.filter { state.done >> UInt64($0) & 1 == 0 }
            // Whoever was called after another had returned cannot come before it.
            let horizon = waiting.map { self.operations[$0].returned }.min() ?? 0
            for index in waiting where self.operations[index].called < horizon {
                guard let value = Self.apply(self.operations[index].action, to: state.value) else { continue }
                open.append(State(done: state.done | 1 << UInt64(index), value: value.value))
            }
        }
        return false
    }

    /// The value after an action; `nil` if the action cannot have had its answer.
    private static func apply(_ action: Action, to value: Int?) -> (value: Int?, Void)? {
        switch action {
        case .get(let seen): seen == value ? (value, ()) : nil
        case .set(let new): (new, ())
        case .remove(let seen): seen == value ? (nil, ()) : nil
        case .increment(let sum): sum == (value ?? 0) + 1 ? (sum, ()) : nil
        }
    }
}
