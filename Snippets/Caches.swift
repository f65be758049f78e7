// The cache of the README, with what surrounds it.

import ColonyCaches

struct Database: Sendable {
    func name(of id: Int) async throws -> String? { "user \(id)" }
}

let database = Database()

// snippet.show
var options = LoadingOptions<Int, String>(.count(10_000))
options.timeToLive = .seconds(60)
options.failSafe = .seconds(3_600)

// One load for all who ask at once, and the last value while the database is down.
let names = try LoadingCache(options) { id in try await database.name(of: id) }
let name = try await names.value(for: 42)
// snippet.hide

print(name ?? "nobody")
