// Identifiers that no other node of the namespace issues, whatever the clocks do.

import ColonyIdentifiers
import ColonySQLite
import Foundation

// snippet.show
let node = try SnowflakeNode(
    namespace: "orders", workers: .leased(from: .sqlite(path: "colony.db")), moments: .sqlite(path: "colony.db"))

try await node.withNode { node in
    // Unique on every node of the namespace, sorted by time, and no clock that is set back repeats one.
    let id = try await node.next(waitingUpTo: .seconds(5))
    print(id, UUID.v7())
}
