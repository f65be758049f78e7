import ColonyCore
import ColonyResilience

/// When a proxy tries again on another endpoint. They are checked with the options.
///
/// Only what is safe is tried again: a request of which no byte was sent, or one without a body whose method is idempotent by RFC 9110,
/// section 9.2.2, as long as no byte of an answer has come.
public struct ProxyRetries: Hashable, Sendable {
    /// How many endpoints are tried for one request or one TCP connection, from 1, no retries, to 10.
    public var attempts: Int
    /// Retries for each request that is made anyway, from 0 to 100: the budget that keeps retries from multiplying an overload.
    public var budgetRatio: Double
    /// Retries for each second, whatever is requested, from 0 to 1,000,000.
    public var budgetMinimumPerSecond: Double

    /// Makes rules. Two more attempts, and a budget of one retry for five requests and ten a second, are those of Finagle.
    public init(attempts: Int = 3, budgetRatio: Double = 0.2, budgetMinimumPerSecond: Double = 10) {
        self.attempts = attempts
        self.budgetRatio = budgetRatio
        self.budgetMinimumPerSecond = budgetMinimumPerSecond
    }

    /// No retries at all.
    public static let none = ProxyRetries(attempts: 1)

    func validate() throws(ProxyError) {
        guard (1...10).contains(self.attempts) else {
            throw ProxyError(.invalidConfiguration, "\(self.attempts) attempts are not possible: from 1 to 10")
        }
        _ = try self.makeBudget(clock: HostClock())
    }

    func makeBudget(clock: any MonotonicClock) throws(ProxyError) -> RetryBudget {
        do throws(ResilienceError) {
            return try RetryBudget(
                ratio: self.budgetRatio, minimumPerSecond: self.budgetMinimumPerSecond, clock: clock)
        } catch {
            throw ProxyError(.invalidConfiguration, error.message, cause: error)
        }
    }
}
