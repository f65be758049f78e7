import ColonyResilience

/// A request that the guards of its route have let in.
///
/// The breaker hears of it once, by the compiler's word: what became of the request, or, if it is dropped, that it says nothing. The place among
/// the requests at endpoints is given back when it is dropped.
struct RouteAdmission: ~Copyable {
    private let guards: RouteGuards
    private var permit: CircuitPermit?
    private var hasPlace = false

    /// A request may go on to an endpoint, unless too many are there or the breaker is open.
    ///
    /// - Returns: Why it may not; then nothing is held.
    init(_ guards: RouteGuards, refusal: inout Refusal?) {
        self.guards = guards
        if let limit = guards.concurrentRequests {
            guard guards.places.enter(limit: limit) else {
                refusal = .tooMany
                return
            }
        } else {
            guards.places.enter()
        }
        self.hasPlace = true
        guard let breaker = guards.breaker else { return }
        do throws(ResilienceError) {
            self.permit = try breaker.acquire()
        } catch {
            refusal = .open(retryAfter: error.retryAfter)
        }
    }

    enum Refusal {
        case tooMany
        case open(retryAfter: Duration?)
    }

    /// Tells the breaker what became of the request; the first time counts.
    ///
    /// - Parameter hasSucceeded: Nothing says that the request is none to judge by.
    mutating func report(hasSucceeded: Bool?) {
        guard let permit = self.permit.take(), let hasSucceeded else { return }
        if hasSucceeded { permit.succeed() } else { permit.fail() }
    }

    deinit {
        if self.hasPlace { self.guards.places.leave() }
    }
}
