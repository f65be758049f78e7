// A lock that all processes of this host share through one file.

import ColonyCoordination
import ColonySQLite

func ship(order: Int, fencedBy token: UInt64) async throws {
    print("shipped order \(order) with token \(token)")
}

// snippet.show
let lock = DistributedLock("orders/42", on: .sqlite(path: "colony.db"))

try await lock.withLock { lease in
    // Cancelled at once if the lease is lost. The token lets the resource refuse a holder that overslept.
    try await ship(order: 42, fencedBy: lease.token.rawValue)
}
