import ColonyCore
import ColonyMemory
import ColonyRemote

/// Makes the clients of a place that is verified.
struct VerifiedEngines: Sendable {
    private let place: StorePlace
    /// Memory has no clients but the one object.
    private let memory = MemoryLeaseEngine()

    init(_ place: StorePlace) {
        self.place = place
    }

    func make() async throws -> any LeaseEngine {
        switch self.place {
        case .url(let url) where url.scheme == "memory":
            self.memory
        case .url(let url) where url.scheme.hasPrefix("http"):
            try await RemoteLeaseEngine.connect(to: url, token: Environment["COLONY_TOKEN"])
        default:
            try self.place.makeEngine()
        }
    }
}
