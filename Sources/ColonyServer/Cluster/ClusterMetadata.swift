import Foundation

/// What a daemon says of itself to the other members of its cluster.
struct ClusterMetadata: Codable, Hashable {
    /// Where it serves; empty before it does.
    var url = ""
    /// Where it listens for others that vote, as `host:port`; `nil` if it takes part in no election.
    var votes: String?

    init() {}

    /// Reads what a member says of itself; `nil` if it is something else, such as that of a program that is no daemon.
    init?(_ bytes: [UInt8]) {
        guard !bytes.isEmpty, let known = try? JSONDecoder().decode(Self.self, from: Data(bytes)) else { return nil }
        self = known
    }

    var bytes: [UInt8] { (try? JSONEncoder().encode(self)).map(Array.init) ?? [] }
}
