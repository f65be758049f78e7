// The pipeline of the README, with what surrounds it.

import ColonyResilience

struct Users: Sendable {
    func fetch(_ id: Int) async throws -> String { "user \(id)" }
}

let users = Users()
let id = 42

// snippet.show
let calls = try Pipeline {
    try Timeout(.seconds(2))  // the whole call, retries included
    try Retry(attempts: 3)  // in a budget, and only what is safe to repeat
    try CircuitBreaker(name: "users")  // sees each attempt
    try RateLimiter(100, per: .seconds(1))  // counts each attempt
    try Bulkhead(20)  // the last to be waited for
    try Timeout(.milliseconds(500))  // one attempt, cancelled and waited for
}

let user = try await calls.execute { try await users.fetch(id) }
// snippet.hide

print(user)
