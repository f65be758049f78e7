// The election of the README, with what surrounds it.

import ColonyCoordination
import ColonyCore
import ColonySQLite
import Foundation

@Sendable func schedule(fencedBy term: FencingToken) async throws {
    print("term \(term)")
}

let folder = FileManager.default.temporaryDirectory.appendingPathComponent("colony-snippet-\(UUID().uuidString)")
try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
let engine = SQLiteLeaseEngine(path: folder.appendingPathComponent("colony.db").path)

// snippet.show
let election = Election("scheduler", on: engine)

try await election.lead(proclaiming: "http://10.0.0.7:8080") { leadership in
    // On one host of all; cancelled before another can win.
    try await schedule(fencedBy: leadership.term)
}
// snippet.hide

await engine.close()
try FileManager.default.removeItem(at: folder)
